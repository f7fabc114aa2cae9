//! Expressions that turn an old value into a new one, and the steps that move values of columns that stay.

use super::action::{Action, step};
use super::context::{Context, Firing};
use super::keep::{self, Altered, RowKey};
use super::paged::{self, Writing};
use super::quote::{literal, quote_ident, quote_name};
use super::types::{
    Conversion, always_converts, are_exact_numbers, conversion, is_builtin, is_text,
};
use crate::catalog::{Column, OpaqueKind};
use crate::change::{ColumnSource, Diff, Keep, TableChange, Way};
use crate::dialect::{Direction, Resource, Step, Undo};
use crate::text::{Dialect, Ident, QName};

/// A column that stays: both shapes, where its values come from, and its table.
pub(super) struct Staying<'c> {
    pub(super) change: &'c TableChange,
    pub(super) before: &'c Column,
    pub(super) after: &'c Column,
    pub(super) source: &'c ColumnSource,
}

impl Staying<'_> {
    pub(super) fn table(&self) -> &QName {
        &self.change.after.name
    }

    pub(super) fn column(&self) -> Resource {
        Resource::Column(self.table().clone(), self.after.name.clone())
    }

    pub(super) fn values(&self) -> Resource {
        Resource::Values(self.table().clone(), self.after.name.clone())
    }

    /// A stage between two steps of this column.
    pub(super) fn stage(&self, name: &str) -> Resource {
        Resource::Constraint(self.table().clone(), format!("{name} of {}", self.after.name))
    }

    /// The key under which this way keeps rows.
    pub(super) fn keep_key(&self) -> RowKey {
        RowKey::to_keep(&self.change.before, &self.change.after)
    }

    /// The key under which the other way kept rows.
    pub(super) fn restore_key(&self, context: &Context<'_>) -> RowKey {
        RowKey::to_restore(&self.change.before, &self.change.after, context)
    }

    pub(super) fn keeps_altered(&self) -> bool {
        self.source.keep == Keep::Altered
    }

    /// The way back through text, so that kept values return before the new type looks at them.
    pub(super) fn returns_through_text(&self, context: &Context<'_>) -> bool {
        returns_through_text(self.change, self.source, context.diff)
    }

    /// Whether the conversion of the column makes a kept table.
    fn conversion_keeps(&self, context: &Context<'_>) -> bool {
        let (before, after) = (&self.before.data_type, &self.after.data_type);
        let is_builtin_change = before != after && is_builtin(before) && is_builtin(after);
        match self.returns_through_text(context) {
            true => self.source.is_converted_as_said() || is_builtin_change,
            false => before != after || !after.ends_with("[]"),
        }
    }

    /// What becomes of the value `expression` of the old type.
    pub(super) fn converted(&self, expression: &str) -> String {
        convert_as_said(expression, &self.before.data_type, &self.after.data_type, self.source)
    }
}

/// Whether a column goes back through text, so that kept values return before the new type looks at them. What is built
/// on the column cannot stand meanwhile.
pub(super) fn returns_through_text(
    change: &TableChange,
    source: &ColumnSource,
    diff: &Diff,
) -> bool {
    let (before, after) =
        (change.before.column(&source.column), change.after.column(&source.column));
    let (Some(before), Some(after)) = (before, after) else { return false };
    diff.way == Way::Back
        && source.keep == Keep::Altered
        && (!is_builtin(&after.data_type)
            || source.using_over("", Dialect::Postgres).is_none()
                && may_be_refused(before, after, diff))
}

/// Whether the engine may refuse to convert what the other way made of a value that it kept.
fn may_be_refused(before: &Column, after: &Column, diff: &Diff) -> bool {
    let (before, after) = (&before.data_type, &after.data_type);
    if before == after || always_converts(before, after) {
        return false;
    }
    // A text is what the value was, unless a value map gave it another.
    let maps = diff.intent.columns.values().any(|said| !said.values.is_empty());
    maps || !is_text(before)
}

/// As [`convert`], in the words of the user where there are some.
pub(super) fn convert_as_said(
    expression: &str,
    before: &str,
    after: &str,
    source: &ColumnSource,
) -> String {
    match source.using_over(expression, Dialect::Postgres) {
        Some(said) => format!("({said})::{after}"),
        None => convert(expression, before, after, &source.values),
    }
}

