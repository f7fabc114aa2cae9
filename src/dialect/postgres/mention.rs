//! Which of many things a text mentions, without looking for each of them in it.

use std::collections::{BTreeMap, BTreeSet};

use super::shapes::multirange_name;
use crate::catalog::{ObjectId, Opaque, OpaqueKind};
use crate::dialect::Resource;
use crate::text::token::canonical_name;
use crate::text::{Dialect, Ident, QName};

/// A thing and the ways in which PostgreSQL prints its name.
#[derive(Clone, Debug)]
pub(super) struct Mention {
    pub(super) resource: Resource,
    needles: Vec<String>,
}

/// The ways in which PostgreSQL prints a qualified name.
pub(super) fn printed_names(name: &QName) -> Vec<String> {
    let forms = |ident: &Ident| {
        let plain = canonical_name(ident.as_str(), Dialect::Postgres);
        let quoted = super::quote::quote_ident(ident);
        if plain == quoted { vec![quoted] } else { vec![plain, quoted] }
    };
    let names = forms(&name.name);
    let schemas = forms(&name.schema);
    let both =
        schemas.iter().flat_map(|schema| names.iter().map(move |it| format!("{schema}.{it}")));
    both.collect()
}

impl Mention {
    /// An opaque object, as texts of tables mention it.
    pub(super) fn of(id: &ObjectId) -> Self {
        let resource = Resource::Opaque(id.clone());
        match id.kind {
            OpaqueKind::Operator => {
                let schema = super::quote::quote_ident(&id.name.schema);
                let plain = canonical_name(id.name.schema.as_str(), Dialect::Postgres);
                let needles = [schema, plain]
                    .map(|schema| format!("OPERATOR({schema}.{})", id.name.name.as_str()));
                Mention { resource, needles: needles.to_vec() }
            }
            _ => Mention::new(resource, &id.name),
        }
    }

    /// An opaque object with what it brings along: a range type its multirange type, by both of its texts.
    pub(super) fn of_either(before: Option<&Opaque>, opaque: &Opaque) -> Self {
        let mut mention = Mention::of(&opaque.id);
        let brought = before.into_iter().chain([opaque]).filter_map(multirange_name);
        mention.needles.extend(brought.map(str::to_owned));
        mention
    }

    pub(super) fn new(resource: Resource, name: &QName) -> Self {
        Mention { resource, needles: printed_names(name) }
    }

    /// The printed names.
    pub(super) fn needles(&self) -> &[String] {
        &self.needles
    }

    /// Whether the text names this thing, as a whole word.
    pub(super) fn is_in(&self, text: &str) -> bool {
        let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '"' | '.');
        self.needles.iter().any(|needle| {
            text.match_indices(needle.as_str()).any(|(at, _)| {
                !text[..at].ends_with(is_word)
                    && !text[at + needle.len()..].starts_with(|c| is_word(c) && c != '.')
            })
        })
    }
}

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
