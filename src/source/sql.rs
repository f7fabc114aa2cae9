//! SQL files: run in a scratch database, then inspected. The engine is the parser.

use std::collections::{BTreeMap, BTreeSet};

use super::directive::{self, Directives};
use super::files::TextFile;
use super::replay::{Part, replay};
use super::{LoadOptions, Loaded, SourceError};
use crate::change::{Intent, Rename};
use crate::db::application::StandIn;
use crate::db::{Database, DbError, DbErrorKind};
use crate::dialect::script::{self, Script, Statement, StatementKind};
use crate::dialect::{moving, session};
use crate::shadow::scratch::{Scratch, scratch};
use crate::text::diagnostic::{Diagnostic, Span, line_column};
use crate::text::{Dialect, Ident, QName};

/// Columns that hold personal data, by table.
pub(in crate::source) type Personal = BTreeMap<QName, BTreeSet<Ident>>;

/// Replays files in one empty database.
pub(in crate::source) fn load(
    files: &[TextFile],
    options: &LoadOptions,
) -> Result<Loaded, SourceError> {
    let mut all = Directives::default();
    let mut notes = Vec::new();
    let mut parts = Vec::new();
    let mut moves = Vec::new();
    for file in files {
        let (script, found) = read(file, options.dialect)?;
        moves.extend(found.moves.iter().map(|(moved, span)| (file, *span, moved.clone())));
        merge(&mut all, found);
        notes.extend(script.notes.iter().map(|note| located(file, note)));
        parts.push(Part { file, statements: script.statements });
    }
    let mut scratch = scratch(options.dialect, &options.scratch)?;
    if let (Some(wanted), Some(found)) = (options.scratch.major, scratch.database().major())
        && wanted != found
    {
        notes.push(format!("the SQL is read on PostgreSQL {found}, the database is on {wanted}"));
    }
    replay(&mut scratch, &parts, &mut notes)?;
    refuse_open_transaction(&mut scratch, files)?;
    notes.extend(left_behind(&mut scratch, options)?);
    // What the script has set must not change how the schema is printed.
    scratch.reopen()?;
    let mut loaded = Loaded::inspected(scratch.database().inspect()?);
    loaded.catalog.reader = None;
    loaded.personal = under_all_names(all.personal, &all.intent);
    loaded.intent = all.intent;
    for (file, span, moved) in moves {
        moving::check(&moved, &loaded.catalog).map_err(|unmovable| {
            in_file(file, vec![Diagnostic::error(span, unmovable.message).help(unmovable.help)])
        })?;
        loaded.intent.moved.push(moved);
    }
    loaded.rules = all.rules;
    loaded.text = match files {
        [file] => Some((file.path.clone(), file.text.clone())),
        _ => None,
    };
    loaded.notes = notes;
    loaded.scratch = scratch.lasting();
    Ok(loaded)
}

/// The statements of a file, and what its directives say.
fn read(file: &TextFile, dialect: Dialect) -> Result<(Script, Directives), SourceError> {
    let script =
        script::script(&file.text, dialect).map_err(|diagnostics| in_file(file, diagnostics))?;
    let spans: Vec<Span> = script.statements.iter().map(|statement| statement.span).collect();
    let found = directive::directives(&file.text, &spans, dialect)
        .map_err(|diagnostics| in_file(file, diagnostics))?;
    Ok((script, found))
}

/// The columns that files mark as personal, without running anything.
pub(in crate::source) fn personal(
    files: &[TextFile],
    dialect: Dialect,
) -> Result<Personal, SourceError> {
    let mut all = Directives::default();
    for file in files {
        merge(&mut all, read(file, dialect)?.1);
    }
    Ok(under_all_names(all.personal, &all.intent))
}

/// Adds the names that tables and columns had: a database may not have seen the last renames yet.
fn under_all_names(personal: Personal, intent: &Intent) -> Personal {
    let mut found = Personal::new();
    for (table, columns) in personal {
        let (mut tables, mut names) = (BTreeSet::from([table.clone()]), columns.clone());
        for rename in &intent.renames {
            match rename {
                Rename::Table { before, after } if *after == table => {
                    tables.insert(before.clone());
                }
                Rename::Column { table: of, before, after }
                    if *of == table && columns.contains(after) =>
                {
                    names.insert(before.clone());
                }
                _ => {}
            }
        }
        for table in tables {
            found.entry(table).or_default().extend(names.iter().cloned());
        }
    }
    found
}

/// What people should know of a script: names that only the application has, and what ends with a connection.
fn left_behind(scratch: &mut Scratch, options: &LoadOptions) -> Result<Vec<String>, SourceError> {
    let stand_ins = match scratch.database() {
        Database::Sqlite(database) => database.stand_ins(),
        Database::Postgres(_) => &[],
    };
    let mut notes: Vec<String> = stand_ins
        .iter()
        .map(|stand_in| match stand_in {
            StandIn::Function(name) => ("function", "functions", name),
            StandIn::Collation(name) => ("collation", "collations", name),
        })
        .filter(|(_, _, name)| !options.application.iter().any(|own| own.eq_ignore_ascii_case(name)))
        .map(|(kind, list, name)| {
            format!(
                "{kind} `{name}` is not one of SQLite's own; it is taken for one that the application registers \
                 (list it in migrate.toml under `[sqlite]` as `{list} = [\"{name}\"]`)"
            )
        })
        .collect();
    let temporary = scratch.database().rows(&session::temporary_objects(options.dialect))?;
    notes.extend(temporary.into_iter().flatten().flatten().map(|object| {
        format!("left out temporary {object}: it ends with the connection that made it")
    }));
    Ok(notes)
}

fn merge(all: &mut Directives, found: Directives) {
    all.intent.renames.extend(found.intent.renames);
    all.intent.columns.extend(found.intent.columns);
    all.intent.drops.extend(found.intent.drops);
    all.intent.keep_as.extend(found.intent.keep_as);
    all.rules.extend(found.rules);
    for (table, columns) in found.personal {
        all.personal.entry(table).or_default().extend(columns);
    }
}

/// Sees to the roles a statement needs; says why it is left out where it is one about roles themselves.
pub(in crate::source) fn prepare(
    scratch: &mut Scratch,
    statement: &Statement,
) -> Result<Option<String>, SourceError> {
    match &statement.kind {
        StatementKind::Plain => Ok(None),
        StatementKind::NeedsRoles(roles) => {
            scratch.need_roles(roles.iter().map(|role| role.as_str()))?;
            Ok(None)
        }
        StatementKind::ClusterWide if scratch.cluster().is_some() => Ok(None),
        StatementKind::ClusterWide => Ok(Some(
            "left out a statement about roles, because roles outlive a scratch database".to_owned(),
        )),
    }
}

/// The engine's message, at the place in the file.
pub(in crate::source) fn explain(error: &DbError, statement: &Statement) -> Diagnostic {
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

pub(in crate::source) fn located(file: &TextFile, note: &Diagnostic) -> String {
    let (line, column) = line_column(&file.text, note.span.start);
    format!("{}:{line}:{column}: {}", file.path, note.message)
}

pub(in crate::source) fn in_file(file: &TextFile, diagnostics: Vec<Diagnostic>) -> SourceError {
    SourceError::Text { path: file.path.clone(), text: file.text.clone(), diagnostics }
}
