//! What `psql` does with a script before the server sees it: meta-commands and the rows of `COPY … FROM stdin`.
//!
//! Both are blanked out, not cut out, so that places in the rest stay places in the file.
//! Source: PostgreSQL manual, psql "Meta-Commands"; `pg_dump` writes `\restrict`, `\unrestrict` and `\connect`.

use crate::text::Dialect;
use crate::text::diagnostic::{Diagnostic, Span};
use crate::text::token;

/// Meta-commands without which the script says the same about the schema.
const IGNORED: [&str; 19] = [
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
    ".",
];

/// The text with client-side parts blanked out, and what was left out.
///
/// # Errors
/// Meta-commands that change what the script says.
pub(in crate::dialect) fn without_client_parts(
    text: &str,
) -> Result<(String, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut notes = Vec::new();
    let mut cleaned = text.as_bytes().to_vec();
    blank_rows(text, &mut cleaned, &mut notes);
    let errors = blank_commands(&mut cleaned, &mut notes);
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok((restore(cleaned), notes))
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
/// before any tokens are read.
fn blank_rows(text: &str, cleaned: &mut [u8], notes: &mut Vec<Diagnostic>) {
    let mut at = 0;
    let mut copy: Option<Span> = None;
    for line in text.split_inclusive('\n') {
        let span = Span { start: at, end: at + line.len() };
        at = span.end;
        let trimmed = line.trim();
        if let Some(head) = copy {
            if trimmed == "\\." {
                blank(&mut cleaned[head.end..span.end]);
                notes.push(Diagnostic::warning(head, "left out the rows of this COPY"));
                copy = None;
            }
        } else if starts_rows(trimmed) {
            copy = Some(span);
        }
    }
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

/// Blanks lines that start with a backslash outside quotes and comments.
fn blank_commands(cleaned: &mut [u8], notes: &mut Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut errors = Vec::new();
    let mut from = 0;
    loop {
        let text = restore(cleaned.to_vec());
        let Some(span) = next_command(&text, from) else { return errors };
        let line = text[span.start..span.end].trim_end();
        let name: String =
            line[1..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '.').collect();
        if IGNORED.contains(&name.as_str()) {
            if !["restrict", "unrestrict", "."].contains(&name.as_str()) {
                notes
                    .push(Diagnostic::warning(span, format!("left out the psql command `{line}`")));
            }
        } else {
            errors.push(
                Diagnostic::error(
                    span,
                    format!("`{line}` is a command of psql that cannot be carried out here"),
                )
                .help("write the SQL itself; `psql -f FILE` and then `pg_dump -s` gives it"),
            );
        }
        blank(&mut cleaned[span.start..span.end]);
        from = span.end;
    }
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
