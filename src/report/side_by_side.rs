//! Two lists of lines beside each other.

use super::style::columns;

/// The lines of both sides, each pair on a line of its own.
pub fn side_by_side(left: &[String], right: &[String]) -> String {
    let rows: Vec<Vec<String>> = (0..left.len().max(right.len()))
        .map(|at| {
            let cell = |side: &[String]| side.get(at).cloned().unwrap_or_default();
            vec![format!("  {}", cell(left)), format!("│ {}", cell(right))]
        })
        .collect();
    columns(&rows)
}
