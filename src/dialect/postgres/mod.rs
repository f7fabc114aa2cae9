//! The postgres dialect.

pub mod inspect;
pub mod lower;