/// The text of what the user's words make of a value, or its plain text where there are none.
pub(super) fn text_as_said(expression: &str, source: &ColumnSource) -> String {
    match source.using_over(expression, Dialect::Postgres) {
        Some(said) => format!("({said})::text"),
        None => mapped_or_text(expression, &source.values),
    }
}

/// `expression` of type `before` as a value of type `after`, old values mapped.
pub(super) fn convert(
    expression: &str,
    before: &str,
    after: &str,
    values: &[(String, String)],
) -> String {
    if !values.is_empty() {
        return format!("{}::{after}", mapped(expression, values));
    }
    if before == after {
        return expression.to_owned();
    }
    if super::types::is_set_of(before, after) {
        // What lies between its parts comes along.
        return format!("pg_catalog.range_merge({expression})");
    }
    match conversion(before, after) {
        Conversion::Assignment | Conversion::Explicit => format!("{expression}::{after}"),
        Conversion::ThroughText => format!("{expression}::text::{after}"),
    }
}

/// The text of a value after a value map.
pub(super) fn mapped(expression: &str, values: &[(String, String)]) -> String {
    let branches: String = values
        .iter()
        .map(|(before, after)| format!(" WHEN {} THEN {}", literal(before), literal(after)))
        .collect();
    format!("(CASE {expression}::text{branches} ELSE {expression}::text END)")
}

/// As [`mapped`], or the plain text where nothing is mapped.
pub(super) fn mapped_or_text(expression: &str, values: &[(String, String)]) -> String {
    if values.is_empty() { format!("{expression}::text") } else { mapped(expression, values) }
}

/// Keeps the rows of a column that are altered, with no one writing meanwhile.
pub(super) fn set_aside(
    staying: &Staying<'_>,
    altered: &Altered,
    context: &Context<'_>,
) -> Vec<String> {
    let (table, name) = (staying.table(), &staying.after.name);
    let kept = context.keeps_as(table, Some(name));
    vec![
        keep::hold_writes(table),
        keep::keep_altered(table, name, &staying.keep_key(), &kept, altered),
    ]
}

/// Sets aside what the value map alters, for a conversion that goes through text. Without a map nothing is kept:
/// the way there computes the values again.
pub(super) fn keep_before_conversion_through_text(
    staying: &Staying<'_>,
    context: &Context<'_>,
) -> Vec<String> {
    if !staying.source.is_converted_as_said() {
        return Vec::new();
    }
    let own = format!("\"t\".{}", quote_ident(&staying.after.name));
    let after = text_as_said(&own, staying.source);
    let condition = format!("{own}::text IS DISTINCT FROM {after}");
    set_aside(staying, &Altered { after, condition }, context)
}

/// Sets aside what the conversion alters of a column that is text for the moment, with old values put back already: they
/// are as they were, and the way there computes them again.
pub(super) fn keep_from_text(staying: &Staying<'_>, context: &Context<'_>) -> Vec<String> {
    let data_type = &staying.after.data_type;
    if staying.source.is_converted_as_said()
        || !is_builtin(data_type)
        || !is_builtin(&staying.before.data_type)
    {
        return Vec::new();
    }
    let own = format!("\"t\".{}", quote_ident(&staying.after.name));
    let after = convert(&own, "text", data_type, &staying.source.values);
    let condition = format!("{own} IS DISTINCT FROM ({after})::text");
    set_aside(staying, &Altered { after, condition }, context)
}

/// Sets aside what a conversion alters; before the conversion, and in its step.
pub(super) fn keep_before_conversion(staying: &Staying<'_>, context: &Context<'_>) -> Vec<String> {
    if !staying.keeps_altered() {
        return Vec::new();
    }
    let own = format!("\"t\".{}", quote_ident(&staying.after.name));
    let after = staying.converted(&own);
    let (old_type, new_type) = (&staying.before.data_type, &staying.after.data_type);
    // Where the way back may be refused, it is not asked: a value that looks the same is the same.
    let is_plain = !staying.source.is_converted_as_said();
    let asks_back = staying.source.values.is_empty()
        && !is_text(new_type)
        && always_converts(new_type, old_type);
    let condition = if let Some(back) =
        staying.source.using_back_over(&format!("({after})"), Dialect::Postgres)
    {
        format!("{own}::text IS DISTINCT FROM (({back})::{old_type})::text")
    } else if asks_back {
        let back = convert(&format!("({after})"), new_type, old_type, &[]);
        format!("{own}::text IS DISTINCT FROM ({back})::text")
    } else if is_plain && are_exact_numbers(old_type, new_type) {
        format!("{own}::numeric IS DISTINCT FROM ({after})::numeric")
    } else {
        format!("{own}::text IS DISTINCT FROM ({after})::text")
    };
    set_aside(staying, &Altered { after, condition }, context)
}

