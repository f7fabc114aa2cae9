//! `migrate resolve`: decides about a run that stopped half-way.

use std::path::PathBuf;
use std::time::Duration;

use crate::apply::deploy::sound_books;
use crate::apply::resolve::{Decision, StepFound, Stopped, doubt, resolve, resolve_step};
use crate::apply::{Bundle, Context, Silent};
use crate::catalog::Catalog;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::world::{World, now};
use crate::db::{Access, Database};
use crate::dialect::Direction;
use crate::journal::Unfinished;
use crate::report::style::{BAD, GOOD, paint};
use crate::source::project::Project;

use super::apply::project_for;
use super::{plan_folder, versions};

/// Decide about a run that stopped half-way (exit 8).
///
/// Without a decision it shows how far the run got, which step was under way, and which end the schema stands at. `migrate
/// apply` or `migrate rollback` goes on with such a run; decide only where that cannot be, after you have brought the schema to one
/// of its ends by hand. The schema must prove what you say (exit 6 if it does not); the ledger keeps it with the reason.
#[derive(Debug, clap::Args)]
pub(crate) struct ResolveArgs {
    /// The version that stopped (default: the one that did)
    version: Option<String>,
    /// The version is in force: the schema is as the version leads to
    #[arg(long, conflicts_with_all = ["rolled_back", "step"])]
    applied: bool,
    /// The version is not in force: the schema is as it was before
    #[arg(long, conflicts_with = "step")]
    rolled_back: bool,
    /// What you found out about the step that was under way; the run can go on then
    #[arg(long, value_name = "FOUND")]
    step: Option<StepWord>,
    /// The run was one of this plan folder
    #[arg(long, value_name = "DIR", conflicts_with = "version")]
    plan: Option<PathBuf>,
    /// Why (goes into the ledger)
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Seconds to wait for another migrator
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    wait: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum StepWord {
    /// It took effect
    Done,
    /// It did not, and nothing of it is left
    Undone,
}

pub(crate) fn run(args: &ResolveArgs, world: &World) -> Result<Exit, CliError> {
    let project = project_for(world, args.plan.as_ref())?;
    let mut database = world.open(project.as_ref(), Access::ReadWrite)?;
    let decision = match (args.applied, args.rolled_back) {
        (true, _) => Some(Decision::Applied),
        (false, true) => Some(Decision::RolledBack),
        (false, false) => None,
    };
    let Some(open) = sound_books(&mut database)?.open else {
        if decision.is_some() || args.step.is_some() {
            return Err(CliError::new(
                Exit::Failure,
                "no run stopped half-way, so there is nothing to resolve\nhelp: `migrate status` shows where the \
                 database stands",
            ));
        }
        world.print("no run stopped half-way\n");
        return Ok(Exit::Done);
    };
    let (bundle, target) = plan_of(args, world, project.as_ref(), &database, &open)?;
    let stopped = Stopped { open: &open, bundle: &bundle, target: target.as_ref() };
    if decision.is_none() && args.step.is_none() {
        return show(world, &mut database, &stopped);
    }
    let Some(reason) = &args.reason else {
        return Err(CliError::usage(
            "say why with `--reason TEXT`: it goes into the ledger, for whoever reads it later",
        ));
    };
    world.confirm(project.as_ref(), "resolve a run", &database)?;
    let patience = Duration::from_secs(args.wait);
    let context = Context { who: world.who(Some(reason)), now, progress: &mut Silent };
    if let Some(word) = args.step {
        let found = match word {
            StepWord::Done => StepFound::Done,
            StepWord::Undone => StepFound::Undone,
        };
        resolve_step(&mut database, &stopped, found, reason, patience, &context)?;
        world.print(&format!(
            "{} the step that was under way; `migrate {}` goes on\n",
            paint(GOOD, "noted"),
            verb(open.way)
        ));
        return Ok(Exit::Done);
    }
    let decision = decision.expect("one of the two was given");
    let entry = resolve(&mut database, &stopped, decision, patience, &context)?;
    if world.global.json {
        world.print_json(&serde_json::json!({ "resolved": entry }));
    } else {
        world.print(&format!(
            "{} {} as {}: the schema is that one\n",
            paint(GOOD, "resolved"),
            entry.version,
            decision.words()
        ));
    }
    Ok(Exit::Done)
}

/// The plan that the run ran, and the schema it leads to where the project has that.
fn plan_of(
    args: &ResolveArgs,
    world: &World,
    project: Option<&Project>,
    database: &Database,
    open: &Unfinished,
) -> Result<(Bundle, Option<Catalog>), CliError> {
    let (bundle, target) = match (&args.plan, project) {
        (Some(folder), _) => (plan_folder::read(&world.folder.join(folder))?, None),
        (None, Some(_)) if open.version.starts_with("plan ") => {
            return Err(CliError::usage(format!(
                "what stopped half-way is `{}`, a plan without a project\nhelp: pass its folder: `--plan DIR`",
                open.version
            )));
        }
        (None, Some(project)) => {
            let all = project.versions()?;
            let version = versions::find(&all, args.version.as_deref().unwrap_or(&open.version))?;
            let target = versions::target(world, project, version, database.dialect())?;
            (versions::bundle(version, database.dialect())?, Some(target))
        }
        (None, None) => return Err(CliError::usage("neither a project nor `--plan DIR` is given")),
    };
    if bundle.name != open.version {
        return Err(CliError::new(
            Exit::Failure,
            format!("`{}` did not stop half-way; `{}` did", bundle.name, open.version),
        ));
    }
    if bundle.hash != open.plan {
        return Err(CliError::new(
            Exit::History,
            format!(
                "`{}` has other SQL than the run that stopped half-way\nhelp: restore its files from git",
                bundle.name
            ),
        ));
    }
    Ok((bundle, target))
}

/// What can be said about the run.
fn show(world: &World, database: &mut Database, stopped: &Stopped<'_>) -> Result<Exit, CliError> {
    let open = stopped.open;
    let total = stopped.bundle.steps(open.way).len();
    let proven: Vec<Decision> = [Decision::Applied, Decision::RolledBack]
        .into_iter()
        .filter_map(|decision| match doubt(database, stopped, decision) {
            Ok(None) => Some(Ok(decision)),
            Ok(Some(_)) => None,
            Err(error) => Some(Err(error)),
        })
        .collect::<Result<_, _>>()?;
    if world.global.json {
        let words: Vec<&str> = proven.iter().map(|decision| decision.words()).collect();
        world.print_json(&serde_json::json!({
            "resolve": 1, "version": open.version, "way": verb(open.way), "done": open.done, "steps": total,
            "under_way": open.uncertain, "schema_proves": words,
        }));
        return Ok(Exit::HalfWay);
    }
    let mut text = format!(
        "{} {}: {} stopped after step {} of {total}\n",
        paint(BAD, "half-way"),
        open.version,
        verb(open.way),
        open.done
    );
    if let Some((number, title, statements)) = stopped.under_way() {
        text.push_str(&format!("step {number} was under way outside a transaction: {title}\n"));
        statements.iter().for_each(|statement| text.push_str(&format!("  {statement}\n")));
    }
    text.push_str(&match proven.as_slice() {
        [] => "the schema is neither as before nor as after it\n".to_owned(),
        [Decision::Applied, Decision::RolledBack] => {
            "the schema is the same before and after it\n".to_owned()
        }
        [one, ..] => format!("the schema is that of the version {}\n", one.words()),
    });
    text.push_str(&format!("`migrate {}` goes on after step {}\n", verb(open.way), open.done));
    world.print(&text);
    Ok(Exit::HalfWay)
}

/// The command that goes on.
fn verb(way: Direction) -> &'static str {
    match way {
        Direction::Up => "apply",
        Direction::Down => "rollback",
    }
}
