//! Tests of reading DDL.

use proptest::prelude::*;

use super::*;

fn table(text: &str) -> CreateTable {
    parse_table(text).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn names_in_every_quoting_style_are_names() {
    let read = table("CREATE TABLE [a b] (\"c \"\"d\" INT, `e``f` TEXT, 'g''h', [i], plain)");
    assert_eq!(read.name, "a b");
    let names: Vec<&str> = read.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["c \"d", "e`f", "g'h", "i", "plain"]);
}

#[test]
fn every_column_constraint_is_read_with_its_name() {
    let text = "CREATE TABLE t (
      a INTEGER CONSTRAINT pk PRIMARY KEY ASC ON CONFLICT FAIL AUTOINCREMENT, -- one, (two)
      b VARCHAR ( 10 , 2 ) CONSTRAINT nn NOT NULL ON CONFLICT IGNORE DEFAULT -1.5e3 UNIQUE ON CONFLICT REPLACE,
      c TEXT NULL DEFAULT ('a' || (1 + 1)) COLLATE \"nocase\" CHECK (c <> ')' /* ) */),
      d INT REFERENCES p (x, y) ON DELETE SET NULL ON UPDATE CASCADE MATCH FULL NOT DEFERRABLE INITIALLY IMMEDIATE,
      e INT GENERATED ALWAYS AS (a * 2) STORED CONSTRAINT loose,
      f AS (a) VIRTUAL,
      g DEFAULT CURRENT_TIMESTAMP REFERENCES q
    )";
    let read = table(text);
    assert!(read.autoincrement());
    assert_eq!(read.rowid_alias(), Some("a"));
    let count: Vec<usize> = read.columns.iter().map(|column| column.clauses.len()).collect();
    assert_eq!(count, [1, 3, 4, 1, 1, 1, 2]);
    assert_eq!(read.columns[1].data_type, "VARCHAR(10,2)");
    assert_eq!(read.columns[1].clauses[0].name.as_deref(), Some("nn"));
    assert_eq!(read.columns[2].collation(), Some("nocase"));
    assert_eq!(read.columns[4].generated().map(|(_, storage)| storage), Some(Storage::Stored));
    assert_eq!(read.columns[5].generated().map(|(_, storage)| storage), Some(Storage::Virtual));
    let ClauseKind::ForeignKey(key) = &read.columns[3].clauses[0].kind else {
        panic!("a foreign key")
    };
    assert_eq!((key.on_delete, key.on_update), (Action::SetNull, Action::Cascade));
    assert_eq!(key.referenced_columns, ["x", "y"]);
}

#[test]
fn every_table_constraint_is_read_with_or_without_commas() {
    let text = "CREATE TABLE IF NOT EXISTS main.t (a INT, b TEXT,
      CONSTRAINT pk PRIMARY KEY (a DESC, b COLLATE nocase) ON CONFLICT ROLLBACK
      UNIQUE (b), CONSTRAINT c1 CHECK (a > 0), FOREIGN KEY (a, b) REFERENCES p DEFERRABLE INITIALLY DEFERRED
    ) WITHOUT ROWID, STRICT";
    let read = table(text);
    assert_eq!(read.constraints.len(), 4);
    assert_eq!(read.primary_key(), ["a", "b"]);
    assert!(read.strict && read.without_rowid);
    assert_eq!(&text[read.name_span.start..read.name_span.end], "t");
    assert_eq!(read.constraints[2].name.as_deref(), Some("c1"));
}

#[test]
fn only_a_plain_integer_key_is_the_rowid() {
    let alias = |text: &str| table(text).rowid_alias().map(str::to_owned);
    assert_eq!(alias("CREATE TABLE t (a INTEGER PRIMARY KEY)"), Some("a".into()));
    assert_eq!(alias("CREATE TABLE t (a INTEGER, PRIMARY KEY (a DESC))"), Some("a".into()));
    assert_eq!(alias("CREATE TABLE t (a INTEGER PRIMARY KEY DESC)"), None);
    assert_eq!(alias("CREATE TABLE t (a INT PRIMARY KEY)"), None);
    assert_eq!(alias("CREATE TABLE t (a INTEGER PRIMARY KEY) WITHOUT ROWID"), None);
    assert_eq!(table("CREATE TABLE t (rowid TEXT, OID INT)").rowid_name(), Some("_rowid_"));
}

#[test]
fn layout_quotes_and_comments_do_not_make_another_table() {
    let one = normalized_create(
        "CREATE TABLE IF NOT EXISTS \"T\" (\n a int NOT NULL DEFAULT 1, -- x\n CHECK ([A] > 0), UNIQUE(a))",
    );
    let two = normalized_create(
        "create table main.[t] (A INT DEFAULT 1 NOT NULL, unique (`a`), check(a>0))",
    );
    assert_eq!(one, two);
}

