//! One migrator at a time.
//!
//! PostgreSQL: a session lock on a connection of its own, polled, so that nothing waits inside the server; and a second one
//! on the connection that runs the steps, because a server goes on with a statement after its client was killed. SQLite:
//! the write lock that `BEGIN IMMEDIATE` takes is the lock; nothing more is held here.

use std::time::{Duration, Instant};

use super::postgres::PostgresDb;
use super::{Database, DbError};
use crate::dialect::session::{self, MigratorLock};

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
    /// The statement that it runs now; empty where it runs none.
    pub query: String,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "server process {} (application `{}`, user `{}`, connected since {})",
            self.process, self.application, self.user, self.since
        )?;
        if self.query.is_empty() { Ok(()) } else { write!(f, ", which runs `{}`", self.query) }
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
            Some(session) => Ok(!session
                .rows(&session::migrator_lock_still_held(MigratorLock::Turn))?
                .is_empty()),
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
        for (lock, own) in [(MigratorLock::Turn, true), (MigratorLock::Work, false)] {
            loop {
                let asked = session::try_migrator_lock(lock);
                let rows = if own { session.rows(&asked)? } else { database.rows(&asked)? };
                if rows.first().and_then(|row| row.first()).cloned().flatten().as_deref()
                    == Some("t")
                {
                    break;
                }
                if start.elapsed() >= patience {
                    return Ok(Claim::Busy(holder(&mut session, lock)?));
                }
                std::thread::sleep(POLL.min(patience.saturating_sub(start.elapsed())));
            }
        }
        Ok(Claim::Held(LockGuard { session: Some(session) }))
    }

    /// Frees what [`Database::try_lock`] took on this connection. A lost connection has freed it by itself.
    pub fn end_turn(&mut self) {
        if let Database::Postgres(database) = self {
            let _ = database.rows(&session::free_migrator_lock(MigratorLock::Work));
        }
    }
}

fn holder(session: &mut PostgresDb, lock: MigratorLock) -> Result<Holder, DbError> {
    let rows = session.rows(&session::migrator_lock_holder(lock))?;
    let mut values =
        rows.into_iter().next().unwrap_or_default().into_iter().map(Option::unwrap_or_default);
    let mut next = || values.next().unwrap_or_default();
    Ok(Holder { process: next(), application: next(), user: next(), since: next(), query: next() })
}
