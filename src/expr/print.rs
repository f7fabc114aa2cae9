//! Canonical portable text of an expression: what `fmt` writes and `parse` reads back as the same tree.

use sqlparser::ast as sql;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

use super::lower::aggregate::name_of;
use super::lower::call::function_name;
use super::types::print_type;
use super::{BinaryOp, Case, Expr, IsTest, Polarity};

/// How tightly an expression binds, loosest first. Between neighbours that people confuse (IS against `=`, NOT
/// against anything) parentheses are written although the grammar would not need them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Or,
    And,
    /// NOT, comparisons, IS, IN, BETWEEN, LIKE: not chained without parentheses.
    Test,
    Concat,
    Add,
    Multiply,
    Operand,
}

/// Writes the expression with no more parentheses than readers need.
pub fn print(expr: &Expr) -> String {
    match expr {
        Expr::Null => "NULL".into(),
        Expr::Bool(true) => "true".into(),
        Expr::Bool(false) => "false".into(),
        Expr::Number(text) => text.clone(),
        Expr::Text(text) => quote(text),
        Expr::Field(path) => path.iter().map(|name| identifier(name)).collect::<Vec<_>>().join("."),
        Expr::Not(operand) => format!("NOT {}", at(operand, Level::Operand)),
        Expr::Negate(operand) => format!("-{}", at(operand, Level::Operand)),
        Expr::Binary(left, op, right) => binary(left, *op, right),
        Expr::Is { operand, test, polarity } => {
            let test = match test {
                IsTest::Null => "NULL",
                IsTest::True => "TRUE",
                IsTest::False => "FALSE",
            };
            let not = negation(*polarity, "", "NOT ");
            format!("{} IS {not}{test}", at(operand, Level::Concat))
        }
        Expr::Distinct { left, right, polarity } => {
            let not = negation(*polarity, "", "NOT ");
            let (left, right) = (at(left, Level::Concat), at(right, Level::Concat));
            format!("{left} IS {not}DISTINCT FROM {right}")
        }
        Expr::In { operand, list, polarity } => {
            let list = list.iter().map(print).collect::<Vec<_>>().join(", ");
            format!("{} {}IN ({list})", at(operand, Level::Concat), not(*polarity))
        }
        Expr::Between { operand, low, high, polarity } => {
            let [operand, low, high] = [operand, low, high].map(|part| at(part, Level::Concat));
            format!("{operand} {}BETWEEN {low} AND {high}", not(*polarity))
        }
        Expr::Like { operand, pattern, case, polarity } => {
            let word = match case {
                Case::Sensitive => "LIKE",
                Case::Insensitive => "ILIKE",
            };
            let operand = at(operand, Level::Concat);
            format!("{operand} {}{word} {}", not(*polarity), quote(pattern))
        }
        Expr::Match { operand, pattern, case, polarity } => {
            let sign = negation(*polarity, "", "!");
            let star = match case {
                Case::Sensitive => "",
                Case::Insensitive => "*",
            };
            format!("{} {sign}~{star} {}", at(operand, Level::Add), quote(pattern))
        }
        Expr::Case { branches, otherwise } => {
            let branches = branches
                .iter()
                .map(|(test, result)| format!(" WHEN {} THEN {}", print(test), print(result)));
            let otherwise = otherwise.iter().map(|result| format!(" ELSE {}", print(result)));
            format!("CASE{} END", branches.chain(otherwise).collect::<String>())
        }
        Expr::Call(function, arguments) => {
            let arguments = arguments.iter().map(print).collect::<Vec<_>>().join(", ");
            format!("{}({arguments})", function_name(*function))
        }
        Expr::Cast(operand, value) => format!("CAST({} AS {})", print(operand), print_type(value)),
        Expr::JsonText(operand, key) => {
            format!("{} ->> {}", at(operand, Level::Operand), quote(key))
        }
        Expr::Aggregate { function, over, argument, filter } => {
            let argument = argument.as_deref().map_or_else(|| identifier(over), print);
            let filter =
                filter.as_deref().map(|filter| format!(" FILTER (WHERE {})", print(filter)));
            format!("{}({argument}){}", name_of(*function), filter.unwrap_or_default())
        }
    }
}

