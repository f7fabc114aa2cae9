//! One connection to a SQLite database.

use std::path::{Path, PathBuf};

use regex::{Regex, RegexBuilder};
use rusqlite::config::DbConfig;
use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::ValueRef;
use rusqlite::{Batch, Connection, OpenFlags};

use super::application::{StandIn, StandIns};
use super::error::{DbError, DbErrorKind, from_sqlite};
use super::url::SqlitePlace;
use super::{Access, OpenOptions, Row, TakeRow};
use crate::dialect::masking::{self, Mask};
use crate::dialect::{Sql, session};
use crate::text::Dialect;

/// How long a copy waits for a writer.
const COPY_PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

/// A connection with its place.
pub struct SqliteDb {
    connection: Connection,
    place: SqlitePlace,
    stand_ins: StandIns,
}

impl SqliteDb {
    /// Opens a file.
    ///
    /// # Errors
    /// `NotFound`, `NotADatabase`, `ReadOnly`, `Unsupported` (memory, which ends with the command).
    pub fn open(
        place: &SqlitePlace,
        access: Access,
        options: &OpenOptions,
    ) -> Result<Self, DbError> {
        let SqlitePlace::File(path) = place else {
            return Err(DbError::new(
                DbErrorKind::Unsupported,
                "`sqlite::memory:` is gone when the command ends",
            )
            .hint("give a file: `sqlite:path/to/file.db`"));
        };
        check_place(path, access)?;
        let flags = match access {
            Access::ReadOnly => OpenFlags::SQLITE_OPEN_READ_ONLY,
            Access::ReadWrite => OpenFlags::SQLITE_OPEN_READ_WRITE,
            Access::Create => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        };
        let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(|error| place_error(from_sqlite(&error), path))?;
        let mut database =
            SqliteDb { connection, place: place.clone(), stand_ins: StandIns::default() };
        database.set_up(options)?;
        database.rows(&session::sqlite_probe()).map_err(|error| place_error(error, path))?;
        if access != Access::ReadOnly {
            database.check_writable(path)?;
        }
        Ok(database)
    }

    /// An empty database that is gone when it is closed.
    ///
    /// # Errors
    /// SQLite's own.
    pub fn memory() -> Result<Self, DbError> {
        let connection = Connection::open_in_memory().map_err(|error| from_sqlite(&error))?;
        let mut database =
            SqliteDb { connection, place: SqlitePlace::Memory, stand_ins: StandIns::default() };
        database.set_up(&OpenOptions::default())?;
        Ok(database)
    }

    fn set_up(&mut self, options: &OpenOptions) -> Result<(), DbError> {
        self.connection
            .busy_timeout(options.lock_timeout)
            .and_then(|()| register_regexp(&self.connection))
            .map_err(|error| from_sqlite(&error))
    }

    /// SQLite opens a file that may not be written for reading, and says nothing.
    fn check_writable(&self, path: &Path) -> Result<(), DbError> {
        let read_only = self.connection.is_readonly("main").map_err(|error| from_sqlite(&error))?;
        if !read_only {
            return Ok(());
        }
        Err(DbError::new(DbErrorKind::ReadOnly, format!("`{}` may not be written", path.display()))
            .hint("give yourself the right to write the file and its folder"))
    }

    pub fn place(&self) -> &SqlitePlace {
        &self.place
    }

    /// Runs one statement or several; how many rows they inserted, updated or deleted.
    ///
    /// # Errors
    /// What SQLite says; `Unsupported` where rows would have to be compared by what only the application has.
    pub fn execute(&mut self, sql: &Sql) -> Result<u64, DbError> {
        let (mut affected, mut ran) = (0, 0);
        let Err(error) = self.run(sql.as_str(), &mut affected, &mut ran) else {
            return self.stand_ins.refuse_comparisons().map(|()| affected);
        };
        if !self.stand_ins.register(&self.connection, &error)? {
            return Err(error);
        }
        // What ran before the statement that needs the stand-in is not run again.
        for statement in Sql::of_script(sql.as_str(), Dialect::Sqlite).iter().skip(ran) {
            affected += self.execute(statement)?;
        }
        Ok(affected)
    }

