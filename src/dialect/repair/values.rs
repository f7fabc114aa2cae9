//! Repairs that change values. On PostgreSQL the rows are found once, then written in parts; on SQLite, where there is
//! one writer, in one go. The value of a row is changed, and later put back, only where it still is what it was.

use super::becomes::{Becomes, becomes};
use super::quiet::{Quiet, Toward, quiet, validated};
use super::strategy::Chosen;
use super::target::Target;
use super::text::ident;
use super::{
    Bad, Certainty, Mended, Naming, Said, Subject, Touched, bad, kept, kept_place, let_go, step,
};
use crate::catalog::Column;
use crate::dialect::aside::Key;
use crate::dialect::check::SAMPLE;
use crate::dialect::{Lock, Sql, Step, Transaction, Undo, Work};
use crate::text::Dialect;

/// How many rows are written in one transaction.
const BATCH: usize = 10_000;

/// The repair of a rule by new values.
///
/// # Errors
/// Why it is none.
pub(super) fn mend(
    subject: Subject<'_>,
    chosen: &Chosen,
    naming: Naming<'_>,
) -> Result<Mended, String> {
    let target = Target::of(subject.check, subject.catalog)?;
    let dialect = target.dialect();
    if dialect == Dialect::Sqlite && target.key == Key::Nothing {
        return Err(format!("rows of `{}` have no key that names them", target.name()));
    }
    let found = Found {
        bad: bad(subject, &target)?,
        becomes: becomes(subject, chosen, &target)?,
        only: String::new(),
        target,
    };
    let name = kept(naming, found.target.name(), None, dialect);
    let own = subject.check.validates.as_ref().and_then(|sql| validated(sql.as_str()));
    let tables = [found.target.table];
    let there = quiet(subject.catalog, &tables, Toward::Repaired(own.as_deref()));
    let back = quiet(subject.catalog, &tables, Toward::Old);
    let title = format!("{} ({}: {chosen})", found.columns().join(", "), subject.check.rule);
    let work = Writing { found: &found, name: &name, title: &title };
    let (up, down) = match (dialect, &found.target.key) {
        (Dialect::Sqlite, _) => (work.sqlite_up(&there), work.sqlite_down(&back)),
        (Dialect::Postgres, Key::Nothing) => (work.keyless_up(&there), work.keyless_down(&back)),
        (Dialect::Postgres, Key::Columns(_) | Key::Rowid) => {
            (work.postgres_up(&there), work.postgres_down(&back))
        }
    };
    let columns = found.becomes.iter().map(|it| it.column.name.clone()).collect();
    let says: Vec<String> = found.becomes.iter().map(|it| it.says.clone()).collect();
    Ok(Mended {
        rule: subject.check.rule.clone(),
        strategy: chosen.to_string(),
        table: found.target.name().clone(),
        says: says.join(", "),
        count: found.count(),
        sample: found.sample(),
        keys: found.target.key_names(),
        columns: found.becomes.iter().map(|it| it.column.name.to_string()).collect(),
        personal: subject.check.personal.clone(),
        certainty: match found.bad {
            Bad::Row(_) => Certainty::Holds,
            Bad::Listed(_) => Certainty::Unknown,
        },
        up,
        down,
        up_checks: Vec::new(),
        down_checks: Vec::new(),
        touched: vec![Touched::Columns(found.target.name().clone(), columns)],
        kept: kept_place(&name, dialect),
    })
}

/// How many of some rows, named by their keys as texts, a repair would mend. `None` where that cannot be asked.
pub(super) fn mends(subject: Subject<'_>, chosen: &Chosen, rows: &[Vec<String>]) -> Option<Sql> {
    let target = Target::of(subject.check, subject.catalog).ok()?;
    let keys = target.key_of("r");
    let is_told = !keys.is_empty() && subject.check.keys == target.key_names();
    if !is_told || rows.iter().any(|row| row.len() != keys.len()) {
        return None;
    }
    let dialect = target.dialect();
    let one = |row: &Vec<String>| {
        let pairs = keys.iter().zip(row);
        let pairs: Vec<String> = pairs
            .map(|(key, value)| format!("{key} = {}", super::text::literal(value, dialect)))
            .collect();
        format!("({})", pairs.join(" AND "))
    };
    let only: Vec<String> = rows.iter().map(one).collect();
    let bad = bad(subject, &target).ok()?;
    let becomes = becomes(subject, chosen, &target).ok()?;
    let only = format!(" AND ({})", only.join(" OR "));
    Some(Found { target, bad, becomes, only }.count())
}

