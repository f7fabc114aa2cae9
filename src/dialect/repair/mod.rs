//! Repairs of rows that break a rule, as reversible steps: what they take away or change is set aside first, and comes
//! back where nobody has changed it since.

mod becomes;
mod bounds;
mod fitting;
mod moving;
mod quiet;
mod returning;
mod rows;
mod strategy;
mod target;
mod text;
mod values;

use std::collections::BTreeSet;

use super::check::{Check, Fault, Part, SAMPLE, Shape};
use super::keep::{SQLITE_PREFIX, kept_name};
use super::session::quote_name;
use super::{Absence, Direction, Facts, KeptUse, Lock, Order, Sql, Step, Transaction, Undo, Work};
use crate::catalog::Catalog;
use crate::catalog::rule::Enforce;
use crate::text::{Dialect, Ident, QName};

pub use fitting::{Proposal, Trial, fitting, trial};
pub use strategy::{Chosen, FORMS, Stays, Strategy};

/// A rule that rows break.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    pub check: &'a Check,
    /// The schema that the rows are in.
    pub catalog: &'a Catalog,
    /// The schema that the model means, for its defaults.
    pub wanted: Option<&'a Catalog>,
}

/// What names the kept tables of a repair: the plan, and its place among the repairs of the plan.
#[derive(Clone, Copy, Debug)]
pub struct Naming<'a> {
    pub tag: &'a str,
    pub number: usize,
}

/// A repair, ready to run.
#[derive(Clone, Debug)]
pub struct Mended {
    pub rule: String,
    pub strategy: String,
    pub table: QName,
    /// What it does, for people: `"total" becomes at least 0`.
    pub says: String,
    /// Answers one row: how many rows break the rule, how many of them the repair changes.
    pub count: Sql,
    /// Answers some of the rows that it changes: the key, then for each changed column the value before and after.
    pub sample: Sql,
    pub keys: Vec<String>,
    /// The columns that change; none where whole rows go.
    pub columns: Vec<String>,
    /// Keys and columns whose values are not shown.
    pub personal: BTreeSet<String>,
    /// Whether the rows that it changes are known to hold the rule afterwards.
    pub certainty: Certainty,
    pub up: Vec<Step>,
    pub down: Vec<Step>,
    pub up_checks: Vec<Check>,
    pub down_checks: Vec<Check>,
    pub touched: Vec<Touched>,
    /// Where rows or old values are found meanwhile, as one writes it in SQL.
    pub kept: String,
}

/// What is known of repaired rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// Only rows are changed that hold the rule then.
    Holds,
    /// No condition on one row says it.
    Unknown,
}

/// What a repair changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Touched {
    Columns(QName, Vec<Ident>),
    /// Rows come and go.
    Rows(QName),
}

/// Why a rule cannot be repaired in this way.
#[derive(Debug, thiserror::Error)]
#[error("`{rule}` cannot be repaired by `{strategy}`: {reason}")]
pub struct RepairError {
    pub rule: String,
    pub strategy: String,
    pub reason: String,
}

/// Makes the steps of a repair.
///
/// # Errors
/// The strategy does not fit the rule, or the table is such that it could not be taken back.
pub fn mend(
    subject: Subject<'_>,
    chosen: &Chosen,
    naming: Naming<'_>,
) -> Result<Mended, RepairError> {
    let made = match chosen.strategy {
        Strategy::Quarantine => rows::quarantine(subject, chosen, naming),
        Strategy::Dedupe(stays) => rows::dedupe(subject, chosen, stays, naming),
        Strategy::Default(_)
        | Strategy::Null
        | Strategy::Trim
        | Strategy::Lower
        | Strategy::Upper
        | Strategy::Clamp
        | Strategy::Map(_)
        | Strategy::Cast(_) => values::mend(subject, chosen, naming),
    };
    made.map_err(|reason| RepairError {
        rule: subject.check.rule.clone(),
        strategy: chosen.to_string(),
        reason,
    })
}

/// The condition that a row `r` breaks the rule.
enum Bad {
    /// It can be asked of any row of that shape.
    Row(String),
    /// It looks the row up among those that a query of the whole table names.
    Listed(String),
}

impl Bad {
    fn text(&self) -> &str {
        match self {
            Bad::Row(text) | Bad::Listed(text) => text,
        }
    }
}

