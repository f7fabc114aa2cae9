//! SHA-256, written the way `sha256sum` prints it.

use std::io::Write;

use sha2::{Digest, Sha256};

/// Lower-case hexadecimal SHA-256 of the parts, each prefixed by its length so that parts cannot run together.
pub fn sha256_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hex(&hasher.finalize())
}

/// The hash of a text file, the same whichever way a checkout ends its lines.
pub fn sha256_of_text(text: &str) -> String {
    sha256(text.replace("\r\n", "\n").as_bytes())
}

/// Lower-case hexadecimal SHA-256 of one byte string.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// SHA-256 of what is written to it, for texts too long to be held.
#[derive(Default)]
pub struct Hashing {
    hasher: Sha256,
    /// What is not hashed yet: many short pieces cost more than one long one.
    pending: Vec<u8>,
}

impl Hashing {
    /// Lower-case hexadecimal, as [`sha256`] of all that was written.
    pub fn finish(mut self) -> String {
        self.hasher.update(&self.pending);
        hex(&self.hasher.finalize())
    }
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= 1 << 16 {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.hasher.update(&self.pending);
        self.pending.clear();
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_published_test_vector() {
        assert_eq!(
            sha256(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn pieces_hash_as_the_whole() {
        let mut hashing = Hashing::default();
        for _ in 0..100_000 {
            hashing.write_all(b"abc").expect("memory takes all");
        }
        assert_eq!(hashing.finish(), sha256("abc".repeat(100_000).as_bytes()));
    }

    #[test]
    fn parts_cannot_run_together() {
        let split = |parts: &[&str]| sha256_parts(parts.iter().map(|part| part.as_bytes()));
        assert_ne!(split(&["ab", "c"]), split(&["a", "bc"]));
    }
}
