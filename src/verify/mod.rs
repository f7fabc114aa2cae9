//! Asks rows whether they satisfy rules: counts, keys and values of the rows that do not.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::catalog::rule::Enforce;
use crate::db::{Database, DbError, Mode, Row};
use crate::dialect::check::{Check, Part, SCAN, scan, share_rows};
use crate::dialect::{Sql, session};

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
    /// Rules that speak of a function or a type which the plan itself makes: the engine asks them in the step.
    pub left_to_engine: Vec<String>,
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
        self.left_to_engine.extend(other.left_to_engine);
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
    for group in groups(checks) {
        let table = group[0].table.as_str();
        if blocked.contains(table) {
            verdict.skipped.extend(group.iter().map(|check| check.rule.clone()));
            continue;
        }
        before_each(&group[0].rule);
        let answers = ask_if_known(database, group)?;
        verdict.checked += group.len();
        for (check, violation) in group.iter().zip(answers) {
            let Some(violation) = violation else {
                verdict.left_to_engine.push(check.rule.clone());
                continue;
            };
            verdict.rows = verdict.rows.max(violation.of);
            if violation.rows == 0 {
                continue;
            }
            if check.part == Part::Guard {
                blocked.insert(table);
            }
            verdict.violations.push(violation);
        }
    }
    Ok(verdict)
}

/// The answers to a group; `None` for a rule of the database that speaks of what the plan has yet to make.
fn ask_if_known(
    database: &mut Database,
    group: &[Check],
) -> Result<Vec<Option<Violation>>, VerifyError> {
    database.execute(&session::savepoint())?;
    let outcome = ask_group(database, group);
    match outcome {
        Ok(found) => {
            database.execute(&session::release_savepoint())?;
            Ok(found.into_iter().map(Some).collect())
        }
        Err(error) if speaks_of_the_new(&error.source) => {
            database.execute(&session::rollback_to_savepoint())?;
            match group {
                [only] if only.enforce == Enforce::Database => Ok(vec![None]),
                [_] | [] => Err(error),
                [..] => {
                    let each = group.chunks(1).map(|one| ask_if_known(database, one));
                    Ok(each.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
                }
            }
        }
        Err(error) => Err(error),
    }
}

/// Something that a query names is not there: a type, a function, a table, a schema, an operator. Source: PostgreSQL
/// manual, appendix A, class 42 and 3F.
fn speaks_of_the_new(error: &DbError) -> bool {
    let code = error.sqlstate.as_deref();
    code.is_some_and(|code| ["42704", "42883", "42P01", "3F000"].contains(&code))
}

/// Neighbours that look at the same rows are asked in one scan.
fn groups(checks: &[Check]) -> impl Iterator<Item = &[Check]> {
    checks
        .chunk_by(share_rows)
        .flat_map(|group| group.chunks(if group.len() > 1 { SCAN } else { 1 }))
}

fn ask_group(database: &mut Database, group: &[Check]) -> Result<Vec<Violation>, VerifyError> {
    let names: Vec<&str> = group.iter().map(|check| check.rule.as_str()).collect();
    let named = |source| VerifyError { rule: names.join(", "), source };
    let counts = match (group, scan(group)) {
        ([_, _, ..], Some(sql)) => {
            let numbers = numbers(database, &sql).map_err(named)?;
            let (counts, all) = numbers.split_at(group.len().min(numbers.len()));
            let all = all.first().copied().unwrap_or(0);
            counts.iter().map(|count| (*count, all)).collect::<Vec<_>>()
        }
        _ => {
            let mut counts = Vec::new();
            for check in group {
                let numbers = numbers(database, &check.count).map_err(named)?;
                let number = |position: usize| numbers.get(position).copied().unwrap_or(0);
                counts.push((number(0), number(1)));
            }
            counts
        }
    };
    group
        .iter()
        .zip(counts)
        .map(|(check, (rows, of))| violation(database, check, rows, of).map_err(named))
        .collect()
}

/// The one row of numbers that a counting query answers.
fn numbers(database: &mut Database, sql: &Sql) -> Result<Vec<u64>, DbError> {
    let rows = database.rows(sql)?;
    let row = rows.into_iter().next().unwrap_or_default();
    Ok(row.into_iter().map(|value| value.and_then(|text| text.parse().ok()).unwrap_or(0)).collect())
}

fn violation(
    database: &mut Database,
    check: &Check,
    rows: u64,
    of: u64,
) -> Result<Violation, DbError> {
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
