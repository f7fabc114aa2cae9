//! The PostgreSQL dialect against a server: pairs of schemas with rows go there, back, and there again.

mod support;

use migrate::catalog::Printed;
use migrate::change::{ColumnIntent, Intent, Rename, Target};
use migrate::diff::diff;
use migrate::plan::plan;
use migrate::text::{Ident, QName};
use support::round_trip::{catalog_of, connect, execute, inspect, load, round_trip, rows, run};

/// A pair of schemas with rows in the first one.
struct Case {
    name: &'static str,
    before: &'static str,
    after: &'static str,
    intent: Intent,
}

fn case(name: &'static str, before: &'static str, after: &'static str) -> Case {
    Case { name, before, after, intent: Intent::default() }
}

impl Case {
    fn column(mut self, table: &str, column: &str, intent: ColumnIntent) -> Self {
        let target = Target::column(&QName::new("public", table), &Ident::from(column));
        self.intent.columns.insert(target, intent);
        self
    }

    fn backfill(self, table: &str, column: &str, expression: &str) -> Self {
        let intent =
            ColumnIntent { backfill: Some(expression.to_owned()), ..ColumnIntent::default() };
        self.column(table, column, intent)
    }

    fn values(self, table: &str, column: &str, values: &[(&str, &str)]) -> Self {
        let values =
            values.iter().map(|(old, new)| ((*old).to_owned(), (*new).to_owned())).collect();
        self.column(table, column, ColumnIntent { values, ..ColumnIntent::default() })
    }

    fn rename(mut self, rename: Rename) -> Self {
        self.intent.renames.push(rename);
        self
    }
}

fn enum_cases() -> Vec<Case> {
    let states = "CREATE TYPE state AS ENUM ('draft', 'open', 'closed');
        CREATE TABLE t (id int PRIMARY KEY, s state NOT NULL DEFAULT 'draft', note text);
        CREATE INDEX t_open ON t (id) WHERE s = 'draft';
        ALTER TABLE t ADD CONSTRAINT noted CHECK (s <> 'draft' OR note IS NULL);
        CREATE VIEW drafts AS SELECT id, s FROM t WHERE s = 'draft';
        CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.note := 'touched'; RETURN NEW; END $$;
        CREATE TRIGGER touches BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION touch();
        INSERT INTO t VALUES (1, 'draft', NULL), (2, 'open', 'x'), (3, 'closed', NULL);";
    let merged = "CREATE TYPE state AS ENUM ('draft', 'done');
        CREATE TABLE t (id int PRIMARY KEY, s state NOT NULL DEFAULT 'draft', note text);
        CREATE INDEX t_open ON t (id) WHERE s = 'draft';
        ALTER TABLE t ADD CONSTRAINT noted CHECK (s <> 'draft' OR note IS NULL);
        CREATE VIEW drafts AS SELECT id, s FROM t WHERE s = 'draft';
        CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.note := 'touched'; RETURN NEW; END $$;
        CREATE TRIGGER touches BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION touch();";
    vec![
        case("enum values merged", states, merged)
            .values("t", "s", &[("open", "done"), ("closed", "done")]),
        case(
            "enum values added and used at once",
            "CREATE TYPE e AS ENUM ('b', 'd'); CREATE TABLE t (id int PRIMARY KEY, x e DEFAULT 'b'); INSERT INTO t VALUES (1, 'd'), (2, 'b');",
            "CREATE TYPE e AS ENUM ('a', 'b', 'c', 'd', 'f'); CREATE TABLE t (id int PRIMARY KEY, x e DEFAULT 'c', y e NOT NULL DEFAULT 'a', z e[]);",
        ),
        case(
            "enum reordered, in an array too",
            "CREATE TYPE e AS ENUM ('a', 'b'); CREATE TABLE t (x e, y e[] DEFAULT '{a}'); INSERT INTO t VALUES ('a', '{b,a}'), (NULL, NULL);",
            "CREATE TYPE e AS ENUM ('b', 'a'); CREATE TABLE t (x e, y e[] DEFAULT '{a}');",
        ),
        case(
            "enum to text and a table of that enum dropped",
            "CREATE TYPE e AS ENUM ('a', 'b'); CREATE TABLE t (id int PRIMARY KEY, x e DEFAULT 'a', y e); CREATE TABLE gone (id serial PRIMARY KEY, x e DEFAULT 'b', y e, CHECK (x <> 'a'), UNIQUE (y)); CREATE INDEX gone_x ON gone (id) WHERE x = 'b';
             INSERT INTO t VALUES (1, 'a', 'b'); INSERT INTO gone (y) VALUES ('b'), ('a');",
            "CREATE TABLE t (id int PRIMARY KEY, x text DEFAULT 'a');",
        ),
    ]
}

