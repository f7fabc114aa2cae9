//! A table together with its parsed text, and what names a row of it.

use super::affinity::Affinity;
use super::ddl::{self, CreateTable};
use super::kept::{AFTER, Scope};
use super::quote::quote;
use crate::catalog::{Column, Table, TableOptions};
use crate::dialect::{Direction, LowerError};
use crate::text::Ident;

/// A table and the parts of its text.
pub(super) struct Shape<'a> {
    pub(super) table: &'a Table,
    pub(super) create: &'a str,
    pub(super) text: CreateTable,
}

impl<'a> Shape<'a> {
    /// # Errors
    /// A table whose text cannot be read, by name.
    pub(super) fn of(table: &'a Table) -> Result<Self, LowerError> {
        let fault = |why: String| LowerError {
            what: format!("table {}", table.name),
            why,
            help: "write the table in the form that sqlite.org/lang_createtable.html shows"
                .to_owned(),
        };
        let TableOptions::Sqlite { create, .. } = &table.options else {
            return Err(fault("it has no CREATE TABLE text".to_owned()));
        };
        // After a rename the text has the old names still; the engine writes the new ones into its own.
        let columns: Vec<String> =
            table.columns.iter().map(|column| column.name.to_string()).collect();
        let text = ddl::parse_table(create)
            .map_err(|error| fault(error.to_string()))?
            .under_names(table.name.name.as_str(), &columns);
        Ok(Shape { table, create, text })
    }

    pub(super) fn name(&self) -> &'a str {
        self.table.name.name.as_str()
    }

    /// Columns that hold values of their own, not computed ones.
    pub(super) fn stored(&self) -> impl Iterator<Item = &'a Column> {
        self.table.columns.iter().filter(|column| column.generated.is_none())
    }

    /// The column of that name; SQLite does not tell names apart by case.
    pub(super) fn column(&self, name: &Ident) -> Option<&'a Column> {
        self.table
            .columns
            .iter()
            .find(|column| column.name.as_str().eq_ignore_ascii_case(name.as_str()))
    }

    pub(super) fn affinity(&self, column: &Column) -> Affinity {
        match self.text.strict {
            true => Affinity::of_strict(&column.data_type),
            false => Affinity::of(&column.data_type),
        }
    }

    /// The rowid by name, where it exists and no column stands for it.
    pub(super) fn hidden_rowid(&self) -> Option<&'static str> {
        match self.text.rowid_alias() {
            Some(_) => None,
            None => self.text.rowid_name(),
        }
    }

    /// The rowid by the name of its column, or by its own.
    pub(super) fn rowid(&self) -> Option<String> {
        match self.text.rowid_alias() {
            Some(alias) => Some(quote(alias)),
            None => self.text.rowid_name().map(str::to_owned),
        }
    }

    /// Whether no two rows can share the key, NULLs included.
    fn key_is_never_null(&self, key: &[Ident]) -> bool {
        self.text.without_rowid
            || self.text.rowid_alias().is_some()
            || key.iter().all(|name| self.column(name).is_some_and(|column| column.not_null))
    }
}

/// What tells rows apart in kept data: columns, the rowid, or both where a key may be NULL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RowKey {
    pub(super) columns: Vec<Ident>,
    pub(super) rowid: Rowid,
    /// The key is one column that is the rowid on both sides.
    integer: bool,
    /// Where the rowid decides: columns that hold the same on both sides, by their names there. SQLite gives the highest rowid
    /// to another row once its row is gone, and VACUUM may number rows anew.
    same: Vec<Ident>,
}

/// A kept table, and the name that the table has whose rows are told apart.
pub(super) struct Witnesses<'a> {
    pub(super) kept: &'a str,
    pub(super) table: &'a str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rowid {
    Unused,
    Used,
}

/// The key that both shapes of a table share. Both ways choose the same.
///
/// # Errors
/// A table whose rows cannot be told apart on both sides.
pub(super) fn row_key(
    before: &Shape<'_>,
    after: &Shape<'_>,
    scope: &Scope<'_>,
) -> Result<RowKey, LowerError> {
    let (first, second) = match scope.direction {
        Direction::Up => (before, after),
        Direction::Down => (after, before),
    };
    let both_have_rowid = first.rowid().is_some() && second.rowid().is_some();
    let shared = |shape: &Shape<'_>| -> Option<Vec<Ident>> {
        let key = shape.table.primary_key();
        let stored = |side: &Shape<'_>, name: &Ident| {
            side.column(name).is_some_and(|column| column.generated.is_none())
        };
        (!key.is_empty() && key.iter().all(|name| stored(first, name) && stored(second, name)))
            .then(|| key.to_vec())
    };
    if let Some(columns) = shared(first).or_else(|| shared(second)) {
        let certain = first.key_is_never_null(&columns) || second.key_is_never_null(&columns);
        let is_rowid = |shape: &Shape<'_>| {
            shape.text.rowid_alias().is_some_and(|alias| {
                columns.len() == 1 && alias.eq_ignore_ascii_case(columns[0].as_str())
            })
        };
        let rowid = match certain || !both_have_rowid {
            true => Rowid::Unused,
            false => Rowid::Used,
        };
        let integer = is_rowid(first) && is_rowid(second);
        let same = match rowid {
            Rowid::Unused => Vec::new(),
            Rowid::Used => held_alike(first, second, scope),
        };
        return Ok(RowKey { columns, rowid, integer, same });
    }
    if both_have_rowid {
        let (columns, same) = (Vec::new(), held_alike(first, second, scope));
        return Ok(RowKey { columns, rowid: Rowid::Used, integer: false, same });
    }
    Err(LowerError {
        what: format!("table {}", after.table.name),
        why: "its rows have no key that is there both before and after the change, so values \
              that have to be kept could not be put back"
            .to_owned(),
        help: "change the key in one version and the columns in another".to_owned(),
    })
}

