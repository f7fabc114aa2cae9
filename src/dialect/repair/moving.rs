//! Rows that go aside whole and come back: where they are kept, and the statements of both ways.

use super::quiet::{Quiet, Toward, quiet, validated};
use super::rows::can_follow;
use super::strategy::Chosen;
use super::target::{Inbound, Target};
use super::text::ident;
use super::{Certainty, Mended, Said, Subject, Touched, kept_place, plan_check, step};
use crate::catalog::{Column, Table};
use crate::dialect::aside::Key;
use crate::dialect::check::Check;
use crate::dialect::postgres::types::is_builtin;
use crate::dialect::{Lock, Sql, Step, Transaction, Undo, Work};
use crate::text::Dialect;

/// Rows that go aside and come back.
pub(super) struct Moving<'a, 'c> {
    pub(super) name: String,
    pub(super) target: &'a Target<'c>,
}

/// What a repair that moves rows does.
pub(super) struct Ways<'a, 'c> {
    pub(super) title: String,
    pub(super) verb: &'static str,
    pub(super) inner: Vec<String>,
    /// After the rows are back.
    pub(super) back: Vec<String>,
    pub(super) repointed: &'a [Inbound<'c>],
}

impl Moving<'_, '_> {
    pub(super) fn kept(&self) -> String {
        kept_place(&self.name, self.target.dialect())
    }

