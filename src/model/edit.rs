//! Writes what a person decided into the model's text: a line or a key is put in where it belongs, all else stays as it is
//! written, comments and layout with it.

use super::tree::{Entry, Tree, Value, read};

/// What was decided. `at` is `Entity` or `Entity.field`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It was called otherwise.
    Was { at: String, old: String },
    /// It goes.
    Drop { what: String },
    /// A value of a field's set becomes another one.
    Value { at: String, old: String, new: String },
    /// What rows get that exist already.
    Backfill { at: String, expression: String },
}

/// The text with the decision in it; `None` where this file does not hold what it is about, or writes it in a way that is
/// not known here. The caller reads the result before anything is written.
pub fn decide(text: &str, decision: &Decision) -> Option<String> {
    let document = read(text, 0).ok()?;
    let root = &document.root;
    match decision {
        Decision::Was { at, old } => put(text, root, at, "was", &word(old)),
        Decision::Backfill { at, expression } => put(text, root, at, "backfill", &word(expression)),
        Decision::Value { at, old, new } => value(text, root, at, &word(old), &word(new)),
        Decision::Drop { what } => drop(text, root, what),
    }
}

/// Whether the file holds a list of changes, to which another one is added.
pub fn has_changes(text: &str) -> bool {
    read(text, 0).is_ok_and(|document| document.root.get("changes").is_some())
}

/// The text without entries of `changes:` whose `drop:` or `move:` names something of which `is_done` is true, and what
/// they named.
pub fn prune(text: &str, is_done: impl Fn(&str) -> bool) -> (String, Vec<String>) {
    let Ok(document) = read(text, 0) else { return (text.to_owned(), Vec::new()) };
    let Some(changes) = child(&document.root, "changes") else {
        return (text.to_owned(), Vec::new());
    };
    let Value::List(items) = &changes.value.value else { return (text.to_owned(), Vec::new()) };
    let named = |item: &Tree| {
        let what = item.get("drop").or_else(|| item.get("move"));
        what.and_then(Tree::as_text).map(str::to_owned)
    };
    let starts: Vec<usize> = items.iter().map(|item| line_start(text, item.span.start)).collect();
    // The list ends where the next key begins, or the file.
    let Value::Map(keys) = &document.root.value else { return (text.to_owned(), Vec::new()) };
    let next = keys.iter().map(|it| it.key_span.start).filter(|at| *at > changes.key_span.start);
    let end = next.min().map_or(text.len(), |at| above(text, line_start(text, at)));
    let mut kept = String::new();
    let mut gone = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let stop = starts.get(at + 1).copied().unwrap_or(end);
        match named(item).filter(|what| is_done(what)) {
            // On one line with another: this is not taken apart.
            Some(_) if starts[at] == stop => kept.push_str(&text[starts[at]..stop]),
            Some(what) => gone.push(what),
            None => kept.push_str(&text[starts[at]..stop]),
        }
    }
    if gone.is_empty() {
        return (text.to_owned(), gone);
    }
    let first = starts[0];
    let head = match gone.len() == items.len() {
        true => text[..line_start(text, changes.key_span.start)].trim_end().to_owned() + "\n",
        false => text[..first].to_owned(),
    };
    (head + &kept + &text[end..], gone)
}

/// Goes up over comments and empty lines that belong to what stands at `at`.
fn above(text: &str, mut at: usize) -> usize {
    while at > 0 {
        let before = line_start(text, at - 1);
        let line = text[before..at].trim();
        if !(line.is_empty() || line.starts_with('#')) {
            break;
        }
        at = before;
    }
    at
}

fn child<'t>(tree: &'t Tree, key: &str) -> Option<&'t Entry> {
    match &tree.value {
        Value::Map(entries) => entries.iter().find(|entry| entry.key == key),
        Value::Scalar { .. } | Value::List(_) => None,
    }
}

fn find<'t>(root: &'t Tree, at: &str) -> Option<&'t Entry> {
    let entities = root.get("entities")?;
    match at.split_once('.') {
        None => child(entities, at),
        Some((entity, field)) => child(entities.get(entity)?.get("fields")?, field),
    }
}

