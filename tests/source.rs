//! Sources of every kind, and what is said about those that cannot be read.

mod support;

use std::path::Path;
use std::process::Command;

use migrate::catalog::{Catalog, Printed};
use migrate::change::{Rename, Target};
use migrate::db::Env;
use migrate::source::{LoadOptions, Loaded, Source, SourceError, load};
use migrate::text::{Dialect, QName};
use support::{postgres, run, sqlite};

fn options(dialect: Dialect, folder: &Path) -> LoadOptions {
    LoadOptions::new(dialect, support::env(), folder)
}

fn parse(text: &str) -> Result<Source, SourceError> {
    Source::parse(text, &Env::default())
}

fn read(text: &str, dialect: Dialect, folder: &Path) -> Result<Loaded, SourceError> {
    load(&Source::parse(text, &support::env())?, &options(dialect, folder))
}

/// A file in a folder of its own.
fn file(name: &str, text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    (folder, path.display().to_string())
}

#[test]
fn every_kind_of_source_is_recognised() {
    let (_model, model) = file("model.yaml", "model: 1\n");
    let (_schema, schema) = file("schema.sql", "");
    let database = sqlite();
    let place = database.url.to_string();
    let path = place.strip_prefix("sqlite:").unwrap();
    assert!(matches!(parse(&model).unwrap(), Source::Model(_)));
    assert!(matches!(parse(&schema).unwrap(), Source::Sql(_)));
    assert!(matches!(parse(&place).unwrap(), Source::Database(_)));
    // An empty SQLite file has no header yet.
    run(&mut database.open(), "CREATE TABLE t (a)");
    assert!(matches!(parse(path).unwrap(), Source::Database(_)));
    assert!(matches!(parse("postgres://u@h/d").unwrap(), Source::Database(_)));
    assert_eq!(parse("version:0007").unwrap(), Source::Version(7));
    assert_eq!(parse("empty").unwrap(), Source::Empty);
    assert_eq!(
        parse("git:main:a/schema.sql").unwrap(),
        Source::Git { revision: "main".into(), path: Some("a/schema.sql".into()) }
    );
}

#[test]
fn relative_paths_are_taken_from_the_given_folder() {
    let (folder, path) = file("schema.sql", "");
    let env = Env::default();
    assert_eq!(
        Source::parse_in("schema.sql", &env, folder.path()).unwrap(),
        Source::Sql(path.into())
    );
    let database = Source::parse_in("sqlite:a.db", &env, folder.path()).unwrap();
    assert_eq!(database.to_string(), format!("sqlite:{}", folder.path().join("a.db").display()));
}

#[test]
fn what_is_no_source_is_refused_with_the_choices() {
    for (text, parts) in [
        ("no/such/file.sql", ["`no/such/file.sql` does not exist", "help: "]),
        ("mysql://u:secret@h/d", ["`mysql:…` is no kind of source", "postgres://"]),
        ("version:x", ["`version:x` is no kind of source", "help: "]),
        ("git:--output=x", ["this is no revision", "help: "]),
    ] {
        let error = parse(text).expect_err(text).to_string();
        assert!(parts.iter().all(|part| error.contains(part)), "{text}: {error}");
        assert!(!error.contains("secret"));
    }
    let (folder, path) = file("notes.txt", "hello");
    assert!(parse(&path).unwrap_err().to_string().contains("neither a model"));
    let nothing = parse(&folder.path().display().to_string()).unwrap_err();
    assert!(nothing.to_string().contains("no .yaml and no .sql"), "{nothing}");
    std::fs::write(folder.path().join("a.sql"), "").unwrap();
    std::fs::write(folder.path().join("b.yml"), "").unwrap();
    let both = parse(&folder.path().display().to_string()).unwrap_err();
    assert!(both.to_string().contains("holds both"), "{both}");
}

#[test]
fn empty_is_an_empty_schema() {
    let here = tempfile::tempdir().unwrap();
    let loaded = read("empty", Dialect::Sqlite, here.path()).unwrap();
    assert!(loaded.catalog.tables.is_empty());
}

