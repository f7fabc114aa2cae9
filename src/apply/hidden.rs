//! Columns that versions hide in the tables of a database.

use super::Bundle;
use crate::db::{Database, DbError};
use crate::dialect::Direction;
use crate::dialect::hide::books;
use crate::dialect::hide::in_the_way::{Found, Holders};
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

/// Refuses runs that would leave hidden columns of other versions behind. Where the table has no rows there is nothing to
/// lose.
///
/// # Errors
/// The engine's own.
pub(super) fn left_behind(
    database: &mut Database,
    bundles: &[&Bundle],
    way: Direction,
) -> Result<Option<Box<InTheWay>>, DbError> {
    let found = hidden(database)?;
    let found = found.into_iter().map(|it| Found { kept: it.kept, table: it.table });
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
            if has_rows(database, &found.table)? {
                let version = bundle.name.clone();
                return Ok(Some(Box::new(InTheWay { found, version, way, step_of })));
            }
        }
    }
    Ok(None)
}

/// A table that a plan before makes has no rows yet.
fn has_rows(database: &mut Database, table: &QName) -> Result<bool, DbError> {
    let there = database.value(&books::is_there(table, database.dialect()))?;
    Ok(there.is_some() && database.value(&books::any_row(table))?.is_some())
}
