//! Keys, uniques, references, rules and constraints that are written as SQL.

use super::{Draft, Work, names, sql};
use crate::catalog::rule::{
    Enforce, Matching, Nulls, Requirement, matching_of, nulls_of, requirement_of,
};
use crate::catalog::{Action, Column, Constraint, ConstraintKind, ForeignKey, Table, TableOptions};
use crate::dialect::{postgres, sqlite};
use crate::expr::walk::any;
use crate::expr::{BinaryOp, Expr, IsTest, Polarity};
use crate::model::{
    Condition, ConstraintName, Entity, Field, FieldKind, NamelessByDefault, PartText, Place, Raw,
    Unique,
};
use crate::text::token::tokenize;
use crate::text::{Dialect, Ident, QName};

impl<'m> Work<'m> {
    pub(super) fn primary_key(&mut self, draft: &mut Draft<'m>) {
        let entity = draft.entity;
        let columns = self.columns_of(entity, &entity.key_fields());
        if columns.is_empty() {
            if entity.sqlite.without_rowid == Some(true) && self.dialect == Dialect::Sqlite {
                let help = "add a field `id`, or `key:`";
                self.error(entity.place.span, "a WITHOUT ROWID table needs a key", help);
            }
            return;
        }
        let (written, raw, place) = match &entity.key {
            Some(key) => (key.constraint.clone(), key.raw.clone(), key.place),
            None => (ConstraintName::Derived, Raw::default(), entity.place),
        };
        let counts = entity.sqlite.autoincrement == Some(true);
        if self.dialect == Dialect::Sqlite && counts && !self.is_row_id(entity) {
            let help = "make the key one `int` field, or remove `autoincrement`";
            self.error(entity.place.span, "AUTOINCREMENT needs a key of one integer", help);
        }
        let row_id = self.dialect == Dialect::Sqlite
            && written == ConstraintName::Derived
            && self.is_row_id(entity);
        let derived = format!("{}_pkey", draft.name.name);
        let name = match row_id {
            true => None,
            false => names::constraint(&written, derived, self.model, self.dialect),
        };
        let mut definition = self.definition(&raw, "PRIMARY KEY", &columns);
        if self.dialect == Dialect::Sqlite && counts && raw.is_empty() {
            definition.push_str(" AUTOINCREMENT");
        }
        let keys = columns.iter().map(|column| sql::quote(column.as_str())).collect();
        let title = format!("{}.key", entity.name);
        let requirement = Requirement::Unique { keys, predicate: None, nulls: Nulls::Distinct };
        self.rule(&draft.name, title, requirement, Enforce::Database, place);
        let kind = ConstraintKind::PrimaryKey { columns };
        draft.constraints.push(Constraint { name, kind, definition });
    }

    /// The constraint as text: as written, else the words and the columns.
    fn definition(&self, raw: &Raw, words: &str, columns: &[Ident]) -> String {
        match raw.of(self.dialect) {
            Some(text) => text.to_owned(),
            None => format!("{words} ({})", self.column_list(columns)),
        }
    }

    fn column_list(&self, columns: &[Ident]) -> String {
        let names: Vec<String> = columns.iter().map(|column| self.ident(column.as_str())).collect();
        names.join(", ")
    }

    /// A name as the engine prints it in constraint texts.
    pub(super) fn ident(&self, name: &str) -> String {
        match self.dialect {
            Dialect::Postgres => postgres::realize::ident(name),
            Dialect::Sqlite => sql::quote(name),
        }
    }

    pub(super) fn uniques(&mut self, draft: &mut Draft<'m>) {
        for unique in &draft.entity.unique {
            let plain = unique.condition.is_none()
                && unique.parts.iter().all(|part| matches!(part.text, PartText::Field(_)));
            let derived = format!("{}_{}", draft.name.name, unique.name);
            if !plain {
                self.unique_index(draft, unique, derived);
                continue;
            }
            let fields: Vec<String> = unique
                .parts
                .iter()
                .filter_map(|part| match &part.text {
                    PartText::Field(name) => Some(name.clone()),
                    PartText::Expression(_) => None,
                })
                .collect();
            self.unique_constraint(draft, unique, &fields, derived);
        }
    }

    fn unique_constraint(
        &mut self,
        draft: &mut Draft<'m>,
        unique: &Unique,
        fields: &[String],
        derived: String,
    ) {
        let columns = self.columns_of(draft.entity, fields);
        let name = names::constraint(&unique.constraint, derived, self.model, self.dialect);
        let definition = self.definition(&unique.raw, "UNIQUE", &columns);
        let keys = columns.iter().map(|column| sql::quote(column.as_str())).collect();
        let nulls = nulls_of(&definition);
        let requirement = Requirement::Unique { keys, predicate: None, nulls };
        let title = format!("{}.{}", draft.entity.name, unique.name);
        self.rule(&draft.name, title, requirement, Enforce::Database, unique.place);
        let kind = ConstraintKind::Unique { columns };
        draft.constraints.push(Constraint { name, kind, definition });
    }

