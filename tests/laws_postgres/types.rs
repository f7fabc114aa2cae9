//! Column types of random tables, and values of them.

use super::random::Random;

/// What values a type takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sort {
    Int,
    Number,
    Text,
    Stamp,
    Date,
    Clock,
    Span,
    Bool,
    Json,
    Uuid,
    Bytes,
    Bits,
    Net,
    Range,
    Point,
    Words,
    /// The values of an enum.
    Enum(Vec<&'static str>),
    /// A composite of a number and a text.
    Row,
    Array(Box<Sort>),
}

/// A type as SQL writes it.
#[derive(Clone, Debug)]
pub struct Type {
    pub sql: String,
    pub sort: Sort,
}

impl Type {
    pub fn new(sql: impl Into<String>, sort: Sort) -> Self {
        Type { sql: sql.into(), sort }
    }
}

const INTS: [&str; 3] = ["integer", "bigint", "smallint"];
const NUMBERS: [&str; 5] = ["numeric", "numeric(10,2)", "numeric(6,0)", "double precision", "real"];
const TEXTS: [&str; 6] =
    ["text", "character varying", "varchar(20)", "varchar(8)", "character(6)", "name"];
const STAMPS: [&str; 4] =
    ["timestamp", "timestamptz", "timestamp(3)", "timestamp(0) with time zone"];
const REST: [(&str, Sort); 16] = [
    ("date", Sort::Date),
    ("time", Sort::Clock),
    ("time(2) with time zone", Sort::Clock),
    ("interval", Sort::Span),
    ("interval day to second(2)", Sort::Span),
    ("boolean", Sort::Bool),
    ("jsonb", Sort::Json),
    ("json", Sort::Json),
    ("uuid", Sort::Uuid),
    ("bytea", Sort::Bytes),
    ("bit(4)", Sort::Bits),
    ("bit varying(8)", Sort::Bits),
    ("inet", Sort::Net),
    ("int4range", Sort::Range),
    ("point", Sort::Point),
    ("tsvector", Sort::Words),
];

/// A type of the system's own.
pub fn builtin(random: &mut Random) -> Type {
    match random.below(12) {
        0..=2 => Type::new(random.pick(&INTS), Sort::Int),
        3 => Type::new(random.pick(&NUMBERS), Sort::Number),
        4..=6 => Type::new(random.pick(&TEXTS), Sort::Text),
        7 => Type::new(random.pick(&STAMPS), Sort::Stamp),
        8 => array(Type::new(random.pick(&INTS), Sort::Int)),
        9 => array(Type::new(random.pick(&["text", "varchar(10)", "numeric(5,1)"]), Sort::Int)),
        _ => {
            let (sql, sort) = random.pick(&REST);
            Type::new(sql, sort)
        }
    }
}

pub fn array(element: Type) -> Type {
    Type::new(format!("{}[]", element.sql), Sort::Array(Box::new(element.sort)))
}

/// A type that values of this one can become.
pub fn next_of_kin(kind: &Type, random: &mut Random) -> Type {
    match &kind.sort {
        Sort::Int if random.percent(60) => Type::new(random.pick(&INTS), Sort::Int),
        Sort::Int | Sort::Number if random.percent(70) => {
            Type::new(random.pick(&NUMBERS), Sort::Number)
        }
        Sort::Text if random.percent(15) => Type::new(random.pick(&INTS), Sort::Int),
        Sort::Stamp if random.percent(30) => Type::new("date", Sort::Date),
        Sort::Stamp | Sort::Date => Type::new(random.pick(&STAMPS), Sort::Stamp),
        Sort::Clock => {
            Type::new(random.pick(&["time", "timetz", "time(1)", "interval"]), Sort::Clock)
        }
        Sort::Span => Type::new(random.pick(&["interval(3)", "interval", "text"]), Sort::Span),
        Sort::Json => Type::new(random.pick(&["json", "jsonb", "text"]), Sort::Json),
        Sort::Bits => {
            Type::new(random.pick(&["bit(6)", "bit varying", "bit varying(5)"]), Sort::Bits)
        }
        Sort::Array(element) => {
            array(next_of_kin(&Type::new("text", element.as_ref().clone()), random))
        }
        _ => Type::new(random.pick(&TEXTS[..5]), Sort::Text),
    }
}

/// A value as a literal of no type yet; each reads as the value of many sorts, so that types can change.
pub fn value(sort: &Sort, random: &mut Random) -> String {
    let text = match sort {
        Sort::Int => random.pick(&["0", "1", "2", "3", "5", "8", "12", "40", "77"]).to_owned(),
        Sort::Number => random.pick(&["0", "1.5", "2.25", "10", "3.125", "77", "0.1"]).to_owned(),
        Sort::Text => {
            random.pick(&["1", "2", "12", "abc", "", "B c", "é", "a''b", "7", "x\"y"]).to_owned()
        }
        Sort::Stamp => random
            .pick(&[
                "2024-02-29 12:00:00.123456",
                "2020-01-01",
                "1999-12-31 23:59:59.9",
                "infinity",
            ])
            .to_owned(),
        Sort::Date => random.pick(&["2024-02-29", "2020-01-01", "1999-12-31"]).to_owned(),
        Sort::Clock => random.pick(&["12:00:00.123456", "00:00", "23:59:59.99"]).to_owned(),
        Sort::Span => random.pick(&["1 day 02:03:04.567", "3 mons", "-5 min"]).to_owned(),
        Sort::Bool => random.pick(&["t", "f"]).to_owned(),
        Sort::Json => random.pick(&["{\"a\": 1,  \"b\": [1, 2]}", "[]", "1", "{}"]).to_owned(),
        Sort::Uuid => format!("00000000-0000-0000-0000-00000000000{}", random.below(10)),
        Sort::Bytes => random.pick(&["\\x00ff", "abc", ""]).to_owned(),
        Sort::Bits => random.pick(&["0000", "1010", "1111"]).to_owned(),
        Sort::Net => random.pick(&["10.0.0.1", "10.1.0.0/16", "::1"]).to_owned(),
        Sort::Range => random.pick(&["[1,5)", "[10,20)", "empty", "(,3)"]).to_owned(),
        Sort::Point => random.pick(&["(1,2)", "(0.5,-3)"]).to_owned(),
        Sort::Words => random.pick(&["a b", "fat:2 cat:1"]).to_owned(),
        Sort::Enum(values) => random.pick(values).to_owned(),
        Sort::Row => random.pick(&["(1,a)", "(2,)", "(,\"b c\")"]).to_owned(),
        Sort::Array(element) => {
            let count = random.below(3);
            let items: Vec<String> = (0..count)
                .map(|_| {
                    let item = value(element, random);
                    let item = item.trim_matches('\'').replace('\\', "\\\\").replace('"', "\\\"");
                    format!("\"{item}\"")
                })
                .collect();
            format!("{{ {} }}", items.join(","))
        }
    };
    format!("'{text}'")
}
