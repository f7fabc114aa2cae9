//! Statements that run outside a transaction: whether one took effect is asked of the catalog, after a run that was cut
//! off in the middle of it.
//!
//! Sources: PostgreSQL manual, CREATE INDEX, "Building Indexes Concurrently" (a failed build leaves an invalid index of
//! that name), DROP INDEX, REINDEX, ALTER TYPE.

use super::Sql;
use super::session::quote_text;
use crate::text::Dialect;
use crate::text::token::{Token, tokenize};

/// What such a statement does, as far as recovery has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outside {
    /// `CREATE INDEX CONCURRENTLY`: the catalog tells, and what a failed build left can be dropped.
    CreateIndex(IndexBuild),
    /// `DROP INDEX CONCURRENTLY name`: where the name is gone, it is done.
    DropIndex { name: String },
    /// `ALTER TYPE type ADD VALUE 'label'`.
    AddEnumValue { type_name: String, label: String },
    /// Done twice it is as if done once: VACUUM, ANALYZE, VALIDATE CONSTRAINT, settings.
    Repeatable,
    /// Whether it took effect cannot be asked.
    Unknown,
}

/// An index that is built concurrently. All names are as the statement writes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexBuild {
    table: String,
    name: String,
    unique: bool,
    /// What follows the table: `USING …`, columns, parameters.
    rest: String,
}

/// What the catalog says about an index of that name on that table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexFound {
    Absent,
    /// Valid, and as the statement defines it.
    Built,
    /// As the statement defines it, left behind by a build that failed or was cut off.
    Invalid,
    /// Another definition.
    Another,
}

/// Reads a statement.
pub fn read(statement: &Sql, dialect: Dialect) -> Outside {
    let tokens = tokenize(statement.as_str(), dialect);
    let code: Vec<&Token<'_>> = tokens.iter().filter(|token| token.is_code()).collect();
    let code = match code.split_last() {
        Some((last, rest)) if last.is_mark(";") => rest,
        Some(_) | None => &code,
    };
    let starts = |words: &[&str]| {
        words.len() <= code.len() && words.iter().zip(code).all(|(w, t)| t.is_word(w))
    };
    match dialect {
        Dialect::Sqlite
            if ["vacuum", "pragma", "analyze", "reindex"].iter().any(|w| starts(&[w])) =>
        {
            Outside::Repeatable
        }
        Dialect::Sqlite => Outside::Unknown,
        Dialect::Postgres if starts(&["create"]) => {
            index_build(statement.as_str(), code).map_or(Outside::Unknown, Outside::CreateIndex)
        }
        Dialect::Postgres if starts(&["drop", "index", "concurrently"]) => {
            match name_at(statement.as_str(), code, 3) {
                Some((name, end)) if end == code.len() => Outside::DropIndex { name },
                Some(_) | None => Outside::Unknown,
            }
        }
        Dialect::Postgres if starts(&["alter", "type"]) => {
            enum_value(statement.as_str(), code).unwrap_or(Outside::Unknown)
        }
        Dialect::Postgres if starts(&["alter", "table"]) => validation(statement.as_str(), code),
        Dialect::Postgres
            if ["vacuum", "analyze", "checkpoint", "set", "reset"].iter().any(|w| starts(&[w])) =>
        {
            Outside::Repeatable
        }
        Dialect::Postgres if starts(&["refresh", "materialized", "view"]) => Outside::Repeatable,
        Dialect::Postgres => Outside::Unknown,
    }
}

/// Whether a statement that failed can have left something behind: several transactions make it, not one.
pub fn may_leave_something(outside: &Outside) -> bool {
    match outside {
        Outside::CreateIndex(_) | Outside::DropIndex { .. } => true,
        Outside::AddEnumValue { .. } | Outside::Repeatable | Outside::Unknown => false,
    }
}

