//! Rows of PostgreSQL in its binary form, as they come: no value becomes text, nothing is kept.
//!
//! Source: manual, COPY, "Binary Format".

use std::io::BufRead;

use super::error::{DbError, DbErrorKind, from_postgres};
use super::postgres::{PostgresDb, from_io};
use crate::dialect::check::program::Row;
use crate::dialect::{Sql, session};

/// The signature, the flags, and the length of what follows them.
const HEADER: usize = 11 + 4 + 4;

/// Somebody who takes rows.
pub type TakeBinary<'a> = dyn FnMut(Row<'_>) -> Result<(), DbError> + 'a;

impl PostgresDb {
    /// Hands over the rows of one query.
    ///
    /// # Errors
    /// What the server says, and what `take` says.
    pub fn each_binary_row(
        &mut self,
        query: &Sql,
        take: &mut TakeBinary<'_>,
    ) -> Result<(), DbError> {
        let copy = session::copy_out_binary(query);
        let reader = self.client.copy_out(copy.as_str());
        let mut reader = reader.map_err(|error| from_postgres(&error, copy.as_str()))?;
        let mut rows = Rows { state: State::Header, cells: Vec::new() };
        let mut held: Vec<u8> = Vec::new();
        loop {
            let chunk = reader.fill_buf().map_err(from_io)?;
            let length = chunk.len();
            if length == 0 {
                break;
            }
            // The server sends row by row, so that hardly a row has to be put together.
            if held.is_empty() {
                let used = rows.take(chunk, take)?;
                held.extend_from_slice(&chunk[used..]);
            } else {
                held.extend_from_slice(chunk);
                let used = rows.take(&held, take)?;
                held.drain(..used);
            }
            reader.consume(length);
        }
        match rows.state {
            State::End => Ok(()),
            State::Header | State::Rows => Err(broken()),
        }
    }
}

fn broken() -> DbError {
    DbError::new(DbErrorKind::Connect, "the server's rows ended before their end")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Header,
    Rows,
    End,
}

struct Rows {
    state: State,
    /// Where the cells of a row stand; kept for the next one.
    cells: Vec<Option<(u32, u32)>>,
}

impl Rows {
    /// Takes all whole rows of some bytes; how many bytes they are.
    fn take(&mut self, bytes: &[u8], take: &mut TakeBinary<'_>) -> Result<usize, DbError> {
        let mut used = 0;
        if self.state == State::Header {
            let Some(header) = bytes.get(..HEADER) else { return Ok(0) };
            let extension =
                header[HEADER - 4..].iter().fold(0, |all, byte| all << 8 | usize::from(*byte));
            if bytes.len() < HEADER + extension {
                return Ok(0);
            }
            used = HEADER + extension;
            self.state = State::Rows;
        }
        while self.state == State::Rows {
            let rest = &bytes[used..];
            let Some(length) = self.row(rest) else { break };
            used += length;
            if self.state == State::Rows {
                take(Row { bytes: &rest[..length], cells: &self.cells })?;
            }
        }
        Ok(used)
    }

    /// Finds the cells of the first row; its length, or `None` where it is not whole.
    fn row(&mut self, bytes: &[u8]) -> Option<usize> {
        let count = i16::from_be_bytes(bytes.get(..2)?.try_into().ok()?);
        if count < 0 {
            self.state = State::End;
            return Some(2);
        }
        self.cells.clear();
        let mut at = 2_usize;
        for _ in 0..count {
            let length = i32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?);
            at += 4;
            // NULL has a length of -1.
            self.cells.push(match usize::try_from(length) {
                Ok(length) => {
                    let end = at + length;
                    bytes.get(at..end)?;
                    let cell = (u32::try_from(at).ok()?, u32::try_from(end).ok()?);
                    at = end;
                    Some(cell)
                }
                Err(_) => None,
            });
        }
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two rows and the end, in pieces of a size.
    fn read(size: usize) -> Vec<Vec<Option<Vec<u8>>>> {
        let mut bytes = b"PGCOPY\n\xff\r\n\0".to_vec();
        bytes.extend([0; 8]);
        bytes.extend([0, 2, 0, 0, 0, 3]);
        bytes.extend(b"abc");
        bytes.extend([255; 4]);
        bytes.extend([0, 1, 0, 0, 0, 0]);
        bytes.extend([255, 255]);
        let mut rows = Rows { state: State::Header, cells: Vec::new() };
        let (mut held, mut found) = (Vec::new(), Vec::new());
        for piece in bytes.chunks(size) {
            held.extend_from_slice(piece);
            let used = rows.take(&held, &mut |row| {
                let cells = (0..row.cells.len()).map(|at| row.cell(at).map(<[u8]>::to_vec));
                found.push(cells.collect());
                Ok(())
            });
            held.drain(..used.expect("it is well formed"));
        }
        assert_eq!(rows.state, State::End);
        found
    }

    #[test]
    fn rows_are_found_however_they_are_cut() {
        let expected = vec![vec![Some(b"abc".to_vec()), None], vec![Some(Vec::new())]];
        for size in [1, 2, 5, 20, 1000] {
            assert_eq!(read(size), expected);
        }
    }
}
