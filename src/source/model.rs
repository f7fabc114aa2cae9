//! Model files: parsed, then realized for a dialect by our own printer.

use super::files::TextFile;
use super::{LoadOptions, Loaded, SourceError};

/// Reads a model from its files.
pub(in crate::source) fn load(
    files: &[TextFile],
    _options: &LoadOptions,
) -> Result<Loaded, SourceError> {
    let path = files.first().map(|file| file.path.clone()).unwrap_or_default();
    Err(SourceError::Create(format!("`{path}`: models are not read yet")))
}
