//! Tests of dbt's property files (`schema.yml`).
//! Source: docs.getdbt.com/reference/resource-properties/data-tests and /reference/data-test-configs.

use super::{Reading, Why, is_template, items, word};
use crate::catalog::rule::Enforce;
use crate::dialect::contract::{Ask, Demand, Expect, Stated, TableWord, Unit, Word};
use crate::model::tree::{Entry, Tree, Value};
use crate::text::diagnostic::Span;

/// Where tests stand.
pub(super) const KINDS: [&str; 4] = ["models", "sources", "seeds", "snapshots"];

/// Reads all tables of the file.
pub(super) fn read(root: &Tree, reading: &mut Reading<'_>) {
    for kind in KINDS {
        for item in items(root.get(kind)) {
            match kind {
                "sources" => {
                    let schema = word(item, "schema").or_else(|| word(item, "name"));
                    for table in items(item.get("tables")) {
                        let name = word(table, "identifier").or_else(|| word(table, "name"));
                        one(table, schema, name, reading);
                    }
                }
                _ => {
                    let config = |key| item.get("config").and_then(|tree| word(tree, key));
                    let name = config("alias")
                        .or_else(|| word(item, "alias"))
                        .or_else(|| word(item, "name"));
                    one(item, config("schema"), name, reading);
                }
            }
        }
    }
    if let Value::Map(entries) = &root.value {
        let known = [&KINDS[..], &["version"]].concat();
        for entry in entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            let reason = format!("`{}` holds nothing that is asked of rows", entry.key);
            reading.leave(entry.key.clone(), &entry.key, entry.key_span, reason, Why::Foreign);
        }
    }
}

fn one(item: &Tree, schema: Option<&str>, name: Option<&str>, reading: &mut Reading<'_>) {
    let Some(name) = name else { return };
    let table = TableWord { schema: schema.map(str::to_owned), name: name.to_owned() };
    let mut part = Part { reading, table };
    part.tests(item, None);
    part.constraints(item, None);
    for column in items(item.get("columns")) {
        let name = word(column, "name");
        part.tests(column, name);
        part.constraints(column, name);
    }
}

/// A test with its arguments and its configuration.
struct Test<'t> {
    /// As it is called, without the package where that makes no difference.
    kind: &'t str,
    body: Option<&'t Tree>,
    span: Span,
}

impl<'t> Test<'t> {
    fn of(tree: &'t Tree) -> Option<Test<'t>> {
        match &tree.value {
            Value::Scalar { text, .. } => Some(Test { kind: text, body: None, span: tree.span }),
            Value::Map(entries) => match entries.as_slice() {
                [Entry { key, value, key_span, .. }] if key != "test_name" => {
                    Some(Test { kind: key, body: Some(value), span: *key_span })
                }
                [..] => {
                    let kind = word(tree, "test_name").or_else(|| {
                        let first = entries.first()?;
                        first.value.is_empty().then_some(first.key.as_str())
                    });
                    kind.map(|kind| Test { kind, body: Some(tree), span: tree.span })
                }
            },
            Value::List(_) => None,
        }
    }

    fn argument(&self, key: &str) -> Option<&'t Tree> {
        let body = self.body?;
        body.get("arguments").and_then(|tree| tree.get(key)).or_else(|| body.get(key))
    }

    fn argument_text(&self, key: &str) -> Option<&'t str> {
        self.argument(key).and_then(Tree::as_text)
    }

    fn config(&self, key: &str) -> Option<&'t str> {
        let body = self.body?;
        body.get("config").and_then(|tree| word(tree, key)).or_else(|| word(body, key))
    }
}

struct Part<'a, 'r> {
    reading: &'a mut Reading<'r>,
    table: TableWord,
}

impl Part<'_, '_> {
    fn constraints(&mut self, item: &Tree, column: Option<&str>) {
        for constraint in items(item.get("constraints")) {
            let kind = word(constraint, "type").unwrap_or("constraint");
            let name = self.name(column, kind);
            let reason = "it is a constraint that dbt makes; `migrate verify --all` asks those of the database";
            let table = self.table.name.clone();
            self.reading.leave(name, &table, constraint.span, reason.to_owned(), Why::Foreign);
        }
    }

    fn name(&self, column: Option<&str>, kind: &str) -> String {
        match column {
            Some(column) => format!("{}.{column} {kind}", self.table.name),
            None => format!("{} {kind}", self.table.name),
        }
    }

