//! What the values of a column are, as far as they are known exactly outside the server.

use std::sync::Arc;

use crate::catalog::{Catalog, Column};
use crate::text::QName;

/// A type of PostgreSQL whose values a program reads and compares as the server does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Numeric,
    Text(Order),
    Date,
    Time,
    Timestamp,
    Timestamptz,
    Uuid,
    Bytes,
    /// Its labels, in their order.
    Enum(Arc<Vec<String>>),
}

/// How texts are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// By their bytes: collation `C`.
    Bytes,
    /// By the database's locale: only whether they are equal is known.
    Locale,
}

/// What is alike when it is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Bool,
    Whole,
    Number,
    Float,
    Text,
    Date,
    Time,
    Timestamp,
    Timestamptz,
    Uuid,
    Bytes,
    Enum,
}

impl Kind {
    /// The kind of a type by the name that the server prints; `None` for types whose values only the server knows
    /// (domains, `citext`, `char(n)` with its blanks, `jsonb`, arrays).
    pub fn of_type(name: &str) -> Option<Kind> {
        let base = name.split('(').next().unwrap_or_default().trim();
        let after = name.split_once(')').map_or("", |(_, after)| after).trim();
        Some(match (base, after) {
            ("boolean", "") => Kind::Bool,
            ("smallint", "") => Kind::Int2,
            ("integer", "") => Kind::Int4,
            ("bigint", "") => Kind::Int8,
            ("real", "") => Kind::Float4,
            ("double precision", "") => Kind::Float8,
            ("numeric", "") => Kind::Numeric,
            ("text" | "character varying", "") => Kind::Text(Order::Locale),
            ("date", "") => Kind::Date,
            ("time without time zone", "") | ("time", "without time zone") => Kind::Time,
            ("timestamp without time zone", "") | ("timestamp", "without time zone") => {
                Kind::Timestamp
            }
            ("timestamp with time zone", "") | ("timestamp", "with time zone") => Kind::Timestamptz,
            ("uuid", "") => Kind::Uuid,
            ("bytea", "") => Kind::Bytes,
            _ => return None,
        })
    }

    /// The kind of a column.
    pub fn of_column(column: &Column, catalog: &Catalog) -> Option<Kind> {
        let kind =
            Kind::of_type(&column.data_type).or_else(|| labels(&column.data_type, catalog))?;
        match (&column.collation, kind) {
            (None, kind) => Some(kind),
            // Any other collation may hold texts equal that differ.
            (Some(collation), Kind::Text(_)) => {
                let name = collation.rsplit('.').next().unwrap_or_default().trim_matches('"');
                ["C", "POSIX"].contains(&name).then_some(Kind::Text(Order::Bytes))
            }
            (Some(_), _) => None,
        }
    }

    pub fn family(&self) -> Family {
        match self {
            Kind::Bool => Family::Bool,
            Kind::Int2 | Kind::Int4 | Kind::Int8 => Family::Whole,
            Kind::Numeric => Family::Number,
            Kind::Float4 | Kind::Float8 => Family::Float,
            Kind::Text(_) => Family::Text,
            Kind::Date => Family::Date,
            Kind::Time => Family::Time,
            Kind::Timestamp => Family::Timestamp,
            Kind::Timestamptz => Family::Timestamptz,
            Kind::Uuid => Family::Uuid,
            Kind::Bytes => Family::Bytes,
            Kind::Enum(_) => Family::Enum,
        }
    }

    /// The least and the greatest value of a whole number.
    pub(super) fn bounds(&self) -> Option<(i64, i64)> {
        match self {
            Kind::Int2 => Some((i64::from(i16::MIN), i64::from(i16::MAX))),
            Kind::Int4 => Some((i64::from(i32::MIN), i64::from(i32::MAX))),
            Kind::Int8 => Some((i64::MIN, i64::MAX)),
            Kind::Bool
            | Kind::Float4
            | Kind::Float8
            | Kind::Numeric
            | Kind::Text(_)
            | Kind::Date
            | Kind::Time
            | Kind::Timestamp
            | Kind::Timestamptz
            | Kind::Uuid
            | Kind::Bytes
            | Kind::Enum(_) => None,
        }
    }

    /// The wider of two whole numbers.
    pub(super) fn wider(self, other: Kind) -> Kind {
        match (self, other) {
            (Kind::Int8, _) | (_, Kind::Int8) => Kind::Int8,
            (Kind::Int4, _) | (_, Kind::Int4) => Kind::Int4,
            (kind, _) => kind,
        }
    }
}

/// The kind of an enumeration of the catalog.
fn labels(data_type: &str, catalog: &Catalog) -> Option<Kind> {
    let plain = |text: &str| text.replace('"', "");
    let is_named = |name: &&QName| {
        let full = format!("{}.{}", name.schema, name.name);
        plain(data_type) == full || plain(data_type) == name.name.as_str()
    };
    let mut named = catalog.enums.keys().filter(is_named);
    let (name, None) = (named.next()?, named.next()) else { return None };
    let values = catalog.enums.get(name)?.values.clone();
    Some(Kind::Enum(Arc::new(values)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_types_that_are_known_exactly_have_a_kind() {
        assert_eq!(Kind::of_type("numeric(12,2)"), Some(Kind::Numeric));
        assert_eq!(Kind::of_type("character varying(20)"), Some(Kind::Text(Order::Locale)));
        assert_eq!(Kind::of_type("timestamp(3) with time zone"), Some(Kind::Timestamptz));
        for other in ["character(3)", "citext", "integer[]", "jsonb", "interval", "money", "name"] {
            assert_eq!(Kind::of_type(other), None, "{other}");
        }
    }
}
