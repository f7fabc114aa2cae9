//! What the parser accepts, and the messages for what it does not.

use super::*;
use crate::expr::print::print;

struct Invoice;

const STATES: [&str; 3] = ["draft", "submitted", "approved"];

impl Scope for Invoice {
    fn field(&self, path: &[String]) -> Result<(ValueType, Nullability), String> {
        let text = path.join(".");
        let states = || ValueType::Enum(STATES.map(str::to_owned).to_vec());
        let decimal = ValueType::Decimal { precision: 12, scale: 2 };
        let field = match text.as_str() {
            "total" => (decimal, Nullability::NotNull),
            "count" => (ValueType::Int, Nullability::NotNull),
            "small" => (ValueType::Int32, Nullability::NotNull),
            "name" => (ValueType::Text, Nullability::NotNull),
            "note" | "BillingCountry" => (ValueType::Text, Nullability::Nullable),
            "status" => (states(), Nullability::NotNull),
            "flag" => (ValueType::Bool, Nullability::NotNull),
            "due_on" => (ValueType::Date, Nullability::Nullable),
            "issued_on" => (ValueType::Date, Nullability::NotNull),
            "approved_at" => (ValueType::Timestamp, Nullability::Nullable),
            "id" => (ValueType::Uuid, Nullability::NotNull),
            "meta" => (ValueType::Json, Nullability::Nullable),
            "organization.default_currency" => (ValueType::Text, Nullability::Nullable),
            _ => {
                let hint = crate::text::suggest::did_you_mean(&text, ["total", "name", "status"]);
                return Err(format!("no field `{text}`{hint}"));
            }
        };
        Ok(field)
    }
}

fn rule(text: &str) -> Result<Typed, Vec<ExprError>> {
    parse(text, &Invoice, Purpose::RowRule)
}

#[test]
fn well_formed_rules_print_in_their_canonical_form() {
    let cases = [
        ("TOTAL >= 0", "total >= 0"),
        ("((total)) >= (.50)", "total >= 0.50"),
        ("billingcountry = 'x' or BillingCountry is null", ""),
        ("BillingCountry = 'PT'", "BillingCountry = 'PT'"),
        (
            "status <> 'approved' OR (approved_at IS NOT NULL AND flag)",
            "status <> 'approved' OR approved_at IS NOT NULL AND flag",
        ),
        ("due_on - issued_on <= 30", "due_on - issued_on <= 30"),
        ("due_on >= issued_on + count", "due_on >= issued_on + count"),
        ("due_on - '2024-01-01' > 3", "due_on - '2024-01-01' > 3"),
        ("(total = 1) = flag", "(total = 1) = flag"),
        ("not flag", "NOT flag"),
        (
            "case status when 'draft' then flag else true end",
            "CASE WHEN status = 'draft' THEN flag ELSE true END",
        ),
        ("approved_at > '2024-01-01T10:00Z'", "approved_at > '2024-01-01 10:00:00'"),
        ("substring(name from 1 for 2) = trim(name)", "substr(name, 1, 2) = trim(name)"),
        ("name !~* '^[a-z]+$'", "name !~* '^[a-z]+$'"),
        ("meta ->> 'kind' || 'x' = 'ax'", "(meta ->> 'kind') || 'x' = 'ax'"),
        ("count::text = '5'", "CAST(count AS text) = '5'"),
        ("flag IS UNKNOWN", "flag IS NULL"),
        ("total + -1 < - - total", "total + -1 < -(-total)"),
        ("total between 1 and 2 and flag", "total BETWEEN 1 AND 2 AND flag"),
        ("coalesce(note, 'it''s') in (name, 'b')", "coalesce(note, 'it''s') IN (name, 'b')"),
    ];
    for (text, wanted) in cases {
        match rule(text) {
            Ok(typed) => assert_eq!(print(&typed.expr), wanted, "{text}"),
            Err(errors) => assert_eq!(wanted, "", "{text}: {errors:?}"),
        }
    }
}

