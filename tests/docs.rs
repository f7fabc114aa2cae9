//! What the documents show is what the program does: the console blocks of README and the guides are run, relative links
//! lead somewhere, and the reference of the command line is the command line.
//!
//! In a document, `console` blocks hold commands (`$ …`) and what they print; `diff` blocks are edits of `model.yaml`;
//! `sql` blocks run on the database, and comments below
//! a query are the rows that it finds. A comment above a block says where it holds: `<!-- sqlite -->`,
//! `<!-- postgres -->` or `<!-- not run -->`. `<!-- document: sqlite postgres, database -->` in a file says on which
//! engines it is run, and that the music shop of `fixtures/chinook-like` is there from the start.
//! In the expected output `...` stands for any lines and `[..]` for any text; times, dates, versions, sizes and
//! folders are not compared. `UPDATE_GOLDEN=1` writes what the program prints into the documents.

mod support;

#[path = "docs/markdown.rs"]
mod markdown;
#[path = "docs/transcript.rs"]
mod transcript;

use std::path::{Path, PathBuf};

use markdown::{anchors, blocks, engines, links};
use migrate::text::Dialect;
use transcript::{Place, run};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn updates() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some()
}

/// The Markdown files at the root and below `docs`.
fn documents() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("docs can be listed") {
            let path = entry.expect("docs can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "md") {
                found.push(path);
            }
        }
    }
    found.extend(["README.md", "CHANGELOG.md"].map(|name| root().join(name)));
    found.sort();
    found
}

/// Runs a document on an engine, and writes the document anew where that is asked for.
fn follow(name: &str, dialect: Dialect) {
    let path = root().join(name);
    let text = read(&path);
    assert!(engines(&text).contains(&dialect), "{name} is not for {dialect}");
    let Some(place) = Place::new(&text, dialect) else { return };
    let outcome = run(&text, &place);
    if updates() {
        std::fs::write(&path, outcome.rewritten).expect("the document can be written");
        return;
    }
    let report: Vec<String> =
        outcome.failures.iter().map(|failure| format!("{name}:{failure}")).collect();
    assert!(report.is_empty(), "{}", report.join("\n\n"));
}

#[test]
fn the_readme_does_what_it_says() {
    follow("README.md", Dialect::Sqlite);
}

#[test]
fn the_first_migration_is_as_told_on_sqlite() {
    follow("docs/guide/first-migration.md", Dialect::Sqlite);
}

#[test]
fn the_first_migration_is_as_told_on_postgres() {
    follow("docs/guide/first-migration.md", Dialect::Postgres);
}

#[test]
fn a_database_is_adopted_as_told() {
    follow("docs/guide/existing-database.md", Dialect::Sqlite);
}

#[test]
fn a_rollback_does_what_the_guide_says() {
    follow("docs/guide/rollback.md", Dialect::Sqlite);
}

#[test]
fn a_column_that_was_dropped_by_mistake_comes_back_as_the_guide_says_on_postgres() {
    follow("docs/guide/rollback.md", Dialect::Postgres);
}

#[test]
fn a_rehearsal_shows_what_the_guide_says() {
    follow("docs/guide/rehearse.md", Dialect::Sqlite);
}

#[test]
fn the_gate_of_a_pipeline_is_set_up_as_told() {
    follow("docs/guide/ci.md", Dialect::Sqlite);
}

#[test]
fn a_report_is_made_as_told() {
    follow("docs/guide/report.md", Dialect::Sqlite);
}

#[test]
fn dirty_rows_are_cleaned_up_as_told() {
    follow("docs/guide/clean-up.md", Dialect::Postgres);
}

#[test]
fn documents_with_console_blocks_are_followed_by_a_test() {
    let source = read(&root().join("tests/docs.rs"));
    for path in documents() {
        let text = read(&path);
        let runs = blocks(&text).iter().any(|block| block.language == "console");
        let name = path.strip_prefix(root()).expect("below the root").display().to_string();
        for dialect in if runs { engines(&text) } else { Vec::new() } {
            let call = format!("follow(\"{name}\", Dialect::{dialect:?})");
            assert!(
                source.contains(&call),
                "{name} has console blocks and no test runs it on {dialect}"
            );
        }
    }
}

