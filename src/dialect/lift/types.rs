//! Types and defaults: portable where they print the same, else the engine's own words.

use super::Lift;
use super::table::Draft;
use crate::catalog::{Column, ConstraintKind};
use crate::dialect::{postgres, sqlite};
use crate::expr::ValueType;
use crate::expr::types::{parse_type, print_type};
use crate::model::{ConstraintName, DefaultValue, Facets, NamedType, Override, Place};
use crate::text::Dialect;
use crate::text::token::canonical;

impl Lift<'_> {
    /// PostgreSQL enum types become named types.
    pub(super) fn enum_types(&mut self) {
        for enum_type in self.catalog.enums.values() {
            let own = Override {
                data_type: Some(postgres::realize::qualified(&enum_type.name)),
                enum_values: enum_type.values.clone(),
                ..Override::default()
            };
            let name = self.free_type_name(enum_type.name.name.as_str());
            self.add_type(name, ValueType::Text, own);
        }
    }

    /// The portable type and how it is written, for a column's own type.
    pub(super) fn value_type(&mut self, data_type: &str) -> (ValueType, String) {
        let dialect = self.catalog.dialect;
        if let Some(value_type) = portable(data_type, dialect) {
            let text = print_type(&value_type);
            return (value_type, text);
        }
        let known = self.types.iter().find(|named| {
            let own = of(named, dialect);
            own.data_type.as_deref() == Some(if data_type.is_empty() { "none" } else { data_type })
        });
        if let Some(named) = known {
            return (named.base.clone(), named.name.clone());
        }
        let base = nearest(data_type, dialect);
        let name = self.free_type_name(&slug(data_type));
        let written = if data_type.is_empty() { "none" } else { data_type };
        let own = Override { data_type: Some(written.to_owned()), ..Override::default() };
        self.add_type(name.clone(), base.clone(), own);
        (base, name)
    }

    fn free_type_name(&self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        if parse_type(&name).is_ok() {
            name.push_str("_native");
        }
        let mut count = 2;
        while self.types.iter().any(|named| named.name == name) {
            name = format!("{wanted}_{count}");
            count += 1;
        }
        name
    }

    fn add_type(&mut self, name: String, base: ValueType, own: Override) {
        let (mut postgres, mut sqlite) = (Override::default(), Override::default());
        match self.catalog.dialect {
            Dialect::Postgres => postgres = own,
            Dialect::Sqlite => sqlite = own,
        }
        self.types.push(NamedType {
            name,
            base_text: print_type(&base),
            base,
            facets: Facets::default(),
            postgres,
            sqlite,
            carried: Vec::new(),
            place: Place::default(),
        });
    }
}

fn of(named: &NamedType, dialect: Dialect) -> &Override {
    match dialect {
        Dialect::Postgres => &named.postgres,
        Dialect::Sqlite => &named.sqlite,
    }
}

/// The portable type that prints exactly so, without bringing a check of its own.
fn portable(data_type: &str, dialect: Dialect) -> Option<ValueType> {
    let simple = match dialect {
        Dialect::Postgres => vec![
            ValueType::Text,
            ValueType::Int,
            ValueType::Int32,
            ValueType::Bool,
            ValueType::Float,
            ValueType::Uuid,
            ValueType::Date,
            ValueType::Timestamp,
            ValueType::Time,
            ValueType::Json,
            ValueType::Bytes,
        ],
        Dialect::Sqlite => {
            vec![ValueType::Text, ValueType::Int, ValueType::Float, ValueType::Bytes]
        }
    };
    let print = |value_type: &ValueType| match dialect {
        Dialect::Postgres => postgres::realize::type_name(value_type),
        Dialect::Sqlite => sqlite::realize::type_name(value_type),
    };
    let same = |value_type: &ValueType| {
        canonical(&print(value_type), dialect) == canonical(data_type, dialect)
    };
    let decimal =
        precision(data_type).map(|(precision, scale)| ValueType::Decimal { precision, scale });
    let decimal = decimal.filter(|decimal| parse_type(&print_type(decimal)).is_ok());
    simple.into_iter().chain(decimal).find(same)
}

/// `(10,2)` of a type.
fn precision(data_type: &str) -> Option<(u32, u32)> {
    let (_, rest) = data_type.split_once('(')?;
    let inner = rest.strip_suffix(')')?;
    let (precision, scale) = inner.split_once(',').unwrap_or((inner, "0"));
    Some((precision.trim().parse().ok()?, scale.trim().parse().ok()?))
}

