//! A stream of rows: what the server answers of them is counted, and what it does not is answered here.
//!
//! Memory does not grow with the rows: of those that break a rule a few thousand are remembered, by where they lie.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Mutex;

use super::engine::Count;
use super::extents::Extents;
use super::parents::{Parents, encode};
use super::pieces::{Piece, Place, UniqueKey};
use super::spill::{self, Sorter};
use crate::catalog::rule::Nulls;
use crate::db::{Database, DbError, DbErrorKind};
use crate::dialect::Sql;
use crate::dialect::check::Check;
use crate::dialect::check::program::{Doubt, Row};
use crate::dialect::check::reading::{
    ANSWERS_MAX, Extent, RowPlace, Slice, Source, Spread, Stream,
};
use crate::dialect::session;

/// How many rows that break a rule are remembered.
pub(super) const REMEMBERED_MAX: usize = 10_000;

/// What a stream says of one rule.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) rows: u64,
    /// Where the rows lie that break the rule, in their order; not all where there are too many.
    places: Vec<RowPlace>,
    /// Whether the server has to be asked: a value could not be taken as the server takes it.
    pub(super) is_doubtful: bool,
}

impl Tally {
    fn add(&mut self, place: RowPlace) {
        self.rows += 1;
        if self.places.len() < REMEMBERED_MAX {
            self.places.push(place);
        }
    }

    fn absorb(&mut self, other: Tally) {
        self.rows += other.rows;
        self.is_doubtful |= other.is_doubtful;
        let room = REMEMBERED_MAX.saturating_sub(self.places.len());
        self.places.extend(other.places.into_iter().take(room));
    }

    /// Where some of them lie.
    pub(super) fn some_places(&self) -> &[RowPlace] {
        &self.places
    }

    /// Where all rows lie that break the rule, if all are remembered.
    pub(super) fn places(&self) -> Option<&[RowPlace]> {
        (self.rows == self.places.len() as u64).then_some(&self.places)
    }
}

/// What a stream says.
#[derive(Clone, Debug, Default)]
pub(super) struct Gathered {
    /// How many rows there are.
    pub(super) of: u64,
    /// For each check.
    pub(super) tallies: Vec<Tally>,
}

impl Gathered {
    pub(super) fn count(&self, at: usize) -> Count {
        Count { rows: self.tallies.get(at).map_or(0, |tally| tally.rows), of: self.of }
    }
}

/// Reads the rows of a piece once; without workers those of the first slice, or all.
///
/// # Errors
/// What the server says.
pub(super) fn gather(
    database: &mut Database,
    piece: &Piece<'_>,
    slices: &[Slice],
    workers: &mut [Database],
    extents: &Extents,
) -> Result<Gathered, DbError> {
    let source = source(piece).ok_or_else(|| unsupported("these rows cannot be streamed"))?;
    let parents = Parents::read(database, piece)?;
    let hashes = (RandomState::new(), RandomState::new());
    // All readers together hold no more than one alone.
    let share = spill::HELD_MAX / (workers.len() + 1);
    let make = |slice| Reader::of(piece, source, slice, &parents, &hashes).holding(share);
    let mut reader = match workers {
        [] => {
            let slice = slices.first().copied().unwrap_or_default();
            let mut reader = make(slice);
            reader.read(database)?;
            reader
        }
        workers => {
            let next = Mutex::new(slices.iter());
            let take = || next.lock().unwrap_or_else(|poison| poison.into_inner()).next();
            let read = |worker: &mut Database| {
                let mut own = make(Slice::All);
                while let Some(slice) = take() {
                    own.stream.slice = *slice;
                    own.read(worker)?;
                }
                Ok(own)
            };
            let parts: Vec<Result<Reader<'_>, DbError>> = std::thread::scope(|scope| {
                let read = &read;
                let start = |worker| scope.spawn(move || read(worker));
                let threads: Vec<_> = workers.iter_mut().map(start).collect();
                let lost = |_| Err(unsupported("a reading thread was lost"));
                threads.into_iter().map(|it| it.join().unwrap_or_else(lost)).collect()
            });
            let mut all = make(Slice::All);
            for part in parts {
                all.absorb(part?)?;
            }
            all
        }
    };
    reader.finish(database, extents)?;
    Ok(reader.gathered)
}

