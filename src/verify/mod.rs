//! Asks rows whether they satisfy rules: counts, keys and values of the rows that do not.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::catalog::rule::Enforce;
use crate::db::{Database, DbError, Mode, Row};
use crate::dialect::check::{Check, Part};

/// What the rows say to a list of checks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// How many rules were asked.
    pub checked: usize,
    /// How many rows were read at most for one rule, added up over tables.
    pub rows: u64,
    pub violations: Vec<Violation>,
    /// Rules that could not be asked before a violation above is repaired.
    pub skipped: Vec<String>,
}

impl Verdict {
    /// Whether something fails (warnings do not).
    pub fn fails(&self) -> bool {
        self.violations.iter().any(|violation| violation.enforce != Enforce::Warn)
    }

    /// Adds what another list of checks found.
    pub fn extend(&mut self, other: Verdict) {
        self.checked += other.checked;
        self.rows = self.rows.max(other.rows);
        self.violations.extend(other.violations);
        self.skipped.extend(other.skipped);
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
    /// How many rows break the rule, of how many.
    pub rows: u64,
    pub of: u64,
    /// Names of the key columns, then of the shown values.
    pub keys: Vec<String>,
    pub values: Vec<String>,
    /// Some of the rows: key values, then shown values; `None` is NULL.
    pub sample: Vec<Row>,
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

/// Asks every check in one unchanging view of the data. `before_each` hears the name of each rule.
///
/// # Errors
/// The engine refused a query; nothing was changed.
pub fn verify(
    database: &mut Database,
    checks: &[Check],
    before_each: &mut dyn FnMut(&str),
) -> Result<Verdict, VerifyError> {
    database.within(Mode::Snapshot, |database| ask_all(database, checks, before_each))
}

/// Asks every check in the transaction that is open.
///
/// # Errors
/// The engine refused a query.
pub fn ask_all(
    database: &mut Database,
    checks: &[Check],
    before_each: &mut dyn FnMut(&str),
) -> Result<Verdict, VerifyError> {
    let mut verdict = Verdict::default();
    let mut blocked: BTreeSet<&str> = BTreeSet::new();
    for check in checks {
        if blocked.contains(check.table.as_str()) {
            verdict.skipped.push(check.rule.clone());
            continue;
        }
        before_each(&check.rule);
        let found = ask(database, check)
            .map_err(|source| VerifyError { rule: check.rule.clone(), source })?;
        verdict.checked += 1;
        verdict.rows = verdict.rows.max(found.of);
        if found.rows > 0 {
            if check.part == Part::Guard {
                blocked.insert(&check.table);
            }
            verdict.violations.push(found);
        }
    }
    Ok(verdict)
}

fn ask(database: &mut Database, check: &Check) -> Result<Violation, DbError> {
    let counts = database.rows(&check.count)?;
    let number = |position: usize| -> u64 {
        let value = counts.first().and_then(|row| row.get(position)).cloned().flatten();
        value.and_then(|text| text.parse().ok()).unwrap_or(0)
    };
    let (rows, of) = (number(0), number(1));
    let sample = if rows > 0 { database.rows(&check.sample)? } else { Vec::new() };
    Ok(Violation {
        rule: check.rule.clone(),
        table: check.table.clone(),
        message: check.message.clone(),
        enforce: check.enforce,
        origin: check.origin,
        rows,
        of,
        keys: check.keys.clone(),
        values: check.values.clone(),
        sample,
    })
}
