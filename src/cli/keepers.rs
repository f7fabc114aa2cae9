//! Which version of the ledger keeps which kept data.

use std::collections::BTreeMap;

use super::command::versions;
use super::error::CliError;
use crate::apply::Bundle;
use crate::apply::kept::Keeper;
use crate::journal::{Action, Entry, applied};
use crate::source::project::Version;
use crate::text::Dialect;

/// The versions and plans of the ledger, in the order in which they first stand there. What is neither in this project nor
/// a plan of its own has left no trace of its tag, and is left out.
pub(crate) fn keepers(
    versions: &[Version],
    entries: &[Entry],
    dialect: Dialect,
) -> Result<Vec<Keeper>, CliError> {
    each(versions, entries, dialect, &|version| versions::bundle(version, dialect).map(Some))
}

/// As [`keepers`], for those who ask only what is whose: reads no SQL, so that a version whose SQL was edited is one too.
pub(crate) fn owners(
    versions: &[Version],
    entries: &[Entry],
    dialect: Dialect,
) -> Result<Vec<Keeper>, CliError> {
    each(versions, entries, dialect, &|_| Ok(None))
}

type Read<'r> = &'r dyn Fn(&Version) -> Result<Option<Bundle>, CliError>;

fn each(
    versions: &[Version],
    entries: &[Entry],
    dialect: Dialect,
    read: Read<'_>,
) -> Result<Vec<Keeper>, CliError> {
    // A plan that ran twice kept what it kept the last time.
    let mut last: BTreeMap<&str, &Entry> = BTreeMap::new();
    let mut names: Vec<&str> = Vec::new();
    for entry in
        entries.iter().filter(|entry| !matches!(entry.action, Action::Release | Action::Approve))
    {
        if last.insert(&entry.version, entry).is_none() {
            names.push(&entry.version);
        }
    }
    let mut keepers = Vec::new();
    for name in names {
        let found = versions.iter().find(|version| version.manifest.id.as_str() == name);
        let plan = found.and_then(|version| version.plans.get(&dialect));
        let tag = match (name.strip_prefix("plan "), plan) {
            (Some(tag), _) => tag,
            (None, Some(plan)) => &plan.tag,
            (None, None) => continue,
        };
        let bundle = found.map(read).transpose()?.flatten();
        keepers.push(Keeper::new(name, tag, &last[name].at, bundle.as_ref()));
    }
    Ok(keepers)
}

/// Those that a rollback would take back, oldest first.
pub(crate) fn in_force<'k>(entries: &[Entry], keepers: &'k [Keeper]) -> Vec<&'k Keeper> {
    let applied = applied(entries);
    let applied = applied.iter().filter(|entry| entry.action == Action::Apply);
    applied
        .filter_map(|entry| keepers.iter().find(|keeper| keeper.version == entry.version))
        .collect()
}
