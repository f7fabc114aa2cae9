//! Recognizes a CHECK that lists the values of a column, in the forms people write and engines print.

use crate::text::Dialect;
use crate::text::token::{Kind, Token, tokenize};

/// A column and the values its CHECK allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueSet {
    pub column: String,
    pub values: Vec<String>,
}

/// Reads `x IN ('a', 'b')` and PostgreSQL's `((x)::text = ANY (ARRAY['a'::text, 'b'::text]))`; `None` for anything
/// else.
pub fn value_set(expression: &str, dialect: Dialect) -> Option<ValueSet> {
    let tokens: Vec<Token<'_>> =
        tokenize(expression, dialect).into_iter().filter(Token::is_code).collect();
    let mut rest = tokens.iter().skip_while(|token| token.is_mark("("));
    let first = rest.next()?;
    let column = match (first.kind, dialect) {
        (Kind::Word, Dialect::Postgres) => first.text.to_ascii_lowercase(),
        (Kind::Word | Kind::Quoted, _) => first.name()?,
        _ => return None,
    };
    let mut values = Vec::new();
    let mut list = List::Before;
    for token in rest {
        match token.kind {
            Kind::Text if list == List::Inside => values.push(unquote(token.text)?),
            Kind::Word if token.is_word("in") || token.is_word("any") => list = List::Inside,
            Kind::Word if TYPE_WORDS.iter().any(|word| token.is_word(word)) => {}
            Kind::Mark if MARKS.contains(&token.text) => {}
            _ => return None,
        }
    }
    (!values.is_empty()).then_some(ValueSet { column, values })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    Before,
    Inside,
}

const TYPE_WORDS: [&str; 6] = ["text", "character", "varying", "varchar", "bpchar", "array"];
const MARKS: [&str; 7] = ["(", ")", "[", "]", ",", "::", "="];

fn unquote(literal: &str) -> Option<String> {
    let inner = literal.strip_prefix('\'')?.strip_suffix('\'')?;
    Some(inner.replace("''", "'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, dialect: Dialect) -> Option<(String, Vec<String>)> {
        value_set(text, dialect).map(|set| (set.column, set.values))
    }

    #[test]
    fn reads_what_people_write_and_engines_print() {
        let expected = Some(("status".to_owned(), vec!["draft".to_owned(), "it's".to_owned()]));
        let postgres = "((status)::text = ANY ((ARRAY['draft'::character varying, 'it''s'::character varying])::text[]))";
        assert_eq!(read(postgres, Dialect::Postgres), expected);
        assert_eq!(read("\"status\" IN ('draft', 'it''s')", Dialect::Sqlite), expected);
    }

    #[test]
    fn refuses_what_is_more_than_a_list() {
        assert_eq!(read("a IN ('x') OR b = 1", Dialect::Sqlite), None);
        assert_eq!(read("a > 0", Dialect::Postgres), None);
        assert_eq!(read("a NOT IN ('x')", Dialect::Postgres), None);
    }
}
