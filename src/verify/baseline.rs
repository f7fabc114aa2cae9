//! Violations that a team knows of: a file of rules and hashes of keys. Only what it does not know fails.
//!
//! One line a row, the rule's name and a hash of the row's key with a tab between them, so that two people can add to it
//! and git can merge it. Keys themselves are not in it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::keys::Keys;
use crate::dialect::check::Check;
use crate::text::hash::sha256_parts;

/// The first line: what the file is, and how to read it.
const HEAD: &str =
    "# migrate baseline 1: known violations, one a line: rule, hash of the row's key";

/// Known violations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline {
    rules: BTreeMap<String, BTreeSet<u128>>,
}

/// Why a baseline cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    #[error(
        "cannot read the baseline `{path}`: {error}\nhelp: `migrate verify --save-baseline {path}` writes one"
    )]
    Unreadable { path: String, error: std::io::Error },
    #[error(
        "`{path}` line {line} is no line of a baseline\nhelp: write it anew with `--save-baseline {path}`"
    )]
    Line { path: String, line: usize },
}

impl Baseline {
    /// Reads a file.
    ///
    /// # Errors
    /// The file cannot be read, or is no baseline.
    pub fn read(path: &Path) -> Result<Self, BaselineError> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| BaselineError::Unreadable { path: shown.clone(), error })?;
        Baseline::parse(&text).map_err(|line| BaselineError::Line { path: shown, line })
    }

    /// Reads the text of a file; the number of the line that is wrong.
    fn parse(text: &str) -> Result<Self, usize> {
        let mut baseline = Baseline::default();
        let mut lines = text.lines().enumerate();
        if lines.next().is_none_or(|(_, first)| first != HEAD) {
            return Err(1);
        }
        for (at, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
            let found = line.rsplit_once('\t');
            let (rule, hash) = found.ok_or(at + 1)?;
            let hash = u128::from_str_radix(hash, 16).map_err(|_| at + 1)?;
            baseline.rules.entry(rule.to_owned()).or_default().insert(hash);
        }
        Ok(baseline)
    }

    /// Whether the row of a check, as its sample answers it, is known.
    pub(super) fn knows(&self, check: &Check, row: &[Option<&str>]) -> bool {
        self.rules.get(&name(check)).is_some_and(|known| known.contains(&hash(check, row)))
    }

    /// How many rows of a rule are known.
    pub fn known(&self, rule: &str) -> usize {
        self.rules.get(&one_line(rule)).map_or(0, BTreeSet::len)
    }
}

/// The hash of a row: of its key, or of its values where it has no key.
fn hash(check: &Check, row: &[Option<&str>]) -> u128 {
    let length = if check.keys.is_empty() { row.len() } else { check.keys.len() };
    let parts: Vec<Vec<u8>> = row
        .iter()
        .take(length)
        .map(|value| match value {
            None => vec![0],
            Some(text) => [&[1], text.as_bytes()].concat(),
        })
        .collect();
    let hex = sha256_parts(parts.iter().map(Vec::as_slice));
    u128::from_str_radix(&hex[..24], 16).unwrap_or_default()
}

fn name(check: &Check) -> String {
    one_line(&check.rule)
}

fn one_line(rule: &str) -> String {
    rule.replace(['\n', '\r', '\t'], " ")
}

/// Writes a baseline as the rows come; the file appears when all is written.
pub struct BaselineWriter {
    path: PathBuf,
    file: std::io::BufWriter<tempfile::NamedTempFile>,
    rows: u64,
}

impl BaselineWriter {
    /// Begins beside the file.
    ///
    /// # Errors
    /// The folder does not exist or may not be written.
    pub fn create(path: &Path) -> std::io::Result<Self> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
        let mut file = std::io::BufWriter::new(file);
        writeln!(file, "{HEAD}")?;
        Ok(BaselineWriter { path: path.to_path_buf(), file, rows: 0 })
    }

    /// Puts the file in its place; how many rows are in it.
    ///
    /// # Errors
    /// The disk is full, or the file may not be replaced.
    pub fn finish(self) -> std::io::Result<u64> {
        let file = self.file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        file.persist(&self.path).map_err(|error| error.error)?;
        Ok(self.rows)
    }
}

impl Keys for BaselineWriter {
    fn begin(&mut self, _: &Check) -> std::io::Result<()> {
        Ok(())
    }

    fn row(&mut self, check: &Check, row: &[Option<&str>]) -> std::io::Result<()> {
        self.rows += 1;
        writeln!(self.file, "{}\t{:024x}", name(check), hash(check, row))
    }

    fn end(&mut self, _: &Check) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_none_is_named() {
        assert_eq!(Baseline::parse("what\n"), Err(1));
        assert_eq!(Baseline::parse(&format!("{HEAD}\n\na rule\tzz\n")), Err(3));
        let read = Baseline::parse(&format!("{HEAD}\na rule\t{:024x}\n", 7)).expect("it is one");
        assert_eq!((read.known("a rule"), read.known("another")), (1, 0));
    }
}
