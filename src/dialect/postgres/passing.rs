//! Columns that stay as they are, while a type, collation or function that they name goes and comes back.
//!
//! Values of a type that is made anew wait as text of its new shape ([`super::retelling`]); what the way back could not
//! compute of them is kept by row.

use std::collections::BTreeSet;

mod kept;

use super::action::{Action, TypeWork, step};
use super::context::{Context, Mention};
use super::parts::{column_texts, slot};
use super::quote::{quote_ident, quote_name};
use super::retelling::{Retelling, within};
use super::{hierarchy, render, types};
use crate::catalog::{Column, ObjectId, Sequence, Table};
use crate::change::Keep;
use crate::dialect::{LowerError, Resource, Step, Undo};
use crate::text::{Ident, QName};

/// The steps around what the columns name: defaults off and on, values through text.
///
/// # Errors
/// Values that are moved while their type changes.
pub(super) fn steps(context: &Context<'_>) -> Result<Vec<Step>, LowerError> {
    let mut steps = defaults(context);
    let around = &context.around;
    if around.passing.is_empty() && around.attributes.is_empty() {
        return Ok(steps);
    }
    let retelling = Retelling::new(&context.before, context.after());
    for (table, name) in &around.passing {
        if hierarchy::followed(table, name, context).is_some() {
            continue;
        }
        if let Some((before, after)) = sides(table, name, context) {
            let passing = Passing { table, before, after, retelling: &retelling };
            passing.refuse_moved_values(context)?;
            steps.extend(passing.through_text(context));
            steps.extend(kept::steps(&passing, kept::Holds::Text, context));
        }
    }
    for table in context.before.tables.values().filter(|_| !around.attributes.is_empty()) {
        for column in &table.columns {
            let key = (table.name.clone(), column.name.clone());
            let Some((before, after)) = sides(&table.name, &column.name, context) else { continue };
            let passing = Passing { table: &table.name, before, after, retelling: &retelling };
            let is_whole = before.data_type == after.data_type
                && before.generated.is_none()
                && after.generated.is_none()
                && !around.passing.contains(&key)
                && hierarchy::followed(&key.0, &key.1, context).is_none();
            if is_whole && passing.parts().iter().any(|id| around.attributes.contains(*id)) {
                steps.extend(kept::steps(&passing, kept::Holds::Itself, context));
            }
        }
    }
    Ok(steps)
}

/// The values of columns are still those of a type whose attributes change in place.
pub(super) fn values_before(id: &ObjectId) -> Resource {
    Resource::Constraint(id.name.clone(), "values of the old attributes".to_owned())
}

fn defaults(context: &Context<'_>) -> Vec<Step> {
    let changes = context.diff.table_changes();
    let mut steps = Vec::new();
    for (table, name) in &context.around.defaults {
        if context.around.passing.contains(&(table.clone(), name.clone())) {
            continue;
        }
        let Some((before, after)) = sides(table, name, context) else { continue };
        // Each table below says for itself what happens to its own.
        let alter = |what: &str| vec![hierarchy::alter_own(table, name, what, context)];
        steps.push(
            step(
                Action::SetDefault,
                format!("take the default of {table}.{name} off"),
                alter("DROP DEFAULT"),
            )
            .frees(context.taken_in(before.default.as_deref()))
            .makes([off(table, name)]),
        );
        // Where the column changes, its own steps set the default.
        if let Some(default) = &after.default
            && !changes.contains_key(table)
        {
            steps.push(
                step(
                    Action::SetDefault,
                    format!("set the default of {table}.{name} again"),
                    alter(&format!("SET DEFAULT {default}")),
                )
                .needs([off(table, name)])
                .needs(context.made_in([default.as_str()])),
            );
        }
    }
    steps
}

/// The texts of a column that its own steps let go of; not those that a step of this file takes off first.
pub(super) fn freed<'c>(table: &QName, column: &'c Column, context: &Context<'_>) -> Vec<&'c str> {
    let key = (table.clone(), column.name.clone());
    if context.around.passing.contains(&key) {
        return Vec::new();
    }
    let mut texts = column_texts(column);
    if context.around.defaults.contains(&key) || counts_itself(column) {
        texts.retain(|text| Some(*text) != column.default.as_deref());
    }
    texts
}

