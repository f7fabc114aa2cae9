//! State machines on PostgreSQL: one function for each, called after a row is new and after its state has changed, so that
//! it sees what BEFORE triggers and generated columns made of the row, and an INSERT that became an UPDATE as what it is.

use super::realize::{ident, qualified};
use crate::catalog::OpaqueKind;
use crate::catalog::machine::{self, Part};
use crate::dialect::machine::{Drawn, Pair};
use crate::dialect::session::quote_text;

/// The function and its triggers, as the server prints them.
pub fn objects(drawn: &Drawn<'_>) -> Vec<(OpaqueKind, Part, String)> {
    let mut made = vec![(OpaqueKind::Function, Part::Transition, function(drawn))];
    if let Some(initial) = &drawn.machine.initial {
        let column = column(drawn, "new");
        let condition = format!("({column} <> {}::text)", quote_text(initial));
        made.push((
            OpaqueKind::Trigger,
            Part::Initial,
            trigger(drawn, Part::Initial, "INSERT", &condition),
        ));
    }
    let condition = format!("({} IS DISTINCT FROM {})", column(drawn, "old"), column(drawn, "new"));
    made.push((
        OpaqueKind::Trigger,
        Part::Transition,
        trigger(drawn, Part::Transition, "UPDATE", &condition),
    ));
    made
}

/// A state as a text.
fn column(drawn: &Drawn<'_>, row: &str) -> String {
    let name = format!("{row}.{}", ident(drawn.column.as_str()));
    if drawn.is_text { name } else { format!("({name})::text") }
}

fn trigger(drawn: &Drawn<'_>, part: Part, event: &str, condition: &str) -> String {
    let function = machine::function(drawn.table, drawn.column).name;
    format!(
        "CREATE TRIGGER {} AFTER {event} ON {} FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION {}()",
        ident(part.name(drawn.table, drawn.column).as_str()),
        qualified(drawn.table),
        qualified(&function)
    )
}

fn function(drawn: &Drawn<'_>) -> String {
    let own = machine::function(drawn.table, drawn.column).name;
    let (old, new) = (column(drawn, "OLD"), column(drawn, "NEW"));
    let mut branches: Vec<String> = Vec::new();
    if let Some(initial) = &drawn.machine.initial {
        let said = quote_text(&format!("a new row begins as {initial}, not as "));
        branches.push(format!("IF TG_OP = 'INSERT' THEN\n    refused := {said} || {new};\n"));
    }
    if drawn.optional {
        let begins = match &drawn.machine.initial {
            Some(initial) => format!("{old} IS NULL AND {new} = {}", quote_text(initial)),
            None => format!("{old} IS NULL"),
        };
        branches.push(format!("IF {begins} THEN\n    RETURN NULL;\n"));
    }
    branches.extend(drawn.pairs.iter().map(|pair| branch(pair, &old, &new)));
    if branches.is_empty() {
        branches.push("IF FALSE THEN\n    RETURN NULL;\n".to_owned());
    }
    let branches = branches.join("  ELS");
    let shown = |state: &str| {
        if drawn.optional { format!("coalesce({state}, 'NULL')") } else { state.to_owned() }
    };
    let (from, to) = (shown(&old), shown(&new));
    let told = drawn.machine.told();
    let prefix = quote_text(&drawn.prefix());
    let column = quote_text(drawn.column.as_str());
    format!(
        "CREATE OR REPLACE FUNCTION {}()\n RETURNS trigger\n LANGUAGE plpgsql\nAS $function$\n{told}\n\
         DECLARE\n  refused text;\nBEGIN\n  {branches}  ELSE\n    \
         refused := 'no transition from ' || {from} || ' to ' || {to};\n  END IF;\n  \
         RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = {prefix} || refused,\n    \
         SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, COLUMN = {column}, CONSTRAINT = TG_NAME;\n\
         END\n$function$",
        qualified(&own)
    )
}

fn branch(pair: &Pair, old: &str, new: &str) -> String {
    let is = format!(
        "IF {old} = {} AND {new} = {} THEN\n",
        quote_text(&pair.from),
        quote_text(&pair.to)
    );
    match pair.conditions() {
        None => format!("{is}    RETURN NULL;\n"),
        Some(conditions) => format!(
            "{is}    IF {} THEN\n      RETURN NULL;\n    END IF;\n    refused := {};\n",
            conditions.join(" OR "),
            quote_text(&pair.refusal())
        ),
    }
}
