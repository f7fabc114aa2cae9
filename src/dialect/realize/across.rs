//! Rules that look beyond their row: what references lead to, and aggregates over the far side of relationships, as joins
//! that bring one row at most to each row.

use std::cell::RefCell;

use super::sql::{EntityColumns, Row, column_of, quote};
use super::{Draft, Work, names};
use crate::catalog::rule::{Enforce, Join, Requirement};
use crate::dialect::expression::{self, AggregateText, Columns, PatternUse};
use crate::dialect::moving::table_text;
use crate::expr::{Aggregate, BinaryOp, Expr, Function, ValueType};
use crate::model::{Entity, Field, FieldKind, Rule, field_named};
use crate::text::{Dialect, Ident, QName};

impl<'m> Work<'m> {
    /// A rule that only queries can ask.
    pub(super) fn across(&mut self, draft: &Draft<'m>, rule: &Rule, expr: &Expr) {
        let span = rule.check.place.span;
        if let Err(fault) = self.unit(draft.entity, expr) {
            let help = format!("keep both in the same unit on {}", self.dialect);
            self.error(span, fault, help);
            return;
        }
        let columns = AcrossColumns {
            work: self,
            entity: draft.entity,
            found: RefCell::new(Found::default()),
        };
        let printed = expression::print(expr, self.dialect, &columns, PatternUse::Query);
        let found = columns.found.into_inner();
        match printed {
            Ok(expression) => {
                let columns = found.columns.clone();
                let joins = found.joins(draft.entity);
                let requirement = Requirement::Across { columns, joins, expression };
                let enforce = rule.enforce.unwrap_or(Enforce::Verify);
                let title = format!("{}.{}", draft.entity.name, rule.name);
                self.rule(&draft.name, title, requirement, enforce, rule.check.place);
                if let Some(made) = self.rules.last_mut() {
                    made.message = rule.message.clone().or_else(|| {
                        let text = rule.check.text.split_whitespace().collect::<Vec<_>>();
                        Some(format!("must hold: {}", text.join(" ")))
                    });
                }
            }
            Err(error) => self.error(span, error.to_string(), "reach it over a key of one field"),
        }
    }

    /// The unit of a number: that of its field where it is kept in whole minor units.
    pub(super) fn unit(&self, entity: &Entity, expr: &Expr) -> Result<Unit, String> {
        let of = |expr: &Expr| self.unit(entity, expr);
        let same = |mut parts: Box<dyn Iterator<Item = &Expr> + '_>| {
            parts.try_fold(Unit::Any, |unit, part| unit.beside(of(part)?))
        };
        Ok(match expr {
            Expr::Null | Expr::Bool(_) | Expr::Text(_) | Expr::JsonText(..) => Unit::Any,
            Expr::Number(text) if text.bytes().all(|byte| matches!(byte, b'0' | b'.')) => Unit::Any,
            Expr::Number(_) => Unit::Plain,
            Expr::Field(path) => self.unit_of_field(entity, path),
            Expr::Negate(inner) => of(inner)?,
            Expr::Not(inner) | Expr::Is { operand: inner, .. } => of(inner).map(|_| Unit::Any)?,
            Expr::Like { operand, .. } | Expr::Match { operand, .. } => {
                of(operand).map(|_| Unit::Any)?
            }
            Expr::Cast(inner, _) => of(inner)?.beside(Unit::Plain)?,
            Expr::Binary(left, BinaryOp::Multiply, right) => of(left)?.times(of(right)?)?,
            Expr::Binary(left, BinaryOp::Add | BinaryOp::Subtract, right) => {
                of(left)?.beside(of(right)?)?
            }
            Expr::Binary(left, BinaryOp::And | BinaryOp::Or, right) => {
                of(left)?;
                of(right).map(|_| Unit::Any)?
            }
            Expr::Binary(left, _, right) | Expr::Distinct { left, right, .. } => {
                of(left)?.beside(of(right)?).map(|_| Unit::Any)?
            }
            Expr::In { operand, list, .. } => {
                same(Box::new(std::iter::once(&**operand).chain(list))).map(|_| Unit::Any)?
            }
            Expr::Between { operand, low, high, .. } => {
                same(Box::new([&**operand, &**low, &**high].into_iter())).map(|_| Unit::Any)?
            }
            Expr::Case { branches, otherwise } => {
                for (when, _) in branches {
                    of(when)?;
                }
                same(Box::new(branches.iter().map(|(_, then)| then).chain(otherwise.as_deref())))?
            }
            Expr::Call(Function::Length, _) => Unit::Plain,
            Expr::Call(_, arguments) => same(Box::new(arguments.iter()))?,
            Expr::Aggregate { function, argument, filter, .. } => {
                if let Some(filter) = filter {
                    of(filter)?;
                }
                match (function, argument) {
                    (Aggregate::Count, _) | (_, None) => Unit::Plain,
                    (Aggregate::Sum | Aggregate::Min | Aggregate::Max, Some(argument)) => {
                        of(argument)?
                    }
                }
            }
        })
    }

    fn unit_of_field(&self, entity: &Entity, path: &[String]) -> Unit {
        let Some((first, rest)) = path.split_first() else { return Unit::Any };
        let fields = entity.all_fields();
        let Some(field) = field_named(&fields, first) else { return Unit::Any };
        match (&field.kind, rest) {
            (FieldKind::Value { value_type, .. }, []) => match (self.scale_of(field), value_type) {
                (Some(scale), _) => Unit::Scaled(scale),
                (None, ValueType::Int | ValueType::Int32 | ValueType::Float) => Unit::Plain,
                (None, ValueType::Decimal { .. }) => Unit::Plain,
                (None, _) => Unit::Any,
            },
            (FieldKind::Ref { entity, .. } | FieldKind::Many { entity, .. }, rest) => {
                match self.model.entity(entity) {
                    Some(entity) if !rest.is_empty() => self.unit_of_field(entity, rest),
                    Some(_) | None => Unit::Any,
                }
            }
            (FieldKind::Value { .. } | FieldKind::Enum { .. } | FieldKind::States { .. }, _) => {
                Unit::Any
            }
        }
    }
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Zero, NULL, and what is no number.
    Any,
    Plain,
    /// Whole units with so many digits behind the point.
    Scaled(u32),
}

