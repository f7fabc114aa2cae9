//! A copy of a database, schema and rows, to rehearse a migration on.

use super::ShadowError;
use super::copy::Copying;
use super::extent::{Extent, Provider, RowCount, Share, TableExtent};
use super::file::copy_sqlite;
use super::options::{Choice, SnapshotOptions};
use super::provider::{Probe, Provided, candidates, hand_over, probe, provide};
use super::schema::{self, Roles};
use super::scratch::Scratch;
use super::temporary::Kept;
use super::{in_place, is_lack, process, template_copy};
use crate::catalog::Catalog;
use crate::db::sqlite::SqliteDb;
use crate::db::{Access, Database, DbError, DbErrorKind, Mode, OpenOptions};
use crate::dialect::{sampling, session};
use crate::text::Dialect;

/// A copy, gone when it is dropped.
pub struct Shadow {
    pub(super) place: Place,
    pub(super) extent: Extent,
    pub(super) warnings: Vec<String>,
    note: String,
}

pub(super) enum Place {
    Server(Box<Scratch>),
    /// The database itself; its transaction is rolled back.
    Itself(Box<Database>),
    /// The database is closed before its folder goes: fields are dropped in order.
    File {
        database: Box<Database>,
        _folder: Kept,
    },
}

impl Shadow {
    pub(super) fn new(place: Place, extent: Extent, warnings: Vec<String>) -> Self {
        let mut note =
            format!("{}: {}; {}", extent.provider.word(), extent.reason, extent.summary());
        for warning in &warnings {
            note.push_str("; ");
            note.push_str(warning);
        }
        Shadow { place, extent, warnings, note }
    }

    /// The copy; its session is of the role that runs migrations, where that role exists there.
    pub fn database(&mut self) -> &mut Database {
        match &mut self.place {
            Place::Server(scratch) => scratch.database(),
            Place::Itself(database) | Place::File { database, .. } => database,
        }
    }

    /// What it holds of its source; evidence carries it.
    pub fn extent(&self) -> &Extent {
        &self.extent
    }

    /// Another session on the copy, with every right that can be had there: for looking on while a plan runs.
    ///
    /// # Errors
    /// No connection; SQLite's copy is opened anew.
    pub fn observer(&mut self) -> Result<Database, ShadowError> {
        if let Place::Server(scratch) = &self.place
            && let (Some(cluster), Some(name)) = (scratch.cluster(), scratch.name())
        {
            return Ok(Database::open(&cluster.url(name), Access::ReadWrite)?);
        }
        Ok(match self.database() {
            Database::Postgres(database) => Database::Postgres(Box::new(database.second()?)),
            Database::Sqlite(database) => Database::Sqlite(Box::new(SqliteDb::open(
                database.place(),
                Access::ReadWrite,
                &OpenOptions::default(),
            )?)),
        })
    }

    /// Which provider was used, why, and how much was copied, for people.
    pub fn note(&self) -> &str {
        &self.note
    }

    /// What makes this copy less than the original.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Place::Itself(database) = self {
            // A lost connection has rolled back by itself.
            in_place::end(database);
        }
    }
}

/// Copies a database; nothing is written to it.
///
/// # Errors
/// No provider fits, a table that cannot be read, no room.
pub fn snapshot(source: &mut Database, options: &SnapshotOptions) -> Result<Shadow, ShadowError> {
    match (source.dialect(), &options.provider) {
        (Dialect::Sqlite, Choice::Auto | Choice::File | Choice::Url(_)) => {
            copy_sqlite(source, options)
        }
        (Dialect::Sqlite, Choice::Transaction) | (Dialect::Postgres, Choice::Transaction) => {
            in_place::open(source, options)
        }
        (Dialect::Sqlite, Choice::Local | Choice::Server | Choice::Template) => {
            Err(ShadowError::Unfit {
                provider: "this provider",
                reason:
                    "it is for PostgreSQL; a SQLite database is copied as a file (`--shadow file`)"
                        .to_owned(),
            })
        }
        (Dialect::Postgres, Choice::Template) => template_copy::copy(source, options),
        (
            Dialect::Postgres,
            Choice::Auto | Choice::Url(_) | Choice::Local | Choice::Server | Choice::File,
        ) => copy_postgres(source, options),
    }
}

/// All is read in one transaction that sees one state and may not write.
fn copy_postgres(source: &mut Database, options: &SnapshotOptions) -> Result<Shadow, ShadowError> {
    source.begin(Mode::Snapshot)?;
    let outcome = probe(source, options).and_then(|probe| first_that_fits(source, &probe, options));
    // A lost connection has rolled back by itself.
    match (outcome, source.rollback()) {
        (Ok(shadow), Ok(())) => Ok(shadow),
        (Ok(_), Err(error)) => Err(ShadowError::Lost { place: source.describe(), error }),
        (Err(error), Ok(())) => Err(error),
        (Err(_), Err(error)) => Err(ShadowError::Lost { place: source.describe(), error }),
    }
}