/// Puts a key into an entity or a field.
fn put(text: &str, root: &Tree, at: &str, key: &str, value: &str) -> Option<String> {
    let entry = find(root, at)?;
    if entry.value.get(key).is_some() {
        return None;
    }
    into(text, entry, &format!("{key}: {value}"))
}

fn into(text: &str, entry: &Entry, line: &str) -> Option<String> {
    let span = entry.value.span;
    match &entry.value.value {
        Value::Scalar { text: short, .. } if !short.is_empty() => {
            let whole = format!("{{ {}, {line} }}", long_form(short));
            Some(format!("{}{whole}{}", &text[..span.start], &text[span.end..]))
        }
        Value::Map(entries) if text[span.start..].starts_with('{') => {
            let end = closing(text, span.start)?;
            let before = text[..end].trim_end();
            let comma = if entries.is_empty() { "" } else { "," };
            Some(format!("{before}{comma} {line} {}", &text[end..]))
        }
        Value::Map(entries) => {
            let first = entries.first()?.key_span.start;
            let indent = &text[line_start(text, first)..first];
            let at = line_end(text, entry.key_span.start);
            Some(format!("{}{indent}{line}\n{}", &text[..at], &text[at..]))
        }
        Value::Scalar { .. } | Value::List(_) => None,
    }
}

/// `text? = 'x'` as the keys of the long form.
fn long_form(short: &str) -> String {
    let (kind, default) = match short.split_once('=') {
        Some((kind, default)) => (kind.trim(), Some(default.trim())),
        None => (short.trim(), None),
    };
    let (kind, optional) = match kind.strip_suffix('?') {
        Some(kind) => (kind, ", optional: true"),
        None => (kind, ""),
    };
    // Text has SQL's quotes in the short form and YAML's in the long one; all else is written the same.
    let default =
        default.map(|it| match it.strip_prefix('\'').and_then(|it| it.strip_suffix('\'')) {
            Some(inner) => format!(", default: {}", quoted(&inner.replace("''", "'"))),
            None => format!(", default: {it}"),
        });
    let default = default.unwrap_or_default();
    format!("type: {}{optional}{default}", word(kind))
}

fn value(text: &str, root: &Tree, at: &str, old: &str, new: &str) -> Option<String> {
    let entry = find(root, at)?;
    let line = format!("{old}: {new}");
    match child(&entry.value, "was") {
        None => into(text, entry, &format!("was: {{ {line} }}")),
        Some(was) if matches!(was.value.value, Value::Map(_)) => into(text, was, &line),
        Some(_) => None,
    }
}

fn drop(text: &str, root: &Tree, what: &str) -> Option<String> {
    let item = format!("- drop: {}", word(what));
    let Some(changes) = child(root, "changes") else {
        let end = if text.ends_with('\n') { "" } else { "\n" };
        return Some(format!("{text}{end}changes:\n  {item}\n"));
    };
    let indent = match &changes.value.value {
        Value::List(items) if !text[changes.value.span.start..].starts_with('[') => {
            let first = line_start(text, items.first()?.span.start);
            text[first..].chars().take_while(|c| *c == ' ').collect()
        }
        Value::Scalar { .. } if changes.value.is_empty() => "  ".to_owned(),
        Value::List(_) | Value::Scalar { .. } | Value::Map(_) => return None,
    };
    let at = line_end(text, changes.key_span.start);
    Some(format!("{}{indent}{item}\n{}", &text[..at], &text[at..]))
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |newline| newline + 1)
}

/// Where the next line begins.
fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |newline| at + newline + 1)
}

/// The brace that closes the one at `open`.
fn closing(text: &str, open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut quote = None;
    for (at, c) in text[open..].char_indices() {
        match (quote, c) {
            (Some(mark), c) if c == mark => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '{') => depth += 1,
            (None, '}') => {
                depth -= 1;
                if depth == 0 {
                    return Some(open + at);
                }
            }
            (None, _) => {}
        }
    }
    None
}

