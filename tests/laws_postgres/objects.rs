//! What stands around the columns of a random pair: types, functions, keys, indexes, views, triggers, comments.

use super::generate::{Column, Maker, Table};
use super::types::{Sort, Type, array, value};

const VALUES: [&str; 6] = ["new", "open", "Done", "it''s", "z z", "0"];

impl Maker {
    pub fn named_types(&mut self) {
        for at in 0..self.random.below(3) {
            let key = format!("e{at}");
            self.name(&key, &key);
            let mut values = VALUES.to_vec();
            self.random.shuffle(&mut values);
            values.truncate(self.random.below(4) + 1);
            let kind = Type::new(format!("{{{key}}}"), Sort::Enum(values.clone()));
            self.item(move |maker| {
                let mut list = values.clone();
                match maker.random.below(6) {
                    0 => list.push("extra"),
                    1 => list.insert(0, "first"),
                    2 => list.reverse(),
                    3 => drop(list.pop()),
                    _ => {}
                }
                let list: Vec<String> = list.iter().map(|value| format!("'{value}'")).collect();
                format!("CREATE TYPE {{{key}}} AS ENUM ({})", list.join(", "))
            });
            self.types.push(kind.clone());
            if self.random.percent(30) {
                self.types.push(array(kind));
            }
        }
        for at in 0..self.random.below(3) {
            self.domain(&format!("d{at}"));
        }
        if self.random.percent(25) {
            self.name("r0", "r0");
            self.item(|maker| {
                let text = maker.random.pick(&["text", "varchar(9)", "text COLLATE \"C\""]);
                let more = maker.random.pick(&["", "", ", c date"]);
                format!("CREATE TYPE {{r0}} AS (a integer, b {text}{more})")
            });
            self.types.push(Type::new("{r0}", Sort::Row));
        }
    }

    fn domain(&mut self, key: &str) {
        self.name(key, key);
        let base = match self.random.below(5) {
            0 => self.random.any(&self.types),
            1 => Some(Type::new("numeric(8,2)", Sort::Number)),
            2 => Some(Type::new("integer", Sort::Int)),
            _ => Some(Type::new("text", Sort::Text)),
        };
        let Some(base) = base else { return };
        let kind = Type::new(format!("{{{key}}}"), base.sort.clone());
        let key = key.to_owned();
        self.item(move |maker| {
            let mut text = format!("CREATE DOMAIN {{{key}}} AS {}", base.sql);
            if base.sort == Sort::Text && maker.random.percent(20) {
                text += " COLLATE \"C\"";
            }
            if maker.random.percent(30) {
                text += &format!(" DEFAULT {}", value(&base.sort, &mut maker.random));
            }
            if maker.random.percent(15) {
                text += " NOT NULL";
            }
            if maker.random.percent(40) {
                text += maker.random.pick(&[
                    " CHECK (length(VALUE::text) < 30)",
                    " CONSTRAINT short CHECK (VALUE::text <> 'no')",
                    " CONSTRAINT short CHECK (length(VALUE::text) < 12) CONSTRAINT other CHECK (VALUE IS NOT NULL OR true)",
                ]);
            }
            text
        });
        self.types.push(kind.clone());
        if self.random.percent(15) {
            self.types.push(array(kind));
        }
    }

    pub fn functions(&mut self) {
        for key in ["f0", "f1", "f2"] {
            self.name(key, key);
        }
        self.item(|maker| {
            let body = maker.random.pick(&["SELECT x + 1", "SELECT x * 2", "SELECT x"]);
            let more = maker.random.pick(&["", "", " STRICT", " PARALLEL SAFE COST 7"]);
            let name = maker.random.pick(&["x", "x", "x", "value"]);
            let body = body.replace('x', name);
            format!(
                "CREATE FUNCTION {{f0}}({name} integer) RETURNS integer LANGUAGE sql IMMUTABLE{more} AS '{body}'"
            )
        });
        self.item(|maker| {
            let body = maker.random.pick(&["lower(x)", "x || 'k'", "upper(x)"]);
            let result = maker.random.pick(&["text", "text", "text", "varchar"]);
            format!(
                "CREATE FUNCTION {{f1}}(x text) RETURNS {result} LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN {body}; END $$"
            )
        });
        self.item(|maker| {
            let number = maker.random.below(9);
            let result = maker.random.pick(&["integer", "integer", "integer", "bigint"]);
            format!("CREATE FUNCTION {{f2}}() RETURNS {result} LANGUAGE sql VOLATILE AS 'SELECT {number}'")
        });
        if let Some(kind) = self.random.any(&self.types) {
            self.name("f3", "f3");
            self.item(|maker| {
                let body = maker.random.pick(&["$1 IS NOT NULL", "length($1::text) > 1"]);
                format!(
                    "CREATE FUNCTION {{f3}}({}) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT {body}'",
                    kind.sql
                )
            });
        }
        self.name("f4", "f4");
        self.item(|maker| {
            let note = maker.random.pick(&["", "-- note\n"]);
            format!(
                "CREATE FUNCTION {{f4}}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {note}IF TG_OP = 'UPDATE' THEN RAISE EXCEPTION 'a trigger saw an update'; END IF; RETURN NEW; END $$"
            )
        });
    }

