//! Somebody who looks on while steps run.

use std::time::Duration;

use crate::db::{Database, DbError};
use crate::dialect::Step;

/// Sees what steps do, in the transaction in which they do it.
pub trait Watch {
    /// Before the first statement of a step, with its position from 0.
    ///
    /// # Errors
    /// The engine's own.
    fn before_step(
        &mut self,
        database: &mut Database,
        position: usize,
        step: &Step,
    ) -> Result<(), DbError>;

    /// After its last statement.
    ///
    /// # Errors
    /// The engine's own.
    fn after_step(
        &mut self,
        database: &mut Database,
        step: &Step,
        took: Duration,
        rows: u64,
    ) -> Result<(), DbError>;

    /// After a transaction has ended well, or a step outside any.
    ///
    /// # Errors
    /// The engine's own.
    fn after_transaction(&mut self, database: &mut Database) -> Result<(), DbError>;
}

/// Sees nothing.
pub struct Unwatched;

impl Watch for Unwatched {
    fn before_step(&mut self, _: &mut Database, _: usize, _: &Step) -> Result<(), DbError> {
        Ok(())
    }

    fn after_step(
        &mut self,
        _: &mut Database,
        _: &Step,
        _: Duration,
        _: u64,
    ) -> Result<(), DbError> {
        Ok(())
    }

    fn after_transaction(&mut self, _: &mut Database) -> Result<(), DbError> {
        Ok(())
    }
}
