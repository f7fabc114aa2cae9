//! Rows that get kept values back, told from those that do not.

mod journey;
mod support;

use std::time::{Duration, Instant};

use journey::kept;
use journey::shop::{Shop, done, refused};
use migrate::text::Dialect;

/// A column that is required on the way back, and that `down` cannot compute for every row; the key is of two columns, one
/// of them with an order of its own.
const SCHEMAS: [&str; 2] = [
    "CREATE TABLE item (
       code text COLLATE \"C\" NOT NULL,
       part bigint NOT NULL,
       first text NOT NULL,
       name text NOT NULL,
       PRIMARY KEY (code, part)
     );",
    "-- migrate:down name nullif(upper(first), '')
     CREATE TABLE item (
       code text COLLATE \"C\" NOT NULL,
       part bigint NOT NULL,
       first text NOT NULL,
       PRIMARY KEY (code, part)
     );",
];

/// Where each row is looked for among all kept ones, these take minutes.
const ROWS: usize = 100_000;

#[test]
fn rows_without_a_kept_value_are_found_in_one_pass() {
    let rows = format!(
        "INSERT INTO item SELECT 'c' || i % 7, i, '', 'n' || i FROM {}",
        "(WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS}) SELECT i FROM n) AS n"
            .replace("{ROWS}", &ROWS.to_string())
    );
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let collation = if dialect == Dialect::Sqlite { "COLLATE NOCASE" } else { "COLLATE \"C\"" };
        let schemas = SCHEMAS.map(|text| text.replace("COLLATE \"C\"", collation));
        let schemas = [schemas[0].as_str(), schemas[1].as_str()];
        let Some(shop) = Shop::new(dialect, "sql", schemas, &rows) else { continue };
        let before = shop.contents();
        done(shop.run(&["apply", "--plan", "plan", "--no-rehearsal", "--yes"]));
        shop.write("INSERT INTO item VALUES ('new', 0, ''), ('new', 1, 'ada')");
        let began = Instant::now();
        refused(&shop, Shop::down, 7, &["item.name", "1 of 100,002 rows", "part=0"]);
        shop.write("DELETE FROM item WHERE code = 'new'");
        done(shop.down());
        assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
        assert_eq!(shop.contents(), before);
    }
}

/// A table without a key, with rows 1 to 4, whose column `v` goes.
fn without_a_key() -> Shop {
    let schemas = [
        "CREATE TABLE item (id integer, note text, v text NOT NULL DEFAULT '-');",
        "CREATE TABLE item (id integer, note text);",
    ];
    let rows = "INSERT INTO item VALUES (1, 'n', 'one'), (2, NULL, 'two'), (3, 'n', 'three'), (4, 'n', 'four')";
    let shop = Shop::new(Dialect::Sqlite, "sql", schemas, rows).expect("SQLite is always there");
    done(shop.up());
    shop
}

const MISTAKABLE: &str = "`v` is kept by row number";

#[test]
fn a_row_that_got_the_number_of_a_deleted_one_gets_none_of_its_values() {
    let shop = without_a_key();
    shop.write("DELETE FROM item WHERE id = 4; INSERT INTO item VALUES (5, 'new')");
    refused(&shop, Shop::down, 7, &[MISTAKABLE, "1 of 4 rows", "id=5"]);
    done(shop.run(&["rollback", "--plan", "plan", "--yes", "--allow", "loss"]));
    let held = shop.page();
    assert!(held.contains("5 | new | -") && held.contains("3 | n | three"), "{held}");
}

#[test]
fn a_changed_row_gets_its_value_while_a_later_one_is_as_it_was() {
    let shop = without_a_key();
    shop.write("UPDATE item SET note = 'other' WHERE id = 2; DELETE FROM item WHERE id = 1");
    shop.write("INSERT INTO item VALUES (5, 'new')");
    done(shop.down());
    let held = shop.page();
    assert!(held.contains("2 | other | two") && held.contains("5 | new | -"), "{held}");
}

#[test]
fn a_changed_last_row_is_not_taken_for_what_it_may_not_be() {
    let shop = without_a_key();
    shop.write("UPDATE item SET note = 'other' WHERE id = 4");
    refused(&shop, Shop::down, 7, &[MISTAKABLE, "id=4", "note=other"]);
    shop.write("UPDATE item SET note = 'n' WHERE id = 4");
    done(shop.down());
    assert!(shop.page().contains("4 | n | four"), "{}", shop.page());
}

/// The table and a column of it get other names in the version that drops `v`.
#[test]
fn numbers_are_asked_of_tables_that_are_renamed_too() {
    for after in [
        "-- migrate:was item\nCREATE TABLE goods (id integer, note text);",
        "CREATE TABLE item (\n-- migrate:was id\nnumber integer, note text);",
        "-- migrate:was item\nCREATE TABLE goods (\n-- migrate:was id\nnumber integer, note text, rowid blob);",
    ] {
        let before = "CREATE TABLE item (id integer, note text, v text NOT NULL DEFAULT '-');";
        let rows = "INSERT INTO item VALUES (1, 'n', 'one'), (2, 'n', 'two')";
        let shop = Shop::new(Dialect::Sqlite, "sql", [before, after], rows);
        let shop = shop.expect("SQLite is always there");
        let (table, id) = (
            if after.contains("goods") { "goods" } else { "item" },
            if after.contains("number") { "number" } else { "id" },
        );
        let old = shop.contents();
        done(shop.up());
        shop.write(&format!("UPDATE {table} SET note = 'other' WHERE {id} = 2"));
        refused(&shop, Shop::down, 7, &[MISTAKABLE, "1 of 2 rows", "id=2"]);
        shop.write(&format!("UPDATE {table} SET note = 'n' WHERE {id} = 2"));
        done(shop.down());
        assert_eq!(shop.contents(), old, "{after}");
    }
}

