//! Contracts that teams have already are asked on both engines; what is not asked is named with its place.

use migrate::text::Dialect;
use serde_json::Value;

use crate::BOTH;
use crate::place::{Place, counts, told};

const ROWS: &str = "
  CREATE TABLE customers (id bigint PRIMARY KEY, email text, country text, age bigint);
  CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, status text, amount bigint, tenant bigint, number text);
  INSERT INTO customers VALUES (1, 'a@b.org', 'FR', 30), (2, NULL, 'xx', 200), (3, 'N/A', '', 5), (4, 'a@b.org', 'DE', NULL);
  INSERT INTO orders VALUES (1, 1, 'open', 10, 1, 'A'), (2, 9, 'lost', -5, 1, 'A'), (3, NULL, 'paid', 0, 2, 'A'), (4, 2, NULL, 7, 1, 'B')";

const ODCS: &str = r#"apiVersion: v3.1.0
kind: DataContract
id: shop
schema:
  - name: customers
    quality:
      - metric: rowCount
        mustBeGreaterThan: 2
      - metric: rowCount
        name: few customers
        mustBeBetween: [0, 4]
        description: There are few of them.
      - type: sql
        name: old ones
        query: SELECT count(*) FROM {object} WHERE age > 100
        mustBe: 0
      - type: sql
        name: writes
        query: DELETE FROM customers
        mustBe: 0
      - type: text
        description: All of them are nice.
    properties:
      - name: email
        required: true
        logicalTypeOptions: { maxLength: 4, format: email }
        quality:
          - metric: missingValues
            arguments: { missingValues: [null, '', 'N/A'] }
            mustBe: 0
          - metric: nullValues
            mustBeLessThan: 30
            unit: percent
          - metric: nullValues
            name: hardly any NULL
            mustBeLessThan: 20
            unit: percent
            severity: warning
          - metric: duplicateValues
            mustBe: 0
      - name: country
        quality:
          - metric: invalidValues
            arguments: { pattern: '^[A-Z][A-Z]$' }
            mustBe: 0
      - name: gone
        quality:
          - metric: nullValues
            mustBe: 0
  - name: orders
    quality:
      - metric: duplicateValues
        mustBe: 0
        arguments: { properties: [tenant, number] }
      - type: custom
        engine: soda
        implementation: x
    properties:
      - name: state
        physicalName: status
        quality:
          - metric: invalidValues
            arguments: { validValues: [open, paid] }
            mustBe: 0
"#;

const DBT: &str = r#"version: 2
models:
  - name: orders
    data_tests:
      - dbt_utils.expression_is_true:
          arguments: { expression: "amount >= 0" }
      - dbt_utils.unique_combination_of_columns:
          combination_of_columns: [tenant, number]
          config: { where: "id > 1" }
      - dbt_expectations.expect_something: { x: 1 }
    columns:
      - name: id
        tests: [unique, not_null]
      - name: customer_id
        data_tests:
          - not_null: { severity: warn }
          - relationships: { to: ref('customers'), field: id }
      - name: status
        tests:
          - accepted_values:
              values: [open, paid]
          - not_null:
              name: paid has status
              where: "amount > 0"
          - not_null:
              name: some NULL is fine
              config: { error_if: "> 1", warn_if: "> 0" }
      - name: amount
        tests:
          - expression_is_true: { expression: "< 10" }
          - accepted_values: { values: [1, 7, 10, 0], quote: false, config: { where: "amount >= {{ var('x') }}" } }
  - name: nowhere
    columns: [ { name: id, tests: [unique] } ]
"#;

fn asked(dialect: Dialect, contract: &str) -> Option<(Place, i32, Value)> {
    let place = Place::new(dialect, "", ROWS)?;
    std::fs::write(place.folder.path().join("c.yaml"), contract).expect("a file");
    let ran = place.verify(&["--contract", "c.yaml", "--json"]);
    let verdict = serde_json::from_str(&ran.text).unwrap_or_else(|_| panic!("{}", ran.text));
    Some((place, ran.code, verdict))
}

