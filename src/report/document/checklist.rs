//! The release checklist: each line passed, failed or not applicable, with the proof it rests on. The verdict follows from
//! its lines and from nothing else.

use serde::Serialize;

use super::picture::{Mark, Picture, entities};
use super::{Asked, Report, VersionPart, range};
use crate::apply::rehearse::SnapshotKind;
use crate::dialect::{Blocks, Undo};
use crate::report::status::{SchemaStatus, VersionState};
use crate::report::style::{count, duration};

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// A word that stays the same, for programs.
    pub name: &'static str,
    pub title: &'static str,
    pub outcome: Outcome,
    /// The proof, or what is lacking.
    pub says: String,
    /// The part of the report that shows it.
    pub section: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Pass,
    Fail,
    NotApplicable,
}

impl Outcome {
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Pass => "pass",
            Outcome::Fail => "fail",
            Outcome::NotApplicable => "not applicable",
        }
    }

    pub fn sign(self) -> &'static str {
        match self {
            Outcome::Pass => "✓",
            Outcome::Fail => "✕",
            Outcome::NotApplicable => "–",
        }
    }

    pub fn class(self) -> &'static str {
        match self {
            Outcome::Pass => "pass",
            Outcome::Fail => "fail",
            Outcome::NotApplicable => "na",
        }
    }
}

/// What all lines together say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Whether no line failed.
    pub ready: bool,
    pub sentence: String,
    /// What keeps it from being ready.
    pub reasons: Vec<String>,
}

/// What is demanded beyond what always is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demands {
    /// How long others may wait at most.
    pub wait_max_ms: u64,
    /// How many people must have approved, where somebody must have.
    pub approvals: Option<usize>,
}

/// Who approved a version, by its id.
pub type Approvals = Vec<(String, Vec<String>)>;

/// All lines.
pub fn checklist(
    report: &Report,
    (before, after): (Option<&Picture>, Option<&Picture>),
    demands: Demands,
    approvals: Option<&Approvals>,
) -> Vec<Line> {
    let nothing = Picture::default();
    let sides = after.map(|after| (before.unwrap_or(&nothing), after));
    vec![
        history(report),
        documented(sides),
        rules(report),
        permissions(report),
        audit(sides),
        rehearsed(report),
        rollback(report),
        waits(report, demands.wait_max_ms),
        kept(report),
        drift(report),
        qa(),
        approved(report, demands.approvals, approvals),
    ]
}

/// The verdict of a list of lines.
pub fn verdict(report: &Report) -> Verdict {
    let failed = report.checklist.iter().filter(|line| line.outcome == Outcome::Fail);
    let reasons: Vec<String> =
        failed.map(|line| format!("{}: {}", line.title, line.says)).collect();
    let in_force =
        |part: &VersionPart| part.state.is_some_and(|state| state != VersionState::Pending);
    let applied = !report.versions.is_empty() && report.versions.iter().all(in_force);
    let passed = report.checklist.iter().filter(|line| line.outcome == Outcome::Pass).count();
    let sentence = match (reasons.len(), applied, &report.database) {
        (0, true, _) => "Applied, and nothing speaks against it.".to_owned(),
        (0, false, Some(_)) => format!("Ready to apply: {} passed.", count(passed as u64, "check")),
        (0, false, None) => {
            "Nothing speaks against it so far; no database was named, so its rows were not asked."
                .to_owned()
        }
        (failed, true, _) => {
            format!("Applied, but {} did not pass.", count(failed as u64, "check"))
        }
        (failed, false, _) => format!("Not ready: {} did not pass.", count(failed as u64, "check")),
    };
    Verdict { ready: reasons.is_empty(), sentence, reasons }
}

