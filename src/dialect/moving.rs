//! A value that goes to another table over a reference, and back: as the expressions of the two columns. All else is
//! what every `backfill` and `down` does. See docs/design/moves.md.

use std::collections::BTreeMap;

use super::Resource;
use super::reach::Reach;
use super::session::quote_name;
use crate::catalog::{Catalog, ConstraintKind, Table, TableOptions};
use crate::change::{Diff, Intent, MoveIntent, Target};
use crate::text::{Dialect, Ident, QName};

/// What the user said: a column of one table is from now on a column of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The column that goes.
    pub giver: Target,
    /// The column that comes.
    pub receiver: Target,
    /// A column of the reference, where there are several.
    pub by: Option<Target>,
    pub pick: Pick,
}

/// Which one of several rows says the value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Pick {
    /// Any: they must agree.
    #[default]
    Agreed,
    Least,
    Greatest,
    /// The row that is first by another of its columns.
    First(Ident),
    Last(Ident),
}

/// Why a value cannot move like that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmovable {
    pub message: String,
    pub help: String,
}

/// A reference between the two tables.
#[derive(Clone, Copy, Debug)]
struct Link<'c> {
    holder: Holder,
    columns: &'c [Ident],
    keys: &'c [Ident],
}

/// Whose column the reference is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    Giver,
    Receiver,
}

/// Says of both columns where their values come from. What is said of them already is for rows that the reference does
/// not lead to.
///
/// # Errors
/// There is no such column, or not exactly one reference.
pub fn say(moved: &Moved, after: &Catalog, intent: &mut Intent) -> Result<(), Unmovable> {
    let dialect = after.dialect;
    let (giver, receiver) = (table(&moved.giver, after)?, table(&moved.receiver, after)?);
    let from = column(&moved.giver)?;
    let to = column(&moved.receiver)?;
    if giver.name == receiver.name {
        let help = "write `backfill:` and `down:` of the two columns".to_owned();
        let message = "a value moves to another table, and both columns are of one".to_owned();
        return Err(Unmovable { message, help });
    }
    if receiver.column(to).is_none() {
        let message = format!("there is no column `{to}` in `{}`", receiver.name);
        return Err(Unmovable { message, help: "add the column that receives".to_owned() });
    }
    if giver.column(from).is_some() {
        let message = format!("`{}` is to move and is still there", moved.giver);
        return Err(Unmovable { message, help: "take one of the two out".to_owned() });
    }
    let link = link(moved, giver, receiver)?;
    let many = match link.holder {
        Holder::Giver => giver,
        Holder::Receiver => receiver,
    };
    if let Pick::First(by) | Pick::Last(by) = &moved.pick
        && many.column(by).is_none()
    {
        let message = format!("there is no column `{by}` in `{}`", many.name);
        return Err(Unmovable { message, help: "name a column of the many rows".to_owned() });
    }
    let forth = Read { of: giver, column: from, link, from: Holder::Giver, pick: &moved.pick };
    let back = Read { of: receiver, column: to, link, from: Holder::Receiver, pick: &moved.pick };
    let said = intent.columns.entry(moved.receiver.clone()).or_default();
    said.backfill = Some(or_else(forth.value(dialect), said.backfill.take()));
    said.contested.forth = forth.contested(dialect);
    let said = intent.columns.entry(moved.giver.clone()).or_default();
    said.down = Some(or_else(back.value(dialect), said.down.take()));
    said.contested.back = back.contested(dialect);
    intent.drops.insert(moved.giver.clone());
    let holder = many.name.clone();
    let (reference, keys) = (link.columns.to_vec(), link.keys.to_vec());
    let receiver = moved.receiver.clone();
    intent.moves.insert(moved.giver.clone(), MoveIntent { receiver, holder, reference, keys });
    Ok(())
}

/// Says of each reference over which values move where it leads should it be new: to the row that says the same. To be
/// called once all moves are said.
pub fn say_references(intent: &mut Intent, dialect: Dialect) {
    let mut groups: BTreeMap<Target, Vec<(Target, MoveIntent)>> = BTreeMap::new();
    for (giver, said) in &intent.moves {
        if let ([column], true) = (said.reference.as_slice(), said.holder == giver.table) {
            let reference = Target::column(&said.holder, column);
            groups.entry(reference).or_default().push((giver.clone(), said.clone()));
        }
    }
    for (reference, moves) in groups {
        let moves: Vec<(&Target, &MoveIntent)> =
            moves.iter().map(|(from, to)| (from, to)).collect();
        let Some(value) = leads_to(&moves, dialect) else { continue };
        let said = intent.columns.entry(reference).or_default();
        said.leads_to = Some(or_else(value, said.backfill.clone()));
    }
}

/// The key of the row that says what the row `t` says; NULL where it says nothing.
fn leads_to(moves: &[(&Target, &MoveIntent)], dialect: Dialect) -> Option<String> {
    let (_, said) = moves.first()?;
    let [key] = said.keys.as_slice() else { return None };
    let table = table_text(&said.receiver.table, dialect);
    let key = format!("\"m\".{}", quote(key));
    Some(format!(
        "CASE WHEN {} THEN (SELECT {key} FROM {table} AS \"m\" WHERE {} ORDER BY {key} LIMIT 1) END",
        says_something(moves),
        says_the_same(moves, dialect)
    ))
}

