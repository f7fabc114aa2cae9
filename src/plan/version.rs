//! Versions and their chain, as text: `manifest.toml`, `chain.sum`, and the hash that makes a released version
//! immutable.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::text::hash::sha256_parts;
use crate::text::ident::Ident;

/// The id of a version folder: `0002_add_currency`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VersionId(Ident);

impl VersionId {
    /// The version with a number and a name made of a person's words.
    pub fn new(number: u32, words: &str) -> Self {
        let slug: String = words
            .to_lowercase()
            .chars()
            .map(|c| if c.is_alphanumeric() { c } else { '_' })
            .collect();
        let slug = slug.split('_').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("_");
        VersionId(Ident::new(format!("{number:04}_{slug}")))
    }

    /// Reads a folder name; `None` where it is not a version's.
    pub fn read(folder: &str) -> Option<Self> {
        let (number, slug) = folder.split_once('_')?;
        let is_number = number.len() >= 4 && number.chars().all(|c| c.is_ascii_digit());
        (is_number && !slug.is_empty()).then(|| VersionId(Ident::new(folder)))
    }

    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The leading number; people name versions by it.
    pub fn number(&self) -> u32 {
        self.as_str().split('_').next().and_then(|number| number.parse().ok()).unwrap_or(0)
    }
}

impl std::fmt::Display for VersionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `manifest.toml` of a version folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub id: VersionId,
    /// Hash of the parent version; absent for the first.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub parent: Option<String>,
    pub hash: String,
    pub kind: VersionKind,
    pub author: String,
    /// RFC 3339, UTC.
    pub created: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    pub tool: String,
}

/// How a version came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VersionKind {
    /// The state of a database that existed before `migrate` did; nothing runs on that database.
    Baseline,
    Planned,
    /// Made by `migrate new`: the SQL is written by hand, the model stays.
    Written,
    /// Made by `migrate plan --repair`: rows change, the model stays.
    Repair,
}

/// The hash of a version: `sha256(parent ‖ canonical model ‖ for each SQL file: name, bytes)`, every part with its
/// length. Line ends count as LF and a byte order mark not at all, so that a checkout cannot change it.
pub fn version_hash(parent: Option<&str>, model: &str, sql: &BTreeMap<String, String>) -> String {
    let model = plain(model);
    let files: Vec<(&String, String)> =
        sql.iter().map(|(name, text)| (name, plain(text))).collect();
    let mut parts: Vec<&[u8]> = vec![parent.unwrap_or("-").as_bytes(), model.as_bytes()];
    for (name, text) in &files {
        parts.push(name.as_bytes());
        parts.push(text.as_bytes());
    }
    sha256_parts(parts)
}

fn plain(text: &str) -> String {
    text.trim_start_matches('\u{feff}').replace("\r\n", "\n")
}

/// `chain.sum`: the head first (so that two branches conflict in git), then one line per version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    pub links: Vec<Link>,
}

/// One version in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub id: VersionId,
    pub hash: String,
    pub parent: Option<String>,
}

/// What is wrong with the history.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    #[error("chain.sum line {line}: {problem}")]
    Unreadable { line: usize, problem: String },
    #[error("two versions follow the same parent: `{left}` and `{right}`")]
    Fork { left: VersionId, right: VersionId },
    #[error("version `{id}` follows a parent that is not in the chain")]
    Orphan { id: VersionId },
    #[error("chain.sum names `{stated}` as its head, and its last version is `{last}`")]
    Head { stated: String, last: String },
    #[error("version `{id}` was edited: its files no longer have the hash that chain.sum states")]
    Edited { id: VersionId },
    #[error("version `{id}` is in chain.sum and its folder is missing or half-written: {problem}")]
    Missing { id: VersionId, problem: String },
    #[error("folder `{folder}` looks like a version and is not in chain.sum")]
    Unlisted { folder: String },
}

impl Chain {
    pub fn head(&self) -> Option<&Link> {
        self.links.last()
    }

    /// The version a person means by `7`, `0007` or its whole id.
    pub fn find(&self, name: &str) -> Option<&Link> {
        let number: Option<u32> = name.parse().ok();
        self.links.iter().find(|link| link.id.as_str() == name || number == Some(link.id.number()))
    }

