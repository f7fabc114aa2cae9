//! The laws of comparison on small catalogs made by hand.

use super::{diff, inverse};
use crate::catalog::{Catalog, Column, Constraint, ConstraintKind, Table, TableOptions};
use crate::change::{
    Change, ColumnIntent, Delta, DropPolicy, Intent, Keep, QuestionKind, Rename, SourceOrigin,
    Target,
};
use crate::text::{Dialect, Ident, QName};

fn table(name: &str, columns: &[(&str, &str)]) -> Table {
    Table {
        name: QName::new("public", name),
        columns: columns.iter().map(|(name, kind)| Column::plain(*name, *kind)).collect(),
        constraints: Vec::new(),
        indexes: Vec::new(),
        options: TableOptions::postgres(),
        comment: None,
    }
}

fn catalog(tables: &[Table]) -> Catalog {
    let mut catalog = Catalog::empty(Dialect::Postgres);
    catalog.tables = tables.iter().map(|table| (table.name.clone(), table.clone())).collect();
    catalog
}

fn check_in(column: &str, values: &[&str]) -> Constraint {
    let list: Vec<String> = values.iter().map(|value| format!("'{value}'")).collect();
    let expression = format!("\"{column}\" IN ({})", list.join(", "));
    let expression = expression.replace('"', "");
    Constraint {
        name: Some(Ident::new(format!("{column}_check"))),
        definition: format!("CHECK ({expression})"),
        kind: ConstraintKind::Check { expression },
    }
}

fn target(table: &str, column: &str) -> Target {
    Target::column(&QName::new("public", table), &Ident::new(column))
}

fn rename_column(table: &str, before: &str, after: &str) -> Rename {
    Rename::Column {
        table: QName::new("public", table),
        before: Ident::new(before),
        after: Ident::new(after),
    }
}

#[test]
fn equal_catalogs_differ_in_nothing() {
    let catalog = catalog(&[table("a", &[("id", "bigint"), ("b", "text")])]);
    let (diff, questions) = diff(&catalog, &catalog, &Intent::default());
    assert_eq!((diff.changes.len(), questions.len()), (0, 0));
}

#[test]
fn column_order_does_not_count_on_postgres() {
    let left = catalog(&[table("a", &[("id", "bigint"), ("b", "text")])]);
    let right = catalog(&[table("a", &[("b", "text"), ("id", "bigint")])]);
    assert!(diff(&left, &right, &Intent::default()).0.changes.is_empty());
}

#[test]
fn a_written_rename_is_one_change_and_the_inverse_undoes_it() {
    let before = catalog(&[table("bills", &[("id", "bigint"), ("no", "text")])]);
    let after = catalog(&[table("invoices", &[("id", "bigint"), ("number", "text")])]);
    let rename = Rename::Table {
        before: QName::new("public", "bills"),
        after: QName::new("public", "invoices"),
    };
    let intent = Intent {
        renames: vec![rename_column("invoices", "no", "number"), rename.clone()],
        ..Intent::default()
    };
    let (forth, questions) = diff(&before, &after, &intent);
    assert!(questions.is_empty());
    assert_eq!(
        forth.changes,
        [Change::Rename(rename), Change::Rename(rename_column("invoices", "no", "number"))]
    );
    let back = inverse(&forth);
    assert_eq!(back.renames().count(), 2);
    assert!(back.renames().any(|rename| *rename == rename_column("bills", "number", "no")));
    assert_eq!(inverse(&back), forth);
}

#[test]
fn a_done_rename_is_ignored() {
    let done = catalog(&[table("a", &[("new", "text")])]);
    let intent = Intent { renames: vec![rename_column("a", "old", "new")], ..Intent::default() };
    assert!(diff(&done, &done, &intent).0.changes.is_empty());
}

#[test]
fn a_drop_and_an_add_of_one_type_is_a_question() {
    let before = catalog(&[table("a", &[("company", "text")])]);
    let after = catalog(&[table("a", &[("organisation", "text")])]);
    let (_, questions) = diff(&before, &after, &Intent::default());
    assert_eq!(questions.len(), 1);
    assert_eq!(questions[0].id, "rename:a.company=a.organisation");
    assert!(questions[0].answers[0].contains("--rename a.company=a.organisation"));

    let drops = [target("a", "company")].into_iter().collect();
    let answered = Intent { drops, ..Intent::default() };
    assert!(diff(&before, &after, &answered).1.is_empty());
}

