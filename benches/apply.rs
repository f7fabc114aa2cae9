//! How long many small versions take to apply, books and all, beside the same statements by `psql` and dbmate, in one run:
//! `cargo bench --bench apply`. `VERSIONS=200` says how many, `MIGRATE_BENCH_DBMATE` where dbmate is.
//!
//! Nothing here passes or fails: each program does the work on an empty database of its own, in turn, and the best of each counts.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use migrate::db::{Access, Database, DatabaseUrl, Env};
use migrate::dialect::session;
use migrate::shadow::cluster::{Cluster, cluster};
use migrate::text::Dialect;

const ROUNDS: usize = 5;

/// The model of the version with this number: a table, then a column, an index and a rule for it.
fn model(number: usize, dialect: Dialect) -> String {
    let mut text = format!("model: 1\nname: many\ntargets: [{dialect}]\nentities:\n");
    for table in (1..=number).step_by(4) {
        let _ = writeln!(
            text,
            "  T{table}:\n    fields:\n      id: int\n      name: text\n      amount: decimal(10,2) = 0"
        );
        let more = [
            "      note: text?",
            "    indexes:\n      by_name: [name]",
            "    rules:\n      positive: amount >= 0",
        ];
        for (at, line) in more.iter().enumerate() {
            if number > table + at {
                let _ = writeln!(text, "{line}");
            }
        }
    }
    text
}

/// A project with so many versions, and the statements of each.
struct Versions {
    project: PathBuf,
    statements: Vec<String>,
}

impl Versions {
    fn make(folder: &Path, count: usize, dialect: Dialect, scratch: Option<&str>) -> Versions {
        let project = folder.join(dialect.to_string());
        std::fs::create_dir_all(&project).expect("a folder");
        std::fs::write(project.join("migrate.toml"), "model = \"model.yaml\"\n").expect("a file");
        for number in 1..=count {
            std::fs::write(project.join("model.yaml"), model(number, dialect)).expect("a file");
            let mut command = migrate(&project);
            command.args(["plan", &format!("m{number}"), "--dialect", &dialect.to_string()]);
            command.args(scratch.iter().flat_map(|url| ["--scratch-url", url]));
            ran(&mut command);
        }
        let file = format!("{dialect}.up.sql");
        let mut folders: Vec<PathBuf> = std::fs::read_dir(project.join("migrations"))
            .expect("versions")
            .map(|entry| entry.expect("a version").path())
            .filter(|path| path.is_dir())
            .collect();
        folders.sort();
        let statements = folders.iter().map(|it| own_statements(&it.join(&file))).collect();
        Versions { project, statements }
    }
}

/// The statements of a version without those that put back what an earlier rollback kept: nothing is kept here.
fn own_statements(path: &Path) -> String {
    let text = std::fs::read_to_string(path).expect("the way up");
    let lines = text.lines().filter(|line| !line.starts_with("--"));
    let lines: Vec<&str> = lines.collect();
    let text = lines.join("\n");
    let own = text.split(";\n").filter(|it| !it.contains("migrate_kept") && !it.trim().is_empty());
    own.map(|statement| format!("{};\n", statement.trim().trim_end_matches(';'))).collect()
}

fn migrate(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_migrate"));
    command.current_dir(folder).env_remove("DATABASE_URL");
    command
}

fn ran(command: &mut Command) -> Duration {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let started = Instant::now();
    let output = command.output().expect("it starts");
    let took = started.elapsed();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    took
}

fn apply(project: &Path, url: &str) -> Command {
    let mut command = migrate(project);
    command.args(["apply", "-y", "--no-rehearsal", "--reason", "a benchmark", "--url", url]);
    command
}

/// The folder that dbmate reads.
fn for_dbmate(folder: &Path, versions: &Versions) -> PathBuf {
    let migrations = folder.join("db/migrations");
    std::fs::create_dir_all(&migrations).expect("a folder");
    for (at, text) in versions.statements.iter().enumerate() {
        let path = migrations.join(format!("{:04}_m.sql", at + 1));
        std::fs::write(path, format!("-- migrate:up\n{text}\n-- migrate:down\n")).expect("a file");
    }
    folder.to_owned()
}

fn dbmate(program: &Path, folder: &Path, url: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).args(["--no-dump-schema", "--url", url, "up"]);
    command
}

/// A program and its work in a round.
type Way<'a> = (&'a str, Box<dyn FnMut(usize) -> Duration + 'a>);

