//! Consecutive versions of real applications' schemas (`../shared/schemas`, or `MIGRATE_SHARED`) go up and down
//! exactly, with rows, and the same the other way round; and every one of them is a source that can be read.
//!
//! The newest pair of each application runs by default; `SCHEMAS=all` runs all, `SCHEMAS=TEXT` those whose name holds
//! the text.

mod sqlite_support;
mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use migrate::change::Intent;
use migrate::diff::diff;
use migrate::source::{LoadOptions, Source, load};
use migrate::text::Dialect;
use sqlite_support::travel as sqlite;
use support::checker::{Checker, shared};
use support::pair::{Count, Outcome, Pair, judge, loaded, plain};
use support::round_trip::{connect, inspect};
use support::{TestServer, env};

/// One schema of an application.
struct Schema {
    application: String,
    version: String,
    path: PathBuf,
    dialect: Dialect,
}

impl Schema {
    fn text(&self) -> String {
        std::fs::read_to_string(&self.path).expect("a schema")
    }

    fn title(&self) -> String {
        format!("{} {}", self.application, self.version)
    }
}

/// All schemas, in the order of the manifest, which is that of their history.
fn schemas(folder: &Path) -> Vec<Schema> {
    let manifest = std::fs::read_to_string(folder.join("manifest.tsv")).expect("a manifest");
    let lines = manifest.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>());
    lines
        .map(|fields| Schema {
            application: fields[0].to_owned(),
            version: fields[1].to_owned(),
            path: folder.join(fields[0]).join(format!("{}.sql", fields[1])),
            dialect: if fields[4] == "sqlite" { Dialect::Sqlite } else { Dialect::Postgres },
        })
        .filter(|schema| schema.path.is_file())
        .collect()
}

/// Neighbours in the history of one application.
fn pairs(schemas: &[Schema]) -> Vec<(&Schema, &Schema)> {
    let neighbours = schemas.windows(2).map(|pair| (&pair[0], &pair[1]));
    let all: Vec<_> = neighbours.filter(|(old, new)| old.application == new.application).collect();
    let newest: BTreeMap<&str, usize> =
        all.iter().enumerate().map(|(at, (_, new))| (new.application.as_str(), at)).collect();
    let wanted = std::env::var("SCHEMAS");
    let chosen = all.iter().enumerate().filter(|(at, (_, new))| match wanted.as_deref() {
        Ok("all") => true,
        Ok(text) => new.title().contains(text),
        Err(_) => newest.values().any(|last| last == at),
    });
    chosen.map(|(_, pair)| *pair).collect()
}

#[test]
fn neighbouring_versions_of_real_schemas_go_there_and_back() {
    let Some(corpus) = shared() else {
        println!("skipped: shared/schemas is not beside the project");
        return;
    };
    let all = schemas(&corpus.with_file_name("schemas"));
    let server = support::postgres();
    let mut checker = server.as_ref().and_then(|server| Checker::start_for(server, &corpus));
    let results = tempfile::tempdir().expect("a temporary folder");
    let mut counts: BTreeMap<&str, Count> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (at, (old, new)) in pairs(&all).into_iter().enumerate() {
        let outcome = match (old.dialect, &server) {
            (Dialect::Postgres, Some(server)) => {
                let pair =
                    Pair { a: plain(&old.text()), b: plain(&new.text()), seed: String::new() };
                judge(server, &pair, &mut checker)
            }
            (Dialect::Postgres, None) => continue,
            (Dialect::Sqlite, _) => {
                let folder = results.path().join(at.to_string());
                let went = sqlite::judge(&old.text(), &new.text(), "", &folder);
                went.map_or_else(Outcome::Wrong, Outcome::Exact)
            }
        };
        counts.entry(&old.application).or_default().add(&outcome);
        if let Outcome::Refused(message) | Outcome::Wrong(message) = outcome {
            let line = format!("{} to {}: {message}", old.title(), new.version);
            println!("{line}");
            wrong.push(line);
        }
    }
    wrong.extend(sqlite::second_opinion(&corpus, results.path()));
    let counts: Vec<String> =
        counts.iter().map(|(name, count)| format!("{name}: {count}")).collect();
    println!("{}", counts.join("; "));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_real_schema_is_read_as_the_engine_loads_it() {
    let Some(corpus) = shared() else {
        println!("skipped: shared/schemas is not beside the project");
        return;
    };
    let all = schemas(&corpus.with_file_name("schemas"));
    let Some(server) = support::postgres() else { return };
    let sample = if std::env::var("SCHEMAS").as_deref() == Ok("all") { 1 } else { 9 };
    let wrong: Vec<String> =
        all.iter().step_by(sample).filter_map(|schema| read(schema, &server).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Reads a schema as a source, and compares it with what the engine alone makes of the file.
fn read(schema: &Schema, server: &TestServer) -> Result<(), String> {
    let mut options = LoadOptions::new(schema.dialect, env(), ".");
    let home = server.database();
    options.scratch.url = Some(home.url.clone());
    let source = load(&Source::Sql(schema.path.clone()), &options)
        .map_err(|error| format!("{}: {error}", schema.title()))?;
    let direct = match schema.dialect {
        Dialect::Postgres => {
            let database = loaded(server, &plain(&schema.text()))?;
            inspect(&mut connect(&database))?
        }
        Dialect::Sqlite => sqlite_support::catalog(&sqlite_support::database(&schema.text())),
    };
    let (left, _) = diff(&source.catalog, &direct, &Intent::default());
    match left.changes.is_empty() {
        true => Ok(()),
        false => Err(format!("{}: {:?}", schema.title(), left.changes)),
    }
}
