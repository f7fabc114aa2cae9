//! What the triggers of a history write, before an engine says it.

use crate::text::QName;

/// A table and the one that keeps its history.
pub struct Kept<'h> {
    pub table: &'h QName,
    pub log: &'h QName,
    pub columns: &'h [Logged],
}

/// A column of which the history holds the values.
pub struct Logged {
    pub name: String,
    /// Its value is JSON already.
    pub is_json: bool,
}
