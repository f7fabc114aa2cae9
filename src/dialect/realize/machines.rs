//! State machines as triggers: what a model says of the states of a field, held by the database.

use std::collections::BTreeSet;

use super::{Work, names};
use crate::catalog::machine::{self, Machine, Transition};
use crate::catalog::rule::{Enforce, Requirement};
use crate::catalog::{Dependency, Opaque, OpaqueKind};
use crate::dialect::machine::{Drawn, Pair};
use crate::dialect::{postgres, sqlite};
use crate::model::{Entity, Field, FieldKind};
use crate::text::{Dialect, Ident};

impl Work<'_> {
    pub(super) fn machines(&mut self) {
        for entity in &self.model.entities {
            for field in &entity.fields {
                self.machine(entity, field);
            }
        }
    }

    fn machine(&mut self, entity: &Entity, field: &Field) {
        let FieldKind::States { values, initial, transitions, enforce, .. } = &field.kind else {
            return;
        };
        let Some(column) = field.column_name().map(Ident::new) else { return };
        if transitions.is_empty() {
            return;
        }
        self.reached(entity, field, &column);
        match enforce {
            None | Some(Enforce::Database) => {}
            Some(Enforce::Verify | Enforce::Warn) => return,
        }
        let table = names::table(entity, self.dialect);
        let machine = Machine {
            entity: entity.name.clone(),
            field: field.name.clone(),
            initial: initial.clone(),
            transitions: transitions.iter().map(told).collect(),
        };
        let Some(pairs) = self.pairs(entity, field) else { return };
        let data_type = self.catalog.tables.get(&table).and_then(|table| table.column(&column));
        let is_text = data_type.is_none_or(|column| column.data_type.eq_ignore_ascii_case("text"));
        let drawn = Drawn {
            machine: &machine,
            table: &table,
            column: &column,
            states: values,
            optional: field.optional,
            is_text,
            pairs: &pairs,
        };
        let made = match self.dialect {
            Dialect::Postgres => postgres::machine::objects(&drawn),
            Dialect::Sqlite => sqlite::machine::objects(&drawn),
        };
        let depends_on = self.reads(entity, field, &column);
        for (kind, part, create) in made {
            let id = match kind {
                OpaqueKind::Function => machine::function(&table, &column),
                _ => machine::trigger(&table, &column, part),
            };
            let mut depends_on = depends_on.clone();
            match kind {
                OpaqueKind::Function => depends_on.clear(),
                _ if self.dialect == Dialect::Postgres => {
                    depends_on.retain(|it| {
                        let own = [
                            Dependency::Table(table.clone()),
                            Dependency::Column(table.clone(), column.clone()),
                        ];
                        own.contains(it)
                    });
                    depends_on.insert(Dependency::Opaque(machine::function(&table, &column)));
                }
                _ => {}
            }
            if self.catalog.opaques.contains_key(&id) {
                let message =
                    format!("{id} holds the states of `{}`, and is written too", machine.title());
                let help = "give the one under `sql:` another name, or write `enforce: verify`";
                self.error(field.place.span, message, help);
            }
            let opaque =
                Opaque { id: id.clone(), create: vec![create], columns: Vec::new(), depends_on };
            self.catalog.opaques.insert(id, opaque);
        }
    }

    /// What may become of what, each with the conditions of which one must be true.
    fn pairs(&mut self, entity: &Entity, field: &Field) -> Option<Vec<Pair>> {
        let FieldKind::States { transitions, .. } = &field.kind else { return None };
        let mut pairs: Vec<Pair> = Vec::new();
        for transition in transitions {
            let guard = match &transition.when {
                Some(when) if when.expr.is_some() => {
                    let expr = when.expr.as_ref()?;
                    if let Err(fault) = self.unit(entity, expr) {
                        let help = format!("keep both in the same unit on {}", self.dialect);
                        self.error(when.place.span, fault, help);
                        return None;
                    }
                    match self.in_trigger(entity, expr) {
                        Ok(text) => Some((text, when.text.clone())),
                        Err(error) => {
                            let help =
                                "say it in another way, or write `enforce: verify` at the field";
                            self.error(when.place.span, error.to_string(), help);
                            return None;
                        }
                    }
                }
                Some(_) | None => None,
            };
            for from in transition.from.iter().filter(|from| **from != transition.to) {
                let at = pairs.iter().position(|it| it.from == *from && it.to == transition.to);
                let at = at.unwrap_or_else(|| {
                    pairs.push(Pair {
                        from: from.clone(),
                        to: transition.to.clone(),
                        ways: Vec::new(),
                    });
                    pairs.len() - 1
                });
                pairs[at].ways.push((transition.name.clone(), guard.clone()));
            }
        }
        Some(pairs)
    }

    /// What the triggers of a field read.
    fn reads(&self, entity: &Entity, field: &Field, column: &Ident) -> BTreeSet<Dependency> {
        let table = names::table(entity, self.dialect);
        let mut found = BTreeSet::from([
            Dependency::Table(table.clone()),
            Dependency::Column(table, column.clone()),
        ]);
        let FieldKind::States { transitions, .. } = &field.kind else { return found };
        let guards = transitions.iter().filter_map(|it| it.when.as_ref()?.expr.as_ref());
        for path in guards.flat_map(crate::expr::walk::fields) {
            let mut entity = entity;
            for name in path {
                let fields = entity.all_fields();
                let Some(field) = crate::model::field_named(&fields, name) else { break };
                let table = names::table(entity, self.dialect);
                found.insert(Dependency::Table(table.clone()));
                if let Some(column) = field.column_name() {
                    found.insert(Dependency::Column(table, Ident::new(column)));
                }
                let FieldKind::Ref { entity: target, .. } = &field.kind else { break };
                let Some(target) = self.model.entity(target) else { break };
                entity = target;
            }
        }
        found
    }

    /// Rows in states that nothing leads to are told by `migrate verify`.
    fn reached(&mut self, entity: &Entity, field: &Field, column: &Ident) {
        let FieldKind::States { values, initial, transitions, .. } = &field.kind else { return };
        let lost = crate::model::graph::unreachable(values, initial.as_deref(), transitions);
        if lost.is_empty() {
            return;
        }
        let lost: Vec<String> = lost.into_iter().map(str::to_owned).collect();
        let list = match self.dialect {
            Dialect::Postgres => postgres::realize::value_set(column, &lost).1,
            Dialect::Sqlite => sqlite::realize::value_set(column, &lost).1,
        };
        let table = names::table(entity, self.dialect);
        let title = format!("{}.{} reached", entity.name, field.name);
        let requirement = Requirement::Holds { expression: format!("NOT ({list})") };
        self.rule(&table, title, requirement, Enforce::Warn, field.place);
        if let Some(made) = self.rules.last_mut() {
            made.message = Some(format!("no transition leads to {}", lost.join(", ")));
        }
    }
}

fn told(transition: &crate::model::Transition) -> Transition {
    let when = transition.when.as_ref().map(|when| crate::catalog::machine::one_line(&when.text));
    Transition {
        name: transition.name.clone(),
        from: transition.from.clone(),
        to: transition.to.clone(),
        by: transition.by.clone(),
        when,
    }
}
