//! A project's files: `migrate.toml`, the model, the version folders and `chain.sum`. Reads them whole, writes them
//! so that a crash leaves either the old state or the new one.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use super::keep_settings::KeepSettings;
use crate::db::Env;
use crate::lint::Level;
use crate::lint::rule::Severity;
use crate::plan::PlanFile;
use crate::plan::version::{Chain, ChainFault, Link, Manifest, VersionId, version_hash};
use crate::text::Dialect;

/// The name of the settings file, looked for in the current folder and above.
pub const SETTINGS: &str = "migrate.toml";
/// The order of versions, in the migrations folder.
pub const CHAIN: &str = "chain.sum";

/// `migrate.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The model: `model.yaml`, a folder of such files, or `schema.sql`.
    #[serde(default = "default_model")]
    pub model: String,
    #[serde(default = "default_migrations")]
    pub migrations: String,
    /// The environment used where `-e` names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_env: Option<String>,
    #[serde(default)]
    pub env: BTreeMap<String, Environment>,
    #[serde(default, skip_serializing_if = "ApplicationNames::is_empty")]
    pub sqlite: ApplicationNames,
    #[serde(default, skip_serializing_if = "LintSettings::is_empty")]
    pub lint: LintSettings,
    #[serde(default, skip_serializing_if = "KeepSettings::is_empty")]
    pub keep: KeepSettings,
}

/// `[lint]` of the settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LintSettings {
    /// The severity from which findings fail. Default: error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail_on: Option<Severity>,
    /// The version of the servers that the migrations run on: `15`, `14.3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_version: Option<String>,
    /// Code or name of a rule → `off`, `note`, `warning` or `error`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rules: BTreeMap<String, Level>,
}

impl LintSettings {
    fn is_empty(&self) -> bool {
        *self == LintSettings::default()
    }
}

/// `[sqlite]` of the settings: what the application registers, and the schema may use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplicationNames {
    /// `slug`, or `slug/2` with the number of its arguments.
    #[serde(default)]
    pub functions: Vec<String>,
    #[serde(default)]
    pub collations: Vec<String>,
}

impl ApplicationNames {
    fn is_empty(&self) -> bool {
        self.functions.is_empty() && self.collations.is_empty()
    }

    /// The names alone.
    pub fn names(&self) -> Vec<String> {
        let bare = |name: &String| name.split('/').next().unwrap_or_default().to_owned();
        self.functions.iter().map(bare).chain(self.collations.iter().cloned()).collect()
    }
}

fn default_model() -> String {
    "model.yaml".to_owned()
}

fn default_migrations() -> String {
    "migrations".to_owned()
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            model: default_model(),
            migrations: default_migrations(),
            default_env: None,
            env: BTreeMap::new(),
            sqlite: ApplicationNames::default(),
            lint: LintSettings::default(),
            keep: KeepSettings::default(),
        }
    }
}

/// One `[env.NAME]` of the settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// `${NAME}` stands for an environment variable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// A server on which scratch databases may be made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scratch_url: Option<String>,
    /// Who provides the copy to rehearse on: as `--shadow`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<String>,
    /// Megabytes of rows up to which tables are copied whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow_limit_mb: Option<u64>,
    /// Megabytes of rows from which on a table is changed while it is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub online_from_mb: Option<u64>,
    /// Asks before every write, and wants `--yes` where nobody can answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub protected: bool,
    /// Milliseconds a statement waits for a lock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock_timeout_ms: Option<u64>,
    /// Milliseconds a statement runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement_timeout_ms: Option<u64>,
    /// The role that owns the tables, in whose name everything is done: `SET ROLE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

/// What is wrong with a project's files.
#[derive(Debug, Error)]
pub enum ProjectError {
    #[error(
        "no `{SETTINGS}` in this folder or above\n\
         help: `migrate init` starts a project; `migrate init --from URL` adopts a database"
    )]
    NoProject,
    #[error("`{path}`: {message}")]
    Settings { path: String, message: String },
    #[error("`{path}`: {source}")]
    Io { path: String, source: std::io::Error },
    #[error("{}", faults(.0))]
    History(Vec<ChainFault>),
    #[error("there is no version `{name}`; {known}")]
    NoVersion { name: String, known: String },
    #[error(
        "version `{id}` has no SQL for {dialect}\nhelp: add `{dialect}` to `targets:` in the model and plan again"
    )]
    NoDialect { id: VersionId, dialect: Dialect },
    #[error("environment variable `{0}` is not set (it stands in `{SETTINGS}`)")]
    Variable(String),
}

