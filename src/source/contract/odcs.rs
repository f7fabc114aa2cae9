//! Quality rules of the Open Data Contract Standard, version 3.
//! Source: bitol-io.github.io/open-data-contract-standard, sections Schema and Data Quality (v3.0 and v3.1).

use super::{Reading, Why, is_true, items, word};
use crate::catalog::rule::Enforce;
use crate::dialect::contract::{
    Ask, Demand, Expect, Limit, Side, Stated, TableWord, Unit, Word, filled,
};
use crate::model::tree::{Entry, Style, Tree, Value};

/// Reads all objects of the contract.
pub(super) fn read(root: &Tree, reading: &mut Reading<'_>) {
    for object in items(root.get("schema")) {
        let name = word(object, "physicalName").or_else(|| word(object, "name"));
        let Some(name) = name else { continue };
        let table = match name.split_once('.') {
            Some((schema, name)) => {
                TableWord { schema: Some(schema.to_owned()), name: name.to_owned() }
            }
            None => TableWord { schema: None, name: name.to_owned() },
        };
        let properties = items(object.get("properties"));
        let mut part = Part { reading: &mut *reading, table, properties };
        for rule in items(object.get("quality")) {
            part.quality(rule, None);
        }
        for property in properties {
            part.property(property);
        }
    }
    for rule in items(root.get("quality")) {
        let name = name_of(rule, "contract".to_owned());
        let reason = "it belongs to no object of `schema:`".to_owned();
        reading.leave(name, "contract", rule.span, reason, Why::Wrong);
    }
}

fn name_of(rule: &Tree, usual: String) -> String {
    let given = word(rule, "name").or_else(|| word(rule, "id"));
    given.map_or(usual, str::to_owned)
}

struct Part<'a, 'r, 't> {
    reading: &'a mut Reading<'r>,
    table: TableWord,
    properties: &'t [Tree],
}

