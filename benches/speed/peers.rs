//! The programs beside which this one is measured. Each is named by an environment variable; what is not named is
//! skipped.

use std::path::{Path, PathBuf};

use super::measure::Contestant;
use super::server::Server;

/// The others that are there, on the same pair of databases.
pub fn all(server: &Server, before: &str, after: &str) -> Vec<Contestant> {
    let mut found = Vec::new();
    match named("MIGRATE_BENCH_PG_DUMP").or_else(|| server.pg_dump()) {
        Some(program) => {
            found.push(Contestant::new("pg_dump -s of one", &program, &["-s", "-d", before]));
        }
        None => println!("skipped, pg_dump: name it in MIGRATE_BENCH_PG_DUMP"),
    }
    match named("MIGRATE_BENCH_PGDELTA") {
        Some(program) => {
            let arguments = ["plan", "--source", before, "--desired", after];
            found.push(Contestant::new("pg-delta plan", &program, &arguments));
        }
        None => println!("skipped, pg-delta: name `pgdelta` in MIGRATE_BENCH_PGDELTA"),
    }
    match named("MIGRATE_BENCH_MIGRA") {
        Some(program) => {
            // It knows the longer scheme only.
            let long = |url: &str| url.replacen("postgres://", "postgresql://", 1);
            let arguments = ["--unsafe", &long(before), &long(after)];
            found.push(Contestant::new("migra", &program, &arguments));
        }
        None => println!("skipped, migra: name it in MIGRATE_BENCH_MIGRA"),
    }
    found
}

fn named(variable: &str) -> Option<PathBuf> {
    let program = std::env::var(variable).ok().filter(|text| !text.is_empty())?;
    let found = Path::new(&program).to_owned();
    if !found.is_file() {
        println!("skipped, {variable}: `{program}` is no file");
        return None;
    }
    Some(found)
}