/// Reads only the rows that break some rules, which the server answers: one scan tells how many they are and where they lie.
/// `None` where they are too many to be remembered, or lie in no table.
///
/// # Errors
/// What the server says.
pub(super) fn breaking(
    database: &mut Database,
    checks: &[Check],
    extents: &Extents,
) -> Result<Option<Gathered>, DbError> {
    let Some((first, _)) = checks.first().and_then(Check::row_rule) else { return Ok(None) };
    if !checks.iter().all(|check| check.row_rule().is_some_and(|(source, _)| source == first)) {
        return Ok(None);
    }
    let piece = Piece::by_server(checks);
    let states = (RandomState::new(), RandomState::new());
    let parents = Parents::none();
    let mut reader = Reader::of(&piece, first, Slice::All, &parents, &states);
    reader.stream.limit = Some(REMEMBERED_MAX + 1);
    database.rows(&session::few_are_sent())?;
    reader.read(database)?;
    database.rows(&session::as_usual())?;
    if reader.gathered.of > REMEMBERED_MAX as u64 {
        return Ok(None);
    }
    reader.finish(database, extents)?;
    Ok(Some(reader.gathered))
}

fn source<'a>(piece: &Piece<'a>) -> Option<&'a Source> {
    let reading = piece.checks.first()?.reading.as_ref()?;
    Some(&reading.source)
}

fn unsupported(message: &str) -> DbError {
    DbError::new(DbErrorKind::Unsupported, message)
}

fn failed(error: std::io::Error) -> DbError {
    DbError::new(DbErrorKind::Sql, format!("cannot use a temporary file: {error}"))
}

pub(super) fn stream(
    database: &mut Database,
    sql: &Sql,
    take: &mut crate::db::TakeBinary<'_>,
) -> Result<(), DbError> {
    match database {
        Database::Postgres(postgres) => postgres.each_binary_row(sql, take),
        Database::Sqlite(_) => Err(unsupported("only PostgreSQL streams rows")),
    }
}

/// The query that a piece sends.
pub(super) fn query(piece: &Piece<'_>) -> Option<Sql> {
    let source = source(piece)?;
    let states = (RandomState::new(), RandomState::new());
    let parents = Parents::none();
    Some(Reader::of(piece, source, Slice::All, &parents, &states).stream.sql())
}

/// Takes the rows of one stream.
struct Reader<'a> {
    checks: &'a [Check],
    stream: Stream<'a>,
    /// The check of each answer of the server.
    answered: Vec<usize>,
    /// Checks that are answered here, and how.
    here: Vec<(usize, &'a Place)>,
    parents: &'a Parents,
    hashes: &'a (RandomState, RandomState),
    /// Hashes of keys, for each check that wants them unique.
    sorters: BTreeMap<usize, Sorter>,
    /// Tables that rows lie in.
    tables: Vec<u32>,
    /// The cells of a row at the positions of the fields.
    cells: Vec<Option<(u32, u32)>>,
    key: Vec<u8>,
    gathered: Gathered,
}

impl<'a> Reader<'a> {
    fn of(
        piece: &'a Piece<'_>,
        source: &'a Source,
        slice: Slice,
        parents: &'a Parents,
        hashes: &'a (RandomState, RandomState),
    ) -> Self {
        let (mut answered, mut conditions, mut here) = (Vec::new(), Vec::new(), Vec::new());
        let mut fields = BTreeSet::new();
        let mut tallies = vec![Tally::default(); piece.checks.len()];
        for (at, (check, place)) in piece.checks.iter().zip(&piece.places).enumerate() {
            fields.extend(place.fields());
            match (place, check.row_rule()) {
                (Place::Server(_), Some((_, condition))) => {
                    answered.push(at);
                    conditions.push(condition);
                }
                // Asked by a query of its own.
                (Place::Server(_), None) => tallies[at].is_doubtful = true,
                (Place::Lookup(_), _) if !matches!(parents.of.get(&at), Some(Some(_))) => {
                    tallies[at].is_doubtful = true;
                }
                (Place::Here(_) | Place::Unique(_) | Place::Lookup(_), _) => here.push((at, place)),
            }
        }
        let extent = if here.is_empty() { Extent::Breaking } else { Extent::All };
        let fields = fields.into_iter().collect();
        Reader {
            checks: piece.checks,
            stream: Stream { source, conditions, fields, extent, slice, limit: None },
            answered,
            here,
            parents,
            hashes,
            sorters: BTreeMap::new(),
            tables: Vec::new(),
            cells: vec![None; source.fields.len()],
            key: Vec::new(),
            gathered: Gathered { of: 0, tallies },
        }
    }

