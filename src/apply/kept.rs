//! Kept data: what a database holds of it, what a rollback needs of it, and how it is thrown away for good.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::deploy::{DeployError, alone, sound_books};
use super::hidden::{HiddenColumn, hidden};
use super::{Bundle, Context, book};
use crate::db::{Database, DbError, Mode};
use crate::dialect::hide::books;
use crate::dialect::{Absence, bookkeeping};
use crate::journal::{Action, Entry};
use crate::text::QName;

/// Up to this size the rows of a kept table are counted; above, the server's own estimate is told.
const COUNTED_BYTES: u64 = 64 << 20;

/// A kept table, or a hidden column, and what it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptTable {
    /// Without the schema or prefix that marks it.
    pub name: String,
    /// The table that has it, where it is a hidden column.
    pub hidden_in: Option<QName>,
    /// `None` where this user may not read it.
    pub rows: Option<Rows>,
    /// On disk, with its indexes.
    pub bytes: u64,
}

/// How many rows a kept table has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    Counted(u64),
    /// As the server remembers it from its last look at the table.
    Estimated(u64),
}

impl Rows {
    pub fn number(self) -> u64 {
        match self {
            Rows::Counted(number) | Rows::Estimated(number) => number,
        }
    }
}

/// All kept tables, by name. Reads alone.
///
/// # Errors
/// The engine's own.
pub fn kept(database: &mut Database) -> Result<Vec<KeptTable>, DbError> {
    kept_counted(database, COUNTED_BYTES)
}

/// As [`kept`]; rows of tables above `limit` bytes are not counted where the server has an estimate.
///
/// # Errors
/// The engine's own.
pub fn kept_counted(database: &mut Database, limit: u64) -> Result<Vec<KeptTable>, DbError> {
    let dialect = database.dialect();
    let mut tables = Vec::new();
    for row in database.rows(&bookkeeping::kept_sizes(dialect))? {
        let mut values = row.into_iter();
        let mut next = || values.next().flatten();
        let Some(name) = next() else { continue };
        let bytes = next().and_then(|text| text.parse().ok()).unwrap_or_default();
        let estimate = next().and_then(|text| text.parse().ok());
        let readable = next().as_deref() == Some("t");
        let rows = match (readable, estimate) {
            (false, _) => None,
            (true, Some(estimate)) if bytes > limit => Some(Rows::Estimated(estimate)),
            (true, _) => {
                let counted = database.value(&bookkeeping::count_kept(&name, dialect))?;
                counted.and_then(|text| text.parse().ok()).map(Rows::Counted)
            }
        };
        tables.push(KeptTable { name, hidden_in: None, rows, bytes });
    }
    for column in hidden(database)? {
        tables.push(measured(database, column, limit)?);
    }
    tables.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(tables)
}

/// A hidden column with what its values take, without the table around them.
fn measured(
    database: &mut Database,
    column: HiddenColumn,
    limit: u64,
) -> Result<KeptTable, DbError> {
    let (rows, bytes) = match column.estimate {
        _ if !column.readable => (None, 0),
        Some((rows, bytes)) if column.table_bytes > limit => (Some(Rows::Estimated(rows)), bytes),
        Some(_) | None => {
            let sql = books::measure(&column.table, &column.column, database.dialect());
            let found = database.rows(&sql)?.into_iter().next().unwrap_or_default();
            let mut numbers = found.into_iter().map(|text| text?.parse::<u64>().ok());
            let rows = numbers.next().flatten().map(Rows::Counted);
            (rows, numbers.next().flatten().unwrap_or_default())
        }
    };
    Ok(KeptTable { name: column.kept, hidden_in: Some(column.table), rows, bytes })
}

/// A version or plan that the ledger knows, and what its way back cannot do without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keeper {
    pub version: String,
    /// It stands in the name of all that the plan keeps.
    pub tag: String,
    /// When it ran last.
    pub at: String,
    /// `None` where its files are not at hand: then all that it kept counts.
    needs: Option<BTreeSet<String>>,
}

