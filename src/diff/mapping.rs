//! Where each column of the new shape gets its values from, in either direction.

use std::collections::BTreeSet;

use super::rename;
use super::retold::retold;
use crate::catalog::value_set::value_set;
use crate::catalog::{Catalog, Column, ConstraintKind, Table};
use crate::change::using::Using;
use crate::change::{
    ColumnIntent, ColumnSource, Contested, Intent, Keep, Leaving, Rename, SourceOrigin, Target,
    Way, is_steady, table_before, using,
};
use crate::text::token::{Token, canonical, tokenize};
use crate::text::{Dialect, Ident, QName};

/// The two catalogs of a comparison (the old one under new names) and what the user said.
pub(super) struct Sides<'a> {
    pub(super) before: &'a Catalog,
    pub(super) after: &'a Catalog,
    pub(super) intent: &'a Intent,
    pub(super) way: Way,
    /// The renames of this way.
    pub(super) renames: &'a [Rename],
}

/// One source for each column of `after`.
pub(super) fn columns(before: &Table, after: &Table, sides: &Sides<'_>) -> Vec<ColumnSource> {
    after.columns.iter().map(|column| source(column, before, after, sides)).collect()
}

fn source(column: &Column, before: &Table, after: &Table, sides: &Sides<'_>) -> ColumnSource {
    let dialect = sides.after.dialect;
    let target = Target::column(&after.name, &column.name);
    let old = old_column(before, &column.name, dialect);
    let origin = match old {
        _ if column.generated.is_some() => SourceOrigin::Computed,
        None => SourceOrigin::New,
        Some(old) if old.generated.is_some() || same_type(old, column, dialect) => {
            SourceOrigin::Same
        }
        Some(old) => {
            SourceOrigin::Cast { before: old.data_type.clone(), after: column.data_type.clone() }
        }
    };
    let intent = intent_for(&target, sides).unwrap_or_default();
    let sets = Sets {
        before: allowed(before, column, sides.before),
        after: allowed(after, column, sides.after),
    };
    let exists = !matches!(origin, SourceOrigin::New | SourceOrigin::Computed);
    let values = if exists { values(&intent, &sets, sides) } else { Vec::new() };
    // A backfill of a column that already held required values has nothing to do.
    let newly_required = column.not_null && old.is_some_and(|old| !old.not_null);
    let fill = match origin {
        SourceOrigin::New => intent.of_new().cloned(),
        SourceOrigin::Same | SourceOrigin::Cast { .. } if newly_required => intent.backfill,
        SourceOrigin::Same | SourceOrigin::Cast { .. } | SourceOrigin::Computed => None,
    };
    let using = match &origin {
        SourceOrigin::Cast { .. } => conversion(&target, sides),
        SourceOrigin::Same if limits(before, column) != limits(after, column) => {
            conversion(&target, sides)
        }
        SourceOrigin::Same | SourceOrigin::New | SourceOrigin::Computed => None,
    };
    let keep = match &using {
        Some(_) => Keep::Altered,
        None => keep(&origin, fill.as_deref(), &target, &sets, sides),
    };
    let contested = intent.contested.forth.filter(|_| fill.is_some());
    ColumnSource { column: column.name.clone(), origin, values, using, fill, contested, keep }
}

/// What the way back computes for the columns of `before` that go.
pub(super) fn leaving(before: &Table, after: &Table, sides: &Sides<'_>) -> Vec<Leaving> {
    let dialect = sides.after.dialect;
    let goes = |column: &&Column| {
        column.generated.is_none() && old_column(after, &column.name, dialect).is_none()
    };
    let of = |column: &Column| {
        let target = Target::column(&after.name, &column.name);
        let computed = computed_back(&target, sides).filter(|it| is_steady(it, dialect))?;
        Some(Leaving { column: column.name.clone(), computed })
    };
    before.columns.iter().filter(goes).filter_map(of).collect()
}

/// What fills the column when it comes back, over the rows that this way leaves.
fn computed_back(target: &Target, sides: &Sides<'_>) -> Option<String> {
    let earlier = Target { table: earlier_name(&target.table, sides), ..target.clone() };
    match sides.way {
        Way::Forth => {
            let said = sides.intent.columns.iter().find(|(said, _)| {
                rename::old_target(sides.intent, said) == earlier || **said == earlier
            });
            said?.1.down.clone()
        }
        Way::Back => {
            let text = sides.intent.columns.get(&earlier)?.of_new()?;
            Some(in_new_names(text, target, sides))
        }
    }
}

/// What a table is called before the renames of this way.
fn earlier_name(table: &QName, sides: &Sides<'_>) -> QName {
    table_before(sides.renames, table).clone()
}

/// The column that holds the values now. Names that differ in case alone, where they could not be renamed, are one
/// name to SQLite.
fn old_column<'a>(before: &'a Table, name: &Ident, dialect: Dialect) -> Option<&'a Column> {
    before.column(name).or_else(|| match dialect {
        Dialect::Postgres => None,
        Dialect::Sqlite => before
            .columns
            .iter()
            .find(|column| column.name.as_str().eq_ignore_ascii_case(name.as_str())),
    })
}