/// The steps that move values of a column whose type stays (a value map, a backfill of NULLs) or that put kept
/// values back after a conversion. `converts` says whether an earlier step converts the column.
pub(super) fn steps(staying: &Staying<'_>, converts: Converts, context: &Context<'_>) -> Vec<Step> {
    let mut writing = Writing::default();
    let returned = converts == Converts::Yes && staying.returns_through_text(context);
    if staying.keeps_altered() && !returned {
        let (table, own) = (staying.table(), &staying.after.name);
        let (plain, kept) = (restore(staying, context), kept_before(staying, context));
        let key = staying.restore_key(context);
        let is_paged = converts == Converts::No
            && paged::returns_by_pages(&staying.change.after, own, &key, &kept, context);
        writing = match is_paged {
            true => paged::returned(plain, table, own, &kept),
            false => Writing { steps: vec![plain], then: Vec::new() },
        };
    }
    let what = what(staying, converts, context);
    if what.fills || what.maps || what.keeps == Keeps::Here {
        match paged::is_by_pages(staying, converts, context) {
            true => {
                writing.steps.extend(paged::update(staying, &what, context));
                // Where the column becomes required, its check comes first.
                if !becomes_required(staying) {
                    writing.then.push(paged::late(staying, &what, context));
                }
            }
            false => writing.steps.push(update(staying, context, what)),
        }
    }
    if let Some(last) = writing.steps.pop() {
        writing.steps.push(last.makes([staying.values()]));
    }
    writing.steps.into_iter().chain(writing.then).collect()
}

/// Whether a check of all rows makes the column required.
fn becomes_required(staying: &Staying<'_>) -> bool {
    let table = &staying.change.after;
    let (before, after) = (staying.before, staying.after);
    !before.not_null && after.not_null && !super::not_null::is_unchecked(table, &after.name)
}

/// What writes the rows that came meanwhile into a column that becomes required.
pub(super) fn rest(
    staying: &Staying<'_>,
    converts: Converts,
    context: &Context<'_>,
) -> Option<Step> {
    let is_left = becomes_required(staying) && paged::is_by_pages(staying, converts, context);
    is_left.then(|| paged::late(staying, &what(staying, converts, context), context))
}

/// What is to be done with the values of a column that stays.
pub(super) fn what(staying: &Staying<'_>, converts: Converts, context: &Context<'_>) -> Update {
    let fills = staying.source.fill.is_some();
    let maps = staying.source.is_converted_as_said() && converts == Converts::No;
    let keeps = match converts {
        _ if !staying.keeps_altered() => Keeps::Nothing,
        Converts::No if fills || maps || context.direction == Direction::Up => Keeps::Here,
        Converts::No => Keeps::Nothing,
        Converts::Yes if !fills => Keeps::Nothing,
        Converts::Yes if staying.conversion_keeps(context) => Keeps::WithTheConversion,
        Converts::Yes => Keeps::Here,
    };
    Update { fills, maps, keeps }
}

/// Whether the values of a column that is there before and after are converted by another step.
pub(super) fn converts(before: &Column, after: &Column, context: &Context<'_>) -> Converts {
    let changes_type = before.data_type != after.data_type || before.collation != after.collation;
    match changes_type || context.rebuilds_type(&after.data_type) {
        true => Converts::Yes,
        false => Converts::No,
    }
}

/// The name of what the other way kept of a column.
fn kept_before(staying: &Staying<'_>, context: &Context<'_>) -> String {
    context.kept_by_the_other_way(staying.table(), Some(&staying.after.name)).name
}

