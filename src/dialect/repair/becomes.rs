//! What a strategy makes of a value.

use super::Subject;
use super::bounds::{Bound, Limit, bounds};
use super::strategy::{Chosen, Strategy};
use super::target::Target;
use super::text::{ident, literal};
use crate::catalog::Column;
use crate::catalog::rule::Requirement;
use crate::dialect::check::About;
use crate::dialect::sqlite::{Affinity, default_value};
use crate::text::Dialect;

/// A column and the expression of its new value, over the row `r`.
pub(super) struct Becomes<'c> {
    pub(super) column: &'c Column,
    pub(super) value: String,
    pub(super) says: String,
}

/// What becomes of the columns that a rule speaks of.
///
/// # Errors
/// The strategy does not fit them.
pub(super) fn becomes<'c>(
    subject: Subject<'_>,
    chosen: &Chosen,
    target: &Target<'c>,
) -> Result<Vec<Becomes<'c>>, String> {
    let columns = columns(subject, chosen, target)?;
    if let Some(reason) = columns.iter().find_map(|column| target.refuses(column)) {
        return Err(reason);
    }
    let work = Work { subject, target };
    columns.into_iter().map(|column| work.one(column, &chosen.strategy)).collect()
}

/// The columns that are meant.
fn columns<'c>(
    subject: Subject<'_>,
    chosen: &Chosen,
    target: &Target<'c>,
) -> Result<Vec<&'c Column>, String> {
    let named = |name: &str| {
        target.column(name).ok_or_else(|| format!("`{}` has no column `{name}`", target.name()))
    };
    if let Some(name) = &chosen.column {
        return Ok(vec![named(name)?]);
    }
    let mut all: Vec<&Column> = match &subject.check.about {
        Some(About::Type { column, .. }) => vec![named(column.as_str())?],
        Some(About::Rule(Requirement::Required { column })) => vec![named(column.as_str())?],
        Some(About::Rule(Requirement::References { columns, .. })) => {
            columns.iter().map(|name| named(name.as_str())).collect::<Result<_, _>>()?
        }
        Some(About::Rule(Requirement::Unique { .. })) => {
            return Err(
                "which of the rows is right? `dedupe:newest` or `dedupe:oldest` says it".to_owned()
            );
        }
        Some(About::Rule(_)) | None => {
            subject.check.values.iter().filter_map(|name| target.column(name)).collect()
        }
    };
    let is_key = matches!(&subject.check.about, Some(About::Rule(Requirement::References { .. })));
    match &chosen.strategy {
        // One part that is NULL is enough for the key to lead nowhere.
        Strategy::Null if is_key => {
            let all_required = all.iter().all(|column| column.not_null);
            all.retain(|column| !column.not_null && target.refuses(column).is_none());
            if all_required {
                return Err("its columns are required, so they cannot be NULL".to_owned());
            }
        }
        Strategy::Clamp => {
            let found = limits(subject);
            let is_bounded = |column: &&Column| {
                found.iter().any(|bound| target.column(&bound.column) == Some(*column))
            };
            all.retain(is_bounded);
            if all.is_empty() {
                return Err("the rule states no bounds of single columns".to_owned());
            }
            return Ok(all);
        }
        _ => {}
    }
    match all.as_slice() {
        [] => Err(
            "the rule speaks of no column whose value could change; name one, as in `null@COLUMN`"
                .to_owned(),
        ),
        [_] => Ok(all),
        [..] if is_key => Ok(all),
        [first, ..] => Err(format!(
            "the rule speaks of several columns; name the one that is wrong, as in `{}`",
            Chosen { column: Some(first.name.to_string()), ..chosen.clone() }
        )),
    }
}

fn limits(subject: Subject<'_>) -> Vec<Bound> {
    match &subject.check.about {
        Some(About::Rule(Requirement::Holds { expression })) => bounds(expression),
        Some(About::Rule(_) | About::Type { .. }) | None => Vec::new(),
    }
}

/// The values that a rule lists for a column.
pub(super) fn listed(
    subject: Subject<'_>,
    target: &Target<'_>,
    column: &Column,
) -> Option<Vec<String>> {
    limits(subject).into_iter().find_map(|bound| match bound.limit {
        Limit::OneOf(values) if target.column(&bound.column) == Some(column) => Some(values),
        _ => None,
    })
}

