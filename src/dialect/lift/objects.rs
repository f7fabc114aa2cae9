//! Views, functions, triggers: as SQL, in an order in which they can be made.

use std::collections::{BTreeMap, BTreeSet};

use super::Lift;
use crate::catalog::{Dependency, ObjectId, Opaque, OpaqueKind};
use crate::model::{Place, SqlObject, SqlText};
use crate::text::Dialect;

impl Lift<'_> {
    pub(super) fn objects(&mut self) -> Vec<SqlObject> {
        let said = self.said_by_fields();
        let mut order = self.in_order();
        order.retain(|opaque| !said.contains(&opaque.id));
        let mut keys: BTreeMap<&ObjectId, String> = BTreeMap::new();
        let mut taken: BTreeSet<String> = self.entities.values().cloned().collect();
        for opaque in &order {
            let name = opaque.id.name.name.as_str();
            let mut key = name.to_owned();
            let mut count = 2;
            while !taken.insert(key.clone()) {
                key = format!("{name}_{count}");
                count += 1;
            }
            keys.insert(&opaque.id, key);
        }
        order.iter().map(|opaque| self.object(opaque, &keys)).collect()
    }

    /// What others stand on comes first; names decide among equals.
    fn in_order(&self) -> Vec<&Opaque> {
        let mut order: Vec<&Opaque> = Vec::new();
        let mut done: BTreeSet<&ObjectId> = BTreeSet::new();
        while order.len() < self.catalog.opaques.len() {
            let waiting = self.catalog.opaques.values().filter(|o| !done.contains(&o.id));
            let ready: Vec<&Opaque> = waiting
                .clone()
                .filter(|opaque| {
                    opaque.depends_on.iter().all(|dependency| match dependency {
                        Dependency::Opaque(id) => {
                            done.contains(id)
                                || *id == opaque.id
                                || !self.catalog.opaques.contains_key(id)
                        }
                        Dependency::Table(_)
                        | Dependency::Column(..)
                        | Dependency::Constraint(..)
                        | Dependency::Enum(_) => true,
                    })
                })
                .collect();
            // A circle has no order: it is written as it comes.
            let next = if ready.is_empty() { waiting.collect() } else { ready };
            for opaque in next {
                done.insert(&opaque.id);
                order.push(opaque);
            }
        }
        order
    }

    fn object(&self, opaque: &Opaque, keys: &BTreeMap<&ObjectId, String>) -> SqlObject {
        let dialect = self.catalog.dialect;
        let id = &opaque.id;
        let key = keys[id].clone();
        let by_name = |table: &crate::text::QName| {
            let entity = self.entities.get(table).cloned();
            entity.or_else(|| {
                let mut views = keys.iter().filter(|(id, _)| {
                    id.name == *table
                        && matches!(id.kind, OpaqueKind::View | OpaqueKind::MaterializedView)
                });
                views.next().map(|(_, key)| key.clone())
            })
        };
        let mut after: Vec<String> = Vec::new();
        for dependency in &opaque.depends_on {
            let name = match dependency {
                Dependency::Table(table)
                | Dependency::Column(table, _)
                | Dependency::Constraint(table, _) => by_name(table),
                Dependency::Opaque(other) => keys.get(other).cloned(),
                Dependency::Enum(_) => None,
            };
            after.extend(name.filter(|name| !after.contains(name) && *name != key));
        }
        let on = id.table.as_ref().and_then(by_name);
        after.retain(|name| {
            Some(name) != on.as_ref() || id.kind != OpaqueKind::Trigger || !self.is_entity(name)
        });
        let text = Some(SqlText { up: opaque.create.clone(), down: None });
        let (postgres, sqlite) = match dialect {
            Dialect::Postgres => (text, None),
            Dialect::Sqlite => (None, text),
        };
        let own_schema = id.table.as_ref().map_or(dialect.default_schema(), |t| t.schema.as_str());
        SqlObject {
            physical: (key != id.name.name.as_str()).then(|| id.name.name.to_string()),
            name: key,
            kind: id.kind,
            after,
            on,
            signature: Some(id.signature.clone()).filter(|signature| !signature.is_empty()),
            schema: (id.name.schema.as_str() != own_schema).then(|| id.name.schema.to_string()),
            any: None,
            postgres,
            sqlite,
            place: Place::default(),
        }
    }

    fn is_entity(&self, name: &str) -> bool {
        self.entities.values().any(|entity| entity == name)
    }
}
