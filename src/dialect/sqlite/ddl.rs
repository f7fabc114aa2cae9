//! `CREATE TABLE` and `CREATE INDEX` texts of SQLite as values, with the place of each part.
//!
//! SQLite keeps the text that created a table and nothing else knows its checks, conflict clauses, collations and
//! constraint names; a rebuild edits that text by span, so that what is not understood is still carried.
//! Source: sqlite.org/lang_createtable.html and the grammar in `parse.y`.

mod index;
mod normal;
mod reader;
mod table;
#[cfg(test)]
mod tests;

pub use index::{CreateIndex, Key, parse_index};
pub use normal::{
    normalized_column, normalized_create, normalized_table, rest_of, unqualified, with_strings,
};
pub use table::parse_table;

use crate::catalog::Action;
use crate::text::diagnostic::Span;

/// A text that is not what SQLite would have stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read `{text}`: expected {expected} at byte {at}")]
pub struct DdlError {
    pub text: String,
    pub expected: &'static str,
    pub at: usize,
}

/// A parsed `CREATE TABLE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateTable {
    pub name: String,
    /// The bare name, without a schema prefix.
    pub name_span: Span,
    /// What stands between the outermost parentheses.
    pub body: Span,
    pub columns: Vec<ColumnText>,
    /// Table constraints, in order.
    pub constraints: Vec<Clause>,
    pub strict: bool,
    pub without_rowid: bool,
}

/// One column definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnText {
    pub name: String,
    /// The whole definition.
    pub span: Span,
    /// The type as written, in one layout; empty where there is none.
    pub data_type: String,
    pub clauses: Vec<Clause>,
}

/// One constraint of a column or of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clause {
    pub name: Option<String>,
    pub kind: ClauseKind,
    /// Without `CONSTRAINT name`.
    pub span: Span,
}

/// What a clause says. Column clauses that name columns carry the column itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClauseKind {
    PrimaryKey {
        columns: Vec<String>,
        order: KeyOrder,
        numbering: Numbering,
    },
    NotNull,
    /// A bare `NULL`, which SQLite accepts and ignores.
    Null,
    Unique {
        columns: Vec<String>,
    },
    /// The span is inside the parentheses.
    Check(Span),
    /// The value with its parentheses, if any.
    Default(Span),
    Collate(String),
    ForeignKey(ForeignKeyText),
    Generated {
        expression: Span,
        storage: Storage,
    },
}

/// Whether the key is written `DESC`: `INTEGER PRIMARY KEY DESC` is not the rowid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyOrder {
    Ascending,
    Descending,
}

/// Whether ids of deleted rows may come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbering {
    Free,
    Autoincrement,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    Stored,
    Virtual,
}

/// `REFERENCES table (columns) …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignKeyText {
    pub columns: Vec<String>,
    pub table: String,
    pub referenced_columns: Vec<String>,
    pub on_delete: Action,
    pub on_update: Action,
}

impl CreateTable {
    /// The same text told under other names: of the table, and of its columns in their order.
    pub fn under_names(mut self, table: &str, columns: &[String]) -> Self {
        if self.columns.len() != columns.len() {
            return self;
        }
        let before: Vec<String> = self.columns.iter().map(|column| column.name.clone()).collect();
        let rename = |name: &mut String| {
            let at = before.iter().position(|own| own.eq_ignore_ascii_case(name));
            if let Some(after) = at.and_then(|at| columns.get(at)) {
                name.clone_from(after);
            }
        };
        table.clone_into(&mut self.name);
        let own = self.columns.iter_mut().flat_map(|column| &mut column.clauses);
        for clause in own.chain(&mut self.constraints) {
            match &mut clause.kind {
                ClauseKind::PrimaryKey { columns, .. } | ClauseKind::Unique { columns } => {
                    columns.iter_mut().for_each(rename);
                }
                ClauseKind::ForeignKey(key) => key.columns.iter_mut().for_each(rename),
                ClauseKind::NotNull
                | ClauseKind::Null
                | ClauseKind::Check(_)
                | ClauseKind::Default(_)
                | ClauseKind::Collate(_)
                | ClauseKind::Generated { .. } => {}
            }
        }
        for (column, name) in self.columns.iter_mut().zip(columns) {
            column.name.clone_from(name);
        }
        self
    }

    pub fn column(&self, name: &str) -> Option<&ColumnText> {
        self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))
    }

    /// Every clause of the table, column clauses first.
    pub fn clauses(&self) -> impl Iterator<Item = &Clause> {
        self.columns.iter().flat_map(|column| &column.clauses).chain(&self.constraints)
    }

    /// Columns of the primary key, in key order.
    pub fn primary_key(&self) -> &[String] {
        self.clauses()
            .find_map(|clause| match &clause.kind {
                ClauseKind::PrimaryKey { columns, .. } => Some(columns.as_slice()),
                _ => None,
            })
            .unwrap_or(&[])
    }

    /// Whether the table says `AUTOINCREMENT`.
    pub fn autoincrement(&self) -> bool {
        self.clauses().any(|clause| {
            matches!(
                clause.kind,
                ClauseKind::PrimaryKey { numbering: Numbering::Autoincrement, .. }
            )
        })
    }

    /// The column that is the rowid under another name. Source: sqlite.org/lang_createtable.html#rowid: type exactly
    /// `INTEGER`, sole primary key; `PRIMARY KEY DESC` on the column itself is the documented exception.
    pub fn rowid_alias(&self) -> Option<&str> {
        if self.without_rowid {
            return None;
        }
        let on_column = self.columns.iter().flat_map(|column| &column.clauses).any(|clause| {
            matches!(clause.kind, ClauseKind::PrimaryKey { order: KeyOrder::Descending, .. })
        });
        match self.primary_key() {
            [only] if !on_column => {
                let column = self.column(only)?;
                column.data_type.eq_ignore_ascii_case("integer").then_some(column.name.as_str())
            }
            _ => None,
        }
    }

    /// A name for the hidden rowid that no column has taken; `None` where there is no rowid or no free name.
    pub fn rowid_name(&self) -> Option<&'static str> {
        if self.without_rowid {
            return None;
        }
        ["rowid", "_rowid_", "oid"].into_iter().find(|name| self.column(name).is_none())
    }
}

impl ColumnText {
    /// The generation clause, if the column computes itself.
    pub fn generated(&self) -> Option<(Span, Storage)> {
        self.clauses.iter().find_map(|clause| match clause.kind {
            ClauseKind::Generated { expression, storage } => Some((expression, storage)),
            _ => None,
        })
    }

    pub fn not_null(&self) -> bool {
        self.clauses.iter().any(|clause| clause.kind == ClauseKind::NotNull)
    }

    pub fn default(&self) -> Option<Span> {
        self.clauses.iter().find_map(|clause| match clause.kind {
            ClauseKind::Default(span) => Some(span),
            _ => None,
        })
    }

    pub fn collation(&self) -> Option<&str> {
        self.clauses.iter().find_map(|clause| match &clause.kind {
            ClauseKind::Collate(name) => Some(name.as_str()),
            _ => None,
        })
    }
}
