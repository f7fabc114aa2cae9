//! What is asked together, and who answers it: rules that look at one row share one scan of their table, all others have a
//! query of their own.

use super::gather;
use crate::dialect::Sql;
use crate::dialect::check::program::{Program, program};
use crate::dialect::check::{Check, Shape, scan, share_rows};

/// How many patterns one query matches: PostgreSQL caches 32 compiled ones a session, and compiles each anew for every
/// row beyond that (33 patterns take twelve times as long as 32).
const PATTERNS_MAX: usize = 30;

/// How many rules one query asks: well below the 1,664 columns of PostgreSQL and the 2,000 of SQLite.
const RULES_MAX: usize = 250;

/// Checks that one query answers.
#[derive(Clone, Debug)]
pub struct Piece<'c> {
    pub checks: &'c [Check],
    pub engine: EngineKind,
    /// Who answers each of them; empty where the database answers all.
    pub places: Vec<Place>,
}

/// How a piece is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineKind {
    /// The database counts.
    Sql,
    /// The database sends rows, and what it does not answer of them is answered here.
    Stream,
}

/// Who answers a rule of a stream.
#[derive(Clone, Debug)]
pub enum Place {
    /// The database, for this reason.
    Server(String),
    Here(Box<Program>),
}

/// Which engine is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    Sql,
    Stream,
    /// Whichever is expected to take less time.
    #[default]
    Auto,
}

impl<'c> Piece<'c> {
    /// The table that is read.
    pub fn table(&self) -> &'c str {
        self.checks.first().map_or("", |check| check.table.as_str())
    }

    /// The same checks, answered by the database alone.
    pub(super) fn by_sql(checks: &'c [Check]) -> Self {
        Piece { checks, engine: EngineKind::Sql, places: Vec::new() }
    }

    /// The query.
    pub fn sql(&self) -> Option<Sql> {
        match (self.engine, self.checks) {
            (EngineKind::Stream, _) => gather::query(self),
            (EngineKind::Sql, [only]) => Some(only.count.clone()),
            (EngineKind::Sql, several) => scan(several),
        }
    }

    /// What the engine does, for people.
    pub fn why(&self) -> String {
        if self.engine == EngineKind::Stream {
            let here = self.places.iter().filter(|it| matches!(it, Place::Here(_))).count();
            return match self.checks {
                [_] => "rows are sent and the rule is answered here".to_owned(),
                [..] => {
                    format!("{} rules in one scan, {here} of them answered here", self.checks.len())
                }
            };
        }
        match self.checks {
            [] => String::new(),
            [only] => match only.shape {
                Shape::Row => "one scan".to_owned(),
                Shape::Groups => "rows grouped by the key, groups of more than one".to_owned(),
                Shape::Lookup => "rows without a partner in the other table".to_owned(),
                Shape::Counter => "rows ahead of the sequence".to_owned(),
                Shape::Join => "one scan, joined with what the rule looks at".to_owned(),
                Shape::Pairs => "rows that another row excludes".to_owned(),
            },
            [..] => {
                let patterns: usize = self.checks.iter().map(patterns).sum();
                format!("{} rules in one scan, {patterns} patterns", self.checks.len())
            }
        }
    }
}

fn patterns(check: &Check) -> usize {
    check.scan.as_ref().map_or(0, |scan| scan.patterns())
}

/// Puts neighbours that look at the same rows together.
pub fn pieces(checks: &[Check], choice: Choice) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    for group in checks.chunk_by(share_rows) {
        let places = places(group, choice);
        let mut start = 0;
        let mut patterns_here = 0;
        for (at, check) in group.iter().enumerate() {
            let own = match places.get(at) {
                Some(Place::Here(_)) => 0,
                Some(Place::Server(_)) | None => patterns(check),
            };
            let is_full = patterns_here + own > PATTERNS_MAX || at - start >= RULES_MAX;
            if at > start && is_full {
                found.push(piece(&group[start..at], &places, start));
                (start, patterns_here) = (at, 0);
            }
            patterns_here += own;
        }
        found.push(piece(&group[start..], &places, start));
    }
    found
}

fn piece<'c>(checks: &'c [Check], places: &[Place], start: usize) -> Piece<'c> {
    match places.get(start..start + checks.len()) {
        Some(places) => Piece { checks, engine: EngineKind::Stream, places: places.to_vec() },
        None => Piece::by_sql(checks),
    }
}

/// Who answers each of some checks that look at the same rows; empty where the rows are not sent.
fn places(group: &[Check], choice: Choice) -> Vec<Place> {
    let each = group.iter().map(|check| {
        let (source, condition) = check.row_rule()?;
        Some(match program(condition, &source.fields) {
            Ok(program) => Place::Here(Box::new(program)),
            Err(reason) => Place::Server(reason),
        })
    });
    let Some(places) = each.collect::<Option<Vec<Place>>>() else { return Vec::new() };
    let is_here = |place: &Place| matches!(place, Place::Here(_));
    let has_patterns = |place: &Place| match place {
        Place::Here(program) => program.patterns() > 0,
        Place::Server(_) => false,
    };
    let is_streamed = match choice {
        Choice::Sql => false,
        Choice::Stream => places.iter().any(is_here),
        Choice::Auto => places.iter().any(has_patterns),
    };
    if is_streamed { places } else { Vec::new() }
}
