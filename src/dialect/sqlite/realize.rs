//! Portable types, defaults, constraints and whole tables as SQLite text.

use crate::catalog::{Action, Column, Constraint, ConstraintKind, ForeignKey, GeneratedStorage};
use crate::expr::ValueType;
use crate::model::DefaultValue;
use crate::text::token::{Kind, tokenize};
use crate::text::{Dialect, Ident, QName};

/// What stands behind the closing parenthesis, and AUTOINCREMENT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    pub strict: bool,
    pub without_rowid: bool,
    pub autoincrement: bool,
}

/// The column type. A decimal is NUMERIC with its precision as a comment for readers: SQLite ignores it.
/// Source: sqlite.org/datatype3.html.
pub fn type_name(value_type: &ValueType) -> String {
    match value_type {
        ValueType::Bool | ValueType::Int | ValueType::Int32 => "INTEGER".to_owned(),
        ValueType::Decimal { precision, scale } => format!("NUMERIC({precision},{scale})"),
        ValueType::Float => "REAL".to_owned(),
        ValueType::Text
        | ValueType::Enum(_)
        | ValueType::Uuid
        | ValueType::Date
        | ValueType::Timestamp
        | ValueType::Time
        | ValueType::Json => "TEXT".to_owned(),
        ValueType::Bytes => "BLOB".to_owned(),
    }
}

/// The condition that keeps a portable type's values where SQLite's own type is wider.
/// `date(x, '+0 days')` normalises on every version, `date(x)` only since 3.46; `json_valid(NULL)` was 0 before 3.45.
pub fn type_check(column: &Ident, value_type: &ValueType) -> Option<String> {
    let column = quote(column.as_str());
    match value_type {
        ValueType::Bool => Some(format!("{column} IN (0, 1)")),
        ValueType::Date => Some(format!("{column} IS date({column}, '+0 days')")),
        // One spelling, with or without milliseconds, so that text order is time order.
        ValueType::Timestamp => Some(format!(
            "{column} IS datetime({column}, '+0 days') \
             OR {column} IS strftime('%Y-%m-%d %H:%M:%f', {column}, '+0 days')"
        )),
        ValueType::Time => Some(format!("{column} IS NULL OR time({column}) IS NOT NULL")),
        ValueType::Json => Some(format!("{column} IS NULL OR json_valid({column})")),
        ValueType::Int
        | ValueType::Int32
        | ValueType::Decimal { .. }
        | ValueType::Float
        | ValueType::Text
        | ValueType::Uuid
        | ValueType::Bytes
        | ValueType::Enum(_) => None,
    }
}

/// What only the text of a table says, as inspection tells it.
pub fn rest(create: &str) -> Vec<String> {
    let parsed = super::ddl::parse_table(create);
    parsed.map(|parsed| super::ddl::rest_of(&parsed, create)).unwrap_or_default()
}

/// The default as `PRAGMA table_xinfo` shows it: without the parentheses around an expression.
pub fn default(default: &DefaultValue, value_type: &ValueType) -> Option<String> {
    Some(match default {
        DefaultValue::Null => return None,
        DefaultValue::Bool(flag) => if *flag { "1" } else { "0" }.to_owned(),
        DefaultValue::Number(number) if matches!(value_type, ValueType::Enum(_)) => text(number),
        DefaultValue::Number(number) => number.clone(),
        DefaultValue::Text(value) => text(value),
        DefaultValue::Now => "CURRENT_TIMESTAMP".to_owned(),
        DefaultValue::Today => "CURRENT_DATE".to_owned(),
        DefaultValue::Uuid => UUID.to_owned(),
    })
}

/// A random UUID, version 4.
const UUID: &str = "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || \
    substr(hex(randomblob(2)), 2) || '-' || substr('89ab', 1 + (random() & 3), 1) || \
    substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))";

fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

fn quote(name: &str) -> String {
    crate::dialect::session::quote_name(name)
}

/// The condition of a value list, as the table holds it and as a rule reads it.
pub fn value_set(column: &Ident, values: &[String]) -> (String, String) {
    let list: Vec<String> = values.iter().map(|value| text(value)).collect();
    let condition = format!("{} IN ({})", quote(column.as_str()), list.join(", "));
    (condition.clone(), condition)
}

