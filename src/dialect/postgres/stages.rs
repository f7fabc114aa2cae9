//! Stages: plain tables in which the rows of a table wait while their columns change, because the table is built anew.
//! To all else a stage is a table that changes; what it keeps, it keeps under the name of the table of the rows.

use std::collections::{BTreeMap, BTreeSet};

use super::context::Context;
use super::keep::{KeyColumn, SCHEMA, primary_key};
use super::quote::{list, literal, quote_ident, quote_name};
use super::render;
use crate::catalog::{Column, Constraint, ConstraintKind, Table, TableOptions};
use crate::change::{Delta, Keep, SourceOrigin, TableChange};
use crate::dialect::{Direction, Lock, Resource, Step};
use crate::text::{Ident, QName};

/// Whether a table is a stage: no catalog holds one of that schema.
pub(super) fn is_stage(table: &QName) -> bool {
    table.schema.as_str() == SCHEMA
}

/// The change of the rows of a table, told of the plain table in which they wait.
pub(super) fn staged(change: &TableChange, stage: &QName) -> TableChange {
    let side = |table: &Table| Table {
        name: stage.clone(),
        columns: table.columns.iter().map(|column| staged_column(column, change)).collect(),
        constraints: table.constraints.iter().filter(|it| is_primary(it)).cloned().collect(),
        indexes: Vec::new(),
        options: TableOptions::postgres(),
        comment: None,
    };
    let (mut before, mut after) = (side(&change.before), side(&change.after));
    if primary_key(&before, &after).is_none() {
        before = numbered(before);
        after = numbered(after);
    }
    let gone = before.columns.iter().filter(|it| after.column(&it.name).is_none());
    let mut deltas: Vec<Delta<Column>> = gone.cloned().map(Delta::Drop).collect();
    for column in &after.columns {
        match before.column(&column.name) {
            None => deltas.push(Delta::Add(column.clone())),
            Some(old) if old != column => {
                deltas.push(Delta::Alter { before: old.clone(), after: column.clone() });
            }
            Some(_) => {}
        }
    }
    TableChange {
        before,
        after,
        columns: deltas,
        constraints: Vec::new(),
        indexes: Vec::new(),
        mapping: change.mapping.clone(),
        leaving: change.leaving.clone(),
    }
}

/// The columns that tell rows without a key apart while they wait, whatever is done to them: what the row is as text on
/// the way there, and a number among equal ones.
const ROW_KEY: [(&str, &str); 2] = [("migrate row", "text"), ("migrate row number", "bigint")];

fn numbered(mut stage: Table) -> Table {
    stage.columns.extend(ROW_KEY.map(|(name, data_type)| Column::plain(name, data_type)));
    stage.constraints = vec![Constraint {
        name: None,
        kind: ConstraintKind::PrimaryKey {
            columns: ROW_KEY.iter().map(|(name, _)| Ident::new(*name)).collect(),
        },
        definition: String::new(),
    }];
    stage
}

/// The columns of a table that are the same in its other shape.
fn unchanged(kept: &Table, other: &Table) -> Vec<Ident> {
    let stays = |column: &&Column| {
        column.generated.is_none()
            && other.column(&column.name).is_some_and(|other| {
                other.data_type == column.data_type && other.generated.is_none()
            })
    };
    kept.columns.iter().filter(stays).map(|column| column.name.clone()).collect()
}

/// A row as text that is the same on both ways: as it is after the change, told of the rows before it.
fn row_text(change: &TableChange, root: &QName, context: &Context<'_>) -> String {
    if context.rebuilds.is_one_way(root) {
        let (kept, other) = match context.direction {
            Direction::Up => (&change.before, &change.after),
            Direction::Down => (&change.after, &change.before),
        };
        let key = primary_key(kept, other);
        let key = key.map(|columns| columns.into_iter().map(KeyColumn::into_name).collect());
        let columns: Vec<Ident> = key.unwrap_or_else(|| unchanged(kept, other));
        let columns = columns.iter().map(|name| format!("\"t\".{}", quote_ident(name)));
        return format!("ROW({})::text", columns.collect::<Vec<_>>().join(", "));
    }
    let items = change.mapping.iter().filter_map(|source| {
        let (before, after) =
            (change.before.column(&source.column)?, change.after.column(&source.column)?);
        let is_same = source.origin == SourceOrigin::Same;
        // A value that is filled in, or comes of a map, is not the same for all that become it.
        let varies = before.generated.is_some()
            || after.generated.is_some()
            || is_same && source.keep == Keep::Altered
            || !is_same && before.not_null != after.not_null;
        let own = format!("\"t\".{}", quote_ident(&source.column));
        let text = match context.direction {
            Direction::Down => own,
            Direction::Up if context.rebuilds_type(&after.data_type) => {
                super::values::text_as_said(&own, source)
            }
            Direction::Up => {
                let (before, after) = (&before.data_type, &after.data_type);
                super::values::convert_as_said(&own, before, after, source)
            }
        };
        // The other way reads the rows when names of values have changed back.
        let names = context.renamed_values(&after.data_type);
        let text = match context.direction {
            Direction::Up if !names.is_empty() => {
                let back: Vec<_> = names.into_iter().map(|(old, new)| (new, old)).collect();
                super::values::mapped(&format!("({text})"), &back)
            }
            Direction::Up | Direction::Down => text,
        };
        (!varies).then_some((&source.column, text))
    });
    // In an order that does not depend on the side.
    let items: BTreeMap<&Ident, String> = items.collect();
    format!("ROW({})::text", items.into_values().collect::<Vec<_>>().join(", "))
}

