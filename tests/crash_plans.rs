//! A migrator that is killed between any two statements loses nothing: the next run finishes, or takes back, and ends as if
//! nothing had happened.
//!
//! The plans are those of `fixtures/cases`, run as they are planned, with each step in a transaction of its own, and with
//! indexes built outside of any. Each is killed (SIGKILL) at some of its points; `MIGRATE_CRASH=all` kills at every one:
//! before and after each statement, each journal row, each begin and commit. `MIGRATE_CASE=text` runs only some plans.

// Release builds have no points to die at.
#![cfg(all(unix, debug_assertions))]

mod journey;
mod support;

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use journey::case::{Side, file, is_for_this_version, make, root, runs_on, text};
use journey::{
    Contents, Place, Ran, apply_unrehearsed, bundle, contents, kept, migrate, ran, rollback,
    same_contents, same_schema, typed,
};
use migrate::apply::book;
use migrate::catalog::Catalog;
use migrate::journal::{Action, broken_link};
use migrate::text::{Dialect, hash};

/// What is killed; each runs on every engine that it is for.
const PLANS: [&str; 55] = [
    "check/tighten",
    "column/add_optional",
    "column/add_required_with_backfill",
    "column/drop_required_with_down",
    "column/drop_with_rows",
    "column/generated_becomes_plain",
    "column/hidden_in_its_table",
    "column/hidden_with_what_stands_on_it",
    "column/narrow_type_keeps_values",
    "column/one_split_into_two",
    "column/rename_and_change_type",
    "column/required_with_another_type_and_backfill",
    "column/text_to_integer",
    "column/widen_type",
    "constraint/index_becomes_a_constraint",
    "domain/base_type_gets_narrower",
    "enum/add_value",
    "enum/merge_values_keeps_the_old_ones",
    "enum/value_added_is_the_new_default",
    "foreign_key/cycle_of_two_tables",
    "foreign_key/each_action_becomes_another",
    "index/drop",
    "index/expression",
    "index/operator_classes_and_collations",
    "index/partial",
    "index/rename",
    "index/unique",
    "inheritance/values_of_parent_and_heirs",
    "key/change_primary_key",
    "key/widen_with_inbound_keys",
    "model/add_entity_with_ref",
    "model/many_to_many_through",
    "model/rename_entity_and_field",
    "model/rules_tightened_and_field_dropped",
    "model/states_are_merged",
    "move/a_join_table_becomes_a_reference",
    "move/a_reference_becomes_a_join_table",
    "move/an_entity_becomes_fields_again",
    "online/a_new_column_is_filled_page_by_page",
    "online/a_required_column_is_checked_first",
    "online/indexes_are_built_while_rows_are_written",
    "online/keys_are_made_from_indexes",
    "online/rules_are_added_then_validated",
    "online/values_are_written_page_by_page",
    "partition/key_column_changes_its_type",
    "partition/split_with_rows",
    "sequence/owner_goes",
    "sqlite/rowids_of_a_text_key_survive",
    "sqlite/storage_classes_survive_a_rebuild",
    "sqlite/view_with_its_trigger_becomes_a_table",
    "table/add",
    "table/drop_one_that_is_pointed_at",
    "table/drop_with_rows",
    "table/several_changes_at_once",
    "view/over_an_altered_table",
];

/// Source: signal(7).
const SIGKILL: i32 = 9;

/// How many points of one way of a plan are tried where not all are.
const SAMPLE: usize = 2;

/// Within how many points the books are made, at the most.
const FIRST_POINTS: usize = 16;

#[test]
fn killed_plans_are_finished_or_taken_back_on_sqlite() {
    run_all(Dialect::Sqlite);
}

#[test]
fn killed_plans_are_finished_or_taken_back_on_postgres() {
    if support::postgres().is_some() {
        run_all(Dialect::Postgres);
    }
}

/// How a plan is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variant {
    Planned,
    /// Each step in a transaction of its own; on PostgreSQL, indexes outside of any.
    Apart,
}

