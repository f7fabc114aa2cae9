//! The schema of a live database, read in one unchanging view.

use std::collections::BTreeMap;

use super::{Database, DbError, DbErrorKind, Mode};
use crate::catalog::Catalog;
use crate::dialect::{InspectQuery, postgres, session, sqlite};
use crate::text::Dialect;

impl Database {
    /// The schema, without bookkeeping and engine schemas.
    ///
    /// # Errors
    /// What the engine says; `Unsupported`, naming every object that cannot be carried.
    pub fn inspect(&mut self) -> Result<Catalog, DbError> {
        self.within(Mode::Snapshot, Database::inspect_here)
    }

    /// The schema as the open transaction sees it.
    ///
    /// # Errors
    /// As `inspect`.
    pub fn inspect_here(&mut self) -> Result<Catalog, DbError> {
        match self.dialect() {
            Dialect::Postgres => {
                self.execute(&session::inspection())?;
                let answers = self.answers(postgres::inspect::queries())?;
                postgres::inspect::catalog(&answers)
                    .map_err(|error| explain(&error, &self.describe()))
            }
            Dialect::Sqlite => {
                let answers = self.answers(sqlite::inspect::queries())?;
                sqlite::inspect::catalog(&answers)
                    .map_err(|error| explain(&error, &self.describe()))
            }
        }
    }

    /// Rows of one column of text, by the name of the query.
    fn answers<Name: From<&'static str> + Ord>(
        &mut self,
        queries: Vec<InspectQuery>,
    ) -> Result<BTreeMap<Name, Vec<String>>, DbError> {
        queries
            .into_iter()
            .map(|query| {
                let rows = self.rows(&query.sql)?;
                let texts = rows.into_iter().filter_map(|row| row.into_iter().next().flatten());
                Ok((Name::from(query.name), texts.collect()))
            })
            .collect()
    }
}

fn explain(error: &dyn std::error::Error, place: &str) -> DbError {
    DbError::new(DbErrorKind::Unsupported, format!("cannot read the schema of {place}: {error}"))
}
