//! Reads `CREATE INDEX`.

use super::DdlError;
use super::reader::{Reader, name_of};
use crate::text::Dialect;
use crate::text::token::{Kind, Token, tokenize};

/// A parsed `CREATE INDEX`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateIndex {
    pub name: String,
    pub table: String,
    pub unique: bool,
    /// A plain column as its name, anything else as its text.
    pub keys: Vec<Key>,
    pub predicate: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    Column(String),
    Expression(String),
}

/// Parses the text of one `CREATE INDEX`.
///
/// # Errors
/// `DdlError` where the text is not one that SQLite stores for an index.
pub fn parse_index(text: &str) -> Result<CreateIndex, DdlError> {
    let mut reader = Reader::new(text);
    reader.expect("CREATE")?;
    let unique = reader.eat(&["UNIQUE"]);
    reader.expect("INDEX")?;
    reader.eat(&["IF", "NOT", "EXISTS"]);
    let mut name = reader.name()?;
    if reader.eat_mark(".") {
        name = reader.name()?;
    }
    reader.expect("ON")?;
    let table = reader.name()?;
    let inside = reader.balanced()?;
    let keys = keys(&text[inside.start..inside.end]);
    let predicate = reader.eat(&["WHERE"]).then(|| {
        text[reader.start()..].trim_end_matches(|c: char| c == ';' || c.is_whitespace()).to_owned()
    });
    Ok(CreateIndex { name, table, unique, keys, predicate })
}

fn keys(text: &str) -> Vec<Key> {
    let mut keys = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for token in tokenize(text, Dialect::Sqlite) {
        if token.is_mark("(") {
            depth += 1;
        } else if token.is_mark(")") {
            depth = depth.saturating_sub(1);
        } else if token.is_mark(",") && depth == 0 {
            keys.push(key(&text[start..token.span.start]));
            start = token.span.end;
        }
    }
    keys.push(key(&text[start..]));
    keys
}

/// `a`, `"a" DESC`, `a COLLATE NOCASE`: the last says more than the column, so it is an expression.
fn key(text: &str) -> Key {
    let tokens: Vec<Token<'_>> =
        tokenize(text, Dialect::Sqlite).into_iter().filter(Token::is_code).collect();
    let plain = match tokens.as_slice() {
        [only] => Some(only),
        [first, order] if order.is_word("ASC") => Some(first),
        _ => None,
    };
    let name = plain
        .filter(|token| matches!(token.kind, Kind::Word | Kind::Quoted | Kind::Text))
        .and_then(name_of);
    match name {
        Some(name) => Key::Column(name),
        None => Key::Expression(text.trim().to_owned()),
    }
}
