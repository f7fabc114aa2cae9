//! Chooses how a table changes: by `ALTER TABLE ADD COLUMN` where that says it exactly, else by a rebuild; and what
//! becomes of its indexes where the table itself stays.

use super::around::{self, Strings};
use super::ddl::{self, ClauseKind, ColumnText};
use super::facts::{facts, statements, whole};
use super::kept::{Scope, VALUE};
use super::lower::name_of;
use super::quote::quote;
use super::rebuild;
use super::table::{Shape, row_key};
use crate::catalog::fingerprint::normalize_table;
use crate::catalog::{Column, Index, IndexKey, Table};
use crate::change::{Delta, SourceOrigin, TableChange};
use crate::dialect::{Absence, LowerError, Order, Resource, Step, Undo, Work};
use crate::text::token::{Kind, Token, canonical, tokenize};
use crate::text::{Dialect, QName};

/// The steps of one changed table.
///
/// # Errors
/// As [`rebuild::steps`].
pub(super) fn steps(change: &TableChange, scope: &Scope<'_>) -> Result<Vec<Step>, LowerError> {
    let bare = |table: &Table| {
        let table = Table { indexes: Vec::new(), ..table.clone() };
        normalize_table(&table, Dialect::Sqlite)
    };
    let strings = around::rewrites_strings(scope.diff);
    let rewritten = strings == Strings::Rewritten && around::has_strings(&change.after);
    if bare(&change.before) == bare(&change.after) && !rewritten {
        return Ok(index_steps(change, strings));
    }
    let before = Shape::of(&change.before)?;
    let after = Shape::of(&change.after)?;
    match !rewritten && can_add_columns(change, &before, &after, scope) {
        true => {
            let mut steps = add_columns(&before, &after, scope)?;
            steps.extend(index_steps(change, strings));
            Ok(steps)
        }
        false => rebuild::steps(change, scope),
    }
}

/// Whether `ADD COLUMN` says the change exactly. Limits: sqlite.org/lang_altertable.html#altertabaddcol.
fn can_add_columns(
    change: &TableChange,
    before: &Shape<'_>,
    after: &Shape<'_>,
    scope: &Scope<'_>,
) -> bool {
    // On the way back the rows get kept values: one copy that fills them is simpler than an update after it.
    let first_time = scope.absence() == Absence::Skip;
    let added = &after.text.columns[before.text.columns.len().min(after.text.columns.len())..];
    let untouched = change.mapping.iter().all(|source| {
        let new = added.iter().any(|column| column.name == source.column.as_str());
        let plain = !source.is_converted_as_said() && source.fill.is_none();
        plain && (new || matches!(source.origin, SourceOrigin::Same | SourceOrigin::Computed))
    });
    first_time
        && untouched
        && differ_by_last_columns(before, after)
        && added.iter().all(|column| can_add(column, after.create))
}

fn can_add(column: &ColumnText, text: &str) -> bool {
    let clauses_allow = column.clauses.iter().all(|clause| match &clause.kind {
        ClauseKind::PrimaryKey { .. } | ClauseKind::Unique { .. } => false,
        ClauseKind::Generated { storage, .. } => *storage == ddl::Storage::Virtual,
        ClauseKind::Default(span) => is_constant(&text[span.start..span.end]),
        // A default makes rows point somewhere at once: left to the rebuild, which is checked the same way.
        ClauseKind::ForeignKey(_) => column.default().is_none(),
        ClauseKind::NotNull | ClauseKind::Null | ClauseKind::Check(_) | ClauseKind::Collate(_) => {
            true
        }
    });
    let has_value = column
        .default()
        .is_some_and(|span| !text[span.start..span.end].trim().eq_ignore_ascii_case("null"));
    // `sqlite3AlterFinishAddColumn` refuses the names of the rowid.
    let rowid =
        ["rowid", "oid", "_rowid_"].iter().any(|name| column.name.eq_ignore_ascii_case(name));
    // A check may refuse the rows that are there; ADD COLUMN and the copy both find out.
    clauses_allow && !rowid && (!column.not_null() || has_value || column.generated().is_some())
}

/// A literal, signed or not; parentheses make it an expression to SQLite.
fn is_constant(default: &str) -> bool {
    let tokens: Vec<Token<'_>> =
        tokenize(default, Dialect::Sqlite).into_iter().filter(Token::is_code).collect();
    let literal = |token: &Token<'_>| {
        matches!(token.kind, Kind::Number | Kind::Text | Kind::Quoted)
            || (token.kind == Kind::Word
                && !token.text.to_ascii_lowercase().starts_with("current_"))
    };
    match tokens.as_slice() {
        [only] => literal(only),
        [sign, number] => (sign.is_mark("-") || sign.is_mark("+")) && number.kind == Kind::Number,
        _ => false,
    }
}

