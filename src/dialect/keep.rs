//! How kept data is named: one function for both engines, so that the way back finds what the way there kept.

use super::step::Direction;
use crate::text::{Dialect, Ident, QName, hash};

/// The longest identifier PostgreSQL keeps whole (`NAMEDATALEN - 1`); SQLite has no limit and follows it.
const IDENTIFIER_BYTES_MAX: usize = 63;

/// What stands before the name of a kept table on SQLite, which has no schemas.
pub const SQLITE_PREFIX: &str = "_migrate_kept_";

/// What stands before the name of a column that is hidden, on both engines.
pub const HIDDEN_PREFIX: &str = SQLITE_PREFIX;

/// The bare name of the kept table of a dropped table, or of a column that is dropped or altered.
///
/// `{tag}_{u|d}_{table}` or `{tag}_{u|d}_{table}__{column}`. Where that would be ambiguous, too long for the engine
/// or not one plain word, a hash of all parts is added.
pub fn kept_name(
    tag: &str,
    direction: Direction,
    table: &QName,
    column: Option<&Ident>,
    dialect: Dialect,
) -> String {
    let prefix = match dialect {
        Dialect::Postgres => "",
        Dialect::Sqlite => SQLITE_PREFIX,
    };
    name_behind(prefix, tag, direction, table, column, dialect)
}

/// What the kept data of a hidden column is called; only the way up hides. The prefix stands before it on both engines.
pub fn hidden_name(tag: &str, table: &QName, column: &Ident, dialect: Dialect) -> String {
    name_behind(HIDDEN_PREFIX, tag, Direction::Up, table, Some(column), dialect)
}

fn name_behind(
    prefix: &str,
    tag: &str,
    direction: Direction,
    table: &QName,
    column: Option<&Ident>,
    dialect: Dialect,
) -> String {
    let letter = match direction {
        Direction::Up => "u",
        Direction::Down => "d",
    };
    let default_schema = dialect.default_schema();
    let mut object = table.name.as_str().to_owned();
    if let Some(column) = column {
        object = format!("{object}__{column}");
    }
    let name = format!("{tag}_{letter}_{object}");
    let limit = IDENTIFIER_BYTES_MAX - prefix.len();
    let parts = [Some(&table.name), column];
    let exact = table.schema.as_str() == default_schema
        && parts.into_iter().flatten().all(|part| is_plain(part.as_str()))
        && name.len() <= limit;
    if exact {
        return name;
    }
    let column_bytes = column.map_or("", Ident::as_str).as_bytes();
    let digest = hash::sha256_parts([
        tag.as_bytes(),
        letter.as_bytes(),
        table.schema.as_str().as_bytes(),
        table.name.as_str().as_bytes(),
        column_bytes,
    ]);
    let suffix = format!("_{}", &digest[..8]);
    let word: String = name.chars().map(|c| if is_word_char(c) { c } else { '_' }).collect();
    let kept = word.len().min(limit - suffix.len());
    format!("{}{suffix}", &word[..kept])
}

/// A name that can be told apart from its neighbours when joined with underscores.
fn is_plain(name: &str) -> bool {
    name.chars().all(is_word_char)
        && !name.contains("__")
        && !name.starts_with('_')
        && !name.ends_with('_')
}

fn is_word_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn postgres(schema: &str, table: &str, column: Option<&str>) -> String {
        let column = column.map(Ident::from);
        kept_name(
            "0007",
            Direction::Up,
            &QName::new(schema, table),
            column.as_ref(),
            Dialect::Postgres,
        )
    }

    #[test]
    fn plain_names_stay_readable() {
        assert_eq!(postgres("public", "users", Some("email")), "0007_u_users__email");
        assert_eq!(postgres("public", "users_email", None), "0007_u_users_email");
    }

    #[test]
    fn names_that_could_be_mixed_up_differ() {
        assert_ne!(
            postgres("public", "users__email", None),
            postgres("public", "users", Some("email"))
        );
        assert_ne!(postgres("a", "t", None), postgres("b", "t", None));
        assert!(!postgres("public", "two words", None).contains(' '));
    }

    #[test]
    fn the_physical_name_fits() {
        let long = QName::new("main", "é".repeat(60));
        let name = kept_name("0007", Direction::Down, &long, None, Dialect::Sqlite);
        assert_eq!(SQLITE_PREFIX.len() + name.len(), 63);
    }
}
