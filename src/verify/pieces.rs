//! What is asked together, and who answers it: rules that look at one row share one scan of their table; all others have a
//! query of their own, unless the rows are streamed, where keys and references are answered too.

use std::collections::BTreeSet;

use super::cost::{self, Expected, Size};
use super::gather;
use super::sizes::Sizes;
use crate::catalog::rule::{Matching, Nulls};
use crate::dialect::Sql;
use crate::dialect::check::program::{Field, Key, Program, key, misfit, program, same_encoding};
use crate::dialect::check::reading::{ParentKeys, SetRule};
use crate::dialect::check::{About, Check, Shape, scan, share_rows};

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
    /// What was expected when the engine was chosen.
    pub expected: Option<Expected>,
    pub(super) size: Size,
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
    Unique(Box<UniqueKey>),
    Lookup(Box<Lookup>),
}

/// A key that no two rows share.
#[derive(Clone, Debug)]
pub struct UniqueKey {
    pub(super) key: Key,
    pub(super) condition: Option<Program>,
    pub(super) nulls: Nulls,
}

/// A key that is found in another table.
#[derive(Clone, Debug)]
pub struct Lookup {
    pub(super) key: Key,
    pub(super) matching: Matching,
    pub(super) parent: ParentKeys,
    pub(super) parent_key: Key,
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

impl Place {
    /// Positions of the fields that are sent for it.
    pub(super) fn fields(&self) -> BTreeSet<usize> {
        match self {
            Place::Server(_) => BTreeSet::new(),
            Place::Here(program) => program.fields().clone(),
            Place::Unique(unique) => {
                let condition = unique.condition.iter().flat_map(|program| program.fields());
                unique.key.fields().iter().chain(condition).copied().collect()
            }
            Place::Lookup(lookup) => lookup.key.fields().clone(),
        }
    }
}

impl<'c> Piece<'c> {
    /// The table that is read.
    pub fn table(&self) -> &'c str {
        self.checks.first().map_or("", |check| check.table.as_str())
    }

    /// The same checks, answered by the database alone.
    pub(super) fn by_sql(checks: &'c [Check], size: Size) -> Self {
        Piece { checks, engine: EngineKind::Sql, places: Vec::new(), expected: None, size }
    }

    /// A stream of which the database answers everything.
    pub(super) fn by_server(checks: &'c [Check]) -> Self {
        let (engine, size) = (EngineKind::Stream, Size::default());
        let places = vec![Place::Server(String::new()); checks.len()];
        Piece { checks, engine, places, expected: None, size }
    }

    /// Whether it is worth another query to look for what breaks rules before it is counted.
    pub(super) fn is_large(&self) -> bool {
        self.size.rows >= cost::FEW_ROWS
    }

    /// How many blocks there are to be shared out; `None` where it is not worth it.
    pub(super) fn slices_max(&self) -> Option<u32> {
        let is_large = self.engine == EngineKind::Stream && self.size.rows >= cost::SLICED_ROWS;
        is_large.then_some(self.size.blocks)
    }

    /// The query.
    pub fn sql(&self) -> Option<Sql> {
        match (self.engine, self.checks) {
            (EngineKind::Stream, _) => gather::query(self),
            (EngineKind::Sql, [first, ..]) if self.is_large() && first.row_rule().is_some() => {
                gather::query(&Piece::by_server(self.checks))
            }
            (EngineKind::Sql, [only]) if self.is_large() => {
                let limit = gather::REMEMBERED_MAX + 1;
                only.breaking_beside(limit).or_else(|| Some(only.count.clone()))
            }
            (EngineKind::Sql, [only]) => Some(only.count.clone()),
            (EngineKind::Sql, several) => scan(several),
        }
    }

