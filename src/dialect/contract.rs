//! What a data contract asks of the rows, as rules, and as queries where a number is compared.

use super::Sql;
use super::aside::table_name;
use super::session::quote_name;
use crate::catalog::rule::{Enforce, Matching, Nulls, Requirement, Rule};
use crate::catalog::{Catalog, OpaqueKind};
use crate::expr::Case;
use crate::expr::pattern::{check as check_pattern, to_regex};
use crate::text::suggest::did_you_mean;
use crate::text::{Dialect, Ident, QName};

/// One test of a contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stated {
    pub name: String,
    pub table: TableWord,
    /// Line and column (1-based) in the contract.
    pub origin: (usize, usize),
    pub enforce: Enforce,
    pub message: Option<String>,
    pub ask: Ask,
    /// Only rows for which this is true are asked.
    pub filter: Option<String>,
    pub demand: Demand,
}

/// A table as a contract names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableWord {
    pub schema: Option<String>,
    pub name: String,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    NotNull(String),
    /// Neither NULL (where that counts) nor one of these texts.
    NotMissing {
        column: String,
        nulls: bool,
        values: Vec<String>,
    },
    Unique(Vec<String>),
    OneOf {
        column: String,
        values: Vec<Word>,
    },
    Matches {
        column: String,
        pattern: String,
    },
    Refers {
        column: String,
        table: TableWord,
        field: String,
    },
    /// The value, or its length, beside a limit: a number, or a text such as a date.
    Limit {
        column: String,
        side: Side,
        limit: Limit,
        value: String,
    },
    Holds(String),
    /// A column, followed by the rest of a condition on it.
    HoldsOf {
        column: String,
        rest: String,
    },
    RowCount,
    /// A query that answers one number or truth value.
    Query(String),
}

/// What a limit is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Value,
    Length,
}

/// On which side of a limit values must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    AtLeast,
    AtMost,
    Above,
    Below,
}

/// A value of a contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    Quoted(String),
    Bare(String),
}

/// When a test passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Demand {
    /// No row fails.
    EveryRow,
    /// The number of rows that fail, or their part, is as all of these say.
    Number { unit: Unit, expect: Vec<Expect> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Rows,
    Percent,
}

/// A comparison with numbers as they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    Is(String),
    IsNot(String),
    Above(String),
    AtLeast(String),
    Below(String),
    AtMost(String),
    Between(String, String),
    NotBetween(String, String),
    True,
    False,
}

impl Expect {
    /// Whether a number, or a truth value as 1 or 0, is as expected.
    pub fn holds(&self, value: f64) -> bool {
        let number = |text: &String| text.parse::<f64>().unwrap_or(f64::NAN);
        match self {
            Expect::Is(other) => value == number(other),
            Expect::IsNot(other) => value != number(other),
            Expect::Above(other) => value > number(other),
            Expect::AtLeast(other) => value >= number(other),
            Expect::Below(other) => value < number(other),
            Expect::AtMost(other) => value <= number(other),
            Expect::Between(low, high) => value > number(low) && value < number(high),
            Expect::NotBetween(low, high) => !(value > number(low) && value < number(high)),
            Expect::True => value != 0.0,
            Expect::False => value == 0.0,
        }
    }

    /// `less than 5`.
    pub fn says(&self) -> String {
        match self {
            Expect::Is(other) => other.clone(),
            Expect::IsNot(other) => format!("not {other}"),
            Expect::Above(other) => format!("greater than {other}"),
            Expect::AtLeast(other) => format!("at least {other}"),
            Expect::Below(other) => format!("less than {other}"),
            Expect::AtMost(other) => format!("at most {other}"),
            Expect::Between(low, high) => format!("between {low} and {high}"),
            Expect::NotBetween(low, high) => format!("not between {low} and {high}"),
            Expect::True => "true".to_owned(),
            Expect::False => "false".to_owned(),
        }
    }
}

/// A number to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    pub rule: String,
    pub table: String,
    pub origin: (usize, usize),
    pub enforce: Enforce,
    pub message: Option<String>,
    /// Answers one row: the number, and of how many rows it is.
    pub sql: Sql,
    pub unit: Unit,
    pub expect: Vec<Expect>,
}