/// `schema.name` from that token on, and the position after it.
fn name_at(text: &str, code: &[&Token<'_>], at: usize) -> Option<(String, usize)> {
    let first = code.get(at)?;
    first.name()?;
    let mut end = at + 1;
    while code.get(end).is_some_and(|token| token.is_mark("."))
        && code.get(end + 1).is_some_and(|token| token.name().is_some())
    {
        end += 2;
    }
    Some((text[first.span.start..code[end - 1].span.end].to_owned(), end))
}

fn index_build(text: &str, code: &[&Token<'_>]) -> Option<IndexBuild> {
    let mut at = 1;
    let mut take = |word: &str| {
        let there = code.get(at).is_some_and(|token| token.is_word(word));
        at += usize::from(there);
        there
    };
    let unique = take("unique");
    if !(take("index") && take("concurrently")) || take("if") {
        return None;
    }
    let (name, end) = name_at(text, code, at)?;
    at = end;
    if !code.get(at)?.is_word("on") {
        return None;
    }
    at += 1;
    if code.get(at)?.is_word("only") {
        at += 1;
    }
    let (table, end) = name_at(text, code, at)?;
    let rest = text[code.get(end)?.span.start..code.last()?.span.end].to_owned();
    Some(IndexBuild { table, name, unique, rest })
}

fn enum_value(text: &str, code: &[&Token<'_>]) -> Option<Outside> {
    let (type_name, end) = name_at(text, code, 2)?;
    let is = |at: usize, word: &str| code.get(at).is_some_and(|token| token.is_word(word));
    if !(is(end, "add") && is(end + 1, "value")) {
        return None;
    }
    let label = code.get(end + 2).filter(|token| token.text.starts_with('\''))?;
    Some(Outside::AddEnumValue { type_name, label: label.text.to_owned() })
}

/// `ALTER TABLE t VALIDATE CONSTRAINT c` and nothing else.
fn validation(text: &str, code: &[&Token<'_>]) -> Outside {
    let at = if code.get(2).is_some_and(|token| token.is_word("only")) { 3 } else { 2 };
    let Some((_, end)) = name_at(text, code, at) else { return Outside::Unknown };
    let is = |at: usize, word: &str| code.get(at).is_some_and(|token| token.is_word(word));
    if is(end, "validate") && is(end + 1, "constraint") && code.len() == end + 3 {
        return Outside::Repeatable;
    }
    Outside::Unknown
}

/// What tells one index from another, its name aside; one row where it is there: valid, definition, qualified name.
fn shape(table: &str, name: &str) -> Sql {
    Sql::new(format!(
        "SELECT (i.indisvalid AND i.indisready)::text, concat_ws(E'\\n', m.amname, i.indisunique, i.indnkeyatts, \
         (SELECT string_agg(pg_catalog.pg_get_indexdef(i.indexrelid, k, false), E'\\t' ORDER BY k) \
          FROM generate_series(1, i.indnatts::int) AS k), i.indclass, i.indcollation, i.indoption, \
         coalesce(pg_catalog.pg_get_expr(i.indpred, i.indrelid), '-'), coalesce(c.reloptions::text, '-'), \
         to_jsonb(i) ->> 'indnullsnotdistinct'), format('%I.%I', n.nspname, c.relname) \
         FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
         JOIN pg_catalog.pg_am m ON m.oid = c.relam JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE i.indrelid = to_regclass({}) AND c.relname = (parse_ident({}))[1]",
        quote_text(table),
        quote_text(name)
    ))
}

/// The empty table on which an index is built to see how the server writes it down.
const TWIN: &str = "migrate_twin";

impl IndexBuild {
    /// The index of that name on the table: valid, definition, qualified name.
    pub fn there(&self) -> Sql {
        shape(&self.table, &self.name)
    }

    /// Makes an empty table of the same columns, with the index; the transaction is rolled back afterwards.
    pub fn twin(&self) -> [Sql; 2] {
        let unique = if self.unique { "UNIQUE " } else { "" };
        [
            Sql::new(format!("CREATE TEMP TABLE {TWIN} (LIKE {} INCLUDING GENERATED)", self.table)),
            Sql::new(format!("CREATE {unique}INDEX {} ON pg_temp.{TWIN} {}", self.name, self.rest)),
        ]
    }

    /// The index of that twin.
    pub fn of_twin(&self) -> Sql {
        shape(&format!("pg_temp.{TWIN}"), &self.name)
    }

    /// Takes away what a failed build left, by the qualified name that [`IndexBuild::there`] gave.
    pub fn drop_remains(qualified: &str) -> Sql {
        Sql::new(format!("DROP INDEX CONCURRENTLY {qualified}"))
    }
}

/// One row if there is an index of that name.
pub fn index_is_there(name: &str) -> Sql {
    Sql::new(format!("SELECT 1 WHERE to_regclass({}) IS NOT NULL", quote_text(name)))
}

/// One row if the enum has that value.
pub fn enum_value_is_there(type_name: &str, label: &str) -> Sql {
    Sql::new(format!(
        "SELECT 1 FROM pg_catalog.pg_enum WHERE enumtypid = to_regtype({}) AND enumlabel = {label}",
        quote_text(type_name)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(sql: &str) -> Outside {
        read(&Sql::new(sql), Dialect::Postgres)
    }

    #[test]
    fn statements_are_told_apart() {
        let build = of(
            "CREATE UNIQUE INDEX CONCURRENTLY \"a b\" ON ONLY app.\"t\" USING btree (x DESC) WHERE y > 0;",
        );
        assert_eq!(
            build,
            Outside::CreateIndex(IndexBuild {
                table: "app.\"t\"".into(),
                name: "\"a b\"".into(),
                unique: true,
                rest: "USING btree (x DESC) WHERE y > 0".into(),
            })
        );
        assert_eq!(of("drop index concurrently s.i"), Outside::DropIndex { name: "s.i".into() });
        assert_eq!(of("ALTER TABLE t VALIDATE CONSTRAINT c"), Outside::Repeatable);
        assert_eq!(of("VACUUM t"), Outside::Repeatable);
        let value = Outside::AddEnumValue { type_name: "mood".into(), label: "'it''s'".into() };
        assert_eq!(of("ALTER TYPE mood ADD VALUE 'it''s' AFTER 'ok'"), value);
    }

    #[test]
    fn what_cannot_be_asked_is_unknown() {
        for sql in [
            "UPDATE t SET a = a + 1",
            "CREATE INDEX i ON t (a)",
            "CREATE INDEX CONCURRENTLY ON t (a)",
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)",
            "ALTER TABLE t VALIDATE CONSTRAINT c, ADD COLUMN b int",
            "DROP INDEX CONCURRENTLY a, b",
            "DROP INDEX CONCURRENTLY IF EXISTS a",
        ] {
            assert_eq!(of(sql), Outside::Unknown, "{sql}");
        }
    }
}
