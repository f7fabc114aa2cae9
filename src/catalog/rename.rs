//! A catalog under new names: what the engine's own RENAME statements would leave.
