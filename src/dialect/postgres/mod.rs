//! PostgreSQL 13 to 18: reading a database and carrying out changes.

pub mod inspect;
pub mod quote;
pub mod lower;
pub mod realize;
