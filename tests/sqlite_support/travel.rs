//! One schema and its rows taken to another and back, and a second opinion about what is there then.

use std::path::Path;
use std::process::Command;

use migrate::change::Intent;
use migrate::dialect::Step;
use migrate::dialect::check::Part;
use migrate::plan::{Plan, script};
use migrate::text::Dialect;
use rusqlite::Connection;

use super::fill::rows_for;
use super::{
    BROKEN, ForeignKeys, bookkeeping, catalog, contents, database, plan_between, run, run_with,
};

/// Whether rows that a constraint of the new schema refuses are a fault of the plan.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    Fails,
    Passes,
}

/// Both schemas, and rows for the first.
pub struct Side<'a> {
    pub a: &'a str,
    pub b: &'a str,
    pub seed: &'a str,
}

/// Takes a database there, back, and there again; copies of it stay in `folder`.
pub fn travel(side: &Side<'_>, folder: &Path, refusal: Refusal) -> Result<(), String> {
    let (a, b) = (database(side.a), database(side.b));
    let seed = format!("PRAGMA foreign_keys = OFF; {}; PRAGMA foreign_keys = ON", side.seed);
    a.execute_batch(&seed).map_err(|error| format!("seed: {error}"))?;
    let (schema_a, schema_b) = (catalog(&a).normalized(), catalog(&b).normalized());
    let rows_a = contents(&a);
    save(&a, &folder.join("a.db"));
    save(&b, &folder.join("b.db"));
    let (plan, questions) = plan_between(&a, &b, &Intent::default());

    for steps in [&plan.up, &plan.down] {
        let script = script::print(steps, &[]);
        let read = script::parse(&script, Dialect::Sqlite).map_err(|error| error.to_string())?;
        let texts = |steps: &[Step]| -> Vec<String> {
            steps.iter().flat_map(|step| &step.statements).map(|sql| sql.to_string()).collect()
        };
        same("the script as it is read back", &texts(&read), &texts(steps))?;
    }

    let unfit = unfit(&a, &plan);
    match run(&a, &plan.up) {
        Ok(()) => {
            same("rules that rows break although the change takes them", &unfit, &Vec::new())?
        }
        Err(error) => {
            same("schema after a refusal", &catalog(&a).normalized(), &schema_a)?;
            same("rows after a refusal", &contents(&a), &rows_a)?;
            // Rows that have no value, or point nowhere, are the user's to repair.
            match (error.as_str(), questions.is_empty()) {
                (BROKEN, _) => run_with(&a, &plan.up, ForeignKeys::Unchecked)?,
                (_, false) => return Ok(()),
                (text, true)
                    if refusal == Refusal::Passes
                        && (text.contains("constraint failed") || !unfit.is_empty()) =>
                {
                    return Ok(());
                }
                (_, true) if unfit.is_empty() => return Err(format!("up: {error}")),
                (_, true) => return Err(format!("up: {FORESEEN}: {}", unfit.join(", "))),
            }
        }
    }
    save(&a, &folder.join("up.db"));
    same("schema after up", &catalog(&a).normalized(), &schema_b)?;
    let rows_b = contents(&a);
    // Some start with rows or keys that are broken, and must have them back.
    run_with(&a, &plan.down, ForeignKeys::Unchecked).map_err(|error| format!("down: {error}"))?;
    save(&a, &folder.join("down.db"));
    same("schema after down", &catalog(&a).normalized(), &schema_a)?;
    same("rows after down", &contents(&a), &rows_a)?;
    run_with(&a, &plan.up, ForeignKeys::Unchecked).map_err(|error| format!("up again: {error}"))?;
    same("schema after up again", &catalog(&a).normalized(), &schema_b)?;
    same("rows after up again", &contents(&a), &rows_b)?;
    // `_migrate_kept_`, eight digits, which way.
    let of_down =
        |name: &String| name.split("_migrate_kept_").any(|rest| rest.get(8..11) == Some("_d_"));
    let left: Vec<String> = bookkeeping(&a).into_iter().filter(of_down).collect();
    same("kept data left by the way back", &left, &Vec::new())
}

