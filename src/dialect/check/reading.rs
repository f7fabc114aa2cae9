//! Rows as a stream: one scan of a table that sends of each row where it lies, which rules it breaks by the server's answer, and
//! the columns that are looked at outside; and the queries that find rows again by where they lie.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::program::{Family, Field, Kind};
use super::rows::{Heirs, Rows};
use super::{Check, Sql, literal, qualified, quote};
use crate::catalog::rule::{Matching, Nulls};
use crate::catalog::{Catalog, Column, Table};
use crate::text::Ident;

/// A table whose rows can be read as a stream (PostgreSQL).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The table as a FROM item.
    pub(super) base: String,
    /// What rules see of a row `t`.
    pub(super) list: String,
    /// What picks some of the rows, or nothing.
    pub(super) sample: String,
    pub spread: Spread,
    /// The columns that rules see.
    pub fields: Vec<Field>,
    /// Positions of those that are read as another type.
    pub casts: BTreeSet<usize>,
}

/// Whether the rows of a source lie in one table, so that a place in it names a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    One,
    Several,
}

/// How the rows of a check are read as a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    pub source: Arc<Source>,
    /// The keys and the values that are shown of a row `r`.
    columns: String,
    order: String,
    came: Option<Ident>,
    /// What is asked of rows together; `None` for a rule that looks at them one by one.
    pub set: Option<SetRule>,
    /// What stands beside a row, for a rule that looks there too.
    beside: Option<Beside>,
}

/// One row at most beside each row `r`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Beside {
    /// Left joins, which follow the rows.
    pub(super) joins: String,
    /// The condition that breaks the rule, over `r` and what is joined.
    pub(super) bad: String,
}

/// A rule that looks at many rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetRule {
    /// No two rows (of those where the condition is true) are equal in all keys.
    Unique { keys: Vec<String>, condition: Option<String>, nulls: Nulls },
    /// The keys are found in the other table.
    References { keys: Vec<String>, matching: Matching, parent: ParentKeys },
}

/// The keys that rows may refer to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParentKeys {
    from: String,
    columns: Vec<Ident>,
    /// What is known of them.
    pub kinds: Vec<Option<Kind>>,
}

impl ParentKeys {
    /// The columns of a table, in the order in which they are referred to; `None` where it lacks one.
    pub(super) fn of(
        catalog: &Catalog,
        table: &Table,
        columns: &[Ident],
        only: &str,
    ) -> Option<Self> {
        let kinds = columns.iter().map(|name| {
            let column = table.column(name)?;
            Some(Kind::of_column(column, catalog))
        });
        Some(ParentKeys {
            from: format!("{only}{}", qualified(&table.name)),
            columns: columns.to_vec(),
            kinds: kinds.collect::<Option<_>>()?,
        })
    }

    /// The keys, up to so many.
    pub fn sql(&self, limit: usize) -> Sql {
        let list: Vec<String> =
            self.columns.iter().map(|column| format!("p.{}", quote(column))).collect();
        Sql::new(format!("SELECT {} FROM {} AS p LIMIT {limit}", list.join(", "), self.from))
    }

    /// Whether two rules refer to the same keys.
    pub fn table(&self) -> &str {
        self.from.trim_start_matches("ONLY ")
    }
}

impl Reading {
    pub(super) fn of(rows: &Rows, columns: String, order: String) -> Option<Self> {
        let source = rows.source.clone()?;
        Some(Reading { source, columns, order, came: rows.came.clone(), set: None, beside: None })
    }

    /// What is asked of the rows together.
    pub(super) fn with(self, set: Option<SetRule>) -> Self {
        Reading { set, ..self }
    }

    /// What is asked of the rows and of what stands beside them.
    pub(super) fn beside(self, beside: Beside) -> Self {
        Reading { beside: Some(beside), ..self }
    }
}

/// Where a row lies, as long as the snapshot lasts: table, block, position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowPlace {
    /// Zero where all rows lie in one table.
    pub table: u32,
    pub block: u32,
    pub position: u16,
}

/// How many answers one number holds.
pub const ANSWERS_MAX: usize = 62;

