//! `migrate`: reversible schema migrations, rehearsed and verified on real rows.
//!
//! The modules stand in the order in which data flows through them; a module uses only those above it
//! (`tests/architecture.rs` reads this file and enforces it). Everything down to `journal` is pure:
//! no I/O, no clock, no randomness, no environment.

pub mod text;
pub mod expr;
pub mod catalog;
pub mod model;
pub mod change;
pub mod diff;
pub mod dialect;
pub mod plan;
pub mod lint;
pub mod journal;
pub mod db;
pub mod shadow;
pub mod source;
pub mod verify;
pub mod apply;
pub mod report;
pub mod cli;
