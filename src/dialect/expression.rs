//! Portable expressions as the SQL of one engine, with all parentheses.
//!
//! Grouping never depends on the engine's precedence, and every construct on which the engines differ is written in
//! the form that means the same (measured: the differential tests in `tests/expr_law.rs`).

mod sqlite;

use crate::expr::infer::{common_type, is_text_literal, type_of};
use crate::expr::{Aggregate, BinaryOp, Case, Expr, Function, IsTest, Polarity, ValueType};
use crate::text::Dialect;

/// What stands for a field in the SQL text.
pub trait Columns {
    /// The SQL of a field: a quoted column, or a correlated subquery for a path over references. It must give the
    /// value in the unit of its type (a decimal kept as scaled INTEGER has to be divided here).
    ///
    /// # Errors
    /// The path has no SQL here; the message says why.
    fn column(&self, path: &[String]) -> Result<String, String>;

    /// The SQL of an aggregate over the far side of a relationship.
    ///
    /// # Errors
    /// It cannot stand here; the message says why.
    fn aggregate(&self, asked: &AggregateText<'_>) -> Result<String, String> {
        Err(format!("an aggregate over `{}` looks beyond its row", asked.over))
    }

    /// The portable type of a field, where it is known.
    fn value_type(&self, path: &[String]) -> Option<ValueType>;
}

/// An aggregate whose parts are printed already.
#[derive(Clone, Debug)]
pub struct AggregateText<'a> {
    pub function: Aggregate,
    pub over: &'a str,
    /// `None`: the rows themselves.
    pub argument: Option<String>,
    pub filter: Option<String>,
    /// The type of the result.
    pub value: Option<ValueType>,
}

/// Where the SQL is going to stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatternUse {
    /// In the schema: every client of the database has to be able to run it.
    Ddl,
    /// In a query on a connection of ours, where SQLite has the function `regexp(pattern, text)`.
    Query,
}

/// Why an expression cannot stand in SQL of an engine; the rule is then checked by `migrate verify` instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unprintable {
    #[error("{0}")]
    Column(String),
    #[error(
        "sqlite has no exact form of the pattern `{pattern}` that works without the function `regexp`"
    )]
    Pattern { pattern: String },
    #[error("the cast to {target} has no form on {dialect}")]
    Cast { target: String, dialect: Dialect },
}

/// Prints an expression for one engine.
///
/// # Errors
/// What has no exact form in this use; nothing approximate is ever printed.
pub fn print(
    expr: &Expr,
    dialect: Dialect,
    columns: &dyn Columns,
    pattern_use: PatternUse,
) -> Result<String, Unprintable> {
    Printer { dialect, columns, pattern_use }.print(expr, None)
}

/// A text literal; standard on both engines (PostgreSQL: `standard_conforming_strings`, on since 9.1).
pub fn quote_text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

struct Printer<'a> {
    dialect: Dialect,
    columns: &'a dyn Columns,
    pattern_use: PatternUse,
}

