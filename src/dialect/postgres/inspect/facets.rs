//! Comments, owners, rights and switches of objects.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::objects::ObjectRow;
use super::{Results, rows, unexpected};
use crate::catalog::facets::{DefaultsOn, Facets, Grant, Grantee, Held, Line, Subject, Switch};
use crate::dialect::InspectError;
use crate::text::{Ident, QName};

pub(super) const FACETS: &str = "facets";

/// The facets of every object that has some.
pub(super) fn read(results: &Results) -> Result<BTreeMap<Subject, Facets>, InspectError> {
    let mut found = BTreeMap::new();
    for row in rows::<FacetsRow>(results, FACETS)? {
        let facets = row.read()?;
        found.insert(facets.of.clone(), facets);
    }
    Ok(found)
}

#[derive(Deserialize)]
struct FacetsRow {
    kind: String,
    /// Of default privileges: none where they are for every schema.
    schema: Option<Ident>,
    name: Ident,
    signature: String,
    table_schema: Option<Ident>,
    table_name: Option<Ident>,
    owner: Option<Ident>,
    comment: Option<String>,
    grants: Vec<GrantRow>,
    switches: Vec<Switch>,
    lines: Vec<Line>,
}

#[derive(Deserialize)]
struct GrantRow {
    to: String,
    role: Ident,
    column: Option<Ident>,
    privilege: String,
    held: Held,
}

impl FacetsRow {
    fn read(self) -> Result<Facets, InspectError> {
        let of = self.subject()?;
        let owner = match of {
            Subject::DefaultPrivileges { .. } => None,
            _ => self.owner,
        };
        let grants: Result<_, _> = self.grants.into_iter().map(GrantRow::read).collect();
        Ok(Facets {
            of,
            owner,
            comment: self.comment,
            grants: grants?,
            switches: self.switches.into_iter().collect(),
            lines: self.lines.into_iter().collect(),
        })
    }

    fn subject(&self) -> Result<Subject, InspectError> {
        let table = match (&self.table_schema, &self.table_name) {
            (Some(schema), Some(name)) => {
                Some(QName { schema: schema.clone(), name: name.clone() })
            }
            (_, _) => None,
        };
        let schema = self.schema.clone();
        let named = || QName {
            schema: schema.clone().unwrap_or_else(|| Ident::new("")),
            name: self.name.clone(),
        };
        Ok(match (self.kind.as_str(), table) {
            ("schema", _) => Subject::Schema(self.name.clone()),
            ("table", _) => Subject::Table(named()),
            ("sequence", _) => Subject::Sequence(named()),
            ("enum", _) => Subject::Enum(named()),
            ("index", Some(table)) => Subject::Index(table, self.name.clone()),
            ("constraint", Some(table)) => Subject::Constraint(table, self.name.clone()),
            ("default_privileges", _) => Subject::DefaultPrivileges {
                role: self.owner.clone(),
                schema: schema.clone(),
                on: self.defaults_on()?,
            },
            (_, _) => {
                let object = ObjectRow {
                    kind: self.kind.clone(),
                    schema: named().schema,
                    name: self.name.clone(),
                    signature: self.signature.clone(),
                    table_schema: self.table_schema.clone(),
                    table_name: self.table_name.clone(),
                };
                Subject::Opaque(object.id(FACETS)?)
            }
        })
    }

    fn defaults_on(&self) -> Result<DefaultsOn, InspectError> {
        match self.name.as_str() {
            "tables" => Ok(DefaultsOn::Tables),
            "sequences" => Ok(DefaultsOn::Sequences),
            "functions" => Ok(DefaultsOn::Functions),
            "types" => Ok(DefaultsOn::Types),
            "schemas" => Ok(DefaultsOn::Schemas),
            "large_objects" => Ok(DefaultsOn::LargeObjects),
            other => Err(unexpected(FACETS, other, "a kind of object with default privileges")),
        }
    }
}

impl GrantRow {
    fn read(self) -> Result<Grant, InspectError> {
        let to = match self.to.as_str() {
            "public" => Grantee::Public,
            "owner" => Grantee::Owner,
            "role" => Grantee::Role(self.role),
            other => return Err(unexpected(FACETS, other, "public, owner or role")),
        };
        Ok(Grant { to, column: self.column, privilege: self.privilege, held: self.held })
    }
}