    fn run(&self, sql: &str, affected: &mut u64, ran: &mut usize) -> Result<(), DbError> {
        let mut batch = Batch::new(&self.connection, sql);
        while let Some(mut statement) = batch.next().map_err(|error| from_sqlite(&error))? {
            let before = self.connection.total_changes();
            let mut rows = statement.raw_query();
            while rows.next().map_err(|error| from_sqlite(&error))?.is_some() {}
            if self.connection.total_changes() != before {
                *affected += self.connection.changes();
            }
            *ran += 1;
        }
        Ok(())
    }

    /// Functions and collations that statements asked for and SQLite does not have.
    pub fn stand_ins(&self) -> &[StandIn] {
        self.stand_ins.made()
    }

    /// The values of a query as text; blobs as `x'…'`.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn rows(&mut self, sql: &Sql) -> Result<Vec<Row>, DbError> {
        let mut all = Vec::new();
        self.each_row(sql, |values| all.push(values.iter().map(|value| text(*value)).collect()))?;
        Ok(all)
    }

    /// Hands over the values of each row of a query, as SQLite stores them.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn each_row(
        &mut self,
        sql: &Sql,
        mut take: impl FnMut(&[ValueRef<'_>]),
    ) -> Result<(), DbError> {
        let mut batch = Batch::new(&self.connection, sql.as_str());
        loop {
            let found = match batch.next().map_err(|error| from_sqlite(&error)) {
                // A query is one statement, so that it can be begun anew.
                Err(error) if self.stand_ins.register(&self.connection, &error)? => {
                    batch = Batch::new(&self.connection, sql.as_str());
                    continue;
                }
                found => found?,
            };
            let Some(mut statement) = found else { break };
            let columns = statement.column_count();
            let mut rows = statement.raw_query();
            while let Some(row) = rows.next().map_err(|error| from_sqlite(&error))? {
                let values: Vec<ValueRef<'_>> = (0..columns)
                    .map(|at| row.get_ref(at))
                    .collect::<Result<_, _>>()
                    .map_err(|error| from_sqlite(&error))?;
                take(&values);
            }
        }
        self.stand_ins.refuse_comparisons()
    }

    /// Hands over the values of each row of a query as text; stops at the first error of `take`.
    ///
    /// # Errors
    /// What SQLite says, and what `take` says.
    pub fn each_text_row(&mut self, sql: &Sql, take: &mut TakeRow<'_>) -> Result<(), DbError> {
        let mut outcome = Ok(());
        self.each_row(sql, |values| {
            if outcome.is_ok() {
                let texts: Vec<Option<String>> = values.iter().map(|value| text(*value)).collect();
                let row: Vec<Option<&str>> = texts.iter().map(Option::as_deref).collect();
                outcome = take(&row);
            }
        })?;
        outcome
    }

    pub fn in_transaction(&self) -> bool {
        !self.connection.is_autocommit()
    }

    /// A handle that another thread may use to stop the running statement.
    pub fn interrupt_handle(&self) -> rusqlite::InterruptHandle {
        self.connection.get_interrupt_handle()
    }
}

/// Has a session stand something in for texts ([`Mask`]); its triggers are off from here on.
///
/// # Errors
/// What SQLite says.
pub fn prepare_masking(database: &SqliteDb, key: [u8; 8]) -> Result<(), DbError> {
    let connection = &database.connection;
    let mask = Mask::of(&key);
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection
        .create_scalar_function(masking::FUNCTION, 1, flags, move |context| {
            Ok(match context.get_raw(0) {
                ValueRef::Null => None,
                other => text(other).map(|value| mask.stand_in(&value)),
            })
        })
        .and_then(|()| connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false))
        .map(|_| ())
        .map_err(|error| from_sqlite(&error))
}

