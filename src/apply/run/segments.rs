//! Which steps of a plan share a transaction.

use crate::dialect::{Step, Transaction};

pub(super) fn segment_transaction(steps: &[Step], position: usize) -> Transaction {
    steps[position].facts.transaction
}

/// Runs of consecutive shared steps; every other step on its own.
pub(super) fn segments(steps: &[Step]) -> Vec<std::ops::Range<usize>> {
    let mut segments: Vec<std::ops::Range<usize>> = Vec::new();
    for (position, step) in steps.iter().enumerate() {
        match segments.last_mut() {
            Some(segment)
                if step.facts.transaction == Transaction::Shared
                    && segment_transaction(steps, segment.start) == Transaction::Shared =>
            {
                segment.end = position + 1;
            }
            _ => segments.push(position..position + 1),
        }
    }
    segments
}