/// The portable type whose values come nearest, for rules and other engines.
pub(super) fn nearest(data_type: &str, dialect: Dialect) -> ValueType {
    let text = data_type.to_ascii_lowercase();
    let has = |word: &str| text.contains(word);
    let array = text.ends_with("[]");
    if array || has("interval") || has("range") {
        return ValueType::Text;
    }
    if has("bool") {
        ValueType::Bool
    } else if has("timestamp") || has("datetime") {
        ValueType::Timestamp
    } else if has("date") {
        ValueType::Date
    } else if text == "time" || text.starts_with("time ") || text.starts_with("time(") {
        ValueType::Time
    } else if has("json") {
        ValueType::Json
    } else if has("uuid") {
        ValueType::Uuid
    } else if text == "smallint" && dialect == Dialect::Postgres {
        ValueType::Int32
    } else if has("int") && !has("point") {
        ValueType::Int
    } else if has("numeric") || has("decimal") || has("money") {
        let written =
            precision(data_type).map(|(precision, scale)| ValueType::Decimal { precision, scale });
        let written = written.filter(|decimal| parse_type(&print_type(decimal)).is_ok());
        written.unwrap_or(ValueType::Float)
    } else if has("real") || has("floa") || has("doub") {
        ValueType::Float
    } else if has("blob") || has("bytea") {
        ValueType::Bytes
    } else {
        ValueType::Text
    }
}

/// A short name for an engine's type: `NVARCHAR(160)` is `nvarchar_160`.
fn slug(data_type: &str) -> String {
    let text = data_type
        .to_ascii_lowercase()
        .replace("character varying", "varchar")
        .replace("timestamp without time zone", "timestamp_local")
        .replace("[]", "_array");
    let text = match text.strip_prefix("public.") {
        Some(rest) => rest.to_owned(),
        None => text,
    };
    let words: Vec<&str> =
        text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    if words.is_empty() { "any".to_owned() } else { words.join("_") }
}

impl Lift<'_> {
    /// The portable type that a SQLite column has by its check: `INTEGER` with `CHECK (x IN (0, 1))` is a `bool`.
    pub(super) fn checked_type(
        &self,
        draft: &mut Draft<'_>,
        column: &Column,
    ) -> Option<(ValueType, String)> {
        if self.catalog.dialect != Dialect::Sqlite || column.generated.is_some() {
            return None;
        }
        let types = [
            (ValueType::Bool, "bool"),
            (ValueType::Date, "date"),
            (ValueType::Timestamp, "timestamp"),
            (ValueType::Time, "time"),
            (ValueType::Json, "json"),
        ];
        let derived = format!("{}_{}_type", draft.table.name.name, column.name);
        for (value_type, text) in types {
            if sqlite::realize::type_name(&value_type) != column.data_type {
                continue;
            }
            let Some(check) = sqlite::realize::type_check(&column.name, &value_type) else {
                continue;
            };
            let check = format!("CHECK ({check})");
            let mut constraints = draft.table.constraints.iter().enumerate();
            let found = constraints.find(|(_, constraint)| {
                matches!(constraint.kind, ConstraintKind::Check { .. })
                    && self.same_text(&constraint.definition, &check)
                    && self.name(constraint.name.as_ref(), &derived) == ConstraintName::Derived
            });
            if let Some((at, _)) = found {
                draft.said.insert(at);
                return Some((value_type, text.to_owned()));
            }
        }
        None
    }
}

/// The portable default that prints exactly so.
pub(super) fn portable_default(
    column: &Column,
    value_type: &ValueType,
    dialect: Dialect,
) -> Option<DefaultValue> {
    use ValueType as T;
    let actual = column.default.as_deref()?;
    let literal = first_literal(actual).map(DefaultValue::Text);
    let number = Some(DefaultValue::Number(actual.trim_matches(['(', ')', '\'']).to_owned()))
        .filter(|default| matches!(default, DefaultValue::Number(n) if crate::model::is_number(n)));
    let candidates: Vec<Option<DefaultValue>> = match value_type {
        T::Bool => vec![Some(DefaultValue::Bool(true)), Some(DefaultValue::Bool(false))],
        T::Int | T::Int32 => vec![number.filter(|_| !actual.contains('.'))],
        T::Decimal { .. } | T::Float => vec![number],
        T::Text | T::Json | T::Bytes | T::Time | T::Enum(_) => vec![literal],
        T::Uuid => vec![Some(DefaultValue::Uuid), literal],
        T::Date => vec![Some(DefaultValue::Today), literal],
        T::Timestamp => vec![Some(DefaultValue::Now), literal],
    };
    candidates.into_iter().flatten().find(|default| {
        let printed = match dialect {
            Dialect::Postgres => postgres::realize::default(default, value_type),
            Dialect::Sqlite => sqlite::realize::default(default, value_type),
        };
        printed.is_some_and(|text| canonical(&text, dialect) == canonical(actual, dialect))
    })
}

/// The text of the literal that a default begins with.
fn first_literal(text: &str) -> Option<String> {
    let tokens = crate::text::token::tokenize(text, Dialect::Sqlite);
    let first = tokens.iter().find(|token| token.is_code())?;
    let inner = first.text.strip_prefix('\'')?.strip_suffix('\'')?;
    Some(inner.replace("''", "'"))
}
