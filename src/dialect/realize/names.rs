//! Physical names.

use crate::model::{ConstraintName, Entity, Model, NamelessByDefault};
pub(super) use crate::text::ident::shortened;
use crate::text::{Dialect, Ident, QName};

/// The table of an entity. SQLite has one schema.
pub(super) fn table(entity: &Entity, dialect: Dialect) -> QName {
    match (&entity.postgres.schema, dialect) {
        (Some(schema), Dialect::Postgres) => QName::new(schema.clone(), entity.table_name()),
        (Some(_) | None, _) => QName::local(dialect, entity.table_name()),
    }
}

/// A constraint's name: given, derived, or none where SQLite allows it and the model asks for it.
/// On PostgreSQL every constraint has a name, so `none` means the derived one there.
pub(super) fn constraint(
    written: &ConstraintName,
    derived: String,
    model: &Model,
    dialect: Dialect,
) -> Option<Ident> {
    let derived = Ident::new(shortened(derived));
    match (written, dialect, model.sqlite_constraint_names) {
        (ConstraintName::Given(name), _, _) => Some(Ident::new(name.clone())),
        (ConstraintName::None, Dialect::Sqlite, _) => None,
        (ConstraintName::Derived, Dialect::Sqlite, NamelessByDefault::Nameless) => None,
        (ConstraintName::None | ConstraintName::Derived, _, _) => Some(derived),
    }
}

/// The columns of a join table that nobody wrote: of the entity that names it, and of the far side of `field`.
pub(super) fn join_columns(entity: &Entity, target: &Entity, field: &str) -> (String, String) {
    let first = format!("{}_id", crate::model::snake_case(&entity.name));
    let second = match entity.name == target.name {
        true => format!("{field}_id"),
        false => format!("{}_id", crate::model::snake_case(&target.name)),
    };
    (first, second)
}
