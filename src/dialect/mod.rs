//! How each engine does what a change asks for. The only place that makes SQL text.

pub mod dump;
pub mod fingerprint;
pub mod script;
pub mod session;
pub mod step;

pub use step::{
    Absence, Blocks, Direction, Facts, KeptUse, Lock, Order, Resource, Sql, Step, Transaction,
    Undo, Work,
};