/// What a stream sends of each row.
#[derive(Clone, Debug)]
pub struct Stream<'a> {
    pub source: &'a Source,
    /// Conditions that the server answers, `TRUE` where a row breaks a rule.
    pub conditions: Vec<&'a str>,
    /// Positions of the fields that are sent.
    pub fields: Vec<usize>,
    pub extent: Extent,
    pub slice: Slice,
    /// How many rows are sent at most.
    pub limit: Option<usize>,
}

/// Which rows are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    All,
    /// Those for which a condition is true.
    Breaking,
}

/// A part of a table, by its blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Slice {
    #[default]
    All,
    /// From the first of these blocks up to the second, which is left out; `None`: to the end.
    Blocks(u32, Option<u32>),
}

impl Stream<'_> {
    /// How many cells stand before those of the fields.
    pub fn answers(&self) -> std::ops::Range<usize> {
        let first = match self.source.spread {
            Spread::One => 1,
            Spread::Several => 2,
        };
        first..first + self.conditions.len().div_ceil(ANSWERS_MAX)
    }

    /// The query: the place of a row, answers as bits of numbers, values.
    pub fn sql(&self) -> Sql {
        let mut list = vec!["r.migrate_place".to_owned()];
        if self.source.spread == Spread::Several {
            list.push("r.migrate_table".to_owned());
        }
        for some in self.conditions.chunks(ANSWERS_MAX) {
            let bits = some.iter().enumerate().map(|(at, condition)| {
                format!("CASE WHEN {condition} THEN {}::bigint ELSE 0 END", 1_u64 << at)
            });
            let bits = bits.collect::<Vec<_>>().join(" | ");
            list.push(match self.extent {
                Extent::Breaking => format!("({bits})"),
                // Of most rows all conditions are answered at once.
                Extent::All => format!("CASE WHEN {} THEN {bits} ELSE 0::bigint END", any_of(some)),
            });
        }
        let names = self.fields.iter().filter_map(|at| self.source.fields.get(*at));
        list.extend(names.map(|field| format!("r.{}", quote(field.sent()))));
        let mut sql = format!("SELECT {} FROM {}", list.join(", "), self.source.rows(self.slice));
        if self.extent == Extent::Breaking {
            sql.push_str(&format!(" WHERE {}", any_of(&self.conditions)));
        }
        if let Some(limit) = self.limit {
            sql.push_str(&format!(" LIMIT {limit}"));
        }
        Sql::new(sql)
    }
}

fn any_of(conditions: &[&str]) -> String {
    let each: Vec<String> = conditions.iter().map(|it| format!("({it})")).collect();
    each.join(" OR ")
}

impl Source {
    /// The rows of a table as rules see them: `list` of each row `t`, in which `becomes` tells columns of another type, and where
    /// their values stand as they are.
    pub(super) fn of(
        catalog: &Catalog,
        table: &Table,
        becomes: &dyn Fn(&Column) -> Option<(String, Ident)>,
        (list, sample): (String, String),
        heirs: Heirs,
    ) -> Self {
        let has_heirs = catalog.tables.values().any(|other| {
            let options = other.options.of_postgres();
            options.is_some_and(|options| options.parents.contains(&table.name))
        });
        let is_partitioned =
            table.options.of_postgres().is_some_and(|options| options.partition_by.is_some());
        let is_one = !is_partitioned && (!has_heirs || heirs == Heirs::LeftOut);
        let fields = table.columns.iter().map(|column| {
            let name = column.name.clone();
            match becomes(column) {
                Some((data_type, was)) => {
                    let kind = Kind::of_type(&data_type);
                    let is_whole = kind.as_ref().is_some_and(|it| it.family() == Family::Whole);
                    // `character(n)` comes with its blanks, which the server leaves out.
                    let is_text = matches!(Kind::of_type(&column.data_type), Some(Kind::Text(_)));
                    let is_read_here = is_whole && is_text;
                    Field { name, kind, text: is_read_here.then_some(was) }
                }
                None => Field { name, kind: Kind::of_column(column, catalog), text: None },
            }
        });
        let columns = table.columns.iter().enumerate();
        let casts = columns.filter(|(_, column)| becomes(column).is_some()).map(|(at, _)| at);
        let only = if has_heirs && is_one { "ONLY " } else { "" };
        Source {
            base: format!("{only}{}", qualified(&table.name)),
            list,
            sample,
            spread: if is_one { Spread::One } else { Spread::Several },
            fields: fields.collect(),
            casts: casts.collect(),
        }
    }

