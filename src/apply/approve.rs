//! Approvals: rows of the ledger in which somebody says yes to the very SQL of a version, before it runs.

use std::time::Duration;

use super::deploy::{DeployError, alone, sound_books};
use super::kept::refuse_open;
use super::{Bundle, Context, book};
use crate::db::{Database, Mode};
use crate::journal::{Action, Entry, approvers};

/// Writes down that whoever acts approves of plans. Those that have their approval already are left out.
///
/// # Errors
/// Another migrator is at work, or a run stopped half-way; nothing is written then.
pub fn approve(
    database: &mut Database,
    bundles: &[&Bundle],
    patience: Duration,
    context: &Context<'_>,
) -> Result<Vec<Entry>, DeployError> {
    alone(database, patience, |database| {
        // An approval may be the first thing that is written down: then the schema is what is there now.
        book::prepare(database)?;
        let found = match sound_books(database)?.entries.is_empty() {
            true => Some(database.inspect()?.fingerprint()),
            false => None,
        };
        database.within(Mode::Write, |database| {
            let books = sound_books(database)?;
            refuse_open(&books)?;
            let mut entries = books.entries;
            let mut written = Vec::new();
            for bundle in bundles {
                let who = approvers(&entries, &bundle.name, &bundle.hash);
                if who.contains(&context.who.actor.as_str()) {
                    continue;
                }
                // Nothing of the schema changes: what the last run left is still what must be found.
                let schema = match (entries.last(), &found) {
                    (Some(last), _) => last.schema.clone(),
                    (None, Some(found)) => found.clone(),
                    (None, None) => return Err(DeployError::Overtaken),
                };
                let entry = Entry {
                    version: bundle.name.clone(),
                    plan: bundle.hash.clone(),
                    ..context.who.entry((context.now)(), Action::Approve, schema)
                }
                .sealed(entries.last());
                book::write_entry(database, &entry)?;
                entries.push(entry.clone());
                written.push(entry);
            }
            Ok(written)
        })
    })
}
