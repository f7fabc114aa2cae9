//! `migrate demo`.