impl Unit {
    fn beside(self, other: Unit) -> Result<Unit, String> {
        match (self, other) {
            (Unit::Any, unit) | (unit, Unit::Any) => Ok(unit),
            (left, right) if left == right => Ok(left),
            _ => Err("this sets numbers in scaled units beside numbers that are not".to_owned()),
        }
    }

    fn times(self, other: Unit) -> Result<Unit, String> {
        match (self, other) {
            (Unit::Scaled(_), Unit::Scaled(_)) => {
                Err("this multiplies numbers that are both in scaled units".to_owned())
            }
            (Unit::Scaled(scale), _) | (_, Unit::Scaled(scale)) => Ok(Unit::Scaled(scale)),
            (Unit::Plain, _) | (_, Unit::Plain) => Ok(Unit::Plain),
            (Unit::Any, Unit::Any) => Ok(Unit::Any),
        }
    }
}

/// Columns of a row `r` and of what is joined to it; joins are collected as columns are named.
struct AcrossColumns<'w, 'm> {
    work: &'w Work<'m>,
    entity: &'m Entity,
    found: RefCell<Found>,
}

#[derive(Default)]
struct Found {
    columns: Vec<Ident>,
    /// What references lead to: the path to it, and the join.
    references: Vec<(Vec<String>, Join)>,
    groups: Vec<Group>,
}

/// Aggregates over one relationship.
struct Group {
    over: String,
    from: String,
    key: String,
    values: Vec<String>,
    needs: Vec<(QName, Vec<Ident>)>,
}

impl Found {
    fn joins(self, entity: &Entity) -> Vec<Join> {
        let key = entity.key_fields().first().and_then(|key| column_of(entity, key).ok());
        let own = key.map(|key| format!("r.{}", quote(&key))).unwrap_or_default();
        let groups = self.groups.into_iter().enumerate().map(|(at, group)| {
            let values = group.values.iter().enumerate();
            let list: Vec<String> =
                values.map(|(at, value)| format!("{value} AS v{}", at + 1)).collect();
            let Group { from, key, needs, .. } = group;
            Join {
                from: format!(
                    "(SELECT {key} AS k, {} FROM {from} GROUP BY {key}) AS a{}",
                    list.join(", "),
                    at + 1
                ),
                on: format!("a{}.k = {own}", at + 1),
                needs,
            }
        });
        self.references.into_iter().map(|(_, join)| join).chain(groups).collect()
    }
}

