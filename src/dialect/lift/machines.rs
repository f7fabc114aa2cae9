//! State machines, out of the objects that hold them. What the objects tell is believed only where realizing it gives the
//! very same objects; else they stay what they are, SQL.

use std::collections::{BTreeMap, BTreeSet};

use super::Lift;
use crate::catalog::facets::Subject;
use crate::catalog::machine::{Machine, machines, objects};
use crate::catalog::{Catalog, Column, ObjectId, Table};
use crate::dialect::realize::realize;
use crate::model::{Condition, DefaultValue, Field, FieldKind, Model, Override, Place, Transition};
use crate::text::{Ident, QName};

/// Machines by table and column.
pub(super) type Found = BTreeMap<(QName, Ident), Machine>;

/// The machines of a catalog whose triggers are all switched on.
pub(super) fn found(catalog: &Catalog) -> Found {
    let mut found = machines(catalog);
    found.retain(|(table, column), _| {
        let ids = objects(catalog.dialect, table, column);
        ids.iter().all(|id| {
            let facets = catalog.facets_of(&Subject::Opaque(id.clone()));
            facets.is_none_or(|facets| facets.lines.is_empty())
        })
    });
    found
}

/// The machines that the model does not give back as they are.
pub(super) fn untrue(catalog: &Catalog, model: &Model, found: &Found) -> BTreeSet<(QName, Ident)> {
    if found.is_empty() {
        return BTreeSet::new();
    }
    let Ok(realized) = realize(model, catalog.dialect) else {
        return found.keys().cloned().collect();
    };
    let (there, here) = (catalog.normalized(), realized.catalog.normalized());
    let differs = |(table, column): &&(QName, Ident)| {
        let mut ids = objects(catalog.dialect, table, column).into_iter();
        ids.any(|id| here.opaques.get(&id) != there.opaques.get(&id))
    };
    found.keys().filter(differs).cloned().collect()
}

impl Lift<'_> {
    /// The objects that fields say.
    pub(super) fn said_by_fields(&self) -> BTreeSet<ObjectId> {
        let dialect = self.catalog.dialect;
        let each = self.machines.iter();
        each.flat_map(|((table, column), _)| objects(dialect, table, column)).collect()
    }

    /// Turns a list of values into states.
    pub(super) fn states(
        &self,
        table: &Table,
        column: &Column,
        field: &mut Field,
        own: &mut Override,
    ) {
        let key = (table.name.clone(), column.name.clone());
        let (Some(machine), FieldKind::Enum { values, constraint, .. }) =
            (self.machines.get(&key), &field.kind)
        else {
            return;
        };
        let begins = machine.initial.clone().map(DefaultValue::Text);
        if begins.is_some() && field.default == begins {
            field.default = None;
        } else if begins.is_some() {
            own.default = Some(column.default.clone().unwrap_or_else(|| "none".to_owned()));
            field.default = None;
        }
        field.kind = FieldKind::States {
            values: values.clone(),
            initial: machine.initial.clone(),
            transitions: machine.transitions.iter().map(transition).collect(),
            enforce: None,
            constraint: constraint.clone(),
        };
    }
}

fn transition(told: &crate::catalog::machine::Transition) -> Transition {
    let place = Place::default();
    let when = told.when.clone().map(|text| Condition { text, place, expr: None });
    Transition {
        name: told.name.clone(),
        from: told.from.clone(),
        to: told.to.clone(),
        by: told.by.clone(),
        when,
        place,
    }
}
