//! What a rehearsal showed, at a glance: verdict, shadow, what blocks whom and for how long, what every step did.

use super::style::{BAD, CAREFUL, FAINT, GOOD, columns, count, duration, number, paint};
use super::violation;
use crate::apply::rehearse::{
    Evidence, Expected, Rehearsal, SnapshotKind, StepEvidence, Witnesses,
};
use crate::dialect::{Blocks, Lock};
use crate::shadow::extent::{RowCount, Share};

/// How many steps are shown.
const SHOWN: usize = 12;

/// Steps that may take less than this stand in the order of the plan.
const WORTH_TELLING_MS: u64 = 1_000;

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
    text.push_str(&extent(evidence));
    let order = longest_first(&evidence.steps);
    if let Some(longest) = order.first().filter(|step| step.lock().blocks() >= Blocks::Writes) {
        text.push_str(&longest_block(longest));
    }
    let rows: Vec<Vec<String>> = order.iter().take(SHOWN).map(|step| row(step)).collect();
    text.push_str(&columns(&rows));
    if order.len() > SHOWN {
        text.push_str(&format!("  and {} more\n", count((order.len() - SHOWN) as u64, "step")));
    }
    text.push_str(&format!(
        "  up {}, down {}; schema and every value were as before{}\n",
        duration(evidence.up_ms),
        duration(evidence.down_ms),
        written(&evidence.written)
    ));
    text
}

/// What became of rows that were made up.
fn written(rows: &Witnesses) -> String {
    let mut text = match rows.survived {
        0 => String::new(),
        survived => format!("; {} written in between lived on", count(survived as u64, "row")),
    };
    if let Some(first) = rows.refused.first() {
        text.push_str(&format!(
            "\n  {} written in between cannot live in the old shape ({}: {}): with such rows a rollback is refused",
            count(rows.refused.len() as u64, "row"),
            first.table,
            first.rule
        ));
    }
    if let Some(stopped) = &rows.stopped {
        let row = stopped.rows.first().map_or("", String::as_str);
        let told = format!(
            "a row such as {row} would stop a rollback, undone and without loss, and no check names it beforehand: {}",
            stopped.error
        );
        text.push_str(&format!("\n  {}", paint(CAREFUL, &told)));
    }
    text
}

/// What the shadow lacks of the database.
fn extent(evidence: &Evidence) -> String {
    let tables = &evidence.extent.tables;
    let mut parts: Vec<String> = tables
        .iter()
        .filter(|table| matches!(table.share, Share::Sample | Share::Referenced))
        .map(|table| {
            let about = if matches!(table.of, RowCount::About(_)) { "about " } else { "" };
            format!(
                "{} {} of {about}{}",
                table.table,
                number(table.rows),
                number(table.of.number())
            )
        })
        .collect();
    let more = parts.len().saturating_sub(SHOWN);
    parts.truncate(SHOWN);
    if more > 0 {
        parts.push(format!("and {more} more"));
    }
    let left_out = tables.iter().filter(|table| table.share == Share::LeftOut).count();
    if left_out > 0 {
        parts.push(format!(
            "{} that the plan does not touch left out",
            count(left_out as u64, "table")
        ));
    }
    let masked: usize = tables.iter().map(|table| table.masked.len()).sum();
    if masked > 0 {
        parts.push(format!("{} masked", count(masked as u64, "column")));
    }
    if parts.is_empty() {
        return String::new();
    }
    let what = match evidence.snapshot {
        SnapshotKind::Sample => "a sample, not every row",
        SnapshotKind::Whole | SnapshotKind::Part => "every row of what the plan touches",
    };
    format!("  {}\n", paint(CAREFUL, &format!("{what}: {}", parts.join(", "))))
}

