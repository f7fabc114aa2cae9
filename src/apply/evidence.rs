//! Evidence on file.
