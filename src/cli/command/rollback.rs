//! `migrate rollback`: takes the last versions back, or a plan folder, with all their data.

use std::path::PathBuf;
use std::time::Duration;

use crate::apply::deploy::{
    DeployError, Deployed, LossPolicy, Options, RehearsalPolicy, foresee, sound_books, take_back,
};
use crate::apply::given::Given;
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
/// some row cannot live in the old shape, nothing is touched and the rows are named (exit 7). Several versions are first
/// taken back on a copy of the database: what would stop an older one, only the rows after the newer ones tell.
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
    /// Do not take several versions back on a copy first
    #[arg(long, conflicts_with = "dry_run")]
    no_rehearsal: bool,
    #[command(flatten)]
    shadow: ShadowArgs,
    /// Go on even if rows cannot live in the old shape
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    allow: Vec<Allow>,
    /// Give rows written since a value of a required column that comes back: SQL over the row as it is now
    #[arg(long, value_name = "TABLE.COLUMN=SQL", value_parser = given)]
    value: Vec<Given>,
    /// Why (goes into the ledger)
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Seconds to wait for another migrator, and for locks of others
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    wait: u64,
}

fn given(text: &str) -> Result<Given, String> {
    let (column, expression) =
        text.split_once('=').ok_or("write it as `customer.company='unknown'`")?;
    Ok(Given { column: column.trim().to_owned(), expression: expression.trim().to_owned() })
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
    if is_tried_first(args, &mut database, &bundles)? {
        try_first(args, world, project.as_ref(), &mut database, &bundles)?;
    }
    world.confirm(project.as_ref(), "roll back", &database)?;
    let options = options(args, world, project.as_ref());
    let mut spinner = world.course();
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
        values: args.value.clone(),
    }
}

/// Whether versions are tried on a copy before the first of them is touched. A run that stopped half-way goes on where it
/// is.
fn is_tried_first(
    args: &RollbackArgs,
    database: &mut Database,
    bundles: &[Bundle],
) -> Result<bool, CliError> {
    if bundles.len() < 2 || args.no_rehearsal || allows(&args.allow, "loss") {
        return Ok(false);
    }
    let books = sound_books(database)?;
    foresee(database, &books, &bundles.iter().collect::<Vec<_>>())?;
    Ok(books.open.is_none())
}

/// Takes all versions back on a copy, and says nothing where that goes well.
fn try_first(
    args: &RollbackArgs,
    world: &World,
    project: Option<&Project>,
    database: &mut Database,
    bundles: &[Bundle],
) -> Result<(), CliError> {
    let way_out = "help: take them back one at a time (`--steps 1`), or without a copy first: `--no-rehearsal`";
    match on_a_copy(args, world, project, database, bundles) {
        Ok(_) => Ok(()),
        Err(Tried::NoCopy(error)) => {
            let message = format!("{}\n{way_out}", error.message);
            Err(CliError::new(error.exit, message))
        }
        Err(refused) => Err(refused.into()),
    }
}

/// Why versions could not be taken back on a copy.
enum Tried {
    NoCopy(CliError),
    /// `step_of` is the version whose step fails.
    Refused {
        error: Box<DeployError>,
        step_of: Option<String>,
        note: String,
    },
}

impl From<Tried> for CliError {
    fn from(tried: Tried) -> Self {
        match tried {
            Tried::NoCopy(error) => error,
            Tried::Refused { error, step_of, note } => {
                let error = CliError::from(error.of_the_original());
                // What an engine refuses there is a row that cannot live in an older shape.
                let exit = if error.exit == Exit::Violations { Exit::Refused } else { error.exit };
                let version = step_of.map(|name| format!("`{name}`: ")).unwrap_or_default();
                CliError::new(exit, format!("{version}{}\ntried on a copy, {note}", error.message))
            }
        }
    }
}

/// All versions one after the other on a copy: what would stop the second, only the rows after the first tell. What was
/// done, and which copy it was.
fn on_a_copy(
    args: &RollbackArgs,
    world: &World,
    project: Option<&Project>,
    database: &mut Database,
    bundles: &[Bundle],
) -> Result<(Deployed, String), Tried> {
    let mut wanted = world.snapshot_options(project, &args.shadow).map_err(Tried::NoCopy)?;
    if matches!(wanted.provider, Choice::Transaction) {
        return Err(Tried::NoCopy(CliError::usage(
            "one version after the other is committed, so this needs a copy: `--shadow local`, or `server`",
        )));
    }
    wanted.scope = Scope::Everything;
    let mut spinner = world.course();
    let mut shadow =
        snapshot(database, &wanted).map_err(|error| Tried::NoCopy(CliError::from(error)))?;
    let note = shadow.note().to_owned();
    let mut context =
        Context { who: world.who(args.reason.as_deref()), now, progress: &mut spinner };
    let references: Vec<&Bundle> = bundles.iter().collect();
    let options = options(args, world, project);
    match take_back(shadow.database(), &references, &options, &mut context) {
        Ok(done) => Ok((done, note)),
        Err(error) => {
            let is_back = |done: &&Finished| done.entry.action == Action::Rollback;
            let step_of = match &error {
                DeployError::Run { finished, .. } => {
                    bundles.get(finished.iter().filter(is_back).count())
                }
                _ => None,
            };
            let step_of = step_of.map(|bundle| bundle.name.clone());
            Err(Tried::Refused { error: Box::new(error), step_of, note })
        }
    }
}

/// `--dry-run`.
fn try_on_a_copy(
    args: &RollbackArgs,
    world: &World,
    project: Option<&Project>,
    database: &mut Database,
    bundles: &[Bundle],
) -> Result<Exit, CliError> {
    let (done, note) = on_a_copy(args, world, project, database, bundles)?;
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
