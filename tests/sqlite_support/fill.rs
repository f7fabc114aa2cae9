//! A few rows for every table of a SQLite schema, as a script. A table that refuses them stays empty.

use migrate::catalog::{ConstraintKind, Table};
use rusqlite::Connection;

use super::catalog;

/// Rows that the database takes, as INSERT statements; the database itself is left as it was.
pub fn rows_for(db: &Connection) -> String {
    let tables = catalog(db).tables;
    let mut script = String::new();
    db.execute_batch("PRAGMA foreign_keys = ON; SAVEPOINT fill").expect("a savepoint");
    // Several times, so that tables which point at others get their turn.
    let mut open: Vec<&Table> = tables.values().collect();
    for _ in 0..4 {
        open.retain(|table| {
            let before = script.len();
            for n in 1..=3 {
                let found = tries(table, n).into_iter().find(|sql| db.execute_batch(sql).is_ok());
                script.extend(found.map(|sql| format!("{sql};\n")));
            }
            script.len() == before
        });
    }
    db.execute_batch("ROLLBACK TO fill; RELEASE fill").expect("a savepoint");
    script
}

/// All columns; literals of the checks; only what is required.
fn tries(table: &Table, n: usize) -> Vec<String> {
    let mut found = Vec::new();
    for literals in [true, false] {
        for all in [true, false] {
            found.push(insert(table, n, all, literals));
        }
    }
    found
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn insert(table: &Table, n: usize, all: bool, literals: bool) -> String {
    let name = quoted(table.name.name.as_str());
    let mut names = Vec::new();
    let mut values = Vec::new();
    for column in &table.columns {
        let required = column.not_null && column.default.is_none();
        if column.generated.is_some() || !(all || required) {
            continue;
        }
        let options = if literals { checked(table, column.name.as_str()) } else { Vec::new() };
        let value = reference(table, column.name.as_str(), n)
            .or_else(|| options.get((n - 1) % options.len().max(1)).cloned())
            .unwrap_or_else(|| plain(&column.data_type, n));
        names.push(quoted(column.name.as_str()));
        values.push(value);
    }
    if names.is_empty() {
        return format!("INSERT INTO {name} DEFAULT VALUES");
    }
    format!("INSERT INTO {name} ({}) VALUES ({})", names.join(", "), values.join(", "))
}

/// Literals of checks that speak of a column.
fn checked(table: &Table, column: &str) -> Vec<String> {
    let mut found = Vec::new();
    for constraint in &table.constraints {
        let ConstraintKind::Check { expression } = &constraint.kind else { continue };
        if !expression.to_lowercase().contains(&column.to_lowercase()) {
            continue;
        }
        let quoted = expression.split('\'').skip(1).step_by(2);
        found.extend(quoted.map(|text| format!("'{text}'")));
        let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '.');
        found.extend(words.filter(|word| word.parse::<f64>().is_ok()).map(str::to_owned));
    }
    found
}

/// A value that the row of another table has.
fn reference(table: &Table, column: &str, n: usize) -> Option<String> {
    table.constraints.iter().find_map(|constraint| {
        let ConstraintKind::ForeignKey(key) = &constraint.kind else { return None };
        let at = key.columns.iter().position(|name| name.as_str() == column)?;
        let wanted = key.referenced_columns.get(at)?;
        let parent = quoted(key.references.name.as_str());
        let wanted = quoted(wanted.as_str());
        Some(format!(
            "(SELECT {wanted} FROM {parent} ORDER BY 1 LIMIT 1 OFFSET \
             min({}, max((SELECT count(*) FROM {parent}) - 1, 0)))",
            n - 1
        ))
    })
}

fn plain(data_type: &str, n: usize) -> String {
    let kind = data_type.to_uppercase();
    if kind.contains("INT") || kind.contains("BOOL") {
        n.to_string()
    } else if ["REAL", "FLOA", "DOUB", "NUMERIC", "DECIMAL"].iter().any(|word| kind.contains(word))
    {
        format!("{n}.5")
    } else if kind.contains("BLOB") {
        format!("x'0{n}ff'")
    } else if kind.contains("DATE") || kind.contains("TIME") {
        format!("'2020-01-0{n} 01:02:03'")
    } else {
        format!("'{n}v'")
    }
}
