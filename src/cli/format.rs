//! `--format`: for whom results are printed.

use crate::report::formats::Style;

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    Text,
    /// One document
    Json,
    /// One object a line
    Jsonl,
    Markdown,
    /// Annotations of GitHub Actions; where it names a file for the summary of the step, that is written too
    Github,
    /// A code quality report of GitLab
    Gitlab,
    Sarif,
    Junit,
    /// One page
    Html,
}

impl Format {
    /// Whether its reader looks for files from the top of the repository.
    pub(crate) fn is_of_repository(self) -> bool {
        match self {
            Format::Github | Format::Gitlab | Format::Sarif => true,
            Format::Text
            | Format::Json
            | Format::Jsonl
            | Format::Markdown
            | Format::Junit
            | Format::Html => false,
        }
    }

    /// The style of another program; `None` for text and for one JSON document.
    pub(crate) fn style(self) -> Option<Style> {
        match self {
            Format::Text | Format::Json => None,
            Format::Jsonl => Some(Style::Jsonl),
            Format::Markdown => Some(Style::Markdown),
            Format::Github => Some(Style::Github),
            Format::Gitlab => Some(Style::Gitlab),
            Format::Sarif => Some(Style::Sarif),
            Format::Junit => Some(Style::Junit),
            Format::Html => Some(Style::Html),
        }
    }
}
