//! What PostgreSQL can change in place: `CREATE OR REPLACE`, `ALTER`.

use std::ops::Range;

use super::super::action::{Action, step};
use super::super::context::Context;
use super::super::quote::quote_ident;
use super::super::{
    attributes, containers, ownership, passing, positions, sequences, view_settings,
};
use crate::catalog::{Opaque, OpaqueKind};
use crate::dialect::{Resource, Step};
use crate::text::Dialect;
use crate::text::token::{Token, tokenize};

/// Whether an object can be changed without being dropped.
pub(in crate::dialect::postgres) fn is_replaceable(before: &Opaque, after: &Opaque) -> bool {
    let same_first = before.create.first() == after.create.first();
    match after.id.kind {
        OpaqueKind::Sequence => true,
        OpaqueKind::Domain | OpaqueKind::Type => same_first,
        OpaqueKind::Function | OpaqueKind::Procedure => keeps_its_heading(before, after),
        // CREATE OR REPLACE VIEW may add columns at the end. Source: manual, CREATE VIEW.
        OpaqueKind::View => {
            let grows = !before.columns.is_empty() && after.columns.starts_with(&before.columns);
            (same_first || grows) && view_settings::changes(before, after).is_some()
        }
        OpaqueKind::MaterializedView => {
            definition(before) == definition(after)
                && view_settings::changes(before, after).is_some()
        }
        OpaqueKind::Extension => is_upgrade(version(before), version(after)),
        OpaqueKind::RangeType
        | OpaqueKind::BaseType
        | OpaqueKind::Aggregate
        | OpaqueKind::Operator
        | OpaqueKind::OperatorFamily
        | OpaqueKind::OperatorClass
        | OpaqueKind::Collation
        | OpaqueKind::Conversion
        | OpaqueKind::Cast
        | OpaqueKind::TextSearchParser
        | OpaqueKind::TextSearchTemplate
        | OpaqueKind::TextSearchDictionary
        | OpaqueKind::TextSearchConfiguration
        | OpaqueKind::Language
        | OpaqueKind::AccessMethod
        | OpaqueKind::Transform
        | OpaqueKind::ForeignDataWrapper
        | OpaqueKind::Server
        | OpaqueKind::UserMapping
        | OpaqueKind::ForeignTable
        | OpaqueKind::Index
        | OpaqueKind::Rule
        | OpaqueKind::Trigger
        | OpaqueKind::Policy
        | OpaqueKind::Statistics
        | OpaqueKind::EventTrigger
        | OpaqueKind::Publication
        | OpaqueKind::PublicationTable
        | OpaqueKind::PublicationSchema
        | OpaqueKind::VirtualTable => false,
    }
}

/// Changes an object in place.
pub(super) fn step_of(before: &Opaque, after: &Opaque, context: &Context<'_>) -> Step {
    let id = &after.id;
    let (action, mut statements) = match id.kind {
        OpaqueKind::Sequence => {
            let kept = context.keeps_as(&id.name, None);
            (Action::AlterSequence, sequences::alter_free(before, after, &kept))
        }
        OpaqueKind::Domain => (Action::AlterDomain, alter_domain(before, after)),
        OpaqueKind::Function | OpaqueKind::Procedure => {
            let mut statements = vec!["SET LOCAL check_function_bodies = off".to_owned()];
            statements.extend(after.create.iter().cloned());
            (Action::ReplaceObject, statements)
        }
        OpaqueKind::Extension => {
            let version = version(after).map(|version| format!(" TO {version}"));
            let name = quote_ident(&id.name.name);
            let update = format!("ALTER EXTENSION {name} UPDATE{}", version.unwrap_or_default());
            (Action::ReplaceObject, vec![update])
        }
        OpaqueKind::View => {
            let mut statements = Vec::new();
            if before.create.first() != after.create.first() {
                let texts = after.create.iter().take(1);
                statements.extend(
                    texts.map(|text| text.replacen("CREATE VIEW", "CREATE OR REPLACE VIEW", 1)),
                );
            }
            statements.extend(view_settings::changes(before, after).unwrap_or_default());
            (Action::CreateView, statements)
        }
        OpaqueKind::MaterializedView => {
            (Action::ReplaceObject, view_settings::changes(before, after).unwrap_or_default())
        }
        OpaqueKind::Type if context.around.attributes.contains(id) => {
            (Action::ReplaceObject, attributes::statements(before, after))
        }
        // What stands behind the first statement belongs to the object.
        _ => (Action::ReplaceObject, after.create.iter().skip(1).cloned().collect()),
    };
    if !matches!(id.kind, OpaqueKind::View | OpaqueKind::MaterializedView) {
        statements.extend(comments_taken_away(before, after));
    }
    if id.kind == OpaqueKind::Sequence {
        statements.extend(ownership::taken_away(before, after));
    }
    let mut frees = super::frees(before, context);
    frees.remove(&Resource::Opaque(id.clone()));
    let made = step(action, format!("change {id}"), statements)
        .needs(super::needs(after, context))
        .frees(frees)
        .takes(containers::is_narrowed(before, after).then(|| containers::out_of_containers(id)))
        .makes([Resource::Opaque(id.clone())]);
    let made = match super::body_lock(after) {
        Some(lock) => made.lock(lock),
        None => made,
    };
    if context.around.attributes.contains(id) {
        return made.takes([passing::values_before(id)]);
    }
    made
}

