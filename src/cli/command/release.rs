//! `migrate release`: throws kept data away for good; the only command that cannot be taken back.

use jiff::{SignedDuration, Timestamp};

use super::versions;
use crate::apply::book;
use crate::apply::deploy::sound_books;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::world::{World, now};
use crate::db::{Access, Mode};
use crate::dialect::bookkeeping;
use crate::journal::{Action, Entry};
use crate::report::style::{GOOD, count, paint};
use crate::source::project::Project;
use crate::text::Dialect;

/// Throw kept data away for good.
///
/// After this a rollback of the version that kept it is refused. Without names: all kept data of this database.
#[derive(Debug, clap::Args)]
pub(crate) struct ReleaseArgs {
    /// Kept tables, as `migrate status` names them, or versions: all that was kept for them
    names: Vec<String>,
    /// Only what was kept longer ago than this: `14d`, `12h`
    #[arg(long, value_name = "AGE", conflicts_with = "names")]
    older_than: Option<String>,
    /// Why (goes into the ledger)
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// A run that is in the ledger: its version, the tag of its plan, and when it was.
struct Run {
    version: String,
    tag: String,
    at: String,
}

/// The tag stands in the name of all that a plan keeps.
fn of_runs(
    project: Option<&Project>,
    entries: &[Entry],
    dialect: Dialect,
) -> Result<Vec<Run>, CliError> {
    let versions = project.map(Project::versions).transpose()?.unwrap_or_default();
    let mut runs = Vec::new();
    for entry in entries {
        let found = versions.iter().find(|version| version.manifest.id.as_str() == entry.version);
        let tag = match (entry.version.strip_prefix("plan "), found) {
            (Some(tag), _) => tag.to_owned(),
            (None, Some(version)) => versions::bundle(version, dialect)?.plan.tag,
            (None, None) => continue,
        };
        runs.push(Run { version: entry.version.clone(), tag, at: entry.at.clone() });
    }
    Ok(runs)
}

/// The kept tables that are meant.
fn choose(args: &ReleaseArgs, kept: &[String], runs: &[Run]) -> Result<Vec<String>, CliError> {
    let of = |tag: &str| {
        let prefix = format!("{tag}_");
        kept.iter().filter(|name| name.starts_with(&prefix)).cloned().collect::<Vec<_>>()
    };
    if let Some(age) = &args.older_than {
        let oldest = before(age)?;
        // A plan that ran twice kept what it kept the last time.
        let last = |name: &&String| {
            runs.iter().rev().find(|run| name.starts_with(&format!("{}_", run.tag)))
        };
        let old = |run: &Run| run.at.parse::<Timestamp>().is_ok_and(|at| at < oldest);
        return Ok(kept.iter().filter(|name| last(name).is_some_and(old)).cloned().collect());
    }
    if args.names.is_empty() {
        return Ok(kept.to_vec());
    }
    let mut chosen = Vec::new();
    for name in &args.names {
        let run = runs.iter().rev().find(|run| run.version == *name);
        match (kept.contains(name), run) {
            (true, _) => chosen.push(name.clone()),
            (false, Some(run)) => chosen.extend(of(&run.tag)),
            (false, None) => {
                return Err(CliError::new(
                    Exit::Failure,
                    format!("`{name}` is not kept here\nhelp: `migrate status` lists what is"),
                ));
            }
        }
    }
    Ok(chosen)
}

/// The moment that long ago.
fn before(age: &str) -> Result<Timestamp, CliError> {
    let hours = match (age.strip_suffix('d'), age.strip_suffix('h')) {
        (Some(days), _) => days.parse::<i64>().ok().and_then(|days| days.checked_mul(24)),
        (None, Some(hours)) => hours.parse::<i64>().ok(),
        (None, None) => None,
    };
    hours
        .filter(|hours| *hours >= 0)
        .and_then(|hours| Timestamp::now().checked_sub(SignedDuration::from_hours(hours)).ok())
        .ok_or_else(|| CliError::usage(format!("`{age}` is no age\nhelp: write `14d` or `12h`")))
}

pub(crate) fn run(args: &ReleaseArgs, world: &World) -> Result<Exit, CliError> {
    let project = world.project_if_any()?;
    let mut database = world.open(project.as_ref(), Access::ReadWrite)?;
    let books = sound_books(&mut database)?;
    let dialect = database.dialect();
    let kept: Vec<String> =
        database.rows(&bookkeeping::kept(dialect))?.into_iter().flatten().flatten().collect();
    let chosen = choose(args, &kept, &of_runs(project.as_ref(), &books.entries, dialect)?)?;
    if chosen.is_empty() {
        world.print("nothing is kept\n");
        return Ok(Exit::Done);
    }
    let question = format!("throw {} away for good? [y/N]", chosen.join(", "));
    let agreed = world.global.yes
        || world.can_ask() && world.ask(&question).is_some_and(|answer| answer == "y");
    if !agreed {
        return Err(CliError::new(Exit::Refused, "nobody said yes\nhelp: pass `--yes`"));
    }
    let schema = database.inspect()?.fingerprint();
    let who = world.who(args.reason.as_deref());
    let entry = Entry {
        number: 0,
        at: now(),
        action: Action::Release,
        version: chosen.join(" "),
        plan: String::new(),
        schema,
        actor: who.actor,
        host: who.host,
        commit: who.commit,
        tool: who.tool,
        reason: who.reason,
        duration_ms: 0,
        previous: String::new(),
        hash: String::new(),
    }
    .sealed(books.entries.last());
    database.within(Mode::Write, |database| {
        for name in &chosen {
            database.execute(&bookkeeping::release(name, dialect))?;
        }
        book::write_entry(database, &entry)
    })?;
    let released = count(chosen.len() as u64, "kept table");
    world.print(&format!("{} {released}\n", paint(GOOD, "released")));
    Ok(Exit::Done)
}
