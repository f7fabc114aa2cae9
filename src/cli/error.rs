//! Every error as what a person reads and the code the program ends with.

use super::exit::Exit;
use crate::apply::bundle::BundleError;
use crate::apply::deploy::DeployError;
use crate::apply::given::GivenError;
use crate::apply::rehearse::RehearseError;
use crate::apply::run::{Problem, Reached, RunError};
use crate::db::{DbError, DbErrorKind};
use crate::plan::PlanError;
use crate::report::style::{BAD, GOOD, count, paint};
use crate::report::{rehearsal, violation};
use crate::shadow::ShadowError;
use crate::source::SourceError;
use crate::source::project::ProjectError;
use crate::verify::VerifyError;

/// A failed command.
#[derive(Debug)]
pub(crate) struct CliError {
    pub(crate) exit: Exit,
    /// Lower case; a line that starts with `help:` says what to do next.
    pub(crate) message: String,
}

impl CliError {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        CliError { exit, message: message.into() }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        CliError::new(Exit::Usage, message)
    }

    /// Prints it to standard error. Rendered diagnostics already carry their own heading.
    pub(crate) fn print(&self) {
        let rendered = self.message.starts_with("error") || self.message.starts_with('\u{1b}');
        let heading = if rendered { String::new() } else { format!("{}: ", paint(BAD, "error")) };
        let mut lines = self.message.lines();
        anstream::eprintln!("{heading}{}", lines.next().unwrap_or_default());
        for line in lines {
            match line.strip_prefix("help:") {
                Some(rest) => anstream::eprintln!("{}:{rest}", paint(GOOD, "help")),
                None => anstream::eprintln!("{line}"),
            }
        }
    }
}

impl From<DbError> for CliError {
    fn from(error: DbError) -> Self {
        CliError::new(exit_of(error.kind), error.to_string())
    }
}

fn exit_of(kind: DbErrorKind) -> Exit {
    match kind {
        DbErrorKind::Busy | DbErrorKind::Cancelled => Exit::Busy,
        DbErrorKind::Constraint => Exit::Violations,
        DbErrorKind::Connect
        | DbErrorKind::Auth
        | DbErrorKind::NotADatabase
        | DbErrorKind::NotFound
        | DbErrorKind::ReadOnly
        | DbErrorKind::Sql
        | DbErrorKind::Unsupported => Exit::Failure,
    }
}

impl From<ProjectError> for CliError {
    fn from(error: ProjectError) -> Self {
        let exit = match &error {
            ProjectError::History(_) => Exit::History,
            ProjectError::NoProject
            | ProjectError::Settings { .. }
            | ProjectError::Io { .. }
            | ProjectError::NoVersion { .. }
            | ProjectError::NoDialect { .. }
            | ProjectError::Variable(_) => Exit::Failure,
        };
        CliError::new(exit, error.to_string())
    }
}

impl From<SourceError> for CliError {
    fn from(error: SourceError) -> Self {
        CliError::new(Exit::Failure, error.to_string())
    }
}

impl From<ShadowError> for CliError {
    fn from(error: ShadowError) -> Self {
        CliError::new(Exit::Failure, error.to_string())
    }
}

impl From<PlanError> for CliError {
    fn from(error: PlanError) -> Self {
        CliError::new(Exit::Failure, error.to_string())
    }
}

impl From<VerifyError> for CliError {
    fn from(error: VerifyError) -> Self {
        CliError::new(exit_of(error.source.kind), error.to_string())
    }
}

impl From<BundleError> for CliError {
    fn from(error: BundleError) -> Self {
        let exit = match &error {
            BundleError::Edited { .. } => Exit::History,
            BundleError::Script { .. } | BundleError::Plan(_) => Exit::Failure,
        };
        CliError::new(exit, error.to_string())
    }
}

impl From<RehearseError> for CliError {
    fn from(error: RehearseError) -> Self {
        match error {
            RehearseError::Db(error) => error.into(),
            RehearseError::Verify(error) => error.into(),
            error @ RehearseError::Goal { .. } => CliError::new(Exit::Failure, error.to_string()),
        }
    }
}

