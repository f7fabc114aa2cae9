//! What must not see that rows are repaired, and what would refuse it: triggers and rules are off meanwhile, and
//! constraints that old rows were never held to (`NOT VALID`) are made again afterwards, as unchecked as they were.

use std::collections::BTreeSet;

use super::text::ident;
use crate::catalog::facets::Subject;
use crate::catalog::{Catalog, Opaque, OpaqueKind, Table};
use crate::dialect::Lock;
use crate::dialect::aside::table_name;
use crate::dialect::session::quote_name;
use crate::dialect::sqlite::whole;
use crate::text::{Dialect, QName};

/// Statements around those that move rows, and the lock that they take.
pub(super) struct Quiet {
    pub(super) off: Vec<String>,
    pub(super) on: Vec<String>,
    pub(super) lock: Lock,
}

/// Which way the rows go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Toward<'a> {
    /// To what the rules say; the constraint of that name is held meanwhile.
    Repaired(Option<&'a str>),
    /// Back to what they were.
    Old,
}

impl Quiet {
    /// The statements with these around them.
    pub(super) fn around(&self, inner: Vec<String>) -> Vec<String> {
        let each = self.off.iter().cloned().chain(inner).chain(self.on.iter().cloned());
        each.collect()
    }
}

/// Silence on some tables.
pub(super) fn quiet(catalog: &Catalog, tables: &[&Table], toward: Toward<'_>) -> Quiet {
    match catalog.dialect {
        Dialect::Postgres => postgres(catalog, tables, toward),
        Dialect::Sqlite => sqlite(catalog, tables, toward),
    }
}

fn sqlite(catalog: &Catalog, tables: &[&Table], toward: Toward<'_>) -> Quiet {
    let names: BTreeSet<String> =
        tables.iter().map(|table| table.name.name.as_str().to_ascii_lowercase()).collect();
    let of_tables = |opaque: &&Opaque| {
        opaque.id.kind == OpaqueKind::Trigger
            && opaque
                .id
                .table
                .as_ref()
                .is_some_and(|name| names.contains(&name.name.as_str().to_ascii_lowercase()))
    };
    let triggers: Vec<&Opaque> = catalog.opaques.values().filter(of_tables).collect();
    let mut off: Vec<String> = triggers
        .iter()
        .map(|trigger| format!("DROP TRIGGER {}", ident(&trigger.id.name.name)))
        .collect();
    let mut on: Vec<String> = Vec::new();
    // Rows that break a CHECK are there because the engine was told to take them.
    if toward == Toward::Old {
        off.push("PRAGMA ignore_check_constraints = ON".to_owned());
        on.push("PRAGMA ignore_check_constraints = OFF".to_owned());
    }
    on.extend(triggers.iter().flat_map(|trigger| &trigger.create).map(|text| whole(text)));
    Quiet { off, on, lock: Lock::Reserved }
}

fn postgres(catalog: &Catalog, tables: &[&Table], toward: Toward<'_>) -> Quiet {
    let mut quiet = Quiet { off: Vec::new(), on: Vec::new(), lock: Lock::RowExclusive };
    let mut names: Vec<&QName> = Vec::new();
    for table in tables {
        for name in with_partitions(catalog, &table.name) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    let mut on = Vec::new();
    for name in &names {
        for (kind, word, lock) in [
            (OpaqueKind::Trigger, "TRIGGER", Lock::ShareRowExclusive),
            (OpaqueKind::Rule, "RULE", Lock::AccessExclusive),
        ] {
            for (own, verb) in standing(catalog, kind, name) {
                let table = table_name(name);
                quiet.off.push(format!("ALTER TABLE {table} DISABLE {word} {own}"));
                on.push(format!("ALTER TABLE {table} {verb} {word} {own}"));
                quiet.lock = quiet.lock.max(lock);
            }
        }
    }
    let waits = catalog.tables.values().flat_map(|table| &table.constraints);
    let mut waits = waits.filter(|it| it.definition.contains("INITIALLY DEFERRED"));
    if !on.is_empty() && waits.next().is_some() {
        quiet.on.push("SET CONSTRAINTS ALL IMMEDIATE".to_owned());
    }
    for table in tables {
        for (off, again) in unchecked(table, toward) {
            quiet.off.push(off);
            quiet.on.push(again);
            quiet.lock = Lock::AccessExclusive;
        }
    }
    quiet.on.extend(on);
    quiet
}

/// The table and its partitions, at all levels.
fn with_partitions<'c>(catalog: &'c Catalog, name: &QName) -> Vec<&'c QName> {
    let mut found: Vec<&QName> = catalog.tables.keys().filter(|own| *own == name).collect();
    let mut at = 0;
    while at < found.len() {
        let parent = found[at];
        for table in catalog.tables.values() {
            let options = table.options.of_postgres();
            let is_child = options.is_some_and(|it| it.parents.contains(parent));
            if is_child && !found.contains(&&table.name) {
                found.push(&table.name);
            }
        }
        at += 1;
    }
    found
}

/// Triggers or rules that would see what is done to a table, and how each is switched on again.
fn standing(catalog: &Catalog, kind: OpaqueKind, table: &QName) -> Vec<(String, &'static str)> {
    let of_table =
        |opaque: &&Opaque| opaque.id.kind == kind && opaque.id.table.as_ref() == Some(table);
    let own = catalog.opaques.values().filter(of_table);
    own.filter_map(|opaque| {
        let facets = catalog.facets_of(&Subject::Opaque(opaque.id.clone()));
        let lines = facets.iter().flat_map(|facets| &facets.lines);
        let mut states = lines.filter(|line| line.set.starts_with("ALTER TABLE"));
        let verb = match states.next() {
            None => "ENABLE",
            Some(line) if line.set.contains(" ENABLE ALWAYS ") => "ENABLE ALWAYS",
            // Disabled, or for replicas alone: it sees nothing.
            Some(_) => return None,
        };
        Some((ident(&opaque.id.name.name), verb))
    })
    .collect()
}

/// How the constraints that old rows were never held to go and come again.
fn unchecked(table: &Table, toward: Toward<'_>) -> Vec<(String, String)> {
    let Some(options) = table.options.of_postgres() else { return Vec::new() };
    let held = match toward {
        Toward::Repaired(name) => name,
        Toward::Old => None,
    };
    let place = table_name(&table.name);
    let constraints = table.constraints.iter().filter_map(|constraint| {
        let name = constraint.name.as_ref()?;
        let is_open = constraint.definition.ends_with(" NOT VALID")
            && held != Some(name.as_str())
            && !options.inherited.contains_key(name);
        is_open.then(|| (ident(name), constraint.definition.clone()))
    });
    let required = options.not_nulls.iter().filter_map(|(column, it)| {
        let is_open = it.not_valid && it.origin.is_none() && held != Some(it.name.as_str());
        is_open.then(|| (ident(&it.name), format!("NOT NULL {} NOT VALID", ident(column))))
    });
    constraints
        .chain(required)
        .map(|(name, definition)| {
            let off = format!("ALTER TABLE {place} DROP CONSTRAINT {name}");
            (off, format!("ALTER TABLE {place} ADD CONSTRAINT {name} {definition}"))
        })
        .collect()
}

/// The name of the unchecked constraint that says the same as a rule, out of the statement that validates it.
pub(super) fn validated(statement: &str) -> Option<String> {
    let (_, name) = statement.rsplit_once(" VALIDATE CONSTRAINT ")?;
    let inner = name.strip_prefix('"')?.strip_suffix('"')?.replace("\"\"", "\"");
    (quote_name(&inner) == name).then_some(inner)
}
