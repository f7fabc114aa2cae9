//! A tokenizer for both SQL dialects, and what can be done with tokens alone: splitting a script into statements,
//! comparing two texts without regard to layout, renaming an identifier.
//!
//! Sources: PostgreSQL manual 4.1 "Lexical Structure"; sqlite.org/lang_keywords.html and `tokenize.c`.

use super::{Dialect, diagnostic::Span};

/// The kinds of token that matter for layout and naming.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An unquoted word: keyword or identifier.
    Word,
    /// An identifier in `"…"`, `` `…` `` or `[…]`.
    Quoted,
    /// A string literal, with its prefix (`E'…'`, `x'…'`) or dollar quotes.
    Text,
    Number,
    /// `?`, `$1`, `:name`, `@name`.
    Parameter,
    /// One operator or punctuation mark.
    Mark,
    Comment,
    Space,
}

/// A piece of SQL text; the token texts of a script, joined, are the script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    pub kind: Kind,
    pub text: &'a str,
    pub span: Span,
}

impl Token<'_> {
    /// Whether this is the unquoted keyword `word` (ASCII case ignored).
    pub fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    /// Whether this is the mark `mark`.
    pub fn is_mark(&self, mark: &str) -> bool {
        self.kind == Kind::Mark && self.text == mark
    }

    /// Whether this is neither space nor comment.
    pub fn is_code(&self) -> bool {
        !matches!(self.kind, Kind::Space | Kind::Comment)
    }

    /// The name that an identifier token stands for: quotes removed; a word as written.
    pub fn name(&self) -> Option<String> {
        match self.kind {
            Kind::Word => Some(self.text.to_owned()),
            Kind::Quoted => {
                let inner = &self.text[1..self.text.len().max(2) - 1];
                Some(match self.text.as_bytes()[0] {
                    b'"' => inner.replace("\"\"", "\""),
                    b'`' => inner.replace("``", "`"),
                    _ => inner.to_owned(),
                })
            }
            _ => None,
        }
    }
}

/// Splits SQL into tokens. Never fails: an unclosed quote or comment runs to the end of the text.
pub fn tokenize(sql: &str, dialect: Dialect) -> Vec<Token<'_>> {
    tokens(sql, dialect).collect()
}

/// [`tokenize`], one token at a time.
pub fn tokens(sql: &str, dialect: Dialect) -> impl Iterator<Item = Token<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = sql.get(at..).filter(|rest| !rest.is_empty())?;
        let (kind, length) = next_token(rest, dialect);
        let start = at;
        at += length;
        Some(Token { kind, text: &rest[..length], span: Span { start, end: at } })
    })
}

fn next_token(rest: &str, dialect: Dialect) -> (Kind, usize) {
    let bytes = rest.as_bytes();
    let second = bytes.get(1).copied().unwrap_or(0);
    // The two kinds of token that most of any text is made of.
    match bytes[0] {
        b' ' if second.is_ascii_graphic() => return (Kind::Space, 1),
        b'A'..=b'Z' | b'a'..=b'z' | b'_' if second != b'\'' => return (Kind::Word, word(bytes)),
        _ => {}
    }
    let first = rest.chars().next().expect("called with text left");
    match first {
        c if c.is_whitespace() => (Kind::Space, run(rest, char::is_whitespace)),
        '-' if second == b'-' => (Kind::Comment, rest.find('\n').unwrap_or(rest.len())),
        '/' if second == b'*' => (Kind::Comment, block_comment(rest, dialect)),
        '\'' => (Kind::Text, quoted(rest, 0, '\'', Escape::Doubled)),
        '"' => (Kind::Quoted, quoted(rest, 0, '"', Escape::Doubled)),
        '`' if dialect == Dialect::Sqlite => (Kind::Quoted, quoted(rest, 0, '`', Escape::Doubled)),
        '[' if dialect == Dialect::Sqlite => {
            (Kind::Quoted, rest.find(']').map_or(rest.len(), |end| end + 1))
        }
        'e' | 'E' if second == b'\'' && dialect == Dialect::Postgres => {
            (Kind::Text, quoted(rest, 1, '\'', Escape::Backslash))
        }
        'x' | 'X' if second == b'\'' => (Kind::Text, quoted(rest, 1, '\'', Escape::Doubled)),
        'b' | 'B' | 'n' | 'N' if second == b'\'' && dialect == Dialect::Postgres => {
            (Kind::Text, quoted(rest, 1, '\'', Escape::Doubled))
        }
        '$' if dialect == Dialect::Postgres => dollar(rest),
        '?' | ':' | '@' | '$' if dialect == Dialect::Sqlite => {
            (Kind::Parameter, 1 + run(&rest[1..], is_word_char))
        }
        c if c.is_ascii_digit() || (c == '.' && second.is_ascii_digit()) => {
            (Kind::Number, number(rest))
        }
        c if is_word_start(c) => (Kind::Word, word(bytes)),
        _ => (Kind::Mark, mark(rest)),
    }
}

