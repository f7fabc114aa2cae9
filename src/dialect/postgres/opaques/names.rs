//! How statements name an object that is carried as text.

use super::super::parts::slot;
use super::super::quote::{quote_ident, quote_name};
use crate::catalog::{Names, ObjectId, Opaque, OpaqueKind};
use crate::dialect::Resource;
use crate::text::QName;

/// The statement that takes an object away.
pub(super) fn drop_statement(opaque: &Opaque) -> String {
    let id = &opaque.id;
    let name = quote_ident(&id.name.name);
    let table = id.table.as_ref().map(quote_name).unwrap_or_default();
    match id.kind {
        OpaqueKind::PublicationTable => format!("ALTER PUBLICATION {name} DROP TABLE ONLY {table}"),
        OpaqueKind::PublicationSchema => {
            format!("ALTER PUBLICATION {name} DROP TABLES IN SCHEMA {}", id.signature)
        }
        // Its functions stand on it as it stands on them: neither goes without the other.
        OpaqueKind::BaseType | OpaqueKind::RangeType if has_own_functions(opaque) => {
            format!("DROP TYPE {} CASCADE", quote_name(&id.name))
        }
        kind @ (OpaqueKind::Extension
        | OpaqueKind::Sequence
        | OpaqueKind::Domain
        | OpaqueKind::Type
        | OpaqueKind::RangeType
        | OpaqueKind::BaseType
        | OpaqueKind::Function
        | OpaqueKind::Procedure
        | OpaqueKind::Aggregate
        | OpaqueKind::Operator
        | OpaqueKind::OperatorFamily
        | OpaqueKind::OperatorClass
        | OpaqueKind::Collation
        | OpaqueKind::Conversion
        | OpaqueKind::Cast
        | OpaqueKind::TextSearchParser
        | OpaqueKind::TextSearchTemplate
        | OpaqueKind::TextSearchDictionary
        | OpaqueKind::TextSearchConfiguration
        | OpaqueKind::Language
        | OpaqueKind::AccessMethod
        | OpaqueKind::Transform
        | OpaqueKind::ForeignDataWrapper
        | OpaqueKind::Server
        | OpaqueKind::UserMapping
        | OpaqueKind::ForeignTable
        | OpaqueKind::View
        | OpaqueKind::MaterializedView
        | OpaqueKind::Index
        | OpaqueKind::Rule
        | OpaqueKind::Trigger
        | OpaqueKind::Policy
        | OpaqueKind::Statistics
        | OpaqueKind::EventTrigger
        | OpaqueKind::Publication
        | OpaqueKind::VirtualTable) => format!("DROP {} {}", kind.words(), reference(id)),
    }
}

/// How DROP, COMMENT and ALTER name an object, after the words of its kind.
pub(in crate::dialect::postgres) fn reference(id: &ObjectId) -> String {
    let name = quote_ident(&id.name.name);
    let signature = &id.signature;
    match (id.kind, &id.table) {
        (OpaqueKind::Rule | OpaqueKind::Trigger | OpaqueKind::Policy, Some(table)) => {
            format!("{name} ON {}", quote_name(table))
        }
        (OpaqueKind::Function | OpaqueKind::Procedure | OpaqueKind::Aggregate, _) => {
            format!("{}({signature})", quote_name(&id.name))
        }
        (OpaqueKind::Operator, _) => {
            format!("{}.{} ({signature})", quote_ident(&id.name.schema), id.name.name.as_str())
        }
        (OpaqueKind::OperatorFamily | OpaqueKind::OperatorClass, _) => {
            format!("{} USING {signature}", quote_name(&id.name))
        }
        (OpaqueKind::Cast, _) => format!("({})", id.name.name.as_str()),
        (OpaqueKind::Transform, _) => {
            format!("FOR {} LANGUAGE {signature}", id.name.name.as_str())
        }
        (OpaqueKind::UserMapping, _) if id.name.name.as_str() == "public" => {
            format!("FOR PUBLIC SERVER {signature}")
        }
        (OpaqueKind::UserMapping, _) => format!("FOR {name} SERVER {signature}"),
        (
            OpaqueKind::Extension
            | OpaqueKind::Language
            | OpaqueKind::AccessMethod
            | OpaqueKind::ForeignDataWrapper
            | OpaqueKind::Server
            | OpaqueKind::EventTrigger
            | OpaqueKind::Publication
            | OpaqueKind::PublicationTable
            | OpaqueKind::PublicationSchema,
            _,
        ) => name,
        (
            OpaqueKind::Sequence
            | OpaqueKind::Domain
            | OpaqueKind::Type
            | OpaqueKind::RangeType
            | OpaqueKind::BaseType
            | OpaqueKind::Collation
            | OpaqueKind::Conversion
            | OpaqueKind::TextSearchParser
            | OpaqueKind::TextSearchTemplate
            | OpaqueKind::TextSearchDictionary
            | OpaqueKind::TextSearchConfiguration
            | OpaqueKind::ForeignTable
            | OpaqueKind::View
            | OpaqueKind::MaterializedView
            | OpaqueKind::Index
            | OpaqueKind::Statistics
            | OpaqueKind::Rule
            | OpaqueKind::Trigger
            | OpaqueKind::Policy
            | OpaqueKind::VirtualTable,
            _,
        ) => quote_name(&id.name),
    }
}

/// The name that an object occupies among its like: a view and a table, a function and a procedure share one.
pub(super) fn own_slot(id: &ObjectId) -> Option<Resource> {
    // An extension is in a schema, but its name is the database's.
    if id.kind == OpaqueKind::Extension {
        let name = QName::new("", id.name.name.as_str());
        return Some(Resource::Constraint(name, "the extension itself".to_owned()));
    }
    match id.kind.names() {
        Names::Relations => Some(slot(&id.name.schema, &id.name.name)),
        Names::Routines => {
            Some(Resource::Constraint(id.name.clone(), "the routine name itself".to_owned()))
        }
        Names::Own => None,
    }
}

/// Whether a type is made in two statements, its name first, because functions that take or return it make it up.
pub(super) fn has_own_functions(opaque: &Opaque) -> bool {
    matches!(opaque.id.kind, OpaqueKind::BaseType | OpaqueKind::RangeType)
        && opaque.create.len() > 1
}
