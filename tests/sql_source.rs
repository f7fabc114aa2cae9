//! SQL files as sources: folders in any order, and what dumps say besides the schema.

mod support;

use std::path::Path;

use migrate::source::{LoadOptions, Loaded, Source, SourceError, load, load_sql_text};
use migrate::text::{Dialect, QName};

fn options(dialect: Dialect) -> LoadOptions {
    LoadOptions::new(dialect, support::env(), ".")
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    folder
}

fn read(folder: &Path, dialect: Dialect) -> Result<Loaded, SourceError> {
    load(&Source::Sql(folder.to_path_buf()), &options(dialect))
}

/// Each file needs something of the other, and neither can go first.
const CROSSED: [(&str, &str); 3] = [
    (
        "1_views.sql",
        "CREATE VIEW adults AS SELECT id FROM person WHERE age > 17;\nCREATE TABLE town (id integer PRIMARY KEY);",
    ),
    ("2_index.sql", "CREATE INDEX person_age ON person (age);\n"),
    (
        "tables/person.sql",
        "CREATE TABLE person (id integer PRIMARY KEY, age integer, town integer REFERENCES town (id));",
    ),
];

#[test]
fn files_of_a_folder_may_need_each_other_in_any_order() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        if dialect == Dialect::Postgres && support::postgres().is_none() {
            continue;
        }
        let folder = folder(&CROSSED);
        let loaded = read(folder.path(), dialect).unwrap_or_else(|error| panic!("{error}"));
        let person = &loaded.catalog.tables[&QName::local(dialect, "person")];
        assert_eq!((person.indexes.len(), loaded.catalog.tables.len()), (1, 2));
        assert_eq!(loaded.catalog.opaques.len(), 1, "the view");
    }
}

#[test]
fn a_lock_outside_of_a_transaction_is_no_part_of_a_schema() {
    if support::postgres().is_none() {
        return;
    }
    let folder = folder(&[("schema.sql", "CREATE TABLE t (id int);\nLOCK TABLE t;\n")]);
    let loaded = read(folder.path(), Dialect::Postgres).expect("the lock is left aside");
    assert_eq!(loaded.catalog.tables.len(), 1);
}

#[test]
fn what_no_file_makes_is_named_with_file_line_and_statement() {
    if support::postgres().is_none() {
        return;
    }
    let folder = folder(&[
        (
            "a.sql",
            "CREATE TABLE a (id integer PRIMARY KEY);\n\nCREATE VIEW v AS\n  SELECT * FROM gone;\n",
        ),
        ("b.sql", "CREATE VIEW w AS SELECT * FROM v;\n"),
    ]);
    let error = read(folder.path(), Dialect::Postgres).expect_err("a missing table").to_string();
    assert!(error.contains("a.sql:4:17") && error.contains("\"gone\" does not exist"), "{error}");
    assert!(error.contains("SELECT * FROM gone") && error.contains("b.sql:1:32"), "{error}");
}

#[test]
fn a_file_with_transactions_of_its_own_is_run_again_as_a_whole() {
    if support::postgres().is_none() {
        return;
    }
    let folder = folder(&[
        (
            "a.sql",
            "BEGIN;\nCREATE TABLE a (id integer PRIMARY KEY);\nALTER TABLE a ADD FOREIGN KEY (id) REFERENCES b;\nCOMMIT;",
        ),
        ("b.sql", "BEGIN;\nCREATE TABLE b (id integer PRIMARY KEY);\nCOMMIT;"),
    ]);
    let loaded = read(folder.path(), Dialect::Postgres).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(loaded.catalog.tables.len(), 2);
}

#[test]
fn settings_of_a_file_hold_for_its_own_statements_only() {
    if support::postgres().is_none() {
        return;
    }
    let folder = folder(&[
        (
            "a.sql",
            "SET search_path = shop;\nCREATE VIEW item_names AS SELECT name FROM item;\nSET search_path = public;\nCREATE TABLE other (id integer);",
        ),
        ("b.sql", "CREATE SCHEMA shop;\nSET search_path = shop;\nCREATE TABLE item (name text);"),
    ]);
    let loaded = read(folder.path(), Dialect::Postgres).unwrap_or_else(|error| panic!("{error}"));
    let names: Vec<String> = loaded.catalog.tables.keys().map(ToString::to_string).collect();
    assert_eq!(names, ["other", "shop.item"]);
}

#[test]
fn migrations_there_and_back_are_no_schema() {
    let folder =
        folder(&[("1.up.sql", "CREATE TABLE a (id int);"), ("1.down.sql", "DROP TABLE a;")]);
    let error = read(folder.path(), Dialect::Sqlite).expect_err("a way back").to_string();
    assert!(error.contains("the way back of a migration"), "{error}");
}

/// What `pg_dump` of 13 to 18 writes around a schema.
const DUMP: &str = r#"--
\restrict Wqx0kq7aSm5
SET statement_timeout = 0;
SET transaction_timeout = 0;
SET setting_of_a_later_version = off;
SET client_encoding = 'UTF8';
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
DROP INDEX public.item_key;
ALTER TABLE ONLY public.item DROP CONSTRAINT item_pkey;
DROP TABLE public.item;
DROP DATABASE app;
CREATE DATABASE app WITH TEMPLATE = template0 ENCODING = 'UTF8';
\unrestrict Wqx0kq7aSm5
\connect app
\restrict Wqx0kq7aSm5
CREATE SCHEMA public;
COMMENT ON SCHEMA public IS 'standard public schema';
CREATE FUNCTION public.a_key(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT b_key($1) $$;
CREATE FUNCTION public.b_key(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT lower($1) $$;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.item (
    id integer NOT NULL,
    name text
);
COPY public.item (id, name) FROM stdin;
1	it's; a
2	\N
\.
SELECT pg_catalog.setval('public.item_id_seq', 2, true);
SELECT * FROM pg_catalog.pg_restore_relation_stats('version', '180000'::integer, 'schemaname', 'public');
ALTER TABLE ONLY public.item ADD CONSTRAINT item_pkey PRIMARY KEY (id);
CREATE INDEX item_key ON public.item USING btree (public.a_key(name));
\unrestrict Wqx0kq7aSm5
"#;

#[test]
fn a_dump_is_read_for_its_schema_alone() {
    if support::postgres().is_none() {
        return;
    }
    let text = DUMP.replace("SELECT pg_catalog.setval('public.item_id_seq', 2, true);\n", "");
    let loaded = load_sql_text("dump.sql", &text, &options(Dialect::Postgres))
        .unwrap_or_else(|error| panic!("{error}"));
    let table = &loaded.catalog.tables[&QName::local(Dialect::Postgres, "item")];
    assert_eq!((table.columns.len(), table.indexes.len()), (2, 1));
    let notes = loaded.notes.join("\n");
    for said in [
        "left out 2 rows of 1 COPY",
        "left out a DROP of what is not there",
        "left out a setting that this server does not have",
        "relies on the search path",
    ] {
        assert!(notes.contains(said), "{said}\n{notes}");
    }
}
