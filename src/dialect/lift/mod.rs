//! An existing database as a model, such that realizing the model gives the database back.
//!
//! Everything is first said in the portable way; where that would come out differently, in the engine's own words.
//! At the end the model is realized and compared: what still differs is named in a note.

mod machines;
mod objects;
mod sequences;
mod table;
mod types;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Catalog, Table};
use crate::dialect::realize::realize;
use crate::model::{ConstraintName, Model, NamelessByDefault, Target, parse, print, snake_case};
use crate::text::diagnostic::Severity;
use crate::text::{Dialect, Ident, QName};

/// A model of a database, and what it could not say.
#[derive(Clone, Debug)]
pub struct Lifted {
    pub model: Model,
    /// Each names what is not carried.
    pub notes: Vec<String>,
}

/// Lifts a catalog to a model called `name`.
pub fn lift(catalog: &Catalog, name: &str) -> Lifted {
    let mut found = machines::found(catalog);
    loop {
        let lifted = lift_with(catalog, name, found.clone());
        let untrue = machines::untrue(catalog, &lifted.model, &found);
        if untrue.is_empty() {
            return lifted;
        }
        found.retain(|key, _| !untrue.contains(key));
    }
}

fn lift_with(catalog: &Catalog, name: &str, machines: machines::Found) -> Lifted {
    let mut model = Model {
        name: name.to_owned(),
        targets: vec![Target { dialect: catalog.dialect, minimum: None }],
        sqlite_constraint_names: names_by_default(catalog),
        ..Model::default()
    };
    let mut lift = Lift {
        catalog,
        entities: entity_names(catalog, &machines),
        machines,
        types: Vec::new(),
        notes: Vec::new(),
        nameless: model.sqlite_constraint_names,
    };
    lift.enum_types();
    for table in catalog.tables.values() {
        let entity = lift.entity(table);
        model.entities.push(entity);
    }
    model.sql = lift.objects();
    model.types = std::mem::take(&mut lift.types);
    model.types.sort_by(|left, right| left.name.cmp(&right.name));
    let mut notes = lift.notes;
    let text = print(&model, crate::model::Hints::Keep);
    let (read, issues) = parse(&text);
    for issue in issues.iter().filter(|issue| issue.severity == Severity::Error) {
        let word = text.get(issue.span.start..issue.span.end).unwrap_or("");
        notes.push(format!("the lifted model has a mistake at `{word}`: {}", issue.message));
    }
    let model = read.unwrap_or(model);
    compare(catalog, &model, &mut notes);
    Lifted { model, notes }
}

/// A lifting under way.
struct Lift<'c> {
    catalog: &'c Catalog,
    entities: BTreeMap<QName, String>,
    /// What fields say of the states of their columns.
    machines: machines::Found,
    types: Vec<crate::model::NamedType>,
    notes: Vec<String>,
    nameless: NamelessByDefault,
}

impl Lift<'_> {
    /// How a constraint's name is written, if the model would derive `derived`.
    fn name(&self, actual: Option<&Ident>, derived: &str) -> ConstraintName {
        let nameless =
            self.nameless == NamelessByDefault::Nameless && self.catalog.dialect == Dialect::Sqlite;
        match actual {
            None if nameless => ConstraintName::Derived,
            None => ConstraintName::None,
            Some(name) if name.as_str() == derived && !nameless => ConstraintName::Derived,
            Some(name) => ConstraintName::Given(name.to_string()),
        }
    }
}

/// On SQLite most constraints have no name; then the model says so once.
fn names_by_default(catalog: &Catalog) -> NamelessByDefault {
    if catalog.dialect == Dialect::Postgres {
        return NamelessByDefault::Named;
    }
    let constraints = catalog.tables.values().flat_map(|table| &table.constraints);
    let counted = constraints
        .filter(|constraint| !crate::dialect::sqlite::realize::is_inline_key(constraint));
    let (named, nameless): (Vec<_>, Vec<_>) = counted.partition(|c| c.name.is_some());
    match nameless.is_empty() || nameless.len() * 4 < named.len() {
        true => NamelessByDefault::Named,
        false => NamelessByDefault::Nameless,
    }
}

