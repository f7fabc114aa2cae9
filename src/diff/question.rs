//! What only the user can decide, with the exact line that decides it.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::{mapping, rename};
use crate::catalog::{Column, Table};
use crate::change::{
    Change, ColumnSource, Delta, Diff, DropPolicy, Question, QuestionKind, Rename, SourceOrigin,
    TableChange, Target,
};
use crate::text::suggest::similarity;
use crate::text::{Ident, QName};

/// All open questions of a difference, in the order of its changes.
pub(super) fn ask(diff: &Diff) -> Vec<Question> {
    let mut questions = rings(diff);
    questions.extend(table_renames(diff));
    questions.extend(moves(diff));
    for change in &diff.changes {
        match change {
            Change::AlterTable(change) => {
                let change = &without_inherited(change);
                questions.extend(column_renames(change, diff));
                questions.extend(missing_values(change, diff));
                questions.extend(stranded_values(change, diff));
                questions.extend(column_drops(change, diff));
            }
            Change::Table(Delta::Drop(table)) => questions.extend(table_drop(table, diff)),
            Change::Enum(Delta::Alter { before, after }) => {
                questions.extend(enum_drops(before, after, diff));
            }
            Change::Rename(_)
            | Change::Schema(_)
            | Change::Facets(_)
            | Change::Table(Delta::Add(_) | Delta::Alter { .. })
            | Change::Enum(Delta::Add(_) | Delta::Drop(_))
            | Change::Opaque(_) => {}
        }
    }
    questions
}

/// A change without the columns that come from a parent: the parent is asked about them.
fn without_inherited(change: &TableChange) -> Cow<'_, TableChange> {
    let inherits = |table: &Table, name: &Ident| {
        table.options.of_postgres().is_some_and(|it| it.inherited_columns.contains_key(name))
    };
    let is_inherited = |name: &Ident| {
        let sides = [&change.before, &change.after];
        sides
            .into_iter()
            .filter(|table| table.column(name).is_some())
            .all(|table| inherits(table, name))
    };
    if !change.after.columns.iter().chain(&change.before.columns).any(|it| is_inherited(&it.name)) {
        return Cow::Borrowed(change);
    }
    let mut own = change.clone();
    own.columns.retain(|delta| {
        !delta.after().or(delta.before()).is_some_and(|column| is_inherited(&column.name))
    });
    own.mapping.retain(|source| !is_inherited(&source.column));
    Cow::Owned(own)
}

/// Whether two partitions are of one table and hold other rows: none of them is the other under a new name.
fn are_siblings(old: &Table, new: &Table) -> bool {
    match (old.options.of_postgres(), new.options.of_postgres()) {
        (Some(old), Some(new)) => {
            old.is_partition() && old.parents == new.parents && old.bound != new.bound
        }
        (_, _) => false,
    }
}

/// Names that change places: whether they have done so already does not show.
fn rings(diff: &Diff) -> Vec<Question> {
    let hints = &diff.intent.renames;
    let (columns, others): (Vec<_>, Vec<_>) =
        hints.iter().cloned().partition(|rename| matches!(rename, Rename::Column { .. }));
    let found = rename::chain::rings(&others, &diff.before, &diff.after);
    let renamed = rename::apply(&diff.before, &diff.renames().cloned().collect::<Vec<_>>());
    let found = found.into_iter().chain(rename::chain::rings(&columns, &renamed, &diff.after));
    found
        .map(|ring| {
            let told: Vec<String> = ring.iter().map(describe).collect();
            Question {
                id: format!("ring:{}", told.join(",")),
                kind: QuestionKind::Rename,
                message: format!(
                    "names change places ({}): the schemas do not show whether they have already",
                    told.join(", ")
                ),
                answers: vec![
                    "done already: take the `was:` lines out, or pass `--allow ambiguous`"
                        .to_owned(),
                    "not yet: rename one of them to a third name in a version of its own, and to \
                     the name it shall have in the next"
                        .to_owned(),
                ],
            }
        })
        .collect()
}

fn describe(rename: &Rename) -> String {
    match rename {
        Rename::Table { before, after } | Rename::Enum { before, after } => {
            format!("{before}={after}")
        }
        Rename::Column { table, before, after } => format!("{table}.{before}={table}.{after}"),
        Rename::EnumValue { name, before, after } => format!("{name}:{before}={after}"),
        Rename::Constraint { table, before, after } | Rename::Index { table, before, after } => {
            format!("{table}.{before}={after}")
        }
    }
}

