//! Which versions stay and which move, from what each says it follows.

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::source::project::Version;

use super::is_whole;

/// Versions in order: those that stay, then those that follow them from now on.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) kept: Vec<Version>,
    pub(super) moved: Vec<Version>,
}

impl Line {
    /// The version that a moved one was made behind.
    pub(super) fn parent_of(&self, version: &Version) -> Option<&Version> {
        let parent = version.manifest.parent.as_ref()?;
        self.kept.iter().chain(&self.moved).find(|other| other.manifest.hash == *parent)
    }

    /// The versions that stay and that a moved one's branch did not know.
    pub(super) fn beside(&self, version: &Version) -> Vec<&Version> {
        let mut known = self.parent_of(version);
        while let Some(parent) = known {
            if let Some(at) = self.kept.iter().position(|it| it.manifest.id == parent.manifest.id) {
                return self.kept[at + 1..].iter().collect();
            }
            known = self.parent_of(parent);
        }
        self.kept.iter().collect()
    }
}

/// Follows the versions from the first one. Where several follow the same one, the released one stays, or the one that
/// `first` names.
///
/// # Errors
/// A version was edited, follows none of the others, or it is not clear which stays.
pub(super) fn untangle(
    versions: &[Version],
    released: &[String],
    first: Option<&str>,
) -> Result<Line, CliError> {
    if let Some(edited) = versions.iter().find(|version| !is_whole(version)) {
        return Err(CliError::new(
            Exit::History,
            format!(
                "version `{}` was edited: its files no longer have the hash that its manifest states\n\
                 help: restore the files from git; what is not released yet is edited after the rebase, and sealed by `migrate rehash`",
                edited.manifest.id
            ),
        ));
    }
    let mut line = Line { kept: Vec::new(), moved: Vec::new() };
    let mut branches: Vec<&Version> = Vec::new();
    let mut parent = None;
    loop {
        let mut next = children(versions, parent);
        let stays = match next.len() {
            0 => break,
            1 => next.remove(0),
            _ => {
                let at = choose(&next, released, first)?;
                next.remove(at)
            }
        };
        branches.extend(next);
        line.kept.push(stays.clone());
        parent = Some(&stays.manifest.hash);
    }
    for branch in branches {
        follow(versions, branch, &mut line.moved);
    }
    let lost = versions.iter().find(|version| {
        let is_it = |other: &Version| other.manifest.id == version.manifest.id;
        !line.kept.iter().chain(&line.moved).any(is_it)
    });
    match lost {
        None => Ok(line),
        Some(lost) => Err(CliError::new(
            Exit::History,
            format!(
                "version `{}` follows a version that is not here\nhelp: get the missing folder from git",
                lost.manifest.id
            ),
        )),
    }
}

fn children<'a>(versions: &'a [Version], parent: Option<&String>) -> Vec<&'a Version> {
    versions.iter().filter(|version| version.manifest.parent.as_ref() == parent).collect()
}

/// The version and all that follow it, branch by branch.
fn follow(versions: &[Version], version: &Version, moved: &mut Vec<Version>) {
    moved.push(version.clone());
    for next in children(versions, Some(&version.manifest.hash)) {
        follow(versions, next, moved);
    }
}

fn choose(next: &[&Version], released: &[String], first: Option<&str>) -> Result<usize, CliError> {
    let names: Vec<&str> = next.iter().map(|version| version.manifest.id.as_str()).collect();
    let number = |name: &str| name.split('_').next().unwrap_or_default().to_owned();
    let wanted: Vec<usize> = match first {
        Some(first) => (0..names.len())
            .filter(|at| names[*at] == first || number(names[*at]) == first)
            .collect(),
        None => (0..names.len()).filter(|at| released.iter().any(|it| it == names[*at])).collect(),
    };
    match wanted[..] {
        [one] => Ok(one),
        [] | [..] => Err(CliError::usage(format!(
            "{} follow the same version, and which of them stays is not clear\nhelp: name the branch whose versions stay by \
             `--base origin/main`, or the version by `--first {}`",
            names.join(" and "),
            names[0]
        ))),
    }
}
