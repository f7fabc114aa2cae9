//! A value that goes to another table over a reference, and back: as the expressions of the two columns. All else is
//! what every `backfill` and `down` does. See docs/design/moves.md.

mod extraction;
mod gone;
mod link;
mod read;
mod row;

use super::Resource;
use super::reach::Reach;
use super::session::quote_name;
use crate::catalog::{Catalog, Table};
use crate::change::{Diff, Intent, MoveIntent, Moved, Pick, Target};
use crate::text::{Dialect, Ident, QName};

pub(in crate::dialect) use extraction::{becomes_text, extract, leads_to, says_something};
use link::{Holder, link};
use read::{Read, or_else};
pub(in crate::dialect) use row::{Following, is_link, is_noted, note, written_name};

/// Why a value cannot move like that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmovable {
    pub message: String,
    pub help: String,
}

/// Two schemas; the one before has the names that the renames give.
#[derive(Clone, Copy)]
struct Sides<'c> {
    before: &'c Catalog,
    after: &'c Catalog,
}

/// Looks at what the schema after a move tells of it: all, where both tables are in it.
///
/// # Errors
/// There is no such column, or not exactly one reference between two tables that stay.
pub fn check(moved: &Moved, after: &Catalog) -> Result<(), Unmovable> {
    receiver(moved, after)?;
    match giver_that_stays(moved, after) {
        Some(giver) => stays(moved, giver, after).map(|_| ()),
        None => Ok(()),
    }
}

/// Says of all columns between which values move where these come from. What is said of them already is for rows that the
/// reference does not lead to. `before` has the names that the renames of the intent give.
///
/// # Errors
/// A value that cannot move like that.
pub fn settle(intent: &mut Intent, before: &Catalog, after: &Catalog) -> Result<(), Unmovable> {
    let sides = Sides { before, after };
    for moved in std::mem::take(&mut intent.moved) {
        match giver_that_stays(&moved, after) {
            Some(giver) => say(&moved, giver, sides, intent)?,
            None => gone::say(&moved, sides, intent)?,
        }
    }
    gone::say_drops(sides, intent)?;
    extraction::say_references(sides, intent);
    Ok(())
}

/// The column that goes from a table which stays.
fn giver_that_stays<'m>(moved: &'m Moved, after: &Catalog) -> Option<&'m Target> {
    moved.givers.iter().find(|giver| after.tables.contains_key(&giver.table))
}

fn say(
    moved: &Moved,
    target: &Target,
    sides: Sides<'_>,
    intent: &mut Intent,
) -> Result<(), Unmovable> {
    let after = sides.after;
    let dialect = after.dialect;
    let (receiver, to) = receiver(moved, after)?;
    let (giver, from, link) = stays(moved, target, after)?;
    let forth = Read { of: giver, column: from, link, from: Holder::Giver, pick: &moved.pick };
    let back = Read { of: receiver, column: to, link, from: Holder::Receiver, pick: &moved.pick };
    if !is_looked_up(moved, giver, link, sides) {
        let said = intent.columns.entry(moved.receiver.clone()).or_default();
        said.backfill = Some(or_else(forth.value(dialect), said.backfill.take()));
        said.contested.forth = forth.contested(dialect);
    }
    let said = intent.columns.entry(target.clone()).or_default();
    said.down = Some(or_else(back.value(dialect), said.down.take()));
    said.contested.back = back.contested(dialect);
    intent.drops.insert(target.clone());
    intent.moves.push(MoveIntent {
        giver: target.clone(),
        receiver: moved.receiver.clone(),
        holder: link.holder_of(giver, receiver).name.clone(),
        reference: link.columns.to_vec(),
        keys: link.keys.to_vec(),
        otherwise: None,
    });
    Ok(())
}

