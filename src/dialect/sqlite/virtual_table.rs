//! Virtual tables: made and dropped by their own text, never rebuilt. Rows are carried for the modules whose rows
//! can be read and written back (FTS3-5, R-Tree); an index over another table is filled from that table again.
//! Sources: sqlite.org/fts3.html, sqlite.org/fts5.html 4.4 "External Content Tables", sqlite.org/rtree.html.

use std::collections::BTreeSet;

use super::facts::{facts, statements, whole};
use super::inspect::opaque::is_shadow_of;
use super::kept::{Kept, Scope, restore_step};
use super::lower::name_of;
use super::opaque::{all_rows, triggers_that_stay};
use super::quote::{literal, quote};
use super::table::ROW;
use crate::catalog::{Dependency, Opaque, OpaqueKind};
use crate::change::{Delta, Diff};
use crate::dialect::{Absence, Order, Resource, Step, Undo, Work};
use crate::text::token::{Kind, Token, tokenize};
use crate::text::{Dialect, QName};

/// Where the rows of a virtual table live.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Rows {
    /// In the table itself, under these columns.
    Own(Vec<String>),
    /// R-Tree: like `Own`, but the first column is the rowid.
    Spatial(Vec<String>),
    /// In another table, under these columns of it.
    Elsewhere {
        table: String,
        columns: Vec<String>,
    },
    /// Nowhere: only the index is kept by the engine.
    Nowhere,
    Unknown,
}

pub(super) fn steps(delta: &Delta<Opaque>, scope: &Scope<'_>) -> Vec<Step> {
    match delta {
        Delta::Add(after) => add(after, scope),
        Delta::Drop(before) => vec![remove(before, scope)],
        Delta::Alter { before, after } => {
            let mut steps = vec![remove(before, scope)];
            steps.extend(replace(before, after, scope));
            steps
        }
    }
}

fn remove(before: &Opaque, scope: &Scope<'_>) -> Step {
    let name = &before.id.name;
    let kept = scope.kept_here(name, None);
    let (mut texts, undo, reason) = match rows(before) {
        Rows::Own(columns) => {
            (keep(&kept, before, Some("rowid"), &columns), Undo::Kept, "its rows are kept")
        }
        Rows::Spatial(columns) => {
            (keep(&kept, before, None, &columns), Undo::Kept, "its rows are kept")
        }
        Rows::Elsewhere { .. } => {
            (Vec::new(), Undo::Exact, "its rows are in another table and are indexed again")
        }
        Rows::Nowhere => (Vec::new(), Undo::Lossy, "an index without its rows"),
        Rows::Unknown => (Vec::new(), Undo::Lossy, "its module is not known to keep rows"),
    };
    texts.push(format!("DROP TABLE {}", quote(name.name.as_str())));
    Step {
        title: format!("drop {}", before.id),
        statements: statements(texts),
        facts: facts(Work::Write, undo, reason),
        reads_kept: None,
        order: Order {
            takes: [name_of(&name.name), Resource::Opaque(before.id.clone())].into_iter().collect(),
            ..Order::default()
        },
    }
}

fn keep(kept: &Kept, table: &Opaque, row: Option<&str>, columns: &[String]) -> Vec<String> {
    let (names, sources) = listed(row, columns);
    vec![
        format!("CREATE TABLE {} ({names})", kept.quoted()),
        format!(
            "INSERT INTO {} ({names}) SELECT {sources} FROM {}",
            kept.quoted(),
            quote(table.id.name.name.as_str())
        ),
    ]
}

/// Column lists of the kept table and of the virtual one.
fn listed(row: Option<&str>, columns: &[String]) -> (String, String) {
    let own: Vec<String> = columns.iter().map(|column| quote(column)).collect();
    let with = |first: Option<&str>| {
        first.map(str::to_owned).into_iter().chain(own.clone()).collect::<Vec<_>>().join(", ")
    };
    (with(row.map(|_| ROW)), with(row))
}

fn add(after: &Opaque, scope: &Scope<'_>) -> Vec<Step> {
    let name = &after.id.name;
    let kept = scope.kept_there(name, None);
    let restore = match rows(after) {
        Rows::Own(columns) => put_back(&kept, after, Some("rowid"), &columns),
        Rows::Spatial(columns) => put_back(&kept, after, None, &columns),
        Rows::Elsewhere { .. } | Rows::Nowhere | Rows::Unknown => {
            return vec![create(scope.diff, after, Vec::new(), None)];
        }
    };
    match scope.absence() {
        Absence::Refuse => vec![create(scope.diff, after, restore, Some(&kept))],
        Absence::Skip => {
            let made = Resource::Opaque(after.id.clone());
            let title = format!("restore the rows of {}", after.id);
            vec![
                create(scope.diff, after, Vec::new(), None),
                restore_step(title, &kept, restore, vec![made], all_rows(name)),
            ]
        }
    }
}

