//! What is to be removed when the process is told to end: guards do it where the program runs to its end, and the next
//! start does it for processes that were killed. This is for Ctrl-C in between.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::db::DatabaseUrl;
use crate::db::pause::Ask;

static OPEN: Mutex<BTreeMap<u64, Leftover>> = Mutex::new(BTreeMap::new());

/// Something that must not outlast the process.
#[derive(Clone, Debug)]
pub(in crate::shadow) enum Leftover {
    /// A folder with a copy of people's rows.
    Folder(PathBuf),
    /// A database on a server that is not ours.
    Database { server: DatabaseUrl, name: String },
    /// What is in a database that was given to us empty.
    Given(DatabaseUrl),
}

/// As long as this lives, the thing is to be removed.
#[derive(Debug)]
pub(in crate::shadow) struct Noted(u64);

/// Notes that something is there, or is about to be.
pub(in crate::shadow) fn note(leftover: Leftover) -> Noted {
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    let number = open.last_key_value().map_or(0, |(last, _)| last + 1);
    open.insert(number, leftover);
    Noted(number)
}

impl Drop for Noted {
    fn drop(&mut self) {
        OPEN.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

/// Removes all of it; what cannot be removed now, the next start finds.
pub fn remove_all() {
    let open = std::mem::take(&mut *OPEN.lock().unwrap_or_else(PoisonError::into_inner));
    for leftover in open.into_values() {
        match leftover {
            Leftover::Folder(folder) => drop(std::fs::remove_dir_all(folder)),
            Leftover::Database { server, name } => drop(super::scratch::drop_from(&server, &name)),
            Leftover::Given(url) => drop(super::given::give_back_from_outside(&url)),
        }
    }
    super::cluster::stop_all();
}

/// Calls `told` in a thread of its own when somebody asks the process to end (Ctrl-C, SIGTERM). Call it before any other
/// thread starts. Asked a second time, the process ends at once. `asked` hears of SIGUSR1 (pause) and SIGUSR2 (go on).
pub fn when_told_to_end(told: fn(), asked: fn(Ask)) {
    super::process::on_signal(told, asked);
}
