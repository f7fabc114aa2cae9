//! What is wrong with a file, and where: collected all at once, printed in rustc's manner.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// A byte range of one source text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

/// How much a diagnostic matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Warning,
    Error,
}

/// One finding about a source text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub severity: Severity,
    /// Lower case, no full stop, values in backticks.
    pub message: String,
    pub span: Span,
    /// What to do next.
    pub help: Option<String>,
}

impl Diagnostic {
    pub fn error(span: Span, message: impl Into<String>) -> Self {
        Diagnostic { severity: Severity::Error, message: message.into(), span, help: None }
    }

    pub fn warning(span: Span, message: impl Into<String>) -> Self {
        Diagnostic { severity: Severity::Warning, message: message.into(), span, help: None }
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Whether output may carry terminal colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    Plain,
    Ansi,
}

/// Renders diagnostics with their source lines; `path` is how the user names the file.
pub fn render(path: &str, source: &str, diagnostics: &[Diagnostic], colour: Colour) -> String {
    let renderer = match colour {
        Colour::Plain => Renderer::plain(),
        Colour::Ansi => Renderer::styled(),
    };
    let blocks: Vec<String> = diagnostics
        .iter()
        .map(|diagnostic| {
            let level = match diagnostic.severity {
                Severity::Error => Level::ERROR,
                Severity::Warning => Level::WARNING,
            };
            let span = clamp(diagnostic.span, source);
            let snippet = Snippet::source(source)
                .path(path)
                .annotation(AnnotationKind::Primary.span(span.start..span.end));
            let mut group = level.primary_title(diagnostic.message.as_str()).element(snippet);
            if let Some(help) = &diagnostic.help {
                group = group.element(Level::HELP.message(help.as_str()));
            }
            renderer.render(&[group]).to_string()
        })
        .collect();
    blocks.join("\n\n")
}

/// 1-based line and column (in characters) of a byte offset.
pub fn line_column(source: &str, offset: usize) -> (usize, usize) {
    let before = &source[..offset.min(source.len())];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}

/// Keeps a span inside the text and on character boundaries, so that rendering cannot panic.
fn clamp(span: Span, source: &str) -> Span {
    let floor = |mut at: usize| {
        at = at.min(source.len());
        while !source.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = floor(span.start);
    Span { start, end: floor(span.end.max(start)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_line_the_column_and_the_help() {
        let source = "a: 1\nbb: oops\n";
        let finding =
            Diagnostic::error(Span { start: 9, end: 13 }, "unknown word `oops`").help("write `ok`");
        let text = render("model.yaml", source, &[finding], Colour::Plain);
        assert!(text.contains("error: unknown word `oops`"), "{text}");
        assert!(text.contains("model.yaml:2:5"), "{text}");
        assert!(text.contains("write `ok`"), "{text}");
    }

    #[test]
    fn a_span_outside_the_text_does_not_panic() {
        let finding = Diagnostic::error(Span { start: 90, end: 4 }, "late");
        assert!(render("f", "é", &[finding], Colour::Plain).contains("late"));
    }
}
