//! Answers to questions, as they are written on the command line, read against the two schemas: `a.b` may be a column of a
//! table or a table of a schema, and a name that stands for nothing is a mistake.

use crate::catalog::Catalog;
use crate::change::{Intent, Rename, Target};
use crate::cli::error::CliError;
use crate::diff::enum_of;
use crate::text::suggest::did_you_mean;
use crate::text::{Dialect, Ident, QName};

use super::pair::Pair;

/// Puts answers into the intent.
///
/// # Errors
/// Usage: an answer that cannot be read, that names nothing, or a rename of what is still there.
pub(crate) fn add_answers(
    intent: &mut Intent,
    pair: &Pair,
    renames: &[String],
    drops: &[String],
    maps: &[String],
) -> Result<(), CliError> {
    // Tables first: columns may be named after either name of their table.
    let mut columns = Vec::new();
    for text in renames {
        let (old, new) = text.split_once('=').ok_or_else(|| no_rename(text))?;
        let before = find(&pair.before, old, &intent.renames);
        let after = find(&pair.after, new, &[]);
        let tables = (before.table(), after.table());
        match tables {
            (Some(before), Some(after)) => {
                let rename = Rename::Table { before: before.clone(), after: after.clone() };
                if !intent.renames.contains(&rename) {
                    intent.renames.push(rename);
                }
            }
            _ => columns.push((text, old, new)),
        }
    }
    for (text, old, new) in columns {
        let before = find(&pair.before, old, &intent.renames);
        let after = find(&pair.after, new, &[]);
        let (Some(before), Some(after)) = (before.column(), after.column()) else {
            return Err(unknown_rename(text, (old, new), pair, &intent.renames));
        };
        let moved = intent.renames.iter().find_map(|rename| match rename {
            Rename::Table { before: old, after } if *old == before.table => Some(after),
            _ => None,
        });
        let (Some(old), Some(new)) = (before.column.clone(), after.column.clone()) else {
            return Err(no_rename(text));
        };
        if *moved.unwrap_or(&before.table) != after.table {
            return Err(CliError::usage(format!(
                "`--rename {text}`: `{}` and `{}` are two tables\nhelp: add `--rename {0}={1}` if the table was renamed too",
                before.table, after.table
            )));
        }
        let rename = Rename::Column { table: after.table.clone(), before: old, after: new };
        if !intent.renames.contains(&rename) {
            intent.renames.push(rename);
        }
    }
    still_there(&intent.renames, renames, pair)?;
    for text in drops {
        let found = find(&pair.before, text, &intent.renames);
        let target = found.any().ok_or_else(|| unknown("drop", text, text, &pair.before))?;
        intent.drops.insert(target.clone());
    }
    for text in maps {
        let (targets, old, new) = read_map(text, pair)?;
        for target in targets {
            intent.columns.entry(target).or_default().values.push((old.clone(), new.clone()));
        }
    }
    Ok(())
}

/// The table or column that a question names.
pub(super) fn target_named(catalog: &Catalog, name: &str, renames: &[Rename]) -> Option<Target> {
    find(catalog, name, renames).any().cloned()
}

/// What a name stands for.
struct Found(Vec<Target>);

impl Found {
    fn table(&self) -> Option<&QName> {
        let mut tables = self.0.iter().filter(|target| target.column.is_none());
        // `a.b` is the column first: that is how it is documented.
        tables.next().filter(|_| self.column().is_none()).map(|target| &target.table)
    }

    fn column(&self) -> Option<&Target> {
        self.0.iter().find(|target| target.column.is_some())
    }

    fn any(&self) -> Option<&Target> {
        self.column().or_else(|| self.0.first())
    }
}

