//! The law of rules beyond their row: for random rows and random rules over what references lead to and over aggregates of what belongs
//! to a row (1-n and n-n), verification finds the rows that the definition finds, on both engines.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use migrate::db::Database;
use migrate::dialect::check::standing::{Doubts, Extent, Wanted, standing};
use migrate::dialect::realize::realize;
use migrate::dialect::script::statements;
use migrate::model::parse::parse;
use migrate::text::Dialect;
use migrate::verify::{How, Wish, survey};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

const DATA_SETS: usize = 20;
const RULES: usize = 50;

/// Rows; NULL is `None`. What is referred to need not be there.
#[derive(Clone, Debug)]
struct Rows {
    /// By key: their cap.
    owners: Vec<Option<i64>>,
    /// By key: number, owner.
    parents: Vec<(Option<i64>, Option<usize>)>,
    /// Parent, two numbers.
    lines: Vec<(Option<usize>, Option<i64>, Option<i64>)>,
    /// By key: weight.
    tags: Vec<Option<i64>>,
    /// Parent and tag.
    tagged: BTreeSet<(usize, usize)>,
}

fn number() -> impl Strategy<Value = Option<i64>> {
    prop_oneof![1 => Just(None), 5 => (-3_i64..4).prop_map(Some), 1 => Just(Some(2_000_000))]
}

fn rows() -> impl Strategy<Value = Rows> {
    let reference = |count: usize| prop_oneof![1 => Just(None), 6 => (0..count).prop_map(Some)];
    (
        prop::collection::vec(number(), 3),
        prop::collection::vec((number(), reference(4)), 12),
        prop::collection::vec((reference(13), number(), number()), 0..40),
        prop::collection::vec(number(), 5),
        prop::collection::btree_set((0_usize..12, 0_usize..5), 0..20),
    )
        .prop_map(|(owners, parents, lines, tags, tagged)| Rows {
            owners,
            parents,
            lines,
            tags,
            tagged,
        })
}

/// A number of a parent.
#[derive(Clone, Debug)]
enum Number {
    Own,
    /// Over the reference.
    Cap,
    Aggregate(Aggregate),
    /// `coalesce(…, constant)`
    Else(Aggregate, i64),
}