/// Whether the values are there already, in rows to which a new reference of the giving table leads.
fn is_looked_up(moved: &Moved, giver: &Table, link: link::Link<'_>, sides: Sides<'_>) -> bool {
    let has = |table: &QName, column: &Ident| {
        sides.before.tables.get(table).is_some_and(|table| table.column(column).is_some())
    };
    let receives = moved.receiver.column.as_ref();
    link.holder == Holder::Giver
        && sides.before.tables.contains_key(&giver.name)
        && link.columns.iter().all(|column| !has(&giver.name, column))
        && receives.is_some_and(|column| has(&moved.receiver.table, column))
}

/// The table that gives and stays, its column that goes, and the reference.
fn stays<'c>(
    moved: &'c Moved,
    target: &'c Target,
    after: &'c Catalog,
) -> Result<(&'c Table, &'c Ident, link::Link<'c>), Unmovable> {
    let (receiver, _) = receiver(moved, after)?;
    let giver = table(target, after)?;
    let from = column(target)?;
    if giver.name == receiver.name {
        let help = "write `backfill:` and `down:` of the two columns".to_owned();
        let message = "a value moves to another table, and both columns are of one".to_owned();
        return Err(Unmovable { message, help });
    }
    if giver.column(from).is_some() {
        let message = format!("`{target}` is to move and is still there");
        return Err(Unmovable { message, help: "take one of the two out".to_owned() });
    }
    let link = link(moved, giver, receiver)?;
    let many = link.holder_of(giver, receiver);
    if let Pick::First(by) | Pick::Last(by) = &moved.pick
        && many.column(by).is_none()
    {
        let message = format!("there is no column `{by}` in `{}`", many.name);
        return Err(Unmovable { message, help: "name a column of the many rows".to_owned() });
    }
    Ok((giver, from, link))
}

/// The table that receives, and its column that comes.
fn receiver<'c>(moved: &'c Moved, after: &'c Catalog) -> Result<(&'c Table, &'c Ident), Unmovable> {
    let receiver = table(&moved.receiver, after)?;
    let to = column(&moved.receiver)?;
    if receiver.column(to).is_none() {
        let message = format!("there is no column `{to}` in `{}`", receiver.name);
        return Err(Unmovable { message, help: "add the column that receives".to_owned() });
    }
    Ok((receiver, to))
}

/// All rows that values of other tables become are there.
pub(in crate::dialect) fn arrived(table: &QName) -> Resource {
    Resource::Values(table.clone(), Ident::new("+"))
}

/// What an expression reads of tables whose rows are made from values that move.
pub(in crate::dialect) fn read_by(text: &str, diff: &Diff) -> Vec<Resource> {
    if diff.intent.moves.is_empty() {
        return Vec::new();
    }
    let reach = Reach::of(text, diff.after.dialect);
    let tables = reach.others(&QName::new("", ""), &diff.after).into_iter();
    tables.filter(|table| !diff.extractions(table).is_empty()).map(|it| arrived(&it)).collect()
}

fn table<'c>(target: &Target, catalog: &'c Catalog) -> Result<&'c Table, Unmovable> {
    catalog.tables.get(&target.table).ok_or_else(|| Unmovable {
        message: format!("there is no table `{}` any more", target.table),
        help: "a value moves to a table that stays or is new".to_owned(),
    })
}

fn column(target: &Target) -> Result<&Ident, Unmovable> {
    target.column.as_ref().ok_or_else(|| Unmovable {
        message: format!("`{target}` is a table"),
        help: "name a column of it".to_owned(),
    })
}

fn quote(name: &Ident) -> String {
    quote_name(name.as_str())
}

/// A table as a statement names it: with its schema on PostgreSQL, where a search path may lead elsewhere.
pub(in crate::dialect) fn table_text(name: &QName, dialect: Dialect) -> String {
    match dialect {
        Dialect::Sqlite => quote(&name.name),
        Dialect::Postgres => format!("{}.{}", quote(&name.schema), quote(&name.name)),
    }
}
