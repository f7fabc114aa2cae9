//! `GLOB` forms: what they look like. That they are exact is tested against SQLite in `tests/expr_law.rs`.

use super::*;

fn whole(pattern: &str) -> Option<String> {
    match to_glob(pattern, Case::Sensitive)? {
        GlobTest::Glob(Part::Whole, glob) => Some(glob),
        _ => None,
    }
}

#[test]
fn fixed_shapes_are_one_glob() {
    let cases = [
        ("^[A-Z][A-Z][A-Z]$", "[A-Z][A-Z][A-Z]"),
        ("^[A-Z]{3}$", "[A-Z][A-Z][A-Z]"),
        ("^INV-", "INV-*"),
        ("pdf$", "*pdf"),
        ("a.*b", "*a*b*"),
        ("^a.+b$", "a?*b"),
        ("[0-9]+", "*[0-9]*"),
        ("x{2,5}", "*xx*"),
        ("^[*]\\?\\[$", "[*][?][[]"),
        ("^[^a]$", "[^a]"),
        ("^[\\]^-]$", "[]^-]"),
        ("^[\\^-]$", "[-^]"),
        ("", "*"),
    ];
    for (pattern, glob) in cases {
        assert_eq!(whole(pattern).as_deref(), Some(glob), "{pattern}");
    }
}

#[test]
fn repeats_of_a_class_are_conjunctions() {
    let digits = GlobTest::All(vec![
        GlobTest::Glob(Part::Whole, "?*".into()),
        GlobTest::NotGlob(Part::Whole, "*[^0-9]*".into()),
    ]);
    assert_eq!(to_glob("^[0-9]+$", Case::Sensitive), Some(digits));
    let star = GlobTest::NotGlob(Part::Whole, "*[^0-9]*".into());
    assert_eq!(to_glob("^[0-9]*$", Case::Sensitive), Some(star));
    assert!(to_glob("^[^@ ]+@[^@ ]+$", Case::Sensitive).is_some());
    assert!(to_glob("^[^@ ]+@[^@ ]+\\.[^@ ]+$", Case::Sensitive).is_some());
    assert!(matches!(to_glob("^(draft|done)$", Case::Sensitive), Some(GlobTest::Any(_))));
}

#[test]
fn what_has_no_exact_form_has_none() {
    for pattern in ["^(ab)*$", "^[a-z]+[0-9]+$", "a^b", "^[a-z]{1,3}[0-9]{1,3}$"] {
        assert_eq!(to_glob(pattern, Case::Sensitive), None, "{pattern}");
    }
    assert_eq!(to_glob("é", Case::Insensitive), None);
}

#[test]
fn like_becomes_glob() {
    assert_eq!(like_to_glob("a%_\\%*[?").as_deref(), Some("a*?%[*][[][?]"));
}
