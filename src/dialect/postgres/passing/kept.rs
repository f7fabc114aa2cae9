//! What a change of a type loses of the values of a column: kept by row, and put back on the way back where the row still
//! holds what the change made of it.

use super::super::action::{Action, step};
use super::super::context::Context;
use super::super::keep::{self, Altered, RowKey, kept_table};
use super::super::quote::quote_ident;
use super::super::retelling::{Loss, within};
use super::super::values::quietly;
use super::Passing;
use crate::catalog::Column;
use crate::dialect::{KeptUse, Lock, Resource, Step, Undo};
use crate::text::Ident;

/// What a column is when kept values come back to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    /// Text of the new shape, which becomes the new type after that.
    Text,
    /// The type itself, changed in place.
    Itself,
}

/// The steps that keep what this way loses and put back what the other way lost.
pub(super) fn steps(passing: &Passing<'_>, holds: Holds, context: &Context<'_>) -> Vec<Step> {
    let own = format!("\"t\".{}", quote_ident(&passing.after.name));
    let (old, new) = (passing.before.data_type.as_str(), passing.after.data_type.as_str());
    let loss = passing.retelling.loss(&own, old, new);
    let loses_back = passing.retelling.inverse().loss(&own, new, old) != Loss::Never;
    if loss == Loss::Never && !loses_back {
        return Vec::new();
    }
    let (Some(before), Some(after)) =
        (context.before.tables.get(passing.table), context.after().tables.get(passing.table))
    else {
        return Vec::new();
    };
    let mut steps = Vec::new();
    let condition = match loss {
        Loss::Never => None,
        Loss::When(condition) => Some(condition),
        Loss::Perhaps => Some(format!("{own}::text IS NOT NULL")),
    };
    if let Some(condition) = condition {
        steps.push(set_aside(passing, &RowKey::to_keep(before, after), condition, context));
    }
    if loses_back {
        steps.extend(put_back(
            passing,
            &RowKey::to_restore(before, after, context),
            holds,
            context,
        ));
    }
    steps
}

/// The kept values of a column, by a name that no column has.
fn part(column: &Ident) -> Ident {
    Ident::new(format!("type of {column}"))
}

fn set_aside(
    passing: &Passing<'_>,
    key: &RowKey,
    condition: String,
    context: &Context<'_>,
) -> Step {
    let (table, name) = (passing.table, &passing.after.name);
    let own = format!("\"t\".{}", quote_ident(name));
    let told = passing.retelling.text(&own, &passing.before.data_type, &passing.after.data_type);
    let kept = context.keeps_as(table, Some(&part(name)));
    let altered = Altered { after: told.text, condition };
    let statements =
        vec![keep::hold_writes(table), keep::keep_altered(table, name, key, &kept, &altered)];
    step(
        Action::UpdateRows,
        format!("keep values of {table}.{name}"),
        within(&told.functions, statements),
    )
    .lock(Lock::ShareRowExclusive)
    .undo(Undo::Kept, "values that the way back cannot compute are kept with their row keys")
    .frees(passing.freed(context))
    .frees(passing.both())
    .frees(key_resources(passing, key))
    .needs(key.needs())
    .makes([Resource::Kept(kept)])
}

/// What the rows are told apart by, but for the column itself.
fn key_resources(passing: &Passing<'_>, key: &RowKey) -> Vec<Resource> {
    let columns = key.columns().into_iter().filter(|column| **column != passing.after.name);
    columns
        .flat_map(|column| {
            let (table, column) = (passing.table.clone(), column.clone());
            [Resource::Column(table.clone(), column.clone()), Resource::Values(table, column)]
        })
        .collect()
}

/// While the type that the other way made is still there, what it had made of the rows is told as text of the type that
/// comes back; then the rows that hold just that get their old values.
fn put_back(passing: &Passing<'_>, key: &RowKey, holds: Holds, context: &Context<'_>) -> [Step; 2] {
    let (table, name) = (passing.table, &passing.after.name);
    let use_ = context.kept_part_by_the_other_way(table, name, part);
    let key = key.without(name);
    let kind = &passing.before.data_type;
    let told =
        passing.retelling.text(&format!("\"after\"::{kind}"), kind, &passing.after.data_type);
    let tell = format!(
        "ALTER TABLE {} ALTER COLUMN \"after\" TYPE text USING {}",
        kept_table(&use_.name),
        told.text
    );
    let read = step(
        Action::ReplaceObject,
        format!("read kept values of {table}.{name}"),
        within(&told.functions, vec![tell]),
    )
    .lock(Lock::None)
    .frees(passing.freed(context))
    .makes([passing.stage("kept values")])
    .reads(KeptUse { name: use_.name.clone(), absence: use_.absence });
    let shape = match holds {
        Holds::Text => Column::plain(name.as_str(), "text"),
        Holds::Itself => passing.after.clone(),
    };
    let statements = keep::restore_altered(table, &shape, &key, &use_.name, "\"k\".\"after\"");
    let title = format!("put old values back into {table}.{name}");
    let back = quietly(title, table, statements, context)
        .undo(Undo::Exact, "the other way computes or keeps them again")
        .needs([passing.stage("kept values")])
        .needs(key.needs())
        .needs(key_resources(passing, &key))
        .makes([passing.stage("what was kept")])
        .reads(use_);
    let back = match holds {
        Holds::Text => back.needs([passing.stage("text")]),
        Holds::Itself => back
            .needs(passing.needed(context))
            .needs([passing.both()[0].clone()])
            .takes([passing.both()[1].clone()])
            .makes([passing.both()[1].clone()]),
    };
    [read, back]
}
