//! Reads statements from tokens. The grammar is that of both engines as far as rules ask for it; what is not understood
//! is said, with the place.
//!
//! The tokens are our own, not a general SQL parser's: a migration holds much that such parsers do not know
//! (`DETACH PARTITION … CONCURRENTLY`, `REINDEX`, `NOT VALID` in all its places), and a rule needs the place of each word.

mod alter;
mod column;
mod cursor;

use crate::lint::statement::{
    Checked, Deed, Filter, IndexKey, NewTable, Object, Online, Scans, Statement, Verb,
};
use crate::text::Dialect;
use crate::text::diagnostic::Span;
use crate::text::token::{Kind, Token};
use column::{column, constraint, starts_constraint};
use cursor::{Cursor, Stop, deeper, layout, parts};

/// Reads one statement; `None` where there is nothing but comments.
pub fn statement(tokens: &[Token<'_>], dialect: Dialect) -> Option<Statement> {
    let (first, last) = (tokens.first()?, tokens.last()?);
    let span = Span { start: first.span.start, end: last.span.end };
    let mut cursor = Cursor::new(tokens, dialect);
    let deed = match deed(&mut cursor) {
        Ok(deed) => deed,
        Err(Stop { at, expected }) => Deed::Unread { at, expected },
    };
    Some(Statement { span, deed })
}

/// Statements that no rule asks about, by their first word.
const OTHER: [&str; 34] = [
    "select",
    "insert",
    "with",
    "values",
    "copy",
    "comment",
    "analyze",
    "explain",
    "grant",
    "revoke",
    "merge",
    "show",
    "reset",
    "discard",
    "lock",
    "notify",
    "listen",
    "unlisten",
    "prepare",
    "execute",
    "deallocate",
    "security",
    "import",
    "checkpoint",
    "load",
    "savepoint",
    "release",
    "declare",
    "fetch",
    "move",
    "close",
    "attach",
    "detach",
    "replace",
];

fn deed(cursor: &mut Cursor<'_, '_>) -> Result<Deed, Stop> {
    if cursor.takes("create") {
        return create(cursor);
    }
    if cursor.takes("alter") {
        return alter(cursor);
    }
    if cursor.takes("drop") {
        return drop(cursor);
    }
    if cursor.takes("truncate") {
        cursor.takes("table");
        return Ok(Deed::Truncate { tables: cursor.names("the name of a table")? });
    }
    if let Some(changed) = change(cursor)? {
        return Ok(changed);
    }
    if let Some(deed) = session(cursor)? {
        return Ok(deed);
    }
    if let Some(deed) = upkeep(cursor)? {
        return Ok(deed);
    }
    if cursor.takes("grant") {
        let to_public =
            cursor.tokens.windows(2).any(|two| two[0].is_word("to") && two[1].is_word("public"));
        return Ok(Deed::Grant { to_public });
    }
    for command in ["do", "call"] {
        if cursor.takes(command) {
            return Ok(Deed::Opaque { command: if command == "do" { "DO" } else { "CALL" } });
        }
    }
    if cursor.sees_any(&OTHER) || cursor.peek().is_some_and(|token| token.is_mark("(")) {
        return Ok(Deed::Other);
    }
    cursor.stop("a statement")
}

fn change(cursor: &mut Cursor<'_, '_>) -> Result<Option<Deed>, Stop> {
    let verb = if cursor.takes("update") {
        if cursor.takes("or") {
            cursor.at += 1;
        }
        Verb::Update
    } else if cursor.takes("delete from") {
        Verb::Delete
    } else {
        return Ok(None);
    };
    cursor.takes("only");
    let table = cursor.name("the name of a table")?;
    let filter = if cursor.has("where") { Filter::Where } else { Filter::AllRows };
    Ok(Some(Deed::Change { verb, table, filter }))
}

/// Transactions and settings.
fn session(cursor: &mut Cursor<'_, '_>) -> Result<Option<Deed>, Stop> {
    if cursor.takes("begin") || cursor.takes("start transaction") {
        return Ok(Some(Deed::Begin));
    }
    if cursor.takes("commit") || cursor.takes("end") {
        return Ok(Some(Deed::Commit));
    }
    if cursor.takes("abort") || cursor.takes("rollback") {
        let to_savepoint = cursor.has("to");
        return Ok(Some(if to_savepoint { Deed::Other } else { Deed::Rollback }));
    }
    if cursor.takes("pragma") {
        let name = cursor.name("the name of a pragma")?.key;
        let value = match cursor.takes_mark("=") {
            true => Some(layout(&cursor.tokens[cursor.at..])),
            false => cursor.group().map(layout),
        };
        return Ok(Some(Deed::Pragma { name, value: value.map(|text| text.to_lowercase()) }));
    }
    if cursor.takes("set") {
        let _ = cursor.takes("local") || cursor.takes("session");
        if cursor.is_done() {
            return cursor.stop("a setting");
        }
        let name = cursor.tokens[cursor.at].text.to_lowercase();
        cursor.at += 1;
        let _ = cursor.takes_mark("=") || cursor.takes("to");
        let value = layout(&cursor.tokens[cursor.at.min(cursor.tokens.len())..]);
        return Ok(Some(Deed::Set { name, value: value.trim_matches('\'').to_lowercase() }));
    }
    // SELECT set_config('lock_timeout', '2s', false)
    let is_config = cursor.sees("select")
        && cursor.tokens.iter().skip(1).take(3).any(|token| token.is_word("set_config"));
    if is_config {
        let mut texts = cursor.tokens.iter().filter(|token| token.kind == Kind::Text);
        if let (Some(name), Some(value)) = (texts.next(), texts.next()) {
            let bare = |token: &Token<'_>| token.text.trim_matches('\'').to_lowercase();
            return Ok(Some(Deed::Set { name: bare(name), value: bare(value) }));
        }
    }
    Ok(None)
}

