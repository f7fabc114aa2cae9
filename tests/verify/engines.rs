//! Whoever answers, the answer is the same: counts, keys, values, of rows that are easy and of rows that are not.

use crate::place::{Place, counts};
use migrate::text::Dialect;
use serde_json::Value;

const MODEL: &str = r#"model: 1
name: shop
targets: [postgres >= 13]
entities:
  Thing:
    table: thing
    fields:
      id: int
      code: { type: text, match: '^T-[0-9]+$' }
      price: { type: "decimal(12,2)", min: 0 }
      ratio: { type: float, min: 0 }
      day: date
      owner: { ref: Owner }
      part_of: { ref: Thing, optional: true }
    unique:
      code_once: [code]
      price_once: { fields: [price, ratio], where: "day > '2024-01-10'" }
    rules:
      sum: id + 1 > 0
      sorted: code >= 'T'
  Owner:
    table: owner
    fields:
      id: int
"#;

/// 60,000 rows of which some break each rule, some in more than one way.
const ROWS: &str = "CREATE TABLE owner (id bigint PRIMARY KEY);
    INSERT INTO owner SELECT generate_series(1, 500);
    CREATE TABLE thing (id bigint PRIMARY KEY, code text, price numeric, ratio double precision, day date, owner_id bigint,
        part_of_id bigint);
    INSERT INTO thing SELECT n, CASE WHEN n % 20000 = 7 THEN 'bad ü' WHEN n % 9999 = 0 THEN 'T-1' ELSE 'T-' || n END,
        CASE n WHEN 5 THEN 'NaN' WHEN 6 THEN -0.5 WHEN 8 THEN 1e30 ELSE n / 100.0 END,
        CASE n WHEN 9 THEN 'NaN' WHEN 10 THEN '-Infinity' WHEN 11 THEN -0.0 ELSE n::double precision END,
        CASE WHEN n = 12 THEN 'infinity' WHEN n % 30000 = 1 THEN NULL ELSE date '2024-01-01' + (n % 30)::int END,
        CASE WHEN n % 10000 = 3 THEN 0 ELSE 1 + n % 500 END, nullif(n - 1, 0) FROM generate_series(1, 60000) AS n;
    UPDATE thing SET price = 7.10, ratio = 1 WHERE id IN (59, 60); UPDATE thing SET price = 7.1, ratio = 1 WHERE id = 58;
    ANALYZE thing";

/// What all ways of asking say, which must be one.
fn agreed(place: &Place, model: &[&str]) -> Value {
    let ask = |words: &[&str]| {
        let ran = place.verify(&[model, &["--json", "--sample", "40"], words].concat());
        let value: Value = serde_json::from_str(&ran.text)
            .unwrap_or_else(|error| panic!("{words:?}: {error}: {}", ran.text));
        (ran.code, value)
    };
    let by_sql = ask(&["--engine", "sql"]);
    for words in [
        &["--engine", "stream"][..],
        &["--engine", "stream", "--jobs", "3"],
        &["--engine", "auto"],
        &["--engine", "auto", "--jobs", "2"],
    ] {
        assert_eq!(ask(words), by_sql, "{words:?}");
    }
    by_sql.1
}

#[test]
fn all_engines_say_the_same_of_a_large_table() {
    let Some(place) = Place::new(Dialect::Postgres, MODEL, ROWS) else { return };
    let verdict = agreed(&place, &["--model", "m.yaml"]);
    let counts = counts(&verdict);
    for (rule, rows) in [
        ("Thing.code_match", 3),
        ("Thing.code_once", 10),
        ("Thing.price_min", 1),
        ("Thing.ratio_min", 1),
        ("Thing.day required", 2),
        ("Thing.owner", 6),
    ] {
        assert_eq!(counts.get(rule), Some(&rows), "{rule} of {counts:?}");
    }
    let told = place.verify(&["--model", "m.yaml", "--explain"]);
    assert!(told.text.contains("[stream]"), "{}", told.text);
    assert!(told.text.contains("by the database alone"), "{}", told.text);
    for words in [&["--engine", "sql"], &["--engine", "stream"]] {
        let saved = [&["--model", "m.yaml", "--save", words[1]], &words[..]].concat();
        place.verify(&saved);
    }
    let file = |engine: &str| {
        let path = place.folder.path().join(engine).join("Thing.code_once.csv");
        std::fs::read_to_string(path).expect("the keys are saved")
    };
    assert_eq!(file("sql"), file("stream"));
}