    /// The names of kept columns.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.target.stored().map(|column| ident(&column.name)).collect();
        if self.target.has_row_number() {
            names.push("\"migrate_row\"".to_owned());
        }
        names
    }

    /// Their values over a row.
    pub(super) fn values(&self, alias: &str) -> Vec<String> {
        let mut values: Vec<String> = self
            .target
            .stored()
            .map(|column| {
                let own = format!("{alias}.{}", ident(&column.name));
                let is_plain = self.target.dialect() == Dialect::Sqlite
                    || is_builtin(&column.data_type) && column.collation.is_none();
                if is_plain { own } else { format!("{own}::text COLLATE pg_catalog.\"default\"") }
            })
            .collect();
        if self.target.has_row_number() {
            values.push(match alias {
                "r" => "r.rowid".to_owned(),
                other => format!("{other}.\"migrate_row\""),
            });
        }
        values
    }

    pub(super) fn named_values(&self, alias: &str) -> Vec<String> {
        let pairs = self.values(alias).into_iter().zip(self.names());
        pairs.map(|(value, name)| format!("{value} AS {name}")).collect()
    }

    pub(super) fn made_empty(&self) -> String {
        let list = self.named_values("r").join(", ");
        let (kept, place) = (self.kept(), self.target.place());
        match self.target.dialect() {
            Dialect::Postgres => {
                format!("CREATE TABLE {kept} AS SELECT {list} FROM {place} AS r WITH NO DATA")
            }
            Dialect::Sqlite => format!("CREATE TABLE {kept} ({})", self.names().join(", ")),
        }
    }

    /// The key of a kept row.
    pub(super) fn keys(&self, alias: &str) -> Vec<String> {
        match &self.target.key {
            Key::Rowid => vec![format!("{alias}.\"migrate_row\"")],
            Key::Columns(_) | Key::Nothing => self.target.key_of(alias),
        }
    }

    /// SQLite: removes the kept rows from the table.
    pub(super) fn removed(&self) -> String {
        let (kept, place) = (self.kept(), self.target.place());
        let own = self.target.key_of("r").join(", ");
        let keys = self.keys("k").join(", ");
        format!("DELETE FROM {place} AS r WHERE ({own}) IN (SELECT {keys} FROM {kept} AS k)")
    }

    /// Whether the row `alias` is among those that go.
    pub(super) fn is_moved(&self, alias: &str) -> String {
        let kept = self.kept();
        match self.target.dialect() {
            Dialect::Postgres => format!(
                "EXISTS (SELECT 1 FROM {kept} AS \"d\" WHERE \"d\".\"migrate_of\" = {alias}.tableoid \
                 AND \"d\".\"migrate_at\" = {alias}.ctid)"
            ),
            Dialect::Sqlite => {
                let own = self.target.key_of(alias).join(", ");
                let keys = self.keys("d").join(", ");
                format!("({own}) IN (SELECT {keys} FROM {kept} AS d)")
            }
        }
    }

    /// The number under which a removed row keeps what stands in its place.
    pub(super) fn stays_at(&self, inbound: &Inbound<'_>, at: usize) -> usize {
        let before: usize = self
            .target
            .inbound()
            .iter()
            .filter(|it| can_follow(it, self.target.catalog))
            .take_while(|it| {
                !(it.child.name == inbound.child.name && it.columns == inbound.columns)
            })
            .map(|it| it.referenced.len())
            .sum();
        before + at + 1
    }

    /// Puts the rows back.
    pub(super) fn returned(&self) -> String {
        let columns: Vec<&Column> = self.target.stored().collect();
        let mut names: Vec<String> = columns.iter().map(|column| ident(&column.name)).collect();
        let mut values: Vec<String> = columns
            .iter()
            .map(|column| {
                let own = format!("k.{}", ident(&column.name));
                match self.target.dialect() {
                    Dialect::Postgres if !is_builtin(&column.data_type) => {
                        format!("{own}::{}", column.data_type)
                    }
                    Dialect::Postgres | Dialect::Sqlite => own,
                }
            })
            .collect();
        if self.target.has_row_number() {
            names.push("rowid".to_owned());
            // A number that somebody else has by now is of no further meaning where a key names the row.
            values.push(match &self.target.key {
                Key::Columns(_) => format!(
                    "CASE WHEN EXISTS (SELECT 1 FROM {} AS r WHERE r.rowid = k.\"migrate_row\") THEN NULL \
                     ELSE k.\"migrate_row\" END",
                    self.target.place()
                ),
                Key::Rowid | Key::Nothing => "k.\"migrate_row\"".to_owned(),
            });
        }
        let over = match self.target.dialect() {
            Dialect::Postgres => " OVERRIDING SYSTEM VALUE",
            Dialect::Sqlite => "",
        };
        format!(
            "INSERT INTO {} ({}){over} SELECT {} FROM {} AS k",
            self.target.place(),
            names.join(", "),
            values.join(", "),
            self.kept()
        )
    }

    /// Rows whose key somebody else has taken meanwhile cannot come back.
    pub(super) fn down_check(&self, check: &Check) -> Option<Check> {
        let own = self.target.kept_key_of("r");
        if own.is_empty() {
            return None;
        }
        let keys = self.keys("k");
        let pairs: Vec<String> =
            own.iter().zip(&keys).map(|(own, key)| format!("{own} = {key}")).collect();
        let kept = self.kept();
        let taken = format!(
            "EXISTS (SELECT 1 FROM {} AS r WHERE {})",
            self.target.place(),
            pairs.join(" AND ")
        );
        let count = format!(
            "SELECT count(*), (SELECT count(*) FROM {kept}) FROM {kept} AS k WHERE {taken}"
        );
        let list = keys.join(", ");
        let sample = format!("SELECT {list} FROM {kept} AS k WHERE {taken} ORDER BY {list}");
        let message =
            "a row was written since with the key of one that was moved and is to come back";
        Some(plan_check(
            format!("{} (repair of {})", self.target.name(), check.rule),
            self.target.name(),
            message.to_owned(),
            (count, sample),
            self.target.key_names(),
        ))
    }

    pub(super) fn mended(
        &self,
        subject: Subject<'_>,
        chosen: &Chosen,
        ways: Ways<'_, '_>,
    ) -> Mended {
        let Ways { title, verb, inner, back, repointed } = ways;
        let target = self.target;
        let own = subject.check.validates.as_ref().and_then(|sql| validated(sql.as_str()));
        let mut tables: Vec<&Table> = vec![target.table];
        tables.extend(repointed.iter().map(|it| it.child).filter(|it| it.name != *target.name()));
        let there = quiet(subject.catalog, &tables, Toward::Repaired(own.as_deref()));
        let again = quiet(subject.catalog, &tables, Toward::Old);
        let mut returning = vec![self.returned()];
        returning.extend(back);
        returning.push(format!("DROP TABLE {}", self.kept()));
        let holds = inner.iter().any(|text| text.starts_with("LOCK TABLE"));
        let one =
            |verb: &str, statements: Vec<String>, quiet: &Quiet, reads: Option<String>| -> Step {
                let lock = match holds && reads.is_none() && target.dialect() == Dialect::Postgres {
                    true => quiet.lock.max(Lock::ShareRowExclusive),
                    false => quiet.lock,
                };
                step(
                    format!("{verb} {title}"),
                    quiet.around(statements),
                    Said {
                        lock,
                        work: Work::Write,
                        transaction: Transaction::Shared,
                        undo: Undo::Kept,
                        reads,
                    },
                )
            };
        Mended {
            rule: subject.check.rule.clone(),
            strategy: chosen.to_string(),
            table: target.name().clone(),
            says: String::new(),
            count: Sql::new(""),
            sample: Sql::new(""),
            keys: target.key_names(),
            columns: Vec::new(),
            personal: subject.check.personal.clone(),
            certainty: Certainty::Holds,
            up: vec![one(verb, inner, &there, None)],
            down: vec![one("return", returning, &again, Some(self.name.clone()))],
            up_checks: Vec::new(),
            down_checks: Vec::new(),
            touched: vec![Touched::Rows(target.name().clone())],
            kept: self.kept(),
        }
    }
}
