//! A data folder that is made once per server version and copied from then on: `initdb` takes longer than all the rest.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::binaries::Binaries;
use super::cluster::USER;
use super::{ShadowError, process};
use crate::db::Env;
use crate::text::hash;

/// Puts a fresh data folder at `folder/d`, owned by the server's user.
pub(super) fn put(env: &Env, binaries: &Binaries, folder: &Path) -> Result<(), ShadowError> {
    let target = folder.join("d");
    let cached = env.cache_folder().map(|cache| cache.join("pg-template").join(key(binaries)));
    if let Some(cached) = cached.as_deref().filter(|cached| cached.is_dir()) {
        copy(cached, &target)?;
        return hand_over(&target);
    }
    initialise(binaries, folder, &target)?;
    if let Some(cached) = cached {
        // A cache that cannot be written costs a second at the next start, and nothing else.
        let _ = store(&target, &cached);
    }
    Ok(())
}

fn key(binaries: &Binaries) -> String {
    let place = binaries.folder.display().to_string();
    hash::sha256_parts(["1", USER, &binaries.version, &place, "UTF8", "C"].map(str::as_bytes))[..32]
        .to_owned()
}

fn initialise(binaries: &Binaries, folder: &Path, target: &Path) -> Result<(), ShadowError> {
    let program = binaries.program("initdb");
    let mut command = Command::new(&program);
    command
        .arg("-D")
        .arg(target)
        .args(["-U", USER, "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"])
        .env("LC_ALL", "C");
    process::as_server_user(&mut command, folder);
    let output = command
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| ShadowError::file("run", &program, error))?;
    if output.status.success() {
        return Ok(());
    }
    Err(ShadowError::Program {
        program: program.display().to_string(),
        message: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}

/// Fills the cache under another name first, so that nobody copies half a folder.
fn store(source: &Path, cached: &Path) -> Result<(), ShadowError> {
    let parent = cached.parent().map(PathBuf::from).unwrap_or_default();
    std::fs::create_dir_all(&parent).map_err(|error| ShadowError::file("make", &parent, error))?;
    let half = parent.join(format!("half-{}", std::process::id()));
    let outcome = copy(source, &half).and_then(|()| {
        std::fs::rename(&half, cached).map_err(|error| ShadowError::file("make", cached, error))
    });
    if outcome.is_err() {
        let _ = std::fs::remove_dir_all(&half);
    }
    outcome
}

fn copy(source: &Path, target: &Path) -> Result<(), ShadowError> {
    let entries =
        std::fs::read_dir(source).map_err(|error| ShadowError::file("read", source, error))?;
    process::make_private_folder(target)
        .map_err(|error| ShadowError::file("make", target, error))?;
    for entry in entries {
        let entry = entry.map_err(|error| ShadowError::file("read", source, error))?;
        let (from, to) = (entry.path(), target.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to)?;
        } else {
            std::fs::copy(&from, &to).map_err(|error| ShadowError::file("copy", &from, error))?;
        }
    }
    Ok(())
}

fn hand_over(folder: &Path) -> Result<(), ShadowError> {
    process::give_to_server_user(folder)
        .map_err(|error| ShadowError::file("hand over", folder, error))?;
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            hand_over(&path)?;
        } else {
            process::give_to_server_user(&path)
                .map_err(|error| ShadowError::file("hand over", &path, error))?;
        }
    }
    Ok(())
}
