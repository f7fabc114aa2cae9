//! Conditions of PostgreSQL as programs that answer a row outside the server, exactly as the server would.
//!
//! A condition becomes a program only where every part of it is known to mean the same here: types, operators and functions
//! are a white list, and everything that depends on the server's locale, its clock or its catalogs is refused with a reason.
//! A value that a program cannot take exactly is a [`Doubt`]: the rule is then the server's to answer.

mod compile;
mod eval;
mod kind;
mod literal;
mod operators;
mod shape;
mod value;
mod written;

use std::collections::BTreeSet;

use crate::text::Ident;

use compile::Compiler;
use eval::Node;

pub use eval::Row;
pub use kind::{Family, Kind, Order};
pub use value::{Doubt, Value, same_encoding};

/// A column that rules speak of: its name, and its kind where values of it are known exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub name: Ident,
    pub kind: Option<Kind>,
    /// The column that holds it as a text, where it is one of whole numbers and is read here.
    pub text: Option<Ident>,
}

impl Field {
    /// The column that is sent.
    pub fn sent(&self) -> &Ident {
        self.text.as_ref().unwrap_or(&self.name)
    }

    fn node(&self, at: usize, kind: Kind) -> Node {
        match self.text {
            Some(_) => Node::Written(at, kind),
            None => Node::Column(at, kind),
        }
    }
}

/// A condition that can be answered here.
#[derive(Clone, Debug)]
pub struct Program {
    node: Node,
    /// Positions of the fields that it looks at.
    fields: BTreeSet<usize>,
    /// How many parts it has, patterns apart.
    parts: usize,
    patterns: usize,
}

impl Program {
    /// Whether the condition is TRUE for a row, whose cells stand at the positions of the fields.
    ///
    /// # Errors
    /// The server has to be asked.
    pub fn is_true(&self, row: Row<'_>) -> Result<bool, Doubt> {
        Ok(self.node.truth(row)? == Some(true))
    }

    pub fn fields(&self) -> &BTreeSet<usize> {
        &self.fields
    }

    pub fn parts(&self) -> usize {
        self.parts
    }

    pub fn patterns(&self) -> usize {
        self.patterns
    }
}

/// Several values of a row that stand for it.
#[derive(Clone, Debug)]
pub struct Key {
    nodes: Vec<Node>,
    kinds: Vec<Kind>,
    fields: BTreeSet<usize>,
}

impl Key {
    pub fn fields(&self) -> &BTreeSet<usize> {
        &self.fields
    }

    /// The first cells of a row, of these kinds.
    pub fn of_cells(kinds: &[Kind]) -> Self {
        let cells = kinds.iter().enumerate();
        let nodes = cells.map(|(at, kind)| Node::Column(at, kind.clone())).collect();
        Key { nodes, kinds: kinds.to_vec(), fields: (0..kinds.len()).collect() }
    }

    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// The values of a row, one after the other.
    ///
    /// # Errors
    /// The server has to be asked.
    pub fn values<'a>(
        &'a self,
        row: Row<'a>,
    ) -> impl Iterator<Item = Result<Value<'a>, Doubt>> + 'a {
        self.nodes.iter().map(move |node| node.value(row))
    }
}

/// Makes a program of a condition.
///
/// # Errors
/// What in it only the server can answer.
pub fn program(condition: &str, fields: &[Field]) -> Result<Program, String> {
    let mut compiler = Compiler::new(fields);
    let node = compiler.condition(condition)?;
    let Compiler { used, parts, patterns, .. } = compiler;
    Ok(Program { node, fields: used, parts, patterns })
}

/// The condition that a text is no number of its field's kind; `None` where texts are read by the server.
pub fn misfit(at: usize, fields: &[Field]) -> Option<Program> {
    let Field { kind: Some(kind), text: Some(_), .. } = fields.get(at)? else { return None };
    let node = Node::IsMisfit(at, kind.clone());
    Some(Program { node, fields: BTreeSet::from([at]), parts: 1, patterns: 0 })
}

/// Makes a key of expressions.
///
/// # Errors
/// What in it only the server can answer.
pub fn key(texts: &[String], fields: &[Field]) -> Result<Key, String> {
    let mut compiler = Compiler::new(fields);
    let mut found = Key { nodes: Vec::new(), kinds: Vec::new(), fields: BTreeSet::new() };
    for text in texts {
        let (node, kind) = compiler.expression(text)?;
        found.nodes.push(node);
        found.kinds.push(kind);
    }
    found.fields = compiler.used;
    Ok(found)
}

#[cfg(test)]
mod tests;
