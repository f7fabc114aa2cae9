//! Columns that are hidden in place of being copied and dropped: which, and what a plan does with them.
//!
//! Hiding is a rename. The column gets the name of its kept data and becomes optional where it is required and has no
//! default; the way back is the inverse of that. So the difference is told once more with the column on both sides,
//! and all that makes steps and checks knows nothing of it but titles.

pub mod books;
pub mod in_the_way;
mod refusal;

use std::collections::{BTreeMap, BTreeSet};

use super::keep::{HIDDEN_PREFIX, hidden_name};
use super::{Absence, KeptUse, Resource, Step, Undo, sqlite};
use crate::catalog::postgres_table::{Setting, SettingTarget};
use crate::catalog::{Catalog, Column, Table, TableOptions};
use crate::change::{Diff, Hidden, Intent, KeepAs, Rename, Sight, TableChange, Target, Way};
use crate::text::{Dialect, Ident, QName};
use refusal::refusal;

/// What decides where the user said nothing, and what forbids it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hiding {
    /// From how many bytes of rows on a column is hidden; `None` where size does not decide.
    pub from_bytes: Option<u64>,
    /// What the rows of each table take, by its name before.
    pub bytes: BTreeMap<QName, u64>,
    /// Columns that hold personal data, by the names before and after.
    pub personal: BTreeMap<QName, BTreeSet<Ident>>,
}

/// Tables below this size are not spoken of.
const WORTH_SAYING: u64 = 1 << 20;

/// What becomes of one column.
enum Choice {
    Hide { bytes: Option<u64> },
    Copy { why: Option<String> },
}

/// Whether a column of a live table is a hidden one.
pub fn is_hidden(name: &Ident) -> bool {
    let prefix = name.as_str().as_bytes().get(..HIDDEN_PREFIX.len());
    prefix.is_some_and(|it| it.eq_ignore_ascii_case(HIDDEN_PREFIX.as_bytes()))
}

/// The difference with the columns on both sides that are hidden, and with what there is to say of those that are not;
/// `None` where there is nothing of either.
pub fn hide(diff: &Diff, hiding: &Hiding, tag: &str) -> Option<Diff> {
    if diff.way == Way::Back {
        return None;
    }
    let mut intent = diff.intent.clone();
    let mut after = Catalog::clone(&diff.after);
    for change in diff.table_changes().into_values() {
        for column in leaving(change) {
            match choose(diff, change, column, hiding) {
                Choice::Copy { why: None } => {}
                Choice::Copy { why: Some(why) } => {
                    let target = Target::column(&change.after.name, &column.name);
                    intent.copied.insert(target, why);
                }
                Choice::Hide { bytes } => {
                    let table = &change.after.name;
                    let kept = hidden_name(tag, table, &column.name, diff.after.dialect);
                    let name = Ident::new(format!("{HIDDEN_PREFIX}{kept}"));
                    let Some(shape) = after.tables.get_mut(table) else { continue };
                    put(shape, &change.before, column, &name, &intent);
                    intent.renames.push(Rename::Column {
                        table: table.clone(),
                        before: column.name.clone(),
                        after: name.clone(),
                    });
                    let hidden = Hidden { column: column.name.clone(), kept, bytes };
                    intent.hidden.insert((table.clone(), name), hidden);
                }
            }
        }
    }
    match (intent.hidden.is_empty(), intent.copied.is_empty()) {
        (true, true) => None,
        (true, false) => Some(Diff { intent, ..diff.clone() }),
        (false, _) => Some(crate::diff::diff(&diff.before, &after, &intent).0),
    }
}

/// The columns of a table that go and hold values.
fn leaving(change: &TableChange) -> impl Iterator<Item = &Column> {
    let goes = |column: &&Column| {
        change.after.column(&column.name).is_none() && column.generated.is_none()
    };
    change.before.columns.iter().filter(goes)
}

fn choose(diff: &Diff, change: &TableChange, column: &Column, hiding: &Hiding) -> Choice {
    let before = crate::change::table_before(diff.renames(), &change.after.name);
    let under = |table: &QName| Target::column(table, &column.name);
    let said = [before, &change.after.name].map(under);
    if said.iter().any(|target| diff.discard.contains(target)) {
        return Choice::Copy { why: None };
    }
    let bytes = hiding.bytes.get(before).copied();
    let size = |bytes: u64| format!("its table has {}", size_of(bytes));
    let wish = said.iter().find_map(|target| diff.intent.keep_as.get(target));
    let from = hiding.from_bytes.filter(|_| diff.after.dialect == Dialect::Postgres);
    let by_size = match (wish, bytes, from) {
        (Some(KeepAs::Copy), Some(bytes), _) if bytes >= WORTH_SAYING => {
            return Choice::Copy { why: Some(format!("as `keep: copy` says; {}", size(bytes))) };
        }
        (Some(KeepAs::Copy), _, _) => return Choice::Copy { why: None },
        (Some(KeepAs::Hide), _, _) => false,
        (None, Some(bytes), Some(from)) if bytes >= from => true,
        (None, Some(bytes), Some(from)) if bytes >= WORTH_SAYING => {
            let why = format!("{}, and columns are hidden from {} on", size(bytes), size_of(from));
            return Choice::Copy { why: Some(why) };
        }
        (None, _, _) => return Choice::Copy { why: None },
    };
    match refusal(diff, change, column, hiding) {
        None => Choice::Hide { bytes },
        Some(why) if by_size => {
            let size = bytes.map(size).unwrap_or_default();
            let why = format!("{size}, but `{}` cannot be hidden: {why}", column.name);
            Choice::Copy { why: Some(why) }
        }
        Some(why) => {
            Choice::Copy { why: Some(format!("`{}` cannot be hidden: {why}", column.name)) }
        }
    }
}

