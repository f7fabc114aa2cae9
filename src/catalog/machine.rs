//! A state machine as the objects that enforce it tell it: a few comment lines in their text, which say for people and for
//! `migrate` what the statements below them hold.
//!
//! ```text
//! -- migrate:states Invoice.status begins as draft
//! -- submit: draft > submitted by member, admin when total > 0
//! ```

use std::collections::BTreeMap;

use super::{Catalog, ObjectId, Opaque, OpaqueKind};
use crate::text::ident::shortened;
use crate::text::{Dialect, Ident, QName};

const MARK: &str = "-- migrate:states ";

/// The states of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    pub entity: String,
    pub field: String,
    /// Where new rows begin; `None`: anywhere.
    pub initial: Option<String>,
    pub transitions: Vec<Transition>,
}

/// A step between states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    pub name: String,
    pub from: Vec<String>,
    pub to: String,
    /// Roles; empty: everybody.
    pub by: Vec<String>,
    /// A condition as the model writes it.
    pub when: Option<String>,
}

/// The two objects of a machine, by the end of their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// New rows.
    Initial,
    /// Changes of the state.
    Transition,
}

impl Part {
    pub const ALL: [Part; 2] = [Part::Initial, Part::Transition];

    /// The name of the trigger.
    pub fn name(self, table: &QName, column: &Ident) -> Ident {
        let end = match self {
            Part::Initial => "initial",
            Part::Transition => "transition",
        };
        Ident::new(shortened(format!("{}_{column}_{end}", table.name)))
    }
}

impl Machine {
    /// The comment lines.
    pub fn told(&self) -> String {
        let begins = self.initial.as_ref().map(|initial| format!(" begins as {}", word(initial)));
        let mut lines = vec![format!(
            "{MARK}{}.{}{}",
            word(&self.entity),
            word(&self.field),
            begins.unwrap_or_default()
        )];
        lines.extend(self.transitions.iter().map(|it| format!("-- {}", it.told())));
        lines.join("\n")
    }

    /// Reads the comment lines of a text; `None` where there are none, or they are not whole.
    pub fn read(text: &str) -> Option<Machine> {
        let mut lines = text.lines().map(str::trim).skip_while(|line| !line.starts_with(MARK));
        let mut head = Scanner { rest: lines.next()?.strip_prefix(MARK)? };
        let entity = head.word()?;
        head.mark(".")?;
        let field = head.word()?;
        let initial = match head.keyword("begins").and_then(|()| head.keyword("as")) {
            Some(()) => Some(head.word()?),
            None => None,
        };
        head.end()?;
        let mut transitions = Vec::new();
        for line in lines.map_while(|line| line.strip_prefix("-- ")) {
            transitions.push(Transition::read(line)?);
        }
        Some(Machine { entity, field, initial, transitions })
    }

    /// `Invoice.status`.
    pub fn title(&self) -> String {
        format!("{}.{}", self.entity, self.field)
    }
}

impl Transition {
    fn told(&self) -> String {
        let mut text = format!("{}: {} > {}", word(&self.name), words(&self.from), word(&self.to));
        if !self.by.is_empty() {
            text.push_str(&format!(" by {}", words(&self.by)));
        }
        if let Some(when) = &self.when {
            text.push_str(&format!(" when {}", one_line(when)));
        }
        text
    }

    fn read(line: &str) -> Option<Transition> {
        let mut line = Scanner { rest: line };
        let name = line.word()?;
        line.mark(":")?;
        let from = line.words()?;
        line.mark(">")?;
        let to = line.word()?;
        let by = match line.keyword("by") {
            Some(()) => line.words()?,
            None => Vec::new(),
        };
        let when = line.keyword("when");
        let when = when.map(|()| std::mem::take(&mut line.rest).trim().to_owned());
        line.end()?;
        Some(Transition { name, from, to, by, when })
    }
}

/// A condition in one line.
pub fn one_line(text: &str) -> String {
    text.split(['\n', '\r'])
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// A word as it is where it is one, else in double quotes.
fn word(text: &str) -> String {
    let plain = !text.is_empty()
        && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
        && !text.starts_with('-');
    match plain {
        true => text.to_owned(),
        false => serde_json::Value::from(text).to_string(),
    }
}

fn words(texts: &[String]) -> String {
    texts.iter().map(|text| word(text)).collect::<Vec<_>>().join(", ")
}

struct Scanner<'t> {
    rest: &'t str,
}

