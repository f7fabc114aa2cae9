//! A database, and a plan for it whose way up was edited by hand.

// Each test binary uses a part of this.
#![allow(dead_code)]

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use migrate::apply::book;
use migrate::db::{Database, DatabaseUrl};
use migrate::text::{Dialect, hash};
use tempfile::TempDir;

use crate::journey::{Contents, Place, Ran, contents, kept, migrate, ran, typed};
use crate::support;

pub const A: &str = "CREATE TABLE customer (id integer PRIMARY KEY, name text);";
pub const B: &str = "CREATE TABLE customer (id integer PRIMARY KEY, name text, email text);";

/// The line above a step that is written by hand.
pub fn heading(title: &str, transaction: &str) -> String {
    format!("-- step 9: {title} | tx={transaction} lock=ACCESS EXCLUSIVE work=write undo=exact")
}

pub struct Scene {
    folder: TempDir,
    place: Place,
}

impl Scene {
    /// The plan leads from one schema to the other; `None` where there is no server.
    pub fn new(dialect: Dialect, a: &str, b: &str, edit: impl Fn(&str) -> String) -> Option<Scene> {
        let scene =
            Scene { folder: tempfile::tempdir().expect("a folder"), place: Place::new(dialect)? };
        scene.sql(a);
        scene.sql("INSERT INTO customer (id, name) VALUES (1, 'Ada'), (2, 'Barbara')");
        scene.write("a.sql", a);
        scene.write("b.sql", b);
        let mut command = migrate(scene.folder.path());
        command.args(["plan", "--from", "a.sql", "--to", "b.sql", "--out", "plan"]);
        command.args(["--dialect", dialect.name()]);
        if dialect == Dialect::Postgres {
            command.args(["--scratch-url", &typed(scene.place.url())]);
        }
        let made = ran(&mut command);
        assert_eq!(made.code, 0, "{}", made.text);
        scene.edit("up.sql", &edit);
        Some(scene)
    }

    /// Edits a script of the plan and seals it again.
    pub fn edit(&self, script: &str, edit: &dyn Fn(&str) -> String) {
        let folder = self.folder.path().join("plan");
        let read = |name: &str| fs::read_to_string(folder.join(name)).expect("a plan's file");
        let before = read(script);
        let after = edit(&before);
        let seal = |text: &str| hash::sha256(text.as_bytes());
        let json = read("plan.json").replace(&seal(&before), &seal(&after));
        fs::write(folder.join(script), after).expect("a plan's file");
        fs::write(folder.join("plan.json"), json).expect("a plan's file");
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).expect("a file of the test");
    }

    pub fn open(&self) -> Database {
        self.place.open()
    }

    pub fn sql(&self, sql: &str) {
        support::run(&mut self.open(), sql);
    }

    pub fn database_name(&self) -> String {
        match self.place.url() {
            DatabaseUrl::Postgres(url) => url.database.clone(),
            DatabaseUrl::Sqlite(_) => "main".to_owned(),
        }
    }

    /// The address as one types it.
    pub fn address(&self) -> String {
        typed(self.place.url())
    }

    /// A command of the binary on the plan and the database.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = migrate(self.folder.path());
        command.args(arguments);
        if arguments.first().is_some_and(|first| ["apply", "rollback", "resolve"].contains(first)) {
            command.args(["--plan", "plan"]);
        }
        command.args(["-u", &self.address()]);
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        ran(&mut self.command(arguments))
    }

    /// Runs the binary after words of a shell.
    pub fn run_in_shell(&self, before: &str, arguments: &[&str]) -> Ran {
        let inner = self.command(arguments);
        let mut shell = Command::new("sh");
        shell.current_dir(self.folder.path()).env("NO_COLOR", "1").stdin(Stdio::null());
        shell.arg("-c").arg(format!("{before}; exec \"$0\" \"$@\"")).arg(inner.get_program());
        ran(shell.args(inner.get_args()))
    }

    pub fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("the binary starts")
    }

    /// Waits until somebody runs a statement with that word.
    pub fn wait_for(&self, word: &str) {
        let query = format!(
            "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%{word}%' \
             AND pid <> pg_backend_pid()"
        );
        let start = Instant::now();
        let mut database = self.open();
        while support::rows(&mut database, &query).is_empty() {
            assert!(start.elapsed() < Duration::from_secs(60), "nobody runs `{word}`");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What was done, by the ledger.
    pub fn ledger(&self) -> Vec<String> {
        let books = book::read(&mut self.open()).expect("the books can be read");
        books.entries.iter().map(|entry| entry.action.name().to_owned()).collect()
    }

    /// Rows, schema, and what stands open or is kept.
    pub fn dump(&self) -> (Contents, String, Vec<String>) {
        let mut database = self.open();
        let schema = database.inspect().expect("the schema can be read").fingerprint();
        let books = book::read(&mut database).expect("the books can be read");
        let mut lines = vec![format!("{:?}", books.open)];
        lines.extend(kept(&mut database));
        (contents(&mut database), schema, lines)
    }
}

/// Sends a signal by its name.
pub fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()).status();
    assert!(sent.expect("kill is there").success(), "the signal was sent");
}
