//! Makes the schema of a copy, in two parts: what rows need to be put in, and what is faster or only right when they are in.

use std::collections::BTreeSet;

use super::ShadowError;
use crate::catalog::{Catalog, OpaqueKind};
use crate::db::{Database, DbError, DbErrorKind};
use crate::dialect::{Resource, Sql, Step, script};
use crate::plan::create_steps;

/// How many statements go to the server at once.
const BATCH: usize = 100;

/// The statements that make a schema.
pub(super) struct Stages {
    /// Before rows are put in.
    pub(super) first: Vec<Sql>,
    /// When they are in: indexes, foreign keys, triggers, row security, materialized views.
    pub(super) last: Vec<Sql>,
    /// Those that are about whoever runs them.
    pub(super) personal: Vec<Sql>,
}

/// Splits the way from nothing to a schema.
///
/// # Errors
/// A schema that cannot be made from nothing.
pub(super) fn stages(catalog: &Catalog) -> Result<Stages, ShadowError> {
    let steps = create_steps(catalog)?;
    let early = needed_for_tables(&steps);
    let mut late: BTreeSet<Resource> = BTreeSet::new();
    let mut stages = Stages { first: Vec::new(), last: Vec::new(), personal: Vec::new() };
    for (at, step) in steps.into_iter().enumerate() {
        let waits = step.order.needs.iter().any(|resource| late.contains(resource));
        let is_late = !early.contains(&at) && (waits || is_better_late(&step));
        let target = if is_late { &mut stages.last } else { &mut stages.first };
        for statement in step.statements {
            if is_personal(&statement) {
                stages.personal.push(statement);
            } else {
                target.push(statement);
            }
        }
        if is_late {
            late.extend(step.order.makes);
        }
    }
    Ok(stages)
}

/// Steps that make tables, and all that they stand on.
fn needed_for_tables(steps: &[Step]) -> BTreeSet<usize> {
    let mut needed: BTreeSet<&Resource> = BTreeSet::new();
    let mut early = BTreeSet::new();
    for (at, step) in steps.iter().enumerate().rev() {
        let makes_table = step.order.makes.iter().any(|resource| match resource {
            Resource::Table(_) | Resource::Column(..) | Resource::Schema(_) | Resource::Enum(_) => {
                true
            }
            Resource::Constraint(..)
            | Resource::Values(..)
            | Resource::Kept(_)
            | Resource::Opaque(_)
            | Resource::Renames => false,
        });
        if makes_table || step.order.makes.iter().any(|resource| needed.contains(resource)) {
            early.insert(at);
            needed.extend(&step.order.needs);
        }
    }
    early
}

fn is_better_late(step: &Step) -> bool {
    let made = step.order.makes.iter().any(|resource| match resource {
        // Who owns an object is written down as a constraint of no table.
        Resource::Constraint(table, _) => !table.schema.as_str().is_empty(),
        Resource::Opaque(id) => matches!(
            id.kind,
            OpaqueKind::Trigger
                | OpaqueKind::EventTrigger
                | OpaqueKind::Rule
                | OpaqueKind::Policy
                | OpaqueKind::MaterializedView
                | OpaqueKind::Index
                | OpaqueKind::Statistics
        ),
        Resource::Schema(_)
        | Resource::Enum(_)
        | Resource::Table(_)
        | Resource::Column(..)
        | Resource::Values(..)
        | Resource::Kept(_)
        | Resource::Renames => false,
    });
    // Row security of the owner too would stand in the way of rows.
    made || step.statements.iter().any(|it| it.as_str().contains("ROW LEVEL SECURITY"))
}

fn is_personal(statement: &Sql) -> bool {
    let text = statement.as_str();
    text.starts_with("ALTER DEFAULT PRIVILEGES") && !text.contains("FOR ROLE")
}

/// Whether statements that name roles must succeed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Roles {
    Demanded,
    /// What cannot be said of roles here is left out, and named.
    Wanted,
}

/// Runs statements; what was left out, for people.
///
/// # Errors
/// Names the statement that fails.
pub(super) fn run(
    database: &mut Database,
    statements: &[Sql],
    roles: Roles,
) -> Result<Vec<String>, ShadowError> {
    let mut left_out = Vec::new();
    let mut batch: Vec<Sql> = Vec::new();
    for statement in statements {
        let apart = roles == Roles::Wanted && !script::roles_of(statement).is_empty();
        if !apart {
            batch.push(statement.clone());
        }
        if apart || batch.len() >= BATCH {
            run_batch(database, &std::mem::take(&mut batch))?;
        }
        if apart && let Err(error) = database.execute(statement) {
            if !is_about_roles(&error) {
                return Err(failed(statement, error));
            }
            left_out.push(format!("{} ({error})", script::excerpt_of(statement)));
        }
    }
    run_batch(database, &batch)?;
    Ok(left_out)
}

/// Many statements in one message; where one fails, the server has undone all of the message, and they go one by one to
/// tell which it is.
fn run_batch(database: &mut Database, batch: &[Sql]) -> Result<(), ShadowError> {
    if batch.is_empty() || database.execute(&script::joined(batch)).is_ok() {
        return Ok(());
    }
    for statement in batch {
        database.execute(statement).map_err(|error| failed(statement, error))?;
    }
    Ok(())
}

fn failed(statement: &Sql, error: DbError) -> ShadowError {
    ShadowError::Schema { statement: script::excerpt_of(statement), error }
}

fn is_about_roles(error: &DbError) -> bool {
    error.kind == DbErrorKind::Auth
        || (error.sqlstate.as_deref() == Some("42704") && error.message.contains("role"))
}
