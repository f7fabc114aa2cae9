//! The postgres dialect.

pub mod lower;
