//! Where rows lie that break a rule by what other rows say, by the database, from one scan.
//!
//! Rows that share a key: it groups once, and says of each group where one of its rows lies; the others are looked up by that row's key.
//! Rows beside which something stands that does not go with them: few are sent, so several processes of the server look.

use super::engine::Count;
use super::extents::Extents;
use crate::db::{Database, DbError, DbErrorKind, Row};
use crate::dialect::check::Check;
use crate::dialect::check::reading::RowPlace;
use crate::dialect::session;

/// How many rows, and where they lie; `None` where the check is none of a key, or too many rows break it.
///
/// # Errors
/// What the server says.
pub(super) fn groups(
    database: &mut Database,
    check: &Check,
    rows_max: usize,
    extents: &Extents,
) -> Result<Option<(Count, Vec<RowPlace>)>, DbError> {
    let (Some(sql), Some((source, _))) = (check.shared_keys(rows_max + 1), check.set_rule()) else {
        return Ok(None);
    };
    let found = database.rows(&sql)?;
    let (mut places, mut rows) = (Vec::new(), 0);
    for row in &found {
        places.push(place(row)?);
        rows += number(row.get(1).cloned().flatten())?;
    }
    if found.len() > rows_max || rows > rows_max as u64 {
        return Ok(None);
    }
    let of = extents.of(database, source)?;
    if let (false, Some(sql)) = (places.is_empty(), check.sharing(&places, rows_max + 1)) {
        let all = database.rows(&sql)?;
        places = all.iter().map(place).collect::<Result<_, _>>()?;
        places.sort_unstable();
    }
    Ok((places.len() as u64 == rows).then_some((Count { rows, of }, places)))
}

/// How many rows, and where they lie; `None` where the check does not look beside rows, or too many rows break it.
///
/// # Errors
/// What the server says.
pub(super) fn beside(
    database: &mut Database,
    check: &Check,
    rows_max: usize,
    extents: &Extents,
) -> Result<Option<(Count, Vec<RowPlace>)>, DbError> {
    let (Some(sql), Some(source)) = (check.breaking_beside(rows_max + 1), check.source()) else {
        return Ok(None);
    };
    database.rows(&session::few_are_sent())?;
    let found = database.rows(&sql)?;
    database.rows(&session::as_usual())?;
    if found.len() > rows_max {
        return Ok(None);
    }
    let mut places: Vec<RowPlace> = found.iter().map(place).collect::<Result<_, _>>()?;
    places.sort_unstable();
    let of = extents.of(database, source)?;
    Ok(Some((Count { rows: places.len() as u64, of }, places)))
}

fn number(text: Option<String>) -> Result<u64, DbError> {
    text.and_then(|text| text.parse().ok()).ok_or_else(broken)
}

/// Reads `(block,position)`.
fn place(row: &Row) -> Result<RowPlace, DbError> {
    let text = row.first().and_then(Option::as_deref).unwrap_or_default();
    let parts = text.trim_matches(['(', ')']).split_once(',');
    let read = parts.and_then(|(block, position)| {
        let (block, position) = (block.parse().ok()?, position.parse().ok()?);
        Some(RowPlace { table: 0, block, position })
    });
    read.ok_or_else(broken)
}

fn broken() -> DbError {
    DbError::new(DbErrorKind::Unsupported, "the server's rows are not what was asked for")
}