    fn tests(&mut self, item: &Tree, column: Option<&str>) {
        for tree in items(item.get("data_tests")).iter().chain(items(item.get("tests"))) {
            let Some(test) = Test::of(tree) else {
                let (name, table) = (self.name(column, "test"), self.table.name.clone());
                let reason = "it is not written as a test is".to_owned();
                self.reading.leave(name, &table, tree.span, reason, Why::Wrong);
                continue;
            };
            let kind = test.kind.rsplit('.').next().unwrap_or(test.kind);
            let given = test.body.and_then(|body| word(body, "name"));
            let name = given.map_or_else(|| self.name(column, kind), str::to_owned);
            match self.stated(&test, column, &name) {
                Ok(stated) => self.reading.contract.tests.extend(stated),
                Err((why, reason)) => {
                    let table = self.table.name.clone();
                    self.reading.leave(name, &table, test.span, reason, why);
                }
            }
        }
    }

    fn stated(
        &self,
        test: &Test<'_>,
        column: Option<&str>,
        name: &str,
    ) -> Result<Vec<Stated>, (Why, String)> {
        let wrong = |reason: String| (Why::Wrong, reason);
        if test.config("enabled") == Some("false") {
            return Err((Why::Foreign, "it is not enabled".to_owned()));
        }
        let ask = self.ask(test, column)?;
        if let Some(key) =
            ["fail_calc", "group_by_columns"].iter().find(|key| test.config(key).is_some())
        {
            return Err(wrong(format!("`{key}` is not known")));
        }
        let filter = test.config("where").map(str::to_owned);
        let mut texts = filter.iter().map(String::as_str).chain(match &ask {
            Ask::Holds(text) | Ask::HoldsOf { rest: text, .. } => Some(text.as_str()),
            Ask::NotNull(_)
            | Ask::NotMissing { .. }
            | Ask::Unique(_)
            | Ask::OneOf { .. }
            | Ask::Matches { .. }
            | Ask::Refers { .. }
            | Ask::Limit { .. }
            | Ask::RowCount
            | Ask::Query(_) => None,
        });
        if texts.any(is_template) {
            return Err((Why::Foreign, "it holds a template that only dbt fills in".to_owned()));
        }
        let conditions = [("error_if", Enforce::Verify), ("warn_if", Enforce::Warn)];
        let is_warning =
            test.config("severity").is_some_and(|word| word.eq_ignore_ascii_case("warn"));
        let one = |name: String, enforce: Enforce, demand: Demand| Stated {
            name,
            table: self.table.clone(),
            origin: self.reading.place(test.span),
            enforce,
            message: test.body.and_then(|body| word(body, "description")).map(str::to_owned),
            ask: ask.clone(),
            filter: filter.clone(),
            demand,
        };
        let mut stated = Vec::new();
        for (key, enforce) in conditions {
            let Some(text) = test.config(key) else { continue };
            if is_warning && enforce == Enforce::Verify {
                continue;
            }
            let expect = unless(text)
                .ok_or_else(|| wrong(format!("`{key}: {text}` is no comparison with a number")))?;
            let demand = Demand::Number { unit: Unit::Rows, expect: vec![expect] };
            let name = if stated.is_empty() { name.to_owned() } else { format!("{name} {key}") };
            stated.push(one(name, enforce, demand));
        }
        let has_error = stated.iter().any(|it| it.enforce == Enforce::Verify);
        if is_warning && stated.is_empty() {
            stated.push(one(name.to_owned(), Enforce::Warn, Demand::EveryRow));
        } else if !is_warning && !has_error {
            stated.insert(0, one(name.to_owned(), Enforce::Verify, Demand::EveryRow));
        }
        Ok(stated)
    }

