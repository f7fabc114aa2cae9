//! A plan is proved on an empty scratch database before it is shown or written.

use crate::apply::prove::{ProveError, empty, make, make_exactly, prove};
use crate::apply::{Bundle, Context};
use crate::catalog::Printed;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::world::{World, now};
use crate::diff::forget_not_null_names;
use crate::plan::{Files, Proof};
use crate::shadow::scratch::{Scratch, ScratchOptions, absence, scratch};
use crate::text::Dialect;

use super::pair::Pair;

/// Whether plans are proved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::Args)]
pub(crate) struct Proving {
    /// Do not run the plan up, down and up on an empty scratch database before it is given out
    #[arg(long)]
    pub(crate) no_proof: bool,
}

/// Proves a plan and writes down whether it is proved; a plan that cannot be tried here is given out with a note.
pub(crate) fn prove_plan(
    world: &World,
    proving: Proving,
    options: &ScratchOptions,
    pair: &mut Pair,
    files: &mut Files,
) -> Result<(), CliError> {
    if files.plan.summary.is_empty() {
        files.plan.proved = Proof::Not("there is nothing to do".to_owned());
        return Ok(());
    }
    if proving.no_proof {
        files.plan.proved = Proof::Not("--no-proof".to_owned());
        return Ok(());
    }
    files.plan.proved = match tried(world, options, pair, files) {
        Ok(engine) => Proof::On(engine),
        Err(ProveError::Unable(why)) => {
            let first = why.lines().next().unwrap_or_default();
            world.note(&format!("the plan is not proved: {first}"));
            Proof::Not(first.to_owned())
        }
        Err(ProveError::Fault(what)) => return Err(fault(&what)),
        Err(ProveError::Plan(error)) => return Err(fault(&error.to_string())),
        Err(ProveError::Shadow(error)) => return Err(error.into()),
        Err(ProveError::Db(error)) => return Err(error.into()),
    };
    Ok(())
}

fn fault(what: &str) -> CliError {
    CliError::new(
        Exit::Failure,
        format!(
            "the plan does not do what it promises, so it is not given out\n{what}\n\
             help: this is a fault of this program, not of your schemas; please report it with both of them \
             (`--no-proof` gives the plan out unproved)"
        ),
    )
}

/// The engine on which the plan held.
fn tried(
    world: &World,
    options: &ScratchOptions,
    pair: &mut Pair,
    files: &Files,
) -> Result<String, ProveError> {
    let dialect = pair.after.dialect;
    let options = ScratchOptions { major: pair.major, ..options.clone() };
    if dialect == Dialect::Postgres
        && pair.start.is_none()
        && let Some(why) = absence(&options, pair.major)
    {
        return Err(ProveError::Unable(why));
    }
    let (up, down) = (&files.up, &files.down);
    let bundle = Bundle::read("plan", "", up, down, files.plan.clone())
        .map_err(|error| ProveError::Fault(error.to_string()))?;
    let mut spinner = world.spinner();
    let mut context = Context { who: world.who(None), now, progress: &mut spinner };
    // One after the other: there may be one scratch database only.
    let after = match pair.printed {
        Printed::ByEngine => pair.after.clone(),
        Printed::ByModel => {
            forget_not_null_names(make(&mut scratch(dialect, &options)?, &pair.after)?).into()
        }
    };
    let (mut start, before) = match pair.start.take() {
        Some(mut start) => {
            empty(&mut start)?;
            (start, pair.before.clone())
        }
        None => {
            let mut start = fitting(dialect, &options)?;
            match pair.printed {
                Printed::ByEngine => {
                    make_exactly(&mut start, &pair.before)?;
                    (start, pair.before.clone())
                }
                Printed::ByModel => {
                    let before = make(&mut start, &pair.before)?;
                    (start, forget_not_null_names(before).into())
                }
            }
        }
    };
    prove(&mut start, &bundle, &before, &after, &mut context)?;
    Ok(start.database().version())
}

/// A scratch database on a server of the wanted major version.
fn fitting(dialect: Dialect, options: &ScratchOptions) -> Result<Scratch, ProveError> {
    let mut made = scratch(dialect, options)?;
    match (made.database().major(), options.major) {
        (Some(found), Some(wanted)) if found != wanted => Err(ProveError::Unable(format!(
            "the database is on PostgreSQL {wanted}, the scratch server is {found}"
        ))),
        _ => Ok(made),
    }
}