fn says_something(moves: &[(&Target, &MoveIntent)]) -> String {
    let known = moves.iter().filter_map(|(giver, _)| giver.column.as_ref());
    let known: Vec<String> =
        known.map(|column| format!("\"t\".{} IS NOT NULL", quote(column))).collect();
    known.join(" OR ")
}

/// The condition that a row `m` of the new table says what the row `t` says.
fn says_the_same(moves: &[(&Target, &MoveIntent)], dialect: Dialect) -> String {
    let is = match (dialect, moves.len()) {
        // What is one value is not NULL here, and plain equality finds an index.
        (_, 1) => "=",
        (Dialect::Postgres, _) => "IS NOT DISTINCT FROM",
        (Dialect::Sqlite, _) => "IS",
    };
    let same: Vec<String> = columns(moves)
        .map(|(own, their)| format!("\"m\".{} {is} \"t\".{}", quote(their), quote(own)))
        .collect();
    same.join(" AND ")
}

fn columns<'a>(
    moves: &'a [(&'a Target, &'a MoveIntent)],
) -> impl Iterator<Item = (&'a Ident, &'a Ident)> {
    moves
        .iter()
        .filter_map(|(giver, said)| giver.column.as_ref().zip(said.receiver.column.as_ref()))
}

/// The statement that makes a row in the new table for all that the rows of another say, each once; what is there already
/// is not made again.
pub(in crate::dialect) fn extract(
    moves: &[(&Target, &MoveIntent)],
    receiver: &Table,
    dialect: Dialect,
) -> Option<String> {
    let (giver, _) = moves.first()?;
    let into = table_text(&receiver.name, dialect);
    let mut names: Vec<String> = columns(moves).map(|(_, their)| quote(their)).collect();
    let values: Vec<String> =
        columns(moves).map(|(own, _)| format!("\"t\".{}", quote(own))).collect();
    let order: Vec<String> = (1..=values.len()).map(|at| at.to_string()).collect();
    let select = format!(
        "SELECT DISTINCT {} FROM {} AS \"t\" WHERE ({}) AND NOT EXISTS (SELECT 1 FROM {into} AS \"m\" WHERE {}) ORDER BY {}",
        values.join(", "),
        table_text(&giver.table, dialect),
        says_something(moves),
        says_the_same(moves, dialect),
        order.join(", ")
    );
    let select = match uncounted_key(moves, receiver, dialect) {
        None => select,
        Some(key) => {
            names.insert(0, quote(key));
            let key = quote(key);
            let order: Vec<String> =
                columns(moves).map(|(own, _)| format!("\"d\".{}", quote(own))).collect();
            format!(
                "SELECT (SELECT coalesce(max(\"m\".{key}), 0) FROM {into} AS \"m\") + row_number() OVER (ORDER BY {}), \"d\".* FROM ({select}) AS \"d\"",
                order.join(", ")
            )
        }
    };
    Some(format!("INSERT INTO {into} ({}) {select}", names.join(", ")))
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
    tables.filter(|table| !diff.extracted(table).is_empty()).map(|it| arrived(&it)).collect()
}

/// A key of one number that nothing gives a value.
fn uncounted_key<'t>(
    moves: &[(&Target, &MoveIntent)],
    receiver: &'t Table,
    dialect: Dialect,
) -> Option<&'t Ident> {
    let [key] = receiver.primary_key() else { return None };
    let column = receiver.column(key)?;
    let is_given = columns(moves).any(|(_, their)| their == key)
        || column.default.is_some()
        || column.identity.is_some()
        || column.owned_sequence.is_some();
    let counts_itself = match &receiver.options {
        TableOptions::Sqlite { without_rowid, .. } => {
            !without_rowid && column.data_type.eq_ignore_ascii_case("integer")
        }
        TableOptions::Postgres(_) => false,
    };
    let is_number = match dialect {
        Dialect::Postgres => ["smallint", "integer", "bigint"].contains(&column.data_type.as_str()),
        Dialect::Sqlite => column.data_type.to_ascii_uppercase().contains("INT"),
    };
    (!is_given && !counts_itself && is_number).then_some(key)
}

fn or_else(value: String, otherwise: Option<String>) -> String {
    match otherwise {
        Some(otherwise) => format!("coalesce({value}, ({otherwise}))"),
        None => value,
    }
}

fn table<'c>(target: &Target, catalog: &'c Catalog) -> Result<&'c Table, Unmovable> {
    catalog.tables.get(&target.table).ok_or_else(|| Unmovable {
        message: format!("there is no table `{}` any more", target.table),
        help: "a value moves between two tables that stay, over a reference that stays".to_owned(),
    })
}

fn column(target: &Target) -> Result<&Ident, Unmovable> {
    target.column.as_ref().ok_or_else(|| Unmovable {
        message: format!("`{target}` is a table"),
        help: "name a column of it".to_owned(),
    })
}

