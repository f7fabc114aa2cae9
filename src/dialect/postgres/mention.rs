//! Which of many things a text mentions, without looking for each of them in it.

use std::collections::{BTreeMap, BTreeSet};

use super::context::Mention;
use crate::dialect::Resource;

/// Things that texts may mention, found by a word of their printed names.
#[derive(Debug, Default)]
pub(super) struct Mentions {
    all: Vec<Mention>,
    by_word: BTreeMap<String, BTreeSet<usize>>,
    /// Things whose names have no word: they are looked for in every text.
    wordless: BTreeSet<usize>,
}

impl Mentions {
    pub(super) fn of(all: Vec<Mention>) -> Self {
        let mut by_word: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        let mut wordless = BTreeSet::new();
        for (index, mention) in all.iter().enumerate() {
            for needle in mention.needles() {
                match words(needle).last() {
                    Some(word) => by_word.entry(word.to_owned()).or_default().insert(index),
                    None => wordless.insert(index),
                };
            }
        }
        Mentions { all, by_word, wordless }
    }

    /// What any of the texts mentions.
    pub(super) fn in_texts<'t>(
        &self,
        texts: impl IntoIterator<Item = &'t str>,
    ) -> BTreeSet<Resource> {
        if self.all.is_empty() {
            return BTreeSet::new();
        }
        let found = texts.into_iter().flat_map(|text| self.in_text(text));
        found.map(|mention| mention.resource.clone()).collect()
    }

    /// Whether the text mentions any of these things.
    pub(super) fn any_in(&self, text: &str) -> bool {
        self.in_text(text).next().is_some()
    }

    fn in_text<'m>(&'m self, text: &'m str) -> impl Iterator<Item = &'m Mention> {
        let named = words(text).filter_map(|word| self.by_word.get(word)).flatten();
        let found = named.chain(&self.wordless).filter_map(|index| self.all.get(*index));
        found.filter(|mention| mention.is_in(text))
    }
}

/// The words of a text, whether they stand in quotes or not. Where a name is in a text as a whole, so are its words.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '$');
    parts.filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::QName;

    fn mentions(names: &[(&str, &str)]) -> Mentions {
        let mention = |(schema, name): &(&str, &str)| {
            let name = QName::new(*schema, *name);
            Mention::new(Resource::Enum(name.clone()), &name)
        };
        Mentions::of(names.iter().map(mention).collect())
    }

    #[test]
    fn a_thing_is_found_by_its_whole_name_only() {
        let all = mentions(&[("app", "mood"), ("app", "moods"), ("app", "My Type"), ("app", "+")]);
        let found = |text: &str| all.in_texts([text]).len();
        assert_eq!(found("('sad'::text)::app.mood"), 1);
        assert_eq!(found("nextval('app.mood'::regclass)"), 1);
        assert_eq!(found("app.mood[] or app.moods"), 2);
        assert_eq!(found("app.moody or other.mood"), 0);
        assert_eq!(found("x::app.\"My Type\""), 1);
        assert_eq!(found("x::app.\"Type\""), 0);
        assert_eq!(found("app.\"+\""), 1);
        assert!(all.any_in("app.mood") && !all.any_in("integer"));
    }
}
