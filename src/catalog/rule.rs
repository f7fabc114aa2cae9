//! What rows must satisfy, as a value: derived from a table's constraints, or stated by a model.

use serde::{Deserialize, Serialize};

use super::{Constraint, ConstraintKind, Index, IndexKey, Table};
use crate::text::token::tokenize;
use crate::text::{Dialect, Ident, QName};

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
    /// No two rows (of those where the predicate is true) are equal in all keys; NULLs are distinct.
    Unique { keys: Vec<String>, predicate: Option<String> },
    /// The columns are NULL or found in the other table. Empty `referenced_columns`: its primary key.
    References { columns: Vec<Ident>, table: QName, referenced_columns: Vec<Ident> },
}

/// The rules that the database's own constraints state for a table.
/// Keys of `Unique` are quoted identifiers or expression texts.
pub fn rules_of(table: &Table) -> Vec<Rule> {
    let required = table
        .columns
        .iter()
        .filter(|column| column.not_null && !is_open(table, &column.name))
        .map(|column| (format!("{} required", column.name), required(&column.name)));
    let constraints = table.constraints.iter().filter_map(of_constraint);
    let indexes = table.indexes.iter().filter(|index| index.unique).map(of_index);
    required
        .chain(constraints)
        .chain(indexes)
        .map(|(name, requirement)| Rule {
            name: format!("{}.{name}", table.name),
            table: table.name.clone(),
            requirement,
            enforce: Enforce::Database,
            message: None,
            origin: None,
        })
        .collect()
}

/// Whether PostgreSQL does not hold old rows to NOT NULL.
fn is_open(table: &Table, column: &Ident) -> bool {
    let options = table.options.of_postgres();
    options.and_then(|it| it.not_nulls.get(column)).is_some_and(|it| it.not_valid)
}

fn required(column: &Ident) -> Requirement {
    Requirement::Required { column: column.clone() }
}

fn of_constraint(constraint: &Constraint) -> Option<(String, Requirement)> {
    // What PostgreSQL does not hold old rows to, and keys over time, which it compares by overlap.
    let definition = constraint.definition.as_str();
    let is_open = definition.ends_with(" NOT VALID") || definition.ends_with(" NOT ENFORCED");
    let is_key = !matches!(constraint.kind, ConstraintKind::Check { .. });
    let is_temporal = definition.contains(" WITHOUT OVERLAPS)") || definition.contains(", PERIOD ");
    if is_open || is_key && is_temporal {
        return None;
    }
    let requirement = match &constraint.kind {
        ConstraintKind::PrimaryKey { columns } => unique(columns),
        ConstraintKind::Unique { columns } => unique(columns),
        ConstraintKind::Check { expression } => {
            Requirement::Holds { expression: expression.clone() }
        }
        ConstraintKind::ForeignKey(key) => Requirement::References {
            columns: key.columns.clone(),
            table: key.references.clone(),
            referenced_columns: key.referenced_columns.clone(),
        },
        ConstraintKind::Exclusion => return None,
    };
    let name = match &constraint.name {
        Some(name) => name.to_string(),
        None => constraint.definition.clone(),
    };
    Some((name, requirement))
}

fn unique(columns: &[Ident]) -> Requirement {
    Requirement::Unique { keys: columns.iter().map(quote).collect(), predicate: None }
}

fn of_index(index: &Index) -> (String, Requirement) {
    let keys = index.keys.iter().map(|key| match key {
        IndexKey::Column(column) => quote(column),
        IndexKey::Expression(expression) => without_order(expression).to_owned(),
    });
    let requirement =
        Requirement::Unique { keys: keys.collect(), predicate: index.predicate.clone() };
    (index.name.to_string(), requirement)
}

/// The order of a key says nothing about what it is. PostgreSQL tells keys without it.
fn without_order(key: &str) -> &str {
    let tokens = tokenize(key, Dialect::Sqlite);
    let mut code = tokens.iter().filter(|token| token.is_code()).rev();
    match (code.next(), code.next()) {
        (Some(last), Some(before)) if last.is_word("ASC") || last.is_word("DESC") => {
            &key[..before.span.end]
        }
        _ => key,
    }
}

/// Double quotes name a column in both engines.
fn quote(column: &Ident) -> String {
    format!("\"{}\"", column.as_str().replace('"', "\"\""))
}