fn run_all(dialect: Dialect) {
    let wanted = std::env::var("MIGRATE_CASE").unwrap_or_default();
    let plans: Vec<(usize, PathBuf, Variant)> = PLANS
        .iter()
        .filter(|name| name.contains(&wanted))
        .map(|name| root().join(name))
        .filter(|case| runs_on(case, dialect) && is_for_this_version(case, dialect))
        .flat_map(|case| match is_whole() {
            true => vec![(case.clone(), Variant::Planned), (case, Variant::Apart)],
            // Most plans are one transaction, in which every kill is like every other.
            false => vec![(case, Variant::Apart)],
        })
        .enumerate()
        .map(|(number, (case, variant))| (number, case, variant))
        .collect();
    assert!(!wanted.is_empty() || plans.len() >= 30, "only {} plans", plans.len());
    let next = Mutex::new(plans.iter());
    let failures = Mutex::new(Vec::new());
    let (kills, apart) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let Some((number, case, variant)) =
                        next.lock().expect("no test panics here").next()
                    else {
                        break;
                    };
                    let tried =
                        std::panic::catch_unwind(|| try_plan(case, dialect, *variant, *number));
                    let tried = tried.unwrap_or_else(|panic| {
                        let text = panic.downcast_ref::<String>().cloned();
                        Err(text.unwrap_or_else(|| "panicked".to_owned()))
                    });
                    match tried {
                        Ok((count, ran)) => {
                            kills.fetch_add(count, Ordering::Relaxed);
                            if count > 0 && ran == Variant::Apart {
                                apart.fetch_add(1, Ordering::Relaxed);
                            }
                        }
                        Err(problem) => {
                            let name = case.strip_prefix(root()).unwrap_or(case).display();
                            let failure = format!("{name} ({variant:?}): {problem}");
                            eprintln!("{failure}\n");
                            failures.lock().expect("no test panics here").push(failure);
                        }
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("no test panics here");
    let (kills, apart) = (kills.into_inner(), apart.into_inner());
    eprintln!("{dialect}: {kills} kills in {} plans, {apart} of them step by step", plans.len());
    assert!(failures.is_empty(), "{} plans failed\n\n{}", failures.len(), failures.join("\n\n"));
    assert!(!wanted.is_empty() || apart >= 15, "only {apart} plans can be run step by step");
}

fn is_whole() -> bool {
    std::env::var("MIGRATE_CRASH").is_ok_and(|value| value == "all")
}

/// What a database holds.
struct State {
    schema: Catalog,
    rows: Contents,
}

fn state(place: &Place) -> State {
    let mut database = place.open();
    let schema = database.inspect().expect("the schema can be read");
    State { schema, rows: contents(&mut database) }
}

fn same(stage: &str, expected: &State, place: &Place) -> Result<(), String> {
    let found = state(place);
    same_schema(stage, &expected.schema, &found.schema)?;
    same_contents(stage, &expected.rows, &found.rows)
}

/// A plan, the database it starts from, what that holds, and what it holds at the end.
struct Scene {
    folder: tempfile::TempDir,
    before: Place,
    start: State,
    end: State,
}

/// Kills one plan at its points; how many times, and how it was run.
fn try_plan(
    case: &Path,
    dialect: Dialect,
    mut variant: Variant,
    number: usize,
) -> Result<(usize, Variant), String> {
    let is_whole = is_whole();
    let mut made = scene(case, dialect, variant)?;
    if made.is_none() && !is_whole {
        variant = Variant::Planned;
        made = scene(case, dialect, variant)?;
    }
    let Some(scene) = made else { return Ok((0, variant)) };
    let (up, down) = (points(&scene, "up.sql"), points(&scene, "down.sql"));
    let mut kills = 0;
    // Every turn ends where the first began, so that the next can use the same database; its books are longer.
    let mut place = scene.before.copy();
    for (points, ends) in [(up, &[End::Finish, End::TakeBack][..]), (down, &[End::TakeBackAgain])] {
        let stride = if is_whole { 1 } else { points.div_ceil(SAMPLE) };
        let first = if is_whole { 1 } else { 1 + (number * 5) % stride };
        for (turn, point) in (first..).step_by(stride).enumerate() {
            let ends = if is_whole { ends } else { &ends[turn % ends.len()..][..1] };
            let mut killed = false;
            for end in ends {
                killed = kill(&scene, &place, *end, point)?;
                kills += usize::from(killed);
                // Where the books are made, they must not be there yet.
                if is_whole && point <= FIRST_POINTS {
                    place = scene.before.copy();
                }
            }
            if !killed {
                break;
            }
        }
        place = scene.before.copy();
    }
    Ok((kills, variant))
}

/// About how many points a run of a script has.
fn points(scene: &Scene, script: &str) -> usize {
    let script = text(&scene.folder.path().join("plan").join(script));
    let statements = script.lines().filter(|line| line.ends_with(';')).count();
    let steps = script.lines().filter(|line| line.starts_with("-- step ")).count();
    2 * (statements + 3 * steps + 6)
}

/// What follows a kill.
#[derive(Clone, Copy, Debug)]
enum End {
    Finish,
    TakeBack,
    /// The way back is killed, and run again.
    TakeBackAgain,
}

/// Kills a run at one point, goes on, and takes back what is applied; whether there was such a point.
fn kill(scene: &Scene, place: &Place, end: End, point: usize) -> Result<bool, String> {
    let stage = format!("{end:?} after a kill at point {point}");
    let plan = bundle(&scene.folder.path().join("plan"));
    let way = match end {
        End::Finish | End::TakeBack => "apply",
        End::TakeBackAgain => {
            apply_unrehearsed(&mut place.open(), &plan).map_err(|e| format!("{stage}: {e}"))?;
            "rollback"
        }
    };
    let read = || book::read(&mut place.open()).expect("the books can be read");
    let booked_before = read().entries.len();
    let mut command = run(scene, place, way);
    command.env("MIGRATE_CRASH_AT", point.to_string()).stdout(Stdio::null()).stderr(Stdio::null());
    let ended = command.status().expect("the binary starts");
    match (ended.signal(), ended.code()) {
        (Some(SIGKILL), _) => {}
        (None, Some(0)) => return Ok(false),
        (signal, code) => return Err(format!("{stage}: it ended with {signal:?} {code:?}")),
    }
    let books = read();
    let is_untouched = books.entries.len() == booked_before && books.open.is_none();
    match end {
        End::Finish => {
            ends_well(&stage, ran(&mut run(scene, place, "apply")))?;
            same(&stage, &scene.end, place)?;
            booked(&stage, place, booked_before, &[Action::Apply])?;
            rollback(&mut place.open(), &plan).map_err(|e| format!("{stage}: {e}"))?;
        }
        End::TakeBack if is_untouched => {}
        End::TakeBack => {
            ends_well(&stage, ran(&mut run(scene, place, "rollback")))?;
            booked(&stage, place, booked_before, &[Action::Apply, Action::Rollback])?;
        }
        End::TakeBackAgain => {
            if books.entries.len() == booked_before {
                ends_well(&stage, ran(&mut run(scene, place, "rollback")))?;
            }
            booked(&stage, place, booked_before, &[Action::Rollback])?;
        }
    }
    same(&stage, &scene.start, place).map(|()| true)
}

fn run(scene: &Scene, place: &Place, way: &str) -> std::process::Command {
    run_in(&scene.folder, place, way)
}

fn run_in(folder: &tempfile::TempDir, place: &Place, way: &str) -> std::process::Command {
    let mut command = migrate(folder.path());
    command.args([way, "--plan", "plan", "-u", &typed(place.url())]);
    if way == "apply" {
        command.arg("--no-rehearsal");
    }
    command
}

fn ends_well(stage: &str, ran: Ran) -> Result<(), String> {
    if ran.code == 0 {
        Ok(())
    } else {
        Err(format!("{stage}: ended with {}\n{}", ran.code, ran.text))
    }
}

/// The ledger says what was done, each thing once, and nothing is left open.
fn booked(stage: &str, place: &Place, from: usize, actions: &[Action]) -> Result<(), String> {
    let mut database = place.open();
    let books = book::read(&mut database).expect("the books can be read");
    let found: Vec<Action> = books.entries[from..].iter().map(|entry| entry.action).collect();
    if found != actions || books.open.is_some() || broken_link(&books.entries).is_some() {
        return Err(format!("{stage}: the books are {books:?}"));
    }
    let used_up = if actions.last() == Some(&Action::Apply) { "_d_" } else { "_u_" };
    let left: Vec<String> =
        kept(&mut database).into_iter().filter(|name| name.contains(used_up)).collect();
    if left.is_empty() { Ok(()) } else { Err(format!("{stage}: {} stays behind", left.join(", "))) }
}

/// `None` where the steps of a plan cannot stand alone.
fn scene(case: &Path, dialect: Dialect, variant: Variant) -> Result<Option<Scene>, String> {
    let before = Place::new(dialect).expect("the engine is there");
    {
        let mut database = before.open();
        make(&mut database, case, Side::Before);
        if let Some(rows) = file(case, "rows", dialect) {
            support::run(&mut database, &text(&rows));
        }
    }
    let folder = plan(case, dialect, &before)?;
    if variant == Variant::Apart {
        for way in ["up", "down"] {
            stand_alone(&folder.path().join("plan"), way, dialect);
        }
    }
    let start = state(&before);
    let there = before.copy();
    let outcome = ran(&mut run_in(&folder, &there, "apply"));
    if outcome.code != 0 && variant == Variant::Apart {
        return Ok(None);
    }
    ends_well("without a kill", outcome)?;
    let end = state(&there);
    let outcome = ran(&mut run_in(&folder, &there, "rollback"));
    let is_same = same("taken back without a kill", &start, &there);
    match variant {
        Variant::Apart if outcome.code != 0 || is_same.is_err() => return Ok(None),
        Variant::Apart => {}
        Variant::Planned => {
            ends_well("without a kill", outcome)?;
            is_same?;
        }
    }
    Ok(Some(Scene { folder, before, start, end }))
}

fn plan(case: &Path, dialect: Dialect, server: &Place) -> Result<tempfile::TempDir, String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = migrate(folder.path());
    command.args(["plan", "--out", "plan", "--dialect", dialect.name()]);
    command.arg("--from").arg(Side::Before.path(case, dialect));
    command.arg("--to").arg(Side::After.path(case, dialect));
    if dialect == Dialect::Postgres {
        command.args(["--scratch-url", &typed(server.url())]);
    }
    let answers = case.join("answers");
    if answers.is_file() {
        command.args(text(&answers).split_whitespace());
    }
    ends_well("plan", ran(&mut command))?;
    Ok(folder)
}