    pub(super) fn references(&mut self, draft: &mut Draft<'m>) {
        for field in draft.fields.clone() {
            let FieldKind::Ref { entity, place, on_delete, on_update, constraint } = &field.kind
            else {
                continue;
            };
            let Some(target) = self.model.entity(entity) else { continue };
            let column = Ident::new(field.column_name().unwrap_or_default());
            let key = ForeignKey {
                columns: vec![column.clone()],
                references: names::table(target, self.dialect),
                referenced_columns: self.columns_of(target, &target.key_fields()),
                on_delete: on_delete.unwrap_or(Action::NoAction),
                on_update: on_update.unwrap_or(Action::NoAction),
            };
            let derived = format!("{}_{column}_fkey", draft.name.name);
            let name = names::constraint(constraint, derived, self.model, self.dialect);
            let definition = self.foreign_key_text(&key, *on_delete, *on_update);
            let title = format!("{}.{}", draft.entity.name, field.name);
            self.foreign_key(draft, name, key, definition, title, *place);
        }
        for written in &draft.entity.foreign_keys {
            let Some(target) = self.model.entity(&written.entity) else { continue };
            let to = if written.to.is_empty() { target.key_fields() } else { written.to.clone() };
            let key = ForeignKey {
                columns: self.columns_of(draft.entity, &written.fields),
                references: names::table(target, self.dialect),
                referenced_columns: self.columns_of(target, &to),
                on_delete: written.on_delete.unwrap_or(Action::NoAction),
                on_update: written.on_update.unwrap_or(Action::NoAction),
            };
            let derived = format!("{}_{}", draft.name.name, written.name);
            let name = names::constraint(&written.constraint, derived, self.model, self.dialect);
            let mut key = key;
            let definition = match written.raw.of(self.dialect) {
                Some(text) => {
                    // SQLite: no column list after the table means its key.
                    if text.matches('(').count() == 1 {
                        key.referenced_columns.clear();
                    }
                    text.to_owned()
                }
                None => self.foreign_key_text(&key, written.on_delete, written.on_update),
            };
            let title = format!("{}.{}", draft.entity.name, written.name);
            self.foreign_key(draft, name, key, definition, title, written.place);
        }
    }

    fn foreign_key(
        &mut self,
        draft: &mut Draft<'m>,
        name: Option<Ident>,
        key: ForeignKey,
        definition: String,
        title: String,
        place: Place,
    ) {
        let matching = match self.dialect {
            Dialect::Postgres => matching_of(&definition),
            Dialect::Sqlite => Matching::Simple,
        };
        let requirement = Requirement::References {
            columns: key.columns.clone(),
            table: key.references.clone(),
            referenced_columns: key.referenced_columns.clone(),
            matching,
        };
        self.rule(&draft.name, title, requirement, Enforce::Database, place);
        let kind = ConstraintKind::ForeignKey(key);
        draft.constraints.push(Constraint { name, kind, definition });
    }

    fn foreign_key_text(
        &self,
        key: &ForeignKey,
        on_delete: Option<Action>,
        on_update: Option<Action>,
    ) -> String {
        match self.dialect {
            Dialect::Postgres => postgres::realize::foreign_key(key),
            Dialect::Sqlite => sqlite::realize::foreign_key(key, on_delete, on_update),
        }
    }

    pub(super) fn check_constraint(&self, name: Option<Ident>, expression: String) -> Constraint {
        let definition = match self.dialect {
            Dialect::Postgres => format!("CHECK (({expression}))"),
            Dialect::Sqlite => format!("CHECK ({expression})"),
        };
        Constraint { name, kind: ConstraintKind::Check { expression }, definition }
    }

    /// A condition as a CHECK where the engine can hold it, else as a rule for the verifier.
    pub(super) fn condition(
        &mut self,
        draft: &mut Draft<'m>,
        written: &ConstraintName,
        derived: String,
        title: String,
        expr: &Expr,
        place: Place,
    ) {
        match self.in_ddl(draft.entity, expr) {
            Ok(text) => {
                let name = names::constraint(written, derived, self.model, self.dialect);
                draft.constraints.push(self.check_constraint(name, text.clone()));
                let requirement = Requirement::Holds { expression: text };
                self.rule(&draft.name, title, requirement, Enforce::Database, place);
            }
            Err(_) => self.verified(draft, title, expr, Enforce::Verify, place),
        }
    }

