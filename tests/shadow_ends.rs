//! Copies whose end comes early: the process is killed or told to end while rows are copied, the database that is copied
//! goes away, there is no room. Nothing stays behind after the next run, and the message says what happened.

#![cfg(target_os = "linux")]

mod journey;
mod shadow_scene;
mod support;

use std::path::PathBuf;
use std::process::Command;

use journey::{Place, ran, typed};
use migrate::db::DatabaseUrl;
use migrate::text::Dialect;
use shadow_scene::{Scene, ended, forget, humble, is_waiting, started, tell, wait_until};

const WAITS: &str = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";

/// A second database, empty, and its address for the role that owns the tables of the scene.
fn empty_place(owner: &DatabaseUrl) -> (Place, DatabaseUrl) {
    let place = Place::new(Dialect::Postgres).expect("the scene has a server");
    let (DatabaseUrl::Postgres(url), DatabaseUrl::Postgres(owner)) = (place.url(), owner) else {
        panic!("PostgreSQL databases")
    };
    let role = &owner.user;
    let grant = format!(
        "GRANT CREATE ON DATABASE {} TO {role}; GRANT ALL ON SCHEMA public TO {role}",
        url.database
    );
    support::run(&mut place.open(), &grant);
    let mut url = url.clone();
    url.user.clone_from(role);
    (place, DatabaseUrl::Postgres(url))
}

/// What is in a database that should be empty: relations, schemas, large objects.
fn content(place: &Place) -> Vec<Vec<String>> {
    let query = "SELECT relname FROM pg_class WHERE oid >= 16384 AND relnamespace <> 'pg_toast'::regnamespace \
         UNION ALL SELECT nspname FROM pg_namespace WHERE oid >= 16384 AND nspname !~ '^pg_' \
         UNION ALL SELECT oid::text FROM pg_largeobject_metadata ORDER BY 1";
    support::rows(&mut place.open(), query)
}

#[test]
fn an_empty_database_that_a_killed_run_filled_is_emptied_by_the_next_one() {
    let _alone = support::alone();
    let Some(scene) = Scene::new(Dialect::Postgres) else { return };
    let plain = std::fs::read(scene.folder.path().join("plan/up.sql")).expect("a file");
    let sealed = std::fs::read(scene.folder.path().join("plan/plan.json")).expect("a file");
    scene.slow_up();
    let owner = humble(&scene, "");
    let (place, url) = empty_place(&owner);
    let provider = format!("url:{}", typed(&url));
    let run = || scene.rehearsal(&owner, &["--shadow", &provider]);

    for signal in [libc::SIGINT, libc::SIGTERM] {
        let child = started(&mut run());
        wait_until("the plan runs", || is_waiting(&scene, scene.temporary.path()));
        assert!(content(&place).len() > 1);
        tell(&child, signal);
        let told = ended(child);
        assert_eq!(told.code, 130, "{}", told.text);
        assert_eq!(content(&place), Vec::<Vec<String>>::new());
    }

    let child = started(&mut run());
    wait_until("the plan runs", || is_waiting(&scene, scene.temporary.path()));
    // Meanwhile nobody else gets it.
    let second = ran(&mut run());
    assert_eq!(second.code, 1, "{}", second.text);
    assert!(second.text.contains("another run of `migrate` works in"), "{}", second.text);
    tell(&child, libc::SIGKILL);
    ended(child);
    assert!(content(&place).len() > 1, "what the killed run left");
    std::fs::write(scene.folder.path().join("plan/up.sql"), plain).expect("a file");
    std::fs::write(scene.folder.path().join("plan/plan.json"), sealed).expect("a file");
    let next = ran(&mut run());
    assert_eq!(next.code, 0, "{}", next.text);
    assert_eq!(content(&place), Vec::<Vec<String>>::new());

    // Rows of a user are not taken for something left behind.
    support::run(&mut place.open(), "CREATE TABLE mine (a int); INSERT INTO mine VALUES (1)");
    let refused = ran(&mut run());
    assert_eq!(refused.code, 1, "{}", refused.text);
    assert!(refused.text.contains("is not empty"), "{}", refused.text);
    assert_eq!(support::rows(&mut place.open(), "SELECT a FROM mine"), [["1"]]);
    let DatabaseUrl::Postgres(url) = &owner else { return };
    support::run(&mut place.open(), &format!("DROP OWNED BY {}", url.user));
    forget(&scene, &owner);
}

