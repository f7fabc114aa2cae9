//! The project's versions as things that can run.

use crate::apply::Bundle;
use crate::catalog::{Catalog, Printed};
use crate::cli::error::CliError;
use crate::cli::world::World;
use crate::source::project::{Project, ProjectError, Snapshot, Version};
use crate::source::{Loaded, load_model_text, load_sql_text};
use crate::text::Dialect;

/// A version's plan for a dialect.
pub(crate) fn bundle(version: &Version, dialect: Dialect) -> Result<Bundle, CliError> {
    let id = &version.manifest.id;
    let missing = || ProjectError::NoDialect { id: id.clone(), dialect };
    let plan = version.plans.get(&dialect).ok_or_else(missing)?.clone();
    let text =
        |way: &str| version.sql.get(&format!("{dialect}.{way}.sql")).cloned().ok_or_else(missing);
    let prefix = format!("{id}/{dialect}.");
    Ok(Bundle::read(id.as_str(), &prefix, &text("up")?, &text("down")?, plan)?)
}

/// The schema of a version.
pub(crate) fn load_version(
    world: &World,
    project: &Project,
    version: &Version,
    dialect: Dialect,
) -> Result<Loaded, CliError> {
    let options = world.load_options(Some(project), dialect)?;
    let folder = project.migrations().join(version.manifest.id.as_str());
    Ok(match &version.snapshot {
        Snapshot::Model(text) => {
            load_model_text(&folder.join("model.yaml").display().to_string(), text, &options)?
        }
        Snapshot::Sql(text) => {
            load_sql_text(&folder.join("schema.sql").display().to_string(), text, &options)?
        }
    })
}

/// The schema that a version leads to, as the engine prints it. `None` for hand-written versions of PostgreSQL
/// where no scratch server can be had.
pub(crate) fn target(
    world: &World,
    project: &Project,
    version: &Version,
    dialect: Dialect,
) -> Result<Catalog, CliError> {
    let loaded = load_version(world, project, version, dialect)?;
    let options = world.scratch_options(Some(project))?;
    match loaded.printed {
        Printed::ByEngine => Ok(loaded.catalog),
        Printed::ByModel => super::pair::by_engine(loaded.catalog, Printed::ByModel, &options),
    }
}

/// The version a person means, by number or id.
pub(crate) fn find<'a>(versions: &'a [Version], name: &str) -> Result<&'a Version, CliError> {
    let number: Option<u32> = name.parse().ok();
    let found = versions.iter().find(|version| {
        let id = &version.manifest.id;
        id.as_str() == name || number == Some(id.number())
    });
    found.ok_or_else(|| {
        let known: Vec<&str> =
            versions.iter().map(|version| version.manifest.id.as_str()).collect();
        let known = if known.is_empty() {
            "this project has no version yet".to_owned()
        } else {
            format!("known are: {}", known.join(", "))
        };
        ProjectError::NoVersion { name: name.to_owned(), known }.into()
    })
}
