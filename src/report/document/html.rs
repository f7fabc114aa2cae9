//! A report as one page that loads nothing: for browsers, mail and paper.

use std::borrow::Borrow;

use askama::Template;

use super::changes::Change;
use super::diagram::{entities, states};
use super::machines::Machine;
use super::picture::Mark;
use super::timeline::Timeline;
use super::{Asked, Report, Rows, Step};
use crate::dialect::{Blocks, Undo};
use crate::report::formats::xml;
use crate::report::status::{SchemaStatus, Status, VersionState};
use crate::report::style::{count, duration};

/// The page.
pub fn html(report: &Report) -> String {
    let page = Page {
        report,
        tiles: tiles(report),
        groups: groups(report),
        entities_svg: entities::draw(&report.entities).svg,
        machines: report.states.iter().map(|it| (it, states::draw(it).svg)).collect(),
    };
    // Only a writer that fails could make it fail, and a text does not.
    page.render().expect("a template renders into a text")
}

#[derive(Template)]
#[template(path = "report/page.html")]
struct Page<'a> {
    report: &'a Report,
    tiles: Vec<Tile>,
    groups: Vec<Group<'a>>,
    entities_svg: String,
    machines: Vec<(&'a Machine, String)>,
}

/// An entity, and its changes: the field or rule that each is about, where it is about one.
type Group<'a> = (&'a str, Vec<(&'a str, &'a Change)>);

/// Changes by entity, in their order.
fn groups(report: &Report) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for change in &report.changes {
        let (entity, part) = match (change.kind, change.of.split_once('.')) {
            ("role" | "object", _) => ("Everywhere", change.of.as_str()),
            (_, Some(pair)) => pair,
            (_, None) => (change.of.as_str(), ""),
        };
        match groups.last_mut().filter(|(name, _)| *name == entity) {
            Some((_, list)) => list.push((part, change)),
            None => groups.push((entity, vec![(part, change)])),
        }
    }
    groups
}

/// A number that one looks at first.
struct Tile {
    name: &'static str,
    value: String,
    note: String,
}

fn tiles(report: &Report) -> Vec<Tile> {
    let steps: Vec<&Step> = report.versions.iter().flat_map(|part| &part.up).collect();
    let blocking = steps.iter().filter(|step| step.blocks >= Blocks::Writes).count();
    let undo = report.versions.iter().map(|part| part.undo).max().unwrap_or(Undo::Exact);
    let waits: Option<Vec<u64>> = report
        .versions
        .iter()
        .map(|part| part.timeline.as_ref().map(|time| time.longest_wait_us()))
        .collect();
    let rehearsed = report.versions.iter().filter(|part| part.evidence.is_some()).count();
    let rows = report.versions.iter().filter_map(|part| part.evidence.as_ref()).map(|it| it.rows);
    let tile = |name, value: String, note: String| Tile { name, value, note };
    vec![
        tile("Changes", report.changes.len().to_string(), "in the domain".into()),
        tile(
            "Steps",
            steps.len().to_string(),
            match blocking {
                0 => "none blocks anybody".into(),
                _ => format!("{blocking} block others"),
            },
        ),
        tile(
            "Others wait",
            match waits.map(|all| all.into_iter().max().unwrap_or(0)) {
                Some(0) => "not at all".into(),
                Some(us) => format!("≤ {}", duration(us.div_ceil(1000))),
                None => "unknown".into(),
            },
            "at a stretch, on one table".into(),
        ),
        tile(
            "Rehearsed",
            format!("{rehearsed} of {}", count(report.versions.len() as u64, "version")),
            rows.max().map(|rows| format!("on {}", count(rows, "row"))).unwrap_or_default(),
        ),
        tile(
            "Way back",
            undo.name().to_owned(),
            match undo {
                Undo::Exact => "every value can be computed".into(),
                Undo::Kept => "values are kept for it".into(),
                Undo::Lossy => "values are lost".into(),
            },
        ),
        tile("Rows that break rules", broken(report), String::new()),
    ]
}