/// Times each way in turn, each on a database of its own, and tells the best of each beside the first.
fn compare(title: &str, ways: &mut [Way<'_>]) {
    let mut best = vec![Duration::MAX; ways.len()];
    for round in 0..ROUNDS {
        for (best, (_, way)) in best.iter_mut().zip(&mut *ways) {
            *best = (*best).min(way(round));
        }
    }
    println!("\n{title}");
    for ((name, _), time) in ways.iter().zip(&best) {
        let against = time.as_secs_f64() / best[0].as_secs_f64();
        println!("  {name}: {:.0} ms, {against:.2} times", time.as_secs_f64() * 1e3);
    }
}

fn main() {
    let env = Env::new(std::env::vars());
    let count = std::env::var("VERSIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(200);
    let peer = std::env::var_os("MIGRATE_BENCH_DBMATE").map(PathBuf::from);
    if peer.is_none() {
        println!("skipped, no dbmate: MIGRATE_BENCH_DBMATE names none");
    }
    let folder = tempfile::tempdir().expect("a folder");
    sqlite(folder.path(), count, peer.as_deref());
    match cluster(&env, None) {
        Ok(server) => postgres(&server, folder.path(), count, peer.as_deref()),
        Err(reason) => println!("skipped, no PostgreSQL: {reason}"),
    }
}

fn sqlite(folder: &Path, count: usize, peer: Option<&Path>) {
    let versions = Versions::make(folder, count, Dialect::Sqlite, None);
    let mate = for_dbmate(&folder.join("mate-sqlite"), &versions);
    let place = |name: &str, round: usize| folder.join(format!("{name}-{round}.db"));
    let url = |path: &Path| format!("sqlite:{}", path.display());
    let by_hand = |round: usize| {
        let started = Instant::now();
        let database = rusqlite::Connection::open(place("hand", round)).expect("a file");
        for text in &versions.statements {
            database.execute_batch(&format!("BEGIN;{text}COMMIT;")).expect("it runs");
        }
        started.elapsed()
    };
    let own = |round: usize| ran(&mut apply(&versions.project, &url(&place("own", round))));
    let mut ways: Vec<Way<'_>> = vec![
        ("SQLite itself, a transaction each", Box::new(by_hand)),
        ("migrate apply", Box::new(own)),
        ("migrate apply, nothing to do", Box::new(own)),
    ];
    if let Some(peer) = peer {
        let by_mate = |round: usize| ran(&mut dbmate(peer, &mate, &url(&place("mate", round))));
        ways.push(("dbmate up", Box::new(by_mate)));
    }
    compare(&format!("SQLite, {count} versions"), &mut ways);
}

fn postgres(server: &Cluster, folder: &Path, count: usize, peer: Option<&Path>) {
    let scratch = typed(&server.url("postgres"), |url| url.to_owned());
    let versions = Versions::make(folder, count, Dialect::Postgres, Some(&scratch));
    let mate = for_dbmate(&folder.join("mate-postgres"), &versions);
    let script: String =
        versions.statements.iter().map(|text| format!("BEGIN;\n{text}COMMIT;\n")).collect();
    let file = folder.join("all.sql");
    std::fs::write(&file, script).expect("a file");
    let fresh = |name: &str, round: usize| {
        let name = format!("{name}_{round}");
        let mut database =
            Database::open(&server.url("postgres"), Access::ReadWrite).expect("it answers");
        database.execute(&session::create_database(&name, None)).expect("it can be made");
        server.url(&name)
    };
    let by_hand = |round: usize| {
        let url = typed(&fresh("hand", round), |url| url.to_owned());
        let mut command = Command::new("psql");
        command.args(["-q", "-X", "-v", "ON_ERROR_STOP=1", "-f"]).arg(&file).arg(url);
        ran(&mut command)
    };
    let own = |round: usize| {
        let url = typed(&fresh("own", round), |url| url.to_owned());
        ran(&mut apply(&versions.project, &url))
    };
    let again = |round: usize| {
        let url = typed(&server.url(&format!("own_{round}")), |url| url.to_owned());
        ran(&mut apply(&versions.project, &url))
    };
    let mut ways: Vec<Way<'_>> = vec![
        ("psql, one session, a transaction each", Box::new(by_hand)),
        ("migrate apply", Box::new(own)),
        ("migrate apply, nothing to do", Box::new(again)),
    ];
    if let Some(peer) = peer {
        let by_mate = |round: usize| {
            let url = typed(&fresh("mate", round), |url| url.replace("?host=", "?socket="));
            ran(&mut dbmate(peer, &mate, &url))
        };
        ways.push(("dbmate up", Box::new(by_mate)));
    }
    compare(&format!("PostgreSQL, {count} versions"), &mut ways);
}

/// The address of a server on a socket, as programs take it.
fn typed(url: &DatabaseUrl, shaped: impl Fn(&str) -> String) -> String {
    let DatabaseUrl::Postgres(url) = url else { return String::new() };
    let host = &url.hosts[0];
    let text = format!(
        "postgres://{}@localhost:{}/{}?host={}&sslmode=disable",
        url.user, host.port, url.database, host.name
    );
    shaped(&text)
}