/// Makes the copy in the first place that can hold it.
fn first_that_fits(
    source: &mut Database,
    probe: &Probe,
    options: &SnapshotOptions,
) -> Result<Shadow, ShadowError> {
    let mut rejected: Vec<(&'static str, String)> = Vec::new();
    for candidate in candidates(options) {
        let made = match provide(candidate, probe, options)? {
            Ok(provided) => fill(source, probe, provided, options, &rejected),
            Err(reason) => Ok(Err(reason)),
        };
        match (made, &options.provider) {
            (Ok(Ok(shadow)), _) => return Ok(shadow),
            (Ok(Err(reason)), Choice::Auto) => rejected.push((candidate.word(), reason)),
            // What this place cannot hold, another may.
            (Err(ShadowError::Schema { statement, error }), Choice::Auto)
                if is_lack(&error) && !is_passing(&error) =>
            {
                rejected.push((candidate.word(), format!("{error}, in: {statement}")));
            }
            (Ok(Err(reason)), _) => {
                return Err(ShadowError::Unfit { provider: options.provider.word(), reason });
            }
            (Err(error), _) => return Err(error),
        }
    }
    if rejected.is_empty() {
        let reason = "it copies a SQLite file, and this is a PostgreSQL database".to_owned();
        return Err(ShadowError::Unfit { provider: options.provider.word(), reason });
    }
    rejected.dedup_by(|next, last| next.1 == last.1);
    Err(ShadowError::NoProvider { place: probe.place.clone(), major: probe.major, rejected })
}

/// No room, no memory, no connection: another place is no answer to that.
fn is_passing(error: &DbError) -> bool {
    error.sqlstate.as_deref().is_none_or(|code| code.starts_with("53"))
}

/// Puts schema and rows into an empty database; or says what it cannot hold although the plan needs it.
fn fill(
    source: &mut Database,
    probe: &Probe,
    provided: Provided,
    options: &SnapshotOptions,
    rejected: &[(&'static str, String)],
) -> Result<Result<Shadow, String>, ShadowError> {
    let Provided { mut scratch, provider, reason, mut warnings } = provided;
    let catalog = source.inspect_with_hidden()?;
    let ours = scratch.cluster().is_some();
    let roles = if ours { Roles::Demanded } else { Roles::Wanted };
    let stages = schema::stages(&catalog)?;
    let mut absent = schema::run(scratch.database(), &stages.first, roles)?;
    let bookkeeping = returned(source, &sampling::bookkeeping_tables())?;
    schema::run(scratch.database(), &bookkeeping, Roles::Demanded)?;

    let extents = copy_rows(source, &mut scratch, &catalog, options, &mut warnings)?;
    absent.extend(schema::run(scratch.database(), &stages.last, roles)?);
    if let Some(first) = absent.first().filter(|_| !probe.plan_roles.is_empty()) {
        return Ok(Err(format!("the plan names roles, and the copy there would lack {first}")));
    }
    let positions = returned(source, &sampling::sequence_positions())?;
    // A sequence of an object that is left out is left out with it.
    for position in &positions {
        if let Err(error) = scratch.database().execute(position) {
            absent.push(format!("the position of a sequence ({error})"));
        }
    }
    for extent in extents.iter().filter(|extent| extent.rows > 0) {
        scratch.database().execute(&sampling::analyze(&extent.table))?;
    }
    warnings.extend(hand_over(&mut scratch, source, probe, provider)?);
    absent.extend(schema::run(scratch.database(), &stages.personal, roles)?);
    warnings.extend(absent.iter().map(|what| format!("the copy lacks {what}")));
    let reason = match rejected {
        [] => reason,
        before => {
            let texts: Vec<String> =
                before.iter().map(|(word, why)| format!("{word} does not fit: {why}")).collect();
            format!("{reason} ({})", texts.join("; "))
        }
    };
    let extent = Extent { provider, reason, seed: options.seed, tables: extents, absent };
    Ok(Ok(Shadow::new(Place::Server(Box::new(scratch)), extent, warnings)))
}

fn returned(
    source: &mut Database,
    query: &crate::dialect::Sql,
) -> Result<Vec<crate::dialect::Sql>, DbError> {
    let rows = source.rows(query)?;
    Ok(rows.into_iter().flatten().flatten().map(|text| session::returned(&text)).collect())
}

fn copy_rows(
    source: &mut Database,
    scratch: &mut Scratch,
    catalog: &Catalog,
    options: &SnapshotOptions,
    warnings: &mut Vec<String>,
) -> Result<Vec<TableExtent>, ShadowError> {
    let folder = scratch.cluster().map(|cluster| cluster.folder().to_owned());
    let (Database::Postgres(source), Database::Postgres(target)) = (source, scratch.database())
    else {
        return Err(ShadowError::Database(DbError::new(
            DbErrorKind::Unsupported,
            "rows are copied from PostgreSQL to PostgreSQL",
        )));
    };
    let mut copying = Copying::plan(source, catalog, options)?;
    if let Some(folder) = folder
        && let Some(free) = process::free_space(&folder)
    {
        // Rows, their indexes, and what the plan itself writes anew.
        let needed = copying.bytes() * 11 / 5;
        if needed > free {
            return Err(ShadowError::NoRoom { folder: folder.display().to_string(), needed, free });
        }
    }
    copying.run(target)?;
    warnings.append(&mut copying.warnings);
    Ok(copying.extents())
}

/// The extent of a copy that holds all that its source does.
pub(super) fn whole(
    database: &mut Database,
    provider: Provider,
    reason: String,
) -> Result<Extent, ShadowError> {
    let dialect = database.dialect();
    let mut tables = Vec::new();
    for name in database.inspect()?.tables.into_keys() {
        let rows = database.value(&session::count_rows(dialect, &name))?;
        let rows = rows.and_then(|text| text.parse().ok()).unwrap_or_default();
        let (of, share) = (RowCount::Exactly(rows), Share::Whole);
        tables.push(TableExtent { table: name, rows, of, share, masked: Vec::new() });
    }
    Ok(Extent { provider, reason, seed: 0, tables, absent: Vec::new() })
}
