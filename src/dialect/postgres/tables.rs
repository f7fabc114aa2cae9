//! Whole tables: made, moved aside and back, thrown away.

use std::collections::BTreeSet;

use super::action::{Action, step};
use super::context::{
    Context, Part, column_sequences, columns, keys, slots, texts, texts_and_indexes, values,
};
use super::keep::{SCHEMA, kept_table, restore_renamed_rows};
use super::quote::{quote, quote_ident, quote_name};
use super::{constraints, hierarchy, keep, not_null, passing, positions, render, settings};
use crate::catalog::{Column, ConstraintKind, Table};
use crate::dialect::{Direction, Resource, Step};
use crate::text::token::{Token, tokenize};
use crate::text::{Dialect, Ident, QName, hash};

/// Makes a table, or brings it back with its rows where the other way moved it aside.
pub(super) fn add(table: &Table, context: &Context<'_>) -> Vec<Step> {
    let (name, origin) = (&table.name, Origin::of(table, context));
    let mut steps = match origin {
        Origin::Aside => vec![bring_back(table, context)],
        Origin::Kept | Origin::Nowhere => {
            let mut steps = create(table, context);
            if origin == Origin::Kept {
                steps.push(put_rows_back(table, context));
                let columns = table.columns.iter().filter(|_| is_heir(table));
                steps.extend(columns.filter_map(|it| positions::restore(name, it, context)));
            }
            steps.extend(settings::of_new(table, context));
            steps.extend(not_null::of_new(table));
            steps
        }
    };
    for constraint in &table.constraints {
        // A table that was brought back still has its own constraints; its foreign keys were dropped.
        let is_made = match origin {
            Origin::Aside => !matches!(constraint.kind, ConstraintKind::ForeignKey(_)),
            Origin::Kept | Origin::Nowhere => {
                constraints::stands_in_create(table, constraint, context)
            }
        };
        if !is_made {
            steps.extend(constraints::add_own(table, constraint, context));
        }
    }
    steps
}

/// Where a new table gets its rows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// It was moved aside whole.
    Aside,
    /// It is made anew, and its rows may be kept.
    Kept,
    /// It starts empty, or gets its rows with those of a parent.
    Nowhere,
}

impl Origin {
    fn of(table: &Table, context: &Context<'_>) -> Self {
        let nothing = context.is_discarded(&table.name, None) || hierarchy::travels(table, context);
        match context.direction {
            _ if nothing => Origin::Nowhere,
            Direction::Up => Origin::Kept,
            Direction::Down if is_heir(table) => Origin::Kept,
            Direction::Down => Origin::Aside,
        }
    }
}

/// Whether a table inherits: it cannot be moved aside whole, for its columns would become its own.
fn is_heir(table: &Table) -> bool {
    let options = hierarchy::options(table);
    !options.parents.is_empty() && !options.is_partition()
}

pub(super) fn create(table: &Table, context: &Context<'_>) -> Vec<Step> {
    let name = &table.name;
    let statements =
        render::create_table(table, &|it| constraints::stands_in_create(table, it, context));
    let mut made = step(Action::CreateTable, format!("create table {name}"), statements)
        .needs([Resource::Schema(name.schema.clone())])
        .needs(context.made_in(texts(table)))
        .makes([Resource::Table(name.clone())])
        .makes(columns(table))
        .makes(keys_at_once(table, context))
        .makes(slots(table));
    {
        // A partition's default may count with the sequence of its parent.
        let parents = hierarchy::options(table).parents.iter();
        let parents = parents.filter_map(|parent| context.after().tables.get(parent));
        made = made.needs(parents.flat_map(|parent| {
            let own = std::iter::once(Resource::Table(parent.name.clone()));
            own.chain(columns(parent)).collect::<Vec<_>>()
        }));
    }
    let mut steps = vec![made];
    for index in &table.indexes {
        steps.push(constraints::create_index(table, index, context));
    }
    steps
}