fn type_cases() -> Vec<Case> {
    vec![
        case(
            "text to integer keeps what the way back cannot compute",
            "CREATE TABLE t (id int PRIMARY KEY, v text DEFAULT '7'); CREATE VIEW w AS SELECT v FROM t; CREATE VIEW ww AS SELECT * FROM w; INSERT INTO t VALUES (1, '007'), (2, '12'), (3, NULL);",
            "CREATE TABLE t (id int PRIMARY KEY, v int DEFAULT 7); CREATE VIEW w AS SELECT v FROM t; CREATE VIEW ww AS SELECT * FROM w;",
        ),
        case(
            "no key",
            "CREATE TABLE t (a int, v text, b text, c int); INSERT INTO t VALUES (1, '01', 'x', 3), (1, '01', 'y', 4), (1, '1', 'z', 5), (2, '5', NULL, NULL);",
            "CREATE TABLE t (a int, v int);",
        ),
        case(
            "a key changes its type under a foreign key",
            "CREATE TABLE p (id text PRIMARY KEY, gone text); CREATE TABLE c (id int PRIMARY KEY, p text REFERENCES p); INSERT INTO p VALUES ('01', 'x'), ('2', 'y'); INSERT INTO c VALUES (1, '01'), (2, '2');",
            "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY, p int REFERENCES p);",
        ),
        case(
            "numbers, dates, json, domains",
            "CREATE DOMAIN d AS int CHECK (VALUE > 0); CREATE TABLE t (id bigint PRIMARY KEY, a numeric(10,4), b timestamptz, c json, e d, f bool, g int[], h varchar(20)); INSERT INTO t VALUES (1, 1.2345, '2020-01-01 10:11:12+02', '{\"a\" : 1}', 4, true, '{1,2}', 'abc');",
            "CREATE TABLE t (id bigint PRIMARY KEY, a numeric(10,2), b date, c jsonb, e int, f int, g bigint[], h varchar(10));",
        ),
        case(
            "generated columns around a change of type",
            "CREATE TABLE t (id int PRIMARY KEY, a int, b int GENERATED ALWAYS AS (a * 2) STORED, c int GENERATED ALWAYS AS (a + 1) STORED, d int); INSERT INTO t (id, a, d) VALUES (1, 5, 9);",
            "CREATE TABLE t (id int PRIMARY KEY, a bigint, b int GENERATED ALWAYS AS (a * 2) STORED, c int, d int GENERATED ALWAYS AS (id + 1) STORED);",
        ),
    ]
}

fn column_cases() -> Vec<Case> {
    vec![
        case(
            "a column made of two that go",
            "CREATE TABLE t (id int PRIMARY KEY, first text, last text NOT NULL); INSERT INTO t VALUES (1, 'a', 'b'), (2, NULL, 'c');",
            "CREATE TABLE t (id int PRIMARY KEY, name text NOT NULL);",
        )
        .backfill("t", "name", "coalesce(\"t\".\"first\" || ' ', '') || \"t\".\"last\""),
        case(
            "a column becomes required",
            "CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 5), (2, NULL), (3, NULL);",
            "CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL DEFAULT 3);",
        )
        .backfill("t", "v", "\"t\".\"id\" * 100"),
        case(
            "counting columns",
            "CREATE TABLE t (id serial PRIMARY KEY, a int, s smallserial); CREATE TABLE u (a text, n int GENERATED ALWAYS AS IDENTITY); INSERT INTO t (a) VALUES (4), (5); INSERT INTO u VALUES ('x'), ('y');",
            "CREATE TABLE t (id bigint GENERATED BY DEFAULT AS IDENTITY (START 10) PRIMARY KEY, a int); CREATE SEQUENCE free; CREATE TABLE u (a text, m bigserial, k bigint NOT NULL DEFAULT nextval('free'));",
        ),
        case(
            "value check changes",
            "CREATE TABLE t (id int PRIMARY KEY, s text NOT NULL DEFAULT 'a' CHECK (s IN ('a', 'b', 'c'))); INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c');",
            "CREATE TABLE t (id int PRIMARY KEY, s text NOT NULL DEFAULT 'x' CHECK (s IN ('x', 'y')));",
        )
        .values("t", "s", &[("a", "x"), ("b", "x"), ("c", "y")]),
        case(
            "renamed, and more",
            "CREATE TABLE a (id serial PRIMARY KEY, x text, y int); CREATE TABLE b (id int PRIMARY KEY, a_id int REFERENCES a); CREATE VIEW v AS SELECT x FROM a; INSERT INTO a (x, y) VALUES ('q', 1), ('r', 2); INSERT INTO b VALUES (1, 2);",
            "CREATE TABLE z (id serial PRIMARY KEY, xx varchar(5), w int); CREATE TABLE b (id int PRIMARY KEY, z_id int REFERENCES z); CREATE VIEW v AS SELECT xx AS x FROM z;",
        )
        .rename(Rename::Table { before: QName::new("public", "a"), after: QName::new("public", "z") })
        .rename(Rename::Column { table: QName::new("public", "z"), before: "x".into(), after: "xx".into() })
        .rename(Rename::Column { table: QName::new("public", "b"), before: "a_id".into(), after: "z_id".into() }),
    ]
}

