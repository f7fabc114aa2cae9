//! The commands, one file each, and what several of them share.

pub(crate) mod apply;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod contract;
pub(crate) mod demo;
pub(crate) mod diff;
pub(crate) mod fmt;
pub(crate) mod import;
pub(crate) mod init;
pub(crate) mod log;
pub(crate) mod new;
pub(crate) mod pair;
pub(crate) mod plan;
pub(crate) mod plan_folder;
pub(crate) mod planning;
mod proof;
pub(crate) mod rehash;
pub(crate) mod rehearse;
pub(crate) mod release;
pub(crate) mod repair;
pub(crate) mod rollback;
pub(crate) mod schema;
pub(crate) mod show;
pub(crate) mod status;
pub(crate) mod verify;
pub(crate) mod versions;
