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
            let (before, after) = (for_sqlalchemy(before), for_sqlalchemy(after));
            let arguments = ["--unsafe", &before, &after];
            // It ends with 2 where something differs.
            found.push(Contestant::new("migra", &program, &arguments).done_with(2));
        }
        None => println!("skipped, migra: name it in MIGRATE_BENCH_MIGRA"),
    }
    found
}

/// The address as SQLAlchemy reads it: the longer scheme, and a socket's folder as a parameter.
fn for_sqlalchemy(url: &str) -> String {
    let rest = url.trim_start_matches("postgres://");
    let socket = || {
        let (user, rest) = rest.split_once("@%2F")?;
        let (place, database) = rest.split_once('/')?;
        let (folder, port) = place.rsplit_once(':')?;
        let folder = folder.replace("%2F", "/");
        Some(format!("postgresql://{user}@/{database}?host=/{folder}&port={port}"))
    };
    socket().unwrap_or_else(|| format!("postgresql://{rest}"))
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
