//! Model files: parsed, then realized for a dialect by our own printer; and a realized schema as an engine prints it.

use super::files::TextFile;
use super::{LoadOptions, Loaded, SourceError};
use crate::catalog::Printed;
use crate::dialect::realize::{Realized, realize};
use crate::model;
use crate::plan;
use crate::shadow::scratch::{ScratchOptions, scratch};
use crate::text::diagnostic::{Diagnostic, Severity, Span, line_column};

/// Reads a model from its files.
pub(in crate::source) fn load(
    files: &[TextFile],
    options: &LoadOptions,
) -> Result<Loaded, SourceError> {
    let texts: Vec<(&str, &str)> =
        files.iter().map(|file| (file.path.as_str(), file.text.as_str())).collect();
    let (model, diagnostics) = model::parse_files(&texts);
    let (errors, warnings): (Vec<Diagnostic>, Vec<Diagnostic>) =
        diagnostics.into_iter().partition(|found| found.severity == Severity::Error);
    let Some(model) = model.filter(|_| errors.is_empty()) else {
        return Err(in_files(files, &texts, errors));
    };
    let Realized { catalog, intent, rules } = realize(&model, options.dialect)
        .map_err(|diagnostics| in_files(files, &texts, diagnostics))?;
    Ok(Loaded {
        catalog,
        printed: Printed::ByModel,
        intent,
        rules,
        model: Some(model),
        text: match files {
            [file] => Some((file.path.clone(), file.text.clone())),
            _ => None,
        },
        notes: warnings.iter().map(|warning| note(files, &texts, warning)).collect(),
    })
}

/// Diagnostics of files that were read as one, shown in the file they stand in. Those of the first file that has any
/// come first; the rest follow when that one is right.
fn in_files(
    files: &[TextFile],
    texts: &[(&str, &str)],
    diagnostics: Vec<Diagnostic>,
) -> SourceError {
    let place = |found: &Diagnostic| model::locate(texts, found.span.start).unwrap_or_default();
    let index = diagnostics.iter().map(|found| place(found).0).min().unwrap_or_default();
    let file = files.get(index).cloned().unwrap_or_default();
    let diagnostics = diagnostics
        .into_iter()
        .filter(|found| place(found).0 == index)
        .map(|found| {
            let start = place(&found).1;
            let length = found.span.end.saturating_sub(found.span.start);
            Diagnostic { span: Span { start, end: start + length }, ..found }
        })
        .collect();
    SourceError::Text { path: file.path, text: file.text, diagnostics }
}

fn note(files: &[TextFile], texts: &[(&str, &str)], warning: &Diagnostic) -> String {
    let (index, start) = model::locate(texts, warning.span.start).unwrap_or_default();
    let help = warning.help.as_ref().map(|text| format!("\nhelp: {text}")).unwrap_or_default();
    match files.get(index) {
        Some(file) => {
            let (line, column) = line_column(&file.text, start);
            format!("{}:{line}:{column}: {}{help}", file.path, warning.message)
        }
        None => format!("{}{help}", warning.message),
    }
}

/// The same schema as the engine prints it: made in a scratch database and read back. Intent, rules and the model stay.
///
/// # Errors
/// No scratch database, or the engine refuses what the model says.
pub fn printed_by_engine(loaded: Loaded, options: &ScratchOptions) -> Result<Loaded, SourceError> {
    if loaded.printed == Printed::ByEngine {
        return Ok(loaded);
    }
    let statements = plan::create_script(&loaded.catalog)
        .map_err(|error| SourceError::Create(error.to_string()))?;
    let mut scratch = scratch(loaded.catalog.dialect, options)?;
    let database = scratch.database();
    for statement in &statements {
        database
            .execute(statement)
            .map_err(|error| SourceError::Create(format!("{error}\nin: {statement}")))?;
    }
    let catalog = database.inspect()?;
    Ok(Loaded { catalog, printed: Printed::ByEngine, ..loaded })
}
