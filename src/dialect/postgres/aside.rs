//! What a table takes along when it is moved aside, and what it lets go of meanwhile.

use std::collections::BTreeSet;

use super::context::Context;
use super::keep::{SCHEMA, kept_table};
use super::parts::{column_sequences, has_index};
use super::quote::{quote, quote_ident, quote_name};
use super::{hierarchy, passing, render, settings};
use crate::catalog::postgres_table::Origin;
use crate::catalog::{Catalog, Column, Constraint, ConstraintKind, Index, IndexKey, Table};
use crate::text::token::{Token, tokenize};
use crate::text::{Dialect, Ident, QName, hash};

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

pub(super) fn move_back(table: &Table, kept: &str) -> Vec<String> {
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

/// What a table must let go of while it is aside: types, functions and sequences that this change may take away. The
/// partitions that go aside with it let go in the same breath, for what they have from their parent goes with it.
pub(super) struct Aside<'t> {
    table: &'t Table,
    /// The composite type that the table is of.
    of_type: Option<&'t str>,
    /// Computed columns are dropped, and computed again.
    computed: Vec<&'t Column>,
    defaults: Vec<&'t Column>,
    types: Vec<&'t Column>,
    constraints: Vec<&'t Constraint>,
    indexes: Vec<&'t Index>,
    /// The partitions right below.
    partitions: Vec<Aside<'t>>,
}

/// The parent that a partition goes aside with, or comes back with.
pub(super) fn taken_along_by<'c>(table: &Table, context: &'c Context<'_>) -> Option<&'c Table> {
    if !hierarchy::options(table).is_partition()
        || !hierarchy::left(&table.name, context).is_empty()
        || !hierarchy::joined(&table.name, context).is_empty()
    {
        return None;
    }
    let parent = hierarchy::options(table).parents.first()?;
    context.before.tables.get(parent).or_else(|| context.after().tables.get(parent))
}

/// Whether a table that goes or comes cannot let go of what goes or comes with it, so that it cannot be moved aside and
/// its rows are copied. That holds for a whole tree of partitions where it holds for one of them.
pub(super) fn holds_on(table: &QName, context: &Context<'_>) -> bool {
    let all = || {
        let alone = |here: &Catalog, there: &Catalog| -> BTreeSet<QName> {
            let is_alone = |name: &QName| !there.tables.contains_key(name);
            let alone = here.tables.values().filter(|it| is_alone(&it.name));
            let tops = alone.filter(|it| {
                let options = hierarchy::options(it);
                !(options.is_partition() && options.parents.iter().all(is_alone))
            });
            let trees = tops.map(|top| {
                let mut tree = vec![top];
                let mut next = 0;
                while let Some(table) = tree.get(next) {
                    let below = hierarchy::partitions(here, &table.name);
                    tree.extend(below.filter(|it| is_alone(&it.name)));
                    next += 1;
                }
                tree
            });
            let holding = trees.filter(|tree| {
                tree.iter().any(|it| key_goes(it, context) || may_use_an_extension(it, context))
            });
            holding.flatten().map(|it| it.name.clone()).collect()
        };
        let mut found = alone(&context.before, context.after());
        found.extend(alone(context.after(), &context.before));
        found
    };
    context.holding_on.get_or_init(all).contains(table)
}

/// Whether the key by which a table is partitioned stands on what goes: PostgreSQL alters no column of a partition key
/// (`ATPrepAlterColumnType` in `tablecmds.c`).
fn key_goes(table: &Table, context: &Context<'_>) -> bool {
    let Some(key) = &hierarchy::options(table).partition_by else { return false };
    let types = Going::of(table, context).types;
    let tokens = tokenize(key, Dialect::Postgres);
    let mut names = tokens.iter().filter_map(Token::name);
    context.unstable.any_in(key)
        || names.any(|name| types.iter().any(|column| column.name.as_str() == name))
}

