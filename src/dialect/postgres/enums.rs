//! Enum types: made, extended, and built anew where values go or change places.

use super::action::{Action, step};
use super::around::only_adds;
use super::context::Context;
use super::parts::{is_of_enum, slot};
use super::quote::{literal, quote, quote_ident, quote_name};
use super::values::{self, Converts, Staying};
use super::{keep, passing, render};
use crate::catalog::EnumType;
use crate::change::{Delta, TableChange};
use crate::dialect::{LowerError, Resource, Step, Undo};
use crate::text::{QName, hash};

/// The steps for one enum type.
///
/// # Errors
/// A value map on an array column.
pub(super) fn steps(
    delta: &Delta<EnumType>,
    context: &Context<'_>,
) -> Result<Vec<Step>, LowerError> {
    match delta {
        Delta::Add(enum_type) => {
            let mut statements = vec![render::create_enum(&enum_type.name, &enum_type.values)];
            if enum_type.comment.is_some() {
                statements.push(render::comment_on_enum(enum_type));
            }
            Ok(vec![
                step(Action::CreateEnum, format!("create type {}", enum_type.name), statements)
                    .needs([Resource::Schema(enum_type.name.schema.clone())])
                    .makes([Resource::Enum(enum_type.name.clone())])
                    .makes([slot(&enum_type.name.schema, &enum_type.name.name)]),
            ])
        }
        Delta::Drop(enum_type) => {
            let statement = format!("DROP TYPE {}", quote_name(&enum_type.name));
            Ok(vec![
                step(Action::DropEnum, format!("drop type {}", enum_type.name), vec![statement])
                    .takes([Resource::Enum(enum_type.name.clone())])
                    .takes([slot(&enum_type.name.schema, &enum_type.name.name)])
                    .frees([Resource::Schema(enum_type.name.schema.clone())]),
            ])
        }
        Delta::Alter { before, after } => {
            let mut steps = Vec::new();
            if !only_adds(before, after) {
                steps.push(rebuild(before, after, context)?);
            } else if before.values != after.values {
                steps.push(add_values(before, after));
            }
            if before.comment != after.comment {
                steps.push(
                    step(
                        Action::Comment,
                        format!("comment on type {}", after.name),
                        vec![render::comment_on_enum(after)],
                    )
                    .lock(crate::dialect::Lock::None)
                    .needs([Resource::Enum(after.name.clone())]),
                );
            }
            Ok(steps)
        }
    }
}

/// `ADD VALUE` for each new value, beside a value that is there by then. A new value cannot be used before its
/// transaction ends, so the step has one of its own.
fn add_values(before: &EnumType, after: &EnumType) -> Step {
    let name = quote_name(&after.name);
    let mut statements = Vec::new();
    for (index, value) in after.values.iter().enumerate() {
        if before.values.contains(value) {
            continue;
        }
        let place = match index.checked_sub(1).and_then(|previous| after.values.get(previous)) {
            Some(previous) => format!(" AFTER {}", literal(previous)),
            None => before
                .values
                .first()
                .map(|first| format!(" BEFORE {}", literal(first)))
                .unwrap_or_default(),
        };
        statements.push(format!("ALTER TYPE {name} ADD VALUE {}{place}", literal(value)));
    }
    step(Action::AddEnumValue, format!("add values to type {}", after.name), statements)
        .makes([Resource::Enum(after.name.clone())])
}

