//! A step of a migration with its facts. Rules and reports read facts, never SQL text.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::catalog::ObjectId;
use crate::text::token::split_statements;
use crate::text::{Dialect, Ident, QName};

/// SQL text. Made by `dialect` alone: rendered from values, or split from a script that a person wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sql(String);

impl Sql {
    pub(in crate::dialect) fn new(text: impl Into<String>) -> Self {
        Sql(text.into())
    }

    /// The statements of a script that a person wrote or may have edited, in order, without their semicolons.
    pub fn of_script(script: &str, dialect: Dialect) -> Vec<Sql> {
        split_statements(script, dialect)
            .into_iter()
            .map(|span| Sql::new(&script[span.start..span.end]))
            .collect()
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Sql {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which way a plan runs. Each way keeps what it takes away, and puts back what the other way kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    Up,
    Down,
}

impl Direction {
    /// The way back.
    pub fn other(self) -> Direction {
        match self {
            Direction::Up => Direction::Down,
            Direction::Down => Direction::Up,
        }
    }
}

/// One step: some statements that belong together and what is known about them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What it does, for people: `backfill invoices.currency`.
    pub title: String,
    pub statements: Vec<Sql>,
    pub facts: Facts,
    /// Kept data this step reads; the runner skips or refuses the step where it is absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reads_kept: Option<KeptUse>,
    /// What orders it among the others; not part of the written plan.
    #[serde(skip)]
    pub order: Order,
}

/// Facts about a step, measured or taken from the engine's documentation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The strongest lock on an existing table, in the engine's own words; none on objects made in the same plan.
    pub lock: Lock,
    pub work: Work,
    pub transaction: Transaction,
    /// The table over whose pages the batches go, as SQL writes it: the runner sets `migrate.batch_from` and
    /// `migrate.batch_to`, and the step is done after the last page. Without it, it is done when it changes no row.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub over: Option<String>,
    pub undo: Undo,
    /// Why `undo` is what it is.
    pub reason: String,
}

/// Lock modes, weakest first. Source: PostgreSQL manual 13.3.1 "Table-Level Locks"; sqlite.org/lockingv3.html.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Lock {
    #[serde(rename = "none")]
    None,
    #[serde(rename = "ACCESS SHARE")]
    AccessShare,
    #[serde(rename = "ROW SHARE")]
    RowShare,
    #[serde(rename = "ROW EXCLUSIVE")]
    RowExclusive,
    #[serde(rename = "SHARE UPDATE EXCLUSIVE")]
    ShareUpdateExclusive,
    #[serde(rename = "SHARE")]
    Share,
    #[serde(rename = "SHARE ROW EXCLUSIVE")]
    ShareRowExclusive,
    #[serde(rename = "EXCLUSIVE")]
    Exclusive,
    #[serde(rename = "ACCESS EXCLUSIVE")]
    AccessExclusive,
    /// SQLite's single writer lock, for the length of the transaction; readers go on in WAL mode.
    #[serde(rename = "RESERVED")]
    Reserved,
}

impl Lock {
    pub fn name(self) -> &'static str {
        match self {
            Lock::None => "none",
            Lock::AccessShare => "ACCESS SHARE",
            Lock::RowShare => "ROW SHARE",
            Lock::RowExclusive => "ROW EXCLUSIVE",
            Lock::ShareUpdateExclusive => "SHARE UPDATE EXCLUSIVE",
            Lock::Share => "SHARE",
            Lock::ShareRowExclusive => "SHARE ROW EXCLUSIVE",
            Lock::Exclusive => "EXCLUSIVE",
            Lock::AccessExclusive => "ACCESS EXCLUSIVE",
            Lock::Reserved => "RESERVED",
        }
    }

    /// The mode with that name.
    pub fn named(name: &str) -> Option<Lock> {
        const ALL: [Lock; 10] = [
            Lock::None,
            Lock::AccessShare,
            Lock::RowShare,
            Lock::RowExclusive,
            Lock::ShareUpdateExclusive,
            Lock::Share,
            Lock::ShareRowExclusive,
            Lock::Exclusive,
            Lock::AccessExclusive,
            Lock::Reserved,
        ];
        ALL.into_iter().find(|lock| lock.name() == name)
    }

    /// Who waits, on the scale both engines share.
    pub fn blocks(self) -> Blocks {
        match self {
            Lock::None | Lock::AccessShare | Lock::RowShare | Lock::RowExclusive => Blocks::Nothing,
            Lock::ShareUpdateExclusive => Blocks::SchemaChanges,
            Lock::Share | Lock::ShareRowExclusive | Lock::Exclusive | Lock::Reserved => {
                Blocks::Writes
            }
            Lock::AccessExclusive => Blocks::ReadsAndWrites,
        }
    }
}

