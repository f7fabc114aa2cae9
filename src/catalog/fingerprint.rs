//! One shape for a whole schema, independent of layout, quoting and the order objects were made in, and its hash.
//!
//! PostgreSQL appends columns and cannot move them, so the order of columns does not count there. On SQLite a
//! rebuild makes the order exact, so it does.

use super::{Catalog, Column, Constraint, ConstraintKind, Index, Opaque, Table, TableOptions};
use crate::text::token::{Kind, Token, canonical, tokenize};
use crate::text::{Dialect, hash};

impl Catalog {
    /// The catalog with every text in canonical layout and every list in a fixed order: two catalogs that mean the
    /// same are equal in this form.
    pub fn normalized(&self) -> Catalog {
        let dialect = self.dialect;
        Catalog {
            dialect,
            schemas: self.schemas.clone(),
            enums: self.enums.clone(),
            tables: self
                .tables
                .iter()
                .map(|(name, table)| (name.clone(), normalize_table(table, dialect)))
                .collect(),
            opaques: self
                .opaques
                .iter()
                .map(|(id, opaque)| (id.clone(), normalize_opaque(opaque, dialect)))
                .collect(),
        }
    }

    /// SHA-256 of the normalized catalog.
    pub fn fingerprint(&self) -> String {
        let json = serde_json::to_vec(&self.normalized()).expect("a catalog is plain data");
        hash::sha256(&json)
    }
}

/// A table in the form of [`Catalog::normalized`].
pub fn normalize_table(table: &Table, dialect: Dialect) -> Table {
    let mut columns: Vec<Column> =
        table.columns.iter().map(|column| normalize_column(column, dialect)).collect();
    if dialect == Dialect::Postgres {
        columns.sort_by(|left, right| left.name.cmp(&right.name));
    }
    let mut constraints: Vec<Constraint> = table
        .constraints
        .iter()
        .map(|constraint| normalize_constraint(constraint, dialect))
        .collect();
    constraints.sort_by(|left, right| {
        (&left.name, &left.definition).cmp(&(&right.name, &right.definition))
    });
    let mut indexes: Vec<Index> =
        table.indexes.iter().map(|index| normalize_index(index, dialect)).collect();
    indexes.sort_by(|left, right| left.name.cmp(&right.name));
    let options = match &table.options {
        TableOptions::Postgres { unlogged } => TableOptions::Postgres { unlogged: *unlogged },
        TableOptions::Sqlite { strict, without_rowid, autoincrement, create } => {
            TableOptions::Sqlite {
                strict: *strict,
                without_rowid: *without_rowid,
                autoincrement: *autoincrement,
                create: normalize_create(create),
            }
        }
    };
    Table {
        name: table.name.clone(),
        columns,
        constraints,
        indexes,
        options,
        comment: table.comment.clone(),
    }
}

/// A column with its texts in canonical layout.
pub fn normalize_column(column: &Column, dialect: Dialect) -> Column {
    let mut column = column.clone();
    column.data_type = match dialect {
        Dialect::Postgres => column.data_type,
        Dialect::Sqlite => canonical(&column.data_type, dialect),
    };
    column.default = column.default.map(|text| canonical(&text, dialect));
    if let Some(generated) = &mut column.generated {
        generated.expression = canonical(&generated.expression, dialect);
    }
    column
}

/// A constraint with its texts in canonical layout.
pub fn normalize_constraint(constraint: &Constraint, dialect: Dialect) -> Constraint {
    let mut constraint = constraint.clone();
    constraint.definition = canonical(&constraint.definition, dialect);
    if let ConstraintKind::Check { expression } = &mut constraint.kind {
        *expression = canonical(expression, dialect);
    }
    constraint
}

/// An index with its texts in canonical layout.
pub fn normalize_index(index: &Index, dialect: Dialect) -> Index {
    let mut index = index.clone();
    index.definition = without_existence_test(&canonical(&index.definition, dialect));
    index.predicate = index.predicate.map(|text| canonical(&text, dialect));
    for key in &mut index.keys {
        if let super::IndexKey::Expression(text) = key {
            *text = canonical(text, dialect);
        }
    }
    index
}

/// An opaque object with its texts in canonical layout.
pub fn normalize_opaque(opaque: &Opaque, dialect: Dialect) -> Opaque {
    let mut opaque = opaque.clone();
    // A function body is a string to the engine: its layout is part of what it is, and `canonical` keeps strings.
    for text in &mut opaque.create {
        *text = without_existence_test(&canonical(text, dialect));
    }
    opaque.depends_on.clear();
    opaque
}

/// SQLite's CREATE TABLE in one layout: columns in order, then table constraints sorted (ALTER TABLE ADD COLUMN
/// writes columns after constraints), then options.
fn normalize_create(create: &str) -> String {
    let text = without_existence_test(&canonical(create, Dialect::Sqlite));
    let tokens: Vec<Token<'_>> = tokenize(&text, Dialect::Sqlite);
    let Some(open) = tokens.iter().position(|token| token.is_mark("(")) else { return text };
    let mut depth = 0;
    let mut start = tokens[open].span.end;
    let (mut columns, mut constraints) = (Vec::new(), Vec::new());
    let mut put = |item: &str| {
        let item = item.trim();
        if is_table_constraint(item) { &mut constraints } else { &mut columns }
            .push(item.to_owned());
    };
    for token in &tokens[open..] {
        match (token.kind, token.text) {
            (Kind::Mark, "(") => depth += 1,
            (Kind::Mark, ")") => {
                depth -= 1;
                if depth == 0 {
                    put(&text[start..token.span.start]);
                    constraints.sort();
                    columns.extend(constraints);
                    return format!(
                        "{}{}{}",
                        &text[..tokens[open].span.end],
                        columns.join(" , "),
                        &text[token.span.start..]
                    );
                }
            }
            (Kind::Mark, ",") if depth == 1 => {
                put(&text[start..token.span.start]);
                start = token.span.end;
            }
            _ => {}
        }
    }
    text
}

fn is_table_constraint(item: &str) -> bool {
    let word = item.split(' ').next().unwrap_or("");
    matches!(word, "constraint" | "primary" | "unique" | "check" | "foreign")
}

/// Drops `if not exists` and the schema prefix `main .` of the created name from canonical text.
fn without_existence_test(canonical: &str) -> String {
    let text = canonical.replacen(" if not exists ", " ", 1);
    match text.find(" main . ") {
        Some(at) if at < 24 => text.replacen(" main . ", " ", 1),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_after_the_constraints_is_the_same_table() {
        assert_eq!(
            normalize_create("CREATE TABLE IF NOT EXISTS [t] (a INT, UNIQUE (a), b TEXT)"),
            normalize_create("create table t(\"a\" int, b text, unique(a))")
        );
    }

    #[test]
    fn column_order_counts_on_sqlite() {
        assert_ne!(
            normalize_create("CREATE TABLE t (a, b)"),
            normalize_create("CREATE TABLE t (b, a)")
        );
    }
}
