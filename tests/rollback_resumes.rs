//! A rollback that is killed or fails on its way leaves what it was or what it becomes, and the next one goes on by itself.

#![cfg(unix)]

mod faults_support;
mod journey;
mod support;

use std::process::Stdio;
use std::time::{Duration, Instant};

use faults_support::{FIRST, Shop, ends, on_each_engine};
use journey::{Contents, Place, Ran, contents, migrate, ran, same_contents, typed};
use migrate::db::Mode;
use migrate::text::Dialect;

/// Enough rows that a kill meets the run at work, whatever the machine.
const ROWS: u32 = 40_000;

/// The second version adds a required column, the third drops it again.
fn dropped(dialect: Dialect, rows: u32) -> Option<Shop> {
    let shop = Shop::applied(dialect)?;
    shop.sql(&match dialect {
        Dialect::Postgres => format!(
            "INSERT INTO customer (id, name) SELECT i, 'name ' || i FROM generate_series(3, {rows}) AS i"
        ),
        Dialect::Sqlite => format!(
            "WITH RECURSIVE n (i) AS (SELECT 3 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) \
             INSERT INTO customer (id, name) SELECT i, 'name ' || i FROM n"
        ),
    });
    shop.plan("note: { type: text, backfill: \"name || '!'\" }", "note");
    ends(&shop.run(&["apply", "--no-rehearsal"]), 0, &["applied 0002_note"]);
    let drop = "changes:\n  - drop: Customer.note\n    reason: test\n";
    shop.write("model.yaml", &format!("{FIRST}{drop}"));
    ends(&shop.run(&["plan", "no_note"]), 0, &[]);
    Some(shop)
}

#[test]
fn a_killed_rollback_did_all_or_nothing_and_the_next_one_finishes() {
    on_each_engine(
        |dialect| dropped(dialect, ROWS),
        |shop| {
            let mut wanted = shop.dump().0;
            ends(&shop.run(&["apply", "--no-rehearsal"]), 0, &["applied 0003_no_note"]);
            // Somebody works on in the meantime.
            shop.sql("DELETE FROM customer WHERE id = 7; UPDATE customer SET name = 'Grace' WHERE id = 8");
            for rows in wanted.values_mut() {
                rows.retain(|row| !row.contains("'name 7'"));
                rows.iter_mut().for_each(|row| *row = row.replace("'name 8'", "'Grace'"));
                rows.sort();
            }
            let before = shop.dump();
            let mut killed = 0;
            for wait_ms in [1, 15, 30, 60, 90, 130, 180, 260] {
                let mut command = shop.command(&["rollback"]);
                command.stdout(Stdio::null()).stderr(Stdio::null());
                let mut child = command.spawn().expect("the binary runs");
                std::thread::sleep(Duration::from_millis(wait_ms));
                // Sends SIGKILL; a child that has ended already is no error worth telling.
                let _ = child.kill();
                child.wait().expect("it ended");
                if shop.dump() != before {
                    break;
                }
                killed += 1;
                ends(&shop.run(&["status"]), 0, &["applied  0003_no_note", "no drift"]);
            }
            assert!(killed > 0, "no run was killed in time");
            if shop.dump() == before {
                ends(&shop.run(&["rollback"]), 0, &["rolled back 0003_no_note"]);
            }
            ends(&shop.run(&["status"]), 0, &["pending  0003_no_note", "no drift"]);
            same("after the rollback", &wanted, &shop.dump().0);
            ends(&shop.run(&["log", "--verify"]), 0, &[]);
        },
    );
}

fn same(stage: &str, expected: &Contents, found: &Contents) {
    same_contents(stage, expected, found).unwrap_or_else(|difference| panic!("{difference}"));
}

/// The kept values of the dropped column, as the database names them: table and column.
fn kept_values(shop: &Shop) -> (String, String) {
    let (table, sql) = match shop.dialect {
        Dialect::Sqlite => {
            let name = journey::kept(&mut shop.open()).remove(0);
            let sql = format!("SELECT name FROM pragma_table_info('{name}') ORDER BY cid DESC");
            (format!("\"{name}\""), sql)
        }
        Dialect::Postgres => {
            let name = journey::kept(&mut shop.open()).remove(0);
            let sql = format!(
                "SELECT attname FROM pg_attribute WHERE attrelid = 'migrate_kept.\"{name}\"'::regclass \
                 AND attnum > 0 ORDER BY attnum DESC"
            );
            (format!("migrate_kept.\"{name}\""), sql)
        }
    };
    let column = support::rows(&mut shop.open(), &sql)[0][0].clone();
    (table, format!("\"{column}\""))
}