#[derive(Clone, Debug)]
struct Aggregate {
    function: &'static str,
    /// What is taken of a far row; `None`: the row.
    of: Option<Far>,
    over: Over,
    filter: Option<(Far, &'static str, i64)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Over {
    Lines,
    Tags,
}

/// A number of a far row; a tag has one column only.
#[derive(Clone, Copy, Debug)]
enum Far {
    First,
    Second,
    Product,
}

#[derive(Clone, Debug)]
enum Condition {
    Compare(Number, &'static str, Number),
    Constant(Number, &'static str, i64),
    Both(Box<Condition>, Box<Condition>),
    Either(Box<Condition>, Box<Condition>),
}

const COMPARISONS: [&str; 6] = ["=", "<>", "<", "<=", ">", ">="];

fn aggregate() -> impl Strategy<Value = Aggregate> {
    let far = || select(vec![Far::First, Far::Second, Far::Product]);
    let filter = prop::option::of((far(), select(COMPARISONS.to_vec()), -3_i64..4));
    let taken = prop_oneof![
        1 => Just(("count", None)),
        4 => (select(vec!["count", "sum", "min", "max"]), far()).prop_map(|(name, of)| (name, Some(of))),
    ];
    (taken, select(vec![Over::Lines, Over::Tags]), filter)
        .prop_map(|((function, of), over, filter)| Aggregate { function, of, over, filter })
}

fn condition() -> impl Strategy<Value = Condition> {
    let number = || {
        prop_oneof![
            1 => Just(Number::Own),
            2 => Just(Number::Cap),
            4 => aggregate().prop_map(Number::Aggregate),
            2 => (aggregate(), -3_i64..4).prop_map(|(it, other)| Number::Else(it, other)),
        ]
    };
    let compare = || select(COMPARISONS.to_vec());
    let leaf = prop_oneof![
        (number(), compare(), number()).prop_map(|(l, op, r)| Condition::Compare(l, op, r)),
        (number(), compare(), -3_i64..7).prop_map(|(l, op, r)| Condition::Constant(l, op, r)),
    ];
    leaf.prop_recursive(2, 4, 2, |inner| {
        let pair = (inner.clone(), inner.clone()).prop_map(|(l, r)| (Box::new(l), Box::new(r)));
        prop_oneof![
            pair.clone().prop_map(|(l, r)| Condition::Both(l, r)),
            pair.prop_map(|(l, r)| Condition::Either(l, r)),
        ]
    })
    // Rules that stay within their row are constraints, and another test's.
    .prop_filter("it looks beyond its row", |it| it.text().contains('.') || it.text().contains('('))
}

impl Far {
    fn text(self, over: Over) -> String {
        match (over, self) {
            (Over::Lines, Far::First) => "lines.x".to_owned(),
            (Over::Lines, Far::Second) => "lines.y".to_owned(),
            (Over::Lines, Far::Product) => "lines.x * lines.y".to_owned(),
            (Over::Tags, Far::First | Far::Second) => "tags.weight".to_owned(),
            (Over::Tags, Far::Product) => "tags.weight * tags.weight".to_owned(),
        }
    }

    fn value(self, (x, y): (Option<i64>, Option<i64>)) -> Option<i64> {
        match self {
            Far::First => x,
            Far::Second => y,
            Far::Product => Some(x? * y?),
        }
    }
}

impl Aggregate {
    fn text(&self) -> String {
        let over = if self.over == Over::Lines { "lines" } else { "tags" };
        let of = self.of.map_or(over.to_owned(), |far| far.text(self.over));
        let mut text = format!("{}({of})", self.function);
        if let Some((far, op, constant)) = &self.filter {
            let _ = write!(text, " FILTER (WHERE {} {op} {constant})", far.text(self.over));
        }
        text
    }

    fn value(&self, parent: usize, rows: &Rows) -> Option<i64> {
        let far: Vec<(Option<i64>, Option<i64>)> = match self.over {
            Over::Lines => {
                let own = rows.lines.iter().filter(|line| line.0 == Some(parent));
                own.map(|(_, x, y)| (*x, *y)).collect()
            }
            Over::Tags => {
                let own = rows.tagged.iter().filter(|pair| pair.0 == parent);
                own.map(|(_, tag)| (rows.tags[*tag], rows.tags[*tag])).collect()
            }
        };
        let kept = far.into_iter().filter(|row| match &self.filter {
            None => true,
            Some((far, op, constant)) => {
                far.value(*row).is_some_and(|value| compare(value, op, *constant))
            }
        });
        let Some(of) = self.of else { return Some(kept.count() as i64) };
        let values: Vec<i64> = kept.filter_map(|row| of.value(row)).collect();
        match self.function {
            "count" => Some(values.len() as i64),
            "sum" => (!values.is_empty()).then(|| values.iter().sum()),
            "min" => values.into_iter().min(),
            _ => values.into_iter().max(),
        }
    }
}

fn compare(left: i64, op: &str, right: i64) -> bool {
    match op {
        "=" => left == right,
        "<>" => left != right,
        "<" => left < right,
        "<=" => left <= right,
        ">" => left > right,
        _ => left >= right,
    }
}

impl Number {
    fn text(&self) -> String {
        match self {
            Number::Own => "n".to_owned(),
            Number::Cap => "owner.cap".to_owned(),
            Number::Aggregate(it) => it.text(),
            Number::Else(it, other) => format!("coalesce({}, {other})", it.text()),
        }
    }

    fn value(&self, parent: usize, rows: &Rows) -> Option<i64> {
        let (own, owner) = rows.parents[parent];
        match self {
            Number::Own => own,
            Number::Cap => rows.owners.get(owner?).copied().flatten(),
            Number::Aggregate(it) => it.value(parent, rows),
            Number::Else(it, other) => it.value(parent, rows).or(Some(*other)),
        }
    }
}

impl Condition {
    fn text(&self) -> String {
        match self {
            Condition::Compare(left, op, right) => format!("{} {op} {}", left.text(), right.text()),
            Condition::Constant(left, op, right) => format!("{} {op} {right}", left.text()),
            Condition::Both(left, right) => format!("({}) AND ({})", left.text(), right.text()),
            Condition::Either(left, right) => format!("({}) OR ({})", left.text(), right.text()),
        }
    }

    fn truth(&self, parent: usize, rows: &Rows) -> Option<bool> {
        match self {
            Condition::Compare(left, op, right) => {
                Some(compare(left.value(parent, rows)?, op, right.value(parent, rows)?))
            }
            Condition::Constant(left, op, right) => {
                Some(compare(left.value(parent, rows)?, op, *right))
            }
            Condition::Both(left, right) => {
                match (left.truth(parent, rows), right.truth(parent, rows)) {
                    (Some(false), _) | (_, Some(false)) => Some(false),
                    (Some(true), Some(true)) => Some(true),
                    _ => None,
                }
            }
            Condition::Either(left, right) => {
                match (left.truth(parent, rows), right.truth(parent, rows)) {
                    (Some(true), _) | (_, Some(true)) => Some(true),
                    (Some(false), Some(false)) => Some(false),
                    _ => None,
                }
            }
        }
    }
}

fn model(rules: &[Condition]) -> String {
    let mut text = String::from(
        "model: 1\nname: law\nentities:\n  Owner: { fields: { id: int, cap: int? } }\n  Parent:\n    fields:\n      id: int\n      \
         n: int?\n      owner: { ref: Owner, optional: true }\n      lines: { many: Line, inverse: parent }\n      \
         tags: { many: Tag, through: parent_tags }\n    rules:\n",
    );
    for (at, rule) in rules.iter().enumerate() {
        let _ = writeln!(text, "      r{at}: {{ check: \"{}\", enforce: verify }}", rule.text());
    }
    text.push_str(
        "  Line: { fields: { id: int, parent: { ref: Parent, optional: true }, x: int?, y: int? } }\n  \
         Tag: { fields: { id: int, weight: int? } }\n",
    );
    text
}

fn fill(database: &mut Database, rows: &Rows) {
    let sql = |value: &Option<i64>| value.map_or("NULL".to_owned(), |it| it.to_string());
    let key = |value: &Option<usize>| value.map_or("NULL".to_owned(), |it| it.to_string());
    let mut text = String::from(
        "DROP TABLE IF EXISTS owner; DROP TABLE IF EXISTS parent; DROP TABLE IF EXISTS line; DROP TABLE IF EXISTS tag;
         DROP TABLE IF EXISTS parent_tags;
         CREATE TABLE owner (id bigint PRIMARY KEY, cap bigint);
         CREATE TABLE parent (id bigint PRIMARY KEY, n bigint, owner_id bigint);
         CREATE TABLE line (id bigint PRIMARY KEY, parent_id bigint, x bigint, y bigint);
         CREATE TABLE tag (id bigint PRIMARY KEY, weight bigint);
         CREATE TABLE parent_tags (parent_id bigint NOT NULL, tag_id bigint NOT NULL, PRIMARY KEY (parent_id, tag_id));",
    );
    for (at, cap) in rows.owners.iter().enumerate() {
        let _ = write!(text, "INSERT INTO owner VALUES ({at}, {});", sql(cap));
    }
    for (at, (n, owner)) in rows.parents.iter().enumerate() {
        let _ = write!(text, "INSERT INTO parent VALUES ({at}, {}, {});", sql(n), key(owner));
    }
    for (at, (parent, x, y)) in rows.lines.iter().enumerate() {
        let (parent, x, y) = (key(parent), sql(x), sql(y));
        let _ = write!(text, "INSERT INTO line VALUES ({at}, {parent}, {x}, {y});");
    }
    for (at, weight) in rows.tags.iter().enumerate() {
        let _ = write!(text, "INSERT INTO tag VALUES ({at}, {});", sql(weight));
    }
    for (parent, tag) in &rows.tagged {
        let _ = write!(text, "INSERT INTO parent_tags VALUES ({parent}, {tag});");
    }
    for statement in statements(&text, database.dialect()) {
        database.execute(&statement).expect("it runs");
    }
}

fn holds_on(mut database: Database) {
    let dialect = database.dialect();
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut broken = 0;
    for _ in 0..DATA_SETS {
        let rows = rows().new_tree(&mut runner).expect("rows").current();
        let asked = prop::collection::vec(condition(), RULES);
        let asked = asked.new_tree(&mut runner).expect("rules").current();
        let expected: BTreeMap<String, BTreeSet<usize>> = asked
            .iter()
            .enumerate()
            .map(|(at, rule)| {
                let parents = 0..rows.parents.len();
                let bad = parents.filter(|parent| rule.truth(*parent, &rows) == Some(false));
                (format!("Parent.r{at}"), bad.collect::<BTreeSet<usize>>())
            })
            .filter(|(_, bad)| !bad.is_empty())
            .collect();
        broken += expected.len();
        fill(&mut database, &rows);
        let found = found(&mut database, &model(&asked), dialect);
        for (at, rule) in asked.iter().enumerate() {
            let name = format!("Parent.r{at}");
            let (found, expected) = (found.get(&name), expected.get(&name));
            assert_eq!(found, expected, "{}\n{rows:?}", rule.text());
        }
    }
    assert!(broken > DATA_SETS * RULES / 4, "{broken} rules were broken");
}

/// The keys of the rows that break each rule.
fn found(
    database: &mut Database,
    model: &str,
    dialect: Dialect,
) -> BTreeMap<String, BTreeSet<usize>> {
    let (parsed, said) = parse(model);
    let parsed = parsed.unwrap_or_else(|| panic!("{said:?}\n{model}"));
    let realized = realize(&parsed, dialect).unwrap_or_else(|said| panic!("{said:?}\n{model}"));
    let catalog = database.inspect().expect("it can be inspected");
    let rules: Vec<_> =
        realized.rules.into_iter().filter(|rule| rule.name.starts_with("Parent.r")).collect();
    let wanted = Wanted { rules: &rules, ..Wanted::default() };
    let standing = standing(&catalog, &wanted, &Doubts::new(), Extent::Unproven);
    assert!(standing.unaskable.is_empty(), "{:?}", standing.unaskable);
    let wish = Wish { shown: 100, baseline: None };
    let verdict = survey(database, &standing.checks, &wish, How::default(), None, &mut |_| {})
        .expect("asked");
    assert!(verdict.unasked.is_empty(), "{:?}", verdict.unasked);
    let mine = verdict.violations.into_iter().filter(|it| it.rule.starts_with("Parent.r"));
    mine.map(|it| {
        let keys = it.sample.iter().filter_map(|row| row.first()?.as_ref()?.parse().ok());
        let keys: BTreeSet<usize> = keys.collect();
        assert_eq!(it.rows as usize, keys.len(), "{}", it.rule);
        (it.rule, keys)
    })
    .collect()
}

#[test]
fn sqlite_finds_what_the_definition_finds() {
    holds_on(Database::memory().expect("it opens"));
}

#[test]
fn postgres_finds_what_the_definition_finds() {
    let Some(server) = support::postgres() else { return };
    let database = server.database();
    holds_on(database.open());
}
