//! The verdict of a verification for other programs: code scanning, test reports, pull requests.

use serde_json::{Value, json};

use super::formats::{
    Annotation, Counts, Level, Spot, Style, cell, github_lines, junit_document, sarif_document,
    sarif_location, xml,
};
use super::problem::{Problem, gitlab, html};
use super::style::{count, number};
use crate::catalog::rule::Enforce;
use crate::lint::rule::Severity;
use crate::lint::rules::find;
use crate::verify::{Unasked, Verdict, Violation};

/// Where the rules stand.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The model's file as the user named it; `None` where there is no single file.
    pub file: Option<&'a str>,
}

impl<'a> Place<'a> {
    /// The place of a rule that may stand in a file of its own.
    fn of(self, file: Option<&'a String>) -> Option<&'a str> {
        file.map(String::as_str).or(self.file)
    }
}

/// The verdict in a style.
pub fn report(verdict: &Verdict, place: Place<'_>, style: Style) -> String {
    match style {
        Style::Jsonl => jsonl(verdict),
        Style::Markdown => markdown(verdict),
        Style::Github => github(verdict, place),
        Style::Sarif => sarif(verdict, place),
        Style::Junit => junit(verdict),
        Style::Gitlab => gitlab(&problems(verdict, place)),
        Style::Html => html("migrate verify", &headline(verdict), &problems(verdict, place)),
    }
}

/// The broken rules and those that could not be asked, one by one.
pub fn problems(verdict: &Verdict, place: Place<'_>) -> Vec<Problem> {
    let broken = verdict.violations.iter().map(|violation| Problem {
        code: violation.code.to_owned(),
        name: find(violation.code).map(|rule| rule.name.to_owned()),
        rule: Some(violation.rule.clone()),
        severity: match is_warning(violation) {
            true => Severity::Warning,
            false => Severity::Error,
        },
        message: sentence(violation),
        file: place.of(violation.file.as_ref()).map(str::to_owned),
        at: violation.origin,
        why: None,
        instead: Some(
            "repair the rows, give old ones a value by `backfill:`, or relax the rule".to_owned(),
        ),
    });
    let unasked = verdict.unasked.iter().map(|unasked| Problem {
        code: unasked.rule.clone(),
        name: None,
        rule: None,
        severity: Severity::Error,
        message: format!("not asked: {}", unasked.reason),
        file: place.of(unasked.file.as_ref()).map(str::to_owned),
        at: unasked.origin,
        why: None,
        instead: None,
    });
    broken.chain(unasked).collect()
}

/// One line for all of it.
fn headline(verdict: &Verdict) -> String {
    let rules = count(verdict.checked as u64, "rule");
    match verdict.violations.len() as u64 {
        0 => format!("{rules} hold"),
        broken => format!("{} of {rules} broken", number(broken)),
    }
}

fn is_warning(violation: &Violation) -> bool {
    violation.enforce == Enforce::Warn || !violation.fails()
}

/// `12 of 2,000 rows of invoices break it: total must be … (id=3; id=7; …)`.
fn sentence(violation: &Violation) -> String {
    let keys: Vec<String> =
        violation.sample.iter().take(5).map(|row| key_text(violation, row)).collect();
    let more = if violation.rows > keys.len() as u64 { "; …" } else { "" };
    let keys = match keys.as_slice() {
        [] => String::new(),
        [..] => format!(" ({}{more})", keys.join("; ")),
    };
    let known = match violation.known {
        Some(known) if known > 0 => format!(", {} of them known", number(known)),
        Some(_) | None => String::new(),
    };
    if violation.of == 0 {
        return format!("`{}`: {}", violation.table, violation.message);
    }
    format!(
        "{} of {} of `{}`{known}: {}{keys}",
        number(violation.rows),
        count(violation.of, "row"),
        violation.table,
        violation.message
    )
}

fn key_text(violation: &Violation, row: &[Option<String>]) -> String {
    let length =
        if violation.keys.is_empty() { row.len() } else { violation.keys.len().min(row.len()) };
    let names = violation.keys.iter().chain(&violation.values);
    let cells: Vec<String> = names
        .zip(&row[..length])
        .map(|(name, value)| format!("{name}={}", value.as_deref().unwrap_or("NULL")))
        .collect();
    cells.join(", ")
}

fn jsonl(verdict: &Verdict) -> String {
    let mut lines: Vec<Value> = Vec::new();
    let tagged = |kind: &str, value: Value| {
        let mut object = serde_json::Map::new();
        object.insert("kind".to_owned(), json!(kind));
        if let Value::Object(fields) = value {
            object.extend(fields);
        }
        Value::Object(object)
    };
    lines.extend(verdict.violations.iter().map(|it| tagged("violation", plain(it))));
    lines.extend(verdict.unasked.iter().map(|it| tagged("unasked", plain(it))));
    lines.extend(verdict.notes.iter().map(|it| tagged("note", plain(it))));
    lines.push(json!({
        "kind": "summary",
        "checked": verdict.checked,
        "broken": verdict.violations.len(),
        "trusted": verdict.trusted.len(),
        "unasked": verdict.unasked.len(),
    }));
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// A report as plain JSON.
fn plain(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).expect("a report is plain data")
}

fn markdown(verdict: &Verdict) -> String {
    let broken = verdict.violations.len() as u64;
    let mut text = match broken {
        0 => format!("**{} hold.**\n", count(verdict.checked as u64, "rule")),
        _ => format!(
            "**{} of {} broken.**\n\n| rule | rows | of | what | some keys |\n|---|---|---|---|---|\n",
            number(broken),
            count(verdict.checked as u64, "rule")
        ),
    };
    for violation in &verdict.violations {
        let keys: Vec<String> =
            violation.sample.iter().take(5).map(|row| key_text(violation, row)).collect();
        let warning = if is_warning(violation) { " (warning)" } else { "" };
        text.push_str(&format!(
            "| `{}`{warning} | {} | {} | {} | {} |\n",
            cell(&violation.rule),
            number(violation.rows),
            number(violation.of),
            cell(&violation.message),
            cell(&keys.join("; "))
        ));
    }
    for unasked in &verdict.unasked {
        text.push_str(&format!("\nNot asked: `{}`: {}\n", unasked.rule, unasked.reason));
    }
    if !verdict.trusted.is_empty() {
        let trusted = count(verdict.trusted.len() as u64, "rule");
        text.push_str(&format!("\nThe database holds every row to {trusted} more.\n"));
    }
    text
}

fn github(verdict: &Verdict, place: Place<'_>) -> String {
    let broken = verdict.violations.iter().map(|violation| Annotation {
        level: if is_warning(violation) { Level::Warning } else { Level::Error },
        spot: Spot { file: place.of(violation.file.as_ref()), at: violation.origin },
        title: violation.rule.clone(),
        text: sentence(violation),
    });
    let unasked = verdict.unasked.iter().map(|Unasked { rule, origin, file, reason, .. }| {
        let spot = Spot { file: place.of(file.as_ref()), at: *origin };
        let text = format!("not asked: {reason}");
        Annotation { level: Level::Error, spot, title: rule.clone(), text }
    });
    github_lines(broken.chain(unasked))
}

fn sarif(verdict: &Verdict, place: Place<'_>) -> String {
    let location = |file: Option<&String>, origin: Option<(usize, usize)>| {
        sarif_location(Spot { file: place.of(file), at: origin })
    };
    let mut results = Vec::new();
    let mut rules: Vec<Value> = Vec::new();
    for violation in &verdict.violations {
        rules.push(json!({
            "id": violation.rule,
            "shortDescription": { "text": violation.message },
        }));
        results.push(json!({
            "ruleId": violation.rule,
            "level": if is_warning(violation) { "warning" } else { "error" },
            "message": { "text": sentence(violation) },
            "locations": location(violation.file.as_ref(), violation.origin),
            "partialFingerprints": { "rule/v1": violation.rule },
            "properties": { "rows": violation.rows, "of": violation.of, "table": violation.table },
        }));
    }
    for unasked in &verdict.unasked {
        rules.push(json!({ "id": unasked.rule }));
        results.push(json!({
            "ruleId": unasked.rule,
            "level": "error",
            "message": { "text": format!("not asked: {}", unasked.reason) },
            "locations": location(unasked.file.as_ref(), unasked.origin),
        }));
    }
    sarif_document("migrate verify", &rules, &results)
}

fn junit(verdict: &Verdict) -> String {
    let mut cases = String::new();
    let case = |table: &str, rule: &str, inner: &str| {
        format!(
            "    <testcase classname=\"{}\" name=\"{}\">{inner}</testcase>\n",
            xml(table),
            xml(rule)
        )
    };
    let mut failures = 0;
    for violation in &verdict.violations {
        let text = xml(&sentence(violation));
        let inner = match is_warning(violation) {
            true => format!("<system-out>{text}</system-out>"),
            false => {
                failures += 1;
                format!("<failure message=\"{text}\"/>")
            }
        };
        cases.push_str(&case(&violation.table, &violation.rule, &inner));
    }
    for unasked in &verdict.unasked {
        let inner = format!("<error message=\"{}\"/>", xml(&unasked.reason));
        cases.push_str(&case(&unasked.table, &unasked.rule, &inner));
    }
    let held = verdict.checked.saturating_sub(verdict.violations.len());
    if held > 0 {
        let text = format!("{} hold", count(held as u64, "rule"));
        cases.push_str(&case("rules", &text, ""));
    }
    let tests = verdict.violations.len() + verdict.unasked.len() + usize::from(held > 0);
    let counts = Counts { tests, failures, errors: verdict.unasked.len() };
    junit_document("migrate verify", counts, &cases)
}
