//! The order of steps, from what they stand on alone: a deterministic topological sort.
//!
//! For a resource: who takes the old one away runs before who makes the new one; who makes it runs before who
//! needs it; who lets go of it, or needs it where nobody makes it anew, runs before who takes it away. Renames run
//! before all else. Among steps that are free to run, those that take nothing away go first, then by title: the
//! order does not depend on the order in which the steps were found.

use std::collections::{BTreeMap, BTreeSet};

use crate::dialect::{Phase, Resource, Step};

/// Steps that wait for each other, by title.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("these steps wait for each other, so none can run first: {}", .0.join("; "))]
pub struct Cycle(pub Vec<String>);

/// Sorts steps so that each runs after what it stands on.
///
/// # Errors
/// [`Cycle`] names the steps that wait for each other.
pub fn sort(steps: Vec<Step>) -> Result<Vec<Step>, Cycle> {
    let mut waits: Vec<BTreeSet<usize>> = edges(&steps);
    let mut followers: Vec<Vec<usize>> = vec![Vec::new(); steps.len()];
    for (step, predecessors) in waits.iter().enumerate() {
        for predecessor in predecessors {
            followers[*predecessor].push(step);
        }
    }
    let key = |step: usize| (rank(&steps[step]), steps[step].title.clone(), step);
    let mut ready: BTreeSet<_> =
        (0..steps.len()).filter(|step| waits[*step].is_empty()).map(key).collect();
    let mut order = Vec::with_capacity(steps.len());
    while let Some((_, _, step)) = ready.pop_first() {
        order.push(step);
        for follower in &followers[step] {
            waits[*follower].remove(&step);
            if waits[*follower].is_empty() {
                ready.insert(key(*follower));
            }
        }
    }
    if order.len() < steps.len() {
        let stuck = circle(&waits, &followers);
        return Err(Cycle(stuck.into_iter().map(|step| steps[step].title.clone()).collect()));
    }
    let mut slots: Vec<Option<Step>> = steps.into_iter().map(Some).collect();
    Ok(order.into_iter().filter_map(|step| slots[step].take()).collect())
}

/// The steps that wait for each other, without those that only wait for them.
fn circle(waits: &[BTreeSet<usize>], followers: &[Vec<usize>]) -> BTreeSet<usize> {
    let mut stuck: BTreeSet<usize> =
        (0..waits.len()).filter(|step| !waits[*step].is_empty()).collect();
    loop {
        let is_waited_for = |step: &usize| followers[*step].iter().any(|it| stuck.contains(it));
        let left: BTreeSet<usize> = stuck.iter().copied().filter(is_waited_for).collect();
        if left.len() == stuck.len() {
            return stuck;
        }
        stuck = left;
    }
}

/// What takes away goes last among equals; what has transactions of its own does not part steps that can share one.
fn rank(step: &Step) -> u8 {
    let is_rename = step.order.makes.contains(&Resource::Renames);
    match (is_rename, step.order.takes.is_empty(), step.order.phase) {
        (true, _, _) => 0,
        (false, true, Phase::Together) => 1,
        (false, false, Phase::Together) => 2,
        (false, true, Phase::Apart) => 3,
        (false, false, Phase::Apart) => 4,
        (false, _, Phase::Last) => 5,
    }
}