fn run(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

/// The length of the word that the text starts with: as [`is_word_char`], where all that is not ASCII belongs.
fn word(bytes: &[u8]) -> usize {
    let belongs =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || !byte.is_ascii();
    bytes.iter().position(|byte| !belongs(byte)).unwrap_or(bytes.len())
}

fn is_word_start(c: char) -> bool {
    c.is_alphabetic() || c == '_' || !c.is_ascii()
}

fn is_word_char(c: char) -> bool {
    is_word_start(c) || c.is_ascii_digit() || c == '$'
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Escape {
    Doubled,
    Backslash,
}

fn quoted(rest: &str, prefix: usize, quote: char, escape: Escape) -> usize {
    let mut characters = rest[prefix + 1..].char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        if escape == Escape::Backslash && c == '\\' {
            characters.next();
        } else if c == quote {
            match characters.peek() {
                Some((_, next)) if *next == quote => {
                    characters.next();
                }
                _ => return prefix + 1 + at + 1,
            }
        }
    }
    rest.len()
}

/// PostgreSQL nests block comments; SQLite does not.
fn block_comment(rest: &str, dialect: Dialect) -> usize {
    let bytes = rest.as_bytes();
    let (mut at, mut depth) = (2, 1);
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            b"*/" => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            b"/*" if dialect == Dialect::Postgres => {
                depth += 1;
                at += 2;
            }
            _ => at += 1,
        }
    }
    rest.len()
}

/// `$tag$ … $tag$`, `$1`, or a lone dollar sign.
fn dollar(rest: &str) -> (Kind, usize) {
    let tag = run(&rest[1..], |c| is_word_char(c) && c != '$');
    if rest[1..].starts_with(|c: char| c.is_ascii_digit()) {
        return (Kind::Parameter, 1 + run(&rest[1..], |c| c.is_ascii_digit()));
    }
    if rest.as_bytes().get(tag + 1) != Some(&b'$') {
        return (Kind::Mark, 1);
    }
    let opening = &rest[..tag + 2];
    let body = &rest[opening.len()..];
    let end = body.find(opening).map_or(rest.len(), |at| opening.len() + at + opening.len());
    (Kind::Text, end)
}

fn number(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    if bytes.len() > 1 && bytes[0] == b'0' && matches!(bytes[1], b'x' | b'X') {
        return 2 + run(&rest[2..], |c| c.is_ascii_hexdigit() || c == '_');
    }
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'0'..=b'9' | b'_' | b'.' => at += 1,
            b'e' | b'E' if bytes.get(at + 1).is_some_and(u8::is_ascii_digit) => at += 1,
            b'e' | b'E'
                if matches!(bytes.get(at + 1), Some(b'+' | b'-'))
                    && bytes.get(at + 2).is_some_and(u8::is_ascii_digit) =>
            {
                at += 2;
            }
            _ => break,
        }
    }
    at
}

fn mark(rest: &str) -> usize {
    const LONG: [&str; 16] = [
        "!~~*", "->>", "#>>", "!~~", "!~*", "~~*", "::", "||", "<=", ">=", "<>", "!=", "==", "->",
        "~*", "!~",
    ];
    if matches!(rest.as_bytes()[0], b'(' | b')' | b',' | b'.' | b';') {
        return 1;
    }
    LONG.iter()
        .find(|long| rest.starts_with(**long))
        .map_or_else(|| rest.chars().next().map_or(1, char::len_utf8), |long| long.len())
}