fn faults(faults: &[ChainFault]) -> String {
    let list: Vec<String> = faults.iter().map(|fault| format!("history: {fault}")).collect();
    let is_merge = faults.iter().any(|fault| match fault {
        ChainFault::Fork { .. } | ChainFault::Unreadable { .. } | ChainFault::Unlisted { .. } => {
            true
        }
        ChainFault::Orphan { .. }
        | ChainFault::Head { .. }
        | ChainFault::Edited { .. }
        | ChainFault::Missing { .. } => false,
    });
    let help = match is_merge {
        true => {
            "after a merge of two branches, `migrate rebase` puts the versions of one behind those of the other"
        }
        false => {
            "restore the files from git; an edited version that is not released yet is sealed anew by `migrate rehash`"
        }
    };
    format!("{}\nhelp: {help}", list.join("\n"))
}

/// A project on disk.
#[derive(Clone, Debug)]
pub struct Project {
    pub root: PathBuf,
    pub settings: Settings,
}

/// A version folder, read whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    pub manifest: Manifest,
    pub snapshot: Snapshot,
    /// File name → text.
    pub sql: BTreeMap<String, String>,
    pub plans: BTreeMap<Dialect, PlanFile>,
}

/// The model as it was at a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Snapshot {
    Model(String),
    Sql(String),
}

impl Snapshot {
    pub fn text(&self) -> &str {
        match self {
            Snapshot::Model(text) | Snapshot::Sql(text) => text,
        }
    }

    /// As it is called in a version folder.
    pub fn file_name(&self) -> &'static str {
        match self {
            Snapshot::Model(_) => "model.yaml",
            Snapshot::Sql(_) => "schema.sql",
        }
    }
}

/// `plan.json` of a version: one plan for each dialect.
#[derive(Serialize, Deserialize)]
struct PlansFile {
    plan: u32,
    dialects: BTreeMap<Dialect, PlanFile>,
}

impl Project {
    /// The project that `folder` belongs to.
    ///
    /// # Errors
    /// There is none, or its settings cannot be read.
    pub fn find(folder: &Path) -> Result<Project, ProjectError> {
        let root = folder
            .ancestors()
            .find(|ancestor| ancestor.join(SETTINGS).is_file())
            .ok_or(ProjectError::NoProject)?;
        let path = root.join(SETTINGS);
        let settings = toml::from_str(&read(&path)?).map_err(|error| ProjectError::Settings {
            path: path.display().to_string(),
            message: error.to_string(),
        })?;
        Ok(Project { root: root.to_owned(), settings })
    }

    /// Where the version folders are.
    pub fn migrations(&self) -> PathBuf {
        self.root.join(&self.settings.migrations)
    }

    /// Where the model is.
    pub fn model_path(&self) -> PathBuf {
        self.root.join(&self.settings.model)
    }

    /// The settings of an environment, variables not yet put in.
    ///
    /// # Errors
    /// An unknown environment.
    pub fn environment(&self, name: Option<&str>) -> Result<Environment, ProjectError> {
        let Some(name) = name.or(self.settings.default_env.as_deref()) else {
            return Ok(Environment::default());
        };
        let Some(found) = self.settings.env.get(name) else {
            let known: Vec<&str> = self.settings.env.keys().map(String::as_str).collect();
            return Err(ProjectError::Settings {
                path: SETTINGS.to_owned(),
                message: format!(
                    "there is no `[env.{name}]`; known are: {}",
                    if known.is_empty() { "none".to_owned() } else { known.join(", ") }
                ),
            });
        };
        Ok(found.clone())
    }

    /// All versions in order, each with the hash that `chain.sum` states.
    ///
    /// # Errors
    /// Every fault of the history.
    pub fn versions(&self) -> Result<Vec<Version>, ProjectError> {
        let folder = self.migrations();
        let path = folder.join(CHAIN);
        if !path.exists() {
            let stray = self.version_folders()?;
            return match stray.first() {
                None => Ok(Vec::new()),
                Some(name) => {
                    Err(ProjectError::History(vec![ChainFault::Unlisted { folder: name.clone() }]))
                }
            };
        }
        let chain = Chain::read(&read(&path)?).map_err(ProjectError::History)?;
        let mut found = Vec::new();
        let mut faults = Vec::new();
        for link in &chain.links {
            match self.version(link) {
                Ok(version) => found.push(version),
                Err(fault) => faults.push(fault),
            }
        }
        for name in self.version_folders()? {
            if !chain.links.iter().any(|link| link.id.as_str() == name) {
                faults.push(ChainFault::Unlisted { folder: name });
            }
        }
        if faults.is_empty() { Ok(found) } else { Err(ProjectError::History(faults)) }
    }