/// SQLite does not know types but affinities, yet a changed type text is a change to carry.
fn same_type(before: &Column, after: &Column, dialect: Dialect) -> bool {
    match dialect {
        Dialect::Postgres => {
            before.data_type == after.data_type && before.collation == after.collation
        }
        Dialect::Sqlite => {
            canonical(&before.data_type, dialect) == canonical(&after.data_type, dialect)
        }
    }
}

/// What the user said of a column, told in the direction and the names of this comparison.
fn intent_for(target: &Target, sides: &Sides<'_>) -> Option<ColumnIntent> {
    match sides.way {
        Way::Forth => sides.intent.columns.get(target).cloned(),
        Way::Back => {
            let said = sides.intent.columns.iter().find_map(|(said, intent)| {
                let old = rename::old_target(sides.intent, said);
                (old == *target || said == target).then_some(intent)
            })?;
            let told = |text: &String| in_new_names(text, target, sides);
            let contested = said.contested.back.as_ref().map(told);
            Some(ColumnIntent {
                // Beside `using`, `down` converts.
                backfill: said.down.as_ref().filter(|_| said.using.is_none()).map(told),
                down: None,
                using: None,
                values: said.values.clone(),
                contested: Contested { forth: contested, back: None },
                leads_to: None,
            })
        }
    }
}

/// The conditions that say something of a column.
fn limits<'t>(table: &'t Table, column: &Column) -> BTreeSet<&'t str> {
    let names = |text: &str| {
        tokenize(text, Dialect::Postgres)
            .iter()
            .filter_map(Token::name)
            .any(|name| name.eq_ignore_ascii_case(column.name.as_str()))
    };
    let checks = table.constraints.iter().filter_map(|constraint| match &constraint.kind {
        ConstraintKind::Check { expression } => Some(expression.as_str()),
        ConstraintKind::PrimaryKey { .. }
        | ConstraintKind::Unique { .. }
        | ConstraintKind::ForeignKey(_)
        | ConstraintKind::Exclusion => None,
    });
    checks.filter(|text| names(text)).collect()
}

/// What converts the values of a column whose type or limits change, in the direction and the names of this comparison.
fn conversion(target: &Target, sides: &Sides<'_>) -> Option<Using> {
    let said_of = |target: &Target| match sides.way {
        Way::Forth => sides.intent.columns.get_key_value(target),
        Way::Back => sides
            .intent
            .columns
            .iter()
            .find(|(said, _)| rename::old_target(sides.intent, said) == *target),
    };
    let converts = |(_, said): &(&Target, &ColumnIntent)| said.using.is_some();
    // What is said of a column of a parent holds for its partitions and heirs.
    let above = above(&target.table, sides.after);
    let targets = above.into_iter().map(|table| Target { table, ..target.clone() });
    let (name, said) = std::iter::once(target.clone())
        .chain(targets)
        .find_map(|target| said_of(&target).filter(converts))?;
    let own = target.column.as_ref()?;
    // Both are written over the name that the model has.
    let told = |text: &String| {
        let column = name.column.as_ref().unwrap_or(own);
        let value = format!("\"t\".{}", quoted(own));
        using::over(text, column, &value, sides.after.dialect)
    };
    let (forth, back) = (said.using.as_ref().map(told)?, said.down.as_ref().map(told));
    Some(match sides.way {
        Way::Forth => Using { there: Some(forth), back },
        Way::Back => Using { there: back, back: Some(forth) },
    })
}

/// The tables that a table inherits from or is a partition of, the nearest first.
fn above(table: &QName, catalog: &Catalog) -> Vec<QName> {
    let mut found: Vec<QName> = Vec::new();
    let mut open = vec![table];
    while let Some(next) = open.pop() {
        let options = catalog.tables.get(next).and_then(|table| table.options.of_postgres());
        for parent in options.into_iter().flat_map(|options| &options.parents) {
            if !found.contains(parent) {
                found.push(parent.clone());
                open.push(parent);
            }
        }
    }
    found
}

fn quoted(name: &Ident) -> String {
    format!("\"{}\"", name.as_str().replace('"', "\"\""))
}

/// A `down:` is written over the row before the way back, and runs after that way's renames.
fn in_new_names(text: &str, target: &Target, sides: &Sides<'_>) -> String {
    retold(text, &target.table, sides.renames, sides.after.dialect)
}

/// The values that a CHECK or an enum type allows on each side, where they are known.
struct Sets {
    before: Option<BTreeSet<String>>,
    after: Option<BTreeSet<String>>,
}