/// The texts that a step needs which makes a column or gives it its type: a default that counts with the column's own
/// sequence is set by the step that makes the sequence.
pub(super) fn needed(column: &Column) -> Vec<&str> {
    let mut texts = column_texts(column);
    if counts_itself(column) {
        texts.retain(|text| Some(*text) != column.default.as_deref());
    }
    texts
}

/// Whether the default of a column counts with a sequence that the column owns.
pub(super) fn counts_itself(column: &Column) -> bool {
    let (Some(Sequence { name, .. }), Some(default)) = (&column.owned_sequence, &column.default)
    else {
        return false;
    };
    Mention::new(slot(&name.schema, &name.name), name).is_in(default)
}

/// What the column's own steps wait for.
pub(super) fn waits(table: &QName, column: &Ident, context: &Context<'_>) -> BTreeSet<Resource> {
    let key = (table.clone(), column.clone());
    let is_off = context.around.defaults.contains(&key) && !context.around.passing.contains(&key);
    is_off.then(|| off(table, column)).into_iter().collect()
}

/// What a default waits for that the tables below get as well: theirs are off by then.
pub(super) fn waits_below(
    table: &QName,
    column: &Ident,
    context: &Context<'_>,
) -> BTreeSet<Resource> {
    if context.around.defaults.is_empty() {
        return BTreeSet::new();
    }
    let below = context.descendants(table).into_iter();
    below.flat_map(|table| waits(table, column, context)).collect()
}

fn off(table: &QName, column: &Ident) -> Resource {
    Resource::Constraint(table.clone(), format!("default off of {column}"))
}

fn sides<'c>(
    table: &QName,
    name: &Ident,
    context: &'c Context<'_>,
) -> Option<(&'c Column, &'c Column)> {
    let find = |table: Option<&'c Table>| table.and_then(|table| table.column(name));
    Some((find(context.before.tables.get(table))?, find(context.after().tables.get(table))?))
}

/// A column whose type is made anew, on both sides.
struct Passing<'c> {
    table: &'c QName,
    before: &'c Column,
    after: &'c Column,
    retelling: &'c Retelling<'c>,
}

