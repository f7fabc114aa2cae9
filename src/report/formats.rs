//! Formats that other programs read, whatever it is that is found: SARIF, JUnit, annotations, cells of tables.

use serde_json::{Value, json};

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

/// A workflow command. Source: docs.github.com, "Workflow commands for GitHub Actions".
pub fn github_line(level: &str, spot: Spot<'_>, title: &str, text: &str) -> String {
    let message = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| message(text).replace(':', "%3A").replace(',', "%2C");
    let at = match (spot.file, spot.at) {
        (Some(file), Some((line, column))) => {
            format!("file={},line={line},col={column},", property(file))
        }
        (Some(file), None) => format!("file={},", property(file)),
        (None, _) => String::new(),
    };
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
