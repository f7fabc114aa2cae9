//! What SQLite keeps of dropped and altered values, tables and virtual tables, and puts back.

mod sqlite_support;

use migrate::change::ColumnIntent;
use sqlite_support::journey::{journey, plain, said, target};
use sqlite_support::{contents, one};

#[test]
fn dropped_columns_return_by_key_and_later_rows_stay() {
    for key in
        ["id INTEGER PRIMARY KEY", "id TEXT PRIMARY KEY", "id TEXT PRIMARY KEY NOT NULL", "id TEXT"]
    {
        let travel = journey(
            &format!("CREATE TABLE t ({key}, fax TEXT NOT NULL DEFAULT 'none', note TEXT)"),
            "INSERT INTO t VALUES (1, '555', NULL), (2, '', 'n');
             INSERT OR IGNORE INTO t VALUES (NULL, '777', x'00')",
            &format!("CREATE TABLE t ({key})"),
            &said("t", "note", None, Some("'row ' || \"t\".\"id\"")),
        );
        let count = travel.start["t"].len();
        travel.there_and_back(|_| {});
        travel
            .up()
            .db
            .execute_batch("DELETE FROM t WHERE id = 2; INSERT INTO t VALUES (9)")
            .expect("edit");
        travel.down();
        assert_eq!(one::<String>(&travel.db, "SELECT fax FROM t WHERE id = 9"), "none");
        assert_eq!(one::<String>(&travel.db, "SELECT note FROM t WHERE id = 9"), "row 9");
        assert_eq!(one::<String>(&travel.db, "SELECT fax FROM t WHERE id = 1"), "555");
        assert_eq!(one::<i64>(&travel.db, "SELECT count(*) FROM t") as usize, count);
    }
}

#[test]
fn values_written_after_up_return_on_the_second_up() {
    let travel = plain(
        "CREATE TABLE t (id INTEGER PRIMARY KEY)",
        "INSERT INTO t VALUES (1), (2)",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, email TEXT); CREATE TABLE extra (x)",
    );
    travel
        .up()
        .db
        .execute_batch("UPDATE t SET email = 'e' || id; INSERT INTO extra VALUES (x'01')")
        .expect("edit");
    let wanted = contents(&travel.db);
    travel.down().up();
    assert_eq!(contents(&travel.db), wanted);
}

#[test]
fn a_backfill_and_a_value_map_are_taken_back() {
    let mut intent = said("t", "city", Some("upper(\"t\".\"name\")"), None);
    let state = ColumnIntent {
        values: vec![("pending".into(), "open".into()), ("new".into(), "open".into())],
        ..ColumnIntent::default()
    };
    intent.columns.insert(target("t", "state"), state);
    intent.columns.insert(
        target("t", "code"),
        ColumnIntent {
            backfill: Some("\"t\".\"name\" || \"t\".\"id\"".into()),
            ..ColumnIntent::default()
        },
    );
    let travel = journey(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, city TEXT,
           state TEXT CHECK (state IN ('pending', 'new', 'open', 'done')))",
        "INSERT INTO t VALUES (1, 'a', NULL, 'pending'), (2, 'b', 'x', 'new'), (3, 'c', NULL, 'done'), (4, 'd', 'y', 'open')",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, city TEXT NOT NULL,
           state TEXT CHECK (state IN ('open', 'done')), code TEXT NOT NULL)",
        &intent,
    );
    travel.there_and_back(|db| {
        assert_eq!(
            one::<String>(db, "SELECT group_concat(city || state || code, ' ') FROM t"),
            "Aopena1 xopenb2 Cdonec3 yopend4"
        );
    });
}

#[test]
fn a_backfill_that_never_says_the_same_twice_returns_as_it_was() {
    for key in ["id INTEGER PRIMARY KEY", "id TEXT PRIMARY KEY", "id INT"] {
        let travel = journey(
            &format!("CREATE TABLE t ({key}, token TEXT)"),
            "INSERT INTO t VALUES (1, NULL), (2, 'own'), (3, NULL)",
            &format!("CREATE TABLE t ({key}, token TEXT NOT NULL)"),
            &said("t", "token", Some("hex(randomblob(8))"), None),
        );
        travel.there_and_back(|db| assert_eq!(one::<i64>(db, "SELECT count(token) FROM t"), 3));
    }
}

