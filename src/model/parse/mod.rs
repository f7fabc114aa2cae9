//! From text to [`Model`]: every mistake of a file in one run, each with its place.

mod check;
mod entity;
pub(super) mod field;
mod changes;
mod permissions;
mod reader;
mod top;

use crate::text::diagnostic::{Diagnostic, Severity};

use super::{Model, tree};

/// Reads a model file. The model is there whenever nothing is wrong but warnings.
pub fn parse(text: &str) -> (Option<Model>, Vec<Diagnostic>) {
    parse_files(&[("model.yaml", text)])
}

/// Reads a model that is spread over files, in the order given. Spans count bytes of the files joined by newlines;
/// [`locate`] tells the file.
pub fn parse_files(files: &[(&str, &str)]) -> (Option<Model>, Vec<Diagnostic>) {
    let mut model = Model::default();
    let mut issues = Vec::new();
    let mut base = 0;
    let mut headers = 0;
    for (_, text) in files {
        match tree::read(text, base) {
            Ok(document) => {
                let mut reader = reader::Reader { text, base, issues: Vec::new() };
                headers += usize::from(document.root.get("model").is_some());
                top::read(&mut reader, &document.root, &mut model);
                issues.append(&mut reader.issues);
            }
            Err(mut errors) => issues.append(&mut errors),
        }
        base += text.len() + 1;
    }
    let readable = !issues.iter().any(|issue| issue.severity == Severity::Error);
    if readable && headers == 0 {
        issues.push(
            Diagnostic::error(Default::default(), "the line `model: 1` is missing")
                .help("write `model: 1` first: it is the version of the format"),
        );
    }
    check::check(&mut model, &mut issues);
    issues.sort_by_key(|issue| (issue.severity == Severity::Warning, issue.span.start));
    issues.dedup();
    let valid = !issues.iter().any(|issue| issue.severity == Severity::Error);
    (valid.then_some(model), issues)
}

/// Which of the joined files an offset stands in, and the offset there.
pub fn locate(files: &[(&str, &str)], offset: usize) -> Option<(usize, usize)> {
    let mut base = 0;
    for (index, (_, text)) in files.iter().enumerate() {
        if offset <= base + text.len() {
            return Some((index, offset - base));
        }
        base += text.len() + 1;
    }
    None
}
