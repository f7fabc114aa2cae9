//! MG211 `drop-cascade`: something is dropped with CASCADE.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::{Act, Deed, Object};
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG211",
    name: "drop-cascade",
    severity: Severity::Warning,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows (13 to 18)",
    ways: Ways::Up,
    what: "Something is dropped with CASCADE.",
    why: "Whatever depends on it goes too: views, foreign keys, defaults, and what somebody made by hand since. The file does not name it, so no review sees it.",
    instead: "Drop by name what depends on it, then the thing itself without CASCADE: a dependency that nobody thought of then stops the migration.",
    bad: include_str!("../../../fixtures/lint/MG211/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG211/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    let message = "what depends on it goes too, and is not named here";
    match at.deed() {
        // That all goes which is in a schema is told of the schema.
        Deed::Drop { what: Object::Schema | Object::Database, .. } => Vec::new(),
        Deed::Drop { names, .. } => {
            let span = at.statement().span;
            // What the same file made has nothing of others on it.
            let is_new = !names.is_empty() && names.iter().all(|name| !at.is_old(name));
            match at.last_word(span, "cascade").filter(|_| !is_new) {
                Some(word) => vec![Found::new(word, message)],
                None => Vec::new(),
            }
        }
        Deed::AlterTable { .. } => at
            .actions()
            .filter(|(_, action)| matches!(action.act, Act::DropColumn(_) | Act::DropConstraint))
            .filter_map(|(_, action)| at.last_word(action.span, "cascade"))
            .map(|word| Found::new(word, message))
            .collect(),
        _ => Vec::new(),
    }
}
