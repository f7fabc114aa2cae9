//! Reading of single nodes: what is missing, unknown or of the wrong kind becomes a diagnostic, never a default.

use crate::model::keys::Context;
use crate::model::tree::{Entry, Style, Tree, Value};
use crate::model::{Carried, Condition, ConstraintName, Place, Raw};
use crate::text::diagnostic::{Diagnostic, Span, line_column};
use crate::text::suggest::did_you_mean;

/// The text being read and all that is wrong with it.
pub(super) struct Reader<'t> {
    pub(super) text: &'t str,
    pub(super) base: usize,
    pub(super) issues: Vec<Diagnostic>,
}

/// A map whose keys are taken one by one; what is left over at the end is unknown.
pub(super) struct Keys<'t> {
    context: Context,
    pub(super) span: Span,
    left: Vec<&'t Entry>,
}

impl<'t> Reader<'t> {
    pub(super) fn error(&mut self, span: Span, message: impl Into<String>) {
        self.issues.push(Diagnostic::error(span, message));
    }

    pub(super) fn error_help(
        &mut self,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.issues.push(Diagnostic::error(span, message).help(help));
    }

    pub(super) fn place(&self, span: Span) -> Place {
        let (line, column) = line_column(self.text, span.start.saturating_sub(self.base));
        Place { span, line, column }
    }

