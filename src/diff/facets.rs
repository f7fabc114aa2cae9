//! What differs in comments, owners and rights of objects that are on both sides. Those of an object that comes or
//! goes come and go with it.

use crate::catalog::Catalog;
use crate::catalog::facets::Facets;
use crate::change::Change;

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
