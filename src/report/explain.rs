//! How rules would be asked: which query answers which rules, and what is not asked at all.

use super::style::{CAREFUL, FAINT, GOOD, STRONG, count, paint};
use crate::dialect::check::standing::Standing;
use crate::dialect::contract::{Expect, Measured};
use crate::verify::{Choice, EngineKind, Piece, Place, Sizes, pieces};

/// The plan of a verification.
pub fn explain(standing: &Standing, engine: Choice, sizes: &Sizes) -> String {
    let pieces = pieces(&standing.checks, engine, sizes);
    let mut text: String = pieces.iter().map(piece).collect();
    for trusted in &standing.trusted {
        text.push_str(&format!(
            "{} {}: the database holds every row to it\n",
            paint(GOOD, "trusted"),
            trusted.rule
        ));
    }
    for lacking in standing.unaskable.iter().chain(&standing.untold) {
        text.push_str(&format!(
            "{} {}: {}\n",
            paint(CAREFUL, "not asked"),
            lacking.rule,
            lacking.reason
        ));
    }
    text.push_str(&format!(
        "{} in {}\n",
        count(standing.checks.len() as u64, "rule"),
        queries(pieces.len() as u64)
    ));
    text
}

/// The numbers that would be asked for.
pub fn numbers(measured: &[Measured]) -> String {
    let one = |it: &Measured| {
        let must: Vec<String> = it.expect.iter().map(Expect::says).collect();
        format!(
            "{} [sql] one number, which must be {}\n  {}\n  {}\n",
            paint(STRONG, &format!("`{}`", it.table)),
            must.join(" and "),
            it.rule,
            paint(FAINT, it.sql.as_str())
        )
    };
    measured.iter().map(one).collect()
}

fn queries(number: u64) -> String {
    match number {
        1 => "1 query".to_owned(),
        several => format!("{} queries", super::style::number(several)),
    }
}

fn piece(piece: &Piece<'_>) -> String {
    let engine = match piece.engine {
        EngineKind::Sql => "sql",
        EngineKind::Stream => "stream",
    };
    let expected = piece.expected.map(|expected| {
        format!("; expected {:.1} s, by the database alone {:.1} s", expected.stream, expected.sql)
    });
    let (table, expected) = (format!("`{}`", piece.table()), expected.unwrap_or_default());
    let mut text = format!("{} [{engine}] {}{expected}\n", paint(STRONG, &table), piece.why());
    for (at, check) in piece.checks.iter().enumerate() {
        let who = match piece.places.get(at) {
            Some(Place::Server(why)) => format!(" (by the database: {why})"),
            Some(Place::Here(_) | Place::Unique(_) | Place::Lookup(_)) => " (here)".to_owned(),
            None => String::new(),
        };
        text.push_str(&format!("  {}{}\n", check.rule, paint(FAINT, &who)));
    }
    if let Some(sql) = piece.sql() {
        text.push_str(&format!("  {}\n", paint(FAINT, sql.as_str())));
    }
    text
}