/// The kept data is damaged, so that the old shape refuses a value in the middle of the rollback.
#[test]
fn a_step_that_fails_takes_its_version_back_and_not_the_one_before() {
    on_each_engine(
        |dialect| dropped(dialect, 50),
        |shop| {
            let wanted = shop.dump().0;
            ends(&shop.run(&["apply", "--no-rehearsal"]), 0, &["applied 0003_no_note"]);
            // A fourth version, which goes back before the third fails.
            let drop = "changes:\n  - drop: Customer.note\n    reason: test\n";
            shop.write("model.yaml", &format!("{FIRST}      email: text?\n{drop}"));
            ends(&shop.run(&["plan", "email"]), 0, &[]);
            ends(&shop.run(&["apply", "--no-rehearsal"]), 0, &["applied 0004_email"]);
            let (table, column) = kept_values(shop);
            shop.sql(&format!("UPDATE {table} SET {column} = NULL WHERE {column} = 'name 30!'"));
            let before = shop.dump();
            let refused = shop.run(&["rollback", "--steps", "2"]);
            ends(&refused, 7, &["`0003_no_note`", "tried on a copy"]);
            assert_eq!(shop.dump(), before, "nothing was touched");
            let failed = shop.run(&["rollback", "--steps", "2", "--no-rehearsal"]);
            ends(&failed, 5, &["this version is as it was; 1 version before it: done"]);
            ends(
                &shop.run(&["status"]),
                0,
                &["applied  0003_no_note", "pending  0004_email", "no drift"],
            );
            shop.sql(&format!("UPDATE {table} SET {column} = 'name 30!' WHERE {column} IS NULL"));
            ends(&shop.run(&["rollback"]), 0, &["rolled back 0003_no_note"]);
            same("after the rollback", &wanted, &shop.dump().0);
        },
    );
}

/// A plan folder on PostgreSQL.
struct Scene {
    place: Place,
    folder: tempfile::TempDir,
}

impl Scene {
    fn new() -> Option<Scene> {
        let place = Place::new(Dialect::Postgres)?;
        let folder = tempfile::tempdir().expect("a folder");
        let settings = format!(
            "model = \"m.yaml\"\ndefault_env = \"it\"\n[env.it]\nurl = \"{}\"\nlock_timeout_ms = 300\n",
            typed(place.url())
        );
        let scene = Scene { place, folder };
        scene.write("migrate.toml", &settings);
        Some(scene)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).expect("a file");
    }

    fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = migrate(self.folder.path());
        let url = typed(self.place.url());
        command.args(arguments).args(["--scratch-url", &url]);
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        ran(&mut self.command(arguments))
    }

    fn sql(&self, sql: &str) {
        support::run(&mut self.place.open(), sql);
    }

    fn contents(&self) -> Contents {
        contents(&mut self.place.open())
    }

    fn number(&self, sql: &str) -> u64 {
        support::rows(&mut self.place.open(), sql)[0][0].parse().expect("a number")
    }
}

/// What else may not begin while a rollback stands half-way.
fn all_else_waits(scene: &Scene) {
    ends(&scene.run(&["status"]), 0, &["half-way", "run the same command again to resume"]);
    ends(
        &scene.run(&["apply", "--plan", "p", "--no-rehearsal"]),
        8,
        &["stopped half-way (rollback"],
    );
    ends(&scene.run(&["release", "-y"]), 8, &["stopped half-way (rollback"]);
}