/// The tables and columns that go by a name: as they are printed, or with the schema before it. Tables are found under
/// the names that renames give them, too, and so are their columns.
fn find(catalog: &Catalog, name: &str, renames: &[Rename]) -> Found {
    let name = name.trim();
    let same = |left: &str| match catalog.dialect {
        Dialect::Postgres => left == name,
        Dialect::Sqlite => left.eq_ignore_ascii_case(name),
    };
    let mut found = Vec::new();
    for table in catalog.tables.values() {
        let renamed = renames.iter().find_map(|rename| match rename {
            Rename::Table { before, after } if *before == table.name => Some(after),
            _ => None,
        });
        for told in [Some(&table.name), renamed].into_iter().flatten().flat_map(spellings) {
            if same(&told) {
                found.push(Target::table(&table.name));
            }
            let columns = table.columns.iter().map(|column| &column.name);
            found.extend(
                columns
                    .filter(|column| same(&format!("{told}.{column}")))
                    .map(|column| Target::column(&table.name, column)),
            );
        }
    }
    Found(found)
}

/// `orders` and `public.orders`.
fn spellings(table: &QName) -> Vec<String> {
    let mut told = vec![table.to_string()];
    let whole = format!("{}.{}", table.schema, table.name);
    if told[0] != whole {
        told.push(whole);
    }
    told
}

/// `table.column:old=new`, or `type:old=new` for every column of an enum type.
fn read_map(text: &str, pair: &Pair) -> Result<(Vec<Target>, String, String), CliError> {
    let parsed = text.split_once(':').and_then(|(target, values)| {
        let (old, new) = values.split_once('=')?;
        Some((target.trim(), old.to_owned(), new.to_owned()))
    });
    let (name, old, new) = parsed.ok_or_else(|| {
        CliError::usage(format!("`{text}` is no map\nhelp: write `--map table.column:old=new`"))
    })?;
    let after = &pair.after;
    let mut targets: Vec<Target> = find(after, name, &[]).column().into_iter().cloned().collect();
    if targets.is_empty() {
        let kind = after.enums.keys().find(|kind| spellings(kind).iter().any(|told| told == name));
        let columns = after.tables.values().flat_map(|table| {
            table.columns.iter().map(|column| Target::column(&table.name, &column.name))
        });
        targets = columns
            .filter(|target| kind.is_some() && enum_of(after, target).as_ref() == kind)
            .collect();
    }
    if targets.is_empty() {
        return Err(unknown("map", text, name, after));
    }
    Ok((targets, old, new))
}

/// A rename of what the new schema still has says two things of one name.
fn still_there(all: &[Rename], said: &[String], pair: &Pair) -> Result<(), CliError> {
    let column = |table: &QName, name: &Ident| {
        pair.after.tables.get(table).is_some_and(|table| table.column(name).is_some())
    };
    for text in said {
        let Some((old, new)) = text.split_once('=') else { continue };
        let (before, after) = (find(&pair.before, old, all), find(&pair.after, new, &[]));
        let stays = match (before.any(), after.any()) {
            (Some(Target { table, column: None }), Some(_)) => {
                let handed_on = all
                    .iter()
                    .any(|rename| matches!(rename, Rename::Table { after, .. } if after == table));
                pair.after.tables.contains_key(table) && !handed_on
            }
            (Some(Target { column: Some(name), .. }), Some(Target { table, .. })) => {
                let handed_on = all.iter().any(|rename| {
                    matches!(rename, Rename::Column { table: of, after, .. } if of == table && after == name)
                });
                column(table, name) && !handed_on
            }
            (None, _) | (_, None) => false,
        };
        if stays {
            return Err(CliError::usage(format!(
                "`--rename {text}`: `{}` is still there in the new schema\nhelp: leave this answer out, or remove `{0}` there",
                old.trim()
            )));
        }
    }
    Ok(())
}

fn no_rename(text: &str) -> CliError {
    CliError::usage(format!(
        "`{text}` is no rename\nhelp: write `--rename table.old=table.new` or `--rename old=new`"
    ))
}

fn unknown_rename(
    text: &str,
    (old, new): (&str, &str),
    pair: &Pair,
    renames: &[Rename],
) -> CliError {
    if find(&pair.before, old, renames).any().is_none() {
        return unknown("rename", text, old, &pair.before);
    }
    if find(&pair.after, new, &[]).any().is_none() {
        return unknown("rename", text, new, &pair.after);
    }
    no_rename(text)
}

