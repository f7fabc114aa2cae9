//! Rows that break rules: how many, which, and what they hold.

use super::style::{BAD, CAREFUL, FAINT, GOOD, count, number, paint};
use crate::catalog::rule::Enforce;
use crate::verify::{Verdict, Violation};

/// How many sample rows are printed for a rule.
const SHOWN: usize = 5;

/// The verdict of a verification.
pub fn verdict(verdict: &Verdict) -> String {
    let mut text: String = verdict.violations.iter().map(violation).collect();
    for rule in &verdict.skipped {
        text.push_str(&format!(
            "{} {rule}: not asked, as values above cannot be converted\n",
            paint(CAREFUL, "skipped")
        ));
    }
    for rule in &verdict.left_to_engine {
        text.push_str(&format!(
            "{} {rule}: not asked, as it speaks of what the plan makes; the engine asks it in the step\n",
            paint(CAREFUL, "skipped")
        ));
    }
    text.push_str(&closing(verdict));
    text
}

fn closing(verdict: &Verdict) -> String {
    let rules = count(verdict.checked as u64, "rule");
    match verdict.violations.len() {
        0 if verdict.checked == 0 => "no rule is new or tightened: nothing to ask\n".to_owned(),
        0 if verdict.checked == 1 => {
            format!("{} {rules} holds on every row\n", paint(GOOD, "verified"))
        }
        0 => format!("{} {rules} hold on every row\n", paint(GOOD, "verified")),
        broken => {
            let rows: u64 = verdict.violations.iter().map(|violation| violation.rows).sum();
            format!(
                "{} of {rules} broken, by {}\n",
                paint(BAD, &number(broken as u64)),
                count(rows, "row")
            )
        }
    }
}

/// One rule and the rows that break it.
pub fn violation(violation: &Violation) -> String {
    let (style, word) = match violation.enforce {
        Enforce::Database | Enforce::Verify => (BAD, "violation"),
        Enforce::Warn => (CAREFUL, "warning"),
    };
    let place = match violation.origin {
        Some((line, column)) => format!(" (line {line}, column {column} of the model)"),
        None => String::new(),
    };
    let mut text = format!(
        "{} {}: {} of {} in `{}`{place}\n  {}\n",
        paint(style, word),
        violation.rule,
        number(violation.rows),
        count(violation.of, "row"),
        violation.table,
        violation.message,
    );
    for row in violation.sample.iter().take(SHOWN) {
        text.push_str(&format!("  {}\n", sample_row(violation, row)));
    }
    let more = violation.rows.saturating_sub(violation.sample.len().min(SHOWN) as u64);
    if more > 0 && !violation.sample.is_empty() {
        text.push_str(&paint(FAINT, &format!("  … and {}\n", count(more, "more row"))));
    }
    text
}

fn sample_row(violation: &Violation, row: &[Option<String>]) -> String {
    let names = violation.keys.iter().chain(&violation.values);
    let cells: Vec<String> = names
        .zip(row)
        .enumerate()
        .map(|(position, (name, value))| {
            let shown = value.as_deref().map_or("NULL".to_owned(), shorten);
            let cell = format!("{name}={shown}");
            if position < violation.keys.len() { cell } else { paint(FAINT, &cell) }
        })
        .collect();
    cells.join("  ")
}

fn shorten(value: &str) -> String {
    let quoted = if value.len() > 40 {
        let cut: String = value.chars().take(37).collect();
        format!("{cut}…")
    } else {
        value.to_owned()
    };
    quoted.replace(['\n', '\r', '\u{1b}'], "␤")
}
