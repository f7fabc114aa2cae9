//! The release checklist on a terminal.

use super::document::Report;
use super::document::checklist::Outcome;
use super::style::{BAD, FAINT, GOOD, STRONG, paint};

/// A line for each check, and the verdict.
pub fn checklist(report: &Report) -> String {
    let widest = report.checklist.iter().map(|line| line.title.chars().count()).max().unwrap_or(0);
    let mut text = format!("{}\n", paint(STRONG, &report.title));
    for line in &report.checklist {
        let (style, word) = match line.outcome {
            Outcome::Pass => (GOOD, "pass"),
            Outcome::Fail => (BAD, "FAIL"),
            Outcome::NotApplicable => (FAINT, "n/a "),
        };
        let gap = " ".repeat(widest - line.title.chars().count());
        text.push_str(&format!("  {}  {}{gap}  {}\n", paint(style, word), line.title, line.says));
    }
    let style = if report.verdict.ready { GOOD } else { BAD };
    text.push_str(&format!("{}\n", paint(style, &report.verdict.sentence)));
    text
}
