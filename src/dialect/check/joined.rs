//! Tables that a rule joins, before a change has run: under their old names, with the values that they will have.

use super::rows::{Names, Rows};
use super::{literal, quote};
use crate::catalog::rule::Join;
use crate::change::{Change, Delta, Diff};
use crate::text::{Dialect, Ident, QName};

/// The joins of a rule over what the pending change will make of the tables.
///
/// # Errors
/// Why it cannot be told beforehand.
pub(super) fn pending(joins: &[Join], diff: &Diff, names: &Names) -> Result<Vec<Join>, String> {
    joins
        .iter()
        .map(|join| {
            let mut from = join.from.clone();
            for (table, columns) in &join.needs {
                if let Some(other) = instead(table, columns, diff, names)? {
                    from = replaced(&from, &written(table, diff.after.dialect), &other);
                }
            }
            Ok(Join { from, ..join.clone() })
        })
        .collect()
}

/// As a rule of a model writes a table.
fn written(table: &QName, dialect: Dialect) -> String {
    match dialect {
        Dialect::Sqlite => quote(&table.name),
        Dialect::Postgres => super::qualified(table),
    }
}

/// A table stands behind FROM or JOIN, or alone.
fn replaced(from: &str, table: &str, other: &str) -> String {
    let own = format!("{table} AS ");
    let text = match from.strip_prefix(&own) {
        Some(rest) => format!("{other} AS {rest}"),
        None => from.to_owned(),
    };
    ["FROM", "JOIN"].iter().fold(text, |text, word| {
        text.replace(&format!("{word} {own}"), &format!("{word} {other} AS "))
    })
}

/// What is to be read in place of a table; `None` where it is there as it is.
fn instead(
    table: &QName,
    columns: &[Ident],
    diff: &Diff,
    names: &Names,
) -> Result<Option<String>, String> {
    let dialect = diff.after.dialect;
    for change in &diff.changes {
        match change {
            Change::AlterTable(change) if change.after.name == *table => {
                let rows = Rows::pending(change, names, dialect);
                if let Some(untold) = rows.untold.iter().find(|name| columns.contains(name)) {
                    return Err(format!(
                        "what `{table}.{untold}` will hold is only known once the change has run"
                    ));
                }
                return Ok(Some(rows.from));
            }
            Change::Table(Delta::Add(added)) if added.name == *table => {
                if names.expressions.contains_key(table) {
                    return Ok(Some(quote(&table.name)));
                }
                // It holds no row yet.
                let list: Vec<String> = added
                    .columns
                    .iter()
                    .map(|column| match dialect {
                        Dialect::Postgres if column.data_type.contains('.') => {
                            format!("{} AS {}", literal(""), quote(&column.name))
                        }
                        Dialect::Postgres => {
                            format!("CAST(NULL AS {}) AS {}", column.data_type, quote(&column.name))
                        }
                        Dialect::Sqlite => format!("NULL AS {}", quote(&column.name)),
                    })
                    .collect();
                return Ok(Some(format!("(SELECT {} WHERE 1 = 0)", list.join(", "))));
            }
            Change::AlterTable(_)
            | Change::Table(_)
            | Change::Rename(_)
            | Change::Schema(_)
            | Change::Facets(_)
            | Change::Enum(_)
            | Change::Opaque(_) => {}
        }
    }
    if names.expressions.contains_key(table) {
        return Ok(Some(quote(&table.name)));
    }
    match diff.before.tables.contains_key(table) {
        true => Ok(None),
        false => Err(format!("there is no table `{table}` yet")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_of_the_same_name_is_no_table() {
        let from = "(SELECT \"c\".\"t\" AS k FROM \"t\" AS \"c\" GROUP BY \"c\".\"t\") AS a1";
        let said = replaced(from, "\"t\"", "(new)");
        assert_eq!(
            said,
            "(SELECT \"c\".\"t\" AS k FROM (new) AS \"c\" GROUP BY \"c\".\"t\") AS a1"
        );
        assert_eq!(replaced("\"t\" AS j1", "\"t\"", "x"), "x AS j1");
    }
}
