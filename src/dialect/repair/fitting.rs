//! Which repairs fit a rule, for whoever has just read which rows break it.

use super::becomes::listed;
use super::strategy::{Chosen, Stays, Strategy};
use super::target::Target;
use super::{Naming, Subject, mend, values};
use crate::catalog::Column;
use crate::catalog::rule::Requirement;
use crate::dialect::Sql;
use crate::dialect::check::About;

/// A strategy that fits a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    pub chosen: Chosen,
    /// What it does; `VALUE` in it is to be replaced.
    pub says: String,
    /// Whether it has yet to be seen that it mends rows.
    pub trial: Trial,
}

/// Whether a strategy must be tried on rows before it is proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trial {
    Needless,
    Wanted,
}

/// The strategies that fit a rule, the plainest first.
pub fn fitting(subject: Subject<'_>) -> Vec<Proposal> {
    let Ok(target) = Target::of(subject.check, subject.catalog) else { return Vec::new() };
    let mut found = Vec::new();
    for (strategy, trial) in candidates(subject, &target) {
        let chosen = Chosen { strategy, column: None };
        let naming = Naming { tag: "00000000", number: 1 };
        if let Ok(mended) = mend(subject, &chosen, naming) {
            found.push(Proposal { chosen, says: mended.says, trial });
        }
    }
    found
}

/// Answers how many of some rows there are, and how many of them a strategy mends; the rows are named by their keys. `None`
/// where that cannot be asked.
pub fn trial(subject: Subject<'_>, chosen: &Chosen, rows: &[Vec<String>]) -> Option<Sql> {
    values::mends(subject, chosen, rows)
}

fn candidates(subject: Subject<'_>, target: &Target<'_>) -> Vec<(Strategy, Trial)> {
    let plain = |list: Vec<Strategy>| -> Vec<(Strategy, Trial)> {
        list.into_iter().map(|strategy| (strategy, Trial::Needless)).collect()
    };
    let value = || Strategy::Default(Some("VALUE".to_owned()));
    match &subject.check.about {
        None => Vec::new(),
        Some(About::Type { .. }) => {
            let mut list = vec![(Strategy::Trim, Trial::Wanted)];
            list.extend(plain(vec![
                Strategy::Cast(None),
                Strategy::Cast(Some("VALUE".to_owned())),
            ]));
            list.extend(plain(vec![Strategy::Quarantine]));
            list
        }
        Some(About::Rule(Requirement::Required { .. })) => {
            plain(vec![Strategy::Default(None), value(), Strategy::Quarantine])
        }
        Some(About::Rule(Requirement::References { .. })) => {
            plain(vec![Strategy::Null, value(), Strategy::Quarantine])
        }
        Some(About::Rule(Requirement::Unique { .. })) => {
            plain(vec![Strategy::Dedupe(Stays::Newest), Strategy::Dedupe(Stays::Oldest)])
        }
        Some(About::Rule(Requirement::Holds { .. })) => {
            let mut list = plain(vec![Strategy::Clamp]);
            let columns: Vec<&Column> =
                subject.check.values.iter().filter_map(|name| target.column(name)).collect();
            if let [only] = columns.as_slice() {
                if is_text(&only.data_type) {
                    let words = [Strategy::Trim, Strategy::Lower, Strategy::Upper];
                    list.extend(words.map(|strategy| (strategy, Trial::Wanted)));
                }
                if let Some(to) =
                    listed(subject, target, only).and_then(|list| list.first().cloned())
                {
                    list.extend(plain(vec![Strategy::Map(vec![("OLD".to_owned(), to)])]));
                }
                list.push((Strategy::Default(None), Trial::Wanted));
                list.extend(plain(vec![Strategy::Null]));
            }
            list.extend(plain(vec![Strategy::Quarantine]));
            list
        }
        Some(About::Rule(Requirement::Across { .. } | Requirement::Excludes { .. })) => {
            plain(vec![Strategy::Quarantine])
        }
        Some(About::Rule(Requirement::OnlyEngine { .. })) => Vec::new(),
    }
}

fn is_text(data_type: &str) -> bool {
    let lower = data_type.to_ascii_lowercase();
    lower.contains("char") || lower.contains("text")
}