#[test]
fn a_rollback_goes_on_after_the_steps_that_are_committed() {
    let Some(scene) = Scene::new() else { return };
    let schema = |values: &str, map: &str| {
        format!(
            "CREATE TYPE mood AS ENUM ({values}); CREATE TABLE person (id int PRIMARY KEY,\n{map}mood mood NOT NULL);"
        )
    };
    let before = schema("'sad', 'ok', 'happy'", "");
    scene.write("a.sql", &before);
    scene.write("b.sql", &schema("'ok', 'happy'", "-- migrate:value sad = ok\n"));
    scene.sql(&before);
    scene.sql("INSERT INTO person VALUES (1, 'sad'), (2, 'ok'), (3, 'sad')");
    let plan = ["plan", "--from", "a.sql", "--to", "b.sql", "--dialect", "postgres", "--out", "p"];
    ends(&scene.run(&plan), 0, &[]);
    ends(&scene.run(&["apply", "--plan", "p", "--no-rehearsal"]), 0, &[]);
    scene.sql("UPDATE person SET mood = 'happy' WHERE id = 3");

    // The first step is committed by itself: a value that an enum gets cannot be used in its transaction.
    let mut other = scene.place.open();
    other.begin(Mode::Write).expect("it begins");
    support::rows(&mut other, "SELECT id FROM person WHERE id = 1 FOR UPDATE");
    let stopped = scene.run(&["rollback", "--plan", "p"]);
    ends(&stopped, 8, &["1 step(s) are done; run the same command again to resume"]);
    all_else_waits(&scene);
    other.rollback().expect("it ends");

    // What comes in while it stands half-way lives on too.
    scene.sql("INSERT INTO person VALUES (4, 'happy')");
    ends(&scene.run(&["rollback", "--plan", "p"]), 0, &["rolled back"]);
    let found = support::rows(&mut scene.place.open(), "SELECT id, mood FROM person ORDER BY id");
    assert_eq!(found, [["1", "sad"], ["2", "ok"], ["3", "happy"], ["4", "happy"]]);
    assert_eq!(journey::kept(&mut scene.place.open()), [""; 0]);
    ends(&scene.run(&["log", "--verify"]), 0, &["rollback"]);
    // And the whole once more, without a stop.
    ends(&scene.run(&["apply", "--plan", "p", "--no-rehearsal"]), 0, &[]);
    ends(&scene.run(&["rollback", "--plan", "p"]), 0, &[]);
    let again = support::rows(&mut scene.place.open(), "SELECT id, mood FROM person ORDER BY id");
    assert_eq!(again, found);
}

/// Rows that are put back in parts of 10,000.
fn repaired(rows: u32) -> Option<(Scene, Contents)> {
    let scene = Scene::new()?;
    let model = "model: 1\nname: x\ntargets: [postgres >= 13]\nentities:\n  T:\n    fields:\n      id: int\n      n: { type: int, min: 0 }\n";
    scene.write("m.yaml", model);
    scene.sql(&format!(
        "CREATE TABLE t (id bigint PRIMARY KEY, n bigint NOT NULL); \
         INSERT INTO t SELECT i, -i FROM generate_series(1, {rows}) AS i"
    ));
    let before = scene.contents();
    let shown =
        scene.run(&["verify", "--model", "m.yaml", "--out", "p", "--repair", "T.n_min=clamp"]);
    assert!([0, 5].contains(&shown.code), "{}", shown.text);
    ends(&scene.run(&["apply", "--plan", "p", "--no-rehearsal"]), 0, &[]);
    Some((scene, before))
}

const PUT_BACK: &str = "SELECT count(*) FROM t WHERE n < 0";

#[test]
fn a_rollback_that_is_killed_between_its_parts_goes_on_where_it_stopped() {
    const ROWS: u32 = 120_000;
    let Some((scene, before)) = repaired(ROWS) else { return };
    let mut command = scene.command(&["rollback", "--plan", "p"]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the binary runs");
    let started = Instant::now();
    while scene.number(PUT_BACK) == 0 {
        assert!(started.elapsed() < Duration::from_secs(60), "nothing was put back");
    }
    child.kill().expect("SIGKILL");
    child.wait().expect("it ended");
    let part = scene.number(PUT_BACK);
    assert!((10_000..u64::from(ROWS)).contains(&part), "{part} rows are back");
    all_else_waits(&scene);
    ends(&scene.run(&["rollback", "--plan", "p"]), 0, &["rolled back"]);
    same("after the rollback", &before, &scene.contents());
    assert_eq!(journey::kept(&mut scene.place.open()), [""; 0]);
    ends(&scene.run(&["status"]), 0, &["no drift"]);
}

#[test]
fn a_rollback_that_fails_between_its_parts_goes_on_where_it_stopped() {
    let Some((scene, before)) = repaired(25_000) else { return };
    let mut other = scene.place.open();
    other.begin(Mode::Write).expect("it begins");
    support::rows(&mut other, "SELECT id FROM t WHERE id = 15000 FOR UPDATE");
    ends(
        &scene.run(&["rollback", "--plan", "p"]),
        8,
        &["this step may be done in part; run the same command again to resume"],
    );
    other.rollback().expect("it ends");
    assert_eq!(scene.number(PUT_BACK), 10_000);
    all_else_waits(&scene);
    ends(&scene.run(&["rollback", "--plan", "p"]), 0, &["rolled back"]);
    same("after the rollback", &before, &scene.contents());
}
