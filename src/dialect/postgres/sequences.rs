//! Identity columns and columns that own a sequence.

use super::action::{Action, step};
use super::context::Context;
use super::parts::{column_sequences, slot};
use super::quote::{quote_ident, quote_name};
use super::values::{self, Staying};
use super::{ownership, passing, positions, render};
use crate::catalog::{Column, Identity, Opaque, Sequence, Table};
use crate::dialect::{Resource, Step};
use crate::text::{Ident, QName};

/// Whether a column counts by itself.
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
    let made = changed(staying, context);
    if made.statements.is_empty() {
        return Vec::new();
    }
    let (old, new) = (column_sequences(before), column_sequences(after));
    let slot_of = |sequence: &Sequence| slot(&sequence.name.schema, &sequence.name.name);
    let takes = old.filter(|old| new.is_none_or(|new| new.name != old.name)).map(slot_of);
    let makes = new.filter(|new| old.is_none_or(|old| new.name != old.name)).map(slot_of);
    let is_kept = old.is_some() && new.is_none() && positions::is_kept(table, name, context);
    let kept = is_kept.then(|| Resource::Kept(positions::kept_as(table, name, context)));
    let title = format!("change numbering of {table}.{name}");
    let mut steps = vec![
        step(made.action, title, made.statements)
            .needs([
                staying.stage("numbering"),
                staying.column(),
                staying.values(),
                staying.stage("null"),
                staying.stage("required"),
            ])
            .needs(context.made_in(super::parts::column_texts(after)))
            .needs(passing::waits(table, name, context))
            .frees(context.taken_in(passing::freed(table, before, context)))
            .takes(takes)
            .makes(makes)
            .makes([numbered(table, name)])
            .makes(kept),
    ];
    if old.is_none() && new.is_some() && positions::is_kept(table, name, context) {
        steps.extend(positions::restore(table, after, context));
    }
    if let (Some(old), Some(new)) = (old, new)
        && !leaves(before, after)
        && positions::is_narrower((new.min, new.max), (old.min, old.max))
    {
        let kept = positions::kept_by_the_other_way(table, name, context);
        let back = positions::widen(&new.name, kept);
        steps.push(back.needs([staying.column(), numbered(table, name)]));
    }
    steps
}

/// What the step that gives a column its sequence makes.
pub(super) fn numbered(table: &QName, column: &Ident) -> Resource {
    Resource::Constraint(table.clone(), format!("numbering of {column}"))
}

/// Statements, and the action that says most about them.
struct Changed {
    action: Action,
    statements: Vec<String>,
}

fn changed(staying: &Staying<'_>, context: &Context<'_>) -> Changed {
    let (before, after) = (staying.before, staying.after);
    let (table, name) = (staying.table(), &after.name);
    let alter = |what: &str| render::alter_column(table, name, what);
    let default = match &after.default {
        Some(default) => alter(&format!("SET DEFAULT {default}")),
        None => alter("DROP DEFAULT"),
    };
    if let (Some(old), Some(new)) = (&before.owned_sequence, &after.owned_sequence) {
        let mut statements = self::alter(old, new, &positions::kept_as(table, name, context));
        statements.push(default);
        return Changed { action: Action::SetDefault, statements };
    }
    if let (Some(old), Some(new)) = (&before.identity, &after.identity) {
        let mut statements = Vec::new();
        if old.kind != new.kind {
            let kind = render::identity_kind(new.kind);
            statements.push(alter(&format!("SET GENERATED {kind}")));
        }
        let kept = positions::kept_as(table, name, context);
        statements.extend(self::alter(&old.sequence, &new.sequence, &kept));
        return Changed { action: Action::AlterIdentity, statements };
    }
    let mut statements = Vec::new();
    let mut action = Action::AlterSequence;
    statements.extend(save(staying, context));
    if let Some(sequence) = &before.owned_sequence {
        statements.push(if after.identity.is_some() {
            alter("DROP DEFAULT")
        } else {
            default.clone()
        });
        statements.push(format!("DROP SEQUENCE {}", quote_name(&sequence.name)));
        action = Action::SetDefault;
    }
    if before.identity.is_some() && !leaves_early(before, after) {
        statements.push(alter("DROP IDENTITY"));
        action = Action::DropIdentity;
    }
    if before.identity.is_some() && after.owned_sequence.is_none() && after.default.is_some() {
        statements.push(default.clone());
    }
    if let Some(sequence) = &after.owned_sequence {
        statements.extend(make(sequence, table, name, context));
        statements.push(default);
        action = Action::SetDefault;
    }
    if let Some(identity) = &after.identity {
        if before.default.is_some() && before.owned_sequence.is_none() {
            statements.push(alter("DROP DEFAULT"));
        }
        statements.extend(add_identity(identity, table, name, context));
        action = Action::AddIdentity;
    }
    if let Some(sequence) = column_sequences(after) {
        if numbers(before) {
            let saved = positions::kept_as(table, name, context);
            statements.extend(positions::carry(sequence, &saved));
        } else {
            let counts = after.identity.is_some() || passing::counts_itself(after);
            statements
                .extend(counts.then(|| render::advance_sequence(sequence, table, after)).flatten());
        }
    }
    Changed { action, statements }
}

