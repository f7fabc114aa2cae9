//! Sequences that a table takes along into another schema.

use super::super::facets::Subject;
use super::super::{Catalog, Column, Dependency, ObjectId, OpaqueKind};
use super::qualified;
use crate::text::token::canonical_name;
use crate::text::{Dialect, Ident, QName};

impl Catalog {
    /// `ALTER TABLE … SET SCHEMA` moves what the columns of the table own.
    pub(super) fn move_sequences(&mut self, table: &QName, old_schema: &Ident) {
        let mut moved: Vec<QName> = Vec::new();
        for column in self.tables.get_mut(table).into_iter().flat_map(|table| &mut table.columns) {
            let owned = column.owned_sequence.as_mut();
            let sequence = owned.or(column.identity.as_mut().map(|it| &mut it.sequence));
            let Some(sequence) = sequence.filter(|it| it.name.schema == *old_schema) else {
                continue;
            };
            let before = sequence.name.clone();
            sequence.name.schema = table.schema.clone();
            let after = sequence.name.clone();
            recount(column, &before, &after);
            moved.push(before);
        }
        moved.extend(self.move_free_sequences(table, old_schema));
        self.rename_facets(|facets| {
            if let Subject::Sequence(name) = &mut facets.of
                && moved.contains(name)
            {
                name.schema = table.schema.clone();
            }
        });
    }

    /// Those of columns that own more than one.
    fn move_free_sequences(&mut self, table: &QName, old_schema: &Ident) -> Vec<QName> {
        let is_own = |it: &Dependency| matches!(it, Dependency::Column(of, _) if of == table);
        let ids = self.opaques.values().filter(|opaque| {
            opaque.id.kind == OpaqueKind::Sequence
                && opaque.id.name.schema == *old_schema
                && opaque.depends_on.iter().any(is_own)
        });
        let ids: Vec<ObjectId> = ids.map(|opaque| opaque.id.clone()).collect();
        let mut moved = Vec::new();
        for id in ids {
            let Some(mut opaque) = self.opaques.remove(&id) else { continue };
            opaque.id.name.schema = table.schema.clone();
            for text in &mut opaque.create {
                *text = qualified(text, &id.name, &opaque.id.name);
            }
            self.opaques.insert(opaque.id.clone(), opaque);
            moved.push(id.name);
        }
        moved
    }
}

/// A default that counts with a sequence names it in a text.
fn recount(column: &mut Column, before: &QName, after: &QName) {
    let printed = |name: &QName| {
        let part = |ident: &Ident| canonical_name(ident.as_str(), Dialect::Postgres);
        let text = format!("{}.{}", part(&name.schema), part(&name.name));
        format!("'{}'::regclass", text.replace('\'', "''"))
    };
    if let Some(default) = &mut column.default {
        *default = default.replace(&printed(before), &printed(after));
    }
}
