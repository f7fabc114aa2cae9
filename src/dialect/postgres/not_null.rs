//! NOT NULL as a constraint of its own, with a name, NO INHERIT and NOT VALID (PostgreSQL 18). Older servers have none
//! of these, and catalogs read from them no entries: then it is a property of the column, and said as one.
//! Source: manual, ALTER TABLE; measured on PostgreSQL 18.

use super::action::{Action, step};
use super::context::Context;
use super::hierarchy::{joined, options};
use super::quote::{quote_ident, quote_name};
use super::{around, render};
use crate::catalog::postgres_table::{NotNull, Origin};
use crate::catalog::{Column, Table};
use crate::change::TableChange;
use crate::dialect::{Resource, Step, Work};
use crate::text::{Ident, QName};

/// The constraint of a column where it is not what plain NOT NULL would make.
fn special<'t>(table: &'t Table, column: &Ident) -> Option<&'t NotNull> {
    let found = options(table).not_nulls.get(column)?;
    (found.spelled || !found.is_plain(&table.name.name, column)).then_some(found)
}

/// Whether rows that were there before the constraint may break it.
pub(super) fn is_unchecked(table: &Table, column: &Ident) -> bool {
    options(table).not_nulls.get(column).is_some_and(|it| it.not_valid)
}

/// What stands behind a column's type where it is made: ` NOT NULL`, or nothing. One that is not valid comes later.
pub(super) fn clause(table: &Table, column: &Column) -> String {
    let options = options(table);
    let origin = options.not_nulls.get(&column.name).and_then(|it| it.origin);
    let is_heir = !options.parents.is_empty() && !options.is_partition();
    if !column.not_null || is_heir && origin == Some(Origin::Inherited) {
        return String::new();
    }
    match special(table, &column.name) {
        Some(it) if it.not_valid => String::new(),
        Some(it) => {
            let no_inherit = if it.no_inherit { " NO INHERIT" } else { "" };
            format!(" CONSTRAINT {} NOT NULL{no_inherit}", quote_ident(&it.name))
        }
        None => " NOT NULL".to_owned(),
    }
}

/// The statement that makes a column required.
pub(super) fn require(table: &Table, column: &Ident) -> String {
    // Partitions that were made with the name of their parent's would make the engine choose another one.
    let of_parent = options(table).not_nulls.get(column);
    let of_parent = of_parent.filter(|_| options(table).partition_by.is_some());
    let Some(it) = special(table, column).or(of_parent) else {
        return render::alter_column(&table.name, column, "SET NOT NULL");
    };
    let no_inherit = if it.no_inherit { " NO INHERIT" } else { "" };
    let not_valid = if it.not_valid { " NOT VALID" } else { "" };
    format!(
        "ALTER TABLE {} ADD CONSTRAINT {} NOT NULL {}{no_inherit}{not_valid}",
        quote_name(&table.name),
        quote_ident(&it.name),
        quote_ident(column)
    )
}

/// The entries that stand inside CREATE TABLE of an heir though their columns come from the parent.
pub(super) fn on_inherited_columns(table: &Table) -> Vec<String> {
    let options = options(table);
    if options.is_partition() {
        return Vec::new();
    }
    let own = options.not_nulls.iter().filter(|(column, it)| {
        options.inherited_columns.get(*column) == Some(&Origin::Inherited)
            && it.origin != Some(Origin::Inherited)
            && !it.not_valid
    });
    own.map(|(column, it)| {
        let no_inherit = if it.no_inherit { " NO INHERIT" } else { "" };
        format!("CONSTRAINT {} NOT NULL {}{no_inherit}", quote_ident(&it.name), quote_ident(column))
    })
    .collect()
}

