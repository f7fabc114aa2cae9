//! What is taken, what is refused, and what is answered.

use super::*;

fn fields() -> Vec<Field> {
    let field = |name: &str, kind| Field { name: Ident::new(name), kind, text: None };
    vec![
        field("n", Some(Kind::Int4)),
        field("t", Some(Kind::Text(Order::Locale))),
        field("price", Some(Kind::Numeric)),
        field("d", Some(Kind::Date)),
        field("j", None),
        field("f", Some(Kind::Bool)),
        field("user", Some(Kind::Text(Order::Locale))),
    ]
}

/// The answer to a row in which `n` is a number and `t` a text.
fn answer(condition: &str, n: Option<i32>, t: Option<&str>) -> Result<bool, Doubt> {
    let program = program(condition, &fields()).unwrap_or_else(|why| panic!("{condition}: {why}"));
    let mut bytes = Vec::new();
    let mut cells = vec![None; fields().len()];
    if let Some(n) = n {
        bytes.extend(n.to_be_bytes());
        cells[0] = Some((0, 4));
    }
    if let Some(t) = t {
        cells[1] = Some((bytes.len() as u32, (bytes.len() + t.len()) as u32));
        bytes.extend(t.as_bytes());
    }
    program.is_true(Row { bytes: &bytes, cells: &cells })
}

#[test]
fn conditions_are_answered_in_three_valued_logic() {
    for (condition, expected) in [
        ("(n > 0) IS FALSE", false),
        ("(n > 7) IS FALSE", true),
        ("(\"n\" BETWEEN 1 AND 4) IS FALSE", true),
        ("r.\"n\" IS NULL", false),
        ("r.\"j\" IS NULL", true),
        ("(price > 1) IS FALSE", false),
        ("(price > 1) IS NOT TRUE", true),
        ("(t IN ('a', 'b')) IS FALSE", true),
        ("(t ~ '^a[0-9]+$') IS FALSE", false),
        (
            "((t)::text = ANY ((ARRAY['a1'::character varying, 'x'::character varying])::text[])) IS TRUE",
            true,
        ),
        ("(length(t) + n) = 7", true),
        ("((t COLLATE \"C\") < 'b') IS TRUE", true),
        ("(t LIKE 'a%' AND n <> 5) IS FALSE", true),
        ("n > 5.5 OR d > '2024-01-01' OR f", false),
        ("coalesce(price, n) = 5.00", true),
        ("CASE WHEN n > 1 THEN t ELSE 'x' END = 'a1'", true),
        ("(n IS DISTINCT FROM NULL)", true),
    ] {
        assert_eq!(answer(condition, Some(5), Some("a1")), Ok(expected), "{condition}");
    }
}

#[test]
fn what_the_server_would_stop_at_is_a_doubt() {
    assert_eq!(answer("n + 1 > 0", Some(i32::MAX), None), Err(Doubt));
    assert_eq!(answer("n / 0 > 0", Some(1), None), Err(Doubt));
    assert_eq!(answer("n <> 1 AND n / 0 > 0", Some(1), None), Ok(false));
    assert_eq!(answer("CAST(t AS integer) = 12", None, Some("12")), Ok(true));
    assert_eq!(answer("CAST(t AS integer) = 12", None, Some(" 12")), Err(Doubt));
}

#[test]
fn what_only_the_server_knows_is_refused() {
    for condition in [
        "t < 'b'",
        "lower(t) = t",
        "t ILIKE 'a%'",
        "t ~* 'a'",
        "t ~ '\\d'",
        "d > now()",
        "d > CURRENT_DATE",
        "j ->> 'k' = 'a'",
        "j = j",
        "user = 'x'",
        "missing = 1",
        "n = 'x'",
        "n > 1::money",
        "t = n",
        "n + 1 = 2 = f",
        "t || t ~ 'a'",
        "t = E'a\\n'",
        "CAST(price AS numeric(4,1)) = 1",
        "NOT n",
        "EXISTS (SELECT 1)",
        "random() > 0.5",
        "price / 3 > 1",
    ] {
        assert!(program(condition, &fields()).is_err(), "{condition}");
    }
    assert!(program("\"user\" = 'x'", &fields()).is_ok());
}

#[test]
fn a_key_says_which_columns_it_needs() {
    let key = key(&["\"t\"".to_owned(), "lower(t COLLATE \"C\")".to_owned()], &fields());
    let key = key.expect("both are known");
    assert_eq!(key.fields().iter().copied().collect::<Vec<_>>(), [1]);
    assert_eq!(key.kinds()[1], Kind::Text(Order::Bytes));
}
