//! The billing model on both engines; SQLite's text is run.

use rusqlite::Connection;

use super::{Realized, realize};
use crate::catalog::rule::{Enforce, Requirement};
use crate::catalog::{Catalog, Dependency, TableOptions};
use crate::change::Rename;
use crate::model::{Model, parse};
use crate::text::diagnostic::{Colour, render};
use crate::text::{Dialect, Ident, QName};

const BILLING: &str = include_str!("../../../fixtures/models/billing.yaml");

fn read(text: &str) -> Model {
    let (model, issues) = parse(text);
    model.unwrap_or_else(|| panic!("{}", render("model.yaml", text, &issues, Colour::Plain)))
}

fn realized(text: &str, dialect: Dialect) -> Realized {
    realize(&read(text), dialect)
        .unwrap_or_else(|issues| panic!("{}", render("model.yaml", text, &issues, Colour::Plain)))
}

/// All statements that make the schema, in an order that works.
pub(super) fn statements(catalog: &Catalog) -> Vec<String> {
    let tables = catalog.tables.values().map(|table| match &table.options {
        TableOptions::Sqlite { create, .. } => create.clone(),
        TableOptions::Postgres(_) => String::new(),
    });
    let indexes = catalog.tables.values().flat_map(|table| &table.indexes);
    let mut statements: Vec<String> = tables.collect();
    statements.extend(indexes.map(|index| index.definition.clone()));
    statements.extend(catalog.opaques.values().flat_map(|opaque| opaque.create.clone()));
    statements
}

#[test]
fn sqlite_takes_the_billing_schema_and_holds_its_rules() {
    let realized = realized(BILLING, Dialect::Sqlite);
    let db = Connection::open_in_memory().expect("memory");
    for sql in statements(&realized.catalog) {
        db.execute_batch(&sql).unwrap_or_else(|error| panic!("{error}\n{sql}"));
    }
    db.execute_batch(
        "INSERT INTO company (title) VALUES ('A');
         INSERT INTO bills (company_id, number, currency, issued_on)
           SELECT id, '1', 'EUR', '2026-01-31' FROM company;",
    )
    .expect("valid rows");
    for stamp in ["2026-02-28 10:00:00", "2026-02-28 10:00:00.250"] {
        db.execute("UPDATE bills SET settled_at = ?1", [stamp]).expect(stamp);
    }
    let id: String = db.query_row("SELECT id FROM company", [], |row| row.get(0)).expect("id");
    assert_eq!(id.len(), 36, "{id}");
    for (sql, name) in [
        ("UPDATE bills SET currency = 'eur'", "bills_currency_match"),
        ("UPDATE bills SET total = -1", "bills_total_min"),
        ("UPDATE bills SET status = 'gone'", "bills_status_check"),
        ("UPDATE bills SET due_on = '2025-01-01'", "bills_due_after_issue"),
        ("UPDATE bills SET status = 'settled'", "bills_settled_is_complete"),
        ("UPDATE bills SET issued_on = '2026-02-30'", "bills_issued_on_type"),
        ("UPDATE bills SET settled_at = '2026-02-28T10:00:00Z'", "bills_settled_at_type"),
        ("UPDATE company SET title = ''", "company_title_min"),
    ] {
        let error = db.execute_batch(sql).expect_err(sql).to_string();
        assert!(error.contains(name), "{sql}: {error}");
    }
}

#[test]
fn postgres_names_and_types_are_the_engines_own() {
    let catalog = realized(BILLING, Dialect::Postgres).catalog;
    let bills = &catalog.tables[&QName::new("public", "bills")];
    let column = |name: &str| bills.column(&Ident::from(name)).expect(name);
    assert_eq!(column("total").data_type, "numeric(12,2)");
    assert_eq!(column("status").default.as_deref(), Some("'open'::text"));
    assert_eq!(column("id").default.as_deref(), Some("gen_random_uuid()"));
    assert_eq!(column("created_at").data_type, "timestamp with time zone");
    let definition = |name: &str| {
        let found = bills.constraints.iter().find(|c| c.name == Some(Ident::from(name)));
        found.unwrap_or_else(|| panic!("{name}: {:#?}", bills.constraints)).definition.clone()
    };
    assert_eq!(definition("bills_pkey"), "PRIMARY KEY (id)");
    assert_eq!(
        definition("bills_settled_by_id_fkey"),
        "FOREIGN KEY (settled_by_id) REFERENCES public.person(id) ON DELETE SET NULL"
    );
    assert_eq!(
        definition("bills_status_check"),
        "CHECK ((status = ANY (ARRAY['open'::text, 'sent'::text, 'settled'::text])))"
    );
    let index = |name: &str| {
        let found = bills.indexes.iter().find(|index| index.name.as_str() == name);
        found.expect(name).definition.clone()
    };
    assert_eq!(
        index("bills_extra_search"),
        "CREATE INDEX bills_extra_search ON public.bills USING gin (extra)"
    );
}

#[test]
fn intent_says_renames_values_and_drops() {
    let intent = realized(BILLING, Dialect::Postgres).intent;
    let bills = QName::new("public", "bills");
    let rename = Rename::Table { before: QName::new("public", "invoice"), after: bills.clone() };
    assert!(intent.renames.contains(&rename), "{:?}", intent.renames);
    let person = QName::new("public", "person");
    let rename = Rename::Column {
        table: person.clone(),
        before: Ident::from("mail"),
        after: Ident::from("email"),
    };
    assert!(intent.renames.contains(&rename));
    let column = |name: &str| crate::change::Target::column(&bills, &Ident::from(name));
    assert_eq!(
        intent.columns[&column("currency")].backfill.as_deref(),
        Some(
            "coalesce((SELECT \"r1\".\"home_currency\" FROM \"public\".\"company\" AS \"r1\" \
             WHERE \"r1\".\"id\" = \"t\".\"company_id\"), 'EUR')"
        )
    );
    assert_eq!(
        intent.columns[&column("status")].values,
        [("pending".to_owned(), "sent".to_owned())]
    );
    let token = crate::change::Target::column(&person, &Ident::from("legacy_token"));
    assert!(intent.drops.contains(&token) && intent.discard.contains(&token));
}

