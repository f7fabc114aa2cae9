//! Each folder under `fixtures/cases` is a change of a schema with rows, taken up, down, up and down again on each
//! engine: a test is a folder, and its name is the claim.
//!
//! A folder holds either `a.sql` and `b.sql` (or `a.postgres.sql` …, then it runs on that engine only) or a model pair
//! `before.yaml` and `after.yaml`; `rows.sql`, the rows of the old shape; `new_rows.sql`, what is written while the new
//! shape is in force and must survive the way back; `late_rows.sql`, what is written once the old shape is back, before
//! the new one is made again; `answers`, flags of `migrate plan`; `roles`, which the server must have. Each of the SQL files may be
//! there once for both engines or once for each (`rows.sqlite.sql`). Goldens are `ENGINE.up.sql`, `ENGINE.down.sql` and
//! `ENGINE.rows.txt` (the rows at each station); `UPDATE_GOLDEN=1` writes them, and they are read in review.
//! `MIGRATE_CASE=part-of-a-path` runs only those cases.
//!
//! Versions of PostgreSQL: the file `versions` holds the ones a case runs on (`>= 15`, `< 18`, one test a line; without
//! the file, all), and words for what a build of the server may lack (`lz4`, `icu`). A golden with a number,
//! `postgres-16.up.sql`, holds from that major version on; the one without is what [`PLAIN`] prints. Versions print one
//! and the same view or right in their own ways, so on another version the golden without a number holds for what is
//! done: the lines of its steps. `UPDATE_GOLDEN=1` writes one with a number where those differ.
//! `.ci/postgres-versions` runs the cases on each version.

mod journey;
mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use journey::case::{
    Side, VERSIONS, cases, file, is_for_this_version, make, make_roles, root, runs_on,
    server_version, text,
};
use journey::{
    Place, bundle, contents, kept, migrate, page, ran, same_contents, same_schema, typed,
};
use migrate::apply::Bundle;
use migrate::apply::deploy::DeployError;
use migrate::catalog::Catalog;
use migrate::db::Database;
use migrate::diff::{forget_not_null_names, with_not_null_names};
use migrate::shadow::options::Choice;
use migrate::text::Dialect;

#[test]
fn every_case_goes_there_and_back_on_sqlite() {
    run_all(Dialect::Sqlite, Ways::AsAsked);
}

#[test]
fn every_case_goes_there_and_back_on_postgres() {
    if support::postgres().is_some() {
        run_all(Dialect::Postgres, Ways::AsAsked);
    }
}

/// Every table is planned as one that is used meanwhile: where that means other steps, the same schema and rows at each
/// station.
#[test]
fn every_case_goes_there_and_back_while_tables_are_used() {
    if support::postgres().is_some() {
        run_all(Dialect::Postgres, Ways::Online);
    }
}

/// How the plan of a case is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ways {
    AsAsked,
    Online,
}