impl Keeper {
    pub fn new(version: &str, tag: &str, at: &str, bundle: Option<&Bundle>) -> Self {
        let needs = bundle.map(|bundle| {
            let read = bundle.down.iter().filter_map(|step| step.reads_kept.as_ref());
            read.filter(|kept| kept.absence == Absence::Refuse)
                .map(|kept| kept.name.clone())
                .collect()
        });
        Keeper { version: version.to_owned(), tag: tag.to_owned(), at: at.to_owned(), needs }
    }

    /// Whether a kept table is one of this plan.
    pub fn keeps(&self, name: &str) -> bool {
        name.strip_prefix(self.tag.as_str()).is_some_and(|rest| rest.starts_with('_'))
    }

    /// What its rollback needs, whether it is there or not.
    fn needs(&self, there: &[KeptTable]) -> BTreeSet<String> {
        let (of_the_way_up, orphans) =
            (format!("{}_u_", self.tag), bookkeeping::orphans_name(&self.tag));
        // How many rows pointed nowhere is read by the run itself, not by a step.
        let unstated = |name: &&String| match &self.needs {
            Some(_) => **name == orphans,
            None => name.starts_with(&of_the_way_up),
        };
        let unstated = there.iter().map(|table| &table.name).filter(unstated).cloned();
        self.needs.iter().flatten().cloned().chain(unstated).collect()
    }
}

/// A rollback that a release would make impossible, though what it puts back would still be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stranded {
    /// The version whose kept data could not be put back any more.
    pub version: String,
    /// What would still be kept for it.
    pub tables: Vec<String>,
    /// The version over which its rollback goes, and which could not be taken back.
    pub over: String,
}

/// What a release of `chosen` would strand. `in_force`: oldest first.
///
/// A rollback takes versions back one after the other, the newest first, so it ends at the first that lacks kept data.
pub fn stranded(
    in_force: &[&Keeper],
    there: &[KeptTable],
    chosen: &BTreeSet<String>,
) -> Vec<Stranded> {
    let mut found = Vec::new();
    let mut over: Option<&str> = None;
    for keeper in in_force.iter().rev() {
        let needs = keeper.needs(there);
        let is_there = |name: &&String| there.iter().any(|table| table.name == **name);
        if !needs.iter().all(|name| is_there(&name)) {
            break;
        }
        if over.is_none() && needs.iter().any(|name| chosen.contains(name)) {
            over = Some(&keeper.version);
        }
        let left: Vec<String> = needs.difference(chosen).cloned().collect();
        if let (Some(over), false) = (over, left.is_empty()) {
            found.push(Stranded {
                version: keeper.version.clone(),
                tables: left,
                over: over.to_owned(),
            });
        }
    }
    found
}

/// The versions in force whose rollback would be refused after a release, oldest first.
pub fn cut_off(
    in_force: &[&Keeper],
    there: &[KeptTable],
    chosen: &BTreeSet<String>,
) -> Vec<String> {
    let touched = |keeper: &&&Keeper| keeper.needs(there).iter().any(|name| chosen.contains(name));
    in_force.iter().filter(touched).map(|keeper| keeper.version.clone()).collect()
}

/// Tables that go with others: the partitions of a kept table. Each pair is the one that goes along, and with what.
///
/// # Errors
/// The engine's own.
pub fn taken_along(database: &mut Database) -> Result<BTreeMap<String, String>, DbError> {
    let rows = database.rows(&bookkeeping::kept_partitions(database.dialect()))?;
    let pairs = rows.into_iter().filter_map(|row| match row.as_slice() {
        [Some(partition), Some(parent)] => Some((partition.clone(), parent.clone())),
        _ => None,
    });
    Ok(pairs.collect())
}

/// Waits until no other migrator is at work.
///
/// # Errors
/// One still is after `patience`.
pub fn wait_for_others(database: &mut Database, patience: Duration) -> Result<(), DeployError> {
    alone(database, patience, |_| Ok(()))
}