/// Work on storage: `VACUUM`, `CLUSTER`, `REINDEX`, `REFRESH`.
fn upkeep(cursor: &mut Cursor<'_, '_>) -> Result<Option<Deed>, Stop> {
    if cursor.takes("vacuum") {
        let listed = cursor.group().unwrap_or_default();
        let full = cursor.takes("full") || listed.iter().any(|token| token.is_word("full"));
        if !full || cursor.dialect == Dialect::Sqlite {
            return Ok(Some(Deed::Other));
        }
        while cursor.sees_any(&["freeze", "verbose", "analyze"]) {
            cursor.at += 1;
        }
        let table = if cursor.is_done() { None } else { Some(cursor.name("a table")?) };
        return Ok(Some(Deed::RewriteTable { command: "VACUUM FULL", table }));
    }
    if cursor.takes("cluster") {
        cursor.takes("verbose");
        cursor.group();
        let table = if cursor.is_done() { None } else { Some(cursor.name("a table")?) };
        return Ok(Some(Deed::RewriteTable { command: "CLUSTER", table }));
    }
    if cursor.takes("reindex") {
        let listed = cursor.group().unwrap_or_default();
        let concurrently = listed.iter().any(|token| token.is_word("concurrently"))
            || cursor.has("concurrently")
            || cursor.dialect == Dialect::Sqlite;
        return Ok(Some(Deed::Reindex { online: online(concurrently) }));
    }
    if cursor.takes("refresh materialized view") {
        let online = online(cursor.takes("concurrently"));
        return Ok(Some(Deed::Refresh { view: cursor.name("a materialized view")?, online }));
    }
    if cursor.takes("refresh") {
        return Ok(Some(Deed::Other));
    }
    Ok(None)
}

fn online(concurrently: bool) -> Online {
    if concurrently { Online::Concurrently } else { Online::Blocking }
}

