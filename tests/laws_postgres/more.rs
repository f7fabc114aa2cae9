//! What a random pair may have besides: partitioned and inherited tables, rights, owners, policies, rules, statistics.

use super::generate::{Column, Maker, Table};
use super::pair::Both;
use super::types::{Sort, Type};

/// Roles that the server must have.
pub const ROLES: [&str; 2] = ["law_reader", "law_owner"];

impl Maker {
    /// A partitioned table with some partitions, or a table that inherits.
    pub fn families(&mut self) {
        if self.random.percent(20) {
            self.partitioned();
        }
        if self.random.percent(10) {
            let Some(parent) = self.random.any(&self.tables) else { return };
            self.name("ti", "ti");
            self.item(|_| format!("CREATE TABLE {{ti}} () INHERITS ({{{}}})", parent.key));
            self.tables.push(Table { key: "ti".to_owned(), columns: Vec::new() });
            self.column("ti", 0);
        }
    }

    fn partitioned(&mut self) {
        let key = "tp";
        self.name(key, key);
        self.name("tp.k", "k");
        let manner = self.random.pick(&["LIST", "LIST", "RANGE", "HASH"]);
        self.item(move |maker| {
            let other = maker.random.pick(&[manner, manner, manner, "RANGE"]);
            format!("CREATE TABLE {{tp}} ({{tp.k}} integer) PARTITION BY {other} ({{tp.k}})")
        });
        let kind = Both::same(Some(Type::new("integer", Sort::Int)));
        let first = Column { key: "tp.k".to_owned(), kind, writable: Both::same(true) };
        self.tables.push(Table { key: key.to_owned(), columns: vec![first] });
        for number in 1..self.random.below(3) + 2 {
            self.column(key, number);
        }
        for at in 0..3 {
            let part = format!("tp{at}");
            self.name(&part, &part);
            self.item(|maker| {
                let bound = match (manner, at) {
                    ("LIST", 0) => maker.random.pick(&["IN (0, 1, 2)", "IN (0, 1)"]),
                    ("LIST", 1) => "IN (5, 8)",
                    ("RANGE", 0) => maker.random.pick(&["FROM (0) TO (3)", "FROM (0) TO (4)"]),
                    ("RANGE", 1) => "FROM (5) TO (20)",
                    ("HASH", 0) => "WITH (MODULUS 2, REMAINDER 0)",
                    ("HASH", 1) => "WITH (MODULUS 2, REMAINDER 1)",
                    (_, _) => "DEFAULT",
                };
                let values = if bound == "DEFAULT" { "" } else { "FOR VALUES " };
                format!("CREATE TABLE {{{part}}} PARTITION OF {{tp}} {values}{bound}")
            });
        }
        self.item(|_| "ALTER TABLE {tp} ADD CONSTRAINT tp_k CHECK ({tp.k} < 1000)".to_owned());
    }

    /// Owners and rights of anything.
    pub fn rights(&mut self) {
        for _ in 0..self.random.below(4) {
            let table = self.random.pick(&self.tables);
            let column = self.random.pick(&table.columns).key;
            let view = self.random.any(&self.views).unwrap_or_else(|| table.key.clone());
            let (table, at) = (format!("{{{}}}", table.key), self.random.below(2));
            self.item(|maker| {
                maker
                    .random
                    .pick(&[
                        "GRANT SELECT, INSERT ON {t} TO law_reader",
                        "GRANT UPDATE ({c}) ON {t} TO law_reader WITH GRANT OPTION",
                        "GRANT SELECT ON {v} TO law_reader",
                        "GRANT SELECT ON {v} TO PUBLIC",
                        "REVOKE EXECUTE ON FUNCTION {f4}() FROM PUBLIC",
                        "GRANT USAGE ON SEQUENCE {q0} TO law_reader",
                        "REVOKE ALL ON {t} FROM CURRENT_USER",
                        "ALTER TABLE {v} OWNER TO law_owner",
                        "ALTER TABLE {t} OWNER TO law_owner",
                        "ALTER TYPE {e0} OWNER TO law_owner",
                        "ALTER DOMAIN {d0} OWNER TO law_owner",
                        "ALTER FUNCTION {f4}() OWNER TO law_owner",
                        "ALTER SEQUENCE {q0} OWNER TO law_owner",
                        "COMMENT ON COLUMN {v}.a IS 'the a of a view'",
                        "COMMENT ON DOMAIN {d0} IS 'a domain'",
                        "COMMENT ON TRIGGER g0 ON {t} IS 'a trigger'",
                        "COMMENT ON CONSTRAINT k0_t0 ON {t0} IS 'a key'",
                    ])
                    .replace("{t}", &table)
                    .replace("{v}", &format!("{{{view}}}"))
                    .replace("{c}", &format!("{{{column}}}"))
                    .replace("{e0}", &format!("{{e{at}}}"))
            });
        }
    }

    /// Row security, rules, statistics.
    pub fn policies(&mut self) {
        for at in 0..self.random.below(3) {
            let table = self.random.pick(&self.tables);
            let column = format!("{{{}}}", self.random.pick(&table.columns).key);
            let other = format!("{{{}}}", self.random.pick(&self.tables).key);
            let table = format!("{{{}}}", table.key);
            self.item(|maker| {
                maker
                    .random
                    .pick(&[
                        "ALTER TABLE {t} ENABLE ROW LEVEL SECURITY",
                        "ALTER TABLE {t} FORCE ROW LEVEL SECURITY",
                        "CREATE POLICY p{n} ON {t} USING ({x} IS NOT NULL)",
                        "CREATE POLICY p{n} ON {t} FOR SELECT TO law_reader USING ({f0}(1) > 0)",
                        "CREATE POLICY p{n} ON {t} AS RESTRICTIVE FOR INSERT WITH CHECK (EXISTS (SELECT FROM {o}))",
                        "CREATE RULE r{n} AS ON DELETE TO {t} WHERE OLD.{x} IS NULL DO INSTEAD NOTHING",
                        "CREATE STATISTICS \"s1\".st{n} ON {x}, ({x} IS NULL) FROM {t}",
                        "ALTER TABLE {t} REPLICA IDENTITY FULL",
                        "ALTER TABLE {t} SET (fillfactor = 80)",
                        "ALTER TABLE {t} ALTER COLUMN {x} SET STATISTICS 77",
                    ])
                    .replace("{n}", &at.to_string())
                    .replace("{t}", &table)
                    .replace("{o}", &other)
                    .replace("{x}", &column)
            });
        }
    }
}
