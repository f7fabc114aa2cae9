//! Which of many numbers stand twice: sorted in memory as far as it goes, and in runs in temporary files beyond that.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Result, Seek, Write};

/// How many entries all sorters of one scan hold in memory: 64 MiB.
pub(super) const HELD_MAX: usize = 4 << 20;

/// How many bytes of each run are read at once.
const CHUNK: usize = 64 << 10;

/// What a key comes to, and where its row lies.
type Entry = (u64, u64);

/// Takes entries in any order.
#[derive(Debug)]
pub(super) struct Sorter {
    held: Vec<Entry>,
    held_max: usize,
    runs: Vec<File>,
}

/// Entries whose number stands in others too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Doubles {
    pub(super) rows: u64,
    /// Where their rows lie; not all where there are too many.
    pub(super) places: Vec<u64>,
}

impl Sorter {
    pub(super) fn new(held_max: usize) -> Self {
        Sorter { held: Vec::new(), held_max: held_max.max(1), runs: Vec::new() }
    }

    /// # Errors
    /// The temporary file cannot be written.
    pub(super) fn push(&mut self, number: u64, place: u64) -> Result<()> {
        if self.held.len() >= self.held_max {
            self.spill()?;
        }
        self.held.push((number, place));
        Ok(())
    }

    /// Takes over what another one took.
    ///
    /// # Errors
    /// A temporary file cannot be written.
    pub(super) fn absorb(&mut self, mut other: Sorter) -> Result<()> {
        self.runs.append(&mut other.runs);
        for (number, place) in other.held {
            self.push(number, place)?;
        }
        Ok(())
    }

    fn spill(&mut self) -> Result<()> {
        self.held.sort_unstable();
        let mut file = tempfile::tempfile()?;
        let mut writer = BufWriter::with_capacity(CHUNK, &mut file);
        for (number, place) in self.held.drain(..) {
            writer.write_all(&number.to_le_bytes())?;
            writer.write_all(&place.to_le_bytes())?;
        }
        writer.flush()?;
        drop(writer);
        file.rewind()?;
        self.runs.push(file);
        Ok(())
    }

    /// The entries whose number is not alone; up to `places_max` of their places.
    ///
    /// # Errors
    /// A temporary file cannot be read.
    pub(super) fn doubles(mut self, places_max: usize) -> Result<Doubles> {
        let mut finder = Finder { doubles: Doubles::default(), last: None, places_max };
        self.held.sort_unstable();
        let buffered = |file| Run::Buffered(BufReader::with_capacity(CHUNK, file));
        let mut runs: Vec<Run> = self.runs.into_iter().map(buffered).collect();
        runs.push(Run::Held(self.held.into_iter()));
        let mut heap = BinaryHeap::new();
        for (at, run) in runs.iter_mut().enumerate() {
            heap.extend(run.next()?.map(|entry| Reverse((entry, at))));
        }
        while let Some(Reverse((entry, at))) = heap.pop() {
            finder.see(entry);
            // Most often the next entry of the same run is next of all.
            let mut next = runs[at].next()?;
            while let Some(entry) = next {
                if heap.peek().is_some_and(|Reverse((other, _))| *other < entry) {
                    break;
                }
                finder.see(entry);
                next = runs[at].next()?;
            }
            heap.extend(next.map(|entry| Reverse((entry, at))));
        }
        Ok(finder.doubles)
    }
}

/// Entries in their order.
enum Run {
    Buffered(BufReader<File>),
    Held(std::vec::IntoIter<Entry>),
}

impl Run {
    fn next(&mut self) -> Result<Option<Entry>> {
        let mut bytes = [0; 16];
        let read = match self {
            Run::Held(entries) => return Ok(entries.next()),
            Run::Buffered(reader) => reader.read_exact(&mut bytes),
        };
        match read {
            Ok(()) => {
                let half = |at: usize| {
                    let part: [u8; 8] = std::array::from_fn(|index| bytes[at + index]);
                    u64::from_le_bytes(part)
                };
                Ok(Some((half(0), half(8))))
            }
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Sees entries in their order.
struct Finder {
    doubles: Doubles,
    /// The last entry, and whether it was counted.
    last: Option<(Entry, bool)>,
    places_max: usize,
}

impl Finder {
    fn see(&mut self, entry: Entry) {
        let mut is_counted = false;
        if let Some((last, was_counted)) = self.last
            && last.0 == entry.0
        {
            if !was_counted {
                self.count(last.1);
            }
            self.count(entry.1);
            is_counted = true;
        }
        self.last = Some((entry, is_counted));
    }

    fn count(&mut self, place: u64) {
        self.doubles.rows += 1;
        if self.doubles.places.len() < self.places_max {
            self.doubles.places.push(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_found_within_and_across_runs() {
        for held_max in [1, 3, 7, 1000] {
            let mut sorter = Sorter::new(held_max);
            let mut other = Sorter::new(held_max);
            for place in 0..100 {
                let number = if place % 10 == 3 { 3 } else { place * 7919 + 1000 };
                let into = if place % 2 == 0 { &mut sorter } else { &mut other };
                into.push(number, place).expect("a temporary file");
            }
            sorter.push(1000, 500).expect("a temporary file");
            sorter.absorb(other).expect("a temporary file");
            let mut doubles = sorter.doubles(50).expect("a temporary file");
            doubles.places.sort_unstable();
            assert_eq!(doubles.rows, 12, "{held_max}");
            assert_eq!(doubles.places, [0, 3, 13, 23, 33, 43, 53, 63, 73, 83, 93, 500]);
        }
    }

    #[test]
    fn only_some_places_are_kept() {
        let mut sorter = Sorter::new(10);
        for place in 0..1000 {
            sorter.push(1, place).expect("a temporary file");
        }
        let doubles = sorter.doubles(4).expect("a temporary file");
        assert_eq!((doubles.rows, doubles.places.len()), (1000, 4));
    }
}