/// What a new table still lacks: constraints that are not valid, behind the rows that may break them.
pub(super) fn of_new(table: &Table) -> Option<Step> {
    let open = options(table).not_nulls.iter().filter(|(_, it)| it.not_valid);
    let statements: Vec<String> = open.map(|(column, _)| require(table, column)).collect();
    (!statements.is_empty()).then(|| {
        step(Action::AlterConstraint, format!("require columns of {}", table.name), statements)
            .needs([Resource::Table(table.name.clone())])
            .needs(super::parts::values(table))
            .lock(crate::dialect::Lock::None)
    })
}

/// What differs in the constraints of columns that are required before and after.
pub(super) fn steps(change: &TableChange, context: &Context<'_>) -> Vec<Step> {
    let (before, after) = (&change.before, &change.after);
    let mut steps = Vec::new();
    for (name, new) in &options(after).not_nulls {
        let columns = (before.column(name), after.column(name));
        let (Some(old_column), Some(new_column)) = columns else { continue };
        let Some(old) = options(before).not_nulls.get(name) else { continue };
        let is_made_anew = around::reshapes(old_column, new_column)
            && new_column.generated.is_some()
            || context.around.generated.contains(&(after.name.clone(), name.clone()));
        // One that is inherited follows the parent's, which it gets by joining.
        let joins = !joined(&after.name, context).is_empty();
        let follows = new.origin == Some(Origin::Inherited) && !joins;
        if is_made_anew || follows || !differs(old, new) {
            continue;
        }
        // The engine renames none that is inherited, and one that is passed on only where all partitions call it the same:
        // both are done while the table is by itself.
        steps.push(alter(after, name, old, new).makes([called(&after.name, name)]));
    }
    steps
}

/// The marker of a table whose NOT NULL constraint of a column is as it will be.
fn called(table: &QName, column: &Ident) -> Resource {
    Resource::Constraint(table.clone(), format!("NOT NULL of {column}"))
}

/// The markers of constraints that a table gives new names, before other tables join it.
pub(super) fn renamed(table: &QName, context: &Context<'_>) -> Vec<Resource> {
    let sides = (context.before.tables.get(table), context.after().tables.get(table));
    let (Some(before), Some(after)) = sides else { return Vec::new() };
    let differing = options(after).not_nulls.iter().filter(|(column, new)| {
        let old = options(before).not_nulls.get(*column);
        old.is_some_and(|old| old.name != new.name && !is_looked_at(old, new))
    });
    differing.map(|(column, _)| called(table, column)).collect()
}

/// Whether the engine looks at all rows.
fn is_looked_at(old: &NotNull, new: &NotNull) -> bool {
    old.not_valid && !new.not_valid
}

fn differs(old: &NotNull, new: &NotNull) -> bool {
    (&old.name, old.no_inherit, old.not_valid) != (&new.name, new.no_inherit, new.not_valid)
}

fn alter(table: &Table, column: &Ident, old: &NotNull, new: &NotNull) -> Step {
    let head = format!("ALTER TABLE {}", quote_name(&table.name));
    let name = quote_ident(&new.name);
    let mut statements = Vec::new();
    if new.not_valid && !old.not_valid {
        statements.push(render::alter_column(&table.name, column, "DROP NOT NULL"));
        statements.push(require(table, column));
    } else {
        if old.name != new.name {
            let old = quote_ident(&old.name);
            statements.push(format!("{head} RENAME CONSTRAINT {old} TO {name}"));
        }
        if old.no_inherit != new.no_inherit {
            let word = if new.no_inherit { "NO INHERIT" } else { "INHERIT" };
            statements.push(format!("{head} ALTER CONSTRAINT {name} {word}"));
        }
        if old.not_valid && !new.not_valid {
            statements.push(format!("{head} VALIDATE CONSTRAINT {name}"));
        }
    }
    let made = step(
        Action::AlterConstraint,
        format!("change NOT NULL of {}.{column}", table.name),
        statements,
    )
    .needs([Resource::Column(table.name.clone(), column.clone())]);
    match is_looked_at(old, new) {
        true => made.needs([Resource::Values(table.name.clone(), column.clone())]).work(Work::Scan),
        false => made,
    }
}
