//! `migrate release`: throws kept data away for good; the only command that cannot be taken back.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::apply::Context;
use crate::apply::deploy::sound_books;
use crate::apply::kept::{
    Keeper, KeptTable, cut_off, kept, refuse_open, release, stranded, taken_along, wait_for_others,
};
use crate::cli::args::Allow;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::keepers::{in_force, keepers};
use crate::cli::world::{World, allows, now};
use crate::db::{Access, Database};
use crate::journal::{Action, Entry};
use crate::report::kept::{Described, described, rows_and_bytes, table_lines};
use crate::report::style::{CAREFUL, GOOD, count, paint};
use crate::source::project::{Project, Version};

use super::versions::find;

/// Throw kept data away for good.
///
/// After this a rollback of the version that kept it is refused. Without names: all kept data of this database. Kept data
/// that an older version in force still needs on its way back is not thrown away, unless `--allow loss` says so.
#[derive(Debug, clap::Args)]
pub(crate) struct ReleaseArgs {
    /// Kept tables and hidden columns, as `migrate status` names them, or versions: all that was kept for them
    names: Vec<String>,
    /// Only what was kept longer ago than this: `14d`, `12h`
    #[arg(long, value_name = "AGE", conflicts_with = "names")]
    older_than: Option<String>,
    /// Only what was kept for this version and those before it
    #[arg(long, value_name = "VERSION", conflicts_with_all = ["names", "older_than"])]
    up_to: Option<String>,
    /// Say what would be thrown away, and throw nothing away
    #[arg(long)]
    dry_run: bool,
    /// Go on even if an older version could not be rolled back any more
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    allow: Vec<Allow>,
    /// Why (goes into the ledger)
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Seconds to wait for another migrator
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    wait: u64,
}

/// What is known before anything is chosen.
struct Known {
    versions: Vec<Version>,
    entries: Vec<Entry>,
    keepers: Vec<Keeper>,
    tables: Vec<KeptTable>,
}

impl Known {
    fn read(project: Option<&Project>, database: &mut Database) -> Result<Known, CliError> {
        let books = sound_books(database)?;
        refuse_open(&books)?;
        let versions = project.map(Project::versions).transpose()?.unwrap_or_default();
        let keepers = keepers(&versions, &books.entries, database.dialect())?;
        let tables = match books.entries.is_empty() {
            true => Vec::new(),
            false => kept(database)?,
        };
        Ok(Known { versions, entries: books.entries, keepers, tables })
    }

    /// The version or plan that a person means.
    fn keeper(&self, name: &str) -> Option<&Keeper> {
        let id = find(&self.versions, name).map(|version| version.manifest.id.to_string());
        let id = id.unwrap_or_else(|_| name.to_owned());
        self.keepers.iter().find(|keeper| keeper.version == id)
    }

    fn names_of(&self, meant: impl Fn(&Keeper) -> bool) -> BTreeSet<String> {
        let names = self.tables.iter().map(|table| &table.name);
        let of_one = |name: &&String| self.keepers.iter().any(|it| it.keeps(name) && meant(it));
        names.filter(of_one).cloned().collect()
    }

    /// Whether `other` comes before `last` or is it: in the chain where both are in it, else in the ledger.
    fn is_up_to(&self, other: &Keeper, last: &Keeper) -> bool {
        let in_chain = |keeper: &Keeper| {
            self.versions.iter().position(|it| it.manifest.id.as_str() == keeper.version)
        };
        let applied = |keeper: &Keeper| {
            let is_its =
                |entry: &&Entry| entry.version == keeper.version && entry.action == Action::Apply;
            self.entries.iter().rfind(is_its).map(|entry| entry.number)
        };
        match (in_chain(other), in_chain(last)) {
            (Some(other), Some(last)) => other <= last,
            (None, _) | (_, None) => applied(other) <= applied(last),
        }
    }

    /// The kept tables that are meant.
    fn choose(&self, args: &ReleaseArgs) -> Result<BTreeSet<String>, CliError> {
        if let Some(age) = &args.older_than {
            let oldest = before(age)?;
            return Ok(self.names_of(|it| it.at.parse::<Timestamp>().is_ok_and(|at| at < oldest)));
        }
        if let Some(name) = &args.up_to {
            let last = self.keeper(name).ok_or_else(|| unknown(name))?;
            return Ok(self.names_of(|keeper| self.is_up_to(keeper, last)));
        }
        if args.names.is_empty() {
            return Ok(self.tables.iter().map(|table| table.name.clone()).collect());
        }
        let mut chosen = BTreeSet::new();
        for name in &args.names {
            match (self.tables.iter().any(|table| table.name == *name), self.keeper(name)) {
                (true, _) => {
                    chosen.insert(name.clone());
                }
                (false, Some(keeper)) => chosen.extend(self.names_of(|it| it == keeper)),
                (false, None) => return Err(unknown(name)),
            }
        }
        Ok(chosen)
    }

