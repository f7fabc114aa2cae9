//! What goes wrong while a copy is made or worked on: no room, a killed process, Ctrl-C, a missing right. The message is
//! clear, nothing stays behind, and nothing was written to the database.

#![cfg(target_os = "linux")]

mod journey;
mod shadow_scene;
mod support;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use journey::{ran, typed};
use migrate::db::{Access, Database, DatabaseUrl};
use migrate::text::Dialect;
use shadow_scene::{Scene, ended, forget, humble, is_waiting, started, tell, wait_until};

#[test]
fn asked_to_end_while_a_plan_runs_on_a_copy_everything_goes() {
    // Copies are counted on the server that all tests share.
    let _alone = support::alone();
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        for signal in [libc::SIGINT, libc::SIGTERM] {
            let Some(scene) = Scene::new(dialect) else { continue };
            scene.slow_up();
            let (writes, shadows) = (scene.writes(), scene.shadows_if(dialect));
            let provider = if dialect == Dialect::Sqlite { "file" } else { "server" };
            let child = started(&mut scene.rehearsal(scene.place.url(), &["--shadow", provider]));
            wait_until("the plan runs", || is_waiting(&scene, scene.temporary.path()));
            tell(&child, signal);
            let told = ended(child);
            assert_eq!(told.code, 130, "{dialect}: {}", told.text);
            assert!(told.text.contains("interrupted"), "{}", told.text);
            assert!(!told.text.contains("error:"), "{}", told.text);
            assert_eq!(scene.left(), Vec::<PathBuf>::new());
            assert_eq!(scene.shadows_if(dialect), shadows);
            assert_eq!(scene.writes(), writes);
        }
    }
}

#[test]
fn asked_to_end_while_rows_are_copied_the_server_of_our_own_goes() {
    // Copies are counted on the server that all tests share.
    let _alone = support::alone();
    let Some(scene) = Scene::new(Dialect::Postgres) else { return };
    let writes = scene.writes();
    let mut holder = scene.place.open();
    support::run(&mut holder, "BEGIN; LOCK TABLE item");
    let child = started(&mut scene.rehearsal(scene.place.url(), &["--shadow", "local"]));
    let waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    wait_until("the copy waits", || !support::rows(&mut scene.place.open(), waits).is_empty());
    assert_eq!(scene.left().len(), 1, "the server of our own");
    tell(&child, libc::SIGINT);
    let told = ended(child);
    assert_eq!(told.code, 130, "{}", told.text);
    assert_eq!(scene.left(), Vec::<PathBuf>::new());
    support::run(&mut holder, "ROLLBACK");
    assert_eq!(scene.writes(), writes);
}

#[test]
fn what_a_killed_rehearsal_left_the_next_one_removes() {
    // Copies are counted on the server that all tests share.
    let _alone = support::alone();
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let Some(scene) = Scene::new(dialect) else { continue };
        let plain = std::fs::read(scene.folder.path().join("plan/up.sql")).expect("a file");
        let sealed = std::fs::read(scene.folder.path().join("plan/plan.json")).expect("a file");
        scene.slow_up();
        let writes = scene.writes();
        let provider = if dialect == Dialect::Sqlite { "file" } else { "server" };
        let child = started(&mut scene.rehearsal(scene.place.url(), &["--shadow", provider]));
        wait_until("the plan runs", || is_waiting(&scene, scene.temporary.path()));
        let shadows = scene.shadows_if(dialect);
        tell(&child, libc::SIGKILL);
        ended(child);
        if dialect == Dialect::Sqlite {
            assert_eq!(scene.left().len(), 1);
        } else {
            assert!(shadows >= 1);
        }
        std::fs::write(scene.folder.path().join("plan/up.sql"), plain).expect("a file");
        std::fs::write(scene.folder.path().join("plan/plan.json"), sealed).expect("a file");
        let next = ran(&mut scene.rehearsal(scene.place.url(), &["--shadow", provider]));
        assert_eq!(next.code, 0, "{}", next.text);
        assert_eq!(scene.left(), Vec::<PathBuf>::new());
        assert!(scene.shadows_if(dialect) < shadows.max(1));
        assert_eq!(scene.writes(), writes);
    }
}

