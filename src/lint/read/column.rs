//! Columns and constraints, as `CREATE TABLE` and `ALTER TABLE` write them.

use super::cursor::{Cursor, Stop, deeper, layout};
use crate::lint::statement::{Column, Constraint, ConstraintRule, Generated};
use crate::lint::types;
use crate::text::token::Token;

/// Words that end a type or a default.
const AFTER_TYPE: [&str; 19] = [
    "constraint",
    "not",
    "null",
    "default",
    "check",
    "generated",
    "unique",
    "primary",
    "references",
    "collate",
    "deferrable",
    "initially",
    "storage",
    "compression",
    "as",
    "autoincrement",
    "using",
    "on",
    "options",
];

/// A column definition.
pub(super) fn column(tokens: &[Token<'_>], from: &Cursor<'_, '_>) -> Result<Column, Stop> {
    let mut cursor = Cursor::new(tokens, from.dialect);
    let (name, span) = cursor.ident("the name of a column")?;
    let (ty, ty_span) = type_of(&mut cursor);
    let mut column = Column {
        name,
        span,
        ty,
        ty_span,
        default: None,
        not_null: false,
        generated: Generated::No,
        identity: false,
        auto_increment: false,
        constraints: Vec::new(),
    };
    while !cursor.is_done() {
        option(&mut cursor, &mut column)?;
    }
    Ok(column)
}

/// The type that comes next, in one spelling.
pub(super) fn type_of(cursor: &mut Cursor<'_, '_>) -> (String, crate::text::diagnostic::Span) {
    let from = cursor.at;
    while !cursor.is_done() && !cursor.sees_any(&AFTER_TYPE) {
        if cursor.group().is_none() {
            cursor.at += 1;
        }
    }
    (types::spelled(&layout(&cursor.tokens[from..cursor.at])), cursor.span_from(from))
}

fn option(cursor: &mut Cursor<'_, '_>, column: &mut Column) -> Result<(), Stop> {
    let from = cursor.at;
    let name = match cursor.takes("constraint") {
        true => Some(cursor.ident("the name of a constraint")?.0),
        false => None,
    };
    if cursor.takes("not null") {
        column.not_null = true;
        cursor.takes("no inherit");
        conflict(cursor);
        return Ok(());
    }
    if cursor.takes("null") {
        conflict(cursor);
        return Ok(());
    }
    if cursor.takes("default") {
        let start = cursor.at;
        // The first token is the value even where it is a word that could end it: DEFAULT NULL.
        if cursor.group().is_none() {
            cursor.at += 1;
        }
        let mut depth = 0;
        while let Some(token) = cursor.peek() {
            if depth == 0 && AFTER_TYPE.iter().any(|word| token.is_word(word)) {
                break;
            }
            depth = deeper(depth, token);
            cursor.at += 1;
        }
        let words = layout(&cursor.tokens[start..cursor.at.min(cursor.tokens.len())]);
        column.default = Some((words, cursor.span_from(start)));
        return Ok(());
    }
    if cursor.takes("generated") {
        return generated(cursor, column);
    }
    if cursor.takes("as") {
        cursor.group();
        column.generated = match cursor.takes("stored") {
            true => Generated::Stored,
            false => Generated::Virtual,
        };
        cursor.takes("virtual");
        return Ok(());
    }
    if cursor.takes("autoincrement") {
        column.auto_increment = true;
        return Ok(());
    }
    if cursor.sees_any(&["check", "unique", "primary", "references"]) {
        let constraint = rule(cursor, name, from)?;
        if constraint.rule == ConstraintRule::PrimaryKey {
            column.not_null |= cursor.dialect == crate::text::Dialect::Postgres;
        }
        column.constraints.push(constraint);
        return Ok(());
    }
    if cursor.takes("collate") {
        cursor.name("a collation")?;
        return Ok(());
    }
    if cursor.sees_any(&["storage", "compression", "options", "using", "on"]) {
        cursor.at += 2;
        return Ok(());
    }
    if deferred(cursor) {
        return Ok(());
    }
    cursor.stop("a constraint of the column")
}

fn generated(cursor: &mut Cursor<'_, '_>, column: &mut Column) -> Result<(), Stop> {
    let by_default = cursor.takes("by default");
    if !by_default && !cursor.takes("always") {
        return cursor.stop("`ALWAYS` or `BY DEFAULT`");
    }
    if !cursor.takes("as") {
        return cursor.stop("`AS`");
    }
    if cursor.takes("identity") {
        column.identity = true;
        cursor.group();
        return Ok(());
    }
    if cursor.group().is_none() {
        return cursor.stop("`IDENTITY` or an expression");
    }
    column.generated = if cursor.takes("stored") {
        Generated::Stored
    } else if cursor.takes("virtual") || cursor.dialect == crate::text::Dialect::Sqlite {
        Generated::Virtual
    } else {
        Generated::Unsaid
    };
    Ok(())
}

/// `ON CONFLICT REPLACE`.
fn conflict(cursor: &mut Cursor<'_, '_>) {
    if cursor.takes("on conflict") {
        cursor.at += 1;
    }
}

fn deferred(cursor: &mut Cursor<'_, '_>) -> bool {
    ["not deferrable", "deferrable", "initially deferred", "initially immediate", "enforced"]
        .iter()
        .any(|words| cursor.takes(words))
}

/// A table constraint, with its name if it has one.
pub(super) fn constraint(cursor: &mut Cursor<'_, '_>) -> Result<Constraint, Stop> {
    let from = cursor.at;
    let name = match cursor.takes("constraint") {
        true => Some(cursor.ident("the name of a constraint")?.0),
        false => None,
    };
    let mut constraint = rule(cursor, name, from)?;
    conflict(cursor);
    if !cursor.is_done() {
        return cursor.stop("the end of the constraint");
    }
    constraint.span = cursor.span_from(from);
    Ok(constraint)
}

/// Whether a table constraint comes next.
pub(super) fn starts_constraint(cursor: &Cursor<'_, '_>) -> bool {
    let next_is_group = cursor.tokens.get(cursor.at + 1).is_some_and(|token| token.is_mark("("));
    let word = |word: &str| cursor.sees(word);
    let then = |next: &str| cursor.tokens.get(cursor.at + 1).is_some_and(|t| t.is_word(next));
    word("constraint")
        || word("check") && next_is_group
        || word("unique") && (next_is_group || then("using") || then("nulls"))
        || word("primary") && then("key")
        || word("foreign") && then("key")
        || word("exclude") && (next_is_group || then("using"))
        || word("not") && then("null")
}

fn rule(
    cursor: &mut Cursor<'_, '_>,
    name: Option<String>,
    from: usize,
) -> Result<Constraint, Stop> {
    let rule = if cursor.takes("check") {
        match cursor.group() {
            Some(tokens) => ConstraintRule::Check(layout(tokens)),
            None => return cursor.stop("an expression in parentheses"),
        }
    } else if cursor.takes("not null") {
        ConstraintRule::NotNull(cursor.ident("a column")?.0)
    } else if cursor.takes("unique") {
        let _ = cursor.takes("nulls distinct") || cursor.takes("nulls not distinct");
        key(cursor, ConstraintRule::Unique)?
    } else if cursor.takes("primary key") {
        let _ = cursor.takes("asc") || cursor.takes("desc");
        key(cursor, ConstraintRule::PrimaryKey)?
    } else if cursor.takes("exclude") {
        if cursor.takes("using") {
            cursor.at += 1;
        }
        cursor.group();
        index_tail(cursor);
        if cursor.takes("where") {
            cursor.group();
        }
        ConstraintRule::Exclude
    } else {
        if cursor.takes("foreign key") {
            cursor.group();
        }
        if !cursor.takes("references") {
            return cursor.stop("a constraint");
        }
        references(cursor)?
    };
    conflict(cursor);
    let mut skips_rows = false;
    loop {
        if cursor.takes("not valid") || cursor.takes("not enforced") {
            skips_rows = true;
        } else if !cursor.takes("no inherit") && !deferred(cursor) {
            break;
        }
    }
    Ok(Constraint { name, rule, skips_rows, span: cursor.span_from(from) })
}

fn key(cursor: &mut Cursor<'_, '_>, rule: ConstraintRule) -> Result<ConstraintRule, Stop> {
    if cursor.takes("using index") && !cursor.sees("tablespace") {
        let (index, _) = cursor.ident("an index")?;
        return Ok(match rule {
            ConstraintRule::PrimaryKey => ConstraintRule::PrimaryKeyUsingIndex(index),
            _ => ConstraintRule::UsingIndex,
        });
    }
    cursor.group();
    index_tail(cursor);
    Ok(rule)
}

fn index_tail(cursor: &mut Cursor<'_, '_>) {
    if cursor.takes("include") {
        cursor.group();
    }
    if cursor.takes("with") {
        cursor.group();
    }
    let _ = cursor.takes("using index");
    if cursor.takes("tablespace") {
        cursor.at += 1;
    }
}

fn references(cursor: &mut Cursor<'_, '_>) -> Result<ConstraintRule, Stop> {
    let table = cursor.name("the table that is pointed at")?;
    cursor.group();
    loop {
        if cursor.takes("on delete") || cursor.takes("on update") {
            let _ = cursor.takes("no action")
                || cursor.takes("set null")
                || cursor.takes("set default")
                || cursor.takes("cascade")
                || cursor.takes("restrict");
            cursor.group();
        } else if cursor.takes("match") {
            cursor.at += 1;
        } else {
            return Ok(ConstraintRule::References(table));
        }
    }
}
