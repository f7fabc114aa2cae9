//! What the engines are expected to take for a table, and which of them takes less.
//!
//! Microseconds a row on one core, as measured (`docs/reference/performance.md`). Only their proportions matter: both engines are
//! reckoned with the same numbers. What is compared is all that a table costs: the scans of a mixed answer are added up.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::pieces::{Choice, Place};
use crate::dialect::check::reading::Source;
use crate::dialect::check::{About, Check};

/// Reading a row, whoever asks.
const SCAN: f64 = 0.08;
/// Sending a row and one of its values, and taking them.
const SEND_ROW: f64 = 0.1;
const SEND_FIELD: f64 = 0.075;
const TAKE_ROW: f64 = 0.15;
const TAKE_FIELD: f64 = 0.01;
/// Seeing whether a text is a number, and reading it: wherever a rule speaks of such a column, and for sending it.
const CAST_BY_SERVER: f64 = 0.2;
/// One condition, each comparison or call in it, each pattern.
const CONDITION_BY_SERVER: f64 = 0.012;
const PART_BY_SERVER: f64 = 0.007;
const PATTERN_BY_SERVER: f64 = 0.6;
const CONDITION_HERE: f64 = 0.01;
const PART_HERE: f64 = 0.007;
const PATTERN_HERE: f64 = 0.08;
/// Grouping by a key, and sorting its hashes.
const UNIQUE_BY_SERVER: f64 = 0.75;
const UNIQUE_HERE: f64 = 0.1;
/// Looking a key up.
const LOOKUP_BY_SERVER: f64 = 0.25;
const LOOKUP_HERE: f64 = 0.1;
/// How much of the lesser work is felt although both sides work at once.
const FELT: f64 = 0.2;
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
    /// How many processes of the server read the table at once for one query, beside the first.
    pub(super) workers: u32,
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
    if choice == Choice::Sql || !places.iter().any(can_here) {
        return None;
    }
    let rules: Vec<Cost> = checks.iter().zip(&places).map(|(it, place)| cost(it, place)).collect();
    let all_here: Vec<bool> = places.iter().map(can_here).collect();
    let total = |here: &[bool]| seconds(&rules, here, size);
    let sql = total(&vec![false; rules.len()]);
    if choice == Choice::Stream {
        return Some((places, Expected { sql, stream: total(&all_here) }));
    }
    let here = cheapest(&rules, &all_here, &total);
    let expected = Expected { sql, stream: total(&here) };
    if size.rows < FEW_ROWS || expected.stream >= expected.sql || !here.contains(&true) {
        return None;
    }
    let left = |(place, is_here): (Place, &bool)| match (place, is_here) {
        (place @ Place::Server(_), _) | (place, true) => place,
        (Place::Here(_), false) => {
            Place::Server("cheaper there than its columns on the way".to_owned())
        }
        (Place::Unique(_) | Place::Lookup(_), false) => {
            Place::Server("a query of its own is expected to take less".to_owned())
        }
    };
    Some((places.into_iter().zip(&here).map(left).collect(), expected))
}

fn can_here(place: &Place) -> bool {
    !matches!(place, Place::Server(_))
}

/// What a rule costs, a row.
struct Cost {
    /// Within the scan that all rules share.
    shared: f64,
    /// As a query of its own, which other processes of the server share or do not.
    own: f64,
    own_alone: f64,
    here: f64,
    fields: BTreeSet<usize>,
    /// Those of the fields that the server reads as another type before it sends them.
    casts: BTreeSet<usize>,
}

fn cost(check: &Check, place: &Place) -> Cost {
    let fields = place.fields();
    let of = |source: &Arc<Source>| fields.intersection(&source.casts).copied().collect();
    let mut casts: BTreeSet<usize> = check.source().map(of).unwrap_or_default();
    let cast = casts.len() as f64 * CAST_BY_SERVER;
    if let Some(source) = check.source() {
        casts.retain(|at| source.fields.get(*at).is_some_and(|field| field.text.is_none()));
    }
    let none = Cost { shared: 0.0, own: 0.0, own_alone: 0.0, here: 0.0, fields, casts };
    match place {
        Place::Here(program) => {
            let (parts, patterns) = (program.parts() as f64, program.patterns() as f64);
            Cost {
                shared: CONDITION_BY_SERVER
                    + parts * PART_BY_SERVER
                    + patterns * PATTERN_BY_SERVER
                    + cast,
                here: CONDITION_HERE + parts * PART_HERE + patterns * PATTERN_HERE,
                ..none
            }
        }
        // Grouping by many different keys is rarely shared out.
        Place::Unique(_) => {
            Cost { own: SCAN, own_alone: SCAN + UNIQUE_BY_SERVER, here: UNIQUE_HERE, ..none }
        }
        Place::Lookup(_) => Cost { own: 2.0 * SCAN + LOOKUP_BY_SERVER, here: LOOKUP_HERE, ..none },
        Place::Server(_) => match &check.scan {
            Some(scan) => {
                let patterns = scan.patterns() as f64 * PATTERN_BY_SERVER;
                let read = match &check.about {
                    Some(About::Type { .. }) => CAST_BY_SERVER,
                    Some(About::Rule(_)) | None => 0.0,
                };
                let shared = CONDITION_BY_SERVER + 3.0 * PART_BY_SERVER + patterns + read;
                Cost { shared, ..none }
            }
            None => Cost { own: 2.0 * SCAN, own_alone: UNIQUE_BY_SERVER, ..none },
        },
    }
}

