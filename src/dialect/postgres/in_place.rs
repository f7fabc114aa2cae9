//! Constraints and indexes that differ in what PostgreSQL can alter: nothing is dropped, checked again or built anew that
//! need not be.
//! Source: manual, ALTER TABLE, ALTER INDEX; measured on PostgreSQL 13 to 18.

use super::action::{Action, all, step};
use super::context::Context;
use super::hierarchy;
use super::parts::{columns, values};
use super::quote::{quote, quote_ident, quote_name};
use crate::catalog::{Constraint, ConstraintKind, Index, Table};
use crate::change::Delta;
use crate::dialect::{Lock, Resource, Step};
use crate::text::token::{Token, tokenize};
use crate::text::{Dialect, QName};

/// What stands at the end of a printed constraint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) deferrable: bool,
    pub(super) deferred: bool,
    not_enforced: bool,
    not_valid: bool,
}

/// Takes the marks off a constraint, in the order in which `pg_get_constraintdef` puts them on.
pub(super) fn marks(definition: &str) -> (&str, Marks) {
    let mut marks = Marks::default();
    let mut rest = definition;
    let mut take = |mark: &str, found: &mut bool| {
        if let Some(shorter) = rest.strip_suffix(mark) {
            (rest, *found) = (shorter, true);
        }
    };
    take(" NOT VALID", &mut marks.not_valid);
    take(" NOT ENFORCED", &mut marks.not_enforced);
    take(" INITIALLY DEFERRED", &mut marks.deferred);
    take(" DEFERRABLE", &mut marks.deferrable);
    (rest, marks)
}

/// Whether rows may break the constraint: it is not checked, or was not when it was made.
pub(super) fn is_unchecked(constraint: &Constraint) -> bool {
    let (_, marks) = marks(&constraint.definition);
    marks.not_valid || marks.not_enforced
}

/// How a constraint is altered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alteration {
    /// Deferral, and for a foreign key that is not enforced any more, that.
    Rules,
    Enforce,
    Validate,
}

/// What alters a constraint from one form to the other, if the engine can.
fn alterations(before: &Constraint, after: &Constraint) -> Option<Vec<Alteration>> {
    let ((old, was), (new, is)) = (marks(&before.definition), marks(&after.definition));
    let is_key = matches!(after.kind, ConstraintKind::ForeignKey(_));
    let is_check = matches!(after.kind, ConstraintKind::Check { .. });
    let same_kind = std::mem::discriminant(&before.kind) == std::mem::discriminant(&after.kind);
    let defers = (was.deferrable, was.deferred) != (is.deferrable, is.deferred);
    let enforces = was.not_enforced != is.not_enforced;
    // A constraint cannot be made unchecked again, nor one that is not enforced be enforced unchecked.
    let loses_validity = !was.not_valid && is.not_valid;
    if old != new || !same_kind || loses_validity || !(is_key || is_check) {
        return None;
    }
    if (defers || enforces) && !is_key || before.name != after.name {
        return None;
    }
    let mut found = Vec::new();
    if defers || enforces && is.not_enforced {
        found.push(Alteration::Rules);
    }
    if enforces && !is.not_enforced {
        found.push(Alteration::Enforce);
    }
    if was.not_valid && !is.not_valid && !is.not_enforced {
        found.push(Alteration::Validate);
    }
    Some(found)
}

/// Whether a listed change of a constraint takes nothing away.
pub(super) fn keeps(delta: &Delta<Constraint>) -> bool {
    match delta {
        Delta::Alter { before, after } => alterations(before, after).is_some(),
        Delta::Add(_) | Delta::Drop(_) => false,
    }
}

/// Whether a listed change of an index leaves its definition, parameters aside.
pub(super) fn keeps_index(delta: &Delta<Index>) -> bool {
    match delta {
        Delta::Alter { before, after } => {
            parameters(&before.definition).0 == parameters(&after.definition).0
                && before.name == after.name
        }
        Delta::Add(_) | Delta::Drop(_) => false,
    }
}

