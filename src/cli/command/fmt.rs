//! `migrate fmt`: the model in canonical form, comments kept.

use std::path::PathBuf;

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::world::World;
use crate::source::project::write_atomically;
use crate::text::diagnostic::render;

/// Write the model in canonical form, comments kept.
#[derive(Debug, clap::Args)]
pub(crate) struct FmtArgs {
    /// Files; the project's model if absent
    files: Vec<PathBuf>,
    /// Change nothing; end with 4 if a file is not in canonical form
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(args: &FmtArgs, world: &World) -> Result<Exit, CliError> {
    let files = if args.files.is_empty() {
        model_files(world)?
    } else {
        args.files.iter().map(|file| world.folder.join(file)).collect()
    };
    let mut differs = false;
    for path in files {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(&path).map_err(|error| {
            CliError::new(Exit::Failure, format!("cannot read `{shown}`: {error}"))
        })?;
        let formatted = crate::model::fmt(&text).map_err(|found| {
            CliError::new(Exit::Failure, render(&shown, &text, &found, world.colour()))
        })?;
        if formatted == text {
            continue;
        }
        differs = true;
        if args.check {
            world.print(&format!("{shown} is not in canonical form\n"));
        } else {
            write_atomically(&path, &formatted)?;
            world.note(&format!("formatted {shown}"));
        }
    }
    Ok(if differs && args.check { Exit::Findings } else { Exit::Done })
}

fn model_files(world: &World) -> Result<Vec<PathBuf>, CliError> {
    let path = world.project()?.model_path();
    if !path.is_dir() {
        return Ok(vec![path]);
    }
    let entries = std::fs::read_dir(&path)
        .map_err(|error| CliError::new(Exit::Failure, format!("`{}`: {error}", path.display())))?;
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    Ok(files)
}
