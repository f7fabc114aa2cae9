//! MG311 `view-made-again`: a view is dropped and made again.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::{Deed, Object};
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG311",
    name: "view-made-again",
    severity: Severity::Warning,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows",
    ways: Ways::Both,
    what: "A view is dropped and made again.",
    why: "Who was granted rights on it loses them, and it cannot be dropped while other views read it.",
    instead: "`CREATE OR REPLACE VIEW`, where columns are only added at the end; else grant the rights again in the same migration.",
    bad: include_str!("../../../fixtures/lint/MG311/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG311/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    let Deed::Drop { what: Object::View, names } = at.deed() else { return Vec::new() };
    let comes_back = |key: &str| {
        at.rest().iter().any(|it| matches!(&it.deed, Deed::CreateView { name } if name.key == key))
    };
    let again = names.iter().filter(|name| at.is_old(name) && comes_back(&name.key));
    again
        .map(|name| Found::new(name.span, format!("rights on `{}` are gone with it", name.key)))
        .collect()
}
