//! Keys that rows may refer to, held in memory as far as they are not too many: numbers that lie close together as bits, all
//! others as hashes.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

use super::gather::stream;
use super::pieces::{Lookup, Piece, Place};
use crate::catalog::rule::Matching;
use crate::db::{Database, DbError};
use crate::dialect::check::program::{Doubt, Key, Row, Value};

/// How many keys of other tables are held in memory.
const PARENTS_MAX: usize = 2_000_000;

/// How many bits a number may take: beyond that a hash takes less.
const BITS_MAX: u64 = 128;

/// The keys that rows may refer to, for each check that looks there; `None` where there are too many or one is in doubt.
pub(super) struct Parents {
    hashes: (RandomState, RandomState),
    pub(super) of: BTreeMap<usize, Option<Known>>,
}

/// Keys that are there.
pub(super) enum Known {
    Hashes(HashSet<u128, BuildHasherDefault<Taken>>),
    /// Bits from the least number on.
    Numbers {
        least: i64,
        bits: Vec<u64>,
    },
}

/// Takes a number that is a hash already.
#[derive(Default)]
pub(super) struct Taken(u64);

impl Hasher for Taken {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u128(&mut self, number: u128) {
        self.0 = number as u64;
    }
}

impl Parents {
    pub(super) fn none() -> Self {
        Parents { hashes: (RandomState::new(), RandomState::new()), of: BTreeMap::new() }
    }

    /// Reads the keys that the rules of a piece look for.
    ///
    /// # Errors
    /// What the server says.
    pub(super) fn read(database: &mut Database, piece: &Piece<'_>) -> Result<Self, DbError> {
        let mut parents = Parents::none();
        let mut left = PARENTS_MAX;
        for (at, place) in piece.places.iter().enumerate() {
            let Place::Lookup(lookup) = place else { continue };
            let (mut numbers, mut keys) = (Vec::new(), HashSet::default());
            let (mut count, mut is_known) = (0, true);
            let mut bytes = Vec::new();
            let is_single = lookup.parent_key.kinds().len() == 1;
            stream(database, &lookup.parent.sql(left + 1), &mut |row| {
                count += 1;
                if is_single
                    && let Some(Ok(Value::Whole(number))) = lookup.parent_key.values(row).next()
                {
                    numbers.push(number);
                    return Ok(());
                }
                match encode(&lookup.parent_key, row, &mut bytes) {
                    Ok(_) => drop(keys.insert(hash(&parents.hashes, &bytes))),
                    Err(_) => is_known = false,
                }
                Ok(())
            })?;
            is_known &= count <= left;
            left = left.saturating_sub(count);
            // NULLs beside numbers are keys of nothing.
            let known = match bits(&numbers) {
                Some(known) => known,
                None => {
                    for number in numbers {
                        bytes.clear();
                        Value::Whole(number).encode(&mut bytes);
                        keys.insert(hash(&parents.hashes, &bytes));
                    }
                    Known::Hashes(keys)
                }
            };
            parents.of.insert(at, is_known.then_some(known));
        }
        Ok(parents)
    }

    /// Whether a row refers to what is not there. `key` is room for its key.
    ///
    /// # Errors
    /// The server has to be asked.
    pub(super) fn is_orphan(
        &self,
        (check, lookup): (usize, &Lookup),
        row: Row<'_>,
        key: &mut Vec<u8>,
    ) -> Result<bool, Doubt> {
        let known = self.of.get(&check).and_then(Option::as_ref).ok_or(Doubt)?;
        if let Known::Numbers { least, bits } = known {
            return match lookup.key.values(row).next() {
                Some(Ok(Value::Whole(number))) => Ok(!is_set(*least, bits, number)),
                Some(Ok(Value::Null)) => Ok(false),
                Some(_) | None => Err(Doubt),
            };
        }
        let nulls = encode(&lookup.key, row, key)?;
        Ok(match (lookup.matching, nulls, known) {
            (_, 0, Known::Hashes(keys)) => !keys.contains(&hash(&self.hashes, key)),
            (Matching::Full, nulls, _) => nulls < lookup.key.kinds().len(),
            (Matching::Simple, _, _) => false,
        })
    }
}

/// Numbers as bits, where they lie close enough together.
fn bits(numbers: &[i64]) -> Option<Known> {
    let (least, most) = (*numbers.iter().min()?, *numbers.iter().max()?);
    let span = most.checked_sub(least).and_then(|span| u64::try_from(span).ok())?;
    if span / BITS_MAX > numbers.len() as u64 {
        return None;
    }
    let mut bits = vec![0_u64; usize::try_from(span / 64).ok()? + 1];
    for number in numbers {
        let at = (number - least) as usize;
        bits[at / 64] |= 1 << (at % 64);
    }
    Some(Known::Numbers { least, bits })
}

fn is_set(least: i64, bits: &[u64], number: i64) -> bool {
    let at = number.checked_sub(least).and_then(|at| usize::try_from(at).ok());
    at.is_some_and(|at| bits.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1))
}

/// 128 bits of two keyed hashes: no two keys of one run come to the same by chance or by intent.
fn hash(states: &(RandomState, RandomState), bytes: &[u8]) -> u128 {
    u128::from(states.0.hash_one(bytes)) << 64 | u128::from(states.1.hash_one(bytes))
}

/// Puts a key into bytes; how many of its values are NULL.
pub(super) fn encode(key: &Key, row: Row<'_>, bytes: &mut Vec<u8>) -> Result<usize, Doubt> {
    bytes.clear();
    let mut nulls = 0;
    for value in key.values(row) {
        let value = value?;
        nulls += usize::from(value == Value::Null);
        value.encode(bytes);
    }
    Ok(nulls)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_lie_close_together_are_bits() {
        let numbers = [-5, 70, 3, 64, 200];
        let Some(Known::Numbers { least, bits }) = bits(&numbers) else { panic!("they are close") };
        let found: Vec<i64> = (-300..300).filter(|it| is_set(least, &bits, *it)).collect();
        assert_eq!(found, [-5, 3, 64, 70, 200]);
        assert!(!is_set(least, &bits, i64::MAX) && !is_set(least, &bits, i64::MIN));
    }

    #[test]
    fn numbers_that_lie_far_apart_are_not() {
        assert!(bits(&[0, 10_000]).is_none());
        assert!(bits(&[i64::MIN, i64::MAX]).is_none());
        assert!(bits(&[]).is_none());
    }
}
