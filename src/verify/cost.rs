//! What the engines are expected to take for a table, and which of them takes less.
//!
//! Microseconds a row on one core of a server of 2020, as measured (`docs/reference/performance.md`). Only their proportions
//! matter: both engines are reckoned with the same numbers.

use super::pieces::{Choice, Place};
use crate::dialect::check::Check;

/// Reading a row, whoever asks.
const SCAN: f64 = 0.1;
/// Sending a row, and taking it.
const SEND_ROW: f64 = 0.2;
const TAKE_ROW: f64 = 0.2;
const SEND_FIELD: f64 = 0.09;
/// One comparison or call.
const PART_BY_SERVER: f64 = 0.05;
const PART_HERE: f64 = 0.02;
/// One pattern.
const PATTERN_BY_SERVER: f64 = 1.2;
const PATTERN_HERE: f64 = 0.12;
/// Grouping by a key, and sorting its hashes.
const UNIQUE_BY_SERVER: f64 = 1.2;
const UNIQUE_HERE: f64 = 0.2;
/// Looking a key up.
const LOOKUP_BY_SERVER: f64 = 0.5;
const LOOKUP_HERE: f64 = 0.1;
/// How many bytes a row and each of its fields take on the way.
const ROW_BYTES: f64 = 22.0;
const FIELD_BYTES: f64 = 14.0;

/// Tables of fewer rows are asked by SQL: whatever it costs, it is not felt.
pub(super) const FEW_ROWS: u64 = 5_000;

/// From so many rows on several connections share a table.
pub(super) const SLICED_ROWS: u64 = 50_000;

/// What is known of a table and of the way to it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Size {
    pub(super) rows: u64,
    /// Of the largest part of a partitioned table.
    pub(super) blocks: u32,
    /// How many bytes come a microsecond; `None` where the server is on this machine.
    pub(super) speed: Option<f64>,
}

/// The expected seconds of both engines.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expected {
    pub sql: f64,
    pub stream: f64,
}

/// Who answers each of some checks of one table; `None` where the database counts alone. `places` tells who can.
pub(super) fn choose(
    checks: &[Check],
    places: Vec<Place>,
    size: Size,
    choice: Choice,
) -> Option<(Vec<Place>, Expected)> {
    let can_here = |place: &Place| !matches!(place, Place::Server(_));
    let places = match choice {
        Choice::Sql => return None,
        Choice::Stream => places,
        Choice::Auto => cheapest(places),
    };
    let expected = expected(checks, &places, size);
    let is_streamed = places.iter().any(can_here)
        && (choice == Choice::Stream || size.rows >= FEW_ROWS && expected.stream < expected.sql);
    is_streamed.then_some((places, expected))
}

/// Leaves to the server what it answers for less than it takes to send what the rule speaks of.
fn cheapest(places: Vec<Place>) -> Vec<Place> {
    let is_costly = |place: &Place| match place {
        Place::Here(program) => program.patterns() > 0,
        Place::Unique(_) | Place::Lookup(_) => true,
        Place::Server(_) => false,
    };
    let mut sent = std::collections::BTreeSet::new();
    places.iter().filter(|place| is_costly(place)).for_each(|place| sent.extend(place.fields()));
    let each = places.into_iter().map(|place| match place {
        Place::Here(program) if program.patterns() == 0 => {
            let more = program.fields().iter().filter(|field| !sent.contains(*field)).count();
            let by_server = program.parts() as f64 * PART_BY_SERVER;
            match more as f64 * SEND_FIELD > by_server {
                true => Place::Server("cheaper there than its columns on the way".to_owned()),
                false => {
                    sent.extend(program.fields());
                    Place::Here(program)
                }
            }
        }
        other => other,
    });
    each.collect()
}

fn expected(checks: &[Check], places: &[Place], size: Size) -> Expected {
    let (mut sql, mut server, mut here) = (SCAN, SCAN + SEND_ROW, TAKE_ROW);
    let mut sent = std::collections::BTreeSet::new();
    for (check, place) in checks.iter().zip(places) {
        let (by_server, own) = match place {
            Place::Here(program) => {
                let (parts, patterns) = (program.parts() as f64, program.patterns() as f64);
                (
                    parts * PART_BY_SERVER + patterns * PATTERN_BY_SERVER,
                    Some(parts * PART_HERE + patterns * PATTERN_HERE),
                )
            }
            Place::Unique(_) => (SCAN + UNIQUE_BY_SERVER, Some(UNIQUE_HERE)),
            Place::Lookup(_) => (SCAN + LOOKUP_BY_SERVER, Some(LOOKUP_HERE)),
            Place::Server(_) => {
                let patterns = check.scan.as_ref().map_or(0, |scan| scan.patterns());
                (2.0 * PART_BY_SERVER + patterns as f64 * PATTERN_BY_SERVER, None)
            }
        };
        sql += by_server;
        match own {
            Some(own) => here += own,
            None => server += by_server,
        }
        sent.extend(place.fields());
    }
    server += sent.len() as f64 * SEND_FIELD;
    let bytes = ROW_BYTES + sent.len() as f64 * FIELD_BYTES;
    let way = size.speed.map_or(0.0, |speed| bytes / speed);
    let seconds = size.rows as f64 / 1e6;
    Expected { sql: sql * seconds, stream: server.max(here).max(way) * seconds }
}
