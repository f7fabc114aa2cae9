//! The PostgreSQL dialect against a server. Runs where `MIGRATE_TEST_PG` holds the URL of a server on which
//! databases may be made. `MIGRATE_TEST_PAIRS` may name a folder of pairs (`CASE/a.sql`, `CASE/b.sql`);
//! `MIGRATE_TEST_COMPARE` a command that compares two databases and fails where they differ.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use migrate::catalog::{Catalog, Printed};
use migrate::change::{ColumnIntent, Intent, Rename, Target};
use migrate::dialect::postgres::inspect;
use migrate::dialect::{Absence, Step, Transaction};
use migrate::diff::diff;
use migrate::plan::{Plan, plan};
use migrate::text::{Ident, QName};
use postgres::{Client, NoTls};

fn server() -> Option<String> {
    let url = std::env::var("MIGRATE_TEST_PG").ok();
    if url.is_none() {
        println!("skipped: MIGRATE_TEST_PG is not set");
    }
    url
}

fn text(error: &postgres::Error) -> String {
    match error.as_db_error() {
        Some(error) => format!("{} {}", error.message(), error.detail().unwrap_or_default()),
        None => error.to_string(),
    }
}

fn execute(client: &mut Client, sql: &str) -> Result<(), String> {
    client.batch_execute(sql).map_err(|error| text(&error))
}

/// A database of its own, dropped at the end.
struct Database {
    url: String,
    name: String,
}

impl Database {
    fn new(url: &str, name: &str) -> Self {
        let name = format!("migrate_test_{name}_{}", std::process::id());
        let mut admin = Client::connect(url, NoTls).expect("the server answers");
        let drop = format!("DROP DATABASE IF EXISTS {name}");
        admin.batch_execute(&drop).expect("an old test database can go");
        let create = format!("CREATE DATABASE {name}");
        admin.batch_execute(&create).expect("databases may be made");
        Database { url: url.to_owned(), name }
    }

