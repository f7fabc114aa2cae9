//! A plan is tried on an empty scratch database before it is given out, and a wrong one is not.

mod journey;
mod support;

use std::path::Path;

use journey::{Ran, migrate, ran, typed};
use migrate::apply::prove::{ProveError, prove};
use migrate::apply::{Bundle, Context, Silent, Who};
use migrate::catalog::Printed;
use migrate::change::Intent;
use migrate::diff::diff;
use migrate::plan::{files, plan};
use migrate::shadow::scratch::{ScratchOptions, scratch};
use migrate::text::Dialect;

const BEFORE: &str = "CREATE TABLE item (id integer PRIMARY KEY, name text);";
const AFTER: &str = "CREATE TABLE item (id integer PRIMARY KEY, name text, price integer);
                     CREATE INDEX item_name ON item (name);";

/// A folder with the two schemas.
fn folder(before: &str, after: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("a.sql"), before).expect("a file");
    std::fs::write(folder.path().join("b.sql"), after).expect("a file");
    folder
}

fn planned(folder: &Path, dialect: &str, more: &[&str]) -> Ran {
    let mut command = migrate(folder);
    command.args(["plan", "--from", "a.sql", "--to", "b.sql", "--out", "plan"]);
    ran(command.args(["--dialect", dialect]).args(more))
}

fn proof(folder: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(folder.join("plan/plan.json")).expect("a plan");
    let plan: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    plan["proved"].clone()
}

#[test]
fn a_plan_says_where_it_was_proved() {
    let folder = folder(BEFORE, AFTER);
    let made = planned(folder.path(), "sqlite", &[]);
    assert_eq!(made.code, 0, "{}", made.text);
    let engine = proof(folder.path())["on"].clone();
    assert!(engine.as_str().is_some_and(|text| text.starts_with("SQLite 3.")), "{engine}");

    let made = planned(folder.path(), "sqlite", &["--no-proof"]);
    assert_eq!(made.code, 0, "{}", made.text);
    assert_eq!(proof(folder.path()), serde_json::json!({ "not": "--no-proof" }));
}

#[test]
fn a_plan_between_two_servers_databases_is_proved_on_a_scratch_server() {
    let Some(server) = support::postgres() else { return };
    let (before, after) = (server.database(), server.database());
    let rights = "CREATE SCHEMA shop; CREATE TABLE shop.item (id serial PRIMARY KEY, name text);
                  DO $$ BEGIN CREATE ROLE proof_reader; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
                  GRANT SELECT ON shop.item TO proof_reader; ALTER TABLE shop.item OWNER TO proof_reader;";
    support::run(&mut before.open(), rights);
    support::run(&mut after.open(), rights);
    support::run(&mut after.open(), "CREATE VIEW shop.names AS SELECT name FROM shop.item");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = migrate(folder.path());
    command.args(["plan", "--from", &typed(&before.url), "--to", &typed(&after.url)]);
    let made = ran(command.args(["--out", "plan"]));
    assert_eq!(made.code, 0, "{}", made.text);
    let engine = proof(folder.path())["on"].clone();
    assert!(engine.as_str().is_some_and(|text| text.starts_with("PostgreSQL ")), "{engine}");
}

#[test]
fn without_a_server_the_plan_is_given_out_and_said_to_be_unproved() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let model = |fields: &str| {
        format!(
            "model: 1\nname: shop\ntargets: [postgres >= 13]\nentities:\n  Item:\n    fields:\n      id: uuid = uuid()\n{fields}"
        )
    };
    std::fs::write(folder.path().join("a.yaml"), model("")).expect("a file");
    std::fs::write(folder.path().join("b.yaml"), model("      name: text?\n")).expect("a file");
    let mut command = migrate(folder.path());
    command.env("MIGRATE_PG_BINDIR", folder.path());
    command.args(["plan", "--from", "a.yaml", "--to", "b.yaml", "--out", "plan"]);
    let made = ran(command.args(["--dialect", "postgres"]));
    assert_eq!(made.code, 0, "{}", made.text);
    assert!(made.text.contains("the plan is not proved: no PostgreSQL server"), "{}", made.text);
    assert!(proof(folder.path())["not"].is_string());
}

