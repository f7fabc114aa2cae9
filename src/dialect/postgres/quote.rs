//! Identifiers and literals. Every identifier is quoted, so that no keyword and no capital letter can surprise.

use crate::text::{Ident, QName};

/// `"name"`, inner quotes doubled.
pub fn quote_ident(name: &Ident) -> String {
    quote(name.as_str())
}

pub(super) fn quote(name: &str) -> String {
    crate::dialect::session::quote_name(name)
}

/// `"schema"."name"`.
pub fn quote_name(name: &QName) -> String {
    format!("{}.{}", quote_ident(&name.schema), quote_ident(&name.name))
}

/// A string literal that means the same whatever `standard_conforming_strings` says.
/// Source: PostgreSQL manual 4.1.2.2 "String Constants with C-Style Escapes".
pub fn literal(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    if text.contains('\\') {
        format!("E'{}'", doubled.replace('\\', "\\\\"))
    } else {
        format!("'{doubled}'")
    }
}

/// `NULL` or a string literal.
pub(super) fn literal_or_null(text: Option<&str>) -> String {
    text.map_or_else(|| "NULL".to_owned(), literal)
}

/// Identifiers, quoted and separated by commas.
pub(super) fn list<'a>(names: impl IntoIterator<Item = &'a Ident>) -> String {
    names.into_iter().map(quote_ident).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes_survive() {
        assert_eq!(quote_ident(&Ident::from("we\"ird")), "\"we\"\"ird\"");
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal("a\\b"), "E'a\\\\b'");
    }
}
