//! YAML as a tree with spans and comments, in the strict profile of model files.
//!
//! The tree is built from parser events rather than through serde: only so can one run report every mistake of a
//! file, and keep the comments.

use granit_parser::{Event, Parser, ScalarStyle};

use crate::text::diagnostic::{Diagnostic, Span, line_column};

/// A node and where it stands.
#[derive(Clone, Debug)]
pub struct Tree {
    pub value: Value,
    pub span: Span,
}

/// What a node holds. A key without a value is an empty plain scalar.
#[derive(Clone, Debug)]
pub enum Value {
    Scalar { text: String, style: Style },
    List(Vec<Tree>),
    Map(Vec<Entry>),
}

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// A number, a word that cannot be misread, or an expression: written without quotes where YAML allows it.
    Plain,
    /// Text: quoted where some YAML reader could take it for a number, a boolean or nothing.
    Text,
}

/// A key, its value, and the comments that belong to it.
#[derive(Clone, Debug)]
pub struct Entry {
    pub key: String,
    pub key_span: Span,
    pub value: Tree,
    pub above: Vec<String>,
    pub trailing: Option<String>,
}

/// A file: the tree and the comments after its last key.
#[derive(Clone, Debug)]
pub struct Document {
    pub root: Tree,
    pub below: Vec<String>,
}

/// Trees are equal when they say the same, whatever their layout.
impl PartialEq for Tree {
    fn eq(&self, other: &Self) -> bool {
        match (&self.value, &other.value) {
            (Value::Scalar { text: left, .. }, Value::Scalar { text: right, .. }) => left == right,
            (Value::List(left), Value::List(right)) => left == right,
            (Value::Map(left), Value::Map(right)) => {
                left.len() == right.len()
                    && left.iter().zip(right).all(|(l, r)| l.key == r.key && l.value == r.value)
            }
            (Value::Scalar { .. } | Value::List(_) | Value::Map(_), _) => false,
        }
    }
}

impl Eq for Tree {}

impl Tree {
    /// Text that is quoted where it could be misread.
    pub fn text(text: impl Into<String>) -> Tree {
        Tree::scalar(text, Style::Text)
    }

    /// A number, keyword or expression.
    pub fn plain(text: impl Into<String>) -> Tree {
        Tree::scalar(text, Style::Plain)
    }

    fn scalar(text: impl Into<String>, style: Style) -> Tree {
        Tree { value: Value::Scalar { text: text.into(), style }, span: Span::default() }
    }

    pub fn list(items: Vec<Tree>) -> Tree {
        Tree { value: Value::List(items), span: Span::default() }
    }

    pub fn map(entries: Vec<Entry>) -> Tree {
        Tree { value: Value::Map(entries), span: Span::default() }
    }

    /// The text of a scalar.
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            Value::List(_) | Value::Map(_) => None,
        }
    }

    /// Whether this is a key without a value.
    pub fn is_empty(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, style: Style::Plain } if text.is_empty())
    }

    pub fn get(&self, key: &str) -> Option<&Tree> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|e| e.key == key).map(|e| &e.value),
            Value::Scalar { .. } | Value::List(_) => None,
        }
    }

    /// What the node is, for messages.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Scalar { text, style: Style::Plain } if text.is_empty() => "nothing",
            Value::Scalar { .. } => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

impl Entry {
    pub fn new(key: impl Into<String>, value: Tree) -> Entry {
        Entry {
            key: key.into(),
            key_span: Span::default(),
            value,
            above: Vec::new(),
            trailing: None,
        }
    }
}

/// Reads one YAML file. Spans are moved by `base`, the file's place in the joined text of a folder.
///
/// # Errors
/// Syntax errors end the reading with one diagnostic; what the strict profile forbids (tags, anchors, merge keys,
/// duplicate keys, several documents) is reported all at once.
pub fn read(text: &str, base: usize) -> Result<Document, Vec<Diagnostic>> {
    let mut events = Vec::new();
    let mut comments = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| vec![syntax_error(text, base, &error)])?;
        let span = match span.byte_range() {
            Some(range) => Span { start: range.start, end: range.end },
            None => Span { start: text.len(), end: text.len() },
        };
        match event {
            Event::Comment(comment, _) => comments.push((span, comment.trim().to_owned())),
            event => events.push((event, span)),
        }
    }
    let mut builder = Builder { text, base, issues: Vec::new(), documents: 0 };
    let mut events = events.into_iter().peekable();
    let mut root = None;
    while let Some((event, span)) = events.next() {
        match event {
            Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            Event::DocumentStart(..) => builder.start_document(span),
            event => {
                let tree = builder.node(event, span, &mut events);
                root.get_or_insert(tree);
            }
        }
    }
    if !builder.issues.is_empty() {
        return Err(builder.issues);
    }
    let root = root.unwrap_or_else(|| Tree::map(Vec::new()));
    let mut document = Document { root, below: Vec::new() };
    attach(&mut document, text, base, comments);
    Ok(document)
}