    /// Where a field stands among its own.
    pub fn position(&self, name: &Ident) -> Option<usize> {
        self.fields.iter().position(|field| field.name == *name)
    }

    /// The rows with their places, as the FROM item `r`.
    fn rows(&self, slice: Slice) -> String {
        self.picked(&self.sample, slice)
    }

    fn picked(&self, sample: &str, slice: Slice) -> String {
        let table = match self.spread {
            Spread::One => "",
            Spread::Several => ", \"t\".tableoid AS migrate_table",
        };
        let slice = match slice {
            Slice::All => String::new(),
            Slice::Blocks(from, to) => {
                let until = to.map(|to| format!(" AND \"t\".ctid < '({to},0)'"));
                format!(" WHERE \"t\".ctid >= '({from},0)'{}", until.unwrap_or_default())
            }
        };
        format!(
            "(SELECT {}, \"t\".ctid AS migrate_place{table} FROM {} AS \"t\"{sample}{slice}) AS r",
            self.list, self.base
        )
    }

    /// How many rows there are.
    pub fn count(&self, slice: Slice) -> Sql {
        Sql::new(format!("SELECT count(*) FROM {}", self.rows(slice)))
    }

    fn among(&self, places: &[RowPlace]) -> String {
        let list = |some: &[RowPlace]| {
            let each: Vec<String> =
                some.iter().map(|it| format!("\"({},{})\"", it.block, it.position)).collect();
            format!("r.migrate_place = ANY ('{{{}}}'::tid[])", each.join(","))
        };
        let condition = match self.spread {
            Spread::One => list(places),
            Spread::Several => {
                let each = places.chunk_by(|left, right| left.table == right.table);
                let each = each.map(|some| {
                    format!("(r.migrate_table = {} AND {})", some[0].table, list(some))
                });
                each.collect::<Vec<_>>().join(" OR ")
            }
        };
        // What is found by its place is not looked for among some of the rows.
        format!("{} WHERE {condition}", self.picked("", Slice::All))
    }
}

impl Check {
    /// Rows found again by where they lie, as [`Check::sample`] answers them. Places of one table stand together.
    pub fn at(&self, places: &[RowPlace], limit: Option<usize>) -> Option<Sql> {
        let reading = self.reading.as_ref()?;
        let limit = limit.map(|limit| format!(" LIMIT {limit}")).unwrap_or_default();
        Some(Sql::new(format!(
            "SELECT {} FROM {}{}{limit}",
            reading.columns,
            reading.source.among(places),
            reading.order
        )))
    }

    /// When the first and the last of some rows came.
    pub fn seen_at(&self, places: &[RowPlace]) -> Option<Sql> {
        let reading = self.reading.as_ref()?;
        let came = quote(reading.came.as_ref()?);
        Some(Sql::new(format!(
            "SELECT min(r.{came}), max(r.{came}) FROM {}",
            reading.source.among(places)
        )))
    }

    /// Those of some rows that are equal in all keys to another of them: where they lie.
    pub fn doubles_at(&self, places: &[RowPlace]) -> Option<Sql> {
        let reading = self.reading.as_ref()?;
        let Some(SetRule::Unique { keys, .. }) = &reading.set else { return None };
        let source = &reading.source;
        let place = match source.spread {
            Spread::One => "r.migrate_place",
            Spread::Several => "r.migrate_place, r.migrate_table",
        };
        let (keys, among) = (keys.join(", "), source.among(places));
        Some(Sql::new(format!(
            "SELECT {place} FROM (SELECT r.*, count(*) OVER (PARTITION BY {keys}) AS migrate_n FROM \
             {among}) AS r WHERE r.migrate_n > 1"
        )))
    }

