//! Who may do what, as a table for each entity, changes marked.

use serde::Serialize;

use super::picture::{Entity, Grant, Mark, Picture, entities};

/// The permissions of one entity: a row for each operation, a column for each role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Matrix {
    pub entity: String,
    pub roles: Vec<String>,
    pub rows: Vec<Operation>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Operation {
    pub name: String,
    /// One for each role.
    pub cells: Vec<Cell>,
}

/// Whether a role may do it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cell {
    pub allowed: bool,
    /// Under which condition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    pub mark: Mark,
    /// As it was, where it changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
}

impl Matrix {
    pub fn changes(&self) -> usize {
        let cells = self.rows.iter().flat_map(|row| &row.cells);
        cells.filter(|cell| cell.mark.is_change()).count()
    }
}

const OPERATIONS: [&str; 4] = ["read", "create", "update", "delete"];

/// The tables of all entities that state permissions or transitions with roles.
pub fn matrices(before: &Picture, after: &Picture) -> Vec<Matrix> {
    let is_first = before.entities.is_empty();
    let mut found = Vec::new();
    for sides in entities(before, after) {
        let grants = |side: Option<&Entity>| side.map(all_grants).unwrap_or_default();
        let (old, new) = (grants(sides.before), grants(sides.after));
        if old.is_empty() && new.is_empty() {
            continue;
        }
        let roles = roles(after, before, &old, &new);
        let mut names: Vec<String> = OPERATIONS.iter().map(|name| (*name).to_owned()).collect();
        for grant in new.iter().chain(&old) {
            if !names.contains(&grant.operation) {
                names.push(grant.operation.clone());
            }
        }
        let rows = names.into_iter().map(|name| Operation {
            cells: roles
                .iter()
                .map(|role| cell(find(&old, &name, role), find(&new, &name, role), is_first))
                .collect(),
            name,
        });
        let rows = rows.collect();
        found.push(Matrix { entity: sides.shown().name.clone(), roles, rows });
    }
    found
}

/// Stated permissions, and the roles of transitions.
fn all_grants(entity: &Entity) -> Vec<Grant> {
    let mut grants = entity.permissions.clone();
    for field in &entity.fields {
        let Some(states) = &field.states else { continue };
        for step in &states.transitions {
            for role in &step.by {
                grants.push(Grant {
                    operation: step.name.clone(),
                    role: role.clone(),
                    condition: step.when.clone(),
                });
            }
        }
    }
    grants
}

fn roles(after: &Picture, before: &Picture, old: &[Grant], new: &[Grant]) -> Vec<String> {
    let mut roles = after.roles.clone();
    let more = before.roles.iter().chain(new.iter().chain(old).map(|grant| &grant.role));
    for role in more {
        if role != "any" && !roles.contains(role) {
            roles.push(role.clone());
        }
    }
    if roles.is_empty() { vec!["any".to_owned()] } else { roles }
}

/// What a role may: stated for it, or for everybody.
fn find<'a>(grants: &'a [Grant], operation: &str, role: &str) -> Option<&'a Grant> {
    let of = |wanted: &str| {
        grants.iter().find(|grant| grant.operation == operation && grant.role == wanted)
    };
    of(role).or_else(|| of("any"))
}

fn cell(before: Option<&Grant>, after: Option<&Grant>, is_first: bool) -> Cell {
    let told = |grant: &Grant| grant.condition.clone().unwrap_or_else(|| "always".to_owned());
    let mark = match (before, after) {
        (None, None) => Mark::Same,
        (_, _) if is_first => Mark::Same,
        (None, Some(_)) => Mark::Added,
        (Some(_), None) => Mark::Removed,
        (Some(before), Some(after)) if before.condition == after.condition => Mark::Same,
        (Some(_), Some(_)) => Mark::Changed,
    };
    Cell {
        allowed: after.is_some(),
        when: after.and_then(|grant| grant.condition.clone()),
        mark,
        was: before.filter(|_| mark.is_change()).map(told),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(grants: &[(&str, &str, Option<&str>)]) -> Picture {
        let permissions = grants.iter().map(|(operation, role, condition)| Grant {
            operation: (*operation).into(),
            role: (*role).into(),
            condition: condition.map(str::to_owned),
        });
        let entity =
            Entity { name: "Bill".into(), permissions: permissions.collect(), ..Entity::default() };
        Picture {
            roles: vec!["clerk".into(), "boss".into()],
            entities: vec![entity],
            ..Picture::default()
        }
    }

    #[test]
    fn what_everybody_may_each_role_may_and_changes_are_marked() {
        let before = picture(&[("read", "any", None), ("delete", "clerk", Some("id > 1"))]);
        let after = picture(&[("read", "any", None), ("delete", "boss", None)]);
        let matrices = matrices(&before, &after);
        let [matrix] = matrices.as_slice() else { panic!("one entity") };
        let told: Vec<String> = matrix
            .rows
            .iter()
            .map(|row| {
                let cells = row.cells.iter();
                let cells: Vec<String> =
                    cells.map(|it| format!("{}{}", it.mark.sign(), it.allowed)).collect();
                format!("{}: {}", row.name, cells.join(" "))
            })
            .collect();
        assert_eq!(
            told,
            [
                "read: true true",
                "create: false false",
                "update: false false",
                "delete: −false +true"
            ]
        );
        assert_eq!(matrix.changes(), 2);
        assert_eq!(matrix.rows[3].cells[0].was.as_deref(), Some("id > 1"));
    }
}
