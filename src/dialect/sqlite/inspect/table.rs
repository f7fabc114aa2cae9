//! A table from its text and its column list.

use super::{ColumnRow, OBJECTS, unreadable};
use crate::catalog::{
    Column, Constraint, ConstraintKind, ForeignKey, Generated, GeneratedStorage, Table,
    TableOptions,
};
use crate::dialect::InspectError;
use crate::dialect::hide::is_hidden;
use crate::dialect::sqlite::ddl::{self, Clause, ClauseKind, CreateTable, Storage};
use crate::dialect::sqlite::hidden;
use crate::text::diagnostic::Span;
use crate::text::token::canonical;
use crate::text::{Dialect, Ident, QName};

pub(super) fn table(
    name: &str,
    text: &str,
    columns: &[ColumnRow<'_>],
) -> Result<Table, InspectError> {
    let parsed = ddl::parse_table(text).map_err(|error| unreadable(OBJECTS, error))?;
    let agree = columns.len() == parsed.columns.len()
        && columns.iter().zip(&parsed.columns).all(|(row, column)| row.name == column.name);
    if !agree {
        let problem = format!("the text of table `{name}` does not name the columns it has");
        return Err(unreadable(OBJECTS, problem));
    }
    if columns.iter().any(|row| is_hidden(&Ident::new(row.name))) {
        let left: Vec<ColumnRow<'_>> =
            columns.iter().filter(|row| !is_hidden(&Ident::new(row.name))).copied().collect();
        return table(name, &hidden::without(&parsed, text), &left);
    }
    let options = TableOptions::Sqlite {
        strict: parsed.strict,
        without_rowid: parsed.without_rowid,
        autoincrement: parsed.autoincrement(),
        rest: ddl::rest_of(&parsed, text),
        create: text.to_owned(),
    };
    Ok(Table {
        name: QName::local(Dialect::Sqlite, name),
        columns: columns.iter().map(|row| column(row, &parsed, text)).collect(),
        constraints: parsed.clauses().filter_map(|own| constraint(own, &parsed, text)).collect(),
        indexes: Vec::new(),
        options,
        comment: None,
    })
}

/// A column as the table spells it; indexes and keys may use another case.
pub(super) fn column_ident(table: &Table, name: &str) -> Ident {
    table
        .columns
        .iter()
        .find(|column| column.name.as_str().eq_ignore_ascii_case(name))
        .map_or_else(|| Ident::new(name), |column| column.name.clone())
}

fn column(row: &ColumnRow<'_>, parsed: &CreateTable, text: &str) -> Column {
    let mut column = Column::plain(row.name, row.data_type);
    column.not_null = row.not_null;
    column.default = row.default.map(str::to_owned);
    if let Some(own) = parsed.column(row.name) {
        column.generated = own.generated().map(|(expression, storage)| Generated {
            expression: told(slice(text, expression), parsed).trim().to_owned(),
            storage: match storage {
                Storage::Stored => GeneratedStorage::Stored,
                Storage::Virtual => GeneratedStorage::Virtual,
            },
        });
        column.collation = own.collation().map(str::to_owned);
    }
    column
}

fn constraint(clause: &Clause, parsed: &CreateTable, text: &str) -> Option<Constraint> {
    let idents = |names: &[String]| -> Vec<Ident> {
        names
            .iter()
            .map(|name| Ident::new(parsed.column(name).map_or(name, |column| &column.name)))
            .collect()
    };
    let kind = match &clause.kind {
        ClauseKind::PrimaryKey { columns, .. } => {
            ConstraintKind::PrimaryKey { columns: idents(columns) }
        }
        ClauseKind::Unique { columns } => ConstraintKind::Unique { columns: idents(columns) },
        ClauseKind::Check(expression) => {
            let told = told(slice(text, *expression), parsed);
            ConstraintKind::Check { expression: ddl::unqualified(told.trim(), &parsed.name) }
        }
        ClauseKind::ForeignKey(key) => ConstraintKind::ForeignKey(ForeignKey {
            columns: idents(&key.columns),
            references: QName::local(Dialect::Sqlite, key.table.as_str()),
            referenced_columns: key.referenced_columns.iter().map(Ident::new).collect(),
            on_delete: key.on_delete,
            on_update: key.on_update,
        }),
        ClauseKind::NotNull
        | ClauseKind::Null
        | ClauseKind::Default(_)
        | ClauseKind::Collate(_)
        | ClauseKind::Generated { .. } => return None,
    };
    Some(Constraint {
        name: clause.name.as_deref().map(Ident::new),
        kind,
        definition: match &clause.kind {
            ClauseKind::Check(_) => told(slice(text, clause.span), parsed),
            ClauseKind::PrimaryKey { .. }
            | ClauseKind::Unique { .. }
            | ClauseKind::ForeignKey(_)
            | ClauseKind::NotNull
            | ClauseKind::Null
            | ClauseKind::Default(_)
            | ClauseKind::Collate(_)
            | ClauseKind::Generated { .. } => definition(clause, &idents, text),
        },
    })
}

/// An expression with its strings in single quotes.
fn told(expression: &str, parsed: &CreateTable) -> String {
    let columns = parsed.columns.iter().map(|column| column.name.as_str());
    ddl::with_strings(expression, columns, &parsed.name)
}

/// The text of the clause; a column's own key names its column, so that two such keys of a table differ.
fn definition(clause: &Clause, idents: &impl Fn(&[String]) -> Vec<Ident>, text: &str) -> String {
    let written = || canonical(slice(text, clause.span), Dialect::Sqlite);
    let listed = |columns: &[String]| {
        idents(columns)
            .iter()
            .map(|column| crate::dialect::sqlite::quote::quote(column.as_str()))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let as_it_is = || slice(text, clause.span).to_owned();
    match &clause.kind {
        ClauseKind::Unique { columns } => match written() {
            own if own.starts_with("unique (") => as_it_is(),
            own => own.replacen("unique", &format!("UNIQUE ({})", listed(columns)), 1),
        },
        ClauseKind::PrimaryKey { columns, .. } => match written() {
            own if own.starts_with("primary key (") => as_it_is(),
            own => own.replacen("primary key", &format!("PRIMARY KEY ({})", listed(columns)), 1),
        },
        ClauseKind::ForeignKey(key) if written().starts_with("references") => {
            format!("FOREIGN KEY ({}) {}", listed(&key.columns), as_it_is())
        }
        ClauseKind::ForeignKey(_)
        | ClauseKind::Check(_)
        | ClauseKind::NotNull
        | ClauseKind::Null
        | ClauseKind::Default(_)
        | ClauseKind::Collate(_)
        | ClauseKind::Generated { .. } => as_it_is(),
    }
}

fn slice(text: &str, span: Span) -> &str {
    text.get(span.start..span.end).unwrap_or("")
}
