//! Each trap of SQLite's table rebuild, with rows, on a database that enforces foreign keys.
//!
//! Every journey goes up, down and up again; after the way back schema, rows (types told apart), rowids and
//! AUTOINCREMENT positions are those of the start.

mod sqlite_support;

use migrate::change::{Intent, Rename};
use migrate::dialect::{Lock, Step, Transaction, Undo, Work};
use migrate::text::{Dialect, QName};
use sqlite_support::journey::{all_sql, journey, plain};
use sqlite_support::{catalog, contents, one, rows, run};

const PARENT: &str = "CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT)";

#[test]
fn trap_1_cascades_do_not_fire_when_the_old_table_is_dropped() {
    let children = "CREATE TABLE cascaded (id INTEGER PRIMARY KEY, p INT REFERENCES parent ON DELETE CASCADE);
        CREATE TABLE nulled (id INTEGER PRIMARY KEY, p INT REFERENCES parent (id) ON DELETE SET NULL);
        CREATE TABLE refused (id INTEGER PRIMARY KEY, p INT REFERENCES parent ON DELETE RESTRICT)";
    let travel = plain(
        &format!("{PARENT}; {children}"),
        "INSERT INTO parent VALUES (1, 'a'), (2, 'b'); INSERT INTO cascaded VALUES (1, 1), (2, 2);
         INSERT INTO nulled VALUES (1, 1); INSERT INTO refused VALUES (1, 2)",
        &format!(
            "CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT NOT NULL CHECK (name <> '')); {children}"
        ),
    );
    travel.there_and_back(|db| {
        assert_eq!(one::<i64>(db, "SELECT count(*) FROM cascaded"), 2);
        assert_eq!(one::<i64>(db, "SELECT p FROM nulled"), 1);
        assert_eq!(one::<i64>(db, "SELECT count(*) FROM refused"), 1);
        db.execute_batch("DELETE FROM parent WHERE id = 3").expect("the keys still stand");
    });
}

#[test]
fn traps_2_and_3_what_others_say_of_the_table_is_untouched() {
    let rest = "CREATE TABLE child (id INTEGER PRIMARY KEY, p INT REFERENCES parent (id));
        CREATE TABLE log (n INT);
        CREATE VIEW names AS SELECT p.name /* kept */ FROM parent AS p;
        CREATE TRIGGER counted AFTER INSERT ON child BEGIN INSERT INTO log SELECT count(*) FROM parent; END";
    let travel = plain(
        &format!("{PARENT}; {rest}"),
        "INSERT INTO parent VALUES (1, 'a'); INSERT INTO child VALUES (1, 1)",
        &format!(
            "CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT DEFAULT 'x', note); {rest}"
        ),
    );
    let others = "SELECT sql FROM sqlite_schema WHERE name IN ('child', 'names', 'counted')";
    let before = rows(&travel.db, others);
    travel.there_and_back(|db| {
        assert_eq!(rows(db, others), before, "not one letter of theirs changed");
        assert_eq!(rows(db, "SELECT name FROM names").len(), 1);
    });
    assert!(!all_sql(&travel.plan.up).contains("DROP VIEW"));
    travel.up().db.execute_batch("INSERT INTO child VALUES (2, 1)").expect("the trigger works");
    assert!(travel.db.execute_batch("INSERT INTO child VALUES (3, 9)").is_err(), "the key works");
}

#[test]
fn trap_4_indexes_and_triggers_of_the_table_are_made_again() {
    let own = "CREATE UNIQUE INDEX one_name ON parent (name) WHERE name IS NOT NULL;
        CREATE TABLE log (n TEXT);
        CREATE TRIGGER noted AFTER UPDATE ON parent BEGIN INSERT INTO log VALUES (new.name); END";
    let before = format!("CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT UNIQUE); {own}");
    let after = format!(
        "CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT UNIQUE, extra DEFAULT (1 + 1)); {own}"
    );
    let travel = plain(&before, "INSERT INTO parent VALUES (1, 'a')", &after);
    travel.there_and_back(|db| {
        assert_eq!(one::<i64>(db, "SELECT count(*) FROM log"), 0, "restoring fires no trigger");
        assert_eq!(one::<i64>(db, "SELECT extra FROM parent"), 2);
    });
    travel.up().db.execute_batch("UPDATE parent SET name = 'b'").expect("update");
    assert_eq!(one::<String>(&travel.db, "SELECT n FROM log"), "b");
}