    /// All version folders as they are, whatever `chain.sum` says, by name.
    ///
    /// # Errors
    /// A folder that is half-written; the file system's.
    pub fn folders(&self) -> Result<Vec<Version>, ProjectError> {
        let names = self.version_folders()?;
        let ids = names.iter().filter_map(|name| VersionId::read(name));
        ids.map(|id| self.read_folder(&id).map_err(|fault| ProjectError::History(vec![fault])))
            .collect()
    }

    /// Makes `chain.sum` anew of versions that stay as they are and of others that follow them; folders of `gone` that no
    /// version has any more are removed at the end, so that what is cut off can be told and done again.
    ///
    /// # Errors
    /// The file system's.
    pub fn restring(
        &self,
        kept: &[Version],
        next: Vec<Version>,
        gone: &[VersionId],
    ) -> Result<(), ProjectError> {
        let link = |version: &Version| Link {
            id: version.manifest.id.clone(),
            hash: version.manifest.hash.clone(),
            parent: version.manifest.parent.clone(),
        };
        let chain = Chain { links: kept.iter().map(link).collect() };
        write_atomically(&self.migrations().join(CHAIN), &chain.print())?;
        let mut named: Vec<VersionId> = kept.iter().map(|it| it.manifest.id.clone()).collect();
        for version in next {
            named.push(self.seal(version)?.manifest.id);
        }
        for id in gone.iter().filter(|id| !named.contains(id)) {
            let folder = self.migrations().join(id.as_str());
            fs::remove_dir_all(&folder).map_err(|source| io(&folder, source))?;
        }
        Ok(())
    }

    fn version_folders(&self) -> Result<Vec<String>, ProjectError> {
        let folder = self.migrations();
        if !folder.exists() {
            return Ok(Vec::new());
        }
        let entries = fs::read_dir(&folder).map_err(|source| io(&folder, source))?;
        let mut names: Vec<String> = entries
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|name| VersionId::read(name).is_some())
            .collect();
        names.sort();
        Ok(names)
    }

    /// Reads one version folder and compares its hash.
    fn version(&self, link: &Link) -> Result<Version, ChainFault> {
        let version = self.read_folder(&link.id)?;
        let hash = hash_of(&version, link.parent.as_deref());
        if hash != link.hash || version.manifest.hash != link.hash {
            return Err(ChainFault::Edited { id: link.id.clone() });
        }
        Ok(version)
    }

    /// Reads a version folder without looking at hashes.
    ///
    /// # Errors
    /// A missing or half-written folder.
    pub fn read_folder(&self, id: &VersionId) -> Result<Version, ChainFault> {
        let folder = self.migrations().join(id.as_str());
        let missing = |problem: String| ChainFault::Missing { id: id.clone(), problem };
        let text = |name: &str| {
            fs::read_to_string(folder.join(name))
                .map_err(|error| missing(format!("{name}: {error}")))
        };
        let manifest: Manifest = toml::from_str(&text("manifest.toml")?)
            .map_err(|error| missing(format!("manifest.toml: {error}")))?;
        let plans: PlansFile = serde_json::from_str(&text("plan.json")?)
            .map_err(|error| missing(format!("plan.json: {error}")))?;
        let snapshot = if folder.join("schema.sql").is_file() {
            Snapshot::Sql(text("schema.sql")?)
        } else {
            Snapshot::Model(text("model.yaml")?)
        };
        let mut sql = BTreeMap::new();
        for dialect in plans.dialects.keys() {
            for way in ["up", "down"] {
                let name = format!("{dialect}.{way}.sql");
                sql.insert(name.clone(), text(&name)?);
            }
        }
        Ok(Version { manifest, snapshot, sql, plans: plans.dialects })
    }

    /// Writes a version folder and puts it at the end of the chain.
    ///
    /// # Errors
    /// The file system's; nothing is half written.
    pub fn seal(&self, mut version: Version) -> Result<Version, ProjectError> {
        let folder = self.migrations();
        fs::create_dir_all(&folder).map_err(|source| io(&folder, source))?;
        let path = folder.join(CHAIN);
        let mut chain = if path.exists() {
            Chain::read(&read(&path)?).map_err(ProjectError::History)?
        } else {
            Chain::default()
        };
        let replaced = chain.links.iter().position(|link| link.id == version.manifest.id);
        chain.links.truncate(replaced.unwrap_or(chain.links.len()));
        let parent = chain.head().map(|link| link.hash.clone());
        let hash = hash_of(&version, parent.as_deref());
        version.manifest.parent = parent.clone();
        version.manifest.hash = hash.clone();
        chain.links.push(Link { id: version.manifest.id.clone(), hash, parent });

        let home = folder.join(version.manifest.id.as_str());
        let draft = tempfile::Builder::new()
            .prefix(".draft-")
            .tempdir_in(&folder)
            .map_err(|source| io(&folder, source))?;
        for (name, text) in file_texts(&version) {
            let file = draft.path().join(&name);
            fs::write(&file, text).map_err(|source| io(&file, source))?;
        }
        if home.exists() {
            fs::remove_dir_all(&home).map_err(|source| io(&home, source))?;
        }
        let draft = draft.keep();
        make_readable(&draft);
        fs::rename(&draft, &home).map_err(|source| io(&home, source))?;
        write_atomically(&path, &chain.print())?;
        Ok(version)
    }

    /// Takes the last version out of the chain and removes its folder.
    ///
    /// # Errors
    /// It is not the last; the file system's.
    pub fn withdraw(&self, id: &VersionId) -> Result<(), ProjectError> {
        let path = self.migrations().join(CHAIN);
        let mut chain = Chain::read(&read(&path)?).map_err(ProjectError::History)?;
        if chain.head().is_none_or(|link| link.id != *id) {
            return Err(ProjectError::NoVersion {
                name: id.to_string(),
                known: "only the last version can be taken out".to_owned(),
            });
        }
        chain.links.pop();
        // The chain first: a folder that is left over by a crash is named by the next command.
        write_atomically(&path, &chain.print())?;
        let folder = self.migrations().join(id.as_str());
        fs::remove_dir_all(&folder).map_err(|source| io(&folder, source))
    }
}

