//! What goes wrong while steps run: locks of others, lost connections, timeouts, signals, full disks, two migrators at once.
//! Each ends with its exit code, a message that names the cause, and a database that is as it was or as it should become.

#![cfg(unix)]

mod faults_support;
mod journey;
mod scene;
mod support;

use std::process::Stdio;
use std::time::{Duration, Instant};

use faults_support::{Shop, ends, on_each_engine};
use migrate::db::Mode;
use migrate::text::Dialect;
use scene::{A, B, Scene, signal};

const BOTH: [Dialect; 2] = [Dialect::Sqlite, Dialect::Postgres];

#[test]
fn of_migrators_that_start_at_once_exactly_one_applies() {
    on_each_engine(Shop::pending, |shop| {
        let started: Vec<_> = (0..10)
            .map(|_| {
                let mut command = shop.command(&["apply", "--no-rehearsal", "--wait", "60"]);
                command.stdout(Stdio::piped()).stderr(Stdio::piped());
                command.spawn().expect("the binary starts")
            })
            .collect();
        let mut applied = 0;
        for child in started {
            let ran = journey::Ran::from(child.wait_with_output().expect("it ended"));
            match ran.code {
                0 if ran.text.contains("applied 0002_email") => applied += 1,
                0 => ends(&ran, 0, &["nothing to apply"]),
                _ => ends(&ran, 9, &["help: "]),
            }
        }
        assert_eq!(applied, 1, "{}", shop.dialect);
        ends(&shop.run(&["status"]), 0, &["applied  0002_email", "no drift"]);
        ends(&shop.run(&["log", "--verify"]), 0, &["verified"]);
        assert_eq!(shop.dump().2.iter().filter(|line| line.contains("0002_email")).count(), 1);
    });
}

#[test]
fn who_holds_a_lock_is_named_and_the_plan_waits_for_it() {
    let Some(scene) = Scene::new(Dialect::Postgres, A, B, str::to_owned) else { return };
    let before = scene.dump();
    let mut other = scene.open();
    other.begin(Mode::Write).expect("a transaction");
    support::run(&mut other, "LOCK TABLE customer IN ACCESS SHARE MODE");
    let ran = scene.run(&["apply", "--no-rehearsal", "--wait", "3"]);
    ends(
        &ran,
        9,
        &[
            "lock timeout",
            "blocked by server process",
            "LOCK TABLE customer",
            "idle in transaction",
        ],
    );
    ends(&ran, 9, &["waiting: ", "everything was rolled back"]);
    assert_eq!(scene.dump(), before);
    let child = scene.spawn(&["apply", "--no-rehearsal", "--wait", "60"]);
    std::thread::sleep(Duration::from_secs(1));
    other.rollback().expect("it lets go");
    let ran = journey::Ran::from(child.wait_with_output().expect("it ended"));
    ends(&ran, 0, &["applied plan"]);
}

#[test]
fn deadlocks_and_serialization_failures_are_tried_again() {
    for code in ["40P01", "40001", "55P03"] {
        let fails_twice = format!(
            "DO $$ BEGIN IF nextval('tries') < 3 THEN RAISE EXCEPTION 'unlucky' USING ERRCODE = '{code}'; END IF; END $$;"
        );
        let edit = |up: &str| {
            format!("{up}\n{}\n{fails_twice}\n", scene::heading("meet somebody", "shared"))
        };
        let sequence = "CREATE SEQUENCE tries;";
        let (a, b) = (format!("{A}{sequence}"), format!("{B}{sequence}"));
        let Some(scene) = Scene::new(Dialect::Postgres, &a, &b, edit) else { return };
        let ran = scene.run(&["apply", "--no-rehearsal", "--wait", "60"]);
        ends(&ran, 0, &["applied plan", "waiting: step 3: unlucky; it is tried again"]);
        let Some(scene) = Scene::new(Dialect::Postgres, &a, &b, edit) else { return };
        let (rows, schema, _) = scene.dump();
        let ran = scene.run(&["apply", "--no-rehearsal", "--wait", "0"]);
        ends(&ran, 9, &["unlucky", "everything was rolled back"]);
        let after = scene.dump();
        assert_eq!((after.0.len(), after.1), (rows.len(), schema));
    }
}

#[test]
fn a_connection_that_is_cut_is_made_again() {
    for transaction in ["shared", "own"] {
        let edit = |up: &str| {
            format!(
                "{up}\n{}\nSELECT pg_sleep(1.5);\n",
                scene::heading("take a while", transaction)
            )
        };
        let Some(scene) = Scene::new(Dialect::Postgres, A, B, edit) else { return };
        let child = scene.spawn(&["apply", "--no-rehearsal", "--wait", "30"]);
        scene.wait_for("pg_sleep");
        scene.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(1.5)%' AND pid <> pg_backend_pid()");
        let ran = journey::Ran::from(child.wait_with_output().expect("it ended"));
        ends(&ran, 0, &["applied plan", "the run connects again"]);
        assert_eq!(scene.ledger(), ["apply"]);
        ends(&scene.run(&["rollback"]), 0, &["rolled back"]);
    }
}

#[test]
fn a_statement_that_takes_too_long_is_undone() {
    let edit = |up: &str| {
        format!("{up}\n{}\nSELECT pg_sleep(60);\n", scene::heading("take a while", "shared"))
    };
    let Some(scene) = Scene::new(Dialect::Postgres, A, B, edit) else { return };
    scene.write("migrate.toml", "default_env = \"slow\"\n[env.slow]\nstatement_timeout_ms = 700\n");
    let before = scene.dump();
    let ran = scene.run(&["apply", "--no-rehearsal"]);
    ends(&ran, 9, &["statement timeout", "statement_timeout_ms", "everything was rolled back"]);
    assert_eq!(scene.dump(), before);
}

