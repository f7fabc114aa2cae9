//! `migrate import`: a model of an existing database or SQL file.

use std::path::PathBuf;

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::world::World;
use crate::dialect::lift::lift;
use crate::model::{Hints, Model, print};
use crate::report::style::{CAREFUL, GOOD, paint};
use crate::source::project::write_atomically;
use crate::source::{Source, load};

use super::pair::dialect_of;

/// Lift a model from a database or SQL file.
///
/// Prints model.yaml, or writes it with --into. What a model cannot say is named.
#[derive(Debug, clap::Args)]
pub(crate) struct ImportArgs {
    /// A database or SQL file (see `migrate diff --help` for what a source is)
    source: String,
    /// Write the model to this file instead of printing it
    #[arg(long, value_name = "FILE")]
    into: Option<PathBuf>,
    /// What the model is called
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Overwrite the file if it exists
    #[arg(long)]
    force: bool,
}

pub(crate) fn run(args: &ImportArgs, world: &World) -> Result<Exit, CliError> {
    let project = world.project_if_any()?;
    let source = Source::parse_in(&args.source, &world.env, &world.folder)?;
    let dialect = dialect_of(world, project.as_ref(), &[&source])?;
    let loaded = load(&source, &world.load_options(project.as_ref(), dialect)?)?;
    let name = args.name.clone().unwrap_or_else(|| folder_name(world));
    let lifted = lift(&loaded.catalog, &name);
    for note in &lifted.notes {
        world.note(&format!("{} {note}", paint(CAREFUL, "not carried:")));
    }
    let text = model_text(&lifted.model);
    match &args.into {
        None => world.print(&text),
        Some(path) => {
            let path = world.folder.join(path);
            if path.exists() && !args.force {
                let message = format!(
                    "`{}` exists already\nhelp: pass `--force` to overwrite it",
                    path.display()
                );
                return Err(CliError::new(Exit::Failure, message));
            }
            write_atomically(&path, &text)?;
            world.note(&format!("{} {}", paint(GOOD, "wrote"), path.display()));
        }
    }
    Ok(Exit::Done)
}

/// A model as a file, with the line that gives editors its schema.
pub(crate) fn model_text(model: &Model) -> String {
    format!(
        "# yaml-language-server: $schema=./.migrate/model.schema.json\n{}",
        print(model, Hints::Keep)
    )
}

/// What a project is called if nobody says it.
pub(crate) fn folder_name(world: &World) -> String {
    let folder = world.folder.canonicalize().unwrap_or_else(|_| world.folder.clone());
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned());
    let plain: String = name
        .unwrap_or_default()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
        .collect();
    let plain = plain.trim_matches('_').to_owned();
    if plain.is_empty() { "app".to_owned() } else { plain }
}