/// A test, ready to be asked.
#[derive(Clone, Debug)]
pub enum Asked {
    Rule(Rule),
    Measured(Measured),
}

/// Makes a test ready for a database.
///
/// # Errors
/// Why it cannot be asked there.
pub fn asked(stated: &Stated, catalog: &Catalog) -> Result<Asked, String> {
    let work = Work { catalog, table: resolve(&stated.table, catalog)?, stated };
    match &stated.demand {
        Demand::EveryRow => Ok(Asked::Rule(work.rule()?)),
        Demand::Number { unit, expect } => Ok(Asked::Measured(Measured {
            rule: stated.name.clone(),
            table: work.table.to_string(),
            origin: stated.origin,
            enforce: stated.enforce,
            message: stated.message.clone(),
            sql: work.number()?,
            unit: *unit,
            expect: expect.clone(),
        })),
    }
}

/// The table or view that is meant.
fn resolve(word: &TableWord, catalog: &Catalog) -> Result<QName, String> {
    let dialect = catalog.dialect;
    let same = |left: &str, right: &str| match dialect {
        Dialect::Postgres => left == right,
        Dialect::Sqlite => left.eq_ignore_ascii_case(right),
    };
    let has_rows = |kind: OpaqueKind| {
        matches!(
            kind,
            OpaqueKind::View
                | OpaqueKind::MaterializedView
                | OpaqueKind::ForeignTable
                | OpaqueKind::VirtualTable
        )
    };
    let views = catalog.opaques.keys().filter(|id| has_rows(id.kind)).map(|id| &id.name);
    let known: Vec<&QName> = catalog.tables.keys().chain(views).collect();
    let named: Vec<&QName> =
        known.iter().copied().filter(|name| same(name.name.as_str(), &word.name)).collect();
    let of_schema = word
        .schema
        .as_ref()
        .and_then(|schema| named.iter().find(|name| same(name.schema.as_str(), schema)).copied());
    let of_default = || {
        let schema = dialect.default_schema();
        named.iter().find(|name| name.schema.as_str() == schema).copied()
    };
    match (of_schema.or_else(of_default), named.as_slice()) {
        (Some(name), _) => Ok(name.clone()),
        (None, [only]) => Ok((*only).clone()),
        (None, []) => {
            let hint = did_you_mean(&word.name, known.iter().map(|name| name.name.as_str()));
            Err(format!("the database has no table `{}`{hint}", word.name))
        }
        (None, [..]) => Err(format!(
            "several schemas have a table `{}`: {}",
            word.name,
            named.iter().map(|name| name.to_string()).collect::<Vec<_>>().join(", ")
        )),
    }
}

struct Work<'a> {
    catalog: &'a Catalog,
    table: QName,
    stated: &'a Stated,
}

