//! How large the tables are, and how fast their rows come: what an engine is chosen by.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::cost::{FEW_ROWS, Size};
use crate::db::url::Host;
use crate::db::{Database, DbError};
use crate::dialect::check::Check;
use crate::dialect::check::reading::{Source, sizes};
use crate::dialect::session;

/// What is known before rows are read.
#[derive(Clone, Debug, Default)]
pub struct Sizes {
    /// By table.
    sizes: BTreeMap<String, Size>,
}

impl Sizes {
    /// About how many rows the table of a check has; `None` where that is not known.
    pub fn rows(&self, table: &str) -> Option<u64> {
        self.sizes.get(table).map(|size| size.rows)
    }

    pub(super) fn size(&self, checks: &[Check]) -> Size {
        let table = checks.first().map_or("", |check| check.table.as_str());
        self.sizes.get(table).copied().unwrap_or_default()
    }
}

/// Asks the server how large the tables of some checks are and, where it is not on this machine and a table is large, sends a
/// little over to see how fast it comes.
///
/// # Errors
/// What the server says.
pub fn size_up(database: &mut Database, checks: &[Check]) -> Result<Sizes, DbError> {
    let mut sources: BTreeMap<&str, Arc<Source>> = BTreeMap::new();
    for check in checks {
        if let Some(reading) = &check.reading {
            sources.entry(&check.table).or_insert_with(|| reading.source.clone());
        }
    }
    let mut found = Sizes::default();
    let tables: Vec<(&str, Arc<Source>)> = sources.into_iter().collect();
    // A query that names all tables of a large schema at once takes long to read.
    for some in tables.chunks(500) {
        let sources: Vec<&Source> = some.iter().map(|(_, source)| &**source).collect();
        for row in database.rows(&sizes(&sources))? {
            let number = |at: usize| -> Option<u64> { row.get(at)?.as_ref()?.parse().ok() };
            let (Some(at), Some(rows), Some(blocks)) = (number(0), number(1), number(2)) else {
                continue;
            };
            if let Some((table, _)) = some.get(at as usize) {
                let blocks = u32::try_from(blocks).unwrap_or(u32::MAX);
                let size = Size { rows, blocks, ..Size::default() };
                found.sizes.insert((*table).to_owned(), size);
            }
        }
    }
    if found.sizes.values().any(|size| size.rows >= FEW_ROWS) {
        let speed = speed(database)?;
        let most = workers_max(database, speed)?;
        for size in found.sizes.values_mut() {
            size.speed = speed;
            size.workers = workers(size.blocks).min(most);
        }
    }
    Ok(found)
}

/// How many processes the server may add to one query. On this machine no more than it has processors for.
fn workers_max(database: &mut Database, speed: Option<f64>) -> Result<u32, DbError> {
    let allowed = database.value(&session::parallel_workers())?;
    let allowed: u32 = allowed.and_then(|text| text.parse().ok()).unwrap_or(0);
    let own = std::thread::available_parallelism().map_or(1, |count| count.get() as u32);
    Ok(if speed.is_none() { allowed.min(own.saturating_sub(1)) } else { allowed })
}

/// How many processes the server adds to a scan: one from 8 MiB on, one more for each tripling. Source:
/// `compute_parallel_worker` in `src/backend/optimizer/path/allpaths.c`.
fn workers(blocks: u32) -> u32 {
    match blocks / 1024 {
        0 => 0,
        large => 1 + large.ilog(3),
    }
}

/// How many bytes come a microsecond; `None` through a socket of this machine.
fn speed(database: &mut Database) -> Result<Option<f64>, DbError> {
    match database {
        Database::Postgres(postgres) if postgres.url().hosts.iter().all(Host::is_socket) => {
            return Ok(None);
        }
        Database::Postgres(_) => {}
        Database::Sqlite(_) => return Ok(None),
    }
    let started = Instant::now();
    let mut bytes = 0;
    database.each_row(&session::sample_of_the_way(), &mut |row| {
        bytes += row.iter().flatten().map(|text| text.len()).sum::<usize>();
        Ok(())
    })?;
    let micros = started.elapsed().as_secs_f64() * 1e6;
    Ok(Some(bytes as f64 / micros.max(1.0)))
}
