//! Models on a PostgreSQL server: what is realized is what the server then holds, and what is lifted comes back.

mod support;

use std::collections::BTreeMap;

use migrate::catalog::Catalog;
use migrate::catalog::Printed;
use migrate::change::Intent;
use migrate::dialect::lift::lift;
use migrate::dialect::postgres::inspect;
use migrate::dialect::realize::realize;
use migrate::diff::diff;
use migrate::model::{Hints, parse, print};
use migrate::plan::plan;
use migrate::text::Dialect;
use migrate::text::diagnostic::{Colour, render};
use postgres::Client;

fn execute(client: &mut Client, sql: &str) {
    if let Err(error) = client.batch_execute(sql) {
        panic!("{:?}\n{sql}", error.as_db_error());
    }
}

/// A connection to a new database, if there is a server.
fn database() -> Option<(support::TestDatabase, Client)> {
    let database = support::postgres()?.database();
    let mut client = database.client();
    execute(&mut client, "SET client_min_messages = error");
    Some((database, client))
}

fn inspected(client: &mut Client) -> Catalog {
    carried(client).expect("carried")
}

/// The catalog, or the objects that no catalog holds yet.
fn carried(client: &mut Client) -> Result<Catalog, String> {
    execute(client, inspect::PREPARE);
    let mut results = BTreeMap::new();
    for query in inspect::queries() {
        let sql = format!("SELECT q::text FROM ({}) AS x(q)", query.sql);
        let rows = client.query(&sql, &[]).expect("a catalog query");
        let rows = rows.iter().map(|row| row.get::<_, String>(0)).collect();
        results.insert(query.name.to_string(), rows);
    }
    inspect::catalog(&results).map_err(|error| error.to_string())
}

/// Makes the schema of a model, as a first migration does.
fn make(client: &mut Client, catalog: &Catalog) {
    let empty = Catalog::empty(Dialect::Postgres);
    let (found, _) = diff(&empty, catalog, &Intent::default());
    let plan = plan(&found, &[], Printed::ByModel).expect("planned");
    execute(client, "SET search_path = public");
    for step in plan.up.iter().filter(|step| step.reads_kept.is_none()) {
        for statement in &step.statements {
            execute(client, statement.as_str());
        }
    }
}

fn lifted_comes_back(catalog: &Catalog) -> String {
    let lifted = lift(catalog, "lifted");
    let text = print(&lifted.model, Hints::Keep);
    assert_eq!(lifted.notes, Vec::<String>::new(), "{text}");
    let (read, issues) = parse(&text);
    let read = read.unwrap_or_else(|| panic!("{}", render("m", &text, &issues, Colour::Plain)));
    let again = realize(&read, Dialect::Postgres).expect("realizable").catalog;
    assert_eq!(again.normalized(), catalog.normalized(), "{text}");
    text
}

/// Data beside the project; tests skip where it is not there.
fn shared(path: &str) -> std::path::PathBuf {
    let project = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let beside = project.join("../shared").join(path);
    if beside.exists() { beside } else { project.join("../../shared").join(path) }
}

#[test]
fn the_server_holds_what_is_realized() {
    let Some((_database, mut client)) = database() else { return };
    let text = include_str!("../fixtures/models/billing.yaml");
    let model = parse(text).0.expect("valid");
    let realized = realize(&model, Dialect::Postgres).expect("realizable").catalog;
    make(&mut client, &realized);
    let found = inspected(&mut client);
    let mut differences = Vec::new();
    let (found_form, wanted) = (found.normalized(), realized.normalized());
    for (name, table) in &wanted.tables {
        let other = &found_form.tables[name];
        assert_eq!(other.columns, table.columns, "{name}");
        for constraint in &table.constraints {
            if !other.constraints.contains(constraint) {
                let same = other.constraints.iter().find(|c| c.name == constraint.name);
                differences.push(format!("{constraint:?}\n   {same:?}"));
            }
        }
        for index in &table.indexes {
            if !other.indexes.contains(index) {
                let same = other.indexes.iter().find(|i| i.name == index.name);
                differences.push(format!("{index:?}\n   {same:?}"));
            }
        }
    }
    println!("printed differently by the server:\n{}", differences.join("\n"));
    lifted_comes_back(&found);
}

