//! What has been done to a database: the ledger (one row a finished action, each holding the hash of the row
//! before) and the journal (one row a step, written in the step's own transaction).

use serde::{Deserialize, Serialize};

use crate::dialect::Direction;
use crate::text::hash::sha256_parts;

/// A finished action. Never changed, never removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// 1, 2, 3, …
    pub number: u64,
    /// RFC 3339, UTC.
    pub at: String,
    pub action: Action,
    /// Version id, or `plan TAG` for a plan without a project.
    pub version: String,
    /// SHA-256 of the SQL that ran (both ways).
    pub plan: String,
    /// Fingerprint of the schema after the action, or [`UNREAD`].
    pub schema: String,
    pub actor: String,
    pub host: String,
    /// Commit of the project, where it is a git work tree.
    pub commit: Option<String>,
    pub tool: String,
    /// Why something usual was left out, in the user's words.
    pub reason: Option<String>,
    pub duration_ms: u64,
    /// `hash` of the row before; empty for the first.
    pub previous: String,
    pub hash: String,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The database already had this version's schema.
    Baseline,
    Apply,
    Rollback,
    /// Kept data was thrown away for good.
    Release,
    /// A run that stopped half-way was closed: what was in force before it still is.
    Resolve,
    /// Somebody said yes to a version before it ran.
    Approve,
}

impl Action {
    pub fn name(self) -> &'static str {
        match self {
            Action::Baseline => "baseline",
            Action::Apply => "apply",
            Action::Rollback => "rollback",
            Action::Release => "release",
            Action::Resolve => "resolve",
            Action::Approve => "approve",
        }
    }

    /// The action with that name.
    pub fn named(name: &str) -> Option<Action> {
        const ALL: [Action; 6] = [
            Action::Baseline,
            Action::Apply,
            Action::Rollback,
            Action::Release,
            Action::Resolve,
            Action::Approve,
        ];
        ALL.into_iter().find(|action| action.name() == name)
    }
}

/// Stands for the fingerprint after a version that others followed in the same run, where nothing had promised it: the schema was read after the
/// last of them.
pub const UNREAD: &str = "unread";

impl Entry {
    /// The fingerprint of the schema after the action, where it is known.
    pub fn known_schema(&self) -> Option<&str> {
        (self.schema != UNREAD).then_some(self.schema.as_str())
    }

    /// The hash over everything else in the row.
    pub fn computed_hash(&self) -> String {
        let number = self.number.to_string();
        let duration = self.duration_ms.to_string();
        sha256_parts(
            [
                number.as_str(),
                &self.at,
                self.action.name(),
                &self.version,
                &self.plan,
                &self.schema,
                &self.actor,
                &self.host,
                self.commit.as_deref().unwrap_or(""),
                &self.tool,
                self.reason.as_deref().unwrap_or(""),
                &duration,
                &self.previous,
            ]
            .map(str::as_bytes),
        )
    }

    /// The row, sealed onto the one before.
    pub fn sealed(mut self, previous: Option<&Entry>) -> Entry {
        self.number = previous.map_or(1, |entry| entry.number + 1);
        self.previous = previous.map(|entry| entry.hash.clone()).unwrap_or_default();
        self.hash = self.computed_hash();
        self
    }
}

/// The first row that does not follow from the one before, if any.
pub fn broken_link(entries: &[Entry]) -> Option<u64> {
    let mut previous = "";
    for (index, entry) in entries.iter().enumerate() {
        let follows = entry.previous == previous && entry.number == index as u64 + 1;
        if !follows || entry.hash != entry.computed_hash() {
            return Some(entry.number);
        }
        previous = &entry.hash;
    }
    None
}

/// The versions in force, oldest first.
pub fn applied(entries: &[Entry]) -> Vec<&Entry> {
    let mut applied: Vec<&Entry> = Vec::new();
    for entry in entries {
        match entry.action {
            Action::Baseline | Action::Apply => applied.push(entry),
            Action::Rollback => applied.retain(|other| other.version != entry.version),
            Action::Release | Action::Resolve | Action::Approve => {}
        }
    }
    applied
}

/// Who approved the very SQL of a version, each once, in the order in which they did.
pub fn approvers<'e>(entries: &'e [Entry], version: &str, plan: &str) -> Vec<&'e str> {
    let mut who: Vec<&str> = Vec::new();
    for entry in entries.iter().filter(|it| it.action == Action::Approve) {
        let is_of_it = entry.version == version && entry.plan == plan;
        if is_of_it && !who.contains(&entry.actor.as_str()) {
            who.push(&entry.actor);
        }
    }
    who
}

/// A step of a run, as the journal holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepRow {
    /// The number of the ledger entry that the run will write when it is finished.
    pub run: u64,
    pub version: String,
    pub way: Direction,
    pub plan: String,
    /// 1-based position in the script; 0 stands for the start of the run.
    pub step: u32,
    pub title: String,
    pub state: StepState,
    pub at: String,
}

/// How far a step got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepState {
    /// Written before a step that cannot share its transaction; a crash leaves it so.
    Started,
    Done,
    /// It was started, failed, and nothing of it is left.
    Undone,
}

