//! A stream of rows: what the server answers of them is counted, and what it does not is answered here.
//!
//! Memory does not grow with the rows: of those that break a rule a few thousand are remembered, by where they lie.

use std::collections::BTreeMap;

use super::engine::Count;
use super::pieces::{Piece, Place};
use crate::db::{Database, DbError, DbErrorKind};
use crate::dialect::Sql;
use crate::dialect::check::program::{Program, Row};
use crate::dialect::check::reading::{
    ANSWERS_MAX, Extent, RowPlace, Slice, Source, Spread, Stream,
};

/// How many rows that break a rule are remembered.
const REMEMBERED_MAX: usize = 10_000;

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

/// Reads the rows of a piece once.
///
/// # Errors
/// What the server says.
pub(super) fn gather(
    database: &mut Database,
    piece: &Piece<'_>,
    slice: Slice,
) -> Result<Gathered, DbError> {
    let Some((source, _)) = piece.checks.first().and_then(|check| check.row_rule()) else {
        return Err(DbError::new(DbErrorKind::Unsupported, "these rows cannot be streamed"));
    };
    let mut reader = Reader::of(piece, source, slice);
    let sql = reader.stream.sql();
    let Database::Postgres(postgres) = database else {
        return Err(DbError::new(DbErrorKind::Unsupported, "only PostgreSQL streams rows"));
    };
    postgres.each_binary_row(&sql, &mut |row| reader.row(row))?;
    let mut gathered = reader.gathered;
    if reader.stream.extent == Extent::Breaking {
        let count = database.value(&source.count(slice))?;
        gathered.of = count.and_then(|text| text.parse().ok()).unwrap_or(0);
    }
    for tally in &mut gathered.tallies {
        tally.places.sort_unstable();
    }
    Ok(gathered)
}

/// The query that a piece sends.
pub(super) fn query(piece: &Piece<'_>) -> Option<Sql> {
    let (source, _) = piece.checks.first()?.row_rule()?;
    Some(Reader::of(piece, source, Slice::All).stream.sql())
}

/// Takes the rows of one stream.
struct Reader<'a> {
    stream: Stream<'a>,
    /// The check of each answer of the server.
    answered: Vec<usize>,
    /// Checks that are answered here.
    programs: Vec<(usize, &'a Program)>,
    /// The cells of a row at the positions of the fields.
    cells: Vec<Option<(u32, u32)>>,
    gathered: Gathered,
}

impl<'a> Reader<'a> {
    fn of(piece: &'a Piece<'_>, source: &'a Source, slice: Slice) -> Self {
        let (mut answered, mut conditions, mut programs) = (Vec::new(), Vec::new(), Vec::new());
        let mut fields = BTreeMap::new();
        for (at, check) in piece.checks.iter().enumerate() {
            match piece.places.get(at) {
                Some(Place::Here(program)) => {
                    fields.extend(program.fields().iter().map(|field| (*field, ())));
                    programs.push((at, &**program));
                }
                Some(Place::Server(_)) | None => {
                    answered.push(at);
                    conditions.extend(check.row_rule().map(|(_, condition)| condition));
                }
            }
        }
        let extent = if programs.is_empty() { Extent::Breaking } else { Extent::All };
        let fields = fields.into_keys().collect();
        let tallies = vec![Tally::default(); piece.checks.len()];
        Reader {
            stream: Stream { source, conditions, fields, extent, slice },
            answered,
            programs,
            cells: vec![None; source.fields.len()],
            gathered: Gathered { of: 0, tallies },
        }
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
                    let place = self.place(row)?;
                    self.gathered.tallies[*check].add(place);
                }
            }
        }
        if self.programs.is_empty() {
            return Ok(());
        }
        for (field, cell) in
            self.stream.fields.iter().zip(row.cells.get(answers.end..).unwrap_or_default())
        {
            self.cells[*field] = *cell;
        }
        let seen = Row { bytes: row.bytes, cells: &self.cells };
        for at in 0..self.programs.len() {
            let (check, program) = self.programs[at];
            let tally = &mut self.gathered.tallies[check];
            if tally.is_doubtful {
                continue;
            }
            match program.is_true(seen) {
                Ok(false) => {}
                Ok(true) => {
                    let place = place(row, self.stream.source.spread)?;
                    tally.add(place);
                }
                Err(_) => tally.is_doubtful = true,
            }
        }
        Ok(())
    }

    fn place(&self, row: Row<'_>) -> Result<RowPlace, DbError> {
        place(row, self.stream.source.spread)
    }
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
    row.cell(cell).and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| {
        DbError::new(DbErrorKind::Unsupported, "the server's rows are not what was asked for")
    })
}