    /// Holds so many entries in memory at most.
    fn holding(mut self, held_max: usize) -> Self {
        let unique = |place: &&(usize, &Place)| matches!(place.1, Place::Unique(_));
        let uniques = self.here.iter().filter(unique).count().max(1);
        let sorter = |(at, _): &(usize, &Place)| (*at, Sorter::new(held_max / uniques));
        self.sorters = self.here.iter().filter(unique).map(sorter).collect();
        self
    }

    fn read(&mut self, database: &mut Database) -> Result<(), DbError> {
        let sql = self.stream.sql();
        stream(database, &sql, &mut |row| self.row(row))
    }

    fn row(&mut self, row: Row<'_>) -> Result<(), DbError> {
        self.gathered.of += 1;
        let answers = self.stream.answers();
        for (word, cell) in answers.clone().enumerate() {
            let mut bits = u64::from_be_bytes(fixed(row, cell)?);
            while bits != 0 {
                let at = word * ANSWERS_MAX + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                if let Some(check) = self.answered.get(at) {
                    let place = place(row, self.stream.source.spread)?;
                    self.gathered.tallies[*check].add(place);
                }
            }
        }
        let sent = row.cells.get(answers.end..).unwrap_or_default();
        for (field, cell) in self.stream.fields.iter().zip(sent) {
            self.cells[*field] = *cell;
        }
        for at in 0..self.here.len() {
            let (check, asked) = self.here[at];
            if self.gathered.tallies[check].is_doubtful {
                continue;
            }
            let seen = Row { bytes: row.bytes, cells: &self.cells };
            let broken = match asked {
                Place::Here(program) => program.is_true(seen),
                Place::Lookup(lookup) => {
                    self.parents.is_orphan((check, lookup), seen, &mut self.key)
                }
                Place::Unique(unique) => {
                    let counts = counts(unique, seen, &mut self.key);
                    if counts == Ok(true) {
                        self.sort(check, row)?;
                    }
                    counts.map(|_| false)
                }
                Place::Server(_) => Ok(false),
            };
            let tally = &mut self.gathered.tallies[check];
            match broken {
                Ok(false) => {}
                Ok(true) => tally.add(place(row, self.stream.source.spread)?),
                Err(Doubt) => tally.is_doubtful = true,
            }
        }
        Ok(())
    }

    /// Remembers the key of a row that no other row may have.
    fn sort(&mut self, check: usize, row: Row<'_>) -> Result<(), DbError> {
        let place = place(row, self.stream.source.spread)?;
        let table = match self.tables.iter().position(|table| *table == place.table) {
            Some(at) => at,
            None => {
                self.tables.push(place.table);
                self.tables.len() - 1
            }
        };
        let number = self.hashes.0.hash_one(&self.key[..]);
        let packed =
            (table as u64) << 48 | u64::from(place.block) << 16 | u64::from(place.position);
        match self.sorters.get_mut(&check) {
            Some(sorter) if table <= usize::from(u16::MAX) => {
                sorter.push(number, packed).map_err(failed)
            }
            Some(_) | None => {
                self.gathered.tallies[check].is_doubtful = true;
                Ok(())
            }
        }
    }

