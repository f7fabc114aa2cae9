//! What `migrate report` tells: one value, made in one place, and three printers of it.

pub mod access;
pub mod changes;
pub mod checklist;
pub mod diagram;
pub mod html;
pub mod machines;
pub mod make;
pub mod markdown;
pub mod of_catalog;
pub mod of_model;
pub mod personal;
pub mod picture;
pub mod relations;
pub mod renames;
pub mod text_diff;
pub mod timeline;

use serde::Serialize;

use crate::apply::rehearse::{Evidence, Expected, TableLock};
use crate::dialect::{Blocks, Lock, Transaction, Undo, Work};
use crate::journal::Entry;
use crate::report::status::{Status, VersionState};
use crate::text::Dialect;
use crate::verify::Verdict as RowVerdict;

use access::Matrix;
use changes::Change;
use checklist::{Line, Verdict};
use machines::Machine;
use personal::PersonalField;
use relations::Map;
use text_diff::TextDiff;
use timeline::Timeline;

/// The version of the JSON document.
pub const FORMAT: u32 = 1;

/// Everything that a report tells.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The version of this document.
    pub report: u32,
    /// The model's name, or that of the project's folder.
    pub project: String,
    pub title: String,
    pub made: Made,
    pub dialect: Dialect,
    /// Engines that the versions have plans for beside it.
    pub other_dialects: Vec<Dialect>,
    /// The version that it starts from; absent where it starts from nothing.
    pub before: Option<String>,
    pub after: String,
    pub verdict: Verdict,
    pub checklist: Vec<Line>,
    pub changes: Vec<Change>,
    pub model_diff: TextDiff,
    pub versions: Vec<VersionPart>,
    pub rows: Option<Rows>,
    pub permissions: Vec<Matrix>,
    pub personal: Vec<PersonalField>,
    pub states: Vec<Machine>,
    pub entities: Map,
    /// Where the database stands, where one is named.
    pub database: Option<Status>,
    pub ledger: Option<Ledger>,
    /// What the report cannot tell, and why.
    pub notes: Vec<String>,
}

/// Who made the report, and when.
#[derive(Clone, Debug, Serialize)]
pub struct Made {
    pub at: String,
    pub by: String,
    pub commit: Option<String>,
    pub tool: String,
}

/// One version of the range.
#[derive(Clone, Debug, Serialize)]
pub struct VersionPart {
    pub id: String,
    pub author: String,
    pub created: String,
    pub reason: Option<String>,
    pub hash: String,
    /// SHA-256 over both SQL files, as approvals and evidence name it.
    pub plan: String,
    /// How it stands in the database, where one is named.
    pub state: Option<VersionState>,
    pub undo: Undo,
    /// Whether the plan was seen to hold on an empty database, in words.
    pub proved: String,
    /// One line a change of the schema.
    pub summary: Vec<String>,
    pub up: Vec<Step>,
    pub down: Vec<Step>,
    /// What rows must satisfy before it runs.
    pub checks: Vec<AskedRule>,
    pub evidence: Option<Evidence>,
    pub timeline: Option<Timeline>,
    /// Tables and columns whose values are kept for the way back.
    pub keeps: Vec<Kept>,
}

/// A rule that is asked before a version runs.
#[derive(Clone, Debug, Serialize)]
pub struct AskedRule {
    pub rule: String,
    pub table: String,
    pub says: String,
}

/// What the way up keeps, and why.
#[derive(Clone, Debug, Serialize)]
pub struct Kept {
    pub step: String,
    pub reason: String,
}

/// A step of one way.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    pub number: usize,
    pub title: String,
    pub lock: Lock,
    pub blocks: Blocks,
    pub work: Work,
    pub transaction: Transaction,
    pub undo: Undo,
    pub reason: String,
    pub sql: Vec<String>,
    /// What the rehearsal measured.
    pub measured: Option<Measured>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    pub us: u64,
    pub rows: u64,
    pub expected: Expected,
    pub held: Expected,
    pub locks: Vec<TableLock>,
}

/// What the rows of the database say.
#[derive(Clone, Debug, Serialize)]
pub struct Rows {
    pub asked: Asked,
    pub at: String,
    pub verdict: RowVerdict,
}

/// Which rules were asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    /// Those that this pending version brings.
    Pending(String),
    /// All of the model, of rows that are in its shape already.
    All,
}

/// An excerpt of the ledger: what was done with these versions.
#[derive(Clone, Debug, Serialize)]
pub struct Ledger {
    pub entries: Vec<Entry>,
    /// How many rows it has in all.
    pub of: usize,
    /// The first row that does not follow from the one before.
    pub broken: Option<u64>,
}

/// Who waits while a lock is held, in words.
pub fn waits(blocks: Blocks) -> &'static str {
    match blocks {
        Blocks::Nothing => "nobody waits",
        Blocks::SchemaChanges => "schema changes wait",
        Blocks::Writes => "writes wait",
        Blocks::ReadsAndWrites => "reads and writes wait",
    }
}

impl Step {
    pub fn waits(&self) -> &'static str {
        waits(self.blocks)
    }

    /// Who waits, for a style.
    pub fn class(&self) -> &'static str {
        timeline::class(self.blocks)
    }

    /// What it may take, in words.
    pub fn takes(&self) -> String {
        match &self.measured {
            None => "not measured".to_owned(),
            Some(measured) => range(measured.expected),
        }
    }

    /// How long others may wait for it, in words; empty where nobody does.
    pub fn held(&self) -> String {
        match &self.measured {
            Some(measured) if self.blocks >= Blocks::Writes => range(measured.held),
            Some(_) | None => String::new(),
        }
    }
}

/// `12–40 ms`
pub fn range(expected: Expected) -> String {
    use crate::report::style::duration;
    match (expected.low_ms, expected.high_ms) {
        (_, 0..=1) => "up to 1 ms".to_owned(),
        (0, high) => format!("up to {}", duration(high)),
        (low, high) if low == high => duration(high),
        (low, high) => format!("{} – {}", duration(low), duration(high)),
    }
}
