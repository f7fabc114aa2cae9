//! The sweep on SQLite: the text of each table is edited, since that is what a schema is there.

use std::collections::BTreeMap;
use std::time::Duration;

use migrate::catalog::Printed;
use migrate::change::Intent;
use migrate::diff::diff;
use migrate::plan::plan;
use regex::Regex;
use rusqlite::Connection;

use super::{Outcome, Tally, chosen};
use crate::sqlite_support::{bookkeeping, catalog, contents, database, run};

/// One object of a schema; not what a virtual table made for itself.
#[derive(Clone)]
struct Object {
    kind: String,
    table: String,
    sql: String,
}

/// A change of one column.
#[derive(Clone)]
enum Change {
    Drop,
    Type(&'static str),
}

pub fn sweep(name: &str, mut start: Connection) -> Tally {
    let (schema, before) = (catalog(&start).normalized(), contents(&start));
    let mut kept = Connection::open_in_memory().expect("memory");
    copy(&start, &mut kept);
    let objects = objects(&start);
    let mut all = Vec::new();
    for table in catalog(&start).tables.values() {
        for column in &table.columns {
            let place = (table.name.name.to_string(), column.name.to_string());
            let title = format!("{}.{}", place.0, place.1);
            all.push((format!("{title} dropped"), (place.clone(), Change::Drop)));
            for new in neighbours(&column.data_type) {
                let title = format!("{title}: {} becomes {new}", column.data_type);
                all.push((title, (place.clone(), Change::Type(new))));
            }
        }
    }
    let mut tally = Tally::new(name);
    for (title, ((table, column), change)) in chosen(all) {
        let outcome = there_and_back(&start, &script(&objects, &table, &column, &change));
        // Whatever became of it, the next change starts from the same database.
        if catalog(&start).normalized() != schema || contents(&start) != before {
            copy(&kept, &mut start);
        }
        tally.add(&title, outcome);
    }
    tally
}

fn copy(from: &Connection, to: &mut Connection) {
    let backup = rusqlite::backup::Backup::new(from, to).expect("a backup");
    backup.run_to_completion(1000, Duration::ZERO, None).expect("a copy");
}

fn objects(db: &Connection) -> Vec<Object> {
    let mut statement = db
        .prepare("SELECT type, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite%' \
             AND name NOT IN (SELECT name FROM pragma_table_list WHERE type = 'shadow')")
        .expect("a query");
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Object { kind: row.get(0)?, table: row.get(1)?, sql: row.get(2)? })
    };
    statement.query_map([], read).expect("rows").collect::<Result<_, _>>().expect("text")
}

fn neighbours(data_type: &str) -> Vec<&'static str> {
    let name = data_type.to_uppercase();
    match name.split('(').next().unwrap_or_default().trim() {
        name if name.contains("INT") => vec!["TEXT", "REAL", "NUMERIC"],
        name if name.contains("CHAR") || name.contains("TEXT") => {
            vec!["INTEGER", "NUMERIC", "BLOB"]
        }
        name if name.contains("BLOB") => vec!["TEXT"],
        name if name.contains("REAL") || name.contains("FLOA") => vec!["INTEGER", "TEXT"],
        _ => vec!["TEXT", "REAL", "INTEGER"],
    }
}

/// The schema with that change, where the rest goes that stands on a dropped column.
fn script(objects: &[Object], table: &str, column: &str, change: &Change) -> String {
    let mut statements = Vec::new();
    for object in objects {
        let is_it = object.table.eq_ignore_ascii_case(table);
        let sql = match (object.kind.as_str(), change) {
            ("table", _) if is_it => edited(&object.sql, column, change),
            ("table", Change::Drop) => let_go(&object.sql, table, column),
            (_, Change::Drop) if mentions(&object.sql, column) && mentions(&object.sql, table) => {
                continue;
            }
            _ => object.sql.clone(),
        };
        statements.push(sql);
    }
    statements.join(";\n")
}

