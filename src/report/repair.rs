//! What repairs would change.

use super::style::{CAREFUL, FAINT, GOOD, STRONG, count, number, paint};
use crate::verify::Preview;

/// How many sample rows are printed for a repair.
const SHOWN: usize = 5;

/// Repairs with the rows that they would change.
pub fn previews(previews: &[Preview]) -> String {
    previews.iter().map(preview).collect()
}

fn preview(preview: &Preview) -> String {
    let style = if preview.left == Some(0) { GOOD } else { CAREFUL };
    let verb = if preview.columns.is_empty() { "go" } else { "change" };
    let mut text = format!(
        "{} {}={}: {} of {} of `{}` would {verb}\n  {}\n",
        paint(style, "repair"),
        preview.rule,
        preview.strategy,
        number(preview.changed),
        count(preview.broken, "violating row"),
        preview.table,
        preview.says
    );
    for row in preview.sample.iter().take(SHOWN) {
        text.push_str(&format!("  {}\n", line(preview, row)));
    }
    let shown = preview.sample.len().min(SHOWN) as u64;
    if preview.changed > shown && shown > 0 {
        let more = count(preview.changed - shown, "more row");
        text.push_str(&paint(FAINT, &format!("  … and {more}\n")));
    }
    match preview.left {
        None => text.push_str("  whether the rule holds then, `migrate verify` tells\n"),
        Some(0) => {}
        Some(left) => text.push_str(&format!(
            "  {} would still break the rule: add another repair of it\n",
            count(left, "row")
        )),
    }
    text
}

fn line(preview: &Preview, row: &[Option<String>]) -> String {
    let value = |at: usize| match row.get(at) {
        Some(Some(text)) => shorten(text),
        Some(None) | None => "NULL".to_owned(),
    };
    let keys = preview.keys.iter().enumerate();
    let mut cells: Vec<String> = keys.map(|(at, name)| format!("{name}={}", value(at))).collect();
    for (at, column) in preview.columns.iter().enumerate() {
        let place = preview.keys.len() + at * 2;
        let (before, after) = (value(place), value(place + 1));
        cells.push(format!("{column}: {before} → {}", paint(STRONG, &after)));
    }
    cells.join("  ")
}

fn shorten(value: &str) -> String {
    let text = match value.char_indices().nth(40) {
        Some((cut, _)) => format!("{}…", &value[..cut]),
        None => value.to_owned(),
    };
    // White space at the ends is what some repairs are about.
    let is_bare = !text.is_empty() && text.trim() == text;
    let text = text.replace(['\n', '\r', '\u{1b}'], "␤");
    if is_bare { text } else { format!("'{text}'") }
}
