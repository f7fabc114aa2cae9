//! Shows what is being done: a spinner on a terminal, nothing in a pipe.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::telemetry::{Severity, Telemetry};
use crate::apply::Progress;
use crate::db::watchdog::Tell;

/// A spinner on standard error; indicatif hides it where that is no terminal.
pub(crate) struct Spinner {
    bar: ProgressBar,
    verbosity: Verbosity,
    telemetry: Telemetry,
}

impl Spinner {
    pub(crate) fn new(verbosity: Verbosity, telemetry: Telemetry) -> Self {
        let bar = match (verbosity, telemetry.is_json()) {
            (Verbosity::Quiet, _) | (Verbosity::Usual, true) => ProgressBar::hidden(),
            (Verbosity::Usual, false) => ProgressBar::new_spinner(),
        };
        bar.set_style(ProgressStyle::default_spinner());
        bar.enable_steady_tick(Duration::from_millis(120));
        Spinner { bar, verbosity, telemetry }
    }
}

/// How much is said on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verbosity {
    Quiet,
    Usual,
}

impl Progress for Spinner {
    fn step(&mut self, position: usize, total: usize, title: &str) {
        self.telemetry.step(position, total, title);
        self.bar.set_message(format!("step {position} of {total}: {title}"));
    }

    fn phase(&mut self, what: &str) {
        self.telemetry.end_step();
        self.bar.set_message(what.to_owned());
    }

    fn waiting(&mut self, for_what: &str) {
        tell(&self.bar, self.verbosity, &self.telemetry, for_what);
    }

    fn teller(&self) -> Tell {
        let (bar, verbosity) = (self.bar.clone(), self.verbosity);
        let telemetry = self.telemetry.clone();
        Box::new(move |blocker| {
            tell(&bar, verbosity, &telemetry, &format!("blocked by {blocker}"));
        })
    }
}

/// A wait is told in a pipe too: whoever reads the log of a pipeline wants to know what it stood still for.
fn tell(bar: &ProgressBar, verbosity: Verbosity, telemetry: &Telemetry, for_what: &str) {
    if telemetry.is_json() {
        return telemetry.say(Severity::Warn, &format!("waiting: {for_what}"));
    }
    match verbosity {
        Verbosity::Quiet => {}
        Verbosity::Usual => bar.suspend(|| {
            anstream::eprintln!("waiting: {}", for_what.lines().next().unwrap_or_default());
        }),
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.telemetry.end_step();
        self.bar.finish_and_clear();
    }
}
