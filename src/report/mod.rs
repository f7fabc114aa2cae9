//! What people read: plans, violations, questions, rehearsals, status. Text only; colours are ANSI codes that the
//! command line strips where they are not wanted.

pub mod check;
pub mod checklist;
pub mod document;
pub mod drift;
pub mod explain;
pub mod formats;
pub mod kept;
pub mod lint;
pub mod plan;
pub mod problem;
pub mod question;
pub mod rehearsal;
pub mod repair;
pub mod side_by_side;
pub mod status;
pub mod style;
pub mod verify;
pub mod violation;
