//! MG609 `too-new-for-engine`: a statement needs a newer SQLite than the one it runs on.

use crate::lint::rule::{Ask, At, Found, Rule, ServerVersion, Severity, Ways};
use crate::lint::statement::{Act, Deed, Generated};
use crate::text::Dialect;
use crate::text::diagnostic::Span;

pub const RULE: Rule = Rule {
    code: "MG609",
    name: "too-new-for-engine",
    severity: Severity::Error,
    dialect: Some(Dialect::Sqlite),
    versions: "those before the one that brought it",
    ways: Ways::Both,
    what: "A statement needs a newer SQLite than the one it runs on.",
    why: "It is a syntax error there, and the migration fails. SQLite is part of each application, so versions differ from machine to machine.",
    instead: "Name the oldest version by `--server-version` or `server_version`, and build the table anew where that version lacks the statement: make it under another name, copy, drop, rename.",
    bad: include_str!("../../../fixtures/lint/MG609/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG609/good.sql"),
    ask: Ask::Statement(ask),
};

/// What is used, where, and the version 3.x that brought it. Source: sqlite.org, "Release History".
fn needs(at: &At<'_>) -> Vec<(&'static str, Span, u32)> {
    let mut found = Vec::new();
    let columns = crate::lint::rule::new_columns(at);
    let generated = columns.into_iter().filter(|column| column.generated != Generated::No);
    found.extend(generated.map(|column| ("a generated column", column.span, 31)));
    match at.deed() {
        Deed::CreateTable(table) if table.strict => {
            found.push(("STRICT", at.statement().span, 37));
        }
        Deed::AlterTable { actions, .. } => {
            found.extend(actions.iter().filter_map(|action| match action.act {
                Act::DropColumn(_) => Some(("DROP COLUMN", action.span, 35)),
                Act::RenameColumn { .. } => Some(("RENAME COLUMN", action.span, 25)),
                _ => None,
            }));
        }
        _ => {}
    }
    found
}

fn ask(at: &At<'_>) -> Vec<Found> {
    let Some(ServerVersion { major: 3, minor: Some(minor) }) = at.server else { return Vec::new() };
    needs(at)
        .into_iter()
        .filter(|(_, _, since)| minor < *since)
        .map(|(what, span, since)| {
            Found::new(
                span,
                format!("SQLite knows {what} since 3.{since}, and this runs on 3.{minor}"),
            )
        })
        .collect()
}
