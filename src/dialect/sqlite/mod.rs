//! The sqlite dialect.

pub mod lower;
