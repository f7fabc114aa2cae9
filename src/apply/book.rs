//! Reads and writes the ledger and the journal of a database.

use crate::db::{Database, DbError, DbErrorKind, Mode, Row};
use crate::dialect::bookkeeping::{self, Book, Value};
use crate::dialect::{Direction, Sql};
use crate::journal::{Action, Entry, StepRow, StepState, Unfinished, unfinished};

/// All that a database remembers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Books {
    pub entries: Vec<Entry>,
    pub open: Option<Unfinished>,
}

/// Reads the books; an untouched database has empty ones. Writes nothing.
///
/// # Errors
/// The engine's own, or rows that are not bookkeeping rows.
pub fn read(database: &mut Database) -> Result<Books, DbError> {
    let dialect = database.dialect();
    if database.value(&bookkeeping::exists(dialect))?.is_none() {
        return Ok(Books::default());
    }
    let entries = database
        .rows(&bookkeeping::read(Book::Ledger, dialect))?
        .iter()
        .map(entry)
        .collect::<Option<Vec<Entry>>>()
        .ok_or_else(|| unreadable("ledger"))?;
    let steps = database
        .rows(&bookkeeping::read(Book::Journal, dialect))?
        .iter()
        .map(step_row)
        .collect::<Option<Vec<StepRow>>>()
        .ok_or_else(|| unreadable("journal"))?;
    let open = unfinished(&entries, &steps);
    Ok(Books { entries, open })
}

/// The number of the last row of the ledger, which is there; zero where it has none.
///
/// # Errors
/// The engine's own.
pub fn last_number(database: &mut Database) -> Result<u64, DbError> {
    let found = database.value(&bookkeeping::last_number(database.dialect()))?;
    found.map_or(Ok(0), |text| text.parse().map_err(|_| unreadable("ledger")))
}

fn unreadable(book: &str) -> DbError {
    DbError::new(
        DbErrorKind::Unsupported,
        format!("the {book} of this database holds a row this version cannot read"),
    )
    .hint("a newer version of this tool wrote it; use that version")
}

/// Makes the bookkeeping tables where they are absent.
///
/// # Errors
/// The engine's own (no right to create a schema, read-only database).
pub fn prepare(database: &mut Database) -> Result<(), DbError> {
    let dialect = database.dialect();
    if database.value(&bookkeeping::exists(dialect))?.is_some() {
        return Ok(());
    }
    database.within(Mode::Write, |database| {
        bookkeeping::create(dialect).iter().try_for_each(|sql| database.execute(sql).map(|_| ()))
    })
}

/// Writes a ledger row in the transaction that is open.
///
/// # Errors
/// The engine's own.
pub fn write_entry(database: &mut Database, entry: &Entry) -> Result<(), DbError> {
    database.execute(&entry_sql(database.dialect(), entry)).map(|_| ())
}

fn entry_sql(dialect: crate::text::Dialect, entry: &Entry) -> Sql {
    let values = [
        Value::Number(i64::try_from(entry.number).unwrap_or(i64::MAX)),
        Value::Text(&entry.at),
        Value::Text(entry.action.name()),
        Value::Text(&entry.version),
        Value::Text(&entry.plan),
        Value::Text(&entry.schema),
        Value::Text(&entry.actor),
        Value::Text(&entry.host),
        entry.commit.as_deref().map_or(Value::Null, Value::Text),
        Value::Text(&entry.tool),
        entry.reason.as_deref().map_or(Value::Null, Value::Text),
        Value::Number(i64::try_from(entry.duration_ms).unwrap_or(i64::MAX)),
        Value::Text(&entry.previous),
        Value::Text(&entry.hash),
    ];
    bookkeeping::insert(Book::Ledger, dialect, &values)
}

/// Writes a journal row in the transaction that is open, or in one of its own.
///
/// # Errors
/// The engine's own.
pub fn write_step(database: &mut Database, row: &StepRow) -> Result<(), DbError> {
    let values = [
        Value::Number(i64::try_from(row.run).unwrap_or(i64::MAX)),
        Value::Text(&row.version),
        Value::Text(way_name(row.way)),
        Value::Text(&row.plan),
        Value::Number(i64::from(row.step)),
        Value::Text(&row.title),
        Value::Text(row.state.name()),
        Value::Text(&row.at),
    ];
    let sql = bookkeeping::insert(Book::Journal, database.dialect(), &values);
    database.execute(&sql).map(|_| ())
}

fn way_name(way: Direction) -> &'static str {
    match way {
        Direction::Up => "up",
        Direction::Down => "down",
    }
}

fn entry(row: &Row) -> Option<Entry> {
    let text = |position: usize| row.get(position).cloned().flatten();
    Some(Entry {
        number: text(0)?.parse().ok()?,
        at: text(1)?,
        action: Action::named(&text(2)?)?,
        version: text(3)?,
        plan: text(4)?,
        schema: text(5)?,
        actor: text(6)?,
        host: text(7)?,
        commit: text(8),
        tool: text(9)?,
        reason: text(10),
        duration_ms: text(11)?.parse().ok()?,
        previous: text(12)?,
        hash: text(13)?,
    })
}

fn step_row(row: &Row) -> Option<StepRow> {
    let text = |position: usize| row.get(position).cloned().flatten();
    Some(StepRow {
        run: text(0)?.parse().ok()?,
        version: text(1)?,
        way: match text(2)?.as_str() {
            "up" => Direction::Up,
            "down" => Direction::Down,
            _ => return None,
        },
        plan: text(3)?,
        step: text(4)?.parse().ok()?,
        title: text(5)?,
        state: StepState::named(&text(6)?)?,
        at: text(7)?,
    })
}