#[test]
fn a_plan_that_leads_elsewhere_is_a_fault_that_names_the_object() {
    let options = ScratchOptions { env: support::env(), url: None, major: None };
    let catalog = |sql: &str| {
        let mut made = scratch(Dialect::Sqlite, &options).expect("memory");
        support::run(made.database(), sql);
        made.database().inspect().expect("a schema")
    };
    let (before, after) = (catalog(BEFORE), catalog(AFTER));
    let (difference, _) = diff(&before, &after, &Intent::default());
    let made = files(&plan(&difference, &[], Printed::ByEngine).expect("a plan"), "plan");
    let bundle = Bundle::read("plan", "", &made.up, &made.down, made.plan).expect("a bundle");
    let mut silent = Silent;
    let mut tried = |wanted: &str| {
        let mut start = scratch(Dialect::Sqlite, &options).expect("memory");
        support::run(start.database(), BEFORE);
        let who = Who {
            actor: "a".into(),
            host: "b".into(),
            commit: None,
            tool: "c".into(),
            reason: None,
        };
        let now = || "2026-01-01T00:00:00Z".to_owned();
        let mut context = Context { who, now, progress: &mut silent };
        prove(&mut start, &bundle, &before, &catalog(wanted), &mut context)
    };
    tried(AFTER).expect("a plan that holds");
    let wrong = tried(&AFTER.replace("price integer", "price text")).expect_err("another schema");
    let ProveError::Fault(message) = wrong else { panic!("{wrong}") };
    assert!(message.contains("after up") && message.contains("column price"), "{message}");
}

/// The hash of a script does not tell line ends apart, so that a checkout cannot change it.
#[test]
fn a_schema_with_the_line_ends_of_windows_is_planned() {
    let after = "CREATE TABLE item (\r\n  id integer PRIMARY KEY, -- the key\r\n  name text\r\n);\r\n\
                 CREATE VIEW names AS\r\n  SELECT name\r\n  FROM item;\r\n";
    let made = planned(folder("", after).path(), "sqlite", &[]);
    assert_eq!(made.code, 0, "{}", made.text);
    if support::postgres().is_some() {
        let body = "CREATE FUNCTION one() RETURNS int LANGUAGE sql AS $$\r\nSELECT 1\r\n$$;\r\n";
        let made = planned(folder("", &format!("{after}{body}")).path(), "postgres", &[]);
        assert_eq!(made.code, 0, "{}", made.text);
    }
}

#[test]
fn two_candidates_for_a_rename_are_asked_about_and_nothing_is_planned() {
    let folder = folder(
        "CREATE TABLE person (id integer PRIMARY KEY, name text NOT NULL);",
        "CREATE TABLE person (id integer PRIMARY KEY, full_name text NOT NULL, nick_name text NOT NULL);",
    );
    for dialect in ["sqlite", "postgres"] {
        if dialect == "postgres" && support::postgres().is_none() {
            continue;
        }
        let asked = planned(folder.path(), dialect, &[]);
        assert_eq!(asked.code, 7, "{}", asked.text);
        assert!(asked.text.contains("person.name"), "{}", asked.text);
        assert!(!folder.path().join("plan").exists(), "nothing is written");
    }
}

#[test]
fn longer_text_is_never_cut_off() {
    let Some(server) = support::postgres() else { return };
    let folder = folder(
        "CREATE TABLE code (id integer PRIMARY KEY, code varchar(200) NOT NULL);",
        "CREATE TABLE code (id integer PRIMARY KEY, code varchar(3) NOT NULL);",
    );
    let made = planned(folder.path(), "postgres", &[]);
    assert_eq!(made.code, 0, "{}", made.text);
    let database = server.database();
    let rows = "CREATE TABLE code (id integer PRIMARY KEY, code varchar(200) NOT NULL);
                INSERT INTO code VALUES (1, 'abc'), (2, 'abcdef');";
    support::run(&mut database.open(), rows);
    let mut command = migrate(folder.path());
    command.args(["apply", "--plan", "plan", "--url", &typed(&database.url), "--no-rehearsal"]);
    let refused = ran(&mut command);
    assert_eq!(refused.code, 5, "{}", refused.text);
    assert!(refused.text.contains("abcdef"), "{}", refused.text);
    let kept = support::rows(&mut database.open(), "SELECT code FROM code ORDER BY id");
    assert_eq!(kept, [["abc"], ["abcdef"]]);
}
