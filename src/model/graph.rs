//! The graph of a state machine: which states rows can come to, and from which an end can be reached.

use std::collections::BTreeSet;

use super::Transition;

/// States that rows cannot come to: not from the initial one, or, where rows may begin anywhere, none.
pub fn unreachable<'s>(
    states: &'s [String],
    initial: Option<&str>,
    transitions: &[Transition],
) -> Vec<&'s str> {
    let Some(initial) = initial else { return Vec::new() };
    let forth = |state: &str| -> Vec<&str> {
        let out = transitions.iter().filter(|it| it.from.iter().any(|from| from == state));
        out.map(|it| it.to.as_str()).collect()
    };
    let found = spread([initial].into(), &forth);
    states.iter().map(String::as_str).filter(|state| !found.contains(state)).collect()
}

/// States from which no end can be reached; none where there is no end at all, as in a machine that goes round.
pub fn without_end<'s>(states: &'s [String], transitions: &[Transition]) -> Vec<&'s str> {
    let ends: BTreeSet<&str> = ends(states, transitions).collect();
    if ends.is_empty() {
        return Vec::new();
    }
    let back = |state: &str| -> Vec<&str> {
        let to = transitions.iter().filter(|it| it.to == state);
        to.flat_map(|it| it.from.iter().map(String::as_str)).collect()
    };
    let found = spread(ends, &back);
    states.iter().map(String::as_str).filter(|state| !found.contains(state)).collect()
}

/// States that no transition leaves.
pub fn ends<'s>(states: &'s [String], transitions: &[Transition]) -> impl Iterator<Item = &'s str> {
    let leaves = |state: &str| {
        transitions.iter().any(|it| it.to != state && it.from.iter().any(|from| from == state))
    };
    states.iter().map(String::as_str).filter(move |state| !leaves(state))
}

fn spread<'t>(start: BTreeSet<&'t str>, next: &dyn Fn(&str) -> Vec<&'t str>) -> BTreeSet<&'t str> {
    let mut found = start.clone();
    let mut open: Vec<&str> = start.into_iter().collect();
    while let Some(state) = open.pop() {
        for other in next(state) {
            if found.insert(other) {
                open.push(other);
            }
        }
    }
    found
}
