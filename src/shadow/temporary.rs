//! Folders that hold what must not outlast the process: servers, and copies of people's rows.
//!
//! Each says who owns it, so that the next start can remove what a killed process left behind.

use std::path::{Path, PathBuf};

use super::leftover::{self, Leftover, Noted};
use super::{ShadowError, process};

/// Folders of servers.
pub(in crate::shadow) const SERVER: &str = "migrate-pg-";
/// Folders of copied files.
pub(in crate::shadow) const COPY: &str = "migrate-shadow-";
const OWNER: &str = "owner";

/// Makes a private folder that this process owns, after removing those whose owner is gone.
pub(in crate::shadow) fn folder(parent: &Path, prefix: &str) -> Result<PathBuf, ShadowError> {
    sweep(parent);
    let folder = tempfile::Builder::new()
        .prefix(prefix)
        .tempdir_in(parent)
        .map_err(|error| ShadowError::file("make a folder in", parent, error))?;
    let owner = folder.path().join(OWNER);
    std::fs::write(&owner, process::signature(std::process::id()))
        .map_err(|error| ShadowError::file("write", &owner, error))?;
    Ok(folder.keep())
}

/// Removes what killed processes left behind. A folder without an owner is being made at this moment.
fn sweep(parent: &Path) {
    for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if ![SERVER, COPY].iter().any(|prefix| name.starts_with(prefix)) {
            continue;
        }
        let folder = entry.path();
        let Ok(owner) = std::fs::read_to_string(folder.join(OWNER)) else { continue };
        if !process::is_alive(&owner) {
            process::stop_orphan(&folder.join("d"));
            // Another user's folder cannot be removed, and is not ours to remove.
            let _ = std::fs::remove_dir_all(&folder);
        }
    }
}

/// A folder that is removed when this is dropped.
pub(in crate::shadow) struct Kept {
    pub(in crate::shadow) path: PathBuf,
    _noted: Noted,
}

impl Kept {
    pub(in crate::shadow) fn new(folder: PathBuf) -> Self {
        let _noted = leftover::note(Leftover::Folder(folder.clone()));
        Kept { path: folder, _noted }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}