/// The keys that stand inside CREATE TABLE.
fn keys_at_once(table: &Table, context: &Context<'_>) -> BTreeSet<Resource> {
    let mut keys = keys(table);
    for constraint in &table.constraints {
        if !constraints::stands_in_create(table, constraint, context) {
            let name = constraint.name.iter().map(ToString::to_string);
            name.for_each(|name| {
                keys.remove(&Resource::Constraint(table.name.clone(), name));
            });
        }
    }
    for index in &table.indexes {
        keys.remove(&Resource::Constraint(table.name.clone(), index.name.to_string()));
    }
    keys
}

/// Fills a table that was made anew with the rows that the other way kept.
fn put_rows_back(table: &Table, context: &Context<'_>) -> Step {
    let name = &table.name;
    let kept = context.kept_by_the_other_way(name, None);
    let renamed = context.renamed_with_parent(table);
    let old_name = |column: &Ident| {
        let old = renamed.iter().find(|(part, _, new)| *part == Part::Column && *new == column);
        old.map_or_else(|| column.clone(), |(_, old, _)| (*old).clone())
    };
    let mut statements = restore_renamed_rows(table, &kept.name, &old_name);
    let drop = statements.pop();
    if !is_heir(table) {
        // The sequences that went aside with the table say where they stood.
        let asides = satellites(table, &kept.name);
        let sequences = table.columns.iter().filter_map(column_sequences);
        statements.extend(sequences.filter_map(|sequence| {
            let aside = asides
                .iter()
                .find(|(kind, own, _)| *kind == "SEQUENCE" && *own == sequence.name.name);
            aside.map(|(_, _, aside)| positions::copy(sequence, &kept_table(aside)))
        }));
    }
    statements.extend(drop);
    step(Action::FillTable, format!("put rows back into {name}"), statements)
        .lock(crate::dialect::Lock::None)
        .needs([Resource::Table(name.clone())])
        .needs(hierarchy::partitions_joined(name, context))
        .makes(values(table))
        .reads(kept)
}

/// Moves a table aside with its rows, or throws it away where that was asked for.
pub(super) fn drop(table: &Table, context: &Context<'_>) -> Vec<Step> {
    let name = &table.name;
    let (first, foreign_keys): (Vec<_>, Vec<_>) = foreign_keys(table, context)
        .into_iter()
        .partition(|(_, references)| lets_go_of_types(references, table, context));
    let first = table
        .constraints
        .iter()
        .filter(|constraint| first.iter().any(|(key, _)| constraint.name.as_ref() == Some(*key)));
    let mut steps: Vec<Step> =
        first.filter_map(|constraint| constraints::drop(table, constraint, context)).collect();
    let mut statements: Vec<String> =
        foreign_keys.iter().map(|(key, _)| render::drop_constraint(name, key)).collect();
    let step = if context.is_discarded(name, None) {
        statements.push(format!("DROP TABLE {}", quote_name(name)));
        step(Action::DropTable, format!("drop table {name}"), statements)
    } else if is_heir(table) {
        let kept = context.keeps_as(name, None);
        statements.insert(0, keep::hold_writes(name));
        statements.push(keep::keep_rows(table, &kept));
        statements.extend(table.columns.iter().filter_map(|column| {
            let position = positions::kept_as(name, &column.name, context);
            Some(positions::save(column_sequences(column)?, name, column, &position))
        }));
        statements.push(format!("DROP TABLE {}", quote_name(name)));
        let parents = hierarchy::options(table).parents.iter();
        step(Action::MoveTable, format!("keep the rows of {name} and drop it"), statements)
            .undo(crate::dialect::Undo::Kept, "all rows are copied")
            .frees(parents.map(|parent| Resource::Table(parent.clone())).collect::<Vec<_>>())
            .makes([Resource::Kept(kept)])
    } else {
        let kept = context.keeps_as(name, None);
        if !hierarchy::travels(table, context) {
            statements.extend(Aside::of(table, context).leave());
        }
        statements.extend(move_aside(table, &kept));
        step(Action::MoveTable, format!("move table {name} aside"), statements)
            .makes([Resource::Kept(kept)])
    };
    let step = step
        .takes([Resource::Table(name.clone())])
        .takes(columns(table))
        .takes(keys(table))
        .takes(slots(table))
        .frees([Resource::Schema(name.schema.clone())])
        .frees(context.taken_in(texts_and_indexes(table)))
        .frees(referenced(&foreign_keys, name, context));
    steps.push(step);
    steps
}

