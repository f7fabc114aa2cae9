//! Columns that have another type in the database than in the model.

use super::rows::Rows;
use super::{About, Check, quote};
use crate::catalog::Column;
use crate::catalog::rule::{Enforce, Requirement, Rule};
use crate::text::Ident;

/// A column whose values become others in the model's type.
pub(super) struct Cast {
    pub(super) column: Ident,
    pub(super) after: String,
    /// The condition under which a value of `t` does not fit.
    pub(super) bad: String,
}

impl Cast {
    /// A column of `t` in the type that rules speak of; NULL where the value does not fit, which has a check of its own.
    pub(super) fn of(casts: &[Cast], column: &Column) -> String {
        let name = quote(&column.name);
        match casts.iter().find(|cast| cast.column == column.name) {
            None => format!("\"t\".{name}"),
            Some(Cast { after, bad, .. }) => format!(
                "CASE WHEN ({bad}) IS NOT TRUE THEN CAST(\"t\".{name} AS {after}) END AS {name}"
            ),
        }
    }

    /// The check that all values fit.
    pub(super) fn check(&self, rows: &Rows) -> Check {
        let name = quote(&self.column);
        let bad = self.bad.replace(&format!("\"t\".{name}"), &format!("r.{name}"));
        let rule = Rule {
            name: format!("{}.{} as {}", rows.table, self.column, self.after),
            table: rows.table.clone(),
            requirement: Requirement::Required { column: self.column.clone() },
            enforce: Enforce::Database,
            message: Some(format!("every value must be a valid {}", self.after)),
            origin: None,
        };
        let (column, after) = (self.column.clone(), self.after.clone());
        let check = super::query::row_check(&rule, rows, &bad, &[name]);
        Check { about: Some(About::Type { column, after }), ..check }
    }
}
