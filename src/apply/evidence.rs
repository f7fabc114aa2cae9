//! Evidence on file: found again by plan, schema and snapshot, refused where plan or schema have moved since.

use std::path::{Path, PathBuf};

use super::rehearse::{Evidence, Part, SnapshotKind};

/// Where evidence lies, and of which database it has to be.
pub struct Shelf<'a> {
    pub folder: &'a Path,
    /// The database, for people.
    pub source: &'a str,
}

/// Evidence that is no longer about what is to run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{version}` was rehearsed at {at}, and since then {moved}\n\
     help: `migrate rehearse` again, then apply"
)]
pub struct Stale {
    pub version: String,
    pub at: String,
    pub moved: Moved,
}

/// What moved after a rehearsal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Moved {
    #[error("its SQL was edited or planned anew\n  rehearsed {rehearsed}\n  now       {now}")]
    Plan { rehearsed: String, now: String },
    #[error(
        "the schema of the database has changed\n  rehearsed from {rehearsed}\n  now            {now}"
    )]
    Schema { rehearsed: String, now: String },
}

impl Shelf<'_> {
    /// Evidence in order, as far as each starts from the schema the one before leads to. Fewer than there are plans: a
    /// rehearsal has to be made.
    ///
    /// # Errors
    /// A plan was rehearsed on this database, and it or the schema is another now.
    pub fn find(&self, parts: &[Part<'_>], schema: &str) -> Result<Vec<Evidence>, Stale> {
        let mut schema = schema.to_owned();
        let mut evidence: Vec<Evidence> = Vec::new();
        for part in parts {
            let Some(stored) = self.stored(&part.bundle.hash, &schema) else { break };
            schema = stored.after().to_owned();
            evidence.push(stored);
        }
        let Some(missing) = parts.get(evidence.len()) else { return Ok(evidence) };
        // Where the shadow told schemas otherwise, that its schema is another one says nothing.
        let tells =
            |other: &Evidence| other.plan() != missing.bundle.hash || other.promised().is_some();
        let others = self.others(&missing.bundle.name).into_iter().filter(tells);
        match others.max_by(|a, b| a.at.cmp(&b.at)) {
            None => Ok(evidence),
            Some(other) => Err(Stale {
                moved: if other.plan() == missing.bundle.hash {
                    Moved::Schema { rehearsed: other.before().to_owned(), now: schema }
                } else {
                    let now = missing.bundle.hash.clone();
                    Moved::Plan { rehearsed: other.plan().to_owned(), now }
                },
                version: missing.bundle.name.clone(),
                at: other.at,
            }),
        }
    }

    /// The last rehearsal of a plan: of this database where there is one, else of any other.
    pub fn of_plan(&self, plan: &str) -> Option<Evidence> {
        let found = self.files().into_iter().map(|(_, evidence)| evidence);
        let found = found.filter(|evidence| evidence.plan() == plan);
        found.max_by_key(|evidence| (evidence.source == self.source, evidence.at.clone()))
    }

    /// Writes evidence down; what it replaces goes.
    ///
    /// # Errors
    /// The folder or the file cannot be written: its path, and why.
    pub fn put(&self, evidence: &Evidence) -> Result<(), (PathBuf, std::io::Error)> {
        let path = self.path(evidence.plan(), evidence.before(), evidence.snapshot);
        let failed = |error| (path.clone(), error);
        std::fs::create_dir_all(self.folder).map_err(failed)?;
        for (other, found) in self.files() {
            if found.version == evidence.version && found.source == evidence.source && other != path
            {
                std::fs::remove_file(&other).map_err(|error| (other, error))?;
            }
        }
        let json = serde_json::to_string_pretty(evidence).expect("evidence is plain data");
        std::fs::write(&path, json + "\n").map_err(failed)
    }

    fn stored(&self, plan: &str, schema: &str) -> Option<Evidence> {
        [SnapshotKind::Whole, SnapshotKind::Part, SnapshotKind::Sample].into_iter().find_map(
            |kind| {
                let found = read(&self.path(plan, schema, kind))?;
                (found.plan() == plan && found.before() == schema).then_some(found)
            },
        )
    }

    /// Evidence of a version on this database, whatever it was then.
    fn others(&self, version: &str) -> Vec<Evidence> {
        let found = self.files().into_iter().map(|(_, evidence)| evidence);
        found.filter(|it| it.version == version && it.source == self.source).collect()
    }

    fn files(&self) -> Vec<(PathBuf, Evidence)> {
        // A folder that is absent holds none; what cannot be read is none: the rehearsal is made anew.
        let Ok(entries) = std::fs::read_dir(self.folder) else { return Vec::new() };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        paths.into_iter().filter_map(|path| read(&path).map(|found| (path, found))).collect()
    }

    fn path(&self, plan: &str, schema: &str, kind: SnapshotKind) -> PathBuf {
        let short = |hash: &str| hash.get(..16).unwrap_or(hash).to_owned();
        self.folder.join(format!("{}-{}-{}.json", short(plan), short(schema), kind.name()))
    }
}

fn read(path: &Path) -> Option<Evidence> {
    let text = std::fs::read_to_string(path).ok()?;
    serde_json::from_str::<Evidence>(&text).ok().filter(Evidence::is_readable)
}
