//! The laws of a plan as properties on PostgreSQL: random pairs of schemas with rows, there and back on a server.
//!
//! A fixed set of pairs runs by default. `LAWS_CASES` says how many, `LAWS_SEED` where they begin, `LAWS_THREADS` on how
//! many connections; a pair that fails is made smaller and shown as the files of a case.

mod support;

#[path = "laws_postgres/generate.rs"]
mod generate;
#[path = "laws_postgres/judge.rs"]
mod judge;
#[path = "laws_postgres/more.rs"]
mod more;
#[path = "laws_postgres/objects.rs"]
mod objects;
#[path = "laws_postgres/pair.rs"]
mod pair;
#[path = "laws_postgres/random.rs"]
mod random;
#[path = "laws_postgres/shrink.rs"]
mod shrink;
#[path = "laws_postgres/types.rs"]
mod types;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use judge::{Bench, Depth, Verdict};
use support::TestDatabase;
use support::checker::{Checker, shared};

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// One manner of failing: how often it was seen, and the smallest pair that shows it.
struct Fault {
    times: usize,
    seed: u64,
    message: String,
    shown: String,
}

#[derive(Default)]
struct Tally {
    exact: usize,
    refused: BTreeMap<String, usize>,
    rows_refused: BTreeMap<String, usize>,
    faults: BTreeMap<String, Fault>,
}

/// How a seed is judged: each fourth from nothing too, each eighth with the other inspection.
fn depth(seed: u64) -> Depth {
    if seed.is_multiple_of(4) { Depth::FromEmpty } else { Depth::Plain }
}

fn judge(
    bench: &mut Bench,
    checker: &mut Option<Checker>,
    seed: u64,
    pair: &pair::Pair,
) -> Verdict {
    static EDITION: AtomicU64 = AtomicU64::new(1);
    let edition = EDITION.fetch_add(1, Ordering::Relaxed);
    let looks = seed % 8 == 3;
    let mut look = |work: &TestDatabase, fresh: &TestDatabase| match checker {
        Some(checker) if looks => checker.compare(&fresh.address(), &work.address(), edition),
        Some(_) | None => Ok(()),
    };
    bench.judge(pair, depth(seed), &mut look)
}

/// Judges one seed, and makes a failing pair smaller if its manner is a new one.
fn explore(bench: &mut Bench, checker: &mut Option<Checker>, seed: u64, tally: &Mutex<Tally>) {
    let pair = generate::generate(seed);
    let verdict = judge(bench, checker, seed, &pair);
    let mut all = tally.lock().expect("no thread fails with the lock");
    let message = match verdict {
        Verdict::Exact => {
            all.exact += 1;
            return;
        }
        Verdict::Refused(message) => {
            *all.refused.entry(shrink::manner(&message)).or_default() += 1;
            return;
        }
        Verdict::RowsRefused(message) => {
            *all.rows_refused.entry(shrink::manner(&message)).or_default() += 1;
            return;
        }
        Verdict::Wrong(message) => message,
    };
    let manner = shrink::manner(&message);
    if let Some(fault) = all.faults.get_mut(&manner) {
        fault.times += 1;
        return;
    }
    let fault = Fault { times: 1, seed, message: message.clone(), shown: String::new() };
    all.faults.insert(manner.clone(), fault);
    drop(all);
    let mut last = String::new();
    let mut fails = |smaller: &pair::Pair| match judge(bench, checker, seed, smaller) {
        Verdict::Wrong(message) if shrink::manner(&message) == manner => {
            last = message;
            true
        }
        _ => false,
    };
    let smallest = shrink::shrink(&pair, number("LAWS_TRIES", 400), &mut fails);
    let mut all = tally.lock().expect("no thread fails with the lock");
    if let Some(fault) = all.faults.get_mut(&manner) {
        fault.shown = format!("{}\n{last}", smallest.show());
        println!("=== first seed {seed}: {message}\n{}\n", fault.shown);
    }
}

#[test]
fn random_pairs_go_there_and_back() {
    let Some(server) = support::postgres() else { return };
    let (first, count) = (number("LAWS_SEED", 1), number("LAWS_CASES", 24));
    let seeds = Mutex::new(first..first + count);
    let tally = Mutex::new(Tally::default());
    std::thread::scope(|scope| {
        for _ in 0..number("LAWS_THREADS", 2) {
            scope.spawn(|| {
                let mut bench = Bench::new(&server);
                let mut checker = shared().and_then(|corpus| Checker::start_for(&server, &corpus));
                loop {
                    let seed = seeds.lock().expect("no thread fails with the lock").next();
                    let Some(seed) = seed else { return };
                    explore(&mut bench, &mut checker, seed, &tally);
                }
            });
        }
    });
    let tally = tally.into_inner().expect("no thread fails with the lock");
    for (kind, list) in [("refused", &tally.refused), ("refused by rows", &tally.rows_refused)] {
        for (manner, times) in list {
            println!("{kind} {times} times: {manner}");
        }
    }
    let sum = |list: &BTreeMap<String, usize>| list.values().sum::<usize>();
    let wrong: usize = tally.faults.values().map(|fault| fault.times).sum();
    let faults: Vec<String> = tally
        .faults
        .values()
        .map(|fault| {
            let Fault { times, seed, message, shown } = fault;
            let line: String = message.chars().take(300).collect();
            let shown = if shown.is_empty() { "not made smaller yet" } else { "shown above" };
            format!("{times} times, first seed {seed}, {shown}: {line}")
        })
        .collect();
    println!(
        "{count} pairs: {} exact, {} refused, {} refused by rows, {wrong} wrong",
        tally.exact,
        sum(&tally.refused),
        sum(&tally.rows_refused)
    );
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
