//! Tables that are changed while they are used: rules are added without looking at the rows, then validated; keys and
//! indexes are built concurrently. Each step has a transaction of its own, so that no lock outlives the work it is for.
//!
//! Sources: PostgreSQL manual, ALTER TABLE (`NOT VALID`, `USING INDEX`, `SET NOT NULL`), CREATE INDEX, DROP INDEX; locks
//! measured on PostgreSQL 11 to 18.

use super::action::{Action, step};
use super::context::Context;
use super::hierarchy::{options, partitions};
use super::in_place::{self, Marks};
use super::quote::{quote_ident, quote_name};
use super::{paged, render};
use crate::catalog::{Column, Constraint, ConstraintKind, Index, Table};
use crate::change::{ColumnSource, Delta, Diff, Keep, SourceOrigin, TableChange};
use crate::dialect::online::Online;
use crate::dialect::{Order, Phase, Resource, Step, Transaction};
use crate::text::{Ident, QName, hash};

/// The tables of a difference that are changed while they are used, by their new names. None where an exclusion constraint
/// comes: rows that break it are not asked for before, so what it stops must be undone whole.
pub(super) fn of(diff: &Diff, online: &Online) -> Online {
    let excludes = |delta: &Delta<Constraint>| {
        delta.after().is_some_and(|it| matches!(it.kind, ConstraintKind::Exclusion))
    };
    let changes = diff.table_changes();
    match changes.values().any(|change| change.constraints.iter().any(excludes)) {
        true => Online::default(),
        false => online.renamed(diff),
    }
}

/// Whether a table is changed while it is used. Trees of tables are not: their indexes and keys come and go together.
pub(super) fn is_online(table: &Table, context: &Context<'_>) -> bool {
    let name = &table.name;
    let is_alone =
        |table: &Table| options(table).partition_by.is_none() && options(table).parents.is_empty();
    let sides = [context.before.tables.get(name), context.after().tables.get(name)];
    let has_children = [context.after(), &*context.before]
        .into_iter()
        .any(|catalog| partitions(catalog, name).next().is_some());
    context.online.contains(name)
        && sides.into_iter().all(|side| side.is_some_and(is_alone))
        && !has_children
        && !context.rebuilds.tables.contains(name)
        && !context.around.rebuilt_tables.contains(name)
}

/// A constraint that is added, where `plain` does it in one step.
pub(super) fn add(
    table: &Table,
    constraint: &Constraint,
    plain: Step,
    context: &Context<'_>,
) -> Vec<Step> {
    let Some(name) = constraint.name.as_ref().filter(|it| !is_there(table, it, context)) else {
        return vec![plain];
    };
    let other = match &constraint.kind {
        ConstraintKind::ForeignKey(key) => context.after().tables.get(&key.references),
        ConstraintKind::PrimaryKey { .. }
        | ConstraintKind::Unique { .. }
        | ConstraintKind::Check { .. }
        | ConstraintKind::Exclusion => None,
    };
    let is_used = |it: &Table| is_online(it, context);
    match &constraint.kind {
        _ if in_place::is_unchecked(constraint) => vec![plain],
        ConstraintKind::Check { .. } if is_used(table) => {
            validated_later(&table.name, name, Action::AddCheckNotValid, plain, context)
        }
        ConstraintKind::ForeignKey(_)
            if (is_used(table) || other.is_some_and(is_used))
                && !context.new_tables.contains(&table.name)
                && options(table).partition_by.is_none() =>
        {
            validated_later(&table.name, name, Action::AddForeignKeyNotValid, plain, context)
        }
        ConstraintKind::PrimaryKey { columns } | ConstraintKind::Unique { columns }
            if is_used(table) =>
        {
            match key_parts(constraint) {
                Some(parts) => from_index(table, name, columns, &parts, plain),
                None => vec![plain],
            }
        }
        ConstraintKind::Check { .. }
        | ConstraintKind::ForeignKey(_)
        | ConstraintKind::PrimaryKey { .. }
        | ConstraintKind::Unique { .. }
        // No index can be made into one.
        | ConstraintKind::Exclusion => vec![plain],
    }
}

