//! What tests of copies that end early share: a plan that can be made slow, a database with rows, a folder that shows what
//! is left behind.

// Each test binary uses a part of this.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use migrate::db::DatabaseUrl;
use migrate::text::{Dialect, hash};

use crate::journey::{Place, Ran, migrate, ran, typed};
use crate::support;

const BEFORE: &str = "CREATE TABLE item (id integer PRIMARY KEY, name text NOT NULL);
     CREATE TABLE other (id integer PRIMARY KEY);";
const AFTER: &str = "CREATE TABLE item (id integer PRIMARY KEY, name text NOT NULL, price integer);
     CREATE TABLE other (id integer PRIMARY KEY);";

/// A plan, a database with rows, and a folder for what is made meanwhile.
pub struct Scene {
    pub place: Place,
    pub folder: tempfile::TempDir,
    /// Short: a socket's path has at most 107 bytes.
    pub temporary: tempfile::TempDir,
}

impl Scene {
    pub fn new(dialect: Dialect) -> Option<Scene> {
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
    pub fn slow_up(&self) {
        self.add_step(match self.place.open().dialect() {
            Dialect::Postgres => "SELECT pg_sleep(120)",
            Dialect::Sqlite => {
                "SELECT max(i) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) \
                 SELECT i FROM n LIMIT 4000000000)"
            }
        });
    }

    /// Adds a step to `up.sql`, and seals it.
    pub fn add_step(&self, sql: &str) {
        let folder = self.folder.path().join("plan");
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("a file");
        let (before, plan) = (read("up.sql"), read("plan.json"));
        let after = format!(
            "{before}\n-- step 99: planted | tx=shared lock=ACCESS EXCLUSIVE work=rewrite undo=exact\n{sql};\n"
        );
        let sealed =
            plan.replace(&hash::sha256(before.as_bytes()), &hash::sha256(after.as_bytes()));
        std::fs::write(folder.join("up.sql"), after).expect("a file");
        std::fs::write(folder.join("plan.json"), sealed).expect("a file");
    }

    pub fn rehearsal(&self, url: &DatabaseUrl, more: &[&str]) -> Command {
        let mut command = migrate(self.folder.path());
        command.args(["rehearse", "--plan", "plan", "--url", &typed(url)]).args(more);
        command.env("TMPDIR", self.temporary.path());
        command
    }

    /// What is in the folder for copies and servers.
    pub fn left(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.temporary.path()).expect("a folder").flatten();
        let paths = entries.map(|entry| entry.path());
        paths.filter(|path| path.display().to_string().contains("/migrate-")).collect()
    }

    /// Rows written to the database, by its own count.
    pub fn writes(&self) -> String {
        let mut database = self.place.open();
        if database.dialect() == Dialect::Sqlite {
            return support::rows(&mut database, "PRAGMA data_version")[0][0].clone();
        }
        let query = "SELECT sum(n_tup_ins) || ' ' || sum(n_tup_upd) || ' ' || sum(n_tup_del) FROM pg_stat_user_tables";
        support::rows(&mut database, query)[0][0].clone()
    }

    pub fn shadows(&self) -> usize {
        // Those of other tests of this process are on the same server.
        let own = "SELECT datname FROM pg_database WHERE datname LIKE 'migrate_shadow_%'";
        support::rows(&mut self.place.open(), own).len()
    }
}

pub fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub fn tell(child: &Child, signal: i32) {
    let pid = i32::try_from(child.id()).expect("a process");
    // SAFETY: the child is ours and has not been waited for.
    unsafe { libc::kill(pid, signal) };
}

pub fn started(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts")
}

pub fn ended(child: Child) -> Ran {
    child.wait_with_output().expect("it ends").into()
}

/// Whether a step of a plan waits on a copy that is not the database itself.
pub fn is_waiting(scene: &Scene, folder: &Path) -> bool {
    if scene.place.open().dialect() == Dialect::Sqlite {
        return std::fs::read_dir(folder).expect("a folder").flatten().any(|entry| {
            std::fs::metadata(entry.path().join("shadow.db")).is_ok_and(|file| file.len() > 0)
        });
    }
    let query = "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(120)%' AND pid <> pg_backend_pid()";
    !support::rows(&mut scene.place.open(), query).is_empty()
}

impl Scene {
    pub fn shadows_if(&self, dialect: Dialect) -> usize {
        if dialect == Dialect::Postgres { self.shadows() } else { 0 }
    }
}

/// The address of the database for a role that may log in and owns the tables, and nothing more.
pub fn humble(scene: &Scene, more: &str) -> DatabaseUrl {
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

pub fn forget(scene: &Scene, url: &DatabaseUrl) {
    let DatabaseUrl::Postgres(url) = url else { return };
    let role = &url.user;
    let sql = format!(
        "GRANT {role} TO CURRENT_USER; REASSIGN OWNED BY {role} TO CURRENT_USER; DROP OWNED BY {role}; DROP ROLE {role}"
    );
    support::run(&mut scene.place.open(), &sql);
}
