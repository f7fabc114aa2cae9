//! The schema of a live database, read in one unchanging view.

use std::collections::BTreeMap;

use super::{Database, DbError, DbErrorKind, Mode};
use crate::catalog::Catalog;
use crate::dialect::{InspectError, InspectQuery, Joins, Sql, postgres, session, sqlite};
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
        self.inspect_as(postgres::inspect::catalog)
    }

    /// As `inspect_here`, with columns that versions hide, where the schema is made anew for a copy. A file of SQLite is
    /// copied as it is.
    ///
    /// # Errors
    /// As `inspect`.
    pub fn inspect_with_hidden(&mut self) -> Result<Catalog, DbError> {
        self.inspect_as(postgres::inspect::whole)
    }

    fn inspect_as(
        &mut self,
        read: fn(&postgres::inspect::Results) -> Result<Catalog, InspectError>,
    ) -> Result<Catalog, DbError> {
        match self.dialect() {
            Dialect::Postgres => {
                self.execute(&session::inspection())?;
                let answers =
                    self.answers(postgres::inspect::queries(), postgres::inspect::has_rows)?;
                read(&answers).map_err(|error| explain(&error, &self.describe()))
            }
            Dialect::Sqlite => {
                let queries = sqlite::inspect::queries().into_iter();
                let answers = queries.map(|query| Ok((query.name, self.rows(&query.sql)?)));
                let answers = answers.collect::<Result<_, DbError>>()?;
                sqlite::inspect::catalog(&answers)
                    .map_err(|error| explain(&error, &self.describe()))
            }
        }
    }

    /// The first value of each row.
    fn texts(&mut self, sql: &Sql) -> Result<Vec<String>, DbError> {
        match self {
            Database::Postgres(database) => database.texts(sql),
            Database::Sqlite(database) => {
                let rows = database.rows(sql)?;
                Ok(rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect())
            }
        }
    }

    /// Rows of one column of text, by the name of the query; of those that have rows as far as the others tell.
    fn answers<Name: From<&'static str> + Ord>(
        &mut self,
        queries: Vec<InspectQuery>,
        has_rows: impl Fn(&str, &BTreeMap<Name, Vec<String>>) -> Result<bool, InspectError>,
    ) -> Result<BTreeMap<Name, Vec<String>>, DbError> {
        let mut answers = BTreeMap::new();
        for query in queries {
            let place = self.describe();
            let mut texts = Vec::new();
            if has_rows(query.name, &answers).map_err(|error| explain(&error, &place))? {
                if query.joins == Joins::Hashed {
                    self.execute(&session::nested_loops(session::NestedLoops::Refused))?;
                }
                texts = self.texts(&query.sql)?;
                if query.joins == Joins::Hashed {
                    self.execute(&session::nested_loops(session::NestedLoops::Allowed))?;
                }
            }
            answers.insert(Name::from(query.name), texts);
        }
        Ok(answers)
    }
}

fn explain(error: &dyn std::error::Error, place: &str) -> DbError {
    DbError::new(DbErrorKind::Unsupported, format!("cannot read the schema of {place}: {error}"))
}
