//! What differs between two texts, line by line, with a few lines around each difference.

use serde::Serialize;
use similar::{ChangeTag, TextDiff as Similar};

/// How many equal lines are shown around a difference.
const AROUND: usize = 3;

/// The difference of two texts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TextDiff {
    /// The names of the two texts.
    pub before: String,
    pub after: String,
    pub added: usize,
    pub removed: usize,
    pub hunks: Vec<Hunk>,
}

/// Lines that stand together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hunk {
    pub lines: Vec<DiffLine>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DiffLine {
    pub kind: LineKind,
    /// The number of the line on each side, from 1.
    pub before: Option<usize>,
    pub after: Option<usize>,
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    Same,
    Added,
    Removed,
}

impl LineKind {
    pub fn sign(self) -> &'static str {
        match self {
            LineKind::Same => " ",
            LineKind::Added => "+",
            LineKind::Removed => "-",
        }
    }

    pub fn class(self) -> &'static str {
        match self {
            LineKind::Same => "same",
            LineKind::Added => "added",
            LineKind::Removed => "removed",
        }
    }
}

/// Compares two named texts.
pub fn text_diff(
    (before_name, before): (&str, &str),
    (after_name, after): (&str, &str),
) -> TextDiff {
    let similar = Similar::from_lines(before, after);
    let mut diff = TextDiff {
        before: before_name.to_owned(),
        after: after_name.to_owned(),
        ..TextDiff::default()
    };
    for group in similar.grouped_ops(AROUND) {
        let changes = group.iter().flat_map(|op| similar.iter_changes(op));
        let lines = changes.map(|change| DiffLine {
            kind: match change.tag() {
                ChangeTag::Equal => LineKind::Same,
                ChangeTag::Insert => LineKind::Added,
                ChangeTag::Delete => LineKind::Removed,
            },
            before: change.old_index().map(|index| index + 1),
            after: change.new_index().map(|index| index + 1),
            text: change.value().trim_end_matches(['\n', '\r']).to_owned(),
        });
        let hunk = Hunk { lines: lines.collect() };
        let count = |kind: LineKind| hunk.lines.iter().filter(|line| line.kind == kind).count();
        diff.added += count(LineKind::Added);
        diff.removed += count(LineKind::Removed);
        diff.hunks.push(hunk);
    }
    diff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_the_numbers_of_their_side() {
        let diff = text_diff(("a", "one\ntwo\nthree\n"), ("b", "one\n2\nthree\n"));
        let told: Vec<String> = diff.hunks[0]
            .lines
            .iter()
            .map(|line| {
                format!("{:?}/{:?}{}{}", line.before, line.after, line.kind.sign(), line.text)
            })
            .collect();
        assert_eq!(
            told,
            ["Some(1)/Some(1) one", "Some(2)/None-two", "None/Some(2)+2", "Some(3)/Some(3) three"]
        );
        assert_eq!((diff.added, diff.removed), (1, 1));
        assert!(text_diff(("a", "x\n"), ("b", "x\n")).hunks.is_empty());
    }
}