/// A snake-case table becomes a Pascal-case entity; any other name stays. Where the objects of a state machine tell the
/// name, it is that.
fn entity_names(catalog: &Catalog, machines: &machines::Found) -> BTreeMap<QName, String> {
    let mut names = BTreeMap::new();
    let mut taken = BTreeSet::new();
    for ((table, _), machine) in machines {
        if !names.contains_key(table) && taken.insert(machine.entity.clone()) {
            names.insert(table.clone(), machine.entity.clone());
        }
    }
    for table in catalog.tables.keys() {
        if names.contains_key(table) {
            continue;
        }
        let pascal = pascal_case(table.name.as_str());
        let mut name = pascal.clone();
        if !taken.insert(name.clone()) {
            name = format!("{}{pascal}", pascal_case(table.schema.as_str()));
        }
        let mut count = 2;
        while name != pascal && !taken.insert(name.clone()) {
            name = format!("{pascal}{count}");
            count += 1;
        }
        names.insert(table.clone(), name);
    }
    names
}

fn pascal_case(name: &str) -> String {
    let snake = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !snake || name.is_empty() {
        return name.to_owned();
    }
    let words = name.split('_').filter(|word| !word.is_empty());
    let pascal: String = words
        .map(|word| {
            let (first, rest) = word.split_at(1);
            format!("{}{rest}", first.to_ascii_uppercase())
        })
        .collect();
    if pascal.is_empty() { name.to_owned() } else { pascal }
}

/// The written table name, where the entity's name does not give it.
fn table_key(entity: &str, table: &QName) -> Option<String> {
    (snake_case(entity) != table.name.as_str()).then(|| table.name.to_string())
}

/// Names what realizing the model does not give back.
fn compare(catalog: &Catalog, model: &Model, notes: &mut Vec<String>) {
    let realized = match realize(model, catalog.dialect) {
        Ok(realized) => realized.catalog.normalized(),
        Err(issues) => {
            notes.extend(issues.into_iter().map(|issue| issue.message));
            return;
        }
    };
    let wanted = catalog.normalized();
    for schema in wanted.schemas.difference(&realized.schemas) {
        notes.push(format!("schema `{schema}` holds nothing that is carried"));
    }
    for (name, before) in &wanted.enums {
        if realized.enums.get(name) != Some(before) {
            notes.push(format!("enum type `{name}` is not carried exactly"));
        }
    }
    for (id, before) in &wanted.opaques {
        if realized.opaques.get(id) != Some(before) {
            notes.push(format!("{id} is not carried exactly"));
        }
    }
    for (name, before) in &wanted.tables {
        match realized.tables.get(name) {
            None => notes.push(format!("table `{name}` is not carried")),
            Some(after) => compare_table(before, after, notes),
        }
    }
}

fn compare_table(before: &Table, after: &Table, notes: &mut Vec<String>) {
    let table = &before.name;
    for column in &before.columns {
        if after.column(&column.name) != Some(column) {
            notes.push(format!("column `{table}.{}` is not carried exactly", column.name));
        }
    }
    for constraint in &before.constraints {
        if !after.constraints.contains(constraint) {
            let what = constraint.name.as_ref().map_or(&constraint.definition, |name| {
                // A name says it shorter than a text.
                let name: &Ident = name;
                after
                    .constraints
                    .iter()
                    .find(|c| c.name.as_ref() == Some(name))
                    .map_or(&constraint.definition, |c| &c.definition)
            });
            let name =
                constraint.name.as_ref().map(|name| format!("`{name}` ")).unwrap_or_default();
            notes.push(format!("constraint {name}of `{table}` is not carried exactly: {what}"));
        }
    }
    for index in &before.indexes {
        if !after.indexes.contains(index) {
            notes.push(format!("index `{}` of `{table}` is not carried exactly", index.name));
        }
    }
    if before.options != after.options {
        notes.push(format!("table `{table}` has options that are not carried exactly"));
    }
    if before.comment != after.comment {
        notes.push(format!("the comment of table `{table}` is not carried"));
    }
}
