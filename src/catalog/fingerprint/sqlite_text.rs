//! SQLite takes a word in double quotes that names nothing for a string, and then its case matters.
//! Source: sqlite.org/quirks.html#double_quoted_string_literals_are_accepted.

use std::collections::BTreeSet;

use crate::catalog::{Index, IndexKey, OpaqueKind};
use crate::text::Dialect;
use crate::text::token::{Kind, Token, canonical, tokenize};

/// A default in canonical layout. There no word names anything, with quotes or without.
/// Source: `ccons ::= DEFAULT id` in `parse.y`.
pub(super) fn default(text: &str) -> String {
    const WORDS: [&str; 6] =
        ["null", "true", "false", "current_timestamp", "current_date", "current_time"];
    let tokens: Vec<Token<'_>> = code(text);
    match tokens.as_slice() {
        [only] if matches!(only.kind, Kind::Word | Kind::Quoted) => {
            match WORDS.iter().find(|word| only.is_word(word)) {
                Some(word) => (*word).to_owned(),
                None => only.text.to_owned(),
            }
        }
        _ => with_names(text, &BTreeSet::new()),
    }
}

/// The definition of an index in canonical layout. Strings in its keys and its predicate are told apart already.
pub(super) fn index(index: &Index) -> String {
    if !index.definition.contains('"') {
        return canonical(&index.definition, Dialect::Sqlite);
    }
    let keys = index.keys.iter().map(|key| match key {
        IndexKey::Column(column) => column.as_str().to_ascii_lowercase(),
        IndexKey::Expression(text) => text.clone(),
    });
    let mut names: BTreeSet<String> = BTreeSet::new();
    for text in keys.chain(index.predicate.clone()) {
        names.insert(text.clone());
        names.extend(words(&text));
    }
    let parts = code(&index.definition);
    // `CREATE INDEX name ON table (`: names, whatever they are.
    let head = parts.iter().position(|token| token.is_mark("(")).unwrap_or(parts.len());
    names.extend(parts[..head].iter().filter_map(name));
    with_names(&index.definition, &names)
}

/// The text of a view or trigger in canonical layout. What it can name depends on the rest of the schema, so every
/// word in double quotes keeps its case; that of a virtual table has no strings in double quotes.
pub(super) fn opaque(text: &str, kind: OpaqueKind) -> String {
    match kind {
        OpaqueKind::VirtualTable => canonical(text, Dialect::Sqlite),
        _ => with_names(text, &BTreeSet::new()),
    }
}

/// Canonical layout, where a word in double quotes that is none of the names keeps its case.
pub(super) fn with_names(text: &str, names: &BTreeSet<String>) -> String {
    if !text.contains('"') {
        return canonical(text, Dialect::Sqlite);
    }
    let parts = code(text);
    let is_string = |token: &Token<'_>| {
        let folds = name(token) == token.name();
        token.kind == Kind::Quoted
            && token.text.starts_with('"')
            && !folds
            && !name(token).is_some_and(|name| names.contains(&name))
    };
    let mut laid_out: Vec<String> = parts
        .iter()
        .map(|token| match is_string(token) {
            true => token.text.to_owned(),
            false => canonical(token.text, Dialect::Sqlite),
        })
        .collect();
    while laid_out.last().is_some_and(|part| part == ";") {
        laid_out.pop();
    }
    laid_out.join(" ")
}

fn words(text: &str) -> Vec<String> {
    code(text).iter().filter_map(name).collect()
}

fn name(token: &Token<'_>) -> Option<String> {
    token.name().map(|name| name.to_ascii_lowercase())
}

fn code(text: &str) -> Vec<Token<'_>> {
    tokenize(text, Dialect::Sqlite).into_iter().filter(Token::is_code).collect()
}