/// Throws kept tables away for good, and writes that down in the same transaction.
///
/// # Errors
/// Another migrator is at work, or was since `last` was read; nothing is thrown away then.
pub fn release(
    database: &mut Database,
    chosen: &BTreeSet<String>,
    last: &Entry,
    patience: Duration,
    context: &Context<'_>,
) -> Result<Entry, DeployError> {
    alone(database, patience, |database| release_alone(database, chosen, last, context))
}

fn release_alone(
    database: &mut Database,
    chosen: &BTreeSet<String>,
    last: &Entry,
    context: &Context<'_>,
) -> Result<Entry, DeployError> {
    let dialect = database.dialect();
    database.within(Mode::Write, |database| {
        // On SQLite this transaction is the lock: only now is nobody else at work.
        let books = sound_books(database)?;
        refuse_open(&books)?;
        if books.entries.last() != Some(last) {
            return Err(DeployError::Overtaken);
        }
        let columns: Vec<HiddenColumn> =
            hidden(database)?.into_iter().filter(|it| chosen.contains(&it.kept)).collect();
        let is_column = |name: &str| columns.iter().any(|column| column.kept == name);
        let tables = chosen.iter().map(String::as_str).filter(|name| !is_column(name));
        let mut statements = bookkeeping::release(tables, dialect);
        for column in &columns {
            statements.extend(books::release(&column.table, &column.column, dialect));
        }
        for sql in statements {
            database.execute(&sql)?;
        }
        // Kept data is no part of the schema: what the last run left is still what must be found.
        let schema = last.schema.clone();
        let entry = Entry {
            version: chosen.iter().cloned().collect::<Vec<_>>().join(" "),
            ..context.who.entry((context.now)(), Action::Release, schema)
        }
        .sealed(Some(last));
        book::write_entry(database, &entry)?;
        Ok(entry)
    })
}

/// A run that stopped half-way may need what is kept, and what it keeps itself is not whole.
///
/// # Errors
/// There is one.
pub fn refuse_open(books: &book::Books) -> Result<(), DeployError> {
    super::deploy::resumable(books, None, crate::dialect::Direction::Up).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keeper(version: &str, needs: &[&str]) -> Keeper {
        let needs = needs.iter().map(|name| (*name).to_owned()).collect();
        Keeper {
            version: version.into(),
            tag: version.into(),
            at: String::new(),
            needs: Some(needs),
        }
    }

    fn tables(names: &[&str]) -> Vec<KeptTable> {
        let table =
            |name: &&str| KeptTable { name: (*name).into(), hidden_in: None, rows: None, bytes: 0 };
        names.iter().map(table).collect()
    }

    /// `version over` of all that would be stranded.
    fn strands(keepers: &[Keeper], there: &[&str], chosen: &[&str]) -> Vec<String> {
        let in_force: Vec<&Keeper> = keepers.iter().collect();
        let chosen = chosen.iter().map(|name| (*name).to_owned()).collect();
        stranded(&in_force, &tables(there), &chosen)
            .into_iter()
            .map(|it| format!("{} over {}", it.version, it.over))
            .collect()
    }

    #[test]
    fn a_rollback_goes_over_all_newer_versions() {
        let all = [keeper("1", &["a"]), keeper("2", &[]), keeper("3", &["b", "c"])];
        let there = ["a", "b", "c"];
        assert_eq!(strands(&all, &there, &["a"]), [""; 0], "the oldest first is how it should be");
        assert_eq!(strands(&all, &there, &["b", "c"]), ["1 over 3"]);
        assert_eq!(strands(&all, &there, &["b"]), ["3 over 3", "1 over 3"], "a part of a version");
        assert_eq!(strands(&all, &there, &["a", "b", "c"]), [""; 0]);
        assert_eq!(strands(&all, &there, &["unknown"]), [""; 0]);
    }

    #[test]
    fn what_is_out_of_reach_already_is_not_stranded() {
        let all = [keeper("1", &["a"]), keeper("2", &["gone"]), keeper("3", &["b"])];
        assert_eq!(strands(&all, &["a", "b"], &["b"]), [""; 0]);
    }
}
