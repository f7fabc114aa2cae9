//! How the demo tells what it does: stages with a heading, the command as a user types it, its output, and a time.

use std::time::Instant;

use clap::Parser;

use crate::cli::args::Cli;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::world::{Output, World};
use crate::db::{Access, Database};
use crate::report::style::{FAINT, GOOD, STRONG, duration, paint};
use crate::source::project::write_atomically;

/// The demo so far.
pub(super) struct Story {
    world: World,
    began: Instant,
    stage_began: Instant,
    stages: usize,
}

impl Story {
    pub(super) fn new(world: World) -> Self {
        let now = Instant::now();
        Story { world, began: now, stage_began: now, stages: 0 }
    }

    /// Opens a stage.
    pub(super) fn stage(&mut self, title: &str, why: &str) {
        self.stages += 1;
        self.stage_began = Instant::now();
        let heading = format!("== {}. {title} ==", self.stages);
        self.say(&format!("\n{}\n{why}\n\n", paint(STRONG, &heading)));
    }

    /// Closes a stage with its time.
    pub(super) fn end(&self) {
        let took = duration(milliseconds(self.stage_began));
        self.say(&paint(FAINT, &format!("({took})\n")));
    }

    pub(super) fn elapsed_ms(&self) -> u64 {
        milliseconds(self.began)
    }

    pub(super) fn say(&self, text: &str) {
        self.world.print(text);
    }

    /// Prints a command and runs it.
    ///
    /// # Errors
    /// The command's own, or it ended otherwise than it should.
    pub(super) fn command(&mut self, words: &[&str], expected: Exit) -> Result<(), CliError> {
        self.say(&format!("{} migrate {}\n", paint(GOOD, "$"), words.join(" ")));
        run(words, &mut self.world, expected)
    }

    /// Prints a command and runs it, but shows nothing of what it says.
    ///
    /// # Errors
    /// The command's own, or it ended otherwise than it should.
    pub(super) fn short(&mut self, words: &[&str]) -> Result<(), CliError> {
        self.say(&format!("{} migrate {}\n", paint(GOOD, "$"), words.join(" ")));
        self.world.output = Output::Hidden;
        let outcome = run(words, &mut self.world, Exit::Done);
        self.world.output = Output::Shown;
        outcome
    }

    /// Writes a file of the project.
    ///
    /// # Errors
    /// The file system's.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<(), CliError> {
        Ok(write_atomically(&self.world.folder.join(name), text)?)
    }

    /// Hands over the demo's database, as the application has it.
    ///
    /// # Errors
    /// Those of opening and of `work`.
    pub(super) fn with_database<T>(
        &self,
        work: impl FnOnce(&mut Database) -> Result<T, CliError>,
    ) -> Result<T, CliError> {
        let project = self.world.project()?;
        work(&mut self.world.open(Some(&project), Access::ReadWrite)?)
    }
}

fn run(words: &[&str], world: &mut World, expected: Exit) -> Result<(), CliError> {
    let line = format!("migrate {}", words.join(" "));
    let cli = Cli::try_parse_from(std::iter::once(&"migrate").chain(words))
        .map_err(|error| CliError::new(Exit::Failure, format!("`{line}`: {error}")))?;
    let exit = crate::cli::run(cli.command, world)?;
    if exit == expected {
        return Ok(());
    }
    Err(CliError::new(
        Exit::Failure,
        format!("`{line}` ended with {}, and should end with {}", exit.code(), expected.code()),
    ))
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
