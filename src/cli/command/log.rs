//! `migrate log`: who did what and when.

use crate::apply::book;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::world::World;
use crate::db::Access;
use crate::journal::broken_link;
use crate::report::status;
use crate::report::style::{GOOD, paint};

/// Show who did what to a database, and when.
#[derive(Debug, clap::Args)]
pub(crate) struct LogArgs {
    /// Check that no row of the ledger was changed or removed
    #[arg(long)]
    verify: bool,
}

pub(crate) fn run(args: &LogArgs, world: &World) -> Result<Exit, CliError> {
    let project = world.project_if_any()?;
    let mut database = world.open(project.as_ref(), Access::ReadOnly)?;
    let entries = book::read(&mut database)?.entries;
    if world.global.json {
        world.print_json(&serde_json::json!({ "log": 1, "entries": entries }));
    } else if entries.is_empty() {
        world.print("nothing was applied to this database yet\n");
    } else {
        world.print(&status::log(&entries));
    }
    if args.verify {
        if let Some(number) = broken_link(&entries) {
            return Err(CliError::new(
                Exit::History,
                format!("row {number} of the ledger does not follow from the row before"),
            ));
        }
        world.note(&format!("{} every row follows from the one before", paint(GOOD, "verified:")));
    }
    Ok(Exit::Done)
}
