//! MG313 `index-gap`: an index is dropped before the one that takes its place is there.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::Deed;

pub const RULE: Rule = Rule {
    code: "MG313",
    name: "index-gap",
    severity: Severity::Warning,
    dialect: None,
    versions: "all that `migrate` knows",
    ways: Ways::Both,
    what: "An index is dropped before the one that takes its place is there.",
    why: "Queries that need it read whole tables in between, and a unique one lets duplicates in, after which it cannot be built.",
    instead: "Build the new index under another name first, then drop the old one, then rename.",
    bad: include_str!("../../../fixtures/lint/MG313/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG313/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    let Deed::DropIndex { names, .. } = at.deed() else { return Vec::new() };
    let comes_back = |key: &str| {
        let is_it = |deed: &Deed| matches!(deed, Deed::CreateIndex { name: Some(name), .. } if name.key == key);
        at.rest().iter().any(|it| is_it(&it.deed))
    };
    let gaps = names.iter().filter(|it| !at.known.is_new_index(&it.key) && comes_back(&it.key));
    gaps.map(|name| {
        Found::new(
            name.span,
            format!("nothing is in the place of `{}` until it is built", name.key),
        )
    })
    .collect()
}
