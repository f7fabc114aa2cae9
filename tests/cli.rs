//! The gate as a pipeline sees it: in a git repository with branches, with the exit codes and the formats that are promised.
//! SARIF is held to its published schema, JSON to ours, JUnit to what Jenkins takes.

#[path = "cli/junit.rs"]
mod junit;
#[path = "cli/schema.rs"]
mod schema;
#[path = "git/shop.rs"]
mod shop;

use std::path::Path;

use serde_json::Value;
use shop::{PERSON, Shop, text};

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn hold_to(schema: &str, document: &str) {
    let found = schema::faults(&parsed(schema), &parsed(document));
    assert!(found.is_empty(), "{}\n{document}", found.join("\n"));
}

fn hold_to_sarif(document: &str) {
    let path = root().join("fixtures/schemas/sarif-2.1.0.json");
    hold_to(&std::fs::read_to_string(path).expect("the schema is there"), document);
}

fn hold_to_junit(document: &str) {
    let found = junit::faults(&junit::read(document));
    assert!(found.is_empty(), "{}\n{document}", found.join("\n"));
}

/// Source: docs.gitlab.com, "Code Quality report format".
fn hold_to_gitlab(document: &str) {
    let report = parsed(document);
    let entries = report.as_array().expect("a list");
    let mut seen = Vec::new();
    for entry in entries {
        for field in ["description", "check_name", "fingerprint", "severity"] {
            assert!(entry[field].as_str().is_some_and(|it| !it.is_empty()), "{field}: {entry}");
        }
        let severity = entry["severity"].as_str().unwrap_or_default();
        assert!(["info", "minor", "major", "critical", "blocker"].contains(&severity), "{entry}");
        let path = entry["location"]["path"].as_str().expect("a path");
        assert!(!path.starts_with("./") && !path.is_empty(), "{entry}");
        assert!(entry["location"]["lines"]["begin"].as_u64().is_some_and(|it| it > 0), "{entry}");
        assert!(!seen.contains(&&entry["fingerprint"]), "shown once only: {entry}");
        seen.push(&entry["fingerprint"]);
    }
}

/// Every format of a command is what its readers take; `parts` stand in each of those for people.
fn hold_all_formats(shop: &Shop, code: i32, words: &[&str], parts: &[&str]) {
    let of = |format: &str| {
        let words: Vec<&str> = words.iter().copied().chain(["--format", format]).collect();
        shop.must(code, &words)
    };
    hold_to_sarif(&of("sarif"));
    hold_to_junit(&of("junit"));
    hold_to_gitlab(&of("gitlab"));
    let lines = of("jsonl");
    let last = lines.lines().next_back().map(parsed).expect("a line");
    assert_eq!(last["kind"], "summary");
    let page = of("html");
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"), "{page}");
    assert!(!page.contains("http") && !page.contains("<script"), "nothing from elsewhere: {page}");
    for part in parts {
        for format in ["text", "markdown", "github", "html", "sarif", "gitlab", "junit"] {
            let said = of(format);
            assert!(said.contains(part), "`{part}` is missing in {format}\n{said}");
        }
    }
}

#[test]
fn formats_of_the_linter_are_what_their_readers_take() {
    let shop = Shop::new();
    let bad =
        "CREATE INDEX a_id ON a (id);\nDROP TABLE \"a\"\"<&>'b\";\nDROP TABLE c; DROP TABLE c;\n";
    shop.write("db/1.sql", bad);
    shop.write("db/2.sql", "CREATE TABLE d (id bigint);\n");
    let words = ["lint", "--dialect", "postgres", "db"];
    hold_all_formats(&shop, 4, &words, &["MG114", "MG202", "db/1.sql"]);
    hold_all_formats(&shop, 0, &["lint", "--dialect", "postgres", "db/2.sql"], &[]);
    let schema = shop.must(0, &["schema", "lint"]);
    hold_to(&schema, &shop.must(4, &["lint", "--dialect", "postgres", "db", "--json"]));
    hold_to(&schema, &shop.must(0, &["lint", "--dialect", "postgres", "db/2.sql", "--json"]));
}

#[test]
fn annotations_stay_within_what_github_shows() {
    let shop = Shop::new();
    let many: String = (0..25).map(|number| format!("DROP TABLE t{number};\n")).collect();
    shop.write("1.sql", &format!("SET lock_timeout = '2s';\n{many}"));
    let words = ["lint", "--dialect", "postgres", "1.sql", "--format", "github"];
    let summary = shop.path().join("summary.md");
    let summary = summary.to_str().expect("a path");
    let output = shop.run_with(&words, &[("GITHUB_STEP_SUMMARY", summary)]);
    let said = text(&output.stdout);
    let errors: Vec<&str> = said.lines().filter(|line| line.starts_with("::error")).collect();
    assert_eq!(errors.len(), 10, "{said}");
    assert!(errors[9].contains("16 more of this level"), "{said}");
    assert_eq!(shop.read("summary.md").matches("MG202").count(), 25);
}

#[test]
fn formats_of_verify_are_what_their_readers_take() {
    let shop = Shop::new();
    shop.write(
        "model.yaml",
        &PERSON.replace("note: text?", "note: { type: text, optional: true, max: 3 }"),
    );
    shop.sql("CREATE TABLE person (id INTEGER PRIMARY KEY, note TEXT); INSERT INTO person VALUES (1, '<&\"long'), (2, 'ok')");
    let words = ["verify", "--url", "shop.db", "--model", "model.yaml"];
    hold_all_formats(&shop, 5, &words, &["note_max"]);
}