#[test]
fn every_rule_has_its_line() {
    for dialect in [Dialect::Postgres, Dialect::Sqlite] {
        let rules = realized(BILLING, dialect).rules;
        let rule = rules.iter().find(|rule| rule.name == "Bill.due_after_issue").expect("rule");
        let line = BILLING.lines().position(|l| l.contains("due_after_issue")).expect("line") + 1;
        assert_eq!(rule.origin.map(|(line, _)| line), Some(line));
        assert_eq!(
            rule.requirement,
            Requirement::Holds { expression: "\"due_on\" >= \"issued_on\"".to_owned() }
        );
        assert!(rules.iter().any(|rule| rule.name == "Bill.currency required"));
    }
}

#[test]
fn a_pattern_without_an_exact_glob_is_verified_on_sqlite() {
    let text = "model: 1\nname: m\nentities:\n  A:\n    fields:\n      id: int\n      code: { type: text, match: '^(ab|cd)+$' }\n";
    let rules = realized(text, Dialect::Sqlite).rules;
    let rule = rules.iter().find(|rule| rule.name == "A.code_match").expect("rule");
    assert_eq!(rule.enforce, Enforce::Verify);
    let rules = realized(text, Dialect::Postgres).rules;
    let rule = rules.iter().find(|rule| rule.name == "A.code_match").expect("rule");
    assert_eq!(rule.enforce, Enforce::Database);
}

#[test]
fn formats_hold_the_same_on_sqlite() {
    let text = "model: 1\nname: m\nentities:\n  A:\n    fields:\n      id: int\n      e: { type: text, optional: true, format: email }\n      s: { type: text, optional: true, format: slug }\n      p: { type: text, optional: true, format: phone }\n      c: { type: text, optional: true, format: country }\n      u: { type: text, optional: true, format: url }\n";
    let realized = realized(text, Dialect::Sqlite);
    assert!(realized.rules.iter().all(|rule| rule.enforce == Enforce::Database));
    let db = Connection::open_in_memory().expect("memory");
    for sql in statements(&realized.catalog) {
        db.execute_batch(&sql).unwrap_or_else(|error| panic!("{error}\n{sql}"));
    }
    let put = |column: &str, value: &str| {
        db.execute(&format!("INSERT INTO a ({column}) VALUES (?1)"), [value]).is_ok()
    };
    for (column, good, bad) in [
        ("e", "a@b.c", "a@@b"),
        ("s", "a-b-1", "a--b"),
        ("p", "+12345678", "12345678"),
        ("c", "DE", "De"),
        ("u", "https://x.y", "ftp://x"),
    ] {
        assert!(put(column, good), "{column} takes {good}");
        assert!(!put(column, bad), "{column} refuses {bad}");
    }
}

#[test]
fn views_stand_on_their_tables() {
    let catalog = realized(BILLING, Dialect::Sqlite).catalog;
    let view = catalog.opaques.values().next().expect("view");
    assert!(view.create[0].starts_with("CREATE VIEW \"open_totals\" AS SELECT"));
    assert!(view.depends_on.contains(&Dependency::Table(QName::new("main", "bills"))));
}

#[test]
fn capital_letters_in_fields_are_found_by_rules() {
    let text = "model: 1\nname: m\nentities:\n  Invoice:\n    table: Invoice\n    key: [InvoiceId]\n    fields:\n      InvoiceId: int\n      Total: { type: int, backfill: InvoiceId + 1 }\n      Customer: { ref: Customer, column: CustomerId }\n      Country: { type: text, backfill: Customer.Country }\n    indexes:\n      low: [lower(Country)]\n    rules:\n      positive: Total >= 0\n  Customer:\n    table: Customer\n    key: [CustomerId]\n    fields:\n      CustomerId: int\n      Country: text\n";
    let realized = realized(text, Dialect::Sqlite);
    let rule = realized.rules.iter().find(|rule| rule.name == "Invoice.positive").expect("rule");
    assert_eq!(rule.requirement, Requirement::Holds { expression: "\"Total\" >= 0".to_owned() });
    let table = QName::new("main", "Invoice");
    let target = crate::change::Target::column(&table, &Ident::from("Country"));
    assert_eq!(
        realized.intent.columns[&target].backfill.as_deref(),
        Some(
            "(SELECT \"r1\".\"Country\" FROM \"Customer\" AS \"r1\" WHERE \"r1\".\"CustomerId\" = \"t\".\"CustomerId\")"
        )
    );
}

#[test]
fn every_key_is_realized_on_both_engines() {
    let text = include_str!("../../../fixtures/models/every-key.yaml");
    for dialect in [Dialect::Postgres, Dialect::Sqlite] {
        let catalog = realized(text, dialect).catalog;
        assert_eq!(catalog.tables.len(), 5);
    }
    let db = Connection::open_in_memory().expect("memory");
    for sql in statements(&realized(text, Dialect::Sqlite).catalog) {
        db.execute_batch(&sql).unwrap_or_else(|error| panic!("{error}\n{sql}"));
    }
}