impl Work<'_> {
    fn dialect(&self) -> Dialect {
        self.catalog.dialect
    }

    /// The column as the database spells it.
    fn column(&self, table: &QName, name: &str) -> Result<Ident, String> {
        let Some(found) = self.catalog.tables.get(table) else { return Ok(Ident::new(name)) };
        let exact = found.columns.iter().find(|it| it.name.as_str() == name);
        // Contracts are often written without regard to letter case.
        let folded = || found.columns.iter().find(|it| it.name.as_str().eq_ignore_ascii_case(name));
        exact.or_else(folded).map(|it| it.name.clone()).ok_or_else(|| {
            let known = found.columns.iter().map(|it| it.name.as_str());
            format!("`{table}` has no column `{name}`{}", did_you_mean(name, known))
        })
    }

    fn own(&self, name: &str) -> Result<String, String> {
        Ok(quote_name(self.column(&self.table, name)?.as_str()))
    }

    fn literal(&self, text: &str) -> String {
        match self.dialect() {
            Dialect::Postgres => super::postgres::quote::literal(text),
            Dialect::Sqlite => format!("'{}'", text.replace('\'', "''")),
        }
    }

    fn text(&self, own: &str) -> String {
        match self.dialect() {
            Dialect::Postgres => format!("{own}::text"),
            Dialect::Sqlite => format!("CAST({own} AS TEXT)"),
        }
    }

    /// The condition that one row is well; `None` where one row does not tell.
    fn condition(&self) -> Result<Option<String>, String> {
        Ok(Some(match &self.stated.ask {
            Ask::NotNull(column) => format!("{} IS NOT NULL", self.own(column)?),
            Ask::NotMissing { column, nulls, values } => {
                let own = self.own(column)?;
                let list: Vec<String> = values.iter().map(|value| self.literal(value)).collect();
                let mut parts = Vec::new();
                if *nulls {
                    parts.push(format!("{own} IS NOT NULL"));
                }
                if !list.is_empty() {
                    parts.push(format!("{} NOT IN ({})", self.text(&own), list.join(", ")));
                }
                parts.join(" AND ")
            }
            Ask::OneOf { column, values } => {
                let list: Vec<String> = values
                    .iter()
                    .map(|value| match value {
                        Word::Quoted(text) => self.literal(text),
                        Word::Bare(text) => text.clone(),
                    })
                    .collect();
                if list.is_empty() {
                    return Err("it lists no values".to_owned());
                }
                format!("{} IN ({})", self.own(column)?, list.join(", "))
            }
            Ask::Matches { column, pattern } => {
                let own = self.text(&self.own(column)?);
                match self.dialect() {
                    Dialect::Postgres => format!("{own} ~ {}", self.literal(pattern)),
                    Dialect::Sqlite => {
                        check_pattern(pattern).map_err(|reason| {
                            format!("the pattern `{pattern}` means nothing here: {reason}")
                        })?;
                        let regex = to_regex(pattern, Case::Sensitive);
                        format!("regexp({}, {own})", self.literal(&regex))
                    }
                }
            }
            Ask::Refers { column, table, field } => {
                let parent = resolve(table, self.catalog)?;
                let field = self.column(&parent, field)?;
                // The other table may have a column of that name.
                let own = format!("r.{}", self.own(column)?);
                format!(
                    "({own} IS NULL OR EXISTS (SELECT 1 FROM {} AS p WHERE p.{} = {own}))",
                    table_name(&parent),
                    quote_name(field.as_str())
                )
            }
            Ask::Limit { column, side, limit, value } => {
                let own = self.own(column)?;
                let own = match side {
                    Side::Value => own,
                    Side::Length => format!("length({})", self.text(&own)),
                };
                let sign = match limit {
                    Limit::AtLeast => ">=",
                    Limit::AtMost => "<=",
                    Limit::Above => ">",
                    Limit::Below => "<",
                };
                let is_number = value.parse::<f64>().is_ok();
                let value = if is_number { value.clone() } else { self.literal(value) };
                format!("{own} {sign} {value}")
            }
            Ask::Holds(expression) => format!("({expression})"),
            Ask::HoldsOf { column, rest } => format!("({} {rest})", self.own(column)?),
            Ask::Unique(_) | Ask::RowCount | Ask::Query(_) => return Ok(None),
        }))
    }

    fn filtered(&self, condition: String) -> String {
        match &self.stated.filter {
            Some(filter) => format!("CASE WHEN ({filter}) THEN ({condition}) END"),
            None => condition,
        }
    }

    fn rule(&self) -> Result<Rule, String> {
        let stated = self.stated;
        let plain = stated.filter.is_none();
        let requirement = match &stated.ask {
            Ask::NotNull(column) if plain => {
                Requirement::Required { column: self.column(&self.table, column)? }
            }
            Ask::Refers { column, table, field } if plain => {
                let parent = resolve(table, self.catalog)?;
                Requirement::References {
                    columns: vec![self.column(&self.table, column)?],
                    referenced_columns: vec![self.column(&parent, field)?],
                    table: parent,
                    matching: Matching::Simple,
                }
            }
            Ask::Unique(columns) => {
                let keys = columns
                    .iter()
                    .map(|name| Ok(quote_name(self.column(&self.table, name)?.as_str())));
                Requirement::Unique {
                    keys: keys.collect::<Result<_, String>>()?,
                    predicate: stated.filter.clone(),
                    nulls: Nulls::Distinct,
                }
            }
            Ask::NotNull(_)
            | Ask::NotMissing { .. }
            | Ask::OneOf { .. }
            | Ask::Matches { .. }
            | Ask::Refers { .. }
            | Ask::Limit { .. }
            | Ask::Holds(_)
            | Ask::HoldsOf { .. }
            | Ask::RowCount
            | Ask::Query(_) => match self.condition()? {
                Some(condition) => Requirement::Holds { expression: self.filtered(condition) },
                None => return Err("it states no number to compare with".to_owned()),
            },
        };
        Ok(Rule {
            name: stated.name.clone(),
            table: self.table.clone(),
            requirement,
            enforce: stated.enforce,
            message: stated.message.clone(),
            origin: Some(stated.origin),
        })
    }

    /// The query of a number.
    fn number(&self) -> Result<Sql, String> {
        let place = table_name(&self.table);
        let only = match &self.stated.filter {
            Some(filter) => format!(" WHERE ({filter})"),
            None => String::new(),
        };
        let text = match &self.stated.ask {
            Ask::RowCount => format!("SELECT count(*), count(*) FROM {place} AS r{only}"),
            Ask::Unique(columns) => {
                let own =
                    columns.iter().map(|name| self.own(name)).collect::<Result<Vec<_>, _>>()?;
                let full: Vec<String> =
                    own.iter().map(|own| format!("{own} IS NOT NULL")).collect();
                let and = match &self.stated.filter {
                    Some(filter) => format!(" AND ({filter})"),
                    None => String::new(),
                };
                format!(
                    "SELECT count(*), (SELECT count(*) FROM {place} AS r{only}) FROM (SELECT 1 AS one FROM {place} AS r \
                     WHERE {}{and} GROUP BY {} HAVING count(*) > 1) AS g",
                    full.join(" AND "),
                    own.join(", ")
                )
            }
            Ask::Query(query) => return self.query(query),
            Ask::NotNull(_)
            | Ask::NotMissing { .. }
            | Ask::OneOf { .. }
            | Ask::Matches { .. }
            | Ask::Refers { .. }
            | Ask::Limit { .. }
            | Ask::Holds(_)
            | Ask::HoldsOf { .. } => {
                let condition = self.condition()?.unwrap_or_default();
                format!(
                    "SELECT count(CASE WHEN ({condition}) IS FALSE THEN 1 END), count(*) FROM {place} AS r{only}"
                )
            }
        };
        Ok(Sql::new(text))
    }

    /// A query that somebody wrote: one, and one that reads.
    fn query(&self, query: &str) -> Result<Sql, String> {
        let statements = Sql::of_script(query, self.dialect());
        let [only] = statements.as_slice() else {
            return Err("its query is not one statement".to_owned());
        };
        let tokens = crate::text::token::tokenize(only.as_str(), self.dialect());
        let first = tokens.iter().find(|token| token.is_code());
        match first.is_some_and(|token| token.is_word("select") || token.is_word("with")) {
            true => Ok(only.clone()),
            false => Err("its query does not begin with SELECT or WITH".to_owned()),
        }
    }
}

/// The query of a contract with the names of its table and column in it.
pub fn filled(query: &str, table: &TableWord, column: Option<&str>) -> String {
    let place = match &table.schema {
        Some(schema) => format!("{}.{}", quote_name(schema), quote_name(&table.name)),
        None => quote_name(&table.name),
    };
    let own = column.map(quote_name).unwrap_or_default();
    let names = [
        ("object", &place),
        ("table", &place),
        ("model", &place),
        ("property", &own),
        ("column", &own),
    ];
    let mut text = query.to_owned();
    for (word, name) in names {
        for form in [format!("${{{word}}}"), format!("{{{word}}}")] {
            if !name.is_empty() {
                text = text.replace(&form, name);
            }
        }
    }
    text
}
