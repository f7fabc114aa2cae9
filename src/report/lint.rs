//! Findings of the linter: for people in rustc's manner, for other programs in their formats.

use std::collections::BTreeMap;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde_json::{Value, json};

use super::formats::{
    Annotation, Counts, Level as Loud, Spot, Style, cell, github_lines, junit_document,
    sarif_document, sarif_location, xml,
};
use super::problem::{Problem, gitlab, html};
use super::style::{BAD, CAREFUL, FAINT, GOOD, count, paint};
use crate::lint::rule::{Rule, Severity};
use crate::lint::{File, Finding};
use crate::text::diagnostic::Colour;

/// The JSON Schema of the document that [`json`] makes.
pub const SCHEMA: &str = include_str!("schemas/lint.json");

/// How many findings there are of each severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    pub errors: u64,
    pub warnings: u64,
    pub notes: u64,
}

/// Counts findings.
pub fn sums(findings: &[Finding]) -> Sums {
    let mut sums = Sums::default();
    for finding in findings {
        match finding.severity {
            Severity::Error => sums.errors += 1,
            Severity::Warning => sums.warnings += 1,
            Severity::Note => sums.notes += 1,
        }
    }
    sums
}

/// One line: `2 errors, 1 warning in 3 files`.
pub fn verdict(findings: &[Finding], files: usize) -> String {
    let Sums { errors, warnings, notes } = sums(findings);
    let listed = [(errors, "error", BAD), (warnings, "warning", CAREFUL), (notes, "note", FAINT)];
    let parts: Vec<String> = listed
        .iter()
        .filter(|(number, _, _)| *number > 0)
        .map(|(number, word, style)| paint(*style, &count(*number, word)))
        .collect();
    let found = match parts[..] {
        [] => paint(GOOD, "no findings"),
        [..] => parts.join(", "),
    };
    format!("{found} in {}", count(files as u64, "file"))
}

/// Findings with their lines, each rule's advice once.
pub fn text(findings: &[Finding], files: &[File], colour: Colour) -> String {
    let renderer = match colour {
        Colour::Plain => Renderer::plain(),
        Colour::Ansi => Renderer::styled(),
    };
    let sources: BTreeMap<&str, &str> =
        files.iter().map(|file| (file.path.as_str(), file.text.as_str())).collect();
    let mut shown: Vec<&str> = Vec::new();
    let mut text = String::new();
    for finding in findings {
        let source = sources.get(finding.path.as_str()).copied().unwrap_or_default();
        let advice = !shown.contains(&finding.rule.code);
        shown.push(finding.rule.code);
        text.push_str(&block(&renderer, finding, source, advice.then(|| advice_of(finding.rule))));
        text.push_str("\n\n");
    }
    text
}

/// The first paragraph of what to do instead.
fn advice_of(rule: &Rule) -> String {
    let first = rule.instead.split("\n\n").next().unwrap_or_default();
    let first = first.trim_end_matches(['.', ':']);
    format!("{first}\n`migrate explain {}` says more", rule.code)
}

