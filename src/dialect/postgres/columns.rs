//! Columns of tables that stay: added, dropped, reshaped.

use std::collections::BTreeSet;

use super::action::{Action, step};
use super::context::{Context, Mention};
use super::filling::{self, How};
use super::generated::{add_generated, drop_generated, new_expression};
use super::keep::{self, RowKey};
use super::parts::column_texts;
use super::quote::{quote_ident, quote_name};
use super::types::{Conversion, conversion, is_builtin};
use super::ungenerate::ungenerate;
use super::values::{self, Staying};
use super::work::of_type_change;
use super::{
    handed_out, hierarchy, moved, not_null, online, passing, positions, render, sequences,
};
use crate::catalog::Column;
use crate::change::{ColumnSource, SourceOrigin, TableChange};
use crate::dialect::reach::Reach;
use crate::dialect::{LowerError, Resource, Step, Undo, hide};
use crate::text::{Dialect, QName};

/// The steps for the columns of one table.
///
/// # Errors
/// A change of a column that cannot be made.
pub(super) fn steps(change: &TableChange, context: &Context<'_>) -> Result<Vec<Step>, LowerError> {
    let mut steps = Vec::new();
    for column in &change.before.columns {
        let follows = hierarchy::followed(&change.after.name, &column.name, context).is_some();
        if change.after.column(&column.name).is_none() && !follows {
            moved::refuse_other_type(change, column, context)?;
            steps.push(drop(change, column, context));
        }
    }
    for source in &change.mapping {
        let Some(after) = change.after.column(&source.column) else { continue };
        if let Some(parent) = hierarchy::followed(&change.after.name, &after.name, context) {
            steps.extend(hierarchy::follow(change, after, parent, context));
            continue;
        }
        match change.before.column(&source.column) {
            None => {
                refuse_required_domain(change, after, context)?;
                steps.extend(add(change, after, source, context));
            }
            Some(before) => {
                let staying = Staying { change, before, after, source };
                steps.extend(stay(&staying, context)?);
            }
        }
    }
    Ok(steps)
}

/// A column whose domain takes no NULL cannot come back to rows before its values do.
fn refuse_required_domain(
    change: &TableChange,
    column: &Column,
    context: &Context<'_>,
) -> Result<(), LowerError> {
    let returns = context.direction == crate::dialect::Direction::Down
        && (column.default.is_none()
            || returns_uncounted(&change.after.name, column, context)
            || passing::counts_itself(column))
        && column.generated.is_none();
    let domain = context.after().opaques.values().find(|opaque| {
        let id = &opaque.id;
        let mention = || Mention::new(Resource::Opaque(id.clone()), &id.name);
        id.kind == crate::catalog::OpaqueKind::Domain
            && !column.data_type.ends_with(']')
            && opaque.create.iter().any(|text| text.ends_with(" NOT NULL"))
            && mention().is_in(&column.data_type)
    });
    match domain.filter(|_| returns) {
        None => Ok(()),
        Some(domain) => Err(LowerError {
            what: format!("column {}.{}", change.after.name, column.name),
            why: format!(
                "its {} takes no NULL, so rollback cannot bring it back to rows",
                domain.id
            ),
            help: "give the column or the domain a default first, or put NOT NULL on the column"
                .to_owned(),
        }),
    }
}

