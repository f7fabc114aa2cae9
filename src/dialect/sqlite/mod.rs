//! SQLite: reads schemas, and turns changes into steps.

pub mod ddl;
pub mod inspect;
pub mod history;
pub mod lower;
pub mod machine;
pub mod realize;

mod affinity;
mod alter;
mod around;

mod facts;
pub(in crate::dialect) mod hidden;
mod kept;
mod opaque;
mod quote;
mod rebuild;
mod rename;
mod table;
mod values;
mod virtual_table;

pub(super) use affinity::Affinity;
pub use ddl::normalized_create;
pub(super) use facts::whole;
pub(super) use kept::{Scope, TakenNames};
pub(super) use table::may_be_another;
pub(super) use values::default_value;
