//! Kept data: where it stands, how it is written and how it is put back.
//!
//! Kept values stand in untyped columns, which store every value as it is (sqlite.org/datatype3.html 3.1).

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::facts::{facts, statements};
use super::quote::{literal, quote};
use super::table::{ROW, RowKey, Shape};
use crate::catalog::Catalog;
use crate::change::{Diff, Rename, Target};
use crate::dialect::keep::{SQLITE_PREFIX, kept_name};
use crate::dialect::{Absence, Direction, KeptUse, Order, Resource, Step, Undo, Work};
use crate::text::{Dialect, Ident, QName};

/// The column of kept data that holds a dropped value.
pub(super) const VALUE: &str = "\"_migrate_value\"";
/// Beside it: what the way back would have computed when it was kept.
pub(super) const WRITTEN: &str = "\"_migrate_written\"";
/// The columns of kept data that hold an altered value.
pub(super) const BEFORE: &str = "\"_migrate_before\"";
pub(super) const AFTER: &str = "\"_migrate_after\"";

/// What is being lowered.
#[derive(Clone, Copy)]
pub(in crate::dialect) struct Scope<'a> {
    pub(in crate::dialect) diff: &'a Diff,
    pub(in crate::dialect) direction: Direction,
    pub(in crate::dialect) tag: &'a str,
    pub(in crate::dialect) taken: &'a TakenNames,
}

/// The names of the after side, which tables, indexes, views and triggers share, and whose index each is.
#[derive(Debug)]
pub(in crate::dialect) struct TakenNames(BTreeMap<String, Vec<Option<QName>>>);

impl TakenNames {
    pub(in crate::dialect) fn of(catalog: &Catalog) -> Self {
        let mut names: BTreeMap<String, Vec<Option<QName>>> = BTreeMap::new();
        let mut take = |name: &Ident, owner| {
            names.entry(name.as_str().to_ascii_lowercase()).or_default().push(owner);
        };
        for (name, table) in &catalog.tables {
            take(&name.name, None);
            for index in &table.indexes {
                take(&index.name, Some(name.clone()));
            }
        }
        for id in catalog.opaques.keys() {
            take(&id.name.name, None);
        }
        TakenNames(names)
    }

    /// Whether something else has a name that an index of a table has.
    pub(super) fn by_others(&self, table: &QName, name: &Ident) -> bool {
        let owners = self.0.get(&name.as_str().to_ascii_lowercase());
        owners.is_some_and(|owners| owners.iter().any(|owner| owner.as_ref() != Some(table)))
    }
}

/// The name of a kept table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) name: String,
}

impl Kept {
    /// The quoted physical name.
    pub(super) fn quoted(&self) -> String {
        quote(&self.physical())
    }

    pub(super) fn physical(&self) -> String {
        format!("{SQLITE_PREFIX}{}", self.name)
    }

    pub(super) fn resource(&self) -> Resource {
        Resource::Kept(self.name.clone())
    }

    pub(super) fn usage(&self, absence: Absence) -> KeptUse {
        KeptUse { name: self.name.clone(), absence }
    }

    pub(super) fn drop(&self) -> String {
        format!("DROP TABLE {}", self.quoted())
    }
}