/// The rows that break a rule, with what each is to become.
struct Found<'c> {
    target: Target<'c>,
    bad: Bad,
    becomes: Vec<Becomes<'c>>,
    /// A further condition on the rows.
    only: String,
}

impl Found<'_> {
    fn dialect(&self) -> Dialect {
        self.target.dialect()
    }

    fn columns(&self) -> Vec<String> {
        let table = self.target.name();
        self.becomes.iter().map(|it| format!("{table}.{}", it.column.name)).collect()
    }

    /// The rows as `x`: their columns, what names them, and the new values `migrate_1` ….
    fn rows(&self) -> String {
        let mut list = vec!["r.*".to_owned()];
        match (self.dialect(), &self.target.key) {
            (Dialect::Sqlite, Key::Rowid) => list.push("r.rowid AS \"migrate_row\"".to_owned()),
            (Dialect::Postgres, Key::Nothing) => {
                list.push("r.tableoid AS \"migrate_of\", r.ctid AS \"migrate_at\"".to_owned());
            }
            (Dialect::Sqlite | Dialect::Postgres, _) => {}
        }
        let values = self.becomes.iter().enumerate();
        list.extend(values.map(|(at, it)| format!("{} AS \"migrate_{}\"", it.value, at + 1)));
        format!(
            "(SELECT {} FROM {} AS r WHERE ({}){}{}) AS x",
            list.join(", "),
            self.target.place(),
            self.bad.text(),
            self.only,
            self.target.has_key("r")
        )
    }

    /// The condition that the repair changes `x` and mends it.
    fn is_mended(&self) -> String {
        let changed: Vec<String> = self
            .becomes
            .iter()
            .enumerate()
            .map(|(at, it)| {
                let (own, new) =
                    (format!("x.{}", ident(&it.column.name)), format!("x.\"migrate_{}\"", at + 1));
                differs(&own, &new, self.dialect())
            })
            .collect();
        let changed = format!("({})", changed.join(" OR "));
        let Bad::Row(bad) = &self.bad else { return changed };
        let list: Vec<String> = self
            .target
            .table
            .columns
            .iter()
            .map(|column| {
                let name = ident(&column.name);
                let at = self.becomes.iter().position(|it| it.column.name == column.name);
                match at {
                    Some(at) => format!("x.\"migrate_{}\" AS {name}", at + 1),
                    None => format!("x.{name} AS {name}"),
                }
            })
            .collect();
        format!("{changed} AND (SELECT {bad} FROM (SELECT {}) AS r) IS NOT TRUE", list.join(", "))
    }

    fn count(&self) -> Sql {
        let mended = self.is_mended();
        Sql::new(format!(
            "SELECT count(*), count(CASE WHEN {mended} THEN 1 END) FROM {}",
            self.rows()
        ))
    }

    fn sample(&self) -> Sql {
        let keys = self.keys("x");
        let mut list = keys.clone();
        for (at, it) in self.becomes.iter().enumerate() {
            list.push(format!("x.{}", ident(&it.column.name)));
            list.push(format!("x.\"migrate_{}\"", at + 1));
        }
        let order = match keys.as_slice() {
            [] => String::new(),
            keys => format!(" ORDER BY {}", keys.join(", ")),
        };
        Sql::new(format!(
            "SELECT {} FROM {} WHERE {}{order} LIMIT {SAMPLE}",
            list.join(", "),
            self.rows(),
            self.is_mended()
        ))
    }

    /// The key of a found row.
    fn keys(&self, alias: &str) -> Vec<String> {
        match &self.target.key {
            Key::Rowid => vec![format!("{alias}.\"migrate_row\"")],
            Key::Columns(_) | Key::Nothing => self.target.key_of(alias),
        }
    }

    fn each<T>(&self, write: impl Fn(usize, &Column) -> T) -> Vec<T> {
        self.becomes.iter().enumerate().map(|(at, it)| write(at + 1, it.column)).collect()
    }
}

