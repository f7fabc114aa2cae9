//! What statements do to tables that hold hidden columns which they do not know of.
//!
//! A plan is made from models, and a column that another version hides is in none of them. A step that drops a table,
//! or writes it anew, would leave the column behind without a word.

use std::collections::{BTreeMap, BTreeSet};

use super::is_hidden;
use crate::dialect::mention::spelled;
use crate::dialect::{Sql, Step};
use crate::text::token::{Token, tokenize};
use crate::text::{Dialect, Ident, QName};

/// A hidden column, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What its kept data is called.
    pub kept: String,
    /// Its table, by the name that it had before any of the statements.
    pub table: QName,
}

/// Whether steps drop or move away any table that they do not make: most do not, and the database need not be asked.
pub fn touches_tables<'s>(
    steps: impl IntoIterator<Item = &'s Step> + Clone,
    dialect: Dialect,
) -> bool {
    let mut made: BTreeSet<QName> = BTreeSet::new();
    let mut gone: BTreeSet<QName> = BTreeSet::new();
    for statement in steps.into_iter().flat_map(|step| &step.statements) {
        let tokens = tokenize(statement.as_str(), dialect);
        let code: Vec<&Token<'_>> = tokens.iter().filter(|token| token.is_code()).collect();
        let mut words = Words { code: &code, at: 0, dialect };
        if words.eat(&["create", "table"]) {
            words.eat(&["if", "not", "exists"]);
            made.extend(words.name());
        } else if words.eat(&["drop", "table"]) {
            words.eat(&["if", "exists"]);
            while let Some(table) = words.name() {
                gone.insert(table);
                if !words.eat_mark(",") {
                    break;
                }
            }
        } else if words.eat(&["alter", "table"])
            && code.iter().any(|token| token.is_word("schema") || token.is_word("attach"))
        {
            return true;
        }
    }
    !gone.is_subset(&made)
}

/// The tables that hold hidden columns, followed through statements.
#[derive(Clone, Debug)]
pub struct Holders {
    dialect: Dialect,
    tables: BTreeMap<QName, Holder>,
}

#[derive(Clone, Debug)]
struct Holder {
    first: QName,
    kept: Vec<String>,
}

impl Holders {
    pub fn new(dialect: Dialect, found: impl IntoIterator<Item = Found>) -> Self {
        let mut holders = Holders { dialect, tables: BTreeMap::new() };
        for Found { kept, table } in found {
            holders.hold(&table, kept);
        }
        holders
    }

    /// The hidden columns that steps would leave behind; those of the plan `tag` itself are in its steps.
    pub fn left_behind(&mut self, steps: &[Step], tag: &str) -> Vec<Found> {
        let mut behind = Vec::new();
        for statement in steps.iter().flat_map(|step| &step.statements) {
            let gone = self.follow(statement);
            behind.extend(gone.into_iter().filter(|it| !is_of(&it.kept, tag)));
        }
        behind
    }

    fn key(&self, table: &QName) -> QName {
        match self.dialect {
            Dialect::Postgres => table.clone(),
            Dialect::Sqlite => {
                QName::local(Dialect::Sqlite, table.name.as_str().to_ascii_lowercase())
            }
        }
    }

    fn hold(&mut self, table: &QName, kept: String) {
        let key = self.key(table);
        let holder = Holder { first: table.clone(), kept: Vec::new() };
        self.tables.entry(key).or_insert(holder).kept.push(kept);
    }

    fn take(&mut self, table: &QName) -> Vec<Found> {
        let key = self.key(table);
        let holder = self.tables.remove(&key);
        holder.map(Holder::found).unwrap_or_default()
    }

    fn look(&self, table: &QName) -> Vec<Found> {
        self.tables.get(&self.key(table)).cloned().map(Holder::found).unwrap_or_default()
    }

