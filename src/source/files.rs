//! Files of a source: what kind they are, and their text.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::{Source, SourceError};
use crate::db::DatabaseUrl;
use crate::db::url::SqlitePlace;

/// The first bytes of every SQLite database. Source: sqlite.org/fileformat.html, 1.3.1.
const SQLITE: &[u8; 16] = b"SQLite format 3\0";

/// One file, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::source) struct TextFile {
    /// As the user names it.
    pub path: String,
    pub text: String,
}

/// The kind of source a path is.
pub(in crate::source) fn kind(path: &Path) -> Result<Source, SourceError> {
    let shown = path.display().to_string();
    if path.is_dir() {
        return folder_kind(path);
    }
    if !path.exists() {
        return Err(SourceError::Missing {
            path: shown,
            help: "check the path; a source may also be postgres://…, sqlite:path, git:REF, \
                   version:NUMBER or empty"
                .to_owned(),
        });
    }
    let mut head = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(16).read_to_end(&mut head))
        .map_err(|error| SourceError::Unreadable { path: shown.clone(), error })?;
    if head == SQLITE {
        return Ok(Source::Database(DatabaseUrl::Sqlite(SqlitePlace::File(path.to_path_buf()))));
    }
    match extension(path).as_str() {
        "yaml" | "yml" => Ok(Source::Model(path.to_path_buf())),
        "sql" => Ok(Source::Sql(path.to_path_buf())),
        // A database file in which nothing was made yet has no header either.
        "db" | "db3" | "sqlite" | "sqlite3" if head.is_empty() => {
            Ok(Source::Database(DatabaseUrl::Sqlite(SqlitePlace::File(path.to_path_buf()))))
        }
        _ => Err(SourceError::UnknownFile {
            path: shown,
            help: "name models `*.yaml` and schemas `*.sql`".to_owned(),
        }),
    }
}

fn folder_kind(path: &Path) -> Result<Source, SourceError> {
    let models = !list(path, "yaml")?.is_empty();
    let schemas = !list(path, "sql")?.is_empty();
    let failure = |help: &str| {
        Err(SourceError::UnknownFile { path: path.display().to_string(), help: help.to_owned() })
    };
    match (models, schemas) {
        (true, false) => Ok(Source::Model(path.to_path_buf())),
        (false, true) => Ok(Source::Sql(path.to_path_buf())),
        (true, true) => failure("the folder holds both; name the file that is meant"),
        (false, false) => failure("the folder holds no .yaml and no .sql file"),
    }
}

/// The text of a file, or of the files of a folder with an extension, by name.
pub(in crate::source) fn read(path: &Path, extension: &str) -> Result<Vec<TextFile>, SourceError> {
    let paths = if path.is_dir() { list(path, extension)? } else { vec![path.to_path_buf()] };
    paths.iter().map(|path| read_one(path)).collect()
}

fn read_one(path: &Path) -> Result<TextFile, SourceError> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            SourceError::Missing { path: shown.clone(), help: "check the path".to_owned() }
        }
        _ => SourceError::Unreadable { path: shown.clone(), error },
    })?;
    Ok(TextFile { path: shown, text: without_mark(text) })
}

/// Editors on Windows put a byte order mark in front; no parser wants it.
pub(in crate::source) fn without_mark(text: String) -> String {
    text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)
}

/// The files of a folder with an extension; for SQL those of its subfolders too. By path.
fn list(folder: &Path, wanted: &str) -> Result<Vec<PathBuf>, SourceError> {
    let unreadable = |error| SourceError::Unreadable { path: folder.display().to_string(), error };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let extension = extension(&path);
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if hidden {
            continue;
        }
        if path.is_file() && (extension == wanted || wanted == "yaml" && extension == "yml") {
            paths.push(path);
        } else if path.is_dir() && wanted == "sql" {
            paths.extend(list(&path, wanted)?);
        }
    }
    paths.sort();
    refuse_migrations(&paths)?;
    Ok(paths)
}

/// Migrations there and back are no schema: run one after the other they would leave nothing.
fn refuse_migrations(paths: &[PathBuf]) -> Result<(), SourceError> {
    let down = paths.iter().find(|path| path.to_string_lossy().ends_with(".down.sql"));
    let Some(down) = down else { return Ok(()) };
    Err(SourceError::UnknownFile {
        path: down.display().to_string(),
        help: "this is the way back of a migration; name a folder that holds the schema itself, or a database in \
               which the migrations ran"
            .to_owned(),
    })
}

fn extension(path: &Path) -> String {
    path.extension().map(|text| text.to_string_lossy().to_lowercase()).unwrap_or_default()
}
