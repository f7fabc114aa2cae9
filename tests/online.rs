//! Tables that are changed while they are used: which they are, what others notice, and what is left when a step fails.

mod journey;
mod support;

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use journey::{Ran, migrate, ran, typed};
use support::TestDatabase;

const A: &str = "CREATE TABLE team (id bigint PRIMARY KEY);
CREATE TABLE job (id bigint PRIMARY KEY, ref text, team bigint, hours int, note text);
CREATE INDEX job_note ON job (note);
CREATE TABLE small (id bigint PRIMARY KEY, name text);";

const B: &str = "CREATE TABLE team (id bigint PRIMARY KEY);
CREATE TABLE job (id bigint PRIMARY KEY, ref text NOT NULL CONSTRAINT job_ref UNIQUE, team bigint CONSTRAINT job_team
  REFERENCES team, hours int CONSTRAINT job_hours CHECK (hours >= 0), note text);
CREATE INDEX job_hours_team ON job (hours, team);
CREATE INDEX job_note ON job (note DESC);
CREATE TABLE small (id bigint PRIMARY KEY, name text);
CREATE INDEX small_name ON small (name);";

struct Online {
    folder: tempfile::TempDir,
    database: TestDatabase,
}

impl Online {
    /// A database with so many rows in `job`; `None` where there is no server.
    fn new(rows: u64) -> Option<Online> {
        let database = support::postgres()?.database();
        let folder = tempfile::tempdir().expect("a folder");
        let this = Online { folder, database };
        this.write("a.sql", A);
        this.write("b.sql", B);
        this.write(
            "migrate.toml",
            "default_env = \"it\"\n[env.it]\nonline_from_mb = 1\nlock_timeout_ms = 1000\n",
        );
        this.sql(A);
        this.sql("INSERT INTO team SELECT g FROM generate_series(1, 100) AS g");
        this.sql(&format!(
            "INSERT INTO job SELECT g, 'r' || g, 1 + g % 100, g % 12, md5(g::text) FROM generate_series(1, {rows}) AS g"
        ));
        this.sql("INSERT INTO small VALUES (1, 'one')");
        Some(this)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file of the test");
    }

    fn sql(&self, sql: &str) {
        support::run(&mut self.database.open(), sql);
    }

    fn command(&self, args: &[&str]) -> Command {
        let url = typed(&self.database.url);
        let mut command = migrate(self.folder.path());
        command.args(args).args(["--url", &url, "--scratch-url", &url]);
        command
    }

    fn run(&self, args: &[&str]) -> Ran {
        ran(&mut self.command(args))
    }

    /// Plans from the database as it is, and gives the way up.
    fn plan(&self, flags: &[&str]) -> String {
        let url = typed(&self.database.url);
        let mut args = vec!["plan", "--from", &url, "--to", "b.sql", "--out", "plan"];
        args.extend(flags);
        done(&self.run(&args));
        self.up("plan/up.sql")
    }

    fn up(&self, path: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(path)).expect("a plan")
    }
}

fn done(ran: &Ran) {
    assert_eq!(ran.code, 0, "{}", ran.text);
}

fn is_online(up: &str, name: &str) -> bool {
    up.lines().any(|line| line.contains(" CONCURRENTLY ") && line.contains(name))
}

#[test]
fn tables_that_are_large_where_the_plan_will_run_are_changed_while_they_are_used() {
    let Some(scene) = Online::new(20_000) else { return };
    let up = scene.plan(&[]);
    assert!(is_online(&up, "job_hours_team") && is_online(&up, "job_ref"), "{up}");
    assert!(up.contains("\"job_hours\" CHECK ((hours >= 0)) NOT VALID"), "{up}");
    assert!(!is_online(&up, "small_name"), "{up}");
    let up = scene.plan(&["--online"]);
    assert!(is_online(&up, "job_hours_team") && is_online(&up, "small_name"), "{up}");
    let up = scene.plan(&["--offline"]);
    assert!(!up.contains(" CONCURRENTLY ") && !up.contains("NOT VALID"), "{up}");
    // The usual measure is more than these rows have.
    scene.write("migrate.toml", "");
    let up = scene.plan(&[]);
    assert!(!up.contains(" CONCURRENTLY "), "{up}");
}

#[test]
fn a_plan_between_files_asks_no_database() {
    let Some(scene) = Online::new(20_000) else { return };
    done(&scene.run(&["plan", "--from", "a.sql", "--to", "b.sql", "--out", "plan"]));
    assert!(!scene.up("plan/up.sql").contains(" CONCURRENTLY "));
}