fn mentions(text: &str, name: &str) -> bool {
    Regex::new(&format!(r"(?i)\b{}\b", regex::escape(name))).expect("a pattern").is_match(text)
}

/// Foreign keys at the column go with it.
fn let_go(sql: &str, table: &str, column: &str) -> String {
    let points = Regex::new(&format!(
        r#"(?i)REFERENCES\s+[\["`]?{}[\]"`]?\s*(\([^)]*\))?((\s+ON\s+(DELETE|UPDATE)\s+(CASCADE|RESTRICT|SET NULL|SET DEFAULT|NO ACTION))|(\s+DEFERRABLE\s+INITIALLY\s+\w+))*"#,
        regex::escape(table)
    ))
    .expect("a pattern");
    let at_it = |text: &str| {
        points
            .captures(text)
            .is_some_and(|found| found.get(1).is_none_or(|list| mentions(list.as_str(), column)))
    };
    let (head, parts, tail) = split(sql);
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|part| column_of(part).is_some() || !at_it(part))
        .map(|part| if at_it(&part) { points.replace_all(&part, "").into_owned() } else { part })
        .collect();
    format!("{head}({}){tail}", parts.join(","))
}

fn edited(sql: &str, column: &str, change: &Change) -> String {
    let (head, parts, tail) = split(sql);
    let mut kept = Vec::new();
    for part in parts {
        let name = column_of(&part);
        let is_it = name.as_ref().is_some_and(|(name, _)| name.eq_ignore_ascii_case(column));
        match (change, is_it, name) {
            (Change::Drop, true, _) => {}
            (Change::Drop, false, None) if mentions(&part, column) => {}
            (Change::Type(new), true, Some((_, rest))) => {
                let start = part.len() - rest.len();
                kept.push(format!("{} {new} {}", &part[..start], after_type(&rest)));
            }
            _ => kept.push(part),
        }
    }
    format!("{head}({}){tail}", kept.join(","))
}