#[test]
fn sql_is_replayed_with_its_directives() {
    let sql = "CREATE TABLE customers (id INTEGER PRIMARY KEY);\n\n-- migrate:was bills\nCREATE TABLE invoices (\n  \
               id INTEGER PRIMARY KEY,\n  -- migrate:was number\n  no TEXT,\n  -- migrate:backfill 'EUR'\n  currency TEXT NOT NULL\n);\n";
    let (folder, path) = file("schema.sql", sql);
    let mut dialects = vec![Dialect::Sqlite];
    dialects.extend(postgres().map(|_| Dialect::Postgres));
    for dialect in dialects {
        let loaded = read(&path, dialect, folder.path()).unwrap();
        let table = QName::local(dialect, "invoices");
        assert_eq!(loaded.printed, Printed::ByEngine);
        assert_eq!(loaded.catalog.tables.len(), 2);
        assert_eq!(loaded.catalog.tables[&table].columns.len(), 3);
        assert_eq!(
            loaded.intent.renames,
            [
                Rename::Table { before: QName::local(dialect, "bills"), after: table.clone() },
                Rename::Column {
                    table: table.clone(),
                    before: "number".into(),
                    after: "no".into()
                },
            ]
        );
        let currency = Target::column(&table, &"currency".into());
        assert_eq!(loaded.intent.columns[&currency].backfill.as_deref(), Some("'EUR'"));
    }
}

#[test]
fn broken_sql_is_shown_with_its_place() {
    let sql = "CREATE TABLE a (id int);\n\n-- second\nCREATE TABLE b (\n  id int,\n  oops oops oops(,\n  c int\n);\n";
    let (folder, path) = file("schema.sql", sql);
    let mut dialects = vec![Dialect::Sqlite];
    dialects.extend(postgres().map(|_| Dialect::Postgres));
    for dialect in dialects {
        let error = read(&path, dialect, folder.path()).unwrap_err().to_string();
        assert!(error.contains("schema.sql:6:"), "{error}");
        assert!(error.contains("oops oops oops(,"), "{error}");
    }
    let (folder, path) =
        file("schema.sql", "CREATE TABLE a (id int);\nCREATE INDEX i ON nowhere (id);\n");
    let error = read(&path, Dialect::Sqlite, folder.path()).unwrap_err().to_string();
    assert!(error.contains("schema.sql:2:"), "{error}");
    assert!(error.contains("nowhere"), "{error}");
}

#[test]
fn broken_directives_are_all_shown() {
    let sql = "-- migrate:wos a\nCREATE TABLE b (id int);\n-- migrate:was c\n";
    let (folder, path) = file("schema.sql", sql);
    let error = read(&path, Dialect::Sqlite, folder.path()).unwrap_err().to_string();
    assert!(error.contains("schema.sql:1:1"), "{error}");
    assert!(error.contains("did you mean `migrate:was`?"), "{error}");
    assert!(error.contains("schema.sql:3:1"), "{error}");
}

#[test]
fn a_file_that_ends_inside_a_transaction_is_refused() {
    let (folder, path) = file("schema.sql", "BEGIN;\nCREATE TABLE a (id int);\n");
    let mut dialects = vec![Dialect::Sqlite];
    dialects.extend(postgres().map(|_| Dialect::Postgres));
    for dialect in dialects {
        let error = read(&path, dialect, folder.path()).unwrap_err().to_string();
        assert!(error.contains("ends inside a transaction"), "{error}");
    }
}

#[test]
fn a_folder_of_sql_is_run_in_the_order_of_names() {
    let (folder, _) =
        file("2_child.sql", "CREATE TABLE child (parent int REFERENCES parent (id));");
    std::fs::write(
        folder.path().join("1_parent.sql"),
        "\u{feff}CREATE TABLE parent (id int PRIMARY KEY);",
    )
    .unwrap();
    let place = folder.path().display().to_string();
    let mut dialects = vec![Dialect::Sqlite];
    dialects.extend(postgres().map(|_| Dialect::Postgres));
    for dialect in dialects {
        let loaded = read(&place, dialect, folder.path()).unwrap();
        assert_eq!(loaded.catalog.tables.len(), 2);
        assert_eq!(loaded.printed, Printed::ByEngine);
    }
}