/// Not before kept values are back.
pub(super) fn after_what_came_back(
    made: Step,
    staying: &Staying<'_>,
    context: &Context<'_>,
) -> Step {
    match staying.keeps_altered() {
        true => made.needs([Resource::Kept(kept_before(staying, context))]),
        false => made,
    }
}

/// Whether the stored values of a column are converted by another step of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Converts {
    Yes,
    No,
}

fn restore(staying: &Staying<'_>, context: &Context<'_>) -> Step {
    let (table, name) = (staying.table(), &staying.after.name);
    let use_ = context.kept_by_the_other_way(table, Some(name));
    let key = staying.restore_key(context).without(name);
    let kept_after = format!("(\"k\".\"after\"::{})", staying.before.data_type);
    let mapped = staying.converted(&kept_after);
    let statements = keep::restore_altered(table, staying.after, &key, &use_.name, &mapped);
    let key_values =
        key.columns().into_iter().map(|column| Resource::Values(table.clone(), column.clone()));
    let key_columns =
        key.columns().into_iter().map(|column| Resource::Column(table.clone(), column.clone()));
    let kept = Resource::Kept(use_.name.clone());
    let old_type = [staying.before.data_type.as_str()];
    let stays = context.made_in(old_type);
    let goes = context.taken_in(old_type).into_iter().filter(|taken| !stays.contains(taken));
    quietly(format!("put old values back into {table}.{name}"), table, statements, context)
        .frees(goes)
        .undo(Undo::Exact, "the other way computes or keeps them again")
        .needs(key.needs())
        .needs(key_columns)
        .needs(key_values.filter(|values| *values != staying.values()))
        .needs([staying.column(), staying.stage("null")])
        .needs(context.made_in([staying.after.data_type.as_str()]))
        .takes([staying.values()])
        .makes([kept])
        .reads(use_)
}

pub(super) struct Update {
    pub(super) fills: bool,
    pub(super) maps: bool,
    pub(super) keeps: Keeps,
}

/// Where the rows are kept whose values a step of its own changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeps {
    Nothing,
    /// In a kept table that the step makes.
    Here,
    /// In the one that the conversion of the column has made.
    WithTheConversion,
}

/// Maps values and fills NULLs of a column whose type stays.
fn update(staying: &Staying<'_>, context: &Context<'_>, what: Update) -> Step {
    let (table, column) = (staying.table(), staying.after);
    let name = quote_ident(&column.name);
    let own = format!("\"t\".{name}");
    let kept = context.keeps_as(table, Some(&column.name));
    let key = staying.keep_key();
    let mapped_value = text_as_said(&own, staying.source);
    let is_mapped = is_mapped(&own, staying.source);
    let fill = staying.source.fill.as_deref();
    let mut statements = Vec::new();
    if let (Some(fill), Keeps::WithTheConversion) = (fill, what.keeps) {
        let fill = format!("({fill})::{}", column.data_type);
        statements.push(keep::hold_writes(table));
        statements.push(keep::keep_nulls(table, &column.name, &key, &kept, &fill));
    }
    if what.keeps == Keeps::Here {
        let condition = match (what.maps, fill) {
            (true, Some(_)) => format!("({is_mapped} OR {own} IS NULL)"),
            (true, None) => is_mapped.clone(),
            (false, Some(_)) => format!("{own} IS NULL"),
            (false, None) => "false".to_owned(),
        };
        let mapped_value = if what.maps { mapped_value.clone() } else { format!("{own}::text") };
        let after = match fill {
            Some(fill) => format!(
                "CASE WHEN {own} IS NULL THEN ({fill})::{}::text ELSE {mapped_value} END",
                column.data_type
            ),
            None => mapped_value,
        };
        statements.push(keep::hold_writes(table));
        statements.push(keep::keep_altered(
            table,
            &column.name,
            &key,
            &kept,
            &Altered { after, condition },
        ));
    }
    if what.maps {
        statements.push(format!(
            "UPDATE {} AS \"t\" SET {name} = {}::{} WHERE {is_mapped}",
            quote_name(table),
            mapped_value,
            column.data_type
        ));
    }
    match fill {
        Some(fill) if what.keeps == Keeps::Nothing => {
            statements.push(fill_statement(table, column, fill));
        }
        Some(_) => statements.push(keep::fill_from_kept(table, column, &key, &kept)),
        None => {}
    }
    let verb = if what.fills {
        "backfill"
    } else if what.maps {
        "map values of"
    } else {
        "prepare to keep values of"
    };
    let mut made = quietly(format!("{verb} {table}.{}", column.name), table, statements, context);
    if what.keeps != Keeps::Nothing {
        made = made
            .undo(Undo::Kept, "values that change are kept with their row keys")
            .needs(key.needs());
        made = match what.keeps {
            Keeps::WithTheConversion => made.needs([Resource::Kept(kept)]),
            Keeps::Here | Keeps::Nothing => made.makes([Resource::Kept(kept)]),
        };
    }
    after_what_came_back(made, staying, context)
        .needs([staying.column(), staying.stage("null")])
        .needs(fill_needs(staying.change, context))
        .frees(fill_frees(staying.change, &column.name))
        .takes([staying.values()])
}