/// The name of the column that a part defines, and what follows it; `None` for constraints.
fn column_of(part: &str) -> Option<(String, String)> {
    let found = Regex::new(r#"(?s)^\s*(\[[^\]]*\]|"[^"]*"|`[^`]*`|'[^']*'|\w+)(.*)$"#)
        .expect("a pattern")
        .captures(part)?;
    let word = &found[1];
    let is_constraint = ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"]
        .iter()
        .any(|keyword| word.eq_ignore_ascii_case(keyword));
    let name = word.trim_matches(|c| "[]\"`'".contains(c)).to_owned();
    (!is_constraint).then(|| (name, found[2].to_owned()))
}

/// What follows the type.
fn after_type(rest: &str) -> String {
    Regex::new(r"(?is)\b(CONSTRAINT|PRIMARY|NOT|NULL|UNIQUE|CHECK|DEFAULT|COLLATE|REFERENCES|GENERATED|AS)\b.*$")
        .expect("a pattern")
        .find(rest)
        .map_or(String::new(), |found| found.as_str().to_owned())
}

/// What stands before the list of a CREATE TABLE, the parts of the list, and what stands behind it; without comments.
fn split(sql: &str) -> (String, Vec<String>, String) {
    let sql = Regex::new(r"--[^\n]*").expect("a pattern").replace_all(sql, "").into_owned();
    let open = sql.find('(').expect("a list of columns");
    let (mut depth, mut quote, mut parts, mut part) = (0, None, Vec::new(), String::new());
    for (at, c) in sql.char_indices().skip_while(|(at, _)| *at < open) {
        match (quote, c) {
            (Some(end), c) if c == end => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"' | '`') => quote = Some(c),
            (None, '[') => quote = Some(']'),
            (None, '(') => {
                depth += 1;
                if depth == 1 {
                    continue;
                }
            }
            (None, ')') => {
                depth -= 1;
                if depth == 0 {
                    parts.push(part);
                    return (sql[..open].to_owned(), parts, sql[at + 1..].to_owned());
                }
            }
            (None, ',') if depth == 1 => {
                parts.push(std::mem::take(&mut part));
                continue;
            }
            (None, _) => {}
        }
        part.push(c);
    }
    panic!("no end of the list in {sql}");
}

fn there_and_back(start: &Connection, after: &str) -> Outcome {
    let made = Connection::open_in_memory().expect("memory");
    if made.execute_batch(after).is_err() {
        return Outcome::NoSuchChange;
    }
    let target = catalog(&database(after));
    let before = catalog(start);
    if before.normalized() == target.normalized() {
        return Outcome::NoSuchChange;
    }
    if let Some(unfit) = keys_without_number(start, &made) {
        // `migrate apply` asks the rows before, and refuses: tests/verify_law.rs.
        return Outcome::Refused(unfit);
    }
    let (found, _) = diff(&before, &target, &Intent::default());
    let plan = match plan(&found, &[], Printed::ByEngine) {
        Ok(plan) => plan,
        Err(error) => return Outcome::Refused(error.to_string()),
    };
    let rows_before: BTreeMap<_, _> = contents(start);
    let go = || -> Result<(), String> {
        run(start, &plan.up).map_err(|error| format!("up: {error}"))?;
        let there = catalog(start).normalized() == target.normalized();
        run(start, &plan.down).map_err(|error| format!("down: {error}"))?;
        if !there {
            return Err("the schema after up is another".to_owned());
        }
        let rows_after = contents(start);
        for (table, rows) in &rows_before {
            let Some(now) = rows_after.get(table) else { continue };
            // Hidden rowids are nobody's value: VACUUM changes them too (sqlite.org/lang_vacuum.html).
            let is_same = match has_integer_key(&made, table) && !has_integer_key(start, table) {
                true => without_rowid(rows) == without_rowid(now),
                false => rows == now,
            };
            if !is_same {
                return Err(format!("there are other rows in {table}: {now:?}, not {rows:?}"));
            }
        }
        if !rows_after.keys().eq(rows_before.keys()) {
            return Err("there are other tables".to_owned());
        }
        Ok(())
    };
    let outcome = match go() {
        Ok(()) => Outcome::Exact,
        Err(message) => Outcome::Wrong(message),
    };
    for name in bookkeeping(start) {
        // The list is one of rows as text that tells types apart: `[Text("name")]`.
        let name = name.trim_start_matches("[Text(\"").trim_end_matches("\")]");
        start.execute_batch(&format!("DROP TABLE \"{name}\"")).expect("a kept table");
    }
    outcome
}

/// Whether the only key column is the rowid under another name.
fn has_integer_key(db: &Connection, table: &str) -> bool {
    let query = "SELECT count(*) = 1 AND upper(max(type)) = 'INTEGER' FROM pragma_table_info(?1) WHERE pk > 0";
    db.query_row(query, [table], |row| row.get(0)).expect("the columns of a table")
}

/// A table whose key becomes the rowid, and whose rows cannot have that: no rowid is NULL or a word.
fn keys_without_number(start: &Connection, made: &Connection) -> Option<String> {
    let mut tables = catalog(start).tables.into_values().map(|table| table.name.name.to_string());
    tables.find_map(|table| {
        if !has_integer_key(made, &table) || has_integer_key(start, &table) {
            return None;
        }
        let query = "SELECT name FROM pragma_table_info(?1) WHERE pk > 0";
        let key: String = made.query_row(query, [&table], |row| row.get(0)).expect("a key");
        let query = format!(
            "SELECT count(*) FROM \"{table}\" WHERE \"{key}\" IS NULL OR \"{key}\" GLOB '*[^0-9]*'"
        );
        let unfit: i64 = start.query_row(&query, [], |row| row.get(0)).expect("a count");
        (unfit > 0).then(|| format!("{unfit} rows of {table} have no number as {key}"))
    })
}

fn without_rowid(rows: &[String]) -> Vec<&str> {
    let mut rest: Vec<&str> =
        rows.iter().map(|row| row.split_once(", ").map_or("", |(_, rest)| rest)).collect();
    rest.sort_unstable();
    rest
}