impl StepState {
    pub fn name(self) -> &'static str {
        match self {
            StepState::Started => "started",
            StepState::Done => "done",
            StepState::Undone => "undone",
        }
    }

    /// The state with that name.
    pub fn named(name: &str) -> Option<StepState> {
        [StepState::Started, StepState::Done, StepState::Undone]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

/// A run that began and has no ledger entry: how many of its steps are done, and whether one is uncertain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    pub run: u64,
    pub version: String,
    pub way: Direction,
    pub plan: String,
    pub done: u32,
    /// A step that was started outside a transaction and never reported back.
    pub uncertain: Option<u32>,
}

/// The run that stopped half-way, if there is one.
pub fn unfinished(entries: &[Entry], rows: &[StepRow]) -> Option<Unfinished> {
    let last = entries.last().map_or(0, |entry| entry.number);
    let rows: Vec<&StepRow> = rows.iter().filter(|row| row.run > last).collect();
    let first = rows.first()?;
    let done = rows.iter().filter(|row| row.state == StepState::Done).map(|row| row.step).max();
    let done = done.unwrap_or(0);
    // Steps run in order, so a later step than the last one done is the one that was under way.
    let under_way: Vec<&&StepRow> = rows.iter().filter(|row| row.step > done).collect();
    let count = |state| under_way.iter().filter(|row| row.state == state).count();
    let is_open = count(StepState::Started) > count(StepState::Undone);
    let uncertain = under_way.iter().map(|row| row.step).max().filter(|_| is_open);
    // A part of the first step is committed.
    let has_begun = rows.iter().any(|row| row.step == 0);
    if done == 0 && uncertain.is_none() && !has_begun {
        return None;
    }
    Some(Unfinished {
        run: first.run,
        version: first.version.clone(),
        way: first.way,
        plan: first.plan.clone(),
        done,
        uncertain,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(action: Action, version: &str) -> Entry {
        Entry {
            number: 0,
            at: "2026-01-01T00:00:00Z".into(),
            action,
            version: version.into(),
            plan: "p".into(),
            schema: "s".into(),
            actor: "ana".into(),
            host: "laptop".into(),
            commit: None,
            tool: "0".into(),
            reason: None,
            duration_ms: 1,
            previous: String::new(),
            hash: String::new(),
        }
    }

    fn ledger(actions: &[(Action, &str)]) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::new();
        for (action, version) in actions {
            let sealed = entry(*action, version).sealed(entries.last());
            entries.push(sealed);
        }
        entries
    }

    #[test]
    fn a_changed_row_breaks_the_chain() {
        let mut entries = ledger(&[(Action::Baseline, "1"), (Action::Apply, "2")]);
        assert_eq!(broken_link(&entries), None);
        entries[0].actor = "mallory".into();
        assert_eq!(broken_link(&entries), Some(1));
        entries.remove(0);
        assert_eq!(broken_link(&entries), Some(2));
    }

    #[test]
    fn a_rollback_takes_the_version_out_of_force() {
        let entries =
            ledger(&[(Action::Baseline, "1"), (Action::Apply, "2"), (Action::Rollback, "2")]);
        let versions: Vec<&str> = applied(&entries).iter().map(|e| e.version.as_str()).collect();
        assert_eq!(versions, ["1"]);
    }

    #[test]
    fn an_approval_is_of_one_text_and_counts_once_for_each_person() {
        let mut entries = ledger(&[(Action::Approve, "2"), (Action::Approve, "2")]);
        assert_eq!(approvers(&entries, "2", "p"), ["ana"]);
        assert_eq!(approvers(&entries, "2", "another text"), [""; 0]);
        entries[1].actor = "bo".into();
        assert_eq!(approvers(&entries, "2", "p"), ["ana", "bo"]);
        assert!(applied(&entries).is_empty(), "nothing was applied");
    }

    #[test]
    fn an_unfinished_run_knows_where_it_stopped() {
        let row = |run, step, state| StepRow {
            run,
            version: "2".into(),
            way: Direction::Up,
            plan: "p".into(),
            step,
            title: String::new(),
            state,
            at: String::new(),
        };
        let entries = ledger(&[(Action::Baseline, "1")]);
        let rows =
            [row(1, 1, StepState::Done), row(2, 1, StepState::Done), row(2, 2, StepState::Started)];
        let found = unfinished(&entries, &rows).expect("run 2 is open");
        assert_eq!((found.run, found.done, found.uncertain), (2, 1, Some(2)));
        assert_eq!(unfinished(&entries, &rows[..1]), None);
        let begun = unfinished(&entries, &[row(2, 0, StepState::Done)]).expect("run 2 is open");
        assert_eq!((begun.run, begun.done, begun.uncertain), (2, 0, None));
    }

    #[test]
    fn a_step_that_was_undone_is_not_uncertain() {
        let row = |step, state| StepRow {
            run: 1,
            version: "1".into(),
            way: Direction::Up,
            plan: "p".into(),
            step,
            title: String::new(),
            state,
            at: String::new(),
        };
        let mut rows = vec![row(1, StepState::Started), row(1, StepState::Undone)];
        assert_eq!(unfinished(&[], &rows), None, "nothing is left of it");
        rows.push(row(1, StepState::Started));
        assert_eq!(unfinished(&[], &rows).expect("it is open").uncertain, Some(1));
        rows.extend([row(1, StepState::Done), row(2, StepState::Started)]);
        rows.push(row(2, StepState::Undone));
        let found = unfinished(&[], &rows).expect("the first step is done");
        assert_eq!((found.done, found.uncertain), (1, None));
    }
}
