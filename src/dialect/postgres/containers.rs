//! Domains inside other types: PostgreSQL refuses to narrow a domain while a column holds its values in an array, a
//! composite or a range, so such a column is text meanwhile.
//! Source: `validateDomainCheckConstraint` and `find_composite_type_dependencies` of PostgreSQL.

use super::mention::Mention;
use crate::catalog::{Catalog, ObjectId, Opaque, OpaqueKind};
use crate::change::{Change, Delta, Diff};
use crate::dialect::Resource;

/// Whether a domain that changes in place takes fewer values than before.
pub(super) fn is_narrowed(before: &Opaque, after: &Opaque) -> bool {
    let narrows = |text: &str| {
        text.contains(" ADD CONSTRAINT ") && !text.ends_with(" NOT VALID")
            || text.ends_with(" SET NOT NULL")
    };
    after.id.kind == OpaqueKind::Domain
        && before.create.first() == after.create.first()
        && after.create.iter().any(|text| !before.create.contains(text) && narrows(text))
}

/// The types in which columns hold values of a domain that is narrowed.
pub(super) fn holding_narrowed(diff: &Diff, before: &Catalog) -> Vec<Mention> {
    let domains = diff.changes.iter().filter_map(|change| match change {
        Change::Opaque(Delta::Alter { before, after }) if is_narrowed(before, after) => {
            Some(&after.id)
        }
        _ => None,
    });
    domains.flat_map(|domain| holding(domain, before)).collect()
}

/// That no column holds the domain inside another type.
pub(super) fn out_of_containers(domain: &ObjectId) -> Resource {
    Resource::Constraint(domain.name.clone(), "values inside other types".to_owned())
}

fn holding(domain: &ObjectId, catalog: &Catalog) -> Vec<Mention> {
    let marker = out_of_containers(domain);
    let mut plain = vec![domain];
    let mut containers: Vec<&ObjectId> = Vec::new();
    loop {
        let arrays: Vec<Mention> =
            plain.iter().map(|id| Mention::array_of(marker.clone(), &id.name)).collect();
        let mentions =
            |ids: &[&ObjectId], text: &str| ids.iter().any(|id| Mention::of(id).is_in(text));
        let count = plain.len() + containers.len();
        for opaque in catalog.opaques.values() {
            let (id, text) = (&opaque.id, opaque.create.first().map_or("", String::as_str));
            if plain.contains(&id) || containers.contains(&id) {
                continue;
            }
            let is_in_array = arrays.iter().any(|array| array.is_in(text));
            match id.kind {
                OpaqueKind::Type | OpaqueKind::RangeType
                    if mentions(&plain, text) || mentions(&containers, text) =>
                {
                    containers.push(id);
                }
                OpaqueKind::Domain if is_in_array || mentions(&containers, text) => {
                    containers.push(id);
                }
                OpaqueKind::Domain if mentions(&plain, text) => plain.push(id),
                _ => {}
            }
        }
        if plain.len() + containers.len() == count {
            let named = containers.iter().map(|id| Mention::new(marker.clone(), &id.name));
            return arrays.into_iter().chain(named).collect();
        }
    }
}
