//! Directives in comments of SQL files: what the way from one schema to the next needs to know and SQL has no words for.
//!
//! `-- migrate:was NAME` above a table, a column, a named constraint or an enum type; `-- migrate:backfill EXPR`,
//! `-- migrate:down EXPR`, `-- migrate:using EXPR` and `-- migrate:value BEFORE = AFTER` above a column; `-- migrate:value BEFORE = AFTER` above an enum
//! type; `-- migrate:pii KIND` above a column that holds personal data; `-- migrate:moved TABLE.COLUMN [by COLUMN] [pick …]`
//! above a column that holds what that column held;
//! `-- migrate:down COLUMN EXPR` and `-- migrate:keep COLUMN hide|copy` (of a column that is no more) and `-- migrate:rule NAME EXPR` above a table.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::rule::{Enforce, Requirement, Rule};
use crate::change::{Intent, KeepAs, Moved, Pick, Rename, Target};
use crate::text::diagnostic::{Diagnostic, Span, line_column};
use crate::text::token::{self, Kind, Token};
use crate::text::{Dialect, Ident, QName, suggest};

const KNOWN: [&str; 9] =
    ["was", "backfill", "down", "using", "value", "moved", "keep", "rule", "pii"];
const MARK: &str = "migrate:";

/// What the directives of a file say.
#[derive(Clone, Debug, Default)]
pub struct Directives {
    pub intent: Intent,
    pub rules: Vec<Rule>,
    /// Columns that hold personal data, by table.
    pub personal: BTreeMap<QName, BTreeSet<Ident>>,
    /// What moves, and where that is said; told in expressions once the schema is known.
    pub moves: Vec<(Moved, Span)>,
}

/// One comment that is a directive.
struct Directive<'a> {
    key: &'a str,
    value: &'a str,
    span: Span,
}

/// What stands under a directive.
#[derive(Clone)]
enum Subject {
    Table(QName),
    Column(QName, Ident),
    Constraint(QName, Ident),
    Enum(QName),
    /// Something that takes no directive.
    Other(&'static str),
}

/// Reads the directives of a script's statements (their spans, comments included); `text` is the whole file.
///
/// # Errors
/// Every directive that is unknown, misplaced or incomplete.
pub fn directives(
    text: &str,
    statements: &[Span],
    dialect: Dialect,
) -> Result<Directives, Vec<Diagnostic>> {
    let mut reader = Reader { text, dialect, found: Directives::default(), errors: Vec::new() };
    for span in statements {
        if text[span.start..span.end].contains(MARK) {
            reader.statement(*span);
        }
    }
    let rest = statements.last().map_or(0, |span| span.end);
    reader.after_the_last(rest);
    if reader.errors.is_empty() { Ok(reader.found) } else { Err(reader.errors) }
}

struct Reader<'a> {
    text: &'a str,
    dialect: Dialect,
    found: Directives,
    errors: Vec<Diagnostic>,
}

impl<'a> Reader<'a> {
    fn statement(&mut self, span: Span) {
        let sql = &self.text[span.start..span.end];
        let tokens = token::tokenize(sql, self.dialect);
        let (subject, body) = self.head(&tokens);
        let table = match &subject {
            Subject::Table(name) => Some(name.clone()),
            Subject::Column(..)
            | Subject::Constraint(..)
            | Subject::Enum(_)
            | Subject::Other(_) => None,
        };
        let mut pending: Vec<Directive<'a>> = Vec::new();
        let (mut depth, mut seen_code, mut item_starts) = (0_usize, false, false);
        for (at, token) in tokens.iter().enumerate() {
            if token.kind == Kind::Comment {
                pending.extend(self.directive(token, span.start));
            }
            if !token.is_code() {
                continue;
            }
            if !seen_code {
                seen_code = true;
                self.attach(&mut pending, &subject);
            } else if item_starts && depth == 1 && !token.is_mark(")") {
                if let Some(table) = &table {
                    self.attach(&mut pending, &self.item(table, &tokens[at..]));
                }
                item_starts = false;
            }
            match token.text {
                "(" => {
                    depth += 1;
                    item_starts |= depth == 1 && body == Some(at);
                }
                ")" => depth = depth.saturating_sub(1),
                "," => item_starts |= depth == 1 && body.is_some_and(|body| at > body),
                _ => {}
            }
        }
        self.attach(&mut pending, &Subject::Other("the end of the statement"));
    }