    fn connect(&self) -> Client {
        let config = format!("{} dbname={}", self.url, self.name);
        let mut client = Client::connect(&config, NoTls).expect("the new database answers");
        let prepare = "CREATE SCHEMA IF NOT EXISTS migrate_kept; SET client_min_messages = error; \
                       SET statement_timeout = '60s'";
        execute(&mut client, prepare).expect("a schema can be made");
        client
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Ok(mut admin) = Client::connect(&self.url, NoTls) {
            let _ = admin.batch_execute(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
        }
    }
}

fn inspect(client: &mut Client) -> Result<Catalog, String> {
    execute(client, inspect::PREPARE)?;
    let mut results = BTreeMap::new();
    for query in inspect::queries() {
        let sql = format!("SELECT q::text FROM ({}) AS x(q)", query.sql);
        let rows =
            client.query(&sql, &[]).map_err(|error| format!("{}: {}", query.name, text(&error)))?;
        results.insert(
            query.name.to_owned(),
            rows.iter().map(|row| row.get::<_, String>(0)).collect(),
        );
    }
    execute(client, "RESET search_path")?;
    inspect::catalog(&results).map_err(|error| error.to_string())
}

fn load(client: &mut Client, sql: &str) -> Result<(), String> {
    execute(client, sql).map_err(|error| format!("loading: {error}"))?;
    execute(client, "RESET ALL; SET client_min_messages = error")
}

/// As the runner does it: shared steps in one transaction, kept data looked for first.
fn run(client: &mut Client, steps: &[Step]) -> Result<(), String> {
    execute(client, "SET search_path = ''; BEGIN")?;
    for step in steps {
        if let Some(kept) = &step.reads_kept {
            let sql = "SELECT FROM pg_catalog.pg_tables WHERE schemaname = 'migrate_kept' AND tablename = $1";
            let found = client.query(sql, &[&kept.name]).map_err(|error| text(&error))?;
            match (found.is_empty(), kept.absence) {
                (false, _) => {}
                (true, Absence::Skip) => continue,
                (true, Absence::Refuse) => {
                    return Err(format!("{}: {} is not there", step.title, kept.name));
                }
            }
        }
        if step.facts.transaction != Transaction::Shared {
            execute(client, "COMMIT; BEGIN")?;
        }
        for statement in &step.statements {
            if let Err(error) = client.batch_execute(statement.as_str()) {
                let message = format!("step `{}`: {}\n    {statement}", step.title, text(&error));
                let _ = client.batch_execute("ROLLBACK; RESET search_path");
                return Err(message);
            }
        }
        if step.facts.transaction != Transaction::Shared {
            execute(client, "COMMIT; BEGIN")?;
        }
    }
    execute(client, "COMMIT; RESET search_path")
}

fn same(stage: &str, expected: &Catalog, found: &Catalog) -> Result<(), String> {
    if expected.normalized() == found.normalized() {
        return Ok(());
    }
    let (left, _) = diff(found, expected, &Intent::default());
    let text: String = format!("{:?}", left.changes).chars().take(3000).collect();
    Err(format!("{stage}: left to change: {text}"))
}

type Rows = BTreeMap<String, Vec<String>>;

fn rows(client: &mut Client, catalog: &Catalog) -> Result<Rows, String> {
    let quote = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let mut found = BTreeMap::new();
    for table in catalog.tables.values() {
        let names =
            table.columns.iter().map(|column| format!("{}::text", quote(column.name.as_str())));
        let mut names: Vec<String> = names.collect();
        names.sort();
        let name =
            format!("{}.{}", quote(table.name.schema.as_str()), quote(table.name.name.as_str()));
        let sql = format!("SELECT ROW({})::text AS r FROM {name} ORDER BY 1", names.join(", "));
        let rows = client.query(&sql, &[]).map_err(|error| text(&error))?;
        found.insert(table.name.to_string(), rows.iter().map(|row| row.get(0)).collect());
    }
    Ok(found)
}

/// Up, down, and up again; the catalog and the rows are compared each time.
fn round_trip(
    database: &Database,
    before_sql: &str,
    after: &Catalog,
    intent: &Intent,
) -> Result<Plan, String> {
    let mut client = database.connect();
    load(&mut client, before_sql)?;
    let before = inspect(&mut client)?;
    let rows_before = rows(&mut client, &before)?;
    let (found, _) = diff(&before, after, intent);
    let plan = plan(&found, &[], Printed::ByEngine).map_err(|error| format!("plan: {error}"))?;
    if std::env::var("MIGRATE_TEST_SHOW").is_ok() {
        println!("{}", migrate::plan::script::print(&plan.up, &["up".to_owned()]));
        println!("{}", migrate::plan::script::print(&plan.down, &["down".to_owned()]));
    }
    run(&mut client, &plan.up).map_err(|error| format!("up: {error}"))?;
    same("after up", after, &inspect(&mut client)?)?;
    let rows_after = rows(&mut client, after)?;
    run(&mut client, &plan.down).map_err(|error| format!("down: {error}"))?;
    same("after down", &before, &inspect(&mut client)?)?;
    if rows(&mut client, &before)? != rows_before {
        return Err(format!(
            "after down: rows differ: {:?} {:?}",
            rows_before,
            rows(&mut client, &before)?
        ));
    }
    run(&mut client, &plan.up).map_err(|error| format!("up again: {error}"))?;
    same("after up again", after, &inspect(&mut client)?)?;
    if rows(&mut client, after)? != rows_after {
        return Err(format!(
            "after up again: rows differ: {rows_after:?} {:?}",
            rows(&mut client, after)?
        ));
    }
    Ok(plan)
}

fn catalog_of(url: &str, name: &str, sql: &str) -> Result<Catalog, String> {
    let database = Database::new(url, name);
    let mut client = database.connect();
    load(&mut client, sql)?;
    inspect(&mut client)
}

#[test]
fn pairs_of_a_folder_go_there_and_back() {
    let (Some(url), Ok(folder)) = (server(), std::env::var("MIGRATE_TEST_PAIRS")) else { return };
    let mut cases: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder is there")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    cases.sort();
    let (mut good, mut unsupported, mut bad) = (0, 0, 0);
    for case in &cases {
        let label = case.file_name().map(|name| name.to_string_lossy().into_owned());
        let label = label.unwrap_or_default();
        match pair(&url, case) {
            Ok(()) => good += 1,
            Err(message) if message.contains("cannot be carried") => {
                unsupported += 1;
                println!("unsupported {label}: {}", message.replace('\n', " "));
            }
            Err(message) => {
                bad += 1;
                println!("FAILED {label}: {message}");
            }
        }
    }
    println!("{good} good, {unsupported} unsupported, {bad} failed");
}

fn pair(url: &str, case: &Path) -> Result<(), String> {
    let read = |name: &str| std::fs::read_to_string(case.join(name)).unwrap_or_default();
    let (a, b, seed) = (read("a.sql"), read("b.sql"), read("seed.sql"));
    let after = catalog_of(url, "target", &b)?;
    let before = catalog_of(url, "target", &a)?;
    let seeded = format!("{a}\n;\n{seed}");
    let ways =
        [("a_b", &seeded, &after), ("b_a", &b, &before), ("empty_b", &String::new(), &after)];
    for (name, sql, target) in ways {
        let database = Database::new(url, "work");
        round_trip(&database, sql, target, &Intent::default())
            .map_err(|message| format!("{name}: {message}"))?;
        if let Ok(command) = std::env::var("MIGRATE_TEST_COMPARE") {
            let fresh = Database::new(url, "fresh");
            load(&mut fresh.connect(), if std::ptr::eq(target, &before) { &a } else { &b })?;
            compare(&command, &fresh, &database).map_err(|message| format!("{name}: {message}"))?;
        }
    }
    Ok(())
}

fn compare(command: &str, expected: &Database, found: &Database) -> Result<(), String> {
    let address = |database: &Database| format!("{} dbname={}", database.url, database.name);
    let output = std::process::Command::new(command)
        .args([address(expected), address(found)])
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("compared: {}", String::from_utf8_lossy(&output.stdout)))
}

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

