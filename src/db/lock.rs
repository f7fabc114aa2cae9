//! One migrator at a time.
//!
//! PostgreSQL: a session lock on a connection of its own, polled, so that nothing waits inside the server; and a second one
//! on the connection that runs the steps, because a server goes on with a statement after its client was killed. SQLite:
//! the write lock that `BEGIN IMMEDIATE` takes is the lock; nothing more is held here.

use std::time::{Duration, Instant};

use super::postgres::PostgresDb;
use super::{Database, DbError, DbErrorKind};
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
    /// The second connection cannot be opened; a pooler stands between, so that no session is ours.
    pub fn try_lock(&mut self, patience: Duration) -> Result<Claim, DbError> {
        self.wait_for_turn(patience, &mut |_| {})
    }

    /// As [`Database::try_lock`]; says who is waited for, once for each.
    ///
    /// # Errors
    /// As `try_lock`.
    pub fn wait_for_turn(
        &mut self,
        patience: Duration,
        hear: &mut dyn FnMut(&Holder),
    ) -> Result<Claim, DbError> {
        let Database::Postgres(database) = self else {
            return Ok(Claim::Held(LockGuard { session: None }));
        };
        let mut session = Box::new(database.second()?);
        refuse_pooler(database, &mut session)?;
        let start = Instant::now();
        let turn = poll(&mut session, MigratorLock::Turn, (start, patience), hear)?;
        if let Some(holder) = turn {
            return Ok(Claim::Busy(holder));
        }
        match poll(database, MigratorLock::Work, (start, patience), hear)? {
            Some(holder) => Ok(Claim::Busy(holder)),
            None => Ok(Claim::Held(LockGuard { session: Some(session) })),
        }
    }

    /// Asks for the second lock alone, for a connection that takes the place of a lost one.
    ///
    /// # Errors
    /// The connection is lost.
    pub fn take_work(&mut self, patience: Duration) -> Result<Claim, DbError> {
        let Database::Postgres(database) = self else {
            return Ok(Claim::Held(LockGuard { session: None }));
        };
        let waiting = (Instant::now(), patience);
        Ok(match poll(database, MigratorLock::Work, waiting, &mut |_| {})? {
            Some(holder) => Claim::Busy(holder),
            None => Claim::Held(LockGuard { session: None }),
        })
    }

    /// Frees what [`Database::try_lock`] took on this connection. A lost connection has freed it by itself.
    pub fn end_turn(&mut self) {
        if let Database::Postgres(database) = self {
            let _ = database.rows(&session::free_migrator_lock(MigratorLock::Work));
        }
    }
}

/// Asks for a lock until it is had, or patience ends: then who has it.
fn poll(
    session: &mut PostgresDb,
    lock: MigratorLock,
    (start, patience): (Instant, Duration),
    hear: &mut dyn FnMut(&Holder),
) -> Result<Option<Holder>, DbError> {
    let mut told = String::new();
    loop {
        let rows = session.rows(&session::try_migrator_lock(lock))?;
        if rows.first().and_then(|row| row.first()).cloned().flatten().as_deref() == Some("t") {
            return Ok(None);
        }
        let holder = holder(session, lock)?;
        if start.elapsed() >= patience {
            return Ok(Some(holder));
        }
        // One that has let go in between has no process.
        if holder.process != told && !holder.process.is_empty() {
            hear(&holder);
            told.clone_from(&holder.process);
        }
        std::thread::sleep(POLL.min(patience.saturating_sub(start.elapsed())));
    }
}

/// A pooler that gives a server session to whoever has a transaction makes a lock of a session worth nothing: it stays with
/// the server session, which others use next. It shows where a transaction of one connection gets the server process of the
/// other, or the other another one meanwhile.
fn refuse_pooler(first: &mut PostgresDb, second: &mut PostgresDb) -> Result<(), DbError> {
    let before = first.process()?;
    second.begin(session::Mode::Write)?;
    let own = second.process();
    let after = first.process();
    second.rollback()?;
    if own? != before && after? == before {
        return Ok(());
    }
    Err(DbError::new(
        DbErrorKind::Unsupported,
        format!(
            "{} is a pooler that hands server sessions on between transactions (PgBouncer's `pool_mode = transaction`), so a \
             migrator's lock and timeouts would be somebody else's",
            first.url()
        ),
    )
    .hint("connect to the server itself, or to a pool in session mode"))
}

fn holder(session: &mut PostgresDb, lock: MigratorLock) -> Result<Holder, DbError> {
    let rows = session.rows(&session::migrator_lock_holder(lock))?;
    let mut values =
        rows.into_iter().next().unwrap_or_default().into_iter().map(Option::unwrap_or_default);
    let mut next = || values.next().unwrap_or_default();
    Ok(Holder { process: next(), application: next(), user: next(), since: next(), query: next() })
}
