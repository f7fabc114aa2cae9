//! Indexes, and unique keys that only an index can hold.

use super::{Draft, Work, names, sql};
use crate::catalog::rule::{Enforce, Requirement, nulls_of};
use crate::catalog::{Index, IndexKey};
use crate::model::{
    Condition, ConstraintName, Entity, IndexOverride, Order, Part, PartText, Unique,
};
use crate::text::token::{Kind, tokenize};
use crate::text::{Dialect, Ident};

impl<'m> Work<'m> {
    pub(super) fn indexes(&mut self, draft: &mut Draft<'m>) {
        for index in &draft.entity.indexes {
            let written = match self.dialect {
                Dialect::Postgres => &index.postgres,
                Dialect::Sqlite => &index.sqlite,
            };
            let name = match &index.physical {
                Some(name) => Ident::new(name.clone()),
                None => {
                    names::shortened(format!("{}_{}", draft.name.name, index.name)).as_str().into()
                }
            };
            let method = match written {
                IndexOverride::Skip => continue,
                IndexOverride::Raw(create) => {
                    let made = self.raw_index(name, create);
                    if made.unique {
                        let title = format!("{}.{}", draft.entity.name, index.name);
                        self.index_rule(draft, title, &made, index.place);
                    }
                    draft.indexes.push(made);
                    continue;
                }
                IndexOverride::Using(method) => Some(method.as_str()),
                IndexOverride::Same if index.parts.is_empty() => continue,
                IndexOverride::Same => None,
            };
            let unique = index.unique;
            let condition = index.condition.as_ref();
            let Some(made) = self.index(draft, name, &index.parts, condition, unique, method)
            else {
                continue;
            };
            if unique {
                let title = format!("{}.{}", draft.entity.name, index.name);
                self.index_rule(draft, title, &made, index.place);
            }
            draft.indexes.push(made);
        }
    }

    /// A unique with an expression or a condition.
    pub(super) fn unique_index(&mut self, draft: &mut Draft<'m>, unique: &Unique, derived: String) {
        let name = match &unique.constraint {
            ConstraintName::Given(name) => Ident::new(name.clone()),
            ConstraintName::Derived | ConstraintName::None => {
                names::shortened(derived).as_str().into()
            }
        };
        let condition = unique.condition.as_ref();
        let Some(made) = self.index(draft, name, &unique.parts, condition, true, None) else {
            return;
        };
        let title = format!("{}.{}", draft.entity.name, unique.name);
        self.index_rule(draft, title, &made, unique.place);
        draft.indexes.push(made);
    }

    fn index_rule(
        &mut self,
        draft: &Draft<'m>,
        title: String,
        index: &Index,
        place: crate::model::Place,
    ) {
        let keys = index.keys.iter().map(|key| match key {
            IndexKey::Column(column) => sql::quote(column.as_str()),
            IndexKey::Expression(text) => match text.rsplit_once(' ') {
                Some((key, order)) if order.eq_ignore_ascii_case("desc") => key.to_owned(),
                Some(_) | None => text.clone(),
            },
        });
        let nulls = nulls_of(&index.definition);
        let requirement =
            Requirement::Unique { keys: keys.collect(), predicate: index.predicate.clone(), nulls };
        self.rule(&draft.name, title, requirement, Enforce::Database, place);
    }

    fn index(
        &mut self,
        draft: &Draft<'m>,
        name: Ident,
        parts: &[Part],
        condition: Option<&Condition>,
        unique: bool,
        method: Option<&str>,
    ) -> Option<Index> {
        let mut keys = Vec::new();
        let mut texts = Vec::new();
        for part in parts {
            let (key, text) = self.index_part(draft.entity, part)?;
            let (key, text) = match (part.order, self.dialect) {
                (Order::Ascending, _) => (key, text),
                (Order::Descending, Dialect::Postgres) => (key, format!("{text} DESC")),
                // As the inspection of SQLite has it: more than a column is an expression.
                (Order::Descending, Dialect::Sqlite) => {
                    let text = format!("{text} DESC");
                    (IndexKey::Expression(text.clone()), text)
                }
            };
            keys.push(key);
            texts.push(text);
        }
        let predicate = match (condition, self.dialect) {
            (Some(condition), Dialect::Postgres) => {
                Some(format!("({})", self.index_expression(draft.entity, condition)?))
            }
            (Some(condition), Dialect::Sqlite) => {
                Some(self.index_expression(draft.entity, condition)?)
            }
            (None, _) => None,
        };
        let unique_word = if unique { "UNIQUE " } else { "" };
        let tail = predicate.as_ref().map_or(String::new(), |text| format!(" WHERE {text}"));
        let list = texts.join(", ");
        let index_name = self.ident(name.as_str());
        let definition = match self.dialect {
            Dialect::Postgres => format!(
                "CREATE {unique_word}INDEX {index_name} ON {} USING {} ({list}){tail}",
                crate::dialect::postgres::realize::qualified(&draft.name),
                method.unwrap_or("btree"),
            ),
            Dialect::Sqlite => format!(
                "CREATE {unique_word}INDEX {index_name} ON {} ({list}){tail}",
                sql::quote(draft.name.name.as_str()),
            ),
        };
        Some(Index { name, unique, keys, predicate, definition })
    }