/// A column of a stage: its type, how it is computed, and what a new one gets.
fn staged_column(column: &Column, change: &TableChange) -> Column {
    let name = &column.name;
    let is_new = change.before.column(name).is_none();
    let fills = change.mapping.iter().any(|source| source.column == *name && source.fill.is_some());
    let default = match &column.identity {
        Some(identity) => {
            Some(format!("nextval({}::regclass)", literal(&quote_name(&identity.sequence.name))))
        }
        // Of a column that stays, only a backfill asks for it.
        None if fills => change.after.column(name).and_then(|after| after.default.clone()),
        None => column.default.clone(),
    };
    Column {
        default: default.filter(|_| is_new || fills),
        generated: column.generated.clone(),
        collation: column.collation.clone(),
        ..Column::plain(name.as_str(), column.data_type.as_str())
    }
}

fn is_primary(constraint: &Constraint) -> bool {
    match constraint.kind {
        ConstraintKind::PrimaryKey { .. } => true,
        ConstraintKind::Unique { .. }
        | ConstraintKind::Check { .. }
        | ConstraintKind::ForeignKey(_)
        | ConstraintKind::Exclusion => false,
    }
}

/// ` ORDER BY …` that leaves rows which nothing else tells apart in the order of their numbers, by which the other way
/// finds them again: updates have moved them meanwhile.
pub(super) fn order_of_rows(stage: &QName, context: &Context<'_>) -> Option<String> {
    let [_, (number, _)] = ROW_KEY;
    let waiting = context.before.tables.get(stage)?;
    waiting.column(&Ident::new(number))?;
    Some(format!(" ORDER BY {}", super::quote::quote(number)))
}

/// Copies the rows into a plain table.
pub(super) fn take_out(
    change: &TableChange,
    stage: &QName,
    from: &str,
    parts: &[(&Table, String)],
    context: &Context<'_>,
) -> Vec<String> {
    let (before, root) = (&change.before, &change.after.name);
    let Some(waiting) = context.before.tables.get(stage) else { return Vec::new() };
    let items = waiting.columns.iter().map(|column| {
        let bare = Column { default: None, ..column.clone() };
        format!("    {}", render::column_definition(waiting, &bare))
    });
    let items: Vec<String> = items.collect();
    let (names, table) = (stored(before), quote_name(stage));
    let source = |table: &str, more: &str| {
        format!("SELECT {names}, tableoid AS \"of\", ctid AS \"at\" FROM {table}{more}")
    };
    let create = format!("CREATE TABLE {table} (\n{}\n)", items.join(",\n"));
    let is_numbered = waiting.column(&Ident::new(ROW_KEY[0].0)).is_some();
    if !is_numbered {
        let mut sources = vec![format!("SELECT {names} FROM {from}")];
        sources.extend(parts.iter().map(|(part, condition)| {
            format!("SELECT {names} FROM {} WHERE {condition}", quote_name(&part.name))
        }));
        let sources = sources.join(" UNION ALL ");
        return vec![create, format!("INSERT INTO {table} ({names}) {sources}")];
    }
    let mut sources = vec![source(from, "")];
    sources.extend(
        parts.iter().map(|(part, when)| source(&quote_name(&part.name), &format!(" WHERE {when}"))),
    );
    let mut said = change.clone();
    if context.rebuilds.is_heir(root) {
        super::heirs::follow(&mut said, root, &context.changes);
    }
    let row = row_text(&said, root, context);
    let key = ROW_KEY.map(|(name, _)| super::quote::quote(name)).join(", ");
    let insert = format!(
        "INSERT INTO {table} ({names}, {key}) SELECT {names}, {row}, row_number() OVER (PARTITION BY {row} ORDER BY \"t\".\"of\", \"t\".\"at\") FROM ({}) AS \"t\"",
        sources.join(" UNION ALL ")
    );
    vec![create, insert]
}

/// The columns of a table that are not computed.
pub(super) fn stored(table: &Table) -> String {
    let stored = table.columns.iter().filter(|column| column.generated.is_none());
    list(stored.map(|column| &column.name))
}

/// The marker of a stage that holds the rows.
pub(super) fn filled(stage: &QName) -> Resource {
    Resource::Constraint(stage.clone(), "the rows are in it".to_owned())
}

/// The marker of a stage whose rows are as they will be.
pub(super) fn converted(stage: &QName) -> Resource {
    Resource::Constraint(stage.clone(), "the rows are converted".to_owned())
}

/// Puts a step that touches a stage between the two that fill and empty it.
pub(super) fn convert(step: &mut Step, root: &QName, stage: &QName) {
    let order = &step.order;
    if order.makes.contains(&filled(stage)) || order.needs.contains(&filled(stage)) {
        return;
    }
    let sets = [&order.needs, &order.makes, &order.frees, &order.takes];
    let touched = sets.iter().flat_map(|set| set.iter());
    let tables: BTreeSet<&QName> = touched.filter_map(super::joining::table_of).collect();
    if !tables.contains(stage) {
        return;
    }
    if tables.len() == 1 {
        step.facts.lock = Lock::None;
    }
    let counts = step.statements.iter().any(|it| it.as_str().contains("nextval("));
    step.order.needs.insert(filled(stage));
    step.order.makes.insert(converted(stage));
    if counts {
        // A new column counts with the sequence of the table that is made.
        step.order.needs.insert(Resource::Table(root.clone()));
    }
}
