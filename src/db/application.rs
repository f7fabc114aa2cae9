//! Functions and collations that an application registers with SQLite, and that are not here.
//!
//! A schema that names them in a check, an index or a generated column could not even be made without them. Stand-ins
//! are registered as they are asked for; none of them computes anything: a statement that needs one for a row fails
//! with its name. Source: sqlite.org/c3ref/create_function.html; names are looked up when a statement is prepared.

use std::cmp::Ordering;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;

use super::error::{DbError, DbErrorKind, from_sqlite};

/// The stand-ins of one connection.
#[derive(Default)]
pub(super) struct StandIns {
    made: Vec<StandIn>,
    /// A collation cannot fail, so it leaves its name here.
    asked: Arc<Mutex<Option<String>>>,
}

/// One name that SQLite itself does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StandIn {
    Function(String),
    Collation(String),
}

impl StandIns {
    pub(super) fn made(&self) -> &[StandIn] {
        &self.made
    }

    /// Registers what the error says is missing; `false` where it says something else.
    pub(super) fn register(
        &mut self,
        connection: &Connection,
        error: &DbError,
    ) -> Result<bool, DbError> {
        let missing = |what: &str| error.message.strip_prefix(what).map(str::to_owned);
        let stand_in =
            match (missing("no such function: "), missing("no such collation sequence: ")) {
                (Some(name), _) => StandIn::Function(name),
                (None, Some(name)) => StandIn::Collation(name),
                (None, None) => return Ok(false),
            };
        if self.made.contains(&stand_in) {
            return Ok(false);
        }
        match &stand_in {
            StandIn::Function(name) => register_function(connection, name),
            StandIn::Collation(name) => self.register_collation(connection, name),
        }
        .map_err(|error| from_sqlite(&error))?;
        self.made.push(stand_in);
        Ok(true)
    }

    fn register_collation(&self, connection: &Connection, name: &str) -> rusqlite::Result<()> {
        let (asked, own) = (AssertUnwindSafe(Arc::clone(&self.asked)), name.to_owned());
        connection.create_collation(name, move |left: &str, right: &str| -> Ordering {
            if let Ok(mut asked) = asked.lock() {
                *asked = Some(own.clone());
            }
            left.cmp(right)
        })
    }

    /// Fails where a statement has compared rows by a collation that is not here.
    pub(super) fn refuse_comparisons(&self) -> Result<(), DbError> {
        match self.asked.lock().ok().and_then(|mut asked| asked.take()) {
            None => Ok(()),
            Some(name) => Err(DbError::new(
                DbErrorKind::Unsupported,
                format!("rows would have to be compared by collation `{name}`, which the application registers"),
            )
            .hint("make this change from the application, where the collation is there")),
        }
    }
}

fn register_function(connection: &Connection, name: &str) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    let own = name.to_owned();
    connection.create_scalar_function(name, -1, flags, move |_| -> rusqlite::Result<bool> {
        let message = format!(
            "rows would have to be computed by function `{own}`, which the application registers"
        );
        Err(rusqlite::Error::UserFunctionError(message.into()))
    })
}
