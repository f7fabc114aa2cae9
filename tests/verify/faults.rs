//! What goes wrong while rows are asked: one table or rule is named, all others are asked, and the command says so.

use std::process::Stdio;
use std::time::{Duration, Instant};

use migrate::db::{Access, Database};
use migrate::text::Dialect;

use crate::BOTH;
use crate::journey::{Ran, migrate, ran, typed};
use crate::place::Place;
use crate::support;

/// `a` takes a second or two to read, `b` and `c` break a rule.
const SLOW: &str = "
  CREATE FUNCTION slow(n integer) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.2); RETURN n > 0; END';
  CREATE TABLE a (id integer PRIMARY KEY, n integer);
  CREATE TABLE b (id integer PRIMARY KEY, n integer);
  CREATE TABLE c (id integer PRIMARY KEY, n integer);
  INSERT INTO a SELECT i, 1 FROM generate_series(1, 10) AS i;
  INSERT INTO b VALUES (1, -1);
  INSERT INTO c VALUES (1, -1);
  ALTER TABLE a ADD CONSTRAINT a_n CHECK (slow(n)) NOT VALID;
  ALTER TABLE b ADD CONSTRAINT b_n CHECK (n > 0) NOT VALID;
  ALTER TABLE c ADD CONSTRAINT c_n CHECK (n > 0) NOT VALID";

/// Runs `migrate verify` and does something as soon as it reads `a`.
fn while_reading(place: &Place, meanwhile: &str) -> Ran {
    let mut command = migrate(place.folder.path());
    command.args(["verify", "-q", "--url", &typed(&place.url)]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut database = Database::open(&place.url, Access::ReadWrite).expect("it opens");
    let reading = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%slow(n)%' AND state = 'active' AND pid <> pg_backend_pid()";
    let end = Instant::now() + Duration::from_secs(30);
    while support::rows(&mut database, reading) == [["0"]] {
        assert!(Instant::now() < end, "it never reads");
        std::thread::sleep(Duration::from_millis(10));
    }
    support::rows(&mut database, meanwhile);
    Ran::from(child.wait_with_output().expect("it ends"))
}

#[test]
fn a_table_that_goes_while_others_are_read_is_named() {
    let Some(place) = Place::new(Dialect::Postgres, "", SLOW) else { return };
    let ran = while_reading(&place, "DROP TABLE b");
    assert_eq!(ran.code, 1, "{}", ran.text);
    assert!(
        ran.text.contains("not asked b.b_n: relation \"public.b\" does not exist"),
        "{}",
        ran.text
    );
    assert!(ran.text.contains("violation c.c_n: 1 of 1 row"), "{}", ran.text);
}

#[test]
fn a_query_that_somebody_cancels_is_named() {
    let Some(place) = Place::new(Dialect::Postgres, "", SLOW) else { return };
    let cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE '%slow(n)%' AND pid <> pg_backend_pid()";
    let ran = while_reading(&place, cancel);
    assert_eq!(ran.code, 1, "{}", ran.text);
    assert!(
        ran.text.contains("not asked a.a_n: canceling statement due to user request"),
        "{}",
        ran.text
    );
    for rule in ["violation b.b_n: 1 of 1 row", "violation c.c_n: 1 of 1 row"] {
        assert!(ran.text.contains(rule), "{}", ran.text);
    }
}

#[test]
fn a_table_that_takes_longer_than_the_timeout_is_named() {
    let Some(place) = Place::new(
        Dialect::Postgres,
        "model: 1\nname: x\ntargets: [postgres >= 13]\nentities: {}\n",
        SLOW,
    ) else {
        return;
    };
    let settings = format!(
        "model = \"m.yaml\"\ndefault_env = \"it\"\n[env.it]\nurl = \"{}\"\nstatement_timeout_ms = 900\n",
        typed(&place.url)
    );
    std::fs::write(place.folder.path().join("migrate.toml"), settings).expect("a file");
    let ran = ran(migrate(place.folder.path()).args(["verify", "-q"]));
    assert_eq!(ran.code, 1, "{}", ran.text);
    assert!(
        ran.text.contains("not asked a.a_n: canceling statement due to statement timeout"),
        "{}",
        ran.text
    );
    assert!(ran.text.contains("violation b.b_n: 1 of 1 row"), "{}", ran.text);
}

#[test]
fn a_pattern_that_could_go_astray_does_not() {
    let model = "model: 1
name: m
targets: [postgres >= 13, sqlite >= 3.38]
entities:
  T: { fields: { id: int, a: { type: text, match: '^(a|aa)+$' }, b: { type: text, match: '^([a-z]+)*[0-9]$' } } }
";
    for dialect in BOTH {
        let long = "a".repeat(5_000);
        let sql = format!(
            "CREATE TABLE t (id bigint PRIMARY KEY, a text NOT NULL, b text NOT NULL);
             INSERT INTO t VALUES (1, '{long}!', '{long}!'), (2, '{long}', '{long}7')"
        );
        let Some(place) = Place::new(dialect, model, &sql) else { return };
        let started = Instant::now();
        let ran = place.verify(&["--model", "m.yaml"]);
        assert!(started.elapsed() < Duration::from_secs(20), "{dialect}: {:?}", started.elapsed());
        assert_eq!(ran.code, 5, "{dialect}: {}", ran.text);
        for rule in ["violation T.a_match: 1 of 2 rows", "violation T.b_match: 1 of 2 rows"] {
            assert!(ran.text.contains(rule), "{dialect}: {}", ran.text);
        }
    }
}