/// `1.5 GiB`, of which the last figure is rounded down.
fn size_of(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match UNITS.iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} B"),
    }
}

/// Puts a hidden column where it stands in the table before.
fn put(table: &mut Table, before: &Table, column: &Column, name: &Ident, intent: &Intent) {
    let is_required = column.not_null && column.default.is_some();
    let hidden = Column { name: name.clone(), not_null: is_required, ..column.clone() };
    let place = place(table, before, column, intent);
    match (&mut table.options, &before.options) {
        (TableOptions::Postgres(own), TableOptions::Postgres(old)) => {
            let is_its = |setting: &&Setting| matches!(&setting.on, SettingTarget::Column(on) if *on == column.name);
            own.settings.extend(old.settings.iter().filter(is_its).map(|setting| Setting {
                on: SettingTarget::Column(name.clone()),
                ..setting.clone()
            }));
            own.settings.sort();
            if let Some(constraint) = old.not_nulls.get(&column.name).filter(|_| is_required) {
                own.not_nulls.insert(name.clone(), constraint.clone());
            }
        }
        (own @ TableOptions::Sqlite { .. }, TableOptions::Sqlite { create, .. }) => {
            let behind = place.checked_sub(1).and_then(|at| table.columns.get(at));
            let behind = behind.map(|it| &it.name);
            sqlite::hidden::write(own, create, &column.name, name, behind);
        }
        (TableOptions::Postgres(_) | TableOptions::Sqlite { .. }, _) => {}
    }
    table.columns.insert(place, hidden);
}

/// Behind the column that it stands behind now, as far as that is there.
fn place(table: &Table, before: &Table, column: &Column, intent: &Intent) -> usize {
    let names = before.columns.iter().take_while(|it| it.name != column.name);
    let mut place = 0;
    for earlier in names {
        let is_it = |own: &Column| {
            own.name == earlier.name
                || intent
                    .hidden_of(&table.name)
                    .any(|(name, hidden)| *name == own.name && hidden.column == earlier.name)
        };
        if let Some(at) = table.columns.iter().position(is_it) {
            place = at + 1;
        }
    }
    place
}

/// What the step of a rename says and reads where it hides a column or brings one back.
pub(in crate::dialect) fn told(step: Step, rename: &Rename, intent: &Intent) -> Step {
    let Rename::Column { table, .. } = rename else { return step };
    match intent.sight(rename) {
        None => step,
        Some(Sight::Goes(hidden)) => {
            let size = hidden.bytes.map(|bytes| format!(" (its table has {})", size_of(bytes)));
            let mut step = step;
            step.title = format!("hide column {table}.{}", hidden.column);
            step.facts.undo = Undo::Kept;
            step.facts.reason =
                format!("the values stay where they are, out of sight{}", size.unwrap_or_default());
            step.order.makes.insert(Resource::Kept(hidden.kept.clone()));
            step
        }
        Some(Sight::Returns(hidden)) => {
            let mut step = step;
            step.title = format!("bring hidden column {table}.{} back", hidden.column);
            step.reads_kept = Some(KeptUse { name: hidden.kept.clone(), absence: Absence::Refuse });
            step
        }
    }
}

/// Says the names of hidden columns in titles as people know them.
pub fn name_in_titles(steps: &mut [Step], intent: &Intent) {
    for ((_, name), hidden) in &intent.hidden {
        for step in steps.iter_mut() {
            step.title = step.title.replace(name.as_str(), hidden.column.as_str());
        }
    }
}

/// The reason of a step that copies columns, with what there is to say of that choice.
pub(in crate::dialect) fn copied<'c>(
    reason: &str,
    table: &QName,
    columns: impl IntoIterator<Item = &'c Ident>,
    intent: &Intent,
) -> String {
    let said = columns.into_iter().filter_map(|it| intent.copied.get(&Target::column(table, it)));
    let said: Vec<&str> = said.map(String::as_str).collect();
    match said.is_empty() {
        true => reason.to_owned(),
        false => format!("{reason} ({})", said.join("; ")),
    }
}

/// Takes the hidden columns out of what was read from a PostgreSQL database.
pub(in crate::dialect) fn leave_out(catalog: &mut Catalog) {
    for table in catalog.tables.values_mut() {
        if !table.columns.iter().any(|column| is_hidden(&column.name)) {
            continue;
        }
        table.columns.retain(|column| !is_hidden(&column.name));
        if let TableOptions::Postgres(options) = &mut table.options {
            options.not_nulls.retain(|column, _| !is_hidden(column));
            options.settings.retain(
                |setting| !matches!(&setting.on, SettingTarget::Column(on) if is_hidden(on)),
            );
        }
    }
    for facets in catalog.facets.values_mut() {
        facets.grants.retain(|grant| !grant.column.as_ref().is_some_and(is_hidden));
    }
    catalog.facets.retain(|_, facets| !facets.is_none());
}