    /// What a statement makes, and the index of the parenthesis that opens its columns.
    fn head(&self, tokens: &[Token<'_>]) -> (Subject, Option<usize>) {
        let code: Vec<(usize, &Token<'_>)> =
            tokens.iter().enumerate().filter(|(_, token)| token.is_code()).collect();
        let word = |at: usize, text: &str| code.get(at).is_some_and(|(_, t)| t.is_word(text));
        if !word(0, "create") {
            return (Subject::Other("this statement"), None);
        }
        let mut at = 1;
        while ["global", "local", "temp", "temporary", "unlogged", "foreign"]
            .iter()
            .any(|text| word(at, text))
        {
            at += 1;
        }
        let is_table = word(at, "table");
        if !is_table && !word(at, "type") {
            return (Subject::Other("this statement"), None);
        }
        at += 1;
        if word(at, "if") && word(at + 1, "not") && word(at + 2, "exists") {
            at += 3;
        }
        let rest: Vec<&Token<'_>> = code[at.min(code.len())..].iter().map(|(_, t)| *t).collect();
        let Some((name, length)) = self.name(&rest, self.dialect.default_schema()) else {
            return (Subject::Other("this statement"), None);
        };
        if !is_table {
            return (Subject::Enum(name), None);
        }
        let body = code.get(at + length).filter(|(_, t)| t.is_mark("(")).map(|(index, _)| *index);
        (Subject::Table(name), body)
    }

    /// A name with or without a schema, and how many tokens it takes.
    fn name(&self, code: &[&Token<'_>], schema: &str) -> Option<(QName, usize)> {
        let first = self.fold(code.first()?)?;
        if code.get(1).is_some_and(|token| token.is_mark("."))
            && let Some(second) = code.get(2).and_then(|token| self.fold(token))
        {
            return Some((QName { schema: first, name: second }, 3));
        }
        Some((QName { schema: Ident::new(schema), name: first }, 1))
    }

    /// PostgreSQL folds unquoted names to lower case; SQLite keeps them as written.
    fn fold(&self, token: &Token<'_>) -> Option<Ident> {
        let name = token.name()?;
        let lower = token.kind == Kind::Word && self.dialect == Dialect::Postgres;
        Some(Ident::new(if lower { name.to_lowercase() } else { name }))
    }

    /// The column or constraint that starts here.
    fn item(&self, table: &QName, tokens: &[Token<'_>]) -> Subject {
        let mut code = tokens.iter().filter(|token| token.is_code());
        let Some(first) = code.next() else { return Subject::Other("nothing") };
        if first.is_word("constraint") {
            return match code.next().and_then(|token| self.fold(token)) {
                Some(name) => Subject::Constraint(table.clone(), name),
                None => Subject::Other("a constraint"),
            };
        }
        if ["primary", "unique", "check", "foreign", "exclude", "like"]
            .iter()
            .any(|text| first.is_word(text))
        {
            return Subject::Other("a constraint without a name");
        }
        match self.fold(first) {
            Some(name) => Subject::Column(table.clone(), name),
            None => Subject::Other("something that is no column"),
        }
    }

    /// A comment as a directive; reports one that is not on a line of its own or not known.
    fn directive(&mut self, token: &Token<'_>, offset: usize) -> Option<Directive<'a>> {
        let span = Span { start: offset + token.span.start, end: offset + token.span.end };
        let comment = self.text[span.start..span.end].strip_prefix("--")?.trim();
        let rest = comment.strip_prefix(MARK)?;
        let (key, value) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let before = self.text[..span.start].rsplit('\n').next().unwrap_or_default();
        if !before.trim().is_empty() {
            self.error(
                span,
                "this directive stands behind something",
                "write it on a line of its own, above what it is about",
            );
            return None;
        }
        if !KNOWN.contains(&key) {
            let help = suggest::nearest(key, KNOWN.iter().copied()).map_or_else(
                || format!("known are {}", KNOWN.join(", ")),
                |known| format!("did you mean `{MARK}{known}`?"),
            );
            self.error(span, &format!("unknown directive `{MARK}{key}`"), &help);
            return None;
        }
        if value.trim().is_empty() {
            self.error(
                span,
                &format!("`{MARK}{key}` says nothing"),
                "write what it should say behind it",
            );
            return None;
        }
        Some(Directive { key, value: value.trim(), span })
    }

    fn attach(&mut self, pending: &mut Vec<Directive<'a>>, subject: &Subject) {
        for directive in pending.drain(..) {
            self.take(&directive, subject);
        }
    }

    fn take(&mut self, directive: &Directive<'_>, subject: &Subject) {
        match (directive.key, subject) {
            ("was", Subject::Other(_)) => self.misplaced(directive, subject),
            ("was", _) => self.was(directive, subject),
            ("backfill", Subject::Column(table, column)) => {
                self.column(table, column).backfill = Some(directive.value.to_owned());
            }
            ("down", Subject::Column(table, column)) => {
                self.column(table, column).down = Some(directive.value.to_owned());
            }
            ("down", Subject::Table(table)) => match self.word_and_rest(directive.value) {
                Some((column, expression)) => self.column(table, &column).down = Some(expression),
                None => self.error(
                    directive.span,
                    "this directive does not say for which column",
                    "write `-- migrate:down COLUMN EXPRESSION` above a table",
                ),
            },
            ("keep", Subject::Table(table)) => match self.word_and_rest(directive.value) {
                Some((column, said)) => self.keep(directive, Target::column(table, &column), &said),
                None => self.misread_keep(directive),
            },
            ("pii", Subject::Column(table, column)) => {
                self.found.personal.entry(table.clone()).or_default().insert(column.clone());
            }
            ("using", Subject::Column(table, column)) => {
                self.column(table, column).using = Some(directive.value.to_owned());
            }
            ("moved", Subject::Column(table, column)) => self.moved(directive, table, column),
            ("value", Subject::Column(..) | Subject::Enum(_)) => self.value(directive, subject),
            ("rule", Subject::Table(table) | Subject::Column(table, _)) => {
                self.rule(directive, table);
            }
            _ => self.misplaced(directive, subject),
        }
    }

    fn keep(&mut self, directive: &Directive<'_>, column: Target, said: &str) {
        let keep_as = match said {
            "copy" => KeepAs::Copy,
            "hide" => KeepAs::Hide,
            _ => return self.misread_keep(directive),
        };
        // Whoever says how it is kept says that it goes.
        self.found.intent.drops.insert(column.clone());
        self.found.intent.keep_as.insert(column, keep_as);
    }

    fn misread_keep(&mut self, directive: &Directive<'_>) {
        self.error(
            directive.span,
            "this directive does not say how the values of which column are kept",
            "write `-- migrate:keep COLUMN hide` or `-- migrate:keep COLUMN copy` above the table",
        );
    }

    fn was(&mut self, directive: &Directive<'_>, subject: &Subject) {
        let tokens = token::tokenize(directive.value, self.dialect);
        let code: Vec<&Token<'_>> = tokens.iter().filter(|token| token.is_code()).collect();
        let schema = match subject {
            Subject::Table(name) | Subject::Enum(name) => name.schema.to_string(),
            Subject::Column(..) | Subject::Constraint(..) | Subject::Other(_) => String::new(),
        };
        let name = self.name(&code, &schema).filter(|(_, length)| *length == code.len());
        let rename = match (subject, name) {
            (Subject::Table(after), Some((before, _))) => {
                Some(Rename::Table { before, after: after.clone() })
            }
            (Subject::Enum(after), Some((before, _))) => {
                Some(Rename::Enum { before, after: after.clone() })
            }
            (Subject::Column(table, after), Some((before, 1))) => Some(Rename::Column {
                table: table.clone(),
                before: before.name,
                after: after.clone(),
            }),
            (Subject::Constraint(table, after), Some((before, 1))) => Some(Rename::Constraint {
                table: table.clone(),
                before: before.name,
                after: after.clone(),
            }),
            (
                Subject::Table(_)
                | Subject::Enum(_)
                | Subject::Column(..)
                | Subject::Constraint(..)
                | Subject::Other(_),
                _,
            ) => None,
        };
        match rename {
            Some(rename) => self.found.intent.renames.push(rename),
            None => self.error(
                directive.span,
                &format!("`{}` is not one name", directive.value),
                "write the name from before: `-- migrate:was name`",
            ),
        }
    }

    fn moved(&mut self, directive: &Directive<'_>, table: &QName, column: &Ident) {
        let Some((giver, by, pick)) = self.moved_from(directive.value, table) else {
            self.error(
                directive.span,
                "this directive does not say where the value comes from",
                "write `-- migrate:moved TABLE.COLUMN`, where needed with `by COLUMN` of the reference, and with \
                 `pick min`, `pick max`, `pick first by COLUMN` or `pick last by COLUMN`",
            );
            return;
        };
        let moved = Moved {
            said: giver.to_string(),
            givers: vec![giver],
            receiver: Target::column(table, column),
            by: by.into_iter().collect(),
            pick,
        };
        self.found.moves.push((moved, directive.span));
    }

    fn moved_from(&self, text: &str, own: &QName) -> Option<(Target, Option<Target>, Pick)> {
        let tokens = token::tokenize(text, self.dialect);
        let code: Vec<&Token<'_>> = tokens.iter().filter(|token| token.is_code()).collect();
        let (giver, length) = self.column_name(&code, own)?;
        let mut rest = &code[length..];
        let mut by = None;
        if rest.first().is_some_and(|token| token.is_word("by")) {
            let (target, length) = self.column_name(&rest[1..], own)?;
            by = Some(target);
            rest = &rest[1 + length..];
        }
        let pick = match rest {
            [] => Pick::Agreed,
            [word, how @ ..] if word.is_word("pick") => self.pick(how)?,
            _ => return None,
        };
        (length > 1).then_some((giver, by, pick))
    }

    fn pick(&self, how: &[&Token<'_>]) -> Option<Pick> {
        match how {
            [word] if word.is_word("min") => Some(Pick::Least),
            [word] if word.is_word("max") => Some(Pick::Greatest),
            [word, by, name] if by.is_word("by") => match self.fold(name)? {
                name if word.is_word("first") => Some(Pick::First(name)),
                name if word.is_word("last") => Some(Pick::Last(name)),
                _ => None,
            },
            _ => None,
        }
    }

    /// A column with or without its table and schema, and how many tokens it takes.
    fn column_name(&self, code: &[&Token<'_>], own: &QName) -> Option<(Target, usize)> {
        let mut names = vec![self.fold(code.first()?)?];
        while code.get(names.len() * 2 - 1).is_some_and(|token| token.is_mark(".")) {
            names.push(self.fold(code.get(names.len() * 2)?)?);
        }
        let length = names.len() * 2 - 1;
        let target = match names.as_slice() {
            [column] => Target::column(own, column),
            [table, column] => {
                let table = QName { schema: own.schema.clone(), name: table.clone() };
                Target::column(&table, column)
            }
            [schema, table, column] => {
                let table = QName { schema: schema.clone(), name: table.clone() };
                Target::column(&table, column)
            }
            _ => return None,
        };
        Some((target, length))
    }

    fn value(&mut self, directive: &Directive<'_>, subject: &Subject) {
        let Some((before, after)) = directive.value.split_once('=') else {
            self.error(
                directive.span,
                "this directive does not say what becomes of the value",
                "write `-- migrate:value before = after`",
            );
            return;
        };
        let (before, after) = (unquote(before), unquote(after));
        match subject {
            Subject::Column(table, column) => {
                self.column(table, column).values.push((before, after));
            }
            Subject::Enum(name) => self.found.intent.renames.push(Rename::EnumValue {
                name: name.clone(),
                before,
                after,
            }),
            Subject::Table(_) | Subject::Constraint(..) | Subject::Other(_) => {
                self.misplaced(directive, subject);
            }
        }
    }

    fn rule(&mut self, directive: &Directive<'_>, table: &QName) {
        let Some((name, expression)) = self.word_and_rest(directive.value) else {
            self.error(
                directive.span,
                "this rule has no expression",
                "write `-- migrate:rule NAME EXPRESSION`",
            );
            return;
        };
        self.found.rules.push(Rule {
            name: format!("{table}.{name}"),
            table: table.clone(),
            requirement: Requirement::Holds { expression },
            enforce: Enforce::Verify,
            message: None,
            origin: Some(line_column(self.text, directive.span.start)),
        });
    }

    /// The first name of a text and what stands behind it.
    fn word_and_rest(&self, text: &str) -> Option<(Ident, String)> {
        let tokens = token::tokenize(text, self.dialect);
        let first = tokens.first()?;
        let rest = text[first.span.end..].trim();
        (!rest.is_empty()).then(|| self.fold(first).map(|name| (name, rest.to_owned())))?
    }

    fn column(&mut self, table: &QName, column: &Ident) -> &mut crate::change::ColumnIntent {
        self.found.intent.columns.entry(Target::column(table, column)).or_default()
    }

    fn misplaced(&mut self, directive: &Directive<'_>, subject: &Subject) {
        let what = match subject {
            Subject::Table(_) => "a table",
            Subject::Column(..) => "a column",
            Subject::Constraint(..) => "a constraint",
            Subject::Enum(_) => "a type",
            Subject::Other(what) => what,
        };
        let help = match directive.key {
            "was" => "write it above a table, a column, a named constraint or a type",
            "rule" => "write it above a table",
            "value" => "write it above a column or an enum type",
            _ => "write it above a column",
        };
        self.error(
            directive.span,
            &format!("`{MARK}{}` above {what} means nothing", directive.key),
            help,
        );
    }

    /// Directives behind the last statement would be lost without a word.
    fn after_the_last(&mut self, from: usize) {
        if !self.text[from..].contains(MARK) {
            return;
        }
        for token in token::tokenize(&self.text[from..], self.dialect) {
            if token.kind == Kind::Comment
                && let Some(directive) = self.directive(&token, from)
            {
                self.misplaced(&directive, &Subject::Other("the end of the file"));
            }
        }
    }

    fn error(&mut self, span: Span, message: &str, help: &str) {
        self.errors.push(Diagnostic::error(span, message).help(help));
    }
}

fn unquote(text: &str) -> String {
    let text = text.trim();
    match text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        Some(inner) => inner.replace("''", "'"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, dialect: Dialect) -> Result<Directives, Vec<Diagnostic>> {
        directives(text, &token::split_statements(text, dialect), dialect)
    }

    #[test]
    fn renames_and_backfills_are_read() {
        let text = "-- migrate:was bills\nCREATE TABLE invoices (\n  id int,\n  -- migrate:was \"No\"\n  number text,\n\
                    -- migrate:backfill coalesce(a, 'EUR')\n  -- migrate:value x = y\n  currency numeric(10,2) DEFAULT (1),\n\
                    CHECK (a IN (1, 2)),\n  -- migrate:was old_check\n  CONSTRAINT new_check CHECK (id > 0)\n);\n";
        let found = read(text, Dialect::Postgres).unwrap();
        let table = QName::new("public", "invoices");
        assert_eq!(
            found.intent.renames,
            [
                Rename::Table { before: QName::new("public", "bills"), after: table.clone() },
                Rename::Column {
                    table: table.clone(),
                    before: "No".into(),
                    after: "number".into()
                },
                Rename::Constraint {
                    table: table.clone(),
                    before: "old_check".into(),
                    after: "new_check".into()
                },
            ]
        );
        let column = &found.intent.columns[&Target::column(&table, &"currency".into())];
        assert_eq!(column.backfill.as_deref(), Some("coalesce(a, 'EUR')"));
        assert_eq!(column.values, [("x".to_owned(), "y".to_owned())]);
    }

    #[test]
    fn enums_dropped_columns_and_rules_are_read() {
        let text = "-- migrate:value pending = 'submitted'\nCREATE TYPE app.status AS ENUM ('submitted');\n\
                    -- migrate:down fax 'none'\n-- migrate:keep photo hide\n-- migrate:rule positive total >= 0\nCREATE TABLE t (total int)";
        let found = read(text, Dialect::Postgres).unwrap();
        assert_eq!(
            found.intent.renames,
            [Rename::EnumValue {
                name: QName::new("app", "status"),
                before: "pending".into(),
                after: "submitted".into()
            }]
        );
        let fax = Target::column(&QName::new("public", "t"), &"fax".into());
        assert_eq!(found.intent.columns[&fax].down.as_deref(), Some("'none'"));
        let photo = Target::column(&QName::new("public", "t"), &"photo".into());
        assert_eq!(found.intent.keep_as.get(&photo), Some(&KeepAs::Hide));
        assert_eq!(found.rules[0].origin, Some((5, 1)));
    }

    #[test]
    fn every_misplaced_directive_is_reported() {
        let text = "-- migrate:bakfill 1\nCREATE TABLE t (a int, -- migrate:was b\n c int\n-- migrate:was d\n);\n\
                    -- migrate:was e\nCREATE VIEW v AS SELECT 1;\n-- migrate:was f\n";
        let errors = read(text, Dialect::Sqlite).unwrap_err();
        let messages: Vec<&str> = errors.iter().map(|error| error.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "unknown directive `migrate:bakfill`",
                "this directive stands behind something",
                "`migrate:was` above the end of the statement means nothing",
                "`migrate:was` above this statement means nothing",
                "`migrate:was` above the end of the file means nothing",
            ]
        );
        assert_eq!(errors[0].help.as_deref(), Some("did you mean `migrate:backfill`?"));
    }
}