/// Whether two values are not one and the same.
pub(super) fn differs(left: &str, right: &str, dialect: Dialect) -> String {
    match dialect {
        Dialect::Postgres => {
            format!("{left}::text COLLATE \"C\" IS DISTINCT FROM {right}::text COLLATE \"C\"")
        }
        Dialect::Sqlite => {
            format!("({left} IS NOT {right} COLLATE BINARY OR typeof({left}) <> typeof({right}))")
        }
    }
}

/// Whether two values are one and the same.
pub(super) fn is_same(left: &str, right: &str, dialect: Dialect) -> String {
    match dialect {
        Dialect::Postgres => {
            format!("{left}::text COLLATE \"C\" IS NOT DISTINCT FROM {right}::text COLLATE \"C\"")
        }
        Dialect::Sqlite => {
            format!("({left} IS {right} COLLATE BINARY AND typeof({left}) = typeof({right}))")
        }
    }
}

struct Writing<'a, 'c> {
    found: &'a Found<'c>,
    name: &'a str,
    title: &'a str,
}

impl Writing<'_, '_> {
    fn kept(&self) -> String {
        kept_place(self.name, self.found.dialect())
    }

    fn reads(&self) -> Option<String> {
        Some(self.name.to_owned())
    }

    fn one(&self, statements: Vec<String>, lock: Lock, reads: Option<String>) -> Step {
        let verb = if reads.is_some() { "put old values back into" } else { "repair" };
        let said = Said {
            lock,
            work: Work::Write,
            transaction: Transaction::Shared,
            undo: Undo::Kept,
            reads,
        };
        step(format!("{verb} {}", self.title), statements, said)
    }

    fn postgres_up(&self, quiet: &Quiet) -> Vec<Step> {
        let (found, kept) = (self.found, self.kept());
        let mut list =
            vec!["row_number() OVER () AS \"n\"".to_owned(), "0::smallint AS \"state\"".to_owned()];
        let keys = found.target.kept_key_of("x");
        list.extend(
            keys.iter().enumerate().map(|(at, key)| format!("{key} AS \"key_{}\"", at + 1)),
        );
        list.extend(found.each(|at, column| {
            let own = ident(&column.name);
            format!("x.{own}::text AS \"before_{at}\", x.\"migrate_{at}\"::text AS \"after_{at}\"")
        }));
        let fill = format!(
            "CREATE TABLE {kept} AS SELECT {} FROM {} WHERE {}",
            list.join(", "),
            found.rows(),
            found.is_mended()
        );
        let look = vec![
            fill,
            format!("ALTER TABLE {kept} ADD PRIMARY KEY (\"n\")"),
            format!("CREATE INDEX ON {kept} (\"state\", \"n\")"),
            format!("ANALYZE {kept}"),
        ];
        let write = self.batch((0, 1), &|at| format!("\"b\".\"after_{at}\""), &|at| {
            format!("\"b\".\"before_{at}\"")
        });
        let over = format!("DELETE FROM {kept} WHERE \"state\" <> 1");
        vec![
            step(
                format!("set aside values of {}", self.title),
                look,
                Said {
                    lock: Lock::AccessShare,
                    work: Work::Scan,
                    transaction: Transaction::Shared,
                    undo: Undo::Exact,
                    reads: None,
                },
            ),
            step(
                format!("repair {}", self.title),
                quiet.around(vec![write]),
                Said {
                    lock: quiet.lock,
                    work: Work::Write,
                    transaction: Transaction::Batches,
                    undo: Undo::Kept,
                    reads: None,
                },
            ),
            step(
                format!("forget what somebody else changed meanwhile in {}", self.title),
                vec![over],
                Said {
                    lock: Lock::None,
                    work: Work::Catalog,
                    transaction: Transaction::Shared,
                    undo: Undo::Exact,
                    reads: None,
                },
            ),
        ]
    }

