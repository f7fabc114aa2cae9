//! Runs the blocks of a document from top to bottom, in one folder and on one database.

use std::path::{Path, PathBuf};
use std::process::Command;

use migrate::db::{Access, Database, DatabaseUrl};
use migrate::text::Dialect;

use crate::markdown::{Block, blocks, wants_database};
use crate::support::{self, TestDatabase};

/// The folder that the documents show.
const SHOWN: &str = "/home/ana/shop";

/// Where a document is followed.
pub struct Place {
    dialect: Dialect,
    /// Gone with this value.
    _parent: tempfile::TempDir,
    folder: PathBuf,
    /// Dropped with this value.
    _server: Option<TestDatabase>,
    url: String,
}

impl Place {
    /// A new folder and a new database; `None` (and a note) where the engine is not on this machine.
    pub fn new(text: &str, dialect: Dialect) -> Option<Place> {
        let parent = tempfile::tempdir().expect("a temporary folder can be made");
        let folder = parent.path().canonicalize().expect("it is there").join("shop");
        std::fs::create_dir(&folder).expect("a folder can be made");
        let server = match dialect {
            Dialect::Sqlite => None,
            Dialect::Postgres => Some(support::postgres()?.database()),
        };
        let url = match &server {
            None => "sqlite:shop.db".to_owned(),
            Some(database) => typed(&database.url),
        };
        let place = Place { dialect, _parent: parent, folder, _server: server, url };
        if wants_database(text) {
            let name = format!("fixtures/chinook-like/shop.{dialect}.sql");
            let sql = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(&name));
            support::run(&mut place.database(), &sql.expect("the fixture is there"));
        }
        Some(place)
    }

    fn database(&self) -> Database {
        let url = DatabaseUrl::parse(&self.url, &support::env()).expect("the test's own URL");
        Database::open(&url.within(&self.folder), Access::Create).expect("the database opens")
    }

    /// Runs a command as a person at a terminal would, and returns all it printed.
    fn command(&self, command: &str) -> String {
        let program = Path::new(env!("CARGO_BIN_EXE_migrate"));
        let programs = program.parent().expect("a program is in a folder").display();
        let path = format!("{programs}:{}", std::env::var("PATH").unwrap_or_default());
        let mut shell = Command::new("bash");
        for (name, _) in std::env::vars() {
            if name.starts_with("MIGRATE_") && name != "MIGRATE_PG_BINDIR" || name == "CI" {
                shell.env_remove(name);
            }
        }
        let output = shell
            .args(["-c", &format!("exec 2>&1; {command}")])
            .current_dir(&self.folder)
            .env("PATH", path)
            .env("DATABASE_URL", &self.url)
            .env("MIGRATE_ACTOR", "ana")
            .env("HOSTNAME", "laptop")
            .env("NO_COLOR", "1")
            .envs(["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"].map(|name| (name, "ana")))
            .envs(["GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"].map(|name| (name, "ana@example.com")))
            .output()
            .expect("bash runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let database = self.database().describe();
        let shown = match self.dialect {
            Dialect::Sqlite => format!("sqlite:{SHOWN}/shop.db"),
            Dialect::Postgres => "postgres://ana@localhost/shop".to_owned(),
        };
        text.replace(&database, &shown).replace(&self.folder.display().to_string(), SHOWN)
    }
}

/// An address as a person types it.
fn typed(url: &DatabaseUrl) -> String {
    let DatabaseUrl::Postgres(url) = url else { panic!("a server's address") };
    let host = url.hosts.first().expect("an address has a host");
    let password = url.password.as_ref().map(|word| format!(":{}", word.reveal()));
    format!(
        "postgres://{}{}@/{}?host={}&port={}",
        url.user,
        password.unwrap_or_default(),
        url.database,
        host.name,
        host.port
    )
}

/// What came of a document.
pub struct Outcome {
    /// Each begins with its line number.
    pub failures: Vec<String>,
    /// The document with what the program printed.
    pub rewritten: String,
}

/// Follows a document.
pub fn run(text: &str, place: &Place) -> Outcome {
    let mut failures = Vec::new();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut moved: isize = 0;
    for block in blocks(text).iter().filter(|block| block.holds.on(place.dialect)) {
        match block.language.as_str() {
            "console" => {
                let (found, wrong) = console(block, place);
                if !wrong.is_empty() {
                    let from = (block.fence as isize + 1 + moved) as usize;
                    moved += found.len() as isize - block.lines.len() as isize;
                    lines.splice(from..from + block.lines.len(), found);
                }
                failures.extend(wrong);
            }
            "diff" => failures.extend(edit(block, place)),
            "sql" => failures.extend(sql(block, place)),
            _ => {}
        }
    }
    Outcome { failures, rewritten: lines.join("\n") + "\n" }
}