#[test]
fn a_project_asks_the_database_of_its_environment() {
    let Some(server) = support::postgres() else { return };
    let scene =
        Online { folder: tempfile::tempdir().expect("a folder"), database: server.database() };
    let settings = "model = \"schema.sql\"\ndefault_env = \"it\"\n[env.it]\nonline_from_mb = 0\n";
    scene.write("migrate.toml", settings);
    scene.write("schema.sql", A);
    done(&scene.run(&["plan", "first", "--dialect", "postgres"]));
    done(&scene.run(&["apply", "--no-rehearsal"]));
    scene.write("schema.sql", B);
    done(&scene.run(&["plan", "second", "--dialect", "postgres"]));
    let up = scene.up("migrations/0002_second/postgres.up.sql");
    assert!(is_online(&up, "job_ref") && is_online(&up, "small_name"), "{up}");
    done(&scene.run(&["apply"]));
    done(&scene.run(&["rollback"]));
    // A server that does not answer tells no sizes: that is said, and planned plainly.
    let mut command = migrate(scene.folder.path());
    let url = typed(&scene.database.url);
    command.args(["plan", "second", "--replace", "--dry-run", "--dialect", "postgres", "--sql"]);
    command.args(["--scratch-url", &url, "--url", "postgres://nobody@127.0.0.1:1/none"]);
    let asked = ran(&mut command);
    assert_ne!(asked.code, 0, "--replace asks whether the version is applied: {}", asked.text);
    scene.write("schema.sql", &format!("{B}\nCREATE INDEX small_again ON small (name, id);"));
    let mut command = migrate(scene.folder.path());
    command.args(["plan", "third", "--dry-run", "--dialect", "postgres", "--sql"]);
    command.args(["--scratch-url", &url, "--url", "postgres://nobody@127.0.0.1:1/none"]);
    let planned = ran(&mut command);
    done(&planned);
    assert!(planned.text.contains("how large the tables are is not known"), "{}", planned.text);
    assert!(!planned.text.contains(" CONCURRENTLY "), "{}", planned.text);
}

#[test]
fn a_row_that_comes_in_between_stops_the_plan_which_goes_on_once_it_is_gone() {
    let Some(scene) = Online::new(2_000) else { return };
    let up = scene.plan(&["--online"]);
    // As if somebody wrote it after the rules were asked of all rows.
    let twice = "-- step 1: somebody writes | tx=own lock=ROW EXCLUSIVE work=write undo=exact\n\
                 INSERT INTO job VALUES (-1, 'r1', 1, 1, 'twice');\n\n";
    let at = up.find("-- step 1").expect("a step");
    edit(scene.folder.path(), &up, &format!("{}{twice}{}", &up[..at], &up[at..]));
    let stopped = scene.run(&["apply", "--plan", "plan", "--no-rehearsal"]);
    assert_eq!(stopped.code, 8, "{}", stopped.text);
    assert!(stopped.text.contains("could not create unique index \"job_ref\""), "{}", stopped.text);
    let invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid";
    assert_eq!(support::rows(&mut scene.database.open(), invalid)[0][0], "0");
    scene.sql("DELETE FROM job WHERE id = -1");
    done(&scene.run(&["apply", "--plan", "plan", "--no-rehearsal"]));
    done(&scene.run(&["rollback", "--plan", "plan", "--no-rehearsal"]));
}

/// Writes another way up, and seals the plan with it.
fn edit(folder: &Path, before: &str, after: &str) {
    let plan = folder.join("plan");
    let seal = |text: &str| migrate::text::hash::sha256(text.as_bytes());
    let json = std::fs::read_to_string(plan.join("plan.json")).expect("a plan");
    std::fs::write(plan.join("up.sql"), after).expect("a plan");
    std::fs::write(plan.join("plan.json"), json.replace(&seal(before), &seal(after)))
        .expect("a plan");
}

/// What the users of a database notice.
#[derive(Default)]
struct Noticed {
    statements: AtomicU64,
    failed: AtomicU64,
    longest_us: AtomicU64,
}

