//! What a plan does otherwise with large tables: it changes them while they are used, and hides their columns.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::Table;
use crate::cli::error::CliError;
use crate::cli::world::World;
use crate::db::{Access, Database, OpenOptions};
use crate::dialect::measure;
use crate::dialect::online::Online;
use crate::source::Source;
use crate::source::project::{KeepSettings, Project};
use crate::text::{Dialect, QName};

use super::pair::Pair;

/// From how many megabytes of rows on a table is changed while it is used. Reading 32 MB, or building an index over them,
/// takes a few tenths of a second.
const FROM_MB: u64 = 32;

/// From how many bytes of rows on a column that goes is hidden, outside a project.
const HIDE_FROM: u64 = KeepSettings::HIDE_FROM;

/// The sizes of smaller tables are not asked for.
const SPOKEN_OF: u64 = 1 << 20;

/// How tables that are used are changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::Args)]
pub(crate) struct Ways {
    /// PostgreSQL: plan every table that is there before as one that is used meanwhile: rules are added without looking at
    /// the rows and validated later, indexes are built concurrently
    #[arg(long, conflicts_with = "offline")]
    pub(crate) online: bool,
    /// PostgreSQL: plan every table with the plain statements, in one transaction, however large it is
    #[arg(long)]
    pub(crate) offline: bool,
}

/// Finds what the size of tables decides, where the plan will run: which are changed while they are used, and whose columns
/// are hidden. `before` is the source of the schema before, where it is told.
pub(crate) fn find(
    world: &World,
    project: Option<&Project>,
    ways: Ways,
    before: Option<&Source>,
    pair: &mut Pair,
) -> Result<(), CliError> {
    if pair.after.dialect == Dialect::Sqlite {
        return Ok(());
    }
    let asked = match ways {
        Ways { online: false, offline: false } => Asked::Both,
        Ways { .. } => Asked::Columns,
    };
    let sizes = match asked {
        Asked::Columns if !loses_columns(pair) => BTreeMap::new(),
        Asked::Both | Asked::Columns => measured(world, project, before, pair, asked)?,
    };
    let from = world.environment(project)?.online_from_mb.unwrap_or(FROM_MB) << 20;
    let tables: BTreeSet<QName> = if ways.offline {
        BTreeSet::new()
    } else if ways.online {
        pair.before.tables.keys().cloned().collect()
    } else {
        sizes.iter().filter(|(_, bytes)| **bytes >= from).map(|(table, _)| table.clone()).collect()
    };
    pair.online = Online { tables };
    pair.hiding.from_bytes = project.map_or(Some(HIDE_FROM), |it| it.settings.keep.hide_from());
    pair.hiding.bytes = sizes;
    Ok(())
}

/// What the sizes are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// Tables in use, and columns that go.
    Both,
    Columns,
}

/// Whether a table of both sides lacks a column after, by the names that they have.
fn loses_columns(pair: &Pair) -> bool {
    pair.before.tables.values().any(|table| {
        let lacks = |after: &Table| table.columns.iter().any(|it| after.column(&it.name).is_none());
        // One that is renamed is not found here, and may lose columns too.
        pair.after.tables.get(&table.name).is_none_or(lacks)
    })
}

/// The tables of the database at hand that are no small ones, and what their rows take; none where there is no database.
fn measured(
    world: &World,
    project: Option<&Project>,
    before: Option<&Source>,
    pair: &Pair,
    asked: Asked,
) -> Result<BTreeMap<QName, u64>, CliError> {
    let url = match before {
        Some(Source::Database(url)) => Some(url.clone()),
        // Any other two sources are compared wherever the command runs.
        Some(_) => None,
        None => world.url_if_any(project)?,
    };
    let Some(url) = url.filter(|url| url.dialect() == Dialect::Postgres) else {
        return Ok(BTreeMap::new());
    };
    if pair.before.tables.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mb = world.environment(project)?.online_from_mb.unwrap_or(FROM_MB);
    let rows = Database::open_with(&url, Access::ReadOnly, &OpenOptions::default())
        .and_then(|mut database| database.rows(&measure::tables_from((mb << 20).min(SPOKEN_OF))));
    let rows = match rows {
        Ok(rows) => rows,
        Err(error) => {
            let first = error.to_string();
            let first = first.lines().next().unwrap_or_default();
            world.note(&match asked {
                Asked::Both => format!(
                    "how large the tables are is not known ({first}), so they are planned as small ones; `--online` \
                     plans them as tables that are used meanwhile"
                ),
                Asked::Columns => format!(
                    "how large the tables are is not known ({first}), so columns that go are copied; `keep: hide` \
                     hides one"
                ),
            });
            return Ok(BTreeMap::new());
        }
    };
    let sizes = rows.into_iter().filter_map(|row| {
        let mut cells = row.into_iter().flatten();
        let table = QName::new(&cells.next()?, &cells.next()?);
        Some((table, cells.next()?.parse::<u64>().ok()?))
    });
    Ok(sizes.filter(|(table, _)| pair.before.tables.contains_key(table)).collect())
}
