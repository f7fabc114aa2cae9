//! Makes a report of all that is known: the one place where it is put together.

use super::checklist::{Approvals, Demands, Verdict, checklist, verdict};
use super::picture::Picture;
use super::renames::{follow_references, tell_earlier_names};
use super::text_diff::{TextDiff, text_diff};
use super::timeline::timeline;
use super::{
    AskedRule, FORMAT, Kept, Ledger, Made, Measured, Report, Rows, Step, VersionPart, access,
    changes, machines, personal, relations,
};
use crate::apply::Bundle;
use crate::apply::rehearse::{Evidence, StepEvidence};
use crate::dialect::{self, Absence, Undo};
use crate::journal::{Entry, broken_link};
use crate::plan::Proof;
use crate::plan::version::Manifest;
use crate::report::status::{Status, VersionState};
use crate::text::Dialect;

/// All that is known.
pub struct Material {
    pub project: String,
    pub made: Made,
    pub dialect: Dialect,
    pub other_dialects: Vec<Dialect>,
    /// `None` where it starts from nothing.
    pub before: Option<Side>,
    pub after: Side,
    pub versions: Vec<VersionMaterial>,
    pub database: Option<DatabaseMaterial>,
    pub demands: Demands,
    pub notes: Vec<String>,
}

/// One end of the range.
pub struct Side {
    /// The version's id.
    pub id: String,
    /// The name of its model, and what is in it.
    pub file: String,
    pub text: String,
    /// `None` where its schema cannot be read here.
    pub picture: Option<Picture>,
}

pub struct VersionMaterial {
    pub manifest: Manifest,
    pub bundle: Bundle,
    pub evidence: Option<Evidence>,
    pub state: Option<VersionState>,
}

pub struct DatabaseMaterial {
    pub status: Status,
    pub entries: Vec<Entry>,
    pub approvals: Approvals,
    pub rows: Option<Rows>,
}

/// The report.
pub fn report(mut material: Material) -> Report {
    name_as_before(&mut material);
    let nothing = Picture::default();
    let before = material.before.as_ref().map_or(Some(&nothing), |side| side.picture.as_ref());
    let after = material.after.picture.as_ref();
    let both = before.zip(after);
    let versions: Vec<VersionPart> = material.versions.iter().map(version_part).collect();
    let title = match material.versions.as_slice() {
        [only] => only.manifest.id.to_string(),
        [first, .., last] => format!("{} to {}", first.manifest.id, last.manifest.id),
        [] => material.after.id.clone(),
    };
    let mut report = Report {
        report: FORMAT,
        project: material.project,
        title,
        made: material.made,
        dialect: material.dialect,
        other_dialects: material.other_dialects,
        before: material.before.as_ref().map(|side| side.id.clone()),
        after: material.after.id.clone(),
        verdict: Verdict::default(),
        checklist: Vec::new(),
        changes: both.map(|(a, b)| changes::changes(a, b)).unwrap_or_default(),
        model_diff: model_diff(material.before.as_ref(), &material.after),
        permissions: both.map(|(a, b)| access::matrices(a, b)).unwrap_or_default(),
        personal: both.map(|(a, b)| personal::inventory(a, b)).unwrap_or_default(),
        states: both.map(|(a, b)| machines::machines(a, b)).unwrap_or_default(),
        entities: both.map(|(a, b)| relations::map(a, b)).unwrap_or_default(),
        rows: material.database.as_ref().and_then(|database| database.rows.clone()),
        ledger: material.database.as_ref().map(|database| ledger(&database.entries, &versions)),
        database: material.database.as_ref().map(|database| database.status.clone()),
        versions,
        notes: material.notes,
    };
    let approvals = material.database.as_ref().map(|database| &database.approvals);
    report.checklist = checklist(&report, (before, after), material.demands, approvals);
    report.verdict = verdict(&report);
    report
}