#[test]
fn relative_links_lead_somewhere() {
    let mut broken = Vec::new();
    for path in documents() {
        for link in links(&read(&path)) {
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = match file {
                "" => path.clone(),
                _ => path.parent().expect("a file is in a folder").join(file),
            };
            let leads = target.exists()
                && (anchor.is_empty() || anchors(&read(&target)).iter().any(|a| a == anchor));
            if !leads {
                broken.push(format!("{}: {link}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "broken links:\n{}", broken.join("\n"));
}

#[test]
fn no_document_names_a_folder_of_one_machine() {
    for path in documents() {
        let text = read(&path);
        for word in ["/work/", "/root/", "/tmp/"] {
            assert!(!text.contains(word), "{} names `{word}`", path.display());
        }
    }
}

/// Compares a file with what the code says, or writes it.
fn is_as_generated(name: &str, generated: &str) {
    let path = root().join(name);
    if updates() {
        std::fs::write(&path, generated).expect("the file can be written");
        return;
    }
    let found = read(&path);
    assert!(
        found == generated,
        "{name} is not up to date: run `UPDATE_GOLDEN=1 cargo test --test docs`"
    );
}

#[test]
fn the_command_line_reference_is_the_command_line() {
    is_as_generated("docs/reference/cli.md", &migrate::cli::reference());
}

#[test]
fn every_exit_code_is_documented() {
    let text = read(&root().join("docs/reference/exit-codes.md"));
    let documented: Vec<u8> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(' ').next()?.parse().ok())
        .filter(|code| *code < 100)
        .collect();
    let codes: Vec<u8> = migrate::cli::Exit::ALL.iter().map(|exit| exit.code()).collect();
    assert_eq!(documented, codes);
}

/// What PostgreSQL databases are refused for, as the query that finds it names it.
#[test]
fn every_refused_kind_of_object_is_documented() {
    let sql = read(&root().join("src/dialect/postgres/sql/unsupported.sql"));
    let mut kinds: Vec<String> = Vec::new();
    for (at, _) in sql.match_indices('\'') {
        let before = sql[..at].trim_end();
        let names_a_kind = before.ends_with("UNION ALL SELECT")
            || ["THEN", "ELSE"].iter().any(|word| before.ends_with(word))
                && before.lines().last().is_some_and(|line| {
                    line.contains("SELECT CASE") || line.trim_start().starts_with("ELSE '")
                });
        if names_a_kind {
            kinds.extend(sql[at + 1..].split('\'').next().map(|kind| kind.trim().to_owned()));
        }
    }
    assert!(kinds.len() > 10, "kinds were found: {kinds:?}");
    let text = read(&root().join("docs/reference/objects.md"));
    let (head, rest) = text.split_once("<!-- refused -->").expect("a marker before the list");
    let (_, tail) = rest.split_once("<!-- end -->").expect("a marker after the list");
    let list: String = kinds.iter().map(|kind| format!("- {kind}\n")).collect();
    is_as_generated(
        "docs/reference/objects.md",
        &format!("{head}<!-- refused -->\n\n{list}\n<!-- end -->{tail}"),
    );
}

#[test]
fn the_pages_of_rules_are_the_rules() {
    let folder = root().join("docs/reference/rules");
    if updates() {
        std::fs::create_dir_all(&folder).expect("the folder can be made");
    }
    is_as_generated("docs/reference/rules/README.md", &migrate::lint::page::index());
    let mut names: Vec<String> = vec!["README.md".to_owned()];
    for rule in migrate::lint::rules::ALL {
        let name = format!("{}.md", rule.code);
        let page = migrate::lint::page::page(rule);
        is_as_generated(&format!("docs/reference/rules/{name}"), &page);
        names.push(name);
    }
    names.sort();
    let mut found: Vec<String> = std::fs::read_dir(&folder)
        .expect("the folder can be listed")
        .map(|entry| entry.expect("it can be listed").file_name().to_string_lossy().into_owned())
        .collect();
    found.sort();
    assert_eq!(found, names);
}
