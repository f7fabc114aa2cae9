//! Rows of SQLite tables that point nowhere: foreign keys are off while steps run, so what a plan breaks is found by asking
//! before and after.

use std::collections::BTreeSet;

use super::{Problem, Runner};
use crate::db::{DbErrorKind, Row};
use crate::dialect::{Direction, bookkeeping, session};
use crate::text::Dialect;

/// What `foreign_key_check` says.
#[derive(Default)]
pub(super) struct Orphans {
    rows: Vec<Row>,
    unchecked: BTreeSet<String>,
}

impl Runner<'_> {
    /// Rows whose foreign key points nowhere; SQLite only, where keys are off while steps run. A table with a key that
    /// cannot be checked (its parent has no such unique columns) is listed apart: that is a fault of the schema, which
    /// SQLite allows, and not of the rows.
    pub(super) fn orphans(&mut self) -> Result<Orphans, Problem> {
        let mut orphans = Orphans::default();
        if self.database.dialect() == Dialect::Postgres {
            return Ok(orphans);
        }
        let tables = self.database.rows(&session::tables_with_keys())?;
        for table in tables.into_iter().flatten().flatten() {
            match self.database.rows(&session::orphans_of(&table)) {
                Ok(rows) => orphans.rows.extend(rows),
                Err(error) if error.kind == DbErrorKind::Sql => {
                    orphans.unchecked.insert(table);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(orphans)
    }

    pub(super) fn refuse_new_orphans(&mut self, before: &Orphans) -> Result<(), Problem> {
        if self.database.dialect() == Dialect::Postgres {
            return Ok(());
        }
        let mut after = self.orphans()?;
        let table = |row: &Row| row.first().cloned().flatten().unwrap_or_default();
        // What could not be checked before may have held such rows then.
        after.rows.retain(|row| !before.unchecked.contains(&table(row)));
        let allowed = before.rows.len() + self.remembered_orphans()?;
        if after.rows.len() <= allowed {
            return self.remember_orphans(before.rows.len().saturating_sub(after.rows.len()));
        }
        let known: BTreeSet<&Row> = before.rows.iter().collect();
        let new: Vec<&Row> = after.rows.iter().filter(|row| !known.contains(row)).collect();
        let text = |row: &Row, position: usize| {
            row.get(position).cloned().flatten().unwrap_or_else(|| "?".to_owned())
        };
        let example = new
            .first()
            .map(|row| format!("{} row {} -> {}", text(row, 0), text(row, 1), text(row, 2)))
            .unwrap_or_default();
        Err(Problem::Orphans { new: after.rows.len() - allowed, example })
    }

    /// On the way back: how many such rows there were before the way there, and do not show since. They come back.
    pub(super) fn remembered_orphans(&mut self) -> Result<usize, Problem> {
        let tag = &self.bundle.plan.tag;
        let name = bookkeeping::orphans_name(tag);
        let kept = self.database.rows(&bookkeeping::kept(self.bundle.dialect))?;
        if self.way == Direction::Up || !kept.iter().flatten().flatten().any(|own| *own == name) {
            return Ok(0);
        }
        let count = self.database.value(&bookkeeping::kept_orphans(tag))?;
        for sql in bookkeeping::release([name.as_str()].into_iter(), self.bundle.dialect) {
            self.database.execute(&sql)?;
        }
        Ok(count.and_then(|count| count.parse().ok()).unwrap_or(0))
    }

    pub(super) fn remember_orphans(&mut self, count: usize) -> Result<(), Problem> {
        if self.way == Direction::Up && count > 0 {
            self.database.execute(&bookkeeping::keep_orphans(&self.bundle.plan.tag, count))?;
        }
        Ok(())
    }
}
