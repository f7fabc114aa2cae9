//! The command line: one file a command, one place that makes exit codes.

mod args;
mod command;
mod error;
mod exit;
mod format;
mod interrupt;
mod keepers;
mod progress;
mod reference;
mod shadow;
mod world;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use error::CliError;
use world::World;

pub use exit::Exit;
pub use reference::reference;

/// Parses the command line and runs it.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    interrupt::install();
    let outcome = World::new(&cli.global).and_then(|mut world| run(cli.command, &mut world));
    interrupt::await_the_end();
    let code = match outcome {
        Ok(exit) => exit,
        Err(error) => {
            error.print();
            error.exit
        }
    };
    crate::shadow::cluster::stop_all();
    ExitCode::from(code.code())
}

fn run(command: Command, world: &mut World) -> Result<Exit, CliError> {
    match command {
        Command::Init(args) => command::init::run(&args, world),
        Command::Import(args) => command::import::run(&args, world),
        Command::Fmt(args) => command::fmt::run(&args, world),
        Command::Schema(args) => command::schema::run(&args, world),
        Command::Diff(args) => command::diff::run(&args, world),
        Command::Plan(args) => command::plan::run(&args, world),
        Command::New(args) => command::new::run(&args, world),
        Command::Rehash(args) => command::rehash::run(&args, world),
        Command::Rebase(args) => command::rebase::run(&args, world),
        Command::Lint(args) => command::lint::run(&args, world),
        Command::Explain(args) => command::explain::run(&args, world),
        Command::Check(args) => command::check::run(&args, world),
        Command::Rehearse(args) => command::rehearse::run(&args, world),
        Command::Verify(args) => command::verify::run(&args, world),
        Command::Apply(args) => command::apply::run(&args, world),
        Command::Rollback(args) => command::rollback::run(&args, world),
        Command::Resolve(args) => command::resolve::run(&args, world),
        Command::Release(args) => command::release::run(&args, world),
        Command::Status(args) => command::status::run(&args, world),
        Command::Log(args) => command::log::run(&args, world),
        Command::Show(args) => command::show::run(&args, world),
        Command::Report(args) => command::report::run(&args, world),
        Command::Demo(args) => command::demo::run(&args, world),
        Command::Completions(args) => command::completions::run(&args),
    }
}