/// A new type under a passing name, every column converted, the old type dropped, the new one renamed.
fn rebuild(before: &EnumType, after: &EnumType, context: &Context<'_>) -> Result<Step, LowerError> {
    let passing = QName::new(
        after.name.schema.as_str(),
        format!("migrate_new_{}", &hash::sha256(after.name.to_string().as_bytes())[..12]),
    );
    let mut statements = vec![render::create_enum(&passing, &after.values)];
    let (mut kept, mut defaults) = (Vec::new(), Vec::new());
    let mut order = crate::dialect::Order::default();
    let changes = context.diff.table_changes();
    let stay = changes.values().filter(|it| !context.rebuilds.tables.contains(&it.after.name));
    for change in stay {
        for staying in staying_of(change, before) {
            let (table, column) = (staying.table(), staying.after);
            if super::hierarchy::followed(table, &column.name, context).is_some() {
                // The parent's column takes it along, default and all.
                order.takes.extend([staying.column(), staying.values()]);
                order.makes.insert(staying.column());
                if !is_moved_above(&staying, before, context) {
                    order.makes.insert(staying.values());
                }
                continue;
            }
            let is_array = column.data_type.ends_with("[]");
            if is_array && !staying.source.values.is_empty() {
                return Err(LowerError {
                    what: format!("column {table}.{}", column.name),
                    why: format!(
                        "values of type {} are mapped and the column is an array of it",
                        after.name
                    ),
                    help: "map the values of the array in a migration of its own".to_owned(),
                });
            }
            let own = quote_ident(&column.name);
            let returned = staying.returns_through_text(context);
            if !returned && !is_array {
                let keeping = keep_text(&staying, context);
                if !keeping.is_empty() {
                    kept.push(context.keeps_as(table, Some(&column.name)));
                    order.needs.extend(staying.keep_key().needs());
                }
                statements.extend(keeping);
            }
            if staying.before.default.is_some() && !returned {
                statements.push(render::alter_column(table, &column.name, "DROP DEFAULT"));
            }
            let text = if staying.source.values.is_empty() {
                format!("{own}::text")
            } else {
                values::mapped(&own, &staying.source.values)
            };
            let suffix = if is_array { "[]" } else { "" };
            let target = format!("{}{suffix}", quote_name(&passing));
            let what = format!("TYPE {target} USING {text}::{target}");
            statements.push(render::alter_column(table, &column.name, &what));
            if let Some(default) = &column.default {
                defaults.push(render::alter_column(
                    table,
                    &column.name,
                    &format!("SET DEFAULT {default}"),
                ));
            }
            order.needs.extend(passing::waits(table, &column.name, context));
            order.needs.extend(context.made_in(column.default.as_deref()));
            let freed = passing::freed(table, staying.before, context);
            order.frees.extend(context.taken_in(freed));
            order.takes.extend([staying.column(), staying.values()]);
            order.makes.insert(staying.column());
            if values::steps(&staying, Converts::Yes, context).is_empty() {
                order.makes.insert(staying.values());
            }
            if returned {
                order.needs.insert(staying.stage("text"));
            }
        }
    }
    statements.push(format!("DROP TYPE {}", quote_name(&before.name)));
    statements.push(format!(
        "ALTER TYPE {} RENAME TO {}",
        quote_name(&passing),
        quote(after.name.name.as_str())
    ));
    statements.extend(defaults);
    if after.comment.is_some() {
        statements.push(render::comment_on_enum(after));
    }
    let mut made = step(Action::RebuildEnum, format!("rebuild type {}", after.name), statements);
    if order.takes.is_empty() {
        made = made.lock(crate::dialect::Lock::None).work(crate::dialect::Work::Catalog);
    }
    if !kept.is_empty() {
        made = made.undo(
            Undo::Kept,
            "values that the way back cannot compute are kept with their row keys",
        );
    }
    // It takes and makes the type itself.
    let own = Resource::Enum(after.name.clone());
    order.needs.remove(&own);
    order.frees.remove(&own);
    made.order = order;
    Ok(made
        .makes(kept.into_iter().map(Resource::Kept))
        .takes([Resource::Enum(after.name.clone())])
        .makes([Resource::Enum(after.name.clone())]))
}

/// The columns of a table that have the type on both sides.
fn staying_of<'c>(change: &'c TableChange, enum_type: &EnumType) -> Vec<Staying<'c>> {
    let columns = change.mapping.iter().filter_map(|source| {
        let before = change.before.column(&source.column)?;
        let after = change.after.column(&source.column)?;
        let same = before.data_type == after.data_type && is_of_enum(&after.data_type, enum_type);
        (same && after.generated.is_none()).then_some(Staying { change, before, after, source })
    });
    columns.collect()
}

/// Whether steps of their own move the values of a column that the table has from a parent, there.
fn is_moved_above(staying: &Staying<'_>, before: &EnumType, context: &Context<'_>) -> bool {
    let changes = super::hierarchy::above(&context.before, staying.table()).into_iter();
    let mut above = changes
        .filter_map(|parent| context.changes.get(parent))
        .flat_map(|change| staying_of(change, before));
    above.any(|above| {
        above.after.name == staying.after.name
            && !values::steps(&above, Converts::Yes, context).is_empty()
    })
}

/// Keeps the rows whose value the map changes; as text, since neither type has the values of both.
fn keep_text(staying: &Staying<'_>, context: &Context<'_>) -> Vec<String> {
    if !staying.keeps_altered() {
        return Vec::new();
    }
    let own = format!("\"t\".{}", quote_ident(&staying.after.name));
    let after = values::text_as_said(&own, staying.source);
    let condition = format!("{own}::text IS DISTINCT FROM {after}");
    values::set_aside(staying, &keep::Altered { after, condition }, context)
}
