//! A value that goes to another table over a reference, and back: as the expressions of the two columns. All else is
//! what every `backfill` and `down` does. See docs/design/moves.md.

use super::session::quote_name;
use crate::catalog::{Catalog, ConstraintKind, Table};
use crate::change::{Intent, Target};
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
    intent.moves.insert(moved.giver.clone(), moved.receiver.clone());
    Ok(())
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
