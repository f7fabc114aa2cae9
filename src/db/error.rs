//! What can go wrong with a database, sorted by what a user can do about it.

use thiserror::Error;

/// Kinds of failure; exit codes and retries are decided by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DbErrorKind {
    /// No connection, or it was lost.
    Connect,
    /// Wrong password, no right to connect or to do this.
    Auth,
    /// The file is something else than a SQLite database.
    NotADatabase,
    /// No such file, no such database.
    NotFound,
    /// The file or the session may not be written.
    ReadOnly,
    /// Somebody else holds a lock; safe to try again.
    Busy,
    /// The engine refuses the statement.
    Sql,
    /// Rows break a constraint.
    Constraint,
    /// Stopped by a timeout or by the user.
    Cancelled,
    /// The engine or its version cannot do this.
    Unsupported,
}

/// One failure, without secrets. Its parts are those of [`Failure`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct DbError(Box<Failure>);

/// The parts of a failure; kept in a box, because results carry it everywhere and rarely.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub kind: DbErrorKind,
    /// Lower case, no full stop.
    pub message: String,
    pub detail: Option<String>,
    /// What to do next.
    pub hint: Option<String>,
    /// Byte offset of the fault in the SQL that was run.
    pub position: Option<usize>,
    /// PostgreSQL's five letters.
    pub sqlstate: Option<String>,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)?;
        self.detail.iter().try_for_each(|detail| write!(f, ": {detail}"))?;
        self.hint.iter().try_for_each(|hint| write!(f, "\nhelp: {hint}"))
    }
}

impl std::ops::Deref for DbError {
    type Target = Failure;

    fn deref(&self) -> &Failure {
        &self.0
    }
}

impl std::ops::DerefMut for DbError {
    fn deref_mut(&mut self) -> &mut Failure {
        &mut self.0
    }
}

impl DbError {
    pub fn new(kind: DbErrorKind, message: impl Into<String>) -> Self {
        DbError(Box::new(Failure {
            kind,
            message: message.into(),
            detail: None,
            hint: None,
            position: None,
            sqlstate: None,
        }))
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

/// Sorts PostgreSQL's error codes. Source: PostgreSQL manual, Appendix A "PostgreSQL Error Codes".
pub(in crate::db) fn postgres_kind(sqlstate: &str) -> DbErrorKind {
    match sqlstate {
        "3D000" => DbErrorKind::NotFound,
        "25006" => DbErrorKind::ReadOnly,
        "42501" => DbErrorKind::Auth,
        "57014" => DbErrorKind::Cancelled,
        // Lock not available, deadlock, serialization failure, object in use, too many connections, starting up.
        "55P03" | "40P01" | "40001" | "55006" | "53300" | "57P03" => DbErrorKind::Busy,
        code if code.starts_with("28") => DbErrorKind::Auth,
        code if code.starts_with("08") || code.starts_with("57P") => DbErrorKind::Connect,
        code if code.starts_with("23") => DbErrorKind::Constraint,
        code if code.starts_with("0A") => DbErrorKind::Unsupported,
        _ => DbErrorKind::Sql,
    }
}

/// Turns an error of the PostgreSQL client into ours; `sql` is what was run.
pub(in crate::db) fn from_postgres(error: &postgres::Error, sql: &str) -> DbError {
    let Some(server) = error.as_db_error() else {
        let mut message = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(inner) = cause {
            let text = inner.to_string();
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            cause = inner.source();
        }
        return DbError::new(DbErrorKind::Connect, message);
    };
    let code = server.code().code().to_owned();
    let position = match server.position() {
        Some(postgres::error::ErrorPosition::Original(at)) => byte_offset(sql, *at),
        Some(postgres::error::ErrorPosition::Internal { .. }) | None => None,
    };
    DbError(Box::new(Failure {
        kind: postgres_kind(&code),
        message: server.message().to_owned(),
        detail: server.detail().map(str::to_owned),
        hint: server.hint().map(str::to_owned),
        position,
        sqlstate: Some(code),
    }))
}

/// PostgreSQL counts characters from 1.
fn byte_offset(sql: &str, character: u32) -> Option<usize> {
    let index = usize::try_from(character.checked_sub(1)?).ok()?;
    sql.char_indices().nth(index).map(|(at, _)| at)
}

/// Turns an error of the SQLite library into ours.
pub(in crate::db) fn from_sqlite(error: &rusqlite::Error) -> DbError {
    use rusqlite::Error::{SqlInputError, SqliteFailure};
    match error {
        SqlInputError { error, msg, offset, .. } => {
            let mut failure = DbError::new(sqlite_kind(error.code), msg.clone());
            failure.position = usize::try_from(*offset).ok();
            failure
        }
        SqliteFailure(code, message) => {
            let message = message.clone().unwrap_or_else(|| code.to_string());
            let failure = DbError::new(sqlite_kind(code.code), message);
            match failure.kind {
                DbErrorKind::Busy => failure.hint(
                    "another process is writing to this file; run the command again when it is done",
                ),
                DbErrorKind::ReadOnly => {
                    failure.hint("give yourself the right to write the file and its folder")
                }
                _ => failure,
            }
        }
        other => DbError::new(DbErrorKind::Sql, other.to_string()),
    }
}

/// Sorts SQLite's result codes. Source: sqlite.org/rescode.html.
fn sqlite_kind(code: rusqlite::ErrorCode) -> DbErrorKind {
    use rusqlite::ErrorCode;
    match code {
        ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::FileLockingProtocolFailed => DbErrorKind::Busy,
        ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt => DbErrorKind::NotADatabase,
        ErrorCode::ReadOnly => DbErrorKind::ReadOnly,
        ErrorCode::ConstraintViolation => DbErrorKind::Constraint,
        ErrorCode::OperationInterrupted => DbErrorKind::Cancelled,
        ErrorCode::CannotOpen => DbErrorKind::Connect,
        ErrorCode::PermissionDenied => DbErrorKind::Auth,
        // Another crate's enum: what is not named above is a plain failure of the statement.
        _ => DbErrorKind::Sql,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_by_what_to_do() {
        assert_eq!(postgres_kind("28P01"), DbErrorKind::Auth);
        assert_eq!(postgres_kind("55P03"), DbErrorKind::Busy);
        assert_eq!(postgres_kind("23514"), DbErrorKind::Constraint);
        assert_eq!(postgres_kind("42601"), DbErrorKind::Sql);
    }

    #[test]
    fn positions_count_characters_and_become_bytes() {
        assert_eq!(byte_offset("é x", 3), Some(3));
        assert_eq!(byte_offset("x", 0), None);
        assert_eq!(byte_offset("x", 9), None);
    }
}
