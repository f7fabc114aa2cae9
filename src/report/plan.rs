//! A plan on one screen: what changes, then each step with who waits and what the way back restores.

use super::style::{BAD, CAREFUL, FAINT, GOOD, STRONG, columns, paint};
use crate::dialect::{Blocks, Step, Undo};
use crate::plan::PlanFile;

/// The changes of a plan, coloured by what they do.
pub fn changes(summary: &[String]) -> String {
    summary.iter().map(|line| format!("  {}\n", change(line))).collect()
}

/// How wide a line of changes may become before it is broken at a comma.
const WIDTH: usize = 100;

fn change(line: &str) -> String {
    let mut lines = vec![String::new()];
    for part in line.split_inclusive(", ") {
        let last = lines.last_mut().expect("there is always a line");
        if !last.is_empty() && last.len() + part.trim_end().len() > WIDTH {
            last.truncate(last.trim_end().len());
            lines.push(format!("      {part}"));
        } else {
            last.push_str(part);
        }
    }
    marked(&lines.join("\n"))
}

fn marked(line: &str) -> String {
    let style = match line.chars().next() {
        Some('+') => GOOD,
        Some('-') => BAD,
        Some('~' | '>') => CAREFUL,
        _ => FAINT,
    };
    match line.split_at_checked(1) {
        Some((mark, rest)) => format!("{}{rest}", paint(style, mark)),
        None => line.to_owned(),
    }
}

/// The whole plan.
pub fn plan(plan: &PlanFile) -> String {
    let mut text = changes(&plan.summary);
    if plan.up.steps.is_empty() {
        text.push_str("\nno statement follows from it\n");
        return text;
    }
    text.push_str(&format!("\n{}\n", paint(STRONG, "steps")));
    text.push_str(&steps(&plan.up.steps));
    let checks = plan.up.checks.len();
    if checks > 0 {
        text.push_str(&paint(
            FAINT,
            &format!("  {checks} rule(s) are checked on every row first\n"),
        ));
    }
    text
}

/// Steps in order, with their facts.
pub fn steps(steps: &[Step]) -> String {
    let shown = steps.iter().filter(|step| !is_put_back(step));
    let rows: Vec<Vec<String>> = shown
        .enumerate()
        .map(|(index, step)| {
            vec![
                format!("  {:>2}", index + 1),
                step.title.clone(),
                blocks(step.facts.lock.blocks()),
                paint(FAINT, step.facts.work.name()),
                why(step),
            ]
        })
        .collect();
    columns(&rows)
}

/// Steps that only matter on the next apply after a rollback.
fn is_put_back(step: &Step) -> bool {
    step.reads_kept.as_ref().is_some_and(|kept| kept.absence == crate::dialect::Absence::Skip)
}

fn blocks(blocks: Blocks) -> String {
    match blocks {
        Blocks::Nothing => paint(FAINT, "blocks nobody"),
        Blocks::SchemaChanges => paint(FAINT, "blocks schema changes"),
        Blocks::Writes => paint(CAREFUL, "blocks writes"),
        Blocks::ReadsAndWrites => paint(CAREFUL, "blocks reads and writes"),
    }
}

/// Reversibility, and the reason where that is not simply exact.
fn why(step: &Step) -> String {
    let facts = &step.facts;
    match facts.undo {
        Undo::Exact => undo(facts.undo),
        Undo::Kept | Undo::Lossy if facts.reason.is_empty() => undo(facts.undo),
        Undo::Kept | Undo::Lossy => {
            format!("{}: {}", undo(facts.undo), paint(FAINT, &facts.reason))
        }
    }
}

/// Reversibility, coloured.
pub fn undo(undo: Undo) -> String {
    let style = match undo {
        Undo::Exact => GOOD,
        Undo::Kept => CAREFUL,
        Undo::Lossy => BAD,
    };
    paint(style, undo.name())
}
