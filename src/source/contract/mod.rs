//! Contracts that teams have already: the quality rules of the Open Data Contract Standard, and the tests of dbt's
//! property files. What stands in them and cannot be run is told, never passed over.

mod dbt;
mod odcs;

use std::path::Path;

use crate::dialect::contract::Stated;
use crate::model::tree::{Tree, Value, read};
use crate::text::diagnostic::{Colour, Span, line_column, render};

/// A contract, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contract {
    /// As the user names it.
    pub path: String,
    pub tests: Vec<Stated>,
    /// What is not run, and why.
    pub left: Vec<Left>,
}

/// Something in a contract that is not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    pub name: String,
    pub table: String,
    /// Line and column (1-based).
    pub origin: (usize, usize),
    pub reason: String,
    pub why: Why,
}

/// Whether somebody has to do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is not for us: words for people, tests of other tools.
    Foreign,
    /// It should be run, and is not written as it must be.
    Wrong,
}

/// Why a contract cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ContractError {
    #[error("cannot read the contract `{path}`: {error}")]
    Unreadable { path: String, error: std::io::Error },
    #[error("{0}")]
    Yaml(String),
    #[error(
        "`{path}` is no contract that is known: {reason}\nhelp: contracts are those of the Open Data Contract Standard \
         (`kind: DataContract`, `apiVersion: v3…`) and dbt's property files (`models:`, `sources:`, `seeds:`, `snapshots:`)"
    )]
    Unknown { path: String, reason: String },
}

/// Reads a contract. `shown` is how the user names the file.
///
/// # Errors
/// The file cannot be read, or is no contract.
pub fn read_contract(path: &Path, shown: &str) -> Result<Contract, ContractError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| ContractError::Unreadable { path: shown.to_owned(), error })?;
    parse(&super::files::without_mark(text), shown)
}

fn parse(text: &str, shown: &str) -> Result<Contract, ContractError> {
    let document = read(text, 0)
        .map_err(|issues| ContractError::Yaml(render(shown, text, &issues, Colour::Plain)))?;
    let root = &document.root;
    let unknown = |reason: &str| {
        Err(ContractError::Unknown { path: shown.to_owned(), reason: reason.to_owned() })
    };
    let mut reading =
        Reading { text, contract: Contract { path: shown.to_owned(), ..Contract::default() } };
    let version = root.get("apiVersion").and_then(Tree::as_text).unwrap_or_default();
    if root.get("dataContractSpecification").is_some() {
        return unknown("it is a Data Contract Specification, which is another format");
    }
    if root.get("apiVersion").is_some() || root.get("kind").is_some() {
        if !version.starts_with("v3") {
            return unknown(&format!("`apiVersion: {version}` is not version 3"));
        }
        odcs::read(root, &mut reading);
    } else if dbt::KINDS.iter().any(|kind| root.get(kind).is_some()) {
        dbt::read(root, &mut reading);
    } else {
        return unknown("it has neither");
    }
    let mut contract = reading.contract;
    distinguish(&mut contract.tests);
    Ok(contract)
}

/// Two tests of one name are told apart by their lines.
fn distinguish(tests: &mut [Stated]) {
    for at in 1..tests.len() {
        let (before, rest) = tests.split_at_mut(at);
        let Some(test) = rest.first_mut() else { continue };
        if before.iter().any(|other| other.name == test.name) {
            test.name = format!("{} (line {})", test.name, test.origin.0);
        }
    }
}

/// A contract while it is read.
struct Reading<'t> {
    text: &'t str,
    contract: Contract,
}

impl Reading<'_> {
    fn place(&self, span: Span) -> (usize, usize) {
        line_column(self.text, span.start)
    }

    fn leave(&mut self, name: String, table: &str, span: Span, reason: String, why: Why) {
        let origin = self.place(span);
        self.contract.left.push(Left { name, table: table.to_owned(), origin, reason, why });
    }
}

/// The items of a list; nothing where it is none.
fn items(tree: Option<&Tree>) -> &[Tree] {
    match tree.map(|tree| &tree.value) {
        Some(Value::List(items)) => items,
        Some(Value::Scalar { .. } | Value::Map(_)) | None => &[],
    }
}

fn word<'t>(tree: &'t Tree, key: &str) -> Option<&'t str> {
    tree.get(key).and_then(Tree::as_text)
}

fn is_true(tree: &Tree, key: &str) -> bool {
    word(tree, key) == Some("true")
}

/// Whether a text holds a template that only dbt can fill in.
fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

#[cfg(test)]
mod tests;
