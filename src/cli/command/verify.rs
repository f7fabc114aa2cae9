//! `migrate verify`: every rule on every row.

use std::path::PathBuf;

use crate::apply::Progress;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::world::World;
use crate::db::Access;
use crate::dialect::check::standing_checks;
use crate::report::violation;
use crate::source::{Source, load};
use crate::verify::verify;

/// Check every rule on every row.
///
/// Rules are those of the model (`--model`, or the project's) and the constraints of the database itself. Exit 5 if
/// rows break a rule.
#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArgs {
    /// The model whose rules are checked
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Only rules whose name contains this
    #[arg(long, value_name = "TEXT")]
    rule: Option<String>,
}

pub(crate) fn run(args: &VerifyArgs, world: &World) -> Result<Exit, CliError> {
    let project = world.project_if_any()?;
    let mut database = world.open(project.as_ref(), Access::ReadOnly)?;
    let catalog = database.inspect()?;
    let path = match (&args.model, &project) {
        (Some(path), _) => Some(world.folder.join(path)),
        (None, Some(project)) => Some(project.model_path()),
        (None, None) => None,
    };
    let rules = match path {
        Some(path) => {
            let source = Source::parse(&path.display().to_string(), &world.env)?;
            let options = world.load_options(project.as_ref(), database.dialect())?;
            load(&source, &options)?.rules
        }
        None => Vec::new(),
    };
    let mut checks = standing_checks(&catalog, &rules);
    if let Some(text) = &args.rule {
        checks.retain(|check| check.rule.contains(text.as_str()));
    }
    let mut spinner = world.spinner();
    let verdict = verify(&mut database, &checks, &mut |rule| spinner.phase(rule));
    drop(spinner);
    let verdict = verdict?;
    if world.global.json {
        world.print_json(&verdict);
    } else {
        world.print(&violation::verdict(&verdict));
    }
    Ok(if verdict.fails() { Exit::Violations } else { Exit::Done })
}