/// Lets each step run in a transaction of its own; indexes, which are not on partitioned tables, outside of any.
fn stand_alone(plan: &Path, way: &str, dialect: Dialect) {
    let path = plan.join(format!("{way}.sql"));
    let before = text(&path);
    let is_online = dialect == Dialect::Postgres && !before.contains("PARTITION");
    let mut lines: Vec<String> = Vec::new();
    for line in before.lines() {
        let online = match line {
            _ if !is_online => None,
            _ if line.starts_with("CREATE INDEX ") || line.starts_with("CREATE UNIQUE INDEX ") => {
                Some(line.replacen("INDEX ", "INDEX CONCURRENTLY ", 1))
            }
            _ => line
                .strip_prefix("DROP INDEX ")
                .map(|rest| format!("DROP INDEX CONCURRENTLY {rest}")),
        };
        match (online, lines.last_mut()) {
            (Some(online), Some(heading)) if heading.starts_with("-- step ") => {
                *heading = heading.replace("tx=own", "tx=outside");
                lines.push(online);
            }
            _ => lines.push(line.replace("| tx=shared ", "| tx=own ")),
        }
    }
    let after = lines.join("\n") + "\n";
    std::fs::write(&path, &after).expect("a plan's file");
    let seal = |text: &str| hash::sha256(text.as_bytes());
    let file = plan.join("plan.json");
    let json = text(&file).replace(&seal(&before), &seal(&after));
    std::fs::write(file, json).expect("a plan's file");
}