    fn ask(&self, test: &Test<'_>, column: Option<&str>) -> Result<Ask, (Why, String)> {
        let wrong = |reason: &str| (Why::Wrong, reason.to_owned());
        let own = || {
            let named = column.or_else(|| test.argument_text("column_name"));
            named.map(str::to_owned).ok_or_else(|| wrong("it names no column"))
        };
        Ok(match test.kind {
            "not_null" => Ask::NotNull(own()?),
            "unique" => Ask::Unique(vec![own()?]),
            "accepted_values" => {
                let is_bare = test.argument_text("quote") == Some("false");
                let values = items(test.argument("values")).iter().filter_map(Tree::as_text);
                let word = |text: &str| match is_bare {
                    true => Word::Bare(text.to_owned()),
                    false => Word::Quoted(text.to_owned()),
                };
                let values: Vec<Word> = values.map(word).collect();
                if is_bare
                    && values.iter().any(|it| matches!(it, Word::Bare(text) if !is_constant(text)))
                {
                    return Err(wrong(
                        "a value without quotes is neither a number nor true or false",
                    ));
                }
                Ask::OneOf { column: own()?, values }
            }
            "relationships" => {
                let to = test.argument_text("to").ok_or_else(|| wrong("it has no `to`"))?;
                let field =
                    test.argument_text("field").ok_or_else(|| wrong("it has no `field`"))?;
                let table = reference(to).ok_or_else(|| {
                    (Why::Foreign, format!("`{to}` is neither `ref('…')` nor `source('…', '…')`"))
                })?;
                Ask::Refers { column: own()?, table, field: field.to_owned() }
            }
            "expression_is_true" | "dbt_utils.expression_is_true" => {
                let text = test
                    .argument_text("expression")
                    .ok_or_else(|| wrong("it has no `expression`"))?;
                match column {
                    Some(column) => {
                        Ask::HoldsOf { column: column.to_owned(), rest: text.to_owned() }
                    }
                    None => Ask::Holds(text.to_owned()),
                }
            }
            "dbt_utils.unique_combination_of_columns" => {
                let list = items(test.argument("combination_of_columns")).iter();
                let columns: Vec<String> =
                    list.filter_map(Tree::as_text).map(str::to_owned).collect();
                if columns.is_empty() {
                    return Err(wrong("it has no `combination_of_columns`"));
                }
                Ask::Unique(columns)
            }
            other => {
                return Err((
                    Why::Foreign,
                    format!("`{other}` is a test of another package, or of your own"),
                ));
            }
        })
    }
}

fn is_constant(text: &str) -> bool {
    text.parse::<f64>().is_ok() || ["true", "false"].contains(&text.to_lowercase().as_str())
}

/// `ref('x')`, `ref('package', 'x')`, `source('a', 'b')`, bare or in a template.
fn reference(text: &str) -> Option<TableWord> {
    let text = text.trim().trim_start_matches("{{").trim_end_matches("}}").trim();
    let (call, rest) = text.split_once('(')?;
    let inside = rest.strip_suffix(')')?;
    let parts: Option<Vec<&str>> = inside
        .split(',')
        .map(|part| {
            let part = part.trim();
            let quote = part.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
            part.strip_prefix(quote)?.strip_suffix(quote)
        })
        .collect();
    match (call.trim(), parts?.as_slice()) {
        ("ref", [name] | [_, name]) => Some(TableWord { schema: None, name: (*name).to_owned() }),
        ("source", [schema, name]) => {
            Some(TableWord { schema: Some((*schema).to_owned()), name: (*name).to_owned() })
        }
        _ => None,
    }
}

/// What the number of failures must be so that a condition such as `> 5` is not met.
fn unless(condition: &str) -> Option<Expect> {
    let text = condition.trim();
    let number = |text: &str| {
        let text = text.trim();
        text.parse::<f64>().is_ok().then(|| text.to_owned())
    };
    if let Some(range) = text.to_lowercase().strip_prefix("between ") {
        // BETWEEN takes its ends in; failures are whole numbers.
        let (low, high) = range.split_once(" and ")?;
        let (low, high): (i64, i64) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
        return Some(Expect::NotBetween((low - 1).to_string(), (high + 1).to_string()));
    }
    let split = text.find(|c: char| c.is_ascii_digit() || c == '-' || c == ' ')?;
    let (operator, value) = text.split_at(split);
    let value = number(value)?;
    Some(match operator {
        ">" => Expect::AtMost(value),
        ">=" => Expect::Below(value),
        "<" => Expect::AtLeast(value),
        "<=" => Expect::Above(value),
        "=" | "==" => Expect::IsNot(value),
        "!=" | "<>" => Expect::Is(value),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_on_failures_are_turned_around() {
        assert_eq!(unless("> 5"), Some(Expect::AtMost("5".to_owned())));
        assert_eq!(unless(">=5"), Some(Expect::Below("5".to_owned())));
        assert_eq!(unless("!=0"), Some(Expect::Is("0".to_owned())));
        let between = unless("between 5 and 10").expect("it is one");
        assert!(
            between.holds(4.0)
                && !between.holds(5.0)
                && !between.holds(10.0)
                && between.holds(11.0)
        );
        assert_eq!(unless("many"), None);
    }

    #[test]
    fn references_are_read_in_both_forms() {
        let name = |text: &str| reference(text).map(|word| (word.schema, word.name));
        assert_eq!(name("ref('a')"), Some((None, "a".to_owned())));
        assert_eq!(name("{{ ref(\"p\", \"a\") }}"), Some((None, "a".to_owned())));
        assert_eq!(name("source('s', 'a')"), Some((Some("s".to_owned()), "a".to_owned())));
        assert_eq!(name("somewhere"), None);
    }
}
