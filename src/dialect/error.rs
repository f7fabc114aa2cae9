//! What an engine cannot do, or what cannot be carried: named, never skipped.

use super::Sql;

/// A change that cannot be turned into steps.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
#[error("cannot plan {what}: {why}\nhelp: {help}")]
pub struct LowerError {
    /// `column invoices.total`, `view open_invoices`.
    pub what: String,
    pub why: String,
    pub help: String,
}

/// Why a database's schema could not be read.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum InspectError {
    #[error(
        "this schema holds objects that cannot be carried yet:\n  {}\nhelp: nothing was changed; \
         move them to another schema or database, or leave this one to another tool",
        .0.join("\n  ")
    )]
    Unsupported(Vec<String>),
    #[error("unexpected answer to catalog query `{query}`: {problem}")]
    Unreadable { query: String, problem: String },
}

/// One catalog query; each row of its answer is one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InspectQuery {
    pub name: &'static str,
    pub sql: Sql,
    pub joins: Joins,
}

/// How the engine may join while it answers a catalog query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joins {
    /// As its planner sees fit.
    Planned,
    /// By hashing: of subqueries that are read more than once the planner knows no sizes, and a nested loop over two of
    /// them takes minutes on thousands of tables.
    Hashed,
}
