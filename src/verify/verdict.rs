//! What rows say to rules.

use serde::Serialize;

use crate::catalog::rule::Enforce;
use crate::db::{DbError, Row};
use crate::dialect::check::Check;

/// What the rows say to a list of checks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// How many rules were asked.
    pub checked: usize,
    /// How many rows were read at most for one rule.
    pub rows: u64,
    pub violations: Vec<Violation>,
    /// Rules that could not be asked before a violation above is repaired.
    pub skipped: Vec<String>,
    /// Rules that speak of a function or a type which the plan itself makes: the engine asks them in the step.
    pub left_to_engine: Vec<String>,
    /// Rules that nobody asked, for the engine holds every row to them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trusted: Vec<String>,
    /// Constraints that are NOT VALID, which no row breaks: the engine can hold all rows to them from now on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ready: Vec<Ready>,
    /// Rules that could not be asked: nothing is known of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unasked: Vec<Unasked>,
    /// What could not be asked and is no rule of anybody: sequences that may not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Unasked>,
}

impl Verdict {
    /// Whether something fails (warnings and known violations do not).
    pub fn fails(&self) -> bool {
        self.violations.iter().any(Violation::fails)
    }

    /// Adds what another list of checks found.
    pub fn extend(&mut self, other: Verdict) {
        self.checked += other.checked;
        self.rows = self.rows.max(other.rows);
        self.violations.extend(other.violations);
        self.skipped.extend(other.skipped);
        self.left_to_engine.extend(other.left_to_engine);
        self.trusted.extend(other.trusted);
        self.ready.extend(other.ready);
        self.unasked.extend(other.unasked);
        self.notes.extend(other.notes);
    }
}

/// Rows that break one rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    pub rule: String,
    pub table: String,
    pub message: String,
    pub enforce: Enforce,
    /// Line and column (1-based) of the rule in the model.
    pub origin: Option<(usize, usize)>,
    /// The file in which it stands there, where that is not the one model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// How many rows break the rule, of how many.
    pub rows: u64,
    pub of: u64,
    /// How many of them the baseline knows; `None` without a baseline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known: Option<u64>,
    /// Names of the key columns, then of the shown values.
    pub keys: Vec<String>,
    pub values: Vec<String>,
    /// Some of the rows: key values, then shown values; `None` is NULL.
    pub sample: Vec<Row>,
    /// When the first and the last of the rows came, where the table says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
    /// Ways to repair the rows, the plainest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub repairs: Vec<Proposed>,
}

/// A repair that fits a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Proposed {
    /// As one writes it behind `--repair RULE=`; `VALUE` and `OLD` are to be replaced.
    pub strategy: String,
    /// What it does, for people.
    pub says: String,
}

impl Violation {
    /// Whether it is more than a warning and more than the baseline knows.
    pub fn fails(&self) -> bool {
        self.enforce != Enforce::Warn && self.known.is_none_or(|known| known < self.rows)
    }
}

/// A constraint that can be validated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ready {
    pub rule: String,
    /// The statement that does it. It reads the table under a lock that lets others read and write.
    pub statement: String,
}

/// The first and the last time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Seen {
    pub first: String,
    pub last: String,
}

/// A rule of which nothing is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unasked {
    pub rule: String,
    pub table: String,
    /// Line and column (1-based) of the rule in the model.
    pub origin: Option<(usize, usize)>,
    /// The file in which it stands there, where that is not the one model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    pub reason: String,
}

impl Unasked {
    /// A rule that can only be asked once the plan has run.
    pub(super) fn later(check: &Check) -> Self {
        Unasked {
            rule: check.rule.clone(),
            table: check.table.clone(),
            origin: check.origin,
            file: None,
            reason: format!("{}; `migrate verify` asks it afterwards", check.message),
        }
    }

    pub(super) fn of(check: &Check, error: &DbError) -> Self {
        Unasked {
            rule: check.rule.clone(),
            table: check.table.clone(),
            origin: check.origin,
            file: None,
            reason: error.message.clone(),
        }
    }
}

/// Why a rule could not be asked.
#[derive(Debug, thiserror::Error)]
#[error("rule `{rule}` could not be asked: {source}")]
pub struct VerifyError {
    pub rule: String,
    #[source]
    pub source: DbError,
}

impl From<DbError> for VerifyError {
    fn from(source: DbError) -> Self {
        VerifyError { rule: "(transaction)".to_owned(), source }
    }
}
