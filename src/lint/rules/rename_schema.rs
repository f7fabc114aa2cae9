//! MG303 `rename-schema`: a schema is renamed.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::Deed;
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG303",
    name: "rename-schema",
    severity: Severity::Warning,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows (13 to 18)",
    ways: Ways::Up,
    what: "A schema is renamed.",
    why: "Code that still runs during the release names its tables by the old schema, or has it in `search_path`, and fails.",
    instead: "Make the new schema, move tables one by one and leave views with their names in the old one, and drop the old schema when nobody uses it.",
    bad: include_str!("../../../fixtures/lint/MG303/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG303/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    match at.deed() {
        Deed::RenameSchema { name } => {
            vec![Found::new(name.span, format!("code that names tables of `{}` fails", name.key))]
        }
        _ => Vec::new(),
    }
}
