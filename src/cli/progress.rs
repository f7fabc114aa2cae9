//! Shows what is being done: a spinner on a terminal; in a pipe nothing, or JSON lines where a command was asked for JSON.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::telemetry::{Severity, Telemetry};
use crate::apply::Progress;
use crate::db::watchdog::Tell;

/// A spinner on standard error; indicatif hides it where that is no terminal.
pub(crate) struct Spinner {
    bar: ProgressBar,
    verbosity: Verbosity,
    telemetry: Telemetry,
    /// When the last line of a phase was written.
    told: Option<Instant>,
}

/// How far a backfill is changes several times a second; a log is told less often.
const LINE_EVERY: Duration = Duration::from_secs(1);

impl Spinner {
    pub(crate) fn new(verbosity: Verbosity, telemetry: Telemetry) -> Self {
        let bar = match (verbosity, telemetry.is_json()) {
            (Verbosity::Quiet | Verbosity::Lines, _) | (Verbosity::Usual, true) => {
                ProgressBar::hidden()
            }
            (Verbosity::Usual, false) => ProgressBar::new_spinner(),
        };
        bar.set_style(ProgressStyle::default_spinner());
        bar.enable_steady_tick(Duration::from_millis(120));
        Spinner { bar, verbosity, telemetry, told: None }
    }

    /// Whether lines are wanted; a log for machines tells the same already.
    fn tells_lines(&self) -> bool {
        self.verbosity == Verbosity::Lines && !self.telemetry.is_json()
    }

    fn is_due(&mut self) -> bool {
        let is_due = self.told.is_none_or(|told| told.elapsed() >= LINE_EVERY);
        if is_due {
            self.told = Some(Instant::now());
        }
        is_due
    }
}

/// How much is said on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verbosity {
    Quiet,
    Usual,
    /// One JSON object a line.
    Lines,
}

/// One thing that is heard, as a line of JSON.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Line<'a> {
    Step { step: usize, of: usize, title: &'a str },
    Phase { what: &'a str },
    Waiting { reason: &'a str },
}

impl Line<'_> {
    fn write(&self) {
        // Strings and numbers always become JSON; that nobody reads is no reason to stop.
        if let Ok(text) = serde_json::to_string(self) {
            anstream::eprintln!("{text}");
        }
    }
}

impl Progress for Spinner {
    fn step(&mut self, position: usize, total: usize, title: &str) {
        self.telemetry.step(position, total, title);
        if self.tells_lines() {
            Line::Step { step: position, of: total, title }.write();
        }
        self.bar.set_message(format!("step {position} of {total}: {title}"));
    }

    fn phase(&mut self, what: &str) {
        self.telemetry.phase(what);
        if self.tells_lines() && self.is_due() {
            Line::Phase { what }.write();
        }
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
        Verbosity::Lines => Line::Waiting { reason: for_what }.write(),
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
