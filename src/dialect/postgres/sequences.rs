//! Identity columns and columns that own a sequence.

use super::action::{Action, step};
use super::context::Context;
use super::quote::{quote_ident, quote_name};
use super::values::{self, Staying};
use super::{passing, render};
use crate::catalog::{Column, Identity, ObjectId, Opaque, OpaqueKind, Sequence};
use crate::dialect::{Resource, Step};
use crate::text::{Ident, QName};

/// Whether a column has a sequence of its own.
pub(super) fn numbers(column: &Column) -> bool {
    column.identity.is_some() || column.owned_sequence.is_some()
}

/// Whether the steps of this file set the column's default.
pub(super) fn sets_default(before: &Column, after: &Column) -> bool {
    before.identity != after.identity || before.owned_sequence != after.owned_sequence
}

/// What differs in how a column that stays counts.
pub(super) fn steps(staying: &Staying<'_>, context: &Context<'_>) -> Vec<Step> {
    let (before, after) = (staying.before, staying.after);
    if !sets_default(before, after) {
        return Vec::new();
    }
    let (table, name) = (staying.table(), &after.name);
    let mut statements = Vec::new();
    let mut action = Action::AlterSequence;
    let default = match &after.default {
        Some(default) => format!("SET DEFAULT {default}"),
        None => "DROP DEFAULT".to_owned(),
    };
    let drops_identity = before.identity.is_some() && after.identity.is_none();
    // Where the column also becomes optional, the identity goes in that step.
    if drops_identity && (!before.not_null || after.not_null) {
        statements.push(render::alter_column(table, name, "DROP IDENTITY"));
        action = Action::DropIdentity;
    }
    match (&before.owned_sequence, &after.owned_sequence) {
        (None, Some(sequence)) => {
            statements.extend(make(sequence, table, name, context));
            statements.push(render::alter_column(table, name, &default));
            if passing::counts_itself(after) {
                statements.push(render::advance_sequence(sequence, table, name));
            }
            action = Action::SetDefault;
        }
        (Some(sequence), None) => {
            statements.push(render::alter_column(table, name, &default));
            match freed(&sequence.name, context) {
                Some(free) => {
                    statements.push(format!(
                        "ALTER SEQUENCE {} OWNED BY NONE",
                        quote_name(&sequence.name)
                    ));
                    statements.extend(
                        free.create
                            .iter()
                            .map(|text| text.replacen("CREATE SEQUENCE", "ALTER SEQUENCE", 1)),
                    );
                }
                None => statements.push(format!("DROP SEQUENCE {}", quote_name(&sequence.name))),
            }
            action = Action::SetDefault;
        }
        (Some(old), Some(new)) => {
            statements.extend(alter(old, new));
            statements.push(render::alter_column(table, name, &default));
            action = Action::SetDefault;
        }
        (None, None) => {}
    }
    match (&before.identity, &after.identity) {
        (None, Some(identity)) => {
            if before.default.is_some() && before.owned_sequence.is_none() {
                statements.push(render::alter_column(table, name, "DROP DEFAULT"));
            }
            statements.extend(add_identity(identity, table, name));
            action = Action::AddIdentity;
        }
        (Some(old), Some(new)) => {
            if old.kind != new.kind {
                let what = format!("SET GENERATED {}", render::identity_kind(new.kind));
                statements.push(render::alter_column(table, name, &what));
            }
            statements.extend(alter(&old.sequence, &new.sequence));
            action = Action::AlterIdentity;
        }
        (Some(_), None) if after.owned_sequence.is_none() && after.default.is_some() => {
            statements.push(render::alter_column(table, name, &default));
        }
        (Some(_), None) | (None, None) => {}
    }
    if statements.is_empty() {
        return Vec::new();
    }
    let made = step(action, format!("change numbering of {table}.{name}"), statements)
        .needs([
            staying.column(),
            staying.values(),
            staying.stage("null"),
            staying.stage("required"),
        ])
        .needs(context.made_in(super::context::column_texts(after)))
        .needs(passing::waits(table, name, context))
        .frees(context.taken_in(passing::freed(table, before, context)));
    let owned =
        |column: &Column| column.owned_sequence.as_ref().map(|sequence| sequence.name.clone());
    let (old, new) = (owned(before), owned(after));
    let slot_of = |name: &QName| super::context::slot(&name.schema, &name.name);
    let takes = old.as_ref().filter(|_| new.is_none()).map(slot_of);
    let makes = new.as_ref().filter(|_| old.is_none()).map(slot_of);
    vec![made.takes(takes).makes(makes)]
}

fn is_free<'i>(name: &QName, mut opaques: impl Iterator<Item = &'i ObjectId>) -> bool {
    opaques.any(|id| id.kind == OpaqueKind::Sequence && id.name == *name)
}

/// The free sequence that an owned one becomes.
fn freed<'c>(name: &QName, context: &'c Context<'_>) -> Option<&'c Opaque> {
    let opaques = context.after().opaques.values();
    opaques
        .into_iter()
        .find(|opaque| opaque.id.kind == OpaqueKind::Sequence && opaque.id.name == *name)
}

/// Makes a sequence that a column owns, or takes over a free one of that name.
fn make(sequence: &Sequence, table: &QName, column: &Ident, context: &Context<'_>) -> Vec<String> {
    let first = if is_free(&sequence.name, context.before.opaques.keys()) {
        render::alter_sequence(sequence)
    } else {
        render::create_sequence(sequence)
    };
    vec![first, render::own_sequence(sequence, table, column)]
}