impl Columns for AcrossColumns<'_, '_> {
    fn column(&self, path: &[String]) -> Result<String, String> {
        let Some((first, rest)) = path.split_first() else {
            return Err("an empty path".to_owned());
        };
        let fields = self.entity.all_fields();
        let field = field_named(&fields, first).ok_or_else(|| format!("no field `{first}`"))?;
        if let FieldKind::Many { entity, .. } = &field.kind {
            let far = self.work.model.entity(entity).ok_or("no such entity")?;
            return self.columns_of(far, Row::Far).column(rest);
        }
        let own = column_of(self.entity, first)?;
        let mut found = self.found.borrow_mut();
        let ident = Ident::new(own.as_str());
        if !found.columns.contains(&ident) {
            found.columns.push(ident);
        }
        match rest {
            [] => Ok(format!("r.{}", quote(&own))),
            rest => self.over_references(&mut found, self.entity, path, rest, &own),
        }
    }

    fn aggregate(&self, asked: &AggregateText<'_>) -> Result<String, String> {
        let mut found = self.found.borrow_mut();
        let at = match found.groups.iter().position(|group| group.over == asked.over) {
            Some(at) => at,
            None => {
                found.groups.push(self.group(asked.over)?);
                found.groups.len() - 1
            }
        };
        let argument = asked.argument.as_deref().unwrap_or("*");
        let name = match asked.function {
            Aggregate::Count => "count",
            Aggregate::Sum => "sum",
            Aggregate::Min => "min",
            Aggregate::Max => "max",
        };
        let filter = asked.filter.as_ref();
        let filter = filter.map(|filter| format!(" FILTER (WHERE {filter})")).unwrap_or_default();
        let text = format!("{name}({argument}){filter}");
        let text = match (self.work.dialect, asked.function, &asked.value) {
            // Decimals are binary fractions there: their sum is rounded as each of them is.
            (Dialect::Sqlite, Aggregate::Sum, Some(ValueType::Decimal { scale, .. })) => {
                format!("round({text}, {scale})")
            }
            _ => text,
        };
        let group = &mut found.groups[at];
        let value = match group.values.iter().position(|value| *value == text) {
            Some(known) => known,
            None => {
                group.values.push(text);
                group.values.len() - 1
            }
        };
        let place = format!("a{}.v{}", at + 1, value + 1);
        Ok(match asked.function {
            Aggregate::Count => format!("coalesce({place}, 0)"),
            Aggregate::Sum | Aggregate::Min | Aggregate::Max => place,
        })
    }

    fn value_type(&self, path: &[String]) -> Option<ValueType> {
        let fields = self.entity.all_fields();
        match field_named(&fields, path.first()?).map(|field| &field.kind) {
            Some(FieldKind::Many { entity, .. }) => {
                let far = self.work.model.entity(entity)?;
                self.columns_of(far, Row::Far).value_type(&path[1..])
            }
            Some(
                FieldKind::Value { .. }
                | FieldKind::Enum { .. }
                | FieldKind::States { .. }
                | FieldKind::Ref { .. },
            )
            | None => self.columns_of(self.entity, Row::Bare).value_type(path),
        }
    }
}

