//! What each step does on the shadow: how long, which locks by OID, what it writes anew, scans and logs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::apply::watch::Watch;
use crate::db::postgres::PostgresDb;
use crate::db::{Database, DbError};
use crate::dialect::{Lock, Step, Transaction, Work, measure as queries};

/// What one step did on the shadow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepEvidence {
    /// Counted from 1.
    pub step: usize,
    pub title: String,
    pub us: u64,
    /// Rows that its statements changed, as the engine counts them.
    pub rows: u64,
    /// The strongest lock on a table that was there before, as the plan claims it and as it was seen.
    pub claimed: Lock,
    /// `None` where the engine does not tell (SQLite).
    pub seen: Option<Lock>,
    pub work: Work,
    pub transaction: Transaction,
    /// Each table it locked, or locked more strongly than a step before it in the same transaction.
    pub locks: Vec<TableLock>,
    /// Tables whose file is another one afterwards.
    pub rewrites: Vec<String>,
    pub scans: Vec<TableScan>,
    /// Bytes of write-ahead log; `None` on SQLite.
    pub log_bytes: Option<u64>,
    /// Bytes of temporary files; `None` where they could not be told apart from those of other steps.
    pub temporary_bytes: Option<u64>,
    /// How many bytes a SQLite file grew.
    pub grown_bytes: Option<u64>,
    /// What it may take on the real table.
    pub expected: Expected,
    /// How long its locks may be held there: until the transaction ends.
    pub held: Expected,
}

/// A lock on a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableLock {
    pub table: String,
    pub lock: Lock,
}

/// How often a table was read from end to end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableScan {
    pub table: String,
    pub scans: u64,
    pub rows: u64,
}

/// A range of durations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    pub low_ms: u64,
    pub high_ms: u64,
    /// How many times more rows the real table has, in hundredths.
    pub scale_percent: u64,
}

impl StepEvidence {
    pub fn ms(&self) -> u64 {
        self.us / 1000
    }

    /// The lock that counts: the one that was seen, else the one that is claimed.
    pub fn lock(&self) -> Lock {
        self.seen.map_or(self.claimed, |seen| seen.max(self.claimed))
    }

    /// A table that it locked more strongly than it claims. Reading a table blocks nobody but those who take it away,
    /// and is not counted.
    pub fn beyond_claim(&self) -> Option<&TableLock> {
        let beyond = |held: &&TableLock| held.lock > self.claimed && held.lock > Lock::AccessShare;
        self.locks.iter().filter(beyond).max_by_key(|held| held.lock)
    }

    /// Says what it may take where tables have as many times more rows as `scales` says.
    pub fn expect(&mut self, scales: &BTreeMap<String, f64>) {
        let read = self.scans.iter().map(|scan| &scan.table);
        let tables = self.locks.iter().map(|held| &held.table).chain(read).chain(&self.rewrites);
        let depends = self.work != Work::Catalog
            || self.rows > 0
            || !self.rewrites.is_empty()
            || !self.scans.is_empty();
        let all = || scales.values().copied().fold(1.0, f64::max);
        let named = tables.filter_map(|table| scales.get(table)).copied().fold(f64::NAN, f64::max);
        let scale = match (depends, named.is_nan()) {
            (false, _) => 1.0,
            (true, false) => named.max(1.0),
            (true, true) => all(),
        };
        // Half if the machine is twice as fast; twice if it is half as fast, more where sorting grows with the rows.
        let ms = self.us as f64 / 1000.0 * scale;
        self.expected = Expected {
            low_ms: (ms / 2.0).round() as u64,
            high_ms: (ms * 2.0 * (1.0 + scale.log2() / 16.0)).ceil() as u64,
            scale_percent: (scale * 100.0).round() as u64,
        };
    }
}

/// Says how long each step holds its locks: while it and the steps after it in its transaction run.
pub(super) fn hold(steps: &mut [StepEvidence]) {
    let mut later = Expected::default();
    let mut follower: Option<Transaction> = None;
    for step in steps.iter_mut().rev() {
        let together = step.transaction == Transaction::Shared
            && (follower == Some(Transaction::Shared) || step.claimed == Lock::Reserved);
        if !together {
            later = Expected::default();
        }
        later.low_ms += step.expected.low_ms;
        later.high_ms += step.expected.high_ms;
        step.held = Expected { scale_percent: step.expected.scale_percent, ..later };
        follower = Some(step.transaction);
    }
}