/// The closed set of values of a column: from its enum type, or from a CHECK that lists them.
pub(super) fn allowed(
    table: &Table,
    column: &Column,
    catalog: &Catalog,
) -> Option<BTreeSet<String>> {
    let target = Target::column(&table.name, &column.name);
    if let Some(name) = rename::enum_of(catalog, &target) {
        return catalog.enums.get(&name).map(|kind| kind.values.iter().cloned().collect());
    }
    table.constraints.iter().find_map(|constraint| match &constraint.kind {
        ConstraintKind::Check { expression } => value_set(expression, catalog.dialect)
            .filter(|set| set.column == column.name.as_str())
            .map(|set| set.values.into_iter().collect()),
        ConstraintKind::PrimaryKey { .. }
        | ConstraintKind::Unique { .. }
        | ConstraintKind::ForeignKey(_)
        | ConstraintKind::Exclusion => None,
    })
}

/// The written map where it applies: old values that this way's new side no longer allows.
fn values(intent: &ColumnIntent, sets: &Sets, sides: &Sides<'_>) -> Vec<(String, String)> {
    match sides.way {
        Way::Forth => pending(intent, sets.before.as_ref(), sets.after.as_ref()),
        Way::Back => {
            let forth = pending(intent, sets.after.as_ref(), sets.before.as_ref());
            if is_one_to_one(&forth, sets.after.as_ref()) {
                forth.into_iter().map(|(old, new)| (new, old)).collect()
            } else {
                Vec::new()
            }
        }
    }
}

/// Entries whose old value is allowed before and not after; all of them where the sets are not known.
fn pending(
    intent: &ColumnIntent,
    before: Option<&BTreeSet<String>>,
    after: Option<&BTreeSet<String>>,
) -> Vec<(String, String)> {
    intent
        .values
        .iter()
        .filter(|(old, _)| {
            before.is_none_or(|set| set.contains(old))
                && !after.is_some_and(|set| set.contains(old))
        })
        .cloned()
        .collect()
}

/// Whether a value map can be undone from the new values alone.
fn is_one_to_one(values: &[(String, String)], before: Option<&BTreeSet<String>>) -> bool {
    let distinct: BTreeSet<&String> = values.iter().map(|(_, new)| new).collect();
    distinct.len() == values.len()
        && before.is_some_and(|set| values.iter().all(|(_, new)| !set.contains(new)))
}

fn keep(
    origin: &SourceOrigin,
    fill: Option<&str>,
    target: &Target,
    sets: &Sets,
    sides: &Sides<'_>,
) -> Keep {
    // Told as the way forth tells it, so that both ways agree on what there is to restore.
    let (forth_before, forth_after) = match sides.way {
        Way::Forth => (sets.before.as_ref(), sets.after.as_ref()),
        Way::Back => (sets.after.as_ref(), sets.before.as_ref()),
    };
    let said = match sides.way {
        Way::Forth => sides.intent.columns.get(target),
        Way::Back => sides.intent.columns.iter().find_map(|(said, intent)| {
            (rename::old_target(sides.intent, said) == *target).then_some(intent)
        }),
    };
    let map = said.map(|intent| pending(intent, forth_before, forth_after)).unwrap_or_default();
    let fills = said.is_some_and(|intent| intent.backfill.is_some() || intent.down.is_some());
    match origin {
        SourceOrigin::New | SourceOrigin::Computed => Keep::Nothing,
        SourceOrigin::Cast { before, after }
            if sides.after.dialect == Dialect::Postgres
                && map.is_empty()
                && fill.is_none()
                && !(fills && nullability_changes(target, sides))
                && is_exact(before, after) =>
        {
            Keep::Nothing
        }
        SourceOrigin::Cast { .. } => Keep::Altered,
        SourceOrigin::Same if !map.is_empty() && !is_one_to_one(&map, forth_before) => {
            Keep::Altered
        }
        SourceOrigin::Same if fill.is_some() || fills && nullability_changes(target, sides) => {
            Keep::Altered
        }
        SourceOrigin::Same => Keep::Nothing,
    }
}

/// Whether PostgreSQL carries every value from one type to the other and back unchanged, or refuses it; either way there
/// is nothing to keep. Source: PostgreSQL manual 8.1.1, 8.1.2 and 8.3; `character(n)` pads, a numeric of fewer digits
/// behind the point rounds, one of fewer before it refuses.
fn is_exact(before: &str, after: &str) -> bool {
    let base = |printed: &str| printed.split('(').next().unwrap_or_default().trim().to_owned();
    let of_text = |printed: &str| ["text", "character varying"].contains(&base(printed).as_str());
    let scales = (scale(before), scale(after));
    of_text(before) && of_text(after) || scales.0.is_some() && scales.0 == scales.1
}

/// The digits behind the point that every value of an exact number type has: none of an integer, `s` of `numeric(p,s)`.
/// `numeric` alone leaves them open.
fn scale(printed: &str) -> Option<&str> {
    if ["smallint", "integer", "bigint"].contains(&printed) {
        return Some("0");
    }
    let (_, scale) = printed.strip_prefix("numeric(")?.strip_suffix(')')?.split_once(',')?;
    Some(scale)
}

fn nullability_changes(target: &Target, sides: &Sides<'_>) -> bool {
    let required = |catalog: &Catalog| {
        let column = target.column.as_ref()?;
        Some(catalog.tables.get(&target.table)?.column(column)?.not_null)
    };
    required(sides.before) != required(sides.after)
}