/// Columns whose values no way changes.
fn held_alike(first: &Shape<'_>, second: &Shape<'_>, scope: &Scope<'_>) -> Vec<Ident> {
    let is_alike = |column: &&Column| {
        let other = second.column(&column.name).filter(|other| other.generated.is_none());
        let same_type = other.is_some_and(|other| {
            other.data_type == column.data_type && second.affinity(other) == first.affinity(column)
        });
        same_type && !scope.is_spoken_of(&second.table.name, &column.name)
    };
    first.stored().filter(is_alike).map(|column| column.name.clone()).collect()
}

/// The condition over a row `t` of a table without a key that it has the number of a kept row and may be another row.
/// `before` is the table as it stands, `None` where numbers do not decide. Where the column `altered` was altered and not
/// dropped, only a row that still has what was written would get its old value back.
pub(in crate::dialect) fn may_be_another(
    [before, after]: [&Table; 2],
    scope: &Scope<'_>,
    kept: &str,
    altered: Option<&Ident>,
) -> Option<String> {
    let alias = "\"t\"";
    let (standing, coming) = (Shape::of(before).ok()?, Shape::of(after).ok()?);
    let key = row_key(&standing, &coming, scope).ok().filter(RowKey::is_seen)?;
    let among = Witnesses { kept, table: standing.name() };
    let (same, that) = (key.matches(&standing, alias), key.matches_among(&standing, alias, &among));
    let unchanged = altered.map_or(String::new(), |column| {
        let now = format!("{alias}.{}", quote(column.as_str()));
        format!(" AND {now} IS \"k\".{AFTER} AND typeof({now}) = typeof(\"k\".{AFTER})")
    });
    let any = |condition: &str| {
        format!("EXISTS (SELECT 1 FROM {kept} AS \"k\" WHERE {condition}{unchanged})")
    };
    Some(format!("{} AND NOT {}", any(&same), any(&that)))
}

impl RowKey {
    /// The columns of a kept table that hold keys of `shape`, as definitions, and its constraint.
    ///
    /// They have the affinity and the collation of the key itself, without which its index could not be used to
    /// find a row (sqlite.org/datatype3.html 4.2).
    pub(super) fn definitions(&self, shape: &Shape<'_>) -> (Vec<String>, Option<String>) {
        if self.integer {
            return (vec![format!("{} INTEGER PRIMARY KEY", key_name(0))], None);
        }
        let names: Vec<String> = (0..self.columns.len()).map(key_name).collect();
        let typed = |(n, name): (usize, &Ident)| {
            let column = shape.column(name);
            let word = column.map_or("", |column| shape.affinity(column).word());
            let collation = column
                .and_then(|column| column.collation.as_ref())
                .map(|collation| format!(" COLLATE {}", quote(collation)))
                .unwrap_or_default();
            format!("{} {word}{collation}", key_name(n)).trim_end().to_owned()
        };
        let typed: Vec<String> = self.columns.iter().enumerate().map(typed).collect();
        match self.rowid {
            Rowid::Unused => {
                let key = format!("PRIMARY KEY ({})", names.join(", "));
                (typed, Some(key))
            }
            Rowid::Used => {
                let index = (!names.is_empty()).then(|| format!("UNIQUE ({})", names.join(", ")));
                let mut columns = typed;
                columns.push(format!("{ROW} INTEGER PRIMARY KEY"));
                columns.extend(self.is_seen().then(|| SEEN.to_owned()));
                (columns, index)
            }
        }
    }

    /// The names of the key columns of a kept table.
    pub(super) fn names(&self) -> Vec<String> {
        let row = (self.rowid == Rowid::Used).then(|| ROW.to_owned());
        (0..self.columns.len()).map(key_name).chain(row).collect()
    }