#[test]
fn trap_5_deleted_ids_are_not_given_out_again() {
    let travel = plain(
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT)",
        "INSERT INTO t VALUES (1, 'a'), (7, 'b'); DELETE FROM t WHERE id = 7",
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT NOT NULL)",
    );
    travel.there_and_back(|db| {
        assert_eq!(one::<i64>(db, "SELECT seq FROM sqlite_sequence WHERE name = 't'"), 7);
    });
    travel.up().db.execute_batch("INSERT INTO t (a) VALUES ('c')").expect("insert");
    assert_eq!(one::<i64>(&travel.db, "SELECT max(id) FROM t"), 8);
}

#[test]
fn trap_5_the_position_survives_losing_autoincrement_and_losing_the_table() {
    let counted = "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT)";
    let seed = "INSERT INTO t VALUES (1, 'a'), (7, 'b'); DELETE FROM t WHERE id = 7";
    plain(counted, seed, "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)").there_and_back(|_| {});
    plain(counted, seed, "CREATE TABLE other (x)").there_and_back(|_| {});
    plain(counted, "", "CREATE TABLE other (x)").there_and_back(|_| {});
    plain(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)",
        "INSERT INTO t VALUES (3, 'x')",
        counted,
    )
    .there_and_back(|_| {});
}

#[test]
fn trap_6_hidden_rowids_stay() {
    let travel = plain(
        "CREATE TABLE t (a TEXT, b TEXT)",
        "INSERT INTO t VALUES ('x', '1'), ('y', '2'), ('z', '3'); DELETE FROM t WHERE a = 'x'",
        "CREATE TABLE t (a TEXT NOT NULL, c INT DEFAULT 5)",
    );
    travel.there_and_back(|db| {
        assert_eq!(
            rows(db, "SELECT rowid, a, c FROM t"),
            ["[Integer(2), Text(\"y\"), Integer(5)]", "[Integer(3), Text(\"z\"), Integer(5)]"]
        );
    });
    // A column named rowid hides that name, not the others.
    plain(
        "CREATE TABLE t (rowid TEXT, b TEXT)",
        "INSERT INTO t VALUES ('x', '1'), ('y', '2'); DELETE FROM t WHERE b = '1'",
        "CREATE TABLE t (rowid TEXT NOT NULL)",
    )
    .there_and_back(|db| assert_eq!(one::<i64>(db, "SELECT _rowid_ FROM t"), 2));
    // The rowid gets a name and keeps its value.
    plain(
        "CREATE TABLE t (b TEXT)",
        "INSERT INTO t VALUES ('x'), ('y'); DELETE FROM t WHERE b = 'x'",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, b TEXT)",
    )
    .there_and_back(|db| assert_eq!(one::<i64>(db, "SELECT id FROM t"), 2));
}

#[test]
fn trap_7_values_that_affinity_changes_come_back_as_they_were() {
    let seed = "INSERT INTO t VALUES (1, '007'), (2, '1e2'), (3, 'abc'), (4, NULL), (5, '12'),
        (6, x'00ff'), (7, '1.5'), (8, ''), (9, '9223372036854775808'), (10, ' 5 ')";
    let typed = |kind: &str| format!("CREATE TABLE t (id INTEGER PRIMARY KEY, v {kind})");
    for kind in ["INTEGER", "NUMERIC", "REAL", "BLOB", "", "VARCHAR(5)"] {
        plain(&typed("TEXT"), seed, &typed(kind)).there_and_back(|_| {});
    }
    let numbers = "INSERT INTO t VALUES (1, 7), (2, 1.5), (3, 'abc'), (4, 1e300), (5, 0.1),
        (6, 9007199254740993), (7, -0.0), (8, 3.0), (9, x'31'), (10, 1.7976931348623157e308)";
    for before in ["INTEGER", "REAL", "NUMERIC", "BLOB"] {
        for after in ["TEXT", "INTEGER", "REAL", "NUMERIC", "BLOB"] {
            plain(&typed(before), numbers, &typed(after)).there_and_back(|_| {});
        }
    }
}