struct Work<'a, 'c> {
    subject: Subject<'a>,
    target: &'a Target<'c>,
}

impl<'c> Work<'_, 'c> {
    fn dialect(&self) -> Dialect {
        self.target.dialect()
    }

    fn one(&self, column: &'c Column, strategy: &Strategy) -> Result<Becomes<'c>, String> {
        let own = format!("r.{}", ident(&column.name));
        let name = column.name.as_str();
        let text = match self.dialect() {
            Dialect::Postgres => format!("{own}::text"),
            Dialect::Sqlite => own.clone(),
        };
        let (value, says) = match strategy {
            Strategy::Default(None) => {
                let default = self.default(column)?;
                (default.clone(), format!("`{name}` becomes its default, {default}"))
            }
            Strategy::Default(Some(value)) => {
                (self.constant(column, value), format!("`{name}` becomes `{value}`"))
            }
            Strategy::Cast(fallback) => {
                let Some(About::Type { after, .. }) = &self.subject.check.about else {
                    return Err("it is for values that are none of the model's type".to_owned());
                };
                match fallback {
                    Some(value) => (
                        self.constant(column, value),
                        format!("`{name}` becomes `{value}` where it is no {after}"),
                    ),
                    None => {
                        self.nullable(column)?;
                        ("NULL".to_owned(), format!("`{name}` becomes NULL where it is no {after}"))
                    }
                }
            }
            Strategy::Null => {
                self.nullable(column)?;
                ("NULL".to_owned(), format!("`{name}` becomes NULL"))
            }
            Strategy::Trim => (self.trimmed(&text), format!("white space around `{name}` goes")),
            Strategy::Lower => (format!("lower({text})"), format!("`{name}` becomes lower case")),
            Strategy::Upper => (format!("upper({text})"), format!("`{name}` becomes upper case")),
            Strategy::Clamp => self.clamped(column, &own, &text)?,
            Strategy::Map(pairs) => {
                let branches: Vec<String> = pairs
                    .iter()
                    .map(|(old, new)| {
                        let old = literal(old, self.dialect());
                        format!("WHEN {old} THEN {}", self.constant(column, new))
                    })
                    .collect();
                let operand = match self.dialect() {
                    Dialect::Postgres => text.clone(),
                    Dialect::Sqlite => format!("CAST({own} AS TEXT)"),
                };
                let rest = match self.dialect() {
                    Dialect::Postgres => format!("{own}::{}", column.data_type),
                    Dialect::Sqlite => own.clone(),
                };
                let pairs: Vec<String> =
                    pairs.iter().map(|(old, new)| format!("`{old}` becomes `{new}`")).collect();
                let says = format!("in `{name}` {}", pairs.join(", "));
                (format!("CASE {operand} {} ELSE {rest} END", branches.join(" ")), says)
            }
            Strategy::Dedupe(_) | Strategy::Quarantine => {
                return Err("it moves rows".to_owned());
            }
        };
        let value = match self.dialect() {
            Dialect::Postgres => format!("({value})::{}", column.data_type),
            Dialect::Sqlite => value,
        };
        Ok(Becomes { column, value, says })
    }

    fn nullable(&self, column: &Column) -> Result<(), String> {
        match column.not_null {
            true => Err(format!("`{}` is required, so it cannot be NULL", column.name)),
            false => Ok(()),
        }
    }

    /// The default of the database, else that of the model.
    fn default(&self, column: &Column) -> Result<String, String> {
        let modelled = self.subject.wanted.and_then(|catalog| {
            let same = |name: &str| name.eq_ignore_ascii_case(self.target.name().name.as_str());
            let table = catalog.tables.values().find(|table| same(table.name.name.as_str()))?;
            table.column(&column.name)?.default.clone()
        });
        let default = column.default.clone().or(modelled).ok_or_else(|| {
            format!("`{}` has no default; say the value, as in `default:VALUE`", column.name)
        })?;
        Ok(match self.dialect() {
            Dialect::Postgres => default,
            Dialect::Sqlite => default_value(&default),
        })
    }

    /// A value that a person wrote.
    fn constant(&self, column: &Column, value: &str) -> String {
        let quoted = literal(value, self.dialect());
        if self.dialect() == Dialect::Postgres {
            return format!("{quoted}::{}", column.data_type);
        }
        let affinity = match self.target.is_strict() {
            true => Affinity::of_strict(&column.data_type),
            false => Affinity::of(&column.data_type),
        };
        let is_number =
            value.parse::<i64>().is_ok() || value.parse::<f64>().is_ok_and(f64::is_finite);
        match affinity {
            Affinity::Integer | Affinity::Real | Affinity::Numeric if is_number => value.to_owned(),
            Affinity::Integer
            | Affinity::Real
            | Affinity::Numeric
            | Affinity::Text
            | Affinity::Blob => quoted,
        }
    }

    fn trimmed(&self, text: &str) -> String {
        match self.dialect() {
            Dialect::Postgres => format!("pg_catalog.btrim({text}, E' \\t\\n\\r\\f\\x0b')"),
            Dialect::Sqlite => format!("trim({text}, char(32, 9, 10, 13, 12, 11))"),
        }
    }

    /// The nearest value within the bounds that the rule states.
    fn clamped(&self, column: &Column, own: &str, text: &str) -> Result<(String, String), String> {
        let name = column.name.as_str();
        let found = limits(self.subject);
        let own_limits = found
            .into_iter()
            .filter(|bound| self.target.column(&bound.column) == Some(column))
            .map(|bound| bound.limit);
        let (mut value, mut says) = (own.to_owned(), Vec::new());
        let typed = |limit: &str| match self.dialect() {
            Dialect::Postgres => format!("{limit}::{}", column.data_type),
            Dialect::Sqlite => limit.to_owned(),
        };
        let (most, least) = match self.dialect() {
            Dialect::Postgres => ("LEAST", "GREATEST"),
            Dialect::Sqlite => ("min", "max"),
        };
        for limit in own_limits {
            match limit {
                Limit::AtLeast(limit) => {
                    value = format!("{least}({value}, {})", typed(&limit));
                    says.push(format!("at least {limit}"));
                }
                Limit::AtMost(limit) => {
                    value = format!("{most}({value}, {})", typed(&limit));
                    says.push(format!("at most {limit}"));
                }
                Limit::Above(limit) => {
                    let next = self.next(column, &limit, 1)?;
                    value = format!("{least}({value}, {})", typed(&next));
                    says.push(format!("at least {next}"));
                }
                Limit::Below(limit) => {
                    let next = self.next(column, &limit, -1)?;
                    value = format!("{most}({value}, {})", typed(&next));
                    says.push(format!("at most {next}"));
                }
                Limit::LengthAtMost(length) => {
                    value = match self.dialect() {
                        Dialect::Postgres => format!("pg_catalog.left({text}, {length})"),
                        Dialect::Sqlite => format!("substr({own}, 1, {length})"),
                    };
                    says.push(format!("no longer than {length} characters"));
                }
                Limit::OneOf(_) => {}
            }
        }
        if says.is_empty() {
            return Err(format!("the rule states no bounds of `{name}`"));
        }
        let value = format!("CASE WHEN {own} IS NOT NULL THEN {value} END");
        Ok((value, format!("`{name}` becomes {}", says.join(" and "))))
    }

    /// The whole number beside a bound that is not reached.
    fn next(&self, column: &Column, limit: &str, step: i64) -> Result<String, String> {
        let whole = match self.dialect() {
            Dialect::Postgres => {
                ["smallint", "integer", "bigint"].contains(&column.data_type.as_str())
            }
            Dialect::Sqlite => Affinity::of(&column.data_type) == Affinity::Integer,
        };
        let number = limit.trim_matches('\'').parse::<i64>().ok();
        let next = number.filter(|_| whole).and_then(|number| number.checked_add(step));
        next.map(|next| next.to_string()).ok_or_else(|| {
            format!("there is no nearest value beside {limit}; say one, as in `default:VALUE`")
        })
    }
}
