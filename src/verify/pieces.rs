//! What is asked together: rules that look at one row share one scan of their table, all others have a query of their own.

use crate::dialect::check::{Check, Shape, share_rows};

/// How many patterns one query matches: PostgreSQL caches 32 compiled ones a session, and compiles each anew for every
/// row beyond that (33 patterns take twelve times as long as 32).
const PATTERNS_MAX: usize = 30;

/// How many rules one query asks: well below the 1,664 columns of PostgreSQL and the 2,000 of SQLite.
const RULES_MAX: usize = 250;

/// Checks that one query answers.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'c> {
    pub checks: &'c [Check],
    pub engine: EngineKind,
}

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineKind {
    /// The database, by a query.
    Sql,
}

impl<'c> Piece<'c> {
    /// The table that is read.
    pub fn table(&self) -> &'c str {
        self.checks.first().map_or("", |check| check.table.as_str())
    }

    /// What the engine does, for people.
    pub fn why(&self) -> String {
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
                let patterns: usize = self
                    .checks
                    .iter()
                    .filter_map(|check| check.scan.as_ref())
                    .map(|scan| scan.patterns())
                    .sum();
                format!("{} rules in one scan, {patterns} patterns", self.checks.len())
            }
        }
    }
}

/// Puts neighbours that look at the same rows together.
pub fn pieces(checks: &[Check]) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    for group in checks.chunk_by(share_rows) {
        let mut start = 0;
        let mut patterns = 0;
        for (at, check) in group.iter().enumerate() {
            let own = check.scan.as_ref().map_or(0, |scan| scan.patterns());
            let is_full = patterns + own > PATTERNS_MAX || at - start >= RULES_MAX;
            if at > start && is_full {
                found.push(Piece { checks: &group[start..at], engine: EngineKind::Sql });
                (start, patterns) = (at, 0);
            }
            patterns += own;
        }
        found.push(Piece { checks: &group[start..], engine: EngineKind::Sql });
    }
    found
}
