//! Where a database stands: what is in force, what is pending, what is kept, whether it drifted.

use serde::Serialize;

use super::drift::{Drift, summary};
use super::kept::{AllKept, version_lines};
use super::style::{BAD, CAREFUL, FAINT, GOOD, STRONG, columns, paint};
use crate::journal::{Entry, Unfinished};

/// Everything `migrate status` shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The version of this document.
    pub status: u32,
    pub database: String,
    pub engine: String,
    pub versions: Vec<VersionStatus>,
    /// Plans without a project that are in force.
    pub plans: Vec<String>,
    pub schema: SchemaStatus,
    /// What differs, where it drifted and that can be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift: Option<Drift>,
    pub kept: AllKept,
    /// A run that stopped half-way: version and last finished step.
    pub half_way: Option<(String, u32)>,
}

/// One version of the project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VersionStatus {
    pub id: String,
    pub state: VersionState,
    pub at: Option<String>,
    pub actor: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VersionState {
    Applied,
    Baseline,
    Pending,
}

/// How the live schema stands to the last ledger row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SchemaStatus {
    /// Nothing was ever applied here.
    Untracked,
    AsRecorded,
    Drifted,
    /// The last run stopped before it read the schema.
    Unread,
}

impl Status {
    pub fn pending(&self) -> usize {
        self.versions.iter().filter(|version| version.state == VersionState::Pending).count()
    }
}

/// The screen one looks at first.
pub fn status(status: &Status) -> String {
    let mut text =
        format!("{}  {}\n", paint(STRONG, &status.database), paint(FAINT, &status.engine));
    let rows: Vec<Vec<String>> = status.versions.iter().map(version_row).collect();
    text.push_str(&columns(&rows));
    for plan in &status.plans {
        text.push_str(&format!("  {} {plan}\n", paint(GOOD, "applied ")));
    }
    if let Some((version, step)) = &status.half_way {
        text.push_str(&format!(
            "{} {version} stopped after step {step}; run the same command again to resume\n",
            paint(BAD, "half-way")
        ));
    }
    text.push_str(&match status.schema {
        SchemaStatus::Untracked => paint(FAINT, "nothing was applied to this database yet\n"),
        SchemaStatus::AsRecorded => {
            format!("{} the schema is as the last run left it\n", paint(GOOD, "no drift:"))
        }
        SchemaStatus::Unread => paint(
            CAREFUL,
            "the last run stopped between two versions, before it read the schema; `migrate apply` goes on\n",
        ),
        SchemaStatus::Drifted => {
            let head =
                format!("{} the schema is not as the last run left it", paint(BAD, "drift:"));
            match &status.drift {
                Some(drift) => {
                    format!("{head}; `migrate status --drift` shows all\n{}", summary(drift))
                }
                None => format!("{head}; `migrate diff version:N URL` shows how\n"),
            }
        }
    });
    if !status.kept.versions.is_empty() {
        text.push_str(&format!(
            "{} {} (`migrate release` throws it away)\n{}",
            paint(CAREFUL, "kept:"),
            status.kept.all,
            version_lines(&status.kept)
        ));
    }
    text
}

fn version_row(version: &VersionStatus) -> Vec<String> {
    let (style, word) = match version.state {
        VersionState::Applied => (GOOD, "applied"),
        VersionState::Baseline => (GOOD, "baseline"),
        VersionState::Pending => (CAREFUL, "pending"),
    };
    let when = version.at.clone().unwrap_or_default();
    let who = version.actor.clone().unwrap_or_default();
    vec![
        format!("  {}", paint(style, word)),
        version.id.clone(),
        paint(FAINT, &when),
        paint(FAINT, &who),
    ]
}

/// The ledger, oldest first.
pub fn log(entries: &[Entry]) -> String {
    let rows: Vec<Vec<String>> = entries
        .iter()
        .map(|entry| {
            vec![
                format!("{:>4}", entry.number),
                entry.at.clone(),
                entry.action.name().to_owned(),
                entry.version.clone(),
                format!("{}@{}", entry.actor, entry.host),
                paint(
                    FAINT,
                    entry.commit.as_deref().map_or("", |commit| &commit[..commit.len().min(12)]),
                ),
                entry.reason.clone().unwrap_or_default(),
            ]
        })
        .collect();
    columns(&rows)
}

/// The half-way run as status tells it.
pub fn half_way(open: Option<&Unfinished>) -> Option<(String, u32)> {
    open.map(|open| (open.version.clone(), open.done))
}