    fn verified(
        &mut self,
        draft: &Draft<'m>,
        title: String,
        expr: &Expr,
        enforce: Enforce,
        place: Place,
    ) {
        match self.in_query(draft.entity, expr) {
            Ok(expression) => {
                let requirement = Requirement::Holds { expression };
                self.rule(&draft.name, title, requirement, enforce, place);
            }
            Err(error) => {
                let help = format!("write it for {} under `checks:`", self.dialect);
                self.error(place.span, error.to_string(), help);
            }
        }
    }

    pub(super) fn entity_rules(&mut self, draft: &mut Draft<'m>) {
        for rule in &draft.entity.rules {
            let Some(check) = &rule.check.expr else { continue };
            let expr = match rule.condition.as_ref().and_then(|condition| condition.expr.as_ref()) {
                Some(condition) => only_where(condition, check),
                None => check.clone(),
            };
            if rule.beyond_row {
                self.across(draft, rule, &expr);
                continue;
            }
            if !self.scaled_numbers(draft, &rule.check, &expr) {
                continue;
            }
            let title = format!("{}.{}", draft.entity.name, rule.name);
            let before = self.rules.len();
            match rule.enforce {
                None | Some(Enforce::Database) => {
                    let derived = format!("{}_{}", draft.name.name, rule.name);
                    let place = rule.check.place;
                    self.condition(draft, &rule.constraint, derived, title, &expr, place);
                }
                Some(enforce) => self.verified(draft, title, &expr, enforce, rule.check.place),
            }
            for made in &mut self.rules[before..] {
                made.message = rule.message.clone();
            }
        }
    }

    /// Refuses numbers beside columns that hold scaled units: `total > 5` would mean 0.05.
    fn scaled_numbers(&mut self, draft: &Draft<'m>, condition: &Condition, expr: &Expr) -> bool {
        let Some(field) = draft
            .fields
            .iter()
            .find(|field| self.is_scaled(field) && names_field(expr, &field.name))
        else {
            return true;
        };
        if !has_number(expr) {
            return true;
        }
        let message = format!(
            "`{}` is kept in scaled units on {}, so a number beside it would mean something else",
            field.name, self.dialect
        );
        let help = format!("write the condition for {} under `checks:`", self.dialect);
        self.error(condition.place.span, message, help);
        false
    }

    fn is_scaled(&self, field: &Field) -> bool {
        self.scale_of(field).is_some()
    }

    /// How many digits of a field's whole units stand behind the point.
    pub(super) fn scale_of(&self, field: &Field) -> Option<u32> {
        let of_type = match &field.kind {
            FieldKind::Value { text, .. } => self.model.named_type(text).and_then(|named| {
                let of_type = match self.dialect {
                    Dialect::Postgres => &named.postgres,
                    Dialect::Sqlite => &named.sqlite,
                };
                of_type.scale
            }),
            FieldKind::Enum { .. }
            | FieldKind::States { .. }
            | FieldKind::Ref { .. }
            | FieldKind::Many { .. } => None,
        };
        field.override_for(self.dialect).scale.or(of_type).filter(|scale| *scale > 0)
    }

    pub(super) fn raw_constraints(&mut self, draft: &mut Draft<'m>) {
        for check in &draft.entity.checks {
            let Some(text) = check.raw.of(self.dialect) else { continue };
            let name = self.raw_name(&check.constraint, &check.name);
            draft.constraints.push(self.check_constraint(name, text.to_owned()));
            let requirement = Requirement::Holds { expression: text.to_owned() };
            let title = format!("{}.{}", draft.entity.name, check.name);
            self.rule(&draft.name, title, requirement, Enforce::Database, check.place);
        }
        for raw in &draft.entity.constraints {
            let Some(text) = raw.raw.of(self.dialect) else { continue };
            let name = self.raw_name(&raw.constraint, &raw.name);
            let kind = match check_expression(text, self.dialect) {
                Some(expression) => {
                    let requirement = Requirement::Holds { expression: expression.clone() };
                    let title = format!("{}.{}", draft.entity.name, raw.name);
                    self.rule(&draft.name, title, requirement, Enforce::Database, raw.place);
                    ConstraintKind::Check { expression }
                }
                None => {
                    let definition = text.to_owned();
                    let requirement =
                        requirement_of(text).unwrap_or(Requirement::OnlyEngine { definition });
                    let title = format!("{}.{}", draft.entity.name, raw.name);
                    self.rule(&draft.name, title, requirement, Enforce::Database, raw.place);
                    ConstraintKind::Exclusion
                }
            };
            draft.constraints.push(Constraint { name, kind, definition: text.to_owned() });
        }
    }