fn put_back(kept: &Kept, table: &Opaque, row: Option<&str>, columns: &[String]) -> Vec<String> {
    let (names, targets) = listed(row, columns);
    let insert = format!(
        "INSERT INTO {} ({targets}) SELECT {names} FROM {}",
        quote(table.id.name.name.as_str()),
        kept.quoted()
    );
    [insert].into_iter().chain(flush()).chain([kept.drop()]).collect()
}

/// The table again in its new form: rows come from what the drop has just kept, and on the way back, for columns
/// that the way there took away, from what that kept.
fn replace(before: &Opaque, after: &Opaque, scope: &Scope<'_>) -> Vec<Step> {
    let name = &after.id.name;
    let (row, from, to) = match (rows(before), rows(after)) {
        (Rows::Own(from), Rows::Own(to)) => (Some(("rowid", ROW)), from, to),
        (Rows::Spatial(from), Rows::Spatial(to)) => (None, from, to),
        _ => return add(after, scope),
    };
    let here = scope.kept_here(name, None);
    let there = scope.kept_there(name, None);
    let back = scope.absence() == Absence::Refuse;
    let key = match (row, from.first()) {
        (Some(_), _) | (None, None) => ROW.to_owned(),
        (None, Some(first)) => quote(first),
    };
    let value = |column: &String| match from.contains(column) {
        true => format!("\"t\".{}", quote(column)),
        false if back => format!(
            "(SELECT \"k\".{} FROM {} AS \"k\" WHERE \"k\".{key} = \"t\".{key})",
            quote(column),
            there.quoted()
        ),
        false => "NULL".to_owned(),
    };
    let mut targets: Vec<String> = to.iter().map(|column| quote(column)).collect();
    let mut values: Vec<String> = to.iter().map(value).collect();
    if row.is_some() {
        targets.push("rowid".to_owned());
        values.push(format!("\"t\".{ROW}"));
    }
    let mut texts = vec![format!(
        "INSERT INTO {} ({}) SELECT {} FROM {} AS \"t\"",
        quote(name.name.as_str()),
        targets.join(", "),
        values.join(", "),
        here.quoted()
    )];
    if back {
        texts.push(there.drop());
    }
    let mut steps = vec![create(scope.diff, after, texts, back.then_some(&there))];
    if !back {
        let title = format!("let go of the rows a rollback kept of {}", after.id);
        let made = Resource::Opaque(after.id.clone());
        steps.push(restore_step(title, &there, vec![there.drop()], vec![made], all_rows(name)));
    }
    steps
}

fn create(diff: &Diff, after: &Opaque, then: Vec<String>, reads: Option<&Kept>) -> Step {
    let name = &after.id.name;
    let mut texts: Vec<String> = after.create.iter().map(|text| whole(text)).collect();
    texts.extend(then);
    if can_be_indexed_again(diff, after) {
        let own = quote(name.name.as_str());
        texts.push(format!("INSERT INTO {own} ({own}) VALUES ({})", literal("rebuild")));
    }
    if texts.len() > after.create.len() {
        texts.extend(flush());
    }
    // Triggers on its shadow tables went with them.
    let shadows = diff.after.opaques.values().filter_map(|opaque| opaque.id.table.as_ref());
    let shadows: BTreeSet<&QName> = shadows
        .filter(|table| !diff.after.tables.contains_key(*table))
        .filter(|table| is_shadow_of(&table.name, &name.name))
        .collect();
    for trigger in shadows.into_iter().flat_map(|table| triggers_that_stay(diff, table)) {
        texts.extend(trigger.create.iter().map(|text| whole(text)));
    }
    let needs = after.depends_on.iter().flat_map(|dependency| match dependency {
        Dependency::Table(table) => vec![Resource::Table(table.clone()), all_rows(table)],
        Dependency::Column(table, column) => vec![
            Resource::Column(table.clone(), column.clone()),
            Resource::Values(table.clone(), column.clone()),
        ],
        Dependency::Constraint(..) | Dependency::Enum(_) => Vec::new(),
        Dependency::Opaque(id) => vec![Resource::Opaque(id.clone())],
    });
    Step {
        title: format!("create {}", after.id),
        statements: statements(texts),
        facts: facts(Work::Write, Undo::Exact, "it is dropped again"),
        reads_kept: reads.map(|kept| kept.usage(Absence::Refuse)),
        order: Order {
            needs: needs.collect(),
            makes: [name_of(&name.name), Resource::Opaque(after.id.clone())].into_iter().collect(),
            ..Order::default()
        },
    }
}

