//! The sqlite dialect.

pub mod inspect;
pub mod lower;
pub mod realize;