#[test]
fn what_is_younger_than_the_mark_of_a_killed_run_is_left_alone() {
    let _alone = support::alone();
    let Some(scene) = Scene::new(Dialect::Postgres) else { return };
    let plain = std::fs::read(scene.folder.path().join("plan/up.sql")).expect("a file");
    let sealed = std::fs::read(scene.folder.path().join("plan/plan.json")).expect("a file");
    scene.slow_up();
    let owner = humble(&scene, "");
    let (place, url) = empty_place(&owner);
    let provider = format!("url:{}", typed(&url));
    let run = || scene.rehearsal(&owner, &["--shadow", &provider]);
    let child = started(&mut run());
    wait_until("the plan runs", || is_waiting(&scene, scene.temporary.path()));
    tell(&child, libc::SIGKILL);
    ended(child);
    std::fs::write(scene.folder.path().join("plan/up.sql"), plain).expect("a file");
    std::fs::write(scene.folder.path().join("plan/plan.json"), sealed).expect("a file");
    let marks =
        "SELECT description FROM pg_description WHERE description LIKE 'made by migrate; owner: %'";
    let mark = support::rows(&mut place.open(), marks)[0][0].clone();
    let refused = |told: &str| {
        let refused = ran(&mut run());
        assert_eq!(refused.code, 1, "{}", refused.text);
        assert!(refused.text.contains(told), "{}", refused.text);
        assert!(refused.text.contains("is left alone"), "{}", refused.text);
    };

    // Its session, which holds locks until it writes to the process again.
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() \
         AND pid <> pg_backend_pid()";
    wait_until("the session ends", || support::rows(&mut place.open(), end).is_empty());
    // A row in a table that the killed run left.
    support::run(&mut place.open(), "INSERT INTO item VALUES (-1, 'mine')");
    refused("rows of `public.item`");
    assert_eq!(support::rows(&mut place.open(), "SELECT name FROM item WHERE id < 0"), [["mine"]]);
    support::run(&mut place.open(), "DELETE FROM item WHERE id < 0");
    // A table beside those.
    support::run(&mut place.open(), "CREATE TABLE mine (a int); INSERT INTO mine VALUES (1)");
    refused("`public.mine`");
    assert_eq!(support::rows(&mut place.open(), "SELECT a FROM mine"), [["1"]]);
    support::run(&mut place.open(), "DROP TABLE mine");
    let next = ran(&mut run());
    assert_eq!(next.code, 0, "{}", next.text);
    assert_eq!(content(&place), Vec::<Vec<String>>::new());

    // A run that was killed before it made anything.
    let alone = format!(
        "DO $$ DECLARE made oid := lo_create(0); BEGIN EXECUTE format('COMMENT ON LARGE OBJECT %s IS %L', made, '{mark}'); END $$"
    );
    let mut theirs =
        migrate::db::Database::open(&url, migrate::db::Access::ReadWrite).expect("it opens");
    support::run(&mut theirs, &alone);
    drop(theirs);
    support::run(&mut place.open(), "CREATE TABLE mine (a int); INSERT INTO mine VALUES (1)");
    refused("`public.mine`");
    assert_eq!(support::rows(&mut place.open(), "SELECT a FROM mine"), [["1"]]);
    let DatabaseUrl::Postgres(url) = &owner else { return };
    support::run(&mut place.open(), &format!("DROP OWNED BY {}", url.user));
    forget(&scene, &owner);
}

#[test]
fn killed_or_told_to_end_while_rows_are_copied_nothing_stays() {
    let _alone = support::alone();
    for provider in ["local", "server"] {
        let Some(scene) = Scene::new(Dialect::Postgres) else { return };
        let writes = scene.writes();
        let copies = scene.shadows();
        for signal in [libc::SIGTERM, libc::SIGKILL] {
            let mut holder = scene.place.open();
            support::run(&mut holder, "BEGIN; LOCK TABLE item");
            let child = started(&mut scene.rehearsal(scene.place.url(), &["--shadow", provider]));
            wait_until("the copy waits", || {
                !support::rows(&mut scene.place.open(), WAITS).is_empty()
            });
            tell(&child, signal);
            let told = ended(child);
            support::run(&mut holder, "ROLLBACK");
            if signal == libc::SIGTERM {
                assert_eq!(told.code, 130, "{provider}: {}", told.text);
            } else {
                let next = scene.rehearsal(scene.place.url(), &["--shadow", provider]).output();
                assert!(next.expect("it runs").status.success(), "{provider}");
            }
            assert_eq!(scene.left(), Vec::<PathBuf>::new(), "{provider}");
            assert_eq!(scene.shadows(), copies, "{provider}");
        }
        assert_eq!(scene.writes(), writes);
    }
}

