//! From what differs to steps: one match over the kinds of change.

use super::action::{Action, step};
use super::context::{Context, Run};
use super::quote::quote_ident;
use super::rebuild::Rebuilds;
use super::{
    anew, circles, columns, constraints, enums, facets, generated, handed_out, hierarchy, not_null,
    numbers, opaques, ownership, partial, passing, persistence, renames, render, settings,
    statistics, tables,
};
use crate::change::{Change, Delta, Diff, Rename, TableChange};
use crate::dialect::online::Online;
use crate::dialect::{Direction, LowerError, Resource, Step};

/// The steps that carry out a comparison, in no particular order.
///
/// # Errors
/// A change that PostgreSQL cannot make, or that is not carried yet, by name.
pub fn lower(
    diff: &Diff,
    direction: Direction,
    tag: &str,
    online: &Online,
) -> Result<Vec<Step>, LowerError> {
    let renames: Vec<Rename> = diff.renames().cloned().collect();
    let mut before = crate::diff::renamed(&diff.before, &renames);
    let run = Run { direction, tag, online };
    let rebuilds = Rebuilds::find(diff, &before, run);
    let (diff, moving) = ownership::split(diff, &before, &rebuilds.tables);
    ownership::disown_all(&mut before, &moving);
    let diff = partial::tell(diff, &before);
    let diff = rebuilds.tell(diff, &mut before);
    let mut context = Context::new(&diff, before, moving, rebuilds, run);
    context.part_for_keys();
    let mut steps = renames::steps(&context);
    steps.extend(ownership::steps(&context));
    for change in &diff.changes {
        match change {
            Change::Rename(_) => {}
            // They are read from both catalogs once it is known what is made anew.
            Change::Facets(_) => {}
            Change::Schema(delta) => steps.extend(schema(delta)),
            Change::Enum(delta) => steps.extend(enums::steps(delta, &context)?),
            Change::Table(Delta::Add(table)) => {
                let (plain, late) = circles::split(table, context.after());
                steps.extend(tables::add(&plain, &context));
                steps.extend(late.add(table, &context));
            }
            Change::Table(Delta::Drop(table)) => {
                let (plain, late) = circles::split(table, &context.before);
                steps.extend(tables::drop(&plain, &context));
                steps.extend(late.drop(table, &context));
            }
            Change::Table(Delta::Alter { before: _, after }) => {
                return Err(LowerError {
                    what: format!("table {}", after.name),
                    why: "a changed table must come as a table change".to_owned(),
                    help: "this is a mistake in the comparison; please report it".to_owned(),
                });
            }
            Change::AlterTable(change) => steps.extend(alter_table(change, &context)?),
            Change::Opaque(delta) => steps.extend(opaques::steps(delta, &context)?),
        }
    }
    steps.extend(generated::around(&context));
    steps.extend(passing::steps(&context)?);
    steps.extend(constraints::around(&context));
    steps.extend(opaques::around(&context)?);
    steps.extend(settings::around(&context));
    let steps = handed_out::finish(steps, &context);
    let steps = numbers::finish(steps, &context)?;
    let mut steps = facets::finish(hierarchy::finish(steps, &context)?, &context);
    anew::finish(&mut steps, &context);
    opaques::order_event_triggers(&mut steps);
    Ok(steps)
}

fn schema(delta: &Delta<crate::text::Ident>) -> Vec<Step> {
    match delta {
        Delta::Add(name) => vec![
            step(
                Action::CreateSchema,
                format!("create schema {name}"),
                vec![format!("CREATE SCHEMA {}", quote_ident(name))],
            )
            .makes([Resource::Schema(name.clone())]),
        ],
        Delta::Drop(name) => vec![
            step(
                Action::DropSchema,
                format!("drop schema {name}"),
                vec![format!("DROP SCHEMA {}", quote_ident(name))],
            )
            .takes([Resource::Schema(name.clone())]),
        ],
        // A schema is its name.
        Delta::Alter { .. } => Vec::new(),
    }
}

fn alter_table(change: &TableChange, context: &Context<'_>) -> Result<Vec<Step>, LowerError> {
    if context.rebuilds.tables.contains(&change.after.name) {
        return Ok(anew::steps(change, context));
    }
    let mut steps = columns::steps(change, context)?;
    steps.extend(not_null::steps(change, context));
    steps.extend(constraints::steps(change, context));
    steps.extend(settings::steps(change, context));
    let (before, after) = (&change.before, &change.after);
    if before.comment != after.comment {
        let statement = render::comment_on_table(&after.name, after.comment.as_deref());
        steps.push(
            step(Action::Comment, format!("comment on {}", after.name), vec![statement])
                .needs([Resource::Table(after.name.clone())]),
        );
    }
    steps.extend(persistence::steps(change, context));
    steps.extend(statistics::step_of(change, context));
    Ok(steps)
}
