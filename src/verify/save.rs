//! All violating keys in files, one for each rule. Rows are written as they come: memory does not grow with them.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::keys::{Keys, is_hidden};
use crate::dialect::check::Check;

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowFormat {
    /// RFC 4180, with a line of names; NULL is an empty cell without quotes, an empty text has quotes.
    Csv,
    /// One JSON object a line.
    Ndjson,
}

/// Writes a folder of files.
pub struct Saver {
    folder: PathBuf,
    format: RowFormat,
    file: Option<BufWriter<File>>,
    taken: BTreeSet<String>,
}

impl Saver {
    /// Makes the folder.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create(folder: &Path, format: RowFormat) -> std::io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        Ok(Saver { folder: folder.to_path_buf(), format, file: None, taken: BTreeSet::new() })
    }

    /// How many rules have a file.
    pub fn files(&self) -> usize {
        self.taken.len()
    }

    fn line(&mut self, text: &str) -> std::io::Result<()> {
        match &mut self.file {
            Some(file) => writeln!(file, "{text}"),
            None => Ok(()),
        }
    }

    /// A file name that every system takes and no other rule has.
    fn file_name(&mut self, rule: &str) -> String {
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' }
        };
        let stem: String = rule.chars().take(100).map(plain).collect();
        let end = match self.format {
            RowFormat::Csv => "csv",
            RowFormat::Ndjson => "ndjson",
        };
        let mut name = format!("{stem}.{end}");
        let mut number = 2;
        while !self.taken.insert(name.to_lowercase()) {
            name = format!("{stem}-{number}.{end}");
            number += 1;
        }
        name
    }
}

impl Keys for Saver {
    fn begin(&mut self, check: &Check) -> std::io::Result<()> {
        let name = self.file_name(&check.rule);
        self.file = Some(BufWriter::new(File::create(self.folder.join(name))?));
        if self.format == RowFormat::Csv {
            let names: Vec<String> =
                check.keys.iter().chain(&check.values).map(|name| cell(Some(name))).collect();
            self.line(&names.join(","))?;
        }
        Ok(())
    }

    fn row(&mut self, check: &Check, row: &[Option<&str>]) -> std::io::Result<()> {
        let shown = row.iter().enumerate().map(|(at, value)| match is_hidden(check, at) {
            true => value.map(|_| "•••"),
            false => *value,
        });
        let text = match self.format {
            RowFormat::Csv => shown.map(cell).collect::<Vec<_>>().join(","),
            RowFormat::Ndjson => {
                let names = check.keys.iter().chain(&check.values);
                let object: serde_json::Map<String, serde_json::Value> = names
                    .zip(shown)
                    .map(|(name, value)| (name.clone(), serde_json::Value::from(value)))
                    .collect();
                serde_json::Value::Object(object).to_string()
            }
        };
        self.line(&text)
    }

    fn end(&mut self, _: &Check) -> std::io::Result<()> {
        match self.file.take() {
            Some(mut file) => file.flush(),
            None => Ok(()),
        }
    }
}

fn cell(value: Option<&str>) -> String {
    match value {
        None => String::new(),
        Some(text) if text.is_empty() || text.contains([',', '"', '\n', '\r']) => {
            format!("\"{}\"", text.replace('"', "\"\""))
        }
        Some(text) => text.to_owned(),
    }
}

/// Several that hear of every row.
pub struct Both<'a>(pub Vec<&'a mut dyn Keys>);

impl Keys for Both<'_> {
    fn begin(&mut self, check: &Check) -> std::io::Result<()> {
        self.0.iter_mut().try_for_each(|keys| keys.begin(check))
    }

    fn row(&mut self, check: &Check, row: &[Option<&str>]) -> std::io::Result<()> {
        self.0.iter_mut().try_for_each(|keys| keys.row(check, row))
    }

    fn end(&mut self, check: &Check) -> std::io::Result<()> {
        self.0.iter_mut().try_for_each(|keys| keys.end(check))
    }
}
