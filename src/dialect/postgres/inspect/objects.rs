//! Rows of objects carried as text, and of what they stand on.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{DEPENDENCIES, OPAQUES, Results, SERVICES, TYPES, rows, unexpected};
use crate::catalog::facets::{Facets, Line, Subject};
use crate::catalog::{Catalog, Dependency, ObjectId, Opaque, OpaqueKind, ShapeColumn};
use crate::dialect::InspectError;
use crate::text::{Ident, QName};

/// Every object carried as text, with what it stands on.
pub(super) fn opaques(results: &Results) -> Result<BTreeMap<ObjectId, Opaque>, InspectError> {
    let mut opaques = BTreeMap::new();
    for query in [OPAQUES, TYPES, SERVICES] {
        for row in rows::<OpaqueRow>(results, query)? {
            let id = row.object.id(query)?;
            let mut create = row.create;
            if makes_up(id.kind) {
                create.extend(row.lines.into_iter().map(|line| line.set));
            }
            let opaque = Opaque {
                id: id.clone(),
                create,
                columns: row.columns,
                depends_on: BTreeSet::new(),
            };
            opaques.insert(id, opaque);
        }
    }
    for row in rows::<DependencyRow>(results, DEPENDENCIES)? {
        if let Some(opaque) = opaques.get_mut(&row.from.id(DEPENDENCIES)?) {
            opaque.depends_on.insert(row.to.dependency(row.column, row.constraint)?);
        }
    }
    Ok(opaques)
}

/// What can be set on an object and taken back stands among its facets.
pub(super) fn lines(results: &Results, catalog: &mut Catalog) -> Result<(), InspectError> {
    for query in [OPAQUES, TYPES, SERVICES] {
        for row in rows::<OpaqueRow>(results, query)? {
            let id = row.object.id(query)?;
            if row.lines.is_empty() || makes_up(id.kind) {
                continue;
            }
            let subject = Subject::Opaque(id);
            let facets = catalog.facets.entry(subject.clone());
            facets.or_insert_with(|| Facets::none(subject)).lines.extend(row.lines);
        }
    }
    Ok(())
}

/// Kinds that stand on what their lines name, so that they are made anew when a line changes.
fn makes_up(kind: OpaqueKind) -> bool {
    matches!(kind, OpaqueKind::OperatorFamily | OpaqueKind::TextSearchConfiguration)
}

#[derive(Deserialize)]
pub(super) struct ObjectRow {
    pub(super) kind: String,
    pub(super) schema: Ident,
    pub(super) name: Ident,
    pub(super) signature: String,
    pub(super) table_schema: Option<Ident>,
    pub(super) table_name: Option<Ident>,
}

impl ObjectRow {
    pub(super) fn id(&self, query: &'static str) -> Result<ObjectId, InspectError> {
        let Some(kind) = OpaqueKind::named(&self.kind) else {
            return Err(unexpected(query, &self.kind, "a kind of object"));
        };
        let table = match (&self.table_schema, &self.table_name) {
            (Some(schema), Some(name)) => {
                Some(QName { schema: schema.clone(), name: name.clone() })
            }
            (_, _) => None,
        };
        let name = QName { schema: self.schema.clone(), name: self.name.clone() };
        Ok(ObjectId { kind, name, signature: self.signature.clone(), table })
    }

    fn dependency(
        &self,
        column: Option<Ident>,
        constraint: Option<Ident>,
    ) -> Result<Dependency, InspectError> {
        let name = QName { schema: self.schema.clone(), name: self.name.clone() };
        Ok(match (self.kind.as_str(), column, constraint) {
            ("table", Some(column), _) => Dependency::Column(name, column),
            ("table", None, Some(constraint)) => Dependency::Constraint(name, constraint),
            ("table", None, None) => Dependency::Table(name),
            ("enum", _, _) => Dependency::Enum(name),
            (_, _, _) => Dependency::Opaque(self.id(DEPENDENCIES)?),
        })
    }
}

#[derive(Deserialize)]
struct OpaqueRow {
    #[serde(flatten)]
    object: ObjectRow,
    create: Vec<String>,
    #[serde(default)]
    lines: Vec<Line>,
    #[serde(default)]
    columns: Vec<ShapeColumn>,
}

#[derive(Deserialize)]
struct DependencyRow {
    from: ObjectRow,
    to: ObjectRow,
    column: Option<Ident>,
    constraint: Option<Ident>,
}