/// Whether the value `own` is another after the value map.
pub(super) fn is_mapped(own: &str, source: &ColumnSource) -> String {
    if source.using_over(own, Dialect::Postgres).is_some() {
        return format!("{own}::text IS DISTINCT FROM {}", text_as_said(own, source));
    }
    let olds: Vec<String> = source.values.iter().map(|(old, _)| literal(old)).collect();
    format!("{own}::text IN ({})", olds.join(", "))
}

/// `UPDATE … SET c = fill WHERE c IS NULL`; the default where the fill comes to nothing.
pub(super) fn fill_statement(table: &QName, column: &Column, fill: &str) -> String {
    let name = quote_ident(&column.name);
    let fill = match &column.default {
        Some(default) => format!("coalesce({fill}, {default})"),
        None => fill.to_owned(),
    };
    format!("UPDATE {} AS \"t\" SET {name} = {fill} WHERE \"t\".{name} IS NULL", quote_name(table))
}

/// A backfill may read new tables.
pub(super) fn fill_needs(_: &TableChange, context: &Context<'_>) -> Vec<Resource> {
    context.new_tables.iter().cloned().map(Resource::Table).collect()
}

/// A backfill may read columns that this change drops, so they go after it.
pub(super) fn fill_frees(change: &TableChange, own: &Ident) -> Vec<Resource> {
    change
        .before
        .columns
        .iter()
        .filter(|column| column.name != *own && change.after.column(&column.name).is_none())
        .map(|column| Resource::Column(change.after.name.clone(), column.name.clone()))
        .collect()
}

/// An update that the table's own triggers do not see: it is the plan that changes the rows, not an application.
pub(super) fn quietly(
    title: String,
    table: &QName,
    updates: Vec<String>,
    context: &Context<'_>,
) -> Step {
    // A partition's own triggers see what is done to its parent.
    let triggers = context.standing_triggers_below(table);
    let rules = context.standing(OpaqueKind::Rule, table);
    let action = match (triggers.as_slice(), rules.as_slice()) {
        ([], []) => Action::UpdateRows,
        (_, _) => Action::UpdateRowsQuietly,
    };
    let toggle = |verb: fn(Firing) -> &'static str| -> Vec<String> {
        let triggers = triggers.iter().map(|(table, it)| ("TRIGGER", *table, *it));
        triggers
            .chain(rules.iter().map(|it| ("RULE", table, *it)))
            .map(|(kind, table, (name, firing))| {
                let (table, name) = (quote_name(table), quote_ident(name));
                format!("ALTER TABLE {table} {} {kind} {name}", verb(firing))
            })
            .collect()
    };
    let mut statements = toggle(|_| "DISABLE");
    let holds = updates.iter().any(|text| text.starts_with("LOCK TABLE"));
    statements.extend(updates);
    if context.has_deferred_constraints() {
        statements.push("SET CONSTRAINTS ALL IMMEDIATE".to_owned());
    }
    statements.extend(toggle(|firing| match firing {
        Firing::Normal => "ENABLE",
        Firing::Always => "ENABLE ALWAYS",
    }));
    let made = step(action, title, statements).needs([super::opaques::triggers_gone(table)]);
    match (holds, rules.is_empty()) {
        (_, false) => made.lock(crate::dialect::Lock::AccessExclusive),
        (true, true) => made.lock(crate::dialect::Lock::ShareRowExclusive),
        (false, true) => made,
    }
}
