//! How each engine does what a change asks for. The only place that makes SQL text.

pub mod expression;
pub mod step;

pub use step::{
    Absence, Blocks, Direction, Facts, KeptUse, Lock, Order, Resource, Sql, Step, Transaction,
    Undo, Work,
};
