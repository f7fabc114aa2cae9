//! The database itself as its own shadow: everything happens in one transaction that is rolled back. For those who can
//! have no other, because what it locks stays locked until the end.

use super::ShadowError;
use super::extent::Provider;
use super::options::{Protection, SnapshotOptions};
use super::snapshot::{Place, Shadow, whole};
use crate::db::{Access, Database, Mode, OpenOptions};

pub(super) fn open(
    source: &mut Database,
    options: &SnapshotOptions,
) -> Result<Shadow, ShadowError> {
    let unfit = |reason: String| Err(ShadowError::Unfit { provider: "transaction", reason });
    if options.protection == Protection::Protected {
        return unfit(format!("{} is protected: nothing is rehearsed on it", source.describe()));
    }
    if options.scope.reaches_server() {
        return unfit("the plan touches what all databases of the server share".to_owned());
    }
    let Database::Postgres(postgres) = &*source else {
        return unfit("a SQLite database is copied as a file (`--shadow file`)".to_owned());
    };
    let url = crate::db::DatabaseUrl::Postgres(Box::new(postgres.url().clone()));
    let mut database = Database::open_with(&url, Access::ReadWrite, &OpenOptions::default())?;
    database.begin(Mode::Write)?;
    if let Database::Postgres(postgres) = &mut database {
        postgres.nest();
    }
    let reason = "the database itself, in a transaction that is rolled back".to_owned();
    let extent = whole(&mut database, Provider::Transaction, reason)?;
    let warnings = vec![
        "what the plan locks stays locked until the rehearsal ends, and sequences that it uses stay advanced"
            .to_owned(),
    ];
    Ok(Shadow::new(Place::Itself(Box::new(database)), extent, warnings))
}

/// Ends the transaction without a trace.
pub(super) fn end(database: &mut Database) {
    if let Database::Postgres(postgres) = database {
        postgres.unnest();
    }
    // A lost connection has rolled back by itself.
    let _ = database.rollback();
}
