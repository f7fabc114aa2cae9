//! The comparison of two databases by a program that knows nothing of this crate.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::TestServer;

/// The folder of schema pairs beside the project (or in `MIGRATE_SHARED`), where `check.py` is.
pub fn shared() -> Option<PathBuf> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let given = std::env::var("MIGRATE_SHARED").ok().map(PathBuf::from);
    let places = given.into_iter().chain([project.join("../shared"), project.join("../../shared")]);
    places.map(|place| place.join("corpus")).find(|place| place.join("manifest.tsv").exists())
}

/// `check.py` in a process that stays, so that comparing costs only its queries.
pub struct Checker {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

const LOOP: &str = "
import sys
sys.path.insert(0, sys.argv[1])
import check
known = {}
for line in sys.stdin:
    want, have, edition = line.rstrip('\\n').split('\\t')
    try:
        if known.get(want, (None, 0))[0] != edition: known[want] = edition, check.pg_fingerprint(want)
        if not have:
            print(flush=True)
            continue
        found = check.diff(known[want][1], check.pg_fingerprint(have), column_order=False)
        found = [d for d in found if not str(d[1]).startswith('migrate_kept')]
        text = '; '.join(check.show(d).replace('\\n', ' ') for d in found)
    except Exception as e:
        text = 'check.py: %r' % (e,)
    print(text.replace('\\n', ' '), flush=True)
";

impl Checker {
    /// Starts it; `None` without python3.
    pub fn start(corpus: &Path) -> Option<Self> {
        let mut process = Command::new("python3")
            .args(["-c", LOOP])
            .arg(corpus)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let (to, from) = (process.stdin.take()?, BufReader::new(process.stdout.take()?));
        Some(Checker { process, to, from })
    }

    /// Starts it for a server that it can read. It knows no PostgreSQL before 14; then our own inspection is alone.
    pub fn start_for(server: &TestServer, corpus: &Path) -> Option<Self> {
        if server.major_version() < 14 {
            println!("check.py cannot read PostgreSQL 13: compared by our own inspection alone");
            return None;
        }
        let checker = Checker::start(corpus);
        if checker.is_none() {
            println!("python3 is not there: compared by our own inspection alone");
        }
        checker
    }

    /// Reads a database as it is now: later it is compared with as it was.
    pub fn remember(&mut self, wanted: &str) -> Result<(), String> {
        self.compare(wanted, "", 0)
    }

    /// Compares a database with a fresh load.
    ///
    /// `edition` tells apart what one wanted database held at different times; it is read once for each.
    pub fn compare(&mut self, wanted: &str, found: &str, edition: u64) -> Result<(), String> {
        writeln!(self.to, "{wanted}\t{found}\t{edition}").map_err(|error| error.to_string())?;
        let mut line = String::new();
        self.from.read_line(&mut line).map_err(|error| error.to_string())?;
        let differences = line.trim();
        if differences.is_empty() { Ok(()) } else { Err(differences.to_owned()) }
    }
}

impl Drop for Checker {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
