//! Moved rows that cannot come back, for what was written since: their key is taken, a unique key of theirs is taken, or the row that
//! they refer to is gone. Asked before a rollback begins.

use super::moving::Moving;
use super::plan_check;
use super::text::ident;
use crate::catalog::Column;
use crate::catalog::rule::{Held, Nulls, Requirement, own_rules};
use crate::dialect::aside::{Key, table_name};
use crate::dialect::check::{About, Check};
use crate::dialect::postgres::types::is_builtin;
use crate::text::token::{canonical_name, tokenize};
use crate::text::{Dialect, Ident, QName};

impl Moving<'_, '_> {
    /// What must hold so that the rows can come back.
    pub(super) fn down_checks(&self, check: &Check) -> Vec<Check> {
        let mut checks: Vec<Check> = self.down_check(check).into_iter().collect();
        if self.target.key == Key::Nothing {
            return checks;
        }
        for own in own_rules(self.target.table).into_iter().filter(|it| it.held == Held::Always) {
            // What the rows broke when they were moved they may break again.
            let is_broken =
                matches!(&check.about, Some(About::Rule(rule)) if *rule == own.requirement);
            let found = match &own.requirement {
                _ if is_broken => None,
                Requirement::Unique { keys, predicate, nulls } => {
                    self.taken(keys, predicate.as_deref(), *nulls)
                }
                // SQLite compares what points nowhere before and after.
                Requirement::References { columns, table, referenced_columns, .. }
                    if self.target.dialect() == Dialect::Postgres =>
                {
                    self.gone(columns, table, referenced_columns)
                }
                Requirement::References { .. }
                | Requirement::Required { .. }
                | Requirement::Holds { .. }
                | Requirement::Across { .. }
                | Requirement::Excludes { .. }
                | Requirement::OnlyEngine { .. } => None,
            };
            checks.extend(found.map(|found| self.stopped(check, &own.name, found)));
        }
        checks
    }

    /// Kept rows as the table will have them, named `r`: their columns and, for people, their key.
    fn returning(&self, more: &[String]) -> String {
        let columns = self
            .target
            .stored()
            .map(|column| format!("{} AS {}", self.back(column), ident(&column.name)));
        let numbers = self.target.has_row_number().then(|| "k.\"migrate_row\"".to_owned());
        let list: Vec<String> = columns.chain(numbers).collect();
        let rows = format!("(SELECT {} FROM {} AS k)", list.join(", "), self.kept());
        let more: String = more.iter().map(|text| format!(", {text}")).collect();
        format!("(SELECT r.*{more} FROM {rows} AS r")
    }

    /// A kept value in the type of its column.
    fn back(&self, column: &Column) -> String {
        let own = format!("k.{}", ident(&column.name));
        match self.target.dialect() {
            Dialect::Postgres if !is_builtin(&column.data_type) => {
                format!("{own}::{}", column.data_type)
            }
            Dialect::Postgres | Dialect::Sqlite => own,
        }
    }