fn table_cases() -> Vec<Case> {
    vec![
        case(
            "tables that point at each other go and come back",
            "CREATE TABLE a (id int PRIMARY KEY, b int); CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a DEFERRABLE INITIALLY DEFERRED); ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b DEFERRABLE INITIALLY DEFERRED; BEGIN; INSERT INTO a VALUES (1, 1); INSERT INTO b VALUES (1, 1); COMMIT;
             CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$; CREATE TRIGGER g BEFORE UPDATE ON a FOR EACH ROW EXECUTE FUNCTION f();",
            "CREATE TABLE other ();",
        ),
        case(
            "a table gives its name to a view",
            "CREATE TABLE n (id int PRIMARY KEY); INSERT INTO n VALUES (1); CREATE SCHEMA s; CREATE TABLE s.x (v int); INSERT INTO s.x VALUES (4);",
            "CREATE VIEW n AS SELECT 1 AS id; CREATE SCHEMA r; CREATE TABLE r.x (id int GENERATED ALWAYS AS IDENTITY); CREATE MATERIALIZED VIEW m AS SELECT id FROM r.x; CREATE UNIQUE INDEX ON m (id);",
        ),
        case(
            "functions in defaults, checks and indexes",
            "CREATE FUNCTION one() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1'; CREATE TABLE t (id int PRIMARY KEY DEFAULT one(), v int CHECK (v > one())); CREATE INDEX i ON t ((v + one())); INSERT INTO t VALUES (1, 5);",
            "CREATE FUNCTION two(a int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a + 2'; CREATE TABLE t (id int PRIMARY KEY, v int DEFAULT two(3)); CREATE INDEX i ON t (two(v));",
        ),
    ]
}

