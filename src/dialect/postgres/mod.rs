//! PostgreSQL 13 to 18: reading a database and carrying out changes.

pub mod inspect;
pub mod types;

pub mod lower;
pub mod realize;
pub mod action;
pub mod lock;
pub mod undo;
pub mod work;

mod anew;
mod around;
mod attributes;
mod bounds;
mod circles;
mod columns;
mod constraints;
mod context;
mod defaults;
mod enums;
mod facets;
mod generated;
mod hierarchy;
mod in_place;
mod joining;
mod keep;
mod limits;
mod mention;
mod moves;
mod not_null;
mod numbers;
mod opaques;
mod ownership;
mod partial;
mod passing;
mod persistence;
mod positions;
pub mod quote;
mod renames;
mod render;
mod rebuild;
mod reparse;
mod retelling;
mod rights;
mod row_security;
mod sequences;
mod settings;
mod shapes;
mod stages;
mod tables;
mod twins;
mod values;
mod view_settings;
#[cfg(test)]
mod oracle_tests;
