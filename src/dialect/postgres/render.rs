//! Statements that make things, printed from values. What PostgreSQL itself printed (defaults, constraint and index
//! definitions) is put in as it is.

use super::quote::{literal, literal_or_null, quote_ident, quote_name};
use crate::catalog::postgres_table::{Origin, PostgresTable};
use crate::catalog::{
    Column, Constraint, ConstraintKind, EnumType, GeneratedStorage, Identity, IdentityKind, Index,
    Sequence, Table,
};
use crate::text::{Ident, QName};

/// `CREATE TABLE` with columns, keys and checks, and what cannot stand inside it: comments. Foreign keys, indexes
/// and constraints that do not stand inside come later.
pub(super) fn create_table(table: &Table, stands: &dyn Fn(&Constraint) -> bool) -> Vec<String> {
    let options = table.options.of_postgres();
    let unlogged = match options {
        Some(PostgresTable { unlogged: true, .. }) => "UNLOGGED ",
        Some(_) | None => "",
    };
    let heir = options.filter(|options| !options.parents.is_empty() && !options.is_partition());
    // An heir says only what is its own; a partition is made whole and attached.
    let from_parent = |column: &&Column| {
        heir.is_some_and(|o| o.inherited_columns.get(&column.name) == Some(&Origin::Inherited))
    };
    let checks_from_parent = |constraint: &&Constraint| {
        heir.is_some_and(|options| {
            let name = constraint.name.as_ref();
            let inherited = name.and_then(|name| options.inherited.get(name));
            inherited.is_some_and(|inherited| inherited.origin == Origin::Inherited)
        })
    };
    let columns = table
        .columns
        .iter()
        .filter(|column| !from_parent(column))
        .map(|column| format!("    {}", column_definition(table, column)));
    let required = super::not_null::on_inherited_columns(table).into_iter();
    let required = required.map(|constraint| format!("    {constraint}"));
    let constraints = table
        .constraints
        .iter()
        .filter(|constraint| stands(constraint) && !checks_from_parent(constraint))
        .map(|constraint| format!("    {}", constraint_clause(constraint)));
    let items: Vec<String> = columns.chain(required).chain(constraints).collect();
    let body =
        if items.is_empty() { "()".to_owned() } else { format!("(\n{}\n)", items.join(",\n")) };
    let owned =
        table.columns.iter().filter_map(|column| Some((column, column.owned_sequence.as_ref()?)));
    let mut statements: Vec<String> =
        owned.clone().map(|(_, sequence)| create_sequence(sequence)).collect();
    let mut create = format!("CREATE {unlogged}TABLE {} {body}", quote_name(&table.name));
    if let Some(heir) = heir {
        let parents: Vec<String> = heir.parents.iter().map(quote_name).collect();
        create.push_str(&format!(" INHERITS ({})", parents.join(", ")));
    }
    if let Some(key) = options.and_then(|options| options.partition_by.as_ref()) {
        create.push_str(&format!(" PARTITION BY {key}"));
    }
    statements.push(create);
    for column in table.columns.iter().filter(from_parent) {
        // What an heir has of its own on a column that it got.
        if let Some(default) = &column.default {
            statements.push(alter_column(
                &table.name,
                &column.name,
                &format!("SET DEFAULT {default}"),
            ));
        }
    }
    if let Some(of_type) = options.and_then(|options| options.of_type.as_ref()) {
        statements.push(format!("ALTER TABLE {} OF {of_type}", quote_name(&table.name)));
    }
    statements
        .extend(owned.map(|(column, sequence)| own_sequence(sequence, &table.name, &column.name)));
    let is_unlogged = options.is_some_and(|options| options.unlogged);
    let identities = table.columns.iter().filter_map(|column| column.identity.as_ref());
    let apart = identities
        .map(|identity| &identity.sequence)
        .filter(|sequence| sequence.unlogged.is_some_and(|unlogged| unlogged != is_unlogged));
    statements.extend(apart.filter_map(super::ownership::set_persistence));
    if let Some(comment) = &table.comment {
        statements.push(comment_on_table(&table.name, Some(comment)));
    }
    for column in &table.columns {
        if let Some(comment) = &column.comment {
            statements.push(comment_on_column(&table.name, &column.name, Some(comment)));
        }
    }
    statements
}

/// Whether a constraint is written inside CREATE TABLE. There, NOT VALID would be taken as valid.
pub(super) fn stands_in_create(constraint: &Constraint) -> bool {
    match constraint.kind {
        ConstraintKind::ForeignKey(_) => false,
        ConstraintKind::PrimaryKey { .. }
        | ConstraintKind::Unique { .. }
        | ConstraintKind::Check { .. }
        | ConstraintKind::Exclusion => !constraint.definition.ends_with(" NOT VALID"),
    }
}

/// `"name" type …`, all of it.
pub(super) fn column_definition(table: &Table, column: &Column) -> String {
    let mut text = column_type(column);
    if let Some(default) = &column.default {
        text.push_str(&format!(" DEFAULT {default}"));
    }
    if let Some(generated) = &column.generated {
        let storage = match generated.storage {
            GeneratedStorage::Stored => "STORED",
            GeneratedStorage::Virtual => "VIRTUAL",
        };
        text.push_str(&format!(" GENERATED ALWAYS AS ({}) {storage}", generated.expression));
    }
    if let Some(identity) = &column.identity {
        text.push_str(&format!(" {}", identity_clause(identity)));
    }
    text + &super::not_null::clause(table, column)
}

/// `"name" type COLLATE …` and no more.
pub(super) fn column_type(column: &Column) -> String {
    format!("{} {}{}", quote_ident(&column.name), column.data_type, collation(column))
}