/// Who has to wait while a lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blocks {
    Nothing,
    SchemaChanges,
    Writes,
    ReadsAndWrites,
}

/// What the step's duration depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Catalog entries only: independent of the number of rows.
    Catalog,
    /// Reads every row.
    Scan,
    /// Writes some or all rows, or builds an index.
    Write,
    /// Writes the whole table anew.
    Rewrite,
}

impl Work {
    pub fn name(self) -> &'static str {
        match self {
            Work::Catalog => "catalog",
            Work::Scan => "scan",
            Work::Write => "write",
            Work::Rewrite => "rewrite",
        }
    }

    /// The work with that name.
    pub fn named(name: &str) -> Option<Work> {
        [Work::Catalog, Work::Scan, Work::Write, Work::Rewrite]
            .into_iter()
            .find(|work| work.name() == name)
    }
}

/// How the step relates to the steps around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transaction {
    /// In one transaction with its shared neighbours.
    Shared,
    /// In a transaction of its own.
    Own,
    /// In transactions of its own, one after the other, until one changes no row.
    Batches,
    /// Outside any transaction (the engine demands it).
    Outside,
}

impl Transaction {
    pub fn name(self) -> &'static str {
        match self {
            Transaction::Shared => "shared",
            Transaction::Own => "own",
            Transaction::Batches => "batches",
            Transaction::Outside => "outside",
        }
    }

    /// The relation with that name.
    pub fn named(name: &str) -> Option<Transaction> {
        [Transaction::Shared, Transaction::Own, Transaction::Batches, Transaction::Outside]
            .into_iter()
            .find(|transaction| transaction.name() == name)
    }
}

/// What the way back restores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undo {
    /// Catalog only, or every value can be computed.
    Exact,
    /// Exact, because values are kept.
    Kept,
    /// Values are lost; refused unless allowed by name.
    Lossy,
}

impl Undo {
    pub fn name(self) -> &'static str {
        match self {
            Undo::Exact => "exact",
            Undo::Kept => "kept",
            Undo::Lossy => "lossy",
        }
    }

    /// The class with that name.
    pub fn named(name: &str) -> Option<Undo> {
        [Undo::Exact, Undo::Kept, Undo::Lossy].into_iter().find(|undo| undo.name() == name)
    }
}

/// Kept data a step reads, and what its absence means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptUse {
    /// The bare name of the kept table.
    pub name: String,
    pub absence: Absence,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Absence {
    /// It was released: the way back is refused (exit 7).
    Refuse,
    /// Nothing was kept: the step is skipped (the first apply).
    Skip,
}

/// What a step stands on, makes, lets go of and takes away. The planner derives the order from these alone:
/// makers run before users; users and those who let go run before the taker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order {
    pub needs: BTreeSet<Resource>,
    pub makes: BTreeSet<Resource>,
    pub frees: BTreeSet<Resource>,
    pub takes: BTreeSet<Resource>,
    pub phase: Phase,
}

/// When a step runs among those that are free to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// With the steps that may share a transaction.
    #[default]
    Together,
    /// After them: it has transactions of its own, and would part those that can share one.
    Apart,
    /// After all others.
    Last,
}

/// A thing that steps make and use, in the names that hold after the renames.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    Schema(Ident),
    Enum(QName),
    Table(QName),
    /// The column in its new shape (made by the step that adds or alters it).
    Column(QName, Ident),
    /// A constraint or index, by table and name (or definition where nameless).
    Constraint(QName, String),
    /// All rows of the column hold their final values.
    Values(QName, Ident),
    Kept(String),
    Opaque(ObjectId),
    /// All renames are done.
    Renames,
}
