//! Row security that holds for the owner too hides rows from the plan itself: it does not hold while rows are read or
//! moved. (The session says `row_security = off`, so that it would be an error and not a loss.)

use std::collections::BTreeSet;

use super::action::{Action, step};
use super::context::Context;
use super::quote::quote_name;
use crate::catalog::facets::{Subject, Switch};
use crate::dialect::{Resource, Step, Work};
use crate::text::QName;

/// Lets the steps that touch rows run without it; the tables that had it are returned.
pub(super) fn lift(steps: &mut Vec<Step>, context: &Context<'_>) -> BTreeSet<QName> {
    let mut lifted = BTreeSet::new();
    let mut found = Vec::new();
    for table in forced(context) {
        let is_taken =
            steps.iter().any(|it| it.order.takes.contains(&Resource::Table(table.clone())));
        let had = !is_taken && has_force(&context.before, &table);
        let mut touched = false;
        for step in steps.iter_mut().filter(|step| touches(step, &table)) {
            touched = true;
            step.order.frees.insert(moved(&table));
            if had {
                step.order.needs.insert(seen(&table));
            }
        }
        if touched && had {
            let statement =
                format!("ALTER TABLE {} NO FORCE ROW LEVEL SECURITY", quote_name(&table));
            let title = format!("let the plan see every row of {table}");
            found.push(
                step(Action::ChangeRowSecurity, title, vec![statement]).makes([seen(&table)]),
            );
            lifted.insert(table);
        }
    }
    steps.extend(found);
    lifted
}

/// That the plan sees every row.
fn seen(table: &QName) -> Resource {
    Resource::Constraint(table.clone(), "every row is seen".to_owned())
}

/// That the plan has done with the rows.
pub(super) fn moved(table: &QName) -> Resource {
    Resource::Constraint(table.clone(), "rows are where they belong".to_owned())
}

fn forced(context: &Context<'_>) -> BTreeSet<QName> {
    let both = context.before.facets.values().chain(context.after().facets.values());
    let forced = both.filter(|facets| facets.switches.contains(&Switch::ForceRowSecurity));
    let tables = forced.filter_map(|facets| match &facets.of {
        Subject::Table(name) => Some(name.clone()),
        _ => None,
    });
    tables.collect()
}

pub(super) fn has_force(catalog: &crate::catalog::Catalog, table: &QName) -> bool {
    let facets = catalog.facets_of(&Subject::Table(table.clone()));
    facets.is_some_and(|facets| facets.switches.contains(&Switch::ForceRowSecurity))
}

/// Whether a step reads or writes rows of a table.
fn touches(step: &Step, table: &QName) -> bool {
    let order = &step.order;
    let all = order.needs.iter().chain(&order.makes).chain(&order.frees).chain(&order.takes);
    step.facts.work != Work::Catalog
        && all.into_iter().any(|resource| match resource {
            Resource::Table(name)
            | Resource::Column(name, _)
            | Resource::Constraint(name, _)
            | Resource::Values(name, _) => name == table,
            Resource::Schema(_)
            | Resource::Enum(_)
            | Resource::Kept(_)
            | Resource::Opaque(_)
            | Resource::Renames => false,
        })
}
