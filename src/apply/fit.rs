//! Whether a plan can be taken back: what it kept is there, and every row can live in the old shape.

use super::book::Books;
use super::deploy::DeployError;
use super::hidden::left_behind;
use super::rehearse::Part;
use super::turn::Turn;
use super::{Bundle, Context, given};
use crate::catalog::{Catalog, Printed};
use crate::db::Database;
use crate::dialect::{Absence, Direction, bookkeeping};
use crate::journal::Entry;
use crate::verify::verify;

/// Kept data that the way back needs must still be there.
pub(super) fn refuse_released(
    database: &mut Database,
    bundle: &Bundle,
    turn: impl Fn() -> Turn,
) -> Result<(), DeployError> {
    let needed = bundle.down.iter().filter_map(|step| step.reads_kept.as_ref());
    let needed: Vec<&str> = needed
        .filter(|kept| kept.absence == Absence::Refuse)
        .map(|kept| kept.name.as_str())
        .collect();
    if needed.is_empty() {
        return Ok(());
    }
    let rows = database.rows(&bookkeeping::kept(bundle.dialect))?;
    let there: Vec<String> = rows.into_iter().flatten().flatten().collect();
    match needed.iter().find(|name| !there.iter().any(|other| other == *name)) {
        Some(gone) => Err(DeployError::Released { kept: (*gone).to_owned(), turn: turn() }),
        None => Ok(()),
    }
}

/// Every row must be able to live in the old shape; `catalog` is what stands now.
pub(super) fn refuse_unfit(
    database: &mut Database,
    bundle: &Bundle,
    catalog: &Catalog,
    turn: impl Fn() -> Turn,
    context: &mut Context<'_>,
) -> Result<(), DeployError> {
    let mut hear = |rule: &str| context.progress.phase(&format!("{}: {rule}", bundle.name));
    let verdict = verify(database, &bundle.plan.down.checks, &mut hear)?;
    if verdict.fails() {
        let askable = given::asked(bundle, catalog);
        let is_broken = |column: &String| {
            let rule = format!("{column} required");
            verdict.violations.iter().any(|violation| violation.rule == rule)
        };
        let askable = askable.into_iter().filter(is_broken).collect();
        return Err(DeployError::Unfit { verdict: Box::new(verdict), turn: turn(), askable });
    }
    Ok(())
}

/// Refuses what would lose columns that other versions hide.
pub(super) fn refuse_leaving_behind(
    database: &mut Database,
    bundles: &[&Bundle],
    way: Direction,
) -> Result<(), DeployError> {
    match left_behind(database, bundles, way)? {
        Some(found) => Err(DeployError::InTheWay(found)),
        None => Ok(()),
    }
}

/// The schema must be the one that the last run left, and the one that a plan starts from.
pub(super) fn refuse_drift(
    books: &Books,
    parts: &[Part<'_>],
    found: &str,
) -> Result<(), DeployError> {
    let is_other = |last: &&Entry| last.known_schema().is_some_and(|schema| schema != found);
    if let Some(last) = books.entries.last().filter(is_other) {
        return Err(DeployError::Drift {
            version: last.version.clone(),
            expected: last.schema.clone(),
            found: found.to_owned(),
        });
    }
    let Some(first) = parts.first().map(|part| &part.bundle.plan) else { return Ok(()) };
    if first.printed == Printed::ByEngine && first.before != found {
        let expected = first.before.clone();
        return Err(DeployError::WrongStart { expected, found: found.to_owned() });
    }
    Ok(())
}
