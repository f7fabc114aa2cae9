//! The differences of one table.

use super::mapping::{self, Sides};
use crate::catalog::fingerprint::{
    normalize_column, normalize_constraint, normalize_index, normalize_table,
};
use crate::catalog::{Constraint, Table};
use crate::change::{Delta, TableChange};
use crate::text::{Dialect, Ident};

/// Whether two tables mean the same.
pub(super) fn same(before: &Table, after: &Table, dialect: Dialect) -> bool {
    before == after || normalize_table(before, dialect) == normalize_table(after, dialect)
}

/// What differs between two tables of one name. The lists may be empty where only the text of a SQLite table
/// differs (a conflict clause, a constraint's name, the order of columns).
pub(super) fn change(before: Table, after: Table, sides: &Sides<'_>) -> TableChange {
    let dialect = sides.after.dialect;
    let columns = by_key(
        &before.columns,
        &after.columns,
        |column| match dialect {
            Dialect::Postgres => column.name.clone(),
            Dialect::Sqlite => Ident::new(column.name.as_str().to_ascii_lowercase()),
        },
        |left, right| {
            left == right || normalize_column(left, dialect) == normalize_column(right, dialect)
        },
    );
    let constraints = by_key(
        &before.constraints,
        &after.constraints,
        |constraint| constraint_key(constraint, dialect),
        |left, right| {
            left == right
                || normalize_constraint(left, dialect) == normalize_constraint(right, dialect)
        },
    );
    let indexes = by_key(
        &before.indexes,
        &after.indexes,
        |index| index.name.clone(),
        |left, right| {
            left == right || normalize_index(left, dialect) == normalize_index(right, dialect)
        },
    );
    let mapping = mapping::columns(&before, &after, sides);
    let leaving = mapping::leaving(&before, &after, sides);
    TableChange { before, after, columns, constraints, indexes, mapping, leaving }
}

/// A constraint is told from others by its name; where it has none, by what it says.
fn constraint_key(constraint: &Constraint, dialect: Dialect) -> (Option<String>, Option<String>) {
    match &constraint.name {
        Some(name) => (Some(name.to_string()), None),
        None => (None, Some(normalize_constraint(constraint, dialect).definition)),
    }
}

fn by_key<'a, T: Clone, K: PartialEq>(
    before: &'a [T],
    after: &'a [T],
    key: impl Fn(&T) -> K,
    same: impl Fn(&T, &T) -> bool,
) -> Vec<Delta<T>> {
    let keyed =
        |list: &'a [T]| -> Vec<(K, &'a T)> { list.iter().map(|item| (key(item), item)).collect() };
    let (before, after) = (keyed(before), keyed(after));
    let find = |list: &[(K, &'a T)], wanted: &K| -> Option<&'a T> {
        list.iter().find(|(key, _)| key == wanted).map(|(_, item)| *item)
    };
    let dropped = before
        .iter()
        .filter(|(key, _)| find(&after, key).is_none())
        .map(|(_, item)| Delta::Drop((*item).clone()));
    let rest = after.iter().filter_map(|(key, new)| match find(&before, key) {
        None => Some(Delta::Add((*new).clone())),
        Some(old) if same(old, new) => None,
        Some(old) => Some(Delta::Alter { before: old.clone(), after: (*new).clone() }),
    });
    dropped.chain(rest).collect()
}
