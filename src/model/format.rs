//! `migrate fmt`: the canonical text with the writer's comments kept at their keys.

use super::print::{Hints, document};
use super::tree::{self, Document, Entry, Tree, Value};
use super::{emit, parse};
use crate::text::diagnostic::{Diagnostic, Severity};

/// Formats a model file. Formatting twice changes nothing.
///
/// # Errors
/// The file's mistakes; it is not touched then.
pub fn fmt(text: &str) -> Result<String, Vec<Diagnostic>> {
    let (model, mut issues) = parse(text);
    issues.retain(|issue| issue.severity == Severity::Error);
    let Some(model) = model else { return Err(issues) };
    let written = tree::read(text, 0)?;
    let mut formatted = document(&model, Hints::Keep);
    carry(&written.root, &mut Vec::new(), &mut formatted);
    formatted.below.extend(written.below);
    Ok(emit::emit(&formatted))
}

/// One step from a node to one below it.
#[derive(Clone, Debug)]
enum Step {
    Key(String),
    Item(usize),
}

fn carry(tree: &Tree, path: &mut Vec<Step>, into: &mut Document) {
    match &tree.value {
        Value::Scalar { .. } => {}
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push(Step::Item(index));
                carry(item, path, into);
                path.pop();
            }
        }
        Value::Map(entries) => {
            for entry in entries {
                path.push(Step::Key(entry.key.clone()));
                give(entry, path, into);
                carry(&entry.value, path, into);
                path.pop();
            }
        }
    }
}

/// Puts an entry's comments on the same key of the canonical tree, or on the nearest key above it.
fn give(entry: &Entry, path: &[Step], into: &mut Document) {
    if entry.above.is_empty() && entry.trailing.is_none() {
        return;
    }
    for length in (1..=path.len()).rev() {
        let Some(target) = entry_at(&mut into.root, &path[..length]) else { continue };
        target.above.extend(entry.above.iter().cloned());
        let same = length == path.len();
        match &entry.trailing {
            Some(comment) if same && target.trailing.is_none() => {
                target.trailing = Some(comment.clone());
            }
            Some(comment) => target.above.push(comment.clone()),
            None => {}
        }
        return;
    }
    into.below.extend(entry.above.iter().chain(&entry.trailing).cloned());
}

fn entry_at<'t>(tree: &'t mut Tree, path: &[Step]) -> Option<&'t mut Entry> {
    let (step, rest) = path.split_first()?;
    match (&mut tree.value, step) {
        (Value::Map(entries), Step::Key(key)) => {
            let entry = entries.iter_mut().find(|entry| entry.key == *key)?;
            if rest.is_empty() { Some(entry) } else { entry_at(&mut entry.value, rest) }
        }
        (Value::List(items), Step::Item(index)) => entry_at(items.get_mut(*index)?, rest),
        (Value::Map(_) | Value::List(_) | Value::Scalar { .. }, _) => None,
    }
}