/// Whether another table goes aside and lets go of types: keys that point at it must be gone before, and are dropped
/// in a step of their own, for two tables may point at each other.
fn lets_go_of_types(references: &QName, own: &Table, context: &Context<'_>) -> bool {
    let gone = |table: &&Table| {
        table.name != own.name
            && !context.after().tables.contains_key(references)
            && !context.is_discarded(references, None)
    };
    let other = context.before.tables.get(references).filter(gone);
    other.is_some_and(|table| !Aside::of(table, context).types.is_empty())
}

/// The steps that drop the foreign keys of a table which its parent does not drop.
pub(super) fn drop_foreign_keys(table: &Table, context: &Context<'_>) -> Vec<Step> {
    let own = foreign_keys(table, context);
    let goes = |constraint: &&crate::catalog::Constraint| {
        own.iter().any(|(key, _)| constraint.name.as_ref() == Some(*key))
    };
    let keys = table.constraints.iter().filter(goes);
    keys.filter_map(|constraint| constraints::drop(table, constraint, context)).collect()
}

/// What the foreign keys of a table stand on in other tables.
fn referenced(
    foreign_keys: &[(&Ident, &QName)],
    own: &QName,
    context: &Context<'_>,
) -> BTreeSet<Resource> {
    foreign_keys
        .iter()
        .filter(|(_, table)| *table != own)
        .filter_map(|(_, table)| context.before.tables.get(*table))
        .flat_map(|table| {
            // Not the table itself: two tables that point at each other may go in either order.
            columns(table).into_iter().chain(keys(table))
        })
        .filter(|resource| match resource {
            Resource::Column(table, _) | Resource::Constraint(table, _) => {
                context.after().tables.contains_key(table)
            }
            _ => true,
        })
        .collect()
}

/// The foreign keys that a table drops itself: not those that a parent drops.
fn foreign_keys<'t>(table: &'t Table, context: &Context<'_>) -> Vec<(&'t Ident, &'t QName)> {
    let follows = |name: &Ident| hierarchy::goes_with_parent(table, name, context);
    let keys = table.constraints.iter().filter_map(|constraint| match &constraint.kind {
        ConstraintKind::ForeignKey(key) => {
            let name = constraint.name.as_ref().filter(|name| !follows(name))?;
            Some((name, &key.references))
        }
        ConstraintKind::PrimaryKey { .. }
        | ConstraintKind::Unique { .. }
        | ConstraintKind::Check { .. }
        | ConstraintKind::Exclusion => None,
    });
    keys.collect()
}

fn bring_back(table: &Table, context: &Context<'_>) -> Step {
    let name = &table.name;
    let kept = context.kept_by_the_other_way(name, None);
    let mut statements = move_back(table, &kept.name);
    statements.extend(context.renamed_with_parent(table).into_iter().map(|(part, old, new)| {
        let word = match part {
            Part::Column => "COLUMN",
            Part::Constraint => "CONSTRAINT",
        };
        let (old, new) = (quote_ident(old), quote_ident(new));
        format!("ALTER TABLE {} RENAME {word} {old} TO {new}", quote_name(name))
    }));
    statements.extend(Aside::of(table, context).return_());
    step(Action::MoveTable, format!("bring table {name} back"), statements)
        .undo(crate::dialect::Undo::Kept, "the table is moved aside again")
        .needs([Resource::Schema(name.schema.clone())])
        .needs(context.made_in(texts_and_indexes(table)))
        .makes([Resource::Table(name.clone())])
        .makes(columns(table))
        .makes(values(table))
        .makes(keys(table))
        .makes(slots(table))
        .reads(kept)
}

