//! A migration file of any tool: its text without what clients read themselves, its sections, its allowances.

use crate::text::Dialect;
use crate::text::diagnostic::Span;
use crate::text::token::{Kind, Token, tokens};

use super::rule::Wrapped;

/// Which way statements go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Up,
    Down,
}

/// The way a file goes, by its name: `3_x.down.sql`, Flyway's `U3__x.sql`, sqitch's `revert/x.sql`.
pub fn way_of(path: &str) -> Way {
    let path = path.replace('\\', "/");
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", &path));
    let undo = name.starts_with('U')
        && name[1..].starts_with(|c: char| c.is_ascii_digit())
        && name.contains("__");
    let down = name.ends_with(".down.sql") || name.ends_with(".undo.sql") || name == "down.sql";
    let folder = folders.rsplit('/').next().unwrap_or_default();
    if undo || down || folder == "revert" { Way::Down } else { Way::Up }
}

/// The text with `psql`'s lines, rows of `COPY` and placeholders blanked out; every byte keeps its place.
pub fn without_client_parts(text: &str) -> String {
    let may_hold = text.contains("\\") || text.contains("${") || text.contains("{{");
    if !may_hold {
        return text.to_owned();
    }
    let mut cleaned = String::with_capacity(text.len());
    let mut rows = false;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim();
        if rows || trimmed.starts_with('\\') {
            rows = rows && trimmed != "\\.";
            cleaned.extend(line.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
            continue;
        }
        let lower = trimmed.to_ascii_lowercase();
        rows = lower.starts_with("copy ") && lower.contains(" from stdin");
        cleaned.push_str(&without_placeholders(line));
    }
    cleaned
}

/// `${name}` and `{{name}}` stand for a word: they become one.
fn without_placeholders(line: &str) -> String {
    let mut text = line.to_owned();
    for (open, close) in [("${", "}"), ("{{", "}}")] {
        let mut from = 0;
        while let Some(start) = text[from..].find(open).map(|at| from + at) {
            let Some(end) = text[start..].find(close).map(|at| start + at + close.len()) else {
                break;
            };
            let word: String = text[start..end]
                .bytes()
                .map(|byte| if byte.is_ascii_alphanumeric() { byte as char } else { '_' })
                .collect();
            text.replace_range(start..end, &word);
            from = end;
        }
    }
    text
}

/// Statements from here on go this way, and run so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section {
    pub start: usize,
    pub way: Way,
    pub wrapped: Wrapped,
}

/// The sections of a file, by the comments of the tools that have such: dbmate, goose, sql-migrate.
pub fn sections(tokens: &[Token<'_>], way: Way) -> Vec<Section> {
    let comments = || tokens.iter().filter(|token| token.kind == Kind::Comment);
    let says = |words: &str| comments().any(|comment| said(comment.text).starts_with(words));
    let start = if says("+goose no transaction") || says("deploy ") {
        Wrapped::No
    } else {
        Wrapped::Unknown
    };
    let mut found = vec![Section { start: 0, way, wrapped: start }];
    for comment in comments() {
        let text = said(comment.text);
        let marks = [("migrate:up", Way::Up), ("migrate:down", Way::Down)];
        let others = [
            ("+goose up", Way::Up),
            ("+goose down", Way::Down),
            ("+migrate up", Way::Up),
            ("+migrate down", Way::Down),
        ];
        let mark = marks.iter().chain(&others).find(|(mark, _)| text.starts_with(mark));
        if let Some((_, way)) = mark {
            let outside = text.contains("transaction:false") || text.contains("notransaction");
            let wrapped = if outside || start == Wrapped::No { Wrapped::No } else { Wrapped::Yes };
            found.push(Section { start: comment.span.start, way: *way, wrapped });
        }
    }
    found
}

/// What a comment says, in lower case, without its dashes.
fn said(comment: &str) -> String {
    comment.trim_start_matches('-').trim().to_ascii_lowercase()
}

/// `-- migrate:allow MG201 reason`: what may stand, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allow {
    pub span: Span,
    pub codes: Vec<String>,
    pub reason: String,
    /// The statement it is about; `None` for the whole file.
    pub statement: Option<usize>,
}

