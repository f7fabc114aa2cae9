//! What differs in comments, owners and rights of objects that are on both sides. Those of an object that comes or
//! goes come and go with it.

use crate::catalog::Catalog;
use crate::catalog::facets::{Facets, Subject};
use crate::change::Change;

/// A side without the owner who runs the migration: where the other side is a database, that is who read it. A dump says
/// `OWNER TO app`, and in a database that `app` reads nothing is said of it.
pub(super) fn without_runner(side: &Catalog, other: &Catalog) -> Option<Catalog> {
    let runner = other.reader.as_ref()?;
    let is_named = |facets: &Facets| {
        let of_role = match &facets.of {
            Subject::DefaultPrivileges { role, .. } => role.as_ref() == Some(runner),
            _ => false,
        };
        of_role || facets.owner.as_ref() == Some(runner)
    };
    if !side.facets.values().any(is_named) {
        return None;
    }
    let mut settled = side.clone();
    settled.facets = std::mem::take(&mut settled.facets)
        .into_values()
        .map(|mut facets| {
            if facets.owner.as_ref() == Some(runner) {
                facets.owner = None;
            }
            if let Subject::DefaultPrivileges { role, .. } = &mut facets.of
                && role.as_ref() == Some(runner)
            {
                *role = None;
            }
            facets
        })
        .filter(|facets| !facets.is_none())
        .map(|facets| (facets.of.clone(), facets))
        .collect();
    Some(settled)
}

/// Whether a side says who owns anything.
pub(super) fn says_owners(side: &Catalog) -> bool {
    side.facets.values().any(|facets| facets.owner.is_some())
}

/// The changes of facets, in the order of their subjects.
pub(super) fn compare(before: &Catalog, after: &Catalog) -> Vec<Change> {
    let same = |left: &Facets, right: &Facets| left == right;
    super::deltas(&before.facets, &after.facets, same)
        .into_iter()
        .filter(|delta| {
            let side = delta.after().or(delta.before()).expect("a delta has a side");
            before.has(&side.of) && after.has(&side.of)
        })
        .map(Change::Facets)
        .collect()
}
