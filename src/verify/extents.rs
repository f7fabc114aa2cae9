//! How many rows tables have, counted once within one unchanging view of the data.

use std::collections::HashMap;
use std::sync::Mutex;

use crate::db::{Database, DbError, DbErrorKind};
use crate::dialect::check::reading::{Slice, Source};

/// The numbers of rows that are known already, by the query that counts them.
#[derive(Default)]
pub(super) struct Extents(Mutex<HashMap<String, u64>>);

impl Extents {
    /// How many rows a source has.
    ///
    /// # Errors
    /// What the server says.
    pub(super) fn of(&self, database: &mut Database, source: &Source) -> Result<u64, DbError> {
        let sql = source.count(Slice::All);
        let known = self.lock().get(&sql.to_string()).copied();
        if let Some(rows) = known {
            return Ok(rows);
        }
        let text = database.value(&sql)?;
        let rows = text.and_then(|text| text.parse().ok()).ok_or_else(|| {
            DbError::new(DbErrorKind::Unsupported, "the server's count is no number")
        })?;
        self.learn(source, rows);
        Ok(rows)
    }

    /// A scan of all rows has counted them.
    pub(super) fn learn(&self, source: &Source, rows: u64) {
        self.lock().insert(source.count(Slice::All).to_string(), rows);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, u64>> {
        self.0.lock().unwrap_or_else(|poison| poison.into_inner())
    }
}
