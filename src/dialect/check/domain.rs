//! Constraints of domains that PostgreSQL never held old values to: `ALTER DOMAIN … ADD … NOT VALID`.
//! Source: PostgreSQL manual, ALTER DOMAIN.

use super::quote;
use crate::catalog::rule::{Enforce, Requirement, Rule};
use crate::catalog::{Catalog, Opaque, OpaqueKind, Table};
use crate::dialect::Sql;
use crate::text::token::{Token, tokenize};
use crate::text::{Dialect, Ident};

/// The constraint of a domain as a rule of one column.
pub(super) struct Open {
    pub(super) rule: Rule,
    /// What makes the engine hold all values to it; `None` where other columns have a say too.
    pub(super) validates: Option<Sql>,
}

/// The unchecked constraints of the domains that columns of a table are of.
pub(super) fn open(table: &Table, catalog: &Catalog) -> Vec<Open> {
    let options = table.options.of_postgres();
    let is_inherited =
        |name: &Ident| options.is_some_and(|it| it.inherited_columns.contains_key(name));
    let own = table.columns.iter().filter(|column| !is_inherited(&column.name));
    own.flat_map(|column| {
        let found = unchecked(&column.data_type, catalog);
        found.into_iter().map(|constraint| constraint.of_column(table, &column.name, catalog))
    })
    .collect()
}

/// A constraint that is NOT VALID.
struct Constraint<'c> {
    domain: &'c Opaque,
    name: String,
    condition: &'c str,
    /// Whether the column holds arrays of the domain.
    in_array: bool,
}

impl Constraint<'_> {
    fn of_column(&self, table: &Table, column: &Ident, catalog: &Catalog) -> Open {
        let own = quote(column);
        let expression = match self.in_array {
            false => with_value(self.condition, &own),
            true => format!(
                "NOT EXISTS (SELECT 1 FROM pg_catalog.unnest({own}) AS migrate_v(migrate_v) WHERE ({}) IS FALSE)",
                with_value(self.condition, "migrate_v.migrate_v")
            ),
        };
        let domain = &self.domain.id.name;
        let rule = Rule {
            name: format!("{}.{column} as {domain}: {}", table.name, self.name),
            table: table.name.clone(),
            requirement: Requirement::Holds { expression },
            enforce: Enforce::Database,
            message: Some(format!(
                "must hold: {} (NOT VALID: old values were never asked)",
                with_value(self.condition, &own)
            )),
            origin: None,
        };
        let uses = catalog.tables.values().flat_map(|table| &table.columns).filter(|column| {
            unchecked(&column.data_type, catalog).iter().any(|it| it.domain.id == self.domain.id)
        });
        let validates = (uses.count() == 1).then(|| {
            Sql::new(format!(
                "ALTER DOMAIN {} VALIDATE CONSTRAINT {}",
                super::qualified(domain),
                quote(&Ident::new(self.name.as_str()))
            ))
        });
        Open { rule, validates }
    }
}

/// The unchecked constraints of a type: its own, and those of the domain that it is made of.
fn unchecked<'c>(data_type: &str, catalog: &'c Catalog) -> Vec<Constraint<'c>> {
    let in_array = data_type.ends_with("[]");
    let mut found = Vec::new();
    let mut next = domain_named(data_type.trim_end_matches("[]"), catalog);
    // A domain cannot be made of itself, and a catalog that says so ends here.
    for _ in 0..catalog.opaques.len() {
        let Some(domain) = next else { break };
        for text in &domain.create {
            let Some(rest) = text.strip_suffix(" NOT VALID") else { continue };
            let Some(at) = rest.find(" CHECK ") else { continue };
            let tokens = tokenize(&rest[..at], Dialect::Postgres);
            let name = tokens.iter().rev().find_map(Token::name).unwrap_or_default();
            let condition = &rest[at + " CHECK ".len()..];
            found.push(Constraint { domain, name, condition, in_array });
        }
        let made = domain.create.first().and_then(|text| text.split_once(" AS "));
        next = made.and_then(|(_, base)| {
            domain_named(base.split(" COLLATE ").next().unwrap_or(base), catalog)
        });
    }
    found
}

/// The domain that a type is, by its name as the engine prints it.
fn domain_named<'c>(data_type: &str, catalog: &'c Catalog) -> Option<&'c Opaque> {
    if !data_type.contains('.') {
        return None;
    }
    let tokens = tokenize(data_type, Dialect::Postgres);
    let names: Vec<String> = tokens.iter().filter_map(Token::name).collect();
    let [schema, name] = names.as_slice() else { return None };
    catalog.opaques.values().find(|opaque| {
        opaque.id.kind == OpaqueKind::Domain
            && opaque.id.name.schema.as_str() == schema
            && opaque.id.name.name.as_str() == name
    })
}

/// A condition over VALUE, said of something else.
fn with_value(condition: &str, other: &str) -> String {
    let mut text = String::new();
    let mut end = 0;
    for token in tokenize(condition, Dialect::Postgres) {
        if token.is_word("value") {
            text.push_str(&condition[end..token.span.start]);
            text.push_str(other);
            end = token.span.end;
        }
    }
    text.push_str(&condition[end..]);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_word_stands_for_the_value() {
        let said = with_value("((VALUE > 0) AND (VALUE <> 'value'::text))", "\"c\"");
        assert_eq!(said, "((\"c\" > 0) AND (\"c\" <> 'value'::text))");
    }
}