#[test]
fn more_rows_than_are_remembered_are_counted_all_the_same() {
    let Some(place) = Place::new(Dialect::Postgres, MODEL, ROWS) else { return };
    place.run(
        "UPDATE thing SET code = 'T-' || id % 20000, price = -1 WHERE id > 20000; ANALYZE thing",
    );
    let verdict = agreed(&place, &["--model", "m.yaml"]);
    assert_eq!(counts(&verdict).get("Thing.price_min"), Some(&40_001), "{verdict:#}");
}

#[test]
fn partitions_heirs_and_types_of_the_server_only_are_told_alike() {
    let sql = r#"CREATE TABLE part (a int, b int, c text COLLATE "C", d varchar(9), e char(4)) PARTITION BY RANGE (a);
        CREATE TABLE part1 PARTITION OF part FOR VALUES FROM (0) TO (10);
        CREATE TABLE part2 PARTITION OF part FOR VALUES FROM (10) TO (20);
        INSERT INTO part SELECT n % 20, n - 40, 'x' || n, 'y', 'z' FROM generate_series(1, 6000) AS n;
        ALTER TABLE part ADD CHECK (b > 0) NOT VALID;
        ALTER TABLE part ADD CHECK (c > 'x10') NOT VALID;
        ALTER TABLE part ADD CHECK (length(e) > 1 OR b > 5) NOT VALID;
        ALTER TABLE part ADD CHECK (d ~ '^[a-z]$' AND b <> 7) NOT VALID;
        CREATE TABLE par (id int PRIMARY KEY, mood text);
        CREATE TABLE kid () INHERITS (par);
        INSERT INTO par VALUES (1, 'good'); INSERT INTO kid VALUES (1, 'bad'), (2, 'good');
        ALTER TABLE par ADD CHECK (mood = 'good') NOT VALID;
        DO $$ BEGIN
          CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
        EXCEPTION WHEN feature_not_supported THEN CREATE COLLATION loose (locale = 'C'); END $$;
        CREATE TYPE mood AS ENUM ('good', 'bad');
        CREATE TABLE r (id int PRIMARY KEY, par int, x int, y int, word text COLLATE loose, mood mood, j jsonb);
        INSERT INTO r VALUES (1, 2, 1, NULL, 'A', 'good', '{}'), (2, 1, NULL, NULL, 'b', 'bad', '[1]');
        CREATE TABLE pair (x int, y int, PRIMARY KEY (x, y));
        ALTER TABLE r ADD FOREIGN KEY (par) REFERENCES par NOT VALID;
        ALTER TABLE r ADD CONSTRAINT full_key FOREIGN KEY (x, y) REFERENCES pair MATCH FULL NOT VALID;
        ALTER TABLE r ADD CHECK (word = 'B') NOT VALID;
        ALTER TABLE r ADD CHECK (mood <> 'bad') NOT VALID;
        ALTER TABLE r ADD CHECK (j <> '[1]') NOT VALID;
        CREATE TABLE "Odd ""N" ("a""b" int, "C d" text);
        INSERT INTO "Odd ""N" VALUES (-1, 'x'), (NULL, NULL);
        ALTER TABLE "Odd ""N" ADD CONSTRAINT one CHECK ("a""b" > 0) NOT VALID;
        ALTER TABLE "Odd ""N" ADD CONSTRAINT two CHECK ("C d" ~ '^y') NOT VALID;
        CREATE TABLE empty (a int); ALTER TABLE empty ADD CHECK (a > 0) NOT VALID; ANALYZE"#;
    let Some(place) = Place::new(Dialect::Postgres, "", sql) else { return };
    let verdict = agreed(&place, &[]);
    let counts = counts(&verdict);
    for (rule, rows) in [
        ("part.part_b_check", 40),
        ("part.part_check1", 1),
        ("par.par_mood_check", 1),
        ("r.r_par_fkey", 1),
        ("r.full_key", 1),
        ("r.r_mood_check", 1),
        ("Odd \"N.two", 1),
    ] {
        assert_eq!(counts.get(rule), Some(&rows), "{rule} of {counts:?}");
    }
    let told = place.verify(&["--explain", "--engine", "stream"]).text;
    assert!(told.contains("only the server knows when two values of `word` are equal"), "{told}");
}