    /// Prints `chain.sum`.
    pub fn print(&self) -> String {
        let mut text = match self.head() {
            Some(link) => format!("head {} sha256:{}\n", link.id, link.hash),
            None => "head -\n".to_owned(),
        };
        for link in &self.links {
            let parent = match &link.parent {
                Some(parent) => format!("sha256:{parent}"),
                None => "-".to_owned(),
            };
            text.push_str(&format!("{} sha256:{} parent {parent}\n", link.id, link.hash));
        }
        text
    }

    /// Reads `chain.sum` and checks that it is one line of descent.
    ///
    /// # Errors
    /// Every fault found.
    pub fn read(text: &str) -> Result<Chain, Vec<ChainFault>> {
        let mut chain = Chain::default();
        let mut faults = Vec::new();
        let mut stated = "-".to_owned();
        for (index, line) in plain(text).lines().enumerate() {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                [] => {}
                ["head", id, ..] if index == 0 => stated = id.to_owned(),
                [id, hash, "parent", parent] => match (VersionId::read(id), digest(hash)) {
                    (Some(id), Some(hash)) => {
                        chain.links.push(Link { id, hash, parent: digest(parent) });
                    }
                    _ => faults.push(unreadable(index, line)),
                },
                _ => faults.push(unreadable(index, line)),
            }
        }
        faults.extend(chain.faults(&stated));
        if faults.is_empty() { Ok(chain) } else { Err(faults) }
    }

    fn faults(&self, stated: &str) -> Vec<ChainFault> {
        let mut faults = Vec::new();
        for (index, link) in self.links.iter().enumerate() {
            let earlier = &self.links[..index];
            if let Some(other) = earlier.iter().find(|other| other.parent == link.parent) {
                faults.push(ChainFault::Fork { left: other.id.clone(), right: link.id.clone() });
            } else if link.parent.as_ref() != earlier.last().map(|last| &last.hash) {
                faults.push(ChainFault::Orphan { id: link.id.clone() });
            }
        }
        let last = self.head().map_or("-", |link| link.id.as_str());
        if faults.is_empty() && stated != last {
            faults.push(ChainFault::Head { stated: stated.to_owned(), last: last.to_owned() });
        }
        faults
    }
}

fn digest(word: &str) -> Option<String> {
    word.strip_prefix("sha256:").map(str::to_owned)
}

fn unreadable(index: usize, line: &str) -> ChainFault {
    let marker = ["<<<<<<<", "=======", ">>>>>>>"].iter().any(|mark| line.starts_with(mark));
    let problem = if marker {
        "a git conflict marker: two branches added a version".to_owned()
    } else {
        format!("`{line}` is not `ID sha256:… parent …`")
    };
    ChainFault::Unreadable { line: index + 1, problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain() -> Chain {
        let link = |id: &str, hash: &str, parent: Option<&str>| Link {
            id: VersionId::read(id).expect("an id"),
            hash: hash.into(),
            parent: parent.map(str::to_owned),
        };
        Chain { links: vec![link("0001_initial", "aa", None), link("0002_next", "bb", Some("aa"))] }
    }

    #[test]
    fn what_is_printed_is_read_back() {
        assert_eq!(Chain::read(&chain().print()), Ok(chain()));
        assert_eq!(Chain::read("head -\n"), Ok(Chain::default()));
    }

    #[test]
    fn a_fork_is_found_even_where_git_merged_cleanly() {
        let text = chain().print() + "0002_other sha256:cc parent sha256:aa\n";
        let faults = Chain::read(&text).expect_err("a fork");
        assert!(matches!(faults[0], ChainFault::Fork { .. }), "{faults:?}");
    }

    #[test]
    fn a_conflict_marker_says_what_happened() {
        let faults = Chain::read("<<<<<<< HEAD\nhead x\n").expect_err("a conflict");
        assert!(faults[0].to_string().contains("git conflict marker"));
    }

    #[test]
    fn line_ends_do_not_change_a_hash() {
        let sql = |text: &str| [("up.sql".to_owned(), text.to_owned())].into_iter().collect();
        assert_eq!(
            version_hash(None, "a\r\nb", &sql("x\r\n")),
            version_hash(None, "a\nb", &sql("x\n"))
        );
        assert_ne!(version_hash(None, "a", &sql("x")), version_hash(Some("p"), "a", &sql("x")));
    }

    #[test]
    fn names_become_folder_names() {
        assert_eq!(VersionId::new(7, "Add currency (EUR)!").as_str(), "0007_add_currency_eur");
        assert_eq!(VersionId::read("notes"), None);
        assert_eq!(chain().find("2").map(|link| link.id.as_str()), Some("0002_next"));
    }
}
