//! SQL files: run in a scratch database, then inspected. The engine is the parser.

use super::directive::{self, Directives};
use super::files::TextFile;
use super::{LoadOptions, Loaded, SourceError};
use crate::db::{DbError, DbErrorKind};
use crate::dialect::script::{self, Script, Statement, StatementKind};
use crate::dialect::session;
use crate::shadow::scratch::{Scratch, scratch};
use crate::text::Dialect;
use crate::text::diagnostic::{Diagnostic, Span, line_column};

/// Replays files, in order, in one empty database.
pub(in crate::source) fn load(
    files: &[TextFile],
    options: &LoadOptions,
) -> Result<Loaded, SourceError> {
    let mut scratch = scratch(options.dialect, &options.scratch)?;
    let mut all = Directives::default();
    let mut notes = Vec::new();
    for file in files {
        let script = script::script(&file.text, options.dialect)
            .map_err(|diagnostics| in_file(file, diagnostics))?;
        let spans: Vec<Span> = script.statements.iter().map(|statement| statement.span).collect();
        let found = directive::directives(&file.text, &spans, options.dialect)
            .map_err(|diagnostics| in_file(file, diagnostics))?;
        merge(&mut all, found);
        notes.extend(script.notes.iter().map(|note| located(file, note)));
        if options.dialect == Dialect::Postgres {
            scratch.database().execute(&session::reset_search_path())?;
        }
        replay(&mut scratch, file, &script, &mut notes)?;
    }
    refuse_open_transaction(&mut scratch, files)?;
    let mut loaded = Loaded::inspected(scratch.database().inspect()?);
    loaded.intent = all.intent;
    loaded.rules = all.rules;
    loaded.text = match files {
        [file] => Some((file.path.clone(), file.text.clone())),
        _ => None,
    };
    loaded.notes = notes;
    Ok(loaded)
}

fn merge(all: &mut Directives, found: Directives) {
    all.intent.renames.extend(found.intent.renames);
    all.intent.columns.extend(found.intent.columns);
    all.rules.extend(found.rules);
}

fn replay(
    scratch: &mut Scratch,
    file: &TextFile,
    script: &Script,
    notes: &mut Vec<String>,
) -> Result<(), SourceError> {
    for statement in &script.statements {
        if let Some(note) = prepare(scratch, statement)? {
            notes.push(located(file, &Diagnostic::warning(statement.span, note)));
            continue;
        }
        let Err(error) = scratch.database().execute(&statement.sql) else { continue };
        // The cluster outlives the script: a second one may make the same role.
        let again = statement.kind == StatementKind::ClusterWide
            && error.sqlstate.as_deref() == Some("42710");
        if !again {
            return Err(in_file(file, vec![explain(&error, statement)]));
        }
    }
    Ok(())
}

/// Makes the roles a statement needs; says why it is left out where that is not possible.
fn prepare(scratch: &Scratch, statement: &Statement) -> Result<Option<String>, SourceError> {
    let left_out = |what: &str| {
        Some(format!("left out a statement about {what}, because roles outlive a scratch database"))
    };
    match (&statement.kind, scratch.cluster()) {
        (StatementKind::Plain, _) | (StatementKind::ClusterWide, Some(_)) => Ok(None),
        (StatementKind::NeedsRoles(roles), Some(cluster)) => {
            cluster.create_roles(roles.iter().map(|role| role.as_str()))?;
            Ok(None)
        }
        (StatementKind::NeedsRoles(_), None) => Ok(left_out("owners and rights")),
        (StatementKind::ClusterWide, None) => Ok(left_out("roles")),
    }
}

/// The engine's message, at the place in the file.
fn explain(error: &DbError, statement: &Statement) -> Diagnostic {
    let sql = statement.sql.as_str();
    let span = match error.position {
        Some(at) => {
            let start = statement.span.start + at.min(sql.len());
            let rest = &sql[at.min(sql.len())..];
            let length =
                rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            Span { start, end: start + length.max(1) }
        }
        None => first_line(statement),
    };
    let mut message = error.message.clone();
    if let Some(detail) = &error.detail {
        message = format!("{message}: {detail}");
    }
    let diagnostic = Diagnostic::error(span, message);
    match &error.hint {
        Some(hint) => diagnostic.help(hint.clone()),
        None => diagnostic,
    }
}

/// The first line of a statement's own text, comments before it left aside.
fn first_line(statement: &Statement) -> Span {
    let sql = statement.sql.as_str();
    let mut at = 0;
    for line in sql.split_inclusive('\n') {
        let text = line.trim();
        if !text.is_empty() && !text.starts_with("--") {
            let start = statement.span.start + at;
            return Span { start, end: start + line.trim_end().len() };
        }
        at += line.len();
    }
    statement.span
}

/// What `BEGIN` without `COMMIT` made would be gone at the end of the session.
fn refuse_open_transaction(scratch: &mut Scratch, files: &[TextFile]) -> Result<(), SourceError> {
    if !scratch.database().in_transaction()? {
        return Ok(());
    }
    match files.last() {
        Some(file) => {
            let end = Span { start: file.text.trim_end().len(), end: file.text.len() };
            let error = Diagnostic::error(end, "the file ends inside a transaction")
                .help("write `COMMIT;` at its end, or take `BEGIN` out");
            Err(in_file(file, vec![error]))
        }
        None => Err(DbError::new(DbErrorKind::Sql, "a transaction is open").into()),
    }
}

fn located(file: &TextFile, note: &Diagnostic) -> String {
    let (line, column) = line_column(&file.text, note.span.start);
    format!("{}:{line}:{column}: {}", file.path, note.message)
}

fn in_file(file: &TextFile, diagnostics: Vec<Diagnostic>) -> SourceError {
    SourceError::Text { path: file.path.clone(), text: file.text.clone(), diagnostics }
}
