//! `migrate apply`: runs pending versions, or a plan folder.

use std::path::PathBuf;
use std::time::Duration;

use crate::apply::deploy::{Deployed, LossPolicy, Options, RehearsalPolicy, deploy, sound_books};
use crate::apply::rehearse::Part;
use crate::apply::{Bundle, Context};
use crate::catalog::Catalog;
use crate::change::Intent;
use crate::change::describe::describe;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::shadow::ShadowArgs;
use crate::cli::world::{World, now};
use crate::db::{Access, Database};
use crate::diff::diff;
use crate::journal::applied;
use crate::report::rehearsal;
use crate::report::style::{FAINT, GOOD, duration, paint};
use crate::report::violation;
use crate::source::project::{Project, Version};

use super::init::record_baseline;
use super::{plan_folder, versions};

/// Run pending versions.
///
/// Before anything is written: one migrator at a time, ledger unbroken, schema as the last run left it, rehearsed up,
/// down and up on a copy (the evidence of an earlier rehearsal does, while plan and schema are what they were then), every
/// new rule checked on every row.
#[derive(Debug, clap::Args)]
pub(crate) struct ApplyArgs {
    /// Run this plan folder instead of the project's versions
    #[arg(long, value_name = "DIR", conflicts_with = "to")]
    plan: Option<PathBuf>,
    /// Stop after this version
    #[arg(long, value_name = "VERSION")]
    to: Option<String>,
    /// Say what would run, and run nothing
    #[arg(long)]
    dry_run: bool,
    /// Apply without a rehearsal: say why with --reason (both go into the ledger)
    #[arg(long)]
    no_rehearsal: bool,
    #[command(flatten)]
    shadow: ShadowArgs,
    /// Why something usual is left out (goes into the ledger)
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Run nothing: note that the database is at this version already, after comparing its schema
    #[arg(long, value_name = "VERSION", conflicts_with_all = ["plan", "to", "dry_run"])]
    baseline: Option<String>,
    /// Apply only versions that so many people approved (`migrate report --approve`); the environment may ask for more
    #[arg(long, value_name = "N")]
    require_approvals: Option<usize>,
    /// Seconds to wait for another migrator, and for locks of others
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    wait: u64,
}

pub(crate) fn run(args: &ApplyArgs, world: &World) -> Result<Exit, CliError> {
    let project = project_for(world, args.plan.as_ref())?;
    let access = if args.plan.is_some() { Access::ReadWrite } else { Access::Create };
    let mut database = world.open(project.as_ref(), access)?;
    if let (Some(name), Some(project)) = (&args.baseline, &project) {
        return baseline(world, project, &mut database, name);
    }
    let pending = match (&args.plan, &project) {
        (Some(folder), _) => {
            vec![Pending { bundle: plan_folder::read(&world.folder.join(folder))?, goal: None }]
        }
        (None, Some(project)) => pending(world, project, &mut database, args.to.as_deref())?,
        (None, None) => return Err(world.project().err().unwrap_or_else(no_project)),
    };
    if pending.is_empty() {
        world.print("nothing to apply: the database is at the last version\n");
        return Ok(Exit::Done);
    }
    if let Some(done) =
        pending.iter().find(|next| args.plan.is_some() && in_force(&mut database, next))
    {
        world.print(&format!("nothing to apply: {} is in force\n", done.bundle.name));
        return Ok(Exit::Done);
    }
    if let Some(wrong) = pending.iter().find(|next| next.bundle.dialect != database.dialect()) {
        return Err(CliError::new(
            Exit::Failure,
            format!(
                "`{}` is for {}, and {} is not",
                wrong.bundle.name,
                wrong.bundle.dialect,
                database.describe()
            ),
        ));
    }
    if args.dry_run {
        for next in &pending {
            world.print(&format!("would apply {}\n", next.bundle.name));
            world.print(&crate::report::plan::plan(&next.bundle.plan));
        }
        return Ok(Exit::Done);
    }
    let bundles: Vec<&Bundle> = pending.iter().map(|next| &next.bundle).collect();
    let wanted = args.require_approvals;
    super::report::demand(world, project.as_ref(), wanted, &mut database, &bundles)?;
    world.confirm(project.as_ref(), "apply", &database)?;
    if args.no_rehearsal && args.reason.is_none() && world.is_protected(project.as_ref())? {
        return Err(CliError::usage(
            "a protected database is not migrated without a rehearsal for no reason\n\
             help: say why with `--reason TEXT`; it goes into the ledger",
        ));
    }
    let options = options(world, project.as_ref(), args)?;
    let parts: Vec<Part<'_>> = pending.iter().map(Pending::part).collect();
    let mut spinner = world.course();
    let reason = reason(args);
    let mut context = Context { who: world.who(reason.as_deref()), now, progress: &mut spinner };
    let deployed = deploy(&mut database, &parts, &options, &mut context);
    drop(spinner);
    match deployed.map_err(CliError::from) {
        Ok(deployed) => report(world, &deployed, &database),
        Err(error) => {
            if world.global.json {
                world.print_json(&serde_json::json!({
                    "applied": [], "exit": error.exit.code(), "error": error.message,
                }));
            }
            return Err(error);
        }
    }
    Ok(Exit::Done)
}

