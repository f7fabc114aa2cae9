//! One text for all texts that make the same table: layout, comments, quotes, case of names, `IF NOT EXISTS`, a
//! schema prefix and the order of the constraints of one column do not matter; everything else does.

use super::{Clause, ClauseKind, ColumnText, CreateTable, Storage, parse_table};
use crate::text::Dialect;
use crate::text::diagnostic::Span;
use crate::text::token::{Kind, Token, canonical, canonical_name, tokenize};

/// The canonical form of a `CREATE` text. Texts of things other than tables are brought into one layout.
pub fn normalized_create(text: &str) -> String {
    match parse_table(text) {
        Ok(table) => normalized_table(&table, text),
        Err(_) => normalized_other(text),
    }
}

/// The canonical form of a parsed table.
pub fn normalized_table(table: &CreateTable, text: &str) -> String {
    let names = table.columns.iter().map(|column| column.name.to_ascii_lowercase()).collect();
    let scope = Scope { text, columns: names };
    let columns = table.columns.iter().map(|column| scope.column(column));
    let mut constraints: Vec<String> =
        table.constraints.iter().map(|clause| scope.clause(clause)).collect();
    constraints.sort();
    let parts: Vec<String> = columns.chain(constraints).collect();
    let mut normal = format!("create table {} ( {} )", name(&table.name), parts.join(" , "));
    if table.strict {
        normal.push_str(" strict");
    }
    if table.without_rowid {
        normal.push_str(" without rowid");
    }
    normal
}

/// The canonical form of one column definition of a table.
pub fn normalized_column(table: &CreateTable, column: &ColumnText, text: &str) -> String {
    let columns = table.columns.iter().map(|column| column.name.to_ascii_lowercase()).collect();
    Scope { text, columns }.column(column)
}

/// What only the text says of the columns of a table: see [`crate::catalog::TableOptions`].
pub fn rest_of(table: &CreateTable, text: &str) -> Vec<String> {
    let mut rest = Vec::new();
    for (position, column) in table.columns.iter().enumerate() {
        for clause in &column.clauses {
            let written = &text[clause.span.start..clause.span.end];
            if clause.name.is_none() && !mentions(written, "conflict") {
                continue;
            }
            let said = match &clause.kind {
                ClauseKind::NotNull => canonical(written, Dialect::Sqlite),
                ClauseKind::Null => "null".to_owned(),
                ClauseKind::Default(_) => "default".to_owned(),
                ClauseKind::Collate(_) => "collate".to_owned(),
                ClauseKind::Generated { .. } => "generated".to_owned(),
                ClauseKind::PrimaryKey { .. }
                | ClauseKind::Unique { .. }
                | ClauseKind::Check(_)
                | ClauseKind::ForeignKey(_) => continue,
            };
            match &clause.name {
                Some(named) => {
                    rest.push(format!("{position} constraint {} {said}", name(named)));
                }
                None if said.contains(" on conflict ") => rest.push(format!("{position} {said}")),
                None => {}
            }
        }
    }
    rest.sort();
    rest
}

/// Whether a word stands in the text, whatever its case: in most texts none does, and they need not be taken apart.
fn mentions(text: &str, word: &str) -> bool {
    text.as_bytes().windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
}

/// The text with words in double quotes that name no column written as the strings that they are.
pub fn with_strings<'c>(
    text: &str,
    columns: impl Iterator<Item = &'c str> + Clone,
    table: &str,
) -> String {
    if !text.contains('"') {
        return text.to_owned();
    }
    let tokens: Vec<Token<'_>> = tokenize(text, Dialect::Sqlite);
    let mut told = String::with_capacity(text.len());
    for (at, token) in tokens.iter().enumerate() {
        let name = token.name().unwrap_or_default();
        let next = |mark: &str| {
            tokens[at + 1..].iter().find(|other| other.is_code()).is_some_and(|t| t.is_mark(mark))
        };
        let known = columns.clone().any(|column| column.eq_ignore_ascii_case(&name))
            || ["rowid", "oid", "_rowid_"].iter().any(|row| row.eq_ignore_ascii_case(&name))
            || (name.eq_ignore_ascii_case(table) && next("."));
        let collation = tokens[..at]
            .iter()
            .rev()
            .find(|other| other.is_code())
            .is_some_and(|token| token.is_word("collate"));
        match token.kind == Kind::Quoted
            && token.text.starts_with('"')
            && !known
            && !collation
            && !next("(")
        {
            true => told.push_str(&format!("'{}'", name.replace('\'', "''"))),
            false => told.push_str(token.text),
        }
    }
    told
}

