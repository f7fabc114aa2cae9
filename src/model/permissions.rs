//! Who may do what: an operation on an entity, a role, and the condition that the row must satisfy.

use super::{Condition, Entity, Model, Place, tree};

/// One cell of the matrix. What has none is not allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    pub operation: Operation,
    pub who: Who,
    /// `None`: every row.
    pub condition: Option<Condition>,
    pub place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    Read,
    Create,
    Update,
    Delete,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// Every role.
    Any,
    Role(String),
}

impl Operation {
    pub const ALL: [Operation; 4] =
        [Operation::Read, Operation::Create, Operation::Update, Operation::Delete];

    pub fn name(self) -> &'static str {
        match self {
            Operation::Read => "read",
            Operation::Create => "create",
            Operation::Update => "update",
            Operation::Delete => "delete",
        }
    }
}

impl Who {
    pub fn name(&self) -> &str {
        match self {
            Who::Any => "any",
            Who::Role(role) => role,
        }
    }

    /// How sentences name it.
    pub fn said(&self) -> &str {
        match self {
            Who::Any => "everyone",
            Who::Role(role) => role,
        }
    }
}

impl Permission {
    /// The condition in one line; empty where every row satisfies it.
    pub fn told(&self) -> String {
        let text = self.condition.as_ref().map(|condition| condition.text.as_str());
        text.map(crate::catalog::machine::one_line).unwrap_or_default()
    }
}

impl Entity {
    /// What is said of an operation for a role, and for every role.
    pub fn permissions_of<'e>(
        &'e self,
        operation: Operation,
        role: &'e str,
    ) -> impl Iterator<Item = &'e Permission> {
        self.permissions.iter().filter(move |it| {
            it.operation == operation
                && match &it.who {
                    Who::Any => true,
                    Who::Role(name) => name == role,
                }
        })
    }
}

impl Model {
    /// The entity whose rows act, and the field that says the role of each.
    pub fn actor(&self) -> Option<(&Entity, Option<&str>)> {
        let actor = self.carried.iter().find(|carried| carried.key == "actor")?;
        let word = |key: &str| {
            let tree::Value::Map(entries) = &actor.value.value else { return None };
            let entry = entries.iter().find(|entry| entry.key == key)?;
            entry.value.as_text()
        };
        Some((self.entity(word("entity")?)?, word("role")))
    }
}
