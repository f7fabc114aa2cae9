//! Circles that PostgreSQL lets one close late: a default or check that calls a function which takes the table's own
//! rows, a view that stands on a function which returns the view's rows.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::action::{Action, step};
use super::context::{Context, Mention};
use super::parts::column_sequences;
use super::quote::{quote_ident, quote_name};
use super::{constraints, render};
use crate::catalog::{
    Catalog, Column, Constraint, ConstraintKind, Dependency, ObjectId, Opaque, OpaqueKind, Table,
};
use crate::dialect::{Resource, Step};
use crate::text::QName;

/// The parts of a table that wait until what stands on the table is there.
#[derive(Clone, Debug, Default)]
pub(super) struct Late {
    defaults: Vec<Column>,
    checks: Vec<Constraint>,
}

/// A table without its late parts, and those.
pub(super) fn split<'t>(table: &'t Table, catalog: &Catalog) -> (Cow<'t, Table>, Late) {
    let is_late_kind = |constraint: &&Constraint| {
        matches!(constraint.kind, ConstraintKind::Check { .. }) && constraint.name.is_some()
    };
    let has_default = |column: &&Column| {
        column.default.as_ref().is_some_and(|text| text.contains('('))
            && column_sequences(column).is_none()
    };
    if !table.columns.iter().any(|column| has_default(&column))
        && !table.constraints.iter().any(|constraint| is_late_kind(&constraint))
    {
        return (Cow::Borrowed(table), Late::default());
    }
    let standing = standing_on(&table.name, catalog);
    let mentions: Vec<Mention> =
        standing.iter().filter(|id| id.kind.is_mentionable()).map(Mention::of).collect();
    let names = |text: &str| mentions.iter().any(|mention| mention.is_in(text));
    let late = Late {
        defaults: table
            .columns
            .iter()
            .filter(has_default)
            .filter(|column| column.default.as_deref().is_some_and(names))
            .cloned()
            .collect(),
        checks: table
            .constraints
            .iter()
            .filter(is_late_kind)
            .filter(|constraint| names(&constraint.definition))
            .cloned()
            .collect(),
    };
    if late.defaults.is_empty() && late.checks.is_empty() {
        return (Cow::Borrowed(table), late);
    }
    let mut plain = table.clone();
    plain.constraints.retain(|constraint| !late.checks.contains(constraint));
    for column in &mut plain.columns {
        if late.defaults.iter().any(|other| other.name == column.name) {
            column.default = None;
        }
    }
    (Cow::Owned(plain), late)
}

impl Late {
    /// The steps that add the parts to a table that was made without them.
    pub(super) fn add(&self, table: &Table, context: &Context<'_>) -> Vec<Step> {
        let defaults = self.defaults.iter().filter_map(|column| {
            let what = format!("SET DEFAULT {}", column.default.as_ref()?);
            let title = format!("set default of {}.{}", table.name, column.name);
            let statement = render::alter_column(&table.name, &column.name, &what);
            let set = step(Action::SetDefault, title, vec![statement]);
            let needs = [Resource::Table(table.name.clone())];
            Some(set.needs(needs).needs(context.made_in(column.default.as_deref())))
        });
        let checks = self.checks.iter();
        defaults
            .chain(checks.filter_map(|check| constraints::add_own(table, check, context)))
            .collect()
    }

    /// The steps that take the parts away before what stands on the table goes.
    pub(super) fn drop(&self, table: &Table, context: &Context<'_>) -> Vec<Step> {
        let own = Resource::Table(table.name.clone());
        let defaults = self.defaults.iter().map(|column| {
            let title = format!("take the default of {}.{} away", table.name, column.name);
            let statement = render::alter_column(&table.name, &column.name, "DROP DEFAULT");
            step(Action::SetDefault, title, vec![statement])
                .frees(context.taken_in(column.default.as_deref()))
                .frees([own.clone()])
        });
        let checks = self.checks.iter();
        let checks = checks.filter_map(|check| {
            Some(constraints::drop(table, check, context)?.frees([own.clone()]))
        });
        defaults.chain(checks).collect()
    }
}

/// Objects that stand on a table, directly or not.
fn standing_on(table: &QName, catalog: &Catalog) -> BTreeSet<ObjectId> {
    let mut found: BTreeSet<ObjectId> = BTreeSet::new();
    loop {
        let size = found.len();
        for opaque in catalog
            .opaques
            .values()
            .filter(|opaque| !found.contains(&opaque.id))
            .collect::<Vec<_>>()
        {
            let stands = opaque.depends_on.iter().any(|dependency| match dependency {
                Dependency::Table(name)
                | Dependency::Column(name, _)
                | Dependency::Constraint(name, _) => name == table,
                Dependency::Opaque(id) => found.contains(id),
                Dependency::Enum(_) => false,
            });
            if stands {
                found.insert(opaque.id.clone());
            }
        }
        if found.len() == size {
            return found;
        }
    }
}

/// The views that an object stands on and that stand on it.
pub(super) fn views_around<'c>(opaque: &Opaque, catalog: &'c Catalog) -> Vec<&'c Opaque> {
    let views = opaque.depends_on.iter().filter_map(|dependency| match dependency {
        Dependency::Opaque(id) if id.kind == OpaqueKind::View => catalog.opaques.get(id),
        _ => None,
    });
    views.filter(|view| view.id != opaque.id && reaches(view, &opaque.id, catalog)).collect()
}

/// Whether a view stands on something that stands on it.
pub(super) fn is_in_circle(view: &Opaque, catalog: &Catalog) -> bool {
    view.id.kind == OpaqueKind::View
        && !view.columns.is_empty()
        && opaques_of(view).any(|id| {
            catalog.opaques.get(id).is_some_and(|other| reaches(other, &view.id, catalog))
        })
}

fn opaques_of(opaque: &Opaque) -> impl Iterator<Item = &ObjectId> {
    opaque.depends_on.iter().filter_map(|dependency| match dependency {
        Dependency::Opaque(id) => Some(id),
        _ => None,
    })
}

/// Whether an object stands on another, directly or not.
fn reaches(from: &Opaque, to: &ObjectId, catalog: &Catalog) -> bool {
    let mut seen: BTreeSet<&ObjectId> = BTreeSet::new();
    let mut waiting: Vec<&ObjectId> = opaques_of(from).collect();
    while let Some(id) = waiting.pop() {
        if id == to {
            return true;
        }
        if seen.insert(id)
            && let Some(opaque) = catalog.opaques.get(id)
        {
            waiting.extend(opaques_of(opaque));
        }
    }
    false
}

/// A view of the same columns that stands on nothing but their types.
pub(super) fn stub(view: &Opaque) -> String {
    let columns: Vec<String> = view
        .columns
        .iter()
        .map(|column| {
            let (data_type, collation) = match column.data_type.split_once(" COLLATE ") {
                Some((data_type, collation)) => (data_type, format!(" COLLATE {collation}")),
                None => (column.data_type.as_str(), String::new()),
            };
            format!("NULL::{data_type}{collation} AS {}", quote_ident(&column.name))
        })
        .collect();
    format!("VIEW {} AS SELECT {}", quote_name(&view.id.name), columns.join(", "))
}
