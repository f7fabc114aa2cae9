//! What the model says about the way from its earlier shape: renames, values for old rows, drops on purpose.

use super::across::back_reference;
use super::names;
use super::sql::{EntityColumns, Row, column_of};
use crate::catalog::Catalog;
use crate::change::{ColumnIntent, DropPolicy, Intent, KeepAs, Moved, Pick, Rename, Target};
use crate::dialect::expression::{self, PatternUse};
use crate::dialect::moving;
use crate::model::{
    ChangeNote, Condition, Entity, Field, FieldKind, FieldName, KeepNote, Model, MoveNote,
    PickNote, snake_case,
};
use crate::text::diagnostic::Diagnostic;
use crate::text::{Dialect, Ident, QName};

pub(super) fn intent(model: &Model, catalog: &Catalog) -> Result<Intent, Diagnostic> {
    let dialect = catalog.dialect;
    let mut intent = Intent { drop_policy: DropPolicy::Acknowledged, ..Intent::default() };
    for entity in &model.entities {
        let table = names::table(entity, dialect);
        for before in earlier_tables(&entity.was) {
            let before = QName { schema: table.schema.clone(), name: Ident::new(before) };
            if before != table {
                intent.renames.push(Rename::Table { before, after: table.clone() });
            }
        }
    }
    for entity in &model.entities {
        let table = names::table(entity, dialect);
        for field in &entity.fields {
            columns(model, entity, field, &table, dialect, &mut intent)?;
        }
    }
    for entity in &model.entities {
        for (note, field) in model.dropped_fields(entity) {
            let Some(down) = &note.down else { continue };
            let table = names::table(entity, dialect);
            let down = Some(row_text(model, entity, down, dialect)?);
            let stays = |column: &str| {
                let mut columns = entity.fields.iter().filter_map(Field::column_name);
                columns.any(|own| own == column)
            };
            for column in dropped_columns(field).into_iter().filter(|it| !stays(it)) {
                let said = ColumnIntent { down: down.clone(), ..ColumnIntent::default() };
                let target = Target::column(&table, &Ident::new(column));
                intent.columns.entry(target).or_insert(said);
            }
        }
    }
    for change in &model.changes {
        for target in targets(model, change, dialect) {
            match change.keep {
                KeepNote::Kept => {}
                KeepNote::Discarded => {
                    intent.discard.insert(target.clone());
                }
                KeepNote::Copied => {
                    intent.keep_as.insert(target.clone(), KeepAs::Copy);
                }
                KeepNote::Hidden => {
                    intent.keep_as.insert(target.clone(), KeepAs::Hide);
                }
            }
            intent.drops.insert(target);
        }
    }
    for note in &model.changes {
        let Some(moved) = &note.moved else { continue };
        let said = moved_columns(model, note, moved, dialect)
            .map_err(|message| Diagnostic::error(note.place.span, message))?;
        moving::check(&said, catalog).map_err(|unmovable| {
            Diagnostic::error(note.place.span, unmovable.message).help(unmovable.help)
        })?;
        intent.moved.push(said);
    }
    Ok(intent)
}

/// What moves, in names of the database.
fn moved_columns(
    model: &Model,
    note: &ChangeNote,
    moved: &MoveNote,
    dialect: Dialect,
) -> Result<Moved, String> {
    let entity =
        |name: &str| model.entity(name).ok_or_else(|| format!("there is no entity `{name}`"));
    let receiver = entity(&moved.to.entity)?;
    let (giver, field) = note.target();
    let field = field.unwrap_or_default();
    let joining = joining(model, receiver, &moved.to.field, giver, dialect)?;
    let is_joined = joining.is_some();
    let mut said = Moved {
        said: note.drop.clone(),
        givers: Vec::new(),
        receiver: match joining {
            Some(column) => column,
            None => {
                let column = column_of(receiver, &moved.to.field)?;
                Target::column(&names::table(receiver, dialect), &Ident::new(column))
            }
        },
        by: moved.by.iter().flat_map(|by| earlier_columns(model, by, dialect)).collect(),
        pick: Pick::Agreed,
    };
    let Some(giver) = model.entity(giver) else {
        // An entity that is no more: its names in the database are what they may have been.
        let tables = earlier_tables(&[giver.to_owned()]).into_iter();
        said.givers = tables
            .map(|table| QName::local(dialect, table))
            .flat_map(|table| {
                dropped_columns(field).map(|column| Target::column(&table, &Ident::new(column)))
            })
            .collect();
        // The fields that could pick are gone with it.
        said.pick = pick(&moved.pick, |field| Ok(Ident::new(field)))?;
        return Ok(said);
    };
    let is_ref = receiver.field(&moved.to.field).is_some_and(Field::is_reference);
    let column = if is_ref || is_joined { format!("{field}_id") } else { field.to_owned() };
    said.givers = vec![Target::column(&names::table(giver, dialect), &Ident::new(column))];
    let holder = match &moved.by {
        Some(by) => entity(&by.entity)?,
        None => {
            let refers = |field: &Field| matches!(&field.kind, FieldKind::Ref { entity, .. } if *entity == receiver.name);
            if giver.fields.iter().any(refers) { giver } else { receiver }
        }
    };
    said.pick = pick(&moved.pick, |field| column_of(holder, field).map(Ident::new))?;
    Ok(said)
}

