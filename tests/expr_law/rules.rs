//! Random well-typed row rules over the test table.

use migrate::expr::{BinaryOp, Case, Expr, Function, IsTest, Polarity, ValueType, pattern};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::Union;

use super::rows::{DATES, STATES, TEXTS};

/// Rules up to three operators deep.
pub fn rules() -> BoxedStrategy<Expr> {
    let mut level = leaves();
    for _ in 0..3 {
        level = above(&level);
    }
    level.truth
}

/// Regular expressions from small pieces.
pub fn regexes() -> BoxedStrategy<String> {
    let class = select(vec![
        "a", "B", "[a-z]", "[A-Z]", "[^@ ]", "[0-9]", ".", "\\.", "@", "[]^-]", "[^]a-]", "-",
        "\\[", "[a.]", "[^.]", "€", "k",
    ]);
    let group = select(vec!["(a|b)", "(ab)?", "(x|yz)", "(a1){2}", "(?:@|a)"]);
    let repeat = select(vec!["", "", "", "+", "*", "?", "{2}", "{1,3}", "{2,}"]);
    let piece = prop_oneof![
        6 => (class, repeat).prop_map(|(class, repeat)| format!("{class}{repeat}")),
        1 => group.prop_map(str::to_owned),
    ];
    let anchors = (prop::bool::weighted(0.8), prop::bool::weighted(0.8));
    (anchors, prop::collection::vec(piece, 0..5))
        .prop_map(|((start, end), pieces)| {
            let start = if start { "^" } else { "" };
            format!("{start}{}{}", pieces.concat(), if end { "$" } else { "" })
        })
        .boxed()
}

/// Short texts over the characters that the patterns are about.
pub fn texts() -> BoxedStrategy<String> {
    let one = select("aabBzA01@@..- ]^[*?€kK\n".chars().collect::<Vec<char>>());
    prop::collection::vec(one, 0..7).prop_map(|characters| characters.into_iter().collect()).boxed()
}

/// Expressions of one depth, by kind.
#[derive(Clone)]
struct Level {
    truth: BoxedStrategy<Expr>,
    /// Whole numbers, small enough to be days.
    days: BoxedStrategy<Expr>,
    number: BoxedStrategy<Expr>,
    text: BoxedStrategy<Expr>,
    state: BoxedStrategy<Expr>,
    date: BoxedStrategy<Expr>,
}

fn field(name: &str) -> Expr {
    Expr::Field(vec![name.to_owned()])
}

fn fields(names: &[&str]) -> BoxedStrategy<Expr> {
    select(names.iter().map(|name| field(name)).collect::<Vec<Expr>>()).boxed()
}

fn literals(pool: &[&str]) -> BoxedStrategy<Expr> {
    select(pool.iter().map(|text| Expr::Text((*text).to_owned())).collect::<Vec<Expr>>()).boxed()
}

fn numbers(pool: &[&str]) -> BoxedStrategy<Expr> {
    select(pool.iter().map(|text| Expr::Number((*text).to_owned())).collect::<Vec<Expr>>()).boxed()
}

fn polarity() -> BoxedStrategy<Polarity> {
    select(vec![Polarity::Positive, Polarity::Negative]).boxed()
}

fn case() -> BoxedStrategy<Case> {
    select(vec![Case::Sensitive, Case::Insensitive]).boxed()
}

fn leaves() -> Level {
    let days = prop_oneof![fields(&["n", "date"]), numbers(&["0", "1", "30", "365"])].boxed();
    Level {
        truth: prop_oneof![4 => fields(&["f", "case"]), 1 => any::<bool>().prop_map(Expr::Bool)]
            .boxed(),
        number: prop_oneof![days.clone(), fields(&["Price"]), numbers(&["0.25", "1.50", "3"])]
            .boxed(),
        days,
        text: prop_oneof![2 => fields(&["t", "user note"]), 1 => literals(&TEXTS)].boxed(),
        state: fields(&["s", "r"]),
        date: fields(&["d", "e"]),
    }
}

fn above(below: &Level) -> Level {
    Level {
        truth: truth(below),
        days: leaves().days,
        number: number(below),
        text: text(below),
        state: same_kind(&below.state, &below.truth),
        date: date(below),
    }
}

