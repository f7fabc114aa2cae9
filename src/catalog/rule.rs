//! What rows must satisfy, as a value: derived from a table's constraints, or stated by a model.

mod definition;

use serde::{Deserialize, Serialize};

use super::{Constraint, ConstraintKind, Index, IndexKey, Table};
use crate::text::{Ident, QName};
use definition::{excludes, is_temporal, without_order};

pub use definition::{matching_of, nulls_of, requirement_of};

/// One requirement on the rows of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// How people name it: `Invoice.due_after_issue`, `invoices.total required`.
    pub name: String,
    pub table: QName,
    pub requirement: Requirement,
    pub enforce: Enforce,
    /// Shown instead of a generated sentence.
    pub message: Option<String>,
    /// Line and column (1-based) in the model file.
    pub origin: Option<(usize, usize)>,
}

/// Where a rule is enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Enforce {
    /// By a constraint of the database.
    Database,
    /// By `migrate verify` only; a violation fails.
    Verify,
    /// By `migrate verify` only; a violation is reported.
    Warn,
}

/// The condition. SQL texts are expressions over the unqualified columns of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Requirement {
    /// The column is not NULL.
    Required { column: Ident },
    /// The expression is not FALSE.
    Holds { expression: String },
    /// The expression is not FALSE, over the row `r` and what is joined to it: rules that look beyond their row.
    Across { columns: Vec<Ident>, joins: Vec<Join>, expression: String },
    /// No two rows (of those where the predicate is true) are equal in all keys.
    Unique { keys: Vec<String>, predicate: Option<String>, nulls: Nulls },
    /// The columns are NULL or found in the other table. Empty `referenced_columns`: its primary key.
    References {
        columns: Vec<Ident>,
        table: QName,
        referenced_columns: Vec<Ident>,
        matching: Matching,
    },
    /// No two rows (of those where the predicate is true) answer true for all pairs of element and operator.
    Excludes { elements: Vec<(String, String)>, predicate: Option<String> },
    /// No query of ours says the same: keys over time, and what only the engine can read.
    OnlyEngine { definition: String },
}

/// One row at most that stands beside a row `r`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    /// A table, or a query in parentheses, with its alias.
    pub from: String,
    pub on: String,
    /// What must be there: tables and their columns.
    pub needs: Vec<(QName, Vec<Ident>)>,
}

/// Whether two NULLs in a key are equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Nulls {
    #[default]
    Distinct,
    /// `NULLS NOT DISTINCT`.
    Equal,
}

/// What a foreign key of several columns says of a row in which only some are NULL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Matching {
    /// It refers to nothing.
    #[default]
    Simple,
    /// `MATCH FULL`: there is no such row.
    Full,
}

/// How far the engine itself holds rows to a constraint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    Always,
    /// `NOT VALID`: rows that were there before were never asked.
    NewRows,
    /// `NOT ENFORCED`.
    Never,
}

/// A constraint as a rule.
#[derive(Clone, Debug)]
pub struct OwnRule {
    pub table: QName,
    /// The constraint's name, or its text where it has none.
    pub name: String,
    pub requirement: Requirement,
    pub held: Held,
}

impl OwnRule {
    /// How people name it.
    pub fn title(&self) -> String {
        format!("{}.{}", self.table, self.name)
    }

    /// As a rule.
    pub fn rule(&self) -> Rule {
        Rule {
            name: self.title(),
            table: self.table.clone(),
            requirement: self.requirement.clone(),
            enforce: Enforce::Database,
            message: None,
            origin: None,
        }
    }
}

/// The rules that the database's own constraints state for a table, and hold all rows to.
/// Keys of `Unique` are quoted identifiers or expression texts.
pub fn rules_of(table: &Table) -> Vec<Rule> {
    own_rules(table)
        .iter()
        .filter(|own| own.held == Held::Always)
        .filter(|own| match own.requirement {
            Requirement::Excludes { .. } | Requirement::OnlyEngine { .. } => false,
            Requirement::Required { .. }
            | Requirement::Holds { .. }
            | Requirement::Across { .. }
            | Requirement::Unique { .. }
            | Requirement::References { .. } => true,
        })
        .map(OwnRule::rule)
        .collect()
}

