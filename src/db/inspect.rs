//! The schema of a live database, read in one unchanging view.
