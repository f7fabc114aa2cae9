//! State machines on SQLite: a trigger for new rows and one for changes of the state. A message there is a literal until
//! SQLite 3.47, so each change that is not possible has its own. They fire after the row is written, and so see an INSERT
//! that became an UPDATE as what it is.

use super::quote::quote;
use crate::catalog::OpaqueKind;
use crate::catalog::machine::Part;
use crate::dialect::machine::{Drawn, begins, no_transition};
use crate::dialect::session::quote_text;

/// The triggers.
pub fn objects(drawn: &Drawn<'_>) -> Vec<(OpaqueKind, Part, String)> {
    let mut made = Vec::new();
    if let Some(initial) = &drawn.machine.initial {
        made.push((OpaqueKind::Trigger, Part::Initial, for_new_rows(drawn, initial)));
    }
    made.push((OpaqueKind::Trigger, Part::Transition, for_changes(drawn)));
    made
}

fn head(drawn: &Drawn<'_>, part: Part, event: &str, condition: &str) -> String {
    let name = part.name(drawn.table, drawn.column);
    let table = quote(drawn.table.name.as_str());
    format!(
        "CREATE TRIGGER {} AFTER {event} ON {table}\nWHEN {condition}\nBEGIN",
        quote(name.as_str())
    )
}

fn refuse(drawn: &Drawn<'_>, message: &str, condition: &str) -> String {
    let message = quote_text(&format!("{}{message}", drawn.prefix()));
    format!("  SELECT RAISE(ABORT, {message}) WHERE {condition};")
}

fn for_new_rows(drawn: &Drawn<'_>, initial: &str) -> String {
    let state = format!("NEW.{}", quote(drawn.column.as_str()));
    let mut lines =
        vec![head(drawn, Part::Initial, "INSERT", &format!("{state} <> {}", quote_text(initial)))];
    let others = drawn.states.iter().filter(|it| *it != initial);
    lines.extend(others.map(|other| {
        refuse(drawn, &begins(initial, other), &format!("{state} = {}", quote_text(other)))
    }));
    lines.push("END".to_owned());
    lines.join("\n")
}

fn for_changes(drawn: &Drawn<'_>) -> String {
    let column = quote(drawn.column.as_str());
    let (old, new) = (format!("OLD.{column}"), format!("NEW.{column}"));
    let condition = format!("{old} IS NOT {new}");
    // No trigger there changes a row that is being written, so only a statement that names the column can.
    let event = format!("UPDATE OF {column}");
    let mut lines = vec![head(drawn, Part::Transition, &event, &condition), drawn.machine.told()];
    let is = |place: &str, state: &str| format!("{place} = {}", quote_text(state));
    for from in drawn.states {
        for to in drawn.states.iter().filter(|to| *to != from) {
            let both = format!("{} AND {}", is(&old, from), is(&new, to));
            let pair = drawn.pairs.iter().find(|pair| pair.from == *from && pair.to == *to);
            match pair.map(|pair| (pair, pair.conditions())) {
                None => lines.push(refuse(drawn, &no_transition(from, to), &both)),
                Some((_, None)) => {}
                Some((pair, Some(conditions))) => {
                    let condition = format!("{both} AND ({}) IS NOT TRUE", conditions.join(" OR "));
                    lines.push(refuse(drawn, &pair.refusal(), &condition));
                }
            }
        }
        if drawn.optional {
            let gone = format!("{} AND {new} IS NULL", is(&old, from));
            lines.push(refuse(drawn, &no_transition(from, "NULL"), &gone));
            let begins_here = drawn.machine.initial.as_ref().is_none_or(|initial| initial == from);
            if !begins_here {
                let begun = format!("{old} IS NULL AND {}", is(&new, from));
                lines.push(refuse(drawn, &no_transition("NULL", from), &begun));
            }
        }
    }
    lines.push("END".to_owned());
    lines.join("\n")
}
