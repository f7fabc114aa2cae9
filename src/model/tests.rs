//! The laws of the model text, on the billing model and on small ones.

use super::{Hints, Model, fmt, parse, print};
use crate::text::diagnostic::{Colour, Diagnostic, Severity, render};

const BILLING: &str = include_str!("../../fixtures/models/billing.yaml");

fn read(text: &str) -> Model {
    let (model, issues) = parse(text);
    let errors: Vec<Diagnostic> =
        issues.into_iter().filter(|issue| issue.severity == Severity::Error).collect();
    model.unwrap_or_else(|| panic!("{}", render("model.yaml", text, &errors, Colour::Plain)))
}

#[test]
fn reading_what_is_printed_gives_the_same_model() {
    let model = read(BILLING);
    let text = print(&model, Hints::Keep);
    assert_eq!(read(&text), model, "{text}");
    assert_eq!(print(&read(&text), Hints::Keep), text);
}

#[test]
fn snapshots_hold_no_hints() {
    let text = print(&read(BILLING), Hints::Drop);
    for word in ["was:", "backfill:", "changes:"] {
        assert!(!text.contains(word), "{text}");
    }
    assert_eq!(print(&read(&text), Hints::Drop), text);
}

#[test]
fn formatting_keeps_comments_and_settles_at_once() {
    let once = fmt(BILLING).expect("valid");
    for comment in BILLING.lines().filter_map(|line| line.split_once("# ")).map(|(_, c)| c) {
        assert!(once.contains(comment), "lost `{comment}` in\n{once}");
    }
    assert_eq!(fmt(&once).expect("valid"), once);
}

#[test]
fn what_is_not_realized_is_carried_with_one_warning_each() {
    let (_, issues) = parse(BILLING);
    let kinds: Vec<&str> = issues.iter().filter_map(|i| i.message.split('`').nth(1)).collect();
    for kind in ["by", "permissions", "pii", "tenant"] {
        assert_eq!(kinds.iter().filter(|k| **k == kind).count(), 1, "{kind}: {kinds:?}");
    }
}

const EVERY_KEY: &str = include_str!("../../fixtures/models/every-key.yaml");

#[test]
fn every_key_is_read_and_printed() {
    let model = read(EVERY_KEY);
    let text = print(&model, Hints::Keep);
    assert_eq!(read(&text), model, "{text}");
    assert_eq!(fmt(&text).expect("valid"), text);
    for context in super::keys::ALL {
        for key in context.keys() {
            let written = format!("{}:", key.name);
            assert!(EVERY_KEY.contains(&written), "{context:?}.{} is not in the file", key.name);
            // `length: { min, max }` is `min` and `max` in canonical text.
            assert!(text.contains(&written), "{context:?}.{} is not printed", key.name);
        }
    }
}

#[test]
fn every_key_is_in_the_reference() {
    let page = include_str!("../../docs/reference/model.md");
    for context in super::keys::ALL {
        for key in context.keys() {
            let row = format!("| `{}` |", key.name);
            assert!(page.contains(&row), "{context:?}.{} is not in the reference", key.name);
        }
    }
}

#[test]
fn a_folder_is_one_model_and_its_mistakes_have_their_file() {
    let files = [
        (
            "a.yaml",
            "model: 1\nname: m\nentities:\n  A:\n    fields:\n      id: int\n      b: { ref: B }\n",
        ),
        ("b.yaml", "entities:\n  B:\n    fields:\n      id: int\n      x: txt\n"),
    ];
    let (_, issues) = super::parse_files(&files);
    let (file, at) = super::locate(&files, issues[0].span.start).expect("a place");
    assert_eq!((file, &files[1].1[at..at + 3]), (1, "txt"), "{issues:?}");
    let good = files[1].1.replace("txt", "text");
    let (model, issues) = super::parse_files(&[files[0], ("b.yaml", &good)]);
    assert_eq!(model.expect("valid").entities.len(), 2, "{issues:?}");
}

/// Texts that YAML could read otherwise, in every place where a text may stand.
#[test]
fn awkward_texts_survive() {
    for text in [
        "yes",
        "1e3",
        "a: b",
        "# x",
        " a",
        "a ",
        "",
        "it's \"so\"",
        "a\nb",
        "a\n",
        "- x",
        "null",
        "'",
        "x,y",
        "{",
        "now()",
        "\t",
        "é",
        "a\n\n  b\nc",
        "a \nb",
        "none",
        "~",
    ] {
        let mut model = Model { name: "m".to_owned(), ..Model::default() };
        let mut field = super::Field::of_type("id", crate::expr::ValueType::Text, "text");
        field.default = Some(super::DefaultValue::Text(text.to_owned()));
        field.comment = Some(text.to_owned()).filter(|text| !text.is_empty());
        let mut entity = super::Entity { name: "A".to_owned(), ..super::Entity::default() };
        entity.fields.push(field);
        model.entities.push(entity);
        let printed = print(&model, Hints::Keep);
        assert_eq!(read(&printed), model, "{text:?} in\n{printed}");
    }
}
