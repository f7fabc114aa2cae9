//! The result of the gate: what was looked at, all that was found, the verdict.

use serde::Serialize;
use serde_json::{Value, json};

use super::formats::{Counts, Style, cell, github_lines, junit_document, sarif_document, xml};
use super::problem::{Problem, gitlab, html};
use super::style::{BAD, CAREFUL, GOOD, paint};
use crate::lint::rule::Severity;

/// The JSON Schema of the document that [`json`] makes.
pub const SCHEMA: &str = include_str!("schemas/check.json");

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    pub what: &'static str,
    pub outcome: Outcome,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Passed,
    Skipped,
    Failed,
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Outcome::Passed => "passed",
            Outcome::Skipped => "skipped",
            Outcome::Failed => "failed",
        }
    }
}

/// What the gate says.
#[derive(Clone, Debug)]
pub struct Gate {
    pub checks: Vec<Check>,
    /// The worst first.
    pub problems: Vec<Problem>,
    /// What the linter says, with the advice of each rule.
    pub lint: Vec<Value>,
    pub exit: u8,
}

impl Gate {
    fn failed(&self) -> usize {
        self.checks.iter().filter(|check| check.outcome == Outcome::Failed).count()
    }

    /// The last line, without colour.
    pub fn verdict(&self) -> String {
        match self.failed() {
            0 => "gate passed".to_owned(),
            failed => format!("gate failed: {failed} finding(s), exit {}", self.exit),
        }
    }
}

/// For people.
pub fn text(gate: &Gate) -> String {
    let mut text = String::new();
    for check in &gate.checks {
        let (style, word) = match check.outcome {
            Outcome::Passed => (GOOD, "passed "),
            Outcome::Skipped => (CAREFUL, "skipped"),
            Outcome::Failed => (BAD, "failed "),
        };
        text.push_str(&format!("{} {}: {}\n", paint(style, word), check.what, check.message));
    }
    let style = if gate.failed() == 0 { GOOD } else { BAD };
    text + &paint(style, &gate.verdict()) + "\n"
}

/// Without colour codes, for machines.
fn plain(check: &Check) -> Check {
    let message = anstream::adapter::strip_str(&check.message).to_string();
    Check { what: check.what, outcome: check.outcome, message }
}

/// One document.
pub fn json(gate: &Gate) -> Value {
    json!({
        "check": 1,
        "passed": gate.failed() == 0,
        "findings": gate.checks.iter().map(plain).collect::<Vec<_>>(),
        "exit": gate.exit,
        "lint": gate.lint,
        "problems": gate.problems,
    })
}

/// The result in a style of another program.
pub fn report(gate: &Gate, style: Style) -> String {
    match style {
        Style::Jsonl => jsonl(gate),
        Style::Markdown => markdown(gate),
        Style::Github => github_lines(gate.problems.iter().map(Problem::annotation)),
        Style::Sarif => sarif(gate),
        Style::Junit => junit(gate),
        Style::Gitlab => gitlab(&gate.problems),
        Style::Html => html("migrate check", &gate.verdict(), &gate.problems),
    }
}

fn jsonl(gate: &Gate) -> String {
    let tagged = |kind: &str, value: Value| {
        let mut line = json!({ "kind": kind });
        if let (Some(line), Value::Object(fields)) = (line.as_object_mut(), value) {
            line.extend(fields);
        }
        format!("{line}\n")
    };
    let value = |it: &Problem| serde_json::to_value(it).expect("a problem is plain data");
    let mut text = String::new();
    for check in &gate.checks {
        let check = serde_json::to_value(plain(check)).expect("a check is plain data");
        text.push_str(&tagged("check", check));
    }
    text.extend(gate.problems.iter().map(|it| tagged("problem", value(it))));
    let passed = gate.failed() == 0;
    text + &tagged("summary", json!({ "passed": passed, "exit": gate.exit }))
}

fn markdown(gate: &Gate) -> String {
    let mut text =
        format!("**migrate check: {}**\n\n| | check | |\n|---|---|---|\n", gate.verdict());
    for check in &gate.checks {
        let message = anstream::adapter::strip_str(&check.message).to_string();
        let first = message.lines().next().unwrap_or_default();
        text.push_str(&format!(
            "| {} | {} | {} |\n",
            check.outcome.name(),
            check.what,
            cell(first)
        ));
    }
    if gate.problems.is_empty() {
        return text;
    }
    text.push_str("\n| | rule | place | what | do |\n|---|---|---|---|---|\n");
    for problem in &gate.problems {
        let place = problem.place().map(|place| format!("`{}`", cell(&place)));
        let instead = problem.instead.as_deref().unwrap_or_default();
        text.push_str(&format!(
            "| {} | `{}` | {} | {} | {} |\n",
            problem.severity.name(),
            cell(&problem.title()),
            place.unwrap_or_default(),
            cell(&problem.message).replace('\n', " "),
            cell(instead.split("\n\n").next().unwrap_or_default())
        ));
    }
    text
}

fn sarif(gate: &Gate) -> String {
    let mut rules: Vec<Value> = Vec::new();
    let mut results = Vec::new();
    for problem in &gate.problems {
        let (rule, result) = problem.sarif();
        // A rule is told once, however often it is broken.
        if !rules.iter().any(|known| known["id"] == rule["id"]) {
            rules.push(rule);
        }
        results.push(result);
    }
    sarif_document("migrate check", &rules, &results)
}

/// A test case for each check, and one for each problem that is not the check itself.
fn junit(gate: &Gate) -> String {
    let mut cases = String::new();
    let mut case = |class: &str, name: &str, inner: &str| {
        cases.push_str(&format!(
            "    <testcase classname=\"{}\" name=\"{}\">{inner}</testcase>\n",
            xml(class),
            xml(name)
        ));
    };
    for check in gate.checks.iter().map(plain) {
        let inner = match check.outcome {
            Outcome::Passed => format!("<system-out>{}</system-out>", xml(&check.message)),
            Outcome::Skipped => format!("<skipped message=\"{}\"/>", xml(&check.message)),
            Outcome::Failed => format!("<failure message=\"{}\"/>", xml(&check.message)),
        };
        case("migrate check", check.what, &inner);
    }
    let is_check = |it: &&Problem| gate.checks.iter().any(|check| check.what == it.code);
    let single: Vec<&Problem> = gate.problems.iter().filter(|it| !is_check(it)).collect();
    for problem in &single {
        let words = match problem.place() {
            Some(place) => format!("{place}: {}", problem.message),
            None => problem.message.clone(),
        };
        let inner = match problem.severity {
            Severity::Error => format!("<failure message=\"{}\"/>", xml(&words)),
            Severity::Warning | Severity::Note => {
                format!("<system-out>{}</system-out>", xml(&words))
            }
        };
        let place = problem.place().unwrap_or_else(|| problem.message.clone());
        case(&problem.title(), &place, &inner);
    }
    let errors = single.iter().filter(|it| it.severity == Severity::Error).count();
    let tests = gate.checks.len() + single.len();
    let counts = Counts { tests, failures: gate.failed() + errors, errors: 0 };
    junit_document("migrate check", counts, &cases)
}