    /// Functions that stand on tables.
    pub fn late_functions(&mut self) {
        let Some(table) = self.random.any(&self.tables) else { return };
        let key = &table.key;
        self.name("f5", "f5");
        self.name("f6", "f6");
        if self.random.percent(30) {
            self.item(|maker| {
                let body = maker.random.pick(&[
                    "AS 'SELECT count(*) FROM {t}'",
                    "BEGIN ATOMIC SELECT count(*) FROM {t}; END",
                    "RETURN (SELECT count(*) FROM {t})",
                ]);
                format!("CREATE FUNCTION {{f5}}() RETURNS bigint LANGUAGE sql STABLE {body}")
                    .replace("{t}", &format!("{{{key}}}"))
            });
        }
        if self.random.percent(30) {
            self.item(|maker| {
                maker
                    .random
                    .pick(&[
                        "CREATE FUNCTION {f6}(r {t}) RETURNS text LANGUAGE sql STABLE AS 'SELECT r::text'",
                        "CREATE FUNCTION {f6}() RETURNS SETOF {t} LANGUAGE sql STABLE AS 'SELECT * FROM {t}'",
                        "CREATE PROCEDURE {f6}() LANGUAGE sql AS 'DELETE FROM {t} WHERE false'",
                    ])
                    .replace("{t}", &format!("{{{key}}}"))
            });
        }
    }

    pub fn column_of(&mut self, table: &Table, wanted: fn(&Sort) -> bool) -> Option<Column> {
        let columns: Vec<Column> = table
            .columns
            .iter()
            .filter(|column| column.sort().is_some_and(wanted))
            .cloned()
            .collect();
        self.random.any(&columns)
    }

    fn columns_of(&mut self, table: &Table, most: usize) -> String {
        let mut keys: Vec<String> =
            table.columns.iter().map(|column| format!("{{{}}}", column.key)).collect();
        self.random.shuffle(&mut keys);
        keys.truncate(self.random.below(most) + 1);
        keys.join(", ")
    }

    pub fn keys(&mut self) {
        for table in self.tables.clone() {
            let key = table.key.clone();
            if self.random.percent(60) {
                self.item(|maker| {
                    let first = format!("{{{}}}", table.columns[0].key);
                    let columns =
                        if maker.random.percent(75) { first } else { maker.columns_of(&table, 2) };
                    let tail = maker.random.pick(&["", "", "", " DEFERRABLE"]);
                    let name = maker.random.pick(&["", "", "CONSTRAINT own_key "]);
                    format!("ALTER TABLE {{{key}}} ADD {name}PRIMARY KEY ({columns}){tail}")
                });
            }
            for at in 0..self.random.below(3) {
                self.item(|maker| maker.constraint(&table, at));
            }
        }
        for at in 0..self.random.below(self.tables.len() * 2) {
            let table = self.random.pick(&self.tables);
            let other = self.random.pick(&self.tables);
            self.item(|maker| maker.foreign_key(&table, &other, at));
        }
    }

    fn constraint(&mut self, table: &Table, at: usize) -> String {
        let key = &table.key;
        let add = format!("ALTER TABLE {{{key}}} ADD CONSTRAINT k{at}_{key}");
        let any = format!("{{{}}}", self.random.pick(&table.columns).key);
        let number = self.column_of(table, |sort| *sort == Sort::Int);
        let text = self.column_of(table, |sort| matches!(sort, Sort::Text | Sort::Enum(_)));
        match (self.random.below(9), number, text) {
            (0..=2, _, _) => {
                let columns = self.columns_of(table, 3);
                let nulls = self.random.pick(&["", "", "", " NULLS NOT DISTINCT"]);
                let tail = self.random.pick(&[
                    "",
                    "",
                    " DEFERRABLE INITIALLY DEFERRED",
                    " WITH (fillfactor = 70)",
                    " INCLUDE ({x})",
                ]);
                format!("{add} UNIQUE{nulls} ({columns}){}", tail.replace("{x}", &any))
            }
            (3 | 4, Some(number), _) => {
                let own = format!("{{{}}}", number.key);
                let what = self.random.pick(&["{x} >= 0", "{x} < 1000", "{f0}({x}::int) > -5"]);
                let tail = self.random.pick(&["", "", "", " NOT VALID", " NO INHERIT"]);
                format!("{add} CHECK ({}){tail}", what.replace("{x}", &own))
            }
            (5 | 6, _, Some(text)) => {
                let own = format!("{{{}}}", text.key);
                let what = match text.sort() {
                    Some(Sort::Enum(values)) => {
                        let list: Vec<String> =
                            values.iter().map(|value| format!("'{value}'")).collect();
                        format!("{own} IN ({}) OR {own} IS NULL", list.join(", "))
                    }
                    _ => self
                        .random
                        .pick(&["{x} <> 'no'", "{f1}({x}::text) <> ''", "length({x}) < 40"])
                        .replace("{x}", &own),
                };
                format!("{add} CHECK ({what})")
            }
            (7, Some(number), _) => {
                format!("{add} EXCLUDE USING btree ({{{}}} WITH =)", number.key)
            }
            (_, _, _) => {
                let what = self.random.pick(&["{x} IS NOT NULL OR true", "num_nulls({x}) < 2"]);
                format!("{add} CHECK ({})", what.replace("{x}", &any))
            }
        }
    }

