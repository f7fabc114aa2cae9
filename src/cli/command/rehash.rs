//! `migrate rehash`: proves an edited, unreleased version anew and seals it.

use crate::apply::rehearse::{Part, Printing, Stage, rehearse};
use crate::apply::{Bundle, Context};
use crate::catalog::Catalog;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::world::{World, now};
use crate::dialect::Direction;
use crate::plan::script;
use crate::plan::version::{Chain, Link};
use crate::plan::{Proof, create_script};
use crate::report::rehearsal;
use crate::report::style::{GOOD, paint};
use crate::shadow::extent::Extent;
use crate::shadow::scratch::scratch;
use crate::source::project::{CHAIN, Project, ProjectError, Version, hash_of};
use crate::text::{Dialect, hash};

use super::versions::target;

/// Prove an edited, unreleased version anew and seal it.
///
/// In an empty scratch database the schema of the version before is made; the edited SQL must lead from it to the
/// version's model and back. So for the first version that was edited and each after it (for the last one, if none
/// was). A version that is applied anywhere must not be edited: plan a new one.
#[derive(Debug, clap::Args)]
pub(crate) struct RehashArgs {}

pub(crate) fn run(_: &RehashArgs, world: &World) -> Result<Exit, CliError> {
    let project = world.project()?;
    let path = project.migrations().join(CHAIN);
    let text = std::fs::read_to_string(&path)
        .map_err(|error| CliError::new(Exit::Failure, format!("`{}`: {error}", path.display())))?;
    let chain = Chain::read(&text).map_err(ProjectError::History)?;
    if chain.links.is_empty() {
        return Err(CliError::new(Exit::Failure, "there is no version to rehash"));
    }
    let read = |link: &Link| {
        project.read_folder(&link.id).map_err(|fault| ProjectError::History(vec![fault]))
    };
    let versions = chain.links.iter().map(read).collect::<Result<Vec<Version>, _>>()?;
    let edited = versions
        .iter()
        .zip(&chain.links)
        .position(|(version, link)| hash_of(version, link.parent.as_deref()) != link.hash);
    let start = edited.unwrap_or(versions.len() - 1);
    let mut before = start.checked_sub(1).map(|position| versions[position].clone());
    let mut proved = Vec::new();
    for mut version in versions.into_iter().skip(start) {
        for dialect in version.plans.keys().copied().collect::<Vec<_>>() {
            refresh(&mut version, dialect)?;
            let engine = prove(world, &project, before.as_ref(), &version, dialect)?;
            if let Some(plan) = version.plans.get_mut(&dialect) {
                plan.proved = Proof::On(engine);
            }
        }
        before = Some(version.clone());
        proved.push(version);
    }
    // All are proved: sealing the first cuts the chain there, and the others follow.
    for version in proved {
        let sealed = project.seal(version)?;
        world.print(&format!("{} {}\n", paint(GOOD, "proved and sealed"), sealed.manifest.id));
    }
    Ok(Exit::Done)
}

/// Takes the facts of the steps from the edited files.
fn refresh(version: &mut Version, dialect: Dialect) -> Result<(), CliError> {
    let id = version.manifest.id.clone();
    let text = |way: &str| {
        let name = format!("{dialect}.{way}.sql");
        version.sql.get(&name).cloned().unwrap_or_default().replace("\r\n", "\n")
    };
    let (up, down) = (text("up"), text("down"));
    let steps = |way: &str, text: &str| {
        script::parse(text, dialect).map_err(|error| {
            CliError::new(Exit::Failure, format!("{id}/{dialect}.{way}.sql: {error}"))
        })
    };
    let (up_steps, down_steps) = (steps("up", &up)?, steps("down", &down)?);
    if let Some(plan) = version.plans.get_mut(&dialect) {
        if let Some(carries) = &mut plan.carries {
            carries.note_edits(Direction::Up, &plan.up.steps, &up_steps, dialect);
            carries.note_edits(Direction::Down, &plan.down.steps, &down_steps, dialect);
        }
        plan.up.sha256 = hash::sha256_of_text(&up);
        plan.down.sha256 = hash::sha256_of_text(&down);
        plan.up.steps = up_steps;
        plan.down.steps = down_steps;
    }
    Ok(())
}

/// Rehearses a version behind another one on an empty database; the engine it held on.
///
/// # Errors
/// `Exit::History` where its SQL does not lead from the one schema to the other and back.
pub(crate) fn prove(
    world: &World,
    project: &Project,
    before: Option<&Version>,
    version: &Version,
    dialect: Dialect,
) -> Result<String, CliError> {
    let bundle: Bundle = super::versions::bundle(version, dialect)?;
    let options = world.scratch_options(Some(project))?;
    let start = match before {
        Some(before) => target(world, project, before, dialect)?,
        None => Catalog::empty(dialect),
    };
    let goal = target(world, project, version, dialect)?;
    let mut stage_database = scratch(dialect, &options)?;
    for statement in create_script(&start)? {
        stage_database.database().execute(&statement)?;
    }
    let provider = stage_database.note().to_owned();
    let mut stage = Stage {
        shadow: stage_database.database(),
        provider,
        source: "an empty database".to_owned(),
        schema: start.fingerprint(),
        printing: Printing::Alike,
        extent: Extent::default(),
    };
    let mut spinner = world.spinner();
    let mut context = Context { who: world.who(None), now, progress: &mut spinner };
    let parts = [Part { bundle: &bundle, goal: Some(&|| Ok(goal.clone())) }];
    let found = rehearse(&mut stage, &parts, &mut context)?;
    drop(spinner);
    if found.passed() {
        return Ok(stage_database.database().version());
    }
    let report = rehearsal::rehearsal(&found);
    Err(CliError::new(
        Exit::History,
        format!("the SQL of {} ({dialect}) does not hold\n{report}", version.manifest.id),
    ))
}
