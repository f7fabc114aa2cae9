//! A catalog under new names: what the engine's own RENAME statements would leave.
//!
//! Structured parts are renamed exactly. Texts (checks, defaults, index definitions) are renamed token by token;
//! should a text come out other than the engine would write it, the differ sees a change and plans a drop and an
//! add of that one constraint or index: more work than needed, never a wrong result.

mod sequences;

use std::collections::BTreeMap;

use super::facets::{Facets, Subject};
use super::postgres_table::{PostgresTable, SettingTarget};
use super::{
    Catalog, ConstraintKind, Dependency, IndexKey, ObjectId, OpaqueKind, Table, TableOptions,
};
use crate::text::token::{canonical_name, rename_identifier, rename_qualified};
use crate::text::{Dialect, Ident, QName};

impl Catalog {
    /// `ALTER TABLE before RENAME TO after`; references of other tables follow.
    pub fn rename_table(&mut self, before: &QName, after: &QName) {
        let dialect = self.dialect;
        let Some(mut table) = self.tables.remove(before) else {
            return self.rename_virtual_table(before, after);
        };
        table.name = after.clone();
        self.tables.insert(after.clone(), table);
        let rename = |text: &mut String| *text = renamed(text, before, after, dialect);
        if dialect == Dialect::Postgres {
            self.rename_in_texts(before, after);
        }
        for table in self.tables.values_mut() {
            let own = table.name == *after;
            let mut touched = own;
            for constraint in &mut table.constraints {
                if let ConstraintKind::ForeignKey(key) = &mut constraint.kind
                    && key.references == *before
                {
                    key.references = after.clone();
                    rename(&mut constraint.definition);
                    touched = true;
                }
            }
            match &mut table.options {
                TableOptions::Sqlite { create, .. } if touched && !own => rename(create),
                TableOptions::Sqlite { .. } => {}
                TableOptions::Postgres(options) => {
                    let parents = options.parents.iter_mut().filter(|parent| *parent == before);
                    parents.for_each(|parent| *parent = after.clone());
                }
            }
            if own {
                table.indexes.iter_mut().for_each(|index| rename(&mut index.definition));
            }
        }
        self.rename_trigger_tables(before, after, &rename);
        if dialect == Dialect::Postgres && before.schema != after.schema {
            self.move_sequences(after, &before.schema);
        }
        self.rename_facets(|facets| facets.rename_table(before, after, &rename));
    }

    /// A virtual table of SQLite; its shadow tables are not in a catalog.
    fn rename_virtual_table(&mut self, before: &QName, after: &QName) {
        let is_it = |id: &&ObjectId| id.kind == OpaqueKind::VirtualTable && id.name == *before;
        let Some(id) = self.opaques.keys().find(is_it).cloned() else { return };
        let Some(mut opaque) = self.opaques.remove(&id) else { return };
        opaque.id.name = after.clone();
        for text in &mut opaque.create {
            *text =
                rename_identifier(text, before.name.as_str(), after.name.as_str(), self.dialect);
        }
        let renamed = opaque.id.clone();
        self.opaques.insert(renamed.clone(), opaque);
        for opaque in self.opaques.values_mut() {
            if opaque.depends_on.remove(&Dependency::Opaque(id.clone())) {
                opaque.depends_on.insert(Dependency::Opaque(renamed.clone()));
            }
        }
    }

    /// Triggers are identified by their table, and their text names it.
    fn rename_trigger_tables(
        &mut self,
        before: &QName,
        after: &QName,
        rename: &impl Fn(&mut String),
    ) {
        let moved: Vec<_> =
            self.opaques.keys().filter(|id| id.table.as_ref() == Some(before)).cloned().collect();
        for id in moved {
            if let Some(mut opaque) = self.opaques.remove(&id) {
                opaque.id.follow_table(before, after);
                opaque.create.iter_mut().for_each(rename);
                self.opaques.insert(opaque.id.clone(), opaque);
            }
        }
        for opaque in self.opaques.values_mut() {
            opaque.depends_on = std::mem::take(&mut opaque.depends_on)
                .into_iter()
                .map(|dependency| dependency.with_table(before, after))
                .collect();
        }
    }