    /// Keys that several rows share: where one of the rows lies, and how many they are; `None` where places in several tables
    /// would be mixed, and where NULLs are equal.
    pub fn shared_keys(&self, limit: usize) -> Option<Sql> {
        let (rows, condition, keys) = self.counted_keys()?;
        Some(Sql::new(format!(
            "SELECT min(r.migrate_place), count(*) FROM {rows} WHERE {condition} GROUP BY {keys} \
             HAVING count(*) > 1 LIMIT {limit}"
        )))
    }

    /// Where all rows lie that share a key with one of some rows.
    pub fn sharing(&self, places: &[RowPlace], limit: usize) -> Option<Sql> {
        let (rows, condition, keys) = self.counted_keys()?;
        let among = self.reading.as_ref()?.source.among(places);
        Some(Sql::new(format!(
            "SELECT r.migrate_place FROM {rows} WHERE {condition} AND ({keys}) IN (SELECT {keys} FROM {among}) \
             LIMIT {limit}"
        )))
    }

    /// Where rows lie that break a rule by what stands beside them; `None` where places in several tables would be mixed.
    pub fn breaking_beside(&self, limit: usize) -> Option<Sql> {
        let reading = self.reading.as_ref()?;
        let (Spread::One, Some(Beside { joins, bad })) = (reading.source.spread, &reading.beside)
        else {
            return None;
        };
        let rows = reading.source.rows(Slice::All);
        Some(Sql::new(format!(
            "SELECT r.migrate_place FROM {rows}{joins} WHERE {bad} LIMIT {limit}"
        )))
    }

    /// The source of its rows, where they can be streamed.
    pub fn source(&self) -> Option<&Arc<Source>> {
        Some(&self.reading.as_ref()?.source)
    }

    /// The rows whose keys must differ, the condition that picks them, and their keys.
    fn counted_keys(&self) -> Option<(String, String, String)> {
        let reading = self.reading.as_ref()?;
        let (Spread::One, Some(SetRule::Unique { keys, condition, nulls: Nulls::Distinct })) =
            (reading.source.spread, &reading.set)
        else {
            return None;
        };
        let known = keys.iter().map(|key| format!("({key}) IS NOT NULL"));
        let all: Vec<String> = known.chain(condition.iter().map(|it| format!("({it})"))).collect();
        Some((reading.source.rows(Slice::All), all.join(" AND "), keys.join(", ")))
    }

    /// The source of its rows and what is asked of them together.
    pub fn set_rule(&self) -> Option<(&Arc<Source>, &SetRule)> {
        let reading = self.reading.as_ref()?;
        Some((&reading.source, reading.set.as_ref()?))
    }

    /// The source of its rows and the condition that breaks it, where rows are looked at one by one.
    pub fn row_rule(&self) -> Option<(&Arc<Source>, &str)> {
        let (reading, scan) = (self.reading.as_ref()?, self.scan.as_ref()?);
        Some((&reading.source, scan.bad.as_str()))
    }
}

/// How large tables are: for each of some sources its position, rows (as far as the server has counted them), blocks of its
/// largest part, bytes.
pub fn sizes(sources: &[&Source]) -> Sql {
    let list: Vec<String> = sources
        .iter()
        .enumerate()
        .map(|(at, source)| {
            let name = literal(source.base.trim_start_matches("ONLY "));
            format!("({at}, to_regclass({name})::oid)")
        })
        .collect();
    Sql::new(format!(
        "SELECT s.at, sum(CASE WHEN c.relkind = 'p' THEN 0 WHEN c.reltuples < 0 THEN b.bytes / 80 \
         ELSE c.reltuples END)::bigint, \
         max(b.bytes / current_setting('block_size')::bigint), sum(b.bytes)::bigint \
         FROM (VALUES {}) AS s (at, id) \
         CROSS JOIN LATERAL (SELECT s.id UNION SELECT p.relid FROM pg_partition_tree(s.id) AS p) AS t (id) \
         JOIN pg_class AS c ON c.oid = t.id \
         CROSS JOIN LATERAL (SELECT CASE WHEN c.relkind IN ('r', 'm') \
         THEN pg_relation_size(c.oid) ELSE 0 END AS bytes) AS b GROUP BY s.at",
        list.join(", ")
    ))
}