#[test]
fn each_fault_is_named_with_what_to_do() {
    let cases = [
        ("totl >= 0", "no field `totl`; did you mean `total`?", ""),
        (
            "status = 'aproved'",
            "'aproved' is not one of [draft, submitted, approved]; did you mean `approved`?",
            "",
        ),
        ("status = draft", "no field `draft`", "write 'draft' in single quotes"),
        ("name = \"x y\"", "no field `x y`", "write text as 'x y'"),
        ("status < 'draft'", "no order on enum", "IN"),
        ("flag > true", "no order on bool", ""),
        ("id < id", "no order on uuid", ""),
        ("meta = meta", "json values cannot be compared", "->>"),
        ("name ~ '\\d+'", "\\d depends on the database locale", ""),
        ("name ~ '(?=x)a'", "look-around", ""),
        ("name ~ note", "must be a literal", ""),
        ("total = 1 = flag", "chained comparison: add parentheses", ""),
        ("1 < total < 5", "chained comparison: add parentheses", ""),
        ("now() > approved_at", "`now()` is not in the portable subset of row rules", ""),
        ("count(name) > 0", "function `count` is not in the portable subset", "enforce: verify"),
        ("lowr(name) = 'a'", "did you mean `lower`?", ""),
        ("total = 1; drop table x", "unexpected `;` after the expression", ""),
        ("total / 2 = 1", "operator `/` is not in the portable subset", "divide"),
        ("count % 2 = 1", "operator `%` is not in the portable subset", ""),
        (
            "due_on > issued_on + interval '1 month'",
            "intervals are not in the portable subset",
            "whole days",
        ),
        ("extract(year from due_on) = 2024", "EXTRACT is not in the portable subset", ""),
        ("total = NULL", "comparing with NULL", "IS NULL"),
        ("total = '5'", "remove the quotes", ""),
        ("due_on > '2024-02-30'", "is not a date", ""),
        ("name = 5", "must have one type, not text and int", ""),
        ("status = name", "must have one type", "CAST"),
        ("name || count = 'x'", "`||` needs text, this is int", ""),
        ("lower(status) = 'x'", "`lower` needs text", "CAST"),
        ("approved_at + 1 > approved_at", "arithmetic on timestamp", "whole days"),
        ("organization.default_currency = 'EUR'", "reaches another entity", "enforce: verify"),
        ("total", "a rule needs true or false, this is decimal(12,2)", ""),
        ("exists (select 1)", "a query over other rows", ""),
        ("total in (select 1)", "a query over other rows", ""),
        ("CAST(name AS int) = 5", "a cast from text to int", "int to text"),
        ("CAST(total AS varchar(20)) = 'x'", "use `text` with `max: 20`", ""),
        ("substr(name, 0) = 'x'", "from 1 up", ""),
        ("coalesce(note) = 'x'", "at least 2 arguments", ""),
        ("name LIKE 'a\\'", "backslash", ""),
        ("name similar to 'a'", "pattern operator", ""),
        ("total = 1e5", "cannot read the number", ""),
        ("name = $$x$$", "not in the portable subset", "single quotes"),
        ("sum(total) over () > 1", "function `sum`", ""),
        ("total >=", "expected", ""),
        ("", "expected", ""),
        ("name = 'x", "Unterminated", ""),
    ];
    for (text, message, help) in cases {
        let errors = rule(text).expect_err(text);
        let found = errors.iter().any(|error| {
            error.message.contains(message)
                && (help.is_empty()
                    || error.help.as_ref().is_some_and(|found| found.contains(help)))
        });
        assert!(found, "{text}: {errors:#?}");
    }
}

#[test]
fn all_faults_are_reported_at_their_bytes() {
    let text = "totl >= 0 AND\n name = 'é' AND status = 'aproved'";
    let errors = rule(text).unwrap_err();
    let places: Vec<&str> =
        errors.iter().map(|error| &text[error.span.start..error.span.end]).collect();
    assert_eq!(places, ["totl", "'aproved'"]);
    let text = "name = 'é' é";
    let errors = rule(text).unwrap_err();
    assert_eq!(&text[errors[0].span.start..errors[0].span.end], "é");
    assert_eq!(rule("total > )").unwrap_err()[0].span, Span { start: 8, end: 9 });
}

#[test]
fn types_and_nullability_are_found() {
    let backfill = |text| parse(text, &Invoice, Purpose::Backfill).expect(text);
    let cases = [
        ("coalesce(organization.default_currency, 'EUR')", "text", Nullability::NotNull),
        ("organization.default_currency", "text", Nullability::Nullable),
        ("now()", "timestamp", Nullability::NotNull),
        ("total * 2", "decimal(12,2)", Nullability::NotNull),
        ("total + small", "decimal(12,2)", Nullability::NotNull),
        ("due_on + 30", "date", Nullability::Nullable),
        ("issued_on - due_on", "int", Nullability::Nullable),
        ("nullif(name, '')", "text", Nullability::Nullable),
        (
            "CASE WHEN flag THEN 'draft' ELSE status END",
            "enum [draft, submitted, approved]",
            Nullability::NotNull,
        ),
        ("CASE WHEN flag THEN 1 END", "int", Nullability::Nullable),
        ("CASE WHEN flag THEN NULL ELSE 1 END", "int", Nullability::Nullable),
        ("CAST(name AS int)", "int", Nullability::NotNull),
        ("greatest(due_on, issued_on)", "date", Nullability::NotNull),
    ];
    for (text, value, nullability) in cases {
        let typed = backfill(text);
        assert_eq!(typed.value.as_ref().map(print_type).as_deref(), Some(value), "{text}");
        assert_eq!(typed.nullability, nullability, "{text}");
    }
    assert_eq!(backfill("NULL").value, None);
}