    fn foreign_key(&mut self, table: &Table, other: &Table, at: usize) -> String {
        const ACTIONS: [&str; 5] = ["CASCADE", "SET NULL", "SET DEFAULT", "RESTRICT", "NO ACTION"];
        let own = self.column_of(table, |sort| *sort == Sort::Int);
        let own = own.map_or_else(|| self.columns_of(table, 1), |own| format!("{{{}}}", own.key));
        let target = match self.random.below(4) {
            0 => String::new(),
            _ => format!(" ({{{}}})", other.columns[0].key),
        };
        let mut tail = String::new();
        if self.random.percent(60) {
            tail += &format!(" ON DELETE {}", self.random.pick(&ACTIONS));
        }
        if self.random.percent(40) {
            tail += &format!(" ON UPDATE {}", self.random.pick(&ACTIONS));
        }
        tail += self.random.pick(&[
            "",
            "",
            " DEFERRABLE INITIALLY DEFERRED",
            " NOT VALID",
            " DEFERRABLE",
        ]);
        format!(
            "ALTER TABLE {{{}}} ADD CONSTRAINT fk{at} FOREIGN KEY ({own}) REFERENCES {{{}}}{target}{tail}",
            table.key, other.key
        )
    }

    pub fn indexes(&mut self) {
        for at in 0..self.random.below(self.tables.len() * 2 + 1) {
            let table = self.random.pick(&self.tables);
            self.item(|maker| maker.index(&table, at));
        }
    }

    fn index(&mut self, table: &Table, at: usize) -> String {
        let any = self.random.pick(&table.columns);
        let own = format!("{{{}}}", any.key);
        let pick = |maker: &mut Maker, list: &[&str]| maker.random.pick(list).replace("{x}", &own);
        let keys = match (any.sort(), self.random.below(5)) {
            (Some(Sort::Int), 0) => pick(self, &["({f0}({x}::int))", "(({x} + 1))", "({x} DESC)"]),
            (Some(Sort::Text), 0 | 1) => pick(
                self,
                &[
                    "(lower({x}))",
                    "({f1}({x}::text))",
                    "({x} text_pattern_ops)",
                    "({x} COLLATE \"C\")",
                ],
            ),
            (Some(Sort::Json | Sort::Array(_) | Sort::Words), _) => "USING gin ({x})".to_owned(),
            (Some(Sort::Range | Sort::Point), _) => "USING gist ({x})".to_owned(),
            (_, 2) => pick(self, &["USING hash ({x})", "USING brin ({x})"]),
            (_, 3) => pick(self, &["({x} DESC NULLS LAST)", "({x}) INCLUDE ({x})"]),
            (_, _) => format!("({})", self.columns_of(table, 3)),
        };
        let unique = if self.random.percent(20) { "UNIQUE " } else { "" };
        let tail = pick(
            self,
            &[
                "",
                "",
                "",
                " WHERE {x} IS NOT NULL",
                " WITH (fillfactor = 60)",
                " WHERE {x}::text <> 'q'",
            ],
        );
        format!("CREATE {unique}INDEX i{at} ON {{{}}} {keys}{tail}", table.key).replace("{x}", &own)
    }

    pub fn views(&mut self) {
        for at in 0..self.random.below(4) {
            let key = format!("v{at}");
            self.name(&key, &key);
            let earlier = self.views.clone();
            self.item(|maker| {
                let options = maker.random.pick(&["", "", "", " WITH (security_barrier = true)"]);
                let body = maker.query(&earlier);
                let check = if body.ends_with(" -- simple") && maker.random.percent(25) {
                    " WITH LOCAL CHECK OPTION"
                } else {
                    ""
                };
                let body = body.trim_end_matches(" -- simple");
                format!("CREATE VIEW {{{key}}}{options} AS {body}{check}")
            });
            self.views.push(key);
        }
        if self.random.percent(30) {
            self.name("m0", "m0");
            let earlier = self.views.clone();
            self.item(|maker| {
                let body = maker.query(&earlier);
                let body = body.trim_end_matches(" -- simple");
                let data = maker.random.pick(&["", "", " WITH NO DATA"]);
                format!(
                    "CREATE MATERIALIZED VIEW {{m0}} AS SELECT 1 AS one, q FROM ({body}) q{data}"
                )
            });
            self.item(|_| "CREATE INDEX mi0 ON {m0} (one)".to_owned());
            self.views.push("m0".to_owned());
        }
    }