/// All constraints of a table, with how far the engine holds rows to them.
pub fn own_rules(table: &Table) -> Vec<OwnRule> {
    let own = |name: String, requirement, held| OwnRule {
        table: table.name.clone(),
        name,
        requirement,
        held,
    };
    let required = table.columns.iter().filter(|column| column.not_null).map(|column| {
        let held = if is_open(table, &column.name) { Held::NewRows } else { Held::Always };
        own(format!("{} required", column.name), required(&column.name), held)
    });
    let constraints = table.constraints.iter().map(|constraint| {
        let name = match &constraint.name {
            Some(name) => name.to_string(),
            None => constraint.definition.clone(),
        };
        own(name, of_constraint(table, constraint), held(constraint))
    });
    let indexes = table.indexes.iter().filter(|index| index.unique).map(|index| {
        let (name, requirement) = of_index(index);
        own(name, requirement, Held::Always)
    });
    required.chain(constraints).chain(indexes).collect()
}

/// Whether PostgreSQL does not hold old rows to NOT NULL.
fn is_open(table: &Table, column: &Ident) -> bool {
    let options = table.options.of_postgres();
    options.and_then(|it| it.not_nulls.get(column)).is_some_and(|it| it.not_valid)
}

fn required(column: &Ident) -> Requirement {
    Requirement::Required { column: column.clone() }
}

fn held(constraint: &Constraint) -> Held {
    let definition = constraint.definition.as_str();
    if definition.ends_with(" NOT ENFORCED") {
        Held::Never
    } else if definition.ends_with(" NOT VALID") {
        Held::NewRows
    } else {
        Held::Always
    }
}

fn of_constraint(table: &Table, constraint: &Constraint) -> Requirement {
    let definition = constraint.definition.as_str();
    let only_engine = || Requirement::OnlyEngine { definition: definition.to_owned() };
    // Keys over time, which PostgreSQL compares by overlap.
    if !matches!(constraint.kind, ConstraintKind::Check { .. }) && is_temporal(definition) {
        return only_engine();
    }
    match &constraint.kind {
        ConstraintKind::PrimaryKey { columns } => unique(columns, Nulls::Distinct),
        ConstraintKind::Unique { columns } => unique(columns, nulls_of(definition)),
        ConstraintKind::Check { expression } => {
            Requirement::Holds { expression: expression.clone() }
        }
        ConstraintKind::ForeignKey(key) => Requirement::References {
            columns: key.columns.clone(),
            table: key.references.clone(),
            referenced_columns: key.referenced_columns.clone(),
            matching: match table.options.of_postgres() {
                Some(_) => matching_of(definition),
                None => Matching::Simple,
            },
        },
        ConstraintKind::Exclusion => excludes(definition).unwrap_or_else(only_engine),
    }
}

fn unique(columns: &[Ident], nulls: Nulls) -> Requirement {
    Requirement::Unique { keys: columns.iter().map(quote).collect(), predicate: None, nulls }
}

fn of_index(index: &Index) -> (String, Requirement) {
    let keys = index.keys.iter().map(|key| match key {
        IndexKey::Column(column) => quote(column),
        IndexKey::Expression(expression) => without_order(expression).to_owned(),
    });
    let nulls = nulls_of(&index.definition);
    let requirement =
        Requirement::Unique { keys: keys.collect(), predicate: index.predicate.clone(), nulls };
    (index.name.to_string(), requirement)
}

/// Double quotes name a column in both engines.
fn quote(column: &Ident) -> String {
    format!("\"{}\"", column.as_str().replace('"', "\"\""))
}