/// The names a table brings into the schema of kept tables: each must be free there, so each gets a name of its own.
pub(super) fn satellites(table: &Table, kept: &str) -> Vec<(&'static str, Ident, String)> {
    let mut found: Vec<(&'static str, Ident)> = Vec::new();
    for constraint in &table.constraints {
        match (&constraint.kind, &constraint.name) {
            (
                ConstraintKind::PrimaryKey { .. }
                | ConstraintKind::Unique { .. }
                | ConstraintKind::Exclusion,
                Some(name),
            ) => found.push(("INDEX", name.clone())),
            (
                ConstraintKind::PrimaryKey { .. }
                | ConstraintKind::Unique { .. }
                | ConstraintKind::Exclusion,
                None,
            )
            | (ConstraintKind::Check { .. } | ConstraintKind::ForeignKey(_), _) => {}
        }
    }
    found.extend(table.indexes.iter().map(|index| ("INDEX", index.name.clone())));
    found.extend(
        table
            .columns
            .iter()
            .filter_map(column_sequences)
            .map(|sequence| ("SEQUENCE", sequence.name.name.clone())),
    );
    found.sort();
    let stem = &hash::sha256(kept.as_bytes())[..12];
    found
        .into_iter()
        .enumerate()
        .map(|(index, (kind, name))| (kind, name, format!("kept_{stem}_{}", index + 1)))
        .collect()
}

pub(super) fn move_aside(table: &Table, kept: &str) -> Vec<String> {
    let name = &table.name;
    let mut statements: Vec<String> = satellites(table, kept)
        .into_iter()
        .map(|(kind, own, aside)| {
            let own = quote_name(&QName { schema: name.schema.clone(), name: own });
            format!("ALTER {kind} {own} RENAME TO {}", quote(&aside))
        })
        .collect();
    statements.push(format!("ALTER TABLE {} RENAME TO {}", quote_name(name), quote(kept)));
    statements.push(format!(
        "ALTER TABLE {} SET SCHEMA {}",
        quote_name(&QName::new(name.schema.as_str(), kept)),
        quote(SCHEMA)
    ));
    statements
}

fn move_back(table: &Table, kept: &str) -> Vec<String> {
    let name = &table.name;
    let moved = QName::new(name.schema.as_str(), kept);
    let mut statements = vec![
        format!("ALTER TABLE {} SET SCHEMA {}", kept_table(kept), quote_ident(&name.schema)),
        format!("ALTER TABLE {} RENAME TO {}", quote_name(&moved), quote_ident(&name.name)),
    ];
    statements.extend(satellites(table, kept).into_iter().map(|(kind, own, aside)| {
        let aside = quote_name(&QName::new(name.schema.as_str(), aside));
        format!("ALTER {kind} {aside} RENAME TO {}", quote_ident(&own))
    }));
    statements
}

/// What a table must let go of while it is aside: types, functions and sequences that this change may take away.
struct Aside<'t> {
    table: &'t Table,
    /// Computed columns are dropped, and computed again.
    computed: Vec<&'t Column>,
    defaults: Vec<&'t Column>,
    types: Vec<&'t Column>,
    constraints: Vec<&'t crate::catalog::Constraint>,
    indexes: Vec<&'t crate::catalog::Index>,
}