/// How the rows that break a rule are told from the others.
fn bad(subject: Subject<'_>, target: &target::Target<'_>) -> Result<Bad, String> {
    let check = subject.check;
    if let Some(bad) = &check.bad {
        return Ok(Bad::Row(bad.clone()));
    }
    if check.shape == Shape::Row {
        return Err(format!(
            "columns of `{}` have another type in the model; repair what does not fit that type first",
            check.table
        ));
    }
    if check.shape == Shape::Counter {
        return Err("the sequence is behind, no row is wrong; `setval` moves it on".to_owned());
    }
    let own = target.key_of("r");
    if own.is_empty() || check.keys.len() != own.len() || check.keys != target.key_names() {
        return Err(format!("rows of `{}` have no key that names them", check.table));
    }
    let names: Vec<String> = (1..=check.keys.len())
        .map(|at| format!("k{at}"))
        .chain((1..=check.values.len()).map(|at| format!("v{at}")))
        .collect();
    let keys: Vec<&str> = names.iter().take(own.len()).map(String::as_str).collect();
    Ok(Bad::Listed(format!(
        "({}) IN (WITH migrate_bad({}) AS ({}) SELECT {} FROM migrate_bad)",
        own.join(", "),
        names.join(", "),
        check.every().as_str(),
        keys.join(", ")
    )))
}

/// The bare name of a kept table.
fn kept(naming: Naming<'_>, table: &QName, part: Option<usize>, dialect: Dialect) -> String {
    let word = match part {
        None => format!("repair_{}", naming.number),
        Some(part) => format!("repair_{}_{part}", naming.number),
    };
    kept_name(naming.tag, Direction::Up, table, Some(&Ident::new(word)), dialect)
}

/// A kept table in a statement.
fn kept_place(name: &str, dialect: Dialect) -> String {
    match dialect {
        Dialect::Postgres => format!("\"migrate_kept\".{}", quote_name(name)),
        Dialect::Sqlite => quote_name(&format!("{SQLITE_PREFIX}{name}")),
    }
}

/// Facts of a step.
struct Said {
    lock: Lock,
    work: Work,
    transaction: Transaction,
    undo: Undo,
    reads: Option<String>,
}

fn step(title: String, statements: Vec<String>, said: Said) -> Step {
    let Said { lock, work, transaction, undo, reads } = said;
    let reason = match undo {
        Undo::Exact => "nothing of the rows changes, or it was kept",
        Undo::Kept => "what changes is kept with the key of its row",
        Undo::Lossy => "values are lost",
    };
    Step {
        title,
        statements: statements.into_iter().map(Sql::new).collect(),
        facts: Facts { lock, work, transaction, over: None, undo, reason: reason.to_owned() },
        reads_kept: reads.map(|name| KeptUse { name, absence: Absence::Refuse }),
        order: Order::default(),
    }
}

/// The step that throws away what was kept, once it is back.
fn let_go(name: &str, dialect: Dialect) -> Step {
    let lock = match dialect {
        Dialect::Postgres => Lock::None,
        Dialect::Sqlite => Lock::Reserved,
    };
    let said = Said {
        lock,
        work: Work::Catalog,
        transaction: Transaction::Shared,
        undo: Undo::Exact,
        reads: Some(name.to_owned()),
    };
    let statement = format!("DROP TABLE {}", kept_place(name, dialect));
    step(format!("let go of {name}"), vec![statement], said)
}

/// A check of a plan, by its two queries: the count, and the keys of some rows.
fn plan_check(
    rule: String,
    table: &QName,
    message: String,
    queries: (String, String),
    keys: Vec<String>,
) -> Check {
    let (count, sample) = queries;
    Check {
        rule,
        table: table.to_string(),
        message,
        enforce: Enforce::Database,
        origin: None,
        count: Sql::new(count),
        sample: Sql::new(format!("{sample} LIMIT {SAMPLE}")),
        keys,
        values: Vec::new(),
        part: Part::Rule,
        fault: Fault::Condition,
        scan: None,
        shape: Shape::Lookup,
        personal: BTreeSet::new(),
        seen: None,
        validates: None,
        reading: None,
        about: None,
        bad: None,
    }
}
