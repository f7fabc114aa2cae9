//! Which fields hold personal data, changes marked.

use serde::Serialize;

use super::picture::{Mark, Picture, entities, fields};

/// A field with personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PersonalField {
    pub entity: String,
    pub field: String,
    /// Which kind of data.
    pub kind: String,
    pub holds: String,
    pub mark: Mark,
    /// The kind before, where it changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
}

/// All of them; also those that go, and those that are personal no longer.
pub fn inventory(before: &Picture, after: &Picture) -> Vec<PersonalField> {
    let is_first = before.entities.is_empty();
    let mut found = Vec::new();
    for sides in entities(before, after) {
        for pair in fields(sides) {
            let old = pair.before.and_then(|field| field.personal.clone());
            let new = pair.after.and_then(|field| field.personal.clone());
            let Some(kind) = new.clone().or_else(|| old.clone()) else { continue };
            let mark = match (&old, &new) {
                (_, _) if is_first => Mark::Same,
                (None, _) => Mark::Added,
                (Some(_), None) => Mark::Removed,
                (Some(old), Some(new)) if old == new => Mark::Same,
                (Some(_), Some(_)) => Mark::Changed,
            };
            found.push(PersonalField {
                entity: sides.shown().name.clone(),
                field: pair.shown().name.clone(),
                kind,
                holds: pair.shown().kind.clone(),
                mark,
                was: old.filter(|_| mark == Mark::Changed),
            });
        }
    }
    found
}
