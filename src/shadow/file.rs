//! A copy of a SQLite file: shared blocks where the file system can, else all pages in one step. Always whole.
//!
//! Sources: sqlite.org/backup.html; sqlite.org/lockingv3.html (a file is not written while somebody holds SHARED);
//! ioctl_ficlone(2).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::extent::Provider;
use super::options::{Amount, SnapshotOptions};
use super::snapshot::{Place, Shadow, whole};
use super::survey::{links, spread};
use super::temporary::{self, Kept};
use super::{ShadowError, process};
use crate::db::sqlite::SqliteDb;
use crate::db::url::SqlitePlace;
use crate::db::{Access, Database, DbError, DbErrorKind, Mode, OpenOptions};
use crate::dialect::{masking, session};
use crate::text::{Ident, QName};

pub(super) fn copy_sqlite(
    source: &mut Database,
    options: &SnapshotOptions,
) -> Result<Shadow, ShadowError> {
    let folder = Kept::new(temporary::folder(&options.env.temporary_folder(), temporary::COPY)?);
    let path = folder.path.join("shadow.db");
    refuse_no_room(source, &folder.path)?;
    let way = if clone_blocks(source, &path)? {
        "sharing its blocks with the copy"
    } else {
        copy_pages(source, &path)?;
        "page by page in one step"
    };
    let place = SqlitePlace::File(path);
    let masked = mask(&place, options)?;
    let mut copy = SqliteDb::open(&place, Access::ReadWrite, &OpenOptions::default())?;
    copy.execute(&session::sqlite_unsafe_fast())?;
    let mut database = Database::Sqlite(Box::new(copy));
    let mut extent = whole(&mut database, Provider::File, format!("copied {way}"))?;
    extent.seed = options.seed;
    for table in &mut extent.tables {
        table.masked = masked.get(&table.table).into_iter().flatten().cloned().collect();
    }
    let warnings = match options.amount {
        Amount::Sample(_) => {
            vec!["a SQLite file is always copied whole; `--sample` changes nothing".to_owned()]
        }
        Amount::Fitting | Amount::Whole => Vec::new(),
    };
    let place = Place::File { database: Box::new(database), _folder: folder };
    Ok(Shadow::new(place, extent, warnings))
}

/// Puts stand-ins into the columns that are to be masked, and those that share their values; in a session of its own. What
/// was masked.
fn mask(
    place: &SqlitePlace,
    options: &SnapshotOptions,
) -> Result<BTreeMap<QName, BTreeSet<Ident>>, ShadowError> {
    if options.mask.is_empty() {
        return Ok(BTreeMap::new());
    }
    let session = SqliteDb::open(place, Access::ReadWrite, &OpenOptions::default())?;
    crate::db::sqlite::prepare_masking(&session, options.seed.to_be_bytes())?;
    let mut copy = Database::Sqlite(Box::new(session));
    copy.execute(&session::sqlite_unsafe_fast())?;
    let catalog = copy.inspect()?;
    let mut masked = spread(&options.mask, &links(&catalog));
    for (name, columns) in &mut masked {
        let stored = |column: &Ident| {
            let found = catalog.tables.get(name).and_then(|table| table.column(column));
            found.is_some_and(|found| found.generated.is_none())
        };
        columns.retain(|column| stored(column));
        for column in columns.iter() {
            let other = copy.rows(&masking::sqlite_holds_more_than_text(name, column))?;
            if let Some(data_type) = other.into_iter().flatten().flatten().next() {
                let column = format!("{}.{column}", name.name);
                return Err(ShadowError::Unmaskable { column, data_type });
            }
        }
        if columns.is_empty() {
            continue;
        }
        for statement in masking::sqlite_masking(name, columns) {
            copy.execute(&statement)
                .map_err(|error| ShadowError::Unwritable { table: name.to_string(), error })?;
        }
    }
    masked.retain(|_, columns| !columns.is_empty());
    Ok(masked)
}

fn sqlite(database: &mut Database) -> Result<&mut SqliteDb, ShadowError> {
    match database {
        Database::Sqlite(database) => Ok(database),
        Database::Postgres(_) => Err(ShadowError::Database(DbError::new(
            DbErrorKind::Unsupported,
            "this is not a SQLite database",
        ))),
    }
}

/// A rehearsal also writes: kept values, rebuilt tables.
fn refuse_no_room(source: &mut Database, folder: &Path) -> Result<(), ShadowError> {
    let size = source.value(&session::sqlite_size())?.and_then(|text| text.parse::<u64>().ok());
    let (Some(size), Some(free)) = (size, process::free_space(folder)) else { return Ok(()) };
    let needed = size * 11 / 5;
    if needed <= free {
        return Ok(());
    }
    Err(ShadowError::NoRoom { folder: folder.display().to_string(), needed, free })
}

/// Shares blocks while a read lock keeps the file as it is. Not in WAL mode: there, what was written last stands in
/// another file.
fn clone_blocks(source: &mut Database, path: &Path) -> Result<bool, ShadowError> {
    if source.value(&session::sqlite_journal_mode())?.as_deref() == Some("wal")
        || source.in_transaction()?
    {
        return Ok(false);
    }
    let SqlitePlace::File(original) = sqlite(source)?.place().clone() else { return Ok(false) };
    source.begin(Mode::Snapshot)?;
    // The first read takes the lock.
    let outcome = source.value(&session::sqlite_probe()).map(|_| {
        make_private_file(path).and_then(|()| process::clone_file(&original, path)).is_ok()
    });
    source.rollback()?;
    let shared = outcome?;
    if !shared {
        let _ = std::fs::remove_file(path);
    }
    Ok(shared)
}

/// Writers of a WAL database go on meanwhile.
fn copy_pages(source: &mut Database, path: &Path) -> Result<(), ShadowError> {
    make_private_file(path).map_err(|error| ShadowError::file("make", path, error))?;
    let place = SqlitePlace::File(path.to_owned());
    let mut copy = SqliteDb::open(&place, Access::Create, &OpenOptions::default())?;
    crate::db::sqlite::copy_pages(sqlite(source)?, &mut copy)?;
    Ok(())
}

#[cfg(unix)]
fn make_private_file(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map(|_| ())
}

#[cfg(not(unix))]
fn make_private_file(path: &Path) -> std::io::Result<()> {
    std::fs::OpenOptions::new().write(true).create_new(true).open(path).map(|_| ())
}
