//! Turns changes into steps.

use crate::change::Diff;
use crate::dialect::{Direction, LowerError, Step};

/// Steps for a difference.
///
/// # Errors
/// A change the engine cannot make.
pub fn lower(_: &Diff, _: Direction, _: &str) -> Result<Vec<Step>, LowerError> {
    Ok(Vec::new())
}
