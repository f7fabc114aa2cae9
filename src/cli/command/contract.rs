//! `--contract FILE`: what contracts ask, ready for one database.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::catalog::Catalog;
use crate::catalog::rule::Rule;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::world::World;
use crate::dialect::contract::{Asked, Measured, asked};
use crate::source::contract::{Why, read_contract};
use crate::verify::{Unasked, Verdict};

/// The tests of some contracts.
#[derive(Default)]
pub(crate) struct Contracts {
    pub(crate) rules: Vec<Rule>,
    pub(crate) measured: Vec<Measured>,
    /// What is not for us.
    pub(crate) notes: Vec<Unasked>,
    /// What should be asked and cannot be.
    pub(crate) unasked: Vec<Unasked>,
    /// The contract in which each test stands.
    files: BTreeMap<String, String>,
}

/// Reads contracts for a database.
pub(crate) fn read(
    paths: &[PathBuf],
    world: &World,
    catalog: &Catalog,
) -> Result<Contracts, CliError> {
    let mut found = Contracts::default();
    for path in paths {
        let shown = path.display().to_string();
        let contract = read_contract(&world.folder.join(path), &shown)
            .map_err(|error| CliError::new(Exit::Failure, error.to_string()))?;
        for left in contract.left {
            let unasked = Unasked {
                rule: left.name,
                table: left.table,
                origin: Some(left.origin),
                file: Some(shown.clone()),
                reason: left.reason,
            };
            match left.why {
                Why::Foreign => found.notes.push(unasked),
                Why::Wrong => found.unasked.push(unasked),
            }
        }
        for mut stated in contract.tests {
            if found.files.contains_key(&stated.name) {
                stated.name = format!("{} ({shown}:{})", stated.name, stated.origin.0);
            }
            found.files.insert(stated.name.clone(), shown.clone());
            match asked(&stated, catalog) {
                Ok(Asked::Rule(rule)) => found.rules.push(rule),
                Ok(Asked::Measured(measured)) => found.measured.push(measured),
                Err(reason) => found.unasked.push(Unasked {
                    rule: stated.name,
                    table: stated.table.name,
                    origin: Some(stated.origin),
                    file: Some(shown.clone()),
                    reason,
                }),
            }
        }
    }
    Ok(found)
}

impl Contracts {
    /// Whether a rule is one of a contract.
    pub(crate) fn states(&self, rule: &str) -> bool {
        self.files.contains_key(rule)
    }

    /// Leaves out what the user did not ask for.
    pub(crate) fn retain(&mut self, wanted: &dyn Fn(&str, &str) -> bool) {
        self.measured.retain(|it| wanted(&it.rule, &it.table));
        self.notes.retain(|it| wanted(&it.rule, &it.table));
        self.unasked.retain(|it| wanted(&it.rule, &it.table));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.measured.is_empty() && self.notes.is_empty() && self.unasked.is_empty()
    }

    /// Says of each test in which contract it stands.
    pub(crate) fn name_files(&self, verdict: &mut Verdict) {
        for violation in &mut verdict.violations {
            if let Some(file) = self.files.get(&violation.rule) {
                violation.file = Some(file.clone());
            }
        }
        for unasked in verdict.unasked.iter_mut().chain(&mut verdict.notes) {
            if let Some(file) = self.files.get(&unasked.rule) {
                unasked.file = Some(file.clone());
            }
        }
    }
}
