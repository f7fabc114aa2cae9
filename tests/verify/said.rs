//! Rules that were once left out without a word.

use migrate::text::Dialect;
use serde_json::Value;

use crate::BOTH;
use crate::journey::{migrate, ran, typed};
use crate::place::{Place, counts, told};

#[test]
fn constraints_of_domains_that_were_never_asked_are_asked() {
    let sql = "CREATE DOMAIN positive AS integer;
               CREATE DOMAIN small AS positive CHECK (VALUE < 1000);
               CREATE TABLE t (id integer PRIMARY KEY, a positive, b small, c positive[]);
               INSERT INTO t VALUES (1, 1, 1, '{1,2}'), (2, -1, 1, '{}'), (3, 1, -2, '{1,-2}'), (4, NULL, NULL, NULL);
               ALTER DOMAIN positive ADD CONSTRAINT above CHECK (VALUE > 0) NOT VALID;
               CREATE DOMAIN lone AS text;
               CREATE TABLE u (id integer PRIMARY KEY, x lone);
               INSERT INTO u VALUES (1, 'fine');
               ALTER DOMAIN lone ADD CONSTRAINT \"short one\" CHECK (length(VALUE) < 10) NOT VALID";
    let Some(place) = Place::new(Dialect::Postgres, "", sql) else { return };
    let ran = place.verify(&["--json"]);
    let verdict: Value = serde_json::from_str(&ran.text).expect(&ran.text);
    let expected = told(&[
        ("t.a as positive: above", 1),
        ("t.b as positive: above", 1),
        ("t.c as positive: above", 1),
    ]);
    assert_eq!(counts(&verdict), expected, "{verdict:#}");
    assert_eq!(ran.code, 5);
    let ready = &verdict["ready"][0]["statement"];
    assert_eq!(
        ready, "ALTER DOMAIN \"public\".\"lone\" VALIDATE CONSTRAINT \"short one\"",
        "{verdict:#}"
    );
}

const BEFORE: &str = r#"model: 1
name: shop
targets: [postgres >= 13, sqlite >= 3.38]
entities:
  Client:
    table: client
    fields:
      id: int
      credit: int
  Purchase:
    table: purchase
    fields:
      id: int
      client: { ref: Client }
      total: int
"#;

const AFTER: &str = r#"model: 1
name: shop
targets: [postgres >= 13, sqlite >= 3.38]
entities:
  Customer:
    table: customer
    was: Client
    fields:
      id: int
      limit: { type: int, was: credit }
      bonus: { type: int, backfill: "5" }
  Purchase:
    table: purchase
    fields:
      id: int
      customer: { ref: Customer, was: client }
      total: int
    rules:
      within: { check: "total <= customer.limit + customer.bonus", enforce: verify }
"#;

#[test]
fn a_rule_over_tables_that_the_change_renames_is_asked_before_it_runs() {
    for dialect in BOTH {
        let Some(place) = Place::new(dialect, AFTER, "SELECT 1") else { return };
        std::fs::write(place.folder.path().join("a.yaml"), BEFORE).expect("a file");
        let folder = place.folder.path();
        let url = typed(&place.url);
        let run = |words: &[&str]| ran(migrate(folder).args(words));
        let name = dialect.name();
        let first = ["plan", "--from", "empty", "--to", "a.yaml", "--out", "first", "--no-proof"];
        let made = run(&[&first[..], &["--dialect", name]].concat());
        assert_eq!(made.code, 0, "{}", made.text);
        let applied = run(&["apply", "--plan", "first", "--url", &url, "--no-rehearsal"]);
        assert_eq!(applied.code, 0, "{}", applied.text);
        place.run(
            "INSERT INTO client VALUES (1, 10), (2, 20);
                   INSERT INTO purchase VALUES (1, 1, 15), (2, 1, 16), (3, 2, 26)",
        );
        let next = ["plan", "--from", "a.yaml", "--to", "m.yaml", "--out", "next", "--no-proof"];
        let made = run(&[&next[..], &["--dialect", name]].concat());
        assert_eq!(made.code, 0, "{}", made.text);
        let refused = run(&["apply", "--plan", "next", "--url", &url, "--no-rehearsal"]);
        assert_eq!(refused.code, 5, "{}", refused.text);
        let said = "Purchase.within: 2 of 3 rows";
        assert!(refused.text.contains(said), "{dialect}: {}", refused.text);
    }
}

#[test]
fn findings_name_the_file_of_several_in_which_the_rule_stands() {
    let head = "model: 1\nname: shop\ntargets: [postgres >= 13, sqlite >= 3.38]\nentities:\n";
    let one =
        format!("{head}  Ant:\n    fields:\n      id: int\n      size: {{ type: int, min: 1 }}\n");
    let two = "entities:\n  Bee:\n    fields:\n      id: int\n      size: { type: int, max: 1 }\n";
    for dialect in BOTH {
        let sql = "CREATE TABLE ant (id bigint PRIMARY KEY, size bigint NOT NULL);
                   CREATE TABLE bee (id bigint PRIMARY KEY, size bigint NOT NULL);
                   INSERT INTO ant VALUES (1, 0); INSERT INTO bee VALUES (1, 2)";
        let Some(place) = Place::new(dialect, "", sql) else { return };
        let folder = place.folder.path().join("models");
        std::fs::create_dir(&folder).expect("a folder");
        std::fs::write(folder.join("ant.yaml"), &one).expect("a file");
        std::fs::write(folder.join("bee.yaml"), two).expect("a file");
        let ran = place.verify(&["--model", "models", "--format", "github"]);
        assert_eq!(ran.code, 5, "{}", ran.text);
        for part in ["models/ant.yaml,line=8,col=7", "models/bee.yaml,line=5,col=7"] {
            assert!(ran.text.contains(part), "`{part}` in {}", ran.text);
        }
        let ran = place.verify(&["--model", "models", "--format", "sarif"]);
        assert!(ran.text.contains("bee.yaml\""), "{}", ran.text);
        let ran = place.verify(&["--model", "models"]);
        assert!(ran.text.contains("bee.yaml:5:7)"), "{}", ran.text);
    }
}