#[test]
fn trap_7_a_strict_table_refuses_what_it_cannot_hold_and_nothing_changes() {
    let strict = "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER) STRICT";
    let loose = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)";
    let travel = plain(loose, "INSERT INTO t VALUES (1, '5'), (2, 'abc')", strict);
    assert!(run(&travel.db, &travel.plan.up).is_err());
    assert_eq!(contents(&travel.db), travel.start);
    assert_eq!(catalog(&travel.db).normalized(), travel.schemas.0);
    plain(loose, "INSERT INTO t VALUES (1, '5'), (2, '007')", strict)
        .there_and_back(|db| assert_eq!(one::<i64>(db, "SELECT sum(v) FROM t"), 12));
    plain(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, w)",
        "INSERT INTO t VALUES (1, 'a', 5), (2, NULL, 'x'), (3, x'41', 1.5)",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB, w ANY) STRICT",
    )
    .there_and_back(|_| {});
}

#[test]
fn trap_7_later_edits_of_an_altered_value_stay() {
    let typed = |kind: &str| format!("CREATE TABLE t (id INTEGER PRIMARY KEY, v {kind})");
    let travel =
        plain(&typed("TEXT"), "INSERT INTO t VALUES (1, '007'), (2, '008')", &typed("INTEGER"));
    travel
        .up()
        .db
        .execute_batch("UPDATE t SET v = 99 WHERE id = 2; INSERT INTO t VALUES (3, 5)")
        .expect("edit");
    travel.down();
    assert_eq!(
        rows(&travel.db, "SELECT id, v FROM t"),
        ["[Integer(1), Text(\"007\")]", "[Integer(2), Text(\"99\")]", "[Integer(3), Text(\"5\")]"]
    );
}

#[test]
fn trap_8_a_table_that_references_itself_still_does() {
    let travel = plain(
        "CREATE TABLE tree (id INTEGER PRIMARY KEY, up INT REFERENCES tree (id) ON DELETE CASCADE)",
        "INSERT INTO tree VALUES (1, NULL), (2, 1), (3, 2)",
        "CREATE TABLE tree (id INTEGER PRIMARY KEY, up INT REFERENCES tree ON DELETE CASCADE, name TEXT UNIQUE)",
    );
    travel.there_and_back(|db| {
        assert_eq!(one::<i64>(db, "SELECT count(*) FROM tree"), 3);
        assert_eq!(
            one::<String>(db, "SELECT \"table\" FROM pragma_foreign_key_list('tree')"),
            "tree"
        );
    });
    travel.up().db.execute_batch("DELETE FROM tree WHERE id = 1").expect("cascade");
    assert_eq!(one::<i64>(&travel.db, "SELECT count(*) FROM tree"), 0);
}

#[test]
fn trap_8_a_check_that_names_its_own_table_is_carried() {
    let travel = plain(
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a INT CHECK (t.a > 0), b COLLATE NOCASE)",
        "INSERT INTO t VALUES (1, 5, 'x'), (9, 6, 'y'); DELETE FROM t WHERE id = 9",
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT CHECK (\"t\".a <> ''), CHECK (t.a <> t.id))",
    );
    travel.there_and_back(|db| {
        assert!(db.execute_batch("INSERT INTO t (a) VALUES ('')").is_err(), "the check works");
    });
}