#[test]
fn signals_end_a_run_with_130_and_nothing_half_done() {
    for name in ["INT", "TERM"] {
        let edit = |up: &str| {
            format!("{up}\n{}\nSELECT pg_sleep(60);\n", scene::heading("take a while", "shared"))
        };
        let Some(scene) = Scene::new(Dialect::Postgres, A, B, edit) else { return };
        let before = scene.dump();
        let child = scene.spawn(&["apply", "--no-rehearsal"]);
        scene.wait_for("pg_sleep");
        let start = Instant::now();
        signal(&child, name);
        let ran = journey::Ran::from(child.wait_with_output().expect("it ended"));
        ends(&ran, 130, &["interrupted", "help: run the same command again"]);
        assert!(start.elapsed() < Duration::from_secs(20), "at once");
        let after = scene.dump();
        assert_eq!((&after.0, &after.1), (&before.0, &before.1));
    }
}

#[test]
fn a_full_disk_undoes_everything() {
    let sorted = "SET LOCAL work_mem = '64kB'; SELECT count(DISTINCT md5(g::text)) FROM generate_series(1, 400000) AS g;";
    let edit =
        |up: &str| format!("{up}\n{}\n{sorted}\n", scene::heading("fill the disk", "shared"));
    if let Some(scene) = Scene::new(Dialect::Postgres, A, B, edit) {
        let name = scene.database_name();
        scene.sql(&format!("ALTER DATABASE \"{name}\" SET temp_file_limit = '64kB'"));
        let before = scene.dump();
        let ran = scene.run(&["apply", "--no-rehearsal"]);
        ends(&ran, 1, &["temporary file size exceeds", "everything was rolled back"]);
        assert_eq!(scene.dump(), before);
    }
    let grown = "UPDATE customer SET name = (WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) \
                 SELECT group_concat(i) FROM n);";
    let edit = |up: &str| format!("{up}\n{}\n{grown}\n", scene::heading("fill the disk", "shared"));
    let scene = Scene::new(Dialect::Sqlite, A, B, edit).expect("SQLite is always there");
    let before = scene.dump();
    // Half a megabyte at most for any file; the signal that comes with it is not to kill.
    let ran = scene.run_in_shell("trap '' XFSZ; ulimit -f 512", &["apply", "--no-rehearsal"]);
    ends(&ran, 1, &["everything was rolled back"]);
    assert_eq!(scene.dump(), before);
}

#[test]
fn a_run_that_cannot_go_on_is_resolved_by_what_the_schema_proves() {
    for dialect in BOTH {
        let tables = ["invoice", "payment"]
            .map(|name| format!("CREATE TABLE {name} (id integer PRIMARY KEY);"));
        let b = &format!("{A}{}", tables.concat());
        let broken = format!(
            "{}\nSELECT no_such_column FROM customer;\n",
            scene::heading("cannot run", "own")
        );
        let edit = |up: &str| {
            let up = up.replace("tx=shared", "tx=own");
            let at = up.find("-- step 2").expect("two tables, two steps");
            format!("{}{broken}\n{}", &up[..at], &up[at..])
        };
        let Some(scene) = Scene::new(dialect, A, b, edit) else { continue };
        let before = scene.dump();
        ends(&scene.run(&["resolve"]), 0, &["no run stopped half-way"]);
        ends(&scene.run(&["resolve", "--applied", "--reason", "x"]), 1, &["nothing to resolve"]);
        ends(
            &scene.run(&["apply", "--no-rehearsal"]),
            8,
            &["no_such_column", "1 step(s) are done"],
        );
        ends(
            &scene.run(&["resolve"]),
            8,
            &["apply stopped after step 1 of 5", "neither as before nor as after"],
        );
        ends(
            &scene.run(&["resolve", "--applied", "--reason", "x"]),
            6,
            &["does not prove", "is applied"],
        );
        ends(
            &scene.run(&["resolve", "--rolled-back", "--reason", "x"]),
            6,
            &["does not prove", "is rolled back"],
        );
        ends(&scene.run(&["resolve", "--rolled-back"]), 2, &["--reason TEXT"]);
        scene.sql("DROP TABLE invoice");
        ends(&scene.run(&["resolve"]), 8, &["that of the version rolled back"]);
        let resolved =
            scene.run(&["resolve", "--rolled-back", "--reason", "not wanted", "--actor", "ana"]);
        ends(&resolved, 0, &["resolved plan", "as rolled back"]);
        let after = scene.dump();
        assert_eq!((&after.0, &after.1), (&before.0, &before.1));
        ends(&scene.run(&["log", "--verify"]), 0, &["resolve", "not wanted", "ana@", "verified"]);

        ends(&scene.run(&["apply", "--no-rehearsal"]), 8, &["1 step(s) are done"]);
        scene.sql(&tables[1]);
        ends(&scene.run(&["resolve", "--applied", "--reason", "by hand"]), 0, &["as applied"]);
        ends(&scene.run(&["rollback"]), 0, &["rolled back plan"]);
        let after = scene.dump();
        assert_eq!((&after.0, &after.1), (&before.0, &before.1));
        assert_eq!(scene.ledger(), ["resolve", "apply", "rollback"]);
    }
}
