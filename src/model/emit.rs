//! YAML text of a tree, in one layout: short maps in one line, everything else in blocks, quotes only where needed.

use super::tree::{Document, Entry, Style, Tree, Value};

/// Longest line a map or list may fill before it becomes a block.
const WIDTH: usize = 96;

/// Keys whose maps are always blocks: one line for each thing that is named.
const BLOCKS: [&str; 13] = [
    "entities",
    "fields",
    "unique",
    "indexes",
    "rules",
    "checks",
    "constraints",
    "foreign_keys",
    "types",
    "sql",
    "transitions",
    "permissions",
    "changes",
];

/// Keys whose values are expressions: easier to read in a line of their own, without YAML's quotes.
const EXPRESSIONS: [&str; 7] = ["check", "where", "backfill", "when", "generated", "down", "using"];

/// Writes a document.
pub fn emit(document: &Document) -> String {
    let mut text = String::new();
    if let Value::Map(entries) = &document.root.value {
        block_map(entries, 0, None, &mut text);
    }
    for comment in &document.below {
        comment_line(comment, 0, &mut text);
    }
    text
}

fn block_map(entries: &[Entry], indent: usize, parent: Option<&str>, text: &mut String) {
    for (index, entry) in entries.iter().enumerate() {
        let apart = match (indent, parent) {
            (0, _) => is_block(&entry.key, &entry.value, indent),
            (2, Some("entities" | "sql")) => index > 0,
            _ => false,
        };
        if apart && !text.is_empty() {
            text.push('\n');
        }
        for comment in &entry.above {
            comment_line(comment, indent, text);
        }
        push_spaces(indent, text);
        pair(entry, indent, text);
    }
}

/// `key: value` and its line end.
fn pair(entry: &Entry, indent: usize, text: &mut String) {
    text.push_str(&scalar(&entry.key, Style::Text, Flow::Block));
    text.push(':');
    if is_block(&entry.key, &entry.value, indent) {
        match &entry.value.value {
            Value::Map(entries) => {
                trailing(entry, text);
                block_map(entries, indent + 2, Some(&entry.key), text);
            }
            Value::List(items) => {
                trailing(entry, text);
                block_list(items, indent + 2, text);
            }
            Value::Scalar { text: value, .. } => {
                text.push_str(" |");
                trailing(entry, text);
                for line in value.lines() {
                    if !line.is_empty() {
                        push_spaces(indent + 2, text);
                    }
                    text.push_str(line);
                    text.push('\n');
                }
            }
        }
        return;
    }
    let value = inline(&entry.value, Flow::Block);
    if !value.is_empty() {
        text.push(' ');
        text.push_str(&value);
    }
    trailing(entry, text);
}

fn block_list(items: &[Tree], indent: usize, text: &mut String) {
    for item in items {
        match &item.value {
            Value::Map(entries) if !entries.is_empty() => {
                for comment in &entries[0].above {
                    comment_line(comment, indent, text);
                }
                push_spaces(indent, text);
                text.push_str("- ");
                pair(&entries[0], indent + 2, text);
                block_map(&entries[1..], indent + 2, None, text);
            }
            Value::Scalar { text: value, .. } if is_literal(value) => {
                push_spaces(indent, text);
                text.push_str("- |\n");
                for line in value.lines() {
                    if !line.is_empty() {
                        push_spaces(indent + 2, text);
                    }
                    text.push_str(line);
                    text.push('\n');
                }
            }
            Value::Map(_) | Value::List(_) | Value::Scalar { .. } => {
                push_spaces(indent, text);
                text.push_str("- ");
                text.push_str(&inline(item, Flow::Block));
                text.push('\n');
            }
        }
    }
}

fn trailing(entry: &Entry, text: &mut String) {
    if let Some(comment) = &entry.trailing {
        text.push_str("  # ");
        text.push_str(comment);
    }
    text.push('\n');
}

fn comment_line(comment: &str, indent: usize, text: &mut String) {
    push_spaces(indent, text);
    text.push('#');
    if !comment.is_empty() {
        text.push(' ');
        text.push_str(comment);
    }
    text.push('\n');
}

fn push_spaces(count: usize, text: &mut String) {
    text.extend(std::iter::repeat_n(' ', count));
}

/// Whether a value does not go on the line of its key.
fn is_block(key: &str, tree: &Tree, indent: usize) -> bool {
    match &tree.value {
        Value::Scalar { text, .. } => is_literal(text),
        Value::Map(entries) if entries.is_empty() => false,
        Value::List(items) if items.is_empty() => false,
        Value::Map(entries) => {
            (BLOCKS.contains(&key) && indent < 8)
                || has_comments(entries)
                || !can_flow(tree)
                || indent + key.len() + 2 + inline(tree, Flow::Block).len() > WIDTH
        }
        Value::List(items) => {
            items.iter().any(|item| matches!(item.value, Value::Map(_) | Value::List(_)))
                || !can_flow(tree)
                || indent + key.len() + 2 + inline(tree, Flow::Block).len() > WIDTH
        }
    }
}

