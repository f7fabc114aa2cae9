//! Where each column of a rebuilt table gets its values from, as expressions over the row `"t"` of the old table.

use super::affinity::Affinity;
use super::kept::{AFTER, BEFORE, Kept, Scope, VALUE, WRITTEN, kept_or};
use super::quote::{literal, quote};
use super::table::{RowKey, Shape, Witnesses};
use crate::catalog::Column;
use crate::change::{ColumnSource, Keep, SourceOrigin, TableChange};
use crate::text::token::{Kind, Token, tokenize};
use crate::text::{Dialect, Ident};

/// One stored column of the new shape.
pub(super) struct Source<'a> {
    pub(super) after: &'a Column,
    /// The old column it comes from.
    pub(super) before: Option<&'a Column>,
    pub(super) source: &'a ColumnSource,
    /// Values may come out other than they went in.
    pub(super) altered: Altered,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Altered {
    Never,
    /// Rows that the way back cannot compute are kept.
    Kept,
}

impl<'a> Source<'a> {
    /// The old column, if its values were its own; those of a computed one cannot be put back into it.
    pub(super) fn held(&self) -> Option<&'a Column> {
        self.before.filter(|column| column.generated.is_none())
    }
}

/// The stored columns of the new shape with their sources.
pub(super) fn sources<'a>(
    change: &'a TableChange,
    before: &Shape<'a>,
    after: &Shape<'a>,
    scope: &Scope<'_>,
) -> Vec<Source<'a>> {
    let of = |column: &'a Column| {
        let source = change.mapping.iter().find(|source| source.column == column.name)?;
        let old = match source.origin {
            SourceOrigin::Computed => return None,
            // A name that differs in case alone is the same name to SQLite.
            SourceOrigin::New | SourceOrigin::Same | SourceOrigin::Cast { .. } => {
                before.column(&column.name)
            }
        };
        let altered = old.map_or(Altered::Never, |old| {
            let converted = before.affinity(old) != after.affinity(column);
            let said = old.not_null != column.not_null
                || scope.is_spoken_of(&after.table.name, &column.name);
            match old.generated.is_none() && (converted || source.keep == Keep::Altered && said) {
                true => Altered::Kept,
                false => Altered::Never,
            }
        });
        Some(Source { after: column, before: old, source, altered })
    };
    after.stored().filter_map(of).collect()
}

/// The value of a column before anything kept is put back.
pub(super) fn plain_value(source: &Source<'_>, before: &Shape<'_>, after: &Shape<'_>) -> String {
    match source.before {
        Some(old) => moved_value(source, &format!("\"t\".{}", quote(old.name.as_str())), after),
        None => new_value(source, before, after),
    }
}

fn moved_value(source: &Source<'_>, old: &str, after: &Shape<'_>) -> String {
    let value = converted(source, old, after);
    match &source.source.fill {
        Some(fill) => format!("COALESCE({value}, ({fill}))"),
        None => value,
    }
}

/// The condition that a row `t` of the new table holds what this change makes of the kept value `k`.
pub(super) fn is_what_kept_becomes(
    source: &Source<'_>,
    before: &Shape<'_>,
    after: &Shape<'_>,
) -> String {
    let now = format!("\"t\".{}", quote(source.after.name.as_str()));
    let becomes = converted(source, &format!("\"k\".{AFTER}"), after);
    let affinity = after.affinity(source.after);
    match source.before.is_some_and(|column| before.affinity(column) == affinity) {
        true => format!("{now} IS {becomes}"),
        // The kept value has no affinity: what storing makes of it, `IS` would not.
        false => format!("{now} IS {becomes} OR {now} IS {}", affinity.stored(&becomes)),
    }
}

/// What the change makes of a value before NULLs are filled in, and before it is stored.
pub(super) fn converted(source: &Source<'_>, old: &str, after: &Shape<'_>) -> String {
    let said = source.source.using_over(old, Dialect::Sqlite).map(|said| format!("({said})"));
    let value = said.unwrap_or_else(|| mapped(source.source, old));
    // Affinity never makes a blob of a text or number, and a STRICT table takes nothing else.
    let blob = after.text.strict && source.after.data_type.eq_ignore_ascii_case("blob");
    let converts = matches!(source.source.origin, SourceOrigin::Cast { .. });
    if blob && converts { format!("CAST({value} AS BLOB)") } else { value }
}

/// The written value map over an expression.
pub(super) fn mapped(source: &ColumnSource, value: &str) -> String {
    if source.values.is_empty() {
        return value.to_owned();
    }
    let cases: Vec<String> = source
        .values
        .iter()
        .map(|(old, new)| format!("WHEN {} THEN {}", literal(old), literal(new)))
        .collect();
    format!("CASE {value} {} ELSE {value} END", cases.join(" "))
}

fn new_value(source: &Source<'_>, before: &Shape<'_>, after: &Shape<'_>) -> String {
    let default = source.after.default.as_deref().map(default_value);
    match (&source.source.fill, default) {
        (Some(fill), Some(default)) => format!("COALESCE(({fill}), {default})"),
        (Some(fill), None) => format!("({fill})"),
        (None, Some(default)) => default,
        (None, None) => {
            // A new name for the rowid keeps the rowids.
            let alias = after.text.rowid_alias() == Some(source.after.name.as_str());
            match before.rowid().filter(|_| alias) {
                Some(rowid) => format!("\"t\".{rowid}"),
                None => "NULL".to_owned(),
            }
        }
    }
}