/// A file may not grow beyond some blocks: what is written fails as on a full disk.
#[test]
fn without_room_the_message_says_so_and_nothing_stays() {
    // Copies are counted on the server that all tests share.
    let _alone = support::alone();
    let Some(scene) = Scene::new(Dialect::Sqlite) else { return };
    let before = std::fs::read(scene.place.url().to_string().trim_start_matches("sqlite:"));
    let plain = scene.rehearsal(scene.place.url(), &[]);
    let mut limited = Command::new("sh");
    limited.arg("-c").arg("trap '' XFSZ; ulimit -f 100; exec \"$0\" \"$@\"");
    limited.arg(plain.get_program()).args(plain.get_args());
    limited.current_dir(scene.folder.path()).env("TMPDIR", scene.temporary.path());
    limited.env("NO_COLOR", "1").stdin(Stdio::null());
    let failed = ran(&mut limited);
    assert_eq!(failed.code, 1, "{}", failed.text);
    assert!(failed.text.contains("error:"), "{}", failed.text);
    assert!(
        ["I/O error", "full", "File too large"].iter().any(|text| failed.text.contains(text)),
        "{}",
        failed.text
    );
    assert_eq!(scene.left(), Vec::<PathBuf>::new());
    let after = std::fs::read(scene.place.url().to_string().trim_start_matches("sqlite:"));
    assert_eq!(before.ok(), after.ok());
}

#[test]
fn a_table_that_may_not_be_read_is_named() {
    // Copies are counted on the server that all tests share.
    let _alone = support::alone();
    let Some(scene) = Scene::new(Dialect::Postgres) else { return };
    let url =
        humble(&scene, "ALTER TABLE other OWNER TO CURRENT_USER; INSERT INTO other VALUES (1)");
    let found = ran(&mut scene.rehearsal(&url, &["--whole"]));
    assert_eq!(found.code, 1, "{}", found.text);
    assert!(found.text.contains("`other` cannot be copied"), "{}", found.text);
    assert!(found.text.contains("permission denied"), "{}", found.text);
    // The plan does not touch it: without its rows all is well.
    let found = ran(&mut scene.rehearsal(&url, &[]));
    assert_eq!(found.code, 0, "{}", found.text);
    assert_eq!(scene.left(), Vec::<PathBuf>::new());
    forget(&scene, &url);
}

#[test]
fn without_createdb_the_server_does_not_fit_and_another_provider_does() {
    // Copies are counted on the server that all tests share.
    let _alone = support::alone();
    let Some(scene) = Scene::new(Dialect::Postgres) else { return };
    let url = humble(&scene, "");
    let refused = ran(&mut scene.rehearsal(&url, &["--shadow", "server"]));
    assert_eq!(refused.code, 1, "{}", refused.text);
    assert!(refused.text.contains("may not make databases there (CREATEDB)"), "{}", refused.text);
    let found = ran(&mut scene.rehearsal(&url, &[]));
    assert_eq!(found.code, 0, "{}", found.text);
    forget(&scene, &url);
}

#[test]
fn a_scratch_url_that_is_the_database_itself_is_passed_over() {
    // Copies are counted on the server that all tests share.
    let _alone = support::alone();
    let Some(scene) = Scene::new(Dialect::Postgres) else { return };
    let own = typed(scene.place.url());
    let found = ran(&mut scene.rehearsal(scene.place.url(), &["--scratch-url", &own]));
    assert_eq!(found.code, 0, "{}", found.text);
    assert!(found.text.contains("--scratch-url does not fit"), "{}", found.text);
    let named = format!("url:{own}");
    let refused = ran(&mut scene.rehearsal(scene.place.url(), &["--shadow", &named]));
    assert_eq!(refused.code, 1, "{}", refused.text);
    assert!(refused.text.contains("is the database itself"), "{}", refused.text);
}

#[test]
fn every_provider_can_be_named_on_the_command_line() {
    // Copies are counted on the server that all tests share.
    let _alone = support::alone();
    let Some(scene) = Scene::new(Dialect::Postgres) else { return };
    let server = {
        let DatabaseUrl::Postgres(url) = scene.place.url() else { panic!("a PostgreSQL database") };
        let mut url = url.clone();
        url.database = "postgres".to_owned();
        format!("url:{}", typed(&DatabaseUrl::Postgres(url)))
    };
    for (provider, word) in [
        ("auto", "local"),
        ("local", "local"),
        ("server", "server"),
        ("template", "template"),
        ("transaction", "transaction"),
        (server.as_str(), "url"),
    ] {
        let found = ran(&mut scene.rehearsal(scene.place.url(), &["--shadow", provider]));
        assert_eq!(found.code, 0, "{provider}: {}", found.text);
        assert!(found.text.contains(&format!("({word}: ")), "{provider}: {}", found.text);
    }
    for (provider, code) in [("file", 1), ("docker", 2)] {
        let found = ran(&mut scene.rehearsal(scene.place.url(), &["--shadow", provider]));
        assert_eq!(found.code, code, "{provider}: {}", found.text);
    }
    // Nothing is left of the one that worked in the database itself.
    let mut database =
        Database::open(scene.place.url(), Access::ReadOnly).expect("the database is there");
    let there =
        support::rows(&mut database, "SELECT count(*) FROM pg_attribute WHERE attname = 'price'");
    assert_eq!(there, [["0"]]);
}
