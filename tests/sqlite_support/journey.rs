//! A database with rows on its way from one schema to another and back, with all that must hold on the way.

use std::collections::BTreeMap;

use migrate::catalog::Catalog;
use migrate::change::{ColumnIntent, Intent, Target};
use migrate::dialect::Step;
use migrate::plan::Plan;
use migrate::text::{Dialect, Ident, QName};
use rusqlite::Connection;

use super::{bookkeeping, catalog, contents, database, plan_between, run};

/// A database on its way from one schema to another.
pub struct Journey {
    pub db: Connection,
    pub plan: Plan,
    pub start: BTreeMap<String, Vec<String>>,
    pub schemas: (Catalog, Catalog),
}

pub fn journey(before: &str, seed: &str, after: &str, intent: &Intent) -> Journey {
    let db = database(before);
    db.execute_batch(seed).expect("rows");
    let target = database(after);
    let (plan, _) = plan_between(&db, &target, intent);
    let schemas = (catalog(&db).normalized(), catalog(&target).normalized());
    let start = contents(&db);
    Journey { db, plan, start, schemas }
}

impl Journey {
    pub fn up(&self) -> &Self {
        run(&self.db, &self.plan.up).expect("up runs");
        assert_eq!(catalog(&self.db).normalized(), self.schemas.1, "the schema after up");
        self
    }

    pub fn down(&self) -> &Self {
        run(&self.db, &self.plan.down).expect("down runs");
        assert_eq!(catalog(&self.db).normalized(), self.schemas.0, "the schema after down");
        self
    }

    /// Up, down, up, down; nothing may be lost, and what `check` sees after each up must hold.
    pub fn there_and_back(&self, check: impl Fn(&Connection)) {
        self.up();
        check(&self.db);
        let first = contents(&self.db);
        self.down();
        assert_eq!(contents(&self.db), self.start, "the rows after down");
        self.up();
        check(&self.db);
        assert_eq!(contents(&self.db), first, "the rows after up again");
        let left: Vec<String> =
            bookkeeping(&self.db).into_iter().filter(|name| name.contains("_d_")).collect();
        assert_eq!(left, Vec::<String>::new(), "what the way back kept is used up");
        self.down();
        assert_eq!(contents(&self.db), self.start, "the rows after down again");
    }
}

pub fn plain(before: &str, seed: &str, after: &str) -> Journey {
    journey(before, seed, after, &Intent::default())
}

pub fn all_sql(steps: &[Step]) -> String {
    let texts = steps.iter().flat_map(|step| &step.statements).map(|sql| sql.as_str().to_owned());
    texts.collect::<Vec<_>>().join(";\n")
}

pub fn target(table: &str, column: &str) -> Target {
    Target::column(&QName::local(Dialect::Sqlite, table), &Ident::from(column))
}

/// An intent with one backfill and one expression for the way back.
pub fn said(table: &str, column: &str, backfill: Option<&str>, down: Option<&str>) -> Intent {
    let mut intent = Intent::default();
    let words = ColumnIntent {
        backfill: backfill.map(str::to_owned),
        down: down.map(str::to_owned),
        ..ColumnIntent::default()
    };
    intent.columns.insert(target(table, column), words);
    intent
}