    /// Writes the next rows whose state is the first, where each still holds what is expected; they get the second
    /// state, or 9 where somebody has changed the row.
    fn batch(
        &self,
        (from, to): (u8, u8),
        new: &dyn Fn(usize) -> String,
        expected: &dyn Fn(usize) -> String,
    ) -> String {
        let (found, kept) = (self.found, self.kept());
        let set = found.each(|at, column| {
            format!("{} = {}::{}", ident(&column.name), new(at), column.data_type)
        });
        let same = found.each(|at, column| {
            is_same(&format!("\"t\".{}", ident(&column.name)), &expected(at), Dialect::Postgres)
        });
        format!(
            "WITH \"b\" AS MATERIALIZED (SELECT * FROM {kept} WHERE \"state\" = {from} ORDER BY \"n\" LIMIT {BATCH}), \
             \"u\" AS (UPDATE {} AS \"t\" SET {} FROM \"b\" WHERE {} AND {} RETURNING \"b\".\"n\") \
             UPDATE {kept} AS \"k\" SET \"state\" = CASE WHEN EXISTS (SELECT 1 FROM \"u\" WHERE \"u\".\"n\" = \"k\".\"n\") \
             THEN {to} ELSE 9 END FROM \"b\" WHERE \"k\".\"n\" = \"b\".\"n\"",
            found.target.place(),
            set.join(", "),
            found.target.is_kept("\"t\"", "\"b\""),
            same.join(" AND ")
        )
    }

    fn postgres_down(&self, quiet: &Quiet) -> Vec<Step> {
        let (found, kept) = (self.found, self.kept());
        let title = format!("put old values back into {}", self.title);
        // A constraint that cannot be held meanwhile is gone for one transaction only.
        let back = if quiet.lock == Lock::AccessExclusive {
            let set = found.each(|at, column| {
                format!("{} = \"k\".\"before_{at}\"::{}", ident(&column.name), column.data_type)
            });
            let same = found.each(|at, column| {
                let own = format!("\"t\".{}", ident(&column.name));
                is_same(&own, &format!("\"k\".\"after_{at}\""), Dialect::Postgres)
            });
            let update = format!(
                "UPDATE {} AS \"t\" SET {} FROM {kept} AS \"k\" WHERE {} AND {}",
                found.target.place(),
                set.join(", "),
                found.target.is_kept("\"t\"", "\"k\""),
                same.join(" AND ")
            );
            self.one(quiet.around(vec![update]), quiet.lock, self.reads())
        } else {
            let write = self.batch((1, 2), &|at| format!("\"b\".\"before_{at}\""), &|at| {
                format!("\"b\".\"after_{at}\"")
            });
            step(
                title,
                quiet.around(vec![write]),
                Said {
                    lock: quiet.lock,
                    work: Work::Write,
                    transaction: Transaction::Batches,
                    undo: Undo::Kept,
                    reads: self.reads(),
                },
            )
        };
        vec![back, let_go(self.name, Dialect::Postgres)]
    }

    /// All columns of a row as one text.
    fn whole(&self, alias: &str) -> String {
        let list: Vec<String> = self
            .found
            .target
            .stored()
            .map(|column| format!("{alias}.{}", ident(&column.name)))
            .collect();
        format!("ROW({})::text COLLATE \"C\"", list.join(", "))
    }

    fn keyless_up(&self, quiet: &Quiet) -> Vec<Step> {
        let (found, kept) = (self.found, self.kept());
        let definitions = found.each(|at, _| format!("\"before_{at}\" text, \"after_{at}\" text"));
        let befores = found.each(|at, column| {
            format!("x.{}::text AS \"before_{at}\", x.\"migrate_{at}\"", ident(&column.name))
        });
        let set =
            found.each(|at, column| format!("{} = \"b\".\"migrate_{at}\"", ident(&column.name)));
        let afters = found.each(|at, column| {
            format!("\"b\".\"before_{at}\", \"t\".{}::text AS \"after_{at}\"", ident(&column.name))
        });
        let names = found.each(|at, _| format!("\"before_{at}\", \"after_{at}\"")).join(", ");
        let statements = vec![
            format!("CREATE TABLE {kept} (\"row\" text COLLATE \"C\", {})", definitions.join(", ")),
            format!(
                "WITH \"b\" AS MATERIALIZED (SELECT x.\"migrate_of\", x.\"migrate_at\", {} FROM {} WHERE {}), \
                 \"u\" AS (UPDATE {} AS \"t\" SET {} FROM \"b\" WHERE \"t\".tableoid = \"b\".\"migrate_of\" \
                 AND \"t\".ctid = \"b\".\"migrate_at\" RETURNING {} AS \"row\", {}) \
                 INSERT INTO {kept} (\"row\", {names}) SELECT \"row\", {names} FROM \"u\"",
                befores.join(", "),
                found.rows(),
                found.is_mended(),
                found.target.place(),
                set.join(", "),
                self.whole("\"t\""),
                afters.join(", "),
            ),
        ];
        vec![self.one(quiet.around(statements), quiet.lock, None)]
    }

