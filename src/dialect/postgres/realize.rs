//! Portable types, defaults and constraints as PostgreSQL prints them.

use crate::catalog::{Action, ForeignKey};
use crate::expr::ValueType;
use crate::model::DefaultValue;
use crate::text::token::canonical_name;
use crate::text::{Dialect, Ident, QName};

/// The type as `format_type` prints it. Source: PostgreSQL manual, chapter 8.
pub fn type_name(value_type: &ValueType) -> String {
    match value_type {
        ValueType::Bool => "boolean".to_owned(),
        ValueType::Int => "bigint".to_owned(),
        ValueType::Int32 => "integer".to_owned(),
        ValueType::Decimal { precision, scale } => format!("numeric({precision},{scale})"),
        ValueType::Float => "double precision".to_owned(),
        ValueType::Text | ValueType::Enum(_) => "text".to_owned(),
        ValueType::Uuid => "uuid".to_owned(),
        ValueType::Date => "date".to_owned(),
        ValueType::Timestamp => "timestamp with time zone".to_owned(),
        ValueType::Time => "time without time zone".to_owned(),
        ValueType::Json => "jsonb".to_owned(),
        ValueType::Bytes => "bytea".to_owned(),
    }
}

/// The default as `pg_get_expr` prints it; NULL is no default.
pub fn default(default: &DefaultValue, value_type: &ValueType) -> Option<String> {
    Some(match default {
        DefaultValue::Null => return None,
        DefaultValue::Bool(flag) => flag.to_string(),
        DefaultValue::Number(number) if matches!(value_type, ValueType::Enum(_)) => {
            typed(number, value_type)
        }
        DefaultValue::Number(number) if number.starts_with('-') => match value_type {
            ValueType::Float => format!("'{number}'::double precision"),
            ValueType::Bool
            | ValueType::Int
            | ValueType::Int32
            | ValueType::Decimal { .. }
            | ValueType::Text
            | ValueType::Uuid
            | ValueType::Date
            | ValueType::Timestamp
            | ValueType::Time
            | ValueType::Json
            | ValueType::Bytes
            | ValueType::Enum(_)
                if number.contains('.') =>
            {
                format!("'{number}'::numeric")
            }
            ValueType::Bool
            | ValueType::Int
            | ValueType::Int32
            | ValueType::Decimal { .. }
            | ValueType::Text
            | ValueType::Uuid
            | ValueType::Date
            | ValueType::Timestamp
            | ValueType::Time
            | ValueType::Json
            | ValueType::Bytes
            | ValueType::Enum(_) => format!("'{number}'::integer"),
        },
        DefaultValue::Number(number) => number.clone(),
        DefaultValue::Text(text) => typed(text, value_type),
        DefaultValue::Now => "now()".to_owned(),
        DefaultValue::Today => "CURRENT_DATE".to_owned(),
        DefaultValue::Uuid => "gen_random_uuid()".to_owned(),
    })
}

fn typed(text: &str, value_type: &ValueType) -> String {
    format!("'{}'::{}", text.replace('\'', "''"), type_name(value_type))
}

/// The condition of a value list, as the engine prints it and as a rule reads it.
pub fn value_set(column: &Ident, values: &[String]) -> (String, String) {
    let quoted: Vec<String> =
        values.iter().map(|value| format!("'{}'", value.replace('\'', "''"))).collect();
    let printed = match quoted.as_slice() {
        [one] => format!("{} = {one}::text", ident(column.as_str())),
        several => {
            let list: Vec<String> = several.iter().map(|value| format!("{value}::text")).collect();
            format!("{} = ANY (ARRAY[{}])", ident(column.as_str()), list.join(", "))
        }
    };
    let rule = format!("\"{}\" IN ({})", column.as_str().replace('"', "\"\""), quoted.join(", "));
    (printed, rule)
}

/// A foreign key as `pg_get_constraintdef` prints it under an empty `search_path`.
pub fn foreign_key(key: &ForeignKey) -> String {
    let list = |columns: &[Ident]| {
        let names: Vec<String> = columns.iter().map(|column| ident(column.as_str())).collect();
        names.join(", ")
    };
    let table = qualified(&key.references);
    let mut text = format!(
        "FOREIGN KEY ({}) REFERENCES {table}({})",
        list(&key.columns),
        list(&key.referenced_columns)
    );
    for (words, action) in [("ON UPDATE", key.on_update), ("ON DELETE", key.on_delete)] {
        if action != Action::NoAction {
            text.push_str(&format!(" {words} {}", action.words()));
        }
    }
    text
}

/// `schema.name`, quoted where needed.
pub fn qualified(name: &QName) -> String {
    format!("{}.{}", ident(name.schema.as_str()), ident(name.name.as_str()))
}

/// A name as PostgreSQL prints it: in quotes only where it needs them (`quote_identifier` in `ruleutils.c`).
pub fn ident(name: &str) -> String {
    if KEYWORDS.contains(&name) {
        return format!("\"{name}\"");
    }
    canonical_name(name, Dialect::Postgres)
}

/// Words that are not free to be a name. Source: PostgreSQL manual, appendix C, all but "non-reserved".
const KEYWORDS: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "between",
    "bigint",
    "binary",
    "bit",
    "boolean",
    "both",
    "case",
    "cast",
    "char",
    "character",
    "check",
    "coalesce",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "dec",
    "decimal",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "exists",
    "extract",
    "false",
    "fetch",
    "float",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "greatest",
    "group",
    "grouping",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "inout",
    "int",
    "integer",
    "intersect",
    "interval",
    "into",
    "is",
    "isnull",
    "join",
    "lateral",
    "leading",
    "least",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "national",
    "natural",
    "nchar",
    "none",
    "normalize",
    "not",
    "notnull",
    "null",
    "nullif",
    "numeric",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "out",
    "outer",
    "overlaps",
    "overlay",
    "placing",
    "position",
    "precision",
    "primary",
    "real",
    "references",
    "returning",
    "right",
    "row",
    "select",
    "session_user",
    "setof",
    "similar",
    "smallint",
    "some",
    "substring",
    "symmetric",
    "table",
    "tablesample",
    "then",
    "time",
    "timestamp",
    "to",
    "trailing",
    "treat",
    "trim",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "values",
    "varchar",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
    "xmlattributes",
    "xmlconcat",
    "xmlelement",
    "xmlexists",
    "xmlforest",
    "xmlnamespaces",
    "xmlparse",
    "xmlpi",
    "xmlroot",
    "xmlserialize",
    "xmltable",
];
