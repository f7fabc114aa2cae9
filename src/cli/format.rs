//! `--format`: for whom results are printed.

use std::path::PathBuf;

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

/// A format and the file that gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Copied {
    pub(crate) format: Format,
    pub(crate) file: PathBuf,
}

impl std::str::FromStr for Copied {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, file) = text
            .split_once('=')
            .filter(|(_, file)| !file.is_empty())
            .ok_or_else(|| "write it as FORMAT=FILE, for example sarif=migrate.sarif".to_owned())?;
        let format = <Format as clap::ValueEnum>::from_str(name, false).map_err(|_| {
            let known: Vec<String> = <Format as clap::ValueEnum>::value_variants()
                .iter()
                .filter_map(clap::ValueEnum::to_possible_value)
                .map(|value| value.get_name().to_owned())
                .collect();
            format!("there is no format `{name}`; known are: {}", known.join(", "))
        })?;
        Ok(Copied { format, file: PathBuf::from(file) })
    }
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