impl<'t> Aside<'t> {
    fn of(table: &'t Table, context: &Context<'_>) -> Self {
        let stands_on = |text: &str| context.unstable.any_in(text);
        let is_known = |data_type: &str| {
            context
                .before
                .enums
                .values()
                .chain(context.after().enums.values())
                .any(|enum_type| super::context::is_of_enum(data_type, enum_type))
        };
        let extension = context.changes_an_extension();
        let type_goes = |column: &&Column| {
            stands_on(&column.data_type)
                || column.collation.as_deref().is_some_and(stands_on)
                || extension
                    && !super::types::is_builtin(&column.data_type)
                    && !is_known(&column.data_type)
        };
        // A parent that goes aside as well converts the columns of its partitions.
        let is_alone = !hierarchy::left(&table.name, context).is_empty()
            || !hierarchy::joined(&table.name, context).is_empty();
        let inherits = |column: &Column| {
            !is_alone && hierarchy::options(table).inherited_columns.contains_key(&column.name)
        };
        let types: Vec<&Column> = table
            .columns
            .iter()
            .filter(|column| column.generated.is_none() && type_goes(column) && !inherits(column))
            .collect();
        let expression = |column: &'t Column| {
            column.generated.as_ref().map(|generated| generated.expression.as_str())
        };
        let computed: Vec<&Column> = table
            .columns
            .iter()
            .filter(|column| !inherits(column))
            .filter(|column| {
                expression(column).is_some_and(|text| stands_on(text) || type_goes(column))
            })
            .collect();
        let changes_type = |column: &Column| types.iter().any(|other| other.name == column.name);
        let defaults = table
            .columns
            .iter()
            .filter(|column| {
                column.default.as_ref().is_some_and(|default| {
                    stands_on(default) && !passing::counts_itself(column) || changes_type(column)
                })
            })
            .collect();
        let names_type = |text: &str| {
            stands_on(text) || types.iter().any(|column| text.contains(column.data_type.as_str()))
        };
        // An index method may not know text: what is built on a converted column goes too.
        let names_column = |text: &str| {
            tokenize(text, Dialect::Postgres)
                .iter()
                .filter_map(Token::name)
                .any(|name| types.iter().chain(&computed).any(|it| it.name.as_str() == name))
        };
        let names_computed = |text: &str| {
            tokenize(text, Dialect::Postgres)
                .iter()
                .filter_map(Token::name)
                .any(|name| computed.iter().any(|column| column.name.as_str() == name))
        };
        Aside {
            table,
            defaults,
            constraints: table
                .constraints
                .iter()
                .filter(|constraint| {
                    let is_check = matches!(constraint.kind, ConstraintKind::Check { .. });
                    let is_foreign = matches!(constraint.kind, ConstraintKind::ForeignKey(_));
                    !is_foreign && names_computed(&constraint.definition)
                        || is_check
                            && (names_type(&constraint.definition)
                                || names_column(&constraint.definition))
                })
                .collect(),
            indexes: table
                .indexes
                .iter()
                .filter(|index| names_type(&index.definition) || names_column(&index.definition))
                .collect(),
            types,
            computed,
        }
    }

    fn leave(&self) -> Vec<String> {
        let name = &self.table.name;
        let constraints = self.constraints.iter().filter_map(|constraint| {
            Some(render::drop_constraint(name, constraint.name.as_ref()?))
        });
        // An index that goes is made again under the name it would have aside, so that both ways count alike.
        let indexes = self.indexes.iter().flat_map(|index| {
            [
                render::drop_index(name, &index.name),
                format!(
                    "CREATE INDEX {} ON {} ((1)) WHERE false",
                    quote_ident(&index.name),
                    quote_name(name)
                ),
            ]
        });
        let defaults = self
            .defaults
            .iter()
            .map(|column| render::alter_column(name, &column.name, "DROP DEFAULT"));
        let types = self.types.iter().map(|column| {
            let using = format!("TYPE text USING {}::text", quote_ident(&column.name));
            render::alter_column(name, &column.name, &using)
        });
        let computed = self.computed.iter().map(|column| {
            format!("ALTER TABLE {} DROP COLUMN {}", quote_name(name), quote_ident(&column.name))
        });
        constraints.chain(indexes).chain(computed).chain(defaults).chain(types).collect()
    }

    fn return_(&self) -> Vec<String> {
        let name = &self.table.name;
        let types = self.types.iter().map(|column| {
            let text = format!(
                "TYPE {}{} USING {}::{}",
                column.data_type,
                render::collation(column),
                quote_ident(&column.name),
                column.data_type
            );
            render::alter_column(name, &column.name, &text)
        });
        let defaults = self.defaults.iter().filter_map(|column| {
            let text = format!("SET DEFAULT {}", column.default.as_ref()?);
            Some(render::alter_column(name, &column.name, &text))
        });
        let indexes = self
            .indexes
            .iter()
            .flat_map(|index| [render::drop_index(name, &index.name), render::create_index(index)]);
        let constraints =
            self.constraints.iter().map(|constraint| render::add_constraint(name, constraint));
        let computed = self.computed.iter().map(|column| {
            let definition = render::column_definition(self.table, column);
            format!("ALTER TABLE {} ADD COLUMN {definition}", quote_name(name))
        });
        types.chain(defaults).chain(computed).chain(indexes).chain(constraints).collect()
    }
}