#[test]
fn what_postgres_alone_has_is_lifted() {
    let Some((_database, mut client)) = database() else { return };
    execute(
        &mut client,
        "CREATE SCHEMA audit;
         CREATE TYPE mood AS ENUM ('sad', 'ok');
         CREATE TABLE org (id serial PRIMARY KEY, name varchar(80) NOT NULL DEFAULT 'x', m mood DEFAULT 'ok', tags text[], at timestamp DEFAULT now());
         CREATE TABLE audit.log (id bigint GENERATED ALWAYS AS IDENTITY (START 10) PRIMARY KEY, org_id int REFERENCES org ON DELETE CASCADE,
           \"Odd name\" smallint CHECK (\"Odd name\" > 0), day date NOT NULL DEFAULT CURRENT_DATE, kind text NOT NULL DEFAULT 'a' CHECK (kind IN ('a', 'b')),
           low text GENERATED ALWAYS AS (lower(kind)) STORED, total numeric(10,2) DEFAULT -1.5,
           CONSTRAINT once UNIQUE (org_id, day) DEFERRABLE, EXCLUDE USING btree (day WITH =));
         CREATE TABLE \"select\" (a int, b int, c uuid DEFAULT gen_random_uuid(), FOREIGN KEY (a) REFERENCES org (id) ON UPDATE SET NULL DEFERRABLE INITIALLY DEFERRED);
         ALTER TABLE org ADD CONSTRAINT late CHECK (id > 0) NOT VALID;
         CREATE INDEX ON org (name DESC, at);
         CREATE UNIQUE INDEX low_name ON org (lower(name)) WHERE m = 'ok';
         COMMENT ON TABLE org IS 'they pay'; COMMENT ON COLUMN org.name IS 'of the firm';
         CREATE VIEW names AS SELECT name FROM org;
         CREATE VIEW shouted AS SELECT upper(name) AS n FROM names;
         CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
         CREATE TRIGGER touched BEFORE UPDATE ON org FOR EACH ROW EXECUTE FUNCTION touch();",
    );
    let catalog = inspected(&mut client);
    let text = lifted_comes_back(&catalog);
    assert!(text.contains("kind: { enum: [a, b], default: a }"), "{text}");
    println!("{text}");
}

#[test]
fn chinook_is_lifted_whole() {
    let path = shared("data/chinook/chinook.postgres.sql");
    let Ok(sql) = std::fs::read_to_string(path) else { return };
    let Some((_database, mut client)) = database() else { return };
    let start = sql.find("CREATE TABLE").expect("tables");
    execute(&mut client, &sql[start..]);
    let text = lifted_comes_back(&inspected(&mut client));
    assert!(text.lines().count() < 200, "{text}");
    println!("{text}");
}

/// Real schemas, where they are at hand.
#[test]
fn real_schemas_come_back() {
    let folder = shared("schemas");
    let Ok(applications) = std::fs::read_dir(folder) else { return };
    let mut wrong = Vec::new();
    for application in applications.filter_map(Result::ok) {
        if !application.file_name().to_string_lossy().ends_with("-pg") {
            continue;
        }
        let mut files: Vec<_> = std::fs::read_dir(application.path())
            .expect("folder")
            .filter_map(|file| Some(file.ok()?.path()))
            .collect();
        files.sort();
        // The newest has the most in it.
        let Some(file) = files.last() else { continue };
        let sql = std::fs::read_to_string(file).expect("readable");
        let Some((_database, mut client)) = database() else { return };
        if client.batch_execute(&sql).is_err() {
            println!("{} does not load here", file.display());
            continue;
        }
        execute(&mut client, "RESET ALL");
        let catalog = match carried(&mut client) {
            Ok(catalog) => catalog,
            Err(reason) => {
                println!("{}: {reason}", file.display());
                continue;
            }
        };
        let lifted = lift(&catalog, "real");
        if !lifted.notes.is_empty() {
            wrong.push(format!("{}: {:#?}", file.display(), lifted.notes));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
