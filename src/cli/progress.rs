//! Shows what is being done: a spinner on a terminal, nothing in a pipe.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::apply::Progress;

/// A spinner on standard error; indicatif hides it where that is no terminal.
pub(crate) struct Spinner {
    bar: ProgressBar,
}

impl Spinner {
    pub(crate) fn new(verbosity: Verbosity) -> Self {
        let bar = match verbosity {
            Verbosity::Quiet => ProgressBar::hidden(),
            Verbosity::Usual => ProgressBar::new_spinner(),
        };
        bar.set_style(ProgressStyle::default_spinner());
        bar.enable_steady_tick(Duration::from_millis(120));
        Spinner { bar }
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
        self.bar.set_message(format!("step {position} of {total}: {title}"));
    }

    fn phase(&mut self, what: &str) {
        self.bar.set_message(what.to_owned());
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
