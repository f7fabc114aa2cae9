//! What kind of fault a row has that breaks a rule: each has a code that never changes, and a page (`migrate explain MG501`).

use serde::{Deserialize, Serialize};

use crate::catalog::rule::Requirement;

/// What is wrong with a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// It lacks a value that is required.
    Null,
    /// A condition is false for it.
    #[default]
    Condition,
    /// What it refers to is not there.
    Orphan,
    /// Another row has its key.
    Duplicate,
    /// A value cannot be read as the new type.
    Cast,
    /// A value is too long or too large for the new type.
    Overflow,
    /// A value is none of those of the enum.
    Label,
    /// Another row excludes it.
    Overlap,
    /// Its number is one that the sequence has yet to hand out.
    Ahead,
    /// It breaks a constraint that is there and was never validated.
    NotValidated,
}

impl Fault {
    /// What breaks a rule.
    pub fn of(requirement: &Requirement) -> Self {
        match requirement {
            Requirement::Required { .. } => Fault::Null,
            Requirement::Unique { .. } => Fault::Duplicate,
            Requirement::References { .. } => Fault::Orphan,
            Requirement::Excludes { .. } => Fault::Overlap,
            Requirement::Holds { .. }
            | Requirement::Across { .. }
            | Requirement::OnlyEngine { .. } => Fault::Condition,
        }
    }

    /// The code of its page.
    pub fn code(self) -> &'static str {
        match self {
            Fault::Null => "MG501",
            Fault::Condition => "MG502",
            Fault::Orphan => "MG503",
            Fault::Duplicate => "MG504",
            Fault::Cast => "MG505",
            Fault::Overflow => "MG506",
            Fault::Label => "MG507",
            Fault::Overlap => "MG508",
            Fault::Ahead => "MG510",
            Fault::NotValidated => "MG511",
        }
    }
}