fn binary(
    left: &BoxedStrategy<Expr>,
    ops: &[BinaryOp],
    right: &BoxedStrategy<Expr>,
) -> BoxedStrategy<Expr> {
    (left.clone(), select(ops.to_vec()), right.clone())
        .prop_map(|(left, op, right)| Expr::Binary(Box::new(left), op, Box::new(right)))
        .boxed()
}

fn call(function: Function, arguments: Vec<BoxedStrategy<Expr>>) -> BoxedStrategy<Expr> {
    arguments.prop_map(move |arguments| Expr::Call(function, arguments)).boxed()
}

/// What every type has: coalesce, nullif, CASE.
fn same_kind(kind: &BoxedStrategy<Expr>, truth: &BoxedStrategy<Expr>) -> BoxedStrategy<Expr> {
    let otherwise = prop_oneof![
        2 => kind.clone().prop_map(|expr| Some(Box::new(expr))),
        1 => Just(None),
    ];
    prop_oneof![
        3 => kind.clone(),
        1 => call(Function::Coalesce, vec![kind.clone(), kind.clone()]),
        1 => call(Function::NullIf, vec![kind.clone(), kind.clone()]),
        1 => (prop::collection::vec((truth.clone(), kind.clone()), 1..3), otherwise)
            .prop_map(|(branches, otherwise)| Expr::Case { branches, otherwise }),
    ]
    .boxed()
}

fn extremes(kind: &BoxedStrategy<Expr>) -> BoxedStrategy<Expr> {
    (select(vec![Function::Least, Function::Greatest]), prop::collection::vec(kind.clone(), 2..4))
        .prop_map(|(function, arguments)| Expr::Call(function, arguments))
        .boxed()
}

fn number(below: &Level) -> BoxedStrategy<Expr> {
    let arithmetic = [BinaryOp::Add, BinaryOp::Subtract, BinaryOp::Multiply];
    prop_oneof![
        2 => same_kind(&below.number, &below.truth),
        3 => binary(&below.number, &arithmetic, &below.number),
        1 => below.number.clone().prop_map(|operand| Expr::Negate(Box::new(operand))),
        1 => call(Function::Abs, vec![below.number.clone()]),
        1 => call(Function::Length, vec![below.text.clone()]),
        1 => extremes(&below.number),
        1 => binary(&below.date, &[BinaryOp::DaysBetween], &below.date),
    ]
    .boxed()
}

fn text(below: &Level) -> BoxedStrategy<Expr> {
    let bounds =
        prop_oneof![Just(vec!["1"]), Just(vec!["2"]), Just(vec!["1", "2"]), Just(vec!["3", "0"])];
    let key = select(vec!["k", "n", "missing"]);
    let parted = (
        select(vec![Function::Before, Function::After]),
        select(vec![" ", "a", "B", "ab", "'", "ü"]),
    );
    let casts = prop_oneof![fields(&["n", "date"]), below.state.clone(), below.truth.clone(),];
    prop_oneof![
        2 => same_kind(&below.text, &below.truth),
        2 => binary(&below.text, &[BinaryOp::Concat], &below.text),
        1 => call(Function::Lower, vec![below.text.clone()]),
        1 => call(Function::Upper, vec![below.text.clone()]),
        1 => call(Function::Trim, vec![below.text.clone()]),
        1 => extremes(&below.text),
        1 => (below.text.clone(), bounds).prop_map(|(operand, bounds)| {
            let bounds = bounds.into_iter().map(|bound| Expr::Number(bound.to_owned()));
            Expr::Call(Function::Substr, std::iter::once(operand).chain(bounds).collect())
        }),
        1 => (below.text.clone(), parted).prop_map(|(operand, (function, mark))| {
            Expr::Call(function, vec![operand, Expr::Text(mark.to_owned())])
        }),
        1 => key.prop_map(|key| Expr::JsonText(Box::new(field("j")), key.to_owned())),
        1 => casts.prop_map(|operand| Expr::Cast(Box::new(operand), ValueType::Text)),
    ]
    .boxed()
}