fn stay(staying: &Staying<'_>, context: &Context<'_>) -> Result<Vec<Step>, LowerError> {
    let (before, after) = (staying.before, staying.after);
    let table = staying.table();
    let mut steps = Vec::new();
    match (&before.generated, &after.generated) {
        (Some(_), Some(_)) => {
            if let Some(expression) = new_expression(staying, context) {
                steps.push(expression);
                steps.extend(nullability(staying, false, None, context));
                steps.extend(comment(table, before, after));
            } else if super::around::reshapes(before, after) || before.not_null != after.not_null {
                steps.push(drop_generated(&staying.change.before, before, context));
                steps.push(add_generated(&staying.change.after, after, context));
            } else {
                steps.extend(comment(table, before, after));
            }
            return Ok(steps);
        }
        (None, Some(_)) => {
            steps.push(drop(staying.change, before, context));
            steps.push(add_generated(&staying.change.after, after, context));
            return Ok(steps);
        }
        (Some(generated), None) => {
            steps.extend(ungenerate(staying, generated, context));
            steps.extend(sequences::steps(staying, context));
            steps.extend(comment(table, before, after));
            return Ok(steps);
        }
        (None, None) => {}
    }
    let changes_type = before.data_type != after.data_type || before.collation != after.collation;
    let rebuilt = !changes_type && context.rebuilds_type(&after.data_type);
    if staying.returns_through_text(context) && (changes_type || rebuilt) {
        steps.push(return_through_text(staying, context));
    }
    if changes_type {
        steps.push(change_type(staying, context));
    }
    let converts = values::converts(before, after, context);
    let moves = values::steps(staying, converts, context);
    if changes_type && moves.is_empty() {
        steps = steps
            .into_iter()
            .map(|step| {
                if step.order.makes.contains(&staying.column()) {
                    step.makes([staying.values()])
                } else {
                    step
                }
            })
            .collect();
    }
    let passes = context.around.passing.contains(&(table.clone(), after.name.clone()));
    let moved = !moves.is_empty() || changes_type || rebuilt || passes;
    steps.extend(moves);
    let rest = values::rest(staying, converts, context);
    steps.extend(nullability(staying, moved, rest, context));
    steps.extend(sequences::leave(staying, context));
    steps.extend(sequences::steps(staying, context));
    let sequence_sets_default = sequences::sets_default(before, after);
    let is_off = !passing::waits(table, &after.name, context).is_empty();
    let sets_default = before.default != after.default || is_off && after.default.is_some();
    if sets_default && !changes_type && !rebuilt && !sequence_sets_default {
        steps.push(default(staying, context));
    }
    steps.extend(comment(table, before, after));
    Ok(steps)
}

fn comment(table: &QName, before: &Column, after: &Column) -> Option<Step> {
    (before.comment != after.comment).then(|| {
        let statement = render::comment_on_column(table, &after.name, after.comment.as_deref());
        step(Action::Comment, format!("comment on {table}.{}", after.name), vec![statement])
            .needs([Resource::Column(table.clone(), after.name.clone())])
    })
}

fn default(staying: &Staying<'_>, context: &Context<'_>) -> Step {
    let (table, after) = (staying.table(), staying.after);
    let (title, what) = match &after.default {
        Some(default) => {
            (format!("set default of {table}.{}", after.name), format!("SET DEFAULT {default}"))
        }
        None => (format!("drop default of {table}.{}", after.name), "DROP DEFAULT".to_owned()),
    };
    let goes_down = staying.before.default != after.default
        && hierarchy::default_goes_down(table, &after.name, context);
    let statement = if goes_down {
        render::alter_column(table, &after.name, &what)
    } else {
        hierarchy::alter_own(table, &after.name, &what, context)
    };
    step(Action::SetDefault, title, vec![statement])
        .needs([staying.column()])
        .needs(context.made_in(column_texts(after)))
        .needs(passing::waits(table, &after.name, context))
        .needs(passing::waits_below(table, &after.name, context))
        .frees(context.taken_in(passing::freed(table, staying.before, context)))
        .makes([hierarchy::settled(table, &after.name)])
}

