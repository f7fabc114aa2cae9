//! MG105 `type-change-rewrite`: the type of a column changes in a way that writes every row anew.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::Act;
use crate::lint::types::{self, TypeChange};
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG105",
    name: "type-change-rewrite",
    severity: Severity::Error,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows (13 to 18)",
    ways: Ways::Both,
    what: "The type of a column changes in a way that writes every row anew.",
    why: "The whole table and its indexes are written under ACCESS EXCLUSIVE; a foreign key on the column is checked again by a join. Free are, among others: `varchar(n)` to a longer one or to `text`, `numeric(p,s)` to more digits of the same scale. Where no earlier file of the run says what the type was, and the new one may be free, this is a note.",
    instead: "Add a column of the new type, keep both in step with a trigger, fill old rows in batches, switch the application, drop the old column in a later migration.",
    bad: include_str!("../../../fixtures/lint/MG105/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG105/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for (table, action) in at.actions() {
        let Act::SetType { column, ty, converts } = &action.act else { continue };
        let before = at.known.column(&table.key, column).filter(|known| types::is_known(&known.ty));
        let message = match before {
            Some(before) => match types::change(&before.ty, ty) {
                TypeChange::Free | TypeChange::Indexes => continue,
                TypeChange::Rewrite => {
                    format!(
                        "from `{}` to `{ty}` writes every row of `{}` anew",
                        before.ty, table.key
                    )
                }
            },
            None => format!("a change to `{ty}` may write every row of `{}` anew", table.key),
        };
        let mut one = Found::new(action.span, message);
        // What the column was is not known: some changes to these types are free.
        let may_be_free = ["text", "varchar", "numeric", "timestamp", "timestamptz", "interval"];
        let base = types::split(ty).0;
        if before.is_none() && !converts && (may_be_free.contains(&base) || !types::is_known(ty)) {
            one = one.at_most(Severity::Note);
        }
        found.push(one);
    }
    found
}