fn syntax_error(text: &str, base: usize, error: &granit_parser::ScanError) -> Diagnostic {
    let mark = error.marker();
    let at = mark.byte_offset().unwrap_or(text.len()).min(text.len());
    let end = text[at..].chars().next().map_or(at, |c| at + c.len_utf8());
    let line_start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[line_start..].lines().next().unwrap_or("");
    let value = line.split_once(": ").map_or("", |(_, value)| value.trim());
    let mut finding = Diagnostic::error(
        Span { start: base + at, end: base + end },
        format!("the YAML cannot be read: {}", error.info()),
    );
    if line.contains('\t') {
        finding = finding.help("indent with spaces; YAML does not allow tabs");
    } else if value.starts_with(['\'', '"', '>', '|', '!', '%', '@', '`', '*', '&', '{', '[']) {
        finding = finding.help("if this is an expression, put the whole value in double quotes");
    } else if value.contains(": ") {
        finding = finding.help("a value that holds `: ` must be in quotes");
    }
    finding
}

struct Builder<'t> {
    text: &'t str,
    base: usize,
    issues: Vec<Diagnostic>,
    documents: usize,
}

type Events<'i> = std::iter::Peekable<std::vec::IntoIter<(Event<'i>, Span)>>;

impl Builder<'_> {
    fn error(&mut self, span: Span, message: impl Into<String>, help: &str) {
        let span = self.moved(span);
        self.issues.push(Diagnostic::error(span, message).help(help));
    }

    fn moved(&self, span: Span) -> Span {
        Span { start: span.start + self.base, end: span.end + self.base }
    }

    fn start_document(&mut self, span: Span) {
        self.documents += 1;
        if self.documents == 2 {
            let help = "split it, and pass the folder";
            self.error(span, "a model file holds one YAML document, this is a second one", help);
        }
    }

    fn node(&mut self, event: Event<'_>, span: Span, events: &mut Events<'_>) -> Tree {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse(span, anchor, tag.is_some());
                self.scalar(&text, style, span)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.refuse(span, anchor, tag.is_some());
                self.list(span, events)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.refuse(span, anchor, tag.is_some());
                self.map(span, events)
            }
            _ => {
                self.error(span, "aliases are not part of the model format", "write the value out");
                Tree::plain("")
            }
        }
    }

    fn refuse(&mut self, span: Span, anchor: usize, tagged: bool) {
        if anchor != 0 {
            self.error(span, "anchors are not part of the model format", "write the value out");
        }
        if tagged {
            let help = "put the whole value in quotes: YAML takes the word after `!` for a tag and drops it";
            self.error(span, "tags are not part of the model format", help);
        }
    }

    fn scalar(&self, text: &str, style: ScalarStyle, span: Span) -> Tree {
        let text = match style {
            ScalarStyle::Literal | ScalarStyle::Folded => text.strip_suffix('\n').unwrap_or(text),
            ScalarStyle::Plain | ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => text,
        };
        let text = text.to_owned();
        let style = if style == ScalarStyle::Plain { Style::Plain } else { Style::Text };
        // The span of a block scalar ends on the line after it.
        let source = self.text.get(span.start..span.end).unwrap_or("");
        // The parser writes `~` for a value that is not there.
        let text = if source.is_empty() { String::new() } else { text };
        let end = span.start + source.trim_end().len();
        let span = self.moved(Span { start: span.start, end });
        Tree { value: Value::Scalar { text, style }, span }
    }

    fn list(&mut self, start: Span, events: &mut Events<'_>) -> Tree {
        let mut items = Vec::new();
        let mut end = start.end;
        while let Some((event, span)) = events.next() {
            end = span.end;
            match event {
                Event::SequenceEnd => break,
                event => items.push(self.node(event, span, events)),
            }
        }
        let span = self.trimmed(start.start, end);
        Tree { value: Value::List(items), span }
    }

    fn map(&mut self, start: Span, events: &mut Events<'_>) -> Tree {
        let mut entries: Vec<Entry> = Vec::new();
        let mut end = start.end;
        while let Some((event, span)) = events.next() {
            end = span.end;
            let key = match event {
                Event::MappingEnd => break,
                event => self.node(event, span, events),
            };
            let Some((event, value_span)) = events.next() else { break };
            let value = self.node(event, value_span, events);
            let Some(name) = key.as_text() else {
                self.error(span, "a key must be a single word", "quote it");
                continue;
            };
            if let Some(first) = entries.iter().find(|entry| entry.key == name) {
                let (line, _) = line_column(self.text, first.key_span.start - self.base);
                let message = format!("key `{name}` is written twice; the first is on line {line}");
                self.error(span, message, "keep one of them");
            }
            if name == "<<" {
                self.error(span, "merge keys are not part of the model format", "write them out");
            }
            let key_span = key.span;
            let (above, trailing) = (Vec::new(), None);
            entries.push(Entry { key: name.to_owned(), key_span, value, above, trailing });
        }
        let span = self.trimmed(start.start, end);
        Tree { value: Value::Map(entries), span }
    }

    fn trimmed(&self, start: usize, end: usize) -> Span {
        let source = self.text.get(start..end).unwrap_or("");
        self.moved(Span { start, end: start + source.trim_end().len() })
    }
}