    /// Opens a map.
    pub(super) fn keys(&mut self, tree: &'t Tree, context: Context) -> Option<Keys<'t>> {
        match &tree.value {
            Value::Map(entries) => {
                Some(Keys { context, span: tree.span, left: entries.iter().collect() })
            }
            Value::Scalar { .. } | Value::List(_) => {
                let names: Vec<&str> = context.keys().iter().map(|key| key.name).collect();
                self.error_help(
                    tree.span,
                    format!("{} is a map, this is {}", context.name(), tree.kind()),
                    format!("its keys are {}", names.join(", ")),
                );
                None
            }
        }
    }

    /// The entries of a map with free keys.
    pub(super) fn named(&mut self, tree: &'t Tree, what: &str) -> &'t [Entry] {
        match &tree.value {
            Value::Map(entries) => entries,
            Value::Scalar { .. } if tree.is_empty() => &[],
            Value::Scalar { .. } | Value::List(_) => {
                self.error_help(
                    tree.span,
                    format!("`{what}` is a map, this is {}", tree.kind()),
                    "write `name: value`, one a line",
                );
                &[]
            }
        }
    }

    pub(super) fn text(&mut self, entry: &Entry) -> Option<String> {
        self.text_of(&entry.value, &entry.key)
    }

    pub(super) fn text_of(&mut self, tree: &Tree, what: &str) -> Option<String> {
        match tree.as_text() {
            Some(text) if !tree.is_empty() => Some(text.to_owned()),
            _ => {
                self.error(
                    tree.span,
                    format!("`{what}` is a single value, this is {}", tree.kind()),
                );
                None
            }
        }
    }

    pub(super) fn texts(&mut self, tree: &Tree, what: &str) -> Vec<String> {
        match &tree.value {
            Value::List(items) => {
                items.iter().filter_map(|item| self.text_of(item, what)).collect()
            }
            Value::Scalar { .. } | Value::Map(_) => {
                self.error_help(
                    tree.span,
                    format!("`{what}` is a list, this is {}", tree.kind()),
                    "write `[a, b]`",
                );
                Vec::new()
            }
        }
    }

    pub(super) fn one_or_more(&mut self, tree: &Tree, what: &str) -> Vec<String> {
        match &tree.value {
            Value::Scalar { .. } => self.text_of(tree, what).into_iter().collect(),
            Value::List(_) | Value::Map(_) => self.texts(tree, what),
        }
    }

    pub(super) fn flag(&mut self, entry: &Entry) -> Option<bool> {
        match &entry.value.value {
            Value::Scalar { text, style: Style::Plain } if text == "true" => Some(true),
            Value::Scalar { text, style: Style::Plain } if text == "false" => Some(false),
            Value::Scalar { .. } | Value::List(_) | Value::Map(_) => {
                let message = format!("`{}` is `true` or `false`", entry.key);
                let help = "`yes`, `no`, `on` and `off` mean different things to different readers";
                self.error_help(entry.value.span, message, help);
                None
            }
        }
    }

    pub(super) fn number(&mut self, entry: &Entry) -> Option<u32> {
        match entry.value.as_text().and_then(|text| text.parse().ok()) {
            Some(number) => Some(number),
            None => {
                let message = format!("`{}` is a whole number, 0 or more", entry.key);
                self.error(entry.value.span, message);
                None
            }
        }
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&mut self, entry: &Entry, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(entry)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let hint = did_you_mean(&text, known.iter().copied());
        let message = format!("`{text}` is not a value of `{}`{hint}", entry.key);
        self.error_help(entry.value.span, message, format!("it is one of {}", known.join(", ")));
        None
    }

    pub(super) fn condition(&mut self, entry: &Entry) -> Option<Condition> {
        let text = self.text(entry)?;
        Some(self.condition_of(&entry.value, text))
    }

    /// An expression; its place is where its text begins, so that errors inside it can be pointed at.
    pub(super) fn condition_of(&mut self, tree: &Tree, text: String) -> Condition {
        let text = text.lines().map(str::trim).collect::<Vec<_>>().join(" ");
        let source = &self.text[tree.span.start - self.base..tree.span.end - self.base];
        let quote = usize::from(source.starts_with(['\'', '"']));
        let mut span = tree.span;
        if source.get(quote..source.len() - quote) == Some(text.as_str()) {
            span = Span { start: span.start + quote, end: span.end - quote };
        }
        Condition { text, place: self.place(span), expr: None }
    }

    pub(super) fn constraint_name(&mut self, entry: Option<&Entry>) -> ConstraintName {
        match entry.and_then(|entry| self.text(entry)) {
            None => ConstraintName::Derived,
            Some(name) if name == "none" => ConstraintName::None,
            Some(name) => ConstraintName::Given(name),
        }
    }

    pub(super) fn raw(&mut self, keys: &mut Keys<'t>) -> Raw {
        Raw {
            postgres: keys.take("postgres").and_then(|entry| self.text(entry)),
            sqlite: keys.take("sqlite").and_then(|entry| self.text(entry)),
        }
    }

    /// Takes a key that is carried and not acted on.
    pub(super) fn carried(&mut self, keys: &mut Keys<'t>, key: &str, into: &mut Vec<Carried>) {
        if let Some(entry) = keys.take(key) {
            into.push(Carried { key: entry.key.clone(), value: entry.value.clone() });
        }
    }

    /// Reports every key that nobody took.
    pub(super) fn finish(&mut self, keys: Keys<'t>) {
        for entry in keys.left {
            let context = keys.context;
            if context.keys().iter().any(|key| key.name == entry.key) {
                let message = format!("`{}` has no meaning here", entry.key);
                self.error_help(
                    entry.key_span,
                    message,
                    "remove it, or change the kind of the field",
                );
                continue;
            }
            let known = context.keys().iter().map(|key| key.name);
            let hint = did_you_mean(&entry.key, known);
            let message = format!("unknown key `{}` in {}{hint}", entry.key, context.name());
            let digits = entry.key.trim_end_matches(')');
            if digits != entry.key && digits.bytes().all(|byte| byte.is_ascii_digit()) {
                let help = "YAML took the comma for a separator; put the type in quotes: \"decimal(12,2)\"";
                self.error_help(entry.key_span, message, help);
            } else {
                let names: Vec<&str> = context.keys().iter().map(|key| key.name).collect();
                self.error_help(
                    entry.key_span,
                    message,
                    format!("known keys: {}", names.join(", ")),
                );
            }
        }
    }
}

impl<'t> Keys<'t> {
    /// Takes an entry out.
    pub(super) fn take(&mut self, key: &str) -> Option<&'t Entry> {
        debug_assert!(
            self.context.keys().iter().any(|known| known.name == key),
            "`{key}` is not in the table of {}",
            self.context.name()
        );
        let index = self.left.iter().position(|entry| entry.key == key)?;
        Some(self.left.remove(index))
    }

    /// An entry that stays.
    pub(super) fn left_entry(&self, key: &str) -> Option<&'t Entry> {
        self.left.iter().find(|entry| entry.key == key).copied()
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.left.iter().any(|entry| entry.key == key)
    }
}
