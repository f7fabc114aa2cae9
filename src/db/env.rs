//! The environment as the command line found it, as a value: what is read here can be tested.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Environment variables. Nothing below the command line reads the process's own.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Env {
    variables: BTreeMap<String, String>,
}

impl Env {
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Env { variables: variables.into_iter().collect() }
    }

    /// A variable's value; an empty one counts as absent, as in libpq.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The same without some variables.
    pub fn without(&self, names: &[&str]) -> Self {
        let mut env = self.clone();
        env.variables.retain(|name, _| !names.contains(&name.as_str()));
        env
    }

    /// The user's folder.
    pub fn home(&self) -> Option<PathBuf> {
        self.get("HOME").or_else(|| self.get("USERPROFILE")).map(PathBuf::from)
    }

    /// The folders in which programs are looked for, in order.
    pub fn program_folders(&self) -> Vec<PathBuf> {
        self.get("PATH").map(|path| std::env::split_paths(path).collect()).unwrap_or_default()
    }

    /// Where files that do not last go.
    pub fn temporary_folder(&self) -> PathBuf {
        self.get("TMPDIR").map_or_else(|| PathBuf::from("/tmp"), PathBuf::from)
    }

    /// Where files that may be made again go.
    pub fn cache_folder(&self) -> Option<PathBuf> {
        self.get("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| self.home().map(|home| home.join(".cache")))
            .map(|folder| folder.join("migrate"))
    }
}

/// Names only: values may be secrets.
impl std::fmt::Debug for Env {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}