/// A scalar that every reader of YAML takes for this text, inside braces too.
fn word(text: &str) -> String {
    const SPECIAL: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '(' | ')' | '-');
    let begins_well = text.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let is_special = SPECIAL.iter().any(|word| text.eq_ignore_ascii_case(word));
    if begins_well && text.chars().all(is_plain) && !is_special {
        return text.to_owned();
    }
    quoted(text)
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: &str = "model: 1
name: shop
targets: [sqlite >= 3.38]
entities:
  # who buys
  Customer: # people
    fields:
      id: int
      mail: text?   # may be empty
      due: \"decimal(12,2) = 1.5\"
      word: text = 'it''s'
      status: { enum: [new, old] }   # two
      size:
        # how large
        enum: [s, l]
    key: id
";

    fn decided(text: &str, decision: Decision) -> String {
        let edited = decide(text, &decision).expect("it can be written");
        let (model, found) = crate::model::parse(&edited);
        assert!(model.is_some() && found.is_empty(), "{found:?}\n{edited}");
        edited
    }

    fn was(at: &str, old: &str) -> Decision {
        Decision::Was { at: at.to_owned(), old: old.to_owned() }
    }

    #[test]
    fn a_line_is_put_in_and_all_else_stays() {
        let edited = decided(MODEL, was("Customer", "Client"));
        assert_eq!(edited, MODEL.replace("# people\n", "# people\n    was: Client\n"));
        let edited = decided(MODEL, was("Customer.mail", "email"));
        let long = "mail: { type: text, optional: true, was: email }   # may be empty";
        assert_eq!(edited, MODEL.replace("mail: text?   # may be empty", long));
        let backfill = Decision::Backfill { at: "Customer.due".into(), expression: "2 * 3".into() };
        let edited = decided(MODEL, backfill);
        assert!(
            edited.contains("due: { type: \"decimal(12,2)\", default: 1.5, backfill: \"2 * 3\" }"),
            "{edited}"
        );
        let edited = decided(MODEL, was("Customer.word", "term"));
        assert!(edited.contains("word: { type: text, default: \"it's\", was: term }"), "{edited}");
    }

    #[test]
    fn values_are_mapped_in_either_layout() {
        let value = |at: &str, old: &str, new: &str| Decision::Value {
            at: at.to_owned(),
            old: old.to_owned(),
            new: new.to_owned(),
        };
        let once = decided(MODEL, value("Customer.status", "gone", "old"));
        assert!(
            once.contains("status: { enum: [new, old], was: { gone: old } }   # two"),
            "{once}"
        );
        let twice = decided(&once, value("Customer.status", "no", "new"));
        assert!(twice.contains("was: { gone: old, \"no\": new } }"), "{twice}");
        let block = decided(MODEL, value("Customer.size", "m", "l"));
        assert!(
            block.contains("      size:\n        was: { m: l }\n        # how large\n"),
            "{block}"
        );
        let more = decided(&block, value("Customer.size", "xl", "l"));
        assert!(more.contains("was: { m: l, xl: l }"), "{more}");
    }

    #[test]
    fn drops_are_written_down_and_pruned_again() {
        let drop = |what: &str| Decision::Drop { what: what.to_owned() };
        let once = decided(MODEL, drop("Customer.fax"));
        assert_eq!(once, format!("{MODEL}changes:\n  - drop: Customer.fax\n"));
        let with_reason = format!("{once}    reason: nobody has one\n# the end\n");
        let twice = decided(&with_reason, drop("Bill"));
        assert!(
            twice.contains("changes:\n  - drop: Bill\n  - drop: Customer.fax\n    reason"),
            "{twice}"
        );
        let (left, gone) = prune(&twice, |what| what == "Customer.fax");
        assert_eq!(gone, ["Customer.fax"]);
        assert!(left.ends_with("changes:\n  - drop: Bill\n"), "{left}");
        let (left, gone) = prune(&once, |_| true);
        assert_eq!((left.as_str(), gone.len()), (MODEL, 1));
        assert_eq!(prune(&twice, |_| false).0, twice);
    }

    #[test]
    fn what_is_not_here_or_said_already_is_left_alone() {
        assert_eq!(decide(MODEL, &was("Order", "Bill")), None);
        let said = decided(MODEL, was("Customer", "Client"));
        assert_eq!(decide(&said, &was("Customer", "Person")), None);
    }
}