/// Copies a whole database into another, in one step: one view of the source, whoever writes meanwhile.
///
/// # Errors
/// `Busy` if the source stays locked for five seconds, and what SQLite says.
pub fn copy_pages(source: &SqliteDb, target: &mut SqliteDb) -> Result<(), DbError> {
    use rusqlite::backup::{Backup, StepResult};
    let start = std::time::Instant::now();
    let backup = Backup::new(&source.connection, &mut target.connection)
        .map_err(|error| from_sqlite(&error))?;
    loop {
        let step = backup.step(-1).map_err(|error| from_sqlite(&error))?;
        if step == StepResult::Done {
            return Ok(());
        }
        if start.elapsed() > COPY_PATIENCE {
            return Err(DbError::new(DbErrorKind::Busy, "the database is being written to")
                .hint("another process holds its lock; run the command again when it is done"));
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// What SQLite's own messages (`unable to open database file`) leave open.
fn check_place(path: &Path, access: Access) -> Result<(), DbError> {
    if path.is_dir() {
        return Err(DbError::new(
            DbErrorKind::NotADatabase,
            format!("`{}` is a folder, not a SQLite database", path.display()),
        ));
    }
    let missing = |what: &str, hint: &str| {
        Err(DbError::new(DbErrorKind::NotFound, format!("{what} does not exist")).hint(hint))
    };
    if access != Access::Create && !path.exists() {
        return missing(&format!("`{}`", path.display()), "check the path of the database file");
    }
    let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
    if folder != PathBuf::new() && !folder.is_dir() {
        return missing(
            &format!("the folder `{}`", folder.display()),
            "check the path of the database file, or make its folder first",
        );
    }
    Ok(())
}

fn place_error(mut error: DbError, path: &Path) -> DbError {
    let path = path.display();
    error.message = match error.kind {
        DbErrorKind::NotADatabase => {
            error.hint =
                Some("check the path; an encrypted or damaged file looks like this too".into());
            format!("`{path}` is not a SQLite database ({})", error.message)
        }
        DbErrorKind::Connect | DbErrorKind::Auth => {
            error.hint = Some("check that you may read the file and its folder".into());
            format!("cannot open `{path}`: {}", error.message)
        }
        DbErrorKind::NotFound
        | DbErrorKind::ReadOnly
        | DbErrorKind::Busy
        | DbErrorKind::Sql
        | DbErrorKind::Constraint
        | DbErrorKind::Cancelled
        | DbErrorKind::Unsupported => format!("`{path}`: {}", error.message),
    };
    error
}

fn text(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        // The shortest text that reads back as the same number, with a point or an exponent.
        ValueRef::Real(number) => Some(format!("{number:?}")),
        ValueRef::Text(bytes) => Some(match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => format!("CAST({} AS TEXT)", hexadecimal(bytes)),
        }),
        ValueRef::Blob(bytes) => Some(hexadecimal(bytes)),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(bytes.len() * 2 + 3);
    text.push_str("x'");
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text.push('\'');
    text
}

/// `text REGEXP pattern` calls `regexp(pattern, text)`. The dot takes line breaks, as PostgreSQL's `~` has it; the compiled
/// pattern stays with the statement.
fn register_regexp(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("regexp", 2, flags, |context| {
        let value: Option<String> = match context.get_raw(1) {
            ValueRef::Null => None,
            other => text(other),
        };
        if context.get_raw(0) == ValueRef::Null {
            return Ok(None);
        }
        let regex = context.get_or_create_aux(0, |pattern| -> Result<Regex, _> {
            let pattern =
                pattern.as_str().map_err(Box::<dyn std::error::Error + Send + Sync>::from)?;
            RegexBuilder::new(pattern)
                .dot_matches_new_line(true)
                .build()
                .map_err(Box::<dyn std::error::Error + Send + Sync>::from)
        })?;
        Ok(value.map(|value| regex.is_match(&value)))
    })
}
