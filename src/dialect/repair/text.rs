//! Names and literals of repairs.

use crate::dialect::postgres::quote::literal as postgres_literal;
use crate::dialect::session::quote_name;
use crate::text::{Dialect, Ident};

pub(super) fn ident(name: &Ident) -> String {
    quote_name(name.as_str())
}

/// A text as a literal.
pub(super) fn literal(text: &str, dialect: Dialect) -> String {
    match dialect {
        Dialect::Postgres => postgres_literal(text),
        Dialect::Sqlite => format!("'{}'", text.replace('\'', "''")),
    }
}