fn partition_cases() -> Vec<Case> {
    vec![
        case(
            "partitions come, go and change with their rows",
            "CREATE TABLE p (id int NOT NULL, at date NOT NULL, v text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
             CREATE TABLE p1 PARTITION OF p FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
             CREATE TABLE p2 PARTITION OF p FOR VALUES FROM ('2021-01-01') TO ('2022-01-01');
             CREATE TABLE rest PARTITION OF p DEFAULT; CREATE INDEX ON p (v);
             INSERT INTO p VALUES (1, '2020-05-05', 'a'), (2, '2021-05-05', 'b'), (3, '1999-01-01', 'c');",
            "CREATE TABLE p (id int NOT NULL, at date NOT NULL, v text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
             CREATE TABLE p1 PARTITION OF p FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
             CREATE TABLE p3 PARTITION OF p FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
             CREATE TABLE rest PARTITION OF p DEFAULT; CREATE INDEX ON p (v, id);",
        ),
        case(
            "a partitioned table goes whole and comes back",
            "CREATE TABLE o (id int PRIMARY KEY); INSERT INTO o VALUES (1);
             CREATE TABLE l (k int, o int REFERENCES o) PARTITION BY LIST (k);
             CREATE TABLE l1 PARTITION OF l FOR VALUES IN (1, 2) PARTITION BY HASH (o);
             CREATE TABLE l1a PARTITION OF l1 FOR VALUES WITH (MODULUS 1, REMAINDER 0);
             INSERT INTO l VALUES (1, 1), (2, NULL);",
            "CREATE TABLE o (id int PRIMARY KEY);",
        ),
        case(
            "a table is partitioned where it stands",
            "CREATE TABLE t (id serial, k text NOT NULL); INSERT INTO t (k) VALUES ('a'), ('b');",
            "CREATE TABLE t (id serial, k text NOT NULL) PARTITION BY LIST (k);
             CREATE TABLE ta PARTITION OF t FOR VALUES IN ('a'); CREATE TABLE tb PARTITION OF t DEFAULT;",
        ),
        case(
            "a table joins and leaves its parent",
            "CREATE TABLE p (k int, v text) PARTITION BY LIST (k); CREATE TABLE c (k int, v text); CREATE TABLE d PARTITION OF p FOR VALUES IN (2);
             INSERT INTO c VALUES (1, 'x'); INSERT INTO d VALUES (2, 'y');",
            "CREATE TABLE p (k int, v text) PARTITION BY LIST (k); CREATE TABLE c PARTITION OF p FOR VALUES IN (1); CREATE TABLE d (k int, v text);",
        ),
        case(
            "an heir goes and comes back",
            "CREATE TABLE base (id int PRIMARY KEY, v text); CREATE TABLE heir (w int) INHERITS (base); INSERT INTO base VALUES (1, 'a'); INSERT INTO heir VALUES (2, 'b', 3);",
            "CREATE TABLE base (id int PRIMARY KEY, v text); CREATE TABLE other (y int) INHERITS (base);",
        ),
        case(
            "settings",
            "CREATE TABLE t (id int PRIMARY KEY, v text NOT NULL, w text) WITH (fillfactor = 70); CREATE UNIQUE INDEX tv ON t (v); ALTER TABLE t REPLICA IDENTITY USING INDEX tv; ALTER TABLE t CLUSTER ON t_pkey; ALTER TABLE t ALTER w SET STORAGE EXTERNAL, ALTER v SET STATISTICS 50, ALTER v SET (n_distinct = 5); INSERT INTO t VALUES (1, 'a', 'b');",
            "CREATE TABLE t (id int PRIMARY KEY, v text NOT NULL, w text) WITH (autovacuum_enabled = false, toast.autovacuum_enabled = false); ALTER TABLE t REPLICA IDENTITY FULL; ALTER TABLE t ALTER v SET STATISTICS 70; CREATE UNLOGGED TABLE u (a int) WITH (fillfactor = 50);",
        ),
    ]
}

#[test]
fn cases_go_there_and_back_and_there_again() {
    let Some(server) = support::postgres() else { return };
    let only = std::env::var("MIGRATE_TEST_CASE").unwrap_or_default();
    let cases =
        [enum_cases(), type_cases(), column_cases(), table_cases(), partition_cases()].concat_all();
    let mut failures = Vec::new();
    for case in cases.iter().filter(|case| case.name.contains(&only)) {
        let result = catalog_of(&server, case.after).and_then(|after| {
            let database = server.database();
            round_trip(&database, case.before, &after, &case.intent, &mut |_| Ok(())).map(drop)
        });
        if let Err(message) = result {
            failures.push(format!("{}: {message}", case.name));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// `concat` for lists whose items cannot be cloned.
trait ConcatAll<T> {
    fn concat_all(self) -> Vec<T>;
}

impl<T, const N: usize> ConcatAll<T> for [Vec<T>; N] {
    fn concat_all(self) -> Vec<T> {
        self.into_iter().flatten().collect()
    }
}

#[test]
fn what_is_written_after_up_survives_down() {
    let Some(server) = support::postgres() else { return };
    let before = "CREATE TABLE t (id int PRIMARY KEY, gone text DEFAULT 'none', v text);
        INSERT INTO t VALUES (1, 'a', '007'), (2, NULL, '008'), (3, 'c', '3');";
    let after = catalog_of(&server, "CREATE TABLE t (id int PRIMARY KEY, v int);")
        .expect("the target can be read");
    let database = server.database();
    let mut client = connect(&database);
    load(&mut client, before).expect("the rows load");
    let catalog = inspect(&mut client).expect("the schema can be read");
    let (found, _) = diff(&catalog, &after, &Intent::default());
    let plan = plan(&found, &[], Printed::ByEngine).expect("a plan");
    run(&mut client, &plan.up).expect("up runs");
    let writes = "UPDATE t SET v = 70 WHERE id = 1; DELETE FROM t WHERE id = 3; INSERT INTO t VALUES (4, 44);";
    execute(&mut client, writes).expect("the new shape takes rows");
    run(&mut client, &plan.down).expect("down runs");
    let found = rows(&mut client, &catalog).expect("the rows can be read");
    let expected = ["(a,1,70)", "(none,4,44)", "(,2,008)"];
    assert_eq!(found["t"].len(), expected.len());
    assert!(expected.iter().all(|row| found["t"].contains(&(*row).to_owned())), "{found:?}");
}