/// The steps that alter a constraint; `None` if it must be dropped and made again.
pub(super) fn constraint(
    table: &Table,
    before: &Constraint,
    after: &Constraint,
    context: &Context<'_>,
) -> Option<Vec<Step>> {
    let found = alterations(before, after)?;
    let label = after.name.as_ref()?;
    let name = &table.name;
    if hierarchy::follows(name, label, context) {
        // Altered with the one of the parent.
        return Some(Vec::new());
    }
    let (_, is) = marks(&after.definition);
    let other = match &after.kind {
        ConstraintKind::ForeignKey(key) => context.after().tables.get(&key.references),
        ConstraintKind::PrimaryKey { .. }
        | ConstraintKind::Unique { .. }
        | ConstraintKind::Check { .. }
        | ConstraintKind::Exclusion => None,
    };
    let head = format!("ALTER TABLE {}", quote_name(name));
    let quoted = quote_ident(label);
    let steps = found.into_iter().map(|alteration| {
        let (action, title, statement) = match alteration {
            Alteration::Rules => (
                Action::AlterConstraint,
                format!("alter constraint {label} of {name}"),
                format!("{head} ALTER CONSTRAINT {quoted} {}", rules(is)),
            ),
            Alteration::Enforce => (
                Action::EnforceConstraint,
                format!("enforce constraint {label} of {name}"),
                format!("{head} ALTER CONSTRAINT {quoted} ENFORCED"),
            ),
            Alteration::Validate => (
                Action::ValidateConstraint,
                format!("validate constraint {label} of {name}"),
                format!("{head} VALIDATE CONSTRAINT {quoted}"),
            ),
        };
        let made = step(action, title, vec![statement]).needs([Resource::Table(name.clone())]);
        let looks = !matches!(alteration, Alteration::Rules);
        let looked_at = [Some(table), other].into_iter().flatten().filter(|_| looks);
        made.needs(all(looked_at.flat_map(|table| [columns(table), values(table)])))
            .needs(context.made_in([after.definition.as_str()]))
    });
    Some(steps.collect())
}

/// Everything that ALTER CONSTRAINT says of a foreign key.
fn rules(marks: Marks) -> String {
    let deferral = match (marks.deferrable, marks.deferred) {
        (true, true) => "DEFERRABLE INITIALLY DEFERRED",
        (true, false) => "DEFERRABLE INITIALLY IMMEDIATE",
        (false, _) => "NOT DEFERRABLE",
    };
    let enforced = if marks.not_enforced { " NOT ENFORCED" } else { "" };
    format!("{deferral}{enforced}")
}

/// Storage parameters with their values, in the order in which they are stored and printed.
type Parameters = Vec<(String, String)>;

/// The storage parameters of a printed index, and the text without them.
fn parameters(definition: &str) -> (String, Parameters) {
    let tokens = tokenize(definition, Dialect::Postgres);
    let code: Vec<&Token<'_>> = tokens.iter().filter(|token| token.is_code()).collect();
    let mut depth = 0_usize;
    for (at, token) in code.iter().enumerate() {
        if token.is_mark("(") {
            depth += 1;
        } else if token.is_mark(")") {
            depth = depth.saturating_sub(1);
        } else if depth == 0
            && token.is_word("with")
            && code.get(at + 1).is_some_and(|next| next.is_mark("("))
        {
            let Some(end) = (at + 1..code.len()).find(|end| code[*end].is_mark(")")) else { break };
            let list = &definition[code[at + 1].span.end..code[end].span.start];
            let rest = format!(
                "{} {}",
                definition[..token.span.start].trim_end(),
                definition[code[end].span.end..].trim_start()
            );
            return (rest.trim_end().to_owned(), named(list));
        }
    }
    (definition.to_owned(), Parameters::new())
}

/// `fillfactor='70', fastupdate=off`.
fn named(list: &str) -> Parameters {
    let pairs = list.split(',').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect()
}

