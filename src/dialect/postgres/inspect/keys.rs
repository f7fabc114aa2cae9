//! Rows about constraints and indexes.

use serde::Deserialize;

use super::{CONSTRAINTS, unexpected};
use crate::catalog::postgres_table::{NotNull, Origin};
use crate::catalog::{Action, Constraint, ConstraintKind, ForeignKey, Index, IndexKey};
use crate::dialect::InspectError;
use crate::text::{Dialect, Ident, QName};

#[derive(Deserialize)]
pub(super) struct ConstraintRow {
    pub(super) schema: Ident,
    pub(super) table: Ident,
    pub(super) name: Ident,
    pub(super) kind: String,
    definition: String,
    expression: Option<String>,
    columns: Vec<Ident>,
    references_schema: Option<Ident>,
    references_table: Option<Ident>,
    referenced_columns: Vec<Ident>,
    on_delete: String,
    on_update: String,
    pub(super) parent: Option<Ident>,
    pub(super) local: bool,
    pub(super) incomplete: bool,
    inherited: bool,
    no_inherit: bool,
    valid: bool,
}

impl ConstraintRow {
    /// NOT NULL, by its column.
    pub(super) fn not_null(self) -> Option<(Ident, NotNull)> {
        let origin = if self.local { Origin::Both } else { Origin::Inherited };
        let not_null = NotNull {
            name: self.name,
            no_inherit: self.no_inherit,
            not_valid: !self.valid,
            origin: self.inherited.then_some(origin),
            spelled: false,
        };
        Some((self.columns.into_iter().next()?, not_null))
    }

    pub(super) fn read(self) -> Result<Constraint, InspectError> {
        let kind = match self.kind.as_str() {
            "p" => ConstraintKind::PrimaryKey { columns: self.columns },
            "u" => ConstraintKind::Unique { columns: self.columns },
            "c" => ConstraintKind::Check {
                expression: without_parentheses(&self.expression.unwrap_or_default()).to_owned(),
            },
            "x" => ConstraintKind::Exclusion,
            "f" => match (self.references_schema, self.references_table) {
                (Some(schema), Some(name)) => ConstraintKind::ForeignKey(ForeignKey {
                    columns: self.columns,
                    references: QName { schema, name },
                    referenced_columns: self.referenced_columns,
                    on_delete: action(&self.on_delete)?,
                    on_update: action(&self.on_update)?,
                }),
                (_, _) => {
                    return Err(unexpected(
                        CONSTRAINTS,
                        self.name.as_str(),
                        "a foreign key with its table",
                    ));
                }
            },
            other => return Err(unexpected(CONSTRAINTS, other, "contype p, u, c, f or x")),
        };
        Ok(Constraint { name: Some(self.name), kind, definition: self.definition })
    }
}

fn action(letter: &str) -> Result<Action, InspectError> {
    match letter {
        "a" => Ok(Action::NoAction),
        "r" => Ok(Action::Restrict),
        "c" => Ok(Action::Cascade),
        "n" => Ok(Action::SetNull),
        "d" => Ok(Action::SetDefault),
        other => Err(unexpected(CONSTRAINTS, other, "a referential action")),
    }
}

/// `pg_get_expr` wraps an operator expression in one pair of parentheses.
fn without_parentheses(expression: &str) -> &str {
    let Some(inner) = expression.strip_prefix('(').and_then(|text| text.strip_suffix(')')) else {
        return expression;
    };
    let tokens = crate::text::token::tokenize(inner, Dialect::Postgres);
    let mut depth = 0_i64;
    for token in &tokens {
        if token.is_mark("(") {
            depth += 1;
        } else if token.is_mark(")") {
            depth -= 1;
            if depth < 0 {
                return expression;
            }
        }
    }
    inner
}

#[derive(Deserialize)]
pub(super) struct IndexRow {
    pub(super) schema: Ident,
    pub(super) table: Ident,
    pub(super) name: Ident,
    unique: bool,
    keys: Vec<KeyRow>,
    predicate: Option<String>,
    definition: String,
    pub(super) parent: Option<Ident>,
}

#[derive(Deserialize)]
struct KeyRow {
    column: Option<Ident>,
    expression: Option<String>,
}

impl IndexRow {
    pub(super) fn read(self) -> Index {
        let keys = self.keys.into_iter().map(|key| match key.column {
            Some(column) => IndexKey::Column(column),
            None => IndexKey::Expression(key.expression.unwrap_or_default()),
        });
        Index {
            name: self.name,
            unique: self.unique,
            keys: keys.collect(),
            predicate: self.predicate,
            definition: self.definition,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_enclosing_pair_of_parentheses_goes() {
        assert_eq!(without_parentheses("(a > 0)"), "a > 0");
        assert_eq!(without_parentheses("(a > 0) OR (b > 0)"), "(a > 0) OR (b > 0)");
        assert_eq!(without_parentheses("((a)::text = ')'::text)"), "(a)::text = ')'::text");
    }
}