    fn described(&self, chosen: &BTreeSet<String>) -> Vec<Described> {
        described(&self.tables, &self.keepers)
            .into_iter()
            .filter(|table| chosen.contains(&table.name))
            .collect()
    }
}

fn unknown(name: &str) -> CliError {
    CliError::new(
        Exit::Failure,
        format!("`{name}` is not kept here\nhelp: `migrate status` lists what is"),
    )
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

/// Partitions go where the table goes that they are of.
fn with_partitions(
    database: &mut Database,
    mut chosen: BTreeSet<String>,
) -> Result<BTreeSet<String>, CliError> {
    let along = taken_along(database)?;
    loop {
        let more: Vec<String> = along
            .iter()
            .filter(|(name, parent)| chosen.contains(*parent) && !chosen.contains(*name))
            .map(|(name, _)| name.clone())
            .collect();
        if more.is_empty() {
            return Ok(chosen);
        }
        chosen.extend(more);
    }
}

/// What an older version still needs is not thrown away by the way.
fn refuse_stranding(known: &Known, chosen: &BTreeSet<String>) -> Result<(), CliError> {
    let in_force = in_force(&known.entries, &known.keepers);
    let stranded = stranded(&in_force, &known.tables, chosen);
    let Some(newest) = stranded.first() else { return Ok(()) };
    let mut message = format!(
        "a rollback still needs what this would throw away of {}; nothing was released\n",
        newest.over
    );
    for version in &stranded {
        let left: BTreeSet<String> = version.tables.iter().cloned().collect();
        let tables = known.described(&left);
        let why = match version.version == version.over {
            true => "is put back as a whole or not at all".to_owned(),
            false => format!("is taken back after {}", version.over),
        };
        message.push_str(&format!(
            "  {} {why}, and would still keep {}\n",
            version.version,
            rows_and_bytes(&tables)
        ));
    }
    message.push_str(&format!(
        "help: throw away all up to there (`migrate release --up-to {}`), or begin with older versions, or pass \
         `--allow loss`",
        newest.over
    ));
    Err(CliError::new(Exit::Refused, message))
}

pub(crate) fn run(args: &ReleaseArgs, world: &World) -> Result<Exit, CliError> {
    let project = world.project_if_any()?;
    let access = if args.dry_run { Access::ReadOnly } else { Access::ReadWrite };
    let mut database = world.open(project.as_ref(), access)?;
    let patience = Duration::from_secs(args.wait);
    if !args.dry_run {
        // Nobody is kept waiting while a person thinks: the lock is taken for good only after the question.
        wait_for_others(&mut database, patience)?;
    }
    let known = Known::read(project.as_ref(), &mut database)?;
    let chosen = with_partitions(&mut database, known.choose(args)?)?;
    let (Some(last), false) = (known.entries.last(), chosen.is_empty()) else {
        say(world, args, &[], &[]);
        return Ok(Exit::Done);
    };
    if !allows(&args.allow, "loss") {
        refuse_stranding(&known, &chosen)?;
    }
    let tables = known.described(&chosen);
    let cut_off = cut_off(&in_force(&known.entries, &known.keepers), &known.tables, &chosen);
    if args.dry_run {
        say(world, args, &tables, &cut_off);
        return Ok(Exit::Done);
    }
    let names: Vec<&str> = chosen.iter().map(String::as_str).collect();
    let question =
        format!("throw {} away for good ({})? [y/N]", names.join(", "), rows_and_bytes(&tables));
    let agreed = world.global.yes
        || world.can_ask() && world.ask(&question).is_some_and(|answer| answer == "y");
    if !agreed {
        return Err(CliError::new(Exit::Refused, "nobody said yes\nhelp: pass `--yes`"));
    }
    let mut spinner = world.spinner();
    let context = Context { who: world.who(args.reason.as_deref()), now, progress: &mut spinner };
    release(&mut database, &chosen, last, patience, &context)?;
    drop(spinner);
    say(world, args, &tables, &cut_off);
    Ok(Exit::Done)
}

/// Says what was thrown away, or would be.
fn say(world: &World, args: &ReleaseArgs, tables: &[Described], cut_off: &[String]) {
    let (done, word) = match args.dry_run {
        true => ("would release", "would_release"),
        false => ("released", "released"),
    };
    if world.global.json {
        world.print_json(&serde_json::json!({ word: tables, "cannot_be_rolled_back": cut_off }));
        return;
    }
    if tables.is_empty() {
        world.print("nothing is kept\n");
        return;
    }
    let style = if args.dry_run { CAREFUL } else { GOOD };
    let number = count(tables.len() as u64, "kept table");
    world.print(&format!("{} {number}: {}\n", paint(style, done), rows_and_bytes(tables)));
    if args.dry_run {
        world.print(&table_lines(tables));
    }
    if !cut_off.is_empty() {
        let rolled_back = match args.dry_run {
            true => "could not be rolled back after that",
            false => "cannot be rolled back any more",
        };
        world.print(&format!("{} {rolled_back}\n", cut_off.join(", ")));
    }
}