fn broken(report: &Report) -> String {
    match &report.rows {
        None => "not asked".to_owned(),
        Some(rows) => {
            let all: u64 = rows.verdict.violations.iter().map(|it| it.rows).sum();
            crate::report::style::number(all)
        }
    }
}

/// A model with more changed lines than this is folded.
const SHORT_DIFF: usize = 160;

impl Page<'_> {
    fn mark(&self, mark: &Mark) -> &'static str {
        match mark {
            Mark::Same => "same",
            Mark::Added => "added",
            Mark::Removed => "removed",
            Mark::Changed => "changed",
        }
    }

    /// Text in which what stands between backticks is set as code.
    fn code(&self, text: &str) -> String {
        let escaped = xml(text);
        let parts: Vec<&str> = escaped.split('`').collect();
        let is_paired = parts.len() % 2 == 1;
        let mut html = String::new();
        for (index, part) in parts.iter().enumerate() {
            match (is_paired, index % 2) {
                (true, 1) => html.push_str(&format!("<code>{part}</code>")),
                (true, _) => html.push_str(part),
                (false, 0) => html.push_str(part),
                (false, _) => html.push_str(&format!("`{part}")),
            }
        }
        html
    }

    fn short<'t>(&self, commit: &'t str) -> &'t str {
        commit.get(..12).unwrap_or(commit)
    }

    fn rows(&self, rows: impl Borrow<u64>) -> String {
        count(*rows.borrow(), "row")
    }

    fn ms(&self, ms: impl Borrow<u64>) -> String {
        duration(*ms.borrow())
    }

    fn us(&self, us: impl Borrow<u64>) -> String {
        duration(us.borrow().div_ceil(1000))
    }

    fn share(&self, time: &Timeline, us: impl Borrow<u64>) -> f64 {
        time.share(*us.borrow())
    }

    fn percent(&self, share: f64) -> String {
        format!("{share:.3}")
    }

    /// Five moments from the beginning to the end.
    fn ticks(&self, total_us: impl Borrow<u64>) -> Vec<String> {
        let total_us = *total_us.borrow();
        (0..=4).map(|quarter| duration((total_us * quarter / 4).div_ceil(1000))).collect()
    }

    fn facts(&self, step: &Step) -> String {
        let work = match step.work.name() {
            "catalog" => "catalog only",
            "scan" => "reads every row",
            "write" => "writes rows",
            other => other,
        };
        format!("{work} · lock {} · transaction {}", step.lock.name(), step.transaction.name())
    }

    fn asked(&self, rows: &Rows) -> String {
        let what = match &rows.asked {
            Asked::Pending(version) => format!("What {version} demands"),
            Asked::All => "Every rule of the model".to_owned(),
        };
        let checked = count(rows.verdict.checked as u64, "rule");
        format!(
            "{what}: {checked} on up to {} of a table, at {}.",
            count(rows.verdict.rows, "row"),
            rows.at
        )
    }

    fn entities_lead(&self) -> String {
        let all = self.report.entities.entities.len();
        let about = match self.report.before {
            None => "All of them are new, so none is marked.",
            Some(_) => "What is new, changed or removed says so.",
        };
        match all > entities::ALL_ENTITIES_MAX {
            true => format!(
                "{all} entities; drawn are those that change, and those beside them. {about}"
            ),
            false => {
                format!("What is referred to stands to the left of what refers to it. {about}")
            }
        }
    }

    fn diff_is_short(&self) -> bool {
        self.report.model_diff.added + self.report.model_diff.removed <= SHORT_DIFF
    }

    fn state(&self, state: &VersionState) -> &'static str {
        match state {
            VersionState::Applied => "applied",
            VersionState::Baseline => "it was there before",
            VersionState::Pending => "pending",
        }
    }

    fn schema(&self, status: &Status) -> &'static str {
        match status.schema {
            SchemaStatus::Untracked => "nothing was applied to this database yet",
            SchemaStatus::AsRecorded => "as the last run left it",
            SchemaStatus::Drifted => "drifted: somebody changed it since the last run",
            SchemaStatus::Unread => "not known: the last run stopped before it read it",
        }
    }
}
