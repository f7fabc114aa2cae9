//! One row of a new table for each row that gives, which it refers to: a reference becomes a join table, fields become an
//! entity of their own. Where the table comes back, its rows follow what was changed while it was gone.

use super::extraction::{counted, says_something, value_of_row};
use super::{quote, table_text};
use crate::catalog::{Catalog, ConstraintKind, Table};
use crate::change::{Extracted, Extraction, Gathered};
use crate::text::{Dialect, Ident, QName};

/// The name under which it is kept what rows held of values that were gathered from a table: of its `number`th reference.
pub(in crate::dialect) fn written_name(number: usize) -> Ident {
    match number {
        0 => Ident::new("written"),
        number => Ident::new(format!("written_{}", number + 1)),
    }
}

/// The statement that makes a row for each row which has a value, and none yet.
pub(super) fn spread(extraction: &Extraction, receiver: &Table, dialect: Dialect) -> String {
    let condition = format!(
        "({}) AND NOT EXISTS (SELECT 1 FROM {} AS \"m\" WHERE {})",
        says_something(&extraction.values),
        table_text(&receiver.name, dialect),
        refers(extraction, "m")
    );
    let from = format!("{} AS \"t\"", table_text(&extraction.from, dialect));
    insert(extraction, receiver, &from, &condition, dialect)
}

fn insert(
    extraction: &Extraction,
    receiver: &Table,
    from: &str,
    condition: &str,
    dialect: Dialect,
) -> String {
    let into = table_text(&receiver.name, dialect);
    let values = extraction.values.iter();
    let mut names: Vec<&Ident> = extraction.reference.iter().collect();
    names.extend(values.clone().map(|value| &value.into));
    let keys: Vec<String> =
        extraction.keys.iter().map(|key| format!("\"t\".{}", quote(key))).collect();
    let items = keys.iter().cloned().chain(values.map(|value| value_of_row(value, dialect)));
    let items: Vec<String> = items.collect();
    let (order, where_) = (keys.join(", "), format!("FROM {from} WHERE {condition}"));
    let quoted =
        |names: &[&Ident]| names.iter().map(|name| quote(name)).collect::<Vec<_>>().join(", ");
    match counted(&names, receiver, dialect) {
        None => format!(
            "INSERT INTO {into} ({}) SELECT {} {where_} ORDER BY {order}",
            quoted(&names),
            items.join(", ")
        ),
        Some(key) => format!(
            "INSERT INTO {into} ({0}, {1}) SELECT (SELECT coalesce(max(\"m\".{0}), 0) FROM {into} AS \"m\") + \
             row_number() OVER (ORDER BY {order}), {2} {where_}",
            quote(key),
            quoted(&names),
            items.join(", ")
        ),
    }
}

/// The condition that the row `alias` of the new table refers to the row `t`.
fn refers(extraction: &Extraction, alias: &str) -> String {
    let pairs = extraction.reference.iter().zip(&extraction.keys);
    let same: Vec<String> = pairs
        .map(|(reference, key)| format!("\"{alias}\".{} = \"t\".{}", quote(reference), quote(key)))
        .collect();
    same.join(" AND ")
}

/// A value as it is compared and kept: as text where a type may go.
fn portable(value: &str, dialect: Dialect) -> String {
    match dialect {
        Dialect::Postgres => format!("{value}::text"),
        Dialect::Sqlite => value.to_owned(),
    }
}

fn same(left: &str, right: &str, dialect: Dialect) -> String {
    match dialect {
        Dialect::Postgres => format!("{left} IS NOT DISTINCT FROM {right}"),
        Dialect::Sqlite => format!("{left} IS {right}"),
    }
}

/// The statements that note what rows hold of the values gathered from a table that goes.
pub(in crate::dialect) fn note(
    gathered: &Gathered,
    table: &Table,
    kept: &str,
    dialect: Dialect,
) -> Vec<String> {
    let own = |name: &Ident| portable(&format!("\"t\".{}", quote(name)), dialect);
    let keys = (1..).zip(&gathered.keys).map(|(at, key)| (format!("\"key_{at}\""), key));
    let values = (1..).zip(&gathered.columns).map(|(at, it)| (format!("\"value_{at}\""), it));
    let columns: Vec<(String, &Ident)> = keys.clone().chain(values).collect();
    let known: Vec<String> = gathered
        .columns
        .iter()
        .map(|column| format!("\"t\".{} IS NOT NULL", quote(column)))
        .collect();
    let rows =
        format!("FROM {} AS \"t\" WHERE {}", table_text(&table.name, dialect), known.join(" OR "));
    match dialect {
        Dialect::Postgres => {
            let items: Vec<String> =
                columns.iter().map(|(name, column)| format!("{} AS {name}", own(column))).collect();
            vec![format!("CREATE TABLE {kept} AS SELECT {} {rows}", items.join(", "))]
        }
        Dialect::Sqlite => {
            // With the affinity of the key, so that rows are found by it.
            let type_of = |name: &Ident| table.column(name).map_or("", |it| it.data_type.as_str());
            let list = |of: &dyn Fn(&(String, &Ident)) -> String| {
                columns.iter().map(of).collect::<Vec<_>>().join(", ")
            };
            let defined = list(&|(name, column)| match gathered.keys.contains(column) {
                true => format!("{name} {}", type_of(column)),
                false => name.clone(),
            });
            let keys: Vec<String> = keys.map(|(name, _)| name).collect();
            vec![
                format!("CREATE TABLE {kept} ({defined}, PRIMARY KEY ({}))", keys.join(", ")),
                format!(
                    "INSERT INTO {kept} ({}) SELECT {} {rows}",
                    list(&|(name, _)| name.clone()),
                    list(&|(_, column)| own(column))
                ),
            ]
        }
    }
}

