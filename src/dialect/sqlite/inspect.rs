//! Reads the schema.

use std::collections::BTreeMap;

use crate::catalog::Catalog;
use crate::dialect::{InspectError, InspectQuery};

/// The catalog queries.
pub fn queries() -> Vec<InspectQuery> {
    Vec::new()
}

/// The catalog they answer.
///
/// # Errors
/// Objects that cannot be carried.
pub fn catalog(_: &BTreeMap<String, Vec<String>>) -> Result<Catalog, InspectError> {
    Err(InspectError::Unsupported(Vec::new()))
}
