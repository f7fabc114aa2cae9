//! Values that the user gives on a rollback to rows which have none of a column that comes back: they are put beside what
//! was kept, and return with it.

use super::Sql;
use super::postgres::types::is_builtin;
use super::session::quote_name;
use crate::catalog::Table;
use crate::dialect::keep::SQLITE_PREFIX;
use crate::text::Dialect;
use crate::text::token::tokenize;

/// Whether a text is one expression: it closes what it opens, and nothing more.
pub fn is_expression(text: &str, dialect: Dialect) -> bool {
    let tokens = tokenize(text, dialect);
    let mut depth = 0_usize;
    let mut any = false;
    for token in tokens.iter().filter(|token| token.is_code()) {
        any = true;
        if token.is_mark(";") {
            return false;
        }
        if token.is_mark("(") {
            depth += 1;
        } else if token.is_mark(")") {
            let Some(left) = depth.checked_sub(1) else { return false };
            depth = left;
        }
    }
    any && depth == 0
}

/// The columns of a kept table, in their order.
pub fn kept_columns(kept: &str, dialect: Dialect) -> Sql {
    Sql::new(match dialect {
        Dialect::Postgres => format!(
            "SELECT a.attname FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'migrate_kept' \
             AND c.relname = {} AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
            literal(kept)
        ),
        Dialect::Sqlite => format!(
            "SELECT name FROM pragma_table_info({}) ORDER BY cid",
            literal(&format!("{SQLITE_PREFIX}{kept}"))
        ),
    })
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The columns that a kept table has where it keeps the values of one column by the key of `table`, and nothing else.
pub fn by_key(table: &Table, dialect: Dialect) -> Vec<String> {
    let (key, value) = match dialect {
        Dialect::Postgres => ("key_", "value"),
        Dialect::Sqlite => ("_migrate_key_", "_migrate_value"),
    };
    let keys = (1..=table.primary_key().len()).map(|at| format!("{key}{at}"));
    keys.chain([value.to_owned()]).collect()
}

/// The kept table as statements name it.
pub fn kept_table(kept: &str, dialect: Dialect) -> String {
    match dialect {
        Dialect::Postgres => format!("\"migrate_kept\".{}", quote_name(kept)),
        Dialect::Sqlite => quote_name(&format!("{SQLITE_PREFIX}{kept}")),
    }
}

/// Gives each row of `table` (`t`) of which no value is kept what the expression says.
pub fn give(table: &Table, kept: &str, expression: &str, dialect: Dialect) -> Sql {
    let names = by_key(table, dialect);
    let kept = kept_table(kept, dialect);
    let keys = table.primary_key();
    let own = |at: usize| {
        let key = format!("\"t\".{}", quote_name(keys[at].as_str()));
        let is_kept_as_text = dialect == Dialect::Postgres
            && table.column(&keys[at]).is_some_and(|column| !is_builtin(&column.data_type));
        if is_kept_as_text { format!("{key}::text") } else { key }
    };
    let values: Vec<String> = (0..keys.len()).map(own).collect();
    let is = match dialect {
        Dialect::Postgres => "=",
        Dialect::Sqlite => "IS",
    };
    let same: Vec<String> = values
        .iter()
        .zip(&names)
        .map(|(own, name)| format!("\"k\".{} {is} {own}", quote_name(name)))
        .collect();
    let from = match dialect {
        Dialect::Postgres => format!(
            "{}.{}",
            quote_name(table.name.schema.as_str()),
            quote_name(table.name.name.as_str())
        ),
        Dialect::Sqlite => quote_name(table.name.name.as_str()),
    };
    let columns: Vec<String> = names.iter().map(|name| quote_name(name)).collect();
    Sql::new(format!(
        "INSERT INTO {kept} ({}) SELECT {}, ({expression}) FROM {from} AS \"t\" \
         WHERE NOT EXISTS (SELECT 1 FROM {kept} AS \"k\" WHERE {})",
        columns.join(", "),
        values.join(", "),
        same.join(" AND ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_one_expression_is_none() {
        for (text, is_one) in [
            ("'unknown'", true),
            ("'V' || id", true),
            ("coalesce(a, (SELECT ';'))", true),
            ("", false),
            ("1; DROP TABLE t", false),
            ("1) FROM t, (SELECT 2", false),
            ("(1", false),
        ] {
            assert_eq!(is_expression(text, Dialect::Sqlite), is_one, "{text}");
        }
    }
}