/// An expression over the columns of a table without `table.` before any of them.
pub fn unqualified(text: &str, table: &str) -> String {
    if !text.contains('.') {
        return text.to_owned();
    }
    let tokens: Vec<Token<'_>> = tokenize(text, Dialect::Sqlite);
    let mut told = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let own = token.name().is_some_and(|name| name.eq_ignore_ascii_case(table));
        let point = (at + 1..tokens.len()).find(|next| tokens[*next].is_code());
        match point.filter(|next| own && tokens[*next].is_mark(".")) {
            Some(point) => at = point,
            None => told.push_str(token.text),
        }
        at += 1;
    }
    told
}

struct Scope<'a> {
    text: &'a str,
    columns: Vec<String>,
}

impl Scope<'_> {
    fn column(&self, column: &ColumnText) -> String {
        let mut clauses: Vec<String> = column
            .clauses
            .iter()
            .filter(|clause| clause.kind != ClauseKind::Null)
            .map(|clause| self.clause(clause))
            .collect();
        clauses.sort();
        let mut parts = vec![name(&column.name)];
        if !column.data_type.is_empty() {
            parts.push(column.data_type.to_ascii_lowercase());
        }
        parts.extend(clauses);
        parts.join(" ")
    }

    fn clause(&self, clause: &Clause) -> String {
        let body = match &clause.kind {
            ClauseKind::Generated { expression, storage } => {
                let storage = match storage {
                    Storage::Stored => "stored",
                    Storage::Virtual => "virtual",
                };
                format!("generated always as ( {} ) {storage}", self.expression(*expression))
            }
            ClauseKind::Collate(collation) => format!("collate {}", name(collation)),
            ClauseKind::Default(value) => format!("default {}", self.default(*value)),
            ClauseKind::PrimaryKey { .. }
            | ClauseKind::NotNull
            | ClauseKind::Null
            | ClauseKind::Unique { .. }
            | ClauseKind::Check(_)
            | ClauseKind::ForeignKey(_) => self.expression(clause.span),
        };
        match &clause.name {
            Some(constraint) => format!("constraint {} {body}", name(constraint)),
            None => body,
        }
    }

    /// A double-quoted default is a string to SQLite, so its case matters.
    fn default(&self, span: Span) -> String {
        let text = &self.text[span.start..span.end];
        let mut tokens = tokenize(text, Dialect::Sqlite).into_iter().filter(Token::is_code);
        match (tokens.next(), tokens.next()) {
            (Some(only), None) if only.kind == Kind::Quoted => {
                format!("'{}'", only.name().unwrap_or_default().replace('\'', "''"))
            }
            _ => self.expression(span),
        }
    }

    /// Canonical tokens; a quoted word that is no column of the table may be a string, and keeps its case.
    fn expression(&self, span: Span) -> String {
        let text = &self.text[span.start..span.end];
        let tokens: Vec<Token<'_>> =
            tokenize(text, Dialect::Sqlite).into_iter().filter(Token::is_code).collect();
        let mut parts = Vec::new();
        let mut after_references = false;
        for token in tokens {
            let quoted = token.kind == Kind::Quoted && token.text.starts_with('"');
            let own = token.name().unwrap_or_default();
            let known = self.columns.contains(&own.to_ascii_lowercase());
            if quoted && !known && !after_references {
                parts.push(format!("\"{}\"", own.replace('"', "\"\"")));
            } else {
                parts.push(canonical(token.text, Dialect::Sqlite));
            }
            after_references |= token.is_word("references");
        }
        parts.join(" ")
    }
}

fn name(text: &str) -> String {
    canonical_name(text, Dialect::Sqlite)
}

/// Drops `IF NOT EXISTS`, `TEMP` and the schema of the created thing from the canonical text.
fn normalized_other(text: &str) -> String {
    let canonical = canonical(text, Dialect::Sqlite);
    let mut words: Vec<&str> = canonical.split(' ').collect();
    let head = words.len().min(8);
    if let Some(at) = words[..head].windows(3).position(|w| w == ["if", "not", "exists"]) {
        words.drain(at..at + 3);
    }
    if matches!(words.get(1), Some(&"temp" | &"temporary")) {
        words.remove(1);
    }
    let head = words.len().min(6);
    if let Some(at) = words[..head].windows(2).position(|w| w == ["main", "."]) {
        words.drain(at..at + 2);
    }
    words.join(" ")
}
