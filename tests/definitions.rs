//! Definitions of keys and indexes that are put together here are those that the server prints.

mod support;

use std::collections::BTreeMap;

use migrate::catalog::IndexKey;

/// What a plain key or index may have, and everything that makes one more than plain.
const SCHEMA: &str = r#"
CREATE SCHEMA "S x"; CREATE SCHEMA other;
CREATE DOMAIN other.code AS varchar(20);
CREATE TYPE other.mood AS ENUM ('a', 'b');
CREATE TABLE "S x"."T ""t" (id bigint PRIMARY KEY, "select" integer NOT NULL, "B c" text, gone text, plain text COLLATE "C",
    v varchar(10), c char(3), code other.code, mood other.mood, list integer[], at timestamptz, cast_to_oid integer,
    addr cidr, flags bit varying(4), n name, u uuid, UNIQUE ("select", "B c"), CHECK ("select" > 0 AND ("B c" <> ')')),
    CHECK (("select" = 1) OR (id = 2)) NO INHERIT);
ALTER TABLE "S x"."T ""t" DROP COLUMN gone;
CREATE TABLE other.plain (a integer, b integer, "t id" bigint, PRIMARY KEY (b, a), UNIQUE (a, b) INCLUDE ("t id"),
    UNIQUE (b) DEFERRABLE INITIALLY DEFERRED);
ALTER TABLE other.plain ADD FOREIGN KEY ("t id") REFERENCES "S x"."T ""t",
    ADD CONSTRAINT "f 1" FOREIGN KEY ("t id") REFERENCES "S x"."T ""t" (id) ON UPDATE CASCADE ON DELETE SET NULL,
    ADD CONSTRAINT f2 FOREIGN KEY ("t id") REFERENCES "S x"."T ""t" (id) ON UPDATE SET DEFAULT ON DELETE RESTRICT,
    ADD CONSTRAINT f3 FOREIGN KEY ("t id") REFERENCES "S x"."T ""t" (id) MATCH FULL DEFERRABLE,
    ADD CONSTRAINT f4 FOREIGN KEY ("t id") REFERENCES "S x"."T ""t" (id) DEFERRABLE INITIALLY DEFERRED,
    ADD CONSTRAINT f5 FOREIGN KEY ("t id") REFERENCES "S x"."T ""t" (id) NOT VALID,
    ADD FOREIGN KEY (b, a) REFERENCES other.plain;
CREATE INDEX "I x" ON "S x"."T ""t" ("select", "B c" DESC, id DESC NULLS LAST, at NULLS FIRST);
CREATE UNIQUE INDEX i1 ON "S x"."T ""t" (v, u);
CREATE INDEX i2 ON "S x"."T ""t" (plain); CREATE INDEX i3 ON "S x"."T ""t" (plain COLLATE "default");
CREATE INDEX i4 ON "S x"."T ""t" ("B c" COLLATE "POSIX"); CREATE INDEX i5 ON "S x"."T ""t" (v bpchar_ops);
CREATE INDEX i6 ON "S x"."T ""t" ("B c" text_pattern_ops); CREATE INDEX i7 ON "S x"."T ""t" (cast_to_oid oid_ops);
CREATE INDEX i8 ON "S x"."T ""t" (code, mood, list, addr, flags, n, c); CREATE INDEX i9 ON "S x"."T ""t" (id) INCLUDE (at);
CREATE INDEX j1 ON "S x"."T ""t" (id) WITH (fillfactor = 70); CREATE INDEX j2 ON "S x"."T ""t" USING hash (id);
CREATE INDEX j3 ON "S x"."T ""t" (lower("B c") COLLATE "C" DESC, (id + 1), coalesce(v, ')'), "select") WHERE "B c" <> ' WHERE (';
CREATE INDEX j4 ON "S x"."T ""t" (id) WHERE "B c" IS NOT NULL; CREATE INDEX j5 ON other.plain (a, b DESC);
CREATE INDEX j6 ON "S x"."T ""t" USING gin (list) WITH (fastupdate = off) WHERE (id > 1);
CREATE TABLE other.part (id integer, at date NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE other.part_1 PARTITION OF other.part FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE INDEX part_at ON other.part (at); CREATE INDEX part_only ON ONLY other.part (id);
"#;

const FOUND: &str = "
    SELECT x.relname, k.conname, pg_get_constraintdef(k.oid), NULL
    FROM pg_constraint k JOIN pg_class x ON x.oid = k.conrelid
    WHERE x.relnamespace IN ('other'::regnamespace, '\"S x\"'::regnamespace) AND k.contype IN ('p', 'u', 'c', 'f')
    UNION ALL
    SELECT c.relname, x.relname, CASE WHEN i.indisvalid THEN replace(pg_get_indexdef(x.oid), ' ON ONLY ', ' ON ') ELSE pg_get_indexdef(x.oid) END,
           (SELECT string_agg(pg_get_indexdef(x.oid, place, false), '; ' ORDER BY place) FROM generate_series(1, i.indnkeyatts) place)
           || coalesce(' WHERE ' || pg_get_expr(i.indpred, i.indrelid), '')
    FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid
    WHERE c.relnamespace IN ('other'::regnamespace, '\"S x\"'::regnamespace)
      AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = x.oid AND k.contype IN ('p', 'u'))";

#[test]
fn they_are_those_of_the_server() {
    let Some(server) = support::postgres() else { return };
    let database = server.database();
    let mut client = database.client();
    client.batch_execute(SCHEMA).expect("the schema can be made");
    let catalog = database.open().inspect().expect("the schema can be read");
    client.batch_execute("SET search_path = ''").expect("a setting");

    let mut expected = BTreeMap::new();
    for row in client.query(FOUND, &[]).expect("the server prints them") {
        let key: (String, String) = (row.get(0), row.get(1));
        expected.insert(key, (row.get::<_, String>(2), row.get::<_, Option<String>>(3)));
    }
    let mut found = BTreeMap::new();
    for table in catalog.tables.values() {
        let key = |name: &str| (table.name.name.to_string(), name.to_owned());
        for constraint in &table.constraints {
            let name = constraint.name.as_ref().expect("the server names every constraint");
            found.insert(key(name.as_str()), (constraint.definition.clone(), None));
        }
        for index in &table.indexes {
            let keys = index.keys.iter().map(|key| match key {
                IndexKey::Column(column) => quoted(column.as_str()),
                IndexKey::Expression(text) => text.clone(),
            });
            let mut keys = keys.collect::<Vec<_>>().join("; ");
            keys.extend(index.predicate.iter().flat_map(|text| [" WHERE ", text]));
            found.insert(key(index.name.as_str()), (index.definition.clone(), Some(keys)));
        }
    }
    assert_eq!(found, expected);
}

fn quoted(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_lowercase()) && name != "select";
    if plain || name == "cast_to_oid" {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}
