//! `permissions:` of an entity: by operation, roles with their conditions.

use super::reader::Reader;
use crate::model::tree::{Entry, Tree, Value};
use crate::model::{Operation, Permission, Who};
use crate::text::suggest::did_you_mean;

pub(super) fn read(reader: &mut Reader<'_>, tree: &Tree) -> Vec<Permission> {
    let mut found = Vec::new();
    let Value::Map(entries) = &tree.value else {
        let message = format!("`permissions` is a map, this is {}", tree.kind());
        reader.error_help(tree.span, message, "write `read: { any: true }`, one operation a line");
        return found;
    };
    for entry in entries {
        let Some(operation) = Operation::ALL.into_iter().find(|it| it.name() == entry.key) else {
            let names = Operation::ALL.map(Operation::name);
            let hint = did_you_mean(&entry.key, names);
            let message = format!("`{}` is not an operation{hint}", entry.key);
            let help = format!("operations: {}", names.join(", "));
            reader.error_help(entry.key_span, message, help);
            continue;
        };
        match &entry.value.value {
            Value::Map(roles) => {
                for role in roles {
                    found.extend(by_role(reader, operation, role));
                }
            }
            // One role or a list of them: for every row.
            Value::Scalar { .. } | Value::List(_) => {
                let place = reader.place(entry.value.span);
                let roles = reader.one_or_more(&entry.value, entry.key.as_str());
                found.extend(roles.into_iter().map(|role| Permission {
                    operation,
                    who: who(&role),
                    condition: None,
                    place,
                }));
            }
        }
    }
    found
}

fn by_role(reader: &mut Reader<'_>, operation: Operation, entry: &Entry) -> Option<Permission> {
    let place = reader.place(entry.key_span);
    let condition = reader.condition(entry)?;
    let is_true = condition.text.eq_ignore_ascii_case("true");
    let condition = (!is_true).then_some(condition);
    Some(Permission { operation, who: who(&entry.key), condition, place })
}

fn who(role: &str) -> Who {
    match role {
        "any" => Who::Any,
        role => Who::Role(role.to_owned()),
    }
}