/// Tells the later side what its things were called before.
fn name_as_before(material: &mut Material) {
    let earlier = material.before.as_mut().and_then(|side| side.picture.as_mut());
    let (Some(before), Some(after)) = (earlier, &mut material.after.picture) else { return };
    let plans = material.versions.iter().filter_map(|version| version.bundle.plan.carries.as_ref());
    tell_earlier_names(before, after, &plans.collect::<Vec<_>>());
    follow_references(before, after);
}

fn model_diff(before: Option<&Side>, after: &Side) -> TextDiff {
    match before {
        Some(before) => text_diff((&before.file, &before.text), (&after.file, &after.text)),
        None => text_diff(("nothing", ""), (&after.file, &after.text)),
    }
}

/// The rows of the ledger about these versions, and the last ones.
fn ledger(entries: &[Entry], versions: &[VersionPart]) -> Ledger {
    let is_told = |(place, entry): &(usize, &Entry)| {
        place + LAST_ENTRIES >= entries.len()
            || versions.iter().any(|part| part.id == entry.version)
    };
    Ledger {
        entries: entries
            .iter()
            .enumerate()
            .filter(is_told)
            .map(|(_, entry)| entry.clone())
            .collect(),
        of: entries.len(),
        broken: broken_link(entries),
    }
}

/// So many rows at the end of the ledger are always told.
const LAST_ENTRIES: usize = 5;

fn version_part(material: &VersionMaterial) -> VersionPart {
    let VersionMaterial { manifest, bundle, evidence, state } = material;
    let measured =
        |steps: fn(&Evidence) -> &[StepEvidence]| evidence.as_ref().map(steps).unwrap_or_default();
    let up = steps(&bundle.up, measured(|it| &it.steps));
    let keeps = up
        .iter()
        .filter(|step| step.undo == Undo::Kept)
        .map(|step| Kept { step: step.title.clone(), reason: step.reason.clone() });
    VersionPart {
        id: manifest.id.to_string(),
        author: manifest.author.clone(),
        created: manifest.created.clone(),
        reason: manifest.reason.clone(),
        hash: manifest.hash.clone(),
        plan: bundle.hash.clone(),
        state: *state,
        undo: up.iter().map(|step| step.undo).max().unwrap_or(Undo::Exact),
        proved: match &bundle.plan.proved {
            Proof::On(engine) => format!("proved up, down and up on an empty {engine}"),
            Proof::Not(why) => format!("not proved on an empty database: {why}"),
        },
        summary: bundle.plan.summary.clone(),
        keeps: keeps.collect(),
        down: steps(&bundle.down, measured(|it| &it.down_steps)),
        checks: bundle
            .plan
            .up
            .checks
            .iter()
            .map(|check| AskedRule {
                rule: check.rule.clone(),
                table: check.table.clone(),
                says: check.message.clone(),
            })
            .collect(),
        timeline: timeline(&up),
        evidence: evidence.clone(),
        up,
    }
}

/// Steps as they run the first time: those that only put back what an earlier rollback kept are left out.
fn steps(steps: &[dialect::Step], measured: &[StepEvidence]) -> Vec<Step> {
    let is_put_back = |step: &dialect::Step| {
        step.reads_kept.as_ref().is_some_and(|it| it.absence == Absence::Skip)
    };
    let numbered = steps.iter().enumerate().filter(|(_, step)| !is_put_back(step));
    numbered
        .map(|(index, step)| {
            let found = measured.iter().find(|it| it.step == index + 1);
            let lock = found.map_or(step.facts.lock, StepEvidence::lock);
            Step {
                number: index + 1,
                title: step.title.clone(),
                lock,
                blocks: lock.blocks(),
                work: step.facts.work,
                transaction: step.facts.transaction,
                undo: step.facts.undo,
                reason: step.facts.reason.clone(),
                sql: step.statements.iter().map(ToString::to_string).collect(),
                measured: found.map(|it| Measured {
                    us: it.us,
                    rows: it.rows,
                    expected: it.expected,
                    held: it.held,
                    locks: it.locks.clone(),
                }),
            }
        })
        .collect()
}
