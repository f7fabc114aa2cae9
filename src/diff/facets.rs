//! What differs in comments, owners and rights of objects that are on both sides. Those of an object that comes or
//! goes come and go with it.

use crate::catalog::Catalog;
use crate::catalog::facets::Facets;
use crate::change::Change;

/// The new side with the owners of the old one, where it says nothing of owners at all: a plain SQL file leaves them as
/// they are in the database. `None` where it is as it should be.
pub(super) fn with_owners(before: &Catalog, after: &Catalog) -> Option<Catalog> {
    let owned = || before.facets.values().filter(|facets| facets.owner.is_some());
    let says_something = after.facets.values().any(|facets| facets.owner.is_some());
    if says_something || owned().next().is_none() {
        return None;
    }
    let mut settled = after.clone();
    for old in owned().filter(|facets| after.has(&facets.of)) {
        let nothing = || Facets::none(old.of.clone());
        settled.facets.entry(old.of.clone()).or_insert_with(nothing).owner = old.owner.clone();
    }
    Some(settled)
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
