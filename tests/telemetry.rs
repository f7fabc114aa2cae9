//! Those who watch: the log as JSON, the file of metrics, the outputs of a step of GitHub Actions, manual pages.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn migrate(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_migrate"));
    let ours = ["MIGRATE_ENV", "MIGRATE_LOG_FORMAT", "MIGRATE_METRICS", "GITHUB_OUTPUT"];
    ours.iter().for_each(|name| {
        command.env_remove(name);
    });
    command
        .current_dir(folder)
        .args(words)
        .env("DATABASE_URL", "sqlite:app.db")
        .env("NO_COLOR", "1");
    command
}

fn output(command: &mut Command) -> Output {
    command.output().expect("the built command runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A project with a version that is pending.
fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("migrate.toml"), "").expect("written");
    let model = "model: 1\nname: a\ntargets: [sqlite >= 3.38]\nentities:\n  Thing:\n    fields: { id: int, word: text }\n";
    std::fs::write(folder.path().join("model.yaml"), model).expect("written");
    let planned = output(&mut migrate(folder.path(), &["plan", "first"]));
    assert!(planned.status.success(), "{}", text(&planned.stderr));
    folder
}

#[test]
fn each_line_of_the_log_is_an_object_and_results_stay_results() {
    let folder = project();
    let words = ["apply", "--log-format", "json", "--metrics", "migrate.prom"];
    let applied = output(&mut migrate(folder.path(), &words));
    assert!(applied.status.success(), "{}", text(&applied.stderr));
    assert!(text(&applied.stdout).contains("applied 0001_first"));
    let lines: Vec<Value> = text(&applied.stderr)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect();
    let of = |name: &str| {
        lines.iter().filter(|it| it["attributes"]["event.name"] == name).collect::<Vec<_>>()
    };
    let steps = of("migrate.step");
    assert!(!steps.is_empty(), "{lines:?}");
    assert_eq!(steps[0]["attributes"]["migrate.step.number"], 1);
    assert_eq!(steps[0]["attributes"]["migrate.command"], "apply");
    assert_eq!(steps[0]["severity_text"], "INFO");
    let [end] = of("migrate.command")[..] else { panic!("one end") };
    assert_eq!(end["attributes"]["process.exit.code"], 0);
    assert!(lines.iter().all(|line| line["trace_id"] == end["trace_id"]));
    assert_eq!(end["trace_id"].as_str().map(str::len), Some(32));

    let metrics = read(&folder.path().join("migrate.prom"));
    assert!(metrics.contains("migrate_last_run_exit_code{command=\"apply\"} 0\n"), "{metrics}");
    assert!(
        metrics.contains("migrate_step_duration_seconds{command=\"apply\",step=\"1\",title=\""),
        "{metrics}"
    );
    let helps = metrics
        .lines()
        .filter(|line| line.starts_with("# HELP migrate_step_duration_seconds"))
        .count();
    assert_eq!(helps, 1, "{metrics}");
}

#[test]
fn an_error_is_an_object_too() {
    let folder = project();
    let words = ["show", "9", "--log-format", "json", "--metrics", "migrate.prom"];
    let failed = output(&mut migrate(folder.path(), &words));
    assert_eq!(failed.status.code(), Some(1));
    let lines: Vec<Value> = text(&failed.stderr)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect();
    assert_eq!(lines[0]["severity_text"], "ERROR");
    assert!(
        lines[0]["body"].as_str().is_some_and(|body| body.contains("no version `9`")),
        "{lines:?}"
    );
    assert!(
        read(&folder.path().join("migrate.prom"))
            .contains("migrate_last_run_exit_code{command=\"show\"} 1\n")
    );
}

#[test]
fn a_step_of_github_gets_its_outputs() {
    let folder = project();
    let outputs = folder.path().join("outputs");
    std::fs::write(&outputs, "before=1\n").expect("written");
    let ran =
        output(migrate(folder.path(), &["status", "--exit-code"]).env("GITHUB_OUTPUT", &outputs));
    // The database is not there yet.
    assert_ne!(ran.status.code(), Some(0), "{}", text(&ran.stdout));
    output(&mut migrate(folder.path(), &["apply"]));
    output(migrate(folder.path(), &["status", "--exit-code"]).env("GITHUB_OUTPUT", &outputs));
    let told = read(&outputs);
    assert!(told.starts_with("before=1\nexit-code=1\nverdict=failure\n"), "{told}");
    assert!(told.ends_with("exit-code=0\nverdict=done\n"), "{told}");
}

#[test]
fn there_is_a_manual_page_for_each_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let ran = output(&mut migrate(folder.path(), &["man", "--into", "man"]));
    assert!(ran.status.success(), "{}", text(&ran.stderr));
    let page = read(&folder.path().join("man/migrate-rollback.1"));
    assert!(page.contains(".TH migrate-rollback 1"), "{page}");
    assert!(page.contains("all their data"), "{page}");
    for name in ["migrate.1", "migrate-report.1", "migrate-man.1"] {
        assert!(folder.path().join("man").join(name).is_file(), "{name}");
    }
    assert!(text(&output(&mut migrate(folder.path(), &["man"])).stdout).contains(".TH migrate 1"));
}
