//! Files as a git revision has them, through the `git` program.

use std::path::Path;
use std::process::Command;

use super::SourceError;
use super::files::{TextFile, without_mark};

/// A revision that looks like an option would be taken for one.
pub(in crate::source) fn check_revision(revision: &str) -> Result<(), SourceError> {
    if revision.is_empty() || revision.starts_with('-') {
        return Err(failure(
            revision,
            "this is no revision",
            "write `git:main` or `git:v1.2:schema.sql`",
        ));
    }
    Ok(())
}

/// A file of a revision, or the `.yaml` and `.sql` files of a folder by name; `path` is relative to `folder`.
pub(in crate::source) fn read(
    folder: &Path,
    revision: &str,
    path: &str,
) -> Result<Vec<TextFile>, SourceError> {
    check_revision(revision)?;
    let path = path.trim_start_matches("./").trim_end_matches('/');
    check_known(folder, revision)?;
    // `./` makes git take the path from the folder it runs in, not from the top of the repository.
    let object = format!("{revision}:./{path}");
    let kind = run(folder, revision, &["cat-file", "-t", &object]).map_err(|_| {
        failure(
            revision,
            &format!("`{path}` is not in this revision"),
            "write the path behind the revision: `git:REF:path/to/model.yaml`",
        )
    })?;
    if kind.trim() != "tree" {
        return Ok(vec![show(folder, revision, path)?]);
    }
    let names = run(folder, revision, &["ls-tree", "-r", "-z", "--name-only", &object])?;
    let mut files: Vec<&str> = names
        .split('\0')
        .filter(|name| {
            // Models stand in the folder itself, SQL in its subfolders too.
            let model = [".yaml", ".yml"].iter().any(|end| name.ends_with(end));
            model && !name.contains('/') || name.ends_with(".sql")
        })
        .collect();
    files.sort_unstable();
    files.iter().map(|name| show(folder, revision, &format!("{path}/{name}"))).collect()
}

fn check_known(folder: &Path, revision: &str) -> Result<(), SourceError> {
    if is_known(folder, revision) {
        return Ok(());
    }
    Err(failure(
        revision,
        "git knows no such revision here",
        "check the name; in CI, fetch the history first (`fetch-depth: 0`)",
    ))
}

/// Whether git knows a commit by this name.
pub(in crate::source) fn is_known(folder: &Path, revision: &str) -> bool {
    let commit = format!("{revision}^{{commit}}");
    check_revision(revision).is_ok()
        && run(folder, revision, &["rev-parse", "--verify", "--quiet", &commit]).is_ok()
}

/// The commit at which the work tree's branch left another one; `None` where git does not have it (a shallow clone).
pub(in crate::source) fn merge_base(folder: &Path, revision: &str) -> Option<String> {
    let found = run(folder, revision, &["merge-base", "HEAD", revision]).ok()?;
    Some(found.trim().to_owned())
}

/// A file of a revision; `None` where the revision lacks it.
pub(in crate::source) fn read_if_there(
    folder: &Path,
    revision: &str,
    path: &str,
) -> Result<Option<String>, SourceError> {
    check_revision(revision)?;
    check_known(folder, revision)?;
    let path = path.trim_start_matches("./");
    let object = format!("{revision}:./{path}");
    match run(folder, revision, &["cat-file", "-t", &object]) {
        Ok(_) => Ok(Some(show(folder, revision, path)?.text)),
        Err(_) => Ok(None),
    }
}

fn show(folder: &Path, revision: &str, path: &str) -> Result<TextFile, SourceError> {
    let text = run(folder, revision, &["show", &format!("{revision}:./{path}")])?;
    Ok(TextFile { path: format!("git:{revision}:{path}"), text: without_mark(text) })
}

fn run(folder: &Path, revision: &str, arguments: &[&str]) -> Result<String, SourceError> {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .arg("--no-pager")
        .args(arguments)
        .output()
        .map_err(|error| {
            failure(
                revision,
                &format!("`git` cannot be run: {error}"),
                "install git, or name a file",
            )
        })?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(failure(revision, &message, "check the revision and the path"));
    }
    String::from_utf8(output.stdout)
        .map_err(|_| failure(revision, "the file is not UTF-8", "write it as UTF-8"))
}

fn failure(revision: &str, message: &str, help: &str) -> SourceError {
    SourceError::Git {
        revision: revision.to_owned(),
        message: message.to_owned(),
        help: help.to_owned(),
    }
}