#[test]
fn trap_9_what_only_the_text_knows_is_carried() {
    let before = "CREATE TABLE p (a TEXT, b INT, PRIMARY KEY (a, b)) WITHOUT ROWID;
        CREATE TABLE t (k TEXT COLLATE NOCASE PRIMARY KEY ON CONFLICT REPLACE, n INT, old TEXT) STRICT, WITHOUT ROWID";
    let after = "CREATE TABLE p (a TEXT, b INT, c REAL DEFAULT 0.5, PRIMARY KEY (a, b)) WITHOUT ROWID;
        CREATE TABLE t (
          k TEXT COLLATE NOCASE PRIMARY KEY ON CONFLICT REPLACE, -- the key
          n INT CONSTRAINT positive CHECK (n > 0),
          twice INT GENERATED ALWAYS AS (n * 2) STORED,
          thrice INT AS (n * 3),
          a TEXT, b INT,
          CONSTRAINT up FOREIGN KEY (a, b) REFERENCES p (a, b) ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED,
          CONSTRAINT one UNIQUE (n, k COLLATE BINARY) ON CONFLICT ABORT
        ) STRICT, WITHOUT ROWID";
    let travel = plain(
        before,
        "INSERT INTO p VALUES ('x', 1); INSERT INTO t VALUES ('A', 1, 'o'), ('b', 2, NULL)",
        after,
    );
    travel.there_and_back(|db| {
        assert_eq!(one::<i64>(db, "SELECT sum(twice + thrice) FROM t"), 15);
        assert!(
            one::<String>(db, "SELECT sql FROM sqlite_schema WHERE name = 't'")
                .contains("-- the key")
        );
    });
}

#[test]
fn trap_9_conflict_clauses_do_not_drop_rows_in_the_copy() {
    let travel = plain(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)",
        "INSERT INTO t VALUES (1, 'x'), (2, 'X'), (3, 'y')",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT COLLATE NOCASE UNIQUE ON CONFLICT IGNORE)",
    );
    let error = run(&travel.db, &travel.plan.up).expect_err("two rows are one");
    assert!(error.contains("UNIQUE"), "{error}");
    assert_eq!(contents(&travel.db), travel.start);
}

#[test]
fn trap_9_generated_columns_come_and_go() {
    let with = "CREATE TABLE t (id INTEGER PRIMARY KEY, a INT, b INT AS (a + 1) STORED, c TEXT AS (a || 'x'))";
    let without = "CREATE TABLE t (id INTEGER PRIMARY KEY, a INT, b INT, c TEXT)";
    plain(with, "INSERT INTO t (id, a) VALUES (1, 5)", without)
        .there_and_back(|db| assert_eq!(one::<i64>(db, "SELECT b FROM t"), 6));
    plain(without, "INSERT INTO t VALUES (1, 5, 70, 'own')", with)
        .there_and_back(|db| assert_eq!(one::<i64>(db, "SELECT b FROM t"), 6));
}

#[test]
fn trap_10_a_leftover_of_another_tool_stops_the_step_and_nothing_changes() {
    let travel = plain(
        "CREATE TABLE t (a TEXT)",
        "INSERT INTO t VALUES ('x'); CREATE TABLE \"_migrate_new_t\" (precious); INSERT INTO _migrate_new_t VALUES (1)",
        "CREATE TABLE t (a TEXT NOT NULL)",
    );
    let error = run(&travel.db, &travel.plan.up).expect_err("the name is taken");
    assert!(error.contains("already exists"), "{error}");
    assert_eq!(contents(&travel.db), travel.start);
    assert_eq!(one::<i64>(&travel.db, "SELECT count(*) FROM _migrate_new_t"), 1);
}

#[test]
fn traps_11_and_12_no_shortcut_is_taken_and_the_cost_is_told() {
    let travel = plain(
        "CREATE TABLE t (a TEXT)",
        "INSERT INTO t VALUES ('x')",
        "CREATE TABLE t (a TEXT NOT NULL DEFAULT 'y' CHECK (a <> ''))",
    );
    travel.there_and_back(|_| {});
    let sql = all_sql(&travel.plan.up);
    assert!(!sql.contains("writable_schema"), "{sql}");
    let rebuild = travel.plan.up.iter().find(|step| step.facts.work == Work::Rewrite);
    let facts = &rebuild.expect("a rebuild").facts;
    assert_eq!(facts.lock, Lock::Reserved);
    assert_eq!(facts.transaction, Transaction::Shared);
    assert_eq!(facts.undo, Undo::Exact);
    assert!(travel.up().db.execute_batch("INSERT INTO t VALUES ('')").is_err());
    assert_eq!(one::<String>(&travel.db, "PRAGMA integrity_check"), "ok");
}