/// Whether the table has a constraint or index of that name before: what takes its place must come at once.
fn is_there(table: &Table, name: &Ident, context: &Context<'_>) -> bool {
    context.before.tables.get(&table.name).is_some_and(|before| has(before, name))
}

fn has(table: &Table, name: &Ident) -> bool {
    table.constraints.iter().any(|it| it.name.as_ref() == Some(name))
        || table.indexes.iter().any(|it| it.name == *name)
}

/// What a plain step stands on, for a step that does not share its transaction.
fn apart(order: Order) -> Order {
    Order { phase: Phase::Apart, ..order }
}

/// The marker of a step before the last.
fn stage(table: &QName, what: &str, name: &Ident) -> Resource {
    Resource::Constraint(table.clone(), format!("{name} is {what}"))
}

/// Added for new rows, then validated under a lock that lets rows be read and written.
fn validated_later(
    table: &QName,
    name: &Ident,
    action: Action,
    plain: Step,
    context: &Context<'_>,
) -> Vec<Step> {
    let added = stage(table, "not valid", name);
    let statements =
        plain.statements.iter().map(|statement| format!("{statement} NOT VALID")).collect();
    let mut first = step(action, format!("{}, for new rows", plain.title), statements);
    first.order = Order { makes: [added.clone()].into(), ..apart(plain.order.clone()) };
    let change = context.changes.get(table).copied();
    if let Some((change, column)) =
        change.and_then(|change| Some((change, gated_by(change, name, context)?)))
    {
        // From then on no row comes in any more that is to be written; those that came are written after it.
        first.order.needs.retain(|it| !paged::is_all_written(it, table));
        first.order.needs.extend(before_gate(change, column, context));
    }
    let last =
        validate(table, name).needs(plain.order.needs).needs([added]).makes(plain.order.makes);
    vec![first, last]
}

fn validate(table: &QName, name: &Ident) -> Step {
    let statement =
        format!("ALTER TABLE {} VALIDATE CONSTRAINT {}", quote_name(table), quote_ident(name));
    let made =
        step(Action::ValidateConstraint, format!("validate {name} of {table}"), vec![statement]);
    made.own().apart()
}

/// What keeps rows from coming in that a column of a table is to be rid of: checks for new rows.
pub(super) fn gates_of(
    change: &TableChange,
    column: &Ident,
    context: &Context<'_>,
) -> Vec<Resource> {
    let table = &change.after;
    let (before, after) = (change.before.column(column), table.column(column));
    let is_required = after.is_some_and(|it| it.not_null)
        && before.is_none_or(|it| !it.not_null)
        && is_online(table, context)
        && !super::not_null::is_unchecked(table, column);
    let required = is_required.then(|| stage(&table.name, "not valid", &own_name(column, context)));
    let written = paged::columns(change, context);
    let checks = change.constraints.iter().filter(|it| comes_unvalidated(change, it, context));
    let checks = checks.filter_map(Delta::after).filter(|check| {
        let mut named = written.iter().filter(|it| names(check, it));
        named.next() == Some(&column) && named.next().is_none()
    });
    let checks = checks.filter_map(|it| Some(stage(&table.name, "not valid", it.name.as_ref()?)));
    required.into_iter().chain(checks).collect()
}

/// Whether a check may read a column.
fn names(check: &Constraint, column: &Ident) -> bool {
    check.definition.contains(column.as_str())
}

/// Whether a check is added for new rows first.
fn comes_unvalidated(
    change: &TableChange,
    delta: &Delta<Constraint>,
    context: &Context<'_>,
) -> bool {
    let is_check = |it: &Constraint| matches!(it.kind, ConstraintKind::Check { .. });
    match delta {
        Delta::Add(it) => {
            is_check(it)
                && is_online(&change.after, context)
                && !in_place::is_unchecked(it)
                && it.name.as_ref().is_some_and(|name| !is_there(&change.after, name, context))
        }
        Delta::Alter { before, after } => is_replaced(change, before, after, context),
        Delta::Drop(_) => false,
    }
}

