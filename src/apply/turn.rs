//! Whose turn it is where several versions are taken back, one after the other.

use super::Bundle;

/// Which of the versions to take back is refused.
#[derive(Clone, Debug, Default)]
pub struct Turn {
    /// Its name, where it is one of several.
    version: Option<String>,
    /// Those that were taken back before.
    pub(super) before: Vec<String>,
}

impl Turn {
    /// That of the version at a position, where so many were taken back before.
    pub(super) fn of(bundles: &[&Bundle], position: usize, finished: usize) -> Self {
        let name = |bundle: &&Bundle| bundle.name.clone();
        let several = bundles.len() > 1;
        Turn {
            version: bundles.get(position).filter(|_| several).map(name),
            before: bundles.iter().take(finished).map(name).collect(),
        }
    }

    /// Which version, and what was done.
    pub(super) fn told(&self) -> String {
        let version = self.version.as_ref().map(|name| format!(" before `{name}`"));
        let before: Vec<String> = self.before.iter().map(|name| format!("`{name}`")).collect();
        let reached = match before.as_slice() {
            [] => "nothing was rolled back".to_owned(),
            [one] => format!("{one} was rolled back, and no other"),
            some => format!("{} were rolled back, and no other", some.join(", ")),
        };
        format!("{}; {reached}", version.unwrap_or_default())
    }
}
