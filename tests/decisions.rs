//! Answers that a person gives on a terminal stand in the model afterwards, with comments and layout as they were; what is
//! done is taken out again.
#![cfg(unix)]

#[path = "git/shop.rs"]
mod shop;

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::FromRawFd;
use std::process::{Command, Stdio};

use shop::Shop;

const MODEL: &str = "model: 1
name: shop
targets: [sqlite >= 3.38]

entities:
  # Who buys.
  Person:
    fields:
      id: int          # a number
      mail: text?      # may be empty
      fax: int?
      status: { enum: [new, old, gone] }
    key: id
";

/// Runs a command on a terminal and types the answers; what the terminal showed, and the exit code.
fn type_at(shop: &Shop, words: &[&str], answers: &str) -> (i32, String) {
    let (mut master, mut slave) = (0, 0);
    // SAFETY: both numbers are written, the other arguments may be null.
    let made = unsafe {
        let none = std::ptr::null_mut();
        libc::openpty(&raw mut master, &raw mut slave, none, none.cast(), none.cast())
    };
    assert_eq!(made, 0, "a terminal can be made");
    // SAFETY: openpty gave both, and nobody else has them.
    let (mut person, terminal) = unsafe { (File::from_raw_fd(master), File::from_raw_fd(slave)) };
    let side = || Stdio::from(terminal.try_clone().expect("it can be shared"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_migrate"));
    command.args(words).current_dir(shop.path()).env_remove("CI").env("NO_COLOR", "1");
    shop::OF_PIPELINES.iter().for_each(|name| {
        command.env_remove(name);
    });
    let mut child = command.stdin(side()).stdout(side()).stderr(side()).spawn().expect("it starts");
    drop(command);
    drop(terminal);
    person.write_all(answers.as_bytes()).expect("answers can be typed");
    let mut shown = Vec::new();
    // The end of a terminal is an error to Linux.
    let mut part = [0_u8; 4096];
    while let Ok(length @ 1..) = person.read(&mut part) {
        shown.extend_from_slice(&part[..length]);
    }
    let code = child.wait().expect("it ends").code().expect("a code");
    (code, String::from_utf8_lossy(&shown).into_owned())
}

fn shop() -> Shop {
    let shop = Shop::new();
    shop.write("model.yaml", MODEL);
    shop.must(0, &["plan", "first"]);
    shop
}

#[test]
fn answers_are_written_into_the_model_and_nothing_else_moves() {
    let shop = shop();
    let changed = MODEL
        .replace("mail: text?      # may be empty\n", "email: text?     # may be empty\n")
        .replace("      fax: int?\n", "")
        .replace("[new, old, gone]", "[new, old]")
        .replace("    key: id\n", "      age: int\n    key: id\n");
    shop.write("model.yaml", &changed);
    // Without a terminal every question is told, with the line to add.
    let output = shop.run(&["plan", "second"]);
    assert_eq!(output.status.code(), Some(7));
    let said = shop::text(&output.stderr);
    for line in ["was: mail", "- drop: Person.fax", "was: { gone: NEW }", "backfill: EXPRESSION"] {
        assert!(said.contains(line), "`{line}` is missing in\n{said}");
    }
    assert_eq!(shop.read("model.yaml"), changed);

    // In whatever order they come: each answer fits the question that it is typed for.
    let mut answers = String::new();
    let (_, first) = type_at(&shop, &["plan", "second", "--dry-run"], "\n\n");
    assert!(first.contains("renamed?") || first.contains("required"), "{first}");
    assert_eq!(shop.read("model.yaml"), changed, "a dry run writes nothing");
    for question in 0..12 {
        let (code, shown) = type_at(&shop, &["plan", "second"], "\n\n");
        if code == 0 {
            assert!(question > 3, "{shown}");
            break;
        }
        let asked = shown.lines().find(|line| {
            line.contains("[r]enamed")
                || line.contains("drop it?")
                || line.contains("new value")
                || line.contains("an expression")
        });
        let asked = asked.unwrap_or_else(|| panic!("no question: {shown}")).to_owned();
        answers = match &asked {
            it if it.contains("`person.mail` is gone and `email`") => "r\n\n",
            it if it.contains("[r]enamed") => "d\n\n",
            it if it.contains("drop it?") => "y\n\n",
            it if it.contains("new value") => "old\n\n",
            _ => "18 + 3\n\n",
        }
        .to_owned();
        let (_, shown) = type_at(&shop, &["plan", "second"], &answers);
        assert!(shown.contains("written into"), "{asked}\n{shown}");
    }
    assert!(!answers.is_empty());
    let expected = changed
        .replace(
            "email: text?     # may",
            "email: { type: text, optional: true, was: mail }     # may",
        )
        .replace("[new, old] }", "[new, old], was: { gone: old } }")
        .replace("age: int\n", "age: { type: int, backfill: \"18 + 3\" }\n")
        + "changes:\n  - drop: Person.fax\n";
    assert_eq!(shop.read("model.yaml"), expected);
    shop.must(0, &["check"]);
}

#[test]
fn what_is_done_is_pruned() {
    let shop = shop();
    let model = MODEL.replace("      fax: int?\n", "");
    shop.write(
        "model.yaml",
        &format!("{model}changes:\n  # nobody has one\n  - drop: Person.fax\n    reason: unused\n"),
    );
    // Not done yet.
    shop.must(0, &["fmt"]);
    shop.must(0, &["fmt", "--prune"]);
    assert!(shop.read("model.yaml").contains("drop: Person.fax"));
    shop.must(0, &["plan", "second"]);
    shop.must(4, &["fmt", "--prune", "--check"]);
    shop.must(0, &["fmt", "--prune"]);
    let pruned = shop.read("model.yaml");
    assert!(!pruned.contains("changes") && pruned.contains("# Who buys."), "{pruned}");
    shop.must(0, &["fmt", "--prune", "--check"]);
    shop.must(0, &["check"]);
}
