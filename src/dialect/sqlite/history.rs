//! `audit: history` on SQLite: a trigger for each kind of change. SQLite does not know who acts; `changed_by` stays NULL
//! unless the row says it.

use super::quote::quote;
use crate::catalog::OpaqueKind;
use crate::dialect::history::{Kept, Logged};
use crate::dialect::session::quote_text;
use crate::text::ident::shortened;

/// Two arguments a column, and SQLite before 3.48 takes 127. Source: sqlite.org/limits.html.
const COLUMNS_MAX: usize = 63;

/// The triggers.
///
/// # Errors
/// More columns than one function takes arguments for.
pub fn objects(kept: &Kept<'_>) -> Result<Vec<(OpaqueKind, String, String)>, String> {
    if kept.columns.len() > COLUMNS_MAX {
        let (table, number) = (&kept.table.name, kept.columns.len());
        return Err(format!(
            "`{table}` has {number} columns, and SQLite makes JSON of {COLUMNS_MAX} at most"
        ));
    }
    let event = |word: &str, before: &str, after: &str, when: &str| {
        let name = format!("{}_history_{word}", kept.table.name);
        let row = |row: &str| match row {
            "" => "NULL".to_owned(),
            row => json(kept.columns, row),
        };
        let by = who(kept.columns, if after.is_empty() { "" } else { after });
        let create = format!(
            "CREATE TRIGGER {} AFTER {} ON {}{when}\nBEGIN\n  \
             INSERT INTO {} (\"operation\", \"changed_by\", \"row_before\", \"row_after\")\n    \
             VALUES ({}, {by},\n      {},\n      {});\nEND",
            quote(&shortened(name.clone())),
            word.to_ascii_uppercase(),
            quote(kept.table.name.as_str()),
            quote(kept.log.name.as_str()),
            quote_text(word),
            row(before),
            row(after)
        );
        (OpaqueKind::Trigger, name, create)
    };
    let differs: Vec<String> = kept
        .columns
        .iter()
        .map(|column| format!("OLD.{0} IS NOT NEW.{0}", quote(&column.name)))
        .collect();
    let when = format!("\nWHEN {}", differs.join(" OR "));
    Ok(vec![
        event("insert", "", "NEW", ""),
        event("update", "OLD", "NEW", &when),
        event("delete", "OLD", "", ""),
    ])
}

/// A row as JSON. JSON holds no blobs: they are written in hexadecimal digits.
fn json(columns: &[Logged], row: &str) -> String {
    let values: Vec<String> = columns
        .iter()
        .map(|column| {
            let value = format!("{row}.{}", quote(&column.name));
            let value = match column.is_json {
                true => format!("json({value})"),
                false => format!("iif(typeof({value}) = 'blob', hex({value}), {value})"),
            };
            format!("{}, {value}", quote_text(&column.name))
        })
        .collect();
    format!("json_object({})", values.join(", "))
}

fn who(columns: &[Logged], row: &str) -> String {
    match columns.iter().find(|column| column.name == "updated_by") {
        Some(column) if !row.is_empty() => {
            format!("CAST({row}.{} AS TEXT)", quote(&column.name))
        }
        Some(_) | None => "NULL".to_owned(),
    }
}