    /// `ALTER TABLE table RENAME COLUMN before TO after`; keys of other tables that point at it follow.
    pub fn rename_column(&mut self, table: &QName, before: &Ident, after: &Ident) {
        let dialect = self.dialect;
        let heirs: Vec<QName> = self
            .tables
            .values()
            .filter(|heir| {
                heir.options.of_postgres().is_some_and(|options| {
                    options.parents.contains(table)
                        && options.inherited_columns.contains_key(before)
                })
            })
            .map(|heir| heir.name.clone())
            .collect();
        for holder in self.tables.values_mut() {
            if holder.name == *table {
                rename_own_column(holder, before, after, dialect);
            }
            rename_referenced_column(holder, table, before, after, dialect);
        }
        for opaque in self.opaques.values_mut() {
            if opaque.id.table.as_ref() == Some(table) {
                for text in &mut opaque.create {
                    *text = rename_identifier(text, before.as_str(), after.as_str(), dialect);
                }
            }
            opaque.depends_on = std::mem::take(&mut opaque.depends_on)
                .into_iter()
                .map(|dependency| dependency.with_column(table, before, after))
                .collect();
        }
        self.rename_facets(|facets| {
            if facets.of == Subject::Table(table.clone()) {
                facets.rename_column(before, after);
            }
        });
        // The engine renames it in the children too.
        heirs.iter().for_each(|heir| self.rename_column(heir, before, after));
    }

    /// `ALTER TYPE before RENAME TO after`; columns of the type follow.
    pub fn rename_enum(&mut self, before: &QName, after: &QName) {
        let Some(mut enum_type) = self.enums.remove(before) else { return };
        enum_type.name = after.clone();
        self.enums.insert(after.clone(), enum_type);
        self.rename_facets(|facets| {
            if facets.of == Subject::Enum(before.clone()) {
                facets.of = Subject::Enum(after.clone());
            }
        });
        let dialect = self.dialect;
        for column in self.tables.values_mut().flat_map(|table| &mut table.columns) {
            for text in std::iter::once(&mut column.data_type).chain(&mut column.default) {
                *text = renamed(text, before, after, dialect);
            }
        }
        self.rename_in_texts(before, after);
        for opaque in self.opaques.values_mut() {
            if opaque.depends_on.remove(&Dependency::Enum(before.clone())) {
                opaque.depends_on.insert(Dependency::Enum(after.clone()));
            }
        }
    }

    /// Everything else that names a table or type with its schema, as the engine does; among it the arguments that
    /// tell functions apart.
    fn rename_in_texts(&mut self, before: &QName, after: &QName) {
        let rename = |text: &mut String| *text = qualified(text, before, after);
        for table in self.tables.values_mut() {
            for column in &mut table.columns {
                rename(&mut column.data_type);
                column.default.iter_mut().for_each(rename);
                column.generated.iter_mut().for_each(|it| rename(&mut it.expression));
            }
            for constraint in &mut table.constraints {
                rename(&mut constraint.definition);
                if let ConstraintKind::Check { expression } = &mut constraint.kind {
                    rename(expression);
                }
            }
            for index in &mut table.indexes {
                rename(&mut index.definition);
                index.predicate.iter_mut().for_each(rename);
                for key in &mut index.keys {
                    if let IndexKey::Expression(expression) = key {
                        rename(expression);
                    }
                }
            }
        }
        let named = |mut id: ObjectId| {
            rename(&mut id.signature);
            id
        };
        for mut opaque in std::mem::take(&mut self.opaques).into_values() {
            opaque.id = named(opaque.id);
            opaque.create.iter_mut().for_each(rename);
            opaque.depends_on = std::mem::take(&mut opaque.depends_on)
                .into_iter()
                .map(|dependency| match dependency {
                    Dependency::Opaque(id) => Dependency::Opaque(named(id)),
                    other @ (Dependency::Table(_)
                    | Dependency::Column(..)
                    | Dependency::Constraint(..)
                    | Dependency::Enum(_)) => other,
                })
                .collect();
            self.opaques.insert(opaque.id.clone(), opaque);
        }
    }

    /// `ALTER TYPE name RENAME VALUE before TO after`.
    pub fn rename_enum_value(&mut self, name: &QName, before: &str, after: &str) {
        if let Some(enum_type) = self.enums.get_mut(name) {
            for value in enum_type.values.iter_mut().filter(|value| *value == before) {
                *value = after.to_owned();
            }
        }
        let literal = |value: &str| format!("'{}'", value.replace('\'', "''"));
        let (before, after) = (literal(before), literal(after));
        let type_name = name.name.as_str();
        for column in self.tables.values_mut().flat_map(|table| &mut table.columns) {
            if let Some(default) = &mut column.default
                && column.data_type.contains(type_name)
            {
                *default = default.replace(&before, &after);
            }
        }
    }