/// `rest` writes rows that came while the others were written.
fn nullability(
    staying: &Staying<'_>,
    moved: bool,
    rest: Option<Step>,
    context: &Context<'_>,
) -> Vec<Step> {
    let (table, before, after) = (staying.table(), staying.before, staying.after);
    match (before.not_null, after.not_null) {
        (false, true) => {
            let made = step(
                Action::SetNotNull,
                format!("require {table}.{}", after.name),
                vec![not_null::require(&staying.change.after, &after.name)],
            )
            .needs([staying.column(), staying.values()])
            .makes([staying.stage("required"), hierarchy::settled(table, &after.name)]);
            let unchecked = not_null::is_unchecked(&staying.change.after, &after.name);
            let made = if unchecked { made.work(crate::dialect::Work::Catalog) } else { made };
            online::require(&staying.change.after, &after.name, made, rest, context)
        }
        (true, false) => {
            let mut statements = Vec::new();
            let mut kept = None;
            if sequences::drops_identity_with_not_null(before, after) {
                statements.extend(sequences::save_position(staying, context));
                statements.push(render::alter_column(table, &after.name, "DROP IDENTITY"));
                kept = Some(Resource::Kept(positions::kept_as(table, &after.name, context)));
            }
            statements.push(render::alter_column(table, &after.name, "DROP NOT NULL"));
            let made = step(
                Action::DropNotNull,
                format!("make {table}.{} optional", after.name),
                statements,
            )
            .takes([staying.values()])
            .frees([staying.column()])
            .makes(kept)
            .makes([staying.stage("null")]);
            vec![if moved { made } else { made.makes([staying.values()]) }]
        }
        (true, true) | (false, false) => Vec::new(),
    }
}

/// `ALTER COLUMN … TYPE`, with the default off meanwhile.
fn change_type(staying: &Staying<'_>, context: &Context<'_>) -> Step {
    let (table, before, after) = (staying.table(), staying.before, staying.after);
    let name = &after.name;
    let returned = staying.returns_through_text(context);
    let own = quote_ident(name);
    let mut statements = match returned {
        true => values::keep_from_text(staying, context),
        false => values::keep_before_conversion(staying, context),
    };
    let keeps = !statements.is_empty();
    if !returned && before.default.is_some() {
        statements.push(render::alter_column(table, name, "DROP DEFAULT"));
    }
    let old_type = if returned { "text" } else { before.data_type.as_str() };
    let by_assignment = !staying.source.is_converted_as_said()
        && conversion(old_type, &after.data_type) == Conversion::Assignment;
    let using = match (by_assignment, returned) {
        (true, _) => String::new(),
        // What `down` says has been done on the way to text.
        (false, true) => {
            let values = &staying.source.values;
            format!(" USING {}", values::convert(&own, old_type, &after.data_type, values))
        }
        (false, false) => format!(" USING {}", staying.converted(&own)),
    };
    let what = format!("TYPE {}{}{using}", after.data_type, render::collation(after));
    statements.push(render::alter_column(table, name, &what));
    if let Some(default) = &after.default
        && !sequences::sets_default(before, after)
    {
        statements.push(render::alter_column(table, name, &format!("SET DEFAULT {default}")));
    }
    let work = if by_assignment || !staying.source.is_converted_as_said() {
        of_type_change(&before.data_type, &after.data_type)
    } else {
        super::action::TypeWork::Rewrite
    };
    let key = staying.keep_key();
    let key_columns = key.columns().into_iter().filter(|column| *column != name);
    let key_resources: Vec<Resource> = key_columns
        .flat_map(|column| {
            [
                Resource::Column(table.clone(), column.clone()),
                Resource::Values(table.clone(), column.clone()),
            ]
        })
        .collect();
    let mut made = step(
        Action::ChangeType(work),
        format!("change type of {table}.{name} from {} to {}", before.data_type, after.data_type),
        statements,
    )
    .needs(context.made_in(passing::needed(after)))
    .needs(passing::waits(table, name, context))
    .frees(context.taken_in(passing::freed(table, before, context)))
    .takes([staying.column(), staying.values()])
    .makes([staying.column()]);
    if keeps {
        made = made
            .frees(key_resources)
            .needs(key.needs())
            .makes([Resource::Kept(context.keeps_as(table, Some(name)))])
            .undo(
                Undo::Kept,
                "values that the way back cannot compute are kept with their row keys",
            );
    }
    if returned { made.needs([staying.stage("text")]) } else { made }
}

