//! Columns that have another type in the database than in the model.

use super::enum_values;
use super::query::no_value_of;
use super::rows::Rows;
use super::{About, Check, Fault, literal, quote};
use crate::catalog::rule::{Enforce, Requirement, Rule};
use crate::catalog::{Catalog, Column, Table};
use crate::dialect::castability;
use crate::dialect::postgres::types::is_builtin;
use crate::text::{Dialect, Ident};

/// A column whose values become others in the model's type.
pub(super) struct Cast {
    pub(super) column: Ident,
    before: String,
    pub(super) after: String,
    /// The condition under which a value of `t` does not fit.
    pub(super) bad: String,
    /// The type in which the database can give the values to other rules; `None` for a type that it does not have yet.
    pub(super) given_as: Option<String>,
    /// Line and column (1-based) of the field in the model file.
    pub(super) origin: Option<(usize, usize)>,
}

/// What is known of a column whose type is another one in the model.
pub(super) enum Other {
    Cast(Cast),
    /// Only the change itself tells which values fit, for this reason.
    Untold(String),
    /// Every value fits.
    Fits,
}

impl Cast {
    /// A column of `t`, as the model has it. PostgreSQL only: SQLite's types are not those of its values.
    pub(super) fn between(
        (column, wanted): (&Column, &Column),
        (catalog, model): (&Catalog, &Catalog),
        origin: Option<(usize, usize)>,
    ) -> Other {
        let (before, after) = (&column.data_type, &wanted.data_type);
        let loses_labels = before == after && enum_values::has_fewer(after, (catalog, model));
        if before == after && !loses_labels {
            return Other::Fits;
        }
        let value = format!("\"t\".{}", quote(&column.name));
        let cast = |bad: String, given_as: Option<String>| {
            let (column, before, after) = (column.name.clone(), before.clone(), after.clone());
            Other::Cast(Cast { column, before, after, bad, given_as, origin })
        };
        if loses_labels && let Some(bad) = no_value_of(&value, after, model) {
            return cast(bad, None);
        }
        if let Some(bad) = castability::misfit(&value, before, after, Dialect::Postgres) {
            return cast(bad, Some(after.clone()));
        }
        if !castability::is_text(before) {
            return Other::Fits;
        }
        if let Some(bad) = no_value_of(&value, after, model) {
            return cast(bad, None);
        }
        match (castability::is_text(after), is_builtin(after), catalog.server) {
            (true, _, _) => Other::Fits,
            (false, true, Some(16..)) => cast(
                format!("NOT pg_input_is_valid({value}::text, {})", literal(after)),
                Some(after.clone()),
            ),
            (false, true, _) => Other::Untold(format!(
                "before version 16 PostgreSQL cannot say without an error which texts are {after}; the change itself tells"
            )),
            (false, false, _) => {
                Other::Untold(format!("which texts are {after} only the change itself tells"))
            }
        }
    }

    /// A column of `t` in the type that rules speak of; NULL where the value does not fit, which has a check of its own.
    pub(super) fn of(casts: &[Cast], column: &Column) -> String {
        let name = quote(&column.name);
        match casts.iter().find(|cast| cast.column == column.name) {
            None => format!("\"t\".{name}"),
            Some(Cast { bad, given_as, .. }) => {
                let value = match given_as {
                    Some(after) => format!("CAST(\"t\".{name} AS {after})"),
                    None => format!("\"t\".{name}"),
                };
                format!("CASE WHEN ({bad}) IS NOT TRUE THEN {value} END AS {name}")
            }
        }
    }

    /// The values as they are, and whether they do not fit, beside those that rules speak of.
    pub(super) fn beside(casts: &[Cast]) -> Vec<String> {
        let each = casts.iter().enumerate();
        let columns = each.flat_map(|(at, cast)| {
            let (was, misfit) = Cast::names(at);
            [
                format!("\"t\".{} AS {was}", quote(&cast.column)),
                format!("({}) AS {misfit}", cast.bad),
            ]
        });
        columns.collect()
    }

    /// What [`Cast::beside`] calls the columns of a cast.
    pub(super) fn names(at: usize) -> (String, String) {
        (format!("migrate_was_{at}"), format!("migrate_misfit_{at}"))
    }

    /// The check that all values fit, over rows that have what [`Cast::beside`] adds.
    pub(super) fn check(&self, at: usize, rows: &Rows) -> Check {
        let name = quote(&self.column);
        let (was, misfit) = Cast::names(at);
        let rule = Rule {
            name: format!("{}.{} as {}", rows.table, self.column, self.after),
            table: rows.table.clone(),
            requirement: Requirement::Required { column: self.column.clone() },
            enforce: Enforce::Database,
            message: Some(format!("every value must be a valid {}", self.after)),
            origin: self.origin,
        };
        let (column, after) = (self.column.clone(), self.after.clone());
        let values = vec![self.column.to_string()];
        let check =
            super::query::row_check(&rule, rows, &format!("r.{misfit}"), &[format!("r.{was}")]);
        let scan = check.scan.map(|scan| scan.showing(vec![format!("r.{was}")]));
        let bad = self.bad.replace(&format!("\"t\".{name}"), &format!("r.{name}"));
        let fault = match self.given_as {
            Some(_) => castability::fault(&self.before, &self.after),
            None => Fault::Label,
        };
        let about = Some(About::Type { column, after });
        Check { about, fault, values, scan, bad: Some(bad), ..check }
    }
}

/// The columns of a table that have another type in the model, and those of which nothing can be told, with the reason.
pub(super) fn casts(
    table: &Table,
    modelled: &Table,
    catalogs: (&Catalog, &Catalog),
    origin: &dyn Fn(&Ident) -> Option<(usize, usize)>,
) -> (Vec<Cast>, Vec<(Ident, String)>) {
    let (mut found, mut untold) = (Vec::new(), Vec::new());
    for column in &table.columns {
        let Some(wanted) = modelled.column(&column.name) else { continue };
        match Cast::between((column, wanted), catalogs, origin(&column.name)) {
            Other::Cast(cast) => found.push(cast),
            Other::Untold(reason) => untold.push((column.name.clone(), reason)),
            Other::Fits => {}
        }
    }
    (found, untold)
}