#[test]
fn cases_go_there_and_back_and_there_again() {
    let Some(url) = server() else { return };
    let only = std::env::var("MIGRATE_TEST_CASE").unwrap_or_default();
    let cases = [enum_cases(), type_cases(), column_cases(), table_cases()].concat_all();
    let mut failures = Vec::new();
    for case in cases.iter().filter(|case| case.name.contains(&only)) {
        let result = catalog_of(&url, "case_target", case.after).and_then(|after| {
            let database = Database::new(&url, "case_work");
            round_trip(&database, case.before, &after, &case.intent)
        });
        if let Err(message) = result {
            failures.push(format!("{}: {message}", case.name));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn rows_that_exist_get_the_backfill_and_not_the_default() {
    let Some(url) = server() else { return };
    let case = case(
        "backfilled",
        "CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 5), (2, -5), (3, NULL);",
        "CREATE TABLE t (id int PRIMARY KEY, v int, s text NOT NULL DEFAULT 'new');",
    )
    .backfill("t", "s", "CASE WHEN \"t\".\"v\" < 0 THEN 'below' WHEN \"t\".\"v\" > 0 THEN 'above' END");
    let after = catalog_of(&url, "fill_target", case.after).expect("a schema");
    let database = Database::new(&url, "fill_work");
    round_trip(&database, case.before, &after, &case.intent).expect("there and back again");
    let mut client = database.connect();
    execute(&mut client, "INSERT INTO t (id) VALUES (4)").expect("a row");
    let rows = client.query("SELECT s FROM t ORDER BY id", &[]).expect("rows");
    let found: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(found, ["above", "below", "new", "new"]);
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
    let Some(url) = server() else { return };
    let before = "CREATE TABLE t (id int PRIMARY KEY, gone text DEFAULT 'none', v text);
        INSERT INTO t VALUES (1, 'a', '007'), (2, NULL, '008'), (3, 'c', '3');";
    let after = catalog_of(&url, "later_target", "CREATE TABLE t (id int PRIMARY KEY, v int);")
        .expect("the target can be read");
    let database = Database::new(&url, "later_work");
    let mut client = database.connect();
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