/// Splits a script into statements, without their semicolons; comments stay with the statement they precede.
/// Semicolons inside quotes, parentheses, dollar quotes, SQLite triggers and `BEGIN ATOMIC` bodies do not split.
pub fn split_statements(sql: &str, dialect: Dialect) -> Vec<Span> {
    let mut statements = Vec::new();
    let mut statement = Statement::starting_at(0);
    for token in tokenize(sql, dialect) {
        if token.is_mark(";") && statement.may_end() {
            if statement.has_code {
                statements.push(trim(sql, Span { start: statement.start, end: token.span.start }));
            }
            statement = Statement::starting_at(token.span.end);
        } else {
            statement.take(&token, dialect);
        }
    }
    if statement.has_code {
        statements.push(trim(sql, Span { start: statement.start, end: sql.len() }));
    }
    statements
}

/// How deep the splitter stands inside one statement.
struct Statement {
    start: usize,
    has_code: bool,
    /// The first words, lower case, enough to recognise `CREATE … TRIGGER`.
    words: Vec<String>,
    parentheses: usize,
    /// Open `BEGIN`/`CASE` blocks inside a body that may hold semicolons.
    blocks: usize,
}

impl Statement {
    fn starting_at(start: usize) -> Self {
        Statement { start, has_code: false, words: Vec::new(), parentheses: 0, blocks: 0 }
    }

    fn may_end(&self) -> bool {
        self.parentheses == 0 && self.blocks == 0
    }

    fn take(&mut self, token: &Token<'_>, dialect: Dialect) {
        if !token.is_code() {
            return;
        }
        self.has_code = true;
        match token.text {
            "(" => self.parentheses += 1,
            ")" => self.parentheses = self.parentheses.saturating_sub(1),
            _ => {}
        }
        if token.kind != Kind::Word {
            return;
        }
        let word = token.text.to_ascii_lowercase();
        if self.has_body(dialect) {
            match word.as_str() {
                "begin" => self.blocks += 1,
                "case" if self.blocks > 0 => self.blocks += 1,
                "end" if self.blocks > 0 => self.blocks -= 1,
                _ => {}
            }
        }
        if self.words.len() < 400 {
            self.words.push(word);
        }
    }

    fn has_body(&self, dialect: Dialect) -> bool {
        let head = &self.words[..self.words.len().min(5)];
        let creates = |what: &str| {
            head.first().is_some_and(|w| w == "create") && head.iter().any(|w| w == what)
        };
        match dialect {
            Dialect::Sqlite => creates("trigger"),
            Dialect::Postgres => creates("function") || creates("procedure"),
        }
    }
}

fn trim(sql: &str, span: Span) -> Span {
    let text = &sql[span.start..span.end];
    let start = span.start + (text.len() - text.trim_start().len());
    Span { start, end: start + text.trim().len() }
}

/// The text in one layout: one space between tokens, no comments, words in lower case, identifiers that need no
/// quotes without them. Two texts with the same canonical form mean the same to the engine.
pub fn canonical(sql: &str, dialect: Dialect) -> String {
    let mut text = String::with_capacity(sql.len());
    for token in tokens(sql, dialect).filter(Token::is_code) {
        if !text.is_empty() {
            text.push(' ');
        }
        match token.kind {
            Kind::Word => {
                let start = text.len();
                text.push_str(token.text);
                text[start..].make_ascii_lowercase();
            }
            Kind::Quoted => {
                text.push_str(&canonical_name(&token.name().unwrap_or_default(), dialect))
            }
            Kind::Mark if token.text == "==" => text.push('='),
            Kind::Mark if token.text == "!=" => text.push_str("<>"),
            _ => text.push_str(token.text),
        }
    }
    while text.ends_with(" ;") {
        text.truncate(text.len() - 2);
    }
    text
}

/// A name as `canonical` writes it. SQLite folds all identifiers; PostgreSQL keeps the case of quoted ones.
pub fn canonical_name(name: &str, dialect: Dialect) -> String {
    let folded = match dialect {
        Dialect::Sqlite => name.to_ascii_lowercase(),
        Dialect::Postgres => name.to_owned(),
    };
    let plain = folded.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && folded.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if plain { folded } else { format!("\"{}\"", folded.replace('"', "\"\"")) }
}

/// Replaces every identifier `before` by `after`, leaving strings, comments, layout and function names alone.
pub fn rename_identifier(sql: &str, before: &str, after: &str, dialect: Dialect) -> String {
    let tokens = tokenize(sql, dialect);
    let mut text = String::with_capacity(sql.len());
    for (index, token) in tokens.iter().enumerate() {
        let called = token.kind == Kind::Word
            && tokens[index + 1..].iter().find(|t| t.is_code()).is_some_and(|t| t.is_mark("("))
            && !after_table_word(&tokens[..index]);
        if !called && names(token, before, dialect) {
            text.push_str(&format!("\"{}\"", after.replace('"', "\"\"")));
        } else {
            text.push_str(token.text);
        }
    }
    text
}

