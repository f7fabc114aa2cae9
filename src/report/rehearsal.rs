//! What a rehearsal showed.

use super::style::{BAD, FAINT, GOOD, columns, count, duration, paint};
use super::violation;
use crate::apply::rehearse::{Evidence, Rehearsal};

/// The verdict with its evidence.
pub fn rehearsal(rehearsal: &Rehearsal) -> String {
    let mut text: String = rehearsal.evidence.iter().map(evidence).collect();
    if !rehearsal.verdict.violations.is_empty() {
        text.push_str(&violation::verdict(&rehearsal.verdict));
    }
    for finding in &rehearsal.findings {
        text.push_str(&format!(
            "{} {}: {}\n",
            paint(BAD, "not passed"),
            finding.plan,
            finding.message
        ));
    }
    text
}

fn evidence(evidence: &Evidence) -> String {
    let mut text = format!(
        "{} up, down and up again on {} in {} ({})\n",
        paint(GOOD, "rehearsed"),
        count(evidence.rows, "row"),
        count(evidence.tables as u64, "table"),
        evidence.shadow,
    );
    let slowest = evidence.steps.iter().filter(|step| step.ms() > 0 || step.rows > 0);
    let rows: Vec<Vec<String>> = slowest
        .map(|step| {
            let changed = if step.rows > 0 { count(step.rows, "row") } else { String::new() };
            vec![format!("  {}", step.title), duration(step.ms()), paint(FAINT, &changed)]
        })
        .collect();
    text.push_str(&columns(&rows));
    text.push_str(&format!(
        "  up {}, down {}; schema and every value were as before\n",
        duration(evidence.up_ms),
        duration(evidence.down_ms)
    ));
    text
}
