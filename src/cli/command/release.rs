//! `migrate release`: throws kept data away for good; the only command that cannot be taken back.

use crate::apply::book;
use crate::apply::deploy::sound_books;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::world::{World, now};
use crate::db::{Access, Mode};
use crate::dialect::bookkeeping;
use crate::journal::{Action, Entry};
use crate::report::style::{GOOD, count, paint};

/// Throw kept data away for good.
///
/// After this a rollback of the version that kept it is refused. Without names: all kept data of this database.
#[derive(Debug, clap::Args)]
pub(crate) struct ReleaseArgs {
    /// Kept tables, as `migrate status` names them
    names: Vec<String>,
    /// Why (goes into the ledger)
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

pub(crate) fn run(args: &ReleaseArgs, world: &World) -> Result<Exit, CliError> {
    let project = world.project_if_any()?;
    let mut database = world.open(project.as_ref(), Access::ReadWrite)?;
    let books = sound_books(&mut database)?;
    let dialect = database.dialect();
    let kept: Vec<String> =
        database.rows(&bookkeeping::kept(dialect))?.into_iter().flatten().flatten().collect();
    if let Some(unknown) = args.names.iter().find(|name| !kept.contains(name)) {
        return Err(CliError::new(
            Exit::Failure,
            format!("`{unknown}` is not kept here\nhelp: `migrate status` lists what is"),
        ));
    }
    let chosen = if args.names.is_empty() { kept } else { args.names.clone() };
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
