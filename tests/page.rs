//! The report in a real browser: no error on the console, no request, nothing wider than the window, no text outside of
//! its box, nothing that axe-core finds, at 400, 1280 and 1920 pixels, light and dark. Skipped, saying so, without
//! Chromium (`apt-get install chromium`) and the packages of `tests/page` (`npm install --prefix tests/page`, or any folder that
//! `MIGRATE_NODE_MODULES` names). Screenshots are left in `target/page`.

mod journey;
mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use journey::{migrate, ran};

const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// The browser, and the folder of packages; `None`, with a note, where one is missing.
fn browser() -> Option<(PathBuf, PathBuf)> {
    let packages = std::env::var_os("MIGRATE_NODE_MODULES")
        .map_or_else(|| root().join("tests/page/node_modules"), PathBuf::from);
    let found = BROWSERS.iter().find_map(|name| on_path(name)).zip(on_path("node"));
    match found {
        None => eprintln!("skipped: no Chromium or no node is installed here"),
        Some(_) if !packages.join("axe-core").is_dir() => {
            eprintln!("skipped: `npm install --prefix tests/page` was not run");
        }
        Some((chromium, _)) => return Some((chromium, packages)),
    }
    None
}

fn assert_sound(page: &Path, name: &str) {
    let Some((chromium, packages)) = browser() else { return };
    let shots = root().join("target/page");
    std::fs::create_dir_all(&shots).expect("a folder for screenshots");
    let output = Command::new("node")
        .arg(root().join("tests/page/look.mjs"))
        .args([chromium.as_os_str(), page.as_os_str(), shots.as_os_str(), name.as_ref()])
        .env("MIGRATE_NODE_MODULES", packages)
        .output()
        .expect("node runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.is_empty(), "{name}:\n{said}{errors}");
}

/// Runs commands in a project on SQLite.
fn run(folder: &Path, words: &[&str]) {
    let ran = ran(migrate(folder).args(words).env("DATABASE_URL", "sqlite:app.db"));
    assert_eq!(ran.code, 0, "{words:?}: {}", ran.text);
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).expect("it can be written");
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).expect("the fixture is there")
}

#[test]
fn the_page_of_a_billing_model_is_sound() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    write(folder, "migrate.toml", "");
    write(folder, "model.yaml", &read("fixtures/report/billing/before.yaml"));
    run(folder, &["plan", "first", "-q", "--no-proof"]);
    run(folder, &["apply", "-q"]);
    let file = rusqlite::Connection::open(folder.join("app.db")).expect("it opens");
    file.execute_batch(&read("fixtures/report/billing/rows.sql")).expect("rows are written");
    drop(file);
    write(folder, "model.yaml", &read("fixtures/report/billing/after.yaml"));
    run(folder, &["plan", "invoices", "-q", "--no-proof"]);
    run(folder, &["rehearse", "-q"]);
    run(folder, &["report", "--out", "report.html"]);
    assert_sound(&folder.join("report.html"), "billing");
}

#[test]
fn the_page_of_a_lifted_database_with_broken_rows_is_sound() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let file = rusqlite::Connection::open(folder.join("app.db")).expect("it opens");
    file.execute_batch(&read("fixtures/chinook-like/shop.sqlite.sql")).expect("it is made");
    drop(file);
    run(folder, &["init", "--from", "sqlite:app.db"]);
    let model = std::fs::read_to_string(folder.join("model.yaml")).expect("it was lifted");
    let model = model.replacen(
        "      total: decimal(10,2)\n",
        "      total: { type: \"decimal(10,2)\", min: 1 }\n",
        1,
    );
    write(folder, "model.yaml", &model);
    run(folder, &["plan", "total", "-q"]);
    run(folder, &["report", "empty..", "--out", "report.html"]);
    assert_sound(&folder.join("report.html"), "shop-all");
    run(folder, &["report", "--out", "report.html"]);
    assert_sound(&folder.join("report.html"), "shop");
}

#[test]
fn the_page_of_sixty_entities_is_sound() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let mut schema = String::new();
    for table in 0..60 {
        schema.push_str(&format!(
            "CREATE TABLE table_{table} (id INTEGER PRIMARY KEY, name TEXT NOT NULL"
        ));
        for (number, other) in [(table * 7) % 60, (table * 13) % 60].into_iter().enumerate() {
            if other < table {
                schema.push_str(&format!(", ref_{number} INTEGER REFERENCES table_{other} (id)"));
            }
        }
        schema.push_str(");\n");
    }
    write(folder, "migrate.toml", "model = \"schema.sql\"\n");
    write(folder, "schema.sql", &schema);
    run(folder, &["plan", "first", "-q", "--no-proof"]);
    run(folder, &["apply", "-q", "--no-rehearsal"]);
    write(
        folder,
        "schema.sql",
        &schema.replace(
            "table_59 (id INTEGER PRIMARY KEY,",
            "table_59 (id INTEGER PRIMARY KEY, added TEXT,",
        ),
    );
    run(folder, &["plan", "second", "-q", "--no-proof"]);
    run(folder, &["report", "2", "--out", "report.html"]);
    assert_sound(&folder.join("report.html"), "sixty");
}
