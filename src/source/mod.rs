//! Sources: the many places a schema can be read from, written the same way everywhere, and what is read from them.

pub mod contract;
pub mod directive;
mod files;
mod git;
mod model;
mod keep_settings;
pub mod project;
mod replay;
mod sql;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::catalog::rule::Rule;
use crate::catalog::{Catalog, Printed};
use crate::change::Intent;
use crate::db::url::UrlError;
use crate::db::{Access, Database, DatabaseUrl, DbError, Env};
use crate::dialect::realize::fields::personal_columns;
use crate::model::Model;
use crate::shadow::ShadowError;
use crate::shadow::scratch::{Scratch, ScratchOptions};
use crate::text::diagnostic::{Colour, Diagnostic, render};
use crate::text::{Dialect, Ident, QName};

/// Where a schema is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// `model.yaml`, or a folder with one.
    Model(PathBuf),
    /// `schema.sql`, or a folder of them, run in the order of their names.
    Sql(PathBuf),
    Database(DatabaseUrl),
    /// A model or SQL file as a git revision has it; without a path, the project's own.
    Git {
        revision: String,
        path: Option<String>,
    },
    /// A version folder of the project.
    Version(u32),
    Empty,
}

/// What reading a source needs to know.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    pub dialect: Dialect,
    pub scratch: ScratchOptions,
    /// Functions and collations that the application registers with SQLite, by name.
    pub application: Vec<String>,
    /// The project's folder: where `git` runs, and what its paths are relative to.
    pub folder: PathBuf,
    /// The project's model (`model.yaml`, `model`, `schema.sql`), relative to `folder`: what `git:REF` alone means.
    pub model_path: String,
    /// The folder of version folders, relative to `folder`.
    pub migrations: PathBuf,
}

impl LoadOptions {
    /// Options for a project with the usual layout.
    pub fn new(dialect: Dialect, env: Env, folder: impl Into<PathBuf>) -> Self {
        LoadOptions {
            dialect,
            scratch: ScratchOptions { env, url: None, major: None },
            application: Vec::new(),
            folder: folder.into(),
            model_path: "model.yaml".to_owned(),
            migrations: PathBuf::from("migrations"),
        }
    }
}

/// A source, read.
#[derive(Debug)]
pub struct Loaded {
    pub catalog: Catalog,
    pub printed: Printed,
    pub intent: Intent,
    pub rules: Vec<Rule>,
    /// Columns that hold personal data, by table, under the names they have and had.
    pub personal: BTreeMap<QName, BTreeSet<Ident>>,
    pub model: Option<Model>,
    /// How the user names the file, and what is in it: for diagnostics.
    pub text: Option<(String, String)>,
    /// The file in which each table is told, where there are several.
    pub files: BTreeMap<QName, String>,
    /// What was left out of a script, and other things people should know.
    pub notes: Vec<String>,
    /// The scratch database that the schema was made in, where it may be worked on further.
    pub scratch: Option<Scratch>,
    /// The major version of a PostgreSQL database that was inspected.
    pub major: Option<u32>,
}

impl Loaded {
    fn inspected(catalog: Catalog) -> Self {
        Loaded {
            catalog,
            printed: Printed::ByEngine,
            intent: Intent::default(),
            rules: Vec::new(),
            personal: BTreeMap::new(),
            model: None,
            text: None,
            files: BTreeMap::new(),
            notes: Vec::new(),
            scratch: None,
            major: None,
        }
    }
}