impl Noticed {
    fn times(&self, statement: impl FnOnce() -> Result<(), postgres::Error>) {
        let began = Instant::now();
        if let Err(error) = statement() {
            eprintln!("a client: {error:?}");
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
        let us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.longest_us.fetch_max(us, Ordering::Relaxed);
        self.statements.fetch_add(1, Ordering::Relaxed);
    }
}

/// `MIGRATE_LOAD_ROWS` says how many rows; the longest stall is printed.
fn many_rows() -> u64 {
    let rows = std::env::var("MIGRATE_LOAD_ROWS").ok().and_then(|it| it.parse().ok());
    rows.unwrap_or(100_000)
}

/// Runs a command while others read and write; none of them may fail, or wait longer than the lock timeout in force and
/// 200 ms.
fn run_under_load(scene: &Online, args: &[&str], rows: u64) {
    let (noticed, is_over) = (Noticed::default(), AtomicBool::new(false));
    let took = std::thread::scope(|scope| {
        scope.spawn(|| write_rows(&scene.database, &noticed, &is_over, rows));
        scope.spawn(|| read_rows(&scene.database, &noticed, &is_over, rows));
        let began = Instant::now();
        let ran = scene.run(args);
        is_over.store(true, Ordering::Relaxed);
        done(&ran);
        began.elapsed()
    });
    let longest = Duration::from_micros(noticed.longest_us.load(Ordering::Relaxed));
    println!(
        "{}: {rows} rows, {took:?}; {} statements of others, the longest took {longest:?}",
        args[0],
        noticed.statements.load(Ordering::Relaxed)
    );
    assert_eq!(noticed.failed.load(Ordering::Relaxed), 0, "statements of others failed");
    assert!(longest < Duration::from_millis(1200), "somebody waited for {longest:?}");
}

#[test]
fn nobody_waits_long_while_rules_and_indexes_of_a_large_table_change() {
    let rows = many_rows();
    let Some(scene) = Online::new(rows) else { return };
    scene.plan(&[]);
    for command in ["apply", "rollback"] {
        run_under_load(
            &scene,
            &[command, "--plan", "plan", "--no-rehearsal", "--wait", "120"],
            rows,
        );
    }
}

#[test]
fn nobody_waits_long_while_a_large_table_gets_columns_with_values() {
    let rows = many_rows();
    let Some(scene) = Online::new(rows) else { return };
    let columns = "team bigint, hours int, note text,
  token uuid NOT NULL DEFAULT gen_random_uuid(),
  -- migrate:backfill hours * 60
  minutes int NOT NULL DEFAULT 0)";
    scene.write("b.sql", &A.replace("team bigint, hours int, note text)", columns));
    let up = scene.plan(&[]);
    assert_eq!(up.matches("tx=batches over=\"public\".\"job\"").count(), 6, "{up}");
    run_under_load(&scene, &["apply", "--plan", "plan", "--no-rehearsal", "--wait", "120"], rows);
    // Whoever wrote meanwhile got the default, and all others what the model says.
    let wrong =
        "SELECT count(*) FROM job WHERE minutes <> hours * 60 AND (note <> 'new' OR minutes <> 0)";
    assert_eq!(support::rows(&mut scene.database.open(), wrong)[0][0], "0");
    let tokens = "SELECT count(*) - count(DISTINCT token) FROM job";
    assert_eq!(support::rows(&mut scene.database.open(), tokens)[0][0], "0");
}

/// `A`, with columns whose values change, and rows that hold each of them.
fn with_values(scene: &Online) -> String {
    let columns = "note text,
  status text NOT NULL DEFAULT 'draft' CONSTRAINT job_status CHECK (status IN ('draft', 'pending', 'queued', 'paid')),
  country text DEFAULT 'DE')";
    let a = A.replace("note text)", columns);
    scene.sql("DROP TABLE job");
    scene.sql(
        &a.lines()
            .skip(1)
            .take(5)
            .collect::<Vec<_>>()
            .join("\n")
            .replace("CREATE TABLE small (id bigint PRIMARY KEY, name text);", ""),
    );
    let b = a.replace("'pending', 'queued', 'paid'", "'sent', 'paid'").replace(
        "  country text DEFAULT",
        "  -- migrate:backfill 'FR'\n  country text NOT NULL DEFAULT",
    );
    scene.write("b.sql", &b);
    a
}

const MAPS: [&str; 4] = ["--map", "job.status:pending=sent", "--map", "job.status:queued=sent"];

fn fill_values(scene: &Online, rows: u64) {
    scene.sql(&format!(
        "INSERT INTO job SELECT g, 'r' || g, 1 + g % 100, g % 12, md5(g::text), \
         (ARRAY['draft', 'pending', 'queued', 'paid'])[1 + g % 4], CASE g % 3 WHEN 0 THEN 'DE' END \
         FROM generate_series(1, {rows}) AS g"
    ));
}

