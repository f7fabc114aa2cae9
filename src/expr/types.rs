//! Names of the portable types: read from a model, and written back.

use super::ValueType;
use crate::text::suggest;

/// Every name that [`parse_type`] accepts; `decimal` takes precision and scale.
pub const NAMES: [&str; 12] = [
    "text",
    "int",
    "int32",
    "decimal",
    "bool",
    "float",
    "uuid",
    "date",
    "timestamp",
    "time",
    "json",
    "bytes",
];

/// Most digits a decimal may have: PostgreSQL's limit for a declared `numeric`
/// (manual, section 8.1.2 "Arbitrary Precision Numbers").
const PRECISION_MAX: u32 = 1000;

/// Reads a portable type name.
///
/// # Errors
/// The name is not a portable type; the message names the portable spelling of well-known foreign types.
pub fn parse_type(text: &str) -> Result<ValueType, String> {
    let (name, arguments) = split(text)?;
    let value = match name.as_str() {
        "text" => ValueType::Text,
        "int" => ValueType::Int,
        "int32" => ValueType::Int32,
        "decimal" => return decimal(text, arguments.as_deref()),
        "bool" => ValueType::Bool,
        "float" => ValueType::Float,
        "uuid" => ValueType::Uuid,
        "date" => ValueType::Date,
        "timestamp" => ValueType::Timestamp,
        "time" => ValueType::Time,
        "json" => ValueType::Json,
        "bytes" => ValueType::Bytes,
        _ => return Err(unknown(text, &name, arguments.as_deref().unwrap_or(&[]))),
    };
    match arguments {
        None => Ok(value),
        Some(arguments) if name == "text" => Err(foreign_text(text, &arguments)),
        Some(_) => Err(format!("`{name}` takes no length; write `{name}`")),
    }
}

/// The portable name of a type; an enum is named by its members.
pub fn print_type(value: &ValueType) -> String {
    match value {
        ValueType::Bool => "bool".into(),
        ValueType::Int => "int".into(),
        ValueType::Int32 => "int32".into(),
        ValueType::Decimal { precision, scale } => format!("decimal({precision},{scale})"),
        ValueType::Float => "float".into(),
        ValueType::Text => "text".into(),
        ValueType::Uuid => "uuid".into(),
        ValueType::Date => "date".into(),
        ValueType::Timestamp => "timestamp".into(),
        ValueType::Time => "time".into(),
        ValueType::Json => "json".into(),
        ValueType::Bytes => "bytes".into(),
        ValueType::Enum(members) => format!("enum [{}]", members.join(", ")),
    }
}

/// The lower-case name, and the words between the brackets.
fn split(text: &str) -> Result<(String, Option<Vec<String>>), String> {
    let text = text.trim();
    let (name, rest) = match text.split_once('(') {
        None => return Ok((words(text), None)),
        Some(parts) => parts,
    };
    let Some((inside, after)) = rest.split_once(')') else {
        return Err(format!("`{text}` has no closing bracket"));
    };
    let arguments = inside.split(',').map(|word| word.trim().to_owned()).collect();
    Ok((words(&format!("{name} {after}")), Some(arguments)))
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

fn decimal(text: &str, arguments: Option<&[String]>) -> Result<ValueType, String> {
    let Some(arguments) = arguments else {
        return Err("`decimal` needs precision and scale; write for example `decimal(12,2)`".into());
    };
    let numbers: Vec<Option<u32>> = arguments.iter().map(|word| word.parse().ok()).collect();
    let (precision, scale) = match numbers.as_slice() {
        [Some(precision)] => (*precision, 0),
        [Some(precision), Some(scale)] => (*precision, *scale),
        _ => return Err(format!("cannot read `{text}`; write for example `decimal(12,2)`")),
    };
    if precision == 0 || precision > PRECISION_MAX {
        return Err(format!("precision of `{text}` must be between 1 and {PRECISION_MAX}"));
    }
    if scale > precision {
        return Err(format!("scale of `{text}` must not be above its precision"));
    }
    Ok(ValueType::Decimal { precision, scale })
}

/// Says what to write instead of a type that is not portable.
fn unknown(text: &str, name: &str, arguments: &[String]) -> String {
    let text = text.trim();
    let hint = match name {
        "varchar" | "char" | "character" | "character varying" | "nvarchar" | "nchar"
        | "varchar2" | "bpchar" => return foreign_text(text, arguments),
        "string" | "str" | "clob" | "citext" | "longtext" | "mediumtext" | "tinytext" => "text",
        "integer" | "bigint" | "int8" | "int64" | "long" | "number" | "serial" | "bigserial" => {
            "int"
        }
        "int4" | "int2" | "smallint" | "mediumint" | "tinyint" | "short" => "int32",
        "numeric" | "dec" | "money" => {
            let arguments = match arguments {
                [] => "12,2".to_owned(),
                given => given.join(","),
            };
            return format!("`{text}` is not a portable type; use `decimal({arguments})`");
        }
        "boolean" | "bit" => "bool",
        "double" | "double precision" | "real" | "float4" | "float8" | "float64" => "float",
        "datetime"
        | "timestamptz"
        | "timestamp with time zone"
        | "instant"
        | "timestamp without time zone" => "timestamp",
        "timetz" | "time with time zone" | "time without time zone" => "time",
        "jsonb" | "map" | "object" => "json",
        "bytea" | "blob" | "binary" | "varbinary" => "bytes",
        "guid" => "uuid",
        "enum" => {
            return format!("`{text}` is not a type; list the values with `enum: [a, b]`");
        }
        _ => {
            let hint = suggest::did_you_mean(name, NAMES);
            let hint =
                if hint.is_empty() { format!("; use one of {}", NAMES.join(", ")) } else { hint };
            return format!("unknown type `{text}`{hint}");
        }
    };
    format!("`{text}` is not a portable type; use `{hint}`")
}

fn foreign_text(text: &str, arguments: &[String]) -> String {
    match arguments {
        [length] => format!("`{text}` is not a portable type; use `text` with `max: {length}`"),
        _ => format!("`{text}` is not a portable type; use `text`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_as_it_is_printed() {
        for name in NAMES {
            let text = if name == "decimal" { "decimal(12,2)" } else { name };
            let value = parse_type(text).expect(text);
            assert_eq!(print_type(&value), text);
        }
        assert_eq!(parse_type(" Decimal( 8 ) "), Ok(ValueType::Decimal { precision: 8, scale: 0 }));
    }

    #[test]
    fn foreign_names_get_the_portable_one() {
        let cases = [
            ("varchar(20)", "use `text` with `max: 20`"),
            ("character varying (9)", "use `text` with `max: 9`"),
            ("text(20)", "use `text` with `max: 20`"),
            ("bigint", "use `int`"),
            ("smallint", "use `int32`"),
            ("datetime", "use `timestamp`"),
            ("timestamp(3) with time zone", "use `timestamp`"),
            ("numeric(10,2)", "use `decimal(10,2)`"),
            ("double precision", "use `float`"),
            ("jsonb", "use `json`"),
            ("tetx", "did you mean `text`?"),
            ("zzzz", "use one of text, int"),
            ("decimal", "`decimal(12,2)`"),
            ("decimal(2,4)", "scale"),
            ("decimal(0)", "precision"),
            ("uuid(3)", "takes no length"),
            ("decimal(1", "closing bracket"),
        ];
        for (text, wanted) in cases {
            let message = parse_type(text).expect_err(text);
            assert!(message.contains(wanted), "{text}: {message}");
        }
    }
}