/// The allowances of a file. One stands above its statement, in it, or behind it on its last line; one with
/// `allow-file` is about all of them.
pub fn allows(text: &str, tokens: &[Token<'_>], statements: &[Span]) -> Vec<Allow> {
    let mut found = Vec::new();
    for comment in tokens.iter().filter(|token| token.kind == Kind::Comment) {
        let body = comment.text.trim_start_matches('-').trim();
        let Some(rest) = body.strip_prefix("migrate:allow") else { continue };
        let (whole, rest) = match rest.strip_prefix("-file") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let mut words = rest.split_whitespace();
        let codes = words.next().unwrap_or_default();
        let codes = codes.split(',').filter(|code| !code.is_empty()).map(str::to_owned).collect();
        let reason = words.collect::<Vec<_>>().join(" ");
        let statement = if whole { None } else { Some(statement_of(text, comment, statements)) };
        found.push(Allow { span: comment.span, codes, reason, statement });
    }
    found
}

fn statement_of(text: &str, comment: &Token<'_>, statements: &[Span]) -> usize {
    let next = statements.partition_point(|span| span.end <= comment.span.start);
    let same_line = next
        .checked_sub(1)
        .filter(|before| !text[statements[*before].end..comment.span.start].contains('\n'));
    same_line.unwrap_or(next)
}

/// A step that `migrate plan` wrote: its facts hold from here to the next.
#[derive(Clone, Debug)]
pub struct StepLine {
    pub span: Span,
    pub heading: String,
}

/// The step lines of a plan.
pub fn step_lines(tokens: &[Token<'_>]) -> Vec<StepLine> {
    let comments = tokens.iter().filter(|token| token.kind == Kind::Comment);
    comments
        .filter_map(|comment| {
            let heading = comment.text.strip_prefix("-- step ")?;
            let is_step = heading.contains(": ") && heading.contains(" | tx=");
            is_step.then(|| StepLine { span: comment.span, heading: heading.trim().to_owned() })
        })
        .collect()
}

/// The dialect that the texts are surely in; `None` where nothing tells, or both.
pub fn guess<'t>(texts: impl Iterator<Item = &'t str>) -> Option<Dialect> {
    const POSTGRES: [&str; 34] = [
        "concurrently",
        "jsonb",
        "timestamptz",
        "bigserial",
        "serial",
        "extension",
        "plpgsql",
        "lock_timeout",
        "statement_timeout",
        "validate",
        "bytea",
        "domain",
        "sequence",
        "owner",
        "gin",
        "gist",
        "enum",
        "identity",
        "materialized",
        "grant",
        "revoke",
        "truncate",
        "do",
        "inherits",
        "search_path",
        "uuid",
        "tsvector",
        "type",
        "detach",
        "schema",
        "policy",
        "domain",
        "nextval",
        "now",
    ];
    const SQLITE: [&str; 6] =
        ["pragma", "autoincrement", "strict", "rowid", "sqlite_master", "sqlite_schema"];
    let (mut postgres, mut sqlite) = (0_usize, 0_usize);
    for text in texts {
        for token in tokens(text, Dialect::Postgres) {
            match token.kind {
                Kind::Word => {
                    let is = |words: &[&str]| words.iter().any(|word| token.is_word(word));
                    postgres += usize::from(is(&POSTGRES));
                    sqlite += usize::from(is(&SQLITE));
                }
                Kind::Text => postgres += usize::from(token.text.starts_with('$')),
                Kind::Mark => postgres += usize::from(token.text == "::"),
                Kind::Quoted | Kind::Number | Kind::Parameter | Kind::Comment | Kind::Space => {}
            }
        }
    }
    match (postgres, sqlite) {
        (0, 0) => None,
        (_, 0) => Some(Dialect::Postgres),
        (0, _) => Some(Dialect::Sqlite),
        // A word of the one may be a name in the other; one that stands out decides.
        (p, s) if p >= 4 * s => Some(Dialect::Postgres),
        (p, s) if s >= 2 * p => Some(Dialect::Sqlite),
        _ => None,
    }
}
