//! A report as Markdown, with diagrams that GitHub and GitLab draw themselves.

use super::machines::Machine;
use super::relations::Map;
use super::{Report, Step};
use crate::report::formats::cell;
use crate::report::style::{count, duration};

/// The whole report.
pub fn markdown(report: &Report) -> String {
    let mut text = format!("# {}: {}\n\n", report.project, report.title);
    let sign = if report.verdict.ready { "✓" } else { "✕" };
    text.push_str(&format!("**{sign} {}**\n\n", report.verdict.sentence));
    for note in &report.notes {
        text.push_str(&format!("> {note}\n\n"));
    }
    text.push_str(&format!("## Release checklist\n\n{}", checklist(report)));
    text.push_str("\n## What changes\n\n");
    for change in &report.changes {
        let mark = change.mark.word();
        text.push_str(&format!(
            "- {mark} {} **{}**: {}\n",
            change.kind,
            change.of,
            inline(&change.says)
        ));
    }
    for part in &report.versions {
        text.push_str(&format!(
            "\n### {} in the words of the database\n\n```\n{}\n```\n",
            part.id,
            part.summary.join("\n")
        ));
    }
    text.push_str("\n## Steps\n");
    for part in &report.versions {
        text.push_str(&format!("\n### {}\n\n{}", part.id, steps(&part.up)));
    }
    text.push_str(&rows(report));
    text.push_str(&rehearsal(report));
    text.push_str("\n## Way back\n");
    for part in report.versions.iter().rev() {
        text.push_str(&format!("\n### {} ({})\n\n", part.id, part.undo.name()));
        for kept in &part.keeps {
            text.push_str(&format!("- kept: {}: {}\n", kept.step, inline(&kept.reason)));
        }
        text.push_str(&format!("\n{}", steps(&part.down)));
    }
    text.push_str(&permissions(report));
    text.push_str(&personal(report));
    for machine in &report.states {
        text.push_str(&state_diagram(machine));
    }
    text.push_str(&entity_diagram(&report.entities));
    text.push_str(&diff(report));
    text.push_str(&ledger(report));
    text
}

/// The checklist alone, as a table.
pub fn checklist(report: &Report) -> String {
    let mut text = "| outcome | check | proof |\n|---|---|---|\n".to_owned();
    for line in &report.checklist {
        text.push_str(&format!(
            "| {} {} | {} | {} |\n",
            line.outcome.sign(),
            line.outcome.word(),
            line.title,
            cell(&line.says)
        ));
    }
    text
}

/// The same in a cell of a table.
fn table(text: &str) -> String {
    inline(text).replace('|', "\\|").replace(['\n', '\r'], " ")
}