    fn keyless_down(&self, quiet: &Quiet) -> Vec<Step> {
        let (found, kept) = (self.found, self.kept());
        let set = found.each(|at, column| {
            format!("{} = \"k\".\"before_{at}\"::{}", ident(&column.name), column.data_type)
        });
        let whole = self.whole("\"t\"");
        let place = found.target.place();
        let update = format!(
            "WITH \"k\" AS (SELECT *, row_number() OVER (PARTITION BY \"row\") AS \"n\" FROM {kept}), \
             \"h\" AS (SELECT \"t\".tableoid AS \"of\", \"t\".ctid AS \"at\", {whole} AS \"row\", \
             row_number() OVER (PARTITION BY {whole}) AS \"n\" FROM {place} AS \"t\") \
             UPDATE {place} AS \"t\" SET {} FROM \"k\" JOIN \"h\" ON \"h\".\"row\" = \"k\".\"row\" AND \"h\".\"n\" = \"k\".\"n\" \
             WHERE \"t\".tableoid = \"h\".\"of\" AND \"t\".ctid = \"h\".\"at\"",
            set.join(", "),
        );
        vec![
            self.one(quiet.around(vec![update]), quiet.lock, self.reads()),
            let_go(self.name, Dialect::Postgres),
        ]
    }

    fn sqlite_up(&self, quiet: &Quiet) -> Vec<Step> {
        let (found, kept) = (self.found, self.kept());
        let keys = found.keys("x");
        let names: Vec<String> = (1..=keys.len()).map(|at| format!("\"key_{at}\"")).collect();
        let mut columns = names.clone();
        columns.extend(found.each(|at, _| format!("\"before_{at}\", \"after_{at}\"")));
        let mut values = keys;
        values.extend(found.each(|_, column| format!("x.{}, NULL", ident(&column.name))));
        let place = found.target.place();
        let is_kept = found.target.is_kept("r", "k");
        let set: Vec<String> = found
            .becomes
            .iter()
            .map(|it| format!("{} = {}", ident(&it.column.name), it.value))
            .collect();
        let note = found.each(|at, column| format!("\"after_{at}\" = r.{}", ident(&column.name)));
        let statements = vec![
            format!("CREATE TABLE {kept} ({})", columns.join(", ")),
            format!(
                "INSERT INTO {kept} SELECT {} FROM {} WHERE {}",
                values.join(", "),
                found.rows(),
                found.is_mended()
            ),
            format!("UPDATE {place} AS r SET {} FROM {kept} AS k WHERE {is_kept}", set.join(", ")),
            format!("UPDATE {kept} AS k SET {} FROM {place} AS r WHERE {is_kept}", note.join(", ")),
        ];
        vec![self.one(quiet.around(statements), Lock::Reserved, None)]
    }

    fn sqlite_down(&self, quiet: &Quiet) -> Vec<Step> {
        let (found, kept) = (self.found, self.kept());
        let set = found.each(|at, column| format!("{} = k.\"before_{at}\"", ident(&column.name)));
        let same = found.each(|at, column| {
            let own = format!("r.{}", ident(&column.name));
            is_same(&own, &format!("k.\"after_{at}\""), Dialect::Sqlite)
        });
        let statements = vec![
            format!(
                "UPDATE {} AS r SET {} FROM {kept} AS k WHERE {} AND {}",
                found.target.place(),
                set.join(", "),
                found.target.is_kept("r", "k"),
                same.join(" AND ")
            ),
            format!("DROP TABLE {kept}"),
        ];
        vec![self.one(quiet.around(statements), Lock::Reserved, self.reads())]
    }
}
