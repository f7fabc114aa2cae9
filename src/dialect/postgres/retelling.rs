//! Values of types that change, told as text of the new shape while the old one is still there: attribute by attribute,
//! bound by bound, element by element. The new type reads the text by its own input.
//!
//! A composite, a range and an array read back exactly what they print; NULL values stay NULL, also where a composite
//! whose attributes are all NULL is another thing.

use super::quote::{literal, quote, quote_ident, quote_name};
use super::shapes::{Shape, Shapes};
use super::types::{self, Family, is_builtin};
use super::values;
use crate::catalog::{Catalog, OpaqueKind};
use crate::text::{Ident, QName, hash};

/// Both sides of a change of types.
pub(super) struct Retelling<'c> {
    before: &'c Catalog,
    after: &'c Catalog,
    old: Shapes<'c>,
    new: Shapes<'c>,
}

/// An expression, and the functions it calls: made before it is used and dropped right after.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    pub(super) text: String,
    pub(super) functions: Vec<Function>,
}

/// A function that lives for one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Function {
    create: String,
    drop: String,
}

/// Which values the way back cannot compute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    Never,
    /// Where a condition over the value holds.
    When(String),
    /// It cannot be said by a condition.
    Perhaps,
}

impl Loss {
    fn or(self, other: Loss) -> Loss {
        match (self, other) {
            (Loss::Never, loss) | (loss, Loss::Never) => loss,
            (Loss::When(left), Loss::When(right)) => Loss::When(format!("{left} OR {right}")),
            (Loss::Perhaps, _) | (_, Loss::Perhaps) => Loss::Perhaps,
        }
    }
}

/// The statements that make the functions, those that use them, those that drop them.
pub(super) fn within(functions: &[Function], statements: Vec<String>) -> Vec<String> {
    let made = functions.iter().map(|function| function.create.clone());
    let dropped = functions.iter().rev().map(|function| function.drop.clone());
    made.chain(statements).chain(dropped).collect()
}

impl<'c> Retelling<'c> {
    pub(super) fn new(before: &'c Catalog, after: &'c Catalog) -> Self {
        Retelling { before, after, old: Shapes::of(before), new: Shapes::of(after) }
    }

    /// The way back.
    pub(super) fn inverse(&self) -> Self {
        Retelling::new(self.after, self.before)
    }