/// ` COLLATE …`, or nothing.
pub(super) fn collation(column: &Column) -> String {
    column.collation.as_ref().map(|name| format!(" COLLATE {name}")).unwrap_or_default()
}

/// `GENERATED … AS IDENTITY (…)`.
pub(super) fn identity_clause(identity: &Identity) -> String {
    let Sequence { name, .. } = &identity.sequence;
    format!(
        "GENERATED {} AS IDENTITY (SEQUENCE NAME {} {})",
        identity_kind(identity.kind),
        quote_name(name),
        sequence_options(&identity.sequence)
    )
}

pub(super) fn identity_kind(kind: IdentityKind) -> &'static str {
    match kind {
        IdentityKind::Always => "ALWAYS",
        IdentityKind::ByDefault => "BY DEFAULT",
    }
}

pub(super) fn constraint_clause(constraint: &Constraint) -> String {
    match &constraint.name {
        Some(name) => format!("CONSTRAINT {} {}", quote_ident(name), constraint.definition),
        None => constraint.definition.clone(),
    }
}

pub(super) fn add_constraint(table: &QName, constraint: &Constraint) -> String {
    format!("ALTER TABLE {} ADD {}", quote_name(table), constraint_clause(constraint))
}

pub(super) fn drop_constraint(table: &QName, name: &Ident) -> String {
    format!("ALTER TABLE {} DROP CONSTRAINT {}", quote_name(table), quote_ident(name))
}

/// The engine's own text of the index.
pub(super) fn create_index(index: &Index) -> String {
    index.definition.clone()
}

pub(super) fn drop_index(table: &QName, name: &Ident) -> String {
    format!(
        "DROP INDEX {}",
        quote_name(&QName { schema: table.schema.clone(), name: name.clone() })
    )
}

pub(super) fn create_enum(name: &QName, values: &[String]) -> String {
    let values: Vec<String> = values.iter().map(|value| literal(value)).collect();
    format!("CREATE TYPE {} AS ENUM ({})", quote_name(name), values.join(", "))
}

pub(super) fn comment_on_enum(enum_type: &EnumType) -> String {
    format!(
        "COMMENT ON TYPE {} IS {}",
        quote_name(&enum_type.name),
        literal_or_null(enum_type.comment.as_deref())
    )
}

pub(super) fn comment_on_table(table: &QName, comment: Option<&str>) -> String {
    format!("COMMENT ON TABLE {} IS {}", quote_name(table), literal_or_null(comment))
}

pub(super) fn comment_on_column(table: &QName, column: &Ident, comment: Option<&str>) -> String {
    format!(
        "COMMENT ON COLUMN {}.{} IS {}",
        quote_name(table),
        quote_ident(column),
        literal_or_null(comment)
    )
}

pub(super) fn create_sequence(sequence: &Sequence) -> String {
    let unlogged = if sequence.unlogged == Some(true) { "UNLOGGED " } else { "" };
    format!(
        "CREATE {unlogged}SEQUENCE {} AS {} {}",
        quote_name(&sequence.name),
        sequence.data_type,
        sequence_options(sequence)
    )
}

pub(super) fn alter_sequence(sequence: &Sequence) -> String {
    format!(
        "ALTER SEQUENCE {} AS {} {}",
        quote_name(&sequence.name),
        sequence.data_type,
        sequence_options(sequence)
    )
}

pub(super) fn own_sequence(sequence: &Sequence, table: &QName, column: &Ident) -> String {
    format!(
        "ALTER SEQUENCE {} OWNED BY {}.{}",
        quote_name(&sequence.name),
        quote_name(table),
        quote_ident(column)
    )
}

fn sequence_options(sequence: &Sequence) -> String {
    format!(
        "INCREMENT BY {} MINVALUE {} MAXVALUE {} START WITH {} CACHE {}{}",
        sequence.increment,
        sequence.min,
        sequence.max,
        sequence.start,
        sequence.cache,
        if sequence.cycle { " CYCLE" } else { " NO CYCLE" }
    )
}

/// Moves a sequence behind the greatest value that the column holds; nothing where it holds no numbers.
pub(super) fn advance_sequence(
    sequence: &Sequence,
    table: &QName,
    column: &Column,
) -> Option<String> {
    if !super::positions::counts_in(column) {
        return None;
    }
    let furthest = if sequence.increment < 0 { "min" } else { "max" };
    let column = quote_ident(&column.name);
    Some(format!(
        "SELECT pg_catalog.setval({}, {furthest}({column})::bigint) FROM {} HAVING {furthest}({column}) IS NOT NULL",
        literal(&quote_name(&sequence.name)),
        quote_name(table)
    ))
}

/// `ALTER TABLE … ALTER COLUMN …`.
pub(super) fn alter_column(table: &QName, column: &Ident, what: &str) -> String {
    format!("ALTER TABLE {} ALTER COLUMN {} {what}", quote_name(table), quote_ident(column))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Generated;

    #[test]
    fn a_generated_column_says_how_it_is_stored() {
        let mut column = Column::plain("total", "integer");
        column.generated =
            Some(Generated { expression: "(a + b)".into(), storage: GeneratedStorage::Stored });
        column.not_null = true;
        let table = Table {
            name: QName::new("public", "t"),
            columns: Vec::new(),
            constraints: Vec::new(),
            indexes: Vec::new(),
            options: crate::catalog::TableOptions::postgres(),
            comment: None,
        };
        assert_eq!(
            column_definition(&table, &column),
            "\"total\" integer GENERATED ALWAYS AS ((a + b)) STORED NOT NULL"
        );
    }

    #[test]
    fn an_index_is_dropped_in_the_schema_of_its_table() {
        assert_eq!(
            drop_index(&QName::new("app", "t"), &Ident::from("i")),
            "DROP INDEX \"app\".\"i\""
        );
    }
}