/// Gives each comment to a key: one on its own line to the next key, one behind something to the first key of its
/// line.
fn attach(document: &mut Document, text: &str, base: usize, comments: Vec<(Span, String)>) {
    let mut keys = Vec::new();
    collect_keys(&document.root, &mut keys);
    for (span, comment) in comments {
        let at = span.start;
        let line_start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let own_line = text[line_start..at].trim().is_empty();
        let target = if own_line {
            keys.iter().copied().find(|key| *key >= base + at)
        } else {
            let mut before = keys.iter().copied().filter(|key| *key < base + at);
            let on_line = before.clone().find(|key| *key >= base + line_start);
            on_line.or_else(|| before.next_back())
        };
        match target.and_then(|key| entry_at(&mut document.root, key)) {
            Some(entry) if !own_line && entry.trailing.is_none() => entry.trailing = Some(comment),
            Some(entry) => entry.above.push(comment),
            None => document.below.push(comment),
        }
    }
}

fn collect_keys(tree: &Tree, keys: &mut Vec<usize>) {
    match &tree.value {
        Value::Scalar { .. } => {}
        Value::List(items) => items.iter().for_each(|item| collect_keys(item, keys)),
        Value::Map(entries) => {
            for entry in entries {
                keys.push(entry.key_span.start);
                collect_keys(&entry.value, keys);
            }
        }
    }
}

fn entry_at(tree: &mut Tree, key: usize) -> Option<&mut Entry> {
    match &mut tree.value {
        Value::Scalar { .. } => None,
        Value::List(items) => items.iter_mut().find_map(|item| entry_at(item, key)),
        Value::Map(entries) => {
            let index = entries.iter().rposition(|entry| entry.key_span.start <= key)?;
            let entry = &mut entries[index];
            if entry.key_span.start == key { Some(entry) } else { entry_at(&mut entry.value, key) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_point_at_the_words() {
        let text = "a: 1\nb: { c: 'é x', d: [u, v] } # note\n# last\n";
        let document = read(text, 0).expect("valid");
        let c = document.root.get("b").and_then(|b| b.get("c")).expect("c");
        assert_eq!(&text[c.span.start..c.span.end], "'é x'");
        assert_eq!(document.below, ["last"]);
    }

    #[test]
    fn what_the_profile_forbids_is_reported_at_once() {
        let findings = read("a: !x 3\nb: &k 1\nb: 2\nc: *k\n", 0).expect_err("invalid");
        let text: Vec<&str> = findings.iter().map(|f| f.message.as_str()).collect();
        assert_eq!(text.len(), 4, "{text:?}");
    }
}
