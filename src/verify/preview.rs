//! What a repair would change, asked of the rows; nothing is written.

use serde::Serialize;

use super::keys::HIDDEN;
use super::verdict::VerifyError;
use crate::db::{Database, Mode, Row};
use crate::dialect::Sql;
use crate::dialect::repair::{Certainty, Mended};

/// A repair with the rows that it would change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Preview {
    pub rule: String,
    pub strategy: String,
    pub table: String,
    /// What it does, for people.
    pub says: String,
    /// How many rows break the rule.
    pub broken: u64,
    /// How many rows it changes, or moves.
    pub changed: u64,
    /// How many rows still break the rule then; `None` where only asking again tells.
    pub left: Option<u64>,
    /// The names of the key, and of the columns that change.
    pub keys: Vec<String>,
    pub columns: Vec<String>,
    /// Some of the rows: the key, then for each column the value before and after.
    pub sample: Vec<Row>,
    /// Where old values or moved rows lie until they are released.
    pub kept: String,
    /// The statements of the way there.
    pub sql: Vec<Sql>,
}

/// Asks what repairs would change, in one unchanging view of the data.
///
/// # Errors
/// The engine refused a query: a value that a person chose may be none of the column's type.
pub fn preview(database: &mut Database, mended: &[Mended]) -> Result<Vec<Preview>, VerifyError> {
    database.within(Mode::Snapshot, |database| {
        super::settle(database)?;
        mended.iter().map(|it| one(database, it)).collect()
    })
}

fn one(database: &mut Database, mended: &Mended) -> Result<Preview, VerifyError> {
    let named = |source| VerifyError { rule: mended.rule.clone(), source };
    let counts = database.rows(&mended.count).map_err(named)?;
    let number = |at: usize| {
        let value = counts.first().and_then(|row| row.get(at).cloned().flatten());
        value.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0)
    };
    let (broken, changed) = (number(0), number(1));
    let rows =
        if changed == 0 { Vec::new() } else { database.rows(&mended.sample).map_err(named)? };
    let pairs = mended.columns.iter().flat_map(|column| [column, column]);
    let names: Vec<&String> = mended.keys.iter().chain(pairs).collect();
    let hidden = |row: Row| -> Row {
        let each = row.into_iter().enumerate().map(|(at, value)| {
            let is_personal = names.get(at).is_some_and(|name| mended.personal.contains(*name));
            if is_personal { value.map(|_| HIDDEN.to_owned()) } else { value }
        });
        each.collect()
    };
    Ok(Preview {
        rule: mended.rule.clone(),
        strategy: mended.strategy.clone(),
        table: mended.table.to_string(),
        says: mended.says.clone(),
        broken,
        changed,
        left: match (mended.certainty, mended.columns.is_empty()) {
            (Certainty::Unknown, _) => None,
            // Of rows that go all are gone; of those with the same key one stays.
            (Certainty::Holds, true) => Some(0),
            (Certainty::Holds, false) => Some(broken.saturating_sub(changed)),
        },
        keys: mended.keys.clone(),
        columns: mended.columns.clone(),
        sample: rows.into_iter().map(hidden).collect(),
        kept: mended.kept.clone(),
        sql: mended.up.iter().flat_map(|step| step.statements.clone()).collect(),
    })
}