/// What a check for new rows waits for: one column after the other, so that whoever writes the rest of one meets no check
/// of another that the row breaks still.
fn before_gate(change: &TableChange, column: &Ident, context: &Context<'_>) -> Vec<Resource> {
    let table = &change.after.name;
    let mut written = paged::columns(change, context);
    written.sort_by_key(|it| !gates_of(change, it, context).is_empty());
    let values = written.iter().map(|it| Resource::Values(table.clone(), (*it).clone()));
    let before = written.iter().take_while(|it| **it != column);
    values.chain(before.map(|it| paged::all_written(table, it))).collect()
}

/// The column that a check is the gate of.
fn gated_by<'c>(change: &'c TableChange, name: &Ident, context: &Context<'_>) -> Option<&'c Ident> {
    let gate = stage(&change.after.name, "not valid", name);
    let mut written = paged::columns(change, context).into_iter();
    written.find(|it| gates_of(change, it, context).contains(&gate))
}

/// Whether a check gets another condition while the table is used.
fn is_replaced(
    change: &TableChange,
    before: &Constraint,
    after: &Constraint,
    context: &Context<'_>,
) -> bool {
    let is_plain = |it: &Constraint| {
        matches!(it.kind, ConstraintKind::Check { .. }) && it.definition.ends_with(')')
    };
    let is_new = |it: &&Column| change.before.column(&it.name).is_none();
    let names_new = change.after.columns.iter().filter(is_new).any(|it| names(after, &it.name));
    after.name.is_some()
        && before.name == after.name
        && before.definition != after.definition
        && is_plain(before)
        && is_plain(after)
        && !names_new
        && context.made_in([after.definition.as_str()]).is_empty()
        && context.taken_in([before.definition.as_str()]).is_empty()
        && is_online(&change.after, context)
        && !reshapes_columns(&change.before, &change.after, context)
}

/// A check with another condition under the same name, where the plain steps drop and add it. Meanwhile either condition
/// will do where values of the table change, so that rows hold one of them at all times.
pub(super) fn replace_check(
    change: &TableChange,
    (before, after): (&Constraint, &Constraint),
    (dropped, plain): (&Step, Step),
    context: &Context<'_>,
) -> Option<Vec<Step>> {
    let (
        ConstraintKind::Check { expression: old },
        ConstraintKind::Check { expression: new },
        Some(name),
    ) = (&before.kind, &after.kind, &after.name)
    else {
        return None;
    };
    if !is_replaced(change, before, after, context) {
        return None;
    }
    let table = &change.after.name;
    let mut steps = Vec::new();
    let mut replacing = plain;
    replacing.title = format!("change check {name} of {table}");
    if change.mapping.iter().all(leaves_values) {
        replacing.order.frees.extend(dropped.order.frees.iter().cloned());
        replacing.order.takes.extend(dropped.order.takes.iter().cloned());
        let mut made = validated_later(table, name, Action::AddCheckNotValid, replacing, context);
        made[0].statements.splice(0..0, dropped.statements.iter().cloned());
        steps.append(&mut made);
    } else {
        let either = own_name(&Ident::new(format!("{name}_either")), context);
        let widened = stage(table, "widened", name);
        let mut statements: Vec<String> =
            dropped.statements.iter().map(ToString::to_string).collect();
        let (of, quoted) = (quote_name(table), quote_ident(&either));
        statements.push(format!(
            "ALTER TABLE {of} ADD CONSTRAINT {quoted} CHECK (({old}) OR ({new})) NOT VALID"
        ));
        let title = format!("{}, either condition will do", replacing.title);
        let mut first = step(Action::DropConstraint, title, statements);
        first.order = dropped.order.clone();
        steps.push(first.makes([widened.clone()]));
        let mut made = validated_later(table, name, Action::AddCheckNotValid, replacing, context);
        let narrowed =
            step(Action::DropConstraint, "", vec![render::drop_constraint(table, &either)]);
        made[0].statements.extend(narrowed.statements);
        made[0].order.needs.insert(widened);
        steps.append(&mut made);
    }
    Some(steps)
}

