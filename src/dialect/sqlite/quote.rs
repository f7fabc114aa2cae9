//! Quoting for SQLite, in one place.

/// An identifier in double quotes.
pub(super) fn quote(name: &str) -> String {
    crate::dialect::session::quote_name(name)
}

/// A string literal.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