    /// What the engine does, for people.
    pub fn why(&self) -> String {
        if self.engine == EngineKind::Stream {
            let here = self.places.iter().filter(|it| !matches!(it, Place::Server(_))).count();
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
pub fn pieces<'c>(checks: &'c [Check], choice: Choice, sizes: &Sizes) -> Vec<Piece<'c>> {
    let mut found = Vec::new();
    for group in checks.chunk_by(share_stream) {
        let size = sizes.size(group);
        let chosen = places(group).and_then(|places| cost::choose(group, places, size, choice));
        match chosen {
            Some((places, expected)) => split(group, &places, &mut |checks, places| {
                let (engine, places) = (EngineKind::Stream, places.to_vec());
                found.push(Piece { checks, engine, places, expected: Some(expected), size });
            }),
            None => {
                for group in group.chunk_by(share_rows) {
                    split(group, &[], &mut |checks, _| found.push(Piece::by_sql(checks, size)));
                }
            }
        }
    }
    found
}

/// Whether one stream of rows can answer both.
fn share_stream(left: &Check, right: &Check) -> bool {
    let source = |check: &Check| {
        let is_asked = check.scan.is_some() || check.set_rule().is_some();
        check.reading.as_ref().filter(|_| is_asked).map(|reading| reading.source.clone())
    };
    match (source(left), source(right)) {
        (Some(left), Some(right)) => left == right,
        (None, None) => share_rows(left, right),
        (_, _) => false,
    }
}

/// No query has more than so many rules and patterns.
fn split<'c>(checks: &'c [Check], places: &[Place], take: &mut dyn FnMut(&'c [Check], &[Place])) {
    let mut start = 0;
    let mut patterns_here = 0;
    let of = |start: usize, end: usize| places.get(start..end).unwrap_or_default();
    for (at, check) in checks.iter().enumerate() {
        let own = match places.get(at) {
            Some(Place::Server(_)) | None => patterns(check),
            Some(_) => 0,
        };
        let is_full = patterns_here + own > PATTERNS_MAX || at - start >= RULES_MAX;
        if at > start && is_full {
            take(&checks[start..at], of(start, at));
            (start, patterns_here) = (at, 0);
        }
        patterns_here += own;
    }
    take(&checks[start..], of(start, checks.len()));
}

/// Who can answer each of some checks; `None` where their rows cannot be streamed.
fn places(group: &[Check]) -> Option<Vec<Place>> {
    let each = group.iter().map(|check| {
        if let Some(About::Type { column, .. }) = &check.about {
            let here = check
                .row_rule()
                .and_then(|(source, _)| misfit(source.position(column)?, &source.fields));
            let server = || Place::Server("the database reads its own texts".to_owned());
            return Some(here.map_or_else(server, |it| Place::Here(Box::new(it))));
        }
        let place = match (check.row_rule(), check.set_rule()) {
            (Some((source, condition)), _) => {
                program(condition, &source.fields).map(|it| Place::Here(Box::new(it)))
            }
            (None, Some((source, rule))) => set(rule, &source.fields),
            (None, None) => return None,
        };
        Some(place.unwrap_or_else(Place::Server))
    });
    each.collect()
}

fn set(rule: &SetRule, fields: &[Field]) -> Result<Place, String> {
    match rule {
        SetRule::Unique { keys, condition, nulls } => {
            let key = key(keys, fields)?;
            let condition = condition.as_ref().map(|it| program(it, fields)).transpose()?;
            Ok(Place::Unique(Box::new(UniqueKey { key, condition, nulls: *nulls })))
        }
        SetRule::References { keys, matching, parent } => {
            let key = key(keys, fields)?;
            let kinds = parent.kinds.iter().cloned().collect::<Option<Vec<_>>>();
            let kinds = kinds.ok_or("only the server knows when its keys are equal")?;
            let is_same = kinds.len() == key.kinds().len()
                && key.kinds().iter().zip(&kinds).all(|(own, other)| same_encoding(own, other));
            if !is_same {
                return Err("only the server compares keys of these types".to_owned());
            }
            let (parent_key, parent) = (Key::of_cells(&kinds), parent.clone());
            Ok(Place::Lookup(Box::new(Lookup { key, matching: *matching, parent, parent_key })))
        }
    }
}
