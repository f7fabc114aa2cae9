//! A domain as a report shows it: entities, fields, rules, states and permissions as plain words, whichever kind of
//! source they come from. Everything else in a report compares two of these.

use serde::Serialize;

/// A whole domain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Picture {
    pub name: String,
    pub roles: Vec<String>,
    pub entities: Vec<Entity>,
    /// Views, functions and other objects that are written in SQL: kind and name.
    pub objects: Vec<SqlObject>,
    /// What goes (`Entity` or `Entity.field`), and why, in the words of the model.
    #[serde(skip)]
    pub reasons: Vec<(String, String)>,
}

/// A table of things.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Entity {
    pub name: String,
    pub table: String,
    /// Earlier names.
    #[serde(skip)]
    pub was: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The boundary of ownership, as the model states it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    pub audit: Vec<String>,
    pub fields: Vec<Field>,
    /// Conditions, and fields that no two rows share.
    pub rules: Vec<Rule>,
    pub permissions: Vec<Grant>,
}

/// A property of an entity, or one side of a relationship.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Field {
    pub name: String,
    #[serde(skip)]
    pub was: Vec<String>,
    /// What it holds: `text`, `decimal(12,2)`, `one of draft, sent`.
    pub kind: String,
    pub required: bool,
    pub key: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// Limits of its values, each in words.
    pub limits: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refers_to: Option<Reference>,
    /// The kind of personal data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub personal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub states: Option<States>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Its column; `None` for the far side of a relationship.
    #[serde(skip)]
    pub column: Option<String>,
    /// What rows that are there already get.
    #[serde(skip)]
    pub backfill: Option<String>,
    /// Old value, new value.
    #[serde(skip)]
    pub values: Vec<(String, String)>,
}

/// A reference to another entity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reference {
    pub entity: String,
    /// What happens to the row when the other one is deleted, in words.
    pub on_delete: String,
}

/// A state machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct States {
    pub values: Vec<String>,
    pub initial: Option<String>,
    pub transitions: Vec<Transition>,
}

/// A step of a state machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Transition {
    pub name: String,
    pub from: Vec<String>,
    pub to: String,
    pub by: Vec<String>,
    pub when: Option<String>,
}

/// A condition that rows satisfy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rule {
    pub name: String,
    pub says: String,
    /// Who holds rows to it.
    pub held: &'static str,
}

/// Who may do something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Grant {
    pub operation: String,
    pub role: String,
    pub condition: Option<String>,
}

/// An object written in SQL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct SqlObject {
    pub kind: String,
    pub name: String,
    /// What it is made of: only to see whether it changed.
    #[serde(skip)]
    pub text: String,
}

impl Picture {
    pub fn entity(&self, name: &str) -> Option<&Entity> {
        self.entities.iter().find(|entity| entity.name == name)
    }
}

impl Entity {
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

/// How a thing stands to the version before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    #[default]
    Same,
    Added,
    Removed,
    Changed,
}

impl Mark {
    /// As it is written beside the thing: never by colour alone.
    pub fn word(self) -> &'static str {
        match self {
            Mark::Same => "",
            Mark::Added => "new",
            Mark::Removed => "removed",
            Mark::Changed => "changed",
        }
    }

    /// One character, as in a diff.
    pub fn sign(self) -> &'static str {
        match self {
            Mark::Same => "",
            Mark::Added => "+",
            Mark::Removed => "−",
            Mark::Changed => "~",
        }
    }

    /// Whether something is to be seen.
    pub fn is_change(self) -> bool {
        self != Mark::Same
    }
}

/// Two sides of one thing; at least one is there.
#[derive(Debug)]
pub struct Sides<'a, T> {
    pub before: Option<&'a T>,
    pub after: Option<&'a T>,
}

/// Two references, whatever they refer to.
impl<T> Clone for Sides<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Sides<'_, T> {}

impl<'a, T: PartialEq> Sides<'a, T> {
    pub fn mark(&self) -> Mark {
        match (self.before, self.after) {
            (None, _) => Mark::Added,
            (Some(_), None) => Mark::Removed,
            (Some(before), Some(after)) if before == after => Mark::Same,
            (Some(_), Some(_)) => Mark::Changed,
        }
    }

    /// The side that is shown: as it will be, else as it was.
    pub fn shown(&self) -> &'a T {
        self.after.or(self.before).expect("one side is there")
    }
}

/// Entities of both sides, in the order of the later one; what is gone comes last.
pub fn entities<'a>(before: &'a Picture, after: &'a Picture) -> Vec<Sides<'a, Entity>> {
    pairs(&before.entities, &after.entities, |entity| (entity.name.as_str(), &entity.was))
}

/// Fields of both sides of an entity.
pub fn fields<'a>(sides: Sides<'a, Entity>) -> Vec<Sides<'a, Field>> {
    let of = |side: Option<&'a Entity>| side.map_or(&[][..], |entity| entity.fields.as_slice());
    pairs(of(sides.before), of(sides.after), |field| (field.name.as_str(), &field.was))
}

/// Pairs things by name, or by the earlier name that the later one states where nothing has that name any more.
pub fn pairs<'a, T>(
    before: &'a [T],
    after: &'a [T],
    names: impl Fn(&T) -> (&str, &[String]),
) -> Vec<Sides<'a, T>> {
    let find = |name: &str| before.iter().position(|other| names(other).0 == name);
    let stays = |name: &str| after.iter().any(|other| names(other).0 == name);
    let mut taken = vec![false; before.len()];
    let mut found = Vec::new();
    for thing in after {
        let (name, was) = names(thing);
        let earlier = || was.iter().filter(|name| !stays(name)).find_map(|name| find(name));
        let position = find(name).or_else(earlier).filter(|position| !taken[*position]);
        if let Some(position) = position {
            taken[position] = true;
        }
        found.push(Sides { before: position.map(|it| &before[it]), after: Some(thing) });
    }
    let gone = before.iter().zip(&taken).filter(|(_, taken)| !**taken);
    found.extend(gone.map(|(thing, _)| Sides { before: Some(thing), after: None }));
    found
}

/// Things of both sides that have no earlier names.
pub fn named<'a, T>(
    before: &'a [T],
    after: &'a [T],
    name: impl Fn(&T) -> &str,
) -> Vec<Sides<'a, T>> {
    pairs(before, after, |thing| (name(thing), &[]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entity(name: &str, was: &[&str]) -> Entity {
        let was = was.iter().map(|name| (*name).to_owned()).collect();
        Entity { name: name.into(), was, ..Entity::default() }
    }

    fn told(before: &[Entity], after: &[Entity]) -> Vec<String> {
        let name = |side: Option<&Entity>| side.map_or("-", |it| it.name.as_str()).to_owned();
        pairs(before, after, |it| (it.name.as_str(), &it.was))
            .into_iter()
            .map(|pair| format!("{} {}", name(pair.before), name(pair.after)))
            .collect()
    }

    #[test]
    fn an_earlier_name_counts_where_nothing_has_it_any_more() {
        let before = [entity("Bill", &[]), entity("Old", &[])];
        assert_eq!(told(&before, &[entity("Invoice", &["Bill"])]), ["Bill Invoice", "Old -"]);
        let both = [entity("Invoice", &["Bill"]), entity("Bill", &[])];
        assert_eq!(told(&before[..1], &both), ["- Invoice", "Bill Bill"]);
    }
}
