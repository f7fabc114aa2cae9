//! The columns of a model's fields: those that it marks as personal data, and where in the file each is told.

use std::collections::{BTreeMap, BTreeSet};

use super::names;
use crate::model::{Carried, FieldKind, Model};
use crate::text::{Dialect, Ident, QName};

/// Tables and columns that hold values of `pii:` fields and types, under the names they have and had: a database may not
/// have seen the last renames yet.
pub fn personal_columns(model: &Model, dialect: Dialect) -> BTreeMap<QName, BTreeSet<Ident>> {
    let is_marked = |carried: &[Carried]| carried.iter().any(|carried| carried.key == "pii");
    let mut found: BTreeMap<QName, BTreeSet<Ident>> = BTreeMap::new();
    for entity in &model.entities {
        let table = names::table(entity, dialect);
        let earlier = entity
            .was
            .iter()
            .map(|name| QName { schema: table.schema.clone(), name: Ident::new(name.as_str()) });
        let tables: Vec<QName> = earlier.chain([table.clone()]).collect();
        for field in &entity.fields {
            let of_type = match &field.kind {
                FieldKind::Value { text, .. } => {
                    model.types.iter().any(|named| named.name == *text && is_marked(&named.carried))
                }
                FieldKind::Enum { .. }
                | FieldKind::States { .. }
                | FieldKind::Ref { .. }
                | FieldKind::Many { .. } => false,
            };
            if !of_type && !is_marked(&field.carried) {
                continue;
            }
            let columns: Vec<Ident> = field
                .column_name()
                .iter()
                .chain(&field.was)
                .map(|it| Ident::new(it.as_str()))
                .collect();
            for table in &tables {
                found.entry(table.clone()).or_default().extend(columns.iter().cloned());
                if entity.audits("history") {
                    let name = Ident::new(format!("{}_history", table.name));
                    let log = QName { schema: table.schema.clone(), name };
                    let rows = ["row_before", "row_after"].map(Ident::from);
                    found.entry(log).or_default().extend(rows);
                }
            }
        }
    }
    found
}

/// Line and column (1-based) of the field that each column comes from.
pub fn field_places(
    model: &Model,
    dialect: Dialect,
) -> BTreeMap<QName, BTreeMap<Ident, (usize, usize)>> {
    let each = model.entities.iter().map(|entity| {
        let places = entity.fields.iter().filter_map(|field| {
            let column = Ident::new(field.column_name()?.as_str());
            Some((column, field.place.origin()?))
        });
        (names::table(entity, dialect), places.collect())
    });
    each.collect()
}