/// Whether a row is nothing but a link between two others: it has one value, which is part of its key or all that it holds.
pub(in crate::dialect) fn is_link(extraction: &Extraction, table: &Table) -> bool {
    let [value] = extraction.values.as_slice() else { return false };
    let key = table.primary_key();
    let is_own = |name: &Ident| {
        *name == value.into || extraction.reference.contains(name) || key.contains(name)
    };
    key.contains(&value.into) || table.columns.iter().all(|column| is_own(&column.name))
}

/// The condition that it was noted of the row `t` what it held.
pub(in crate::dialect) fn is_noted(
    extraction: &Extraction,
    kept: &str,
    dialect: Dialect,
) -> String {
    format!("EXISTS (SELECT 1 FROM {kept} AS \"k\" WHERE {})", same_keys(extraction, dialect))
}

/// The condition that a row `k` of what was noted is of the row `t`.
fn same_keys(extraction: &Extraction, dialect: Dialect) -> String {
    let same: Vec<String> = (1..)
        .zip(&extraction.keys)
        .map(|(at, key)| {
            let own = portable(&format!("\"t\".{}", quote(key)), dialect);
            format!("\"k\".\"key_{at}\" = {own}")
        })
        .collect();
    same.join(" AND ")
}

/// The rows of a table that came back, and what tells what was changed since it went.
pub(in crate::dialect) struct Following<'a> {
    pub(in crate::dialect) extraction: &'a Extraction,
    pub(in crate::dialect) table: &'a Table,
    /// Where it was noted what the rows held.
    pub(in crate::dialect) kept: &'a str,
    pub(in crate::dialect) before: &'a Catalog,
    pub(in crate::dialect) after: &'a Catalog,
}

