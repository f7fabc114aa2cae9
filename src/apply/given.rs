//! `rollback --value`: what rows get that have no value of a required column which comes back.

use std::collections::BTreeSet;

use super::Bundle;
use super::hidden::{HiddenColumn, hidden};
use crate::catalog::{Catalog, Table};
use crate::db::{Database, DbError};
use crate::dialect::keep::{hidden_name, kept_name};
use crate::dialect::{Direction, Sql, Step, Transaction, given, hide};
use crate::text::Ident;

/// A value for rows that have none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// `table.column`, as the refusal names it.
    pub column: String,
    /// SQL over the row as it is before the rollback.
    pub expression: String,
}

/// Why a value cannot be given.
#[derive(Debug, thiserror::Error)]
pub enum GivenError {
    #[error(transparent)]
    Db(#[from] DbError),
    #[error(
        "`{0}` is no required column that comes back with this rollback, or its rows have no key to keep values by{1}"
    )]
    NotAsked(String, String),
    #[error("`{0}` is no SQL expression")]
    NoExpression(String),
    #[error(
        "rows of `{0}` are not kept by a key alone, so they cannot be given values\nhelp: change those rows, or go \
         forward with a new version"
    )]
    NoKey(String),
}

/// What stands behind the name of a column where it has to have a value.
const REQUIRED: &str = " required";

/// All that steps of the way back read of kept data.
fn read(bundle: &Bundle) -> BTreeSet<&str> {
    let read = bundle.down.iter().filter_map(|step| step.reads_kept.as_ref());
    read.map(|kept| kept.name.as_str()).collect()
}

/// The table that has to get values of a column, and under which name they are kept.
fn holder<'c>(bundle: &Bundle, column: &str, catalog: &'c Catalog) -> Option<(&'c Table, String)> {
    let (table, column) = column.rsplit_once('.')?;
    let (column, read) = (Ident::new(column), read(bundle));
    let names = |it: &Table| {
        let tag = bundle.plan.tag.as_str();
        [
            kept_name(tag, Direction::Up, &it.name, Some(&column), bundle.dialect),
            hidden_name(tag, &it.name, &column, bundle.dialect),
        ]
    };
    let mut found: Vec<(&Table, String)> = catalog
        .tables
        .values()
        .flat_map(|it| names(it).into_iter().map(move |name| (it, name)))
        .filter(|(it, kept)| read.contains(kept.as_str()) && it.column(&column).is_none())
        .collect();
    // On SQLite both are called the same.
    found.dedup_by(|one, other| one.1 == other.1);
    // A table that the version renamed is named as it was.
    match found.iter().position(|(it, _)| it.name.to_string() == table) {
        Some(at) => Some(found.remove(at)),
        None if found.len() == 1 => found.pop(),
        None => None,
    }
}

/// The columns, as refusals name them, for which rows may be given values.
pub fn asked(bundle: &Bundle, catalog: &Catalog) -> BTreeSet<String> {
    let rules = bundle.plan.down.checks.iter();
    let columns = rules.filter_map(|check| check.rule.strip_suffix(REQUIRED));
    columns.filter(|it| holder(bundle, it, catalog).is_some()).map(str::to_owned).collect()
}

/// Refuses what no plan asks for, before anything is touched.
///
/// # Errors
/// There is such a value, or one that is no expression.
pub fn refuse_unasked(values: &[Given], bundles: &[&Bundle]) -> Result<(), GivenError> {
    let mut known = BTreeSet::new();
    for check in bundles.iter().flat_map(|bundle| &bundle.plan.down.checks) {
        known.extend(check.rule.strip_suffix(REQUIRED));
    }
    for value in values {
        if !known.contains(value.column.as_str()) {
            let known: Vec<&str> = known.into_iter().collect();
            let help = match known.as_slice() {
                [] => String::new(),
                known => format!("\nhelp: those are {}", known.join(", ")),
            };
            return Err(GivenError::NotAsked(value.column.clone(), help));
        }
        let is_one = |bundle: &&Bundle| given::is_expression(&value.expression, bundle.dialect);
        if !bundles.iter().all(is_one) {
            return Err(GivenError::NoExpression(value.expression.clone()));
        }
    }
    Ok(())
}

/// The plan, with values for rows that have none; `catalog` is what stands now.
///
/// # Errors
/// The rows cannot be told apart by their key, or the engine's own.
pub fn with_values(
    database: &mut Database,
    bundle: &Bundle,
    values: &[Given],
    catalog: &Catalog,
) -> Result<Bundle, GivenError> {
    let mut bundle = bundle.clone();
    for value in values {
        let rule = format!("{}{REQUIRED}", value.column);
        if !bundle.plan.down.checks.iter().any(|check| check.rule == rule) {
            continue;
        }
        let no_key = || GivenError::NoKey(value.column.clone());
        if let Some(statement) = over_hidden(database, &bundle, value, catalog)? {
            let first = first_step(&mut bundle).ok_or_else(no_key)?;
            first.statements.insert(0, statement);
            bundle.plan.down.checks.retain(|check| check.rule != rule);
            continue;
        }
        let (table, kept) = holder(&bundle, &value.column, catalog).ok_or_else(no_key)?;
        let rows = database.rows(&given::kept_columns(&kept, bundle.dialect))?;
        let columns: Vec<String> = rows.into_iter().flatten().flatten().collect();
        let is_by_key = columns == given::by_key(table, bundle.dialect)
            && given::returns_by_key(
                table,
                &kept,
                bundle.down.iter().flat_map(|step| &step.statements),
                bundle.dialect,
            );
        if table.primary_key().is_empty() || !is_by_key {
            return Err(no_key());
        }
        let statement = given::give(table, &kept, &value.expression, bundle.dialect);
        first_step(&mut bundle).ok_or_else(no_key)?.statements.insert(0, statement);
        bundle.plan.down.checks.retain(|check| check.rule != rule);
    }
    Ok(bundle)
}

/// The first step with a transaction, in which all things have the names that they have now.
fn first_step(bundle: &mut Bundle) -> Option<&mut Step> {
    let mut steps = bundle.down.iter_mut();
    steps.find(|step| matches!(step.facts.transaction, Transaction::Shared | Transaction::Own))
}

/// Where the column is hidden, the rows that have no value get one there.
fn over_hidden(
    database: &mut Database,
    bundle: &Bundle,
    value: &Given,
    catalog: &Catalog,
) -> Result<Option<Sql>, DbError> {
    let Some((table, kept)) = holder(bundle, &value.column, catalog) else { return Ok(None) };
    let found = hidden(database)?.into_iter().find(|it| it.table == table.name && it.kept == kept);
    let give = |it: HiddenColumn| {
        hide::books::give(&it.table, &it.column, &value.expression, bundle.dialect)
    };
    Ok(found.map(give))
}