impl Part<'_, '_, '_> {
    fn property(&mut self, property: &Tree) {
        let Some(name) = word(property, "physicalName").or_else(|| word(property, "name")) else {
            return;
        };
        let column = name.to_owned();
        let every = |ask: Ask| (ask, Demand::EveryRow);
        for (key, ask) in [
            ("required", every(Ask::NotNull(column.clone()))),
            ("unique", every(Ask::Unique(vec![column.clone()]))),
        ] {
            if is_true(property, key) {
                let span = property.get(key).map_or(property.span, |tree| tree.span);
                self.state(format!("{}.{column} {key}", self.table.name), span, ask, property);
            }
        }
        if let Some(options) = property.get("logicalTypeOptions") {
            self.options(options, &column, property);
        }
        for rule in items(property.get("quality")) {
            self.quality(rule, Some(&column));
        }
    }

    /// `minLength`, `maximum`, `pattern` and the like.
    fn options(&mut self, options: &Tree, column: &str, property: &Tree) {
        let Value::Map(entries) = &options.value else { return };
        for Entry { key, value, .. } in entries {
            let name = format!("{}.{column} {key}", self.table.name);
            let text = value.as_text().unwrap_or_default();
            let of = |side: Side, limit: Limit| {
                let (column, value) = (column.to_owned(), text.to_owned());
                Some(Ask::Limit { column, side, limit, value })
            };
            // Before version 3.1 these two were true or false.
            let is_flag = ["true", "false"].contains(&text);
            let ask = match key.as_str() {
                "minLength" => of(Side::Length, Limit::AtLeast),
                "maxLength" => of(Side::Length, Limit::AtMost),
                "minimum" => of(Side::Value, Limit::AtLeast),
                "maximum" => of(Side::Value, Limit::AtMost),
                "exclusiveMinimum" if !is_flag => of(Side::Value, Limit::Above),
                "exclusiveMaximum" if !is_flag => of(Side::Value, Limit::Below),
                "pattern" => {
                    let (column, pattern) = (column.to_owned(), text.to_owned());
                    Some(Ask::Matches { column, pattern })
                }
                _ => None,
            };
            let Some(ask) = ask.filter(|_| !text.is_empty()) else {
                let reason = format!("the option `{key}` is not asked");
                let table = self.table.name.clone();
                self.reading.leave(name, &table, value.span, reason, Why::Foreign);
                continue;
            };
            self.state(name, value.span, (ask, Demand::EveryRow), property);
        }
    }

    fn state(
        &mut self,
        name: String,
        span: crate::text::diagnostic::Span,
        (ask, demand): (Ask, Demand),
        rule: &Tree,
    ) {
        let enforce = match word(rule, "severity").map(str::to_lowercase).as_deref() {
            Some("warning" | "warn" | "info" | "low") => Enforce::Warn,
            Some(_) | None => Enforce::Verify,
        };
        let is_rule = rule.get("properties").is_none() && rule.get("logicalType").is_none();
        let message = word(rule, "description").filter(|_| is_rule).map(str::to_owned);
        let origin = self.reading.place(span);
        let table = self.table.clone();
        self.reading.contract.tests.push(Stated {
            name,
            table,
            origin,
            enforce,
            message,
            ask,
            filter: None,
            demand,
        });
    }

    fn quality(&mut self, rule: &Tree, column: Option<&str>) {
        let kind = word(rule, "type").unwrap_or("library");
        let metric = word(rule, "metric").or_else(|| word(rule, "rule"));
        let what = match kind {
            "library" => metric.unwrap_or("library"),
            other => other,
        };
        let usual = match column {
            Some(column) => format!("{}.{column} {what}", self.table.name),
            None => format!("{} {what}", self.table.name),
        };
        let name = name_of(rule, usual);
        let made = match kind {
            "library" => self.library(rule, metric, column),
            "sql" => self.sql(rule, column),
            "text" => Err((Why::Foreign, "it is a text for people".to_owned())),
            "custom" => {
                let engine = word(rule, "engine").unwrap_or("another tool");
                Err((Why::Foreign, format!("it is for {engine}")))
            }
            other => Err((Why::Wrong, format!("`{other}` is no type of quality rule"))),
        };
        match made {
            Ok(made) => self.state(name, rule.span, made, rule),
            Err((why, reason)) => {
                let table = self.table.name.clone();
                self.reading.leave(name, &table, rule.span, reason, why);
            }
        }
    }

    fn library(
        &self,
        rule: &Tree,
        metric: Option<&str>,
        column: Option<&str>,
    ) -> Result<(Ask, Demand), (Why, String)> {
        let wrong = |reason: &str| (Why::Wrong, reason.to_owned());
        let own =
            || column.map(str::to_owned).ok_or_else(|| wrong("it must stand below a property"));
        let arguments = |key: &str| {
            let inside = rule.get("arguments").and_then(|tree| tree.get(key));
            inside.or_else(|| rule.get(key))
        };
        let ask = match metric {
            Some("rowCount") => Ask::RowCount,
            Some("nullValues") => Ask::NotNull(own()?),
            Some("missingValues") => {
                let list = items(arguments("missingValues"));
                let is_null = |tree: &&Tree| is_null(tree);
                let values = list.iter().filter(|tree| !is_null(tree)).filter_map(Tree::as_text);
                let values: Vec<String> = values.map(str::to_owned).collect();
                match list {
                    [] => {
                        Ask::NotMissing { column: own()?, nulls: true, values: vec![String::new()] }
                    }
                    [..] => {
                        let nulls = list.iter().any(|tree| is_null(&tree));
                        Ask::NotMissing { column: own()?, nulls, values }
                    }
                }
            }
            Some("invalidValues") => {
                let values = arguments("validValues");
                match (values, arguments("pattern").and_then(Tree::as_text)) {
                    (Some(list), None) => {
                        let values = items(Some(list)).iter().filter_map(Tree::as_text);
                        let values = values.map(|text| Word::Quoted(text.to_owned())).collect();
                        Ask::OneOf { column: own()?, values }
                    }
                    (None, Some(pattern)) => {
                        Ask::Matches { column: own()?, pattern: pattern.to_owned() }
                    }
                    (Some(_), Some(_)) => {
                        return Err(wrong(
                            "it has both `validValues` and `pattern`; write a rule for each",
                        ));
                    }
                    (None, None) => {
                        return Err(wrong(
                            "its `arguments` have neither `validValues` nor `pattern`",
                        ));
                    }
                }
            }
            Some("duplicateValues" | "duplicateCount") => {
                let list = items(arguments("properties")).iter().filter_map(Tree::as_text);
                let columns: Vec<String> = list.map(|name| self.physical(name)).collect();
                match (columns.as_slice(), column) {
                    ([], Some(column)) => Ask::Unique(vec![column.to_owned()]),
                    ([], None) => return Err(wrong("its `arguments` have no `properties`")),
                    ([..], _) => Ask::Unique(columns),
                }
            }
            Some(other) => {
                return Err(wrong(&format!("`{other}` is no metric of the standard's library")));
            }
            None => return Err(wrong("it has no `metric`")),
        };
        let unit = match word(rule, "unit") {
            None | Some("rows") => Unit::Rows,
            Some("percent" | "%") => Unit::Percent,
            Some(other) => {
                return Err(wrong(&format!("the unit `{other}` is neither `rows` nor `percent`")));
            }
        };
        let expect = expectations(rule).map_err(|reason| (Why::Wrong, reason))?;
        if expect.is_empty() {
            return Err(wrong("it has no operator, such as `mustBe: 0`"));
        }
        // No row may fail: then each that does is named.
        let is_none = ask != Ask::RowCount
            && matches!(&expect[..], [Expect::Is(zero) | Expect::AtMost(zero)] if zero.parse() == Ok(0.0));
        let demand = if is_none { Demand::EveryRow } else { Demand::Number { unit, expect } };
        Ok((ask, demand))
    }

    /// The column of a property.
    fn physical(&self, property: &str) -> String {
        let named = self.properties.iter().find(|it| word(it, "name") == Some(property));
        named.and_then(|it| word(it, "physicalName")).unwrap_or(property).to_owned()
    }

    fn sql(&self, rule: &Tree, column: Option<&str>) -> Result<(Ask, Demand), (Why, String)> {
        let query = word(rule, "query").ok_or((Why::Wrong, "it has no `query`".to_owned()))?;
        let query = filled(query, &self.table, column);
        let mut expect = expectations(rule).map_err(|reason| (Why::Wrong, reason))?;
        if expect.is_empty() {
            expect.push(Expect::True);
        }
        Ok((Ask::Query(query), Demand::Number { unit: Unit::Rows, expect }))
    }
}