/// An answer about nothing.
fn unknown(flag: &str, text: &str, name: &str, catalog: &Catalog) -> CliError {
    let name = name.trim();
    let known: Vec<String> = catalog
        .tables
        .values()
        .flat_map(|table| {
            let columns = table.columns.iter();
            let columns = columns.map(|column| format!("{}.{}", table.name, column.name));
            columns.chain([table.name.to_string()])
        })
        .collect();
    let near = did_you_mean(name, known.iter().map(String::as_str));
    CliError::usage(format!(
        "`--{flag} {text}`: there is no table or column `{name}`{near}\nhelp: write names as `migrate diff` prints them: \
         `table`, `schema.table`, `table.column`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Column, Printed, Table, TableOptions};

    fn catalog(tables: &[(&str, &str, &[&str])]) -> Catalog {
        let mut catalog = Catalog::empty(Dialect::Postgres);
        for (schema, name, columns) in tables {
            let name = QName::new(*schema, *name);
            let table = Table {
                name: name.clone(),
                columns: columns.iter().map(|it| Column::plain(*it, "text")).collect(),
                constraints: Vec::new(),
                indexes: Vec::new(),
                options: TableOptions::Postgres(Box::default()),
                comment: None,
            };
            catalog.tables.insert(name, table);
        }
        catalog
    }

    fn pair(before: Catalog, after: Catalog) -> Pair {
        Pair {
            before: before.into(),
            after: after.into(),
            printed: Printed::ByEngine,
            intent: Intent::default(),
            rules: Vec::new(),
            notes: Vec::new(),
            start: None,
            major: None,
            online: Default::default(),
            hiding: Default::default(),
            access: Vec::new(),
        }
    }

    fn renames(pair: &Pair, said: &[&str]) -> Result<Vec<Rename>, String> {
        let mut intent = Intent::default();
        let said: Vec<String> = said.iter().map(ToString::to_string).collect();
        add_answers(&mut intent, pair, &said, &[], &[]).map_err(|error| error.message)?;
        Ok(intent.renames)
    }

    #[test]
    fn two_words_are_a_column_or_a_table_of_a_schema() {
        let pair = pair(
            catalog(&[("app", "bill", &["id", "no"]), ("public", "person", &["mail"])]),
            catalog(&[("app", "invoice", &["id", "number"]), ("public", "person", &["email"])]),
        );
        let (bill, invoice) = (QName::new("app", "bill"), QName::new("app", "invoice"));
        let table = Rename::Table { before: bill, after: invoice.clone() };
        let number = Rename::Column {
            table: invoice,
            before: Ident::new("no"),
            after: Ident::new("number"),
        };
        assert_eq!(renames(&pair, &["app.bill=app.invoice"]), Ok(vec![table.clone()]));
        // In any order, and the column under either name of its table.
        for column in ["app.bill.no=app.invoice.number", "app.invoice.no=app.invoice.number"] {
            let said = renames(&pair, &[column, "app.bill=app.invoice"]);
            assert_eq!(said, Ok(vec![table.clone(), number.clone()]));
        }
        let email = Rename::Column {
            table: QName::new("public", "person"),
            before: Ident::new("mail"),
            after: Ident::new("email"),
        };
        for column in ["person.mail=person.email", "public.person.mail=public.person.email"] {
            assert_eq!(renames(&pair, &[column]), Ok(vec![email.clone()]));
        }
    }

    #[test]
    fn what_names_nothing_or_stays_is_a_mistake() {
        let pair = pair(
            catalog(&[("public", "person", &["mail", "name"])]),
            catalog(&[("public", "person", &["mail", "email", "called"])]),
        );
        let wrong = |said: &str| renames(&pair, &[said]).expect_err("no rename");
        assert!(wrong("person.mial=person.email").contains("did you mean `person.mail`?"));
        assert!(wrong("person.name=person.caled").contains("no table or column `person.caled`"));
        assert!(wrong("person.mail=person.email").contains("`person.mail` is still there"));
        assert!(wrong("person").contains("is no rename"));
        assert!(wrong("person=person.email").contains("is no rename"));
    }
}
