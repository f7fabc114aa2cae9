//! How the live schema differs from the one that the last run left: in lines, as a text diff, and as SQL both ways.

use std::sync::Arc;

use crate::catalog::fingerprint::{normalize_index, normalize_opaque, normalize_table};
use crate::catalog::{Catalog, Index, Printed, Table};
use crate::change::Intent;
use crate::change::machines::described;
use crate::cli::error::CliError;
use crate::cli::world::World;
use crate::db::Database;
use crate::diff::{diff, with_not_null_names};
use crate::journal::applied;
use crate::plan::{create_script, files, plan};
use crate::report::drift::{Drift, unified};
use crate::source::project::{Project, Version};

use super::versions::target;

/// What differs. `None` where the state that was left is not that of a version of this project, or cannot be made here.
pub(crate) fn drift(
    world: &World,
    project: &Project,
    versions: &[Version],
    database: &mut Database,
) -> Result<Option<Drift>, CliError> {
    let books = crate::apply::book::read(database)?;
    let in_force = applied(&books.entries);
    let position = |id: &str| versions.iter().position(|it| it.manifest.id.as_str() == id);
    let known: Option<Vec<usize>> = in_force.iter().map(|it| position(&it.version)).collect();
    let Some(known) = known else { return Ok(None) };
    let live = database.inspect()?;
    let dialect = database.dialect();
    let (expected, name) = match known.into_iter().max() {
        None => (Catalog::empty(dialect), "an empty database".to_owned()),
        Some(at) => match target(world, project, &versions[at], dialect) {
            Ok(catalog) => (catalog, versions[at].manifest.id.to_string()),
            // A scratch server cannot be had: that is told, and the drift itself stays told.
            Err(error) => {
                let first = error.message.lines().next().unwrap_or_default().to_owned();
                world.note(&format!("what differs cannot be shown: {first}"));
                return Ok(None);
            }
        },
    };
    let expected = with_not_null_names(&live, &expected).unwrap_or(expected);
    Ok(Some(compare(&expected, &live, name)))
}

fn compare(expected: &Catalog, live: &Catalog, since: String) -> Drift {
    let (expected, live) = (Arc::new(expected.clone()), Arc::new(live.clone()));
    let (forth, _) = diff(&expected, &live, &Intent::default());
    let (back, _) = diff(&live, &expected, &Intent::default());
    let script = |catalog: &Catalog| -> String {
        // A schema that cannot be printed is shown by the lines alone.
        let statements = create_script(catalog).unwrap_or_default();
        statements.iter().map(|statement| format!("{statement};\n\n")).collect()
    };
    let sql = |difference, title: &str| {
        plan(difference, &[], Printed::ByEngine)
            .map(|mut made| {
                // Nothing was kept of what nobody planned.
                made.up.retain(|step| step.reads_kept.is_none());
                files(&made, title).up
            })
            .map_err(|error| error.to_string())
    };
    Drift {
        summary: described(&forth),
        diff: unified(&script(&expected), &script(&respelled(&live, &expected)), &since),
        keep: sql(&forth, "keep what drifted"),
        undo: sql(&back, "undo what drifted"),
        since,
    }
}

/// The live schema with the spelling of the expected one wherever both mean the same: a quoted name or another layout is
/// no difference.
fn respelled(live: &Catalog, expected: &Catalog) -> Catalog {
    let dialect = live.dialect;
    let mut found = live.clone();
    for (name, table) in &mut found.tables {
        let Some(wanted) = expected.tables.get(name) else { continue };
        let indexes = std::mem::take(&mut table.indexes);
        let bare = Table { indexes: Vec::new(), ..wanted.clone() };
        if normalize_table(table, dialect) == normalize_table(&bare, dialect) {
            *table = bare;
        }
        let spelled = |index: Index| {
            let normal = normalize_index(&index, dialect);
            let same = wanted.indexes.iter().find(|it| normalize_index(it, dialect) == normal);
            same.cloned().unwrap_or(index)
        };
        table.indexes = indexes.into_iter().map(spelled).collect();
    }
    for (id, opaque) in &mut found.opaques {
        let Some(wanted) = expected.opaques.get(id) else { continue };
        if normalize_opaque(opaque, dialect) == normalize_opaque(wanted, dialect) {
            *opaque = wanted.clone();
        }
    }
    found
}