fn binary(left: &Expr, op: BinaryOp, right: &Expr) -> String {
    // Chains group to the left: the right side needs parentheses at the same level, the left side does not.
    let (sign, left_level, right_level) = match op {
        BinaryOp::Or => ("OR", Level::Or, Level::And),
        BinaryOp::And => ("AND", Level::And, Level::Test),
        BinaryOp::Equal => ("=", Level::Concat, Level::Concat),
        BinaryOp::NotEqual => ("<>", Level::Concat, Level::Concat),
        BinaryOp::Less => ("<", Level::Concat, Level::Concat),
        BinaryOp::LessOrEqual => ("<=", Level::Concat, Level::Concat),
        BinaryOp::Greater => (">", Level::Concat, Level::Concat),
        BinaryOp::GreaterOrEqual => (">=", Level::Concat, Level::Concat),
        BinaryOp::Concat => ("||", Level::Concat, Level::Add),
        BinaryOp::Add | BinaryOp::AddDays => ("+", Level::Add, Level::Multiply),
        BinaryOp::Subtract | BinaryOp::SubtractDays | BinaryOp::DaysBetween => {
            ("-", Level::Add, Level::Multiply)
        }
        BinaryOp::Multiply => ("*", Level::Multiply, Level::Operand),
    };
    // `a ->> 'k' || b` is grouped to the left as well, but nobody reads it so.
    let left_level = match (op, left) {
        (BinaryOp::Concat, Expr::JsonText(..)) => Level::Operand,
        _ => left_level,
    };
    format!("{} {sign} {}", at(left, left_level), at(right, right_level))
}

/// The expression, in parentheses unless it binds at least as tightly as its place needs.
fn at(expr: &Expr, least: Level) -> String {
    let text = print(expr);
    if level(expr) >= least { text } else { format!("({text})") }
}

fn level(expr: &Expr) -> Level {
    match expr {
        Expr::Null
        | Expr::Bool(_)
        | Expr::Number(_)
        | Expr::Text(_)
        | Expr::Field(_)
        | Expr::Case { .. }
        | Expr::Call(..)
        | Expr::Aggregate { .. }
        | Expr::Cast(..) => Level::Operand,
        // `--` would start a comment, so a minus is no operand of a minus.
        Expr::Negate(_) => Level::Multiply,
        Expr::JsonText(..) => Level::Concat,
        Expr::Not(_)
        | Expr::Is { .. }
        | Expr::Distinct { .. }
        | Expr::In { .. }
        | Expr::Between { .. }
        | Expr::Like { .. }
        | Expr::Match { .. } => Level::Test,
        Expr::Binary(_, op, _) => match op {
            BinaryOp::Or => Level::Or,
            BinaryOp::And => Level::And,
            BinaryOp::Equal
            | BinaryOp::NotEqual
            | BinaryOp::Less
            | BinaryOp::LessOrEqual
            | BinaryOp::Greater
            | BinaryOp::GreaterOrEqual => Level::Test,
            BinaryOp::Concat => Level::Concat,
            BinaryOp::Add
            | BinaryOp::Subtract
            | BinaryOp::AddDays
            | BinaryOp::SubtractDays
            | BinaryOp::DaysBetween => Level::Add,
            BinaryOp::Multiply => Level::Multiply,
        },
    }
}

fn not(polarity: Polarity) -> &'static str {
    negation(polarity, "", "NOT ")
}

fn negation<'a>(polarity: Polarity, positive: &'a str, negative: &'a str) -> &'a str {
    match polarity {
        Polarity::Positive => positive,
        Polarity::Negative => negative,
    }
}

fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The name, quoted only where the grammar would read the bare word as something else.
fn identifier(name: &str) -> String {
    if is_plain(name) { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// Words of the language itself: the parser would forgive some of them as names, readers would not.
const WORDS: [&str; 20] = [
    "and", "between", "case", "cast", "distinct", "else", "end", "false", "from", "ilike", "in",
    "is", "like", "not", "null", "or", "select", "then", "true", "when",
];

/// Asks the parser itself, in the places where names stand: its list of keywords is far longer than what it reserves.
fn is_plain(name: &str) -> bool {
    let mut characters = name.chars();
    let word = characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|one| one.is_ascii_alphanumeric() || one == '_');
    let is_name =
        |tree: &sql::Expr| matches!(tree, sql::Expr::Identifier(found) if found.value == name);
    let is_word = WORDS.contains(&name.to_lowercase().as_str());
    word && !is_word
        && ["", " = 1", " - 1", " || 'a'", " ~ 'a'"].into_iter().all(|after| {
            let dialect = PostgreSqlDialect {};
            let tree = Parser::new(&dialect)
                .try_with_sql(&format!("{name}{after}"))
                .and_then(|mut parser| parser.parse_expr());
            match tree {
                Ok(sql::Expr::BinaryOp { left, .. }) => is_name(&left),
                Ok(tree) => after.is_empty() && is_name(&tree),
                Err(_) => false,
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_only_where_the_parser_needs_it() {
        for name in ["total", "BillingCountry", "status", "name", "type", "role", "_x1"] {
            assert_eq!(identifier(name), name);
        }
        for name in ["odd name", "case", "not", "null", "ünder", "1st", "a\"b"] {
            assert!(identifier(name).starts_with('"'), "{name}");
        }
    }
}
