//! `migrate report --approve`: writes an approval into the ledger of the database.

use std::time::Duration;

use crate::apply::approve::approve;
use crate::apply::deploy::sound_books;
use crate::apply::{Bundle, Context};
use crate::cli::command::versions;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::world::{World, now};
use crate::db::{Access, Database};
use crate::journal::{Entry, applied, approvers};
use crate::report::style::{GOOD, count, paint};
use crate::source::project::Project;

use super::ReportArgs;
use super::material::range;

/// How long to wait for another migrator.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn run(args: &ReportArgs, world: &World) -> Result<Exit, CliError> {
    if world.global.actor.is_none() {
        return Err(CliError::usage(
            "an approval needs a name\nhelp: pass `--actor NAME`; it goes into the ledger of the database",
        ));
    }
    let project = world.project()?;
    let all = project.versions()?;
    let mut database = world.open(Some(&project), Access::ReadWrite)?;
    let entries = sound_books(&mut database)?.entries;
    let (_, chosen) = range(args.range.as_deref(), &all, Some(&entries))?;
    let in_force = applied(&entries);
    let is_in_force = |id: &str| in_force.iter().any(|entry| entry.version == id);
    if let Some(version) = chosen.iter().find(|it| is_in_force(it.manifest.id.as_str())) {
        return Err(CliError::usage(format!(
            "`{}` is applied to {} already: approvals come before that\nhelp: name a pending version",
            version.manifest.id,
            database.describe()
        )));
    }
    let dialect = database.dialect();
    let bundles: Vec<Bundle> =
        chosen.iter().map(|it| versions::bundle(it, dialect)).collect::<Result<_, _>>()?;
    let mut spinner = world.spinner();
    let context = Context { who: world.who(args.reason.as_deref()), now, progress: &mut spinner };
    let written = approve(&mut database, &bundles.iter().collect::<Vec<_>>(), PATIENCE, &context)?;
    drop(spinner);
    let entries = sound_books(&mut database)?.entries;
    if world.global.json {
        world.print_json(&serde_json::json!({ "approved": written }));
        return Ok(Exit::Done);
    }
    for bundle in &bundles {
        let who = approvers(&entries, &bundle.name, &bundle.hash);
        let people = count(who.len() as u64, "approval");
        let done = match written.iter().any(|entry| entry.version == bundle.name) {
            true => paint(GOOD, "approved"),
            false => "approved before:".to_owned(),
        };
        world.print(&format!("{done} {} ({people}: {})\n", bundle.name, who.join(", ")));
    }
    Ok(Exit::Done)
}

/// Refuses plans that fewer people have approved than must.
///
/// # Errors
/// There is one; who approved it, and how others do.
pub(crate) fn demand(
    world: &World,
    project: Option<&Project>,
    flag: Option<usize>,
    database: &mut Database,
    bundles: &[&Bundle],
) -> Result<(), CliError> {
    let Some(wanted) = wanted(world, project, flag)? else { return Ok(()) };
    let entries: Vec<Entry> = sound_books(database)?.entries;
    for bundle in bundles {
        let who = approvers(&entries, &bundle.name, &bundle.hash);
        if who.len() >= wanted {
            continue;
        }
        let others = match who.is_empty() {
            true => "nobody has approved it".to_owned(),
            false => format!("only {} has approved it", who.join(", ")),
        };
        return Err(CliError::new(
            Exit::Refused,
            format!(
                "`{}` needs {}, and {others}; nothing was applied\n\
                 help: look at `migrate report`, then `migrate report {} --approve --actor NAME`; an approval is of the SQL as it \
                 is, so an edit voids it",
                bundle.name,
                count(wanted as u64, "approval"),
                bundle.name
            ),
        ));
    }
    Ok(())
}

/// How many approvals a version needs: by the command line or the environment, whichever asks for more.
pub(crate) fn wanted(
    world: &World,
    project: Option<&Project>,
    flag: Option<usize>,
) -> Result<Option<usize>, CliError> {
    let set = world.environment(project)?.require_approvals;
    Ok(flag.into_iter().chain(set).max().filter(|wanted| *wanted > 0))
}
