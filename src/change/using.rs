//! What converts the values of a column whose type changes, where the user says more than a cast.

use serde::{Deserialize, Serialize};

use crate::text::token::{Kind, Token, tokenize};
use crate::text::{Dialect, Ident};

/// The conversions of both ways. Each is an expression over the one value that the column has, written as the column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Using {
    /// Of this way; without it the value is cast.
    pub there: Option<String>,
    /// Of the way back.
    pub back: Option<String>,
}

/// `text`, an expression over `column`, with `value` in place of the column.
pub fn over(text: &str, column: &Ident, value: &str, dialect: Dialect) -> String {
    let tokens = tokenize(text, dialect);
    let code: Vec<usize> = (0..tokens.len()).filter(|at| tokens[*at].is_code()).collect();
    let token = |at: Option<usize>| at.and_then(|at| code.get(at)).map(|index| &tokens[*index]);
    let mut told = tokens.iter().map(|token| token.text.to_owned()).collect::<Vec<_>>();
    for at in 0..code.len() {
        let before = |distance: usize| token(at.checked_sub(distance));
        let is_row = |token: &Token<'_>| token.name().is_some_and(|name| name == "t");
        let qualified = before(1).is_some_and(|it| it.is_mark("."));
        if qualified && !before(2).is_some_and(is_row) {
            continue;
        }
        let names_a_type =
            before(1).is_some_and(|it| it.is_word("as") || it.is_mark("::") || it.is_mark(":"));
        let next = token(Some(at + 1));
        let is_called = next.is_some_and(|it| it.is_mark("(") || it.is_mark("."));
        // A type before a literal: `date '2024-01-01'`.
        let is_prefix = !qualified && next.is_some_and(|it| it.kind == Kind::Text);
        let own = &tokens[code[at]];
        if names_a_type || is_called || is_prefix || !is_column(own, column, dialect) {
            continue;
        }
        told[code[at]] = format!("({value})");
        if qualified {
            for index in &code[at - 2..at] {
                told[*index].clear();
            }
        }
    }
    told.concat()
}

fn is_column(token: &Token<'_>, column: &Ident, dialect: Dialect) -> bool {
    let same = |name: &str| match dialect {
        Dialect::Postgres => name == column.as_str(),
        Dialect::Sqlite => name.eq_ignore_ascii_case(column.as_str()),
    };
    match (token.kind, dialect) {
        (Kind::Word, Dialect::Postgres) => same(&token.text.to_lowercase()),
        (Kind::Word, Dialect::Sqlite) => same(token.text),
        (Kind::Quoted, _) => token.name().is_some_and(|name| same(&name)),
        (
            Kind::Text | Kind::Number | Kind::Parameter | Kind::Mark | Kind::Comment | Kind::Space,
            _,
        ) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_column_and_nothing_else_is_replaced() {
        let told = |text: &str| over(text, &Ident::new("date"), "v", Dialect::Postgres);
        assert_eq!(told("substr(\"t\".\"date\", 1, 4)"), "substr((v), 1, 4)");
        assert_eq!(told("DATE || 'date'"), "(v) || 'date'");
        assert_eq!(told("CAST(date AS date)"), "CAST((v) AS date)");
        assert_eq!(told("date::date"), "(v)::date");
        assert_eq!(told("date(date) - date '2024-01-01'"), "date((v)) - date '2024-01-01'");
        assert_eq!(told("other.date"), "other.date");
        assert_eq!(told("\"Date\""), "\"Date\"");
    }
}
