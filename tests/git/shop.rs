//! A project in a git repository, and the command run in it as a pipeline would.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::path::Path;
use std::process::{Command, Output};

/// A project in a git repository.
pub struct Shop {
    folder: tempfile::TempDir,
}

/// Variables of pipelines that would name a branch or a file for the tests themselves.
pub const OF_PIPELINES: [&str; 9] = [
    "DATABASE_URL",
    "GITHUB_BASE_REF",
    "GITHUB_STEP_SUMMARY",
    "CI_MERGE_REQUEST_TARGET_BRANCH_NAME",
    "BITBUCKET_PR_DESTINATION_BRANCH",
    "SYSTEM_PULLREQUEST_TARGETBRANCH",
    "CHANGE_TARGET",
    "BUILDKITE_PULL_REQUEST_BASE_BRANCH",
    "MIGRATE_ENV",
];

pub const PERSON: &str = "model: 1\nname: shop\ntargets: [sqlite >= 3.38]\nentities:\n  Person:\n    fields:\n      \
                      id: int\n      note: text?\n    key: id\n";

impl Shop {
    pub fn new() -> Shop {
        let shop = Shop { folder: tempfile::tempdir().expect("a folder") };
        shop.write("migrate.toml", "");
        shop.write("model.yaml", PERSON);
        shop.git(&["init", "-q", "-b", "main"]);
        shop
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("can be made");
        std::fs::write(path, text).expect("can be written");
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).expect("can be read")
    }

    pub fn git(&self, words: &[&str]) {
        let output = Command::new("git")
            .arg("-C")
            .arg(self.path())
            .args([
                "-c",
                "user.name=a",
                "-c",
                "user.email=a@example.com",
                "-c",
                "commit.gpgsign=false",
            ])
            .args(words)
            .output()
            .expect("git runs");
        assert!(output.status.success(), "git {words:?}: {}", text(&output.stderr));
    }

    pub fn commit(&self, message: &str) {
        self.git(&["add", "."]);
        self.git(&["commit", "-q", "-m", message]);
    }

    pub fn run_with(&self, words: &[&str], variables: &[(&str, &str)]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_migrate"));
        command.args(words).current_dir(self.path());
        OF_PIPELINES.iter().for_each(|name| {
            command.env_remove(name);
        });
        command.envs(variables.iter().copied()).output().expect("the built command runs")
    }

    pub fn run(&self, words: &[&str]) -> Output {
        self.run_with(words, &[])
    }

    /// Runs a command that must end with a code; what it prints.
    pub fn must(&self, code: i32, words: &[&str]) -> String {
        let output = self.run(words);
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{words:?}: {said}");
        text(&output.stdout)
    }

    pub fn sql(&self, statements: &str) {
        let database = rusqlite::Connection::open(self.path().join("shop.db")).expect("it opens");
        database.execute_batch(statements).expect("the statements hold");
    }

    /// The one row of a query with a number and a text.
    pub fn row(&self, query: &str) -> (Option<i64>, String) {
        let database = rusqlite::Connection::open(self.path().join("shop.db")).expect("it opens");
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        database.query_row(query, [], read).expect("there is a row")
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("output is text")
}
