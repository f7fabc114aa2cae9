//! Large tables in parts, and some rows of large tables.

use crate::place::{Place, counts};
use migrate::text::Dialect;
use serde_json::Value;

const MODEL: &str = r#"model: 1
name: shop
targets: [postgres >= 13, sqlite >= 3.38]
entities:
  Thing:
    table: thing
    fields:
      id: int
      code: { type: text, match: '^T-[0-9]+$' }
      price: { type: int, min: 0 }
      owner: { ref: Owner }
    unique:
      code_once: [code]
    rules:
      sum: id + 1 > 0
  Owner:
    table: owner
    fields:
      id: int
"#;

/// 60,000 rows: of each hundred one has a price below zero; two share a code; six point nowhere.
fn rows(dialect: Dialect) -> String {
    let series = match dialect {
        Dialect::Postgres => "generate_series(1, 60000) AS n",
        Dialect::Sqlite => {
            "(WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 60000) SELECT n FROM s)"
        }
    };
    format!(
        "CREATE TABLE owner (id bigint PRIMARY KEY);
        INSERT INTO owner VALUES (1), (2), (3);
        CREATE TABLE thing (id bigint PRIMARY KEY, code text, price bigint, owner_id bigint);
        INSERT INTO thing SELECT n, CASE WHEN n = 9 THEN 'T-50000' ELSE 'T-' || n END,
            CASE WHEN n % 100 = 7 THEN -n ELSE n END, CASE WHEN n % 10000 = 3 THEN 9 ELSE 1 + n % 3 END FROM {series};
        ANALYZE"
    )
}

fn ask(place: &Place, words: &[&str]) -> Value {
    let ran = place.verify(&[&["--model", "m.yaml", "--json"], words].concat());
    serde_json::from_str(&ran.text)
        .unwrap_or_else(|error| panic!("{words:?}: {error}: {}", ran.text))
}

#[test]
fn parts_say_what_the_whole_says() {
    let Some(place) = Place::new(Dialect::Postgres, MODEL, &rows(Dialect::Postgres)) else {
        return;
    };
    let expected = counts(&ask(&place, &[]));
    assert_eq!(expected.get("Thing.price_min"), Some(&600), "{expected:?}");
    assert_eq!(expected.get("Thing.code_once"), Some(&2), "{expected:?}");
    for engine in ["sql", "stream", "auto"] {
        let ran =
            place.verify(&["--model", "m.yaml", "--json", "--engine", engine, "--chunk", "7000"]);
        if ran.text.contains("before version 14") {
            return;
        }
        let verdict: Value = serde_json::from_str(&ran.text).expect("it is JSON");
        assert_eq!(counts(&verdict), expected, "{engine}");
        let price = verdict["violations"].as_array().expect("a list").iter();
        let price = price.clone().find(|it| it["rule"] == "Thing.price_min").expect("it is broken");
        assert_eq!(price["of"], 60000, "{engine}");
        assert_eq!(price["sample"][0][0], "7", "{engine}");
        assert_eq!(price["sample"].as_array().map(Vec::len), Some(10), "{engine}");
    }
}

#[test]
fn rows_of_partitions_are_counted_once_and_rows_changed_together_do_not_mislead() {
    let sql = "CREATE TABLE part (a int, b int) PARTITION BY RANGE (a);
        CREATE TABLE part1 PARTITION OF part FOR VALUES FROM (0) TO (10000);
        CREATE TABLE part2 PARTITION OF part FOR VALUES FROM (10000) TO (50000);
        INSERT INTO part SELECT n, n FROM generate_series(1, 40000) AS n;
        UPDATE part SET b = -b WHERE a % 40 = 0;
        ALTER TABLE part ADD CONSTRAINT positive CHECK (b > 0) NOT VALID; ANALYZE part; ANALYZE part1; ANALYZE part2";
    let Some(place) = Place::new(Dialect::Postgres, "", sql) else { return };
    for engine in ["sql", "stream"] {
        let ran = place.verify(&["--json", "--max-rows", "8000", "--engine", engine]);
        let verdict: Value = serde_json::from_str(&ran.text).expect("it is JSON");
        assert_eq!(verdict["sampled"][0]["of"], 40000, "{verdict:#}");
        let estimate = &verdict["violations"][0]["estimate"];
        let number = |name: &str| estimate[name].as_u64().expect("a number");
        assert!(number("least") < 1000 && 1000 < number("most"), "{verdict:#}");
    }
}

#[test]
fn some_rows_say_about_how_many_break_a_rule() {
    for dialect in [Dialect::Postgres, Dialect::Sqlite] {
        let Some(place) = Place::new(dialect, MODEL, &rows(dialect)) else { continue };
        for words in [&[][..], &["--engine", "stream"], &["--engine", "sql"]] {
            let verdict = ask(&place, &[&["--max-rows", "6000"], words].concat());
            let sampled = &verdict["sampled"][0];
            assert_eq!(
                (&sampled["rows"], &sampled["of"]),
                (&6000.into(), &60000.into()),
                "{verdict:#}"
            );
            let broken = verdict["violations"].as_array().expect("a list");
            let price =
                broken.iter().find(|it| it["rule"] == "Thing.price_min").expect("it is broken");
            let of = price["of"].as_u64().expect("a number");
            assert!((2000..12000).contains(&of), "{dialect:?} {price:#}");
            let number = |name: &str| price["estimate"][name].as_u64().expect("a number");
            assert!(number("least") < 600 && 600 < number("most"), "{dialect:?} {price:#}");
            // A key is asked of all rows.
            let code =
                broken.iter().find(|it| it["rule"] == "Thing.code_once").expect("it is broken");
            assert_eq!((&code["rows"], &code["of"]), (&2.into(), &60000.into()));
            assert!(code.get("estimate").is_none());
        }
        let told = place.verify(&["--model", "m.yaml", "--max-rows", "6000"]).text;
        assert!(told.contains("about 6,000 of 60,000 rows looked at"), "{told}");
        let all = ask(&place, &["--max-rows", "60000"]);
        assert!(all.get("sampled").is_none(), "{all:#}");
    }
}