fn add_columns(
    before: &Shape<'_>,
    after: &Shape<'_>,
    scope: &Scope<'_>,
) -> Result<Vec<Step>, LowerError> {
    let table = &after.table.name;
    let mut steps = Vec::new();
    let added: Vec<(&ColumnText, &Column)> = after
        .text
        .columns
        .iter()
        .zip(&after.table.columns)
        .skip(before.text.columns.len())
        .collect();
    let texts = added
        .iter()
        .map(|(column, _)| {
            let definition = &after.create[column.span.start..column.span.end];
            format!("ALTER TABLE {} ADD COLUMN {}", quote(after.name()), whole(definition))
        })
        .collect();
    let names: Vec<&str> = added.iter().map(|(column, _)| column.name.as_str()).collect();
    let columns = || added.iter().map(|(_, column)| column);
    steps.push(Step {
        title: format!("add to table {table}: {}", names.join(", ")),
        statements: statements(texts),
        facts: facts(Work::Catalog, Undo::Exact, "the rows that are there are not written"),
        reads_kept: None,
        order: Order {
            takes: [Resource::Table(table.clone())].into_iter().collect(),
            makes: std::iter::once(Resource::Table(table.clone()))
                .chain(columns().map(|c| Resource::Column(table.clone(), c.name.clone())))
                .collect(),
            ..Order::default()
        },
    });
    for column in columns().filter(|column| column.generated.is_none()) {
        if !scope.is_discarded(table, Some(&column.name)) {
            let key = row_key(before, after, scope)?;
            let name = &column.name;
            steps.push(rebuild::restore_values(scope, after, &key, name, VALUE, None));
        }
    }
    Ok(steps)
}

/// Drops run with the views and triggers, before anything changes; additions after the rows are in place.
fn index_steps(change: &TableChange, strings: Strings) -> Vec<Step> {
    let table = &change.after.name;
    let mut steps = Vec::new();
    let changed = |index: &Index| {
        change.indexes.iter().any(|delta| delta.after().is_some_and(|own| own.name == index.name))
    };
    let rewritten = match strings {
        Strings::Stay => &[][..],
        Strings::Rewritten => &change.after.indexes[..],
    };
    for index in rewritten {
        if around::index_has_strings(index) && !changed(index) {
            steps.extend([drop_index(table, index), create_index(table, index)]);
        }
    }
    for delta in &change.indexes {
        match delta {
            Delta::Add(after) => steps.push(create_index(table, after)),
            Delta::Drop(before) => steps.push(drop_index(table, before)),
            Delta::Alter { before, after } => {
                steps.push(drop_index(table, before));
                steps.push(create_index(table, after));
            }
        }
    }
    steps
}

/// A step that makes one index.
pub(super) fn create_index(table: &QName, index: &Index) -> Step {
    let mut needs = vec![Resource::Table(table.clone())];
    for key in &index.keys {
        match key {
            IndexKey::Column(column) => {
                needs.push(Resource::Column(table.clone(), column.clone()));
                needs.push(Resource::Values(table.clone(), column.clone()));
            }
            IndexKey::Expression(_) => {}
        }
    }
    Step {
        title: format!("create index {} on {table}", index.name),
        statements: statements(vec![whole(&index.definition)]),
        facts: facts(Work::Write, Undo::Exact, "an index holds no values of its own"),
        reads_kept: None,
        order: Order {
            needs: needs.into_iter().collect(),
            makes: [name_of(&index.name)].into_iter().collect(),
            ..Order::default()
        },
    }
}

/// A step that drops one index.
pub(super) fn drop_index(table: &QName, index: &Index) -> Step {
    Step {
        title: format!("drop index {} on {table}", index.name),
        statements: statements(vec![format!("DROP INDEX {}", quote(index.name.as_str()))]),
        facts: facts(Work::Catalog, Undo::Exact, "an index holds no values of its own"),
        reads_kept: None,
        order: Order {
            frees: [Resource::Table(table.clone())].into_iter().collect(),
            takes: [name_of(&index.name)].into_iter().collect(),
            ..Order::default()
        },
    }
}

/// Whether adding columns at the end of the first table makes exactly the second.
fn differ_by_last_columns(before: &Shape<'_>, after: &Shape<'_>) -> bool {
    let (old, new) = (&before.text, &after.text);
    let columns = |shape: &Shape<'_>, count: usize| -> Vec<(String, String)> {
        shape
            .text
            .columns
            .iter()
            .take(count)
            .map(|column| {
                let written = &shape.create[column.span.start..column.span.end];
                let normal = ddl::normalized_column(&shape.text, column, shape.create);
                (normal, canonical(written, Dialect::Sqlite))
            })
            .collect()
    };
    let constraints = |shape: &Shape<'_>| {
        let mut texts: Vec<(Option<String>, String)> = shape
            .text
            .constraints
            .iter()
            .map(|clause| {
                let text = &shape.create[clause.span.start..clause.span.end];
                (clause.name.clone(), canonical(text, Dialect::Sqlite))
            })
            .collect();
        texts.sort();
        texts
    };
    let count = old.columns.len();
    new.columns.len() > count
        && (old.strict, old.without_rowid) == (new.strict, new.without_rowid)
        && columns(before, count) == columns(after, count)
        && constraints(before) == constraints(after)
}
