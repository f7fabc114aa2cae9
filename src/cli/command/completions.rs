//! `migrate completions`: for the shells.

use clap::CommandFactory;

use crate::cli::args::Cli;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;

/// Print shell completions.
#[derive(Debug, clap::Args)]
pub(crate) struct CompletionsArgs {
    shell: clap_complete::Shell,
}

pub(crate) fn run(args: &CompletionsArgs) -> Result<Exit, CliError> {
    let mut command = Cli::command();
    clap_complete::generate(args.shell, &mut command, "migrate", &mut std::io::stdout());
    Ok(Exit::Done)
}