    /// The types of users that a value is made of, before and after.
    pub(super) fn parts(
        &self,
        old: &str,
        new: &str,
    ) -> std::collections::BTreeSet<&'c crate::catalog::ObjectId> {
        self.old.parts(old).into_iter().chain(self.new.parts(new)).collect()
    }

    /// The type under all domains on the new side.
    pub(super) fn lands_on(&self, new: &str) -> String {
        self.new.under_domains(new)
    }

    /// `expression` of the old type as text of the new one.
    pub(super) fn text(&self, expression: &str, old: &str, new: &str) -> Told {
        let mut functions = Vec::new();
        let text = self.tell(expression, old, new, &mut functions);
        Told { text, functions }
    }

    fn tell(&self, e: &str, old: &str, new: &str, functions: &mut Vec<Function>) -> String {
        if self.is_steady(old, new) {
            return format!("({e})::text");
        }
        if let (Some(old_element), Some(new_element)) =
            (old.strip_suffix("[]"), new.strip_suffix("[]"))
        {
            let name = self.array_function(old, old_element, new_element, functions);
            return format!("{name}({e})");
        }
        match (self.old.shape(old), self.new.shape(new)) {
            (Shape::Domain(base), _) => self.tell(&format!("({e})::{base}"), &base, new, functions),
            (_, Shape::Domain(base)) => self.tell(e, old, &base, functions),
            (Shape::Composite(left), Shape::Composite(right)) => {
                let values = right.iter().map(|(name, data_type)| {
                    match left.iter().find(|(other, _)| other == name) {
                        Some((_, other)) => {
                            self.tell(&attribute(e, name), other, data_type, functions)
                        }
                        None => "NULL::text".to_owned(),
                    }
                });
                let values: Vec<String> = values.collect();
                format!(
                    "CASE WHEN ({e})::text IS NULL THEN NULL ELSE ROW({})::text END",
                    values.join(", ")
                )
            }
            (Shape::Range { subtype: left, .. }, Shape::Range { subtype: right, .. })
                if !self.is_steady(&left, &right) =>
            {
                let lower = self.tell(&format!("pg_catalog.lower({e})"), &left, &right, functions);
                let upper = self.tell(&format!("pg_catalog.upper({e})"), &left, &right, functions);
                range_text(e, &lower, &upper)
            }
            (Shape::Multirange(left), Shape::Multirange(right)) => {
                let name = self.multirange_function(old, &left, &right, functions);
                format!("{name}({e})")
            }
            (
                Shape::Plain | Shape::Composite(_) | Shape::Range { .. } | Shape::Multirange(_),
                Shape::Plain | Shape::Composite(_) | Shape::Range { .. } | Shape::Multirange(_),
            ) => scalar(e, old, new),
        }
    }

    /// Whether values of a printed type are the same text on both sides.
    pub(super) fn is_steady(&self, old: &str, new: &str) -> bool {
        if old != new {
            return false;
        }
        if let (Some(left), Some(right)) = (old.strip_suffix("[]"), new.strip_suffix("[]")) {
            return self.is_steady(left, right);
        }
        match (self.old.shape(old), self.new.shape(new)) {
            (Shape::Composite(left), Shape::Composite(right)) => {
                left.len() == right.len()
                    && left.iter().zip(&right).all(|((name, old), (other, new))| {
                        name == other && self.is_steady(old, new)
                    })
            }
            (Shape::Domain(left), Shape::Domain(right)) => self.is_steady(&left, &right),
            (
                Shape::Range { subtype: left, rest },
                Shape::Range { subtype: right, rest: other },
            ) => canonical(&rest) == canonical(&other) && self.is_steady(&left, &right),
            (Shape::Multirange(left), Shape::Multirange(right)) => self.is_steady(&left, &right),
            (left, right) => left == right,
        }
    }

    /// What the way back cannot compute of a value.
    pub(super) fn loss(&self, e: &str, old: &str, new: &str) -> Loss {
        if self.is_steady(old, new) {
            return Loss::Never;
        }
        if let (Some(left), Some(right)) = (old.strip_suffix("[]"), new.strip_suffix("[]")) {
            return self.loss_of_parts(e, left, right);
        }
        match (self.old.shape(old), self.new.shape(new)) {
            (Shape::Domain(base), _) => self.loss(&format!("({e})::{base}"), &base, new),
            (_, Shape::Domain(base)) => self.loss(e, old, &base),
            (Shape::Composite(left), Shape::Composite(right)) => {
                left.iter().fold(Loss::Never, |loss, (name, data_type)| {
                    let value = attribute(e, name);
                    let own = match right.iter().find(|(other, _)| other == name) {
                        Some((_, other)) => self.loss(&value, data_type, other),
                        None => Loss::When(format!("{value}::text IS NOT NULL")),
                    };
                    loss.or(own)
                })
            }
            (
                Shape::Range { subtype: left, rest },
                Shape::Range { subtype: right, rest: other },
            ) => {
                if canonical(&rest) == canonical(&other) {
                    self.loss_of_parts(e, &left, &right)
                } else {
                    Loss::Perhaps
                }
            }
            (Shape::Multirange(left), Shape::Multirange(right)) => {
                self.loss_of_parts(e, &left, &right)
            }
            (Shape::Plain, Shape::Plain) => scalar_loss(e, old, new),
            (
                Shape::Plain | Shape::Composite(_) | Shape::Range { .. } | Shape::Multirange(_),
                Shape::Plain | Shape::Composite(_) | Shape::Range { .. } | Shape::Multirange(_),
            ) => Loss::Perhaps,
        }
    }

    fn loss_of_parts(&self, e: &str, old: &str, new: &str) -> Loss {
        match self.loss(e, old, new) {
            Loss::Never => Loss::Never,
            Loss::When(_) | Loss::Perhaps => Loss::Perhaps,
        }
    }

    /// A function that tells an array, whatever its dimensions.
    fn array_function(
        &self,
        array: &str,
        old: &str,
        new: &str,
        functions: &mut Vec<Function>,
    ) -> String {
        let element = self.tell("\"s\".\"e\"", old, new, functions);
        // Printed and not assigned: PostgreSQL 13 assigns no slices in plpgsql. An array of one element prints that
        // element as an array quotes it. A brace opens or closes wherever a dimension, with all under it, begins or ends.
        let braces = |brace: &str, at: &str| {
            format!(
                "pg_catalog.repeat('{brace}', (SELECT pg_catalog.count(*)::integer FROM pg_catalog.unnest(sizes) AS \"d\"(\"size\") \
                 WHERE {at} % \"d\".\"size\" = 0))"
            )
        };
        let (opening, closing) = (braces("{", "(\"s\".\"n\" - 1)"), braces("}", "\"s\".\"n\""));
        let body = format!(
            "DECLARE sizes integer[]; size integer := pg_catalog.cardinality(v);\nBEGIN\n  \
             IF v IS NULL OR size = 0 THEN RETURN v::text; END IF;\n  \
             FOR d IN 1 .. pg_catalog.array_ndims(v) LOOP\n    \
             sizes := sizes || size;\n    size := size / pg_catalog.array_length(v, d);\n  END LOOP;\n  \
             RETURN (SELECT pg_catalog.array_dims(v) || '=' || pg_catalog.string_agg(\n      \
             {opening}\n      || pg_catalog.btrim(ARRAY[{element}]::text, '{{}}')\n      || {closing},\n      \
             ',' ORDER BY \"s\".\"n\")\n    \
             FROM (SELECT pg_catalog.unnest(v) AS \"e\", \
             pg_catalog.generate_series(1, pg_catalog.cardinality(v)) AS \"n\") AS \"s\")::text[]::text;\nEND"
        );
        self.function(array, "plpgsql", &body, functions)
    }

    /// A function that tells a multirange.
    fn multirange_function(
        &self,
        multirange: &str,
        old: &str,
        new: &str,
        functions: &mut Vec<Function>,
    ) -> String {
        let part = self.tell("\"s\".\"e\"", old, new, functions);
        let body = format!(
            "SELECT CASE WHEN v IS NULL THEN NULL ELSE '{{' || coalesce((SELECT pg_catalog.string_agg({part}, ',' ORDER BY \"s\".\"n\") \
             FROM ROWS FROM (pg_catalog.unnest(v)) WITH ORDINALITY AS \"s\"(\"e\", \"n\")), '') || '}}' END"
        );
        self.function(multirange, "sql", &body, functions)
    }

    fn function(
        &self,
        argument: &str,
        language: &str,
        body: &str,
        functions: &mut Vec<Function>,
    ) -> String {
        let digest = hash::sha256(format!("{argument} {body}").as_bytes());
        let name = quote_name(&QName::new(super::keep::SCHEMA, format!("told_{}", &digest[..12])));
        let mut tag = "migrate".to_owned();
        while body.contains(&format!("${tag}$")) {
            tag.push('_');
        }
        let create = format!(
            "CREATE FUNCTION {name}(v {argument}) RETURNS text LANGUAGE {language} AS ${tag}$\n{body}\n${tag}$"
        );
        let drop = format!("DROP FUNCTION {name}({argument})");
        let made = Function { create, drop };
        if !functions.contains(&made) {
            functions.push(made);
        }
        name
    }
}