/// Why a source cannot be read.
#[derive(Debug, Error)]
pub enum SourceError {
    #[error("`{path}` does not exist\nhelp: {help}")]
    Missing { path: String, help: String },
    #[error(
        "`{text}` is no kind of source\nhelp: a source is model.yaml, schema.sql or a folder of \
         them, postgres://…, sqlite:path, git:REF[:path], version:NUMBER or empty"
    )]
    Unknown { text: String },
    #[error("`{path}` is neither a model (.yaml), SQL (.sql) nor a SQLite database\nhelp: {help}")]
    UnknownFile { path: String, help: String },
    #[error("cannot read `{path}`: {error}")]
    Unreadable { path: String, error: std::io::Error },
    /// What is wrong inside a file, with its text so that it can be shown.
    #[error("{}", render(.path, .text, .diagnostics, Colour::Plain))]
    Text { path: String, text: String, diagnostics: Vec<Diagnostic> },
    /// What is wrong with a model, rendered with its lines.
    #[error("{0}")]
    Model(String),
    #[error("`git:{revision}`: {message}\nhelp: {help}")]
    Git { revision: String, message: String, help: String },
    #[error(
        "{describe} is a {found} database, but the {wanted} dialect is asked for\nhelp: compare like \
         with like, or pass `--dialect {found}`"
    )]
    Dialect { describe: String, found: Dialect, wanted: Dialect },
    #[error("version {number}: {message}\nhelp: {help}")]
    Version { number: u32, message: String, help: String },
    #[error("the schema cannot be made in a scratch database: {0}")]
    Create(String),
    #[error(transparent)]
    Url(#[from] UrlError),
    #[error(transparent)]
    Shadow(#[from] ShadowError),
    #[error(transparent)]
    Database(#[from] DbError),
}

impl Source {
    /// Reads how a user names a source. Files are looked at to tell their kind.
    ///
    /// # Errors
    /// A missing file, an unknown scheme, a file of no known kind.
    pub fn parse(text: &str, env: &Env) -> Result<Self, SourceError> {
        Source::parse_in(text, env, Path::new(""))
    }

    /// Reads how a user names a source; relative paths are taken from `folder`.
    ///
    /// # Errors
    /// As `parse`.
    pub fn parse_in(text: &str, env: &Env, folder: &Path) -> Result<Self, SourceError> {
        let text = text.trim();
        if text == "empty" {
            return Ok(Source::Empty);
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Source::Database(DatabaseUrl::parse(text, env)?));
        }
        if text.starts_with("sqlite:") {
            return Ok(Source::Database(DatabaseUrl::parse(text, env)?.within(folder)));
        }
        let path = folder.join(text);
        // A path wins over a scheme: `C:\schema.sql`, or a file that is called `git:x`.
        if !path.exists()
            && let Some((scheme, rest)) = text.split_once(':')
        {
            return Source::with_scheme(scheme, rest, text);
        }
        files::kind(&path)
    }

    fn with_scheme(scheme: &str, rest: &str, text: &str) -> Result<Self, SourceError> {
        match scheme {
            "git" => {
                let (revision, path) = match rest.split_once(':') {
                    Some((revision, path)) => (revision, Some(path.to_owned())),
                    None => (rest, None),
                };
                git::check_revision(revision)?;
                Ok(Source::Git { revision: revision.to_owned(), path })
            }
            "version" => match rest.parse() {
                Ok(number) => Ok(Source::Version(number)),
                Err(_) => Err(SourceError::Unknown { text: text.to_owned() }),
            },
            // What stands behind an unknown scheme may hold a password.
            _ => Err(SourceError::Unknown { text: format!("{scheme}:…") }),
        }
    }
}

/// For people; never a secret.
impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Model(path) | Source::Sql(path) => write!(f, "{}", path.display()),
            Source::Database(url) => write!(f, "{url}"),
            Source::Git { revision, path: Some(path) } => write!(f, "git:{revision}:{path}"),
            Source::Git { revision, path: None } => write!(f, "git:{revision}"),
            Source::Version(number) => write!(f, "version:{number:04}"),
            Source::Empty => f.write_str("empty"),
        }
    }
}

/// Reads a source.
///
/// # Errors
/// What is wrong with its files, its database or the scratch database it is replayed in.
pub fn load(source: &Source, options: &LoadOptions) -> Result<Loaded, SourceError> {
    match source {
        Source::Empty => Ok(Loaded::inspected(Catalog::empty(options.dialect))),
        Source::Database(url) => inspect(url, options.dialect),
        Source::Sql(path) => sql::load(&files::read(path, "sql")?, options),
        Source::Model(path) => model::load(&files::read(path, "yaml")?, options),
        Source::Git { revision, path } => {
            let path = path.as_deref().unwrap_or(&options.model_path);
            load_files(&git::read(&options.folder, revision, path)?, options)
        }
        Source::Version(number) => {
            let folder = version_folder(*number, options)?;
            let model = ["model.yaml", "schema.sql"]
                .into_iter()
                .map(|name| folder.join(name))
                .find(|path| path.is_file())
                .ok_or_else(|| SourceError::Version {
                    number: *number,
                    message: format!("`{}` holds no model.yaml", folder.display()),
                    help: "restore the folder from git".to_owned(),
                })?;
            load_files(&files::read(&model, "")?, options)
        }
    }
}

