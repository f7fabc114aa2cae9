//! A pair of schemas as one list of small statements, each with a text for either side, so that a failing pair is made
//! smaller by leaving statements out.

use migrate::change::{Intent, Rename};
use migrate::text::{Ident, QName};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Before,
    After,
}

/// A value for each side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Both<T> {
    pub before: T,
    pub after: T,
}

impl<T: Clone> Both<T> {
    pub fn same(value: T) -> Self {
        Both { before: value.clone(), after: value }
    }
}

impl<T> Both<T> {
    pub fn on(&self, side: Side) -> &T {
        match side {
            Side::Before => &self.before,
            Side::After => &self.after,
        }
    }
}

/// Whether the user says that a thing with two names is one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    Renamed,
    Nothing,
}

/// A name that texts write as `{key}`: `{t0}` a table, `{e0}` a type, `{t0.c1}` a column.
#[derive(Clone, Debug)]
pub struct Name {
    pub key: String,
    /// Empty for a column.
    pub schema: Both<String>,
    pub name: Both<String>,
    pub said: Said,
}

/// A statement of the schema.
pub type Item = Both<Option<String>>;

#[derive(Clone, Debug, Default)]
pub struct Pair {
    pub names: Vec<Name>,
    pub items: Vec<Item>,
    /// Rows of the old shape, one statement each.
    pub rows: Vec<String>,
    /// What is written while the new shape is in force.
    pub later: Vec<String>,
}

fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Name {
    fn text(&self, side: Side) -> String {
        let (schema, name) = (self.schema.on(side), self.name.on(side));
        if schema.is_empty() { quote(name) } else { format!("{}.{}", quote(schema), quote(name)) }
    }

    fn qname(&self, side: Side) -> QName {
        QName::new(self.schema.on(side).as_str(), self.name.on(side).as_str())
    }

    fn is_renamed(&self) -> bool {
        self.said == Said::Renamed
            && (self.name.before != self.name.after || self.schema.before != self.schema.after)
    }
}

impl Pair {
    /// The text with its names as they are on that side.
    fn written(&self, text: &str, side: Side) -> String {
        let mut written = String::with_capacity(text.len() + 32);
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            written.push_str(&rest[..open]);
            let tail = &rest[open + 1..];
            let close = tail.find('}').unwrap_or(tail.len());
            match self.names.iter().find(|name| name.key == tail[..close]) {
                Some(name) => {
                    written.push_str(&name.text(side));
                    rest = tail.get(close + 1..).unwrap_or_default();
                }
                // A brace of the text's own.
                None => {
                    written.push('{');
                    rest = tail;
                }
            }
        }
        written + rest
    }

    pub fn statements(&self, side: Side) -> Vec<String> {
        let texts = self.items.iter().filter_map(|item| item.on(side).as_deref());
        texts.map(|text| self.written(text, side)).collect()
    }

    pub fn rows(&self) -> Vec<String> {
        self.rows.iter().map(|text| self.written(text, Side::Before)).collect()
    }

    pub fn later(&self) -> Vec<String> {
        self.later.iter().map(|text| self.written(text, Side::After)).collect()
    }

    /// What the user says of it: the renames.
    pub fn intent(&self) -> Intent {
        let renames = self.names.iter().filter(|name| name.is_renamed());
        let renames = renames.filter_map(|name| match name.key.split_once('.') {
            None if name.key.starts_with('t') => Some(Rename::Table {
                before: name.qname(Side::Before),
                after: name.qname(Side::After),
            }),
            None if name.key.starts_with('e') => Some(Rename::Enum {
                before: name.qname(Side::Before),
                after: name.qname(Side::After),
            }),
            None => None,
            Some((table, _)) => Some(Rename::Column {
                table: self.names.iter().find(|name| name.key == table)?.qname(Side::After),
                before: Ident::new(name.name.before.as_str()),
                after: Ident::new(name.name.after.as_str()),
            }),
        });
        Intent { renames: renames.collect(), ..Intent::default() }
    }

    /// The pair as two scripts, for people.
    pub fn show(&self) -> String {
        let script = |texts: Vec<String>| -> String {
            texts.into_iter().map(|text| format!("{text};\n")).collect()
        };
        format!(
            "-- a.sql\n{}-- b.sql\n{}-- rows.sql\n{}-- new_rows.sql\n{}-- renames: {:?}\n",
            script(self.statements(Side::Before)),
            script(self.statements(Side::After)),
            script(self.rows()),
            script(self.later()),
            self.intent().renames
        )
    }
}