fn block(renderer: &Renderer, finding: &Finding, source: &str, advice: Option<String>) -> String {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    // The lines of the finding alone: a file may be long.
    let floor = |mut at: usize| {
        at = at.min(source.len());
        while !source.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let (start, end) = (floor(finding.span.start), floor(finding.span.end));
    let from = source[..start].rfind('\n').map_or(0, |at| at + 1);
    // Of a long statement the first line tells which it is.
    let line_end = source[start..].find('\n').map_or(source.len(), |at| start + at);
    let end = end.clamp(start, line_end);
    let title = format!("{}: {}", finding.rule.name, finding.message);
    let snippet = Snippet::source(&source[from..line_end])
        .path(finding.path.as_str())
        .line_start(finding.line)
        .annotation(AnnotationKind::Primary.span(start - from..end - from));
    let mut group = level.primary_title(title).id(finding.rule.code).element(snippet);
    if let Some(advice) = advice {
        group = group.element(Level::HELP.message(advice));
    }
    renderer.render(&[group]).to_string()
}

/// The findings in a style of another program; `files` were looked at.
pub fn report(findings: &[Finding], files: usize, style: Style) -> String {
    match style {
        Style::Jsonl => jsonl(findings, files),
        Style::Markdown => markdown(findings, files),
        Style::Github => github_lines(findings.iter().map(annotation)),
        Style::Sarif => sarif(findings),
        Style::Junit => junit(findings, files),
        Style::Gitlab => gitlab(&problems(findings)),
        Style::Html => {
            let headline = anstream::adapter::strip_str(&verdict(findings, files)).to_string();
            html("migrate lint", &headline, &problems(findings))
        }
    }
}

/// The findings, one by one.
pub fn problems(findings: &[Finding]) -> Vec<Problem> {
    findings
        .iter()
        .map(|finding| Problem {
            code: finding.rule.code.to_owned(),
            rule: None,
            name: Some(finding.rule.name.to_owned()),
            severity: finding.severity,
            message: finding.message.clone(),
            file: Some(finding.path.clone()),
            at: Some((finding.line, finding.column)),
            why: Some(finding.rule.why.to_owned()),
            instead: Some(finding.rule.instead.to_owned()),
        })
        .collect()
}

/// One finding as JSON.
pub fn plain(finding: &Finding) -> Value {
    json!({
        "code": finding.rule.code,
        "name": finding.rule.name,
        "severity": finding.severity.name(),
        "message": finding.message,
        "file": finding.path,
        "line": finding.line,
        "column": finding.column,
        "why": finding.rule.why,
        "instead": finding.rule.instead,
    })
}

/// All findings as one JSON document.
pub fn json(findings: &[Finding], files: usize) -> Value {
    let sums = sums(findings);
    json!({
        "lint": 1,
        "files": files,
        "errors": sums.errors,
        "warnings": sums.warnings,
        "notes": sums.notes,
        "findings": findings.iter().map(plain).collect::<Vec<_>>(),
    })
}

fn jsonl(findings: &[Finding], files: usize) -> String {
    let sums = sums(findings);
    let summary = json!({
        "kind": "summary", "files": files,
        "errors": sums.errors, "warnings": sums.warnings, "notes": sums.notes,
    });
    let mut text = String::new();
    for finding in findings {
        let mut line = json!({ "kind": "finding" });
        if let (Some(line), Value::Object(fields)) = (line.as_object_mut(), plain(finding)) {
            line.extend(fields);
        }
        text.push_str(&format!("{line}\n"));
    }
    text.push_str(&format!("{summary}\n"));
    text
}

fn markdown(findings: &[Finding], files: usize) -> String {
    let Sums { errors, warnings, notes } = sums(findings);
    if findings.is_empty() {
        return format!("**No findings in {}.**\n", count(files as u64, "file"));
    }
    let mut text = format!(
        "**{}, {}, {} in {}.**\n\n| | rule | place | what |\n|---|---|---|---|\n",
        count(errors, "error"),
        count(warnings, "warning"),
        count(notes, "note"),
        count(files as u64, "file")
    );
    for finding in findings {
        text.push_str(&format!(
            "| {} | {} `{}` | `{}:{}` | {} |\n",
            finding.severity.name(),
            finding.rule.code,
            finding.rule.name,
            cell(&finding.path),
            finding.line,
            cell(&finding.message)
        ));
    }
    text
}

fn spot(finding: &Finding) -> Spot<'_> {
    Spot { file: Some(&finding.path), at: Some((finding.line, finding.column)) }
}

fn annotation(finding: &Finding) -> Annotation<'_> {
    let level = match finding.severity {
        Severity::Error => Loud::Error,
        Severity::Warning => Loud::Warning,
        Severity::Note => Loud::Notice,
    };
    let title = format!("{} {}", finding.rule.code, finding.rule.name);
    Annotation { level, spot: spot(finding), title, text: finding.message.clone() }
}

fn sarif(findings: &[Finding]) -> String {
    let used: BTreeMap<&str, &Rule> =
        findings.iter().map(|finding| (finding.rule.code, finding.rule)).collect();
    let rules: Vec<Value> = used
        .values()
        .map(|rule| {
            json!({
                "id": rule.code,
                "name": rule.name,
                "shortDescription": { "text": rule.what },
                "fullDescription": { "text": rule.why },
                "help": { "text": rule.instead, "markdown": rule.instead },
            })
        })
        .collect();
    let results: Vec<Value> = findings
        .iter()
        .map(|finding| {
            json!({
                "ruleId": finding.rule.code,
                "level": finding.severity.name(),
                "message": { "text": finding.message },
                "locations": sarif_location(spot(finding)),
            })
        })
        .collect();
    sarif_document("migrate lint", &rules, &results)
}

/// A test case for each finding; a warning or a note does not fail.
fn junit(findings: &[Finding], files: usize) -> String {
    let mut cases = String::new();
    for finding in findings {
        let words = format!("{}:{}: {}", finding.path, finding.line, finding.message);
        let inner = match finding.severity {
            Severity::Error => format!("<failure message=\"{}\"/>", xml(&words)),
            Severity::Warning | Severity::Note => {
                format!("<system-out>{}</system-out>", xml(&words))
            }
        };
        cases.push_str(&format!(
            "    <testcase classname=\"{}\" name=\"{} {} line {}\">{inner}</testcase>\n",
            xml(&finding.path),
            finding.rule.code,
            finding.rule.name,
            finding.line
        ));
    }
    if findings.is_empty() {
        let name = format!("{} without findings", count(files as u64, "file"));
        cases.push_str(&format!("    <testcase classname=\"lint\" name=\"{}\"/>\n", xml(&name)));
    }
    let failures = sums(findings).errors as usize;
    let counts = Counts { tests: findings.len().max(1), failures, errors: 0 };
    junit_document("migrate lint", counts, &cases)
}
