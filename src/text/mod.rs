//! Words and their places: identifiers, SQL tokens, diagnostics, hashes. Knows nothing of schemas.

pub mod dialect;
pub mod diagnostic;
pub mod hash;
pub mod ident;
pub mod merge;
pub mod suggest;
pub mod token;

pub use dialect::Dialect;
pub use ident::{Ident, QName};
