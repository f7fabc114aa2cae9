//! What a plan will ask of several tables at once: keys that it makes, and statements that read one table for another. A
//! sample of both must hold the rows that belong together, though no foreign key says so yet.

use std::collections::BTreeSet;

use super::Sql;
use super::mention::{spelled, tables_spoken_of};
use crate::catalog::Catalog;
use crate::text::token::{Token, tokenize};
use crate::text::{Ident, QName};

/// A foreign key that a statement makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingKey {
    /// The table after ALTER TABLE; `None` where the statement makes the table.
    pub child: Option<QName>,
    /// Empty where the statement writes none.
    pub columns: Vec<Ident>,
    pub parent: QName,
    pub referenced: Vec<Ident>,
}

/// The foreign keys that a statement makes.
pub fn pending_keys(statement: &Sql, catalog: &Catalog) -> Vec<PendingKey> {
    let tokens = tokenize(statement.as_str(), catalog.dialect);
    let code: Vec<&Token<'_>> = tokens.iter().filter(|token| token.is_code()).collect();
    let word = |at: usize, text: &str| code.get(at).is_some_and(|token| token.is_word(text));
    let altered = (word(0, "alter") && word(1, "table"))
        .then(|| {
            let skipped = ["only", "if", "exists"];
            let start = (2..).find(|at| !skipped.iter().any(|text| word(*at, text)));
            name_at(&code, start.unwrap_or(2), catalog).map(|(name, _)| name)
        })
        .flatten();
    let mut keys = Vec::new();
    for at in (0..code.len()).filter(|at| word(*at, "references")) {
        let Some((parent, next)) = name_at(&code, at + 1, catalog) else { continue };
        let columns = (0..at)
            .rev()
            .find(|back| word(*back, "key") && *back > 0 && word(*back - 1, "foreign"))
            .map(|key| list_at(&code, key + 1))
            .unwrap_or_default();
        let referenced = list_at(&code, next);
        keys.push(PendingKey { child: altered.clone(), columns, parent, referenced });
    }
    keys
}

/// Tables that a statement reads or writes together.
pub fn joined_tables(statement: &Sql, catalog: &Catalog) -> BTreeSet<QName> {
    let tokens = tokenize(statement.as_str(), catalog.dialect);
    let first = tokens.iter().find(|token| token.is_code());
    let moves = ["update", "insert", "delete", "merge", "with", "select", "do", "call"];
    if first.is_some_and(|first| moves.iter().any(|word| first.is_word(word))) {
        tables_spoken_of([statement], catalog)
    } else {
        BTreeSet::new()
    }
}

/// The name that a statement gives to a table.
pub fn renamed_to(statement: &Sql, catalog: &Catalog) -> Option<String> {
    let tokens = tokenize(statement.as_str(), catalog.dialect);
    let code: Vec<&Token<'_>> = tokens.iter().filter(|token| token.is_code()).collect();
    let at = code.windows(2).position(|two| two[0].is_word("rename") && two[1].is_word("to"))?;
    code.get(at + 2).and_then(|token| spelled(token))
}

fn name_at(code: &[&Token<'_>], at: usize, catalog: &Catalog) -> Option<(QName, usize)> {
    let first = code.get(at).and_then(|token| spelled(token))?;
    if code.get(at + 1).is_some_and(|token| token.is_mark(".")) {
        let second = code.get(at + 2).and_then(|token| spelled(token))?;
        return Some((QName::new(first, second), at + 3));
    }
    let there = catalog.tables.keys().find(|name| name.name.as_str() == first).cloned();
    Some((there.unwrap_or_else(|| QName::local(catalog.dialect, first)), at + 1))
}

fn list_at(code: &[&Token<'_>], at: usize) -> Vec<Ident> {
    if !code.get(at).is_some_and(|token| token.is_mark("(")) {
        return Vec::new();
    }
    let inside = code[at + 1..].iter().take_while(|token| !token.is_mark(")"));
    inside.filter_map(|token| spelled(token)).map(Ident::new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Dialect;

    #[test]
    fn a_key_is_read_with_its_columns() {
        let catalog = Catalog::empty(Dialect::Postgres);
        let text = "ALTER TABLE ONLY \"s\".\"c\" ADD CONSTRAINT k FOREIGN KEY (a, \"B\") REFERENCES \"s\".\"p\" (x, y) NOT VALID";
        let statement = Sql::new(text);
        let key = PendingKey {
            child: Some(QName::new("s", "c")),
            columns: vec![Ident::new("a"), Ident::new("B")],
            parent: QName::new("s", "p"),
            referenced: vec![Ident::new("x"), Ident::new("y")],
        };
        assert_eq!(pending_keys(&statement, &catalog), [key]);
        let made = pending_keys(&Sql::new("CREATE TABLE t (a int REFERENCES p)"), &catalog);
        assert_eq!((made[0].child.as_ref(), made[0].columns.len()), (None, 0));
        assert_eq!(made[0].parent, QName::new("public", "p"));
        let renamed = renamed_to(&Sql::new("ALTER TABLE a RENAME TO \"B\""), &catalog);
        assert_eq!(renamed.as_deref(), Some("B"));
    }
}
