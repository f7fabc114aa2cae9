//! Colours with one meaning each, and small pieces of layout.

use anstyle::{AnsiColor, Color, Style};

/// Good: passed, applied, exact.
pub const GOOD: Style = Style::new().fg_color(Some(Color::Ansi(AnsiColor::Green)));
/// Bad: violations, failures.
pub const BAD: Style = Style::new().fg_color(Some(Color::Ansi(AnsiColor::Red))).bold();
/// Worth a look: kept data, locks, warnings.
pub const CAREFUL: Style = Style::new().fg_color(Some(Color::Ansi(AnsiColor::Yellow)));
/// Less important than what stands beside it.
pub const FAINT: Style = Style::new().dimmed();
/// Headings.
pub const STRONG: Style = Style::new().bold();

/// The text in a style.
pub fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// A duration people can read: `12 ms`, `3.4 s`, `2 min 5 s`.
pub fn duration(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        _ => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1_000),
    }
}

/// A number with thousands apart: `1,234,567`.
pub fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A size on disk: `512 bytes`, `4.0 KiB`, `1.5 GiB`.
pub fn bytes(size: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if size < 1024 {
        return count(size, "byte");
    }
    let mut unit = 0;
    let mut whole = size;
    while whole >= 1024 * 1024 && unit + 1 < UNITS.len() {
        whole /= 1024;
        unit += 1;
    }
    format!("{}.{} {}", number(whole / 1024), whole % 1024 * 10 / 1024, UNITS[unit])
}

/// `1 row`, `2 rows`.
pub fn count(value: u64, one: &str) -> String {
    let plural = if value == 1 { "" } else { "s" };
    format!("{} {one}{plural}", number(value))
}

/// Columns of text, each as wide as its widest cell, two spaces apart; the last is not padded.
pub fn columns(rows: &[Vec<String>]) -> String {
    let width = |cell: &str| anstyle_width(cell);
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count)
        .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|c| width(c)).max())
        .map(Option::unwrap_or_default)
        .collect();
    let mut text = String::new();
    for row in rows {
        // Cells that show nothing at the end of a row would only leave spaces.
        let shown = row.iter().rposition(|cell| width(cell) > 0).map_or(0, |last| last + 1);
        for (column, cell) in row[..shown].iter().enumerate() {
            text.push_str(cell);
            if column + 1 < shown {
                text.push_str(&" ".repeat(widths[column] - width(cell) + 2));
            }
        }
        text.push('\n');
    }
    text
}

/// Characters that show, without escape codes.
fn anstyle_width(cell: &str) -> usize {
    let mut shown = 0;
    let mut inside_code = false;
    for c in cell.chars() {
        match (inside_code, c) {
            (false, '\u{1b}') => inside_code = true,
            (true, 'm') => inside_code = false,
            (true, _) => {}
            (false, _) => shown += 1,
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_durations_are_readable() {
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(count(1, "row"), "1 row");
        assert_eq!(bytes(1_023), "1,023 bytes");
        assert_eq!(bytes(4_096), "4.0 KiB");
        assert_eq!(bytes(1_048_575), "1,023.9 KiB");
        assert_eq!(bytes(1_610_612_736), "1.5 GiB");
        assert_eq!(bytes(u64::MAX), "16,777,215.9 TiB");
        assert_eq!(duration(3_456), "3.4 s");
        assert_eq!(duration(125_000), "2 min 5 s");
    }

    #[test]
    fn colours_do_not_count_as_width() {
        let rows = vec![vec![paint(GOOD, "a"), "b".into()], vec!["ccc".into(), "d".into()]];
        assert!(columns(&rows).contains("ccc  d\n"));
        assert!(columns(&rows).contains("   b\n"));
    }
}