#[test]
fn a_plain_dump_is_read_with_its_owners() {
    if postgres().is_none() {
        return;
    }
    let dump = "\\restrict abc\nSET statement_timeout = 0;\nSET transaction_timeout = 0;\n\
                SELECT pg_catalog.set_config('search_path', '', false);\nSET default_tablespace = '';\n\
                CREATE TABLE public.t (\n    a integer NOT NULL\n);\nALTER TABLE public.t OWNER TO some_app_user;\n\
                COPY public.t (a) FROM stdin;\n1\n'2\n\\.\n\nALTER TABLE ONLY public.t ADD CONSTRAINT t_pkey PRIMARY KEY (a);\n\
                \\unrestrict abc\n";
    let (folder, path) = file("dump.sql", dump);
    let loaded = read(&path, Dialect::Postgres, folder.path()).unwrap();
    let table = &loaded.catalog.tables[&QName::new("public", "t")];
    assert_eq!(table.primary_key(), ["a".into()]);
    let later = folder.path().join("later.sql");
    std::fs::write(later, "CREATE TABLE unqualified (a int);").unwrap();
    let place = folder.path().display().to_string();
    let both = read(&place, Dialect::Postgres, folder.path()).unwrap();
    assert!(both.catalog.tables.contains_key(&QName::new("public", "unqualified")));
    assert!(
        loaded.notes.iter().any(|note| note.contains("dump.sql:10:1: left out 2 rows")),
        "{:?}",
        loaded.notes
    );
}

#[test]
fn a_live_database_is_inspected_and_its_dialect_checked() {
    let database = sqlite();
    run(&mut database.open(), "CREATE TABLE t (a)");
    let place = database.url.to_string();
    let loaded = read(&place, Dialect::Sqlite, database.folder.path()).unwrap();
    assert_eq!(loaded.catalog.tables.len(), 1);
    let error = read(&place, Dialect::Postgres, database.folder.path()).unwrap_err();
    assert!(error.to_string().contains("--dialect sqlite"), "{error}");
}

fn git(folder: &Path, arguments: &[&str]) {
    let status = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
}