    /// `ALTER TABLE table RENAME CONSTRAINT before TO after`.
    pub fn rename_constraint(&mut self, table: &QName, before: &Ident, after: &Ident) {
        let constraints = self.tables.get_mut(table).map(|table| &mut table.constraints);
        for constraint in constraints.into_iter().flatten() {
            if constraint.name.as_ref() == Some(before) {
                constraint.name = Some(after.clone());
            }
        }
        let heirs = self.heirs_of_check(table, before);
        rename_key(&mut self.tables, table, before, after);
        for opaque in self.opaques.values_mut() {
            opaque.depends_on = std::mem::take(&mut opaque.depends_on)
                .into_iter()
                .map(|dependency| dependency.with_constraint(table, before, after))
                .collect();
        }
        // The engine renames a check in the children too.
        heirs.iter().for_each(|heir| self.rename_constraint(heir, before, after));
        self.rename_facets(|facets| facets.rename_key(table, before, after));
    }

    /// The children whose check of a name comes from the parent's.
    fn heirs_of_check(&self, parent: &QName, name: &Ident) -> Vec<QName> {
        let heirs = self.tables.values().filter(|table| {
            table.options.of_postgres().is_some_and(|options| {
                options.parents.contains(parent)
                    && options.inherited.get(name).is_some_and(|of| of.parent == *name)
            }) && table.constraints.iter().any(|constraint| {
                constraint.name.as_ref() == Some(name)
                    && matches!(constraint.kind, super::ConstraintKind::Check { .. })
            })
        });
        heirs.map(|table| table.name.clone()).collect()
    }

    /// `ALTER INDEX before RENAME TO after`.
    pub fn rename_index(&mut self, table: &QName, before: &Ident, after: &Ident) {
        let dialect = self.dialect;
        let indexes = self.tables.get_mut(table).map(|table| &mut table.indexes);
        for index in indexes.into_iter().flatten().filter(|index| index.name == *before) {
            index.name = after.clone();
            index.definition =
                rename_identifier(&index.definition, before.as_str(), after.as_str(), dialect);
        }
        rename_key(&mut self.tables, table, before, after);
        self.rename_facets(|facets| facets.rename_key(table, before, after));
    }
}

impl ObjectId {
    /// What stands on a table is renamed with it, and is in its schema.
    fn follow_table(&mut self, before: &QName, after: &QName) {
        self.table = Some(after.clone());
        if self.name.schema == before.schema {
            self.name.schema = after.schema.clone();
        }
    }
}

impl Facets {
    fn rename_table(&mut self, before: &QName, after: &QName, rename: &impl Fn(&mut String)) {
        match &mut self.of {
            Subject::Table(table) | Subject::Constraint(table, _) | Subject::Index(table, _) => {
                if table == before {
                    *table = after.clone();
                }
            }
            Subject::Opaque(id) if id.table.as_ref() == Some(before) => {
                id.follow_table(before, after);
                self.lines = std::mem::take(&mut self.lines)
                    .into_iter()
                    .map(|mut line| {
                        rename(&mut line.set);
                        rename(&mut line.unset);
                        line
                    })
                    .collect();
            }
            Subject::Schema(_)
            | Subject::Sequence(_)
            | Subject::Enum(_)
            | Subject::Opaque(_)
            | Subject::DefaultPrivileges { .. } => {}
        }
    }

    fn rename_column(&mut self, before: &Ident, after: &Ident) {
        self.grants = std::mem::take(&mut self.grants)
            .into_iter()
            .map(|mut grant| {
                if grant.column.as_ref() == Some(before) {
                    grant.column = Some(after.clone());
                }
                grant
            })
            .collect();
    }

    fn rename_key(&mut self, of: &QName, before: &Ident, after: &Ident) {
        if let Subject::Constraint(table, name) | Subject::Index(table, name) = &mut self.of
            && table == of
            && name == before
        {
            *name = after.clone();
        }
    }
}

/// The text with the name where it stands with its schema; else wherever it stands.
fn renamed(text: &str, before: &QName, after: &QName, dialect: Dialect) -> String {
    let found = match dialect {
        Dialect::Postgres => qualified(text, before, after),
        Dialect::Sqlite => text.to_owned(),
    };
    if found != text {
        return found;
    }
    rename_identifier(text, before.name.as_str(), after.name.as_str(), dialect)
}

