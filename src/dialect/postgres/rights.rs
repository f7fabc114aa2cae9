//! GRANT and REVOKE: the statements between two sets of rights, merged by grantee.

use std::collections::{BTreeMap, BTreeSet};

use super::quote::{list, quote_ident};
use crate::catalog::facets::{Facets, Grant, Grantee, Held};
use crate::text::Ident;

/// A right that may be given: to whom, on which column, and which.
pub(super) type Key = (Grantee, Option<Ident>, String);

/// The rights of some facets by what they are about.
pub(super) fn held(facets: Option<&Facets>) -> BTreeMap<Key, Held> {
    let grants = facets.into_iter().flat_map(|facets| &facets.grants);
    grants
        .map(|Grant { to, column, privilege, held }| {
            ((to.clone(), column.clone(), privilege.clone()), *held)
        })
        .collect()
}

/// What a right is where nothing is said, when the other side says `other`: only what a new object gives can have
/// been taken away.
pub(super) fn unsaid(key: &Key, other: Held) -> Held {
    match (other, &key.0) {
        (Held::No, _) | (_, Grantee::Owner) => Held::Yes,
        (Held::Yes | Held::Grantable, Grantee::Public | Grantee::Role(_)) => Held::No,
    }
}

/// Whether rights that are the same on both sides are given again all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    Never,
    /// Of the columns that may have been made anew.
    Columns,
    Always,
}

/// What has to be given and taken.
#[derive(Debug, Default)]
pub(super) struct Rights {
    pub(super) taken: BTreeMap<Key, Held>,
    pub(super) given: BTreeMap<Key, Held>,
}

impl Rights {
    /// The way from one set to another.
    pub(super) fn between(
        before: &BTreeMap<Key, Held>,
        after: &BTreeMap<Key, Held>,
        repeat: Repeat,
    ) -> Self {
        let mut rights = Rights::default();
        for key in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
            let (old, new) = match (before.get(key), after.get(key)) {
                (Some(old), Some(new)) => (*old, *new),
                (Some(old), None) => (*old, unsaid(key, *old)),
                (None, Some(new)) => (unsaid(key, *new), *new),
                (None, None) => continue,
            };
            let repeats = match repeat {
                Repeat::Never => false,
                Repeat::Columns => key.1.is_some(),
                Repeat::Always => true,
            };
            if old == new && !repeats {
                continue;
            }
            match (old, new) {
                (_, Held::No) => rights.taken.insert(key.clone(), Held::Yes),
                (Held::Grantable, Held::Yes) => rights.taken.insert(key.clone(), Held::Grantable),
                (_, Held::Yes | Held::Grantable) => rights.given.insert(key.clone(), new),
            };
        }
        rights.give_columns_again(after);
        rights
    }

    /// What REVOKE on the whole table takes from its columns too.
    fn give_columns_again(&mut self, after: &BTreeMap<Key, Held>) {
        for (to, column, privilege) in self.taken.keys().cloned().collect::<Vec<_>>() {
            if column.is_some() {
                continue;
            }
            let columns = after.iter().filter(|((who, column, what), held)| {
                *who == to && column.is_some() && *what == privilege && **held != Held::No
            });
            self.given.extend(columns.map(|(key, held)| (key.clone(), *held)));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.taken.is_empty() && self.given.is_empty()
    }

    /// The columns that these rights are about.
    pub(super) fn columns(&self) -> BTreeSet<&Ident> {
        self.taken
            .keys()
            .chain(self.given.keys())
            .filter_map(|(_, column, _)| column.as_ref())
            .collect()
    }

    /// The statements; `prefix` stands before them and `on` names the object: `TABLE "app"."t"`.
    pub(super) fn statements(&self, prefix: &str, on: &str, owner: Option<&Ident>) -> Vec<String> {
        let taken = grouped(&self.taken).into_iter().map(|((to, held, _), privileges)| {
            let option = if held == Held::Grantable { "GRANT OPTION FOR " } else { "" };
            format!("{prefix}REVOKE {option}{privileges} ON {on} FROM {}", grantee(&to, owner))
        });
        let given = grouped(&self.given).into_iter().map(|((to, held, _), privileges)| {
            let option = if held == Held::Grantable { " WITH GRANT OPTION" } else { "" };
            format!("{prefix}GRANT {privileges} ON {on} TO {}{option}", grantee(&to, owner))
        });
        taken.chain(given).collect()
    }
}

