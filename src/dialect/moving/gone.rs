//! Values of a table that goes: an entity becomes fields again.

use super::extraction::without_value;
use super::link::{Holder, Link, link};
use super::read::{Read, or_else};
use super::{Sides, Unmovable, receiver};
use crate::catalog::Table;
use crate::change::{Intent, MoveIntent, Moved, Pick, Target, is_constant};
use crate::text::Ident;
use crate::text::suggest::did_you_mean;

/// Says where the values of the receiving column come from, and notes the move. Each row reads the row it refers to; on the
/// way back its values become a row again where none says the same.
pub(super) fn say(moved: &Moved, sides: Sides<'_>, intent: &mut Intent) -> Result<(), Unmovable> {
    let (after, to) = receiver(moved, sides.after)?;
    let Some(receiver) = sides.before.tables.get(&after.name) else {
        // Made from nothing, or by a rename that the schema before does not know: there is nothing to move.
        return Ok(());
    };
    let found = moved.givers.iter().find_map(|giver| {
        let table = sides.before.tables.get(&giver.table)?;
        Some((giver, table, &table.column(giver.column.as_ref()?)?.name))
    });
    let Some((target, giver, from)) = found else {
        if receiver.column(to).is_some() {
            return Ok(()); // done already
        }
        let tables = sides.before.tables.keys().map(|table| table.name.as_str());
        let columns = sides.before.tables.values().flat_map(|table| &table.columns);
        let known = tables.chain(columns.map(|column| column.name.as_str()));
        let names: Vec<&str> = known.collect();
        let unknown = moved.said.split('.').find(|part| {
            !names.iter().any(|name| name.eq_ignore_ascii_case(&crate::model::snake_case(part)))
        });
        let meant = unknown
            .map(|part| did_you_mean(&crate::model::snake_case(part), names.iter().copied()));
        return Err(Unmovable {
            message: format!(
                "`{}` is to move, and is not there to give{}",
                moved.said,
                meant.unwrap_or_default()
            ),
            help: format!(
                "name a field of the schema before, or take this line out where `{}` is new for \
                 another reason",
                moved.receiver
            ),
        });
    };
    if receiver.column(to).is_some() {
        return Err(Unmovable {
            message: format!(
                "`{}` would move to `{}`, which has values already",
                moved.said, moved.receiver
            ),
            help: format!(
                "let the values move to a new field, or write `- drop: {}` in place of the move",
                moved.said
            ),
        });
    }
    let link = link(moved, giver, receiver)?;
    let help_apart = || {
        format!(
            "move the values to `{}` in a version of its own, and drop the table in the next",
            moved.receiver
        )
    };
    if link.holder == Holder::Giver {
        return gather(moved, target, (giver, from), link, sides, intent);
    }
    if moved.pick != Pick::Agreed {
        return Err(Unmovable {
            message: format!(
                "`{}` is read by the row that refers to it: there is nothing to pick",
                moved.said
            ),
            help: "take `pick` out".to_owned(),
        });
    }
    if link.columns.len() != 1 {
        return Err(Unmovable {
            message: format!(
                "`{}` goes together with its table, and the reference to it has several columns",
                moved.said
            ),
            help: help_apart(),
        });
    }
    let read = Read { of: giver, column: from, link, from: Holder::Giver, pick: &moved.pick };
    let said = intent.columns.entry(moved.receiver.clone()).or_default();
    let by_default = after.column(to).and_then(|column| column.default.clone());
    let otherwise = said.backfill.clone().or(by_default);
    if let Some(text) = &otherwise
        && !is_constant(text, sides.after.dialect)
    {
        return Err(Unmovable {
            message: format!(
                "rows without a `{}` would get {text} in `{}`, and a rollback could not tell that from a value \
                 that somebody wrote",
                moved.said, moved.receiver
            ),
            help: "let the `backfill:` or default be a constant, or give these rows their value in a version before"
                .to_owned(),
        });
    }
    said.backfill = Some(or_else(read.value(sides.after.dialect), said.backfill.take()));
    intent.drops.insert(target.clone());
    intent.moves.push(MoveIntent {
        giver: target.clone(),
        receiver: moved.receiver.clone(),
        holder: receiver.name.clone(),
        reference: link.columns.to_vec(),
        keys: link.keys.to_vec(),
        otherwise,
    });
    Ok(())
}

/// Each row reads the rows that refer to it: they must agree, or the model says which one counts.
fn gather(
    moved: &Moved,
    target: &Target,
    (giver, from): (&Table, &Ident),
    link: Link<'_>,
    sides: Sides<'_>,
    intent: &mut Intent,
) -> Result<(), Unmovable> {
    if let Pick::First(by) | Pick::Last(by) = &moved.pick
        && giver.column(by).is_none()
    {
        let message = format!("there is no column `{by}` in `{}`", giver.name);
        return Err(Unmovable { message, help: "name a column of the many rows".to_owned() });
    }
    let dialect = sides.after.dialect;
    let read = Read { of: giver, column: from, link, from: Holder::Giver, pick: &moved.pick };
    let said = intent.columns.entry(moved.receiver.clone()).or_default();
    said.backfill = Some(or_else(read.value(dialect), said.backfill.take()));
    said.contested.forth = read.contested(dialect);
    intent.drops.insert(target.clone());
    intent.moves.push(MoveIntent {
        giver: target.clone(),
        receiver: moved.receiver.clone(),
        holder: giver.name.clone(),
        reference: link.columns.to_vec(),
        keys: link.keys.to_vec(),
        otherwise: None,
    });
    Ok(())
}

/// A table whose values all move is dropped by that, and so is the reference to it.
pub(super) fn say_drops(sides: Sides<'_>, intent: &mut Intent) -> Result<(), Unmovable> {
    let mut drops = Vec::new();
    for said in &intent.moves {
        let table = &said.giver.table;
        let Some(giver) = sides.before.tables.get(table) else { continue };
        if sides.after.tables.contains_key(table) {
            continue;
        }
        let moved: Vec<&Ident> = intent
            .moves
            .iter()
            .filter(|other| other.giver.table == *table && other.reference == said.reference)
            .filter_map(|other| other.giver.column.as_ref())
            .collect();
        let by_itself: &[Ident] = if said.holder == *table { &said.reference } else { &[] };
        let given: Vec<&Ident> = moved.iter().copied().chain(by_itself).collect();
        can_be_made_again(said, giver, &given, sides)?;
        let stays = |column: &Ident| {
            !given.contains(&column)
                && !said.keys.contains(column)
                && !giver.primary_key().contains(column)
        };
        if !giver.columns.iter().any(|column| stays(&column.name)) {
            drops.push(Target::table(table));
        }
        drops.extend(said.reference.iter().map(|column| Target::column(&said.holder, column)));
    }
    intent.drops.extend(drops);
    Ok(())
}

/// Rows that are written once the table is gone become rows of it on rollback.
fn can_be_made_again(
    said: &MoveIntent,
    giver: &Table,
    moved: &[&Ident],
    sides: Sides<'_>,
) -> Result<(), Unmovable> {
    match without_value(giver, moved, sides.before.dialect) {
        None => Ok(()),
        Some(column) => Err(Unmovable {
            message: format!(
                "rows of `{}` that a rollback makes would have no value for `{column}`, which is required",
                giver.name
            ),
            help: format!(
                "move `{column}` to `{}` too, or make it optional or give it a default in a version before",
                said.receiver.table
            ),
        }),
    }
}
