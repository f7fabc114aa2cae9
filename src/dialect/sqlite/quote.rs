//! Quoting for SQLite, in one place.

use crate::text::Ident;

/// An identifier in double quotes.
pub(super) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A string literal.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Identifiers in double quotes, separated by commas.
pub(super) fn list<'a>(names: impl IntoIterator<Item = &'a Ident>) -> String {
    names.into_iter().map(|name| quote(name.as_str())).collect::<Vec<_>>().join(", ")
}