fn line(
    (name, title, section): (&'static str, &'static str, &'static str),
    outcome: Outcome,
    says: impl Into<String>,
) -> Line {
    Line { name, title, outcome, says: says.into(), section }
}

fn history(report: &Report) -> Line {
    let of = ("history", "History is whole", "versions");
    match report.ledger.as_ref().and_then(|ledger| ledger.broken) {
        Some(row) => line(
            of,
            Outcome::Fail,
            format!("row {row} of the ledger does not follow from the row before"),
        ),
        None => {
            let versions = count(report.versions.len() as u64, "version");
            let ledger = match &report.ledger {
                Some(ledger) => {
                    format!(", {} of the ledger unbroken", count(ledger.of as u64, "row"))
                }
                None => String::new(),
            };
            line(
                of,
                Outcome::Pass,
                format!("{versions}, each with the hash that chain.sum states{ledger}"),
            )
        }
    }
}

fn documented(sides: Option<(&Picture, &Picture)>) -> Line {
    let of = ("documented", "Data model documented", "entities");
    let Some((before, after)) = sides else {
        return line(of, Outcome::NotApplicable, "the schema is not known here");
    };
    let new: Vec<_> = entities(before, after)
        .into_iter()
        .filter(|sides| sides.mark() == Mark::Added)
        .map(|sides| sides.shown())
        .collect();
    let bare: Vec<&str> =
        new.iter().filter(|it| it.comment.is_none()).map(|it| it.name.as_str()).collect();
    match (new.len(), bare.len()) {
        (0, _) => line(of, Outcome::NotApplicable, "no entity is new"),
        (all, 0) => line(
            of,
            Outcome::Pass,
            match all {
                1 => "the new entity says what it is".to_owned(),
                _ => format!("each of {all} new entities says what it is"),
            },
        ),
        (_, _) => line(
            of,
            Outcome::Fail,
            format!("no `comment:` says what these are: {}", bare.join(", ")),
        ),
    }
}

fn rules(report: &Report) -> Line {
    let of = ("rules", "Rules verified", "rows");
    if let Some(rows) = &report.rows {
        let verdict = &rows.verdict;
        let asked = match &rows.asked {
            Asked::Pending(version) => format!("that {version} brings,"),
            Asked::All => "of the model,".to_owned(),
        };
        let broken = verdict.violations.iter().filter(|violation| violation.fails());
        let rows_broken: u64 = broken.clone().map(|violation| violation.rows).sum();
        return match (broken.count(), verdict.unasked.len()) {
            (0, 0) => {
                let trusted = match verdict.trusted.len() {
                    0 => String::new(),
                    held => format!("; the database itself holds every row to {held} more"),
                };
                line(
                    of,
                    Outcome::Pass,
                    format!(
                        "{} {asked} on up to {}{trusted}",
                        count(verdict.checked as u64, "rule"),
                        count(verdict.rows, "row")
                    ),
                )
            }
            (0, unasked) => line(
                of,
                Outcome::Fail,
                format!("{} could not be asked", count(unasked as u64, "rule")),
            ),
            (broken, _) => line(
                of,
                Outcome::Fail,
                format!("{} broken by {}", count(broken as u64, "rule"), count(rows_broken, "row")),
            ),
        };
    }
    let checks: usize = report.versions.iter().map(|part| part.checks.len()).sum();
    let evidence: Vec<_> =
        report.versions.iter().filter_map(|part| part.evidence.as_ref()).collect();
    if checks == 0 {
        return line(
            of,
            Outcome::NotApplicable,
            "no rule is new or tightened, and no database was named",
        );
    }
    match evidence.last() {
        Some(last) if evidence.len() == report.versions.len() => line(
            of,
            Outcome::Pass,
            format!(
                "{} by the rehearsal of {} on {}",
                count(checks as u64, "rule"),
                last.at,
                count(last.rows, "row")
            ),
        ),
        Some(_) | None => line(
            of,
            Outcome::Fail,
            format!(
                "{} were not asked: name the database, or rehearse",
                count(checks as u64, "rule")
            ),
        ),
    }
}

fn permissions(report: &Report) -> Line {
    let of = ("permissions", "Permissions diffed", "permissions");
    if report.permissions.is_empty() {
        return line(of, Outcome::NotApplicable, "the model states no permissions");
    }
    let changed: usize = report.permissions.iter().map(super::access::Matrix::changes).sum();
    let says = match changed {
        0 => "nobody gains or loses a permission".to_owned(),
        _ => format!("{}, each marked", count(changed as u64, "change")),
    };
    line(of, Outcome::Pass, says)
}

fn audit(sides: Option<(&Picture, &Picture)>) -> Line {
    let of = ("audit", "Audit trail", "changes");
    let stated = sides.filter(|(before, after)| {
        before.entities.iter().chain(&after.entities).any(|entity| !entity.audit.is_empty())
    });
    let Some((before, after)) = stated else {
        return line(of, Outcome::NotApplicable, "the model states no `audit:`");
    };
    let lost: Vec<String> = entities(before, after)
        .into_iter()
        .filter_map(|sides| {
            let (old, new) = (sides.before?, sides.after?);
            let gone: Vec<&str> =
                old.audit.iter().filter(|it| !new.audit.contains(it)).map(String::as_str).collect();
            (!gone.is_empty()).then(|| format!("{} ({})", new.name, gone.join(", ")))
        })
        .collect();
    if !lost.is_empty() {
        return line(of, Outcome::Fail, format!("lost by {}", lost.join(", ")));
    }
    let with = after.entities.iter().filter(|entity| !entity.audit.is_empty()).count();
    let all = after.entities.len();
    line(of, Outcome::Pass, format!("{with} of {all} entities keep one, and none loses it"))
}

fn rehearsed(report: &Report) -> Line {
    let of = ("rehearsed", "Rehearsed up, down and up", "rehearsal");
    let missing: Vec<&str> = report
        .versions
        .iter()
        .filter(|part| part.evidence.is_none())
        .map(|part| part.id.as_str())
        .collect();
    if !missing.is_empty() {
        let says =
            format!("no rehearsal is on file of {}: run `migrate rehearse`", missing.join(", "));
        return line(of, Outcome::Fail, says);
    }
    let told: Vec<String> = report
        .versions
        .iter()
        .filter_map(|part| part.evidence.as_ref())
        .map(|evidence| {
            let extent = match evidence.snapshot {
                SnapshotKind::Whole => "all rows",
                SnapshotKind::Part => "all rows it touches",
                SnapshotKind::Sample => "a sample",
            };
            format!(
                "{} on {extent} ({}) of {}, as of {}",
                evidence.version,
                count(evidence.rows, "row"),
                evidence.source,
                evidence.at
            )
        })
        .collect();
    line(of, Outcome::Pass, told.join("; "))
}

fn rollback(report: &Report) -> Line {
    let of = ("rollback", "Rollback tested", "rollback");
    let down: Option<Vec<u64>> = report
        .versions
        .iter()
        .map(|part| part.evidence.as_ref().map(|evidence| evidence.down_ms))
        .collect();
    match down {
        None => line(of, Outcome::Fail, "the way back was not run yet: `migrate rehearse` runs it"),
        Some(down) => {
            let written: usize = report
                .versions
                .iter()
                .filter_map(|part| part.evidence.as_ref())
                .map(|evidence| evidence.written.survived)
                .sum();
            let lived = match written {
                0 => String::new(),
                rows => format!("; {} written in between lived on", count(rows as u64, "row")),
            };
            let all: u64 = down.iter().sum();
            let says = format!("took {} on the copy, every row as before{lived}", duration(all));
            line(of, Outcome::Pass, says)
        }
    }
}

fn waits(report: &Report, wait_max_ms: u64) -> Line {
    let of = ("waiting", "Longest wait for others", "steps");
    let steps = || report.versions.iter().flat_map(|part| &part.up);
    let blocking = steps().filter(|step| step.blocks >= Blocks::Writes);
    let Some(longest) =
        blocking.clone().max_by_key(|step| step.measured.as_ref().map_or(0, |it| it.held.high_ms))
    else {
        return line(of, Outcome::Pass, "no step makes reads or writes wait");
    };
    if blocking.clone().any(|step| step.measured.is_none()) {
        let says = format!(
            "not measured, and others may have to wait: {}",
            count(blocking.count() as u64, "step")
        );
        return line(of, Outcome::Fail, says);
    }
    let held = longest.measured.as_ref().map(|it| it.held).unwrap_or_default();
    let says = format!("{} for “{}” ({})", range(held), longest.title, longest.waits());
    let limit = duration(wait_max_ms);
    match held.high_ms <= wait_max_ms {
        true => line(of, Outcome::Pass, format!("{says}; at most {limit} is allowed")),
        false => line(of, Outcome::Fail, format!("{says}; more than the {limit} that are allowed")),
    }
}

fn kept(report: &Report) -> Line {
    let of = ("kept", "Nothing is lost", "rollback");
    let lossy: Vec<String> = report
        .versions
        .iter()
        .flat_map(|part| &part.up)
        .filter(|step| step.undo == Undo::Lossy)
        .map(|step| format!("{} ({})", step.title, step.reason))
        .collect();
    if !lossy.is_empty() {
        return line(
            of,
            Outcome::Fail,
            format!("lost for good: {}; take a backup first", lossy.join("; ")),
        );
    }
    let keeps: usize = report.versions.iter().map(|part| part.keeps.len()).sum();
    let says = match keeps {
        0 => "every step can be computed back; no backup is needed for it".to_owned(),
        _ => format!(
            "{} keep what they take away, until `migrate release`",
            count(keeps as u64, "step")
        ),
    };
    line(of, Outcome::Pass, says)
}

fn drift(report: &Report) -> Line {
    let of = ("drift", "No drift", "database");
    let Some(status) = &report.database else {
        return line(of, Outcome::NotApplicable, "no database was named");
    };
    match status.schema {
        SchemaStatus::AsRecorded => {
            line(of, Outcome::Pass, "the schema is as the last run left it")
        }
        SchemaStatus::Untracked => {
            line(of, Outcome::NotApplicable, "nothing was applied to this database yet")
        }
        SchemaStatus::Unread => {
            line(of, Outcome::Fail, "the last run stopped before it read the schema")
        }
        SchemaStatus::Drifted => line(
            of,
            Outcome::Fail,
            "somebody changed the schema: `migrate status --drift` shows how",
        ),
    }
}

fn qa() -> Line {
    let of = ("qa", "QA cases passed", "checklist");
    line(of, Outcome::NotApplicable, "this program runs no QA cases; add your own proof")
}

fn approved(report: &Report, wanted: Option<usize>, approvals: Option<&Approvals>) -> Line {
    let of = ("approvals", "Approved", "ledger");
    let Some(approvals) = approvals else {
        return match wanted {
            None => line(
                of,
                Outcome::NotApplicable,
                "no database was named, and its ledger holds approvals",
            ),
            Some(_) => {
                line(of, Outcome::Fail, "no database was named, and its ledger holds approvals")
            }
        };
    };
    let mut told = Vec::new();
    let mut fewest = usize::MAX;
    for part in &report.versions {
        let who = approvals.iter().find(|(id, _)| *id == part.id);
        let who = who.map(|(_, who)| who.clone()).unwrap_or_default();
        fewest = fewest.min(who.len());
        told.push(match who.is_empty() {
            true => format!("{} by nobody", part.id),
            false => format!("{} by {}", part.id, who.join(", ")),
        });
    }
    let outcome = match (wanted, fewest) {
        (None, 0) => Outcome::NotApplicable,
        (None, _) => Outcome::Pass,
        (Some(wanted), fewest) if fewest >= wanted => Outcome::Pass,
        (Some(_), _) => Outcome::Fail,
    };
    let wanted = wanted.map(|wanted| format!(" ({wanted} wanted)")).unwrap_or_default();
    line(of, outcome, format!("{}{wanted}", told.join("; ")))
}
