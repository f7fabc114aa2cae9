//! Formats that other programs read, whatever it is that is found: SARIF, JUnit, annotations, cells of tables.

use serde_json::{Value, json};

/// For whom it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// One JSON object a line.
    Jsonl,
    Markdown,
    /// Workflow commands of GitHub Actions.
    Github,
    /// SARIF 2.1.0.
    Sarif,
    Junit,
    /// A code quality report of GitLab.
    Gitlab,
    /// One page without anything from elsewhere.
    Html,
}

/// Where something was found.
#[derive(Clone, Copy, Debug)]
pub struct Spot<'a> {
    pub file: Option<&'a str>,
    /// 1-based line and column.
    pub at: Option<(usize, usize)>,
}

/// A cell of a Markdown table.
pub fn cell(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|").replace(['\n', '\r'], " ")
}

/// How loud an annotation of GitHub is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Error,
    Warning,
    Notice,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Notice => "notice",
        }
    }
}

/// One annotation of GitHub Actions.
#[derive(Clone, Debug)]
pub struct Annotation<'a> {
    pub level: Level,
    pub spot: Spot<'a>,
    pub title: String,
    pub text: String,
}

/// Of each level, a step shows so many annotations and drops the others without a word.
/// Source: docs.github.com, REST "Check runs" and "Workflow commands": 10 of each level in a step, 50 in a job.
const ANNOTATIONS_MAX: usize = 10;

/// Workflow commands, the worst first; where GitHub would drop some, the last one says how many there are.
pub fn github_lines<'a>(annotations: impl Iterator<Item = Annotation<'a>>) -> String {
    let mut sorted: Vec<Annotation<'a>> = annotations.collect();
    sorted.sort_by_key(|annotation| annotation.level);
    let mut text = String::new();
    for level in [Level::Error, Level::Warning, Level::Notice] {
        let same: Vec<&Annotation<'_>> = sorted.iter().filter(|it| it.level == level).collect();
        let shown = match same.len() {
            0..=ANNOTATIONS_MAX => same.len(),
            _ => ANNOTATIONS_MAX - 1,
        };
        for annotation in &same[..shown] {
            text.push_str(&github_line(annotation));
        }
        if same.len() > shown {
            text.push_str(&github_line(&Annotation {
                level,
                spot: Spot { file: None, at: None },
                title: "more findings".to_owned(),
                text: format!(
                    "{} more of this level are not annotated: GitHub shows {ANNOTATIONS_MAX} a step; all are in the summary \
                     of the step and in the other formats",
                    same.len() - shown
                ),
            }));
        }
    }
    text
}

/// A workflow command. Source: docs.github.com, "Workflow commands for GitHub Actions".
fn github_line(annotation: &Annotation<'_>) -> String {
    let Annotation { level, spot, title, text } = annotation;
    let message = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| message(text).replace(':', "%3A").replace(',', "%2C");
    let at = match (spot.file, spot.at) {
        (Some(file), Some((line, column))) => {
            format!("file={},line={line},col={column},", property(file))
        }
        (Some(file), None) => format!("file={},", property(file)),
        (None, _) => String::new(),
    };
    let level = level.word();
    format!("::{level} {at}title={}::{}\n", property(title), message(text))
}

/// The `locations` of a SARIF result.
pub fn sarif_location(spot: Spot<'_>) -> Value {
    let Some(file) = spot.file else { return json!([]) };
    let mut physical = json!({ "artifactLocation": { "uri": file.replace('\\', "/") } });
    if let Some((line, column)) = spot.at {
        physical["region"] = json!({ "startLine": line, "startColumn": column });
    }
    json!([{ "physicalLocation": physical }])
}

/// A SARIF document of one run. Source: docs.oasis-open.org, SARIF 2.1.0.
pub fn sarif_document(name: &str, rules: &[Value], results: &[Value]) -> String {
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": name,
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            } },
            "results": results,
        }],
    });
    format!("{document:#}\n")
}

/// Text inside XML, also inside an attribute.
pub fn xml(text: &str) -> String {
    let shown: String = text
        .chars()
        .map(|c| if c < ' ' && !matches!(c, '\n' | '\t') { '\u{fffd}' } else { c })
        .collect();
    shown
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\n', "&#10;")
}

/// How the test cases of a JUnit document ended.
#[derive(Clone, Copy, Debug)]
pub struct Counts {
    pub tests: usize,
    pub failures: usize,
    pub errors: usize,
}

/// A JUnit document of one suite.
pub fn junit_document(suite: &str, counts: Counts, cases: &str) -> String {
    let Counts { tests, failures, errors } = counts;
    let counts = format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\"");
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {counts}>\n  \
         <testsuite name=\"{suite}\" {counts}>\n{cases}  </testsuite>\n</testsuites>\n"
    )
}