fn create(cursor: &mut Cursor<'_, '_>) -> Result<Deed, Stop> {
    cursor.takes("or replace");
    let _ = cursor.takes("global") || cursor.takes("local");
    let _ = cursor.takes("temporary") || cursor.takes("temp") || cursor.takes("unlogged");
    if cursor.takes("table") {
        return create_table(cursor);
    }
    let unique = cursor.takes("unique");
    if cursor.takes("index") {
        return create_index(cursor, unique);
    }
    if unique {
        return cursor.stop("`INDEX`");
    }
    if cursor.takes("materialized view") || cursor.takes("view") || cursor.takes("virtual table") {
        cursor.takes("if not exists");
        return Ok(Deed::CreateView { name: cursor.name("a name")? });
    }
    if cursor.takes("domain") {
        let name = cursor.name("the name of a domain")?;
        let checked = cursor.has("check")
            || cursor.tokens.windows(2).any(|two| two[0].is_word("not") && two[1].is_word("null"));
        let checked = if checked { Checked::Yes } else { Checked::No };
        return Ok(Deed::CreateDomain { name, checked });
    }
    cursor.takes("constraint");
    if cursor.takes("trigger") {
        let mut rest = *cursor;
        while !rest.is_done() && !rest.takes("on") {
            rest.at += 1;
        }
        return Ok(Deed::Trigger { table: rest.name("the table of the trigger")? });
    }
    let known = [
        "function",
        "procedure",
        "type",
        "sequence",
        "schema",
        "extension",
        "role",
        "user",
        "group",
        "policy",
        "rule",
        "database",
        "publication",
        "subscription",
        "statistics",
        "event",
        "aggregate",
        "operator",
        "cast",
        "collation",
        "conversion",
        "foreign",
        "server",
        "language",
        "trusted",
        "text",
        "access",
        "transform",
        "tablespace",
        "default",
        "recursive",
    ];
    if cursor.sees_any(&known) {
        return Ok(Deed::Other);
    }
    cursor.stop("what is made")
}

fn create_table(cursor: &mut Cursor<'_, '_>) -> Result<Deed, Stop> {
    cursor.takes("if not exists");
    let name = cursor.name("the name of a table")?;
    let mut table = NewTable {
        name,
        columns: Vec::new(),
        constraints: Vec::new(),
        partition_of: None,
        strict: false,
    };
    if cursor.takes("partition of") {
        table.partition_of = Some(cursor.name("the partitioned table")?);
    }
    let listed = cursor.group().unwrap_or_default();
    if !cursor.has("as") && table.partition_of.is_none() {
        for part in parts(listed) {
            let mut inner = Cursor::new(part, cursor.dialect);
            if starts_constraint(&inner) {
                table.constraints.push(constraint(&mut inner)?);
            } else if !inner.sees("like") && !inner.sees("exclude") {
                table.columns.push(column(part, cursor)?);
            }
        }
    }
    table.strict = cursor.has("strict");
    Ok(Deed::CreateTable(table))
}

