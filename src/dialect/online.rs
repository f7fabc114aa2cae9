//! Tables that are changed while they are used: what reads or writes all their rows is done in steps that let others work.

use std::collections::BTreeSet;

use crate::change::{Diff, Rename};
use crate::text::QName;

/// Which tables; none of a schema whose tables are small or not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Online {
    pub tables: BTreeSet<QName>,
}

impl Online {
    /// The same tables under the names that hold after the difference.
    pub fn renamed(&self, diff: &Diff) -> Online {
        let new_name = |table: &QName| {
            let renames = diff.renames().filter_map(Rename::of_table);
            renames.fold(table.clone(), |name, (before, after)| match *before == name {
                true => after.clone(),
                false => name,
            })
        };
        Online { tables: self.tables.iter().map(new_name).collect() }
    }

    pub fn contains(&self, table: &QName) -> bool {
        self.tables.contains(table)
    }
}