/// A table that was there before the run.
#[derive(Clone, Debug)]
struct Known {
    name: String,
    file: String,
}

/// What the transaction holds of one table.
#[derive(Clone, Debug, Default)]
struct Held {
    locks: BTreeSet<Lock>,
    file: String,
    scans: u64,
    read: u64,
}

/// Measures one run.
pub struct Gauge {
    engine: Engine,
    /// By OID: names are looked up before anything runs, for a step may drop or rename what it locks.
    tables: BTreeMap<String, Known>,
    before: BTreeMap<String, Held>,
    log: u64,
    size: u64,
    position: usize,
    outside: Option<Onlooker>,
    /// Steps of the transaction that is open.
    open: usize,
    temporary: Option<u64>,
    pub steps: Vec<StepEvidence>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Engine {
    Postgres { major: u32 },
    Sqlite,
}

impl Gauge {
    /// Looks at what is there before a run.
    ///
    /// # Errors
    /// The engine's own.
    pub fn new(database: &mut Database) -> Result<Gauge, DbError> {
        let engine = match database.major() {
            Some(major) => Engine::Postgres { major },
            None => Engine::Sqlite,
        };
        let mut gauge = Gauge {
            engine,
            tables: BTreeMap::new(),
            before: BTreeMap::new(),
            log: 0,
            size: 0,
            position: 0,
            outside: None,
            open: 0,
            temporary: None,
            steps: Vec::new(),
        };
        if engine != Engine::Sqlite {
            for row in database.rows(&queries::tables())? {
                let [Some(oid), Some(schema), Some(name), Some(file)] = &row[..] else { continue };
                let name = crate::text::QName::new(schema.clone(), name.clone()).to_string();
                gauge.tables.insert(oid.clone(), Known { name, file: file.clone() });
            }
            gauge.temporary = gauge.temporary_bytes(database)?;
        }
        Ok(gauge)
    }

    fn held(database: &mut Database) -> Result<BTreeMap<String, Held>, DbError> {
        let mut all = BTreeMap::new();
        for row in database.rows(&queries::held())? {
            let text = |at: usize| row.get(at).cloned().flatten().unwrap_or_default();
            let number = |at: usize| text(at).parse().unwrap_or(0);
            let locks = locks_of(&text(1));
            let held = Held { locks, file: text(2), scans: number(3), read: number(4) };
            all.insert(text(0), held);
        }
        Ok(all)
    }

    /// Counters of temporary files reach other sessions when a transaction ends. Before PostgreSQL 15 that is some time
    /// later, so there they are not told.
    fn temporary_bytes(&self, database: &mut Database) -> Result<Option<u64>, DbError> {
        match self.engine {
            Engine::Postgres { major: 15.. } => {
                database.rows(&queries::publish_counters())?;
                let bytes = database.value(&queries::temporary_bytes())?;
                Ok(bytes.and_then(|text| text.parse().ok()))
            }
            Engine::Postgres { .. } | Engine::Sqlite => Ok(None),
        }
    }

    /// What the step has done to tables that were there before.
    fn compare(&mut self, after: BTreeMap<String, Held>, evidence: &mut StepEvidence) {
        for (oid, now) in after {
            let Some(known) = self.tables.get_mut(&oid) else { continue };
            let was = self.before.get(&oid).cloned().unwrap_or_default();
            if let Some(lock) = now.locks.difference(&was.locks).max() {
                evidence.locks.push(TableLock { table: known.name.clone(), lock: *lock });
            }
            if now.file != "0" && now.file != known.file && !now.file.is_empty() {
                known.file = now.file;
                evidence.rewrites.push(known.name.clone());
            }
            if now.scans > was.scans {
                evidence.scans.push(TableScan {
                    table: known.name.clone(),
                    scans: now.scans - was.scans,
                    rows: now.read.saturating_sub(was.read),
                });
            }
        }
    }
}

impl Watch for Gauge {
    fn before_step(
        &mut self,
        database: &mut Database,
        position: usize,
        step: &Step,
    ) -> Result<(), DbError> {
        self.position = position;
        match self.engine {
            Engine::Sqlite => self.size = size(database)?,
            Engine::Postgres { .. } => {
                self.before = Gauge::held(database)?;
                if step.facts.transaction == Transaction::Outside {
                    self.outside = Onlooker::start(database)?;
                }
                self.log = log_position(database)?;
            }
        }
        Ok(())
    }