/// A folder that no engine runs, or a file that nobody reads, is a mistake.
#[test]
fn every_folder_is_a_case_and_every_file_is_read() {
    let mut wrong = Vec::new();
    let all = cases();
    assert!(all.len() >= 45, "only {} cases are found", all.len());
    for case in &all {
        let ran: Vec<Dialect> =
            DIALECTS.into_iter().filter(|dialect| runs_on(case, *dialect)).collect();
        if ran.is_empty() {
            wrong.push(format!("{}: runs on no engine", case.display()));
        }
        let mut known =
            BTreeSet::from(["answers", "roles", "before.yaml", "after.yaml"].map(str::to_owned));
        for stem in ["a", "b", "rows", "new_rows", "late_rows"] {
            known.insert(format!("{stem}.sql"));
            known.extend(ran.iter().map(|dialect| format!("{stem}.{dialect}.sql")));
        }
        for dialect in ran {
            known.extend(GOLDENS.map(|golden| format!("{dialect}.{golden}")));
            if dialect == Dialect::Postgres {
                known.insert("versions".to_owned());
                known.extend(VERSIONS.flat_map(|version| {
                    GOLDENS.map(|golden| format!("{dialect}-{version}.{golden}"))
                }));
            }
        }
        for entry in std::fs::read_dir(case).expect("a folder").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if !known.contains(&name) {
                wrong.push(format!("{}: nobody reads `{name}`", case.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const DIALECTS: [Dialect; 2] = [Dialect::Postgres, Dialect::Sqlite];

const GOLDENS: [&str; 3] = ["up.sql", "down.sql", "rows.txt"];

/// The version whose goldens have no number.
const PLAIN: u32 = 15;

/// Where the golden of the server's version is, and where another text would be written.
fn golden_of(case: &Path, dialect: Dialect, golden: &str) -> (PathBuf, PathBuf) {
    let plain = case.join(format!("{dialect}.{golden}"));
    if dialect != Dialect::Postgres {
        return (plain.clone(), plain);
    }
    let version = server_version();
    let numbered = |number: u32| case.join(format!("{dialect}-{number}.{golden}"));
    let own = if version == PLAIN { plain.clone() } else { numbered(version) };
    let older = VERSIONS.rev().filter(|number| *number <= version).find_map(|number| {
        if number == PLAIN && plain.is_file() {
            return Some(plain.clone());
        }
        Some(numbered(number)).filter(|path| path.is_file())
    });
    let is_first = !plain.is_file() && older.is_none();
    (older.unwrap_or_else(|| plain.clone()), if is_first { plain } else { own })
}

fn run_all(dialect: Dialect, ways: Ways) {
    let wanted = std::env::var("MIGRATE_CASE").unwrap_or_default();
    let mine: Vec<PathBuf> = cases()
        .into_iter()
        .filter(|case| runs_on(case, dialect) && case.to_string_lossy().contains(&wanted))
        .filter(|case| is_for_this_version(case, dialect))
        .collect();
    let next = Mutex::new(mine.iter());
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let Some(case) = next.lock().expect("no test panics here").next() else {
                        break;
                    };
                    let outcome = std::panic::catch_unwind(|| travel(case, dialect, ways));
                    let outcome = outcome.unwrap_or_else(|panic| {
                        let text = panic.downcast_ref::<String>().cloned();
                        Err(text.unwrap_or_else(|| "panicked".to_owned()))
                    });
                    if let Err(problem) = outcome {
                        let name = case.strip_prefix(root()).unwrap_or(case).display();
                        let failure = format!("{name}: {problem}");
                        // Said at once too, for a run that is cut short (`--nocapture`).
                        eprintln!("{failure}\n");
                        failures.lock().expect("no test panics here").push(failure);
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().expect("no test panics here");
    failures.sort();
    let count = mine.len();
    assert!(
        failures.is_empty(),
        "{} of {count} cases failed\n\n{}",
        failures.len(),
        failures.join("\n\n")
    );
}

/// Takes one case there, back, there and back again.
fn travel(case: &Path, dialect: Dialect, ways: Ways) -> Result<(), String> {
    let (here, fresh) = (place(dialect)?, place(dialect)?);
    let mut database = here.open();
    make_roles(&mut database, case);
    make(&mut database, case, Side::Before);
    if let Some(rows) = file(case, "rows", dialect) {
        support::run(&mut database, &text(&rows));
    }
    let mut wanted = fresh.open();
    make(&mut wanted, case, Side::After);
    let is_model = case.join("before.yaml").is_file();
    let inspect = |database: &mut Database| match inspect(database) {
        catalog if is_model => forget_not_null_names(catalog),
        catalog => catalog,
    };
    let schemas = (inspect(&mut database), inspect(&mut wanted));
    let start = contents(&mut database);
    let mut stations = format!("before\n\n{}", page(&start));

    let Some(plan) = plan(case, dialect, ways, &here)? else { return Ok(()) };
    let up =
        |database: &mut Database, provider: Choice| match journey::apply(database, &plan, provider)
        {
            Ok(()) => Ok(()),
            Err(DeployError::NotPassed(found)) => {
                let texts: Vec<String> = found.findings.into_iter().map(|it| it.message).collect();
                Err(format!("up: the rehearsal finds\n  {}", texts.join("\n  ")))
            }
            Err(error) => Err(format!("up: {error:?}")),
        };
    let down = |database: &mut Database| {
        journey::rollback(database, &plan).map_err(|error| format!("down: {error:?}"))
    };

    // A copy on a server of our own, then one beside the database.
    up(&mut database, Choice::Auto)?;
    same_in_all("after up", &schemas.1, &inspect(&mut database))?;
    let first = contents(&mut database);
    stations.push_str(&format!("\nafter up\n\n{}", page(&first)));
    down(&mut database)?;
    same_in_all("after down", &schemas.0, &inspect(&mut database))?;
    same_contents("after down", &start, &contents(&mut database))?;
    up(&mut database, beside(dialect))?;
    same_in_all("after up again", &schemas.1, &inspect(&mut database))?;
    same_contents("after up again", &first, &contents(&mut database))?;
    refuse_left_over("after up again", &mut database, "_d_")?;

    if let Some(rows) = file(case, "new_rows", dialect) {
        support::run(&mut database, &text(&rows));
        stations.push_str(&format!("\nafter new rows\n\n{}", page(&contents(&mut database))));
    }
    down(&mut database)?;
    same_in_all("after down again", &schemas.0, &inspect(&mut database))?;
    let last = contents(&mut database);
    match file(case, "new_rows", dialect) {
        None => same_contents("after down again", &start, &last)?,
        Some(_) => stations.push_str(&format!("\nafter down with the new rows\n\n{}", page(&last))),
    }
    refuse_left_over("after down again", &mut database, "_u_")?;
    if let Some(rows) = file(case, "late_rows", dialect) {
        support::run(&mut database, &text(&rows));
        let late = contents(&mut database);
        up(&mut database, beside(dialect))?;
        same_in_all("after up with all rows", &schemas.1, &inspect(&mut database))?;
        let all = contents(&mut database);
        stations.push_str(&format!("\nafter late rows and up\n\n{}", page(&all)));
        refuse_left_over("after up with all rows", &mut database, "_d_")?;
        // Back, forth, back again: nothing was written meanwhile.
        down(&mut database)?;
        same_contents("after down with all rows", &late, &contents(&mut database))?;
        up(&mut database, beside(dialect))?;
        same_contents("after up with all rows again", &all, &contents(&mut database))?;
    }
    golden(case, dialect, "rows.txt", &stations)
}

/// A copy beside the database.
fn beside(dialect: Dialect) -> Choice {
    match dialect {
        Dialect::Sqlite => Choice::File,
        Dialect::Postgres => Choice::Server,
    }
}

/// As [`same_schema`]; what a model leaves unsaid is as it is found.
fn same_in_all(stage: &str, expected: &Catalog, found: &Catalog) -> Result<(), String> {
    let settled = with_not_null_names(found, expected);
    same_schema(stage, settled.as_ref().unwrap_or(expected), found)
}

fn place(dialect: Dialect) -> Result<Place, String> {
    Place::new(dialect).ok_or_else(|| "there is no server".to_owned())
}

fn inspect(database: &mut Database) -> Catalog {
    database.inspect().expect("the schema can be read")
}

/// Plans with the binary, and compares what is planned with the goldens. `None` where a plan for tables in use has the
/// steps of the plain one, whose journey another test makes.
fn plan(
    case: &Path,
    dialect: Dialect,
    ways: Ways,
    server: &Place,
) -> Result<Option<Bundle>, String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = migrate(folder.path());
    command.args(["plan", "--out", "plan", "--dialect", dialect.name()]);
    command.arg("--from").arg(Side::Before.path(case, dialect));
    command.arg("--to").arg(Side::After.path(case, dialect));
    if dialect == Dialect::Postgres {
        command.args(["--scratch-url", &typed(server.url())]);
    }
    let answers = case.join("answers");
    let said = if answers.is_file() { text(&answers) } else { String::new() };
    command.args(said.split_whitespace());
    if ways == Ways::Online && !said.contains("--online") {
        command.arg("--online");
    }
    let made = ran(&mut command);
    if made.code != 0 {
        return Err(format!("plan ended with {}\n{}", made.code, made.text));
    }
    let folder = folder.path().join("plan");
    if ways == Ways::Online {
        let is_plain = ["up.sql", "down.sql"].iter().all(|name| {
            let (golden, _) = golden_of(case, dialect, name);
            let expected = std::fs::read_to_string(golden).unwrap_or_default();
            acts(&expected) == acts(&text(&folder.join(name)))
        });
        return Ok((!is_plain).then(|| bundle(&folder)));
    }
    for way in ["up", "down"] {
        let planned = text(&folder.join(format!("{way}.sql")));
        golden(case, dialect, &format!("{way}.sql"), &planned)?;
    }
    Ok(Some(bundle(&folder)))
}

fn golden(case: &Path, dialect: Dialect, name: &str, found: &str) -> Result<(), String> {
    let (path, own) = golden_of(case, dialect, name);
    let expected = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    let is_of_another = dialect == Dialect::Postgres && path != own && path.is_file();
    if expected == found
        || is_of_another && name.ends_with(".sql") && acts(&expected) == acts(found)
    {
        return Ok(());
    }
    if std::env::var("UPDATE_GOLDEN").is_ok_and(|value| value == "1") {
        std::fs::write(own, found).expect("a golden can be written");
        return Ok(());
    }
    let difference = similar::TextDiff::from_lines(&expected, found).unified_diff().to_string();
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Err(format!("{name} is another (UPDATE_GOLDEN=1 writes it)\n{difference}"))
}

/// What a plan does: the lines of its steps, without the digests in the names of kept tables, which stand for the texts
/// of the schema.
fn acts(plan: &str) -> Vec<String> {
    let steps = plan.lines().filter(|line| line.starts_with("-- step "));
    let without_kept = steps.map(|line| line.split("kept=").next().unwrap_or(line));
    without_kept.map(without_digests).collect()
}

/// Without the parts of names that are eight hexadecimal digits, as in `9c17ec1e_u_event_rows_that_change_988be6d7`.
fn without_digests(line: &str) -> String {
    let is_digest =
        |part: &str| part.len() == 8 && part.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
    let is_split = |c: char| !c.is_alphanumeric();
    let parts = line.split_inclusive(is_split).map(|part| {
        let word = part.trim_end_matches(is_split);
        if is_digest(word) { part.replacen(word, "#", 1) } else { part.to_owned() }
    });
    parts.collect()
}

/// What one way kept, the other way has used up.
fn refuse_left_over(stage: &str, database: &mut Database, mark: &str) -> Result<(), String> {
    // The mark stands behind the eight digits of the plan: a table may be called `d` as well.
    let is_left = |name: &String| {
        let own = name.strip_prefix("_migrate_kept_").unwrap_or(name);
        own.get(8..).is_some_and(|rest| rest.starts_with(mark))
    };
    let left: Vec<String> = kept(database).into_iter().filter(is_left).collect();
    if left.is_empty() { Ok(()) } else { Err(format!("{stage}: {} stays behind", left.join(", "))) }
}