impl From<DeployError> for CliError {
    fn from(error: DeployError) -> Self {
        let exit = match &error {
            DeployError::Db(error) => exit_of(error.kind),
            DeployError::Verify(error) => exit_of(error.source.kind),
            DeployError::Rehearse(RehearseError::Db(error)) => exit_of(error.kind),
            DeployError::Rehearse(RehearseError::Verify(error)) => exit_of(error.source.kind),
            DeployError::Rehearse(RehearseError::Goal { .. }) => Exit::Failure,
            DeployError::Shadow(_)
            | DeployError::Evidence { .. }
            | DeployError::NoStepUnderWay(_)
            | DeployError::NotApplied(_) => Exit::Failure,
            DeployError::NotPassed(found) if found.blames_rows() => Exit::Violations,
            DeployError::NotPassed(_) => Exit::Failure,
            DeployError::Busy(_) | DeployError::Overtaken => Exit::Busy,
            DeployError::Ledger(_)
            | DeployError::Drift { .. }
            | DeployError::WrongStart { .. }
            | DeployError::Unproven { .. }
            | DeployError::Stale(_) => Exit::History,
            DeployError::HalfWay { .. } => Exit::HalfWay,
            DeployError::Violations(_) => Exit::Violations,
            DeployError::Unfit { .. } | DeployError::Released { .. } | DeployError::InTheWay(_) => {
                Exit::Refused
            }
            DeployError::Given(GivenError::Db(error)) => exit_of(error.kind),
            DeployError::Given(GivenError::NoKey(_)) => Exit::Refused,
            DeployError::Given(GivenError::NotAsked(..) | GivenError::NoExpression(_)) => {
                Exit::Usage
            }
            DeployError::Run { error, .. } => exit_of_run(error),
        };
        CliError::new(exit, message_of(&error))
    }
}

fn exit_of_run(error: &RunError) -> Exit {
    match (&error.reached, &error.problem) {
        (Reached::Partly { .. }, _) => Exit::HalfWay,
        (Reached::Nothing, Problem::Db(error)) => exit_of(error.kind),
        (Reached::Nothing, Problem::KeptDataGone(_) | Problem::InTheWay(_)) => Exit::Refused,
        (Reached::Nothing, Problem::Orphans { .. }) => Exit::Violations,
        (Reached::Nothing, Problem::Overtaken) => Exit::Busy,
        (Reached::Nothing, Problem::Uncertain { .. }) => Exit::HalfWay,
        (Reached::Nothing, Problem::WrongSchema { .. } | Problem::MissingRoles(_)) => Exit::Failure,
    }
}

fn message_of(error: &DeployError) -> String {
    match error {
        DeployError::Violations(verdict) => {
            format!("{error}\n{}help: {}", violation::verdict(verdict), REPAIR)
        }
        DeployError::Unfit { verdict, askable, .. } => {
            let told = violation::verdict(verdict);
            let help = match askable.as_slice() {
                [] => "change those rows, or pass `--allow loss`".to_owned(),
                // Where the column is required, nothing else could be allowed.
                columns => {
                    let flags = columns.iter().map(|it| format!("--value \"{it}=EXPRESSION\""));
                    let flags = flags.collect::<Vec<_>>().join(" ");
                    format!("give those rows a value: `{flags}`, SQL over the row as it is now")
                }
            };
            format!("{error}\n{told}help: {help}")
        }
        DeployError::NotPassed(found) => format!("{error}\n{}", rehearsal::rehearsal(found)),
        DeployError::Run { error: run, finished } => {
            let place = match &run.step {
                Some((position, title)) => format!("step {position} ({title}) failed: "),
                None => String::new(),
            };
            let reached = match run.reached {
                Reached::Nothing if finished.is_empty() => {
                    "everything was rolled back: the database is as it was".to_owned()
                }
                Reached::Nothing => format!(
                    "this version is as it was; {} before it: done, and stays so",
                    count(finished.len() as u64, "version")
                ),
                Reached::Partly { done: 0 } => {
                    "this step may be done in part; run the same command again to resume".to_owned()
                }
                Reached::Partly { done } => {
                    format!("{done} step(s) are done; run the same command again to resume")
                }
            };
            format!("{place}{}\n{reached}", run.problem)
        }
        _ => error.to_string(),
    }
}

/// What to do about rows that break a rule.
pub(crate) const REPAIR: &str = "repair those rows; or give the field a `backfill:` or `using:`, or relax the rule in the model, then `migrate plan --replace`";