/// What the ledger says of the circumstances.
fn reason(args: &ApplyArgs) -> Option<String> {
    match (args.no_rehearsal, &args.reason) {
        (true, Some(reason)) => Some(format!("not rehearsed: {reason}")),
        (true, None) => Some("not rehearsed; no reason given".to_owned()),
        (false, reason) => reason.clone(),
    }
}

/// Whether the ledger says that this very plan is the last thing that was applied.
fn in_force(database: &mut Database, next: &Pending<'_>) -> bool {
    let Ok(books) = sound_books(database) else { return false };
    let last = applied(&books.entries)
        .last()
        .is_some_and(|entry| entry.version == next.bundle.name && entry.plan == next.bundle.hash);
    last && books.open.is_none()
}

/// Notes that a database is at a version, if its schema is that version's.
fn baseline(
    world: &World,
    project: &Project,
    database: &mut Database,
    name: &str,
) -> Result<Exit, CliError> {
    let all = project.versions()?;
    let version = versions::find(&all, name)?;
    let target = versions::target(world, project, version, database.dialect())?;
    let found = database.inspect()?;
    let (difference, _) = diff(&found, &target, &Intent::default());
    if !difference.changes.is_empty() {
        let lines: Vec<String> =
            difference.changes.iter().map(|change| format!("  {}", describe(change))).collect();
        return Err(CliError::new(
            Exit::History,
            format!(
                "{} is not at version `{}`; it would need:\n{}",
                database.describe(),
                version.manifest.id,
                lines.join("\n")
            ),
        ));
    }
    record_baseline(world, database, version, &found.fingerprint())?;
    world.print(&format!(
        "{} {} is at {}\n",
        paint(GOOD, "noted"),
        database.describe(),
        version.manifest.id
    ));
    Ok(Exit::Done)
}

fn no_project() -> CliError {
    CliError::usage("neither a project nor `--plan DIR` is given")
}

/// The project, unless a plan folder stands for itself.
pub(crate) fn project_for(
    world: &World,
    plan: Option<&PathBuf>,
) -> Result<Option<Project>, CliError> {
    match plan {
        Some(_) => world.project_if_any(),
        None => world.project().map(Some),
    }
}

fn options(
    world: &World,
    project: Option<&Project>,
    args: &ApplyArgs,
) -> Result<Options, CliError> {
    Ok(Options {
        rehearsal: if args.no_rehearsal { RehearsalPolicy::Skip } else { RehearsalPolicy::Demand },
        snapshot: world.snapshot_options(project, &args.shadow)?,
        evidence: evidence_folder(world, project, args.plan.as_ref()),
        patience: Duration::from_secs(args.wait),
        loss: LossPolicy::Refuse,
        values: Vec::new(),
    })
}

