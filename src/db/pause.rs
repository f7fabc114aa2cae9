//! Whether somebody asked this process to stand still where it holds nothing.

use std::sync::atomic::{AtomicBool, Ordering};

static ASKED: AtomicBool = AtomicBool::new(false);

/// What somebody asks of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    Pause,
    GoOn,
}

/// Notes what was asked last.
pub fn ask(what: Ask) {
    ASKED.store(what == Ask::Pause, Ordering::SeqCst);
}

/// Whether the run is to stand still.
pub fn is_asked() -> bool {
    ASKED.load(Ordering::SeqCst)
}
