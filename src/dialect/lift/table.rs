//! One table as an entity.

use std::collections::{BTreeMap, BTreeSet};

use super::sequences::sequences;
use super::types::portable_default;
use super::{Lift, table_key};
use crate::catalog::value_set::value_set;
use crate::catalog::{
    Action, Column, Constraint, ConstraintKind, ForeignKey, GeneratedStorage, Index, Table,
    TableOptions,
};
use crate::dialect::{postgres, sqlite};
use crate::expr::ValueType;
use crate::model::{
    self, ConstraintName, DefaultValue, Entity, Field, FieldKind, IndexOverride, Key, Order,
    Override, Part, PartText, Place, Raw, RawText, Unique,
};
use crate::text::token::{canonical, tokenize};
use crate::text::{Dialect, Ident, QName};

/// What is known of a table while its entity is made.
pub(super) struct Draft<'c> {
    pub(super) table: &'c Table,
    entity: Entity,
    /// Column to field.
    fields: BTreeMap<Ident, String>,
    /// Constraints that a field says.
    pub(super) said: BTreeSet<usize>,
}

impl Lift<'_> {
    pub(super) fn entity(&mut self, table: &Table) -> Entity {
        let name = self.entities[&table.name].clone();
        let mut entity = Entity { table: table_key(&name, &table.name), name, ..Entity::default() };
        entity.comment = table.comment.clone();
        match &table.options {
            TableOptions::Postgres(options) => {
                entity.postgres.unlogged = options.unlogged.then_some(true);
                let schema = table.name.schema.as_str();
                entity.postgres.schema = (schema != "public").then(|| schema.to_owned());
            }
            TableOptions::Sqlite { strict, without_rowid, autoincrement, .. } => {
                entity.sqlite.strict = strict.then_some(true);
                entity.sqlite.without_rowid = without_rowid.then_some(true);
                entity.sqlite.autoincrement = autoincrement.then_some(true);
            }
        }
        let mut fields = field_names(table, &self.references(table));
        for ((of, column), machine) in &self.machines {
            if *of == table.name && !fields.values().any(|field| *field == machine.field) {
                fields.insert(column.clone(), machine.field.clone());
            }
        }
        let mut draft = Draft { table, entity, fields, said: BTreeSet::new() };
        for column in &table.columns {
            self.field(&mut draft, column);
        }
        self.constraints(&mut draft);
        for index in &table.indexes {
            self.index(&mut draft, index);
        }
        draft.entity
    }

    /// The foreign keys that a `ref` says exactly, by column.
    fn references<'t>(&self, table: &'t Table) -> BTreeMap<&'t Ident, (usize, &'t ForeignKey)> {
        let mut references = BTreeMap::new();
        for (at, constraint) in table.constraints.iter().enumerate() {
            let ConstraintKind::ForeignKey(key) = &constraint.kind else { continue };
            let [column] = key.columns.as_slice() else { continue };
            let target = self.catalog.tables.get(&key.references);
            let to_key = target.is_some_and(|target| {
                target.primary_key() == key.referenced_columns && key.referenced_columns.len() == 1
            });
            if to_key && self.same_text(&constraint.definition, &self.foreign_key_text(key)) {
                references.entry(column).or_insert((at, key));
            }
        }
        references
    }

    pub(super) fn same_text(&self, left: &str, right: &str) -> bool {
        let form = |text: &str| {
            canonical(text, self.catalog.dialect)
                .replace(" on delete no action", "")
                .replace(" on update no action", "")
        };
        form(left) == form(right)
    }

    fn foreign_key_text(&self, key: &ForeignKey) -> String {
        match self.catalog.dialect {
            Dialect::Postgres => postgres::realize::foreign_key(key),
            Dialect::Sqlite => {
                sqlite::realize::foreign_key(key, written(key.on_delete), written(key.on_update))
            }
        }
    }

    fn field(&mut self, draft: &mut Draft<'_>, column: &Column) {
        let dialect = self.catalog.dialect;
        let name = draft.fields[&column.name].clone();
        let mut field = Field::of_type(&name, ValueType::Text, "text");
        let mut own = Override::default();
        let reference = self.references(draft.table).get(&column.name).copied();
        let value_type = match reference {
            Some((at, key)) => {
                draft.said.insert(at);
                self.reference(draft, &mut field, column, at, key, &mut own)
            }
            None if self.value_list(draft, &mut field, column) => {
                if !column.data_type.eq_ignore_ascii_case("text") {
                    own.data_type = Some(column.data_type.clone());
                }
                ValueType::Text
            }
            None => {
                let (value_type, text) = self
                    .checked_type(draft, column)
                    .unwrap_or_else(|| self.value_type(&column.data_type));
                field.kind = FieldKind::Value { value_type: value_type.clone(), text };
                value_type
            }
        };
        if field.column_name().as_deref() != Some(column.name.as_str()) {
            field.column = Some(column.name.to_string());
        }
        self.nullability(draft, column, &mut field, &mut own);
        let is_ref = reference.is_some();
        default(column, &value_type, dialect, is_ref, &mut field, &mut own);
        self.states(draft.table, column, &mut field, &mut own);
        if let Some(generated) = &column.generated {
            own.generated = Some(generated.expression.clone());
            field.stored = (generated.storage == GeneratedStorage::Virtual).then_some(false);
        }
        own.collate = column.collation.clone();
        field.comment = column.comment.clone();
        sequences(draft.table, column, &mut own);
        match dialect {
            Dialect::Postgres => field.postgres = own,
            Dialect::Sqlite => field.sqlite = own,
        }
        draft.entity.fields.push(field);
    }

    fn reference(
        &mut self,
        draft: &Draft<'_>,
        field: &mut Field,
        column: &Column,
        at: usize,
        key: &ForeignKey,
        own: &mut Override,
    ) -> ValueType {
        let derived = format!("{}_{}_fkey", draft.table.name.name, column.name);
        let constraint = self.name(draft.table.constraints[at].name.as_ref(), &derived);
        field.kind = FieldKind::Ref {
            entity: self.entities[&key.references].clone(),
            place: Place::default(),
            on_delete: written(key.on_delete),
            on_update: written(key.on_update),
            constraint,
        };
        let target = &self.catalog.tables[&key.references];
        let referred = key.referenced_columns.first().and_then(|name| target.column(name));
        if referred.is_none_or(|referred| referred.data_type != column.data_type) {
            own.data_type = Some(column.data_type.clone());
        }
        self.value_type(&column.data_type).0
    }

    /// `CHECK (x IN ('a', 'b'))` on a text is an enum.
    fn value_list(&self, draft: &mut Draft<'_>, field: &mut Field, column: &Column) -> bool {
        let dialect = self.catalog.dialect;
        let is_text = !column.data_type.is_empty()
            && super::types::nearest(&column.data_type, dialect) == ValueType::Text;
        if !is_text || column.generated.is_some() {
            return false;
        }
        for (at, constraint) in draft.table.constraints.iter().enumerate() {
            let ConstraintKind::Check { expression } = &constraint.kind else { continue };
            let Some(set) = value_set(expression, dialect) else { continue };
            if set.column != column.name.as_str() {
                continue;
            }
            let printed = match dialect {
                Dialect::Postgres => postgres::realize::value_set(&column.name, &set.values).0,
                Dialect::Sqlite => sqlite::realize::value_set(&column.name, &set.values).0,
            };
            let check = match dialect {
                Dialect::Postgres => format!("CHECK (({printed}))"),
                Dialect::Sqlite => format!("CHECK ({printed})"),
            };
            let repeated = set.values.iter().collect::<BTreeSet<_>>().len() < set.values.len();
            if repeated || !self.same_text(&constraint.definition, &check) {
                continue;
            }
            let derived = format!("{}_{}_check", draft.table.name.name, column.name);
            let constraint = self.name(constraint.name.as_ref(), &derived);
            field.kind = FieldKind::Enum { values: set.values, from_roles: false, constraint };
            draft.said.insert(at);
            return true;
        }
        false
    }

    fn nullability(
        &self,
        draft: &Draft<'_>,
        column: &Column,
        field: &mut Field,
        own: &mut Override,
    ) {
        let table = draft.table;
        let row_id = self.catalog.dialect == Dialect::Sqlite
            && table.constraints.iter().any(sqlite::realize::is_inline_key)
            && table.primary_key() == std::slice::from_ref(&column.name)
            && column.data_type.eq_ignore_ascii_case("integer");
        if row_id {
            own.not_null = column.not_null.then_some(true);
        } else {
            field.optional = !column.not_null;
        }
    }

    fn constraints(&mut self, draft: &mut Draft<'_>) {
        let table = draft.table;
        if table.primary_key().is_empty() {
            draft.entity.key = Some(Key {
                fields: Vec::new(),
                constraint: ConstraintName::Derived,
                raw: Raw::default(),
                place: Place::default(),
            });
        }
        for (at, constraint) in table.constraints.iter().enumerate() {
            if draft.said.contains(&at) {
                continue;
            }
            match &constraint.kind {
                ConstraintKind::PrimaryKey { columns } => self.key(draft, constraint, columns),
                ConstraintKind::Unique { columns } => self.unique(draft, constraint, columns),
                ConstraintKind::ForeignKey(key) => self.foreign_key(draft, constraint, key),
                ConstraintKind::Check { expression } => self.check(draft, constraint, expression),
                ConstraintKind::Exclusion => self.raw_constraint(draft, constraint),
            }
        }
    }

    fn key(&mut self, draft: &mut Draft<'_>, constraint: &Constraint, columns: &[Ident]) {
        let fields = fields_of(draft, columns);
        let derived = format!("{}_pkey", draft.table.name.name);
        let row_id = self.catalog.dialect == Dialect::Sqlite
            && sqlite::realize::is_inline_key(constraint)
            && columns
                .first()
                .and_then(|name| draft.table.column(name))
                .is_some_and(|column| column.data_type.eq_ignore_ascii_case("integer"));
        let name = match row_id && constraint.name.is_none() {
            true => ConstraintName::Derived,
            false => self.name(constraint.name.as_ref(), &derived),
        };
        let counts = draft.entity.sqlite.autoincrement == Some(true)
            && self.same_text(
                &constraint.definition,
                &format!("PRIMARY KEY ({}) AUTOINCREMENT", quoted(&columns[0], Dialect::Sqlite)),
            );
        let raw = match counts {
            true => Raw::default(),
            false => self.raw_unless_same(constraint, "PRIMARY KEY", columns),
        };
        if fields == ["id"] && name == ConstraintName::Derived && raw.is_empty() {
            return;
        }
        draft.entity.key = Some(Key { fields, constraint: name, raw, place: Place::default() });
    }

    /// The constraint's own text where words and columns do not say it.
    fn raw_unless_same(&self, constraint: &Constraint, words: &str, columns: &[Ident]) -> Raw {
        let names: Vec<String> = columns
            .iter()
            .map(|column| match self.catalog.dialect {
                Dialect::Postgres => postgres::realize::ident(column.as_str()),
                Dialect::Sqlite => format!("\"{}\"", column.as_str().replace('"', "\"\"")),
            })
            .collect();
        let derived = format!("{words} ({})", names.join(", "));
        match self.same_text(&constraint.definition, &derived) {
            true => Raw::default(),
            false => self.raw(&constraint.definition),
        }
    }

    fn raw(&self, text: &str) -> Raw {
        match self.catalog.dialect {
            Dialect::Postgres => Raw { postgres: Some(text.to_owned()), sqlite: None },
            Dialect::Sqlite => Raw { postgres: None, sqlite: Some(text.to_owned()) },
        }
    }

    /// The key under which a constraint stands, and its name where the key does not give it.
    fn key_and_name(
        &self,
        table: &QName,
        actual: Option<&Ident>,
        nameless: String,
        taken: &dyn Fn(&str) -> bool,
    ) -> (String, ConstraintName) {
        let prefix = format!("{}_", table.name);
        let wanted = match actual {
            None => nameless,
            Some(name) => name.as_str().strip_prefix(&prefix).unwrap_or(name.as_str()).to_owned(),
        };
        let mut key = wanted.clone();
        let mut count = 2;
        while taken(&key) {
            key = format!("{wanted}_{count}");
            count += 1;
        }
        let name = self.name(actual, &format!("{prefix}{key}"));
        (key, name)
    }

    fn unique(&mut self, draft: &mut Draft<'_>, constraint: &Constraint, columns: &[Ident]) {
        let fields = fields_of(draft, columns);
        let nameless = format!("{}_key", fields.join("_"));
        let taken = |key: &str| draft.entity.unique.iter().any(|unique| unique.name == key);
        let (name, written) =
            self.key_and_name(&draft.table.name, constraint.name.as_ref(), nameless, &taken);
        let raw = self.raw_unless_same(constraint, "UNIQUE", columns);
        let parts = fields.into_iter().map(|name| part(name, Order::Ascending)).collect();
        let place = Place::default();
        let condition = None;
        draft.entity.unique.push(Unique {
            name,
            constraint: written,
            parts,
            condition,
            raw,
            place,
        });
    }

    fn foreign_key(&mut self, draft: &mut Draft<'_>, constraint: &Constraint, key: &ForeignKey) {
        let table = &draft.table.name;
        let target = self.catalog.tables.get(&key.references);
        let Some(target) = target.filter(|target| {
            key.referenced_columns.iter().all(|column| target.column(column).is_some())
        }) else {
            self.notes.push(format!(
                "foreign key of `{table}` points at `{}`, which is not there: carried as text",
                key.references
            ));
            self.raw_constraint(draft, constraint);
            return;
        };
        let fields = fields_of(draft, &key.columns);
        let target_fields = field_names(target, &self.references(target));
        let mut to: Vec<String> =
            key.referenced_columns.iter().map(|column| target_fields[column].clone()).collect();
        if target.primary_key() == key.referenced_columns {
            to.clear();
        }
        let nameless = format!("{}_fkey", fields.join("_"));
        let taken = |name: &str| draft.entity.foreign_keys.iter().any(|key| key.name == name);
        let (name, written_name) =
            self.key_and_name(table, constraint.name.as_ref(), nameless, &taken);
        let same = self.same_text(&constraint.definition, &self.foreign_key_text(key));
        let raw = match same && !key.referenced_columns.is_empty() {
            true => Raw::default(),
            false => self.raw(&constraint.definition),
        };
        let made = model::ForeignKey {
            name,
            constraint: written_name,
            fields,
            entity: self.entities[&key.references].clone(),
            to,
            on_delete: written(key.on_delete),
            on_update: written(key.on_update),
            raw,
            place: Place::default(),
        };
        draft.entity.foreign_keys.push(made);
    }

    fn check(&mut self, draft: &mut Draft<'_>, constraint: &Constraint, expression: &str) {
        let plain = match self.catalog.dialect {
            Dialect::Postgres => format!("CHECK (({expression}))"),
            Dialect::Sqlite => format!("CHECK ({expression})"),
        };
        if !self.same_text(&constraint.definition, &plain) {
            self.raw_constraint(draft, constraint);
            return;
        }
        let raw = self.raw(expression);
        let made = self.raw_text(&draft.entity.checks, "check", constraint, raw);
        draft.entity.checks.push(made);
    }

    fn raw_constraint(&mut self, draft: &mut Draft<'_>, constraint: &Constraint) {
        let raw = self.raw(&constraint.definition);
        let made = self.raw_text(&draft.entity.constraints, "constraint", constraint, raw);
        draft.entity.constraints.push(made);
    }

    /// SQL constraints are named by their key.
    fn raw_text(
        &self,
        others: &[RawText],
        word: &str,
        constraint: &Constraint,
        raw: Raw,
    ) -> RawText {
        let place = Place::default();
        match &constraint.name {
            Some(name) => {
                let name = name.to_string();
                RawText { name, constraint: ConstraintName::Derived, raw, place }
            }
            None => {
                let name = format!("{word}_{}", others.len() + 1);
                RawText { name, constraint: ConstraintName::None, raw, place }
            }
        }
    }

    fn index(&mut self, draft: &mut Draft<'_>, index: &Index) {
        let dialect = self.catalog.dialect;
        let prefix = format!("{}_", draft.table.name.name);
        let (name, physical) = match index.name.as_str().strip_prefix(&prefix) {
            Some(key) => (key.to_owned(), None),
            None => (index.name.to_string(), Some(index.name.to_string())),
        };
        let physical = physical.filter(|name| *name != format!("{prefix}{name}"));
        let mut made = model::Index {
            name,
            physical,
            parts: Vec::new(),
            condition: None,
            unique: false,
            postgres: IndexOverride::Same,
            sqlite: IndexOverride::Same,
            place: Place::default(),
        };
        match self.index_parts(draft, index) {
            Some(parts) => {
                made.parts = parts;
                made.unique = index.unique;
            }
            None => {
                let raw = IndexOverride::Raw(index.definition.clone());
                match dialect {
                    Dialect::Postgres => made.postgres = raw,
                    Dialect::Sqlite => made.sqlite = raw,
                }
            }
        }
        draft.entity.indexes.push(made);
    }

    /// The parts of an index of plain columns, if they say all of it.
    fn index_parts(&self, draft: &Draft<'_>, index: &Index) -> Option<Vec<Part>> {
        let dialect = self.catalog.dialect;
        let open = index.definition.find('(')?;
        let close = index.definition.rfind(')')?;
        let inner = index.definition.get(open + 1..close)?;
        let mut parts = Vec::new();
        let mut texts = Vec::new();
        for item in inner.split(',') {
            let tokens: Vec<_> =
                tokenize(item, dialect).into_iter().filter(|token| token.is_code()).collect();
            let (column, descending) = match tokens.as_slice() {
                [column] => (column, false),
                [column, order] => (column, order.is_word("desc")),
                _ => return None,
            };
            let name = column.name()?;
            let column = draft.table.columns.iter().find(|column| match dialect {
                Dialect::Postgres => column.name.as_str() == name,
                Dialect::Sqlite => column.name.as_str().eq_ignore_ascii_case(&name),
            })?;
            let order = if descending { Order::Descending } else { Order::Ascending };
            let suffix = if descending { " DESC" } else { "" };
            texts.push(format!("{}{suffix}", quoted(&column.name, dialect)));
            parts.push(part(draft.fields.get(&column.name)?.clone(), order));
        }
        let unique = if index.unique { "UNIQUE " } else { "" };
        let name = quoted(&index.name, dialect);
        let list = texts.join(", ");
        let table = &draft.table.name;
        let text = match dialect {
            Dialect::Postgres => format!(
                "CREATE {unique}INDEX {name} ON {} USING btree ({list})",
                postgres::realize::qualified(table)
            ),
            Dialect::Sqlite => {
                format!("CREATE {unique}INDEX {name} ON {} ({list})", quoted(&table.name, dialect))
            }
        };
        self.same_text(&index.definition, &text).then_some(parts)
    }
}