impl Following<'_> {
    /// The statements after which the rows say what was written while they were gone: those of rows that are no more go, the
    /// value that was there is replaced by the one that is there now, and others stay.
    pub(in crate::dialect) fn statements(&self) -> Vec<String> {
        let own = table_text(&self.table.name, self.after.dialect);
        let mut statements = self.without_parent(&own);
        statements.extend(match self.extraction.values.as_slice() {
            [value] if is_link(self.extraction, self.table) => self.follow_links(&own, value),
            values => self.follow_rows(&own, values),
        });
        statements.push(format!("DROP TABLE {}", self.kept));
        statements
    }

    /// Rows that say one value and nothing else: one whose value is no more goes.
    fn follow_links(&self, own: &str, value: &Extracted) -> Vec<String> {
        let pairs = self.pairs();
        let is_old = self.is_old(std::slice::from_ref(value));
        let nothing = self.says_nothing();
        let says = format!(
            "EXISTS (SELECT 1 FROM {own} AS \"o\" WHERE {} AND {})",
            refers(self.extraction, "o"),
            self.is_now("o", value)
        );
        let goes = format!(
            "DELETE FROM {own} AS \"m\" WHERE EXISTS (SELECT 1 FROM {pairs} WHERE {is_old} AND ({nothing} OR {says}))"
        );
        let condition = format!("{} AND NOT ({nothing}) AND NOT {says}", self.differs(1, value));
        let dialect = self.after.dialect;
        let new = insert(self.extraction, self.table, &pairs, &condition, dialect);
        vec![goes, self.change(own, 1, value), new]
    }

    /// Rows that say more than what moves: each value is followed by itself, and the row stays.
    fn follow_rows(&self, own: &str, values: &[Extracted]) -> Vec<String> {
        let (pairs, nothing) = (self.pairs(), self.says_nothing());
        let changed = (1..).zip(values).map(|(at, value)| self.change(own, at, value));
        let any: Vec<String> =
            (1..).zip(values).map(|(at, value)| self.differs(at, value)).collect();
        let condition = format!(
            "({}) AND NOT ({nothing}) AND NOT EXISTS (SELECT 1 FROM {own} AS \"m\" WHERE {})",
            any.join(" OR "),
            refers(self.extraction, "m")
        );
        let new = insert(self.extraction, self.table, &pairs, &condition, self.after.dialect);
        changed.chain([new]).collect()
    }

    /// Gives rows that say the value which was there the one that is there now.
    fn change(&self, own: &str, at: usize, value: &Extracted) -> String {
        let row = refers(self.extraction, "m");
        format!(
            "UPDATE {own} AS \"m\" SET {} = (SELECT {} FROM {} AS \"t\" WHERE {row}) WHERE EXISTS (SELECT 1 FROM {} WHERE \
             {row} AND {} AND {})",
            quote(&value.into),
            value_of_row(value, self.after.dialect),
            table_text(&self.extraction.from, self.after.dialect),
            self.pairs(),
            self.differs(at, value),
            self.is_written("m", at, value)
        )
    }

    /// The condition that a row `m` says what was there, and that it was changed.
    fn is_old(&self, values: &[Extracted]) -> String {
        let differs: Vec<String> =
            (1..).zip(values).map(|(at, value)| self.differs(at, value)).collect();
        let written: Vec<String> =
            (1..).zip(values).map(|(at, value)| self.is_written("m", at, value)).collect();
        format!(
            "{} AND ({}) AND {}",
            refers(self.extraction, "m"),
            differs.join(" OR "),
            written.join(" AND ")
        )
    }

    /// Rows `t` that give, beside what they held.
    fn pairs(&self) -> String {
        format!(
            "{} AS \"t\" LEFT JOIN {} AS \"k\" ON {}",
            table_text(&self.extraction.from, self.after.dialect),
            self.kept,
            same_keys(self.extraction, self.after.dialect)
        )
    }

    /// The condition that a value of the row `t` is not what was noted.
    fn differs(&self, at: usize, value: &Extracted) -> String {
        let dialect = self.after.dialect;
        let own = portable(&format!("\"t\".{}", quote(&value.from)), dialect);
        format!("NOT ({})", same(&own, &format!("\"k\".\"value_{at}\""), dialect))
    }

    /// The condition that a row says what was noted.
    fn is_written(&self, alias: &str, at: usize, value: &Extracted) -> String {
        let dialect = self.after.dialect;
        let own = portable(&format!("\"{alias}\".{}", quote(&value.into)), dialect);
        same(&own, &format!("\"k\".\"value_{at}\""), dialect)
    }

    /// The condition that a row says what the row `t` says.
    fn is_now(&self, alias: &str, value: &Extracted) -> String {
        let dialect = self.after.dialect;
        let own = portable(&format!("\"{alias}\".{}", quote(&value.into)), dialect);
        same(&own, &portable(&format!("\"t\".{}", quote(&value.from)), dialect), dialect)
    }

    fn says_nothing(&self) -> String {
        let values = self.extraction.values.iter();
        let parts: Vec<String> =
            values.map(|value| format!("\"t\".{} IS NULL", quote(&value.from))).collect();
        parts.join(" AND ")
    }

    /// Rows whose parent was deleted while they were gone: by the reference to the row that gives, or by a value that
    /// is a reference itself.
    fn without_parent(&self, own: &str) -> Vec<String> {
        let dialect = self.after.dialect;
        let is_value = |column: &Ident| self.extraction.values.iter().any(|it| it.into == *column);
        let keys = self.table.constraints.iter().filter_map(|it| match &it.kind {
            ConstraintKind::ForeignKey(key) => Some(key),
            ConstraintKind::PrimaryKey { .. }
            | ConstraintKind::Unique { .. }
            | ConstraintKind::Check { .. }
            | ConstraintKind::Exclusion => None,
        });
        let meant = keys.filter(|key| {
            key.columns == self.extraction.reference || key.columns.iter().all(is_value)
        });
        let stands = |table: &QName| self.before.tables.contains_key(table);
        meant
            .filter(|key| stands(&key.references) && key.references != self.table.name)
            .filter_map(|key| {
                let parent = self.after.tables.get(&key.references)?;
                let keys = match key.referenced_columns.as_slice() {
                    [] => parent.primary_key(),
                    keys => keys,
                };
                let known: Vec<String> = key
                    .columns
                    .iter()
                    .map(|column| format!("\"m\".{} IS NOT NULL", quote(column)))
                    .collect();
                let found: Vec<String> = keys
                    .iter()
                    .zip(&key.columns)
                    .map(|(key, column)| format!("\"p\".{} = \"m\".{}", quote(key), quote(column)))
                    .collect();
                Some(format!(
                    "DELETE FROM {own} AS \"m\" WHERE {} AND NOT EXISTS (SELECT 1 FROM {} AS \"p\" WHERE {})",
                    known.join(" AND "),
                    table_text(&parent.name, dialect),
                    found.join(" AND ")
                ))
            })
            .collect()
    }
}
