//! Whether an expression gives the same for the same row whenever it is asked.

use crate::text::Dialect;
use crate::text::token::{Kind, Token, tokenize};

/// What may stand before a parenthesis: functions of their arguments alone, words of the language and types.
const STEADY: [&str; 70] = [
    "abs",
    "all",
    "and",
    "any",
    "as",
    "bigint",
    "by",
    "case",
    "cast",
    "ceil",
    "ceiling",
    "char",
    "character",
    "char_length",
    "coalesce",
    "concat",
    "concat_ws",
    "count",
    "decimal",
    "distinct",
    "else",
    "exists",
    "extract",
    "floor",
    "from",
    "greatest",
    "group",
    "having",
    "ifnull",
    "iif",
    "in",
    "initcap",
    "instr",
    "is",
    "join",
    "least",
    "left",
    "length",
    "like",
    "lower",
    "lpad",
    "ltrim",
    "max",
    "min",
    "mod",
    "not",
    "nullif",
    "numeric",
    "on",
    "or",
    "overlay",
    "position",
    "regexp_replace",
    "replace",
    "reverse",
    "right",
    "round",
    "rpad",
    "rtrim",
    "select",
    "sign",
    "split_part",
    "strpos",
    "substr",
    "substring",
    "sum",
    "then",
    "trim",
    "upper",
    "varchar",
];

const KEYWORDS: [&str; 4] = ["between", "values", "when", "where"];

/// Whether an expression gives the same for the same row whenever it is asked, as far as its words tell: one that
/// calls an unknown function, or asks for the time, may not.
pub fn is_steady(expression: &str, dialect: Dialect) -> bool {
    let tokens = tokenize(expression, dialect);
    let code: Vec<_> = tokens.iter().filter(|token| token.is_code()).collect();
    code.iter().enumerate().all(|(at, token)| {
        let is_called = code.get(at + 1).is_some_and(|next| next.is_mark("("));
        match token.kind {
            Kind::Word => {
                let word = token.text.to_lowercase();
                let asks_time = word.starts_with("current_") || word.starts_with("localtime");
                let known = || STEADY.contains(&word.as_str()) || KEYWORDS.contains(&word.as_str());
                !asks_time && (!is_called || known())
            }
            Kind::Quoted => !is_called,
            _ => true,
        }
    })
}

/// Whether an expression, such as a default that an engine prints, is one literal: signed or not, cast to a built-in type or not. One of an
/// object (`regclass`) may go with what it names.
pub fn is_constant(text: &str, dialect: Dialect) -> bool {
    let tokens: Vec<Token<'_>> =
        tokenize(text, dialect).into_iter().filter(Token::is_code).collect();
    let cast = tokens.iter().position(|token| token.is_mark("::")).unwrap_or(tokens.len());
    let (value, cast) = tokens.split_at(cast);
    let mut value = value;
    while let [open, inner @ .., close] = value
        && open.is_mark("(")
        && close.is_mark(")")
    {
        value = inner;
    }
    let is_literal = match value {
        [one] => match one.kind {
            Kind::Number | Kind::Text => true,
            Kind::Word => ["true", "false"].contains(&one.text.to_ascii_lowercase().as_str()),
            _ => false,
        },
        [sign, number] => sign.is_mark("-") && number.kind == Kind::Number,
        _ => false,
    };
    let names_an_object = cast.iter().any(|token| token.text.starts_with("reg"));
    let is_plain_cast = cast.iter().skip(1).all(|token| {
        matches!(token.kind, Kind::Word | Kind::Number)
            || ["(", ")", ",", "[", "]"].iter().any(|mark| token.is_mark(mark))
    });
    is_literal && is_plain_cast && !names_an_object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_functions_of_their_arguments_are_steady() {
        let steady = |text: &str| is_steady(text, Dialect::Postgres);
        assert!(steady("coalesce(\"t\".first, '') || ' ' || trim(last)"));
        assert!(steady("(SELECT r.\"n\" FROM \"c\" AS r WHERE (r.id = \"t\".id))"));
        assert!(!steady("gen_random_uuid()"));
        assert!(!steady("current_date"));
        assert!(!steady("mine(first)"));
    }
}