#[test]
fn a_database_that_goes_away_while_it_is_copied_is_an_error_that_says_so() {
    let _alone = support::alone();
    for provider in ["local", "server"] {
        let Some(scene) = Scene::new(Dialect::Postgres) else { return };
        let Some(watcher) = Place::new(Dialect::Postgres) else { return };
        let copies = scene.shadows();
        let DatabaseUrl::Postgres(url) = scene.place.url() else { return };
        let mut holder = scene.place.open();
        support::run(&mut holder, "BEGIN; LOCK TABLE item");
        let child = started(&mut scene.rehearsal(scene.place.url(), &["--shadow", provider]));
        wait_until("the copy waits", || !support::rows(&mut scene.place.open(), WAITS).is_empty());
        support::run(&mut watcher.open(), &format!("DROP DATABASE {} WITH (FORCE)", url.database));
        let told = ended(child);
        assert_eq!(told.code, 1, "{provider}: {}", told.text);
        println!("{}", told.text);
        assert!(told.text.contains("went away while it was copied"), "{provider}: {}", told.text);
        assert_eq!(scene.left(), Vec::<PathBuf>::new(), "{provider}");
        let own = "SELECT 1 FROM pg_database WHERE datname LIKE 'migrate_shadow_%'";
        assert_eq!(support::rows(&mut watcher.open(), own).len(), copies, "{provider}");
        // For the end of the test, which drops it.
        support::run(&mut watcher.open(), &format!("CREATE DATABASE {}", url.database));
    }
}

#[test]
fn temporary_files_beyond_their_limit_are_an_error_and_nothing_stays() {
    let _alone = support::alone();
    let Some(scene) = Scene::new(Dialect::Postgres) else { return };
    let DatabaseUrl::Postgres(url) = scene.place.url() else { return };
    support::run(
        &mut scene.place.open(),
        &format!("ALTER DATABASE {} SET temp_file_limit = '1MB'", url.database),
    );
    scene.add_step(
        "SELECT count(*) FROM (SELECT DISTINCT repeat(n::text, 10) FROM generate_series(1, 2000000) n ORDER BY 1) s",
    );
    let copies = scene.shadows();
    for provider in ["local", "server"] {
        let failed = ran(&mut scene.rehearsal(scene.place.url(), &["--shadow", provider]));
        assert_eq!(failed.code, 1, "{provider}: {}", failed.text);
        assert!(failed.text.contains("temp_file_limit"), "{provider}: {}", failed.text);
        assert!(failed.text.contains("(planted)"), "{provider}: {}", failed.text);
        assert_eq!(scene.left(), Vec::<PathBuf>::new(), "{provider}");
        assert_eq!(scene.shadows(), copies, "{provider}");
    }
}

/// The command with a small file system of its own at the folder for copies; `None` where that may not be made.
fn on_small_disk(scene: &Scene, megabytes: u32, more: &[&str]) -> Option<Command> {
    let mount = format!(
        "mount -t tmpfs -o size={megabytes}m,mode=0711 tmpfs '{}'",
        scene.temporary.path().display()
    );
    let can = Command::new("unshare").args(["-m", "sh", "-c", &mount]).output();
    if !can.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped, no file system can be mounted here");
        return None;
    }
    let plain = scene.rehearsal(scene.place.url(), more);
    let mut command = journey::migrate(scene.folder.path());
    let binary = plain.get_program();
    command.env("TMPDIR", scene.temporary.path());
    let mut small = Command::new("unshare");
    small.args(["-m", "sh", "-c"]).arg(format!("{mount} && exec \"$0\" \"$@\""));
    small.arg(binary).args(plain.get_args()).current_dir(scene.folder.path());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => small.env(name, value),
            None => small.env_remove(name),
        };
    }
    Some(small)
}

#[test]
fn a_full_disk_is_an_error_and_the_database_is_as_it_was() {
    let _alone = support::alone();
    for (dialect, megabytes, sql) in [
        (
            Dialect::Postgres,
            110,
            "CREATE TABLE big AS SELECT repeat('x', 1000) FROM generate_series(1, 300000)",
        ),
        (
            Dialect::Sqlite,
            8,
            "CREATE TABLE big AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000) \
             SELECT hex(zeroblob(500)) FROM n",
        ),
    ] {
        let Some(scene) = Scene::new(dialect) else { continue };
        scene.add_step(sql);
        let before = journey::contents(&mut scene.place.open());
        let Some(mut command) = on_small_disk(&scene, megabytes, &[]) else { continue };
        let failed = ran(&mut command);
        assert_eq!(failed.code, 1, "{dialect}: {}", failed.text);
        assert!(
            ["No space left on device", "Check free disk space", "is full"]
                .iter()
                .any(|text| failed.text.contains(text)),
            "{dialect}: {}",
            failed.text
        );
        assert_eq!(before, journey::contents(&mut scene.place.open()));
        // Known beforehand to be too small.
        let Some(mut command) = on_small_disk(&scene, 1, &[]) else { continue };
        let failed = ran(&mut command);
        assert_eq!(failed.code, 1, "{dialect}: {}", failed.text);
        assert!(failed.text.contains("no room for the copy"), "{dialect}: {}", failed.text);
    }
}
