//! What is released or merged already: versions of the branch that is merged into, else those a database has.

use std::collections::BTreeMap;

use crate::cli::error::CliError;
use crate::cli::world::World;
use crate::plan::version::Chain;
use crate::source::project::{CHAIN, Project, ProjectError, Version};
use crate::source::{is_revision, merge_base, read_at_revision};

/// Where the branch that a change is merged into is named: GitHub, GitLab, Bitbucket, Azure, Jenkins, Buildkite.
const TARGET_BRANCH: [&str; 6] = [
    "GITHUB_BASE_REF",
    "CI_MERGE_REQUEST_TARGET_BRANCH_NAME",
    "BITBUCKET_PR_DESTINATION_BRANCH",
    "SYSTEM_PULLREQUEST_TARGETBRANCH",
    "CHANGE_TARGET",
    "BUILDKITE_PULL_REQUEST_BASE_BRANCH",
];

/// Who says what is released.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Teller {
    /// The branch that this one is merged into.
    Base(String),
    Database(String),
    #[default]
    Nobody,
}

/// Versions that must stay as they are, by id, with their hashes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Released {
    pub(crate) hashes: BTreeMap<String, String>,
    /// Versions that the base got after this branch had left it.
    pub(crate) ahead: BTreeMap<String, String>,
    pub(crate) by: Teller,
}

impl Released {
    pub(crate) fn has(&self, version: &Version) -> bool {
        let id = version.manifest.id.as_str();
        self.hashes.contains_key(id) || self.ahead.contains_key(id)
    }

    /// Whether the base has it. What one database has may still be new to others.
    pub(crate) fn is_merged(&self, version: &Version) -> bool {
        matches!(self.by, Teller::Base(_)) && self.has(version)
    }
}

/// The branch that this one is merged into: named, or found.
pub(crate) fn base_of(named: Option<&str>, world: &World, project: &Project) -> Option<String> {
    if let Some(named) = named {
        return Some(named.to_owned());
    }
    let of_pipeline = TARGET_BRANCH
        .iter()
        .filter_map(|name| world.env.get(name))
        .map(|branch| branch.trim_start_matches("refs/heads/"))
        .filter(|branch| !branch.is_empty() && *branch != "false");
    let candidates = of_pipeline
        .flat_map(|branch| [format!("origin/{branch}"), branch.to_owned()])
        .chain(["origin/HEAD".to_owned()]);
    candidates.into_iter().find(|candidate| is_revision(&project.root, candidate))
}

/// What the base has: its versions when this branch left it, and those since.
///
/// # Errors
/// An unknown revision, or its `chain.sum` cannot be read.
pub(crate) fn of_base(project: &Project, base: &str) -> Result<Released, CliError> {
    let parted = merge_base(&project.root, base).unwrap_or_else(|| base.to_owned());
    let hashes = hashes_at(project, &parted)?;
    let tip = hashes_at(project, base)?;
    let ahead = tip.into_iter().filter(|(id, _)| !hashes.contains_key(id)).collect();
    Ok(Released { hashes, ahead, by: Teller::Base(base.to_owned()) })
}

/// Version ids and hashes in the `chain.sum` of a revision; none where it has no such file.
fn hashes_at(project: &Project, revision: &str) -> Result<BTreeMap<String, String>, CliError> {
    let path = format!("{}/{CHAIN}", project.settings.migrations.trim_end_matches('/'));
    let Some(text) = read_at_revision(&project.root, revision, &path)? else {
        return Ok(BTreeMap::new());
    };
    let chain = Chain::read(&text).map_err(ProjectError::History)?;
    Ok(chain.links.into_iter().map(|link| (link.id.to_string(), link.hash)).collect())
}