/// Whether a table may stand on an extension that goes or comes. What an extension holds is not read, and an index may
/// use its operator class without saying so; so whatever computes, and each index that is more than a list of
/// columns in a tree, counts.
fn may_use_an_extension(table: &Table, context: &Context<'_>) -> bool {
    let computes = |column: &Column| {
        column.generated.is_some()
            || column.default.as_ref().is_some_and(|it| {
                it.contains('(') && !passing::counts_itself(column) && *it != "now()"
            })
    };
    let is_plain = |index: &Index| {
        let columns = index.keys.iter().map(|key| match key {
            IndexKey::Column(name) => Some(quote_ident(name)),
            IndexKey::Expression(_) => None,
        });
        let columns: Option<Vec<String>> = columns.collect();
        // A class or a collation would stand between the columns.
        columns.is_some_and(|names| {
            let plain = format!(" USING btree ({})", names.join(", "));
            index.definition.replace('"', "").contains(&plain.replace('"', ""))
        }) && index.predicate.is_none()
    };
    let constrains = |constraint: &Constraint| match constraint.kind {
        ConstraintKind::Check { .. } | ConstraintKind::Exclusion => true,
        ConstraintKind::PrimaryKey { .. }
        | ConstraintKind::Unique { .. }
        | ConstraintKind::ForeignKey(_) => false,
    };
    context.changes_an_extension()
        && (table.columns.iter().any(computes)
            || table.constraints.iter().any(constrains)
            || !table.indexes.iter().all(is_plain))
}

/// Whether a parent lets go for a partition that it takes along.
pub(super) fn lets_go_for(partition: &QName, context: &Context<'_>) -> bool {
    let all = || {
        let only_in = |here: &'_ Catalog, there: &'_ Catalog| -> Vec<QName> {
            let alone = here.tables.values().filter(|it| !there.tables.contains_key(&it.name));
            let roots = alone.filter(|it| {
                hierarchy::options(it).partition_by.is_some()
                    && taken_along_by(it, context).is_none()
                    && !holds_on(&it.name, context)
            });
            let below = roots.flat_map(|root| Aside::of(root, context).partitions());
            below.map(|it| it.name.clone()).collect()
        };
        let goes = only_in(&context.before, context.after());
        goes.into_iter().chain(only_in(context.after(), &context.before)).collect()
    };
    context.let_go.get_or_init(all).contains(partition)
}

impl<'t> Aside<'t> {
    pub(super) fn of(table: &'t Table, context: &'t Context<'_>) -> Self {
        let catalog = match context.before.tables.contains_key(&table.name) {
            true => &context.before,
            false => context.after(),
        };
        let partitions = hierarchy::partitions(catalog, &table.name);
        let partitions = partitions.filter(|it| taken_along_by(it, context).is_some());
        let partitions = partitions.map(|it| Aside::of(it, context)).collect();
        let goes = Going::of(table, context);
        let names_type = |text: &str| {
            context.unstable.any_in(text)
                || goes.types.iter().any(|column| text.contains(column.data_type.as_str()))
        };
        // An index method may not know text: what is built on a converted column goes too.
        let names = |text: &str, columns: &[&Column]| {
            let tokens = tokenize(text, Dialect::Postgres);
            let mut names = tokens.iter().filter_map(Token::name);
            names.any(|name| columns.iter().any(|column| column.name.as_str() == name))
        };
        let names_column = |text: &str| names(text, &goes.types) || names(text, &goes.computed);
        let lets_go = |constraint: &&Constraint| match &constraint.kind {
            ConstraintKind::ForeignKey(_) => false,
            ConstraintKind::Check { .. } => {
                names_type(&constraint.definition) || names_column(&constraint.definition)
            }
            // Its operators may not know text.
            ConstraintKind::Exclusion => {
                names_type(&constraint.definition) || names_column(&constraint.definition)
            }
            ConstraintKind::PrimaryKey { .. } | ConstraintKind::Unique { .. } => {
                names(&constraint.definition, &goes.computed)
            }
        };
        // A parent that goes aside as well converts the columns of its partitions.
        let parent = taken_along_by(table, context);
        let inherits = |column: &&Column| {
            parent.is_some()
                && hierarchy::options(table).inherited_columns.contains_key(&column.name)
        };
        let of_type = hierarchy::options(table).of_type.as_deref();
        Aside {
            table,
            of_type: of_type.filter(|of| {
                context.unstable.any_in(of) || !goes.types.is_empty() || !goes.computed.is_empty()
            }),
            constraints: table.constraints.iter().filter(lets_go).collect(),
            indexes: table
                .indexes
                .iter()
                .filter(|index| names_type(&index.definition) || names_column(&index.definition))
                .collect(),
            defaults: goes.defaults,
            types: goes.types.into_iter().filter(|it| !inherits(it)).collect(),
            computed: goes.computed.into_iter().filter(|it| !inherits(it)).collect(),
            partitions,
        }
    }