/// A foreign key; actions that are written are printed, NO ACTION too.
pub fn foreign_key(
    key: &ForeignKey,
    on_delete: Option<Action>,
    on_update: Option<Action>,
) -> String {
    let list = |columns: &[Ident]| {
        let names: Vec<String> = columns.iter().map(|column| quote(column.as_str())).collect();
        names.join(", ")
    };
    let mut text = format!("FOREIGN KEY ({}) REFERENCES ", list(&key.columns));
    text.push_str(&quote(key.references.name.as_str()));
    if !key.referenced_columns.is_empty() {
        text.push_str(&format!(" ({})", list(&key.referenced_columns)));
    }
    for (words, action) in [("ON DELETE", on_delete), ("ON UPDATE", on_update)] {
        if let Some(action) = action {
            text.push_str(&format!(" {words} {}", action.words()));
        }
    }
    text
}

/// Whether a key stands at its column: a nameless key of one column.
pub fn is_inline_key(constraint: &Constraint) -> bool {
    match &constraint.kind {
        // A conflict clause keeps its place in the constraint's own text.
        ConstraintKind::PrimaryKey { columns } => {
            let text = constraint.definition.to_ascii_lowercase();
            let plain = text.ends_with(')') || text.ends_with(") autoincrement");
            constraint.name.is_none() && columns.len() == 1 && plain
        }
        ConstraintKind::Unique { .. }
        | ConstraintKind::Check { .. }
        | ConstraintKind::ForeignKey(_)
        | ConstraintKind::Exclusion => false,
    }
}

/// The whole CREATE TABLE: columns, then constraints in the order given.
pub fn create_table(
    name: &QName,
    columns: &[Column],
    constraints: &[Constraint],
    options: Options,
) -> String {
    let at_column = |constraint: &Constraint| {
        is_inline_key(constraint)
            || options.autoincrement && matches!(constraint.kind, ConstraintKind::PrimaryKey { .. })
    };
    let inline = constraints.iter().find(|constraint| at_column(constraint));
    let mut lines: Vec<String> =
        columns.iter().map(|column| column_line(column, inline, options)).collect();
    for constraint in constraints.iter().filter(|constraint| !at_column(constraint)) {
        let name =
            constraint.name.as_ref().map(|name| format!("CONSTRAINT {} ", quote(name.as_str())));
        lines.push(format!("{}{}", name.unwrap_or_default(), constraint.definition));
    }
    let mut suffix = Vec::new();
    if options.strict {
        suffix.push("STRICT");
    }
    if options.without_rowid {
        suffix.push("WITHOUT ROWID");
    }
    let suffix = match suffix.is_empty() {
        true => String::new(),
        false => format!(" {}", suffix.join(", ")),
    };
    format!("CREATE TABLE {} (\n  {}\n){suffix}", quote(name.name.as_str()), lines.join(",\n  "))
}

fn column_line(column: &Column, key: Option<&Constraint>, options: Options) -> String {
    let mut line = quote(column.name.as_str());
    if !column.data_type.is_empty() {
        line.push(' ');
        line.push_str(&column.data_type);
    }
    if column.not_null {
        line.push_str(" NOT NULL");
    }
    if let Some(Constraint { name, kind: ConstraintKind::PrimaryKey { columns }, .. }) = key
        && columns.contains(&column.name)
    {
        if let Some(name) = name {
            line.push_str(&format!(" CONSTRAINT {}", quote(name.as_str())));
        }
        line.push_str(" PRIMARY KEY");
        if options.autoincrement {
            line.push_str(" AUTOINCREMENT");
        }
    }
    if let Some(default) = &column.default {
        line.push_str(&match is_literal(default) {
            true => format!(" DEFAULT {default}"),
            false => format!(" DEFAULT ({default})"),
        });
    }
    if let Some(collation) = &column.collation {
        line.push_str(&format!(" COLLATE {collation}"));
    }
    if let Some(generated) = &column.generated {
        let storage = match generated.storage {
            GeneratedStorage::Stored => "STORED",
            GeneratedStorage::Virtual => "VIRTUAL",
        };
        line.push_str(&format!(" GENERATED ALWAYS AS ({}) {storage}", generated.expression));
    }
    line
}

/// What DEFAULT takes without parentheses: one literal, signed or not, or one word (`CURRENT_TIMESTAMP`, `TRUE`).
fn is_literal(default: &str) -> bool {
    let tokens = tokenize(default, Dialect::Sqlite);
    let code: Vec<_> = tokens.iter().filter(|token| token.is_code()).collect();
    match code.as_slice() {
        [one] => matches!(one.kind, Kind::Text | Kind::Number | Kind::Word | Kind::Quoted),
        [sign, number] => (sign.is_mark("-") || sign.is_mark("+")) && number.kind == Kind::Number,
        _ => false,
    }
}