/// The step that sets the storage parameters of an index; `None` if it must be built anew.
pub(super) fn index(
    table: &Table,
    before: &Index,
    after: &Index,
    context: &Context<'_>,
) -> Option<Step> {
    let ((old, was), (new, is)) = (parameters(&before.definition), parameters(&after.definition));
    let is_partitioned = hierarchy::options(table).partition_by.is_some();
    if old != new
        || is_partitioned
        || before.name != after.name
        || hierarchy::cascades(&table.name, &after.name, context)
    {
        return None;
    }
    let index = QName { schema: table.name.schema.clone(), name: after.name.clone() };
    let (stays, set) = is.split_at(common(&was, &is));
    let reset: Vec<String> = was
        .iter()
        .filter(|parameter| !stays.contains(parameter))
        .map(|(name, _)| quote(name))
        .collect();
    let set: Vec<String> =
        set.iter().map(|(name, value)| format!("{} = {value}", quote(name))).collect();
    let mut statements = Vec::new();
    if !reset.is_empty() {
        statements.push(format!("ALTER INDEX {} RESET ({})", quote_name(&index), reset.join(", ")));
    }
    if !set.is_empty() {
        statements.push(format!("ALTER INDEX {} SET ({})", quote_name(&index), set.join(", ")));
    }
    let made = step(
        Action::AlterIndex,
        format!("set parameters of index {} of {}", after.name, table.name),
        statements,
    )
    .needs([Resource::Table(table.name.clone())]);
    // Source: `reloptions.c`; the others lock all out.
    let is_light =
        |name: &str| matches!(name.trim_matches('"'), "fillfactor" | "deduplicate_items");
    let light = was.iter().chain(&is).all(|(name, _)| is_light(name));
    Some(if light { made } else { made.lock(Lock::AccessExclusive) })
}

/// How many of the wanted parameters stand first already, once all others are gone: new ones go to the end.
fn common(was: &Parameters, is: &Parameters) -> usize {
    let kept: Vec<_> = was.iter().filter(|parameter| is.contains(parameter)).collect();
    (0..=is.len().min(kept.len()))
        .rev()
        .find(|count| kept.iter().copied().filter(|it| is[..*count].contains(it)).eq(&is[..*count]))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(definition: &str) -> Constraint {
        Constraint {
            name: Some("c".into()),
            kind: ConstraintKind::Check { expression: String::new() },
            definition: definition.to_owned(),
        }
    }

    #[test]
    fn the_marks_come_off_in_order() {
        let (rest, found) =
            marks("FOREIGN KEY (a) REFERENCES t(id) DEFERRABLE INITIALLY DEFERRED NOT VALID");
        assert_eq!(rest, "FOREIGN KEY (a) REFERENCES t(id)");
        let wanted =
            Marks { deferrable: true, deferred: true, not_enforced: false, not_valid: true };
        assert_eq!(found, wanted);
    }

    #[test]
    fn a_check_can_be_validated_and_not_the_other_way_round() {
        let (valid, open) = (key("CHECK ((a > 0))"), key("CHECK ((a > 0)) NOT VALID"));
        assert_eq!(alterations(&open, &valid), Some(vec![Alteration::Validate]));
        assert_eq!(alterations(&valid, &open), None);
        assert_eq!(alterations(&valid, &key("CHECK ((a > 0)) NOT ENFORCED")), None);
    }

    #[test]
    fn parameters_come_out_of_the_middle() {
        let (rest, found) = parameters(
            "CREATE INDEX i ON public.t USING btree (lower((a)::text)) WITH (fillfactor='70', deduplicate_items=off) WHERE (a IS NOT NULL)",
        );
        assert_eq!(
            rest,
            "CREATE INDEX i ON public.t USING btree (lower((a)::text)) WHERE (a IS NOT NULL)"
        );
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(found, [pair("fillfactor", "'70'"), pair("deduplicate_items", "off")]);
        // A parameter that is set goes to the end: what comes before another one that stays is set anew with it.
        let (a, b) = (pair("a", "1"), pair("b", "1"));
        assert_eq!(common(&vec![a.clone(), b.clone()], &vec![b.clone(), a.clone()]), 1);
        assert_eq!(common(&vec![a.clone(), b.clone()], &vec![a, b]), 2);
    }
}
