//! One thing that was found, whoever found it: the linter, the rows, the gate. What GitLab and a browser show of it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::formats::{Annotation, Level, Spot, sarif_location, xml};
use super::style::count;
use crate::lint::rule::Severity;
use crate::text::hash::sha256_parts;

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// A code that `migrate explain` knows, the name of a rule that could not be asked, or what the gate looked at.
    pub code: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The rule of the model that rows break.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    pub severity: Severity,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// 1-based line and column.
    #[serde(flatten, serialize_with = "line_and_column")]
    pub at: Option<(usize, usize)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instead: Option<String>,
}

fn line_and_column<S: serde::Serializer>(
    at: &Option<(usize, usize)>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    use serde::ser::SerializeMap;
    let mut map = serializer.serialize_map(None)?;
    if let Some((line, column)) = at {
        map.serialize_entry("line", line)?;
        map.serialize_entry("column", column)?;
    }
    map.end()
}

impl Problem {
    /// `MG114 index-blocking`, `MG504 duplicate: User.email`, or the code alone.
    pub fn title(&self) -> String {
        match (&self.name, &self.rule) {
            (Some(name), Some(rule)) => format!("{} {name}: {rule}", self.code),
            (Some(name), None) => format!("{} {name}", self.code),
            (None, Some(rule)) => format!("{}: {rule}", self.code),
            (None, None) => self.code.clone(),
        }
    }

    /// What tells it from others of its code.
    fn id(&self) -> String {
        match &self.rule {
            Some(rule) => format!("{}/{rule}", self.code),
            None => self.code.clone(),
        }
    }

    /// `migrations/0002_x/sqlite.up.sql:3:1`.
    pub fn place(&self) -> Option<String> {
        let file = self.file.as_ref()?;
        Some(match self.at {
            Some((line, column)) => format!("{file}:{line}:{column}"),
            None => file.clone(),
        })
    }

    fn spot(&self) -> Spot<'_> {
        Spot { file: self.file.as_deref(), at: self.at }
    }

    /// As an annotation of GitHub.
    pub fn annotation(&self) -> Annotation<'_> {
        let level = match self.severity {
            Severity::Error => Level::Error,
            Severity::Warning => Level::Warning,
            Severity::Note => Level::Notice,
        };
        // What a rule of the linter advises is long, and on its page.
        let is_of_linter = self.name.is_some() && self.rule.is_none();
        let text = match &self.instead {
            Some(instead) if !is_of_linter => format!("{}\n{instead}", self.message),
            Some(_) | None => self.message.clone(),
        };
        Annotation { level, spot: self.spot(), title: self.title(), text }
    }

    /// As a rule and a result of SARIF.
    pub fn sarif(&self) -> (Value, Value) {
        let mut rule = json!({ "id": self.id() });
        for (field, text) in [("fullDescription", &self.why), ("help", &self.instead)] {
            if let Some(text) = text {
                rule[field] = json!({ "text": text });
            }
        }
        if let Some(name) = self.rule.as_ref().or(self.name.as_ref()) {
            rule["name"] = json!(name);
        }
        let result = json!({
            "ruleId": self.id(),
            "level": self.severity.name(),
            "message": { "text": self.message },
            "locations": sarif_location(self.spot()),
        });
        (rule, result)
    }
}

/// The worst first; what is equally bad, by place.
pub fn sort(problems: &mut [Problem]) {
    problems.sort_by(|left, right| {
        let place = |it: &Problem| (it.file.clone(), it.at);
        right.severity.cmp(&left.severity).then_with(|| place(left).cmp(&place(right)))
    });
}

/// A code quality report of GitLab. Source: docs.gitlab.com, "Code Quality", "Code Quality report format": `path` and a line are
/// needed, and of entries with the same fingerprint only the first is shown.
pub fn gitlab(problems: &[Problem]) -> String {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let entries: Vec<Value> = problems
        .iter()
        .map(|problem| {
            let path = problem.file.clone().unwrap_or_else(|| "migrate.toml".to_owned());
            // A line that moves is still the same finding, so the line is not in it.
            let own = format!("{}\n{path}\n{}", problem.id(), problem.message);
            let before = seen.entry(own.clone()).or_default();
            let fingerprint = sha256_parts([own.as_bytes(), before.to_string().as_bytes()]);
            *before += 1;
            let severity = match problem.severity {
                Severity::Error => "critical",
                Severity::Warning => "minor",
                Severity::Note => "info",
            };
            json!({
                "description": format!("{}: {}", problem.title(), problem.message),
                "check_name": problem.id(),
                "fingerprint": fingerprint,
                "severity": severity,
                "location": {
                    "path": path.trim_start_matches("./").replace('\\', "/"),
                    "lines": { "begin": problem.at.map_or(1, |(line, _)| line) },
                },
            })
        })
        .collect();
    format!("{:#}\n", Value::Array(entries))
}

/// The look of a page; nothing is loaded from elsewhere.
const CSS: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;\
color:#1b1f24;background:#fff}h1{font-size:1.4rem}code{font:.9em ui-monospace,monospace}\
section{border-left:4px solid #888;padding:.1rem 1rem;margin:1rem 0}.error{border-color:#c62828}\
.warning{border-color:#b26a00}.note{border-color:#1565c0}h2{font-size:1rem;margin:.5rem 0}p{margin:.4rem 0;white-space:pre-line}\
.place,dt{color:#57606a}@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}.place,dt{color:#9198a1}}";

/// A page that shows the problems.
pub fn html(title: &str, headline: &str, problems: &[Problem]) -> String {
    let mut body = String::new();
    for problem in problems {
        let severity = problem.severity.name();
        body.push_str(&format!(
            "<section class=\"{severity}\">\n<h2>{severity}: <code>{}</code></h2>\n",
            xml(&problem.title())
        ));
        if let Some(place) = problem.place() {
            body.push_str(&format!("<p class=\"place\"><code>{}</code></p>\n", xml(&place)));
        }
        body.push_str(&format!("<p>{}</p>\n", xml(&problem.message)));
        for (word, text) in [("Why", &problem.why), ("Do", &problem.instead)] {
            if let Some(text) = text {
                body.push_str(&format!("<p><strong>{word}:</strong> {}</p>\n", xml(text)));
            }
        }
        body.push_str("</section>\n");
    }
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n<style>{CSS}</style>\n</head>\n\
         <body>\n<h1>{title}: {}</h1>\n<p>{}</p>\n{body}</body>\n</html>\n",
        xml(headline),
        count(problems.len() as u64, "finding")
    )
}
