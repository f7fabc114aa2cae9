//! What `migrate report` tells: one value, made in one place, and three printers of it.

pub mod changes;
pub mod diagram;
pub mod machines;
pub mod of_catalog;
pub mod of_model;
pub mod picture;
pub mod relations;
