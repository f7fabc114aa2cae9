//! The schema of a live database, read in one unchanging view.

use std::collections::BTreeMap;

use super::{Database, DbError, DbErrorKind, Mode};
use crate::catalog::Catalog;
use crate::dialect::{InspectError, postgres, session, sqlite};
use crate::text::Dialect;

impl Database {
    /// Reads the schema in a transaction of its own.
    ///
    /// # Errors
    /// The engine's own; `Unsupported` lists every object that cannot be carried.
    pub fn inspect(&mut self) -> Result<Catalog, DbError> {
        self.within(Mode::Snapshot, Database::inspect_within)
    }

    /// Reads the schema in the transaction that is open. On PostgreSQL names in later statements of the transaction
    /// must carry their schema.
    ///
    /// # Errors
    /// As [`Database::inspect`].
    pub fn inspect_within(&mut self) -> Result<Catalog, DbError> {
        let queries = match self.dialect() {
            Dialect::Postgres => {
                self.execute(&session::empty_search_path())?;
                postgres::inspect::queries()
            }
            Dialect::Sqlite => sqlite::inspect::queries(),
        };
        let mut answers = BTreeMap::new();
        for query in queries {
            let rows = self.rows(&query.sql)?;
            let texts: Vec<String> = rows.into_iter().flatten().flatten().collect();
            answers.insert(query.name, texts);
        }
        let catalog = match self.dialect() {
            Dialect::Postgres => postgres::inspect::catalog(&answers),
            Dialect::Sqlite => sqlite::inspect::catalog(&answers),
        };
        catalog.map_err(|error| {
            let hint = match error {
                InspectError::Unsupported(_) => "nothing was changed",
                InspectError::Unreadable { .. } => "please report this with the server's version",
            };
            DbError::new(DbErrorKind::Unsupported, error.to_string()).hint(hint)
        })
    }
}
