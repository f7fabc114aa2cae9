//! Sees who blocks a session that waits for a lock, from a connection of its own. Made only when something takes a while.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::postgres::PostgresDb;
use super::{Access, Database, DbError};
use crate::dialect::session;

/// Before a step has run for so long, nobody asks who blocks it.
const PATIENCE: Duration = Duration::from_millis(400);
/// How often it is asked from then on.
const POLL: Duration = Duration::from_millis(150);

/// Hears of a session that blocks, in words.
pub type Tell = Box<dyn FnMut(&str) + Send>;

/// Watches until it is dropped.
pub struct Watchdog {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    seen: Arc<Mutex<Option<String>>>,
    crowded: Arc<AtomicBool>,
}

impl Watchdog {
    /// The session that blocked last, in words; asked for once.
    pub fn take_seen(&self) -> Option<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Set when others wait for a lock of the session; whoever reads it takes it back.
    pub fn crowded(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.crowded)
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It only reads; whatever stopped it is no fault of the run.
            let _ = thread.join();
        }
    }
}

impl Database {
    /// Watches this session. SQLite has one lock, and its holder is unknown to it.
    ///
    /// # Errors
    /// The connection is lost.
    pub fn watchdog(&mut self, mut tell: Tell) -> Result<Option<Watchdog>, DbError> {
        let Database::Postgres(database) = self else { return Ok(None) };
        let process = database.process()?;
        let (url, options) = (database.url().clone(), database.options().clone());
        let seen = Arc::new(Mutex::new(None));
        let (stop, stopped) = channel::<()>();
        let shared = Arc::clone(&seen);
        let crowded = Arc::new(AtomicBool::new(false));
        let crowd = Arc::clone(&crowded);
        let thread = std::thread::spawn(move || {
            if stopped.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            // Without a second connection the run goes on unwatched.
            let Ok(mut session) = PostgresDb::open(&url, Access::ReadOnly, &options) else {
                return;
            };
            let mut last = String::new();
            loop {
                if let Ok(Some(words)) = blocker(&mut session, &process) {
                    if words.0 != last {
                        tell(&words.1);
                        last.clone_from(&words.0);
                    }
                    *shared.lock().unwrap_or_else(PoisonError::into_inner) = Some(words.1);
                }
                let waiting = session.rows(&session::anyone_waiting_for(&process));
                if waiting.is_ok_and(|rows| !rows.is_empty()) {
                    crowd.store(true, Ordering::Relaxed);
                }
                if stopped.recv_timeout(POLL) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        });
        Ok(Some(Watchdog { stop: Some(stop), thread: Some(thread), seen, crowded }))
    }
}

/// Process and words of the session that blocks.
fn blocker(session: &mut PostgresDb, process: &str) -> Result<Option<(String, String)>, DbError> {
    let rows = session.rows(&session::blockers(process))?;
    let Some(row) = rows.into_iter().next() else { return Ok(None) };
    let mut cells = row.into_iter().map(Option::unwrap_or_default);
    let mut next = || cells.next().unwrap_or_default();
    let (process, application, user, age, state, query) =
        (next(), next(), next(), next(), next(), next());
    let words = format!(
        "server process {process} (application `{application}`, user `{user}`, {state}, transaction open for {age} s): {query}"
    );
    Ok(Some((process, words)))
}