/// What all scans of a table take together, where some rules are answered here.
fn seconds(rules: &[Cost], is_here: &[bool], size: Size) -> f64 {
    let (mut shared, mut own, mut own_alone, mut here) = (0.0, 0.0, 0.0, 0.0);
    let (mut sent, mut casts): (BTreeSet<usize>, BTreeSet<usize>) = Default::default();
    for (rule, is_here) in rules.iter().zip(is_here) {
        if *is_here {
            here += rule.here;
            sent.extend(&rule.fields);
            casts.extend(&rule.casts);
        } else {
            shared += rule.shared;
            own += rule.own;
            own_alone += rule.own_alone;
        }
    }
    // Two processes are a little less than twice as fast as one.
    let together = 1.0 + 0.8 * f64::from(size.workers);
    let queries = own / together + own_alone;
    let rows = size.rows as f64 / 1e6;
    if !is_here.contains(&true) {
        let scans = if shared > 0.0 { shared + 2.0 * SCAN } else { 0.0 };
        return rows * (scans / together + queries);
    }
    let fields = sent.len() as f64;
    let server =
        SCAN + SEND_ROW + fields * SEND_FIELD + casts.len() as f64 * CAST_BY_SERVER + shared;
    let here = TAKE_ROW + fields * TAKE_FIELD + here;
    let way = size.speed.map_or(0.0, |speed| (ROW_BYTES + fields * FIELD_BYTES) / speed);
    rows * (server.max(here).max(way) + FELT * server.min(here) + queries)
}

/// Leaves rules to the server one by one, and field by field, as long as that takes less.
fn cheapest(rules: &[Cost], all_here: &[bool], total: &dyn Fn(&[bool]) -> f64) -> Vec<bool> {
    let fields: BTreeSet<usize> = rules.iter().flat_map(|rule| &rule.fields).copied().collect();
    let by_field = fields
        .iter()
        .map(|field| (0..rules.len()).filter(|at| rules[*at].fields.contains(field)).collect());
    let one_by_one = (0..rules.len()).map(|at| vec![at]);
    let moves: Vec<Vec<usize>> = one_by_one.chain(by_field).collect();
    // With very many rules it matters less, and trying takes longer.
    let rounds = if rules.len() > 300 { 1 } else { 4 };
    let mut here = all_here.to_vec();
    let mut least = total(&here);
    for _ in 0..rounds {
        let before = least;
        for some in &moves {
            let was = here.clone();
            for at in some {
                here[*at] = all_here[*at] && !was[*at];
            }
            let now = total(&here);
            if now < least && here != was {
                least = now;
            } else {
                here = was;
            }
        }
        if least >= before {
            break;
        }
    }
    here
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(shared: f64, own_alone: f64, here: f64, fields: &[usize]) -> Cost {
        let (fields, casts) = (fields.iter().copied().collect(), BTreeSet::new());
        Cost { shared, own: 0.0, own_alone, here, fields, casts }
    }

    /// Two patterns, a key, and ten cheap conditions over columns of their own.
    fn rules() -> Vec<Cost> {
        let mut rules =
            vec![rule(0.6, 0.0, 0.2, &[0]), rule(0.6, 0.0, 0.2, &[1]), rule(0.0, 0.8, 0.2, &[0])];
        rules.extend((2..12).map(|field| rule(0.03, 0.0, 0.05, &[field])));
        rules
    }

    #[test]
    fn cheap_conditions_are_left_to_the_server_and_dear_ones_are_not() {
        let (rules, size) = (rules(), Size { rows: 1_000_000, ..Size::default() });
        let total = |here: &[bool]| seconds(&rules, here, size);
        let here = cheapest(&rules, &[true; 13], &total);
        assert_eq!(&here[..3], [true; 3]);
        assert_eq!(here.iter().filter(|is_here| **is_here).count(), 3, "{here:?}");
        assert!(total(&here) < total(&[true; 13]) && total(&here) < total(&[false; 13]));
    }

    #[test]
    fn rules_on_a_text_read_as_a_number_are_answered_here_where_it_is_read_once() {
        let casts = BTreeSet::from([12]);
        let read = |shared| Cost {
            casts: casts.clone(),
            ..rule(shared + CAST_BY_SERVER, 0.0, 0.05, &[12])
        };
        let mut rules = rules();
        rules.extend([read(0.03), read(0.03)]);
        let size = Size { rows: 1_000_000, ..Size::default() };
        let total = |here: &[bool]| seconds(&rules, here, size);
        let here = cheapest(&rules, &[true; 15], &total);
        assert_eq!(&here[13..], [true; 2], "{here:?}");
    }

    #[test]
    fn a_slow_link_sends_nothing() {
        let rules = rules();
        // 12 MB/s: 100 Mbit/s.
        let size = Size { rows: 1_000_000, speed: Some(12.0), workers: 1, ..Size::default() };
        let total = |here: &[bool]| seconds(&rules, here, size);
        let here = cheapest(&rules, &[true; 13], &total);
        assert!(total(&here).min(total(&[false; 13])) >= total(&[false; 13]) * 0.7, "{here:?}");
        assert!(total(&[true; 13]) > 2.0 * total(&[false; 13]));
    }
}