fn has_comments(entries: &[Entry]) -> bool {
    entries.iter().any(|entry| {
        !entry.above.is_empty()
            || entry.trailing.is_some()
            || matches!(&entry.value.value, Value::Map(inner) if has_comments(inner))
    })
}

fn can_flow(tree: &Tree) -> bool {
    match &tree.value {
        Value::Scalar { text, .. } => !text.contains('\n'),
        Value::List(items) => items.iter().all(can_flow),
        Value::Map(entries) => {
            entries.iter().all(|entry| {
                let text = entry.value.as_text().unwrap_or("");
                let expression = EXPRESSIONS.contains(&entry.key.as_str()) && text.contains(' ');
                let block = BLOCKS.contains(&entry.key.as_str())
                    && matches!(&entry.value.value, Value::Map(_));
                !expression && !block
            }) && entries.iter().all(|entry| can_flow(&entry.value))
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Block,
    Flow,
}

fn inline(tree: &Tree, flow: Flow) -> String {
    match &tree.value {
        Value::Scalar { text, style } => scalar(text, *style, flow),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(|item| inline(item, Flow::Flow)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Map(entries) if entries.is_empty() => "{}".to_owned(),
        Value::Map(entries) => {
            let pairs: Vec<String> = entries
                .iter()
                .map(|entry| {
                    let key = scalar(&entry.key, Style::Text, Flow::Flow);
                    format!("{key}: {}", inline(&entry.value, Flow::Flow))
                })
                .collect();
            format!("{{ {} }}", pairs.join(", "))
        }
    }
}

/// Several lines that a literal block can hold exactly.
fn is_literal(text: &str) -> bool {
    text.contains('\n')
        && !text.ends_with('\n')
        && !text.starts_with([' ', '\n', '\t'])
        && !text.contains('\r')
        && text
            .lines()
            .all(|line| line.trim_end() == line || line.trim().is_empty() == line.is_empty())
        && text.chars().all(|c| c == '\n' || c == '\t' || !c.is_control())
}

fn scalar(text: &str, style: Style, flow: Flow) -> String {
    if style == Style::Plain && text.is_empty() {
        return String::new();
    }
    let misread = style == Style::Text && could_be_misread(text);
    if !misread && is_plain(text, flow) {
        return text.to_owned();
    }
    if text.chars().any(char::is_control) {
        return double_quoted(text);
    }
    if text.contains('\'') && !text.contains(['"', '\\']) {
        return format!("\"{text}\"");
    }
    format!("'{}'", text.replace('\'', "''"))
}

fn double_quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() && (c as u32) < 256 => {
                quoted.push_str(&format!("\\x{:02x}", c as u32));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Whether YAML reads the text back as it is without quotes.
fn is_plain(text: &str, flow: Flow) -> bool {
    let Some(first) = text.chars().next() else { return false };
    let indicator = "-?:,[]{}#&*!|>'\"%@`=".contains(first);
    let negative = first == '-' && text[1..].starts_with(|c: char| c.is_ascii_digit());
    (!indicator || negative)
        && text.trim() == text
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.ends_with(':')
        && !text.chars().any(char::is_control)
        && (flow == Flow::Block || !text.contains([',', '[', ']', '{', '}']))
        && !(flow == Flow::Flow && text.contains(':'))
}

/// Whether some YAML reader, or this program's `default`, takes the text for something else than text.
fn could_be_misread(text: &str) -> bool {
    const WORDS: [&str; 12] =
        ["true", "false", "yes", "no", "on", "off", "null", "~", "y", "n", "none", "skip"];
    let numeric = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    numeric
        || text.ends_with(')') && text.contains('(')
        || WORDS[..10].iter().any(|word| text.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::tree::read;

    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-z]{1,8}",
            "[ -~]{0,24}",
            "[a-z :#'\"\\[\\]{},&*!|>%@`\\\\-]{1,12}",
            "([a-z ]{0,6}\n){1,3}[a-z]{0,4}",
            "\\PC{0,6}",
        ]
    }

    fn tree() -> impl Strategy<Value = Tree> {
        text().prop_map(Tree::text).prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Tree::list),
                prop::collection::btree_map(text(), inner, 0..4).prop_map(|pairs| {
                    Tree::map(
                        pairs.into_iter().map(|(key, value)| Entry::new(key, value)).collect(),
                    )
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(value in tree()) {
            let root = Tree::map(vec![Entry::new("root", value)]);
            let text = emit(&Document { root: root.clone(), below: Vec::new() });
            let back = read(&text, 0).map_err(|e| TestCaseError::fail(format!("{e:?}\n{text}")))?;
            prop_assert_eq!(back.root, root, "{}", text);
        }

        #[test]
        fn reading_never_panics(text in "[a-z0-9 :\\[\\]{}'\"#&*!|>\n-]{0,80}") {
            let _ = crate::model::parse(&text);
            let _ = crate::model::parse(&format!("model: 1\nentities:\n  A:\n    fields:\n      x: {text}"));
        }
    }
}
