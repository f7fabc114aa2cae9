//! What goes wrong while a copy is made or worked on: no room, a killed process, Ctrl-C, a missing right. The message is
//! clear, nothing stays behind, and nothing was written to the database.

#![cfg(target_os = "linux")]

mod journey;
mod support;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use journey::{Place, Ran, migrate, ran, typed};
use migrate::db::{Access, Database, DatabaseUrl};
use migrate::text::{Dialect, hash};

const BEFORE: &str = "CREATE TABLE item (id integer PRIMARY KEY, name text NOT NULL);
     CREATE TABLE other (id integer PRIMARY KEY);";
const AFTER: &str = "CREATE TABLE item (id integer PRIMARY KEY, name text NOT NULL, price integer);
     CREATE TABLE other (id integer PRIMARY KEY);";

/// A plan, a database with rows, and a folder for what is made meanwhile.
struct Scene {
    place: Place,
    folder: tempfile::TempDir,
    /// Short: a socket's path has at most 107 bytes.
    temporary: tempfile::TempDir,
}

impl Scene {
    fn new(dialect: Dialect) -> Option<Scene> {
        let place = Place::new(dialect)?;
        support::run(&mut place.open(), BEFORE);
        let rows = match dialect {
            Dialect::Postgres => {
                "INSERT INTO item SELECT n, repeat('x', 500) FROM generate_series(1, 2000) n; ANALYZE"
            }
            Dialect::Sqlite => {
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
                 INSERT INTO item SELECT i, hex(zeroblob(250)) FROM n"
            }
        };
        support::run(&mut place.open(), rows);
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("a.sql"), BEFORE).expect("a file");
        std::fs::write(folder.path().join("b.sql"), AFTER).expect("a file");
        let temporary = tempfile::Builder::new().prefix("mf").tempdir_in("/tmp").expect("a folder");
        {
            use std::os::unix::fs::PermissionsExt;
            let open = std::fs::Permissions::from_mode(0o711);
            std::fs::set_permissions(temporary.path(), open).expect("our own folder");
        }
        let mut command = migrate(folder.path());
        command.args(["plan", "--from", "a.sql", "--to", "b.sql", "--out", "plan", "--no-proof"]);
        let made = ran(command.args(["--dialect", dialect.name()]));
        assert_eq!(made.code, 0, "{}", made.text);
        Some(Scene { place, folder, temporary })
    }

    /// Adds a step to `up.sql` that takes long, and seals it.
    fn slow_up(&self) {
        let folder = self.folder.path().join("plan");
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("a file");
        let (before, plan) = (read("up.sql"), read("plan.json"));
        let wait = match self.place.open().dialect() {
            Dialect::Postgres => "SELECT pg_sleep(120)",
            Dialect::Sqlite => {
                "SELECT max(i) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) \
                 SELECT i FROM n LIMIT 4000000000)"
            }
        };
        let after = format!(
            "{before}\n-- step 99: wait | tx=shared lock=none work=catalog undo=exact\n{wait};\n"
        );
        let sealed =
            plan.replace(&hash::sha256(before.as_bytes()), &hash::sha256(after.as_bytes()));
        std::fs::write(folder.join("up.sql"), after).expect("a file");
        std::fs::write(folder.join("plan.json"), sealed).expect("a file");
    }

    fn rehearsal(&self, url: &DatabaseUrl, more: &[&str]) -> Command {
        let mut command = migrate(self.folder.path());
        command.args(["rehearse", "--plan", "plan", "--url", &typed(url)]).args(more);
        command.env("TMPDIR", self.temporary.path());
        command
    }

    /// What is in the folder for copies and servers.
    fn left(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.temporary.path()).expect("a folder").flatten();
        let paths = entries.map(|entry| entry.path());
        paths.filter(|path| path.display().to_string().contains("/migrate-")).collect()
    }

    /// Rows written to the database, by its own count.
    fn writes(&self) -> String {
        let mut database = self.place.open();
        if database.dialect() == Dialect::Sqlite {
            return support::rows(&mut database, "PRAGMA data_version")[0][0].clone();
        }
        let query = "SELECT sum(n_tup_ins) || ' ' || sum(n_tup_upd) || ' ' || sum(n_tup_del) FROM pg_stat_user_tables";
        support::rows(&mut database, query)[0][0].clone()
    }

    fn shadows(&self) -> usize {
        // Those of other tests of this process are on the same server.
        let own = "SELECT datname FROM pg_database WHERE datname LIKE 'migrate_shadow_%'";
        support::rows(&mut self.place.open(), own).len()
    }
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn tell(child: &Child, signal: i32) {
    let pid = i32::try_from(child.id()).expect("a process");
    // SAFETY: the child is ours and has not been waited for.
    unsafe { libc::kill(pid, signal) };
}

fn started(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts")
}

fn ended(child: Child) -> Ran {
    child.wait_with_output().expect("it ends").into()
}

/// Whether a step of a plan waits on a copy that is not the database itself.
fn is_waiting(scene: &Scene, folder: &Path) -> bool {
    if scene.place.open().dialect() == Dialect::Sqlite {
        return std::fs::read_dir(folder).expect("a folder").flatten().any(|entry| {
            std::fs::metadata(entry.path().join("shadow.db")).is_ok_and(|file| file.len() > 0)
        });
    }
    let query = "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(120)%' AND pid <> pg_backend_pid()";
    !support::rows(&mut scene.place.open(), query).is_empty()
}

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

impl Scene {
    fn shadows_if(&self, dialect: Dialect) -> usize {
        if dialect == Dialect::Postgres { self.shadows() } else { 0 }
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

/// The address of the database for a role that may log in and owns the tables, and nothing more.
fn humble(scene: &Scene, more: &str) -> DatabaseUrl {
    let DatabaseUrl::Postgres(url) = scene.place.url() else { panic!("a PostgreSQL database") };
    let role = format!("humble_{}", url.database);
    let sql = format!(
        "CREATE ROLE {role} LOGIN; ALTER TABLE item OWNER TO {role}; ALTER TABLE other OWNER TO {role};
         GRANT CREATE ON SCHEMA public TO {role}; GRANT CREATE ON DATABASE {} TO {role}; {more}",
        url.database
    );
    support::run(&mut scene.place.open(), &sql);
    let mut url = url.clone();
    url.user = role;
    DatabaseUrl::Postgres(url)
}

fn forget(scene: &Scene, url: &DatabaseUrl) {
    let DatabaseUrl::Postgres(url) = url else { return };
    let role = &url.user;
    let sql = format!(
        "GRANT {role} TO CURRENT_USER; REASSIGN OWNED BY {role} TO CURRENT_USER; DROP OWNED BY {role}; DROP ROLE {role}"
    );
    support::run(&mut scene.place.open(), &sql);
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