/// Runs the statements of a block, or the queries of one that begins with a query; comments below one are the rows that
/// it must find.
fn sql(block: &Block, place: &Place) -> Option<String> {
    if !block.lines.first().is_some_and(|line| line.starts_with("SELECT ")) {
        support::run(&mut place.database(), &block.lines.join("\n"));
        return None;
    }
    let mut expected = block.lines.iter().filter_map(|line| line.strip_prefix("-- "));
    for query in block.lines.iter().filter(|line| line.starts_with("SELECT ")) {
        for row in support::rows(&mut place.database(), query) {
            let (found, wanted) = (row.join(" | "), expected.next().unwrap_or("no row"));
            if found != wanted {
                let dialect = place.dialect;
                let line = block.fence + 1;
                return Some(format!("{line}: on {dialect} there is `{found}` and not `{wanted}`"));
            }
        }
    }
    expected.next().map(|row| format!("{}: `{row}` is not there", block.fence + 1))
}

/// Runs the commands of a block; returns the block as it should be, and what differs.
fn console(block: &Block, place: &Place) -> (Vec<String>, Vec<String>) {
    let mut found = Vec::new();
    let mut wrong = Vec::new();
    let mut position = 0;
    while position < block.lines.len() {
        let line = &block.lines[position];
        let command = line.strip_prefix("$ ").unwrap_or_else(|| {
            panic!("line {}: a block begins with a command", block.fence + 2 + position)
        });
        let rest = &block.lines[position + 1..];
        let length = rest.iter().take_while(|line| !line.starts_with("$ ")).count();
        let expected = &rest[..length];
        let printed = place.command(command);
        let printed: Vec<String> = printed
            .lines()
            .map(|line| line.trim_end().to_owned())
            .filter(|line| !is_chance(line))
            .collect();
        found.push(line.clone());
        if matches(expected, &printed, place.dialect) {
            found.extend(expected.iter().cloned());
        } else {
            wrong.push(format!(
                "{}: `{command}` printed on {}\n{}\nand not\n{}",
                block.fence + 2 + position,
                place.dialect,
                printed.join("\n"),
                expected.join("\n")
            ));
            found.extend(printed);
        }
        position += 1 + length;
    }
    (found, wrong)
}

/// Applies a `diff` block to the model.
fn edit(block: &Block, place: &Place) -> Option<String> {
    let path = place.folder.join("model.yaml");
    let mut text = std::fs::read_to_string(&path).expect("the model is there");
    for hunk in block.lines.split(|line| line.starts_with("@@")) {
        let side = |other: char| -> String {
            hunk.iter()
                .filter(|line| !line.starts_with(other))
                .map(|line| format!("{}\n", line.get(1..).unwrap_or_default()))
                .collect()
        };
        let (before, after) = (side('+'), side('-'));
        if before.is_empty() && !after.is_empty() {
            text.push_str(&after);
        } else if text.matches(&before).count() == 1 {
            text = text.replacen(&before, &after, 1);
        } else {
            return Some(format!("{}: this is not once in\n{text}", block.fence + 1));
        }
    }
    std::fs::write(&path, text).expect("the model can be written");
    None
}

/// Whether a line is there only where a step without rows took a millisecond.
fn is_chance(line: &str) -> bool {
    let level = level(line);
    level.starts_with("  ") && level.ends_with("  DURATION")
}

/// Whether the lines are as expected; `...` stands for any lines.
fn matches(expected: &[String], printed: &[String], dialect: Dialect) -> bool {
    match expected {
        [] => printed.is_empty(),
        [first, rest @ ..] if first == "..." => {
            (0..=printed.len()).any(|skipped| matches(rest, &printed[skipped..], dialect))
        }
        [first, rest @ ..] => match printed {
            [line, more @ ..] => line_matches(first, line, dialect) && matches(rest, more, dialect),
            [] => false,
        },
    }
}

fn line_matches(expected: &str, printed: &str, dialect: Dialect) -> bool {
    // One transcript stands for both engines where only the name of the database differs.
    let expected = match dialect {
        Dialect::Sqlite => expected.to_owned(),
        Dialect::Postgres => {
            expected.replace(&format!("sqlite:{SHOWN}/shop.db"), "postgres://ana@localhost/shop")
        }
    };
    let (expected, printed) = (level(&expected), level(printed));
    let mut pieces = expected.split("[..]");
    let Some(mut rest) = pieces.next().and_then(|first| printed.strip_prefix(first)) else {
        return false;
    };
    let mut last = None;
    for piece in pieces {
        last = Some(piece);
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    match last {
        None => rest.is_empty(),
        Some(piece) => piece.is_empty() || rest.is_empty() || printed.ends_with(piece),
    }
}

/// A line without what differs from run to run and from machine to machine.
fn level(line: &str) -> String {
    let patterns = [
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME"),
        (r"\b[\d.]+ (ms|s)\b", "DURATION"),
        (r"\b[\d.,]+ (bytes?|[KMGT]iB)\b", "SIZE"),
        (r"\b[0-9a-f]{8}_([ud])_", "TAG_${1}_"),
        (r"\(a local server of .*\)$", "(SHADOW)"),
        (r"(SQLite|PostgreSQL) \d.*$", "ENGINE"),
        (r" {2,}", "  "),
    ];
    patterns.iter().fold(line.trim_end().to_owned(), |text, (pattern, with)| {
        regex::Regex::new(pattern)
            .expect("a pattern of ours")
            .replace_all(&text, *with)
            .into_owned()
    })
}
