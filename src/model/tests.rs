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
    for kind in ["actor", "audit", "permissions", "pii", "roles", "tenant", "transitions"] {
        assert_eq!(kinds.iter().filter(|k| **k == kind).count(), 1, "{kind}: {kinds:?}");
    }
}
