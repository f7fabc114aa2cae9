//! Ctrl-C and SIGTERM: statements under way are stopped, so that the engine undoes them, and copies are removed. SIGUSR1
//! makes a run stand still between two batches, SIGUSR2 lets it go on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::db::pause;
use crate::db::running::stop_all_statements;
use crate::shadow::leftover;

/// The code that says so.
const CODE: i32 = 130;
/// How long the command may take to let go of what it holds.
const PATIENCE: Duration = Duration::from_secs(2);

static TOLD: AtomicBool = AtomicBool::new(false);
static LET_GO: AtomicBool = AtomicBool::new(false);

/// Call it before any thread starts.
pub(super) fn install() {
    leftover::when_told_to_end(end, pause::ask);
}

/// Waits for the end where it has been asked for: the error that a stopped statement gives is not the reason.
pub(super) fn await_the_end() {
    if TOLD.load(Ordering::SeqCst) {
        LET_GO.store(true, Ordering::SeqCst);
        loop {
            std::thread::park();
        }
    }
}

fn end() {
    TOLD.store(true, Ordering::SeqCst);
    anstream::eprintln!(
        "\ninterrupted: statements under way are undone by the database, and copies of it are removed\n\
         help: run the same command again; a plan that had finished steps goes on after them (`migrate status`)"
    );
    let start = Instant::now();
    stop_all_statements();
    while !LET_GO.load(Ordering::SeqCst) && start.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(20));
    }
    leftover::remove_all();
    std::process::exit(CODE);
}
