//! Numbers that a contract compares.

use super::verdict::{Unasked, Verdict, VerifyError, Violation};
use crate::db::{Database, DbError, DbErrorKind, Mode};
use crate::dialect::check::Fault;
use crate::dialect::contract::{Expect, Measured, Unit};
use crate::dialect::session;

/// Asks for numbers, in one unchanging view of the data; what cannot be asked is named, and the others are asked.
///
/// # Errors
/// The connection was lost.
pub fn measure(
    database: &mut Database,
    measured: &[Measured],
    hear: &mut dyn FnMut(&str),
) -> Result<Verdict, VerifyError> {
    let mut verdict = Verdict::default();
    database.within(Mode::Snapshot, |database| {
        super::settle(database)?;
        for it in measured {
            hear(&it.rule);
            database.execute(&session::savepoint())?;
            match number(database, it) {
                Ok(found) => {
                    database.execute(&session::release_savepoint())?;
                    verdict.checked += 1;
                    verdict.violations.extend(violation(it, found));
                }
                Err(source) if source.kind == DbErrorKind::Connect => {
                    return Err(VerifyError { rule: it.rule.clone(), source });
                }
                Err(source) => {
                    database.execute(&session::rollback_to_savepoint())?;
                    verdict.unasked.push(Unasked {
                        rule: it.rule.clone(),
                        table: it.table.clone(),
                        origin: Some(it.origin),
                        file: None,
                        reason: source.message.clone(),
                    });
                }
            }
        }
        Ok(verdict)
    })
}

/// What a query answered.
struct Found {
    value: f64,
    /// How many rows, where it counts rows.
    rows: u64,
    of: u64,
}

fn number(database: &mut Database, measured: &Measured) -> Result<Found, DbError> {
    let rows = database.rows(&measured.sql)?;
    let none = |what: &str| DbError::new(DbErrorKind::Sql, format!("its query answers {what}"));
    let [row] = rows.as_slice() else { return Err(none("not one row")) };
    let text = row.first().cloned().flatten().ok_or_else(|| none("NULL"))?;
    let value = match text.as_str() {
        "t" | "true" => 1.0,
        "f" | "false" => 0.0,
        text => text.parse::<f64>().map_err(|_| none(&format!("`{text}`, which is no number")))?,
    };
    let of = row.get(1).cloned().flatten().and_then(|text| text.parse().ok());
    let rows = if of.is_some() { text.parse().unwrap_or(0) } else { 0 };
    let of: u64 = of.unwrap_or(0);
    let value = match measured.unit {
        Unit::Rows => value,
        Unit::Percent if of == 0 => 0.0,
        Unit::Percent => value * 100.0 / of as f64,
    };
    Ok(Found { value, rows, of })
}

fn violation(measured: &Measured, found: Found) -> Option<Violation> {
    let failed: Vec<String> = measured
        .expect
        .iter()
        .filter(|expect| !expect.holds(found.value))
        .map(Expect::says)
        .collect();
    if failed.is_empty() {
        return None;
    }
    let unit = match measured.unit {
        Unit::Rows => "",
        Unit::Percent => " percent",
    };
    let value = (found.value * 1000.0).round() / 1000.0;
    let what = format!("it is {value}{unit}, and must be {}", failed.join(" and "));
    let message = match &measured.message {
        Some(message) => format!("{message} ({what})"),
        None => what,
    };
    Some(Violation {
        code: Fault::Condition.code(),
        rule: measured.rule.clone(),
        table: measured.table.clone(),
        message,
        enforce: measured.enforce,
        origin: Some(measured.origin),
        file: None,
        rows: found.rows,
        of: found.of,
        known: None,
        keys: Vec::new(),
        values: Vec::new(),
        sample: Vec::new(),
        seen: None,
        estimate: None,
        repairs: Vec::new(),
    })
}