/// `.migrate/evidence` of the project, or `evidence` in the plan folder.
pub(crate) fn evidence_folder(
    world: &World,
    project: Option<&Project>,
    plan: Option<&PathBuf>,
) -> PathBuf {
    match (project, plan) {
        (_, Some(plan)) => world.folder.join(plan).join("evidence"),
        (Some(project), None) => project.root.join(".migrate").join("evidence"),
        (None, None) => world.folder.join(".migrate").join("evidence"),
    }
}

/// A plan that is to run, and what makes the schema that it should lead to.
pub(crate) struct Pending<'w> {
    pub(crate) bundle: Bundle,
    pub(crate) goal: Option<Box<dyn Fn() -> Result<Catalog, String> + 'w>>,
}

impl Pending<'_> {
    pub(crate) fn part(&self) -> Part<'_> {
        Part { bundle: &self.bundle, goal: self.goal.as_deref() }
    }
}

/// The versions after the last one in force.
pub(crate) fn pending<'w>(
    world: &'w World,
    project: &'w Project,
    database: &mut Database,
    to: Option<&str>,
) -> Result<Vec<Pending<'w>>, CliError> {
    let all = project.versions()?;
    let books = sound_books(database)?;
    let in_force = applied(&books.entries);
    refuse_foreign(
        &all,
        in_force.iter().map(|entry| (entry.version.as_str(), entry.plan.as_str())),
        database,
    )?;
    let last = in_force
        .iter()
        .filter_map(|entry| all.iter().position(|v| v.manifest.id.as_str() == entry.version))
        .max();
    let start = last.map_or(0, |position| position + 1);
    let end = match to {
        Some(name) => {
            let version = versions::find(&all, name)?;
            all.iter().position(|other| other == version).map_or(all.len(), |position| position + 1)
        }
        None => all.len(),
    };
    let chosen = all.get(start..end.max(start)).unwrap_or_default();
    let dialect = database.dialect();
    chosen
        .iter()
        .map(|version| {
            let bundle = versions::bundle(version, dialect)?;
            let version = version.clone();
            let goal = move || {
                versions::target(world, project, &version, dialect).map_err(|error| error.message)
            };
            Ok(Pending { bundle, goal: Some(Box::new(goal)) })
        })
        .collect()
}

/// What is in force must be in the project, with the same files.
fn refuse_foreign<'a>(
    all: &[Version],
    in_force: impl Iterator<Item = (&'a str, &'a str)>,
    database: &Database,
) -> Result<(), CliError> {
    for (name, plan) in in_force.filter(|(name, _)| !name.starts_with("plan ")) {
        let Some(version) = all.iter().find(|version| version.manifest.id.as_str() == name) else {
            return Err(CliError::new(
                Exit::History,
                format!(
                    "version `{name}` is applied to {} and is not in this project\n\
                     help: get the branch that has it; nothing is applied before that",
                    database.describe()
                ),
            ));
        };
        let bundle = versions::bundle(version, database.dialect())?;
        if bundle.hash != plan {
            return Err(CliError::new(
                Exit::History,
                format!(
                    "version `{name}` was applied to {} with other SQL than the project has now\n\
                     help: a released version must not change; restore it and plan a new one",
                    database.describe()
                ),
            ));
        }
    }
    Ok(())
}

fn report(world: &World, deployed: &Deployed, database: &Database) {
    if world.global.json {
        let done: Vec<_> = deployed.finished.iter().map(|finished| &finished.entry).collect();
        world.print_json(&serde_json::json!({
            "applied": done, "rehearsal": deployed.rehearsal, "verdict": deployed.verdict,
        }));
        return;
    }
    if let Some(rehearsed) = &deployed.rehearsal {
        world.print(&rehearsal::rehearsal(rehearsed));
    }
    if deployed.verdict.checked > 0 {
        world.print(&violation::verdict(&deployed.verdict));
    }
    if deployed.finished.is_empty() {
        world.print("nothing to apply: another migrator has done it meanwhile\n");
    }
    for finished in &deployed.finished {
        world.print(&format!(
            "{} {} {}\n",
            paint(GOOD, "applied"),
            finished.entry.version,
            paint(
                FAINT,
                &format!("to {} in {}", database.describe(), duration(finished.entry.duration_ms))
            )
        ));
    }
}