impl Printer<'_> {
    fn type_of(&self, expr: &Expr) -> Option<ValueType> {
        type_of(expr, &|path| self.columns.value_type(path))
    }

    fn common<'e>(&self, operands: impl IntoIterator<Item = &'e Expr>) -> Option<ValueType> {
        common_type(operands, &|path| self.columns.value_type(path))
    }

    /// `value` is the type that literals take here.
    fn print(&self, expr: &Expr, value: Option<&ValueType>) -> Result<String, Unprintable> {
        match expr {
            Expr::Null => Ok("NULL".into()),
            Expr::Bool(true) => Ok("TRUE".into()),
            Expr::Bool(false) => Ok("FALSE".into()),
            Expr::Number(text) => Ok(text.clone()),
            Expr::Text(text) => Ok(self.literal(text, value)),
            Expr::Field(path) => self.columns.column(path).map_err(Unprintable::Column),
            Expr::Not(operand) => Ok(format!("(NOT {})", self.print(operand, None)?)),
            Expr::Negate(operand) => Ok(format!("(- {})", self.print(operand, None)?)),
            Expr::Binary(left, op, right) => self.binary(left, *op, right),
            Expr::Is { operand, test, polarity } => {
                let test = match test {
                    IsTest::Null => "NULL",
                    IsTest::True => "TRUE",
                    IsTest::False => "FALSE",
                };
                Ok(format!("({} IS {}{test})", self.print(operand, None)?, not(*polarity)))
            }
            Expr::Distinct { left, right, polarity } => self.distinct(left, right, *polarity),
            Expr::In { operand, list, polarity } => {
                let value = self.common(std::iter::once(&**operand).chain(list));
                let operand = self.print(operand, value.as_ref())?;
                let list = self.list(list, value.as_ref())?;
                Ok(format!("({operand} {}IN ({list}))", not(*polarity)))
            }
            Expr::Between { operand, low, high, polarity } => {
                let value = self.common([&**operand, &**low, &**high]);
                let operand = self.ordered(operand, value.as_ref())?;
                let low = self.print(low, value.as_ref())?;
                let high = self.print(high, value.as_ref())?;
                Ok(format!("({operand} {}BETWEEN {low} AND {high})", not(*polarity)))
            }
            Expr::Like { operand, pattern, case, polarity } => {
                self.like(operand, pattern, *case, *polarity)
            }
            Expr::Match { operand, pattern, case, polarity } => {
                self.matches(operand, pattern, *case, *polarity)
            }
            Expr::Case { branches, otherwise } => self.case(branches, otherwise.as_deref(), value),
            Expr::Call(function, arguments) => self.call(*function, arguments, value),
            Expr::Cast(operand, target) => self.cast(operand, target),
            Expr::JsonText(operand, key) => {
                let operand = self.print(operand, None)?;
                Ok(match self.dialect {
                    Dialect::Postgres => format!("({operand} ->> {})", quote_text(key)),
                    Dialect::Sqlite => sqlite::json_text(&operand, key),
                })
            }
            Expr::Aggregate { function, over, argument, filter } => {
                let part = |part: &Option<Box<Expr>>| {
                    part.as_deref().map(|part| self.print(part, None)).transpose()
                };
                let asked = AggregateText {
                    function: *function,
                    over,
                    argument: part(argument)?,
                    filter: part(filter)?,
                    value: self.type_of(expr),
                };
                self.columns.aggregate(&asked).map_err(Unprintable::Column)
            }
        }
    }

    /// Timestamps are UTC: PostgreSQL would otherwise read a literal in the session's time zone.
    fn literal(&self, text: &str, value: Option<&ValueType>) -> String {
        match (self.dialect, value) {
            (Dialect::Postgres, Some(ValueType::Timestamp)) => quote_text(&format!("{text}+00")),
            _ => quote_text(text),
        }
    }

    fn list(&self, list: &[Expr], value: Option<&ValueType>) -> Result<String, Unprintable> {
        let list: Result<Vec<String>, Unprintable> =
            list.iter().map(|item| self.print(item, value)).collect();
        Ok(list?.join(", "))
    }

    /// An operand of an order comparison: text is ordered by code point, whatever the database's locale.
    fn ordered(&self, expr: &Expr, value: Option<&ValueType>) -> Result<String, Unprintable> {
        let text = self.print(expr, value)?;
        Ok(match (self.dialect, value) {
            (Dialect::Postgres, Some(ValueType::Text)) => format!("({text} COLLATE \"C\")"),
            _ => text,
        })
    }

    fn binary(&self, left: &Expr, op: BinaryOp, right: &Expr) -> Result<String, Unprintable> {
        let infix = |sign: &str| {
            let (left, right) = (self.print(left, None)?, self.print(right, None)?);
            Ok(format!("({left} {sign} {right})"))
        };
        let compared = |sign: &str| {
            let value = self.common([left, right]);
            let left = self.print(left, value.as_ref())?;
            Ok(format!("({left} {sign} {})", self.print(right, value.as_ref())?))
        };
        let ordered = |sign: &str| {
            let value = self.common([left, right]);
            let left = self.ordered(left, value.as_ref())?;
            Ok(format!("({left} {sign} {})", self.print(right, value.as_ref())?))
        };
        match op {
            BinaryOp::And => infix("AND"),
            BinaryOp::Or => infix("OR"),
            BinaryOp::Equal => compared("="),
            BinaryOp::NotEqual => compared("<>"),
            BinaryOp::Less => ordered("<"),
            BinaryOp::LessOrEqual => ordered("<="),
            BinaryOp::Greater => ordered(">"),
            BinaryOp::GreaterOrEqual => ordered(">="),
            BinaryOp::Add => self.arithmetic(left, "+", right),
            BinaryOp::Subtract => self.arithmetic(left, "-", right),
            BinaryOp::Multiply => self.arithmetic(left, "*", right),
            BinaryOp::Concat => infix("||"),
            BinaryOp::AddDays => self.days(left, "+", right),
            BinaryOp::SubtractDays => self.days(left, "-", right),
            BinaryOp::DaysBetween => {
                let date = Some(&ValueType::Date);
                let (left, right) = (self.print(left, date)?, self.print(right, date)?);
                Ok(match self.dialect {
                    Dialect::Postgres => format!("({left} - {right})"),
                    Dialect::Sqlite => {
                        format!("CAST((julianday({left}) - julianday({right})) AS INTEGER)")
                    }
                })
            }
        }
    }

    /// PostgreSQL computes on `integer` in 32 bits and fails beyond them; SQLite has 64.
    fn arithmetic(&self, left: &Expr, sign: &str, right: &Expr) -> Result<String, Unprintable> {
        let operand = |expr: &Expr| {
            let text = self.print(expr, None)?;
            Ok(match (self.dialect, self.type_of(expr)) {
                (Dialect::Postgres, Some(ValueType::Int32)) => format!("CAST({text} AS bigint)"),
                _ => text,
            })
        };
        Ok(format!("({} {sign} {})", operand(left)?, operand(right)?))
    }

    /// PostgreSQL has `date + integer`, but no `date + bigint`.
    fn days(&self, date: &Expr, sign: &str, days: &Expr) -> Result<String, Unprintable> {
        let date = self.print(date, Some(&ValueType::Date))?;
        let days = self.print(days, None)?;
        Ok(match (self.dialect, sign) {
            (Dialect::Postgres, sign) => format!("({date} {sign} CAST({days} AS integer))"),
            (Dialect::Sqlite, "-") => format!("date({date}, (- {days}) || ' days')"),
            (Dialect::Sqlite, _) => format!("date({date}, {days} || ' days')"),
        })
    }

    fn distinct(
        &self,
        left: &Expr,
        right: &Expr,
        polarity: Polarity,
    ) -> Result<String, Unprintable> {
        let value = self.common([left, right]);
        let (left, right) = (self.print(left, value.as_ref())?, self.print(right, value.as_ref())?);
        // IS DISTINCT FROM is younger on SQLite (3.39) than the oldest version in use; IS is there always.
        let operator = match (self.dialect, polarity) {
            (Dialect::Postgres, Polarity::Positive) => "IS DISTINCT FROM",
            (Dialect::Postgres, Polarity::Negative) => "IS NOT DISTINCT FROM",
            (Dialect::Sqlite, Polarity::Positive) => "IS NOT",
            (Dialect::Sqlite, Polarity::Negative) => "IS",
        };
        Ok(format!("({left} {operator} {right})"))
    }

    fn like(
        &self,
        operand: &Expr,
        pattern: &str,
        case: Case,
        polarity: Polarity,
    ) -> Result<String, Unprintable> {
        let operand = self.print(operand, None)?;
        let not = not(polarity);
        Ok(match (self.dialect, case) {
            (Dialect::Postgres, Case::Sensitive) => {
                format!("({operand} {not}LIKE {})", quote_text(pattern))
            }
            (Dialect::Postgres, Case::Insensitive) => {
                format!("({operand} {not}ILIKE {})", quote_text(pattern))
            }
            // SQLite's LIKE ignores the case of ASCII letters, and has no escape unless told.
            (Dialect::Sqlite, Case::Insensitive) => {
                format!("({operand} {not}LIKE {} ESCAPE '\\')", quote_text(pattern))
            }
            (Dialect::Sqlite, Case::Sensitive) => {
                let glob = crate::expr::glob::like_to_glob(pattern)
                    .ok_or_else(|| Unprintable::Pattern { pattern: pattern.to_owned() })?;
                format!("({operand} {not}GLOB {})", quote_text(&glob))
            }
        })
    }

    fn matches(
        &self,
        operand: &Expr,
        pattern: &str,
        case: Case,
        polarity: Polarity,
    ) -> Result<String, Unprintable> {
        let operand = self.print(operand, None)?;
        let operator = match (case, polarity) {
            (Case::Sensitive, Polarity::Positive) => "~",
            (Case::Sensitive, Polarity::Negative) => "!~",
            (Case::Insensitive, Polarity::Positive) => "~*",
            (Case::Insensitive, Polarity::Negative) => "!~*",
        };
        match self.dialect {
            Dialect::Postgres => Ok(format!("({operand} {operator} {})", quote_text(pattern))),
            Dialect::Sqlite => {
                let test = sqlite::pattern(&operand, pattern, case, self.pattern_use)?;
                Ok(match polarity {
                    Polarity::Positive => test,
                    Polarity::Negative => format!("(NOT {test})"),
                })
            }
        }
    }

    fn case(
        &self,
        branches: &[(Expr, Expr)],
        otherwise: Option<&Expr>,
        value: Option<&ValueType>,
    ) -> Result<String, Unprintable> {
        let results = branches.iter().map(|(_, result)| result).chain(otherwise);
        let own = self.literal_type(results, value);
        let mut text = "CASE".to_owned();
        for (test, result) in branches {
            let (test, result) = (self.print(test, None)?, self.print(result, own.as_ref())?);
            text.push_str(&format!(" WHEN {test} THEN {result}"));
        }
        if let Some(otherwise) = otherwise {
            text.push_str(&format!(" ELSE {}", self.print(otherwise, own.as_ref())?));
        }
        let results = branches.iter().map(|(_, result)| result).chain(otherwise);
        Ok(self.typed(format!("{text} END"), results, value))
    }

    /// The type of operands: their own, or that of the surroundings where they are all literals.
    fn literal_type<'e>(
        &self,
        operands: impl Iterator<Item = &'e Expr> + Clone,
        value: Option<&ValueType>,
    ) -> Option<ValueType> {
        if operands.clone().all(|operand| is_text_literal(operand) || *operand == Expr::Null) {
            return value.cloned().or(Some(ValueType::Text));
        }
        self.common(operands)
    }

    /// PostgreSQL takes literals alone for text, and compares text with nothing else.
    fn typed<'e>(
        &self,
        text: String,
        mut operands: impl Iterator<Item = &'e Expr>,
        value: Option<&ValueType>,
    ) -> String {
        let name = match value {
            Some(ValueType::Date) => "date",
            Some(ValueType::Time) => "time",
            Some(ValueType::Timestamp) => "timestamp with time zone",
            Some(ValueType::Uuid) => "uuid",
            Some(_) | None => return text,
        };
        let literal = |operand: &Expr| is_text_literal(operand) || *operand == Expr::Null;
        match self.dialect {
            Dialect::Postgres if operands.all(literal) => format!("CAST({text} AS {name})"),
            Dialect::Postgres | Dialect::Sqlite => text,
        }
    }

    fn call(
        &self,
        function: Function,
        arguments: &[Expr],
        value: Option<&ValueType>,
    ) -> Result<String, Unprintable> {
        let plain = |name: &str| Ok(format!("{name}({})", self.list(arguments, None)?));
        match function {
            Function::Coalesce | Function::NullIf => {
                let value = self.literal_type(arguments.iter(), value);
                let name = if function == Function::Coalesce { "coalesce" } else { "nullif" };
                let text = format!("{name}({})", self.list(arguments, value.as_ref())?);
                Ok(self.typed(text, arguments.iter(), value.as_ref()))
            }
            Function::Lower => plain("lower"),
            Function::Upper => plain("upper"),
            Function::Trim => plain("trim"),
            Function::Length => plain("length"),
            Function::Substr => plain("substr"),
            Function::Before | Function::After => self.parted(function, arguments),
            Function::Abs => plain("abs"),
            Function::Least | Function::Greatest => self.extreme(function, arguments, value),
            Function::Now => Ok(match self.dialect {
                Dialect::Postgres => "now()".into(),
                Dialect::Sqlite => "CURRENT_TIMESTAMP".into(),
            }),
            Function::Today => Ok(match self.dialect {
                // UTC, as on SQLite, not the session's time zone.
                Dialect::Postgres => "CAST((now() AT TIME ZONE 'UTC') AS date)".into(),
                Dialect::Sqlite => "CURRENT_DATE".into(),
            }),
            Function::Uuid => Ok(match self.dialect {
                Dialect::Postgres => "gen_random_uuid()".into(),
                Dialect::Sqlite => sqlite::UUID.into(),
            }),
        }
    }

    /// A text parted at the first occurrence of another one, of which it may have none.
    fn parted(&self, function: Function, arguments: &[Expr]) -> Result<String, Unprintable> {
        let texts: Result<Vec<String>, Unprintable> =
            arguments.iter().map(|argument| self.print(argument, None)).collect();
        let texts = texts?;
        let [whole, mark] = texts.as_slice() else {
            return Err(Unprintable::Column("a text is parted at one other".to_owned()));
        };
        let found = match self.dialect {
            Dialect::Postgres => format!("strpos({whole}, {mark})"),
            Dialect::Sqlite => format!("instr({whole}, {mark})"),
        };
        let (none, part) = match function {
            Function::After => ("''", format!("substr({whole}, {found} + length({mark}))")),
            _ => (whole.as_str(), format!("substr({whole}, 1, {found} - 1)")),
        };
        Ok(format!("(CASE WHEN {found} = 0 THEN {none} ELSE {part} END)"))
    }

    fn extreme(
        &self,
        function: Function,
        arguments: &[Expr],
        value: Option<&ValueType>,
    ) -> Result<String, Unprintable> {
        let value = self.literal_type(arguments.iter(), value);
        let texts: Result<Vec<String>, Unprintable> = match self.dialect {
            Dialect::Postgres => {
                arguments.iter().map(|argument| self.ordered(argument, value.as_ref())).collect()
            }
            Dialect::Sqlite => {
                arguments.iter().map(|argument| self.print(argument, value.as_ref())).collect()
            }
        };
        let least = function == Function::Least;
        Ok(match self.dialect {
            Dialect::Postgres => {
                let name = if least { "least" } else { "greatest" };
                self.typed(
                    format!("{name}({})", texts?.join(", ")),
                    arguments.iter(),
                    value.as_ref(),
                )
            }
            Dialect::Sqlite => sqlite::extreme(if least { "min" } else { "max" }, &texts?),
        })
    }

    fn cast(&self, operand: &Expr, target: &ValueType) -> Result<String, Unprintable> {
        let source = self.type_of(operand);
        let text = self.print(operand, None)?;
        match self.dialect {
            Dialect::Postgres => self.cast_postgres(&text, source.as_ref(), target),
            Dialect::Sqlite => sqlite::cast(&text, source.as_ref(), target),
        }
    }

    fn cast_postgres(
        &self,
        text: &str,
        source: Option<&ValueType>,
        target: &ValueType,
    ) -> Result<String, Unprintable> {
        let name = match target {
            ValueType::Bool => "boolean".into(),
            ValueType::Int => "bigint".into(),
            ValueType::Int32 => "integer".into(),
            ValueType::Decimal { precision, scale } => format!("numeric({precision},{scale})"),
            ValueType::Float => "double precision".into(),
            ValueType::Text => "text".into(),
            ValueType::Uuid => "uuid".into(),
            ValueType::Date => "date".into(),
            ValueType::Timestamp => "timestamp with time zone".into(),
            ValueType::Time => "time".into(),
            ValueType::Json => "jsonb".into(),
            ValueType::Bytes => "bytea".into(),
            ValueType::Enum(_) => {
                return Err(Unprintable::Cast { target: "an enum".into(), dialect: self.dialect });
            }
        };
        Ok(match (source, target) {
            // Text of a date and dates of a timestamp depend on session settings unless spelled out.
            (Some(ValueType::Date), ValueType::Text) => format!("to_char({text}, 'YYYY-MM-DD')"),
            (Some(ValueType::Timestamp), ValueType::Date) => {
                format!("CAST(({text} AT TIME ZONE 'UTC') AS date)")
            }
            (Some(ValueType::Date), ValueType::Timestamp) => {
                format!("(CAST({text} AS timestamp) AT TIME ZONE 'UTC')")
            }
            // Only `integer` casts to and from `boolean`.
            (Some(ValueType::Bool), ValueType::Int) => {
                format!("CAST(CAST({text} AS integer) AS bigint)")
            }
            (Some(ValueType::Int | ValueType::Int32), ValueType::Bool) => format!("({text} <> 0)"),
            // A float rounds half to even, a decimal half away from zero; SQLite does the latter.
            (Some(ValueType::Float), ValueType::Int | ValueType::Int32) => {
                format!("CAST(CAST({text} AS numeric) AS {name})")
            }
            _ => format!("CAST({text} AS {name})"),
        })
    }
}

fn not(polarity: Polarity) -> &'static str {
    match polarity {
        Polarity::Positive => "",
        Polarity::Negative => "NOT ",
    }
}

#[cfg(test)]
#[path = "expression_tests.rs"]
mod tests;