fn alter(before: &Sequence, after: &Sequence) -> Vec<String> {
    let mut statements = Vec::new();
    if before.name.name != after.name.name {
        let at = QName { schema: after.name.schema.clone(), name: before.name.name.clone() };
        statements.push(format!(
            "ALTER SEQUENCE {} RENAME TO {}",
            quote_name(&at),
            quote_ident(&after.name.name)
        ));
    }
    let renamed = Sequence { name: after.name.clone(), ..before.clone() };
    if renamed != *after {
        let range = |sequence: &Sequence| (sequence.min, sequence.max);
        statements.extend(within(
            &quote_name(&after.name),
            range(before),
            range(after),
            after.start,
            render::alter_sequence(after),
        ));
    }
    statements
}

/// `ALTER SEQUENCE` where the position may lie outside the new range, which PostgreSQL refuses: it moves to the nearest
/// end of the new range, or to the new start where the ranges have nothing in common.
fn within(
    name: &str,
    before: (i64, i64),
    after: (i64, i64),
    start: i64,
    alter: String,
) -> Vec<String> {
    if before.0 >= after.0 && before.1 <= after.1 {
        return vec![alter];
    }
    if before.0 > after.1 || before.1 < after.0 {
        return vec![format!("{alter} RESTART WITH {start}")];
    }
    let place = format!("greatest(least(last_value, {}), {})", after.1, after.0);
    let name_text = super::quote::literal(name);
    vec![format!("SELECT pg_catalog.setval({name_text}, {place}, is_called) FROM {name}"), alter]
}

/// Changes a free sequence into what the statements that make it say.
pub(super) fn alter_free(before: &Opaque, after: &Opaque) -> Vec<String> {
    let alter: Vec<String> = after
        .create
        .iter()
        .map(|text| text.replacen("CREATE SEQUENCE", "ALTER SEQUENCE", 1))
        .collect();
    let Some((first, rest)) = alter.split_first() else { return alter };
    let option = |opaque: &Opaque, word: &str| -> Option<i64> {
        let (_, rest) = opaque.create.first()?.split_once(&format!(" {word} "))?;
        rest.split(' ').next()?.parse().ok()
    };
    let range = |opaque: &Opaque| Some((option(opaque, "MINVALUE")?, option(opaque, "MAXVALUE")?));
    let name = quote_name(&after.id.name);
    let mut statements = match (range(before), range(after), option(after, "START WITH")) {
        (Some(old), Some(new), Some(start)) => within(&name, old, new, start, first.clone()),
        (_, _, _) => vec![first.clone()],
    };
    statements.extend(rest.iter().cloned());
    statements
}

fn add_identity(identity: &Identity, table: &QName, column: &Ident) -> Vec<String> {
    vec![
        render::alter_column(table, column, &format!("ADD {}", render::identity_clause(identity))),
        render::advance_sequence(&identity.sequence, table, column),
    ]
}

/// Numbers the rows of a new column that have no value yet, and lets the column count from there.
pub(super) fn number_rows(table: &QName, column: &Column, context: &Context<'_>) -> Step {
    let name = &column.name;
    let own = quote_ident(name);
    let sequence = match (&column.identity, &column.owned_sequence) {
        (Some(identity), _) => Some(&identity.sequence),
        (None, owned) => owned.as_ref(),
    };
    let mut statements = Vec::new();
    if let Some(sequence) = &column.owned_sequence {
        statements.extend(make(sequence, table, name, context));
    }
    let counts = column.identity.is_some() || passing::counts_itself(column);
    if let Some(Sequence { start, increment, .. }) = sequence.filter(|_| counts) {
        let furthest = if *increment < 0 { "min" } else { "max" };
        let zero = i128::from(*start) - i128::from(*increment);
        let target = quote_name(table);
        statements.push(format!(
            "UPDATE {target} AS \"t\" SET {own} = \"n\".\"value\" FROM (SELECT \"r\".ctid AS \"at\", \
             (SELECT coalesce({furthest}({own}), {zero}) FROM {target})::bigint + {increment} * row_number() \
             OVER (ORDER BY \"r\".ctid) AS \"value\" FROM {target} AS \"r\" WHERE \"r\".{own} IS NULL) AS \"n\" \
             WHERE \"t\".ctid = \"n\".\"at\""
        ));
    }
    if column.not_null {
        statements.push(render::alter_column(table, name, "SET NOT NULL"));
    }
    if let Some(default) = &column.default {
        statements.push(render::alter_column(table, name, &format!("SET DEFAULT {default}")));
    }
    match (&column.identity, &column.owned_sequence) {
        (Some(identity), _) => statements.extend(add_identity(identity, table, name)),
        (None, Some(sequence)) if counts => {
            statements.push(render::advance_sequence(sequence, table, name));
        }
        (None, Some(_) | None) => {}
    }
    values::quietly(format!("number {table}.{name}"), table, statements, context)
        .lock(crate::dialect::Lock::AccessExclusive)
        .needs([Resource::Table(table.clone())])
        .makes(
            super::context::column_sequences(column)
                .map(|sequence| super::context::slot(&sequence.name.schema, &sequence.name.name)),
        )
}
