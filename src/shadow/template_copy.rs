//! A copy that the server makes of its own files. Only where somebody asks for it: while it copies, nobody can be connected
//! to the database.
//!
//! Source: PostgreSQL manual, CREATE DATABASE, "Notes"; the ACL and the settings of a database are not copied.

use super::ShadowError;
use super::extent::Provider;
use super::options::{Protection, SnapshotOptions};
use super::provider::{begin_anew, set_for};
use super::scratch::{Scratch, fresh_copy};
use super::snapshot::{Place, Shadow, whole};
use crate::db::{Access, Database, DatabaseUrl};
use crate::dialect::{roles, session};

pub(super) fn copy(
    source: &mut Database,
    options: &SnapshotOptions,
) -> Result<Shadow, ShadowError> {
    let unfit = |reason: String| Err(ShadowError::Unfit { provider: "template", reason });
    if options.protection == Protection::Protected {
        return unfit(format!("{} is protected: nothing is made on its server", source.describe()));
    }
    if options.scope.reaches_server() {
        return unfit("the plan touches what all databases of the server share".to_owned());
    }
    if !options.mask.is_empty() {
        return unfit("it copies files, so no column can be masked".to_owned());
    }
    if source.value(&session::may_create_database())?.as_deref() != Some("true") {
        return unfit("the user may not make databases (CREATEDB)".to_owned());
    }
    let Database::Postgres(postgres) = &*source else {
        return unfit("it is for PostgreSQL".to_owned());
    };
    let (url, access, waits) =
        (postgres.url().clone(), postgres.access(), postgres.options().clone());
    let (name, major) = (url.database.clone(), postgres.major());
    let url = DatabaseUrl::Postgres(Box::new(url));
    let mut server = maintenance(&url)?;
    // Our own session counts like any other.
    drop(std::mem::replace(source, Database::memory()?));
    let outcome = make(&mut server, &url, &name, major);
    *source = Database::open_with(&url, access, &waits)?;
    let mut scratch = match outcome? {
        Ok(scratch) => scratch,
        Err(reason) => return unfit(reason),
    };
    let mut warnings =
        vec!["nobody could connect to the database while the server copied it".to_owned()];
    if let Some(name) = scratch.name().map(str::to_owned) {
        let settings = roles::settings_for(&name, None, roles::Told::OfDatabase);
        let refused = set_for(scratch.database(), source, &settings)?;
        warnings.extend(begin_anew(&mut scratch, source, &refused)?);
    }
    let reason = "copied by the server of the database, as files".to_owned();
    let extent = whole(scratch.database(), Provider::Template, reason)?;
    Ok(Shadow::new(Place::Server(Box::new(scratch)), extent, warnings))
}

/// A connection to the server that is not in the database.
fn maintenance(url: &DatabaseUrl) -> Result<Database, ShadowError> {
    let first = Database::open(&url.with_database("postgres"), Access::ReadWrite);
    Ok(first.or_else(|_| Database::open(&url.with_database("template1"), Access::ReadWrite))?)
}

fn make(
    server: &mut Database,
    url: &DatabaseUrl,
    name: &str,
    major: u32,
) -> Result<Result<Scratch, String>, ShadowError> {
    // The server ends a session shortly after the client has closed it.
    let mut sessions = Vec::new();
    for _ in 0..20 {
        sessions = server.rows(&roles::sessions_in(name))?;
        if sessions.is_empty() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(25));
    }
    if let Some(first) = sessions.first() {
        let text = |at: usize| first.get(at).cloned().flatten().unwrap_or_default();
        return Ok(Err(format!(
            "{} session(s) are in the database, and it can be copied only when there is none: server process {} \
             (application `{}`, user `{}`)",
            sessions.len(),
            text(0),
            text(1),
            text(2)
        )));
    }
    if major >= 18 {
        // Where the file system cannot share blocks, the server copies them.
        let _ = server.execute(&roles::clone_files());
    }
    fresh_copy(server, url, name, major).map(Ok)
}