/// The value of a row that was changed elsewhere is still what the narrowing wrote: whether it is the old row, nobody can tell.
#[test]
fn a_changed_row_does_not_lose_what_a_narrowing_kept_of_it() {
    let schemas =
        ["CREATE TABLE item (id integer, v text);", "CREATE TABLE item (id integer, v integer);"];
    let rows = "INSERT INTO item VALUES (1, '007'), (2, '08'), (3, '9')";
    let shop = Shop::new(Dialect::Sqlite, "sql", schemas, rows).expect("SQLite is always there");
    done(shop.up());
    shop.write("UPDATE item SET id = 22 WHERE id = 2");
    refused(&shop, Shop::down, 7, &[MISTAKABLE, "1 of 3 rows", "id=22"]);
    // What was written since stands in any case.
    shop.write("UPDATE item SET v = 80 WHERE id = 22");
    done(shop.down());
    let held = shop.page();
    assert!(held.contains("1 | 007") && held.contains("22 | 80"), "{held}");
}

/// What was written in the new type, and what the old one cannot hold as it is, is there again on the next apply.
#[test]
fn a_text_that_a_rollback_made_a_number_is_that_text_again() {
    let schemas = [
        "CREATE TABLE item (id integer PRIMARY KEY, v integer, w text);",
        "CREATE TABLE item (id integer PRIMARY KEY, v text);",
    ];
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let Some(shop) = Shop::new(dialect, "sql", schemas, "INSERT INTO item VALUES (1, 7, 'w')")
        else {
            continue;
        };
        done(shop.up());
        shop.write("INSERT INTO item VALUES (2, '007')");
        let held = shop.contents();
        done(shop.down());
        done(shop.up());
        assert_eq!(shop.contents(), held, "{dialect}");
    }
}

#[test]
fn rows_that_vacuum_numbered_anew_are_not_mixed_up() {
    let shop = without_a_key();
    shop.write("DELETE FROM item WHERE id = 2");
    shop.write("VACUUM");
    refused(&shop, Shop::down, 7, &[MISTAKABLE, "2 of 3 rows", "id=3", "id=4"]);
}

#[test]
fn on_the_next_apply_a_new_row_gets_nothing_of_a_deleted_one() {
    let schemas = ["CREATE TABLE item (id integer);", "CREATE TABLE item (id integer, v text);"];
    let shop = Shop::new(Dialect::Sqlite, "sql", schemas, "INSERT INTO item VALUES (1), (2), (3)");
    let shop = shop.expect("SQLite is always there");
    done(shop.up());
    shop.write("UPDATE item SET v = 'v' || id");
    done(shop.down());
    shop.write("DELETE FROM item WHERE id = 3; INSERT INTO item VALUES (4)");
    done(shop.up());
    let held = shop.page();
    assert!(held.contains("2 | v2") && held.contains("4 | NULL"), "{held}");
}

/// Types before and after on SQLite and on PostgreSQL, and values of the first that the second holds as they are.
const NARROWINGS: [([&str; 2], [&str; 2], &str); 6] = [
    (["TEXT", "INTEGER"], ["text", "integer"], "'7'"),
    (["REAL", "INTEGER"], ["double precision", "integer"], "7.0"),
    (["INTEGER", "INTEGER"], ["bigint", "integer"], "2147483647"),
    (["NUMERIC", "NUMERIC"], ["numeric(10,4)", "numeric(10,2)"], "1.2500"),
    (["TEXT", "TEXT"], ["varchar(20)", "varchar(3)"], "'abc'"),
    (["TEXT", "TEXT"], ["timestamp", "date"], "'2026-01-02 00:00:00'"),
];

#[test]
fn a_narrowing_in_which_every_value_fits_keeps_nothing() {
    for (sqlite, postgres, value) in NARROWINGS {
        let rows = format!("INSERT INTO item VALUES (1, {value}), (2, NULL), (3, {value})");
        for dialect in [Dialect::Sqlite, Dialect::Postgres] {
            let types = if dialect == Dialect::Sqlite { sqlite } else { postgres };
            if types[0] == types[1] {
                continue;
            }
            let schema =
                types.map(|it| format!("CREATE TABLE item (id integer PRIMARY KEY, v {it});"));
            let schemas = [schema[0].as_str(), schema[1].as_str()];
            let Some(shop) = Shop::new(dialect, "sql", schemas, &rows) else { continue };
            let before = shop.contents();
            done(shop.up());
            let held = kept(&mut shop.place.open());
            assert!(
                held.iter().all(|it| rows_of(&shop, dialect, it) == "0"),
                "{dialect}, {types:?}: {held:?}"
            );
            done(shop.down());
            assert_eq!(shop.contents(), before, "{dialect}, {types:?}");
        }
    }
}

fn rows_of(shop: &Shop, dialect: Dialect, kept: &str) -> String {
    let schema = if dialect == Dialect::Sqlite { "main" } else { "migrate_kept" };
    let count = format!("SELECT count(*) FROM {schema}.\"{kept}\"");
    support::rows(&mut shop.place.open(), &count)[0][0].clone()
}
