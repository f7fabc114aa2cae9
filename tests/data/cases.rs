//! What versions do to values, one table each, so that one plan holds them all.

use migrate::text::Dialect;

/// What one version does to the values of one table `T`, whose rows have ids. Rows 1, 2 and 3 are there before it is
/// applied. After it, row 2 is changed, row 3 deleted, row 10 written.
pub struct Case {
    /// The first cell of its row in the document.
    pub name: &'static str,
    /// The table before and after, for SQLite and for PostgreSQL; empty where the engine has no such thing.
    pub before: [&'static str; 2],
    pub after: [&'static str; 2],
    /// Rows 1 to 3, as a list of `VALUES`.
    pub rows: &'static str,
    pub change: &'static str,
    pub write: &'static str,
    /// The value that is looked at, in the old shape.
    pub look: &'static str,
    /// Row 2 where the new value wins.
    pub new: &'static str,
    /// Row 10 where it is taken back.
    pub written: &'static str,
}

impl Case {
    pub fn of(side: &[&'static str; 2], dialect: Dialect) -> &'static str {
        match dialect {
            Dialect::Sqlite => side[0],
            Dialect::Postgres => side[1],
        }
    }
}

const fn both(text: &'static str) -> [&'static str; 2] {
    [text, text]
}

const fn postgres(text: &'static str) -> [&'static str; 2] {
    ["", text]
}

const fn sqlite(text: &'static str) -> [&'static str; 2] {
    [text, ""]
}

pub const CASES: &[Case] = &[
    Case {
        name: "column dropped, optional",
        before: both("CREATE TABLE T (id integer PRIMARY KEY, note text, v text)"),
        after: both("CREATE TABLE T (id integer PRIMARY KEY, note text)"),
        rows: "(1, 'n', 'one'), (2, 'n', 'two'), (3, 'n', 'three')",
        change: "UPDATE T SET note = 'other' WHERE id = 2",
        write: "INSERT INTO T (id, note) VALUES (10, 'n')",
        look: "v",
        new: "",
        written: "NULL",
    },
    Case {
        name: "column dropped, required, with a default",
        before: both(
            "CREATE TABLE T (id integer PRIMARY KEY, note text, v text NOT NULL DEFAULT 'usual')",
        ),
        after: both("CREATE TABLE T (id integer PRIMARY KEY, note text)"),
        rows: "(1, 'n', 'one'), (2, 'n', 'two'), (3, 'n', 'three')",
        change: "UPDATE T SET note = 'other' WHERE id = 2",
        write: "INSERT INTO T (id, note) VALUES (10, 'n')",
        look: "v",
        new: "",
        written: "usual",
    },
    Case {
        name: "column dropped, required, without default or `down`",
        before: both("CREATE TABLE T (id integer PRIMARY KEY, note text, v text NOT NULL)"),
        after: both("CREATE TABLE T (id integer PRIMARY KEY, note text)"),
        rows: "(1, 'n', 'one'), (2, 'n', 'two'), (3, 'n', 'three')",
        change: "UPDATE T SET note = 'other' WHERE id = 2",
        write: "INSERT INTO T (id, note) VALUES (10, 'n')",
        look: "v",
        new: "",
        written: "",
    },
    Case {
        name: "column dropped, `down` computes it from what stays",
        before: both("CREATE TABLE T (id integer PRIMARY KEY, note text, v text NOT NULL)"),
        after: both(
            "-- migrate:down v upper(note)\nCREATE TABLE T (id integer PRIMARY KEY, note text)",
        ),
        rows: "(1, 'one', 'One by hand'), (2, 'two', 'TWO'), (3, 'three', 'THREE')",
        change: "UPDATE T SET note = 'zwei' WHERE id = 2",
        write: "INSERT INTO T (id, note) VALUES (10, 'ten')",
        look: "v",
        new: "ZWEI",
        written: "TEN",
    },
    Case {
        name: "column dropped, and the key of the row is given a new value since",
        before: both("CREATE TABLE T (id integer PRIMARY KEY, note integer, v text)"),
        after: both("CREATE TABLE T (id integer PRIMARY KEY, note integer)"),
        rows: "(1, 1, 'one'), (22, 2, 'two'), (3, 3, 'three')",
        change: "UPDATE T SET id = 2 WHERE id = 22",
        write: "INSERT INTO T (id, note) VALUES (10, 10)",
        look: "v",
        new: "NULL",
        written: "NULL",
    },
    Case {
        name: "column dropped, and a row deleted and written again with its key",
        before: both("CREATE TABLE T (id integer PRIMARY KEY, note text, v text)"),
        after: both("CREATE TABLE T (id integer PRIMARY KEY, note text)"),
        rows: "(1, 'n', 'one'), (2, 'n', 'two'), (3, 'n', 'three')",
        change: "DELETE FROM T WHERE id = 2; INSERT INTO T (id, note) VALUES (2, 'again')",
        write: "INSERT INTO T (id, note) VALUES (10, 'n')",
        look: "v",
        new: "",
        written: "NULL",
    },
    Case {
        name: "column dropped from a table without a key (PostgreSQL)",
        before: postgres("CREATE TABLE T (id integer, note text, v text)"),
        after: postgres("CREATE TABLE T (id integer, note text)"),
        rows: "(1, 'n', 'one'), (2, 'n', 'two'), (3, 'n', 'three')",
        change: "UPDATE T SET note = 'other' WHERE id = 2",
        write: "INSERT INTO T (id, note) VALUES (10, 'n')",
        look: "v",
        new: "NULL",
        written: "NULL",
    },
    Case {
        name: "column dropped from a table without a key (SQLite)",
        before: sqlite("CREATE TABLE T (id integer, note text, v text)"),
        after: sqlite("CREATE TABLE T (id integer, note text)"),
        rows: "(2, 'n', 'two'), (3, 'n', 'three'), (1, 'n', 'one')",
        change: "UPDATE T SET note = 'other' WHERE id = 2",
        write: "INSERT INTO T (id, note) VALUES (10, 'n')",
        look: "v",
        new: "",
        written: "NULL",
    },
    Case {
        name: "table dropped",
        before: both("CREATE TABLE T (id integer PRIMARY KEY, v text)"),
        after: both(""),
        rows: "(1, 'one'), (2, 'two'), (3, 'three')",
        change: "",
        write: "",
        look: "v",
        new: "",
        written: "",
    },
    Case {
        name: "column renamed",
        before: both("CREATE TABLE T (id integer PRIMARY KEY, v text)"),
        after: both("CREATE TABLE T (id integer PRIMARY KEY,\n-- migrate:was v\nw text)"),
        rows: "(1, 'one'), (2, 'two'), (3, 'three')",
        change: "UPDATE T SET w = 'zwei' WHERE id = 2",
        write: "INSERT INTO T (id, w) VALUES (10, 'ten')",
        look: "v",
        new: "zwei",
        written: "ten",
    },
    Case {
        name: "`text` becomes `integer`",
        before: both("CREATE TABLE T (id integer PRIMARY KEY, v text)"),
        after: both("CREATE TABLE T (id integer PRIMARY KEY, v integer)"),
        rows: "(1, '007'), (2, '008'), (3, '009')",
        change: "UPDATE T SET v = 22 WHERE id = 2",
        write: "INSERT INTO T (id, v) VALUES (10, 10)",
        look: "v",
        new: "22",
        written: "10",
    },
    Case {
        name: "`text` becomes `integer`, and a row is given the very value that the migration wrote",
        before: both("CREATE TABLE T (id integer PRIMARY KEY, v text)"),
        after: both("CREATE TABLE T (id integer PRIMARY KEY, v integer)"),
        rows: "(1, '007'), (2, '008'), (3, '009')",
        change: "UPDATE T SET v = 8 WHERE id = 2",
        write: "INSERT INTO T (id, v) VALUES (10, 10)",
        look: "v",
        new: "8",
        written: "10",
    },
    Case {
        name: "`numeric(10,4)` becomes `numeric(10,2)`",
        before: postgres("CREATE TABLE T (id integer PRIMARY KEY, v numeric(10,4))"),
        after: postgres("CREATE TABLE T (id integer PRIMARY KEY, v numeric(10,2))"),
        rows: "(1, 1.2345), (2, 2.3456), (3, 3.4567)",
        change: "UPDATE T SET v = 22.5 WHERE id = 2",
        write: "INSERT INTO T (id, v) VALUES (10, 10.25)",
        look: "v",
        new: "22.5000",
        written: "10.2500",
    },
    Case {
        name: "`bigint` becomes `integer`",
        before: postgres("CREATE TABLE T (id integer PRIMARY KEY, v bigint)"),
        after: postgres("CREATE TABLE T (id integer PRIMARY KEY, v integer)"),
        rows: "(1, 1), (2, 2), (3, 3)",
        change: "UPDATE T SET v = 22 WHERE id = 2",
        write: "INSERT INTO T (id, v) VALUES (10, 10)",
        look: "v",
        new: "22",
        written: "10",
    },
    Case {
        name: "`timestamptz` becomes `date`",
        before: postgres("CREATE TABLE T (id integer PRIMARY KEY, v timestamptz)"),
        after: postgres("CREATE TABLE T (id integer PRIMARY KEY, v date)"),
        rows: "(1, '2026-01-01 10:11:12+00'), (2, '2026-01-02 10:11:12+00'), (3, '2026-01-03 10:11:12+00')",
        change: "UPDATE T SET v = '2026-02-02' WHERE id = 2",
        write: "INSERT INTO T (id, v) VALUES (10, '2026-10-10')",
        look: "(v AT TIME ZONE 'UTC')::text",
        new: "2026-02-02 00:00:00",
        written: "2026-10-10 00:00:00",
    },
    Case {
        name: "`varchar(20)` becomes `varchar(3)`",
        before: postgres("CREATE TABLE T (id integer PRIMARY KEY, v varchar(20))"),
        after: postgres("CREATE TABLE T (id integer PRIMARY KEY, v varchar(3))"),
        rows: "(1, 'one'), (2, 'two'), (3, 'six')",
        change: "UPDATE T SET v = 'new' WHERE id = 2",
        write: "INSERT INTO T (id, v) VALUES (10, 'ten')",
        look: "v",
        new: "new",
        written: "ten",
    },
    Case {
        name: "`integer` becomes `bigint`, a value that fits `integer`",
        before: postgres("CREATE TABLE T (id integer PRIMARY KEY, v integer)"),
        after: postgres("CREATE TABLE T (id integer PRIMARY KEY, v bigint)"),
        rows: "(1, 1), (2, 2), (3, 3)",
        change: "UPDATE T SET v = 22 WHERE id = 2",
        write: "INSERT INTO T (id, v) VALUES (10, 10)",
        look: "v",
        new: "22",
        written: "10",
    },
    Case {
        name: "`integer` becomes `bigint`, a value that does not",
        before: postgres("CREATE TABLE T (id integer PRIMARY KEY, v integer)"),
        after: postgres("CREATE TABLE T (id integer PRIMARY KEY, v bigint)"),
        rows: "(1, 1), (2, 2), (3, 3)",
        change: "UPDATE T SET v = 22 WHERE id = 2",
        write: "INSERT INTO T (id, v) VALUES (10, 5000000000)",
        look: "v",
        new: "22",
        written: "",
    },
    Case {
        name: "values of an enumeration merged",
        before: [
            "CREATE TABLE T (id integer PRIMARY KEY, v text NOT NULL CHECK (v IN ('draft', 'sent', 'done')))",
            "CREATE TYPE E AS ENUM ('draft', 'sent', 'done'); CREATE TABLE T (id integer PRIMARY KEY, v E NOT NULL)",
        ],
        after: [
            "CREATE TABLE T (id integer PRIMARY KEY,\n-- migrate:value draft = done\n-- migrate:value sent = done\nv text NOT NULL CHECK (v IN ('done')))",
            "CREATE TYPE E AS ENUM ('done'); CREATE TABLE T (id integer PRIMARY KEY,\n-- migrate:value draft = done\n-- migrate:value sent = done\nv E NOT NULL)",
        ],
        rows: "(1, 'draft'), (2, 'sent'), (3, 'done')",
        change: "UPDATE T SET v = 'done' WHERE id = 2",
        write: "INSERT INTO T (id, v) VALUES (10, 'done')",
        look: "v",
        new: "done",
        written: "done",
    },
    Case {
        name: "value of an enumeration removed, and its rows mapped to another",
        before: [
            "CREATE TABLE T (id integer PRIMARY KEY, v text NOT NULL CHECK (v IN ('draft', 'sent', 'done')))",
            "CREATE TYPE E AS ENUM ('draft', 'sent', 'done'); CREATE TABLE T (id integer PRIMARY KEY, v E NOT NULL)",
        ],
        after: [
            "CREATE TABLE T (id integer PRIMARY KEY,\n-- migrate:value draft = sent\nv text NOT NULL CHECK (v IN ('sent', 'done')))",
            "CREATE TYPE E AS ENUM ('sent', 'done'); CREATE TABLE T (id integer PRIMARY KEY,\n-- migrate:value draft = sent\nv E NOT NULL)",
        ],
        rows: "(1, 'draft'), (2, 'draft'), (3, 'done')",
        change: "UPDATE T SET v = 'done' WHERE id = 2",
        write: "INSERT INTO T (id, v) VALUES (10, 'sent')",
        look: "v",
        new: "done",
        written: "sent",
    },
    Case {
        name: "value of an enumeration added, and used since",
        before: [
            "CREATE TABLE T (id integer PRIMARY KEY, v text NOT NULL CHECK (v IN ('draft', 'sent')))",
            "CREATE TYPE E AS ENUM ('draft', 'sent'); CREATE TABLE T (id integer PRIMARY KEY, v E NOT NULL)",
        ],
        after: [
            "CREATE TABLE T (id integer PRIMARY KEY, v text NOT NULL CHECK (v IN ('draft', 'sent', 'done')))",
            "CREATE TYPE E AS ENUM ('draft', 'sent', 'done'); CREATE TABLE T (id integer PRIMARY KEY, v E NOT NULL)",
        ],
        rows: "(1, 'draft'), (2, 'draft'), (3, 'draft')",
        change: "UPDATE T SET v = 'sent' WHERE id = 2",
        write: "INSERT INTO T (id, v) VALUES (10, 'done')",
        look: "v",
        new: "sent",
        written: "",
    },
    Case {
        name: "column becomes required, `backfill` fills what is missing",
        before: both("CREATE TABLE T (id integer PRIMARY KEY, v text)"),
        after: both(
            "CREATE TABLE T (id integer PRIMARY KEY,\n-- migrate:backfill 'filled'\nv text NOT NULL)",
        ),
        rows: "(1, NULL), (2, NULL), (3, 'three')",
        change: "UPDATE T SET v = 'zwei' WHERE id = 2",
        write: "INSERT INTO T (id, v) VALUES (10, 'ten')",
        look: "v",
        new: "zwei",
        written: "ten",
    },
    Case {
        name: "column becomes optional, and a row has no value since",
        before: both("CREATE TABLE T (id integer PRIMARY KEY, v text NOT NULL)"),
        after: both("CREATE TABLE T (id integer PRIMARY KEY, v text)"),
        rows: "(1, 'one'), (2, 'two'), (3, 'three')",
        change: "UPDATE T SET v = 'zwei' WHERE id = 2",
        write: "INSERT INTO T (id, v) VALUES (10, NULL)",
        look: "v",
        new: "zwei",
        written: "",
    },
    Case {
        name: "rule dropped, and a row breaks it since",
        before: both("CREATE TABLE T (id integer PRIMARY KEY, v integer CHECK (v < 100))"),
        after: both("CREATE TABLE T (id integer PRIMARY KEY, v integer)"),
        rows: "(1, 1), (2, 2), (3, 3)",
        change: "UPDATE T SET v = 22 WHERE id = 2",
        write: "INSERT INTO T (id, v) VALUES (10, 100)",
        look: "v",
        new: "22",
        written: "",
    },
    Case {
        name: "unique rule dropped, and two rows have the same value since",
        before: both("CREATE TABLE T (id integer PRIMARY KEY, v text UNIQUE)"),
        after: both("CREATE TABLE T (id integer PRIMARY KEY, v text)"),
        rows: "(1, 'one'), (2, 'two'), (3, 'three')",
        change: "UPDATE T SET v = 'zwei' WHERE id = 2",
        write: "INSERT INTO T (id, v) VALUES (10, 'one')",
        look: "v",
        new: "zwei",
        written: "",
    },
];
