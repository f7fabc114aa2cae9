//! The reference that a value goes over.

use super::Unmovable;
use crate::catalog::{ConstraintKind, Table};
use crate::change::Moved;
use crate::text::Ident;

/// A reference between the two tables.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link<'c> {
    pub(super) holder: Holder,
    pub(super) columns: &'c [Ident],
    pub(super) keys: &'c [Ident],
}

/// Whose column the reference is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    Giver,
    Receiver,
}

impl Link<'_> {
    /// The table of which many rows may refer to one of the other.
    pub(super) fn holder_of<'t>(&self, giver: &'t Table, receiver: &'t Table) -> &'t Table {
        match self.holder {
            Holder::Giver => giver,
            Holder::Receiver => receiver,
        }
    }
}

/// The one reference between two tables, or the one that is named.
pub(super) fn link<'c>(
    moved: &Moved,
    giver: &'c Table,
    receiver: &'c Table,
) -> Result<Link<'c>, Unmovable> {
    let mut found: Vec<(&Table, Link<'c>)> = Vec::new();
    for (holder, table, other) in
        [(Holder::Giver, giver, receiver), (Holder::Receiver, receiver, giver)]
    {
        for constraint in &table.constraints {
            let ConstraintKind::ForeignKey(key) = &constraint.kind else { continue };
            // A value that is a reference does not move over itself.
            let moves = |it: &Ident| {
                [&moved.receiver]
                    .into_iter()
                    .chain(&moved.givers)
                    .any(|target| target.table == table.name && target.column.as_ref() == Some(it))
            };
            if key.references != other.name || key.columns.iter().all(moves) {
                continue;
            }
            let keys = match key.referenced_columns.as_slice() {
                [] => other.primary_key(),
                keys => keys,
            };
            found.push((table, Link { holder, columns: &key.columns, keys }));
        }
    }
    let is_meant = |table: &Table, link: &Link<'_>| {
        moved.by.is_empty()
            || moved.by.iter().any(|by| {
                table.name == by.table
                    && by.column.as_ref().is_some_and(|it| link.columns.contains(it))
            })
    };
    let names: Vec<String> = found
        .iter()
        .map(|(table, link)| {
            let columns: Vec<&str> = link.columns.iter().map(Ident::as_str).collect();
            format!("`{}.{}`", table.name, columns.join(", "))
        })
        .collect();
    let meant: Vec<&(&Table, Link<'c>)> =
        found.iter().filter(|(table, link)| is_meant(table, link)).collect();
    let (giver, receiver) = (&giver.name, &receiver.name);
    match (meant.as_slice(), moved.by.first()) {
        ([(_, link)], _) => Ok(*link),
        ([], Some(by)) => Err(Unmovable {
            message: format!("`{by}` is no reference between `{giver}` and `{receiver}`"),
            help: match names.as_slice() {
                [] => "a value moves over a reference, and there is none".to_owned(),
                names => format!("references are {}", names.join(", ")),
            },
        }),
        ([], None) => Err(Unmovable {
            message: format!("there is no reference between `{giver}` and `{receiver}`"),
            help: "a value moves over a reference that one of the two tables has".to_owned(),
        }),
        ([_, ..], _) => Err(Unmovable {
            message: format!("there are several references between `{giver}` and `{receiver}`"),
            help: format!("say which one: by {}", names.join(", or by ")),
        }),
    }
}