    /// What a statement leaves behind.
    fn follow(&mut self, statement: &Sql) -> Vec<Found> {
        let tokens = tokenize(statement.as_str(), self.dialect);
        let code: Vec<&Token<'_>> = tokens.iter().filter(|token| token.is_code()).collect();
        let mut words = Words { code: &code, at: 0, dialect: self.dialect };
        if words.eat(&["drop", "table"]) {
            words.eat(&["if", "exists"]);
            let mut gone = Vec::new();
            while let Some(table) = words.name() {
                gone.extend(self.take(&table));
                if !words.eat_mark(",") {
                    break;
                }
            }
            return gone;
        }
        if !words.eat(&["alter", "table"]) {
            return Vec::new();
        }
        words.eat(&["if", "exists"]);
        words.eat(&["only"]);
        let Some(table) = words.name() else { return Vec::new() };
        self.alter(&table, &mut words)
    }

    fn alter(&mut self, table: &QName, words: &mut Words<'_, '_>) -> Vec<Found> {
        if words.eat(&["rename", "to"]) {
            if let Some(after) = words.word() {
                self.rename(table, QName { name: Ident::new(after), ..table.clone() });
            }
        } else if words.eat(&["rename", "column"]) {
            let before = words.word();
            words.eat(&["to"]);
            if let (Some(before), Some(after)) = (before, words.word()) {
                self.rename_column(table, &before, &after);
            }
        } else if words.eat(&["set", "schema"]) {
            match words.word() {
                Some(schema) if schema == "migrate_kept" => return self.take(table),
                Some(schema) => {
                    self.rename(table, QName { schema: Ident::new(schema), ..table.clone() });
                }
                None => {}
            }
        } else if words.eat(&["attach", "partition"]) {
            // The engine takes no table that has columns of its own.
            return words.name().map(|partition| self.look(&partition)).unwrap_or_default();
        }
        Vec::new()
    }

    fn rename(&mut self, before: &QName, after: QName) {
        let key = self.key(before);
        if let Some(holder) = self.tables.remove(&key) {
            let after = self.key(&after);
            self.tables.insert(after, holder);
        }
    }

    fn rename_column(&mut self, table: &QName, before: &str, after: &str) {
        let kept = |name: &str| {
            let hidden = is_hidden(&Ident::new(name));
            hidden.then(|| name[super::HIDDEN_PREFIX.len()..].to_owned())
        };
        if let Some(kept) = kept(after) {
            self.hold(table, kept);
        }
        let key = self.key(table);
        if let (Some(kept), Some(holder)) = (kept(before), self.tables.get_mut(&key)) {
            holder.kept.retain(|other| *other != kept);
        }
    }
}

impl Holder {
    fn found(self) -> Vec<Found> {
        let table = self.first;
        self.kept.into_iter().map(|kept| Found { kept, table: table.clone() }).collect()
    }
}

/// Whether kept data is that of a plan.
fn is_of(kept: &str, tag: &str) -> bool {
    kept.strip_prefix(tag).is_some_and(|rest| rest.starts_with('_'))
}

/// Code of one statement, read from the front.
struct Words<'c, 't> {
    code: &'c [&'c Token<'t>],
    at: usize,
    dialect: Dialect,
}

impl Words<'_, '_> {
    fn eat(&mut self, words: &[&str]) -> bool {
        let rest = self.code.get(self.at..).unwrap_or_default();
        let same = words.len() <= rest.len()
            && words.iter().zip(rest).all(|(word, token)| token.is_word(word));
        if same {
            self.at += words.len();
        }
        same
    }

    fn eat_mark(&mut self, mark: &str) -> bool {
        let same = self.code.get(self.at).is_some_and(|token| token.is_mark(mark));
        self.at += usize::from(same);
        same
    }

    fn word(&mut self) -> Option<String> {
        let word = self.code.get(self.at).and_then(|token| spelled(token))?;
        self.at += 1;
        Some(word)
    }

