//! `migrate new`: an empty version for SQL written by hand.

use std::collections::BTreeMap;

use crate::catalog::Printed;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::world::World;
use crate::dialect::Undo;
use crate::plan::carries::Carries;
use crate::plan::version::{VersionId, VersionKind};
use crate::plan::{FORMAT, Files, PlanFile, Proof, WayFile};
use crate::report::style::{GOOD, paint};
use crate::source::project::{Project, Version};
use crate::text::{Dialect, hash};

use super::plan::{Drafts, refuse_applied, version};
use super::versions;

/// Make an empty version for SQL written by hand.
///
/// Write the SQL of both ways into its files, then seal it with `migrate rehash`, which proves that down takes up
/// back.
#[derive(Debug, clap::Args)]
pub(crate) struct NewArgs {
    /// A few words that name the version
    name: String,
    /// Put it before this version, which must be the last and not applied yet (it takes the next number)
    #[arg(long, value_name = "VERSION")]
    before: Option<String>,
    /// Why, for the version's manifest
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

pub(crate) fn run(args: &NewArgs, world: &World) -> Result<Exit, CliError> {
    let project = world.project()?;
    let mut versions = project.versions()?;
    let follower = match &args.before {
        Some(name) => Some(movable(name, world, &project, &mut versions)?),
        None => None,
    };
    let Some(last) = versions.last() else {
        return Err(CliError::new(
            Exit::Failure,
            "there is no version to follow yet\nhelp: `migrate plan` makes the first one from the model",
        ));
    };
    let files: BTreeMap<Dialect, Files> =
        last.plans.iter().map(|(dialect, plan)| (*dialect, empty(&args.name, plan))).collect();
    let id = VersionId::new(last.manifest.id.number() + 1, &args.name);
    let drafts = Drafts { snapshot: last.snapshot.clone(), files, wider: 0 };
    let written: Version = version(id, VersionKind::Written, args.reason.clone(), drafts, world);
    insert(world, &project, written, follower, "made")?;
    world.note("write its up.sql and down.sql, then run `migrate rehash`");
    Ok(Exit::Done)
}

/// Seals a version, before the one that is to follow it where there is such.
pub(super) fn insert(
    world: &World,
    project: &Project,
    version: Version,
    follower: Option<Version>,
    verb: &str,
) -> Result<(), CliError> {
    if let Some(follower) = &follower {
        project.withdraw(&follower.manifest.id)?;
    }
    let sealed = project.seal(version)?;
    let folder = project.migrations().join(sealed.manifest.id.as_str());
    world.note(&format!("{} {}", paint(GOOD, verb), folder.display()));
    if let Some(mut follower) = follower {
        let id = &follower.manifest.id;
        let words = id.as_str().split_once('_').map_or("change", |(_, words)| words);
        follower.manifest.id = VersionId::new(sealed.manifest.id.number() + 1, words);
        let moved = project.seal(follower)?;
        world.note(&format!("it comes before {}", moved.manifest.id));
    }
    Ok(())
}

/// Takes the version that is to come after the new one off the end of the list.
pub(super) fn movable(
    name: &str,
    world: &World,
    project: &Project,
    versions: &mut Vec<Version>,
) -> Result<Version, CliError> {
    let wanted = versions::find(versions, name)?.manifest.id.clone();
    match versions.pop() {
        Some(last) if last.manifest.id == wanted => {
            refuse_applied(world, project, &last)?;
            Ok(last)
        }
        Some(_) | None => Err(CliError::new(
            Exit::Refused,
            format!(
                "`{wanted}` is not the last version\nhelp: only before the last version is there room for another"
            ),
        )),
    }
}

fn empty(name: &str, last: &PlanFile) -> Files {
    let text = |way: &str| {
        format!(
            "-- {name}: {way} ({})\n-- Statements end with a semicolon; `migrate` opens the transaction.\n",
            last.dialect
        )
    };
    let (up, down) = (text("up"), text("down"));
    let way = |text: &str| WayFile {
        sha256: hash::sha256_of_text(text),
        steps: Vec::new(),
        checks: Vec::new(),
    };
    let plan = PlanFile {
        plan: FORMAT,
        dialect: last.dialect,
        printed: Printed::ByModel,
        tag: hash::sha256_parts([name.as_bytes(), last.tag.as_bytes()])[..8].to_owned(),
        before: last.after.clone(),
        after: last.after.clone(),
        summary: vec!["~ hand-written SQL".to_owned()],
        undo: Undo::Exact,
        proved: Proof::Not("it was written by hand; `migrate rehash` proves it".to_owned()),
        carries: Some(Carries::default()),
        up: way(&up),
        down: way(&down),
    };
    Files { up, down, plan }
}