/// Whether rights are on the whole object or on columns: a statement holds one of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Extent {
    Whole,
    Columns,
}

/// The rights of one statement: `SELECT, UPDATE`, or `SELECT ("a", "b"), UPDATE ("a")`.
fn grouped(rights: &BTreeMap<Key, Held>) -> BTreeMap<(Grantee, Held, Extent), String> {
    let mut groups: BTreeMap<(Grantee, Held, Extent), BTreeMap<&str, Vec<&Ident>>> =
        BTreeMap::new();
    for ((to, column, privilege), held) in rights {
        let extent = if column.is_some() { Extent::Columns } else { Extent::Whole };
        let group = groups.entry((to.clone(), *held, extent)).or_default();
        group.entry(privilege).or_default().extend(column);
    }
    let text = |privileges: BTreeMap<&str, Vec<&Ident>>| {
        let each = privileges.into_iter().map(|(privilege, columns)| match columns.as_slice() {
            [] => privilege.to_owned(),
            columns => format!("{privilege} ({})", list(columns.iter().copied())),
        });
        each.collect::<Vec<_>>().join(", ")
    };
    groups.into_iter().map(|(key, privileges)| (key, text(privileges))).collect()
}

fn grantee(to: &Grantee, owner: Option<&Ident>) -> String {
    match (to, owner) {
        (Grantee::Public, _) => "PUBLIC".to_owned(),
        (Grantee::Owner, None) => "CURRENT_USER".to_owned(),
        (Grantee::Owner, Some(owner)) => quote_ident(owner),
        (Grantee::Role(role), _) => quote_ident(role),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(list: &[(&str, Option<&str>, &str, Held)]) -> BTreeMap<Key, Held> {
        let key = |(to, column, privilege, held): &(&str, Option<&str>, &str, Held)| {
            let to = match *to {
                "public" => Grantee::Public,
                role => Grantee::Role(Ident::from(role)),
            };
            ((to, column.map(Ident::from), (*privilege).to_owned()), *held)
        };
        list.iter().map(key).collect()
    }

    fn between(
        before: &[(&str, Option<&str>, &str, Held)],
        after: &[(&str, Option<&str>, &str, Held)],
    ) -> Vec<String> {
        Rights::between(&rights(before), &rights(after), Repeat::Never)
            .statements("", "TABLE t", None)
    }

    #[test]
    fn rights_of_one_grantee_are_one_statement() {
        assert_eq!(
            between(&[], &[("a", None, "SELECT", Held::Yes), ("a", None, "UPDATE", Held::Yes)]),
            ["GRANT SELECT, UPDATE ON TABLE t TO \"a\""]
        );
    }

    #[test]
    fn what_public_has_by_itself_is_taken_and_given_back() {
        let revoked = [("public", None, "EXECUTE", Held::No)];
        assert_eq!(between(&[], &revoked), ["REVOKE EXECUTE ON TABLE t FROM PUBLIC"]);
        assert_eq!(between(&revoked, &[]), ["GRANT EXECUTE ON TABLE t TO PUBLIC"]);
    }

    #[test]
    fn a_right_on_the_table_that_goes_leaves_those_on_columns() {
        let columns = ("a", Some("c"), "SELECT", Held::Yes);
        assert_eq!(
            between(&[("a", None, "SELECT", Held::Yes), columns], &[columns]),
            ["REVOKE SELECT ON TABLE t FROM \"a\"", "GRANT SELECT (\"c\") ON TABLE t TO \"a\""]
        );
    }

    #[test]
    fn the_option_to_pass_on_goes_alone() {
        assert_eq!(
            between(&[("a", None, "SELECT", Held::Grantable)], &[("a", None, "SELECT", Held::Yes)]),
            ["REVOKE GRANT OPTION FOR SELECT ON TABLE t FROM \"a\""]
        );
    }
}