impl Scope<'_> {
    /// The old side under the names of the new one.
    pub(super) fn renamed(&self) -> Cow<'_, Catalog> {
        let renames: Vec<Rename> = self.diff.renames().cloned().collect();
        crate::diff::renamed(&self.diff.before, &renames)
    }

    /// Where this direction keeps.
    pub(super) fn kept_here(&self, table: &QName, column: Option<&Ident>) -> Kept {
        Kept { name: kept_name(self.tag, self.direction, table, column, Dialect::Sqlite) }
    }

    /// Where the other direction kept: it wrote after its own renames, so under the names before ours.
    pub(super) fn kept_there(&self, table: &QName, column: Option<&Ident>) -> Kept {
        let there = match self.direction {
            Direction::Up => Direction::Down,
            Direction::Down => Direction::Up,
        };
        let column = column.map(|column| self.column_before(table, column));
        let table = self.table_before(table);
        Kept { name: kept_name(self.tag, there, &table, column.as_ref(), Dialect::Sqlite) }
    }

    fn table_before(&self, table: &QName) -> QName {
        crate::change::table_before(self.diff.renames(), table).clone()
    }

    fn column_before(&self, table: &QName, column: &Ident) -> Ident {
        self.diff
            .renames()
            .find_map(|rename| match rename {
                Rename::Column { table: own, before, after } if own == table && after == column => {
                    Some(before.clone())
                }
                _ => None,
            })
            .unwrap_or_else(|| column.clone())
    }

    /// Whether the user said that the values need not be kept.
    pub(super) fn is_discarded(&self, table: &QName, column: Option<&Ident>) -> bool {
        let names = [table.clone(), self.table_before(table)];
        names.iter().any(|name| {
            self.diff.discard.contains(&Target { table: name.clone(), column: column.cloned() })
        })
    }

    /// Whether the user said anything of the column, under its name before or after.
    pub(super) fn is_spoken_of(&self, table: &QName, column: &Ident) -> bool {
        let before = self.column_before(table, column);
        let tables = [table.clone(), self.table_before(table)];
        self.diff.intent.columns.keys().any(|target| {
            tables.contains(&target.table)
                && target.column.as_ref().is_some_and(|name| name == column || *name == before)
        })
    }

    /// The absence of what the other direction kept: the way back needs it, the way there may run for the first time.
    pub(super) fn absence(&self) -> Absence {
        match self.direction {
            Direction::Up => Absence::Skip,
            Direction::Down => Absence::Refuse,
        }
    }
}

/// Whether the way back computes values of a column that goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Computed {
    Back,
    Never,
}

/// Statements that note what the way back would compute for each row, and keep only what it would not. A negative zero
/// equals zero and prints like it.
pub(super) fn note_computed(
    kept: &Kept,
    key: &RowKey,
    after: &Shape<'_>,
    computed: &str,
) -> Vec<String> {
    let own = kept.quoted();
    vec![
        format!(
            "UPDATE {own} AS \"k\" SET {WRITTEN} = (SELECT ({computed}) FROM {} AS \"t\" WHERE {})",
            quote(after.name()),
            key.matches(after, "\"t\"")
        ),
        format!(
            "DELETE FROM {own} WHERE quote({VALUE}) = quote({WRITTEN}) \
             AND NOT (typeof({VALUE}) = 'real' AND {VALUE} = 0.0)"
        ),
    ]
}

/// Statements that set the values of a column aside before it goes.
pub(super) fn keep_column(
    kept: &Kept,
    key: &RowKey,
    shape: &Shape<'_>,
    column: &Ident,
    computed: Computed,
) -> Vec<String> {
    let (mut columns, constraint) = key.definitions(shape);
    columns.push(VALUE.to_owned());
    match computed {
        Computed::Back => columns.push(WRITTEN.to_owned()),
        Computed::Never => {}
    }
    columns.extend(constraint);
    let mut values = key.kept_values(shape, "\"t\"");
    values.push(format!("\"t\".{}", quote(column.as_str())));
    let mut names = key.kept_names();
    names.push(VALUE.to_owned());
    vec![
        format!("CREATE TABLE {} ({})", kept.quoted(), columns.join(", ")),
        format!(
            "INSERT INTO {} ({}) SELECT {} FROM {} AS \"t\"",
            kept.quoted(),
            names.join(", "),
            values.join(", "),
            quote(shape.name())
        ),
    ]
}