/// What the rows hold that were there first.
fn held(scene: &Online, rows: u64) -> String {
    let asked = format!(
        "SELECT md5(string_agg(concat_ws(',', id, status, coalesce(country, '-')), ';' ORDER BY id)) FROM job WHERE id <= {rows}"
    );
    support::rows(&mut scene.database.open(), &asked)[0][0].clone()
}

#[test]
fn nobody_waits_long_while_values_of_a_large_table_are_written() {
    let rows = many_rows();
    let Some(scene) = Online::new(1) else { return };
    with_values(&scene);
    fill_values(&scene, rows);
    let before = held(&scene, rows);
    let mut flags = MAPS.to_vec();
    flags.push("--online");
    let up = scene.plan(&flags);
    assert_eq!(up.matches("tx=batches over=\"public\".\"job\"").count(), 6, "{up}");
    run_under_load(&scene, &["apply", "--plan", "plan", "--no-rehearsal", "--wait", "120"], rows);
    let wrong =
        "SELECT count(*) FROM job WHERE country IS NULL OR status NOT IN ('draft', 'sent', 'paid')";
    assert_eq!(support::rows(&mut scene.database.open(), wrong)[0][0], "0");
    let valid = "SELECT convalidated::text FROM pg_constraint WHERE conname = 'job_status'";
    assert_eq!(support::rows(&mut scene.database.open(), valid)[0][0], "true");
    assert_ne!(held(&scene, rows), before);
    run_under_load(
        &scene,
        &["rollback", "--plan", "plan", "--no-rehearsal", "--wait", "120"],
        rows,
    );
    assert_eq!(held(&scene, rows), before);
}

/// Release builds have no points to die at.
#[cfg(debug_assertions)]
#[test]
fn a_run_that_is_killed_between_batches_goes_on_and_every_value_comes_back() {
    let Some(scene) = Online::new(1) else { return };
    with_values(&scene);
    fill_values(&scene, 30_000);
    let before = held(&scene, 30_000);
    let mut flags = MAPS.to_vec();
    flags.push("--online");
    scene.plan(&flags);
    let mut after = None;
    for point in [40, 80] {
        for way in ["apply", "rollback"] {
            let args = [way, "--plan", "plan", "--no-rehearsal"];
            let mut killed = scene.command(&args);
            killed.env("MIGRATE_CRASH_AT", point.to_string());
            assert_ne!(ran(&mut killed).code, 0, "there is no point {point}");
            done(&scene.run(&args));
            let found = held(&scene, 30_000);
            match way {
                "apply" => assert_eq!(*after.get_or_insert(found.clone()), found, "{point}"),
                _ => assert_eq!(found, before, "{point}"),
            }
        }
    }
}

