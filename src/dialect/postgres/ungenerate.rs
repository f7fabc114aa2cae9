//! A generated column becomes a plain one that holds what it showed; values that the other way kept come back before
//! the type and NOT NULL of the plain column look at them.

use super::action::{Action, TypeWork, step};
use super::columns::{drop_column, restore};
use super::context::Context;
use super::generated::computed_from;
use super::keep::RowKey;
use super::parts::column_texts;
use super::quote::{quote_ident, quote_name};
use super::types::{Conversion, conversion};
use super::values::{self, Staying};
use super::{not_null, passing, render, sequences};
use crate::catalog::{Column, Generated, GeneratedStorage};
use crate::dialect::{Direction, Lock, Step, Work};

/// The steps: plain, filled with what was kept, and last what is asked of the values.
pub(super) fn ungenerate(
    staying: &Staying<'_>,
    generated: &Generated,
    context: &Context<'_>,
) -> Vec<Step> {
    let (table, before, after) = (staying.table(), staying.before, staying.after);
    let restores = !context.is_discarded(table, Some(&after.name));
    let meanwhile = meanwhile(staying, context);
    let made = match generated.storage {
        GeneratedStorage::Stored => keep_stored(staying, &meanwhile),
        GeneratedStorage::Virtual => store_computed(staying, generated, &meanwhile, context),
    };
    let is_text = meanwhile.data_type != after.data_type;
    let last = finish(staying, &meanwhile, context);
    let shape = if is_text { staying.stage("text") } else { staying.column() };
    let mut made = made
        .needs(context.made_in(passing::needed(&meanwhile)))
        .frees(context.taken_in(column_texts(before)))
        .frees(computed_from(&staying.change.before, before))
        .takes([staying.column()])
        .makes([shape.clone()]);
    if last.is_none() && !restores {
        made = made.makes([staying.values()]);
    }
    let mut steps = vec![made];
    if restores {
        let key = RowKey::to_restore(&staying.change.before, &staying.change.after, context);
        let mut back = restore(staying.change, &meanwhile, &key, None, context);
        back.order.needs.remove(&staying.column());
        let filled = if last.is_none() { staying.values() } else { staying.stage("filled") };
        steps.push(back.needs([shape.clone()]).makes([filled]));
    }
    let last = last.map(|step| {
        let step = step.needs([shape, staying.stage("filled")]);
        let step = if is_text { step.makes([staying.column()]) } else { step };
        step.makes([staying.values(), staying.stage("required")])
    });
    steps.extend(last);
    steps
}

/// The plain column while kept values return: text where what it showed need not fit the type that it gets.
fn meanwhile(staying: &Staying<'_>, context: &Context<'_>) -> Column {
    let (before, after) = (staying.before, staying.after);
    let is_back = context.direction == Direction::Down;
    let may_not_fit = match conversion(&before.data_type, &after.data_type) {
        _ if before.data_type == after.data_type => false,
        Conversion::ThroughText => true,
        Conversion::Explicit => is_back,
        Conversion::Assignment => is_back && after.data_type.contains('('),
    };
    match may_not_fit {
        true => Column::plain(after.name.as_str(), "text"),
        false => Column { default: None, not_null: false, ..after.clone() },
    }
}

fn keep_stored(staying: &Staying<'_>, meanwhile: &Column) -> Step {
    let (table, before) = (staying.table(), staying.before);
    let name = &meanwhile.name;
    let mut statements = vec![render::alter_column(table, name, "DROP EXPRESSION")];
    if before.data_type != meanwhile.data_type || before.collation != meanwhile.collation {
        let using =
            values::convert(&quote_ident(name), &before.data_type, &meanwhile.data_type, &[]);
        let kind = &meanwhile.data_type;
        let what = format!("TYPE {kind}{} USING {using}", render::collation(meanwhile));
        statements.push(render::alter_column(table, name, &what));
    }
    if before.not_null && !staying.after.not_null {
        statements.push(render::alter_column(table, name, "DROP NOT NULL"));
    }
    step(Action::DropExpression, format!("make {table}.{name} a plain column"), statements)
}

/// The engine has no DROP EXPRESSION for a virtual column: it is dropped, and what it showed is written into a new one.
fn store_computed(
    staying: &Staying<'_>,
    generated: &Generated,
    meanwhile: &Column,
    context: &Context<'_>,
) -> Step {
    let (table, before, after) = (staying.table(), staying.before, staying.after);
    let name = &after.name;
    let shown = format!("(({})::{})", generated.expression, before.data_type);
    let value = values::convert(&shown, &before.data_type, &meanwhile.data_type, &[]);
    let mut statements = vec![
        drop_column(table, before),
        format!("ALTER TABLE {} ADD COLUMN {}", quote_name(table), render::column_type(meanwhile)),
        format!("UPDATE {} SET {} = {value}", quote_name(table), quote_ident(name)),
    ];
    if let Some(text) = after.comment.as_deref().filter(|_| before.comment == after.comment) {
        statements.push(render::comment_on_column(table, name, Some(text)));
    }
    values::quietly(format!("make {table}.{name} a plain column"), table, statements, context)
        .lock(Lock::AccessExclusive)
        .work(Work::Rewrite)
}

/// The type, the default and NOT NULL, once the values are there.
fn finish(staying: &Staying<'_>, meanwhile: &Column, context: &Context<'_>) -> Option<Step> {
    let (table, before, after) = (staying.table(), staying.before, staying.after);
    let name = &after.name;
    let mut statements = Vec::new();
    let mut action = Action::SetDefault;
    if meanwhile.data_type != after.data_type {
        let using =
            values::convert(&quote_ident(name), &meanwhile.data_type, &after.data_type, &[]);
        let what = format!("TYPE {}{} USING {using}", after.data_type, render::collation(after));
        statements.push(render::alter_column(table, name, &what));
        action = Action::ChangeType(TypeWork::Rewrite);
    }
    if let Some(default) = &after.default
        && !sequences::sets_default(before, after)
    {
        statements.push(render::alter_column(table, name, &format!("SET DEFAULT {default}")));
    }
    let is_virtual = before.generated.as_ref().map(|it| it.storage);
    let is_required = before.not_null && is_virtual == Some(GeneratedStorage::Stored);
    if after.not_null && !is_required {
        statements.push(not_null::require(&staying.change.after, name));
        if action == Action::SetDefault {
            action = Action::SetNotNull;
        }
    }
    let title = format!("give {table}.{name} what its values must be");
    (!statements.is_empty())
        .then(|| step(action, title, statements).needs(context.made_in(passing::needed(after))))
}