#[test]
fn a_row_that_the_copy_loses_stops_the_step() {
    // The guard itself: a copy that is made to lose a row must not pass.
    let travel = plain(
        "CREATE TABLE t (a TEXT)",
        "INSERT INTO t VALUES ('x'), ('y')",
        "CREATE TABLE t (a TEXT NOT NULL)",
    );
    let mut steps = travel.plan.up.clone();
    for step in &mut steps {
        let text = serde_json::to_string(&step)
            .expect("json")
            .replace("AS \\\"t\\\"\"", "AS \\\"t\\\" LIMIT 1\"");
        step.statements = serde_json::from_str::<Step>(&text).expect("json").statements;
    }
    let error = run(&travel.db, &steps).expect_err("a row is missing");
    assert!(error.contains("every row was copied"), "{error}");
    assert_eq!(contents(&travel.db), travel.start);
}

#[test]
fn renames_follow_into_keys_views_triggers_and_indexes() {
    let sqlite = |name: &str| QName::local(Dialect::Sqlite, name);
    let intent = Intent {
        renames: vec![
            Rename::Table { before: sqlite("bill"), after: sqlite("invoice") },
            Rename::Column {
                table: sqlite("invoice"),
                before: "no".into(),
                after: "number".into(),
            },
        ],
        ..Intent::default()
    };
    let travel = journey(
        "CREATE TABLE bill (id INTEGER PRIMARY KEY, no TEXT, memo TEXT, kind INT);
         CREATE INDEX by_no ON bill (no);
         CREATE TABLE line (id INTEGER PRIMARY KEY, bill INT REFERENCES bill (id) ON DELETE CASCADE);
         CREATE TABLE log (x);
         CREATE VIEW numbers AS SELECT no FROM bill;
         CREATE VIEW dropped AS SELECT memo FROM bill;
         CREATE TRIGGER watch AFTER UPDATE OF no ON bill BEGIN INSERT INTO log VALUES (new.no); END",
        "INSERT INTO bill VALUES (1, 'a', 'm', '7'), (2, 'b', NULL, 'seven'); INSERT INTO line VALUES (1, 1)",
        "CREATE TABLE invoice (id INTEGER PRIMARY KEY, number TEXT NOT NULL, kind TEXT);
         CREATE INDEX by_no ON invoice (number);
         CREATE TABLE line (id INTEGER PRIMARY KEY, bill INT REFERENCES invoice (id) ON DELETE CASCADE);
         CREATE TABLE log (x);
         CREATE VIEW numbers AS SELECT number FROM invoice;
         CREATE TRIGGER watch AFTER UPDATE OF number ON invoice BEGIN INSERT INTO log VALUES (new.number); END",
        &intent,
    );
    travel.there_and_back(|db| {
        assert_eq!(one::<i64>(db, "SELECT count(*) FROM line"), 1);
        assert_eq!(rows(db, "SELECT number FROM numbers").len(), 2);
        assert_eq!(one::<i64>(db, "SELECT count(*) FROM log"), 0);
    });
}

#[test]
fn broken_views_and_triggers_do_not_stop_a_rename_and_stay_as_they_are() {
    let sqlite = |name: &str| QName::local(Dialect::Sqlite, name);
    let rename = Rename::Table { before: sqlite("bill"), after: sqlite("invoice") };
    let intent = Intent { renames: vec![rename], ..Intent::default() };
    let rest = "CREATE TABLE other (x);
        CREATE VIEW bad AS SELECT y FROM gone;
        CREATE VIEW sound AS SELECT o.x AS z FROM other o;
        CREATE TRIGGER bad_too AFTER INSERT ON other BEGIN INSERT INTO missing VALUES (new.x); END";
    let travel = journey(
        &format!("CREATE TABLE bill (id INTEGER PRIMARY KEY, a INT); {rest}"),
        "INSERT INTO bill VALUES (1, 2)",
        &format!("CREATE TABLE invoice (id INTEGER PRIMARY KEY, a TEXT); {rest}"),
        &intent,
    );
    travel.there_and_back(|db| assert_eq!(one::<i64>(db, "SELECT count(*) FROM invoice"), 1));
    let sql = all_sql(&travel.plan.up);
    assert!(!sql.contains("DROP VIEW"), "{sql}");
}