fn qualified(text: &str, before: &QName, after: &QName) -> String {
    let (old, new) = (
        (before.schema.as_str(), before.name.as_str()),
        (after.schema.as_str(), after.name.as_str()),
    );
    rename_qualified(text, old, new, Dialect::Postgres)
}

fn rename_own_column(table: &mut Table, before: &Ident, after: &Ident, dialect: Dialect) {
    let text = |text: &mut String| {
        *text = rename_identifier(text, before.as_str(), after.as_str(), dialect);
    };
    let name = |name: &mut Ident| {
        if name == before {
            *name = after.clone();
        }
    };
    for column in &mut table.columns {
        name(&mut column.name);
        column.generated.iter_mut().for_each(|generated| text(&mut generated.expression));
    }
    for constraint in &mut table.constraints {
        match &mut constraint.kind {
            ConstraintKind::PrimaryKey { columns } | ConstraintKind::Unique { columns } => {
                columns.iter_mut().for_each(name);
            }
            ConstraintKind::Check { expression } => text(expression),
            ConstraintKind::ForeignKey(key) => key.columns.iter_mut().for_each(name),
            ConstraintKind::Exclusion => {}
        }
        constraint.definition = match &constraint.kind {
            // Only the own side of a foreign key: the referenced names are the other table's.
            ConstraintKind::ForeignKey(_) => {
                rename_before_references(&constraint.definition, before, after, dialect)
            }
            ConstraintKind::PrimaryKey { .. }
            | ConstraintKind::Unique { .. }
            | ConstraintKind::Check { .. }
            | ConstraintKind::Exclusion => {
                rename_identifier(&constraint.definition, before.as_str(), after.as_str(), dialect)
            }
        };
    }
    for index in &mut table.indexes {
        for key in &mut index.keys {
            match key {
                IndexKey::Column(column) => name(column),
                IndexKey::Expression(expression) => text(expression),
            }
        }
        index.predicate.iter_mut().for_each(text);
        text(&mut index.definition);
    }
    match &mut table.options {
        // Its own names are told by the structure; what else the word may mean there only a reader of DDL knows.
        TableOptions::Sqlite { .. } => {}
        TableOptions::Postgres(options) => rename_option_column(options, before, after),
    }
}

fn rename_option_column(options: &mut PostgresTable, before: &Ident, after: &Ident) {
    if let Some(key) = &mut options.partition_by {
        // As the engine prints it: another spelling would be another key, for which the table is built anew.
        let quoted = format!("\"{}\"", after.as_str().replace('"', "\"\""));
        *key = rename_identifier(key, before.as_str(), after.as_str(), Dialect::Postgres)
            .replace(&quoted, &canonical_name(after.as_str(), Dialect::Postgres));
    }
    if let Some(origin) = options.inherited_columns.remove(before) {
        options.inherited_columns.insert(after.clone(), origin);
    }
    if let Some(not_null) = options.not_nulls.remove(before) {
        options.not_nulls.insert(after.clone(), not_null);
    }
    for setting in &mut options.settings {
        if setting.on == SettingTarget::Column(before.clone()) {
            setting.on = SettingTarget::Column(after.clone());
        }
    }
    options.settings.sort();
}

/// A constraint or index of a table, and those of its children that belong to it, under the new name.
fn rename_key(tables: &mut BTreeMap<QName, Table>, table: &QName, before: &Ident, after: &Ident) {
    for holder in tables.values_mut() {
        let TableOptions::Postgres(options) = &mut holder.options else { continue };
        if holder.name == *table {
            if let Some(inherited) = options.inherited.remove(before) {
                options.inherited.insert(after.clone(), inherited);
            }
            if options.incomplete.remove(before) {
                options.incomplete.insert(after.clone());
            }
            for setting in &mut options.settings {
                if setting.on == SettingTarget::Index(before.clone()) {
                    setting.on = SettingTarget::Index(after.clone());
                }
            }
            options.settings.sort();
        }
        if options.parents.contains(table) {
            for inherited in options.inherited.values_mut().filter(|of| of.parent == *before) {
                inherited.parent = after.clone();
            }
        }
    }
}

