//! Hidden columns in the text of a table.

use super::ddl::{self, ClauseKind, ColumnText, CreateTable};
use super::quote::quote;
use crate::catalog::TableOptions;
use crate::text::token::tokenize;
use crate::text::{Dialect, Ident};

/// Whether all that the text says of a column can stay with it once nobody is to see it.
pub(in crate::dialect) fn can_stay(create: &str, column: &Ident) -> bool {
    let Ok(parsed) = ddl::parse_table(create) else { return false };
    let stays = |column: &ColumnText| {
        column.clauses.iter().all(|clause| match &clause.kind {
            ClauseKind::NotNull
            | ClauseKind::Null
            | ClauseKind::Default(_)
            | ClauseKind::Collate(_) => true,
            ClauseKind::PrimaryKey { .. }
            | ClauseKind::Unique { .. }
            | ClauseKind::Check(_)
            | ClauseKind::ForeignKey(_)
            | ClauseKind::Generated { .. } => false,
        })
    };
    parsed.column(column.as_str()).is_some_and(stays)
}

/// Writes a column of another text into the text of a table, under its hidden name, behind the column that is named.
pub(in crate::dialect) fn write(
    options: &mut TableOptions,
    from: &str,
    column: &Ident,
    name: &Ident,
    behind: Option<&Ident>,
) {
    let TableOptions::Sqlite { create, rest, .. } = options else { return };
    let (Ok(old), Ok(own)) = (ddl::parse_table(from), ddl::parse_table(create)) else { return };
    let Some(definition) = old.column(column.as_str()).map(|it| &from[it.span.start..it.span.end])
    else {
        return;
    };
    let tokens = tokenize(definition, Dialect::Sqlite);
    let bare = tokens.iter().find(|token| token.is_code()).map_or(0, |token| token.span.end);
    let hidden = format!("{}{}", quote(name.as_str()), super::whole(&definition[bare..]));
    let text = match behind.and_then(|behind| own.column(behind.as_str())) {
        Some(behind) => {
            let end = behind.span.end;
            format!("{}, {hidden}{}", &create[..end], &create[end..])
        }
        None => {
            let start = own.columns.first().map_or(own.body.start, |first| first.span.start);
            format!("{}{hidden}, {}", &create[..start], &create[start..])
        }
    };
    if let Ok(parsed) = ddl::parse_table(&text) {
        *rest = ddl::rest_of(&parsed, &text);
    }
    *create = text;
}

/// The text of a table without its hidden columns.
pub(in crate::dialect) fn without(parsed: &CreateTable, text: &str) -> String {
    let is_hidden =
        |at: usize| crate::dialect::hide::is_hidden(&Ident::new(&parsed.columns[at].name));
    let mut left = text.to_owned();
    // From the end, so that places before stay what they are.
    for at in (0..parsed.columns.len()).rev().filter(|at| is_hidden(*at)) {
        let own = parsed.columns[at].span;
        // With the comma that parts it from the column before; the first goes with that behind it.
        let (start, end) = match at.checked_sub(1).map(|before| parsed.columns[before].span) {
            Some(before) => (before.end, own.end),
            None => (own.start, parsed.columns.get(1).map_or(own.end, |next| next.span.start)),
        };
        left.replace_range(start..end, "");
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_in_is_left_out_again() {
        for (own, behind) in [
            ("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)", Some("a")),
            ("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)", Some("b")),
            ("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)", None),
            ("CREATE TABLE t (a, b, CHECK (a > b)) STRICT", Some("b")),
        ] {
            let from = "CREATE TABLE t (a, c NUMERIC(4,2) NOT NULL DEFAULT 1 COLLATE NOCASE, b)";
            let mut options = TableOptions::Sqlite {
                strict: false,
                without_rowid: false,
                autoincrement: false,
                rest: Vec::new(),
                create: own.to_owned(),
            };
            let name = Ident::new("_migrate_kept_1_u_t__c");
            let behind = behind.map(Ident::from);
            write(&mut options, from, &Ident::new("c"), &name, behind.as_ref());
            let TableOptions::Sqlite { create, .. } = &options else { panic!("it was one") };
            let hidden =
                "\"_migrate_kept_1_u_t__c\" NUMERIC(4,2) NOT NULL DEFAULT 1 COLLATE NOCASE";
            assert!(create.contains(hidden), "{create}");
            let parsed = ddl::parse_table(create).expect("a table");
            assert_eq!(without(&parsed, create), own);
        }
    }

    #[test]
    fn a_rule_does_not_stay() {
        let text = "CREATE TABLE t (a, b TEXT DEFAULT 'x' COLLATE NOCASE, c UNIQUE)";
        assert!(can_stay(text, &Ident::new("b")));
        assert!(!can_stay(text, &Ident::new("c")));
    }
}