/// The column of a join table that leads to the other side than the giver, where the receiving field is a relationship of
/// many to many.
fn joining(
    model: &Model,
    receiver: &Entity,
    name: &str,
    giver: &str,
    dialect: Dialect,
) -> Result<Option<Target>, String> {
    let field = receiver.fields.iter().find(|field| field.name == name);
    let Some(FieldKind::Many { entity, through: Some(through), .. }) = field.map(|it| &it.kind)
    else {
        return Ok(None);
    };
    let far = model.entity(entity).ok_or_else(|| format!("there is no entity `{entity}`"))?;
    let between = model.entities.iter().find(|it| it.table_name() == *through);
    let (table, near, other) = match between {
        Some(between) => (
            names::table(between, dialect),
            back_reference(between, &receiver.name, None)?,
            back_reference(between, &far.name, None)?,
        ),
        None => {
            let schema = names::table(receiver, dialect).schema;
            let (near, other) = names::join_columns(receiver, far, name);
            (QName { schema, name: Ident::new(through.as_str()) }, near, other)
        }
    };
    let column = if receiver.name == giver { other } else { near };
    Ok(Some(Target::column(&table, &Ident::new(column))))
}

fn pick(note: &PickNote, column: impl Fn(&str) -> Result<Ident, String>) -> Result<Pick, String> {
    Ok(match note {
        PickNote::Agreed => Pick::Agreed,
        PickNote::Least => Pick::Least,
        PickNote::Greatest => Pick::Greatest,
        PickNote::First(field) => Pick::First(column(field)?),
        PickNote::Last(field) => Pick::Last(column(field)?),
    })
}

/// The column of a field, or those that a field which is no more may have had.
fn earlier_columns(model: &Model, name: &FieldName, dialect: Dialect) -> Vec<Target> {
    let Some(entity) = model.entity(&name.entity) else {
        let tables = earlier_tables(std::slice::from_ref(&name.entity)).into_iter();
        return tables
            .flat_map(|table| {
                let table = QName::local(dialect, table);
                dropped_columns(&name.field)
                    .map(|column| Target::column(&table, &Ident::new(column)))
            })
            .collect();
    };
    let table = names::table(entity, dialect);
    let columns = match column_of(entity, &name.field) {
        Ok(column) => vec![column],
        Err(_) => dropped_columns(&name.field).to_vec(),
    };
    columns.into_iter().map(|column| Target::column(&table, &Ident::new(column))).collect()
}

/// The tables an entity of that name may have had: in snake case, or exactly so. What never was is ignored.
fn earlier_tables(names: &[String]) -> Vec<String> {
    let mut tables = Vec::new();
    for name in names {
        for table in [snake_case(name), name.clone()] {
            if !tables.contains(&table) {
                tables.push(table);
            }
        }
    }
    tables
}

fn columns(
    model: &Model,
    entity: &Entity,
    field: &Field,
    table: &QName,
    dialect: Dialect,
    intent: &mut Intent,
) -> Result<(), Diagnostic> {
    let Some(column) = field.column_name().map(Ident::new) else { return Ok(()) };
    for was in &field.was {
        let mut candidates = vec![was.clone()];
        if matches!(field.kind, FieldKind::Ref { .. }) {
            candidates.insert(0, format!("{was}_id"));
        }
        for before in candidates.into_iter().map(Ident::new) {
            if before != column {
                let (table, after) = (table.clone(), column.clone());
                intent.renames.push(Rename::Column { table, before, after });
            }
        }
    }
    let mut said = ColumnIntent { values: field.values.clone(), ..ColumnIntent::default() };
    let text = |condition: &Option<Condition>| match condition {
        Some(condition) => row_text(model, entity, condition, dialect).map(Some),
        None => Ok(None),
    };
    said.backfill = text(&field.backfill)?;
    said.down = text(&field.down)?;
    said.using = text(&field.using)?;
    if said != ColumnIntent::default() {
        intent.columns.insert(Target::column(table, &column), said);
    }
    Ok(())
}

/// An expression over the row, which is called `"t"`.
fn row_text(
    model: &Model,
    entity: &Entity,
    condition: &Condition,
    dialect: Dialect,
) -> Result<String, Diagnostic> {
    let columns = EntityColumns { model, entity, dialect, row: Row::T };
    let error = |message: String| Diagnostic::error(condition.place.span, message);
    let expr = condition.expr.as_ref().ok_or_else(|| error("this was not read".to_owned()))?;
    expression::print(expr, dialect, &columns, PatternUse::Query)
        .map_err(|unprintable| error(unprintable.to_string()))
}

/// The columns a dropped field may have had. What never was is ignored.
fn dropped_columns(field: &str) -> [String; 3] {
    [field.to_owned(), format!("{field}_id"), snake_case(field)]
}

/// The tables or columns that a drop may mean, under every name they may have.
fn targets(model: &Model, change: &ChangeNote, dialect: Dialect) -> Vec<Target> {
    let (entity, field) = change.target();
    let mut tables = Vec::new();
    if let Some(entity) = model.entity(entity) {
        let table = names::table(entity, dialect);
        for before in earlier_tables(&entity.was) {
            tables.push(QName { schema: table.schema.clone(), name: Ident::new(before) });
        }
        tables.push(table);
    } else {
        for table in earlier_tables(&[entity.to_owned()]) {
            tables.push(QName::local(dialect, table));
        }
        // An entity that was renamed may be named by its old name.
        for renamed in model.entities.iter().filter(|e| e.was.iter().any(|was| was == entity)) {
            tables.push(names::table(renamed, dialect));
        }
    }
    let columns = |table: &QName| match field {
        None => vec![Target::table(table)],
        Some(field) => dropped_columns(field)
            .into_iter()
            .map(|column| Target::column(table, &Ident::new(column)))
            .collect(),
    };
    tables.iter().flat_map(columns).collect()
}
