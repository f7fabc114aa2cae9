//! `migrate status`: where a database stands.

use crate::apply::deploy::sound_books;
use crate::apply::kept::kept;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::keepers::owners;
use crate::cli::world::World;
use crate::db::{Access, Database};
use crate::journal::{Action, Entry, applied};
use crate::report::drift::whole;
use crate::report::kept::by_version;
use crate::report::status::{SchemaStatus, Status, VersionState, VersionStatus, half_way, status};
use crate::source::project::{Project, Version};

use super::drift::drift;

/// Show where a database stands: versions, drift, kept data.
#[derive(Debug, clap::Args)]
pub(crate) struct StatusArgs {
    /// End with 3 if versions are pending, with 6 if the schema drifted
    #[arg(long)]
    exit_code: bool,
    /// Show what differs from the version last applied: as a diff, and as SQL both ways; ends with 6 if anything does
    #[arg(long)]
    drift: bool,
}

pub(crate) fn run(args: &StatusArgs, world: &World) -> Result<Exit, CliError> {
    let project = world.project_if_any()?;
    let mut database = world.open(project.as_ref(), Access::ReadOnly)?;
    let mut found = read(project.as_ref(), &mut database)?;
    if let (SchemaStatus::Drifted, Some(project)) = (found.schema, &project) {
        let versions = project.versions()?;
        found.drift = drift(world, project, &versions, &mut database)?;
    }
    if world.global.json {
        world.print_json(&found);
    } else {
        world.print(&status(&found));
        if let (true, Some(drift)) = (args.drift, &found.drift) {
            world.print(&format!("\n{}", whole(drift)));
        }
    }
    Ok(match (args.exit_code || args.drift, found.schema, found.pending()) {
        (true, SchemaStatus::Drifted, _) => Exit::History,
        (true, _, 1..) if args.exit_code => Exit::Differences,
        (true, _, _) | (false, _, _) => Exit::Done,
    })
}

/// Everything the screen shows.
pub(crate) fn read(project: Option<&Project>, database: &mut Database) -> Result<Status, CliError> {
    let versions = match project {
        Some(project) => project.versions()?,
        None => Vec::new(),
    };
    let books = sound_books(database)?;
    let in_force = applied(&books.entries);
    let schema = match books.entries.last() {
        None => SchemaStatus::Untracked,
        Some(last) => match last.known_schema() {
            None => SchemaStatus::Unread,
            Some(schema) if schema == database.inspect()?.fingerprint() => SchemaStatus::AsRecorded,
            Some(_) => SchemaStatus::Drifted,
        },
    };
    let kept = match books.entries.is_empty() {
        true => by_version(&[], &[]),
        false => {
            let owners = owners(&versions, &books.entries, database.dialect())?;
            by_version(&kept(database)?, &owners)
        }
    };
    Ok(Status {
        status: 1,
        database: database.describe(),
        engine: database.version(),
        versions: versions.iter().map(|version| version_status(version, &in_force)).collect(),
        plans: in_force
            .iter()
            .filter(|entry| {
                !versions.iter().any(|version| version.manifest.id.as_str() == entry.version)
            })
            .map(|entry| entry.version.clone())
            .collect(),
        schema,
        drift: None,
        kept,
        half_way: half_way(books.open.as_ref()),
    })
}

fn version_status(version: &Version, in_force: &[&Entry]) -> VersionStatus {
    let id = version.manifest.id.to_string();
    let entry = in_force.iter().find(|entry| entry.version == id);
    VersionStatus {
        state: match entry.map(|entry| entry.action) {
            Some(Action::Baseline) => VersionState::Baseline,
            Some(
                Action::Apply
                | Action::Rollback
                | Action::Release
                | Action::Resolve
                | Action::Approve,
            ) => VersionState::Applied,
            None => VersionState::Pending,
        },
        at: entry.map(|entry| entry.at.clone()),
        actor: entry.map(|entry| entry.actor.clone()),
        id,
    }
}