    /// Rows `n` whose unique key another row has by now; `None` for the key that names rows, and for keys over computed
    /// columns, which are not kept.
    fn taken(&self, keys: &[String], predicate: Option<&str>, nulls: Nulls) -> Option<Taken> {
        let dialect = self.target.dialect();
        if let Key::Columns(columns) = &self.target.key
            && columns.iter().map(ident).eq(keys.iter().cloned())
        {
            return None;
        }
        let is_computed = |text: &String| {
            let words: Vec<String> = tokenize(text, dialect)
                .iter()
                .filter_map(|token| token.name())
                .map(|name| canonical_name(&name, dialect))
                .collect();
            let computed = self.target.table.columns.iter().filter(|it| it.generated.is_some());
            computed
                .map(|it| canonical_name(it.name.as_str(), dialect))
                .any(|it| words.contains(&it))
        };
        if keys.iter().cloned().chain(predicate.map(str::to_owned)).any(|text| is_computed(&text)) {
            return None;
        }
        let named: Vec<String> = keys
            .iter()
            .enumerate()
            .map(|(at, key)| format!("({key}) AS \"migrate_u{}\"", at + 1))
            .collect();
        let only = predicate.map(|text| format!(" WHERE {text}")).unwrap_or_default();
        let own = format!("{}{only})", self.returning(&named));
        let others =
            format!("(SELECT {} FROM {} AS r{only})", named.join(", "), self.target.place());
        let same = match (nulls, dialect) {
            (Nulls::Distinct, _) => "=",
            (Nulls::Equal, Dialect::Postgres) => "IS NOT DISTINCT FROM",
            (Nulls::Equal, Dialect::Sqlite) => "IS",
        };
        let pairs: Vec<String> = (1..=keys.len())
            .map(|at| format!("o.\"migrate_u{at}\" {same} n.\"migrate_u{at}\""))
            .collect();
        Some(Taken {
            rows: own,
            condition: format!(
                "EXISTS (SELECT 1 FROM {others} AS o WHERE {})",
                pairs.join(" AND ")
            ),
            message: format!(
                "a row was written since with the same {} as one that was moved and is to come back",
                keys.join(", ").replace('"', "")
            ),
        })
    }

    /// Rows `n` that refer to what is gone by now.
    fn gone(&self, columns: &[Ident], table: &QName, referenced: &[Ident]) -> Option<Taken> {
        let parent = self.target.catalog.tables.get(table)?;
        let referenced = if referenced.is_empty() { parent.primary_key() } else { referenced };
        if referenced.len() != columns.len()
            || columns.iter().any(|name| !self.target.stored().any(|it| it.name == *name))
        {
            return None;
        }
        let present: Vec<String> =
            columns.iter().map(|name| format!("n.{} IS NOT NULL", ident(name))).collect();
        let pairs: Vec<String> = columns
            .iter()
            .zip(referenced)
            .map(|(own, other)| format!("p.{} = n.{}", ident(other), ident(own)))
            .collect();
        let pairs = pairs.join(" AND ");
        let mut found = format!(
            "{} AND NOT EXISTS (SELECT 1 FROM {} AS p WHERE {pairs})",
            present.join(" AND "),
            table_name(table)
        );
        if table == self.target.name() {
            found.push_str(&format!(
                " AND NOT EXISTS (SELECT 1 FROM {}) AS p WHERE {pairs})",
                self.returning(&[])
            ));
        }
        let names: Vec<&str> = columns.iter().map(Ident::as_str).collect();
        Some(Taken {
            rows: format!("{})", self.returning(&[])),
            condition: found,
            message: format!(
                "what `{}` of a row that was moved refers to in `{table}` is gone, and the row is to come back",
                names.join(", ")
            ),
        })
    }

    fn stopped(&self, check: &Check, name: &str, taken: Taken) -> Check {
        let Taken { rows, condition, message } = taken;
        let keys = match &self.target.key {
            Key::Columns(columns) => {
                columns.iter().map(|name| format!("n.{}", ident(name))).collect()
            }
            Key::Rowid => vec!["n.\"migrate_row\"".to_owned()],
            Key::Nothing => Vec::new(),
        };
        let list: Vec<String> = keys;
        let list = list.join(", ");
        let kept = self.kept();
        let count = format!(
            "SELECT count(*), (SELECT count(*) FROM {kept}) FROM {rows} AS n WHERE {condition}"
        );
        let sample = format!("SELECT {list} FROM {rows} AS n WHERE {condition} ORDER BY {list}");
        plan_check(
            format!("{} {name} (repair of {})", self.target.name(), check.rule),
            self.target.name(),
            message,
            (count, sample),
            self.target.key_names(),
        )
    }
}

/// Kept rows, as the FROM item `n`, and the condition under which one cannot come back.
struct Taken {
    rows: String,
    condition: String,
    message: String,
}
