//! Identity columns and owned sequences, said only where they differ from the engine's defaults.
//! Source: PostgreSQL manual, CREATE SEQUENCE.

use crate::catalog::{Column, IdentityKind, Sequence, Table};
use crate::model::Override;

/// Fills in `identity`, `serial` and `sequence` of a column.
pub(super) fn sequences(table: &Table, column: &Column, own: &mut Override) {
    if let Some(identity) = &column.identity {
        own.identity = Some(match identity.kind {
            IdentityKind::Always => "always".to_owned(),
            IdentityKind::ByDefault => "by_default".to_owned(),
        });
        own.sequence = options(column, &identity.sequence);
        let derived = format!("{}_{}_seq", table.name.name, column.name);
        let sequence = &identity.sequence.name;
        if sequence.name.as_str() != derived || sequence.schema != table.name.schema {
            let name = format!("{}.{}", sequence.schema, sequence.name);
            own.sequence.insert(0, ("name".to_owned(), name));
        }
    }
    if let Some(sequence) = &column.owned_sequence {
        own.serial = Some(match sequence.name.schema == table.name.schema {
            true => sequence.name.name.to_string(),
            false => format!("{}.{}", sequence.name.schema, sequence.name.name),
        });
        own.sequence = options(column, sequence);
        if column.default.is_none() {
            own.default = Some("none".to_owned());
        }
    }
}

/// What differs from the engine's defaults.
fn options(column: &Column, sequence: &Sequence) -> Vec<(String, String)> {
    let usual = match column.data_type.as_str() {
        kind @ ("smallint" | "integer" | "bigint") => kind,
        _ => "bigint",
    };
    let largest = match sequence.data_type.as_str() {
        "smallint" => i64::from(i16::MAX),
        "integer" => i64::from(i32::MAX),
        _ => i64::MAX,
    };
    let (min, max) = if sequence.increment < 0 { (-largest - 1, -1) } else { (1, largest) };
    let start = if sequence.increment < 0 { sequence.max } else { sequence.min };
    let mut options = Vec::new();
    let mut put = |key: &str, value: String, usual: String| {
        if value != usual {
            options.push((key.to_owned(), value));
        }
    };
    put("type", sequence.data_type.clone(), usual.to_owned());
    put("start", sequence.start.to_string(), start.to_string());
    put("increment", sequence.increment.to_string(), "1".to_owned());
    put("min", sequence.min.to_string(), min.to_string());
    put("max", sequence.max.to_string(), max.to_string());
    put("cache", sequence.cache.to_string(), "1".to_owned());
    put("cycle", sequence.cycle.to_string(), "false".to_owned());
    options
}
