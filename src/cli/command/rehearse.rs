//! `migrate rehearse`: pending plans up, down and up again on a copy of the database.

use std::path::PathBuf;
use std::time::Duration;

use crate::apply::Context;
use crate::apply::deploy::{LossPolicy, Options, RehearsalPolicy, rehearse_on_snapshot};
use crate::apply::rehearse::{Part, Rehearsal};
use crate::cli::error::{CliError, REPAIR};
use crate::cli::exit::Exit;
use crate::cli::shadow::ShadowArgs;
use crate::cli::world::{World, now};
use crate::db::{Access, Database};
use crate::report::rehearsal;
use crate::shadow::options::SnapshotOptions;

use super::apply::{Pending, evidence_folder, pending, project_for};
use super::plan_folder;

/// Run pending plans up, down and up again on a copy of the database.
///
/// The database itself is only read. The evidence is written down, and `apply` uses it while plan and schema stay as
/// they are.
#[derive(Debug, clap::Args)]
pub(crate) struct RehearseArgs {
    /// Rehearse this plan folder instead of the project's pending versions
    #[arg(long, value_name = "DIR")]
    plan: Option<PathBuf>,
    #[command(flatten)]
    shadow: ShadowArgs,
}

pub(crate) fn run(args: &RehearseArgs, world: &World) -> Result<Exit, CliError> {
    let project = project_for(world, args.plan.as_ref())?;
    let mut database = world.open(project.as_ref(), Access::ReadOnly)?;
    let pending = match (&args.plan, &project) {
        (Some(folder), _) => {
            vec![Pending { bundle: plan_folder::read(&world.folder.join(folder))?, goal: None }]
        }
        (None, Some(project)) => pending(world, project, &mut database, None)?,
        (None, None) => Vec::new(),
    };
    if pending.is_empty() {
        world.print("nothing to rehearse: the database is at the last version\n");
        return Ok(Exit::Done);
    }
    let snapshot = world.snapshot_options(project.as_ref(), &args.shadow)?;
    let evidence = evidence_folder(world, project.as_ref(), args.plan.as_ref());
    let found = rehearse_pending(world, snapshot, evidence, &mut database, &pending)?;

    if world.global.json {
        world.print_json(&found);
    } else {
        world.print(&rehearsal::rehearsal(&found));
    }
    if found.blames_rows() {
        return Err(CliError::new(Exit::Violations, format!("rows break rules\nhelp: {REPAIR}")));
    }
    if !found.passed() {
        return Err(CliError::new(Exit::Failure, "the rehearsal did not pass"));
    }
    Ok(Exit::Done)
}

/// Rehearses what is pending on a copy of the database.
pub(crate) fn rehearse_pending(
    world: &World,
    snapshot: SnapshotOptions,
    evidence: PathBuf,
    database: &mut Database,
    pending: &[Pending<'_>],
) -> Result<Rehearsal, CliError> {
    let options = Options {
        rehearsal: RehearsalPolicy::Demand,
        snapshot,
        evidence,
        patience: Duration::ZERO,
        loss: LossPolicy::Refuse,
        values: Vec::new(),
    };
    let parts: Vec<Part<'_>> = pending.iter().map(Pending::part).collect();
    let mut spinner = world.spinner();
    let mut context = Context { who: world.who(None), now, progress: &mut spinner };
    Ok(rehearse_on_snapshot(database, &parts, &options, &mut context)?)
}
