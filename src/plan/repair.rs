//! A plan that repairs rows and leaves the schema as it is.

use std::collections::{BTreeMap, BTreeSet};

use super::Plan;
use super::carries::{Carried, Carries};
use crate::catalog::{Catalog, Printed, Table};
use crate::dialect::repair::{Mended, Touched};
use crate::text::hash::sha256_parts;
use crate::text::{Dialect, Ident, QName};

/// Eight hexadecimal digits that name a plan of repairs: of the schema, what was chosen, and what came before.
pub fn tag(catalog: &Catalog, chosen: &[String], since: &str) -> String {
    let schema = catalog.fingerprint();
    let mut parts: Vec<&[u8]> = vec![schema.as_bytes(), since.as_bytes()];
    parts.extend(chosen.iter().map(String::as_bytes));
    sha256_parts(parts)[..8].to_owned()
}

/// The plan of some repairs, in their order.
pub fn plan(catalog: &Catalog, printed: Printed, tag: &str, mended: &[Mended]) -> Plan {
    let schema = catalog.fingerprint();
    Plan {
        dialect: catalog.dialect,
        printed,
        tag: tag.to_owned(),
        before: schema.clone(),
        after: schema,
        up: mended.iter().flat_map(|it| it.up.clone()).collect(),
        // What was repaired last comes back first.
        down: mended.iter().rev().flat_map(|it| it.down.clone()).collect(),
        up_checks: mended.iter().flat_map(|it| it.up_checks.clone()).collect(),
        down_checks: mended.iter().rev().flat_map(|it| it.down_checks.clone()).collect(),
        summary: mended
            .iter()
            .map(|it| format!("~ rows of {}: {} ({}={})", it.table, it.says, it.rule, it.strategy))
            .collect(),
        carries: carries(catalog, mended),
    }
}

/// What the repairs leave as it is.
fn carries(catalog: &Catalog, mended: &[Mended]) -> Carries {
    let mut changed: BTreeMap<&QName, BTreeSet<&Ident>> = BTreeMap::new();
    let mut carries = Carries::default();
    for touched in mended.iter().flat_map(|it| &it.touched) {
        match touched {
            Touched::Columns(table, columns) => {
                for part in with_partitions(catalog, table) {
                    changed.entry(&part.name).or_default().extend(columns);
                }
            }
            Touched::Rows(table) => {
                for part in with_partitions(catalog, table) {
                    carries.by_hand.insert(part.name.name.as_str().to_lowercase());
                }
            }
        }
    }
    for (name, gone) in changed {
        let Some(table) = catalog.tables.get(name) else { continue };
        let stays = table.columns.iter().filter(|column| {
            column.generated.is_none()
                && !gone.iter().any(|name| same(name, &column.name, catalog.dialect))
        });
        let columns = stays.map(|column| (column.name.clone(), column.name.clone())).collect();
        let after = Some(name.clone());
        carries.tables.push(Carried {
            before: name.clone(),
            after,
            columns,
            changed_back: BTreeSet::new(),
        });
    }
    carries
}

fn same(left: &Ident, right: &Ident, dialect: Dialect) -> bool {
    match dialect {
        Dialect::Postgres => left == right,
        Dialect::Sqlite => left.as_str().eq_ignore_ascii_case(right.as_str()),
    }
}

/// A table and all that holds its rows.
fn with_partitions<'c>(catalog: &'c Catalog, name: &QName) -> Vec<&'c Table> {
    let mut found: Vec<&Table> = catalog.tables.get(name).into_iter().collect();
    let mut at = 0;
    while at < found.len() {
        let parent = &found[at].name;
        let children = catalog.tables.values().filter(|table| {
            table.options.of_postgres().is_some_and(|it| it.parents.contains(parent))
        });
        let new: Vec<&Table> =
            children.filter(|child| !found.iter().any(|it| it.name == child.name)).collect();
        found.extend(new);
        at += 1;
    }
    found
}