impl Scanner<'_> {
    fn word(&mut self) -> Option<String> {
        self.rest = self.rest.trim_start();
        if self.rest.starts_with('"') {
            let mut values = serde_json::Deserializer::from_str(self.rest).into_iter::<String>();
            let text = values.next()?.ok()?;
            self.rest = &self.rest[values.byte_offset()..];
            return Some(text);
        }
        let is_in = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
        let end = self.rest.find(|c| !is_in(c)).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!text.is_empty()).then(|| text.to_owned())
    }

    fn words(&mut self) -> Option<Vec<String>> {
        let mut found = vec![self.word()?];
        while self.mark(",").is_some() {
            found.push(self.word()?);
        }
        Some(found)
    }

    fn mark(&mut self, mark: &str) -> Option<()> {
        self.rest = self.rest.trim_start().strip_prefix(mark)?;
        Some(())
    }

    fn keyword(&mut self, word: &str) -> Option<()> {
        let rest = self.rest.trim_start().strip_prefix(word)?;
        if !rest.starts_with(' ') {
            return None;
        }
        self.rest = rest;
        Some(())
    }

    fn end(&self) -> Option<()> {
        self.rest.trim().is_empty().then_some(())
    }
}

/// The machines that a schema enforces, by table and column.
pub fn machines(catalog: &Catalog) -> BTreeMap<(QName, Ident), Machine> {
    let telling = match catalog.dialect {
        Dialect::Postgres => OpaqueKind::Function,
        Dialect::Sqlite => OpaqueKind::Trigger,
    };
    let told = catalog.opaques.values().filter(|opaque| opaque.id.kind == telling);
    let found = told.filter_map(|opaque| {
        let machine = machine_of(opaque)?;
        let trigger = catalog.opaques.keys().find(|id| {
            id.kind == OpaqueKind::Trigger && id.name == opaque.id.name && id.table.is_some()
        })?;
        let table = catalog.tables.get(trigger.table.as_ref()?)?;
        let column = table.columns.iter().find(|column| {
            let name = Part::Transition.name(&table.name, &column.name);
            name == opaque.id.name.name
        })?;
        Some(((table.name.clone(), column.name.clone()), machine))
    });
    found.collect()
}

/// The objects that can hold the machine of a column.
pub fn objects(dialect: Dialect, table: &QName, column: &Ident) -> Vec<ObjectId> {
    let mut ids: Vec<ObjectId> = Part::ALL.map(|part| trigger(table, column, part)).into();
    if dialect == Dialect::Postgres {
        ids.push(function(table, column));
    }
    ids
}

pub fn trigger(table: &QName, column: &Ident, part: Part) -> ObjectId {
    ObjectId {
        kind: OpaqueKind::Trigger,
        name: QName { schema: table.schema.clone(), name: part.name(table, column) },
        signature: String::new(),
        table: Some(table.clone()),
    }
}

/// The function that both triggers call (PostgreSQL).
pub fn function(table: &QName, column: &Ident) -> ObjectId {
    let named = trigger(table, column, Part::Transition);
    ObjectId { kind: OpaqueKind::Function, table: None, ..named }
}

/// The machine that an object tells of.
pub fn machine_of(opaque: &Opaque) -> Option<Machine> {
    let text = opaque.create.first().filter(|text| text.contains(MARK))?;
    Machine::read(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_read() {
        let text = |text: &str| text.to_owned();
        let machine = Machine {
            entity: text("Invoice"),
            field: text("status"),
            initial: Some(text("not begun")),
            transitions: vec![
                Transition {
                    name: text("submit"),
                    from: vec![text("not begun"), text("a, \"b\" > c")],
                    to: text("übergeben"),
                    by: vec![text("member"), text("by")],
                    when: Some(text("total > 0 AND note <> ' when '")),
                },
                Transition {
                    name: text("when"),
                    from: vec![text("x")],
                    to: text("y"),
                    by: Vec::new(),
                    when: None,
                },
            ],
        };
        let told = format!("AS $$\n{}\nBEGIN\n", machine.told());
        assert_eq!(Machine::read(&told).as_ref(), Some(&machine), "{told}");
        let open = Machine { initial: None, ..machine };
        assert_eq!(Machine::read(&open.told()), Some(open));
    }

    #[test]
    fn what_is_not_whole_is_nothing() {
        assert_eq!(Machine::read("BEGIN\nEND"), None);
        assert_eq!(Machine::read("-- migrate:states Invoice"), None);
        assert_eq!(Machine::read("-- migrate:states A.b\n-- submit draft"), None);
    }
}