fn quoted(name: &Ident, dialect: Dialect) -> String {
    match dialect {
        Dialect::Postgres => postgres::realize::ident(name.as_str()),
        Dialect::Sqlite => format!("\"{}\"", name.as_str().replace('"', "\"\"")),
    }
}

fn part(name: String, order: Order) -> Part {
    Part { text: PartText::Field(name), order, place: Place::default() }
}

fn written(action: Action) -> Option<Action> {
    (action != Action::NoAction).then_some(action)
}

fn fields_of(draft: &Draft<'_>, columns: &[Ident]) -> Vec<String> {
    columns.iter().map(|column| draft.fields.get(column).cloned().unwrap_or_default()).collect()
}

/// Fields are their columns; a reference drops its `_id` where the name is free then.
fn field_names(
    table: &Table,
    references: &BTreeMap<&Ident, (usize, &ForeignKey)>,
) -> BTreeMap<Ident, String> {
    let mut taken: BTreeSet<String> =
        table.columns.iter().map(|column| column.name.as_str().to_lowercase()).collect();
    let mut names = BTreeMap::new();
    for column in &table.columns {
        let name = column.name.as_str();
        let short = ["_id", "Id", "ID"].iter().find_map(|suffix| name.strip_suffix(suffix));
        let short = short
            .filter(|short| references.contains_key(&column.name) && !short.is_empty())
            .map(plain_name);
        let field = match short {
            Some(short) if taken.insert(short.to_lowercase()) => short,
            Some(_) | None => {
                let plain = plain_name(name);
                let mut field = plain.clone();
                let mut count = 2;
                while field != name && !taken.insert(field.to_lowercase()) {
                    field = format!("{plain}_{count}");
                    count += 1;
                }
                field
            }
        };
        names.insert(column.name.clone(), field);
    }
    names
}

/// A name that expressions can hold without quotes.
fn plain_name(name: &str) -> String {
    let plain: String =
        name.chars().map(|c| if c.is_alphanumeric() || c == '_' { c } else { '_' }).collect();
    match plain.starts_with(|c: char| c.is_ascii_digit()) {
        true => format!("_{plain}"),
        false => plain,
    }
}

fn default(
    column: &Column,
    value_type: &ValueType,
    dialect: Dialect,
    is_ref: bool,
    field: &mut Field,
    own: &mut Override,
) {
    let Some(actual) = &column.default else { return };
    if let Some(sequence) = &column.owned_sequence {
        let name = postgres::realize::qualified(&sequence.name);
        if *actual == format!("nextval('{name}'::regclass)") {
            return;
        }
    }
    let portable = if is_ref { None } else { portable_default(column, value_type, dialect) };
    let fits = match (&portable, &field.kind) {
        (Some(DefaultValue::Text(text)), FieldKind::Enum { values, .. }) => values.contains(text),
        (portable, _) => portable.is_some(),
    };
    match portable.filter(|_| fits) {
        Some(default) => field.default = Some(default),
        None => own.default = Some(actual.clone()),
    }
}