/// Whether the rows it indexes are in a table or view that is there and has the columns.
fn can_be_indexed_again(diff: &Diff, after: &Opaque) -> bool {
    let Rows::Elsewhere { table, columns } = rows(after) else { return false };
    let same = |name: &str, other: &str| name.eq_ignore_ascii_case(other);
    let stands = diff.after.tables.values().any(|content| {
        same(content.name.name.as_str(), &table)
            && columns.iter().all(|wanted| {
                content.columns.iter().any(|column| same(column.name.as_str(), wanted))
            })
    });
    stands
        || diff
            .after
            .opaques
            .keys()
            .any(|id| id.kind == OpaqueKind::View && same(id.name.name.as_str(), &table))
}

/// FTS holds back what is written until a savepoint opens; with triggers on its shadow tables (which are made after
/// this) the flush would start further statements, each with a savepoint of its own, without end.
fn flush() -> [String; 2] {
    let name = quote("_migrate_flush");
    [format!("SAVEPOINT {name}"), format!("RELEASE {name}")]
}

/// Reads `CREATE VIRTUAL TABLE name USING module (arguments)`.
fn rows(table: &Opaque) -> Rows {
    let Some(text) = table.create.first() else { return Rows::Unknown };
    let tokens: Vec<Token<'_>> =
        tokenize(text, Dialect::Sqlite).into_iter().filter(Token::is_code).collect();
    let Some(using) = tokens.iter().position(|token| token.is_word("USING")) else {
        return Rows::Unknown;
    };
    let module = tokens.get(using + 1).and_then(Token::name).unwrap_or_default();
    let arguments = arguments(tokens.get(using + 2..).unwrap_or(&[]));
    match module.to_ascii_lowercase().as_str() {
        "fts3" | "fts4" | "fts5" => full_text(&arguments),
        "rtree" | "rtree_i32" => {
            Rows::Spatial(arguments.iter().filter_map(|a| column(a)).collect())
        }
        _ => Rows::Unknown,
    }
}

/// The arguments between the outermost parentheses, as tokens.
fn arguments<'a>(tokens: &'a [Token<'a>]) -> Vec<Vec<Token<'a>>> {
    let mut arguments: Vec<Vec<Token<'a>>> = Vec::new();
    let mut depth = 0;
    for token in tokens {
        match token.text {
            "(" if depth == 0 => arguments.push(Vec::new()),
            ")" if depth == 1 => break,
            "," if depth == 1 => arguments.push(Vec::new()),
            _ => arguments.last_mut().into_iter().for_each(|last| last.push(*token)),
        }
        match token.text {
            "(" => depth += 1,
            ")" => depth -= 1,
            _ => {}
        }
    }
    arguments.retain(|argument| !argument.is_empty());
    arguments
}

fn full_text(arguments: &[Vec<Token<'_>>]) -> Rows {
    let is_option = |argument: &&Vec<Token<'_>>| argument.iter().any(|token| token.is_mark("="));
    let content = arguments.iter().filter(is_option).find(|a| a[0].is_word("content"));
    let columns: Vec<String> = arguments
        .iter()
        .filter(|argument| !is_option(argument))
        .filter(|argument| !argument[0].is_word("tokenize"))
        .filter_map(|argument| column(argument))
        .collect();
    if let Some(content) = content {
        let named = content.last().and_then(|token| match token.kind {
            Kind::Text => Some(token.text.trim_matches('\'').to_owned()),
            _ => token.name(),
        });
        return match named.filter(|name| !name.is_empty()) {
            Some(table) => Rows::Elsewhere { table, columns },
            None => Rows::Nowhere,
        };
    }
    match columns.is_empty() {
        true => Rows::Own(vec!["content".to_owned()]),
        false => Rows::Own(columns),
    }
}

/// The first name of an argument; `+name` is an auxiliary column of an R-Tree.
fn column(argument: &[Token<'_>]) -> Option<String> {
    argument.iter().find(|token| !token.is_mark("+")).and_then(|token| match token.kind {
        Kind::Text => Some(token.text.trim_matches('\'').replace("''", "'")),
        _ => token.name(),
    })
}
