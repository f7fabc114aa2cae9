//! Portable expressions: SQL in a subset that means the same on both engines, as a small typed tree.

pub mod eval;
pub mod glob;
pub mod infer;
pub mod literal;
mod lower;
pub mod parse;
pub mod pattern;
pub mod print;
pub mod types;
pub mod walk;

use serde::{Deserialize, Serialize};

use crate::text::diagnostic::Span;

/// A portable expression. Every variant has one meaning, whatever the engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expr {
    Null,
    Bool(bool),
    /// Decimal text, exactly as written.
    Number(String),
    Text(String),
    /// `total`, or a path over references: `organization.default_currency`.
    Field(Vec<String>),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    Binary(Box<Expr>, BinaryOp, Box<Expr>),
    /// `IS NULL`, `IS NOT TRUE`, …
    Is {
        operand: Box<Expr>,
        test: IsTest,
        polarity: Polarity,
    },
    /// `IS [NOT] DISTINCT FROM`: `polarity` Positive means distinct.
    Distinct {
        left: Box<Expr>,
        right: Box<Expr>,
        polarity: Polarity,
    },
    In {
        operand: Box<Expr>,
        list: Vec<Expr>,
        polarity: Polarity,
    },
    Between {
        operand: Box<Expr>,
        low: Box<Expr>,
        high: Box<Expr>,
        polarity: Polarity,
    },
    Like {
        operand: Box<Expr>,
        pattern: String,
        case: Case,
        polarity: Polarity,
    },
    /// Regular expression match in the portable subset.
    Match {
        operand: Box<Expr>,
        pattern: String,
        case: Case,
        polarity: Polarity,
    },
    Case {
        branches: Vec<(Expr, Expr)>,
        otherwise: Option<Box<Expr>>,
    },
    Call(Function, Vec<Expr>),
    Cast(Box<Expr>, ValueType),
    /// `json ->> 'key'`.
    JsonText(Box<Expr>, String),
    /// `sum(lines.amount)`: over the far side of a relationship, by whose name the fields inside begin.
    Aggregate {
        function: Aggregate,
        over: String,
        /// `None`: the rows themselves (`count(lines)`).
        argument: Option<Box<Expr>>,
        filter: Option<Box<Expr>>,
    },
}

/// What many values become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Aggregate {
    /// Zero where there is no row; all others are NULL then.
    Count,
    Sum,
    Min,
    Max,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Polarity {
    Positive,
    Negative,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Case {
    Sensitive,
    Insensitive,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IsTest {
    Null,
    True,
    False,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BinaryOp {
    And,
    Or,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Concat,
    /// `date + days`.
    AddDays,
    /// `date - days`.
    SubtractDays,
    /// `date - date`, a number of days.
    DaysBetween,
}

/// Functions of the portable subset. `Now`, `Today`, `Uuid` only as defaults and in backfills.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Function {
    Coalesce,
    NullIf,
    Lower,
    Upper,
    Trim,
    Length,
    Substr,
    /// What stands before the first occurrence of a text: all of it where there is none.
    Before,
    /// What stands behind the first occurrence of a text: the empty text where there is none.
    After,
    Least,
    Greatest,
    Abs,
    Now,
    Today,
    Uuid,
}

/// The portable types. `Enum` also stands for states.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ValueType {
    Bool,
    Int,
    Int32,
    Decimal { precision: u32, scale: u32 },
    Float,
    Text,
    Uuid,
    Date,
    Timestamp,
    Time,
    Json,
    Bytes,
    Enum(Vec<String>),
}

/// What is wrong with an expression; the span counts bytes of the expression's own text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExprError {
    pub message: String,
    pub span: Span,
    pub help: Option<String>,
}

/// The fields an expression may name.
pub trait Scope {
    /// The type and nullability of the field at the end of a path, or a message that says what is wrong (with
    /// "did you mean").
    ///
    /// # Errors
    /// The path names no field.
    fn field(&self, path: &[String]) -> Result<(ValueType, Nullability), String>;

    /// The relationship to many rows that a name stands for, as it is spelled in the model.
    fn many(&self, _name: &str) -> Option<String> {
        None
    }

    /// As `field`, for a path that starts on the far side of a relationship.
    ///
    /// # Errors
    /// The path names no field there.
    fn far_field(&self, many: &str, _path: &[String]) -> Result<(ValueType, Nullability), String> {
        Err(format!("`{many}` is no relationship"))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nullability {
    NotNull,
    Nullable,
}