/// Puts the position of a sequence back that the other way moved into a narrower range.
pub(super) fn widened(before: &Opaque, after: &Opaque, context: &Context<'_>) -> Option<Step> {
    if after.id.kind != OpaqueKind::Sequence {
        return None;
    }
    let (old, new) = (sequences::range_of(before)?, sequences::range_of(after)?);
    positions::is_narrower(new, old).then(|| {
        let kept = context.kept_by_the_other_way(&after.id.name, None);
        positions::widen(&after.id.name, kept).needs([Resource::Opaque(after.id.clone())])
    })
}

/// The text of a materialized view, filled or not.
fn definition(opaque: &Opaque) -> &str {
    let text = opaque.create.first().map(String::as_str).unwrap_or_default();
    text.strip_suffix(super::NO_DATA).unwrap_or(text)
}

fn comments_taken_away(before: &Opaque, after: &Opaque) -> Vec<String> {
    let targets = |opaque: &Opaque| -> Vec<String> {
        let comments = opaque.create.iter().filter(|text| text.starts_with("COMMENT ON "));
        comments.filter_map(|text| Some(text.split_once(" IS ")?.0.to_owned())).collect()
    };
    let stays = targets(after);
    targets(before)
        .into_iter()
        .filter(|target| !stays.contains(target))
        .map(|target| format!("{target} IS NULL"))
        .collect()
}

/// A domain's texts stand one property each, so what differs is what to take away and what to add.
fn alter_domain(before: &Opaque, after: &Opaque) -> Vec<String> {
    let mut statements = Vec::new();
    let gone = before.create.iter().filter(|text| !after.create.contains(text));
    for text in gone {
        if let Some((domain, rest)) = text.split_once(" ADD CONSTRAINT ") {
            let tokens = tokenize(rest, Dialect::Postgres);
            let name = tokens.first().map_or(rest, |token| token.text);
            statements.push(format!("{domain} DROP CONSTRAINT {name}"));
        } else if let Some((domain, _)) = text.split_once(" SET DEFAULT ") {
            statements.push(format!("{domain} DROP DEFAULT"));
        } else if let Some(domain) = text.strip_suffix(" SET NOT NULL") {
            statements.push(format!("{domain} DROP NOT NULL"));
        }
    }
    statements.extend(after.create.iter().filter(|text| !before.create.contains(text)).cloned());
    statements
}

/// The version of an extension where it is not the server's default one.
fn version(extension: &Opaque) -> Option<&str> {
    extension.create.first()?.split_once(" VERSION ").map(|(_, version)| version)
}

/// Whether a version follows another; the default one (`None`) is the newest.
fn is_upgrade(before: Option<&str>, after: Option<&str>) -> bool {
    let numbers = |text: &str| -> Vec<u64> {
        text.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
    };
    match (before, after) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(before), Some(after)) => numbers(before) < numbers(after),
    }
}

/// The lines with name, arguments and result type: `pg_get_functiondef` prints the body from ` LANGUAGE` on.
struct Heading {
    /// All but the arguments.
    rest: String,
    /// Each argument, and its default.
    arguments: Vec<(String, Option<String>)>,
    is_window: bool,
}