/// The way back of a conversion to a user's type: the column becomes text, kept values return, and only then the
/// old type looks at them.
fn return_through_text(staying: &Staying<'_>, context: &Context<'_>) -> Step {
    let (table, before, after) = (staying.table(), staying.before, staying.after);
    let name = &after.name;
    let own = quote_ident(name);
    let kept = context.kept_by_the_other_way(table, Some(name));
    let mut statements = Vec::new();
    let keeping = values::keep_before_conversion_through_text(staying, context);
    let key = staying.restore_key(context);
    let mut needs = key.needs();
    if !keeping.is_empty() {
        needs.extend(staying.keep_key().needs());
    }
    statements.extend(keeping);
    if before.default.is_some() {
        statements.push(render::alter_column(table, name, "DROP DEFAULT"));
    }
    let said = staying.source.using_over(&own, Dialect::Postgres);
    let as_text = said.map_or_else(|| format!("{own}::text"), |said| format!("({said})::text"));
    statements.push(render::alter_column(table, name, &format!("TYPE text USING {as_text}")));
    let written = "\"k\".\"after\"";
    let written = staying
        .source
        .using_over(&format!("{written}::{}", before.data_type), Dialect::Postgres)
        .unwrap_or_else(|| written.to_owned());
    let text = Column { data_type: "text".to_owned(), ..Column::plain(name.as_str(), "text") };
    statements.extend(keep::restore_altered(
        table,
        &text,
        &key.without(name),
        &kept.name,
        &written,
    ));
    let made = values::quietly(
        format!("put old values back into {table}.{name}"),
        table,
        statements,
        context,
    );
    made.lock(crate::dialect::Lock::AccessExclusive)
        .work(crate::dialect::Work::Rewrite)
        .needs(needs)
        .needs(passing::waits(table, name, context))
        .frees(context.taken_in(passing::freed(table, before, context)))
        .takes([staying.column(), staying.values()])
        .makes([staying.stage("text")])
        .reads(kept)
}

pub(super) fn drop_column(table: &QName, column: &Column) -> String {
    format!("ALTER TABLE {} DROP COLUMN {}", quote_name(table), quote_ident(&column.name))
}

/// Drops a column, its values copied first unless they are to be thrown away.
fn drop(change: &TableChange, column: &Column, context: &Context<'_>) -> Step {
    if column.generated.is_some() {
        return drop_generated(&change.before, column, context);
    }
    let table = &change.after.name;
    let own = Resource::Column(table.clone(), column.name.clone());
    let title = format!("drop column {table}.{}", column.name);
    let made = if context.is_discarded(table, Some(&column.name)) {
        step(Action::DropColumn, title, vec![drop_column(table, column)])
    } else {
        let key = RowKey::to_keep(&change.before, &change.after);
        let kept = context.keeps_as(table, Some(&column.name));
        let mut statements =
            vec![keep::hold_writes(table), keep::keep_column(change, column, &key, &kept, context)];
        let position = positions::kept_as(table, &column.name, context);
        let computed = keep::computed_back(change, column);
        let read = computed.map(|text| reads_first(text, table, context)).unwrap_or_default();
        let computed = computed.map(|text| reads_at_last(text, change, context));
        let sequence = super::parts::column_sequences(column);
        statements.extend(sequence.map(|it| positions::save(it, table, column, &position)));
        statements.push(drop_column(table, column));
        let reads =
            key.columns().into_iter().filter(|name| **name != column.name).flat_map(|name| {
                [
                    Resource::Column(table.clone(), name.clone()),
                    Resource::Values(table.clone(), name.clone()),
                ]
            });
        let kept_as = step(Action::KeepAndDropColumn, title, statements);
        let reason =
            hide::copied(&kept_as.facts.reason, table, [&column.name], &context.diff.intent);
        kept_as
            .undo(Undo::Kept, &reason)
            .frees(reads.collect::<Vec<_>>())
            .frees(read)
            .needs(key.needs())
            .needs(computed.unwrap_or_default())
            .makes([Resource::Kept(kept)])
            .makes(sequence.map(|_| Resource::Kept(position)))
    };
    let sequence = super::parts::column_sequences(column)
        .map(|sequence| super::parts::slot(&sequence.name.schema, &sequence.name.name));
    made.frees(context.taken_in(passing::needed(column))).takes([own]).takes(sequence)
}

