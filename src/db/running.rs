//! The PostgreSQL sessions of this process, so that what they run can be stopped from another thread: a server goes on with
//! a statement for a while after its client has gone.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use postgres::CancelToken;

use super::postgres::cancel;
use super::url::PostgresUrl;

static OPEN: Mutex<BTreeMap<u64, (CancelToken, PostgresUrl)>> = Mutex::new(BTreeMap::new());

/// As long as this lives, the session is one of them.
pub(in crate::db) struct Running(u64);

pub(in crate::db) fn note(token: CancelToken, url: &PostgresUrl) -> Running {
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    let number = open.last_key_value().map_or(0, |(last, _)| last + 1);
    open.insert(number, (token, url.clone()));
    Running(number)
}

impl Drop for Running {
    fn drop(&mut self) {
        OPEN.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

/// Asks every server to stop what it does for this process.
pub fn stop_all_statements() {
    let open = OPEN.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for (token, url) in open.values() {
        // A server that is gone does nothing any more.
        let _ = cancel(token, url);
    }
}