#[test]
fn tables_of_every_kind_are_kept_and_restored() {
    let tables = "CREATE TABLE plain (a, b INT, c REAL, d NUMERIC, e ANY);
        CREATE TABLE strict_one (id INTEGER PRIMARY KEY, v ANY, w REAL) STRICT;
        CREATE TABLE keyed (k TEXT PRIMARY KEY, g INT AS (length(k)) STORED) WITHOUT ROWID;
        CREATE TABLE \"we \"\"ird\" (\"a b\" TEXT, [c]]d] INT);
        CREATE INDEX ix ON plain (a);
        CREATE VIEW v AS SELECT a FROM plain;
        CREATE TRIGGER tr AFTER INSERT ON plain BEGIN DELETE FROM keyed; END";
    let tables = tables.replace("[c]]d]", "[cd]");
    let travel = plain(
        &tables,
        "INSERT INTO keyed (k) VALUES ('x'), ('yy'); INSERT INTO strict_one VALUES (1, '1', 2), (5, x'00', NULL);
         DROP TRIGGER tr;
         INSERT INTO plain VALUES (1, '2', 3, '4.0', 5), ('007', 'x', 1e300, '1e2', NULL), (NULL, NULL, NULL, NULL, x'');
         CREATE TRIGGER tr AFTER INSERT ON plain BEGIN DELETE FROM keyed; END;
         DELETE FROM plain WHERE a = 1; INSERT INTO \"we \"\"ird\" VALUES ('q', 1)",
        "CREATE TABLE unrelated (x)",
    );
    travel.there_and_back(|_| {});
}

#[test]
fn full_text_tables_keep_their_rows() {
    let travel = plain(
        "CREATE TABLE post (id INTEGER PRIMARY KEY, body TEXT);
         CREATE VIRTUAL TABLE own USING fts4(title, body);
         CREATE VIRTUAL TABLE over USING fts4(content='post', body)",
        "INSERT INTO post VALUES (4, 'hello world'); INSERT INTO own (rowid, title, body) VALUES (7, 't', 'some words');
         INSERT INTO over (over) VALUES ('rebuild')",
        "CREATE TABLE post (id INTEGER PRIMARY KEY, body TEXT NOT NULL)",
    );
    travel.there_and_back(|_| {});
    assert_eq!(one::<i64>(&travel.db, "SELECT rowid FROM own WHERE own MATCH 'words'"), 7);
    assert_eq!(one::<i64>(&travel.db, "SELECT rowid FROM over WHERE over MATCH 'world'"), 4);
}

#[test]
fn keeping_and_restoring_is_linear_in_the_rows() {
    // A lookup that cannot use its index would take minutes here.
    let keys = [
        "id INTEGER PRIMARY KEY",
        "id TEXT PRIMARY KEY COLLATE NOCASE",
        "id TEXT NOT NULL PRIMARY KEY",
        "id INT NOT NULL, PRIMARY KEY (id)",
        "id",
    ];
    for key in keys {
        let (column, rest) = key.split_once(", ").unwrap_or((key, ""));
        let rest = if rest.is_empty() { String::new() } else { format!(", {rest}") };
        let travel = plain(
            &format!("CREATE TABLE t ({column}, gone TEXT, v TEXT{rest})"),
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000)
             INSERT INTO t SELECT i, 'g' || i, '00' || i FROM n",
            &format!("CREATE TABLE t ({column}, v INTEGER, more INT DEFAULT 1{rest})"),
        );
        let begin = std::time::Instant::now();
        travel.up().down().up();
        assert!(begin.elapsed().as_secs() < 20, "{key}: {:?}", begin.elapsed());
        eprintln!("{key}: {:?}", begin.elapsed());
        travel.down();
        assert_eq!(contents(&travel.db), travel.start);
    }
}

#[test]
fn values_that_cannot_be_stored_are_foreseen() {
    use migrate::dialect::check::Part;

    let travel = plain(
        "CREATE TABLE number (x TEXT PRIMARY KEY); CREATE TABLE exact (id INTEGER PRIMARY KEY, n, t TEXT, r, b BLOB)",
        "INSERT INTO number VALUES ('1'), ('1v'), (NULL), ('2.0');
         INSERT INTO exact VALUES (1, '12', 5, '1.5', x'00'), (2, 'a', 'b', 'c', 'd'), (3, 1.5, x'00', 2, 1),
                                  (4, NULL, NULL, NULL, NULL)",
        "CREATE TABLE number (x INTEGER PRIMARY KEY);
         CREATE TABLE exact (id INTEGER PRIMARY KEY, n INT, t TEXT, r REAL, b BLOB) STRICT",
    );
    let broken: Vec<(String, i64)> = travel
        .plan
        .up_checks
        .iter()
        .filter(|check| check.part == Part::Guard)
        .map(|check| (check.rule.clone(), one(&travel.db, check.count.as_str())))
        .collect();
    let wanted = [
        ("exact.n as INT", 2),
        ("exact.t as TEXT", 1),
        ("exact.r as REAL", 1),
        ("exact.b as BLOB", 2),
        ("number.x as INTEGER", 2),
    ];
    assert_eq!(broken, wanted.map(|(rule, count)| (rule.to_owned(), count)));
}