/// Renames `schema.name` wherever it stands with its schema, as an engine prints it; other text stays as it is.
pub fn rename_qualified(
    sql: &str,
    before: (&str, &str),
    after: (&str, &str),
    dialect: Dialect,
) -> String {
    let tokens = tokenize(sql, dialect);
    let mut text = String::with_capacity(sql.len());
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let qualified = names(token, before.0, dialect)
            && tokens.get(at + 1).is_some_and(|token| token.is_mark("."))
            && tokens.get(at + 2).is_some_and(|token| names(token, before.1, dialect))
            && !(at > 0 && tokens[at - 1].is_mark("."));
        if qualified {
            let (schema, name) =
                (canonical_name(after.0, dialect), canonical_name(after.1, dialect));
            text.push_str(&format!("{schema}.{name}"));
            at += 3;
        } else {
            text.push_str(token.text);
            at += 1;
        }
    }
    text
}

/// `REFERENCES t (a)` and `CREATE TABLE t (…)` look like calls and are not.
fn after_table_word(tokens: &[Token<'_>]) -> bool {
    let mut code = tokens.iter().rev().filter(|token| token.is_code()).peekable();
    // A schema may stand between: `REFERENCES public.t (a)`.
    while code.next_if(|token| token.is_mark(".")).is_some() {
        code.next();
    }
    code.next().is_some_and(|token| {
        ["references", "table", "on", "into", "key", "unique", "exists"]
            .iter()
            .any(|word| token.is_word(word))
    })
}

/// Whether an identifier stands for `name`, as the engine folds it.
pub fn names(token: &Token<'_>, name: &str, dialect: Dialect) -> bool {
    match (token.kind, dialect) {
        (Kind::Word, Dialect::Postgres) => token.text.to_ascii_lowercase() == name,
        (Kind::Quoted, Dialect::Postgres) => token.name().as_deref() == Some(name),
        (Kind::Word | Kind::Quoted, Dialect::Sqlite) => {
            token.name().is_some_and(|text| text.eq_ignore_ascii_case(name))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(sql: &str, dialect: Dialect) -> Vec<&str> {
        split_statements(sql, dialect).iter().map(|span| &sql[span.start..span.end]).collect()
    }

    #[test]
    fn tokens_joined_are_the_text() {
        let sql = "select E'a\\'b', $x$;$x$ /* a /* b */ c */ from \"we\"\"ird\" -- end\n;";
        let joined: String = tokenize(sql, Dialect::Postgres).iter().map(|t| t.text).collect();
        assert_eq!(joined, sql);
    }

    #[test]
    fn semicolons_in_quotes_and_bodies_do_not_split() {
        assert_eq!(
            split("select ';'; select $$;$$ ; -- ;\n", Dialect::Postgres),
            ["select ';'", "select $$;$$"]
        );
        let trigger = "CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT CASE WHEN 1 THEN 2 END; DELETE FROM u; END";
        assert_eq!(split(&format!("{trigger}; SELECT 1"), Dialect::Sqlite), [trigger, "SELECT 1"]);
    }

    #[test]
    fn a_transaction_begin_is_a_statement() {
        assert_eq!(split("BEGIN; SELECT 1; END;", Dialect::Sqlite), ["BEGIN", "SELECT 1", "END"]);
    }

    #[test]
    fn canonical_ignores_layout_quotes_and_case() {
        assert_eq!(
            canonical("CREATE TABLE [T] ( \"a\"  INT )--x", Dialect::Sqlite),
            canonical("create table t(A int);", Dialect::Sqlite)
        );
        assert_ne!(canonical("\"A\"", Dialect::Postgres), canonical("a", Dialect::Postgres));
    }

    #[test]
    fn renaming_leaves_strings_and_calls_alone() {
        assert_eq!(
            rename_identifier("lower(lower) = 'lower'", "lower", "low", Dialect::Postgres),
            "lower(\"low\") = 'lower'"
        );
        assert_eq!(
            rename_identifier("REFERENCES a (x)", "a", "b", Dialect::Sqlite),
            "REFERENCES \"b\" (x)"
        );
    }
}