    /// The columns of a kept table that tell of which row its values are.
    pub(super) fn kept_names(&self) -> Vec<String> {
        self.names().into_iter().chain(self.is_seen().then(|| SEEN.to_owned())).collect()
    }

    /// What they hold of a row of `shape` under `alias`.
    pub(super) fn kept_values(&self, shape: &Shape<'_>, alias: &str) -> Vec<String> {
        let values = self.values(shape, alias);
        let missing = values[..self.columns.len()].iter().map(|key| format!("{key} IS NULL"));
        let missing: Vec<String> = missing.collect();
        let seen = self.is_seen().then(|| match missing.is_empty() {
            true => self.seen(shape, alias),
            // Only where the key is missing does the rowid decide.
            false => {
                format!("CASE WHEN {} THEN {} END", missing.join(" OR "), self.seen(shape, alias))
            }
        });
        values.into_iter().chain(seen).collect()
    }

    fn is_seen(&self) -> bool {
        !self.same.is_empty()
    }

    /// What a row holds besides, as one text.
    fn seen(&self, shape: &Shape<'_>, alias: &str) -> String {
        let values = self.same.iter().map(|name| {
            let name = shape.column(name).map_or(name, |column| &column.name);
            format!("quote({alias}.{})", quote(name.as_str()))
        });
        values.collect::<Vec<_>>().join(" || ',' || ")
    }

    /// The condition that the row with the rowid of the kept row `"k"` is that row: it holds what it held, or a row with a
    /// higher rowid does, while which this rowid was not free.
    fn is_that_row(&self, shape: &Shape<'_>, alias: &str, among: &Witnesses<'_>) -> Option<String> {
        let rowid = shape.rowid().filter(|_| self.is_seen())?;
        Some(format!(
            "({} = \"k\".{SEEN} OR \"k\".{ROW} < (SELECT max(\"w\".{ROW}) FROM {} AS \"w\" \
             JOIN {} AS \"o\" ON \"o\".{rowid} = \"w\".{ROW} WHERE {} = \"w\".{SEEN}))",
            self.seen(shape, alias),
            among.kept,
            quote(among.table),
            self.seen(shape, "\"o\""),
        ))
    }

    /// The key of a row of `shape` under `alias`.
    pub(super) fn values(&self, shape: &Shape<'_>, alias: &str) -> Vec<String> {
        let own = |name: &Ident| {
            let name = shape.column(name).map_or(name, |column| &column.name);
            format!("{alias}.{}", quote(name.as_str()))
        };
        let row = (self.rowid == Rowid::Used)
            .then(|| shape.rowid().map(|rowid| format!("{alias}.{rowid}")))
            .flatten();
        self.columns.iter().map(own).chain(row).collect()
    }

    /// Whether the row of `shape` under `alias` is the one of which the kept row `"k"` tells, while nobody can write.
    pub(super) fn matches(&self, shape: &Shape<'_>, alias: &str) -> String {
        self.matches_where(shape, alias, None)
    }

    /// As [`RowKey::matches`], of what was kept some time ago.
    pub(super) fn matches_among(
        &self,
        shape: &Shape<'_>,
        alias: &str,
        among: &Witnesses<'_>,
    ) -> String {
        self.matches_where(shape, alias, self.is_that_row(shape, alias, among))
    }

    fn matches_where(&self, shape: &Shape<'_>, alias: &str, that: Option<String>) -> String {
        let that = that.map(|condition| format!(" AND {condition}")).unwrap_or_default();
        let values = self.values(shape, alias);
        match (self.columns.is_empty(), self.rowid) {
            (true, _) => format!("{} = \"k\".{ROW}{that}", values.concat()),
            (false, Rowid::Unused) => {
                let pair =
                    |(n, value): (usize, &String)| format!("{value} IS \"k\".{}", key_name(n));
                values.iter().enumerate().map(pair).collect::<Vec<_>>().join(" AND ")
            }
            (false, Rowid::Used) => {
                let (row, columns) = values.split_last().map_or(("", &[][..]), |(l, r)| (l, r));
                let pairs: Vec<String> = columns
                    .iter()
                    .enumerate()
                    .map(|(n, value)| format!("{value} IS \"k\".{}", key_name(n)))
                    .collect();
                let certain: Vec<String> = (0..columns.len())
                    .map(|n| format!("\"k\".{} IS NOT NULL", key_name(n)))
                    .collect();
                format!(
                    "{} AND (({}) OR {row} = \"k\".{ROW}{that})",
                    pairs.join(" AND "),
                    certain.join(" AND ")
                )
            }
        }
    }
}

/// The column of kept data that holds a rowid.
pub(super) const ROW: &str = "\"_migrate_row\"";
/// Beside it: what the row held in columns that nobody changes.
const SEEN: &str = "\"_migrate_seen\"";

fn key_name(n: usize) -> String {
    format!("\"_migrate_key_{}\"", n + 1)
}
