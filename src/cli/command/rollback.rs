//! `migrate rollback`: takes the last versions back, or a plan folder, with all their data.

use std::path::PathBuf;
use std::time::Duration;

use crate::apply::deploy::{LossPolicy, Options, RehearsalPolicy, sound_books, take_back};
use crate::apply::{Bundle, Context};
use crate::cli::args::Allow;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::world::{World, allows, now};
use crate::db::{Access, Database};
use crate::journal::{Action, applied};
use crate::report::plan::steps;
use crate::report::style::{FAINT, GOOD, duration, paint};
use crate::shadow::options::SnapshotOptions;
use crate::source::project::Project;

use super::apply::{evidence_folder, project_for};
use super::{plan_folder, versions};

/// Take the last version back, with all its data.
///
/// Values that the version dropped or changed are put back on the rows that still exist; rows written since stay. If
/// some row cannot live in the old shape, nothing is touched and the rows are named (exit 7).
#[derive(Debug, clap::Args)]
pub(crate) struct RollbackArgs {
    /// Take back this plan folder instead of a version
    #[arg(long, value_name = "DIR", conflicts_with_all = ["to", "count"])]
    plan: Option<PathBuf>,
    /// Go back to this version (0: to before the first)
    #[arg(long, value_name = "VERSION", conflicts_with = "count")]
    to: Option<String>,
    /// How many versions to take back
    #[arg(long = "steps", value_name = "N", default_value_t = 1)]
    count: usize,
    /// Say what would run, and run nothing
    #[arg(long)]
    dry_run: bool,
    /// Go on even if rows cannot live in the old shape
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    allow: Vec<Allow>,
    /// Why (goes into the ledger)
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Seconds to wait for another migrator
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    wait: u64,
}

pub(crate) fn run(args: &RollbackArgs, world: &World) -> Result<Exit, CliError> {
    let project = project_for(world, args.plan.as_ref())?;
    let mut database = world.open(project.as_ref(), Access::ReadWrite)?;
    let bundles = match (&args.plan, &project) {
        (Some(folder), _) => vec![plan_folder::read(&world.folder.join(folder))?],
        (None, Some(project)) => last_versions(args, project, &mut database)?,
        (None, None) => Vec::new(),
    };
    if bundles.is_empty() {
        world.print("nothing to roll back\n");
        return Ok(Exit::Done);
    }
    if args.dry_run {
        for bundle in &bundles {
            world.print(&format!("would roll back {}\n{}", bundle.name, steps(&bundle.down)));
        }
        return Ok(Exit::Done);
    }
    world.confirm(project.as_ref(), "roll back", &database)?;
    let options = Options {
        rehearsal: RehearsalPolicy::Skip,
        snapshot: SnapshotOptions::default(),
        evidence: evidence_folder(world, project.as_ref(), args.plan.as_ref()),
        patience: Duration::from_secs(args.wait),
        loss: if allows(&args.allow, "loss") { LossPolicy::Allow } else { LossPolicy::Refuse },
    };
    let mut spinner = world.spinner();
    let mut context =
        Context { who: world.who(args.reason.as_deref()), now, progress: &mut spinner };
    let references: Vec<&Bundle> = bundles.iter().collect();
    let outcome = take_back(&mut database, &references, &options, &mut context);
    drop(spinner);
    let done = outcome?;
    if world.global.json {
        let entries: Vec<_> = done.finished.iter().map(|finished| &finished.entry).collect();
        world.print_json(&serde_json::json!({ "rolled_back": entries }));
        return Ok(Exit::Done);
    }
    for finished in &done.finished {
        world.print(&format!(
            "{} {} {}\n",
            paint(GOOD, "rolled back"),
            finished.entry.version,
            paint(
                FAINT,
                &format!("on {} in {}", database.describe(), duration(finished.entry.duration_ms))
            )
        ));
    }
    Ok(Exit::Done)
}

/// The versions to take back, newest first.
fn last_versions(
    args: &RollbackArgs,
    project: &Project,
    database: &mut Database,
) -> Result<Vec<Bundle>, CliError> {
    let all = project.versions()?;
    let books = sound_books(database)?;
    let in_force: Vec<String> = applied(&books.entries)
        .iter()
        .filter(|entry| entry.action == Action::Apply)
        .map(|entry| entry.version.clone())
        .collect();
    let count = match args.to.as_deref() {
        None => args.count,
        Some("0") => in_force.len(),
        Some(name) => {
            let version = versions::find(&all, name)?;
            let id = version.manifest.id.as_str();
            let after = |applied: &String| {
                let at = |wanted: &str| all.iter().position(|v| v.manifest.id.as_str() == wanted);
                at(applied) > at(id)
            };
            in_force.iter().filter(|applied| after(applied)).count()
        }
    };
    in_force
        .iter()
        .rev()
        .take(count)
        .map(|name| versions::bundle(versions::find(&all, name)?, database.dialect()))
        .collect()
}