    /// Whether columns that a foreign key points at go, or become another type.
    pub(super) fn lets_go_of(&self, columns: &[Ident]) -> bool {
        self.types.iter().chain(&self.computed).any(|column| columns.contains(&column.name))
    }

    /// The table and its partitions, each behind its parent.
    fn tree(&self) -> Vec<&Aside<'t>> {
        std::iter::once(self).chain(self.partitions.iter().flat_map(Aside::tree)).collect()
    }

    /// The partitions that have something to let go of.
    pub(super) fn partitions(&self) -> Vec<&'t Table> {
        let tree = self.tree();
        if tree.iter().all(|it| it.is_empty()) {
            return Vec::new();
        }
        tree[1..].iter().map(|it| it.table).collect()
    }

    fn is_empty(&self) -> bool {
        self.of_type.is_none()
            && self.computed.is_empty()
            && self.defaults.is_empty()
            && self.types.is_empty()
            && self.constraints.is_empty()
            && self.indexes.is_empty()
    }

    pub(super) fn leave(&self) -> Vec<String> {
        let tree = self.tree();
        let each = |own: fn(&Aside<'t>) -> Vec<String>| tree.iter().flat_map(move |it| own(it));
        let untyped =
            self.of_type.map(|_| format!("ALTER TABLE {} NOT OF", quote_name(&self.table.name)));
        let mut statements: Vec<String> = untyped.into_iter().collect();
        statements.extend(self.drop_objects(Links::None));
        statements.extend(tree[1..].iter().flat_map(|it| it.drop_objects(Links::ToParent)));
        statements.extend(each(Aside::make_stand_ins));
        statements.extend(each(Aside::drop_computed));
        statements.extend(each(Aside::drop_defaults));
        statements.extend(each(Aside::convert_to_text));
        statements
    }

    pub(super) fn return_(&self) -> Vec<String> {
        let tree = self.tree();
        let each = |own: fn(&Aside<'t>) -> Vec<String>| tree.iter().flat_map(move |it| own(it));
        let mut statements: Vec<String> = each(Aside::convert_back).collect();
        statements.extend(each(Aside::set_defaults));
        statements.extend(each(Aside::add_computed));
        // Partitions first, each with its own names: the parent's takes theirs in.
        let below = tree[1..].iter().rev();
        statements.extend(below.flat_map(|it| it.make_objects(Links::ToParent)));
        statements.extend(self.make_objects(Links::None));
        let of_type = self.of_type.iter();
        statements.extend(
            of_type.map(|of| format!("ALTER TABLE {} OF {of}", quote_name(&self.table.name))),
        );
        statements
    }

    /// Whether a constraint or index goes with the parent's.
    fn follows(&self, name: &Ident, links: Links) -> bool {
        let link = hierarchy::options(self.table).inherited.get(name);
        links == Links::ToParent && link.is_some_and(|link| link.origin == Origin::Inherited)
    }

    fn named_constraints(&self) -> impl Iterator<Item = (&'t Constraint, &'t Ident)> {
        self.constraints
            .iter()
            .filter_map(|constraint| Some((*constraint, constraint.name.as_ref()?)))
    }

    fn drop_objects(&self, links: Links) -> Vec<String> {
        let name = &self.table.name;
        let constraints = self.named_constraints().filter(|(_, key)| !self.follows(key, links));
        let constraints = constraints.map(|(_, key)| render::drop_constraint(name, key));
        let indexes = self.indexes.iter().filter(|index| !self.follows(&index.name, links));
        let indexes = indexes.map(|index| render::drop_index(name, &index.name));
        constraints.chain(indexes).collect()
    }

    /// An index that goes is made again under the name it would have aside, so that both ways count alike.
    fn make_stand_ins(&self) -> Vec<String> {
        let only = self.only();
        let name = quote_name(&self.table.name);
        self.stand_ins()
            .map(|index| {
                format!("CREATE INDEX {} ON {only}{name} ((1)) WHERE false", quote_ident(index))
            })
            .collect()
    }

    fn stand_ins(&self) -> impl Iterator<Item = &'t Ident> {
        let keys = self.named_constraints().filter(|(constraint, _)| has_index(constraint));
        keys.map(|(_, key)| key).chain(self.indexes.iter().map(|index| &index.name))
    }

    /// What is said of a partitioned table is not meant for its partitions: each says what is its own.
    fn only(&self) -> &'static str {
        if hierarchy::options(self.table).partition_by.is_some() { "ONLY " } else { "" }
    }

    fn alter_default(&self, column: &Column, what: &str) -> String {
        let (table, column) = (quote_name(&self.table.name), quote_ident(&column.name));
        format!("ALTER TABLE {}{table} ALTER COLUMN {column} {what}", self.only())
    }

    fn drop_defaults(&self) -> Vec<String> {
        self.defaults.iter().map(|column| self.alter_default(column, "DROP DEFAULT")).collect()
    }

    fn set_defaults(&self) -> Vec<String> {
        let set = self.defaults.iter().filter_map(|column| {
            let what = format!("SET DEFAULT {}", column.default.as_ref()?);
            Some(self.alter_default(column, &what))
        });
        set.collect()
    }

    fn drop_computed(&self) -> Vec<String> {
        let drop = self.computed.iter().map(|column| {
            let name = quote_name(&self.table.name);
            format!("ALTER TABLE {name} DROP COLUMN {}", quote_ident(&column.name))
        });
        drop.collect()
    }

    fn add_computed(&self) -> Vec<String> {
        let add = self.computed.iter().map(|column| {
            let definition = render::column_definition(self.table, column);
            format!("ALTER TABLE {} ADD COLUMN {definition}", quote_name(&self.table.name))
        });
        add.collect()
    }

    fn convert_to_text(&self) -> Vec<String> {
        let convert = self.types.iter().map(|column| {
            let using = format!("TYPE text USING {}::text", quote_ident(&column.name));
            render::alter_column(&self.table.name, &column.name, &using)
        });
        convert.collect()
    }

    fn convert_back(&self) -> Vec<String> {
        let convert = self.types.iter().map(|column| {
            let text = format!(
                "TYPE {}{} USING {}::{}",
                column.data_type,
                render::collation(column),
                quote_ident(&column.name),
                column.data_type
            );
            render::alter_column(&self.table.name, &column.name, &text)
        });
        convert.collect()
    }

    /// Indexes and constraints as they were, with those of the partitions taken in.
    fn make_objects(&self, links: Links) -> Vec<String> {
        let name = &self.table.name;
        let mut statements = Vec::new();
        for index in &self.indexes {
            statements.push(render::drop_index(name, &index.name));
            let made = render::create_index(index);
            statements.push(if self.only().is_empty() { made } else { on_only(&made) });
            statements.extend(self.take_in(&index.name));
            statements.extend(settings::of_index(self.table, &index.name));
        }
        for (constraint, key) in self.named_constraints() {
            let made = render::add_constraint(name, constraint);
            if has_index(constraint) {
                statements.push(render::drop_index(name, key));
                let only = format!("ALTER TABLE {}", self.only());
                statements.push(made.replacen("ALTER TABLE ", &only, 1));
                statements.extend(self.take_in(key));
                statements.extend(settings::of_index(self.table, key));
            } else if !self.follows(key, links) {
                statements.push(made);
            }
        }
        statements
    }

    /// Attaches what the partitions have of an index.
    fn take_in(&self, index: &Ident) -> Vec<String> {
        let name_of = |table: &Table, index: &Ident| {
            quote_name(&QName { schema: table.name.schema.clone(), name: index.clone() })
        };
        let mut statements = Vec::new();
        for partition in &self.partitions {
            let links = &hierarchy::options(partition.table).inherited;
            let own = partition.stand_ins();
            let linked =
                own.filter(|own| links.get(*own).is_some_and(|link| link.parent == *index));
            statements.extend(linked.map(|own| {
                let (parent, own) = (name_of(self.table, index), name_of(partition.table, own));
                format!("ALTER INDEX {parent} ATTACH PARTITION {own}")
            }));
        }
        statements
    }
}

