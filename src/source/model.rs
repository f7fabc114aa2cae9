//! Model files: parsed, then realized for a dialect by our own printer.

use std::collections::BTreeMap;

use super::files::TextFile;
use super::{LoadOptions, Loaded, SourceError};
use crate::catalog::Printed;
use crate::dialect::realize::fields::personal_columns;
use crate::dialect::realize::{realize, table_of};
use crate::model::Model;
use crate::model::parse::{locate, parse_files};
use crate::text::diagnostic::{Colour, Diagnostic, Severity, Span, render};
use crate::text::{Dialect, QName};

/// Reads a model from its files.
pub(in crate::source) fn load(
    files: &[TextFile],
    options: &LoadOptions,
) -> Result<Loaded, SourceError> {
    let (model, warnings) = parse(files)?;
    let files_of = files_of(files, &model, options.dialect);
    let realized = realize(&model, options.dialect)
        .map_err(|diagnostics| SourceError::Model(shown(files, &diagnostics)))?;
    Ok(Loaded {
        catalog: realized.catalog,
        printed: Printed::ByModel,
        intent: realized.intent,
        rules: realized.rules,
        personal: personal_columns(&model, options.dialect),
        model: Some(model),
        text: match files {
            [file] => Some((file.path.clone(), file.text.clone())),
            _ => None,
        },
        files: files_of,
        notes: warnings,
        scratch: None,
        major: None,
    })
}

/// Which of several files tells each table.
fn files_of(files: &[TextFile], model: &Model, dialect: Dialect) -> BTreeMap<QName, String> {
    let texts: Vec<(&str, &str)> =
        files.iter().map(|file| (file.path.as_str(), file.text.as_str())).collect();
    if texts.len() < 2 {
        return BTreeMap::new();
    }
    let each = model.entities.iter().filter_map(|entity| {
        let (at, _) = locate(&texts, entity.place.span.start)?;
        Some((table_of(entity, dialect), files.get(at)?.path.clone()))
    });
    each.collect()
}

/// The model of some files, and its warnings as text.
pub(in crate::source) fn parse(files: &[TextFile]) -> Result<(Model, Vec<String>), SourceError> {
    let texts: Vec<(&str, &str)> =
        files.iter().map(|file| (file.path.as_str(), file.text.as_str())).collect();
    let (model, diagnostics) = parse_files(&texts);
    let (errors, warnings): (Vec<Diagnostic>, Vec<Diagnostic>) =
        diagnostics.into_iter().partition(|found| found.severity == Severity::Error);
    match model {
        Some(model) if errors.is_empty() => {
            let warnings =
                warnings.iter().map(|warning| shown(files, std::slice::from_ref(warning)));
            Ok((model, warnings.collect()))
        }
        _ => Err(SourceError::Model(shown(files, &errors))),
    }
}

/// Diagnostics with their source lines, each in its own file.
fn shown(files: &[TextFile], diagnostics: &[Diagnostic]) -> String {
    let texts: Vec<(&str, &str)> =
        files.iter().map(|file| (file.path.as_str(), file.text.as_str())).collect();
    let blocks: Vec<String> = diagnostics
        .iter()
        .map(|diagnostic| {
            let (index, start) = locate(&texts, diagnostic.span.start).unwrap_or((0, 0));
            let Some(file) = files.get(index) else { return diagnostic.message.clone() };
            let length = diagnostic.span.end.saturating_sub(diagnostic.span.start);
            let placed =
                Diagnostic { span: Span { start, end: start + length }, ..diagnostic.clone() };
            render(&file.path, &file.text, &[placed], Colour::Plain)
        })
        .collect();
    blocks.join("\n\n")
}