#[test]
fn a_value_must_fit_the_field_it_goes_into() {
    let states = ValueType::Enum(STATES.map(str::to_owned).to_vec());
    let fit = |text, target: &ValueType| parse_for(text, &Invoice, Purpose::Backfill, target);
    assert!(fit("'draft'", &states).is_ok());
    assert!(fit("CASE WHEN flag THEN 'draft' ELSE 'approved' END", &states).is_ok());
    assert!(fit("CASE WHEN flag THEN 'draft' ELSE 'x' END", &states).is_err());
    assert!(fit("name", &states).unwrap_err()[0].message.contains("the field is enum"));
    assert!(fit("draft", &states).unwrap_err()[0].help.is_some());
    assert!(fit("5", &ValueType::Int32).is_ok());
    assert!(fit("-5", &ValueType::Int32).is_ok());
    assert!(fit("5000000000", &ValueType::Int32).is_err());
    assert!(fit("count", &ValueType::Int32).is_err());
    assert!(fit("0", &ValueType::Decimal { precision: 12, scale: 2 }).is_ok());
    assert!(fit("total * 2", &ValueType::Decimal { precision: 12, scale: 2 }).is_ok());
    assert!(fit("1.005", &ValueType::Decimal { precision: 12, scale: 2 }).is_err());
    assert_eq!(fit("'2024-1-1'", &ValueType::Date).unwrap_err().len(), 1);
    let default = |text| parse_for(text, &Invoice, Purpose::Default, &ValueType::Text);
    assert!(default("'EUR'").is_ok());
    assert!(default("name").unwrap_err()[0].message.contains("a default cannot use the field"));
    assert!(parse("lower(name)", &Invoice, Purpose::Index).is_ok());
    assert!(parse("CAST(status AS text)", &Invoice, Purpose::Index).is_err());
}

#[test]
fn hostile_depth_is_an_error_not_a_crash() {
    let nested = format!("{}flag{}", "(".repeat(5_000), ")".repeat(5_000));
    assert!(rule(&nested).unwrap_err()[0].message.contains("nested too deeply"));
    let chain = ["flag"; 1_500].join(" AND ");
    assert!(rule(&chain).unwrap_err()[0].message.contains("nested too deeply"));
    // As deep as is allowed, in the 2 MiB of a test's thread.
    let deepest = [
        ["flag"; 240].join(" AND "),
        format!("{} = 1", ["total"; 240].join(" + ")),
        format!("{} = 'a'", ["name"; 240].join(" || ")),
        format!("count{} = 'a'", "::text".repeat(240)),
        format!("flag{}", " IS NULL".repeat(240)),
        format!("{}flag{}", "(".repeat(45), ")".repeat(45)),
        format!("{}{} = 1", "- ".repeat(45), ["total"; 150].join(" * ")),
    ];
    for text in deepest {
        match rule(&text) {
            // These chains print with brackets, which the parser follows less deep.
            Ok(typed) if ["::", "IS NULL", "- -"].iter().any(|chain| text.contains(chain)) => {
                assert!(!print(&typed.expr).is_empty());
            }
            Ok(typed) => assert_eq!(rule(&print(&typed.expr)), Ok(typed)),
            Err(errors) => assert!(errors[0].message.contains("too deeply"), "{errors:?}"),
        }
    }
    let map: Vec<String> =
        (0..400).map(|number| format!("WHEN count = {number} THEN flag")).collect();
    assert!(rule(&format!("CASE {} ELSE true END", map.join(" "))).is_ok());
    let minus = format!("{}total > 0", "- ".repeat(4_000));
    assert!(rule(&minus).is_err());
    assert!(rule(&"x".repeat(LENGTH_MAX + 1)).unwrap_err()[0].message.contains("longer than"));
}