/// `CASE` that takes the kept `value` of the row `alias` where there is one and `condition` holds, else `other`.
pub(super) fn kept_or(
    kept: &Kept,
    row_matches: &str,
    value: &str,
    condition: Option<&str>,
    other: &str,
) -> String {
    let condition = condition.map(|text| format!(" AND {text}")).unwrap_or_default();
    let from = format!("FROM {} AS \"k\" WHERE {row_matches}{condition}", kept.quoted());
    format!(
        "CASE WHEN EXISTS (SELECT 1 {from}) THEN (SELECT \"k\".{value} {from}) ELSE {other} END"
    )
}

/// The columns of a whole table in kept data: the rowid where it is hidden, then the stored columns.
fn kept_columns(shape: &Shape<'_>) -> (Vec<String>, Vec<String>) {
    let row = shape.hidden_rowid().map(|rowid| (ROW.to_owned(), rowid.to_owned()));
    let columns = shape.stored().map(|column| {
        let name = quote(column.name.as_str());
        (name.clone(), name)
    });
    row.into_iter().chain(columns).unzip()
}

/// Statements that set a whole table aside.
///
/// Copied and not renamed: a renamed table would keep its foreign keys and its triggers alive.
pub(super) fn keep_table(kept: &Kept, shape: &Shape<'_>) -> Vec<String> {
    let (names, sources) = kept_columns(shape);
    let counted = shape.text.autoincrement();
    let alias = shape.text.rowid_alias().map(quote);
    let definitions: Vec<String> = names
        .iter()
        .map(|name| match counted && alias.as_ref() == Some(name) {
            // The kept table counts on from where the table stood, so that the position is kept with it.
            true => format!("{name} INTEGER PRIMARY KEY AUTOINCREMENT"),
            false => name.clone(),
        })
        .collect();
    let mut texts = vec![
        format!("CREATE TABLE {} ({})", kept.quoted(), definitions.join(", ")),
        format!(
            "INSERT INTO {} ({}) SELECT {} FROM {}",
            kept.quoted(),
            names.join(", "),
            sources.join(", "),
            quote(shape.name())
        ),
    ];
    if counted {
        texts.extend(move_position(shape.name(), &kept.physical()));
    }
    texts
}

/// Statements that put the rows of a kept table back into the empty table.
pub(super) fn restore_table(kept: &Kept, shape: &Shape<'_>) -> Vec<String> {
    let (names, targets) = kept_columns(shape);
    let mut texts = vec![format!(
        "INSERT OR ABORT INTO {} ({}) SELECT {} FROM {}",
        quote(shape.name()),
        targets.join(", "),
        names.join(", "),
        kept.quoted()
    )];
    if shape.text.autoincrement() {
        texts.extend(move_position(&kept.physical(), shape.name()));
    }
    texts.push(kept.drop());
    texts
}

/// Statements that give `target` the AUTOINCREMENT position of `source`, or none where that has none.
/// Source: sqlite.org/autoinc.html; `sqlite_sequence` may be written by ordinary statements.
pub(super) fn move_position(source: &str, target: &str) -> Vec<String> {
    let (source, target) = (literal(source), literal(target));
    vec![
        format!("DELETE FROM \"sqlite_sequence\" WHERE \"name\" = {target}"),
        format!(
            "INSERT INTO \"sqlite_sequence\" (\"name\", \"seq\") \
             SELECT {target}, \"seq\" FROM \"sqlite_sequence\" WHERE \"name\" = {source}"
        ),
    ]
}

/// A step that runs only where the other direction kept something, and puts it back.
pub(super) fn restore_step(
    title: String,
    kept: &Kept,
    texts: Vec<String>,
    needs: Vec<Resource>,
    makes: Resource,
) -> Step {
    Step {
        title,
        statements: statements(texts),
        facts: facts(Work::Write, Undo::Kept, "the values were kept when they were taken away"),
        reads_kept: Some(kept.usage(Absence::Skip)),
        order: Order {
            needs: needs.into_iter().collect(),
            makes: [makes].into_iter().collect(),
            frees: [kept.resource()].into_iter().collect(),
            ..Order::default()
        },
    }
}
