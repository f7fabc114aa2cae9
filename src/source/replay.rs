//! Runs the statements of SQL files in an empty database. Files of a folder may need each other in any order: a
//! statement that waits for something is tried again when the other files have gone on.

use super::SourceError;
use super::files::TextFile;
use super::sql::{explain, in_file, located, prepare};
use crate::db::{DbError, DbErrorKind};
use crate::dialect::script::{Statement, StatementKind};
use crate::dialect::session;
use crate::shadow::scratch::Scratch;
use crate::text::Dialect;
use crate::text::diagnostic::{Diagnostic, line_column};
use crate::text::token::{self, Token};

/// One file and its statements.
pub(in crate::source) struct Part<'a> {
    pub(in crate::source) file: &'a TextFile,
    pub(in crate::source) statements: Vec<Statement>,
}

/// Runs all statements of all files; what was left out goes into `notes`.
///
/// # Errors
/// The first statement that fails, or that waits for something that no file makes.
pub(in crate::source) fn replay(
    scratch: &mut Scratch,
    parts: &[Part<'_>],
    notes: &mut Vec<String>,
) -> Result<(), SourceError> {
    let mut queues: Vec<Queue<'_>> = parts.iter().map(Queue::new).collect();
    let patience = if parts.len() > 1 { Patience::Waits } else { Patience::Fails };
    let mut run = Run { scratch, notes, patience, made: Made::Nothing };
    loop {
        let before = left(&queues);
        for queue in &mut queues {
            run.advance(queue)?;
        }
        if left(&queues) == 0 {
            return Ok(());
        }
        if left(&queues) == before {
            let mut gone_on = false;
            for queue in &mut queues {
                gone_on |= run.skip_ahead(queue)?;
            }
            if !gone_on {
                return Err(stuck(&queues));
            }
        }
    }
}

fn left(queues: &[Queue<'_>]) -> usize {
    queues.iter().map(|queue| queue.done.iter().filter(|done| !**done).count()).sum()
}

/// A file that is being run.
struct Queue<'a> {
    part: &'a Part<'a>,
    done: Vec<bool>,
    /// Whether it opens transactions of its own; then its statements keep their order.
    transactions: bool,
    /// What its first open statement waits for.
    waits: Option<Diagnostic>,
}

impl<'a> Queue<'a> {
    fn new(part: &'a Part<'a>) -> Self {
        let transactions = part.statements.iter().any(|statement| role(statement) == Role::Begin);
        Queue { part, done: vec![false; part.statements.len()], transactions, waits: None }
    }

    fn open(&self) -> Vec<usize> {
        (0..self.done.len()).filter(|at| !self.done[*at]).collect()
    }
}

/// What a statement does to the session rather than to the schema.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Begin,
    End,
    Setting,
    Schema,
}

fn role(statement: &Statement) -> Role {
    let sql = statement.sql.as_str();
    // Only the first words are looked at; tokens of a long body need not be read.
    let tokens: Vec<Token<'_>> = first_tokens(sql);
    let word = |at: usize, text: &str| tokens.get(at).is_some_and(|token| token.is_word(text));
    if word(0, "begin") || word(0, "start") && word(1, "transaction") {
        return Role::Begin;
    }
    if ["commit", "end", "rollback", "abort"].iter().any(|text| word(0, text)) {
        return Role::End;
    }
    let local = word(0, "set") && (word(1, "local") || word(1, "constraints"));
    let configures = word(0, "select")
        && (1..=3).any(|at| word(at, "set_config"))
        && sql.to_ascii_lowercase().contains("search_path");
    if (word(0, "set") || word(0, "reset")) && !local || configures {
        return Role::Setting;
    }
    Role::Schema
}

/// The first few tokens that are code.
fn first_tokens(sql: &str) -> Vec<Token<'_>> {
    token::tokenize(sql, Dialect::Postgres).into_iter().filter(Token::is_code).take(8).collect()
}

/// Whether a statement that lacks something may be tried again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Patience {
    Waits,
    Fails,
}

/// Whether a script has made anything yet: what it drops before, it drops in case it is there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Made {
    Nothing,
    Something,
}

/// What became of a statement.
enum Outcome {
    Done,
    Waits(Diagnostic),
}

struct Run<'a> {
    scratch: &'a mut Scratch,
    notes: &'a mut Vec<String>,
    patience: Patience,
    made: Made,
}

