//! Entities with their fields and references, changes marked: what the diagram draws and what stands below it as text.

use serde::Serialize;

use super::picture::{Entity, Field, Mark, Picture, Sides, entities, fields};

/// All entities and references of both sides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Map {
    pub entities: Vec<EntityBox>,
    pub relations: Vec<Relation>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EntityBox {
    pub name: String,
    pub table: String,
    pub mark: Mark,
    /// The name before, where it was another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    pub fields: Vec<FieldRow>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldRow {
    pub name: String,
    /// The type in a few words, `?` where it is optional.
    pub kind: String,
    pub key: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refers_to: Option<String>,
    pub mark: Mark,
}

/// A reference from one entity to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Relation {
    pub from: String,
    pub field: String,
    pub to: String,
    pub mark: Mark,
    /// Many on both sides, by a table between them.
    pub both_ways: bool,
}

impl Relation {
    /// For people.
    pub fn says(&self) -> String {
        let mark = match self.mark.word() {
            "" => String::new(),
            word => format!(" ({word})"),
        };
        match self.both_ways {
            true => {
                format!("{} and {}: many on both sides, {}{mark}", self.from, self.to, self.field)
            }
            false => format!("{}.{} refers to {}{mark}", self.from, self.field, self.to),
        }
    }
}

impl EntityBox {
    /// For people.
    pub fn says(&self) -> String {
        let mark = match self.mark.word() {
            "" => String::new(),
            word => format!(" ({word})"),
        };
        let comment = self.comment.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
        format!("{}{mark}, table {}{comment}", self.name, self.table)
    }
}

/// How marks are told where there is no side before: that everything is new is said once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Marking {
    Told,
    Left,
}

/// The map of two pictures.
pub fn map(before: &Picture, after: &Picture) -> Map {
    let marking = if before.entities.is_empty() { Marking::Left } else { Marking::Told };
    let told = |mark: Mark| match marking {
        Marking::Told => mark,
        Marking::Left => Mark::Same,
    };
    let mut map = Map::default();
    for sides in entities(before, after) {
        let shown = sides.shown();
        let pairs = fields(sides);
        let columns = pairs.iter().filter(|pair| pair.shown().column.is_some());
        let rows = columns.map(|pair| row(*pair, told(field_mark(pair))));
        map.entities.push(EntityBox {
            name: shown.name.clone(),
            table: shown.table.clone(),
            mark: told(entity_mark(sides)),
            was: sides.before.filter(|it| it.name != shown.name).map(|it| it.name.clone()),
            comment: shown.comment.clone(),
            fields: rows.collect(),
        });
        for pair in &pairs {
            let field = pair.shown();
            let both_ways = field.kind.ends_with(", both ways");
            let to = match (&field.refers_to, both_ways) {
                (Some(reference), _) => reference.entity.clone(),
                (None, true) => field
                    .kind
                    .trim_start_matches("many ")
                    .trim_end_matches(", both ways")
                    .to_owned(),
                (None, false) => continue,
            };
            let twice = map
                .relations
                .iter()
                .any(|it| both_ways && it.both_ways && it.to == shown.name && it.from == to);
            if !twice {
                let (from, field) = (shown.name.clone(), field.name.clone());
                let mark = told(relation_mark(pair));
                map.relations.push(Relation { from, field, to, mark, both_ways });
            }
        }
    }
    map
}

/// A field that says the same in other words (an entity was renamed) is the same.
fn field_mark(pair: &Sides<'_, Field>) -> Mark {
    match (pair.before, pair.after) {
        (Some(before), Some(after)) => {
            let told = |field: &Field| Field {
                was: Vec::new(),
                backfill: None,
                values: Vec::new(),
                ..field.clone()
            };
            if told(before) == told(after) { Mark::Same } else { Mark::Changed }
        }
        (_, _) => pair.mark(),
    }
}

fn relation_mark(pair: &Sides<'_, Field>) -> Mark {
    match (pair.before, pair.after) {
        (Some(before), Some(after)) if before.refers_to.is_none() && after.refers_to.is_some() => {
            Mark::Added
        }
        (Some(before), Some(after)) if before.refers_to == after.refers_to => Mark::Same,
        (_, _) => pair.mark(),
    }
}

fn entity_mark(sides: Sides<'_, Entity>) -> Mark {
    let (Some(before), Some(after)) = (sides.before, sides.after) else { return sides.mark() };
    let same = before.name == after.name
        && before.table == after.table
        && before.tenant == after.tenant
        && before.audit == after.audit
        && before.rules == after.rules
        && before.permissions == after.permissions
        && fields(sides).iter().all(|pair| field_mark(pair) == Mark::Same);
    if same { Mark::Same } else { Mark::Changed }
}

fn row(pair: Sides<'_, Field>, mark: Mark) -> FieldRow {
    let field = pair.shown();
    let optional = if field.required { "" } else { "?" };
    let kind = match (&field.states, field.kind.as_str()) {
        (Some(_), _) => "state".to_owned(),
        (None, kind) if kind.starts_with("one of ") => "choice".to_owned(),
        (None, kind) => kind.to_owned(),
    };
    FieldRow {
        name: field.name.clone(),
        kind: format!("{kind}{optional}"),
        key: field.key,
        refers_to: field.refers_to.as_ref().map(|it| it.entity.clone()),
        mark,
    }
}