/// Values that would arrive nowhere: the table that receives them is new and no reference leads to it, or the reference
/// is new and leads nowhere yet.
fn moves(diff: &Diff) -> Vec<Question> {
    let changes = diff.table_changes();
    let is_new = |name: &QName| {
        let adds =
            |it: &Change| matches!(it, Change::Table(Delta::Add(table)) if table.name == *name);
        diff.changes.iter().any(adds)
    };
    let had = |table: &QName, column: &Ident| {
        changes.get(table).is_none_or(|change| change.before.column(column).is_some())
    };
    let goes = |target: &Target| {
        let change = changes.get(&target.table).zip(target.column.as_ref());
        change.is_some_and(|(change, column)| change.before.column(column).is_some())
    };
    let mut questions = Vec::new();
    for said in diff.intent.moves.iter().filter(|said| goes(&said.giver)) {
        let giver = &said.giver;
        let receiver = &said.receiver.table;
        let why = match (is_new(receiver), said.holder == giver.table) {
            (true, _) => continue,
            (false, _) if said.reference.iter().all(|it| had(&said.holder, it)) => continue,
            (false, true) if said.receiver.column.iter().all(|it| had(receiver, it)) => continue,
            (false, _) => {
                format!("the reference of `{}` is new and leads nowhere yet", said.holder)
            }
        };
        let (from, to) = (diff.intent.name_of(giver), diff.intent.name_of(&said.receiver));
        questions.push(Question {
            id: format!("move:{giver}={}", said.receiver),
            kind: QuestionKind::Loss,
            message: format!("`{from}` would move to `{to}`, but {why}: nothing would arrive"),
            answers: vec![
                "make the table and the reference in a version of its own, fill them, and move in the next"
                    .to_owned(),
                format!(
                    "or write `- drop: {from}` in place of the move: its values are kept, and come back with a rollback"
                ),
            ],
        });
    }
    questions
}

fn table_renames(diff: &Diff) -> Vec<Question> {
    let tables = |wanted: fn(&Delta<Table>) -> Option<&Table>| -> Vec<&Table> {
        diff.changes
            .iter()
            .filter_map(|change| match change {
                Change::Table(delta) => wanted(delta),
                _ => None,
            })
            .collect()
    };
    let dropped = tables(|delta| matches!(delta, Delta::Drop(_)).then(|| delta.before()).flatten());
    let added = tables(|delta| matches!(delta, Delta::Add(_)).then(|| delta.after()).flatten());
    let mut questions = Vec::new();
    for old in dropped {
        if is_written_down(diff, &Target::table(&old.name)) {
            continue;
        }
        for new in added.iter().filter(|new| look_alike(old, new) && !are_siblings(old, new)) {
            let (old, new) = (&old.name, &new.name);
            let called = |table| diff.intent.name_of(&Target::table(table));
            let (said_old, said_new) = (called(old), called(new));
            questions.push(Question {
                id: format!("rename:{old}={new}"),
                kind: QuestionKind::Rename,
                message: format!("table `{old}` is gone and `{new}` looks like it: renamed?"),
                answers: vec![
                    format!(
                        "renamed: add `was: {said_old}` to `{said_new}`, or pass `--rename {old}={new}`"
                    ),
                    format!(
                        "not renamed: add `- drop: {said_old}` under `changes:`, or pass `--drop {old}`"
                    ),
                ],
            });
        }
    }
    questions
}

/// Two tables look alike when they share most of their columns, or their names and a column.
fn look_alike(old: &Table, new: &Table) -> bool {
    let names = |table: &Table| -> BTreeSet<String> {
        table.columns.iter().map(|column| column.name.as_str().to_lowercase()).collect()
    };
    let (old_names, new_names) = (names(old), names(new));
    let shared = old_names.intersection(&new_names).count();
    let all = old_names.union(&new_names).count().max(1);
    let share = shared as f64 / all as f64;
    share >= 0.6
        || (shared > 0 && similarity(old.name.name.as_str(), new.name.name.as_str()) >= 0.7)
}

fn column_renames(change: &TableChange, diff: &Diff) -> Vec<Question> {
    let table = &change.after.name;
    let mut questions = Vec::new();
    for old in change.columns.iter().filter_map(dropped) {
        // A `down` of a column that is no more says that it goes.
        let is_said = has_down(diff, &Target::column(table, &old.name));
        if is_said || is_written_down(diff, &Target::column(table, &old.name)) {
            continue;
        }
        for new in change.columns.iter().filter_map(added).filter(|new| could_be(old, new)) {
            let (old, new) = (&old.name, &new.name);
            let said_old = diff.intent.name_of(&Target::column(table, old));
            let said_new = diff.intent.name_of(&Target::column(table, new));
            let field = |said: &str| said.rsplit('.').next().unwrap_or(said).to_owned();
            questions.push(Question {
                id: format!("rename:{table}.{old}={table}.{new}"),
                kind: QuestionKind::Rename,
                message: format!(
                    "column `{table}.{old}` is gone and `{new}` of the same type is new: renamed?"
                ),
                answers: vec![
                    format!(
                        "renamed: add `was: {}` to `{said_new}`, or pass `--rename {table}.{old}={table}.{new}`",
                        field(&said_old)
                    ),
                    format!(
                        "not renamed: add `- drop: {said_old}` under `changes:`, or pass `--drop {table}.{old}`"
                    ),
                ],
            });
        }
    }
    questions
}

/// Whether a `down` is written for a column that is no more.
fn has_down(diff: &Diff, target: &Target) -> bool {
    let mut said = diff.intent.columns.iter();
    said.any(|(it, said)| {
        said.down.is_some() && (it == target || rename::old_target(&diff.intent, it) == *target)
    })
}

