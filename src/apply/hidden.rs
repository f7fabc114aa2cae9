//! Columns that versions hide in the tables of a database.

use super::Bundle;
use crate::db::{Database, DbError};
use crate::dialect::Direction;
use crate::dialect::hide::books;
use crate::dialect::hide::in_the_way::{Found, Holders, touches_tables};
use crate::text::{Ident, QName};

/// A hidden column of a live table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HiddenColumn {
    pub(super) kept: String,
    pub(super) table: QName,
    pub(super) column: Ident,
    /// What the rows of the table take; 0 on SQLite, which is asked itself.
    pub(super) table_bytes: u64,
    /// How many rows hold a value, and the bytes of these, as the server remembers it.
    pub(super) estimate: Option<(u64, u64)>,
    pub(super) readable: bool,
    data_type: String,
    default: Option<String>,
}

/// All of them.
///
/// # Errors
/// The engine's own.
pub(super) fn hidden(database: &mut Database) -> Result<Vec<HiddenColumn>, DbError> {
    let rows = database.rows(&books::hidden_columns(database.dialect()))?;
    let read = |row: Vec<Option<String>>| {
        let mut cells = row.into_iter();
        let mut next = || cells.next().flatten();
        let number = |text: Option<String>| text.and_then(|text| text.parse::<u64>().ok());
        Some(HiddenColumn {
            kept: next()?,
            table: QName::new(&next()?, &next()?),
            column: Ident::new(next()?),
            table_bytes: number(next()).unwrap_or_default(),
            estimate: number(next()).zip(number(next())),
            readable: next().as_deref() == Some("t"),
            data_type: next().unwrap_or_default(),
            default: next(),
        })
    };
    Ok(rows.into_iter().filter_map(read).collect())
}

/// What a run would leave behind of other versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InTheWay {
    found: Found,
    /// The version that would run.
    version: String,
    way: Direction,
    /// Which of its ways has the step.
    step_of: Direction,
}

impl std::fmt::Display for InTheWay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Found { kept, table } = &self.found;
        let done = match self.way {
            Direction::Up => "applied",
            Direction::Down => "rolled back",
        };
        write!(
            f,
            "table `{table}` holds a hidden column of another version, kept as `{kept}`, and `{}` drops the table or writes \
             it anew{}, so that the values would be lost; nothing was {done}\n\
             help: roll back the version that hides it (`migrate status` names it), or throw its values away: \
             `migrate release {kept}`",
            self.version,
            self.when()
        )
    }
}

impl InTheWay {
    fn when(&self) -> &'static str {
        match self.step_of {
            Direction::Down if self.way == Direction::Up => " on its way back",
            Direction::Down | Direction::Up => "",
        }
    }
}

/// What runs would leave behind: hidden columns of other versions. Where the table has no rows there is nothing to lose. On a
/// way back there is nothing to lose either where all rows were written since the column was hidden: else a version
/// could not be taken back that was applied while there were none.
///
/// # Errors
/// The engine's own.
pub(super) fn left_behind(
    database: &mut Database,
    bundles: &[&Bundle],
    way: Direction,
) -> Result<Option<Box<InTheWay>>, DbError> {
    let both = |bundle: &&Bundle| match way {
        Direction::Up => touches_tables(bundle.up.iter().chain(&bundle.down), bundle.dialect),
        Direction::Down => touches_tables(&bundle.down, bundle.dialect),
    };
    if !bundles.iter().any(both) {
        return Ok(None);
    }
    let there = hidden(database)?;
    let found = there.iter().map(|it| Found { kept: it.kept.clone(), table: it.table.clone() });
    let mut holders = Holders::new(database.dialect(), found);
    for bundle in bundles {
        let tag = &bundle.plan.tag;
        let of = |way: Direction| move |found: Found| (way, found);
        let mut behind: Vec<(Direction, Found)> =
            holders.left_behind(bundle.steps(way), tag).into_iter().map(of(way)).collect();
        if way == Direction::Up {
            // What cannot be taken back is not done either.
            let back = holders.clone().left_behind(&bundle.down, tag);
            behind.extend(back.into_iter().map(of(Direction::Down)));
        }
        for (step_of, found) in behind {
            let is_lost = match (way, there.iter().find(|it| it.kept == found.kept)) {
                (Direction::Down, Some(column)) => has_values(database, column)?,
                (Direction::Down, None) | (Direction::Up, _) => has_rows(database, &found.table)?,
            };
            if is_lost {
                let version = bundle.name.clone();
                return Ok(Some(Box::new(InTheWay { found, version, way, step_of })));
            }
        }
    }
    Ok(None)
}

/// Whether a hidden column holds what rows that were written since would not.
fn has_values(database: &mut Database, column: &HiddenColumn) -> Result<bool, DbError> {
    let HiddenColumn { table, column: name, data_type, default, .. } = column;
    let shape = (data_type.as_str(), default.as_deref());
    let sql = books::any_value(table, name, shape, database.dialect());
    Ok(database.value(&sql)?.is_some())
}

/// A table that a plan before makes has no rows yet.
fn has_rows(database: &mut Database, table: &QName) -> Result<bool, DbError> {
    let there = database.value(&books::is_there(table, database.dialect()))?;
    Ok(there.is_some() && database.value(&books::any_row(table))?.is_some())
}
