//! How a live schema differs from the one it should be: lines, a text diff, SQL both ways.

use serde::Serialize;
use similar::TextDiff;

use super::plan::changes;
use super::style::{BAD, FAINT, GOOD, STRONG, paint};

/// What differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// The version that the live schema should be at.
    pub since: String,
    /// `+ index track_by_name`: what the live schema has more (`+`), less (`-`) or otherwise (`~`).
    pub summary: Vec<String>,
    /// Both schemas as SQL, the lines that differ.
    pub diff: String,
    /// SQL from the version to the live schema: what a version would have to run to have the same.
    #[serde(serialize_with = "sql")]
    pub keep: Result<String, String>,
    /// SQL from the live schema back to the version.
    #[serde(serialize_with = "sql")]
    pub undo: Result<String, String>,
}

fn sql<S: serde::Serializer>(
    value: &Result<String, String>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_some(&value.as_ref().ok())
}

/// The lines that differ, with two around them.
pub fn unified(expected: &str, live: &str, since: &str) -> String {
    TextDiff::from_lines(expected, live)
        .unified_diff()
        .context_radius(2)
        .header(since, "the database")
        .to_string()
}

/// What differs, in lines.
pub fn summary(drift: &Drift) -> String {
    if drift.summary.is_empty() {
        // Fingerprints see more than differences tell: the order of columns, for one.
        return paint(
            FAINT,
            "  no object is other than the version has it: only the order or the layout is\n",
        );
    }
    changes(&drift.summary)
}

/// The diff and the SQL.
pub fn whole(drift: &Drift) -> String {
    let mut text = String::new();
    for line in drift.diff.lines() {
        let shown = match line.chars().next() {
            Some('+') => paint(GOOD, line),
            Some('-') => paint(BAD, line),
            _ => line.to_owned(),
        };
        text.push_str(&format!("{shown}\n"));
    }
    for (title, sql) in [
        (
            "to keep it: what the live schema has more, as SQL (the model has to say the same)",
            &drift.keep,
        ),
        ("to undo it: from the live schema back", &drift.undo),
    ] {
        let body = match sql {
            Ok(sql) => sql.trim_end().to_owned(),
            Err(why) => format!("-- cannot be planned: {why}"),
        };
        text.push_str(&format!("\n{}\n{body}\n", paint(STRONG, title)));
    }
    text
}