#[test]
fn the_gate_says_all_it_finds_in_every_format() {
    let shop = Shop::new();
    shop.must(0, &["plan", "first"]);
    shop.commit("first");
    shop.must(0, &["apply", "--url", "shop.db"]);
    shop.sql("INSERT INTO person VALUES (1, 'ok'), (2, NULL), (3, 'far too long')");
    shop.git(&["checkout", "-q", "-b", "change"]);
    shop.must(0, &["check", "--base", "main", "--url", "shop.db"]);
    // A rule that a row breaks, SQL that nobody may run, and a change that no version plans.
    shop.write(
        "model.yaml",
        &PERSON.replace("note: text?", "note: { type: text, optional: true, max: 5 }"),
    );
    shop.must(0, &["plan", "short notes"]);
    shop.must(0, &["new", "quiet"]);
    shop.write("migrations/0003_quiet/sqlite.up.sql", "UPDATE person SET note = note;\n");
    shop.must(0, &["rehash"]);
    shop.write(
        "model.yaml",
        &shop.read("model.yaml").replace("    key: id\n", "      age: int?\n    key: id\n"),
    );
    let words = ["check", "--base", "main", "--url", "shop.db", "--fail-on", "warning"];
    let said = shop.must(3, &words);
    for part in [
        "failed  model",
        "failed  lint",
        "failed  rows",
        "1 of 3 rows",
        "gate failed: 3 finding(s), exit 3",
    ] {
        assert!(said.contains(part), "`{part}` is missing in\n{said}");
    }
    let up = "migrations/0003_quiet/sqlite.up.sql";
    hold_all_formats(&shop, 3, &words, &["MG209", "person"]);
    let json: Vec<&str> = words.iter().copied().chain(["--json"]).collect();
    let json = shop.must(3, &json);
    hold_to(&shop.must(0, &["schema", "check"]), &json);
    // Other formats to files, in the same run.
    let mut written = words.to_vec();
    written.extend([
        "--write",
        "sarif=out.sarif",
        "--write",
        "json=out.json",
        "--write",
        "text=out.txt",
    ]);
    let said = shop.must(3, &written);
    hold_to_sarif(&shop.read("out.sarif"));
    hold_to(&shop.must(0, &["schema", "check"]), &shop.read("out.json"));
    assert_eq!(shop.read("out.txt").lines().next_back(), said.lines().next_back());
    shop.must(2, &["check", "--write", "sarf=out"]);
    let problems = parsed(&json)["problems"].as_array().expect("a list").clone();
    let places: Vec<String> = problems
        .iter()
        .map(|it| format!("{} {} {}", it["severity"], it["file"], it["line"]))
        .collect();
    assert_eq!(places.last(), Some(&format!("\"warning\" \"{up}\" 1")), "{places:?}");
    assert!(places[0].starts_with("\"error\""), "{places:?}");
}

#[test]
fn without_a_base_what_is_merged_or_applied_is_not_linted_anew() {
    let shop = Shop::new();
    shop.write("migrate.toml", "[lint]\nfail_on = 'warning'\n");
    shop.must(0, &["plan", "first"]);
    shop.must(0, &["new", "quiet"]);
    shop.write("migrations/0002_quiet/sqlite.up.sql", "UPDATE person SET note = note;\n");
    shop.must(0, &["rehash"]);
    // Nobody has it yet.
    assert!(shop.must(4, &["check"]).contains("MG209"));
    shop.must(0, &["apply", "--url", "shop.db"]);
    let said = shop.must(0, &["check", "--url", "shop.db"]);
    assert!(said.contains("no version is new, "), "{said}");
    // The branch that the pipeline names has it.
    shop.commit("released by hand");
    let output = shop.run_with(&["check"], &[("GITHUB_BASE_REF", "main")]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains("no version is new, main has them all"));
}

#[test]
fn the_first_versions_of_a_project_pass_against_a_base_without_any() {
    let shop = Shop::new();
    shop.commit("no versions yet");
    shop.must(0, &["plan", "first"]);
    assert!(shop.must(0, &["check", "--base", "main"]).contains("0 unchanged since main"));
    assert!(shop.must(1, &["check", "--base", "mian"]).contains("git knows no such revision"));
}

#[test]
fn a_branch_that_is_behind_is_not_told_to_restore_what_it_never_had() {
    let shop = Shop::new();
    shop.must(0, &["plan", "first"]);
    shop.commit("first");
    shop.git(&["checkout", "-q", "-b", "change"]);
    shop.git(&["checkout", "-q", "main"]);
    shop.must(0, &["new", "theirs"]);
    shop.commit("theirs");
    shop.git(&["checkout", "-q", "change"]);
    shop.must(0, &["check", "--base", "main"]);
    shop.must(0, &["new", "ours"]);
    let said = shop.must(6, &["check", "--base", "main"]);
    assert!(
        said.contains("0002_theirs") && said.contains("\nhelp: merge main; `migrate rebase`"),
        "{said}"
    );
    // A version that both have must not change.
    shop.write("migrations/0001_first/sqlite.up.sql", "SELECT 1;\n");
    assert!(shop.must(6, &["check", "--base", "main"]).contains("was edited"));
}