    fn index_part(&mut self, entity: &Entity, part: &Part) -> Option<(IndexKey, String)> {
        match &part.text {
            PartText::Field(name) => {
                let column = self.columns_of(entity, std::slice::from_ref(name)).pop()?;
                let text = self.ident(column.as_str());
                Some((IndexKey::Column(column), text))
            }
            PartText::Expression(condition) => {
                let text = self.index_expression(entity, condition)?;
                // PostgreSQL takes a call as it is, and wants everything else in parentheses.
                let is_call = text.starts_with(|c: char| c.is_ascii_alphabetic())
                    && text.ends_with(')')
                    && !text.contains(" COLLATE ");
                let key = if is_call { text.clone() } else { format!("({text})") };
                Some((IndexKey::Expression(text), key))
            }
        }
    }

    fn index_expression(&mut self, entity: &Entity, condition: &Condition) -> Option<String> {
        match self.in_ddl(entity, condition.expr.as_ref()?) {
            Ok(text) => Some(text),
            Err(error) => {
                let help = format!("write `{}: {{ create: … }}` or `skip`", self.dialect);
                self.error(condition.place.span, error.to_string(), help);
                None
            }
        }
    }

    /// An index given as a statement: its keys are what stands in the first parentheses.
    fn raw_index(&self, name: Ident, create: &str) -> Index {
        let tokens = tokenize(create, self.dialect);
        let unique = tokens
            .iter()
            .filter(|token| token.is_code())
            .nth(1)
            .is_some_and(|t| t.is_word("unique"));
        let mut depth = 0_usize;
        let mut start = 0;
        let mut keys = Vec::new();
        let mut end = create.len();
        for token in &tokens {
            match token.text {
                "(" if token.kind == Kind::Mark => {
                    depth += 1;
                    if depth == 1 {
                        start = token.span.end;
                    }
                }
                ")" if token.kind == Kind::Mark => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        keys.push(self.raw_key(&create[start..token.span.start]));
                        end = token.span.end;
                        break;
                    }
                }
                "," if depth == 1 => {
                    keys.push(self.raw_key(&create[start..token.span.start]));
                    start = token.span.end;
                }
                _ => {}
            }
        }
        let rest = tokenize(&create[end..], self.dialect);
        let predicate = rest.iter().find(|token| token.is_word("where")).map(|token| {
            create[end + token.span.end..].trim().trim_end_matches(';').trim().to_owned()
        });
        Index { name, unique, keys, predicate, definition: create.to_owned() }
    }

    fn raw_key(&self, text: &str) -> IndexKey {
        let text = match self.dialect {
            Dialect::Postgres => leading_expression(text),
            Dialect::Sqlite => text,
        };
        let code: Vec<_> =
            tokenize(text, self.dialect).into_iter().filter(|token| token.is_code()).collect();
        let orders: &[&str] = match self.dialect {
            Dialect::Postgres => &["asc", "desc", "nulls", "first", "last"],
            Dialect::Sqlite => &["asc"],
        };
        let order =
            |word: &crate::text::token::Token<'_>| orders.iter().any(|known| word.is_word(known));
        match code.split_first() {
            Some((first, rest)) if rest.iter().all(order) => match first.name() {
                Some(name) => IndexKey::Column(Ident::new(name)),
                None => IndexKey::Expression(text.trim().to_owned()),
            },
            Some(_) | None => IndexKey::Expression(text.trim().to_owned()),
        }
    }
}

/// A key without its collation, operator class and order: PostgreSQL allows a name, a call, or parentheses there.
fn leading_expression(text: &str) -> &str {
    let mut depth = 0_usize;
    let mut complete = false;
    let mut end = 0;
    for token in tokenize(text, Dialect::Postgres).iter().filter(|token| token.is_code()) {
        match token.text {
            "(" if token.kind == Kind::Mark => {
                // After a blank, parentheses are the parameters of an operator class.
                if depth == 0 && complete && token.span.start != end {
                    break;
                }
                depth += 1;
            }
            ")" if token.kind == Kind::Mark => depth = depth.saturating_sub(1),
            "." if token.kind == Kind::Mark => {}
            _ if depth == 0 && complete && !text[..token.span.start].ends_with('.') => break,
            _ => {}
        }
        end = token.span.end;
        complete = true;
    }
    text[..end].trim()
}