/// `(value).attribute`.
fn attribute(value: &str, name: &Ident) -> String {
    format!("({value}).{}", quote_ident(name))
}

/// How a discrete range is printed.
fn canonical(rest: &str) -> Option<&str> {
    let (_, text) = rest.split_once(", CANONICAL = ")?;
    Some(text.split_once(", ").map_or(text, |(name, _)| name))
}

/// A range with its bounds in quotes, so that no text in them matters.
fn range_text(e: &str, lower: &str, upper: &str) -> String {
    let quoted = |bound: &str| {
        format!(
            "coalesce({0} || pg_catalog.replace(pg_catalog.replace({bound}, {1}, {1} || {1}), {0}, {0} || {0}) || {0}, {2})",
            literal("\""),
            literal("\\"),
            literal("")
        )
    };
    format!(
        "CASE WHEN ({e}) IS NULL THEN NULL WHEN pg_catalog.isempty({e}) THEN 'empty' ELSE \
         CASE WHEN pg_catalog.lower_inc({e}) THEN '[' ELSE '(' END || {} || ',' || {} || \
         CASE WHEN pg_catalog.upper_inc({e}) THEN ']' ELSE ')' END END",
        quoted(lower),
        quoted(upper)
    )
}

/// A value of a plain type as text of another. What is too long is an error as in an assignment, not cut.
fn scalar(e: &str, old: &str, new: &str) -> String {
    let target = types::parse(new);
    let too_long = match (target.base.as_str(), target.modifier.parse::<u32>()) {
        ("character varying", Ok(length)) => Some(("varchar", length + 4)),
        ("character", Ok(length)) => Some(("bpchar", length + 4)),
        _ => None,
    };
    if let Some((function, modifier)) = too_long.filter(|_| !target.array) {
        let function = quote(function);
        // By these names a type has no length of its own.
        return format!(
            "pg_catalog.{function}(({e})::text::pg_catalog.{function}, {modifier}, false)::text"
        );
    }
    let converts = match target.family() {
        Family::Number | Family::Time | Family::Json | Family::Network => true,
        Family::Text | Family::Bits | Family::Other => target.base == "boolean",
    };
    if converts && is_builtin(old) && is_builtin(new) {
        let value = format!("({e})");
        return format!("({})::text", values::convert(&value, old, new, &[]));
    }
    format!("({e})::text")
}

fn scalar_loss(e: &str, old: &str, new: &str) -> Loss {
    if old == new {
        return Loss::Never;
    }
    if !is_builtin(old) || !is_builtin(new) {
        return Loss::Perhaps;
    }
    let (left, right) = (types::parse(old), types::parse(new));
    let widens = match (left.base.as_str(), right.base.as_str()) {
        ("smallint", "integer" | "bigint" | "numeric")
        | ("integer", "bigint" | "numeric")
        | ("bigint", "numeric")
        | ("real", "double precision") => right.modifier.is_empty(),
        (_, "text") => left.base != "character",
        (_, "character varying") => right.modifier.is_empty() && left.base != "character",
        ("json", "jsonb") => false,
        (left_base, right_base) => {
            left_base == right_base && right.modifier.is_empty() && left_base != "character"
        }
    };
    if widens && !left.array && !right.array {
        return Loss::Never;
    }
    let value = format!("({e})");
    let there = values::convert(&value, old, new, &[]);
    let back = values::convert(&format!("({there})"), new, old, &[]);
    Loss::When(format!("({e})::text IS DISTINCT FROM ({back})::text"))
}

/// Whether a kind is one whose values wait as text while it is made anew.
pub(super) fn passes(kind: OpaqueKind) -> bool {
    matches!(
        kind,
        OpaqueKind::Domain | OpaqueKind::Type | OpaqueKind::RangeType | OpaqueKind::Collation
    )
}
