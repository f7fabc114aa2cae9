//! Each rule finds what it is for and nothing else: `fixtures/lint/CODE/bad*.sql` breaks exactly that rule, `good*.sql`
//! breaks none. The plans that `migrate plan` makes are clean, and the command ends with the codes it promises.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use migrate::lint::file::{Way, guess, way_of};
use migrate::lint::rule::{Ask, Rule, ServerVersion, Severity};
use migrate::lint::rules::ALL;
use migrate::lint::{File, Finding, Settings, lint};
use migrate::text::Dialect;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What a fixture is made of: several migrations, perhaps for one version of the server.
fn findings(text: &str, dialect: Dialect) -> Vec<Finding> {
    let server = text.lines().find_map(|line| {
        let line = line.strip_prefix("-- On PostgreSQL ").or(line.strip_prefix("-- On SQLite "))?;
        let version = line.strip_suffix(':')?;
        version.parse::<ServerVersion>().ok()
    });
    let files: Vec<File> = text
        .split("-- In another migration:\n")
        .enumerate()
        .map(|(number, text)| File {
            path: format!("{number}.sql"),
            text: text.to_owned(),
            way: Way::Up,
        })
        .collect();
    lint(&files, &Settings { dialect, server, levels: BTreeMap::new() })
}

fn fixtures(rule: &Rule, start: &str) -> Vec<(String, String)> {
    let folder = root().join("fixtures/lint").join(rule.code);
    let mut found: Vec<(String, String)> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("can be listed").path())
        .filter(|path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(start))
        })
        .map(|path| {
            let text = std::fs::read_to_string(&path).expect("can be read");
            (path.display().to_string(), text)
        })
        .collect();
    found.sort();
    assert!(!found.is_empty(), "{} has no {start}*.sql", rule.code);
    found
}

fn dialects(rule: &Rule) -> Vec<Dialect> {
    match rule.dialect {
        Some(dialect) => vec![dialect],
        None => vec![Dialect::Postgres],
    }
}

fn said(findings: &[Finding]) -> Vec<String> {
    findings
        .iter()
        .map(|one| format!("{} {}:{}: {}", one.rule.code, one.line, one.column, one.message))
        .collect()
}