/// Adds a column; then values that the other way kept, a backfill, and NOT NULL, each in a step of its own.
fn add(
    change: &TableChange,
    column: &Column,
    source: &ColumnSource,
    context: &Context<'_>,
) -> Vec<Step> {
    if column.generated.is_some() {
        return vec![add_generated(&change.after, column, context)];
    }
    let table = &change.after.name;
    let name = &column.name;
    let own = Resource::Column(table.clone(), name.clone());
    let own_values = Resource::Values(table.clone(), name.clone());
    let numbers = sequences::numbers(column);
    let restores = !context.is_discarded(table, Some(name));
    let key = RowKey::to_restore(&change.before, &change.after, context);

    let default = filling::default(column);
    let how = filling::how(change, column, source, restores, context);
    let fills = source.fill.is_some() || how == How::DefaultByPages;
    // With a backfill, rows that exist must not get the default: it is set once the column is there.
    let waits = fills || returns_uncounted(table, column, context);
    let at_once = default.filter(|_| !waits);
    let clause = not_null::clause(&change.after, column);
    let required_at_once = !clause.is_empty() && at_once.is_some();
    let mut definition = render::column_type(column);
    definition.extend(at_once.map(|default| format!(" DEFAULT {default}")));
    if required_at_once {
        definition.push_str(&clause);
    }
    let mut statements = vec![format!("ALTER TABLE {} ADD COLUMN {definition}", quote_name(table))];
    if let Some(default) = default.filter(|_| waits) {
        statements.push(render::alter_column(table, name, &format!("SET DEFAULT {default}")));
    }
    statements.extend(
        column.comment.as_ref().map(|text| render::comment_on_column(table, name, Some(text))),
    );
    let rewrites = at_once.is_some_and(|default| is_volatile(default))
        || !is_builtin(&column.data_type)
            && context.after().opaques.keys().any(|id| {
                id.kind == crate::catalog::OpaqueKind::Domain
                    && column.data_type.contains(id.name.name.as_str())
            });
    let action = if rewrites { Action::AddColumnRewriting } else { Action::AddColumn };
    let mut steps = vec![
        step(action, format!("add column {table}.{name}"), statements)
            .needs([Resource::Table(table.clone())])
            .needs(context.made_in(passing::needed(column)))
            .makes([own.clone()]),
    ];
    let restored = context.kept_by_the_other_way(table, Some(name)).name;
    let filled = Resource::Constraint(table.clone(), format!("backfill of {name}"));
    // After the backfill: a NULL that was kept is a value too.
    let returns = restores.then(|| {
        let computed = source.computed(Dialect::Postgres);
        restore(change, column, &key, computed, context)
    });
    let (filling, rest) = match fills {
        true => filling::steps(change, column, source, how, &filled, context),
        false => (Vec::new(), None),
    };
    if how == How::DefaultByPages {
        steps.extend(returns);
        let kept = [Resource::Kept(restored.clone())];
        steps.extend(filling.into_iter().map(|it| it.needs(kept.clone())));
    } else {
        steps.extend(filling);
        steps.extend(returns.map(|it| it.needs([filled])));
    }
    if numbers {
        steps.push(
            sequences::number_rows(&change.after, column, context)
                .needs([own.clone(), Resource::Kept(restored)])
                .takes([own_values.clone()]),
        );
    } else if column.not_null && !required_at_once {
        let statement = not_null::require(&change.after, name);
        let made = step(Action::SetNotNull, format!("require {table}.{name}"), vec![statement])
            .needs([
                own,
                own_values.clone(),
                Resource::Kept(context.kept_by_the_other_way(table, Some(name)).name),
            ])
            .makes([online::required(table, name)]);
        steps.extend(online::require(&change.after, name, made, rest, context));
    }
    // The last step that writes values has made them.
    if let Some(last) = steps.iter_mut().rev().find(|step| !step.title.starts_with("require ")) {
        last.order.makes.insert(own_values);
    }
    if restores && numbers {
        steps.extend(positions::restore(table, column, context));
    }
    steps
}

