//! `migrate fmt`: the model in canonical form, comments kept.

use std::path::PathBuf;

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::world::World;
use crate::model::Model;
use crate::model::edit::prune;
use crate::source::project::{Snapshot, write_atomically};
use crate::text::diagnostic::render;

/// Write the model in canonical form, comments kept.
#[derive(Debug, clap::Args)]
pub(crate) struct FmtArgs {
    /// Files; the project's model if absent
    files: Vec<PathBuf>,
    /// Change nothing; end with 4 if a file is not in canonical form
    #[arg(long)]
    check: bool,
    /// Take entries of `changes:` out that the last version has done
    #[arg(long)]
    prune: bool,
}

pub(crate) fn run(args: &FmtArgs, world: &World) -> Result<Exit, CliError> {
    let files = if args.files.is_empty() {
        model_files(world)?
    } else {
        args.files.iter().map(|file| world.folder.join(file)).collect()
    };
    let done = if args.prune { Some(last_model(world)?) } else { None };
    let mut differs = false;
    for path in files {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(&path).map_err(|error| {
            CliError::new(Exit::Failure, format!("cannot read `{shown}`: {error}"))
        })?;
        let (pruned, gone) = match &done {
            Some(last) => prune(&text, |what| !has(last, what)),
            None => (text.clone(), Vec::new()),
        };
        for what in &gone {
            let verb = if args.check { "done and still there" } else { "done, taken out" };
            world.note(&format!("{verb}: {what}"));
        }
        let formatted = crate::model::fmt(&pruned).map_err(|found| {
            CliError::new(Exit::Failure, render(&shown, &pruned, &found, world.colour()))
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

/// The model of the last version: what it has no more is done.
fn last_model(world: &World) -> Result<Model, CliError> {
    let versions = world.project()?.versions()?;
    let text = versions.last().map(|last| &last.snapshot);
    let model = match text {
        Some(Snapshot::Model(text)) => crate::model::parse(text).0,
        Some(Snapshot::Sql(_)) | None => None,
    };
    model.ok_or_else(|| {
        CliError::new(
            Exit::Failure,
            "no version has a model yet, so nothing of `changes:` is done\nhelp: `migrate plan NAME` makes one",
        )
    })
}

/// Whether a model has an entity, or `Entity.field`.
fn has(model: &Model, what: &str) -> bool {
    let (entity, field) = match what.split_once('.') {
        Some((entity, field)) => (entity, Some(field)),
        None => (what, None),
    };
    let found = model.entities.iter().find(|it| it.name == entity);
    found.is_some_and(|it| field.is_none_or(|field| it.fields.iter().any(|it| it.name == field)))
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