    fn after_step(
        &mut self,
        database: &mut Database,
        step: &Step,
        took: Duration,
        rows: u64,
    ) -> Result<(), DbError> {
        let mut evidence = StepEvidence {
            step: self.position + 1,
            title: step.title.clone(),
            us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            rows,
            claimed: step.facts.lock,
            seen: None,
            work: step.facts.work,
            transaction: step.facts.transaction,
            locks: Vec::new(),
            rewrites: Vec::new(),
            scans: Vec::new(),
            log_bytes: None,
            temporary_bytes: None,
            grown_bytes: None,
            expected: Expected::default(),
            held: Expected::default(),
        };
        match self.engine {
            Engine::Sqlite => {
                evidence.grown_bytes = Some(size(database)?.saturating_sub(self.size));
            }
            Engine::Postgres { .. } => {
                evidence.log_bytes = Some(log_position(database)?.saturating_sub(self.log));
                let mut after = Gauge::held(database)?;
                if let Some(onlooker) = self.outside.take() {
                    for (oid, locks) in onlooker.stop() {
                        after.entry(oid).or_default().locks.extend(locks);
                    }
                }
                self.compare(after, &mut evidence);
                let strongest = evidence.locks.iter().map(|held| held.lock).max();
                evidence.seen = Some(strongest.unwrap_or(Lock::None));
            }
        }
        self.open += 1;
        self.steps.push(evidence);
        Ok(())
    }

    fn after_transaction(&mut self, database: &mut Database) -> Result<(), DbError> {
        let steps = std::mem::take(&mut self.open);
        let before = self.temporary;
        self.temporary = self.temporary_bytes(database)?;
        if let (1, Some(step)) = (steps, self.steps.last_mut()) {
            step.temporary_bytes =
                before.zip(self.temporary).map(|(before, after)| after.saturating_sub(before));
        }
        Ok(())
    }
}

fn log_position(database: &mut Database) -> Result<u64, DbError> {
    let position = database.value(&queries::log_position())?;
    Ok(position.and_then(|text| text.parse().ok()).unwrap_or(0))
}

/// Bytes of a SQLite file that are in use.
fn size(database: &mut Database) -> Result<u64, DbError> {
    let rows = database.rows(&queries::pages())?;
    let number = |at: usize| -> u64 {
        rows.first()
            .and_then(|row| row.get(at).cloned().flatten())
            .and_then(|text| text.parse().ok())
            .unwrap_or(0)
    };
    Ok(number(0).saturating_sub(number(1)) * number(2))
}

fn locks_of(modes: &str) -> BTreeSet<Lock> {
    modes.split(',').filter_map(queries::lock_of_mode).collect()
}

type Seen = BTreeMap<String, BTreeSet<Lock>>;

/// Looks from a second session at what a statement outside any transaction holds while it runs: afterwards there is
/// nothing left to see.
struct Onlooker {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Seen>,
}

impl Onlooker {
    /// `None` where there is no second session to be had.
    fn start(database: &mut Database) -> Result<Option<Onlooker>, DbError> {
        let process = database.value(&queries::process())?.and_then(|text| text.parse().ok());
        let Database::Postgres(first) = database else { return Ok(None) };
        let (Some(process), Ok(second)) = (process, first.second()) else { return Ok(None) };
        let stop = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stop);
        let thread = std::thread::spawn(move || look(second, process, &flag));
        Ok(Some(Onlooker { stop, thread }))
    }

    fn stop(self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

fn look(mut session: PostgresDb, process: u32, stop: &AtomicBool) -> Seen {
    let query = queries::held_by(process);
    let mut seen = Seen::new();
    while !stop.load(Ordering::Relaxed) {
        // A session that fails has seen what it has seen.
        let Ok(rows) = session.rows(&query) else { break };
        for row in rows {
            if let [Some(oid), Some(modes)] = &row[..] {
                seen.entry(oid.clone()).or_default().extend(locks_of(modes));
            }
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    seen
}