/// `CREATE OR REPLACE` keeps names and types of arguments and the result; defaults may come and change but not go.
/// Source: manual, CREATE FUNCTION.
fn keeps_its_heading(before: &Opaque, after: &Opaque) -> bool {
    let (Some(before), Some(after)) = (heading(before), heading(after)) else { return false };
    let pairs = before.arguments.iter().zip(&after.arguments);
    before.rest == after.rest
        && before.is_window == after.is_window
        && before.arguments.len() == after.arguments.len()
        && pairs
            .into_iter()
            .all(|((left, old), (right, new))| left == right && (old.is_none() || new.is_some()))
}

fn heading(opaque: &Opaque) -> Option<Heading> {
    let text = opaque.create.first()?;
    let lines: Vec<&str> = text.lines().take_while(|line| !line.starts_with(" LANGUAGE")).collect();
    let head = lines.join("\n");
    let options = text.lines().skip(lines.len()).take_while(|line| !line.starts_with("AS "));
    let is_window = options.into_iter().any(|line| line.split(' ').any(|word| word == "WINDOW"));
    let tokens = tokenize(&head, Dialect::Postgres);
    let arguments = parenthesized(&tokens)?;
    let mut rest = head[..arguments.start].to_owned();
    rest.push_str(&head[arguments.end..]);
    let inner = tokenize(&head[arguments], Dialect::Postgres);
    Some(Heading { rest, arguments: split(&inner), is_window })
}

/// What stands between the first parenthesis and its partner.
fn parenthesized(tokens: &[Token<'_>]) -> Option<Range<usize>> {
    let (mut depth, mut start) = (0_usize, None);
    for token in tokens {
        if token.is_mark("(") {
            depth += 1;
            start = start.or(Some(token.span.end));
        } else if token.is_mark(")") {
            depth = depth.checked_sub(1)?;
            if depth == 0 {
                return Some(start?..token.span.start);
            }
        }
    }
    None
}

/// Arguments by comma, each with what follows `DEFAULT`.
fn split(tokens: &[Token<'_>]) -> Vec<(String, Option<String>)> {
    let mut arguments: Vec<(String, Option<String>)> = Vec::new();
    let (mut depth, mut is_first) = (0_i64, true);
    for token in tokens {
        if token.is_mark("(") || token.is_mark("[") {
            depth += 1;
        } else if token.is_mark(")") || token.is_mark("]") {
            depth -= 1;
        }
        if is_first || depth == 0 && token.is_mark(",") {
            arguments.push((String::new(), None));
        }
        is_first = false;
        let Some((declared, default)) = arguments.last_mut() else { continue };
        if depth == 0 && (token.is_mark(",") || !token.is_code()) {
            continue;
        }
        match default {
            Some(default) => default.push_str(token.text),
            None if depth == 0 && token.is_word("default") => *default = Some(String::new()),
            None => {
                declared.push_str(token.text);
                declared.push(' ');
            }
        }
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::ObjectId;
    use crate::text::QName;
    use std::collections::BTreeSet;

    fn function(heading: &str) -> Opaque {
        let id = ObjectId {
            kind: OpaqueKind::Function,
            name: QName::new("public", "f"),
            signature: String::new(),
            table: None,
        };
        let text = format!("CREATE OR REPLACE FUNCTION {heading}\n LANGUAGE sql\nAS $$$$");
        Opaque { id, create: vec![text], columns: Vec::new(), depends_on: BTreeSet::new() }
    }

    #[test]
    fn defaults_may_come_and_change_but_not_go() {
        let none = function("public.f(a integer, b numeric(10,2))\n RETURNS integer");
        let some = function("public.f(a integer, b numeric(10,2) DEFAULT 1)\n RETURNS integer");
        let other =
            function("public.f(a integer, b numeric(10,2) DEFAULT f(1, 2))\n RETURNS integer");
        assert!(keeps_its_heading(&none, &some) && keeps_its_heading(&some, &other));
        assert!(!keeps_its_heading(&some, &none));
    }

    #[test]
    fn names_and_results_stay() {
        let before = function("public.f(a integer)\n RETURNS integer");
        assert!(!keeps_its_heading(&before, &function("public.f(b integer)\n RETURNS integer")));
        assert!(!keeps_its_heading(&before, &function("public.f(a integer)\n RETURNS bigint")));
        assert!(keeps_its_heading(&before, &before));
    }
}
