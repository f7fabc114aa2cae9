//! "Did you mean": the nearest known word to one that is unknown.

use similar::TextDiff;

/// The closest of `known` to `word`, if close enough to be worth proposing (ratio at least 0.6).
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (similarity(word, candidate), candidate))
        .filter(|(score, _)| *score >= 0.6)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}

/// Likeness of two names between 0 and 1, ignoring case.
pub fn similarity(left: &str, right: &str) -> f32 {
    let (left, right) = (left.to_lowercase(), right.to_lowercase());
    TextDiff::from_chars(left.as_str(), right.as_str()).ratio()
}

/// The words as a hint: "; did you mean `total`?", or nothing.
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proposes_the_nearest_name_only_when_it_is_near() {
        assert_eq!(nearest("totl", ["total", "tax"]), Some("total"));
        assert_eq!(nearest("zzz", ["total", "tax"]), None);
        assert_eq!(did_you_mean("totl", ["total"]), "; did you mean `total`?");
    }
}
