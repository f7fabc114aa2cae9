//! Points at which a debug build can be made to die, so that tests kill it between any two statements.
//!
//! `MIGRATE_CRASH_AT=7` kills the process at the seventh point, as `kill -9` does: no guard runs, no transaction is ended.
//! A point stands before and after each statement that writes, each begin and each commit. Release builds hold none of this.

/// One point.
#[cfg(debug_assertions)]
pub(in crate::db) fn point() {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static PASSED: AtomicU64 = AtomicU64::new(0);
    static AT: OnceLock<Option<u64>> = OnceLock::new();

    let at = AT.get_or_init(|| std::env::var("MIGRATE_CRASH_AT").ok()?.parse().ok());
    if at.is_some_and(|at| PASSED.fetch_add(1, Ordering::SeqCst) + 1 == at) {
        die();
    }
}

/// One point.
#[cfg(not(debug_assertions))]
pub(in crate::db) fn point() {}

#[cfg(all(debug_assertions, unix))]
fn die() {
    // SAFETY: both calls take and give plain numbers.
    unsafe {
        libc::kill(libc::getpid(), libc::SIGKILL);
    }
    // The signal may come a moment later; nothing may run until then.
    loop {
        std::thread::park();
    }
}

#[cfg(all(debug_assertions, not(unix)))]
fn die() {
    std::process::abort();
}
