//! How long it takes to compare and plan, beside other programs, in one run: `cargo bench --bench speed`.
//!
//! Nothing here passes or fails: the same work is done in turn by each program, and the ratios are printed. What is not
//! there is skipped, and said so. `docs/reference/speed.md` says how to name the others and holds the last results.

mod measure;
mod peers;
mod schema;
mod server;

use std::path::{Path, PathBuf};

use measure::{Contestant, Round, compare};
use migrate::db::{Access, Database, DatabaseUrl, Env};
use migrate::dialect::script::statements;
use migrate::text::Dialect;
use schema::{Extras, Side};

/// How often each program runs.
const ROUNDS: usize = 5;

fn main() {
    // `cargo test --benches` and `cargo bench` pass flags of their own; a number asks for one size only.
    let wanted: Vec<usize> =
        std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let env = Env::new(std::env::vars());
    println!("{}", measure::machine());
    start_up(&env);
    sqlite(&env, 1_000);
    match server::server(&env) {
        Ok(server) => {
            for tables in [500, 5_000] {
                if wanted.is_empty() || wanted.contains(&tables) {
                    postgres(&server, tables, Extras::None);
                    postgres(&server, tables, Extras::Some);
                }
            }
        }
        Err(reason) => println!("\nskipped, no PostgreSQL: {reason}"),
    }
}

/// The program under test.
fn migrate(arguments: &[&str]) -> Contestant {
    Contestant::new("migrate", Path::new(env!("CARGO_BIN_EXE_migrate")), arguments)
}

fn start_up(env: &Env) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    println!("\n## Start\n");
    compare(&[migrate(&["--help"]).called("migrate --help")], 20, None);
    let url = format!("sqlite:{}", folder.path().join("app.db").display());
    run_sqlite(env, &url, "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT NOT NULL)");
    let at = folder.path().display().to_string();
    let setup = [&["init", "--from", &url, "-C", &at][..], &["apply", "-y", "-u", &url, "-C", &at]];
    for arguments in setup {
        let outcome = measure::run(&migrate(arguments));
        if let Err(problem) = outcome {
            println!("skipped, `migrate {}`: {problem}", arguments.join(" "));
            return;
        }
    }
    let idle = [
        migrate(&["status", "-u", &url, "-C", &at]).called("migrate status, nothing to do"),
        migrate(&["apply", "-y", "-u", &url, "-C", &at]).called("migrate apply, nothing to do"),
    ];
    compare(&idle, 20, None);
}

fn run_sqlite(env: &Env, url: &str, sql: &str) {
    let url = DatabaseUrl::parse(url, env).expect("a path");
    let mut database = Database::open(&url, Access::Create).expect("a new file can be made");
    let work = |database: &mut Database| -> Result<(), migrate::db::DbError> {
        for statement in statements(sql, Dialect::Sqlite) {
            database.execute(&statement)?;
        }
        Ok(())
    };
    database.within(migrate::db::Mode::Write, work).expect("the generated schema can be made");
}

fn sqlite(env: &Env, tables: usize) {
    println!("\n## SQLite, {tables} tables\n");
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let url = |side: Side| {
        let file: PathBuf = folder.path().join(format!("{side:?}.db"));
        format!("sqlite:{}", file.display())
    };
    for side in [Side::Before, Side::After] {
        run_sqlite(env, &url(side), &schema::sqlite(tables, side));
    }
    let (before, after) = (url(Side::Before), url(Side::After));
    let plan = ["plan", "--no-proof", "--from", &before, "--to", &after];
    let all = [
        migrate(&plan).called("migrate plan"),
        migrate(&["diff", &before, &after]).called("migrate diff"),
        migrate(&["diff", &before, &before]).called("migrate diff, equal"),
    ];
    compare(&all, ROUNDS, None);
}

fn postgres(server: &server::Server, tables: usize, extras: Extras) {
    let more = match extras {
        Extras::None => "",
        Extras::Some => ", and enums, checks, views, functions, triggers, partitions",
    };
    println!("\n## {}, {tables} tables{more}\n", server.version());
    let pair = server.pair(tables, extras);
    let (before, after) = (pair.before.url(), pair.after.url());
    let plan = ["plan", "--no-proof", "--from", before, "--to", after];
    let mut all = vec![migrate(&plan).called("migrate plan")];
    all.push(migrate(&["diff", before, before]).called("migrate diff, equal"));
    all.extend(peers::all(server, before, after));
    let rounds = if tables > 1_000 { 3 } else { ROUNDS };
    let rounds: Vec<Round> = compare(&all, rounds, server.postmaster());
    measure::ratios(&rounds);
}