/// Text that Markdown must not read.
fn inline(text: &str) -> String {
    let special = |c: char| matches!(c, '*' | '_' | '`' | '<' | '>' | '[' | ']' | '\\' | '~');
    text.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

fn steps(steps: &[Step]) -> String {
    let mut text =
        "| # | step | who waits | takes | way back |\n|--:|---|---|---|---|\n".to_owned();
    for step in steps {
        let held = match step.held().as_str() {
            "" => step.waits().to_owned(),
            held => format!("{} for {held}", step.waits()),
        };
        let undo = match step.reason.as_str() {
            "" => step.undo.name().to_owned(),
            reason => format!("{}: {}", step.undo.name(), table(reason)),
        };
        let title = table(&step.title);
        text.push_str(&format!(
            "| {} | {title} | {held} | {} | {undo} |\n",
            step.number,
            step.takes()
        ));
    }
    text
}

fn rows(report: &Report) -> String {
    let Some(rows) = &report.rows else { return String::new() };
    let mut text = format!(
        "\n## Rows and rules\n\n{} on up to {} of a table, at {}.\n\n",
        count(rows.verdict.checked as u64, "rule"),
        count(rows.verdict.rows, "row"),
        rows.at
    );
    for broken in &rows.verdict.violations {
        text.push_str(&format!(
            "- **{}**: {} of {} in `{}`: {}\n",
            inline(&broken.rule),
            count(broken.rows, "row"),
            count(broken.of, "row"),
            broken.table,
            inline(&broken.message)
        ));
        for row in &broken.sample {
            let names = broken.keys.iter().chain(&broken.values);
            let told: Vec<String> = names
                .zip(row)
                .map(|(name, value)| format!("{name} = {}", value.as_deref().unwrap_or("nothing")))
                .collect();
            text.push_str(&format!("  - {}\n", inline(&told.join(", "))));
        }
    }
    for unasked in &rows.verdict.unasked {
        text.push_str(&format!(
            "- not asked: **{}**: {}\n",
            inline(&unasked.rule),
            inline(&unasked.reason)
        ));
    }
    text
}

fn rehearsal(report: &Report) -> String {
    let mut text = "\n## Rehearsal\n\n".to_owned();
    for part in &report.versions {
        text.push_str(&match &part.evidence {
            Some(it) => format!(
                "- {}: passed on {} on {} of `{}` ({}); up {}, down {}\n",
                part.id,
                it.at,
                count(it.rows, "row"),
                it.source,
                it.extent.summary(),
                duration(it.up_ms),
                duration(it.down_ms)
            ),
            None => format!("- {}: none on file; {}\n", part.id, inline(&part.proved)),
        });
    }
    text
}

fn permissions(report: &Report) -> String {
    if report.permissions.is_empty() {
        return String::new();
    }
    let mut text = "\n## Permissions\n".to_owned();
    for matrix in &report.permissions {
        text.push_str(&format!("\n### {}\n\n| operation |", matrix.entity));
        matrix.roles.iter().for_each(|role| text.push_str(&format!(" {} |", cell(role))));
        text.push_str(&format!("\n|---|{}\n", "---|".repeat(matrix.roles.len())));
        for row in &matrix.rows {
            text.push_str(&format!("| {} |", cell(&row.name)));
            for one in &row.cells {
                let mut told = if one.allowed { "may".to_owned() } else { "may not".to_owned() };
                if let Some(when) = &one.when {
                    told.push_str(&format!(" when {}", inline(when)));
                }
                if one.mark.is_change() {
                    told = format!("**{}** {told}", one.mark.word());
                }
                if let Some(was) = &one.was {
                    told.push_str(&format!(" (was: {})", inline(was)));
                }
                text.push_str(&format!(" {} |", told.replace('|', "\\|")));
            }
            text.push('\n');
        }
    }
    text
}

fn personal(report: &Report) -> String {
    if report.personal.is_empty() {
        return String::new();
    }
    let mut text =
        "\n## Personal data\n\n| field | kind | holds | change |\n|---|---|---|---|\n".to_owned();
    for it in &report.personal {
        let (entity, field, holds) = (cell(&it.entity), cell(&it.field), cell(&it.holds));
        text.push_str(&format!(
            "| {entity}.{field} | {} | {holds} | {} |\n",
            cell(&it.kind),
            it.mark.word()
        ));
    }
    text
}

/// A name as Mermaid takes it: letters, digits and underscores.
fn word(name: &str) -> String {
    name.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect()
}

/// Text that stands behind a colon in Mermaid.
fn label(text: &str) -> String {
    text.replace([':', ';', '"', '#', '\n'], " ")
}

fn state_diagram(machine: &Machine) -> String {
    let mut text = format!("\n## States of {}\n\n```mermaid\nstateDiagram-v2\n", machine.of);
    if let Some(initial) = &machine.initial {
        text.push_str(&format!("  [*] --> {}\n", word(initial)));
    }
    for state in machine.states.iter().filter(|state| state.mark.is_change()) {
        text.push_str(&format!("  {0} : {0} ({1})\n", word(&state.name), state.mark.word()));
    }
    for step in &machine.transitions {
        let mark = match step.mark.word() {
            "" => String::new(),
            word => format!(" ({word})"),
        };
        let by = match step.by.is_empty() {
            true => String::new(),
            false => format!(" by {}", step.by.join(", ")),
        };
        for from in &step.from {
            let told = label(&format!("{}{mark}{by}", step.name));
            text.push_str(&format!("  {} --> {} : {told}\n", word(from), word(&step.to)));
        }
    }
    text.push_str("```\n");
    text
}

fn entity_diagram(map: &Map) -> String {
    if map.entities.is_empty() {
        return String::new();
    }
    let mut text = "\n## Entities\n\n```mermaid\nerDiagram\n".to_owned();
    for entity in &map.entities {
        text.push_str(&format!("  {} {{\n", word(&entity.name)));
        for row in &entity.fields {
            let key = if row.key { " PK" } else { "" };
            let mark = match row.mark.word() {
                "" => String::new(),
                word => format!(" \"{word}\""),
            };
            let kind = match row.refers_to {
                Some(_) => "ref".to_owned(),
                None => word(&row.kind),
            };
            text.push_str(&format!("    {kind} {}{key}{mark}\n", word(&row.name)));
        }
        text.push_str("  }\n");
    }
    for relation in &map.relations {
        let line = if relation.both_ways { "}o--o{" } else { "||--o{" };
        let (from, to) = (word(&relation.from), word(&relation.to));
        text.push_str(&format!("  {to} {line} {from} : \"{}\"\n", label(&relation.field)));
    }
    text.push_str("```\n");
    text
}

fn diff(report: &Report) -> String {
    let diff = &report.model_diff;
    if diff.hunks.is_empty() {
        return String::new();
    }
    let mut lines = Vec::new();
    for hunk in &diff.hunks {
        lines.push("@@".to_owned());
        lines.extend(hunk.lines.iter().map(|line| format!("{}{}", line.kind.sign(), line.text)));
    }
    // A fence longer than any in the text.
    let fence = "`"
        .repeat(lines.iter().map(|line| line.matches('`').count()).max().unwrap_or(0).max(2) + 1);
    format!(
        "\n## Model, line by line\n\n`{}` → `{}`\n\n{fence}diff\n{}\n{fence}\n",
        diff.before,
        diff.after,
        lines.join("\n")
    )
}

fn ledger(report: &Report) -> String {
    let Some(ledger) = report.ledger.as_ref().filter(|ledger| ledger.of > 0) else {
        return String::new();
    };
    let mut text =
        "\n## Ledger\n\n| # | when | what | version | who | why |\n|--:|---|---|---|---|---|\n"
            .to_owned();
    for it in &ledger.entries {
        text.push_str(&format!(
            "| {} | {} | {} | {} | {}@{} | {} |\n",
            it.number,
            it.at,
            it.action.name(),
            cell(&it.version),
            cell(&it.actor),
            cell(&it.host),
            cell(it.reason.as_deref().unwrap_or(""))
        ));
    }
    text.push_str(&match ledger.broken {
        Some(row) => format!("\nRow {row} does not follow from the row before.\n"),
        None => format!(
            "\n{} of {} rows; every row follows from the one before.\n",
            ledger.entries.len(),
            ledger.of
        ),
    });
    text
}