    /// Takes over what another reader of the same piece read.
    fn absorb(&mut self, other: Reader<'a>) -> Result<(), DbError> {
        let is_same =
            self.tables.is_empty() || other.tables.is_empty() || self.tables == other.tables;
        if self.tables.is_empty() {
            self.tables = other.tables;
        }
        self.gathered.of += other.gathered.of;
        for (own, more) in self.gathered.tallies.iter_mut().zip(other.gathered.tallies) {
            own.absorb(more);
        }
        for (check, more) in other.sorters {
            // Numbers of tables mean others there.
            self.gathered.tallies[check].is_doubtful |= !is_same;
            if let Some(sorter) = self.sorters.get_mut(&check).filter(|_| is_same) {
                sorter.absorb(more).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Counts rows that are not alone, and all rows where only some were sent.
    fn finish(&mut self, database: &mut Database, extents: &Extents) -> Result<(), DbError> {
        for (check, sorter) in std::mem::take(&mut self.sorters) {
            if self.gathered.tallies[check].is_doubtful {
                continue;
            }
            let doubles = sorter.doubles(REMEMBERED_MAX).map_err(failed)?;
            let unpacked = |packed: &u64| RowPlace {
                table: self.tables.get((packed >> 48) as usize).copied().unwrap_or(0),
                block: (packed >> 16) as u32,
                position: *packed as u16,
            };
            let mut places: Vec<RowPlace> = doubles.places.iter().map(unpacked).collect();
            places.sort_unstable();
            let tally = &mut self.gathered.tallies[check];
            match doubles.rows {
                0 => {}
                // Hashes may be equal where keys are not: the server says.
                rows if rows == places.len() as u64 => {
                    let found = confirmed(database, &self.checks[check], &places)?;
                    found.into_iter().for_each(|place| tally.add(place));
                }
                _ => tally.is_doubtful = true,
            }
        }
        let source = self.stream.source;
        match (self.stream.extent, self.stream.slice) {
            (Extent::All, Slice::All) => extents.learn(source, self.gathered.of),
            (Extent::All, Slice::Blocks(..)) => {}
            (Extent::Breaking, Slice::All) => self.gathered.of = extents.of(database, source)?,
            (Extent::Breaking, slice @ Slice::Blocks(..)) => {
                let count = database.value(&source.count(slice))?;
                self.gathered.of = count.and_then(|text| text.parse().ok()).unwrap_or(0);
            }
        }
        for tally in &mut self.gathered.tallies {
            tally.places.sort_unstable();
        }
        Ok(())
    }
}

/// Whether a row is among those whose keys must differ; then its key is in the bytes.
fn counts(unique: &UniqueKey, row: Row<'_>, key: &mut Vec<u8>) -> Result<bool, Doubt> {
    if let Some(condition) = &unique.condition
        && !condition.is_true(row)?
    {
        return Ok(false);
    }
    let nulls = encode(&unique.key, row, key)?;
    Ok(nulls == 0 || unique.nulls == Nulls::Equal)
}

/// Those of some rows whose key another of them has.
fn confirmed(
    database: &mut Database,
    check: &Check,
    places: &[RowPlace],
) -> Result<Vec<RowPlace>, DbError> {
    let sql = check.doubles_at(places).ok_or_else(|| unsupported("this is no unique key"))?;
    let mut found = Vec::new();
    for row in database.rows(&sql)? {
        let text = row.first().and_then(Option::as_deref).unwrap_or_default();
        let (block, position) = text
            .trim_matches(['(', ')'])
            .split_once(',')
            .ok_or_else(|| unsupported("the server's rows are not what was asked for"))?;
        let number = |text: &str| text.parse().unwrap_or(0_u32);
        found.push(RowPlace {
            table: row.get(1).and_then(Option::as_deref).map_or(0, number),
            block: number(block),
            position: number(position) as u16,
        });
    }
    Ok(found)
}

/// Where a row lies. Source: `tidsend` in `src/backend/utils/adt/tid.c`.
fn place(row: Row<'_>, spread: Spread) -> Result<RowPlace, DbError> {
    let [a, b, c, d, e, f] = fixed::<6>(row, 0)?;
    let table = match spread {
        Spread::One => 0,
        Spread::Several => u32::from_be_bytes(fixed(row, 1)?),
    };
    let (block, position) = (u32::from_be_bytes([a, b, c, d]), u16::from_be_bytes([e, f]));
    Ok(RowPlace { table, block, position })
}

fn fixed<const N: usize>(row: Row<'_>, cell: usize) -> Result<[u8; N], DbError> {
    let bytes = row.cell(cell).and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| unsupported("the server's rows are not what was asked for"))
}