fn is_null(tree: &Tree) -> bool {
    matches!(&tree.value, Value::Scalar { text, style: Style::Plain } if ["null", "~", "Null", "NULL", ""].contains(&text.as_str()))
}

/// What the operators of a rule say; all of them must hold.
fn expectations(rule: &Tree) -> Result<Vec<Expect>, String> {
    let Value::Map(entries) = &rule.value else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for Entry { key, value, .. } in entries.iter().filter(|entry| entry.key.starts_with("must")) {
        let number = |tree: &Tree| {
            let text = tree.as_text().filter(|text| text.parse::<f64>().is_ok());
            text.map(str::to_owned).ok_or_else(|| format!("`{key}` must be a number"))
        };
        let pair = || match items(Some(value)) {
            [low, high] => Ok((number(low)?, number(high)?)),
            _ => Err(format!("`{key}` must be a list of two numbers")),
        };
        found.push(match (key.as_str(), value.as_text()) {
            ("mustBe", Some("true")) | ("mustNotBe", Some("false")) => Expect::True,
            ("mustBe", Some("false")) | ("mustNotBe", Some("true")) => Expect::False,
            ("mustBe", _) => Expect::Is(number(value)?),
            ("mustNotBe", _) => Expect::IsNot(number(value)?),
            ("mustBeGreaterThan", _) => Expect::Above(number(value)?),
            ("mustBeGreaterOrEqualTo" | "mustBeGreaterThanOrEqualTo", _) => {
                Expect::AtLeast(number(value)?)
            }
            ("mustBeLessThan", _) => Expect::Below(number(value)?),
            ("mustBeLessOrEqualTo" | "mustBeLessThanOrEqualTo", _) => {
                Expect::AtMost(number(value)?)
            }
            ("mustBeBetween", _) => {
                let (low, high) = pair()?;
                Expect::Between(low, high)
            }
            ("mustNotBeBetween", _) => {
                let (low, high) = pair()?;
                Expect::NotBetween(low, high)
            }
            (other, _) => return Err(format!("`{other}` is no operator of the standard")),
        });
    }
    Ok(found)
}