fn rename_before_references(
    definition: &str,
    before: &Ident,
    after: &Ident,
    dialect: Dialect,
) -> String {
    let at = references(definition).unwrap_or(definition.len());
    let (own, other) = definition.split_at(at);
    // The columns that ON DELETE sets are own ones too.
    let sets = [" ON DELETE SET NULL (", " ON DELETE SET DEFAULT ("];
    let sets = sets.iter().find_map(|words| other.find(words)).unwrap_or(other.len());
    let (other, sets) = other.split_at(sets);
    let own = rename_identifier(own, before.as_str(), after.as_str(), dialect);
    own + other + &rename_identifier(sets, before.as_str(), after.as_str(), dialect)
}

/// Where the referenced side of a foreign key begins.
fn references(definition: &str) -> Option<usize> {
    let upper = definition.to_ascii_uppercase();
    upper.find(") REFERENCES ").map(|at| at + 2).or_else(|| upper.find("REFERENCES"))
}

fn rename_referenced_column(
    holder: &mut Table,
    table: &QName,
    before: &Ident,
    after: &Ident,
    dialect: Dialect,
) {
    let mut touched = false;
    for constraint in &mut holder.constraints {
        let ConstraintKind::ForeignKey(key) = &mut constraint.kind else { continue };
        if key.references != *table || !key.referenced_columns.contains(before) {
            continue;
        }
        touched = true;
        for column in key.referenced_columns.iter_mut().filter(|column| *column == before) {
            *column = after.clone();
        }
        let at = references(&constraint.definition).unwrap_or(0);
        let (own, other) = constraint.definition.split_at(at);
        let sets = other.find(" ON DELETE SET ").unwrap_or(other.len());
        let (other, sets) = other.split_at(sets);
        let other = rename_identifier(other, before.as_str(), after.as_str(), dialect);
        constraint.definition = own.to_owned() + &other + sets;
    }
    if let (true, TableOptions::Sqlite { create, .. }) = (touched, &mut holder.options)
        && holder.name != *table
    {
        *create = rename_after_references(create, table, before, after, dialect);
    }
}

/// Renames inside the parentheses that follow `REFERENCES table`.
fn rename_after_references(
    create: &str,
    table: &QName,
    before: &Ident,
    after: &Ident,
    dialect: Dialect,
) -> String {
    let tokens = crate::text::token::tokenize(create, dialect);
    let mut text = String::with_capacity(create.len());
    let mut state = Reference::Outside;
    for token in &tokens {
        let name = token.name();
        let is = |ident: &Ident| {
            name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(ident.as_str()))
        };
        match state {
            Reference::Inside if is(before) => {
                text.push_str(&format!("\"{}\"", after.as_str().replace('"', "\"\"")));
                continue;
            }
            Reference::Inside if token.is_mark(")") => state = Reference::Outside,
            Reference::Inside => {}
            _ if token.is_word("references") => state = Reference::Word,
            Reference::Word if token.is_code() => {
                state = if is(&table.name) { Reference::Table } else { Reference::Outside };
            }
            Reference::Table if token.is_mark("(") => state = Reference::Inside,
            Reference::Table if token.is_code() => state = Reference::Outside,
            Reference::Outside | Reference::Word | Reference::Table => {}
        }
        text.push_str(token.text);
    }
    text
}

/// Where a scan of CREATE TABLE text stands with regard to a REFERENCES clause.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reference {
    Outside,
    Word,
    Table,
    Inside,
}

impl super::Dependency {
    fn with_table(self, before: &QName, after: &QName) -> Self {
        match self {
            super::Dependency::Table(table) if table == *before => {
                super::Dependency::Table(after.clone())
            }
            super::Dependency::Column(table, column) if table == *before => {
                super::Dependency::Column(after.clone(), column)
            }
            super::Dependency::Constraint(table, name) if table == *before => {
                super::Dependency::Constraint(after.clone(), name)
            }
            other => other,
        }
    }

    fn with_column(self, table: &QName, before: &Ident, after: &Ident) -> Self {
        match self {
            super::Dependency::Column(holder, column) if holder == *table && column == *before => {
                super::Dependency::Column(holder, after.clone())
            }
            other => other,
        }
    }

    fn with_constraint(self, table: &QName, before: &Ident, after: &Ident) -> Self {
        match self {
            super::Dependency::Constraint(holder, name) if holder == *table && name == *before => {
                super::Dependency::Constraint(holder, after.clone())
            }
            other => other,
        }
    }
}
