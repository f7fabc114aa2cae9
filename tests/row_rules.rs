//! The codes of faults in rows: what `fixtures/lint/MG5nn/bad.sql` makes of a database is found under that code, on the rows, before anything is
//! changed; what `good.sql` makes of it is not.

mod journey;
mod support;

use std::path::Path;
use std::process::{Command, Output};

use journey::typed;
use migrate::lint::rule::Ask;
use migrate::lint::rules::ALL;
use serde_json::Value;

/// What stands before the change.
const MARK: &str = "-- The change:\n";

fn migrate(folder: &Path, server: &str, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_migrate"))
        .args(words)
        .current_dir(folder)
        .env_remove("DATABASE_URL")
        .env("MIGRATE_SCRATCH_URL", server)
        .output()
        .expect("it runs")
}

/// What is found of a script: by the gate, where a change is pending, and by `verify`.
struct Codes {
    gate: Option<Vec<String>>,
    verify: Vec<String>,
}

fn codes(server: &support::TestServer, script: &str, with_gate: bool) -> Codes {
    let folder = tempfile::tempdir().expect("a folder");
    let database = server.database();
    let url = typed(&database.url);
    let (before, change) = script.split_once(MARK).unwrap_or((script, ""));
    support::run(&mut database.open(), before);
    let run = |words: &[&str]| migrate(folder.path(), &url, words);
    let found = |words: &[&str], list: &str| {
        let output = run(words);
        let document: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", shown(&output)));
        let found = document[list].as_array().unwrap_or_else(|| panic!("{}", shown(&output)));
        let code = |one: &Value| one["code"].as_str().unwrap_or_default().to_owned();
        found.iter().map(code).filter(|code| code.starts_with("MG5")).collect::<Vec<_>>()
    };
    let gate = (!change.is_empty()).then(|| {
        if with_gate {
            let adopted = run(&["init", "--from", &url]);
            assert!(adopted.status.success(), "{}", shown(&adopted));
        } else {
            std::fs::write(folder.path().join("migrate.toml"), "").expect("it is written");
        }
        let tables: Vec<&str> = before.lines().filter(|line| !line.starts_with("INSERT")).collect();
        let after = server.database();
        support::run(&mut after.open(), &format!("{}\n{change}", tables.join("\n")));
        let model = run(&["import", "--name", "shop", &typed(&after.url)]);
        assert!(model.status.success(), "{}", shown(&model));
        std::fs::write(folder.path().join("model.yaml"), &model.stdout).expect("it is written");
        with_gate.then(|| {
            let planned = run(&["plan", "change", "--allow", "ambiguous"]);
            assert!(planned.status.success(), "{}", shown(&planned));
            found(&["check", "--format", "json", "--url", &url], "problems")
        })
    });
    let verify = found(&["verify", "--all", "--format", "json", "--url", &url], "violations");
    Codes { gate: gate.flatten(), verify }
}

fn shown(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err))
}

#[test]
fn each_fault_is_found_in_rows_under_its_code() {
    let Some(server) = support::postgres() else { return };
    for rule in ALL.iter().filter(|rule| matches!(rule.ask, Ask::Rows)) {
        let (bad, good) =
            (codes(&server, rule.bad, rule.name != "overlap"), codes(&server, rule.good, false));
        assert_eq!(bad.verify, [rule.code], "{}", rule.name);
        assert_eq!(good.verify, [""; 0], "{}", rule.name);
        // Rows that exclude each other the engine finds faster than a query: the rehearsal stops at them.
        if let Some(gate) = bad.gate {
            assert_eq!(gate, [rule.code], "{}", rule.name);
        }
    }
}