/// Where the column also becomes optional, its identity goes in that step.
pub(super) fn drops_identity_with_not_null(before: &Column, after: &Column) -> bool {
    before.identity.is_some() && after.identity.is_none() && before.not_null && !after.not_null
}

/// Whether the position of a sequence that goes is kept, and an identity dropped, before another step of the column: one
/// that makes it optional, or that gives it a type which has no numbers.
fn leaves_early(before: &Column, after: &Column) -> bool {
    drops_identity_with_not_null(before, after)
        || leaves(before, after) && before.data_type != after.data_type
}

/// Whether the sequence of a column goes; another one may follow it.
fn leaves(before: &Column, after: &Column) -> bool {
    let stays = before.identity.is_some() && after.identity.is_some()
        || before.owned_sequence.is_some() && after.owned_sequence.is_some();
    numbers(before) && !stays
}

/// What must happen to a sequence that goes before its column becomes another type.
pub(super) fn leave(staying: &Staying<'_>, context: &Context<'_>) -> Option<Step> {
    let (table, before, after) = (staying.table(), staying.before, staying.after);
    if drops_identity_with_not_null(before, after) || !leaves_early(before, after) {
        return None;
    }
    let mut statements: Vec<String> = save_position(staying, context).into_iter().collect();
    let kept = positions::kept_as(table, &after.name, context);
    let kept = (!statements.is_empty()).then_some(Resource::Kept(kept));
    let action = match before.identity {
        Some(_) => Action::DropIdentity,
        None => Action::AlterSequence,
    };
    let drop = before.identity.as_ref();
    statements.extend(drop.map(|_| render::alter_column(table, &after.name, "DROP IDENTITY")));
    let title = format!("keep where the numbering of {table}.{} stands", after.name);
    (!statements.is_empty()).then(|| {
        step(action, title, statements)
            .frees([staying.column(), staying.values()])
            .makes([staying.stage("numbering")])
            .makes(kept)
    })
}

/// Keeps the position of a sequence that goes, for the way back or for the one that follows it.
fn save(staying: &Staying<'_>, context: &Context<'_>) -> Option<String> {
    if leaves_early(staying.before, staying.after) {
        return None;
    }
    save_position(staying, context)
}

/// As [`save`], whichever step it is that drops the sequence; the column is of its old type still.
pub(super) fn save_position(staying: &Staying<'_>, context: &Context<'_>) -> Option<String> {
    let (table, after) = (staying.table(), staying.after);
    let sequence = column_sequences(staying.before)?;
    let is_wanted = numbers(after) || positions::is_kept(table, &after.name, context);
    is_wanted.then(|| {
        let kept = positions::kept_as(table, &after.name, context);
        positions::save(sequence, table, staying.before, &kept)
    })
}

/// Makes a sequence that a column owns.
fn make(sequence: &Sequence, table: &QName, column: &Ident, context: &Context<'_>) -> Vec<String> {
    let mut statements = vec![render::create_sequence(sequence)];
    statements.extend(ownership::like_table(&sequence.name, None, table, context));
    statements.push(render::own_sequence(sequence, table, column));
    statements
}

