//! Steps outside a transaction that fail or are killed: an index that is built concurrently is either there or not, and the
//! next run finds out by itself which.

#![cfg(unix)]

mod faults_support;
mod journey;
mod scene;
mod support;

use faults_support::ends;
use migrate::db::Mode;
use migrate::text::Dialect;
use scene::{A, Scene};

const INDEXED: &str = "CREATE TABLE customer (id integer PRIMARY KEY, name text); \
                       CREATE UNIQUE INDEX customer_name ON customer (name) WHERE (id > 0);";

/// A plan that builds the index outside a transaction.
fn scene() -> Option<Scene> {
    let online = |up: &str| {
        assert!(up.contains("CREATE UNIQUE INDEX"), "{up}");
        up.replace("INDEX customer_name", "INDEX CONCURRENTLY customer_name")
            .replace("tx=shared", "tx=outside")
    };
    Scene::new(Dialect::Postgres, A, INDEXED, online)
}

fn indexes(scene: &Scene) -> Vec<Vec<String>> {
    let query = "SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
                 WHERE i.indrelid = 'customer'::regclass AND NOT i.indisprimary ORDER BY 1";
    support::rows(&mut scene.open(), query)
}

#[test]
fn a_build_that_fails_leaves_nothing() {
    let Some(scene) = scene() else { return };
    // A value that the checks allow and no index can hold.
    scene.sql(
        "INSERT INTO customer SELECT 3, string_agg(md5(i::text), '') FROM generate_series(1, 400) AS i",
    );
    let before = scene.dump();
    let ran = scene.run(&["apply", "--no-rehearsal"]);
    ends(&ran, 1, &["index row requires", "everything was rolled back"]);
    assert!(indexes(&scene).is_empty(), "no invalid index stays");
    assert_eq!(scene.dump(), before);
    scene.sql("DELETE FROM customer WHERE id = 3");
    ends(&scene.run(&["apply", "--no-rehearsal"]), 0, &["applied plan"]);
    assert_eq!(indexes(&scene), [["customer_name", "t"]]);
    ends(&scene.run(&["rollback"]), 0, &["rolled back"]);
    assert!(indexes(&scene).is_empty());
}

/// Kills a migrator in the middle of the build. The server does not notice, and waits for a transaction of somebody else.
fn killed_while_building(scene: &Scene) -> migrate::db::Database {
    let mut other = scene.open();
    other.begin(Mode::Write).expect("a transaction");
    support::run(&mut other, "UPDATE customer SET name = name");
    let mut child = scene.spawn(&["apply", "--no-rehearsal"]);
    scene.wait_for("INDEX CONCURRENTLY");
    child.kill().expect("it is killed");
    child.wait().expect("it ended");
    other
}

#[test]
fn a_build_that_goes_on_without_its_migrator_is_waited_for() {
    let Some(scene) = scene() else { return };
    let mut other = killed_while_building(&scene);
    let ran = scene.run(&["apply", "--no-rehearsal", "--wait", "1"]);
    ends(&ran, 9, &["another migrator", "which runs `CREATE UNIQUE INDEX CONCURRENTLY"]);
    other.rollback().expect("it lets go");
    ends(&scene.run(&["apply", "--no-rehearsal", "--wait", "30"]), 0, &["applied plan"]);
    assert_eq!(indexes(&scene), [["customer_name", "t"]]);
    assert_eq!(scene.ledger(), ["apply"]);
}

/// As if the server had been killed as well.
fn cut_off(scene: &Scene) {
    let mut other = killed_while_building(scene);
    scene.sql(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE query LIKE '%INDEX CONCURRENTLY%' \
         AND pid <> pg_backend_pid()",
    );
    other.rollback().expect("it lets go");
    assert_eq!(indexes(scene), [["customer_name", "f"]], "an invalid index is left");
}

#[test]
fn what_a_build_left_that_was_cut_off_is_built_anew() {
    if support::postgres().is_some_and(|server| server.major_version() < 14) {
        return;
    }
    let Some(scene) = scene() else { return };
    cut_off(&scene);
    ends(
        &scene.run(&["resolve"]),
        8,
        &["step 1 was under way", "CREATE UNIQUE INDEX CONCURRENTLY"],
    );
    ends(&scene.run(&["apply", "--no-rehearsal"]), 0, &["applied plan"]);
    assert_eq!(indexes(&scene), [["customer_name", "t"]]);
}

#[test]
fn an_index_with_another_definition_is_nobodys_to_drop() {
    if support::postgres().is_some_and(|server| server.major_version() < 14) {
        return;
    }
    let Some(scene) = scene() else { return };
    cut_off(&scene);
    scene.sql("DROP INDEX customer_name; CREATE INDEX customer_name ON customer (name)");
    let ran = scene.run(&["apply", "--no-rehearsal"]);
    ends(
        &ran,
        8,
        &["public.customer_name is there with another definition", "migrate resolve --step"],
    );
    ends(&scene.run(&["rollback"]), 8, &["another definition"]);
    assert_eq!(indexes(&scene), [["customer_name", "t"]], "it is as it was");
    ends(&scene.run(&["resolve", "--step", "undone"]), 2, &["--reason"]);
    scene.sql("DROP INDEX customer_name");
    let said = scene.run(&["resolve", "--step", "undone", "--reason", "dropped the other index"]);
    ends(&said, 0, &["`migrate apply` goes on"]);
    ends(&scene.run(&["resolve"]), 0, &["no run stopped half-way"]);
    ends(&scene.run(&["apply", "--no-rehearsal"]), 0, &["applied plan"]);
    ends(&scene.run(&["log", "--verify"]), 0, &["verified"]);
}

#[test]
fn a_built_index_is_found_where_the_journal_does_not_tell() {
    let Some(scene) = scene() else { return };
    // As if the migrator had been killed between the end of the build and its journal row.
    let mut other = killed_while_building(&scene);
    other.rollback().expect("it lets go");
    ends(&scene.run(&["rollback", "--wait", "30"]), 0, &["rolled back"]);
    assert!(indexes(&scene).is_empty());
    assert_eq!(scene.ledger(), ["apply", "rollback"]);
}
