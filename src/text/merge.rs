//! Two edits of one text, joined line by line.

use similar::{DiffOp, TextDiff};

/// Lines of the base that a side replaces, and by what.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Hunk {
    start: usize,
    end: usize,
    text: String,
}

/// The text with what both sides changed; `None` where both changed the same lines, each in its own way. What both put in
/// at one place stands there one after the other, `first` before `second`.
pub fn three_way(base: &str, first: &str, second: &str) -> Option<String> {
    let mut hunks: Vec<(usize, Hunk)> = Vec::new();
    hunks.extend(changes(base, first).into_iter().map(|hunk| (0, hunk)));
    hunks.extend(changes(base, second).into_iter().map(|hunk| (1, hunk)));
    hunks.sort_by_key(|(side, hunk)| (hunk.start, hunk.end, *side));
    let lines: Vec<&str> = base.split_inclusive('\n').collect();
    let mut merged = String::new();
    let mut at = 0;
    let mut last: Option<&Hunk> = None;
    for (_, hunk) in &hunks {
        if last == Some(hunk) {
            continue;
        }
        if hunk.start < at {
            return None;
        }
        merged.extend(lines[at..hunk.start].iter().copied());
        merged.push_str(&hunk.text);
        at = hunk.end;
        last = Some(hunk);
    }
    merged.extend(lines[at..].iter().copied());
    Some(merged)
}

fn changes(base: &str, side: &str) -> Vec<Hunk> {
    let lines: Vec<&str> = side.split_inclusive('\n').collect();
    let diff = TextDiff::from_lines(base, side);
    let hunks = diff.ops().iter().filter(|op| !matches!(op, DiffOp::Equal { .. })).map(|op| {
        let (before, after) = (op.old_range(), op.new_range());
        Hunk { start: before.start, end: before.end, text: lines[after].concat() }
    });
    hunks.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "a\nb\nc\nd\n";

    #[test]
    fn what_one_side_leaves_the_other_may_change() {
        assert_eq!(three_way(BASE, "A\nb\nc\nd\n", BASE).as_deref(), Some("A\nb\nc\nd\n"));
        assert_eq!(three_way(BASE, BASE, "a\nc\nd\n").as_deref(), Some("a\nc\nd\n"));
        assert_eq!(
            three_way(BASE, "A\nb\nc\nd\n", "a\nb\nc\nD\n").as_deref(),
            Some("A\nb\nc\nD\n")
        );
    }

    #[test]
    fn what_both_put_in_at_one_place_stands_there_once_or_in_order() {
        let both = three_way(BASE, "a\nb\nx\nc\nd\n", "a\nb\ny\nc\nd\n");
        assert_eq!(both.as_deref(), Some("a\nb\nx\ny\nc\nd\n"));
        let same = three_way(BASE, "a\nb\nx\nc\nd\n", "a\nb\nx\nc\nd\n");
        assert_eq!(same.as_deref(), Some("a\nb\nx\nc\nd\n"));
    }

    #[test]
    fn one_line_changed_in_two_ways_is_a_conflict() {
        assert_eq!(three_way(BASE, "a\nX\nc\nd\n", "a\nY\nc\nd\n"), None);
        assert_eq!(three_way(BASE, "a\nX\nc\nd\n", "a\nd\n"), None);
    }
}