#[test]
fn every_rule_finds_its_fault_and_nothing_else() {
    let mut wrong = Vec::new();
    // What is wrong with rows is asked of rows: `tests/row_rules.rs`.
    for rule in ALL.iter().filter(|rule| !matches!(rule.ask, Ask::Rows)) {
        for dialect in dialects(rule) {
            for (path, text) in fixtures(rule, "bad") {
                let found = findings(&text, dialect);
                let own = found.iter().all(|one| one.rule.code == rule.code);
                if found.is_empty() || !own {
                    wrong.push(format!("{path}: {:#?}", said(&found)));
                }
            }
            for (path, text) in fixtures(rule, "good") {
                let found = findings(&text, dialect);
                if !found.is_empty() {
                    wrong.push(format!("{path}: {:#?}", said(&found)));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_folder_is_a_rule_and_codes_go_up() {
    let codes: Vec<&str> = ALL.iter().map(|rule| rule.code).collect();
    assert!(codes.is_sorted(), "{codes:?}");
    let mut folders: Vec<String> = std::fs::read_dir(root().join("fixtures/lint"))
        .expect("can be listed")
        .map(|entry| entry.expect("can be listed").file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("MG"))
        .collect();
    folders.sort();
    assert_eq!(folders, codes);
}

/// The golden plans of all cases.
fn plans() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join("fixtures/cases")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("can be listed") {
            let path = entry.expect("can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(".up.sql") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn generated_plans_have_no_errors() {
    let plans = plans();
    assert!(plans.len() > 200, "only {} plans", plans.len());
    let mut wrong = Vec::new();
    for path in plans {
        let shown = path.display().to_string();
        let sqlite = path.file_name().is_some_and(|name| name.to_string_lossy().contains("sqlite"));
        let dialect = if sqlite { Dialect::Sqlite } else { Dialect::Postgres };
        let text = std::fs::read_to_string(&path).expect("can be read");
        let file = File { way: way_of(&shown), path: shown.clone(), text };
        let settings = Settings { dialect, server: None, levels: BTreeMap::new() };
        let mut found = lint(&[file], &settings);
        found.retain(|one| one.severity == Severity::Error);
        if !found.is_empty() {
            wrong.push(format!("{shown}: {:?}", said(&found)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every statement of every plan is one that the reader knows, also without the step lines.
#[test]
fn the_statements_of_generated_plans_are_read() {
    let mut wrong = Vec::new();
    for path in plans() {
        let shown = path.display().to_string();
        let sqlite = path.file_name().is_some_and(|name| name.to_string_lossy().contains("sqlite"));
        let dialect = if sqlite { Dialect::Sqlite } else { Dialect::Postgres };
        let text = std::fs::read_to_string(&path).expect("can be read").replace("-- step ", "-- ");
        let file = File { way: Way::Up, path: shown.clone(), text };
        let settings = Settings { dialect, server: None, levels: BTreeMap::new() };
        let mut found = lint(&[file], &settings);
        found.retain(|one| one.rule.code == "MG410");
        if !found.is_empty() {
            wrong.push(format!("{shown}: {:?}", said(&found)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn sections_of_other_tools_are_known() {
    let codes = |text: &str| {
        let mut codes: Vec<&str> =
            findings(text, Dialect::Postgres).iter().map(|one| one.rule.code).collect();
        codes.sort_unstable();
        codes
    };
    // The way back of dbmate and goose is not asked about loss.
    let both = "-- migrate:up\nCREATE TABLE a (id bigint);\n-- migrate:down\nDROP TABLE a;\n";
    assert_eq!(codes(both), ["MG401"]);
    let goose = "-- +goose Up\nCREATE INDEX CONCURRENTLY i ON t (a);\n-- +goose Down\n";
    assert_eq!(codes(goose), ["MG405"]);
    let outside = "-- +goose NO TRANSACTION\n-- +goose Up\nCREATE INDEX CONCURRENTLY i ON t (a);\n";
    assert!(codes(outside).is_empty());
    assert_eq!(way_of("db/U3__x.sql"), Way::Down);
    assert_eq!(way_of("sqitch/revert/x.sql"), Way::Down);
    assert_eq!(way_of("12_x.down.sql"), Way::Down);
    assert_eq!(way_of("12_x.up.sql"), Way::Up);
    // Placeholders, psql's own lines, rows.
    let client = "\\set ON_ERROR_STOP on\nCOPY t FROM stdin;\n1;'x\n\\.\nDROP TABLE ${schema}.t;\n";
    assert_eq!(codes(client), ["MG202", "MG401"]);
}

#[test]
fn the_dialect_is_guessed_only_where_it_is_clear() {
    let one = |text: &'static str| guess(std::iter::once(text));
    assert_eq!(one("PRAGMA foreign_keys=OFF; CREATE TABLE t (a text);"), Some(Dialect::Sqlite));
    assert_eq!(one("CREATE TABLE t (id bigserial, b jsonb)"), Some(Dialect::Postgres));
    assert_eq!(one("CREATE TABLE t (a text)"), None);
}

fn migrate(folder: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_migrate"))
        .args(words)
        .current_dir(folder)
        .env_remove("DATABASE_URL")
        .output()
        .expect("the built command runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("output is text")
}

#[test]
fn exit_codes_and_formats_are_as_promised() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("can be written");
    };
    write("1.sql", "-- fine\nCREATE TABLE a (id bigint);\n");
    write("2.sql", "SET lock_timeout = '2s';\nCREATE INDEX a_id\n  ON a (id);\n");
    let pg = |words: &[&str]| {
        let mut all = vec!["lint", "--dialect", "postgres"];
        all.extend(words);
        migrate(folder.path(), &all)
    };
    assert_eq!(pg(&["1.sql"]).status.code(), Some(0));
    let found = pg(&["."]);
    assert_eq!(found.status.code(), Some(4));
    let said = text(&found.stdout);
    for part in ["error[MG114]", "./2.sql:2:1", "CREATE INDEX a_id", "1 error in 2 files"] {
        assert!(said.contains(part), "`{part}` is missing in\n{said}");
    }
    assert_eq!(pg(&["2.sql", "--fail-on", "never"]).status.code(), Some(0));
    assert_eq!(pg(&["none.sql"]).status.code(), Some(1));
    assert_eq!(migrate(folder.path(), &["lint", "1.sql"]).status.code(), Some(2));
    assert_eq!(migrate(folder.path(), &["lint"]).status.code(), Some(2));
    for (format, part) in [
        ("sarif", "\"ruleId\": \"MG114\""),
        ("junit", "<failure message=\"2.sql:2: "),
        ("github", "::error file=2.sql,line=2,col=1,title=MG114 index-blocking::"),
        ("markdown", "| error | MG114 `index-blocking` | `2.sql:2` |"),
        ("jsonl", "\"code\":\"MG114\""),
        ("json", "\"severity\": \"error\""),
    ] {
        let said = text(&pg(&["2.sql", "--format", format]).stdout);
        assert!(said.contains(part), "`{part}` is missing in\n{said}");
    }
    write("migrate.toml", "[lint]\nfail_on = 'warning'\n[lint.rules]\nMG114 = 'note'\n");
    assert_eq!(pg(&["2.sql"]).status.code(), Some(0));
    write("migrate.toml", "[lint.rules]\nindex-blokcing = 'off'\n");
    let wrong = pg(&["2.sql"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(text(&wrong.stderr).contains("did you mean `index-blocking`?"));
    let page = migrate(folder.path(), &["explain", "index-blocking"]);
    assert!(text(&page.stdout).starts_with("# MG114: index-blocking"));
    assert_eq!(migrate(folder.path(), &["explain", "MG999"]).status.code(), Some(2));
}

#[test]
fn the_gate_lints_what_was_written_by_hand() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let write = |name: &str, text: &str| {
        std::fs::write(path.join(name), text).expect("can be written");
    };
    let done = |words: &[&str]| {
        let output = migrate(path, words);
        assert!(output.status.success(), "{words:?}: {}", text(&output.stderr));
    };
    write("migrate.toml", "[lint]\nfail_on = 'warning'\n");
    write(
        "model.yaml",
        "model: 1\nname: shop\ntargets: [sqlite >= 3.38]\nentities:\n  Person:\n    fields:\n      id: int\n      note: text?\n    key: id\n",
    );
    done(&["plan", "first"]);
    done(&["check"]);
    done(&["new", "quiet"]);
    let up = "migrations/0002_quiet/sqlite.up.sql";
    write(up, "UPDATE person SET note = note;\n");
    done(&["rehash"]);
    let output = migrate(path, &["check", "--json"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("\"code\": \"MG209\"") && said.contains(up), "{said}");
    write(up, "-- migrate:allow MG209 ten people\nUPDATE person SET note = note;\n");
    done(&["rehash"]);
    done(&["check"]);
    done(&["lint"]);
}