fn dropped(delta: &Delta<Column>) -> Option<&Column> {
    match delta {
        Delta::Drop(column) => Some(column),
        Delta::Add(_) | Delta::Alter { .. } => None,
    }
}

fn added(delta: &Delta<Column>) -> Option<&Column> {
    match delta {
        Delta::Add(column) => Some(column),
        Delta::Drop(_) | Delta::Alter { .. } => None,
    }
}

/// Whether a new column could hold the values of an old one.
fn could_be(old: &Column, new: &Column) -> bool {
    let plain = |column: &Column| column.generated.is_none() && column.identity.is_none();
    plain(old) && plain(new) && old.data_type.eq_ignore_ascii_case(&new.data_type)
}

/// Required columns that are new and have no value for rows that exist.
fn missing_values(change: &TableChange, diff: &Diff) -> Vec<Question> {
    let table = &change.after.name;
    let needs = |column: &Column, source: &ColumnSource| {
        source.origin == SourceOrigin::New
            && column.not_null
            && column.default.is_none()
            && column.identity.is_none()
            && source.fill.is_none()
    };
    change
        .after
        .columns
        .iter()
        .zip(&change.mapping)
        .filter(|(column, source)| needs(column, source))
        .map(|(column, _)| Question {
            id: format!("value:{table}.{}", column.name),
            kind: QuestionKind::Value,
            message: format!(
                "`{table}.{}` is required and new: what do rows that exist already get?",
                column.name
            ),
            answers: vec![
                format!(
                    "add `backfill: EXPRESSION` to `{}`",
                    diff.intent.name_of(&Target::column(table, &column.name))
                ),
                "or give it a default, or make it optional".to_owned(),
            ],
        })
        .collect()
}

/// Values that leave a value set without a word on the rows that hold them.
fn stranded_values(change: &TableChange, diff: &Diff) -> Vec<Question> {
    let table = &change.after.name;
    let mut questions = Vec::new();
    for source in &change.mapping {
        let (Some(old), Some(new)) =
            (change.before.column(&source.column), change.after.column(&source.column))
        else {
            continue;
        };
        let target = Target::column(table, &source.column);
        if rename::enum_of(&diff.after, &target).is_some() {
            continue; // asked once for the type
        }
        let before = mapping::allowed(&change.before, old, &diff.before);
        let after = mapping::allowed(&change.after, new, &diff.after);
        let (Some(before), Some(after)) = (before, after) else { continue };
        let mapped = |value: &String| source.values.iter().any(|(old, _)| old == value);
        for value in before.difference(&after).filter(|value| !mapped(value)) {
            questions.push(value_map(&target.to_string(), value, &after));
        }
    }
    questions
}

fn enum_drops(
    before: &crate::catalog::EnumType,
    after: &crate::catalog::EnumType,
    diff: &Diff,
) -> Vec<Question> {
    let allowed: BTreeSet<String> = after.values.iter().cloned().collect();
    let mapped = |value: &String| {
        diff.intent.columns.iter().any(|(target, intent)| {
            rename::enum_of(&diff.after, target).as_ref() == Some(&after.name)
                && intent.values.iter().any(|(old, _)| old == value)
        })
    };
    before
        .values
        .iter()
        .filter(|value| !allowed.contains(*value) && !mapped(value))
        .map(|value| value_map(&after.name.to_string(), value, &allowed))
        .collect()
}

fn value_map(owner: &str, value: &str, allowed: &BTreeSet<String>) -> Question {
    let list: Vec<&str> = allowed.iter().map(String::as_str).collect();
    Question {
        id: format!("values:{owner}:{value}"),
        kind: QuestionKind::ValueMap,
        message: format!("`{owner}` loses the value `{value}`: what do rows that hold it get?"),
        answers: vec![format!(
            "add `was: {{ {value}: NEW }}` with NEW one of {}, or pass `--map {owner}:{value}=NEW`",
            list.join(", ")
        )],
    }
}

fn column_drops(change: &TableChange, diff: &Diff) -> Vec<Question> {
    let table = &change.after.name;
    change
        .columns
        .iter()
        .filter_map(dropped)
        .filter(|column| column.generated.is_none())
        .filter_map(|column| drop_question(diff, &Target::column(table, &column.name)))
        .collect()
}

fn table_drop(table: &Table, diff: &Diff) -> Option<Question> {
    drop_question(diff, &Target::table(&table.name))
}

fn drop_question(diff: &Diff, target: &Target) -> Option<Question> {
    if diff.intent.drop_policy == DropPolicy::Free || is_written_down(diff, target) {
        return None;
    }
    Some(Question {
        id: format!("drop:{target}"),
        kind: QuestionKind::Drop,
        message: format!("`{target}` is dropped, and the model does not say so"),
        answers: vec![format!(
            "add `- drop: {}` under `changes:`, or pass `--drop {target}`",
            diff.intent.name_of(target)
        )],
    })
}

fn is_written_down(diff: &Diff, target: &Target) -> bool {
    let drops = rename::under_both_names(&diff.intent.drops, &diff.intent);
    drops.contains(target) || drops.contains(&Target::table(&target.table))
}