/// A column, with whatever says how it is ordered, or an expression.
fn index_key(part: &[Token<'_>], dialect: Dialect) -> IndexKey {
    let mut inner = Cursor::new(part, dialect);
    match inner.ident("a column") {
        Ok((column, _)) if !inner.peek().is_some_and(|it| it.is_mark("(") || it.is_mark(".")) => {
            IndexKey::Column(column)
        }
        Ok(_) | Err(_) => IndexKey::Expression,
    }
}

fn create_index(cursor: &mut Cursor<'_, '_>, is_unique: bool) -> Result<Deed, Stop> {
    let online = online(cursor.takes("concurrently"));
    cursor.takes("if not exists");
    let name = match cursor.sees("on") {
        true => None,
        false => Some(cursor.name("the name of an index")?),
    };
    if !cursor.takes("on") {
        return cursor.stop("`ON`");
    }
    let only = cursor.takes("only");
    let table = cursor.name("the name of a table")?;
    if cursor.takes("using") {
        cursor.at += 1;
    }
    let listed = cursor.group().unwrap_or_default();
    let keys = parts(listed).into_iter().map(|part| index_key(part, cursor.dialect)).collect();
    // An index on the parent alone builds nothing.
    Ok(match only {
        true => Deed::Other,
        false => Deed::CreateIndex { table, name, online, keys, is_unique },
    })
}

fn alter(cursor: &mut Cursor<'_, '_>) -> Result<Deed, Stop> {
    if cursor.takes("table") {
        if cursor.takes("all in tablespace") {
            return Ok(Deed::Other);
        }
        return alter::alter_table(cursor);
    }
    if cursor.takes("type") {
        cursor.name("the name of a type")?;
        if cursor.takes("add value") {
            cursor.takes("if not exists");
            let Some(token) = cursor.peek().filter(|token| token.kind == Kind::Text) else {
                return cursor.stop("the value, in quotes");
            };
            let value = token.text.trim_matches('\'').to_owned();
            return Ok(Deed::AddEnumValue { value, quoted: token.span });
        }
        return Ok(if cursor.takes("rename value") { Deed::RenameEnumValue } else { Deed::Other });
    }
    if cursor.takes("domain") {
        let name = cursor.name("the name of a domain")?;
        let skips =
            cursor.tokens.windows(2).any(|two| two[0].is_word("not") && two[1].is_word("valid"));
        let scans =
            cursor.sees("add") && !skips || cursor.sees("validate") || cursor.takes("set not null");
        let scans = if scans { Scans::Yes } else { Scans::No };
        return Ok(Deed::AlterDomain { name, scans });
    }
    if cursor.takes("schema") {
        let name = cursor.name("the name of a schema")?;
        return Ok(if cursor.takes("rename to") {
            Deed::RenameSchema { name }
        } else {
            Deed::Other
        });
    }
    if cursor.takes("extension") {
        let name = cursor.name("the name of an extension")?;
        if !cursor.takes("update") {
            return Ok(Deed::Other);
        }
        let version = cursor.takes("to").then(|| layout(&cursor.tokens[cursor.at..]));
        return Ok(Deed::UpdateExtension { name, version });
    }
    let known = [
        "index",
        "sequence",
        "view",
        "materialized",
        "function",
        "procedure",
        "routine",
        "role",
        "user",
        "group",
        "database",
        "policy",
        "trigger",
        "default",
        "system",
        "publication",
        "subscription",
        "statistics",
        "event",
        "aggregate",
        "operator",
        "collation",
        "conversion",
        "foreign",
        "server",
        "language",
        "large",
        "text",
        "tablespace",
        "rule",
    ];
    if cursor.sees_any(&known) {
        return Ok(Deed::Other);
    }
    cursor.stop("what is altered")
}

fn drop(cursor: &mut Cursor<'_, '_>) -> Result<Deed, Stop> {
    if cursor.takes("index") {
        let online = online(cursor.takes("concurrently"));
        cursor.takes("if exists");
        return Ok(Deed::DropIndex { names: cursor.names("the name of an index")?, online });
    }
    if cursor.takes("trigger") {
        let mut rest = *cursor;
        while !rest.is_done() && !rest.takes("on") {
            rest.at += 1;
        }
        if cursor.dialect == Dialect::Sqlite {
            return Ok(Deed::Other);
        }
        return Ok(Deed::Trigger { table: rest.name("the table of the trigger")? });
    }
    let what = [
        ("table", Object::Table),
        ("schema", Object::Schema),
        ("database", Object::Database),
        ("sequence", Object::Sequence),
        ("policy", Object::Policy),
        ("view", Object::View),
    ];
    for (word, what) in what {
        if cursor.takes(word) {
            cursor.takes("if exists");
            return Ok(Deed::Drop { what, names: cursor.names("a name")? });
        }
    }
    if cursor.is_done() {
        return cursor.stop("what is dropped");
    }
    Ok(Deed::Drop { what: Object::Other, names: Vec::new() })
}

/// The code tokens of each statement of a text.
pub fn split<'a>(tokens: &[Token<'a>], dialect: Dialect) -> Vec<Vec<Token<'a>>> {
    let mut found = Vec::new();
    let mut current: Vec<Token<'a>> = Vec::new();
    let (mut depth, mut blocks) = (0_usize, 0_usize);
    for token in tokens.iter().filter(|token| token.is_code()) {
        depth = deeper(depth, token);
        if token.is_mark(";") && depth == 0 && blocks == 0 {
            if !current.is_empty() {
                found.push(std::mem::take(&mut current));
            }
            continue;
        }
        if token.kind == Kind::Word && has_body(&current, dialect) {
            if token.is_word("begin") || token.is_word("case") && blocks > 0 {
                blocks += 1;
            } else if token.is_word("end") {
                blocks = blocks.saturating_sub(1);
            }
        }
        current.push(*token);
    }
    if !current.is_empty() {
        found.push(current);
    }
    found
}

/// Whether the statement may hold statements of its own.
fn has_body(tokens: &[Token<'_>], dialect: Dialect) -> bool {
    let creates = tokens.first().is_some_and(|token| token.is_word("create"));
    let head = &tokens[..tokens.len().min(5)];
    let any = |words: &[&str]| head.iter().any(|token| words.iter().any(|w| token.is_word(w)));
    creates
        && match dialect {
            Dialect::Sqlite => any(&["trigger"]),
            Dialect::Postgres => any(&["function", "procedure"]),
        }
}