#[cfg(unix)]
#[test]
fn a_run_stands_still_between_two_batches_for_as_long_as_it_is_asked_to() {
    let Some(scene) = Online::new(1) else { return };
    with_values(&scene);
    fill_values(&scene, 100_000);
    let mut flags = MAPS.to_vec();
    flags.push("--online");
    scene.plan(&flags);
    let heard = scene.folder.path().join("heard");
    let mut command = scene.command(&["apply", "--plan", "plan", "--no-rehearsal"]);
    command.stdout(std::process::Stdio::null());
    command.stderr(std::fs::File::create(&heard).expect("a file"));
    let mut child = command.spawn().expect("the binary starts");
    let signal = |name: &str| {
        let sent = Command::new("kill").args([name, &child.id().to_string()]).status();
        assert!(sent.expect("kill is there").success());
    };
    let until = |what: &str, is_so: &dyn Fn() -> bool| {
        let began = Instant::now();
        while !is_so() {
            assert!(began.elapsed() < Duration::from_secs(120), "never: {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let ask = |sql: &str| support::rows(&mut scene.database.open(), sql)[0][0].clone();
    let kept = "SELECT count(*) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace \
                WHERE n.nspname = 'migrate_kept'";
    until("batches begin", &|| ask(kept) != "0");
    signal("-USR1");
    until("it is told", &|| {
        std::fs::read_to_string(&heard)
            .is_ok_and(|text| text.contains("paused between two batches"))
    });
    let written =
        "SELECT count(*) FROM job WHERE country IS NULL OR status IN ('pending', 'queued')";
    let locks = "SELECT count(*) FROM pg_locks WHERE relation = 'job'::regclass AND pid <> pg_backend_pid()";
    let left = ask(written);
    assert_ne!(left, "0");
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!((ask(written), ask(locks)), (left, "0".to_owned()));
    signal("-USR2");
    assert!(child.wait().expect("it ends").success());
    assert_eq!(ask(written), "0");
    let statistics = "SELECT count(*) FROM pg_stats WHERE tablename = 'job' AND attname IN ('status', 'country')";
    assert_eq!(ask(statistics), "2");
}

#[test]
fn what_is_done_is_written_as_lines_of_json_where_json_is_asked_for() {
    let Some(scene) = Online::new(100) else { return };
    scene.plan(&[]);
    let args = ["apply", "--plan", "plan", "--no-rehearsal", "--json"];
    let ended = scene.command(&args).output().expect("the binary starts");
    assert!(ended.status.success());
    serde_json::from_slice::<serde_json::Value>(&ended.stdout).expect("one document");
    let lines = String::from_utf8(ended.stderr).expect("text");
    let lines = lines
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a line of JSON"));
    let steps: Vec<_> = lines.filter(|line| line["event"] == "step").collect();
    assert!(!steps.is_empty());
    assert!(
        steps.iter().all(|it| it["title"].is_string() && it["step"].as_u64() <= it["of"].as_u64())
    );
}

#[test]
fn a_row_that_is_given_an_old_value_meanwhile_gets_that_one_back() {
    let Some(scene) = Online::new(1) else { return };
    with_values(&scene);
    fill_values(&scene, 5_000);
    let mut flags = MAPS.to_vec();
    flags.push("--online");
    let up = scene.plan(&flags);
    // Row 1 was `pending`, row 2 `queued`, row 3 `paid`; two passes are done by then, and no new check is there yet.
    let writes = "-- step 1: somebody writes | tx=own lock=ROW EXCLUSIVE work=write undo=exact\n\
                  UPDATE job SET status = 'queued' WHERE id IN (1, 3);\nUPDATE job SET country = NULL WHERE id = 1;\n\
                  UPDATE job SET status = 'paid' WHERE id = 2;\n\n";
    let at = up.find("change check job_status of job, for new rows").expect("a step");
    let at = up[..at].rfind("-- step").expect("a step");
    edit(scene.folder.path(), &up, &format!("{}{writes}{}", &up[..at], &up[at..]));
    done(&scene.run(&["apply", "--plan", "plan", "--no-rehearsal"]));
    let asked = "SELECT string_agg(status || coalesce(country, '-'), ' ' ORDER BY id) FROM job WHERE id < 5";
    assert_eq!(
        support::rows(&mut scene.database.open(), asked)[0][0],
        "sentFR paidFR sentDE draftFR"
    );
    done(&scene.run(&["rollback", "--plan", "plan", "--no-rehearsal"]));
    assert_eq!(
        support::rows(&mut scene.database.open(), asked)[0][0],
        "queued- paid- queuedDE draft-"
    );
}

fn write_rows(database: &TestDatabase, noticed: &Noticed, is_over: &AtomicBool, rows: u64) {
    let mut client = database.client();
    // Beyond what is there, also what an earlier writer left.
    let highest = client.query_one("SELECT max(id) FROM job", &[]).expect("the rows are there");
    let mut number: i64 = highest.get(0);
    while !is_over.load(Ordering::Relaxed) {
        number += 1;
        noticed.times(|| {
            let mut transaction = client.transaction()?;
            transaction.execute(
                "INSERT INTO job VALUES ($1, 'r' || $1::bigint, 1 + $1::bigint % 100, 1, 'new')",
                &[&number],
            )?;
            transaction.execute(
                "UPDATE job SET note = 'touched' WHERE id = $1::bigint * 7919 % $2",
                &[&number, &i64::try_from(rows).expect("few rows")],
            )?;
            transaction.commit()
        });
    }
}

fn read_rows(database: &TestDatabase, noticed: &Noticed, is_over: &AtomicBool, rows: u64) {
    let mut client = database.client();
    let mut number = 0_i64;
    while !is_over.load(Ordering::Relaxed) {
        number = (number + 7919) % i64::try_from(rows).expect("few rows");
        noticed.times(|| {
            client
                .query("SELECT id, ref, team, hours, note FROM job WHERE id = $1", &[&number])
                .map(drop)
        });
    }
}