#[test]
fn a_required_new_column_needs_a_value_for_old_rows() {
    let before = catalog(&[table("a", &[("id", "bigint")])]);
    let mut with = table("a", &[("id", "bigint"), ("currency", "text")]);
    with.columns[1].not_null = true;
    let after = catalog(&[with]);
    let (_, questions) = diff(&before, &after, &Intent::default());
    assert_eq!(questions[0].kind, QuestionKind::Value);

    let fill = ColumnIntent { backfill: Some("'EUR'".into()), ..ColumnIntent::default() };
    let intent = Intent {
        columns: [(target("a", "currency"), fill)].into_iter().collect(),
        ..Intent::default()
    };
    let (forth, questions) = diff(&before, &after, &intent);
    assert!(questions.is_empty());
    let Change::AlterTable(change) = &forth.changes[0] else { panic!("not an alter") };
    assert_eq!(change.mapping[1].origin, SourceOrigin::New);
    assert_eq!(change.mapping[1].fill.as_deref(), Some("'EUR'"));
}

#[test]
fn models_must_say_that_they_drop() {
    let before = catalog(&[table("a", &[("id", "bigint"), ("fax", "text")])]);
    let after = catalog(&[table("a", &[("id", "bigint")])]);
    let intent = Intent { drop_policy: DropPolicy::Acknowledged, ..Intent::default() };
    assert_eq!(diff(&before, &after, &intent).1[0].kind, QuestionKind::Drop);
    assert!(diff(&before, &after, &Intent::default()).1.is_empty());
}

fn states(values: &[&str]) -> Catalog {
    let mut invoices = table("invoices", &[("id", "bigint"), ("status", "text")]);
    invoices.constraints.push(check_in("status", values));
    catalog(&[invoices])
}

fn map_status(pairs: &[(&str, &str)]) -> Intent {
    let values = pairs.iter().map(|(old, new)| (old.to_string(), new.to_string())).collect();
    let column = ColumnIntent { values, ..ColumnIntent::default() };
    Intent {
        columns: [(target("invoices", "status"), column)].into_iter().collect(),
        ..Intent::default()
    }
}

fn mapping_of(diff: &crate::change::Diff) -> crate::change::ColumnSource {
    diff.changes
        .iter()
        .find_map(|change| match change {
            Change::AlterTable(change) => Some(change.mapping[1].clone()),
            _ => None,
        })
        .expect("the table changes")
}

#[test]
fn a_renamed_state_comes_back_by_computing() {
    let (before, after) = (states(&["draft", "pending"]), states(&["draft", "submitted"]));
    assert_eq!(diff(&before, &after, &Intent::default()).1[0].kind, QuestionKind::ValueMap);
    let (forth, questions) = diff(&before, &after, &map_status(&[("pending", "submitted")]));
    assert!(questions.is_empty());
    assert_eq!(mapping_of(&forth).keep, Keep::Nothing);
    let back = mapping_of(&inverse(&forth));
    assert_eq!(back.values, [("submitted".to_owned(), "pending".to_owned())]);
}

#[test]
fn a_merged_state_is_kept() {
    let (before, after) = (states(&["draft", "pending", "open"]), states(&["draft", "open"]));
    let (forth, _) = diff(&before, &after, &map_status(&[("pending", "open")]));
    assert_eq!(mapping_of(&forth).keep, Keep::Altered);
    assert_eq!(mapping_of(&forth).values.len(), 1);
    let back = inverse(&forth);
    assert_eq!(mapping_of(&back).keep, Keep::Altered);
    assert!(mapping_of(&back).values.is_empty());
    assert_eq!(inverse(&back), forth);
}

#[test]
fn a_constraint_with_a_new_name_is_renamed() {
    let before = states(&["draft"]);
    let mut after = before.clone();
    let invoices = after.tables.values_mut().next().expect("one table");
    invoices.constraints[0].name = Some(Ident::new("status_known"));
    let (forth, _) = diff(&before, &after, &Intent::default());
    assert!(matches!(&forth.changes[..], [Change::Rename(Rename::Constraint { .. })]));
}

#[test]
fn a_dropped_table_comes_back_by_the_inverse() {
    let before = catalog(&[table("a", &[("id", "bigint")])]);
    let after = catalog(&[]);
    let (forth, _) = diff(&before, &after, &Intent::default());
    assert!(matches!(&forth.changes[..], [Change::Table(Delta::Drop(_))]));
    assert!(matches!(&inverse(&forth).changes[..], [Change::Table(Delta::Add(_))]));
}
