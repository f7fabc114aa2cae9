//! `migrate man`: manual pages, made of the same definitions as `--help`.

use std::path::PathBuf;

use clap::CommandFactory;

use crate::cli::args::Cli;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::world::World;

/// Print the manual page, or write one for each command into a folder.
#[derive(Debug, clap::Args)]
pub(crate) struct ManArgs {
    /// Write `migrate.1` and a page for each command into this folder
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
}

pub(crate) fn run(args: &ManArgs, world: &World) -> Result<Exit, CliError> {
    let mut cli = Cli::command();
    cli.build();
    let failed = |what: &str, error: std::io::Error| {
        CliError::new(Exit::Failure, format!("cannot write `{what}`: {error}"))
    };
    let Some(folder) = &args.into else {
        world.print(&page(&cli).map_err(|error| failed("the page", error))?);
        return Ok(Exit::Done);
    };
    let folder = world.folder.join(folder);
    let shown = folder.display().to_string();
    std::fs::create_dir_all(&folder).map_err(|error| failed(&shown, error))?;
    let commands = cli.get_subcommands().filter(|it| !it.is_hide_set() && it.get_name() != "help");
    let own = commands.map(|command| {
        let name = format!("migrate-{}", command.get_name());
        // Names of commands live as long as the program.
        (name.clone(), command.clone().name(&*name.leak()))
    });
    let pages: Vec<_> = std::iter::once(("migrate".to_owned(), cli.clone())).chain(own).collect();
    for (name, command) in &pages {
        let path = folder.join(format!("{name}.1"));
        let text = page(command).map_err(|error| failed(name, error))?;
        std::fs::write(&path, text).map_err(|error| failed(&path.display().to_string(), error))?;
    }
    world.note(&format!("{} pages written to {shown}", pages.len()));
    Ok(Exit::Done)
}

fn page(command: &clap::Command) -> Result<String, std::io::Error> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}