/// The one reference between two tables, or the one that is named.
fn link<'c>(moved: &Moved, giver: &'c Table, receiver: &'c Table) -> Result<Link<'c>, Unmovable> {
    let mut found: Vec<(&Table, Link<'c>)> = Vec::new();
    for (holder, table, other) in
        [(Holder::Giver, giver, receiver), (Holder::Receiver, receiver, giver)]
    {
        for constraint in &table.constraints {
            let ConstraintKind::ForeignKey(key) = &constraint.kind else { continue };
            if key.references != other.name {
                continue;
            }
            let keys = match key.referenced_columns.as_slice() {
                [] => other.primary_key(),
                keys => keys,
            };
            found.push((table, Link { holder, columns: &key.columns, keys }));
        }
    }
    let is_meant = |table: &Table, link: &Link<'_>| {
        moved.by.as_ref().is_none_or(|by| {
            table.name == by.table && by.column.as_ref().is_some_and(|it| link.columns.contains(it))
        })
    };
    let names: Vec<String> = found
        .iter()
        .map(|(table, link)| {
            let columns: Vec<&str> = link.columns.iter().map(Ident::as_str).collect();
            format!("`{}.{}`", table.name, columns.join(", "))
        })
        .collect();
    let meant: Vec<&(&Table, Link<'c>)> =
        found.iter().filter(|(table, link)| is_meant(table, link)).collect();
    let (giver, receiver) = (&giver.name, &receiver.name);
    match (meant.as_slice(), &moved.by) {
        ([(_, link)], _) => Ok(*link),
        ([], Some(by)) => Err(Unmovable {
            message: format!("`{by}` is no reference between `{giver}` and `{receiver}`"),
            help: match names.as_slice() {
                [] => "a value moves over a reference, and there is none".to_owned(),
                names => format!("references are {}", names.join(", ")),
            },
        }),
        ([], None) => Err(Unmovable {
            message: format!("there is no reference between `{giver}` and `{receiver}`"),
            help: "a value moves over a reference that one of the two tables has".to_owned(),
        }),
        ([_, ..], _) => Err(Unmovable {
            message: format!("there are several references between `{giver}` and `{receiver}`"),
            help: format!("say which one: by {}", names.join(", or by ")),
        }),
    }
}

/// A value of another table, read by a row that is called `t`.
struct Read<'c> {
    of: &'c Table,
    column: &'c Ident,
    link: Link<'c>,
    /// Which of the two tables is read.
    from: Holder,
    pick: &'c Pick,
}

impl Read<'_> {
    /// Whether several rows may say the value: those that hold the reference.
    fn is_of_many(&self) -> bool {
        self.from == self.link.holder
    }

    fn value(&self, dialect: Dialect) -> String {
        let value = format!("\"m\".{}", quote(self.column));
        let rows = self.rows(dialect);
        if !self.is_of_many() {
            return format!("(SELECT {value} {rows})");
        }
        let mut order = match self.pick {
            Pick::Agreed => Vec::new(),
            Pick::Least => vec![value.clone()],
            Pick::Greatest => vec![format!("{value} DESC")],
            Pick::First(by) => vec![unknown_last(by), format!("\"m\".{}", quote(by))],
            Pick::Last(by) => vec![unknown_last(by), format!("\"m\".{} DESC", quote(by))],
        };
        // Always the same one: what is computed twice must be equal.
        order.extend(self.of.primary_key().iter().map(|key| format!("\"m\".{}", quote(key))));
        let order = match order.as_slice() {
            [] => String::new(),
            order => format!(" ORDER BY {}", order.join(", ")),
        };
        format!("(SELECT {value} {rows} AND {value} IS NOT NULL{order} LIMIT 1)")
    }

    /// The condition under which the rows that say the value do not agree on it.
    fn contested(&self, dialect: Dialect) -> Option<String> {
        if !self.is_of_many() || *self.pick != Pick::Agreed {
            return None;
        }
        let value = format!("\"m\".{}", quote(self.column));
        // As they are written: a collation may take two texts for one.
        let written = match dialect {
            Dialect::Postgres => format!("{value}::text"),
            Dialect::Sqlite => format!("quote({value})"),
        };
        let rows = self.rows(dialect);
        Some(format!("(SELECT count(DISTINCT {written}) {rows} AND {value} IS NOT NULL) > 1"))
    }

    fn rows(&self, dialect: Dialect) -> String {
        let (own, theirs) = match self.is_of_many() {
            true => (self.link.keys, self.link.columns),
            false => (self.link.columns, self.link.keys),
        };
        let same: Vec<String> = own
            .iter()
            .zip(theirs)
            .map(|(own, their)| format!("\"m\".{} = \"t\".{}", quote(their), quote(own)))
            .collect();
        let table = table_text(&self.of.name, dialect);
        format!("FROM {table} AS \"m\" WHERE {}", same.join(" AND "))
    }
}

/// Engines differ on where NULLs stand in an order.
fn unknown_last(by: &Ident) -> String {
    format!("\"m\".{} IS NULL", quote(by))
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