/// For each step, the steps that must run before it.
fn edges(steps: &[Step]) -> Vec<BTreeSet<usize>> {
    let users = |wanted: fn(&Step) -> &BTreeSet<Resource>| {
        let mut map: BTreeMap<&Resource, Vec<usize>> = BTreeMap::new();
        for (index, step) in steps.iter().enumerate() {
            for resource in wanted(step) {
                map.entry(resource).or_default().push(index);
            }
        }
        map
    };
    let makers = users(|step| &step.order.makes);
    let needers = users(|step| &step.order.needs);
    let freers = users(|step| &step.order.frees);
    let takers = users(|step| &step.order.takes);
    let none: Vec<usize> = Vec::new();
    let of = |map: &BTreeMap<&Resource, Vec<usize>>, resource: &Resource| {
        map.get(resource).unwrap_or(&none).clone()
    };

    let mut before: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); steps.len()];
    let mut run_before = |first: &[usize], then: &[usize]| {
        for next in then {
            before[*next].extend(first.iter().filter(|step| *step != next));
        }
    };
    for (resource, making) in &makers {
        if **resource == Resource::Renames {
            continue;
        }
        run_before(&of(&takers, resource), making);
        run_before(making, &of(&needers, resource));
    }
    for (resource, taking) in &takers {
        run_before(&of(&freers, resource), taking);
        if !makers.contains_key(resource) {
            run_before(&of(&needers, resource), taking);
        }
    }
    order_renames(steps, &of(&makers, &Resource::Renames), &mut before);
    before
}

/// Renames keep the order they were found in and run before every step that does not prepare them.
fn order_renames(steps: &[Step], renames: &[usize], before: &mut [BTreeSet<usize>]) {
    for pair in renames.windows(2) {
        before[pair[1]].insert(pair[0]);
    }
    let Some(last) = renames.last() else { return };
    let needed: BTreeSet<&Resource> =
        renames.iter().flat_map(|index| &steps[*index].order.needs).collect();
    for (index, step) in steps.iter().enumerate() {
        let prepares = step.order.makes.iter().any(|resource| needed.contains(resource))
            || step.order.takes.iter().any(|resource| needed.contains(resource));
        if !renames.contains(&index) && !prepares {
            before[index].insert(*last);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::{Facts, Lock, Order, Transaction, Undo, Work};
    use crate::text::QName;

    fn step(title: &str, order: Order) -> Step {
        let facts = Facts {
            lock: Lock::None,
            work: Work::Catalog,
            transaction: Transaction::Shared,
            over: None,
            undo: Undo::Exact,
            reason: String::new(),
        };
        Step { title: title.into(), statements: Vec::new(), facts, reads_kept: None, order }
    }

    fn resource(name: &str) -> Resource {
        Resource::Table(QName::new("public", name))
    }

    fn set(names: &[&str]) -> BTreeSet<Resource> {
        names.iter().map(|name| resource(name)).collect()
    }

    fn titles(steps: Vec<Step>) -> Vec<String> {
        sort(steps).expect("no cycle").into_iter().map(|step| step.title).collect()
    }

    fn example() -> Vec<Step> {
        vec![
            step("drop old", Order { takes: set(&["x"]), ..Order::default() }),
            step("make new", Order { makes: set(&["x"]), ..Order::default() }),
            step("use new", Order { needs: set(&["x"]), ..Order::default() }),
            step("let go", Order { frees: set(&["x"]), ..Order::default() }),
            step(
                "rename",
                Order { makes: [Resource::Renames].into_iter().collect(), ..Order::default() },
            ),
        ]
    }

    #[test]
    fn a_replaced_thing_is_let_go_taken_made_and_used_in_that_order() {
        assert_eq!(titles(example()), ["rename", "let go", "drop old", "make new", "use new"]);
    }

    #[test]
    fn the_order_found_does_not_matter() {
        let mut steps = example();
        steps.reverse();
        assert_eq!(titles(steps), titles(example()));
    }

    #[test]
    fn a_used_thing_is_taken_away_after_its_last_use() {
        let steps = vec![
            step("drop", Order { takes: set(&["x"]), ..Order::default() }),
            step("keep", Order { needs: set(&["x"]), ..Order::default() }),
        ];
        assert_eq!(titles(steps), ["keep", "drop"]);
    }

    #[test]
    fn a_cycle_names_its_steps() {
        let steps = vec![
            step("a", Order { makes: set(&["x"]), needs: set(&["y"]), ..Order::default() }),
            step("b", Order { makes: set(&["y"]), needs: set(&["x"]), ..Order::default() }),
        ];
        assert_eq!(sort(steps), Err(Cycle(vec!["a".into(), "b".into()])));
    }
}