impl<'m> AcrossColumns<'_, 'm> {
    fn columns_of<'e>(&self, entity: &'e Entity, row: Row) -> EntityColumns<'e>
    where
        'm: 'e,
    {
        EntityColumns { model: self.work.model, entity, dialect: self.work.dialect, row }
    }

    /// The value at the end of a path, over one join for each reference on the way.
    fn over_references(
        &self,
        found: &mut Found,
        start: &Entity,
        path: &[String],
        rest: &[String],
        own: &str,
    ) -> Result<String, String> {
        let model = self.work.model;
        let mut entity = start;
        let mut place = format!("r.{}", quote(own));
        for (step, name) in rest.iter().enumerate() {
            let fields = entity.all_fields();
            let field = field_named(&fields, &path[step]);
            let Some(FieldKind::Ref { entity: target, .. }) = field.map(|field| &field.kind) else {
                return Err(format!("`{}` refers to no other entity", path[step]));
            };
            let target = model.entity(target).ok_or_else(|| format!("no entity `{target}`"))?;
            let key = only_key(target)?;
            let column = column_of(target, name)?;
            let way = path[..=step].to_vec();
            let needed = [Ident::new(key.as_str()), Ident::new(column.as_str())];
            let at = match found.references.iter().position(|(known, _)| *known == way) {
                Some(at) => at,
                None => {
                    let table = names::table(target, self.work.dialect);
                    let alias = format!("j{}", found.references.len() + 1);
                    let join = Join {
                        from: format!("{} AS {alias}", table_text(&table, self.work.dialect)),
                        on: format!("{alias}.{} = {place}", quote(&key)),
                        needs: vec![(table, Vec::new())],
                    };
                    found.references.push((way, join));
                    found.references.len() - 1
                }
            };
            if let Some((_, columns)) = found.references[at].1.needs.first_mut() {
                columns.extend(needed);
            }
            place = format!("j{}.{}", at + 1, quote(&column));
            entity = target;
        }
        Ok(place)
    }

    /// The far side of a relationship, with the column that leads back.
    fn group(&self, over: &str) -> Result<Group, String> {
        let (model, dialect) = (self.work.model, self.work.dialect);
        let field = field_named(&self.entity.fields, over);
        let Some(FieldKind::Many { entity, inverse, through, .. }) = field.map(|it| &it.kind)
        else {
            return Err(format!("`{over}` is no relationship to many rows"));
        };
        only_key(self.entity)?;
        let far = model.entity(entity).ok_or_else(|| format!("no entity `{entity}`"))?;
        let table = names::table(far, dialect);
        let place = format!("{} AS \"c\"", table_text(&table, dialect));
        let Some(through) = through else {
            let back = back_reference(far, &self.entity.name, inverse.as_deref())?;
            return Ok(Group {
                over: over.to_owned(),
                from: place,
                key: format!("\"c\".{}", quote(&back)),
                values: Vec::new(),
                needs: vec![(table, vec![Ident::new(back)])],
            });
        };
        let far_key = only_key(far)?;
        let between = model.entities.iter().find(|it| it.table_name() == *through);
        let (joining, near, other) = match between {
            Some(between) => (
                names::table(between, dialect),
                back_reference(between, &self.entity.name, None)?,
                back_reference(between, &far.name, None)?,
            ),
            None => {
                let schema = names::table(self.entity, dialect).schema;
                let (near, other) = names::join_columns(self.entity, far, over);
                (QName { schema, name: through.as_str().into() }, near, other)
            }
        };
        let from = format!(
            "{} AS \"x\" JOIN {place} ON \"c\".{} = \"x\".{}",
            table_text(&joining, dialect),
            quote(&far_key),
            quote(&other)
        );
        let needs = vec![
            (joining, vec![Ident::new(near.as_str()), Ident::new(other)]),
            (table, vec![Ident::new(far_key)]),
        ];
        let key = format!("\"x\".{}", quote(&near));
        Ok(Group { over: over.to_owned(), from, key, values: Vec::new(), needs })
    }
}

/// The column of an entity's only key field.
fn only_key(entity: &Entity) -> Result<String, String> {
    match entity.key_fields().as_slice() {
        [key] => column_of(entity, key),
        [] | [..] => Err(format!("`{}` has no key of one field", entity.name)),
    }
}

/// The column of the reference that leads from an entity back to another.
pub(super) fn back_reference(
    far: &Entity,
    near: &str,
    inverse: Option<&str>,
) -> Result<String, String> {
    if let Some(inverse) = inverse {
        return column_of(far, inverse);
    }
    let leads_back =
        |field: &&Field| matches!(&field.kind, FieldKind::Ref { entity, .. } if entity == near);
    let mut found = far.fields.iter().filter(leads_back);
    match (found.next(), found.next()) {
        (Some(only), None) => column_of(far, &only.name),
        (None, _) => Err(format!("`{}` has no reference to `{near}`", far.name)),
        (Some(_), Some(_)) => Err(format!(
            "`{}` refers to `{near}` more than once; say which with `inverse:`",
            far.name
        )),
    }
}
