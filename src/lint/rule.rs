//! What a rule is: its code, what it says and why, and the function that asks it of a statement.

use super::known::Known;
use super::statement::{Act, Action, Column, Constraint, Deed, Name, Statement};
use crate::text::Dialect;
use crate::text::diagnostic::Span;
use crate::text::token::tokenize;

/// How much a finding matters.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Note,
    /// Look at it before it ships.
    Warning,
    /// It stops the system, loses rows, or fails.
    Error,
}

impl Severity {
    pub fn name(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

/// One rule. Its page is made of these texts.
pub struct Rule {
    /// Never used again for another rule.
    pub code: &'static str,
    /// Names the fault; reads well after "allow".
    pub name: &'static str,
    pub severity: Severity,
    /// The engine it is about; `None` for both.
    pub dialect: Option<Dialect>,
    /// On which versions of the engine it holds.
    pub versions: &'static str,
    pub ways: Ways,
    /// What happens, in one sentence.
    pub what: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// What to do: the safe recipe.
    pub instead: &'static str,
    /// SQL with the fault, and without it: the fixtures of the rule.
    pub bad: &'static str,
    pub good: &'static str,
    pub ask: Ask,
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.code, self.name)
    }
}

/// Where a rule holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ways {
    /// The way back takes away what the way there made: it is not asked about loss.
    Up,
    Both,
}

/// Who finds what breaks the rule.
#[derive(Clone, Copy)]
pub enum Ask {
    /// Asked of every statement that a person wrote.
    Statement(fn(&At<'_>) -> Vec<Found>),
    /// Asked of the facts of every step that `migrate plan` wrote.
    Step(fn(&crate::dialect::Facts) -> Option<String>),
    /// The reader of the file finds it.
    Reader,
    /// Proved on rows that exist, by `verify`, `check` and `apply`.
    Rows,
}

/// One place that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub span: Span,
    /// Lower case, no full stop, values in backticks.
    pub message: String,
    /// Where it is surely less than the rule's own severity.
    pub at_most: Option<Severity>,
}

impl Found {
    pub fn new(span: Span, message: impl Into<String>) -> Found {
        Found { span, message: message.into(), at_most: None }
    }

    /// The same finding where nobody can be sure of it.
    pub fn at_most(mut self, severity: Severity) -> Found {
        self.at_most = Some(severity);
        self
    }
}

/// Whether statements of the file run in one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrapped {
    /// The file opened one, or its tool says so.
    Yes,
    No,
    /// The tool decides, and the file does not say which tool.
    Unknown,
}

/// The version of a server: 14.3, or 3.38 of SQLite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServerVersion {
    pub major: u32,
    pub minor: Option<u32>,
}

impl std::str::FromStr for ServerVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut numbers = text.split('.').map(str::parse::<u32>);
        let wrong = || format!("`{text}` is no version; write `15`, `14.3`, or `3.38` for SQLite");
        let major = numbers.next().and_then(Result::ok).ok_or_else(wrong)?;
        let minor = numbers.next().transpose().map_err(|_| wrong())?;
        Ok(ServerVersion { major, minor })
    }
}

/// What a statement before this one left in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Where the file's own transaction began.
    pub transaction: Option<Span>,
    pub lock_timeout: Option<String>,
    /// Constraints that this transaction added without looking at rows.
    pub unchecked: Vec<(String, String)>,
    /// Tables with rows that this transaction altered, and so holds ACCESS EXCLUSIVE on.
    pub altered: Vec<String>,
    /// Values that this transaction added to an enum.
    pub enum_values: Vec<String>,
    /// SQLite: foreign keys were switched off, outside any transaction.
    pub foreign_keys_off: bool,
    /// Tables that were renamed away in this file, by the name they had.
    pub renamed_away: Vec<String>,
}

/// A statement and all around it.
pub struct At<'a> {
    pub dialect: Dialect,
    pub server: Option<ServerVersion>,
    pub statements: &'a [Statement],
    pub index: usize,
    pub sql: &'a str,
    pub wrapped: Wrapped,
    pub known: &'a Known,
    pub state: &'a State,
}

impl<'a> At<'a> {
    pub fn statement(&self) -> &'a Statement {
        &self.statements[self.index]
    }

    pub fn deed(&self) -> &'a Deed {
        &self.statements[self.index].deed
    }

    /// The statements that follow.
    pub fn rest(&self) -> &'a [Statement] {
        &self.statements[self.index + 1..]
    }

    /// The text of the statement.
    pub fn text(&self) -> &'a str {
        let span = self.statement().span;
        &self.sql[span.start..span.end]
    }

    /// The last word of a part of the statement, where it is this one.
    pub fn last_word(&self, part: Span, word: &str) -> Option<Span> {
        let text = &self.sql[part.start..part.end];
        let tokens = tokenize(text, self.dialect);
        let last = tokens.iter().rfind(|token| token.is_code())?;
        let span = Span { start: part.start + last.span.start, end: part.start + last.span.end };
        last.is_word(word).then_some(span)
    }

    /// Whether the table was there before this file: it may hold rows and be in use.
    pub fn is_old(&self, table: &Name) -> bool {
        !self.known.is_new(&table.key)
    }

    /// Whether the server may be older than this.
    pub fn may_be_before(&self, major: u32) -> bool {
        self.server.is_none_or(|server| server.major < major)
    }

    /// Whether the server may be this one or a newer one.
    pub fn may_be_from(&self, major: u32) -> bool {
        self.server.is_none_or(|server| server.major >= major)
    }

    /// What `ALTER TABLE` does to a table that may hold rows.
    pub fn actions(&self) -> impl Iterator<Item = (&'a Name, &'a Action)> {
        let (table, actions): (Option<&'a Name>, &'a [Action]) = match self.deed() {
            Deed::AlterTable { table, actions } if self.is_old(table) => (Some(table), actions),
            _ => (None, &[]),
        };
        actions.iter().filter_map(move |action| table.map(|table| (table, action)))
    }

    /// Columns that a table with rows gains.
    pub fn added_columns(&self) -> impl Iterator<Item = (&'a Name, &'a Column)> {
        self.actions().filter_map(|(table, action)| match &action.act {
            Act::AddColumn(column) => Some((table, column)),
            _ => None,
        })
    }

    /// Constraints that a table with rows gains, with the column that brings them.
    pub fn added_constraints(
        &self,
    ) -> impl Iterator<Item = (&'a Name, &'a Constraint, Option<&'a Column>)> {
        self.actions().flat_map(|(table, action)| {
            let (constraints, column): (Vec<&Constraint>, _) = match &action.act {
                Act::AddConstraint(constraint) => (vec![constraint], None),
                Act::AddColumn(column) => (column.constraints.iter().collect(), Some(column)),
                _ => (Vec::new(), None),
            };
            constraints.into_iter().map(move |constraint| (table, constraint, column))
        })
    }
}

/// Whether a column's default gives old rows a value.
pub fn fills_old_rows(column: &Column) -> bool {
    column.default.as_ref().is_some_and(|(words, _)| words != "null")
}

/// Columns that the statement brings, to a new table or an old one.
pub fn new_columns<'a>(at: &At<'a>) -> Vec<&'a Column> {
    match at.deed() {
        Deed::CreateTable(table) => table.columns.iter().collect(),
        Deed::AlterTable { actions, .. } => actions
            .iter()
            .filter_map(|action| match &action.act {
                Act::AddColumn(column) => Some(column),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}
