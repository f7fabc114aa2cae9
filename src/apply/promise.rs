//! What is known beforehand of the versions of a run: what each leads to, and what is asked once for all of them.

use std::collections::BTreeSet;

use super::Bundle;
use super::rehearse::{Evidence, Part};
use super::run::Expectation;
use crate::catalog::Printed;
use crate::db::{Database, DbError};
use crate::dialect::bookkeeping;

/// What each version leads to: by its rehearsal, else by its plan where that knows how the engine prints it.
pub(super) fn promises(parts: &[Part<'_>], evidence: &[Evidence]) -> Vec<Expectation> {
    let each = parts.iter().enumerate().map(|(at, part)| {
        match evidence.get(at).and_then(Evidence::promised) {
            Some(promised) => Expectation::Schema(promised.to_owned()),
            None => promised(part.bundle),
        }
    });
    each.collect()
}

/// What a plan says itself: one that was made from models does not know how the engine prints it.
pub(super) fn promised(bundle: &Bundle) -> Expectation {
    match bundle.plan.printed {
        Printed::ByEngine => Expectation::Schema(bundle.plan.after.clone()),
        Printed::ByModel => Expectation::Unknown,
    }
}

/// What is expected of a version. Reading a schema takes longer than most changes of it, so where the next one is planned from
/// what this one promises, it is read after the last.
pub(super) fn on_the_way(
    promised: &[Expectation],
    parts: &[Part<'_>],
    position: usize,
) -> Expectation {
    let (own, plan) = (&promised[position], &parts[position].bundle.plan);
    let Some(next) = parts.get(position + 1).map(|part| &part.bundle.plan) else {
        return own.clone();
    };
    let follows = next.printed == plan.printed && next.before == plan.after;
    match own {
        Expectation::Schema(schema) if follows => Expectation::OnTheWay(Some(schema.clone())),
        Expectation::Unknown if follows => Expectation::OnTheWay(None),
        own => own.clone(),
    }
}

/// What is known of a database for as long as a turn lasts: columns that other versions hide are in nobody's way, and what is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Foreseen {
    /// Names of kept data. What the way up reads was kept by a rollback, so none of it comes in between.
    pub(super) kept: BTreeSet<String>,
}

impl Foreseen {
    /// Asks for what is kept.
    ///
    /// # Errors
    /// The engine's own.
    pub(super) fn of(database: &mut Database) -> Result<Self, DbError> {
        let names = database.rows(&bookkeeping::kept(database.dialect()))?;
        Ok(Foreseen { kept: names.into_iter().flatten().flatten().collect() })
    }
}
