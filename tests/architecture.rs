//! The shape of the source as `src/lib.rs` promises it: modules use only those before them, the first ones are pure,
//! every file says what it is for and stays short.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The last of the pure modules: this one and all before it do no I/O.
const LAST_PURE: &str = "journal";

const LINES_MAX: usize = 600;

/// Files that are longer still; a file that is short enough again leaves the list.
const TOO_LONG: &[&str] = &[];

#[test]
fn a_module_uses_only_modules_before_it() {
    let order = modules();
    let mut wrong = Vec::new();
    for file in sources("src") {
        let Some(own) = module_of(&file) else { continue };
        let Some(place) = order.iter().position(|module| *module == own) else { continue };
        for (number, line) in code(&file) {
            for used in used_modules(&line) {
                match order.iter().position(|module| *module == used) {
                    Some(at) if at > place => {
                        wrong.push(format!(
                            "{}:{number}: `{own}` uses `{used}`, which comes after it",
                            shown(&file)
                        ));
                    }
                    Some(_) | None => {}
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn modules_are_declared_in_one_list() {
    let order = modules();
    assert!(order.len() >= 16 && order.contains(&LAST_PURE.to_owned()), "{order:?}");
    let known: BTreeSet<&str> = order.iter().map(String::as_str).collect();
    for file in sources("src") {
        if let Some(module) = module_of(&file) {
            assert!(known.contains(module.as_str()), "{} is in no module", shown(&file));
        }
    }
}

/// What may not stand in a pure module, and why.
const IMPURE: [(&str, &str); 12] = [
    ("std::env", "the environment comes in as a value"),
    ("std::fs", "files are read by `source` and `cli`"),
    ("std::net", "only `db` and `shadow` talk to servers"),
    ("std::process", "only `shadow` and `source` start programs"),
    ("std::os", "nothing of the operating system"),
    ("SystemTime", "the time comes in as a value"),
    ("Instant::now", "the time comes in as a value"),
    ("jiff::", "the time comes in as a value"),
    ("println!", "only `cli` prints"),
    ("rusqlite::", "only `db` opens databases"),
    ("postgres::Client", "only `db` opens databases"),
    ("tempfile::", "no files"),
];

#[test]
fn the_first_modules_are_pure() {
    let order = modules();
    let last = order.iter().position(|module| module == LAST_PURE).expect("it is declared");
    let pure: BTreeSet<&String> = order[..=last].iter().collect();
    let mut wrong = Vec::new();
    for file in sources("src") {
        let Some(own) = module_of(&file).filter(|module| pure.contains(module)) else { continue };
        for (number, line) in code(&file) {
            for (word, why) in IMPURE {
                if line.contains(word) {
                    wrong.push(format!("{}:{number}: `{word}` in `{own}`: {why}", shown(&file)));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_says_first_what_it_is_for() {
    let mut wrong = Vec::new();
    for file in sources("src").into_iter().chain(sources("tests")) {
        let text = read(&file);
        if !text.starts_with("//! ") {
            wrong.push(format!("{}: does not start with `//! `", shown(&file)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_unfinished_is_left() {
    // Put together here so that this file does not find itself.
    let marks = ["todo!", "unimplemented!", "dbg!"].map(|name| format!("{name}("));
    let words = ["FIX", "XX"].map(|start| match start {
        "FIX" => "FIXME".to_owned(),
        other => format!("{other}X"),
    });
    let mut wrong = Vec::new();
    for file in sources("src").into_iter().chain(sources("tests")) {
        if file.ends_with("tests/architecture.rs") {
            continue;
        }
        for (index, line) in read(&file).lines().enumerate() {
            if marks.iter().chain(&words).any(|mark| line.contains(mark.as_str())) {
                wrong.push(format!("{}:{}: {}", shown(&file), index + 1, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_file_is_too_long() {
    let mut wrong = Vec::new();
    for file in sources("src").into_iter().chain(sources("tests")) {
        let lines = read(&file).lines().count();
        let listed = TOO_LONG.contains(&shown(&file).as_str());
        if lines > LINES_MAX && !listed {
            wrong.push(format!("{}: {lines} lines; split it by concept", shown(&file)));
        }
        if lines <= LINES_MAX && listed {
            wrong.push(format!("{}: short enough now; take it off the list", shown(&file)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Folders of whoever built it have no place in what everybody gets.
#[test]
fn no_machine_is_named() {
    let homes = ["home", "Users", "work", "root"].map(|folder| format!("/{folder}/"));
    let mut wrong = Vec::new();
    let texts =
        ["src", "tests", "docs", "fixtures"].iter().flat_map(|folder| files(&root().join(folder)));
    let beside = ["README.md", "CHANGELOG.md", "Cargo.toml"].map(|name| root().join(name));
    for file in texts.chain(beside).filter(|file| file.is_file()) {
        if file.ends_with("tests/architecture.rs") {
            continue;
        }
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        for (index, line) in text.lines().enumerate() {
            if homes.iter().any(|home| names_folder(line, home)) {
                wrong.push(format!("{}:{}: {}", shown(&file), index + 1, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The folder that transcripts in the guides show: nobody's.
const INVENTED: &str = "/home/ana/";

/// Whether an absolute path starts with the folder: `a/home/b` does not, and neither does the bare word.
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + folder.len()..].chars().next();
        if line[at..].starts_with(INVENTED) || !after.is_some_and(char::is_alphanumeric) {
            return false;
        }
        before
            .is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '.' | '_' | '-' | '/' | '}' | '~'))
    })
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The modules in the order of `src/lib.rs`.
fn modules() -> Vec<String> {
    read(&root().join("src/lib.rs"))
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';').map(str::to_owned))
        .collect()
}

fn sources(folder: &str) -> Vec<PathBuf> {
    let is_rust = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "rs");
    files(&root().join(folder)).into_iter().filter(is_rust).collect()
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// `src/db/url.rs` is in `db`; `lib.rs` and `main.rs` are in none.
fn module_of(file: &Path) -> Option<String> {
    let inside = file.strip_prefix(root().join("src")).ok()?;
    let first = inside.components().next()?.as_os_str().to_str()?;
    let name = first.strip_suffix(".rs").unwrap_or(first);
    (!["lib", "main"].contains(&name)).then(|| name.to_owned())
}

/// Lines without comments, up to the tests of the file; none where the whole file is tests.
fn code(file: &Path) -> Vec<(usize, String)> {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    if stem == "tests" || stem.ends_with("_tests") {
        return Vec::new();
    }
    let text = read(file);
    let lines = text.lines().enumerate().take_while(|(_, line)| line.trim() != "#[cfg(test)]");
    lines
        .map(|(index, line)| (index + 1, line.split("//").next().unwrap_or_default().to_owned()))
        .collect()
}

/// The modules of this crate that a line names.
fn used_modules(line: &str) -> Vec<String> {
    let mut used: Vec<String> = Vec::new();
    for (at, _) in line.match_indices("crate::") {
        if line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &line[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(list) => used.extend(list.split(',').map(word)),
            None => used.push(word(rest)),
        }
    }
    used
}

fn word(text: &str) -> String {
    text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn shown(file: &Path) -> String {
    file.strip_prefix(root()).unwrap_or(file).display().to_string().replace('\\', "/")
}