/// Puts kept values back into a column that was added again.
pub(super) fn restore(
    change: &TableChange,
    column: &Column,
    key: &RowKey,
    computed: Option<&str>,
    context: &Context<'_>,
) -> Step {
    let table = &change.after.name;
    let kept = context.kept_by_the_other_way(table, Some(&column.name));
    let renamed = context.renamed_values(&column.data_type);
    let statements = match returns_uncounted(table, column, context) {
        true => keep::restore_or_count(table, column, key, &kept.name, &renamed),
        false => keep::restore_column(table, column, key, &kept.name, &renamed, computed),
    };
    let reads = key.columns().into_iter().flat_map(|name| {
        [
            Resource::Column(table.clone(), name.clone()),
            Resource::Values(table.clone(), name.clone()),
        ]
    });
    let own_values = Resource::Values(table.clone(), column.name.clone());
    values::quietly(
        format!("put values back into {table}.{}", column.name),
        table,
        statements,
        context,
    )
    .needs([Resource::Column(table.clone(), column.name.clone())])
    .needs(key.needs())
    .needs(reads.filter(|resource| *resource != own_values))
    .makes([Resource::Kept(kept.name.clone())])
    .takes([own_values])
    .reads(kept)
}

/// What an expression over a row reads of other tables and this way takes away.
pub(super) fn reads_first(text: &str, own: &QName, context: &Context<'_>) -> Vec<Resource> {
    Reach::of(text, Dialect::Postgres).goes(own, &context.before, context.after())
}

/// Holds writes to other tables whose values are read before they go: what is written in between would not move.
pub(super) fn hold_what_goes(reads: &[Resource], own: &QName) -> Vec<String> {
    let tables: BTreeSet<&QName> = reads
        .iter()
        .filter_map(|read| match read {
            Resource::Table(table) | Resource::Column(table, _) if table != own => Some(table),
            _ => None,
        })
        .collect();
    tables.into_iter().map(keep::hold_writes).collect()
}

/// What an expression over the rows as this way leaves them reads and this way fills.
fn reads_at_last(text: &str, change: &TableChange, context: &Context<'_>) -> Vec<Resource> {
    let comes = Reach::of(text, Dialect::Postgres).comes(&context.before, context.after());
    let new = change.mapping.iter().filter(|source| source.origin == SourceOrigin::New);
    let own = new.map(|it| Resource::Values(change.after.name.clone(), it.column.clone()));
    comes.into_iter().chain(own).collect()
}

/// Whether a column comes back without taking numbers for the rows that come back too.
fn returns_uncounted(table: &QName, column: &Column, context: &Context<'_>) -> bool {
    context.direction == crate::dialect::Direction::Down
        && handed_out::counts_elsewhere(column)
        && !context.is_discarded(table, Some(&column.name))
}

/// Whether a default gives each row its own value, so that adding it writes every row.
/// Source: measured; `contain_volatile_functions` decides in the engine.
pub(super) fn is_volatile(default: &str) -> bool {
    ["nextval(", "random(", "gen_random_uuid(", "uuid_generate", "clock_timestamp(", "timeofday("]
        .iter()
        .any(|call| default.contains(call))
}
