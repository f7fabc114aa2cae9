//! From the domain to the physical schema of one engine, with what the model says about the way there and the rules
//! that rows must satisfy.
//!
//! Names: a table is the entity in snake case, a column its field, a reference `<field>_id`; constraints are named as
//! PostgreSQL names them, on both engines.

mod across;
mod columns;
mod constraints;
pub mod fields;
mod history;
mod indexes;
mod intent;
mod machines;
mod names;
mod objects;
mod sql;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use crate::catalog::postgres_table::PostgresTable;
use crate::catalog::rule::{Enforce, Requirement, Rule};
use crate::catalog::{Catalog, Column, Constraint, EnumType, Index, Table, TableOptions};
use crate::change::Intent;
use crate::model::{Entity, Field, FieldKind, Model, Place};
use crate::text::diagnostic::{Diagnostic, Span};
use crate::text::{Dialect, Ident, QName};

/// What a model means for one engine.
#[derive(Clone, Debug)]
pub struct Realized {
    pub catalog: Catalog,
    pub intent: Intent,
    pub rules: Vec<Rule>,
}

/// The table of an entity.
pub fn table_of(entity: &Entity, dialect: Dialect) -> QName {
    names::table(entity, dialect)
}

/// Realizes a model that `model::parse` accepted.
///
/// # Errors
/// What this engine cannot hold, each with its place in the model.
pub fn realize(model: &Model, dialect: Dialect) -> Result<Realized, Vec<Diagnostic>> {
    let model = &history::with_histories(model);
    let mut work = Work {
        model,
        dialect,
        catalog: Catalog::empty(dialect),
        rules: Vec::new(),
        issues: Vec::new(),
    };
    for entity in &model.entities {
        work.table(entity);
    }
    work.enum_types();
    work.join_tables();
    work.objects();
    work.machines();
    work.histories();
    if !work.issues.is_empty() {
        work.issues.dedup();
        return Err(work.issues);
    }
    let intent = intent::intent(model, &work.catalog).map_err(|issue| vec![issue])?;
    Ok(Realized { catalog: work.catalog, intent, rules: work.rules })
}

/// A realization under way.
struct Work<'m> {
    model: &'m Model,
    dialect: Dialect,
    catalog: Catalog,
    rules: Vec<Rule>,
    issues: Vec<Diagnostic>,
}

/// A table under way.
struct Draft<'m> {
    entity: &'m Entity,
    name: QName,
    fields: Vec<Field>,
    columns: Vec<Column>,
    constraints: Vec<Constraint>,
    indexes: Vec<Index>,
}

impl<'m> Work<'m> {
    fn error(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.issues.push(Diagnostic::error(span, message).help(help));
    }

    fn table(&mut self, entity: &'m Entity) {
        let name = names::table(entity, self.dialect);
        if name.schema.as_str() != self.dialect.default_schema() {
            self.catalog.schemas.insert(name.schema.clone());
        }
        let mut draft = Draft {
            entity,
            name,
            fields: entity.all_fields(),
            columns: Vec::new(),
            constraints: Vec::new(),
            indexes: Vec::new(),
        };
        self.primary_key(&mut draft);
        for field in draft.fields.clone() {
            self.column(&mut draft, &field);
        }
        self.uniques(&mut draft);
        self.indexes(&mut draft);
        self.references(&mut draft);
        self.entity_rules(&mut draft);
        self.raw_constraints(&mut draft);
        self.finish(draft);
    }

    fn finish(&mut self, draft: Draft<'m>) {
        let options = match self.dialect {
            Dialect::Postgres => TableOptions::Postgres(Box::new(PostgresTable {
                unlogged: draft.entity.postgres.unlogged.unwrap_or(false),
                ..PostgresTable::default()
            })),
            Dialect::Sqlite => {
                let written = &draft.entity.sqlite;
                let options = super::sqlite::realize::Options {
                    strict: written.strict.unwrap_or(false),
                    without_rowid: written.without_rowid.unwrap_or(false),
                    autoincrement: written.autoincrement.unwrap_or(false),
                };
                if options.autoincrement && options.without_rowid {
                    let help = "remove one of them";
                    let message = "a WITHOUT ROWID table has no AUTOINCREMENT";
                    self.error(draft.entity.place.span, message, help);
                }
                let create = super::sqlite::realize::create_table(
                    &draft.name,
                    &draft.columns,
                    &draft.constraints,
                    options,
                );
                TableOptions::Sqlite {
                    strict: options.strict,
                    without_rowid: options.without_rowid,
                    autoincrement: options.autoincrement,
                    rest: super::sqlite::realize::rest(&create),
                    create,
                }
            }
        };
        let comment = match self.dialect {
            Dialect::Postgres => draft.entity.comment.clone(),
            Dialect::Sqlite => None,
        };
        let table = Table {
            name: draft.name.clone(),
            columns: draft.columns,
            constraints: draft.constraints,
            indexes: draft.indexes,
            options,
            comment,
        };
        self.catalog.tables.insert(draft.name, table);
    }

    fn rule(
        &mut self,
        table: &QName,
        name: String,
        requirement: Requirement,
        enforce: Enforce,
        place: Place,
    ) {
        let origin = place.origin();
        let table = table.clone();
        self.rules.push(Rule { name, table, requirement, enforce, message: None, origin });
    }

    /// Columns of the fields; what `model::parse` refused cannot be here.
    fn columns_of(&self, entity: &Entity, fields: &[String]) -> Vec<Ident> {
        let all = entity.all_fields();
        fields
            .iter()
            .filter_map(|name| all.iter().find(|field| field.name == *name))
            .filter_map(Field::column_name)
            .map(Ident::new)
            .collect()
    }

    /// Enum types of the engine, which named types bring (PostgreSQL).
    fn enum_types(&mut self) {
        if self.dialect != Dialect::Postgres {
            return;
        }
        for named in &self.model.types {
            let own = &named.postgres;
            let Some(data_type) = own.data_type.as_ref().filter(|_| !own.enum_values.is_empty())
            else {
                continue;
            };
            let parts: Vec<String> = crate::text::token::tokenize(data_type, self.dialect)
                .iter()
                .filter_map(crate::text::token::Token::name)
                .collect();
            let name = match parts.as_slice() {
                [schema, name] => QName::new(schema.clone(), name.clone()),
                [name] => QName::local(self.dialect, name.clone()),
                _ => {
                    let help = "write `type: name` or `type: schema.name`";
                    self.error(own.place.span, "this is no name of an enum type", help);
                    continue;
                }
            };
            if name.schema.as_str() != "public" {
                self.catalog.schemas.insert(name.schema.clone());
            }
            let values = own.enum_values.clone();
            let made = EnumType { name: name.clone(), values, comment: None };
            self.catalog.enums.insert(name, made);
        }
    }

    /// Tables of n-n relationships: a key of two columns, both going with their rows.
    fn join_tables(&mut self) {
        let mut made: BTreeSet<String> = BTreeSet::new();
        for entity in &self.model.entities {
            for field in &entity.fields {
                let FieldKind::Many { entity: target, through: Some(through), .. } = &field.kind
                else {
                    continue;
                };
                let Some(target) = self.model.entity(target) else { continue };
                let own = self.model.entities.iter().any(|e| e.table_name() == *through);
                if !own && made.insert(through.clone()) {
                    self.join_table(entity, target, field, through);
                }
            }
        }
    }
}