#[test]
fn what_matters_makes_another_table() {
    let different = [
        "CREATE TABLE t (a, b)",
        "CREATE TABLE t (b, a)",
        "CREATE TABLE t (a, b) STRICT",
        "CREATE TABLE t (a, b DEFAULT \"X\")",
        "CREATE TABLE t (a, b DEFAULT \"x\")",
        "CREATE TABLE t (a, b CONSTRAINT n CHECK (b))",
        "CREATE TABLE t (a, b CHECK (b))",
        "CREATE TABLE t (a, b CHECK (b = \"Q\"))",
        "CREATE TABLE t (a, b CHECK (b = \"q\"))",
        "CREATE TABLE t (a UNIQUE ON CONFLICT IGNORE, b)",
        "CREATE TABLE t (a UNIQUE, b)",
    ];
    let normal: std::collections::BTreeSet<String> =
        different.iter().map(|text| normalized_create(text)).collect();
    assert_eq!(normal.len(), different.len());
}

#[test]
fn indexes_tell_their_keys() {
    let read = parse_index(
        "CREATE UNIQUE INDEX IF NOT EXISTS main.\"i x\" ON t (a, \"b\" ASC, lower(c), d DESC) WHERE a > 0 ;",
    )
    .expect("an index");
    assert_eq!((read.name.as_str(), read.table.as_str(), read.unique), ("i x", "t", true));
    assert_eq!(
        read.keys,
        [
            Key::Column("a".into()),
            Key::Column("b".into()),
            Key::Expression("lower(c)".into()),
            Key::Expression("d DESC".into())
        ]
    );
    assert_eq!(read.predicate.as_deref(), Some("a > 0"));
}

#[test]
fn what_is_not_a_table_is_an_error_with_its_place() {
    for text in [
        "",
        "CREATE TABLE",
        "CREATE TABLE t",
        "CREATE TABLE t (",
        "CREATE TABLE t (a CHECK (",
        "CREATE VIEW v AS SELECT 1",
        "CREATE TABLE t (a) PURE",
    ] {
        assert!(parse_table(text).is_err(), "{text}");
    }
}

fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z \"`'_é.()-]{1,8}"
}

fn clause() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("NOT NULL".to_owned()),
        Just("/* , ( */ DEFAULT 'it''s (x'".to_owned()),
        Just("DEFAULT (1 + (2))".to_owned()),
        Just("CHECK (1 IN (1, 2)) -- )\n".to_owned()),
        Just("COLLATE nocase".to_owned()),
        Just("REFERENCES p (a) ON DELETE SET DEFAULT DEFERRABLE".to_owned()),
        Just("CONSTRAINT \"u n\" UNIQUE ON CONFLICT ABORT".to_owned()),
    ]
}

proptest! {
    /// What is printed is read back: names, types and the number of clauses.
    #[test]
    fn generated_tables_are_read_back(
        own in name(),
        columns in prop::collection::vec(
            (name(), prop::sample::select(vec!["", "INT", "VARCHAR(10)", "LONG TEXT", "DECIMAL(10,2)"]),
             prop::collection::vec(clause(), 0..4)),
            1..6,
        ),
        options in prop::sample::select(vec!["", " STRICT", " WITHOUT ROWID", " STRICT , WITHOUT ROWID"]),
    ) {
        let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        let parts: Vec<String> = columns
            .iter()
            .map(|(name, kind, clauses)| format!("{} {kind} {}", quoted(name), clauses.join(" ")))
            .collect();
        let text = format!("CREATE TABLE {} (\n{}\n, CHECK (1)){options}", quoted(&own), parts.join(","));
        let read = parse_table(&text).expect("it is a table");
        prop_assert_eq!(&read.name, &own);
        prop_assert_eq!(read.columns.len(), columns.len());
        for (column, (name, kind, clauses)) in read.columns.iter().zip(&columns) {
            prop_assert_eq!(&column.name, name);
            prop_assert_eq!(&column.data_type, kind);
            prop_assert_eq!(column.clauses.len(), clauses.len());
        }
        prop_assert_eq!(read.constraints.len(), 1);
        prop_assert_eq!(read.strict, options.contains("STRICT"));
        prop_assert_eq!(read.without_rowid, options.contains("ROWID"));
    }

    /// No text makes the reader panic.
    #[test]
    fn any_text_is_read_or_refused(text in "(CREATE TABLE )?[a-z(),'\"\\[\\]` ]{0,40}") {
        let _ = parse_table(&text);
        let _ = parse_index(&text);
        let _ = normalized_create(&text);
    }
}