    fn query(&mut self, views: &[String]) -> String {
        let table = self.random.pick(&self.tables);
        let other = self.random.pick(&self.tables);
        let (t, o) = (format!("{{{}}}", table.key), format!("{{{}}}", other.key));
        let first = format!("{{{}}}", table.columns[0].key);
        let any = format!("{{{}}}", self.random.pick(&table.columns).key);
        let view = self.random.any(views).map(|view| format!("{{{view}}}"));
        let text = match (self.random.below(10), view) {
            (0..=2, Some(view)) => self
                .random
                .pick(&[
                    "SELECT * FROM {v}",
                    "SELECT count(*) AS n FROM {v}",
                    "SELECT w FROM {v} w",
                ])
                .replace("{v}", &view),
            (3, _) => "SELECT * FROM {t} -- simple".to_owned(),
            (4, _) => format!("SELECT {any} AS a FROM {t} WHERE {any} IS NOT NULL -- simple"),
            (5, _) => format!(
                "SELECT {first}, count(*) AS n, max({any}::text) AS m FROM {t} GROUP BY {first}"
            ),
            (6, _) => format!(
                "SELECT x.{any} AS a, y.* FROM {t} x LEFT JOIN {o} y ON x.{any}::text = y::text"
            ),
            (7, _) => format!("SELECT {{f1}}({any}::text) AS a, {{f0}}(1) AS b FROM {t}"),
            (8, _) => format!("SELECT x AS whole FROM {t} x UNION SELECT x FROM {t} x"),
            (_, _) => format!(
                "WITH RECURSIVE r AS (SELECT {any} AS a, 1 AS n FROM {t} UNION ALL SELECT a, n + 1 FROM r WHERE n < 3) SELECT * FROM r"
            ),
        };
        text.replace("{t}", &t).replace("{o}", &o)
    }

    pub fn triggers(&mut self) {
        for at in 0..self.random.below(3) {
            let table = self.random.pick(&self.tables);
            self.item(|maker| {
                let column = format!("{{{}}}", maker.random.pick(&table.columns).key);
                maker
                    .random
                    .pick(&[
                        "CREATE TRIGGER g{n} BEFORE INSERT OR UPDATE ON {t} FOR EACH ROW EXECUTE FUNCTION {f4}()",
                        "CREATE TRIGGER g{n} AFTER UPDATE OF {x} ON {t} FOR EACH ROW EXECUTE FUNCTION {f4}()",
                        "CREATE TRIGGER g{n} BEFORE INSERT ON {t} FOR EACH ROW WHEN (NEW.{x} IS NOT NULL) EXECUTE FUNCTION {f4}('a', 'b')",
                        "CREATE TRIGGER g{n} AFTER DELETE ON {t} REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION {f4}()",
                        "CREATE CONSTRAINT TRIGGER g{n} AFTER INSERT OR UPDATE ON {t} DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION {f4}()",
                    ])
                    .replace("{n}", &at.to_string())
                    .replace("{t}", &format!("{{{}}}", table.key))
                    .replace("{x}", &column)
            });
            if self.random.percent(25) {
                self.item(|maker| {
                    let state = maker.random.pick(&["DISABLE", "ENABLE ALWAYS", "ENABLE REPLICA"]);
                    format!("ALTER TABLE {{{}}} {state} TRIGGER g{at}", table.key)
                });
            }
        }
    }

    pub fn comments(&mut self) {
        for _ in 0..self.random.below(4) {
            let table = self.random.pick(&self.tables);
            let column = self.random.pick(&table.columns).key;
            let note = self.random.pick(&["a note", "it''s", "two\nlines"]);
            let (t, e) = (format!("{{{}}}", table.key), self.random.below(2));
            let target = match self.random.below(8) {
                0 | 1 => format!("TABLE {t}"),
                2 | 3 => format!("COLUMN {t}.{{{column}}}"),
                4 => format!("TYPE {{e{e}}}"),
                5 => format!("FUNCTION {{f{e}}}"),
                6 => format!("VIEW {{v{e}}}"),
                _ => format!("SEQUENCE {{q{e}}}"),
            };
            self.item(|maker| {
                let more = maker.random.pick(&["", "", " more"]);
                format!("COMMENT ON {target} IS '{note}{more}'")
            });
        }
    }
}