    /// Constraints in SQL are named by their key.
    fn raw_name(&self, written: &ConstraintName, key: &str) -> Option<Ident> {
        match written {
            ConstraintName::Derived => Some(Ident::new(key)),
            ConstraintName::None | ConstraintName::Given(_) => {
                names::constraint(written, key.to_owned(), self.model, self.dialect)
            }
        }
    }

    pub(super) fn join_table(
        &mut self,
        entity: &'m Entity,
        target: &'m Entity,
        field: &Field,
        through: &str,
    ) {
        let name =
            QName { schema: names::table(entity, self.dialect).schema, name: through.into() };
        let (first, second) = names::join_columns(entity, target, &field.name);
        let mut columns = Vec::new();
        let mut constraints = Vec::new();
        let key = vec![Ident::new(first.clone()), Ident::new(second.clone())];
        let named = self.model.sqlite_constraint_names;
        let derived = |text: String| match (self.dialect, named) {
            (Dialect::Sqlite, NamelessByDefault::Nameless) => None,
            (Dialect::Sqlite | Dialect::Postgres, _) => Some(Ident::new(names::shortened(text))),
        };
        constraints.push(Constraint {
            name: derived(format!("{through}_pkey")),
            definition: format!("PRIMARY KEY ({})", self.column_list(&key)),
            kind: ConstraintKind::PrimaryKey { columns: key },
        });
        for (column, side) in [(first, entity), (second, target)] {
            let mut made = Column::plain(column.clone(), self.key_type(side));
            made.not_null = true;
            columns.push(made);
            let key = ForeignKey {
                columns: vec![Ident::new(column.clone())],
                references: names::table(side, self.dialect),
                referenced_columns: self.columns_of(side, &side.key_fields()),
                on_delete: Action::Cascade,
                on_update: Action::NoAction,
            };
            constraints.push(Constraint {
                name: derived(format!("{through}_{column}_fkey")),
                definition: self.foreign_key_text(&key, Some(Action::Cascade), None),
                kind: ConstraintKind::ForeignKey(key),
            });
        }
        let options = match self.dialect {
            Dialect::Postgres => TableOptions::postgres(),
            Dialect::Sqlite => {
                let options = sqlite::realize::Options::default();
                let create = sqlite::realize::create_table(&name, &columns, &constraints, options);
                TableOptions::Sqlite {
                    strict: false,
                    without_rowid: false,
                    autoincrement: false,
                    rest: sqlite::realize::rest(&create),
                    create,
                }
            }
        };
        let indexes = Vec::new();
        let table = Table { name, columns, constraints, indexes, options, comment: None };
        for mut rule in crate::catalog::rule::rules_of(&table) {
            rule.origin = field.place.origin();
            self.rules.push(rule);
        }
        self.catalog.tables.insert(table.name.clone(), table);
    }
}

/// The condition of a CHECK that is written out, with whatever follows it (`NOT VALID`, `NO INHERIT`).
fn check_expression(text: &str, dialect: Dialect) -> Option<String> {
    let tokens = tokenize(text, dialect);
    let mut code = tokens.iter().filter(|token| token.is_code());
    code.next().filter(|token| token.is_word("check"))?;
    let open = code.next().filter(|token| token.is_mark("("))?;
    let mut depth = 1_usize;
    for token in code {
        if token.is_mark("(") {
            depth += 1;
        } else if token.is_mark(")") {
            depth -= 1;
        }
        if depth == 0 {
            let inner = text[open.span.end..token.span.start].trim();
            return Some(sql::without_outer_parentheses(inner).to_owned());
        }
    }
    None
}

/// Looks only at rows for which the condition is true.
fn only_where(condition: &Expr, check: &Expr) -> Expr {
    let elsewhere = Expr::Is {
        operand: Box::new(condition.clone()),
        test: IsTest::True,
        polarity: Polarity::Negative,
    };
    Expr::Binary(Box::new(elsewhere), BinaryOp::Or, Box::new(check.clone()))
}

fn names_field(expr: &Expr, name: &str) -> bool {
    any(
        expr,
        &|inner| matches!(inner, Expr::Field(path) if path.first().is_some_and(|first| first.eq_ignore_ascii_case(name))),
    )
}

fn has_number(expr: &Expr) -> bool {
    any(
        expr,
        &|inner| matches!(inner, Expr::Number(number) if number.bytes().any(|b| (b'1'..=b'9').contains(&b))),
    )
}
