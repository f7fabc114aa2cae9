//! Contracts as they are written, read.

use super::*;

fn names(contract: &Contract) -> Vec<&str> {
    contract.tests.iter().map(|test| test.name.as_str()).collect()
}

#[test]
fn what_is_no_contract_is_said() {
    for text in
        ["a: 1\n", "apiVersion: v2.2.0\nkind: DataContract\n", "dataContractSpecification: 1.1.0\n"]
    {
        let error = parse(text, "c.yaml").expect_err("it is none");
        assert!(error.to_string().contains("`c.yaml` is no contract that is known"), "{error}");
    }
    let error = parse("a: [\n", "c.yaml").expect_err("it is no YAML");
    assert!(error.to_string().contains("c.yaml:"), "{error}");
}

#[test]
fn nothing_in_a_contract_is_passed_over() {
    let text = "apiVersion: v3.1.0\nkind: DataContract\nschema:\n  - name: orders\n    quality:\n      - type: text\n        \
                description: good\n      - metric: freshness\n        mustBe: 0\n      - metric: rowCount\n    properties:\n      \
                - name: id\n        required: true\n        quality:\n          - {type: custom, engine: soda, implementation: x}\n          \
                - {metric: nullValues, mustBe: 0}\n          - {metric: nullValues, mustBeLessThan: 5}\n";
    let contract = parse(text, "c.yaml").expect("it is one");
    let left: Vec<(&str, Why)> =
        contract.left.iter().map(|it| (it.name.as_str(), it.why)).collect();
    let expected = [
        ("orders text", Why::Foreign),
        ("orders freshness", Why::Wrong),
        ("orders rowCount", Why::Wrong),
        ("orders.id custom", Why::Foreign),
    ];
    assert_eq!(left, expected);
    let expected = ["orders.id required", "orders.id nullValues", "orders.id nullValues (line 17)"];
    assert_eq!(names(&contract), expected);
    assert_eq!(contract.tests[0].origin, (13, 19));
}
