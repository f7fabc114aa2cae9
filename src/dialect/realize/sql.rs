//! Expressions of a model as SQL over the table's columns.

use super::{Work, names};
use crate::dialect::expression::{self, Columns, PatternUse, Unprintable};
use crate::dialect::moving::table_text;
use crate::expr::{Expr, ValueType};
use crate::model::{Entity, Field, FieldKind, Model, field_named};
use crate::text::Dialect;

/// What stands before a column of the row itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Row {
    /// Nothing: a CHECK, an index, a rule.
    Bare,
    /// `"t".`: a backfill, whose subqueries would hide the row's own columns.
    T,
    /// `"c".`: a row of the far side of a relationship.
    Far,
    /// `NEW.`: the row that a trigger was called for.
    New,
}

/// The columns of one entity.
pub(super) struct EntityColumns<'m> {
    pub(super) model: &'m Model,
    pub(super) entity: &'m Entity,
    pub(super) dialect: Dialect,
    pub(super) row: Row,
}

impl Columns for EntityColumns<'_> {
    fn column(&self, path: &[String]) -> Result<String, String> {
        let prefix = match self.row {
            Row::Bare => String::new(),
            Row::T => "\"t\".".to_owned(),
            Row::Far => "\"c\".".to_owned(),
            Row::New => "NEW.".to_owned(),
        };
        self.path(self.entity, path, &prefix, 1)
    }

    fn value_type(&self, path: &[String]) -> Option<ValueType> {
        let (first, rest) = path.split_first()?;
        let fields = self.entity.all_fields();
        let Some(field) = field_named(&fields, first) else {
            let note = self.model.dropped_field(self.entity, first)?;
            let said = note.value_type.as_ref().map(|(value_type, _)| value_type.clone());
            return Some(said.unwrap_or(ValueType::Text)).filter(|_| rest.is_empty());
        };
        let next = |entity: &str, path: &[String]| {
            let entity = self.model.entity(entity)?;
            EntityColumns { entity, ..*self }.value_type(path)
        };
        match (&field.kind, rest) {
            (FieldKind::Value { value_type, .. }, []) => Some(value_type.clone()),
            (FieldKind::Enum { values, .. } | FieldKind::States { values, .. }, []) => {
                Some(ValueType::Enum(values.clone()))
            }
            (FieldKind::Ref { entity, .. }, []) => {
                let key = self.model.entity(entity)?.key_fields();
                next(entity, &key)
            }
            (FieldKind::Ref { entity, .. }, rest) => next(entity, rest),
            (
                FieldKind::Value { .. }
                | FieldKind::Enum { .. }
                | FieldKind::States { .. }
                | FieldKind::Many { .. },
                _,
            ) => None,
        }
    }
}

impl EntityColumns<'_> {
    /// A column of the row, or a subquery over the row that a reference leads to.
    fn path(
        &self,
        entity: &Entity,
        path: &[String],
        prefix: &str,
        depth: usize,
    ) -> Result<String, String> {
        let Some((first, rest)) = path.split_first() else {
            return Err("an empty path".to_owned());
        };
        let column = match column_of(entity, first) {
            Ok(column) => column,
            // Only where the reader of the model let it pass: in a backfill.
            Err(_) if self.model.dropped_field(entity, first).is_some() => first.clone(),
            Err(message) => return Err(message),
        };
        let own = format!("{prefix}{}", quote(&column));
        if rest.is_empty() {
            return Ok(own);
        }
        let fields = entity.all_fields();
        let field = field_named(&fields, first);
        let Some(FieldKind::Ref { entity: target, .. }) = field.map(|field| &field.kind) else {
            return Err(format!("`{first}` refers to no other entity"));
        };
        let target = self.model.entity(target).ok_or_else(|| format!("no entity `{target}`"))?;
        let key = target.key_fields();
        let [key] = key.as_slice() else {
            return Err(format!("`{}` has no key of one field", target.name));
        };
        let alias = format!("\"r{depth}\"");
        let inner = self.path(target, rest, &format!("{alias}."), depth + 1)?;
        let table = table_text(&names::table(target, self.dialect), self.dialect);
        let key = quote(&column_of(target, key)?);
        Ok(format!("(SELECT {inner} FROM {table} AS {alias} WHERE {alias}.{key} = {own})"))
    }
}

impl Work<'_> {
    /// An expression for a constraint, index or generated column.
    pub(super) fn in_ddl(&self, entity: &Entity, expr: &Expr) -> Result<String, Unprintable> {
        self.print(entity, expr, PatternUse::Ddl, Row::Bare)
    }

    /// A condition on the new row, in a trigger.
    pub(super) fn in_trigger(&self, entity: &Entity, expr: &Expr) -> Result<String, Unprintable> {
        self.print(entity, expr, PatternUse::Ddl, Row::New)
    }

    /// An expression for a query of the verifier, where more patterns are possible.
    pub(super) fn in_query(&self, entity: &Entity, expr: &Expr) -> Result<String, Unprintable> {
        self.print(entity, expr, PatternUse::Query, Row::Bare)
    }

    fn print(
        &self,
        entity: &Entity,
        expr: &Expr,
        patterns: PatternUse,
        row: Row,
    ) -> Result<String, Unprintable> {
        let columns = EntityColumns { model: self.model, entity, dialect: self.dialect, row };
        let text = expression::print(expr, self.dialect, &columns, patterns)?;
        Ok(without_outer_parentheses(&text).to_owned())
    }
}

/// `(a = b)` as `a = b`; whoever uses the text adds its own.
pub(super) fn without_outer_parentheses(text: &str) -> &str {
    let Some(inner) = text.strip_prefix('(').and_then(|text| text.strip_suffix(')')) else {
        return text;
    };
    let mut depth = 0_i32;
    let mut quote = None;
    for c in inner.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') => depth -= 1,
            (None, _) => {}
        }
        if depth < 0 {
            return text;
        }
    }
    inner
}

pub(super) fn column_of(entity: &Entity, name: &str) -> Result<String, String> {
    let fields = entity.all_fields();
    let field = field_named(&fields, name);
    field
        .and_then(Field::column_name)
        .ok_or_else(|| format!("`{name}` has no column in `{}`", entity.name))
}

pub(super) fn quote(name: &str) -> String {
    crate::dialect::session::quote_name(name)
}
