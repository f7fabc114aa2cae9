//! What `psql` does with a script before the server sees it: meta-commands and the rows of `COPY … FROM stdin`.
//!
//! Both are blanked out, not cut out, so that places in the rest stay places in the file.
//! Source: PostgreSQL manual, psql "Meta-Commands"; `pg_dump` writes `\restrict`, `\unrestrict` and `\connect`.

use crate::text::Dialect;
use crate::text::diagnostic::{Diagnostic, Span};
use crate::text::token;

/// Meta-commands without which the script says the same about the schema.
const IGNORED: [&str; 24] = [
    "restrict",
    "unrestrict",
    "connect",
    "c",
    "set",
    "unset",
    "echo",
    "qecho",
    "warn",
    "encoding",
    "pset",
    "timing",
    "x",
    "o",
    "t",
    "a",
    "prompt",
    "copy",
    "cd",
    "conninfo",
    "errverbose",
    "password",
    "h",
    ".",
];

/// What is left of a script when `psql` has had its share.
pub(in crate::dialect) struct Cleaned {
    /// The text with client-side parts blanked out.
    pub(in crate::dialect) text: String,
    /// What was left out.
    pub(in crate::dialect) notes: Vec<Diagnostic>,
    /// Where the script goes to another database, and which.
    pub(in crate::dialect) databases: Vec<(Span, String)>,
}

/// Takes out what `psql` does itself.
///
/// # Errors
/// Meta-commands that change what the script says.
pub(in crate::dialect) fn without_client_parts(text: &str) -> Result<Cleaned, Vec<Diagnostic>> {
    let mut cleaned = text.as_bytes().to_vec();
    let notes = blank_rows(text, &mut cleaned);
    let mut commands = Commands { notes, ..Commands::default() };
    commands.blank(&mut cleaned);
    if !commands.errors.is_empty() {
        return Err(commands.errors);
    }
    let Commands { notes, databases, .. } = commands;
    Ok(Cleaned { text: restore(cleaned), notes, databases })
}

/// Blanking replaces whole lines, and every line is whole characters.
fn restore(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn blank(bytes: &mut [u8]) {
    bytes.iter_mut().filter(|byte| !matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
}

/// Blanks the lines between `COPY … FROM stdin;` and `\.`. Rows may hold anything, so this goes by lines and comes
/// before any tokens are read. One note tells of all of them.
fn blank_rows(text: &str, cleaned: &mut [u8]) -> Vec<Diagnostic> {
    let mut at = 0;
    let mut copy: Option<Span> = None;
    let mut first = None;
    let (mut copies, mut rows) = (0_usize, 0_usize);
    for line in text.split_inclusive('\n') {
        let span = Span { start: at, end: at + line.len() };
        at = span.end;
        let trimmed = line.trim();
        if let Some(head) = copy {
            if trimmed == "\\." {
                blank(&mut cleaned[head.end..span.end]);
                first = first.or(Some(head));
                copies += 1;
                copy = None;
            } else {
                rows += 1;
            }
        } else if starts_rows(trimmed) {
            copy = Some(span);
        }
    }
    let message =
        format!("left out {rows} rows of {copies} COPY … FROM stdin: a schema has no rows");
    first.map(|head| Diagnostic::warning(head, message)).into_iter().collect()
}

fn starts_rows(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    lower.starts_with("copy ")
        && lower.ends_with(';')
        && lower
            .split_whitespace()
            .collect::<Vec<_>>()
            .windows(2)
            .any(|pair| pair[0] == "from" && pair[1].trim_end_matches(';') == "stdin")
}

/// The meta-commands of a script.
#[derive(Default)]
struct Commands {
    notes: Vec<Diagnostic>,
    errors: Vec<Diagnostic>,
    databases: Vec<(Span, String)>,
}

impl Commands {
    /// Blanks lines that start with a backslash outside quotes and comments.
    fn blank(&mut self, cleaned: &mut [u8]) {
        let mut from = 0;
        loop {
            let text = restore(cleaned.to_vec());
            let Some(span) = next_command(&text, from) else { return };
            let line = text[span.start..span.end].trim_end();
            let name: String =
                line[1..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '.').collect();
            if name == "q" {
                // What stands behind it is never run.
                self.notes.push(Diagnostic::warning(span, "left out all that follows `\\q`"));
                blank(&mut cleaned[span.start..]);
                return;
            }
            self.take(span, line, &name);
            blank(&mut cleaned[span.start..span.end]);
            from = span.end;
        }
    }

    fn take(&mut self, span: Span, line: &str, name: &str) {
        // `\d` and its relatives only show something.
        if !IGNORED.contains(&name) && !name.starts_with('d') {
            let message = format!("`{line}` is a command of psql that cannot be carried out here");
            let help = "write the SQL itself; `psql -f FILE` and then `pg_dump -s` gives it";
            self.errors.push(Diagnostic::error(span, message).help(help));
            return;
        }
        if ["connect", "c"].contains(&name) {
            let database = connected(line);
            self.databases.extend(database.map(|database| (span, database)));
        }
        if !["restrict", "unrestrict", "connect", "c", "."].contains(&name) {
            let message = format!("left out the psql command `{line}`");
            self.notes.push(Diagnostic::warning(span, message));
        }
    }
}

/// The database that `\connect` names; `-` is the one at hand.
fn connected(line: &str) -> Option<String> {
    let mut words = line.split_whitespace().skip(1).filter(|word| !word.starts_with("-reuse"));
    let word = words.next()?.trim_matches('"');
    let name = word.split("dbname=").last().unwrap_or(word);
    let name = name.trim_matches(|c| c == '\'' || c == '"' || c == '\\');
    (name != "-" && !name.is_empty()).then(|| name.to_owned())
}

/// The next backslash that stands first on its line, from `from` (a line's end outside quotes) on.
fn next_command(text: &str, from: usize) -> Option<Span> {
    if !text[from..].contains('\\') {
        return None;
    }
    for token in token::tokenize(&text[from..], Dialect::Postgres) {
        let start = from + token.span.start;
        let first_on_line =
            text[..start].rsplit('\n').next().is_some_and(|before| before.trim().is_empty());
        if token.is_mark("\\") && first_on_line {
            let end = text[start..].find('\n').map_or(text.len(), |length| start + length);
            return Some(Span { start, end });
        }
    }
    None
}