/// Those that block somebody for long come first, then those that take long, then the order of the plan.
fn longest_first(steps: &[StepEvidence]) -> Vec<&StepEvidence> {
    let mut order: Vec<&StepEvidence> = steps.iter().collect();
    order.sort_by_key(|step| {
        let blocks = step.lock().blocks() >= Blocks::Writes;
        let time = if blocks { step.held } else { step.expected };
        let long = time.high_ms / WORTH_TELLING_MS;
        (std::cmp::Reverse((blocks && long > 0, long)), step.step)
    });
    // A step that blocks leads even where none takes long.
    if let Some(first) = order.iter().position(|step| step.lock().blocks() >= Blocks::Writes) {
        let leading = order.remove(first);
        order.insert(0, leading);
    }
    order
}

fn longest_block(step: &StepEvidence) -> String {
    let waits = match step.lock().blocks() {
        Blocks::ReadsAndWrites => "reads and writes wait",
        Blocks::Nothing | Blocks::SchemaChanges | Blocks::Writes => "writes wait",
    };
    let strongest = step.locks.iter().filter(|held| held.lock == step.lock());
    let tables: Vec<String> = strongest.map(|held| format!("`{}`", held.table)).collect();
    let of = match &tables[..] {
        [] => String::new(),
        few if few.len() <= 3 => format!(" on {}", few.join(", ")),
        few => format!(" on {} and {} more", few[0], few.len() - 1),
    };
    let text = format!("{waits}{of} for {} from step {} on", range(step.held), step.step);
    format!("  {}\n{}", paint(CAREFUL, &text), what_helps(step.lock(), step.held))
}

/// What can be done about a table that stands still so long that people notice.
fn what_helps(lock: Lock, held: Expected) -> &'static str {
    match lock != Lock::Reserved && held.low_ms >= NOTICED_MS {
        true => PLANNED_ANEW,
        false => "",
    }
}

/// From how long on people notice that a table stands still.
const NOTICED_MS: u64 = 1_000;

const PLANNED_ANEW: &str = "  help: `migrate plan --replace --online` plans it anew in steps that let others work, where there \
     are such\n";

fn row(step: &StepEvidence) -> Vec<String> {
    let lock = match step.lock() {
        // SQLite's only lock is the same for all.
        Lock::Reserved => String::new(),
        lock => lock.name().to_owned(),
    };
    let scale = match step.expected.scale_percent {
        0..=100 => String::new(),
        percent => format!(", {} times the rows", percent / 100),
    };
    vec![
        format!("  {} {}", step.step, step.title),
        duration(step.ms()),
        paint(style_of(step.lock()), &lock),
        paint(FAINT, &work(step)),
        paint(FAINT, &format!("real: {}{scale}", range(step.expected))),
    ]
}

fn style_of(lock: Lock) -> anstyle::Style {
    match lock.blocks() {
        Blocks::ReadsAndWrites | Blocks::Writes => CAREFUL,
        Blocks::Nothing | Blocks::SchemaChanges => FAINT,
    }
}

/// What it did to rows: `40 rows, rewrites invoice, scans line`.
fn work(step: &StepEvidence) -> String {
    let mut parts = Vec::new();
    if step.rows > 0 {
        parts.push(count(step.rows, "row"));
    }
    if !step.rewrites.is_empty() {
        parts.push(format!("rewrites {}", step.rewrites.join(", ")));
    }
    let scans: Vec<&str> = step
        .scans
        .iter()
        .filter(|scan| !step.rewrites.contains(&scan.table))
        .map(|scan| scan.table.as_str())
        .collect();
    if !scans.is_empty() {
        parts.push(format!("scans {}", scans.join(", ")));
    }
    parts.join(", ")
}

fn range(expected: Expected) -> String {
    format!("{} to {}", duration(expected.low_ms), duration(expected.high_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_block_names_the_way_to_plan_anew_and_a_short_one_does_not() {
        let held = |low_ms| Expected { low_ms, high_ms: 4 * low_ms, scale_percent: 100 };
        let long = what_helps(Lock::AccessExclusive, held(1_000));
        assert!(long.contains("`migrate plan --replace --online`"), "{long}");
        assert_eq!(what_helps(Lock::AccessExclusive, held(999)), "");
        // SQLite has no other way.
        assert_eq!(what_helps(Lock::Reserved, held(60_000)), "");
    }
}
