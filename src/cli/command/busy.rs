//! Which tables a plan changes while they are used: those that are large where the plan will run.

use std::collections::BTreeSet;

use crate::cli::error::CliError;
use crate::cli::world::World;
use crate::db::{Access, Database, OpenOptions};
use crate::dialect::measure;
use crate::dialect::online::Online;
use crate::source::Source;
use crate::source::project::Project;
use crate::text::{Dialect, QName};

use super::pair::Pair;

/// From how many megabytes of rows on a table is changed while it is used. Reading 32 MB, or building an index over them,
/// takes a few tenths of a second.
const FROM_MB: u64 = 32;

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

/// Finds the tables of a pair that are changed while they are used. `before` is the source of the schema before, where it is
/// told.
pub(crate) fn find(
    world: &World,
    project: Option<&Project>,
    ways: Ways,
    before: Option<&Source>,
    pair: &mut Pair,
) -> Result<(), CliError> {
    pair.online = if ways.offline || pair.after.dialect == Dialect::Sqlite {
        Online::default()
    } else if ways.online {
        Online { tables: pair.before.tables.keys().cloned().collect() }
    } else {
        measured(world, project, before, pair)?
    };
    Ok(())
}

/// The large tables of the database at hand; none where there is no database.
fn measured(
    world: &World,
    project: Option<&Project>,
    before: Option<&Source>,
    pair: &Pair,
) -> Result<Online, CliError> {
    let url = match before {
        Some(Source::Database(url)) => Some(url.clone()),
        // Any other two sources are compared wherever the command runs.
        Some(_) => None,
        None => world.url_if_any(project)?,
    };
    let Some(url) = url.filter(|url| url.dialect() == Dialect::Postgres) else {
        return Ok(Online::default());
    };
    if pair.before.tables.is_empty() {
        return Ok(Online::default());
    }
    let mb = world.environment(project)?.online_from_mb.unwrap_or(FROM_MB);
    let rows = Database::open_with(&url, Access::ReadOnly, &OpenOptions::default())
        .and_then(|mut database| database.rows(&measure::tables_from(mb << 20)));
    let rows = match rows {
        Ok(rows) => rows,
        Err(error) => {
            let first = error.to_string();
            let first = first.lines().next().unwrap_or_default();
            world.note(&format!(
                "how large the tables are is not known ({first}), so they are planned as small ones; `--online` plans \
                 them as tables that are used meanwhile"
            ));
            return Ok(Online::default());
        }
    };
    let tables: BTreeSet<QName> = rows
        .into_iter()
        .filter_map(|row| {
            let mut cells = row.into_iter().flatten();
            Some(QName::new(&cells.next()?, &cells.next()?))
        })
        .filter(|table| pair.before.tables.contains_key(table))
        .collect();
    Ok(Online { tables })
}