/// A default as an expression. A lone identifier, quoted or not, is a string to SQLite there, and a column in a
/// SELECT. Source: `ccons ::= DEFAULT id` in `parse.y`.
pub(in crate::dialect) fn default_value(text: &str) -> String {
    const WORDS: [&str; 6] =
        ["null", "true", "false", "current_timestamp", "current_date", "current_time"];
    let tokens: Vec<Token<'_>> =
        tokenize(text, Dialect::Sqlite).into_iter().filter(Token::is_code).collect();
    match tokens.as_slice() {
        [only] if matches!(only.kind, Kind::Quoted | Kind::Word) => {
            let known = WORDS.iter().any(|word| only.is_word(word));
            match only.name() {
                Some(name) if !known => literal(&name),
                _ => only.text.to_owned(),
            }
        }
        _ => format!("({text})"),
    }
}

/// The value of a column with what the other direction kept of it put back; `table` is where its rows stand.
pub(super) fn restored_value(
    source: &Source<'_>,
    before: &Shape<'_>,
    after: &Shape<'_>,
    kept: &Kept,
    (key, table): (&RowKey, &str),
) -> String {
    let plain = plain_value(source, before, after);
    let among = Witnesses { kept: &kept.quoted(), table };
    let row = key.matches_among(before, "\"t\"", &among);
    match source.held() {
        None => {
            let computed = source.source.computed(Dialect::Sqlite);
            let unchanged = computed.map(|fill| format!("({fill}) IS \"k\".{WRITTEN}"));
            kept_or(kept, &row, VALUE, unchanged.as_deref(), &plain)
        }
        Some(old) => {
            let now = format!("\"t\".{}", quote(old.name.as_str()));
            let unchanged =
                format!("{now} IS \"k\".{AFTER} AND typeof({now}) = typeof(\"k\".{AFTER})");
            kept_or(kept, &row, BEFORE, Some(&unchanged), &plain)
        }
    }
}

/// The two tables of a copy, by shape and by their names at that moment.
pub(super) struct Sides<'a> {
    pub(super) before: &'a Shape<'a>,
    pub(super) after: &'a Shape<'a>,
    pub(super) old: &'a str,
    pub(super) new: &'a str,
}

/// Statements that keep the rows whose value the copy altered in a way that storing it back does not undo.
/// `quote` tells apart what `IS` does not: types, and case under a collation.
/// `"t"` is the old table, `"n"` the new one.
pub(super) fn keep_altered(
    kept: &Kept,
    key: &RowKey,
    source: &Source<'_>,
    sides: &Sides<'_>,
    old: &Ident,
) -> Vec<String> {
    let Sides { before, after, old: old_table, new: new_table } = *sides;
    let (mut columns, constraint) = key.definitions(after);
    columns.extend([BEFORE.to_owned(), AFTER.to_owned()]);
    columns.extend(constraint);
    let was = format!("\"t\".{}", quote(old.as_str()));
    let is = format!("\"n\".{}", quote(source.after.name.as_str()));
    let affinity = source.before.map_or(Affinity::Blob, |column| before.affinity(column));
    let said = source.source.using_back_over(&is, Dialect::Sqlite).map(|said| format!("({said})"));
    let back = match said {
        Some(said) => said,
        None if source.source.is_converted_as_said() => is.clone(),
        None => affinity.stored_back(&is, &was),
    };
    // A negative zero equals zero and prints like it; columns of REAL affinity do not hold one.
    let zero = match affinity {
        Affinity::Real => String::new(),
        Affinity::Integer | Affinity::Text | Affinity::Blob | Affinity::Numeric => {
            format!(" OR (typeof({was}) = 'real' AND {was} = 0.0)")
        }
    };
    let mut values = key.kept_values(after, "\"n\"");
    values.extend([was.clone(), is]);
    let mut names = key.kept_names();
    names.extend([BEFORE.to_owned(), AFTER.to_owned()]);
    vec![
        format!("CREATE TABLE {} ({})", kept.quoted(), columns.join(", ")),
        format!(
            "INSERT INTO {} ({}) SELECT {} FROM {} AS \"t\" JOIN {} AS \"n\" ON {} \
             WHERE {back} IS NOT {was} OR quote({back}) <> quote({was}){zero}",
            kept.quoted(),
            names.join(", "),
            values.join(", "),
            quote(old_table),
            quote(new_table),
            same_row(key, before, after),
        ),
    ]
}

/// Whether `"t"` and `"n"` are one row before and after the copy.
fn same_row(key: &RowKey, before: &Shape<'_>, after: &Shape<'_>) -> String {
    if let (Some(old), Some(new), true) =
        (before.rowid(), after.rowid(), rowid_stays(before, after))
    {
        return format!("\"n\".{new} = \"t\".{old}");
    }
    let pairs = key.values(before, "\"t\"").into_iter().zip(key.values(after, "\"n\""));
    pairs.map(|(old, new)| format!("{new} IS {old}")).collect::<Vec<_>>().join(" AND ")
}

/// Whether a row has the same rowid after the copy.
fn rowid_stays(before: &Shape<'_>, after: &Shape<'_>) -> bool {
    match (before.text.rowid_alias(), after.text.rowid_alias()) {
        (Some(old), Some(new)) => old.eq_ignore_ascii_case(new),
        (None, Some(_)) => false,
        (_, None) => true,
    }
}
