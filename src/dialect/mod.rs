//! How each engine does what a change asks for. The only place that makes SQL text.

pub mod aside;
pub mod bookkeeping;
pub mod castability;
pub mod check;
pub mod contract;
pub mod dump;
pub mod error;
pub mod expression;
pub mod fingerprint;
pub mod given;
pub mod hide;
pub mod history;
pub mod keep;
pub mod lift;
pub mod machine;
pub mod masking;
pub mod measure;
pub mod mention;
pub mod moving;
pub mod online;
pub mod outside;
pub mod pending;
pub mod postgres;
mod reach;
pub mod realize;
pub mod repair;
pub mod roles;
pub mod sampling;
pub mod script;
pub mod session;
pub mod sqlite;
pub mod step;
pub mod witness;

pub use error::{InspectError, InspectQuery, Joins, LowerError};
pub use keep::kept_name;
pub use step::{
    Absence, Blocks, Direction, Facts, KeptUse, Lock, Order, Phase, Resource, Sql, Step,
    Transaction, Undo, Work,
};

use crate::change::Diff;
use crate::text::Dialect;
use online::Online;

/// The steps that turn `diff.before` into `diff.after`, in no particular order. The tables of `online` are changed while they
/// are used; SQLite has one lock for the whole file, and no such ways.
///
/// # Errors
/// A change the engine cannot make.
pub fn lower(
    diff: &Diff,
    direction: Direction,
    tag: &str,
    online: &Online,
) -> Result<Vec<Step>, LowerError> {
    match diff.after.dialect {
        Dialect::Postgres => postgres::lower::lower(diff, direction, tag, online),
        Dialect::Sqlite => sqlite::lower::lower(diff, direction, tag),
    }
}