impl Run<'_> {
    /// Goes through a file until a statement waits.
    fn advance(&mut self, queue: &mut Queue<'_>) -> Result<(), SourceError> {
        queue.waits = None;
        let open = queue.open();
        let Some(first) = open.first() else { return Ok(()) };
        self.stand_at(queue, *first)?;
        let mut begin = None;
        for at in open {
            let statement = &queue.part.statements[at];
            match self.attempt(queue.part.file, statement)? {
                Outcome::Done => queue.done[at] = true,
                Outcome::Waits(diagnostic) => {
                    queue.waits = Some(diagnostic);
                    if let Some(begin) = begin {
                        self.scratch.database().rollback()?;
                        queue.done[begin..at].fill(false);
                    }
                    return Ok(());
                }
            }
            match role(statement) {
                Role::Begin => begin = Some(at),
                Role::End => begin = None,
                Role::Setting | Role::Schema => {}
            }
        }
        Ok(())
    }

    /// Tries what stands behind the statement that waits; whether anything could be run.
    fn skip_ahead(&mut self, queue: &mut Queue<'_>) -> Result<bool, SourceError> {
        if queue.transactions {
            return Ok(false);
        }
        let mut gone_on = false;
        for at in queue.open().into_iter().skip(1) {
            let statement = &queue.part.statements[at];
            if role(statement) != Role::Schema {
                continue;
            }
            self.stand_at(queue, at)?;
            if let Outcome::Done = self.attempt(queue.part.file, statement)? {
                queue.done[at] = true;
                gone_on = true;
            }
        }
        Ok(gone_on)
    }

    /// Sets the session as the statements of the file before this one have set it.
    fn stand_at(&mut self, queue: &Queue<'_>, at: usize) -> Result<(), SourceError> {
        if self.scratch.database().dialect() == Dialect::Sqlite {
            return Ok(());
        }
        self.scratch.database().execute(&session::reset_search_path())?;
        let before = &queue.part.statements[..at];
        for statement in before.iter().filter(|statement| role(statement) == Role::Setting) {
            self.attempt(queue.part.file, statement)?;
        }
        Ok(())
    }

    fn attempt(&mut self, file: &TextFile, statement: &Statement) -> Result<Outcome, SourceError> {
        if let Some(note) = prepare(self.scratch, statement)? {
            self.note(file, statement, note);
            return Ok(Outcome::Done);
        }
        let mut outcome = self.scratch.database().execute(&statement.sql);
        if let Err(error) = &outcome
            && let Some(role) = missing_role(error)
            && self.scratch.cluster().is_some()
            && !self.scratch.database().in_transaction()?
        {
            self.scratch.need_roles([role])?;
            outcome = self.scratch.database().execute(&statement.sql);
        }
        if outcome.as_ref().is_err_and(lacks_something) && self.with_search_path(statement)? {
            let note = "a function that this needs relies on the search path, which the script empties; it ran \
                        with the usual one";
            self.note(file, statement, note.to_owned());
            outcome = Ok(0);
        }
        let Err(error) = outcome else {
            if first_tokens(statement.sql.as_str()).first().is_some_and(|t| t.is_word("create")) {
                self.made = Made::Something;
            }
            return Ok(Outcome::Done);
        };
        if let Some(leniency) = lenient(&error, statement, self.made) {
            if let Leniency::Noted(note) = leniency {
                self.note(file, statement, note);
            }
            return Ok(Outcome::Done);
        }
        let diagnostic = explain(&error, statement);
        if self.patience == Patience::Waits && lacks_something(&error) {
            return Ok(Outcome::Waits(diagnostic));
        }
        Err(in_file(file, vec![diagnostic]))
    }

    /// Dumps empty the search path and qualify their own names, but not those in the bodies of functions. Whether
    /// the statement runs with the usual path; it says the same with it.
    fn with_search_path(&mut self, statement: &Statement) -> Result<bool, SourceError> {
        let database = self.scratch.database();
        if database.dialect() == Dialect::Sqlite || database.in_transaction().unwrap_or(true) {
            return Ok(false);
        }
        let path = database.value(&session::search_path())?;
        if !path.is_some_and(|path| ["", "\"\""].contains(&path.as_str())) {
            return Ok(false);
        }
        database.execute(&session::reset_search_path())?;
        let ran = database.execute(&statement.sql).is_ok();
        database.execute(&session::no_search_path())?;
        Ok(ran)
    }

    fn note(&mut self, file: &TextFile, statement: &Statement, note: String) {
        let note = located(file, &Diagnostic::warning(statement.span, note));
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

/// The role that a statement names where reading it did not tell: in `GRANT a TO b`, in the body of a `DO`.
fn missing_role(error: &DbError) -> Option<&str> {
    let (_, rest) = error.message.split_once("role \"")?;
    // A name may hold quotes of its own.
    let (role, _) = rest.rsplit_once("\" does not exist")?;
    (error.sqlstate.as_deref() == Some("42704")).then_some(role)
}

/// A failure that changes nothing about the schema.
enum Leniency {
    Silent,
    Noted(String),
}

/// What a dump may say although it fails in an empty database of this server. Source of the codes: PostgreSQL
/// manual, appendix A.
fn lenient(error: &DbError, statement: &Statement, made: Made) -> Option<Leniency> {
    let code = error.sqlstate.as_deref()?;
    let tokens = first_tokens(statement.sql.as_str());
    let word = |at: usize, text: &str| tokens.get(at).is_some_and(|token| token.is_word(text));
    // The cluster outlives the script: a second one may make the same role.
    if statement.kind == StatementKind::ClusterWide && code == "42710" {
        return Some(Leniency::Silent);
    }
    // A file that is meant to run as one transaction may lock; nobody else is in a scratch database.
    if word(0, "lock") && code == "25P01" {
        return Some(Leniency::Silent);
    }
    // `pg_dump --schema=public` makes the schema that every database has.
    if word(0, "create") && word(1, "schema") && word(2, "public") && code == "42P06" {
        return Some(Leniency::Silent);
    }
    if word(0, "set") && code == "42704" {
        let message =
            format!("left out a setting that this server does not have ({})", error.message);
        return Some(Leniency::Noted(message));
    }
    if word(0, "comment") && word(2, "extension") && code == "42501" {
        let message = "left out the comment of an extension, which belongs to somebody else";
        return Some(Leniency::Noted(message.to_owned()));
    }
    // `pg_dump --clean` first drops what may be there.
    let drops = word(0, "drop") || word(0, "alter") && statement.sql.as_str().contains(" DROP ");
    let absent = ["42P01", "42704", "42883", "3F000", "42703"].contains(&code);
    if made == Made::Nothing && drops && absent {
        return Some(Leniency::Noted("left out a DROP of what is not there".to_owned()));
    }
    None
}

/// Whether an error may go away when other files have run: something is not there yet.
fn lacks_something(error: &DbError) -> bool {
    const ABSENT: [&str; 8] = [
        "42P01", // table
        "42703", // column
        "42883", // function
        "42704", // other object
        "3F000", // schema
        "42830", // unique key for a foreign key
        "23503", // referenced row
        "22P02", // value of an enum
    ];
    match error.sqlstate.as_deref() {
        Some(code) => ABSENT.contains(&code),
        None => {
            matches!(error.kind, DbErrorKind::Sql | DbErrorKind::Constraint)
                && ["no such ", "FOREIGN KEY"].iter().any(|word| error.message.contains(word))
        }
    }
}

/// The first statement that waits; the others are named in its help.
fn stuck(queues: &[Queue<'_>]) -> SourceError {
    let mut waiting = queues
        .iter()
        .filter_map(|queue| queue.waits.as_ref().map(|waits| (queue.part.file, waits)));
    let Some((file, first)) = waiting.next() else {
        return SourceError::Create("statements are left, and none says why".to_owned());
    };
    let others: Vec<String> = waiting
        .map(|(file, waits)| {
            let (line, column) = line_column(&file.text, waits.span.start);
            format!("{}:{line}:{column} ({})", file.path, waits.message)
        })
        .collect();
    let mut diagnostic = first.clone();
    let said = diagnostic.help.take().map(|help| format!("{help}; ")).unwrap_or_default();
    let others = match others[..] {
        [] => "no file makes what this statement needs".to_owned(),
        [..] => format!("these wait too: {}", others.join(", ")),
    };
    in_file(file, vec![diagnostic.help(format!("{said}{others}"))])
}
