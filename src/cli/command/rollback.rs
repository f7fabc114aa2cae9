//! `migrate rollback`: takes the last versions back, or a plan folder, with all their data.

use std::path::PathBuf;
use std::time::Duration;

use crate::apply::deploy::{LossPolicy, Options, RehearsalPolicy, sound_books, take_back};
use crate::apply::run::Finished;
use crate::apply::{Bundle, Context};
use crate::cli::args::Allow;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::shadow::ShadowArgs;
use crate::cli::world::{World, allows, now};
use crate::db::{Access, Database};
use crate::dialect::Direction;
use crate::journal::{Action, applied};
use crate::report::plan::steps;
use crate::report::style::{FAINT, GOOD, duration, paint};
use crate::shadow::options::{Choice, Scope, SnapshotOptions};
use crate::shadow::snapshot::snapshot;
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
    /// Take them back on a copy of the database, and say how it went
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    shadow: ShadowArgs,
    /// Go on even if rows cannot live in the old shape
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    allow: Vec<Allow>,
    /// Why (goes into the ledger)
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Seconds to wait for another migrator, and for locks of others
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
        return try_on_a_copy(args, world, project.as_ref(), &mut database, &bundles);
    }
    world.confirm(project.as_ref(), "roll back", &database)?;
    let options = options(args, world, project.as_ref());
    let mut spinner = world.spinner();
    let mut context =
        Context { who: world.who(args.reason.as_deref()), now, progress: &mut spinner };
    let references: Vec<&Bundle> = bundles.iter().collect();
    let outcome = take_back(&mut database, &references, &options, &mut context);
    drop(spinner);
    let done = outcome?;
    if world.global.json {
        let entries: Vec<_> = done
            .finished
            .iter()
            .map(|finished| &finished.entry)
            .filter(|entry| entry.action == Action::Rollback)
            .collect();
        world.print_json(&serde_json::json!({ "rolled_back": entries }));
        return Ok(Exit::Done);
    }
    let taken_back = |entry: &&Finished| entry.entry.action == Action::Rollback;
    for finished in done.finished.iter().filter(taken_back) {
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

fn options(args: &RollbackArgs, world: &World, project: Option<&Project>) -> Options {
    Options {
        rehearsal: RehearsalPolicy::Skip,
        snapshot: SnapshotOptions::default(),
        evidence: evidence_folder(world, project, args.plan.as_ref()),
        patience: Duration::from_secs(args.wait),
        loss: if allows(&args.allow, "loss") { LossPolicy::Allow } else { LossPolicy::Refuse },
    }
}

/// All versions one after the other on a copy: what would stop the second, only the rows after the first tell.
fn try_on_a_copy(
    args: &RollbackArgs,
    world: &World,
    project: Option<&Project>,
    database: &mut Database,
    bundles: &[Bundle],
) -> Result<Exit, CliError> {
    let mut wanted = world.snapshot_options(project, &args.shadow)?;
    if matches!(wanted.provider, Choice::Transaction) {
        return Err(CliError::usage(
            "a dry run commits one version after the other, so it needs a copy: `--shadow local`, or `server`",
        ));
    }
    wanted.scope = Scope::Everything;
    let mut spinner = world.spinner();
    let mut shadow = snapshot(database, &wanted).map_err(CliError::from)?;
    let note = shadow.note().to_owned();
    let mut context =
        Context { who: world.who(args.reason.as_deref()), now, progress: &mut spinner };
    let references: Vec<&Bundle> = bundles.iter().collect();
    let options = options(args, world, project);
    let outcome = take_back(shadow.database(), &references, &options, &mut context);
    drop(spinner);
    let done = outcome?;
    if world.global.json {
        let versions: Vec<_> = bundles
            .iter()
            .zip(&done.finished)
            .map(|(bundle, finished)| {
                serde_json::json!({ "version": bundle.name, "duration_ms": finished.entry.duration_ms,
                    "steps": bundle.down.len() })
            })
            .collect();
        world.print_json(&serde_json::json!({ "would_roll_back": versions, "copy": note }));
        return Ok(Exit::Done);
    }
    for (bundle, finished) in bundles.iter().zip(&done.finished) {
        let took = paint(FAINT, &format!("in {}", duration(finished.entry.duration_ms)));
        world.print(&format!("would roll back {} {took}\n{}", bundle.name, steps(&bundle.down)));
    }
    world.print(&format!("taken back on a copy, {note}; the database is as it was\n"));
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
    let mut in_force: Vec<String> = applied(&books.entries)
        .iter()
        .filter(|entry| entry.action == Action::Apply)
        .map(|entry| entry.version.clone())
        .collect();
    // A version that stopped half-way up is the first to go back.
    in_force.extend(books.open.filter(|open| open.way == Direction::Up).map(|open| open.version));
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
