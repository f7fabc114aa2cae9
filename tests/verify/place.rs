//! A database with rows and a model to hold them against, on either engine.

use std::collections::BTreeMap;

use migrate::db::{Access, Database, DatabaseUrl};
use migrate::dialect::script;
use migrate::text::Dialect;
use serde_json::Value;

use crate::journey::{Ran, migrate, ran, typed};
use crate::support;

/// A folder with a model, and a database.
pub struct Place {
    pub folder: tempfile::TempDir,
    pub url: DatabaseUrl,
    _database: Option<support::TestDatabase>,
}

impl Place {
    /// `None` without PostgreSQL.
    pub fn new(dialect: Dialect, model: &str, sql: &str) -> Option<Place> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("m.yaml"), model).expect("a file");
        let (url, database) = match dialect {
            Dialect::Postgres => {
                let database = support::postgres()?.database();
                (database.url.clone(), Some(database))
            }
            Dialect::Sqlite => {
                let path = folder.path().join("rows.db").display().to_string();
                let url = DatabaseUrl::parse(&format!("sqlite:{path}"), &support::env());
                (url.expect("a URL"), None)
            }
        };
        let place = Place { folder, url, _database: database };
        place.run(sql);
        Some(place)
    }

    /// Runs statements.
    pub fn run(&self, sql: &str) {
        let mut database = Database::open(&self.url, Access::Create).expect("it opens");
        let script = script::script(sql, database.dialect()).expect("it is SQL");
        for statement in &script.statements {
            let outcome = database.execute(&statement.sql);
            outcome.unwrap_or_else(|error| panic!("{error}: {}", statement.sql));
        }
    }

    /// `migrate verify` with these words.
    pub fn verify(&self, more: &[&str]) -> Ran {
        let mut command = migrate(self.folder.path());
        ran(command.args(["verify", "--url", &typed(&self.url), "-q"]).args(more))
    }

    /// The same as JSON, with the model.
    pub fn judged(&self, more: &[&str]) -> (i32, Value) {
        let ran = self.verify(&[&["--model", "m.yaml", "--json"], more].concat());
        let value =
            serde_json::from_str(&ran.text).unwrap_or_else(|error| panic!("{error}: {}", ran.text));
        (ran.code, value)
    }
}

/// How many rows break each rule.
pub fn counts(verdict: &Value) -> BTreeMap<String, u64> {
    let each = verdict["violations"].as_array().into_iter().flatten();
    each.map(|it| (text(&it["rule"]), it["rows"].as_u64().unwrap_or(0))).collect()
}

/// The keys of the rows that break a rule.
pub fn keys(verdict: &Value, rule: &str) -> Vec<String> {
    let each = verdict["violations"].as_array().into_iter().flatten();
    let mut found: Vec<String> = each
        .filter(|it| it["rule"] == rule)
        .flat_map(|it| {
            let length = it["keys"].as_array().map_or(0, Vec::len);
            let rows = it["sample"].as_array().cloned().unwrap_or_default();
            rows.into_iter().map(move |row| {
                let cells = row.as_array().cloned().unwrap_or_default();
                cells.iter().take(length).map(text).collect::<Vec<_>>().join(",")
            })
        })
        .collect();
    found.sort();
    found
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A map as one writes it.
pub fn told(pairs: &[(&str, u64)]) -> BTreeMap<String, u64> {
    pairs.iter().map(|(rule, rows)| ((*rule).to_owned(), *rows)).collect()
}
