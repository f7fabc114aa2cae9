//! `migrate demo` as a newcomer runs it: it proves what it says, and leaves a project that works.

use std::path::Path;
use std::process::{Command, Output};

fn migrate(folder: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_migrate"))
        .args(words)
        .current_dir(folder)
        // No programs, no terminal; another database that must not be touched.
        .env("PATH", "")
        .env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing")
        .env("MIGRATE_ENV", "production")
        .output()
        .expect("the built command runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("output is text")
}

#[test]
fn the_demo_proves_that_every_value_is_back_and_leaves_its_project() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = migrate(folder.path(), &["demo", "--invoices", "2000", "--into", "billing"]);
    let (said, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{said}\n{errors}");
    for line in [
        "$ migrate plan reshape",
        "  > table bill -> invoice",
        "violation Invoice.due_after_issue: 2 of 2,000 rows",
        "violation Invoice.number_once: 2 of 2,000 rows",
        "violation Line.quantity_min: 2 of 5,000 rows",
        "applied 0003_reshape",
        "rolled back 0002_repair_rows",
        "proved 50,296 values",
        "4 rows written in between",
    ] {
        assert!(said.contains(line), "`{line}` is missing in\n{said}");
    }
    assert!(!said.contains("differs"), "{said}");
    assert!(!said.contains('\u{1b}'), "colour in a pipe:\n{said}");
    let longest = said.split("\n== ").map(|stage| stage.lines().count()).max();
    assert!(longest <= Some(24), "a stage has {longest:?} lines:\n{said}");

    let project = folder.path().join("billing");
    let status = Command::new(env!("CARGO_BIN_EXE_migrate"))
        .arg("status")
        .current_dir(&project)
        .env_remove("DATABASE_URL")
        .output()
        .expect("the built command runs");
    let said = text(&status.stdout);
    assert!(status.status.success(), "{said}{}", text(&status.stderr));
    assert!(said.contains("pending  0003_reshape"), "{said}");

    let again = migrate(folder.path(), &["demo", "--into", "billing"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("is not empty"));
}

#[test]
fn a_repair_goes_before_the_last_version_and_both_are_proved() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = migrate(folder.path(), &["demo", "--invoices", "2000", "--into", "p"]);
    assert!(output.status.success());
    let run = |words: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_migrate"))
            .args(words)
            .current_dir(folder.path().join("p"))
            .env_remove("DATABASE_URL")
            .output()
            .expect("the built command runs");
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    };
    let (code, said) = run(&["new", "late", "--before", "2"]);
    assert_eq!(code, Some(7), "only the last version can be moved: {said}");
    let (code, said) = run(&["new", "another", "--before", "3"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("it comes before 0004_reshape"), "{said}");
    let (code, said) = run(&["check"]);
    assert_eq!(code, Some(0), "{said}");
    // Rows that were written in the new shape get their values of that time.
    let (code, said) = run(&["apply"]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = run(&["new", "too_late", "--before", "4"]);
    assert_eq!(code, Some(6), "an applied version stays where it is: {said}");
}
