//! Views, functions, triggers and other objects that the model holds as SQL.

use super::{Work, names};
use crate::catalog::{Dependency, ObjectId, Opaque};
use crate::model::{SqlObject, SqlText};
use crate::text::token::tokenize;
use crate::text::{Dialect, Ident, QName};

impl Work<'_> {
    pub(super) fn objects(&mut self) {
        for object in &self.model.sql {
            let Some(text) = self.text_of(object) else { continue };
            let id = self.object_id(object);
            let create = self.statements(object, &id, text);
            let depends_on = object
                .after
                .iter()
                .filter_map(|name| self.dependency(name))
                .chain(self.table_of(&id))
                .collect();
            let schema = &id.name.schema;
            if schema.as_str() != self.dialect.default_schema() && !schema.as_str().is_empty() {
                self.catalog.schemas.insert(schema.clone());
            }
            let opaque = Opaque { id: id.clone(), create, columns: Vec::new(), depends_on };
            self.catalog.opaques.insert(id, opaque);
        }
    }

    fn text_of<'o>(&self, object: &'o SqlObject) -> Option<&'o SqlText> {
        let own = match self.dialect {
            Dialect::Postgres => object.postgres.as_ref(),
            Dialect::Sqlite => object.sqlite.as_ref(),
        };
        own.or(object.any.as_ref())
    }

    fn object_id(&self, object: &SqlObject) -> ObjectId {
        let table = object.on.as_ref().and_then(|name| match self.model.entity(name) {
            Some(entity) => Some(names::table(entity, self.dialect)),
            None => {
                let view = self.model.sql.iter().find(|other| other.name == *name);
                view.filter(|view| view.name != object.name).map(|view| self.object_id(view).name)
            }
        });
        let schema = match (&object.schema, self.dialect, &table) {
            (Some(schema), Dialect::Postgres, _) => Ident::new(schema.clone()),
            (None, _, Some(table)) => table.schema.clone(),
            (Some(_) | None, _, _) => Ident::new(self.dialect.default_schema()),
        };
        let name = object.physical.clone().unwrap_or_else(|| object.name.clone());
        ObjectId {
            kind: object.kind,
            name: QName { schema, name: Ident::new(name) },
            signature: object.signature.clone().unwrap_or_default(),
            table,
        }
    }

    /// The statements; a query alone becomes a view.
    fn statements(&self, object: &SqlObject, id: &ObjectId, text: &SqlText) -> Vec<String> {
        let mut statements: Vec<String> =
            text.up.iter().map(|s| s.trim().trim_end_matches(';').trim_end().to_owned()).collect();
        let is_query = |sql: &str| {
            let tokens = tokenize(sql, self.dialect);
            let first = tokens.iter().find(|token| token.is_code());
            first.is_some_and(|token| token.is_word("select") || token.is_word("with"))
        };
        if let Some(first) = statements.first_mut()
            && is_query(first)
        {
            let name = match self.dialect {
                Dialect::Postgres => crate::dialect::postgres::realize::qualified(&id.name),
                Dialect::Sqlite => super::sql::quote(id.name.name.as_str()),
            };
            *first = format!("CREATE {} {name} AS {first}", object.kind.words());
        }
        statements
    }

    /// A trigger stands on its table; on its view by `after`.
    fn table_of(&self, id: &ObjectId) -> Option<Dependency> {
        let table = id.table.as_ref().filter(|table| self.catalog.tables.contains_key(table))?;
        Some(Dependency::Table(table.clone()))
    }

    fn dependency(&self, name: &str) -> Option<Dependency> {
        if let Some(entity) = self.model.entity(name) {
            return Some(Dependency::Table(names::table(entity, self.dialect)));
        }
        let object = self.model.sql.iter().find(|object| object.name == name)?;
        self.text_of(object)?;
        Some(Dependency::Opaque(self.object_id(object)))
    }
}