fn date(below: &Level) -> BoxedStrategy<Expr> {
    prop_oneof![
        2 => same_kind(&below.date, &below.truth),
        2 => binary(&below.date, &[BinaryOp::AddDays, BinaryOp::SubtractDays], &below.days),
        1 => extremes(&below.date),
    ]
    .boxed()
}

/// Comparisons of one kind: with each other and with literals.
fn comparisons(
    kind: &BoxedStrategy<Expr>,
    literal: BoxedStrategy<Expr>,
    ops: &[BinaryOp],
) -> BoxedStrategy<Expr> {
    let other = prop_oneof![kind.clone(), literal.clone()].boxed();
    prop_oneof![
        4 => binary(kind, ops, &other),
        1 => (kind.clone(), other.clone(), polarity()).prop_map(|(left, right, polarity)| {
            Expr::Distinct { left: Box::new(left), right: Box::new(right), polarity }
        }),
        1 => (kind.clone(), prop::collection::vec(other, 1..4), polarity()).prop_map(
            |(operand, list, polarity)| Expr::In { operand: Box::new(operand), list, polarity }
        ),
        1 => (kind.clone(), polarity()).prop_map(|(operand, polarity)| Expr::Is {
            operand: Box::new(operand),
            test: IsTest::Null,
            polarity,
        }),
    ]
    .boxed()
}

fn between(kind: &BoxedStrategy<Expr>, literal: &BoxedStrategy<Expr>) -> BoxedStrategy<Expr> {
    let bound = prop_oneof![kind.clone(), literal.clone()];
    (kind.clone(), bound.clone(), bound, polarity())
        .prop_map(|(operand, low, high, polarity)| Expr::Between {
            operand: Box::new(operand),
            low: Box::new(low),
            high: Box::new(high),
            polarity,
        })
        .boxed()
}

fn patterns(operand: &BoxedStrategy<Expr>) -> BoxedStrategy<Expr> {
    let like =
        prop::collection::vec(select("ab%%_A*[]?\\z1€".chars().collect::<Vec<char>>()), 0..6)
            .prop_map(|characters| characters.into_iter().collect::<String>())
            .prop_filter("a whole pattern", |text| pattern::check_like(text).is_ok());
    let regex = regexes().prop_filter("portable", |text| pattern::check(text).is_ok());
    prop_oneof![
        (operand.clone(), like, case(), polarity()).prop_map(
            |(operand, pattern, case, polarity)| {
                Expr::Like { operand: Box::new(operand), pattern, case, polarity }
            }
        ),
        (operand.clone(), regex, case(), polarity()).prop_map(
            |(operand, pattern, case, polarity)| {
                Expr::Match { operand: Box::new(operand), pattern, case, polarity }
            }
        ),
    ]
    .boxed()
}

fn truth(below: &Level) -> BoxedStrategy<Expr> {
    use BinaryOp::{And, Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual, Or};
    let equality = [Equal, NotEqual];
    let order = [Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual];
    let (dates, states) = (literals(&DATES), literals(&STATES));
    let tests = select(vec![IsTest::Null, IsTest::True, IsTest::False]);
    Union::new_weighted(vec![
        (2, same_kind(&below.truth, &below.truth)),
        (4, binary(&below.truth, &[And, Or], &below.truth)),
        (1, binary(&below.truth, &equality, &below.truth)),
        (1, below.truth.clone().prop_map(|operand| Expr::Not(Box::new(operand))).boxed()),
        (
            1,
            (below.truth.clone(), tests, polarity())
                .prop_map(|(operand, test, polarity)| Expr::Is {
                    operand: Box::new(operand),
                    test,
                    polarity,
                })
                .boxed(),
        ),
        (1, comparisons(&below.truth, any::<bool>().prop_map(Expr::Bool).boxed(), &equality)),
        (4, comparisons(&below.number, numbers(&["0", "2.50", "42"]), &order)),
        (4, comparisons(&below.text, literals(&TEXTS), &order)),
        (2, comparisons(&below.state, states, &equality)),
        (3, comparisons(&below.date, dates.clone(), &order)),
        (1, between(&below.number, &numbers(&["0", "10"]))),
        (1, between(&below.text, &literals(&TEXTS))),
        (1, between(&below.date, &dates)),
        (3, patterns(&below.text)),
    ])
    .boxed()
}