/// What the checks of a plan say of values that cannot be stored.
const FORESEEN: &str = "rows break what the checks ask";

fn unfit(db: &Connection, plan: &Plan) -> Vec<String> {
    let guards = plan.up_checks.iter().filter(|check| check.part == Part::Guard);
    let broken = guards.filter(|check| {
        let count = db.query_row(check.count.as_str(), [], |row| row.get::<_, i64>(0));
        count.expect("a count of broken rows") > 0
    });
    broken.map(|check| check.rule.clone()).collect()
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, wanted: &T) -> Result<(), String> {
    match found == wanted {
        true => Ok(()),
        false => Err(format!("{what}\n  found  {found:?}\n  wanted {wanted:?}")),
    }
}

fn save(db: &Connection, path: &Path) {
    db.execute("VACUUM INTO ?1", [path.to_string_lossy()]).expect("a copy");
}

/// The corpus's own comparison, written without any migration tool, over all saved databases at once.
pub fn second_opinion(corpus: &Path, results: &Path) -> Vec<String> {
    const SCRIPT: &str = "
import os, sys
sys.path.insert(0, sys.argv[1])
import check
def bare(path, data):
    fp = check.sqlite_fingerprint(path, data)
    return {k: v for k, v in fp.items() if '_migrate_' not in str(k[1]) and not str(k[1]).startswith('sqlite_')}
for name in sorted(os.listdir(sys.argv[2])):
    at = lambda f: os.path.join(sys.argv[2], name, f)
    for what, one, two, data in (('up', 'up.db', 'b.db', False), ('down', 'down.db', 'a.db', True)):
        if os.path.exists(at(one)):
            for d in check.diff(bare(at(one), data), bare(at(two), data)):
                print(name, what, check.show(d).replace(chr(10), ' '))
";
    let output = Command::new("python3")
        .args(["-c", SCRIPT])
        .args([corpus, results])
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output();
    match output {
        Err(error) => {
            eprintln!("no second opinion: {error}");
            Vec::new()
        }
        Ok(output) => {
            let errors = String::from_utf8_lossy(&output.stderr).into_owned();
            let lines = String::from_utf8_lossy(&output.stdout).into_owned();
            let trouble = (!output.status.success()).then_some(errors);
            lines.lines().map(str::to_owned).chain(trouble).collect()
        }
    }
}

/// Takes a pair both ways with made-up rows; how many tables held some. Copies stay in folders beside each other.
pub fn judge(a: &str, b: &str, seed: &str, folder: &Path) -> Result<usize, String> {
    let mut filled = 0;
    for (way, a, b, seed) in [("there", a, b, seed), ("back", b, a, "")] {
        let folder = folder.with_file_name(format!(
            "{}-{way}",
            folder.file_name().unwrap_or_default().to_string_lossy()
        ));
        std::fs::create_dir(&folder).map_err(|error| error.to_string())?;
        let own = database(a);
        own.execute_batch(&format!("PRAGMA foreign_keys = OFF; {seed}"))
            .map_err(|error| format!("seed: {error}"))?;
        let rows = format!("{seed};\n{}", rows_for(&own));
        let go = |seed: &str, refusal| {
            travel(&Side { a, b, seed }, &folder, refusal)
                .map_err(|message| format!("{way}: {message}"))
        };
        match go(&rows, Refusal::Fails) {
            Ok(()) => {
                let full = contents(&own).values().filter(|rows| !rows.is_empty()).count();
                filled += full + rows.matches("INSERT INTO").count();
            }
            // Rows that the other schema does not take are the user's to repair: without them it must work.
            Err(message)
                if message.contains(": up: ")
                    && (message.contains("constraint") || message.contains(FORESEEN)) =>
            {
                for name in ["a.db", "b.db", "up.db", "down.db"] {
                    // What the first try did not get to is not there.
                    let _ = std::fs::remove_file(folder.join(name));
                }
                go(seed, Refusal::Fails)?;
            }
            Err(message) => return Err(message),
        }
    }
    Ok(filled)
}