    fn name(&mut self) -> Option<QName> {
        let first = self.word()?;
        match self.eat_mark(".") {
            true => Some(QName::new(first, self.word()?)),
            false => Some(QName::local(self.dialect, first)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::{Facts, Lock, Order, Transaction, Undo, Work};

    fn step() -> Step {
        Step {
            title: String::new(),
            statements: Vec::new(),
            facts: Facts {
                lock: Lock::None,
                work: Work::Catalog,
                transaction: Transaction::Shared,
                over: None,
                undo: Undo::Exact,
                reason: String::new(),
            },
            reads_kept: None,
            order: Order::default(),
        }
    }

    fn left_behind(dialect: Dialect, table: QName, statements: &[&str]) -> Vec<String> {
        let statements = statements.iter().map(|text| Sql::new(*text)).collect();
        let step = Step { statements, ..step() };
        let found = Found { kept: "0002_u_t__c".into(), table };
        let behind = Holders::new(dialect, [found]).left_behind(&[step], "0003");
        behind.into_iter().map(|it| format!("{} of {}", it.kept, it.table)).collect()
    }

    fn sqlite(statements: &[&str]) -> Vec<String> {
        left_behind(Dialect::Sqlite, QName::local(Dialect::Sqlite, "t"), statements)
    }

    fn postgres(statements: &[&str]) -> Vec<String> {
        left_behind(Dialect::Postgres, QName::new("public", "t"), statements)
    }

    #[test]
    fn a_table_that_is_written_anew_leaves_its_hidden_columns_behind() {
        let found = ["0002_u_t__c of t"];
        let rebuild = [
            "CREATE TABLE \"_migrate_new_t\" (a)",
            "DROP TABLE \"T\"",
            "ALTER TABLE \"_migrate_new_t\" RENAME TO \"t\"",
        ];
        assert_eq!(sqlite(&rebuild), found);
        let both = [&["ALTER TABLE t RENAME TO u"][..], &["DROP TABLE main.u"]].concat();
        assert_eq!(sqlite(&both), found);
        assert_eq!(sqlite(&["ALTER TABLE t ADD COLUMN b", "DROP TABLE u"]), [""; 0]);
        assert_eq!(
            sqlite(&["ALTER TABLE t RENAME COLUMN _migrate_kept_0002_u_t__c TO c", "DROP TABLE t"]),
            [""; 0]
        );
    }

    #[test]
    fn on_postgresql_what_goes_to_another_place_does() {
        let found = ["0002_u_t__c of t"];
        assert_eq!(postgres(&["DROP TABLE public.u, \"public\".\"t\""]), found);
        assert_eq!(postgres(&["ALTER TABLE t SET SCHEMA migrate_kept"]), found);
        assert_eq!(postgres(&["ALTER TABLE t SET SCHEMA s", "DROP TABLE s.t"]), found);
        assert_eq!(postgres(&["ALTER TABLE p ATTACH PARTITION t FOR VALUES IN (1)"]), found);
        assert_eq!(postgres(&["DROP TABLE s.t", "ALTER TABLE t DROP COLUMN b"]), [""; 0]);
    }

    #[test]
    fn steps_that_drop_what_they_make_touch_no_table() {
        let touches = |statements: &[&str]| {
            let statements = statements.iter().map(|text| Sql::new(*text)).collect();
            touches_tables([&Step { statements, ..step() }], Dialect::Postgres)
        };
        assert!(!touches(&["CREATE TABLE t (a int)", "ALTER TABLE u ADD b int", "DROP TABLE t"]));
        assert!(touches(&["CREATE TABLE t (a int)", "DROP TABLE u"]));
        assert!(touches(&["ALTER TABLE u SET SCHEMA migrate_kept"]));
        assert!(touches(&["ALTER TABLE p ATTACH PARTITION u FOR VALUES IN (1)"]));
    }

    #[test]
    fn what_earlier_steps_hide_is_followed_and_a_plan_knows_its_own() {
        let mine = ["ALTER TABLE u RENAME COLUMN d TO _migrate_kept_0003_u_u__d", "DROP TABLE u"];
        assert_eq!(sqlite(&mine), [""; 0]);
        let others = ["ALTER TABLE u RENAME COLUMN d TO _migrate_kept_0004_u_u__d", "DROP TABLE u"];
        assert_eq!(sqlite(&others), ["0004_u_u__d of u"]);
    }
}