/// Renames a sequence and changes its options; one that was not used yet begins where a new one would.
/// Where its position must move it is kept as `kept`.
pub(super) fn alter(before: &Sequence, after: &Sequence, kept: &str) -> Vec<String> {
    let mut statements = Vec::new();
    if before.name.name != after.name.name {
        let at = QName { schema: after.name.schema.clone(), name: before.name.name.clone() };
        statements.push(format!(
            "ALTER SEQUENCE {} RENAME TO {}",
            quote_name(&at),
            quote_ident(&after.name.name)
        ));
    }
    let renamed = Sequence { name: after.name.clone(), unlogged: after.unlogged, ..before.clone() };
    if renamed != *after {
        if let Some(begin) = positions::begin_anew(before, after) {
            // The old position must fit until it is known whether it stays.
            let wide = Sequence {
                min: before.min.min(after.min),
                max: before.max.max(after.max),
                data_type: wider(&before.data_type, &after.data_type).to_owned(),
                ..after.clone()
            };
            if wide != *after {
                statements.push(render::alter_sequence(&wide));
            } else {
                statements.push(render::alter_sequence(after));
            }
            statements.push(begin);
            if wide != *after {
                statements.extend(narrowed(before, after, kept));
            }
        } else {
            statements.extend(narrowed(before, after, kept));
        }
    }
    if before.unlogged != after.unlogged {
        statements.extend(super::ownership::set_persistence(after));
    }
    statements
}

/// `ALTER SEQUENCE` of a sequence whose position may lie outside the new range.
fn narrowed(before: &Sequence, after: &Sequence, kept: &str) -> Vec<String> {
    let ranges = ((before.min, before.max), (after.min, after.max));
    let alter = render::alter_sequence(after);
    positions::within(&quote_name(&after.name), ranges, after.start, alter, kept)
}

/// Changes a free sequence into what the statements that make it say; where its position must move it is kept as
/// `kept`.
pub(super) fn alter_free(before: &Opaque, after: &Opaque, kept: &str) -> Vec<String> {
    let alter: Vec<String> = after
        .create
        .iter()
        .map(|text| text.replacen("CREATE SEQUENCE", "ALTER SEQUENCE", 1))
        .collect();
    let Some((first, rest)) = alter.split_first() else { return alter };
    let name = quote_name(&after.id.name);
    let mut statements = match (range_of(before), range_of(after), option(after, "START WITH")) {
        (Some(old), Some(new), Some(start)) => {
            positions::within(&name, (old, new), start, first.clone(), kept)
        }
        (_, _, _) => vec![first.clone()],
    };
    statements.extend(rest.iter().cloned());
    statements
}

fn option(sequence: &Opaque, word: &str) -> Option<i64> {
    let (_, rest) = sequence.create.first()?.split_once(&format!(" {word} "))?;
    rest.split(' ').next()?.parse().ok()
}

/// Where a sequence that is carried as text begins.
pub(super) fn start_of(sequence: &Opaque) -> Option<i64> {
    option(sequence, "START WITH")
}

/// The least and the greatest number of a sequence that is carried as text.
pub(super) fn range_of(sequence: &Opaque) -> Option<(i64, i64)> {
    Some((option(sequence, "MINVALUE")?, option(sequence, "MAXVALUE")?))
}

fn wider<'t>(left: &'t str, right: &'t str) -> &'t str {
    let rank = |name: &str| ["smallint", "integer", "bigint"].iter().position(|it| *it == name);
    if rank(left) > rank(right) { left } else { right }
}

fn add_identity(
    identity: &Identity,
    table: &QName,
    column: &Ident,
    context: &Context<'_>,
) -> Vec<String> {
    let clause = format!("ADD {}", render::identity_clause(identity));
    let mut statements = vec![render::alter_column(table, column, &clause)];
    // The sequence is as the table is before the plan changes that.
    let now = context.before.tables.get(table).map(super::persistence::is_unlogged);
    if identity.sequence.unlogged.is_some() && identity.sequence.unlogged != now {
        statements.extend(super::ownership::set_persistence(&identity.sequence));
    }
    statements
}

/// Numbers the rows of a new column that have no value yet, and lets the column count from there.
pub(super) fn number_rows(of: &Table, column: &Column, context: &Context<'_>) -> Step {
    let (table, name) = (&of.name, &column.name);
    let own = quote_ident(name);
    let sequence = column_sequences(column);
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
        statements.push(super::not_null::require(of, name));
    }
    if let Some(default) = &column.default {
        statements.push(render::alter_column(table, name, &format!("SET DEFAULT {default}")));
    }
    if let Some(identity) = &column.identity {
        statements.extend(add_identity(identity, table, name, context));
    }
    let sequence = sequence.filter(|_| counts);
    statements.extend(sequence.and_then(|it| render::advance_sequence(it, table, column)));
    values::quietly(format!("number {table}.{name}"), table, statements, context)
        .lock(crate::dialect::Lock::AccessExclusive)
        .needs([Resource::Table(table.clone())])
        .makes([numbered(table, name)])
        .makes(
            column_sequences(column)
                .map(|sequence| slot(&sequence.name.schema, &sequence.name.name)),
        )
}