impl Passing<'_> {
    fn both(&self) -> [Resource; 2] {
        let (table, name) = (self.table.clone(), self.after.name.clone());
        [Resource::Column(table.clone(), name.clone()), Resource::Values(table, name)]
    }

    /// The types of users that the values are made of.
    fn parts(&self) -> BTreeSet<&ObjectId> {
        self.retelling.parts(&self.before.data_type, &self.after.data_type)
    }

    /// A stage between two steps of this column.
    fn stage(&self, name: &str) -> Resource {
        Resource::Constraint(self.table.clone(), format!("{name} of {}", self.after.name))
    }

    /// What must still be there while values of the old type are read.
    fn freed(&self, context: &Context<'_>) -> BTreeSet<Resource> {
        let mut freed = context.taken_in(needed(self.before));
        for id in self.parts() {
            freed.extend([Resource::Opaque(id.clone()), values_before(id)]);
        }
        freed
    }

    /// What must be there before there are values of the new type.
    fn needed(&self, context: &Context<'_>) -> BTreeSet<Resource> {
        let mut needed = context.made_in(self::needed(self.after));
        needed.extend(self.parts().into_iter().map(|id| Resource::Opaque(id.clone())));
        needed
    }

    /// Whether steps of the column's own move its values as well: NULLs are filled, values are mapped.
    fn moves_values(&self, context: &Context<'_>) -> bool {
        let change = context.changes.get(self.table);
        change.into_iter().flat_map(|change| &change.mapping).any(|source| {
            source.column == self.after.name
                && (source.fill.is_some()
                    || source.is_converted_as_said()
                    || source.keep == Keep::Altered)
        })
    }

    /// What is kept of NULLs that are filled could not be read when the type is another.
    fn refuse_moved_values(&self, context: &Context<'_>) -> Result<(), LowerError> {
        let kind = &self.after.data_type;
        if !self.moves_values(context) || self.retelling.is_steady(kind, kind) {
            return Ok(());
        }
        Err(LowerError {
            what: format!("column {}.{}", self.table, self.after.name),
            why: format!("its type {kind} changes while its values are filled or mapped"),
            help: "change the type in one migration and the column in another".to_owned(),
        })
    }

    /// The tables whose column of this name changes with this one, itself first.
    fn tables<'c>(&self, context: &'c Context<'_>) -> Vec<(&'c QName, &'c Column, &'c Column)> {
        let name = &self.after.name;
        let below = context.descendants(self.table).into_iter();
        let followers = below.filter(|table| hierarchy::followed(table, name, context).is_some());
        let own = context.before.tables.get_key_value(self.table).map(|(table, _)| table);
        own.into_iter()
            .chain(followers)
            .filter_map(|table| sides(table, name, context).map(|(old, new)| (table, old, new)))
            .collect()
    }

    /// The values wait as text while the type of the column is made again. Where only its collation is, they stay.
    fn through_text(&self, context: &Context<'_>) -> [Step; 2] {
        let (table, name) = (self.table, &self.after.name);
        let tables = self.tables(context);
        let only = if tables.len() > 1 { "ONLY " } else { "" };
        let alter = |table: &QName, what: &str| {
            format!(
                "ALTER TABLE {only}{} ALTER COLUMN {} {what}",
                quote_name(table),
                quote_ident(name)
            )
        };
        let with_default = tables.iter().filter(|(_, before, _)| before.default.is_some());
        let mut leave: Vec<String> =
            with_default.map(|(table, _, _)| alter(table, "DROP DEFAULT")).collect();
        let kind = &self.after.data_type;
        let collation = render::collation(self.after);
        let own = quote_ident(name);
        let (held, work, arrival) = if context.takes_any_in(&self.before.data_type) {
            let told = self.retelling.text(&own, &self.before.data_type, kind);
            let what = format!("TYPE text USING {}", told.text);
            leave = within(
                &told.functions,
                [leave, vec![render::alter_column(table, name, &what)]].concat(),
            );
            let lands = types::parse(&self.retelling.lands_on(kind));
            // Assigned: a cast would cut what is too long.
            let is_assigned = lands.family() == types::Family::Text && !lands.array;
            let using = if is_assigned { String::new() } else { format!(" USING {own}::{kind}") };
            ("text".to_owned(), TypeWork::Rewrite, format!("TYPE {kind}{collation}{using}"))
        } else {
            let what = format!("TYPE {kind} COLLATE pg_catalog.\"default\"");
            leave.push(render::alter_column(table, name, &what));
            ("of no collation".to_owned(), TypeWork::Indexes, format!("TYPE {kind}{collation}"))
        };
        let mut arrive = vec![render::alter_column(table, name, &arrival)];
        for (table, _, after) in &tables {
            let default = after.default.as_ref();
            arrive.extend(default.map(|default| alter(table, &format!("SET DEFAULT {default}"))));
        }
        let both: BTreeSet<Resource> =
            tables.iter().flat_map(|(table, _, _)| Passing { table, ..*self }.both()).collect();
        let mut made = both.clone();
        if self.moves_values(context) {
            // Whoever moves them last makes them.
            made.remove(&self.both()[1]);
        }
        let change = Action::ChangeType(work);
        let reason = "the same values come back";
        [
            step(change, format!("hold {table}.{name} as {held}"), leave)
                .undo(Undo::Exact, reason)
                .frees(self.freed(context))
                .frees(tables.iter().flat_map(|(_, old, _)| context.taken_in(needed(old))))
                .takes(both.clone())
                .makes([self.stage("text")]),
            step(change, format!("make {table}.{name} a {kind} again"), arrive)
                .undo(Undo::Exact, reason)
                .needs(self.needed(context))
                .needs(tables.iter().flat_map(|(_, _, new)| context.made_in(self::needed(new))))
                .needs([self.stage("what was kept")])
                .makes(made),
        ]
    }
}
