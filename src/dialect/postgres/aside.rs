//! What a table takes along when it is moved aside, and what it lets go of meanwhile.

use super::context::{Context, column_sequences, has_index};
use super::keep::{SCHEMA, kept_table};
use super::quote::{quote, quote_ident, quote_name};
use super::{hierarchy, passing, render};
use crate::catalog::{Column, ConstraintKind, Table};
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

/// What a table must let go of while it is aside: types, functions and sequences that this change may take away.
pub(super) struct Aside<'t> {
    table: &'t Table,
    /// The composite type that the table is of.
    of_type: Option<&'t str>,
    /// Computed columns are dropped, and computed again.
    computed: Vec<&'t Column>,
    defaults: Vec<&'t Column>,
    types: Vec<&'t Column>,
    constraints: Vec<&'t crate::catalog::Constraint>,
    indexes: Vec<&'t crate::catalog::Index>,
}

impl<'t> Aside<'t> {
    pub(super) fn of(table: &'t Table, context: &Context<'_>) -> Self {
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
        let of_type = hierarchy::options(table).of_type.as_deref();
        Aside {
            table,
            of_type: of_type
                .filter(|of| stands_on(of) || !types.is_empty() || !computed.is_empty()),
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

    /// Whether columns that a foreign key points at go, or become another type.
    pub(super) fn lets_go_of(&self, columns: &[Ident]) -> bool {
        self.types.iter().chain(&self.computed).any(|column| columns.contains(&column.name))
    }

    pub(super) fn leave(&self) -> Vec<String> {
        let name = &self.table.name;
        // An index that goes is made again under the name it would have aside, so that both ways count alike.
        let stand_in = |index: &Ident| {
            format!("CREATE INDEX {} ON {} ((1)) WHERE false", quote_ident(index), quote_name(name))
        };
        let named = self.constraints.iter().filter_map(|it| Some((it, it.name.as_ref()?)));
        let constraints = named.flat_map(|(constraint, key)| {
            let stands = has_index(constraint).then(|| stand_in(key));
            std::iter::once(render::drop_constraint(name, key)).chain(stands)
        });
        let indexes = self
            .indexes
            .iter()
            .flat_map(|index| [render::drop_index(name, &index.name), stand_in(&index.name)]);
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
        let of_type = self.of_type.map(|_| format!("ALTER TABLE {} NOT OF", quote_name(name)));
        let parts = constraints.chain(indexes).chain(computed).chain(defaults).chain(types);
        of_type.into_iter().chain(parts).collect()
    }

    pub(super) fn return_(&self) -> Vec<String> {
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
        let constraints = self.constraints.iter().flat_map(|constraint| {
            let key = constraint.name.as_ref().filter(|_| has_index(constraint));
            let stood = key.map(|key| render::drop_index(name, key));
            stood.into_iter().chain([render::add_constraint(name, constraint)])
        });
        let computed = self.computed.iter().map(|column| {
            let definition = render::column_definition(self.table, column);
            format!("ALTER TABLE {} ADD COLUMN {definition}", quote_name(name))
        });
        let of_type = self.of_type.map(|of| format!("ALTER TABLE {} OF {of}", quote_name(name)));
        let parts = types.chain(defaults).chain(computed).chain(indexes).chain(constraints);
        parts.chain(of_type).collect()
    }
}