/// Whether the parent that a table belongs to lets go as well.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Links {
    None,
    ToParent,
}

/// `CREATE INDEX … ON ONLY …`.
fn on_only(definition: &str) -> String {
    let tokens = tokenize(definition, Dialect::Postgres);
    let code: Vec<&Token<'_>> = tokens.iter().filter(|token| token.is_code()).collect();
    let Some(at) = code.iter().position(|token| token.is_word("on")) else {
        return definition.to_owned();
    };
    if code.get(at + 1).is_some_and(|next| next.is_word("only")) {
        return definition.to_owned();
    }
    let (head, rest) = definition.split_at(code[at].span.end);
    format!("{head} ONLY{rest}")
}

/// The columns of a table that stand on what may be taken away.
struct Going<'t> {
    computed: Vec<&'t Column>,
    defaults: Vec<&'t Column>,
    types: Vec<&'t Column>,
}

impl<'t> Going<'t> {
    fn of(table: &'t Table, context: &Context<'_>) -> Self {
        let stands_on = |text: &str| context.unstable.any_in(text);
        let is_known = |data_type: &str| {
            let enums = context.before.enums.values().chain(context.after().enums.values());
            enums.into_iter().any(|it| super::parts::is_of_enum(data_type, it))
        };
        let extension = context.changes_an_extension();
        let type_goes = |column: &Column| {
            stands_on(&column.data_type)
                || column.collation.as_deref().is_some_and(stands_on)
                || extension
                    && !super::types::is_builtin(&column.data_type)
                    && !is_known(&column.data_type)
        };
        let types: Vec<&Column> =
            table.columns.iter().filter(|it| it.generated.is_none() && type_goes(it)).collect();
        let changes_type = |column: &Column| types.iter().any(|other| other.name == column.name);
        let names_converted = |text: &str| {
            let tokens = tokenize(text, Dialect::Postgres);
            let mut names = tokens.iter().filter_map(Token::name);
            names.any(|name| types.iter().any(|column| column.name.as_str() == name))
        };
        let computed = table.columns.iter().filter(|column| {
            column.generated.as_ref().is_some_and(|generated| {
                let text = &generated.expression;
                stands_on(text) || type_goes(column) || names_converted(text)
            })
        });
        let defaults = table.columns.iter().filter(|column| {
            column.default.as_ref().is_some_and(|default| {
                stands_on(default) && !passing::counts_itself(column) || changes_type(column)
            })
        });
        let (computed, defaults) = (computed.collect(), defaults.collect());
        Going { computed, defaults, types }
    }
}
