//! A database that is not ours to drop: empty when it is given to us, and empty again when we leave it.
//!
//! A mark inside says who fills it. It is said anew at the end of all that the run writes, and the server numbers what is
//! written: objects and rows that are younger than the mark of a killed run are not that run's, and nothing is dropped
//! then. The mark goes in the transaction that drops the last object.

use std::time::{Duration, Instant};

use super::{ShadowError, process};
use crate::db::{Access, Database, DatabaseUrl, DbError, Mode};
use crate::dialect::{roles, session};

/// How long sessions of a killed run may take to let go.
const PATIENCE: Duration = Duration::from_secs(20);

/// Who makes something: machine and process.
pub(super) fn mark() -> String {
    format!("{}{} {}", roles::MARK, process::host(), process::signature(std::process::id()))
}

/// What a mark says of the run that put it there.
pub(super) enum Maker {
    Gone,
    Alive,
    /// Of another machine.
    Elsewhere(String),
    /// Not one of ours.
    Unknown,
}

pub(super) fn maker(mark: &str) -> Maker {
    let owner = mark.strip_prefix(roles::MARK).and_then(|owner| owner.split_once(' '));
    match owner {
        Some((host, signature)) if host == process::host() => {
            if process::is_alive(signature) {
                Maker::Alive
            } else {
                Maker::Gone
            }
        }
        Some((host, _)) => Maker::Elsewhere(host.to_owned()),
        None => Maker::Unknown,
    }
}

/// Takes an empty database, or one that a killed run of this machine left filled: that is emptied first.
///
/// # Errors
/// It holds something else, or another run works in it.
pub(super) fn claim(given: &mut Database) -> Result<(), ShadowError> {
    let found = marks(given)?;
    let is_held = |(_, text): &&(String, String)| match maker(text) {
        Maker::Gone => false,
        Maker::Alive | Maker::Elsewhere(_) | Maker::Unknown => true,
    };
    if let Some((number, text)) = found.iter().find(is_held) {
        return Err(taken(given, number, text));
    }
    if !found.is_empty() {
        clear(given, &found)?;
    }
    if given.value(&session::next_drop())?.is_some() {
        return Err(ShadowError::NotEmpty { place: given.describe() });
    }
    let own = mark();
    given.execute(&roles::mark_inside(&own))?;
    // Two may have found it empty at the same time.
    let all = marks(given)?;
    let other = all.iter().find(|(_, text)| *text != own);
    let Some((number, text)) = other.or(all.get(1)) else {
        if let Some((number, _)) = all.first() {
            follow(given, number);
        }
        return Ok(());
    };
    let error = taken(given, number, text);
    for (number, _) in all.iter().filter(|(_, text)| *text == own).take(1) {
        given.rows(&roles::unmark(number))?;
    }
    Err(error)
}

/// Has the session say the mark anew after all that it writes.
fn follow(database: &mut Database, number: &str) {
    if let Database::Postgres(server) = database {
        server.leave_trail(roles::mark_again(number, &mark()));
    }
}

fn marks(database: &mut Database) -> Result<Vec<(String, String)>, DbError> {
    let rows = database.rows(&roles::marks_inside())?;
    let pair = |row: crate::db::Row| {
        let mut values = row.into_iter().flatten();
        Some((values.next()?, values.next()?))
    };
    Ok(rows.into_iter().filter_map(pair).collect())
}

fn taken(database: &Database, number: &str, text: &str) -> ShadowError {
    let by = match maker(text) {
        Maker::Elsewhere(host) => format!("a run of `migrate` on the machine `{host}`"),
        Maker::Alive | Maker::Gone | Maker::Unknown => "another run of `migrate`".to_owned(),
    };
    ShadowError::Taken { place: database.describe(), by, mark: number.to_owned() }
}

/// Empties the database that this process has claimed, and gives it back.
///
/// # Errors
/// The engine's own; the mark stays then, so that the next run empties it.
pub(super) fn give_back(database: &mut Database) -> Result<(), DbError> {
    // The session may stand in a failed transaction; outside one this only warns.
    let _ = database.rollback();
    let own = mark();
    let numbers = marks(database)?.into_iter().filter(|(_, text)| *text == own);
    let numbers: Vec<String> = numbers.map(|(number, _)| number).collect();
    while database.within(Mode::Write, |database| step(database, &numbers))? {}
    Ok(())
}

/// As [`give_back`], by a session of its own: the one that filled the database is ended.
///
/// # Errors
/// As there.
pub(super) fn give_back_from_outside(url: &DatabaseUrl) -> Result<(), DbError> {
    let mut database = Database::open(url, Access::ReadWrite)?;
    end_others(&mut database)?;
    give_back(&mut database)
}

/// Empties the database of what a killed run left in it; a mark stays until nothing else is there.
///
/// # Errors
/// Something in it is younger than all marks: somebody else put it there.
fn clear(database: &mut Database, found: &[(String, String)]) -> Result<(), ShadowError> {
    end_others(database)?;
    let mut others: Option<Vec<String>> = None;
    for (number, _) in found {
        let made = younger(database, number)?;
        if others.as_ref().is_none_or(|fewest| made.len() < fewest.len()) {
            others = Some(made);
        }
    }
    let Some((number, _)) = found.first() else { return Ok(()) };
    if let Some(what) = others.filter(|what| !what.is_empty()) {
        let (place, mark) = (database.describe(), number.clone());
        return Err(ShadowError::NotOurs { place, what: what.join(", "), mark });
    }
    // From here on it is ours: killed again, the next run knows what was dropped and what is left.
    follow(database, number);
    let numbers: Vec<String> = found.iter().map(|(number, _)| number.clone()).collect();
    while database.within(Mode::Write, |database| step(database, &numbers))? {}
    Ok(())
}

/// What is in a database that was written after a mark was last said, for people.
fn younger(database: &mut Database, number: &str) -> Result<Vec<String>, DbError> {
    let texts = |rows: Vec<crate::db::Row>| rows.into_iter().flatten().flatten();
    let mut found: Vec<String> = texts(database.rows(&roles::younger_objects(number))?).collect();
    if found.is_empty() {
        for query in texts(database.rows(&roles::younger_rows(number))?) {
            found.extend(database.value(&session::returned(&query))?);
        }
    }
    Ok(found)
}

/// Sessions of a killed process live on until the server writes to them, with their locks.
fn end_others(database: &mut Database) -> Result<(), DbError> {
    let start = Instant::now();
    while database.value(&roles::end_other_sessions())?.is_some_and(|count| count != "0")
        && start.elapsed() < PATIENCE
    {
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Drops one thing; the marks too where it was the last. Whether there may be more.
fn step(database: &mut Database, marks: &[String]) -> Result<bool, DbError> {
    if let Some(statement) = database.value(&session::next_drop())? {
        database.execute(&session::returned(&statement))?;
        if database.value(&session::next_drop())?.is_some() {
            return Ok(true);
        }
    }
    for number in marks {
        database.rows(&roles::unmark(number))?;
    }
    Ok(false)
}