/// Temporary folders are private to their maker; a version folder is for everybody who may read the project.
fn make_readable(folder: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Cosmetic: git does not record the mode of folders.
        let _ = fs::set_permissions(folder, fs::Permissions::from_mode(0o755));
    }
    #[cfg(not(unix))]
    let _ = folder;
}

/// The hash of a version as its files are now.
pub fn hash_of(version: &Version, parent: Option<&str>) -> String {
    version_hash(parent, version.snapshot.text(), &version.sql)
}

fn file_texts(version: &Version) -> BTreeMap<String, String> {
    let mut files = version.sql.clone();
    files.insert(version.snapshot.file_name().to_owned(), version.snapshot.text().to_owned());
    let plans = PlansFile { plan: crate::plan::FORMAT, dialects: version.plans.clone() };
    let json = serde_json::to_string_pretty(&plans).expect("a plan is plain data");
    files.insert("plan.json".to_owned(), json + "\n");
    let manifest = toml::to_string(&version.manifest).expect("a manifest is plain data");
    files.insert("manifest.toml".to_owned(), manifest);
    files
}

/// Writes a file beside its place and moves it there.
///
/// # Errors
/// The file system's.
pub fn write_atomically(path: &Path, text: &str) -> Result<(), ProjectError> {
    use std::io::Write;
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o644));
    }
    let mut file =
        builder.prefix(".draft-").tempfile_in(folder).map_err(|source| io(folder, source))?;
    file.write_all(text.as_bytes()).map_err(|source| io(path, source))?;
    file.persist(path).map_err(|error| io(path, error.error))?;
    Ok(())
}

fn read(path: &Path) -> Result<String, ProjectError> {
    fs::read_to_string(path).map_err(|source| io(path, source))
}

fn io(path: &Path, source: std::io::Error) -> ProjectError {
    ProjectError::Io { path: path.display().to_string(), source }
}

/// `${NAME}` becomes the value of the environment variable.
///
/// # Errors
/// A variable that is not set.
pub fn put_in_variables(text: &str, env: &Env) -> Result<String, ProjectError> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, after) = rest.split_at(start);
        let Some(end) = after.find('}') else { break };
        let name = &after[2..end];
        let value = env.get(name).ok_or_else(|| ProjectError::Variable(name.to_owned()))?;
        filled.push_str(before);
        filled.push_str(value);
        rest = &after[end + 1..];
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_put_in_and_a_missing_one_is_named() {
        let env = Env::new([("HOST".to_owned(), "db".to_owned())]);
        assert_eq!(put_in_variables("x://${HOST}/a", &env).expect("set"), "x://db/a");
        let error = put_in_variables("${NO}", &env).expect_err("not set");
        assert!(error.to_string().contains("`NO`"));
    }

    #[test]
    fn an_unknown_setting_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join(SETTINGS), "modle = 'x'\n").expect("written");
        let error = Project::find(folder.path()).expect_err("refused");
        assert!(error.to_string().contains("modle"), "{error}");
    }
}
