//! What an expression over a row reads of other tables, found by its words: a name too many only orders two steps.

use std::collections::BTreeSet;

use super::Resource;
use crate::catalog::{Catalog, Table};
use crate::text::token::{Kind, tokenize};
use crate::text::{Dialect, Ident, QName};

/// The names that an expression says, folded as the engine does.
pub(in crate::dialect) struct Reach {
    names: BTreeSet<String>,
    dialect: Dialect,
}

impl Reach {
    pub(in crate::dialect) fn of(text: &str, dialect: Dialect) -> Self {
        let names = tokenize(text, dialect).into_iter().filter_map(|token| {
            let name = token.name()?;
            let folds = dialect == Dialect::Sqlite || token.kind == Kind::Word;
            Some(if folds { name.to_lowercase() } else { name })
        });
        Reach { names: names.collect(), dialect }
    }

    fn says(&self, name: &Ident) -> bool {
        match self.dialect {
            Dialect::Postgres => self.names.contains(name.as_str()),
            Dialect::Sqlite => self.names.contains(&name.as_str().to_lowercase()),
        }
    }

    /// Whether it says the name of the table.
    pub(in crate::dialect) fn reads(&self, table: &QName) -> bool {
        self.says(&table.name)
    }

    fn tables<'c>(&self, catalog: &'c Catalog, own: &QName) -> Vec<&'c Table> {
        let tables = catalog.tables.values();
        tables.filter(|table| table.name != *own && self.says(&table.name.name)).collect()
    }

    /// What it reads that goes: whoever takes it away runs after. `before` is told in the names of `after`.
    pub(in crate::dialect) fn goes(
        &self,
        own: &QName,
        before: &Catalog,
        after: &Catalog,
    ) -> Vec<Resource> {
        let mut found = Vec::new();
        for table in self.tables(before, own) {
            let Some(later) = after.tables.get(&table.name) else {
                found.push(Resource::Table(table.name.clone()));
                continue;
            };
            let gone = table.columns.iter().filter(|column| later.column(&column.name).is_none());
            let read = gone.filter(|column| self.says(&column.name));
            found.extend(read.map(|it| Resource::Column(table.name.clone(), it.name.clone())));
        }
        found
    }

    /// What it reads that is filled on this way, its own table included.
    pub(in crate::dialect) fn comes(&self, before: &Catalog, after: &Catalog) -> Vec<Resource> {
        let mut found = Vec::new();
        let nobody = QName::new("", "");
        for table in self.tables(after, &nobody) {
            let earlier = before.tables.get(&table.name);
            let new = table
                .columns
                .iter()
                .filter(|column| earlier.is_none_or(|it| it.column(&column.name).is_none()));
            found.extend(new.map(|it| Resource::Values(table.name.clone(), it.name.clone())));
            found.extend([Resource::Table(table.name.clone())]);
        }
        found
    }

    /// The tables of `catalog` that it reads, other than its own.
    pub(in crate::dialect) fn others(&self, own: &QName, catalog: &Catalog) -> Vec<QName> {
        self.tables(catalog, own).into_iter().map(|table| table.name.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_folded_as_the_engine_does() {
        let reach = Reach::of("(SELECT s.\"Town\" FROM Customer s)", Dialect::Postgres);
        assert!(reach.says(&"customer".into()));
        assert!(reach.says(&"Town".into()));
        assert!(!reach.says(&"town".into()));
        let reach = Reach::of("(SELECT s.\"Town\" FROM Customer s)", Dialect::Sqlite);
        assert!(reach.says(&"TOWN".into()));
    }
}
