//! The action for GitHub, the job for GitLab and the hooks for pre-commit do what they say: their commands are run, in a project
//! in a folder of a repository, as those systems run them.

#[path = "git/shop.rs"]
mod shop;

use std::path::Path;
use std::process::{Command, Output};

use shop::{PERSON, Shop, text};

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(path).expect("it is there")
}

/// The lines below a line that begins a block, without their indentation.
fn block(yaml: &str, start: &str) -> Vec<String> {
    let mut lines = yaml.lines().skip_while(|line| line.trim_start() != start);
    let first = lines.next().unwrap_or_else(|| panic!("`{start}` is not there"));
    let depth = |line: &str| line.len() - line.trim_start().len();
    lines
        .take_while(|line| depth(line) > depth(first))
        .map(|line| line.trim_start().to_owned())
        .collect()
}

/// Runs a script as a system for CI does: by bash, which stops at the first failure, with `migrate` on the path.
fn bash(folder: &Path, script: &str, variables: &[(&str, &str)]) -> Output {
    let program = Path::new(env!("CARGO_BIN_EXE_migrate"));
    let folders = program.parent().expect("a folder").display();
    let path = format!("{folders}:{}", std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new("bash");
    command.args(["-e", "-o", "pipefail", "-c", script]).current_dir(folder).env("PATH", path);
    shop::OF_PIPELINES.iter().for_each(|name| {
        command.env_remove(name);
    });
    command.env("CI", "true").envs(variables.iter().copied()).output().expect("bash runs")
}

/// A repository whose folder `backend` is a project, with a version on a branch that the linter stops.
fn repository() -> Shop {
    let shop = Shop::new();
    std::fs::remove_file(shop.path().join("migrate.toml")).expect("it was there");
    std::fs::remove_file(shop.path().join("model.yaml")).expect("it was there");
    shop.write("backend/migrate.toml", "");
    shop.write("backend/model.yaml", PERSON);
    shop.must(0, &["-C", "backend", "plan", "first"]);
    shop.commit("first");
    shop.git(&["checkout", "-q", "-b", "change"]);
    shop.must(0, &["-C", "backend", "new", "quiet"]);
    shop.write("backend/migrations/0002_quiet/sqlite.up.sql", "UPDATE person SET note = note;\n");
    shop.must(0, &["-C", "backend", "rehash"]);
    shop.commit("quiet");
    shop
}

const UP: &str = "backend/migrations/0002_quiet/sqlite.up.sql";

#[test]
fn the_action_annotates_files_of_the_repository() {
    let action = file("action.yml");
    let shop = repository();
    let backend = shop.path().join("backend");
    let script = block(&action, "run: |").join("\n");
    let summary = shop.path().join("summary.md");
    let sarif = shop.path().join("migrate.sarif");
    let shown = |path: &Path| path.to_str().expect("a path").to_owned();
    let (summary, sarif) = (shown(&summary), shown(&sarif));
    // As GitHub passes an input that is not given, or a secret that a fork may not have.
    let run = |fail_on: &str| {
        let variables = [
            ("DATABASE_URL", ""),
            ("MIGRATE_SCRATCH_URL", ""),
            ("INPUT_BASE", ""),
            ("INPUT_FAIL_ON", fail_on),
            ("INPUT_REQUIRE", ""),
            ("INPUT_SARIF", sarif.as_str()),
            ("GITHUB_BASE_REF", "main"),
            ("GITHUB_STEP_SUMMARY", summary.as_str()),
        ];
        bash(&backend, &script, &variables)
    };
    let passed = run("");
    let said = text(&passed.stdout);
    assert_eq!(passed.status.code(), Some(0), "{said}{}", text(&passed.stderr));
    assert!(said.contains(&format!("::warning file={UP},line=1,col=1,title=MG209")), "{said}");
    let failed = run("warning");
    assert_eq!(failed.status.code(), Some(4), "{}", text(&failed.stdout));
    assert!(shop.read("summary.md").contains("gate failed"));
    assert!(shop.read("migrate.sarif").contains(UP));
    // Each input is used, and none is put into the script as text.
    for input in block(&action, "inputs:").iter().filter_map(|line| line.strip_suffix(':')) {
        assert!(action.contains(&format!("${{{{ inputs.{input} }}}}")), "{input}");
    }
    assert!(!script.contains("${{"), "{script}");
}

#[test]
fn the_job_for_gitlab_writes_its_reports() {
    let job = file("templates/gitlab-ci.yml");
    let shop = repository();
    let script: Vec<String> = block(&job, "script:")
        .iter()
        .map(|line| line.strip_prefix("- ").expect("a command").to_owned())
        .collect();
    let backend = shop.path().join("backend");
    let variables = [("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "main")];
    let done = bash(&backend, &script.join("\n"), &variables);
    assert_eq!(done.status.code(), Some(0), "{}{}", text(&done.stdout), text(&done.stderr));
    for report in block(&job, "reports:") {
        let (_, name) = report.split_once(": ").expect("a report and its file");
        assert!(script.iter().any(|line| line.contains(&format!("={name}"))), "{name} is written");
        let found = shop.read(&format!("backend/{name}"));
        assert!(found.contains("0002_quiet") && found.contains("MG209"), "{found}");
    }
    assert!(shop.read("backend/gl-code-quality-report.json").contains(UP));
}

#[test]
fn the_hooks_of_pre_commit_run_and_stop_a_commit() {
    let hooks = file(".pre-commit-hooks.yaml");
    let entries: Vec<&str> =
        hooks.lines().filter_map(|line| line.trim().strip_prefix("entry: ")).collect();
    assert_eq!(entries, ["migrate lint", "migrate fmt", "env DATABASE_URL= migrate check"]);
    let shop = repository();
    let backend = shop.path().join("backend");
    let run = |entry: &str, files: &str| bash(shop.path(), &format!("{entry} {files}"), &[]);
    let lint = run(entries[0], UP);
    assert_eq!(lint.status.code(), Some(0), "{}", text(&lint.stderr));
    shop.write("backend/migrations/9.sql", "CREATE INDEX a ON b USING gin (c);\n");
    assert_eq!(run(entries[0], "backend/migrations/9.sql").status.code(), Some(4));
    std::fs::remove_file(backend.join("migrations/9.sql")).expect("it was there");
    assert_eq!(run(entries[1], "backend/model.yaml").status.code(), Some(0));
    let check = bash(&backend, entries[2], &[("DATABASE_URL", "sqlite:nowhere.db")]);
    assert_eq!(check.status.code(), Some(0), "{}", text(&check.stdout));
    shop.write(UP, "SELECT 1;\n");
    assert_eq!(bash(&backend, entries[2], &[]).status.code(), Some(6));
    // Their patterns take what they are for.
    let patterns: Vec<regex::Regex> = hooks
        .lines()
        .filter_map(|line| line.trim().strip_prefix("files: "))
        .map(|pattern| regex::Regex::new(pattern).expect("it is read"))
        .collect();
    assert!(
        patterns[0].is_match("db/migrations/0001_x/sqlite.up.sql")
            && !patterns[0].is_match("seed.sql")
    );
    assert!(patterns[1].is_match("model.yaml") && patterns[2].is_match("migrations/chain.sum"));
}

#[test]
fn without_a_database_of_its_own_the_gate_says_what_it_skips() {
    let shop = Shop::new();
    shop.write("migrate.toml", "default_env = 'local'\n[env.local]\nurl = 'sqlite:dev.db'\n");
    shop.must(0, &["plan", "first"]);
    let said = shop.must(0, &["check"]);
    assert!(said.contains("is not there yet: no drift check"), "{said}");
    // What is named and is not there is a mistake.
    shop.must(1, &["check", "-e", "local"]);
    shop.must(1, &["check", "--url", "sqlite:dev.db"]);
}
