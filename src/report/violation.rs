//! Rows that break rules: how many, which, and what they hold.

use super::style::{BAD, CAREFUL, FAINT, GOOD, count, number, paint};
use crate::catalog::rule::Enforce;
use crate::verify::{Estimate, Proposed, Ready, Sampled, Seen, Unasked, Verdict, Violation};

/// How many sample rows are printed for a rule, unless somebody wants more.
const SHOWN: usize = 5;

/// The verdict of a verification.
pub fn verdict(verdict: &Verdict) -> String {
    verdict_with(verdict, SHOWN, None)
}

/// The verdict with so many rows for each rule, and with ways to repair them by `command`.
pub fn proposing(verdict: &Verdict, shown: Option<usize>, command: &str) -> String {
    verdict_with(verdict, shown.unwrap_or(SHOWN), Some(command))
}

fn verdict_with(verdict: &Verdict, shown: usize, command: Option<&str>) -> String {
    let mut text = String::new();
    for broken in &verdict.violations {
        text.push_str(&violation_with(broken, shown));
        if let Some(command) = command {
            text.push_str(&repairs(broken, command));
        }
    }
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
    for (style, word, list) in
        [(BAD, "not asked", &verdict.unasked), (CAREFUL, "not asked", &verdict.notes)]
    {
        for Unasked { rule, origin, file, reason, .. } in list {
            let place = place(*origin, file.as_deref());
            text.push_str(&format!("{} {rule}{place}: {reason}\n", paint(style, word)));
        }
    }
    for Ready { rule, statement } in &verdict.ready {
        text.push_str(&format!("{} {rule}: no row breaks it: {statement}\n", paint(GOOD, "ready")));
    }
    for Sampled { table, rows, of, unseen } in &verdict.sampled {
        text.push_str(&format!(
            "{} `{table}`: about {} of {} looked at by rules that look at rows one by one; up to {} may break a \
             rule that none of them breaks\n",
            paint(CAREFUL, "sampled"),
            number(*rows),
            count(*of, "row"),
            number(*unseen)
        ));
    }
    text.push_str(&closing(verdict));
    if !verdict.trusted.is_empty() {
        let trusted = count(verdict.trusted.len() as u64, "rule");
        text.push_str(&paint(
            FAINT,
            &format!("the database holds every row to {trusted} more (`--all` asks them too)\n"),
        ));
    }
    text
}

/// Ways to repair the rows: the whole command for the first, words for the others.
fn repairs(violation: &Violation, command: &str) -> String {
    let [first, ..] = violation.repairs.as_slice() else { return String::new() };
    let chosen = shell(&format!("{}={}", violation.rule, first.strategy));
    let mut text = format!("  repair it: {command} --repair {chosen}\n");
    for Proposed { strategy, says } in &violation.repairs {
        text.push_str(&paint(FAINT, &format!("    {strategy}: {says}\n")));
    }
    text
}

/// A word as a shell reads it.
pub fn shell(word: &str) -> String {
    let is_plain = |c: char| {
        c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '=' | ':' | '/' | '@' | ',')
    };
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

fn place(origin: Option<(usize, usize)>, file: Option<&str>) -> String {
    match (origin, file) {
        (Some((line, column)), Some(file)) => format!(" ({file}:{line}:{column})"),
        (Some((line, column)), None) => format!(" (line {line}, column {column} of the model)"),
        (None, _) => String::new(),
    }
}

fn closing(verdict: &Verdict) -> String {
    let rules = count(verdict.checked as u64, "rule");
    let every = if verdict.sampled.is_empty() { "every row" } else { "every row looked at" };
    match verdict.violations.len() {
        0 if verdict.checked == 0 && !verdict.unasked.is_empty() => {
            let unasked = count(verdict.unasked.len() as u64, "rule");
            format!("{unasked} could not be asked\n")
        }
        0 if verdict.checked == 0 && !verdict.trusted.is_empty() => {
            format!("{} nothing is left to ask\n", paint(GOOD, "verified"))
        }
        0 if verdict.checked == 0 => "no rule is new or tightened: nothing to ask\n".to_owned(),
        0 if verdict.checked == 1 => {
            format!("{} {rules} holds on {every}\n", paint(GOOD, "verified"))
        }
        0 => format!("{} {rules} hold on {every}\n", paint(GOOD, "verified")),
        broken => {
            let rows: u64 = verdict.violations.iter().map(|violation| violation.rows).sum();
            let (style, end) = match verdict.fails() {
                true => (BAD, ""),
                false => (CAREFUL, "; nothing of it fails"),
            };
            format!(
                "{} of {rules} broken, by {}{end}\n",
                paint(style, &number(broken as u64)),
                count(rows, "row")
            )
        }
    }
}

/// One rule and the rows that break it.
pub fn violation(violation: &Violation) -> String {
    violation_with(violation, SHOWN)
}

fn violation_with(violation: &Violation, shown: usize) -> String {
    let (style, word) = match violation.enforce {
        Enforce::Warn => (CAREFUL, "warning"),
        Enforce::Database | Enforce::Verify if !violation.fails() => (CAREFUL, "known"),
        Enforce::Database | Enforce::Verify => (BAD, "violation"),
    };
    let place = place(violation.origin, violation.file.as_deref());
    // A number that is compared may be about no rows.
    let counted = match violation.of {
        0 => String::new(),
        of => format!(": {} of {}", number(violation.rows), count(of, "row")),
    };
    let mut text = format!(
        "{} {}{counted} in `{}`{place}\n  {}\n",
        paint(style, word),
        violation.rule,
        violation.table,
        violation.message,
    );
    if let Some(known) = violation.known.filter(|known| *known > 0 && violation.fails()) {
        let new = violation.rows - known.min(violation.rows);
        text.push_str(&format!("  {} known, {} new\n", number(known), number(new)));
    }
    if let Some(Estimate { least, most }) = violation.estimate {
        let (least, most) = (number(least), count(most, "row"));
        text.push_str(&format!("  of all rows probably {least} to {most}\n"));
    }
    if let Some(Seen { first, last }) = &violation.seen {
        text.push_str(&paint(FAINT, &format!("  first {first}, last {last}\n")));
    }
    for row in violation.sample.iter().take(shown) {
        text.push_str(&format!("  {}\n", sample_row(violation, row)));
    }
    let more = violation.rows.saturating_sub(violation.sample.len().min(shown) as u64);
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
