//! One migrator at a time.
//!
//! PostgreSQL: a session lock on a connection of its own, polled, so that nothing waits inside the server. SQLite: the
//! write lock that `BEGIN IMMEDIATE` takes is the lock; nothing more is held here.

use std::time::{Duration, Instant};

use super::postgres::PostgresDb;
use super::{Database, DbError};
use crate::dialect::session;

/// How often a taken lock is looked at again.
const POLL: Duration = Duration::from_millis(200);

/// The outcome of asking for the lock.
pub enum Claim {
    Held(LockGuard),
    Busy(Holder),
}

/// Who holds the lock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holder {
    pub process: String,
    pub application: String,
    pub user: String,
    pub since: String,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "server process {} (application `{}`, user `{}`, connected since {})",
            self.process, self.application, self.user, self.since
        )
    }
}

/// Holds the lock until it is dropped.
pub struct LockGuard {
    session: Option<Box<PostgresDb>>,
}

impl LockGuard {
    /// Whether the lock is still held: a lost connection or an administrator may have freed it. Ask before each step.
    ///
    /// # Errors
    /// The connection that held it is gone.
    pub fn still_held(&mut self) -> Result<bool, DbError> {
        match &mut self.session {
            None => Ok(true),
            Some(session) => Ok(!session.rows(&session::migrator_lock_still_held())?.is_empty()),
        }
    }
}

impl Database {
    /// Asks for the one-migrator lock, for at most `patience`.
    ///
    /// # Errors
    /// The second connection cannot be opened.
    pub fn try_lock(&mut self, patience: Duration) -> Result<Claim, DbError> {
        let Database::Postgres(database) = self else {
            return Ok(Claim::Held(LockGuard { session: None }));
        };
        let mut session = Box::new(database.second()?);
        let start = Instant::now();
        loop {
            let rows = session.rows(&session::try_migrator_lock())?;
            if rows.first().and_then(|row| row.first()).cloned().flatten().as_deref() == Some("t") {
                return Ok(Claim::Held(LockGuard { session: Some(session) }));
            }
            if start.elapsed() >= patience {
                return Ok(Claim::Busy(holder(&mut session)?));
            }
            std::thread::sleep(POLL.min(patience.saturating_sub(start.elapsed())));
        }
    }
}

fn holder(session: &mut PostgresDb) -> Result<Holder, DbError> {
    let rows = session.rows(&session::migrator_lock_holder())?;
    let mut values =
        rows.into_iter().next().unwrap_or_default().into_iter().map(Option::unwrap_or_default);
    let mut next = || values.next().unwrap_or_default();
    Ok(Holder { process: next(), application: next(), user: next(), since: next() })
}
