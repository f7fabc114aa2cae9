//! What the types of users are made of: attributes, a base type, a subtype; and which columns hold which of them.

use std::collections::{BTreeMap, BTreeSet};

use super::mention::printed_names;
use crate::catalog::{Catalog, Dependency, ObjectId, Opaque, OpaqueKind};
use crate::text::Ident;

/// What a printed type is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::dialect) enum Shape {
    /// Attributes with their types, in order.
    Composite(Vec<(Ident, String)>),
    /// The type a domain stands on.
    Domain(String),
    /// The subtype, and all else that says how a value of it is read.
    Range { subtype: String, rest: String },
    /// The range type of its parts.
    Multirange(String),
    /// Of the engine, of an extension, an enum.
    Plain,
}

/// The types of one catalog, by the ways in which they are printed.
#[derive(Debug)]
pub(in crate::dialect) struct Shapes<'c> {
    by_name: BTreeMap<String, &'c Opaque>,
    /// Multirange types, by their range types.
    multiranges: BTreeMap<String, &'c Opaque>,
}

impl<'c> Shapes<'c> {
    pub(in crate::dialect) fn of(catalog: &'c Catalog) -> Self {
        let (mut by_name, mut multiranges) = (BTreeMap::new(), BTreeMap::new());
        for opaque in catalog.opaques.values().filter(|opaque| is_shaped(opaque.id.kind)) {
            by_name.extend(printed_names(&opaque.id.name).into_iter().map(|name| (name, opaque)));
            if let Some(name) = multirange_name(opaque) {
                multiranges.insert(name.to_owned(), opaque);
            }
        }
        Shapes { by_name, multiranges }
    }

    /// The shape of a printed type that is no array.
    pub(in crate::dialect) fn shape(&self, printed: &str) -> Shape {
        if let Some(range) = self.multiranges.get(printed) {
            return Shape::Multirange(qualified(range));
        }
        let Some(opaque) = self.by_name.get(printed) else { return Shape::Plain };
        let text = opaque.create.last().map(String::as_str).unwrap_or_default();
        match opaque.id.kind {
            OpaqueKind::Type => Shape::Composite(
                opaque
                    .columns
                    .iter()
                    .map(|column| (column.name.clone(), bare(&column.data_type).to_owned()))
                    .collect(),
            ),
            OpaqueKind::Domain => domain_base(opaque).map_or(Shape::Plain, Shape::Domain),
            OpaqueKind::RangeType => range_parts(text)
                .map_or(Shape::Plain, |(subtype, rest)| Shape::Range { subtype, rest }),
            _ => Shape::Plain,
        }
    }

    /// The object behind a printed type, arrays taken off.
    fn opaque(&self, printed: &str) -> Option<&'c Opaque> {
        let element = printed.trim_end_matches("[]");
        self.by_name.get(element).or_else(|| self.multiranges.get(element)).copied()
    }

    /// The types that a value of a printed type is made of, itself among them.
    pub(super) fn parts(&self, printed: &str) -> BTreeSet<&'c ObjectId> {
        let mut found = BTreeSet::new();
        let mut open: Vec<&'c Opaque> = self.opaque(printed).into_iter().collect();
        while let Some(opaque) = open.pop() {
            if found.insert(&opaque.id) {
                open.extend(opaque.depends_on.iter().filter_map(|dependency| match dependency {
                    Dependency::Opaque(id) if is_shaped(id.kind) => self.by_id(id),
                    _ => None,
                }));
            }
        }
        found
    }

    fn by_id(&self, id: &ObjectId) -> Option<&'c Opaque> {
        printed_names(&id.name).iter().find_map(|name| self.by_name.get(name)).copied()
    }

    /// The type under all domains.
    pub(super) fn under_domains(&self, printed: &str) -> String {
        match self.shape(printed) {
            Shape::Domain(base) => self.under_domains(&base),
            Shape::Composite(_) | Shape::Range { .. } | Shape::Multirange(_) | Shape::Plain => {
                printed.to_owned()
            }
        }
    }
}

/// Kinds whose values are made of values of other types.
fn is_shaped(kind: OpaqueKind) -> bool {
    matches!(kind, OpaqueKind::Type | OpaqueKind::Domain | OpaqueKind::RangeType)
}

fn qualified(opaque: &Opaque) -> String {
    super::quote::quote_name(&opaque.id.name)
}

/// A type without the collation that may stand behind it.
fn bare(data_type: &str) -> &str {
    data_type.split_once(" COLLATE ").map_or(data_type, |(data_type, _)| data_type)
}

/// What stands behind `AS` in `CREATE DOMAIN`, without the collation.
fn domain_base(opaque: &Opaque) -> Option<String> {
    let text = opaque.create.first()?;
    let names = printed_names(&opaque.id.name);
    let base = names.iter().find_map(|name| {
        text.strip_prefix("CREATE DOMAIN ")?.strip_prefix(name.as_str())?.strip_prefix(" AS ")
    })?;
    Some(bare(base).to_owned())
}

const MULTIRANGE: &str = ", MULTIRANGE_TYPE_NAME = ";

/// The multirange type that a range type brings, as it is printed.
pub(super) fn multirange_name(opaque: &Opaque) -> Option<&str> {
    if opaque.id.kind != OpaqueKind::RangeType {
        return None;
    }
    let (_, name) = opaque.create.last()?.split_once(MULTIRANGE)?;
    name.strip_suffix(')')
}

/// The subtype of `CREATE TYPE … AS RANGE (SUBTYPE = …)`, and what stands behind it.
fn range_parts(text: &str) -> Option<(String, String)> {
    let (_, text) = text.split_once(" AS RANGE (SUBTYPE = ")?;
    let text = text.strip_suffix(')')?;
    let ends = [
        ", SUBTYPE_OPCLASS = ",
        ", COLLATION = ",
        ", CANONICAL = ",
        ", SUBTYPE_DIFF = ",
        MULTIRANGE,
    ];
    let end = ends.iter().filter_map(|end| text.find(end)).min().unwrap_or(text.len());
    Some((text[..end].to_owned(), text[end..].to_owned()))
}