#[test]
fn a_git_revision_is_read_as_it_was() {
    let (folder, path) = file("schema.sql", "CREATE TABLE before (a int);");
    git(folder.path(), &["init", "-q", "-b", "main"]);
    git(folder.path(), &["add", "."]);
    git(folder.path(), &["commit", "-q", "-m", "first"]);
    std::fs::create_dir(folder.path().join("db")).unwrap();
    std::fs::write(folder.path().join("db/2.sql"), "CREATE TABLE two (a int);").unwrap();
    std::fs::write(folder.path().join("db/1.sql"), "CREATE TABLE one (a int);").unwrap();
    std::fs::write(&path, "CREATE TABLE after (a int);").unwrap();
    git(folder.path(), &["add", "."]);
    git(folder.path(), &["commit", "-q", "-m", "second"]);
    let names = |text: &str| {
        let loaded = read(text, Dialect::Sqlite, folder.path()).unwrap();
        loaded.catalog.tables.keys().map(|name| name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names("git:HEAD~1:schema.sql"), ["before"]);
    assert_eq!(names("git:main:schema.sql"), ["after"]);
    assert_eq!(names("git:main:db"), ["one", "two"]);
    let mut options = options(Dialect::Sqlite, folder.path());
    options.model_path = "schema.sql".to_owned();
    let own = load(&parse("git:HEAD~1").unwrap(), &options).unwrap();
    assert_eq!(own.catalog.tables.len(), 1);
    for (text, part) in [
        ("git:nowhere:schema.sql", "git knows no such revision here"),
        ("git:main:absent.sql", "`absent.sql` is not in this revision"),
    ] {
        let error = read(text, Dialect::Sqlite, folder.path()).unwrap_err().to_string();
        assert!(error.contains(part) && error.contains("help: "), "{error}");
    }
}

#[test]
fn a_version_that_is_not_there_is_named() {
    let here = tempfile::tempdir().unwrap();
    let error = read("version:12", Dialect::Sqlite, here.path()).unwrap_err().to_string();
    assert!(error.contains("version 12") && error.contains("help: "), "{error}");
    std::fs::create_dir_all(here.path().join("migrations/0012_x")).unwrap();
    let error = read("version:12", Dialect::Sqlite, here.path()).unwrap_err().to_string();
    assert!(error.contains("holds no model.yaml"), "{error}");
    std::fs::write(here.path().join("migrations/0012_x/schema.sql"), "CREATE TABLE t (a);")
        .unwrap();
    assert_eq!(read("version:12", Dialect::Sqlite, here.path()).unwrap().catalog.tables.len(), 1);
}

const MODEL: &str = "model: 1\nname: shop\nentities:\n  Customer:\n    fields:\n      id: int\n      name: { type: text, min: 1 }\n  \
                     Invoice:\n    was: Bill\n    fields:\n      id: int\n      customer: { ref: Customer, on_delete: restrict }\n      \
                     total: { type: \"decimal(12,2)\", min: 0, was: amount }\n    rules:\n      small: total <= 1000000\n";

#[test]
fn a_model_is_realized_for_each_dialect() {
    let (folder, path) = file("model.yaml", MODEL);
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let loaded = read(&path, dialect, folder.path()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(loaded.printed, Printed::ByModel);
        assert_eq!(loaded.catalog.tables.len(), 2);
        assert!(loaded.model.is_some());
        assert!(!loaded.intent.renames.is_empty());
    }
}

#[test]
fn a_broken_model_is_shown_with_its_places() {
    let text = MODEL
        .replace("on_delete: restrict", "on_delete: restict")
        .replace("type: text", "type: txt");
    let (folder, path) = file("model.yaml", &text);
    let error = read(&path, Dialect::Sqlite, folder.path()).unwrap_err().to_string();
    assert!(error.contains("model.yaml:7:"), "{error}");
    assert!(error.contains("model.yaml:12:"), "{error}");
}

#[test]
fn a_model_in_several_files_names_the_file_that_is_wrong() {
    let (folder, _) = file(
        "a.yaml",
        "model: 1\nname: shop\nentities:\n  Customer:\n    fields:\n      id: int\n",
    );
    let other = "entities:\n  Invoice:\n    fields:\n      id: int\n      total: oops\n";
    std::fs::write(folder.path().join("b.yaml"), other).unwrap();
    let place = folder.path().display().to_string();
    let error = read(&place, Dialect::Sqlite, folder.path()).unwrap_err().to_string();
    assert!(error.contains("b.yaml:5:"), "{error}");
    std::fs::write(folder.path().join("b.yaml"), other.replace("oops", "int")).unwrap();
    let loaded =
        read(&place, Dialect::Sqlite, folder.path()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(loaded.catalog.tables.len(), 2);
}

#[test]
fn a_dump_is_read_as_the_database_it_was_made_from() {
    let Some(server) = postgres() else { return };
    let home = server.database();
    let mut database = home.open();
    run(
        &mut database,
        "CREATE SCHEMA app; CREATE TYPE app.mood AS ENUM ('good', 'it''s; bad');
         CREATE TABLE app.people (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, mood app.mood DEFAULT 'good',
           name varchar(20) NOT NULL CHECK (name <> ';'), born date, age numeric(5,2));
         COMMENT ON TABLE app.people IS E'two\\n\\\\lines;';
         CREATE TABLE notes (person int REFERENCES app.people ON DELETE CASCADE, \"Text\" text, UNIQUE (person, \"Text\"));
         CREATE INDEX notes_lower ON notes (lower(\"Text\")) WHERE person > 1;
         CREATE FUNCTION app.f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
           IF NEW.name = '\\x' THEN RETURN NULL; END IF;
           RETURN NEW; END $$;
         CREATE TRIGGER keep BEFORE INSERT ON app.people FOR EACH ROW EXECUTE FUNCTION app.f();
         CREATE VIEW app.young AS SELECT name FROM app.people WHERE age < 30;
         INSERT INTO app.people (name) VALUES ('a;'), ('\\.'), (E'x\\ny')",
    );
    let Some(client) = migrate::shadow::binaries::clients(&support::env()).into_iter().next()
    else {
        eprintln!("skipped, no pg_dump");
        return;
    };
    let migrate::db::DatabaseUrl::Postgres(url) = &home.url else { panic!("PostgreSQL") };
    let output = Command::new(client.program("pg_dump"))
        .env("PGHOST", &url.hosts[0].name)
        .env("PGPORT", url.hosts[0].port.to_string())
        .env("PGUSER", &url.user)
        .env("PGDATABASE", &url.database)
        .env("PGPASSWORD", url.password.as_ref().map_or("", |secret| secret.reveal()))
        .arg("--create")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (folder, path) = file("dump.sql", &String::from_utf8(output.stdout).unwrap());
    let loaded =
        read(&path, Dialect::Postgres, folder.path()).unwrap_or_else(|error| panic!("{error}"));
    // A script is read by nobody.
    let live = Catalog { reader: None, ..database.inspect().unwrap() };
    assert_eq!(loaded.catalog, live);
    assert_eq!(loaded.catalog.tables.len(), 2);
}