/// Whether no value of a column that is there before is written.
fn leaves_values(source: &ColumnSource) -> bool {
    match source.origin {
        SourceOrigin::Same | SourceOrigin::Cast { .. } => {
            source.keep != Keep::Altered && source.fill.is_none() && source.values.is_empty()
        }
        SourceOrigin::New | SourceOrigin::Computed => true,
    }
}

/// What `CREATE UNIQUE INDEX` and `ADD CONSTRAINT … USING INDEX` need of a printed key.
struct KeyParts {
    word: &'static str,
    /// `(a, b) INCLUDE (c) NULLS NOT DISTINCT WITH (fillfactor='70')`.
    index: String,
    marks: Marks,
}

/// Reads a printed key; `None` where no index stands for all of it.
fn key_parts(constraint: &Constraint) -> Option<KeyParts> {
    let (text, marks) = in_place::marks(&constraint.definition);
    let words = ["PRIMARY KEY", "UNIQUE"];
    let (word, rest) = words.iter().find_map(|word| Some((*word, text.strip_prefix(word)?)))?;
    let rest = rest.trim_start();
    let (nulls, rest) = match rest.strip_prefix("NULLS NOT DISTINCT ") {
        Some(rest) => (" NULLS NOT DISTINCT", rest),
        None => ("", rest),
    };
    let is_plain = rest.starts_with('(')
        && ![" WITHOUT OVERLAPS", " USING INDEX TABLESPACE "].iter().any(|it| rest.contains(it));
    let (columns, parameters) = match rest.rfind(" WITH (") {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    is_plain.then(|| KeyParts { word, index: format!("{columns}{nulls}{parameters}"), marks })
}

/// The index is built while others write, then made into the key.
fn from_index(
    table: &Table,
    name: &Ident,
    columns: &[Ident],
    parts: &KeyParts,
    plain: Step,
) -> Vec<Step> {
    let (key, index) = (quote_name(&table.name), quote_ident(name));
    let built = stage(&table.name, "built", name);
    let is_slot = |resource: &&Resource| **resource == super::parts::slot(&table.name.schema, name);
    let slots: Vec<Resource> = plain.order.makes.iter().filter(is_slot).cloned().collect();
    // Of the columns it waits for its own alone: others may have to wait for a key that goes after it.
    let is_waited_for = |resource: &&Resource| match resource {
        Resource::Column(of, column) | Resource::Values(of, column) => {
            *of != table.name || parts.index.contains(column.as_str())
        }
        _ => true,
    };
    let needs: Vec<Resource> = plain.order.needs.iter().filter(is_waited_for).cloned().collect();
    // Another primary key goes only when its successor is built.
    let place = super::constraints::key_itself(&table.name);
    let place = plain.order.makes.contains(&place).then_some(place);
    let first = step(
        Action::CreateIndexConcurrently,
        format!("build index {name} on {}", table.name),
        vec![format!(
            "CREATE UNIQUE INDEX CONCURRENTLY {index} ON {key} USING btree {}",
            parts.index
        )],
    )
    .needs(needs)
    .makes(slots.clone())
    .makes([built.clone()])
    .frees(place)
    .apart();
    let defers = match (parts.marks.deferrable, parts.marks.deferred) {
        (true, true) => " DEFERRABLE INITIALLY DEFERRED",
        (true, false) => " DEFERRABLE",
        (false, _) => "",
    };
    let word = parts.word;
    let mut last = step(
        Action::AddUniqueUsingIndex,
        plain.title,
        vec![format!(
            "ALTER TABLE {key} ADD CONSTRAINT {index} {word} USING INDEX {index}{defers}"
        )],
    );
    last.order = apart(plain.order);
    last.order.makes.retain(|resource| !slots.contains(resource));
    let last = last.needs([built]).needs(columns.iter().map(|it| required(&table.name, it)));
    vec![first, last]
}

/// The marker of a column that takes no NULL any more.
pub(super) fn required(table: &QName, column: &Ident) -> Resource {
    Resource::Constraint(table.clone(), format!("required of {column}"))
}

/// Whether values are written page by page, each batch in a transaction of its own.
pub(super) fn is_filled_by_pages(table: &Table, context: &Context<'_>) -> bool {
    // The name stands in the line of the step.
    let is_plain = !quote_name(&table.name).contains(['=', '|', '\n', '\r']);
    is_plain && is_online(table, context)
}

/// A step whose statements are for the pages that the runner names.
pub(super) fn by_pages(mut made: Step, table: &QName) -> Step {
    made.facts.transaction = Transaction::Batches;
    made.facts.over = Some(quote_name(table));
    made.apart()
}

/// A column that becomes required, where `plain` does it in one step: a valid check makes the server look at no row.
/// `rest` fills rows that were written while the others were filled; from the check on there come no more.
pub(super) fn require(
    table: &Table,
    column: &Ident,
    plain: Step,
    rest: Option<Step>,
    context: &Context<'_>,
) -> Vec<Step> {
    if !is_online(table, context) || super::not_null::is_unchecked(table, column) {
        return vec![plain];
    }
    let check = own_name(column, context);
    let (of, quoted) = (quote_name(&table.name), quote_ident(&check));
    let (added, valid) =
        (stage(&table.name, "not valid", &check), stage(&table.name, "valid", &check));
    let first = step(
        Action::AddCheckNotValid,
        format!("{}, for new rows", plain.title),
        vec![format!(
            "ALTER TABLE {of} ADD CONSTRAINT {quoted} CHECK ({} IS NOT NULL) NOT VALID",
            quote_ident(column)
        )],
    )
    .needs(plain.order.needs.clone())
    .needs(context.changes.get(&table.name).iter().flat_map(|it| before_gate(it, column, context)))
    .makes([added.clone()])
    .apart();
    let filled = stage(&table.name, "kept by all rows", &check);
    let rest = rest.map(|rest| {
        let mut rest = rest.needs(plain.order.needs.clone()).needs([added.clone()]);
        rest.title = format!("{}, fill rows written meanwhile", plain.title);
        rest.order.takes.clear();
        rest.makes([filled.clone(), paged::all_written(&table.name, column)])
    });
    let mut second = validate(&table.name, &check)
        .needs(plain.order.needs.clone())
        .needs([added, filled])
        .makes([valid.clone()]);
    second.title = format!("{}, look at all rows", plain.title);
    let mut statements: Vec<String> = plain.statements.iter().map(ToString::to_string).collect();
    statements.push(render::drop_constraint(&table.name, &check));
    let mut last = step(Action::SetNotNullByCheck, plain.title, statements);
    last.order = apart(plain.order);
    let is_of_key = table.constraints.iter().any(
        |it| matches!(&it.kind, ConstraintKind::PrimaryKey { columns } if columns.contains(column)),
    );
    // The key that it becomes part of takes the place of another at once.
    let place = is_of_key.then(|| super::constraints::key_itself(&table.name));
    let last = last.needs([valid]).frees(place);
    [Some(first), rest, Some(second), Some(last)].into_iter().flatten().collect()
}

/// The name of something that is there for the length of the plan; at most as long as a name may be. Source: NAMEDATALEN.
fn own_name(name: &Ident, context: &Context<'_>) -> Ident {
    let whole = format!("migrate_{}_{name}", context.tag);
    if whole.len() <= 63 {
        return Ident::new(whole);
    }
    let digest = &hash::sha256_of_text(name.as_str())[..8];
    Ident::new(format!("migrate_{}_{digest}", context.tag))
}

/// The steps for an index that comes or goes or is another afterwards.
pub(super) fn index(
    tables: (&Table, &Table),
    delta: &Delta<Index>,
    (drop, create): (Option<Step>, Option<Step>),
    context: &Context<'_>,
) -> Vec<Step> {
    let (before, after) = tables;
    let plainly =
        |drop: Option<Step>, create: Option<Step>| drop.into_iter().chain(create).collect();
    if !is_online(after, context) {
        return plainly(drop, create);
    }
    match (delta, drop, create) {
        (Delta::Add(index), None, Some(create)) if !has(before, &index.name) => {
            vec![concurrently(Action::CreateIndexConcurrently, create, None)]
        }
        (Delta::Drop(index), Some(drop), None) if !has(after, &index.name) => {
            vec![concurrently(Action::DropIndexConcurrently, drop, None)]
        }
        (Delta::Alter { before: old, after: new }, Some(drop), Some(create))
            if old.name == new.name
                && drop.order.frees.iter().all(is_of_row)
                && !reshapes_columns(before, after, context) =>
        {
            replaced(&after.name, &new.name, drop, create, context)
        }
        (Delta::Add(_) | Delta::Drop(_) | Delta::Alter { .. }, drop, create) => {
            plainly(drop, create)
        }
    }
}

/// Whether a step that lets go of this waits for a column alone, and not for what else an index can stand on.
fn is_of_row(resource: &Resource) -> bool {
    matches!(resource, Resource::Column(..) | Resource::Values(..))
}

/// Whether a column goes or gets another type: an index that stands on it must go first.
fn reshapes_columns(before: &Table, after: &Table, context: &Context<'_>) -> bool {
    let is_reshaped = |old: &Column| {
        after.column(&old.name).is_none_or(|new| super::around::reshapes(old, new))
            || context.rebuilds_type(&old.data_type)
            || context.takes_any_in(&old.data_type)
            || context.around.passing.contains(&(after.name.clone(), old.name.clone()))
    };
    before.columns.iter().any(is_reshaped)
}

/// The old index serves under another name until the new one is built.
fn replaced(
    table: &QName,
    name: &Ident,
    drop: Step,
    create: Step,
    context: &Context<'_>,
) -> Vec<Step> {
    let aside = own_name(name, context);
    let qualified =
        |name: &Ident| quote_name(&QName { schema: table.schema.clone(), name: name.clone() });
    let moved = stage(table, "aside", name);
    let (old, new) = (qualified(name), qualified(&aside));
    let first = step(
        Action::RenameIndex,
        format!("set index {name} of {table} aside"),
        vec![format!("ALTER INDEX {old} RENAME TO {}", quote_ident(&aside))],
    )
    .takes(drop.order.takes.clone())
    .makes([moved.clone()]);
    let built = create.order.makes.clone();
    let second = concurrently(Action::CreateIndexConcurrently, create, None);
    let mut last = concurrently(Action::DropIndexConcurrently, drop, Some((&old, &new)));
    last.title = format!("{}, the old one", last.title);
    last.order.takes.clear();
    // Its columns stay as they are, and it goes after the new one, which needs their values.
    last.order.frees.clear();
    vec![first, second, last.needs(built).needs([moved])]
}

/// The same statement, with the word that makes it wait for others in place of blocking them.
fn concurrently(action: Action, plain: Step, rename: Option<(&str, &str)>) -> Step {
    let statements = plain.statements.iter().map(|statement| {
        let text = statement.to_string();
        let text = match rename {
            Some((old, new)) => text.replacen(old, new, 1),
            None => text,
        };
        text.replacen(" INDEX ", " INDEX CONCURRENTLY ", 1)
    });
    let mut made = step(action, plain.title, statements.collect());
    made.order = apart(plain.order);
    made
}
