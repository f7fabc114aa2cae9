//! What rows say to rules.

use serde::Serialize;

use crate::catalog::rule::Enforce;
use crate::db::{DbError, Row};
use crate::dialect::check::Check;
use crate::dialect::check::sample::Sample;

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
    /// Tables of which only some rows were looked at by rules that look at rows one by one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sampled: Vec<Sampled>,
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

    /// Says of tables of which only some rows were asked what that means. `samples` tells how many rows there are.
    pub fn estimate(&mut self, samples: &[(String, Sample)]) {
        for (table, sample) in samples {
            let is_partial = |it: &&mut Violation| it.table == *table && it.of < sample.of;
            for violation in self.violations.iter_mut().filter(is_partial) {
                violation.estimate = Some(Estimate::of(violation.rows, violation.of, sample.of));
            }
            let Sample { rows, of } = *sample;
            let unseen = Estimate::of(0, rows, of).most;
            self.sampled.push(Sampled { table: table.clone(), rows, of, unseen });
        }
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
        self.sampled.extend(other.sampled);
        self.unasked.extend(other.unasked);
        self.notes.extend(other.notes);
    }
}

/// Rows that break one rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// What is wrong with the rows: `migrate explain CODE` says more.
    pub code: &'static str,
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
    /// How many of all rows may break the rule, where only some were looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimate: Option<Estimate>,
    /// Ways to repair the rows, the plainest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub repairs: Vec<Proposed>,
}

/// A table of which only some rows were looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sampled {
    pub table: String,
    /// How many rows were looked at, of about how many.
    pub rows: u64,
    pub of: u64,
    /// A rule that none of these rows breaks may be broken by so many of all rows.
    pub unseen: u64,
}

/// How many rows, with a confidence of 95 percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Estimate {
    pub least: u64,
    pub most: u64,
}

impl Estimate {
    /// What so many of some rows say of `all`. Source: E. B. Wilson, "Probable inference, the law of succession, and
    /// statistical inference", 1927.
    pub fn of(found: u64, looked_at: u64, all: u64) -> Self {
        let (found_f, n, all_f) = (found as f64, (looked_at as f64).max(1.0), all as f64);
        let z2 = 1.96_f64 * 1.96;
        let (share, scale) = (found_f / n, 1.0 / (1.0 + z2 / n));
        let middle = scale * (share + z2 / (2.0 * n));
        let spread = scale * (z2 * (share * (1.0 - share) / n + z2 / (4.0 * n * n))).sqrt();
        let least = ((middle - spread).max(0.0) * all_f).floor() as u64;
        let most = ((middle + spread).min(1.0) * all_f).ceil() as u64;
        // What was found is there, and what was looked at and holds is not.
        let whole = looked_at.saturating_sub(found);
        Estimate { least: least.max(found), most: most.min(all.saturating_sub(whole)).max(found) }
    }
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
