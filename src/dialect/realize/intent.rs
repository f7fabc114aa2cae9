//! What the model says about the way from its earlier shape: renames, values for old rows, drops on purpose.

use super::names;
use super::sql::{EntityColumns, Row};
use crate::change::{ColumnIntent, DropPolicy, Intent, Rename, Target};
use crate::dialect::expression::{self, PatternUse};
use crate::model::{ChangeNote, Condition, Entity, Field, FieldKind, KeepNote, Model, snake_case};
use crate::text::diagnostic::Diagnostic;
use crate::text::{Dialect, Ident, QName};

pub(super) fn intent(model: &Model, dialect: Dialect) -> Result<Intent, Diagnostic> {
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
            for column in dropped_columns(field) {
                let said = ColumnIntent { down: down.clone(), ..ColumnIntent::default() };
                let target = Target::column(&table, &Ident::new(column));
                intent.columns.entry(target).or_insert(said);
            }
        }
    }
    for change in &model.changes {
        for target in targets(model, change, dialect) {
            if change.keep == KeepNote::Discarded {
                intent.discard.insert(target.clone());
            }
            intent.drops.insert(target);
        }
    }
    Ok(intent)
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