fn named(verdict: &Value, list: &str) -> Vec<String> {
    let each = verdict[list].as_array().into_iter().flatten();
    let mut names: Vec<String> =
        each.map(|it| it["rule"].as_str().unwrap_or_default().to_owned()).collect();
    names.sort();
    names
}

#[test]
fn quality_rules_of_a_data_contract_are_asked() {
    for dialect in BOTH {
        let Some((place, code, verdict)) = asked(dialect, ODCS) else { return };
        let expected = told(&[
            ("few customers", 4),
            ("old ones", 0),
            ("customers.email required", 1),
            ("customers.email maxLength", 2),
            ("customers.email missingValues", 2),
            ("hardly any NULL", 1),
            ("customers.email duplicateValues", 2),
            ("customers.country invalidValues", 2),
            ("orders duplicateValues", 2),
            ("orders.status invalidValues", 1),
        ]);
        assert_eq!(counts(&verdict), expected, "{dialect}: {verdict:#}");
        assert_eq!(
            named(&verdict, "unasked"),
            ["customers.gone nullValues", "writes"],
            "{verdict:#}"
        );
        let left = ["customers text", "customers.email format", "orders custom"];
        assert_eq!(named(&verdict, "notes"), left, "{dialect}: {verdict:#}");
        assert_eq!(code, 1, "what is wrong in the contract is no success");
        let ran = place.verify(&["--contract", "c.yaml"]);
        for part in [
            "violation few customers: 4 of 4 rows in `customers` (c.yaml:9:9)",
            "There are few of them. (it is 4, and must be between 0 and 4)",
            "violation old ones in `customers` (c.yaml:13:9)\n  it is 1, and must be 0",
            "warning hardly any NULL: 1 of 4 rows in `customers` (c.yaml:34:13)\n  it is 25 percent, and must be less than 20",
            "not asked writes (c.yaml:17:9): its query does not begin with SELECT or WITH",
            "not asked customers.gone nullValues (c.yaml:48:13): `customers` has no column `gone`",
            "not asked orders custom (c.yaml:55:9): it is for soda",
        ] {
            let text = ran.text.replace("main.", "");
            assert!(text.contains(part), "{dialect}: `{part}` in {text}");
        }
    }
}

#[test]
fn tests_of_dbt_are_asked() {
    for dialect in BOTH {
        let Some((place, code, verdict)) = asked(dialect, DBT) else { return };
        let expected = told(&[
            ("orders expression_is_true", 1),
            ("orders.customer_id not_null", 1),
            ("orders.customer_id relationships", 1),
            ("orders.status accepted_values", 1),
            ("paid has status", 1),
            ("some NULL is fine warn_if", 1),
            ("orders.amount expression_is_true", 1),
        ]);
        assert_eq!(counts(&verdict), expected, "{dialect}: {verdict:#}");
        assert_eq!(named(&verdict, "unasked"), ["nowhere.id unique"], "{verdict:#}");
        let left = ["orders expect_something", "orders.amount accepted_values"];
        assert_eq!(named(&verdict, "notes"), left, "{dialect}: {verdict:#}");
        assert_eq!(code, 1);
        let ran =
            place.verify(&["--contract", "c.yaml", "--format", "github", "--table", "orders"]);
        assert_eq!(ran.code, 5, "{}", ran.text);
        let part = "::warning file=c.yaml,line=16,col=13,title=orders.customer_id not_null::";
        assert!(ran.text.contains(part), "{dialect}: {}", ran.text);
        // What a contract finds is repaired as what a model finds.
        let ran = place.verify(&[
            "--contract",
            "c.yaml",
            "--repair",
            "orders.customer_id relationships=null",
        ]);
        assert!(
            ran.code == 0 && ran.text.contains("customer_id: 9 → NULL"),
            "{dialect}: {}",
            ran.text
        );
    }
}