/// Reads two sources, at the same time where both are databases.
///
/// # Errors
/// As [`load`]; where both fail, what is wrong with the first.
pub fn load_both(
    before: &Source,
    after: &Source,
    options: &LoadOptions,
) -> Result<(Loaded, Loaded), SourceError> {
    if !matches!((before, after), (Source::Database(_), Source::Database(_))) {
        return Ok((load(before, options)?, load(after, options)?));
    }
    let (before, after) = std::thread::scope(|scope| {
        let first = scope.spawn(|| load(before, options));
        let second = load(after, options);
        (first.join(), second)
    });
    let before = before.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    Ok((before?, after?))
}

/// Reads a model from a text that stands in no file of its own (a version's snapshot).
///
/// # Errors
/// As [`load`].
pub fn load_model_text(
    path: &str,
    text: &str,
    options: &LoadOptions,
) -> Result<Loaded, SourceError> {
    model::load(&[files::TextFile { path: path.to_owned(), text: text.to_owned() }], options)
}

/// Reads a schema from a text that stands in no file of its own.
///
/// # Errors
/// As [`load`].
pub fn load_sql_text(path: &str, text: &str, options: &LoadOptions) -> Result<Loaded, SourceError> {
    sql::load(&[files::TextFile { path: path.to_owned(), text: text.to_owned() }], options)
}

/// The model in a file or folder, without realizing it, and its warnings.
///
/// # Errors
/// As [`load`].
pub fn read_model(path: &Path) -> Result<(Model, Vec<String>), SourceError> {
    model::parse(&files::read(path, "yaml")?)
}

/// The columns that a model (files of YAML or of SQL) marks as personal data, without running anything: by table, under
/// the names they have and had.
///
/// # Errors
/// As [`load`].
pub fn personal(
    path: &Path,
    dialect: Dialect,
) -> Result<BTreeMap<QName, BTreeSet<Ident>>, SourceError> {
    match files::kind(path)? {
        Source::Sql(path) => sql::personal(&files::read(&path, "sql")?, dialect),
        Source::Model(path) => Ok(personal_columns(&read_model(&path)?.0, dialect)),
        Source::Empty | Source::Database(_) | Source::Git { .. } | Source::Version(_) => {
            Ok(BTreeMap::new())
        }
    }
}

/// The text of a file as a git revision has it; `None` where it lacks the file.
///
/// # Errors
/// An unknown revision.
pub fn read_at_revision(
    folder: &Path,
    revision: &str,
    path: &str,
) -> Result<Option<String>, SourceError> {
    git::read_if_there(folder, revision, path)
}

/// Whether git knows a commit by this name.
pub fn is_revision(folder: &Path, revision: &str) -> bool {
    git::is_known(folder, revision)
}

/// The commit at which the current branch left another one, where git has it.
pub fn merge_base(folder: &Path, revision: &str) -> Option<String> {
    git::merge_base(folder, revision)
}

fn load_files(files: &[files::TextFile], options: &LoadOptions) -> Result<Loaded, SourceError> {
    if files.iter().any(|file| file.path.ends_with(".sql")) {
        sql::load(files, options)
    } else {
        model::load(files, options)
    }
}

fn inspect(url: &DatabaseUrl, dialect: Dialect) -> Result<Loaded, SourceError> {
    let mut database = Database::open(url, Access::ReadOnly)?;
    if database.dialect() != dialect {
        return Err(SourceError::Dialect {
            describe: database.describe(),
            found: database.dialect(),
            wanted: dialect,
        });
    }
    let major = database.major();
    Ok(Loaded { major, ..Loaded::inspected(database.inspect()?) })
}

/// `migrations/0007_name`.
fn version_folder(number: u32, options: &LoadOptions) -> Result<PathBuf, SourceError> {
    let parent = options.folder.join(&options.migrations);
    let mut names: Vec<PathBuf> = std::fs::read_dir(&parent)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            let digits = name.split('_').next().unwrap_or_default();
            digits.parse() == Ok(number)
        })
        .map(|entry| entry.path())
        .collect();
    names.sort();
    match names.as_slice() {
        [folder] => Ok(folder.clone()),
        [] => Err(SourceError::Version {
            number,
            message: format!("there is no such version in `{}`", parent.display()),
            help: "`migrate log` lists the versions".to_owned(),
        }),
        [_, _, ..] => Err(SourceError::Version {
            number,
            message: "several folders have this number".to_owned(),
            help: "`migrate rebase` gives one of them the next number".to_owned(),
        }),
    }
}
