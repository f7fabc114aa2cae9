//! All that a report is made of: version folders, evidence on file, and the database where one is named.

use std::collections::BTreeSet;

use crate::apply::deploy::sound_books;
use crate::apply::evidence::Shelf;
use crate::apply::rehearse::Evidence;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::world::{World, now};
use crate::db::Database;
use crate::dialect::check::Check;
use crate::journal::{Entry, applied};
use crate::model::print::{Hints, print};
use crate::report::document::checklist::Demands;
use crate::report::document::make::{DatabaseMaterial, Material, Side, VersionMaterial};
use crate::report::document::picture::Picture;
use crate::report::document::renames::tell_hints;
use crate::report::document::{Asked, Made, Rows, of_catalog, of_model};
use crate::report::status::VersionState;
use crate::source::project::{Project, Version};
use crate::source::{Loaded, read_model};
use crate::text::Dialect;
use crate::verify::verify;

use super::ReportArgs;
use crate::cli::command::apply::evidence_folder;
use crate::cli::command::check::open;
use crate::cli::command::verify::all_rules;
use crate::cli::command::{status, versions};

/// Reads everything.
pub(super) fn gather(args: &ReportArgs, world: &World) -> Result<Material, CliError> {
    let project = world.project()?;
    let all = project.versions()?;
    let mut database = open(world, &project)?;
    let entries = match &mut database {
        Some(database) => sound_books(database)?.entries,
        None => Vec::new(),
    };
    let (before, chosen) =
        range(args.range.as_deref(), &all, database.as_ref().map(|_| entries.as_slice()))?;
    let after = chosen.last().expect("a range holds a version");
    let dialect = dialect(world, database.as_ref(), after);
    let mut notes = Vec::new();
    let mut reader = Reader { world, project: &project, dialect, notes: &mut notes };
    let loaded = reader.load(after);
    let sides = (before.map(|it| reader.side(it)), reader.picture_of(after, loaded.as_ref()));
    let shelf = Shelf {
        folder: &evidence_folder(world, Some(&project), None),
        source: &database.as_ref().map(Database::describe).unwrap_or_default(),
    };
    let state = database.as_mut().map(|it| status::read(Some(&project), it)).transpose()?;
    let mut parts = Vec::new();
    for version in chosen {
        let bundle = versions::bundle(version, dialect)?;
        let state = state.as_ref().and_then(|state| {
            let id = version.manifest.id.as_str();
            state.versions.iter().find(|it| it.id == id).map(|it| it.state)
        });
        let evidence = shelf.of_plan(&bundle.hash);
        parts.push(VersionMaterial { manifest: version.manifest.clone(), bundle, evidence, state });
    }
    let found = match (&mut database, state) {
        (Some(database), Some(status)) => {
            outdated(database, &mut parts, &mut notes)?;
            let rows = match args.no_rows {
                true => None,
                false => rows(world, database, &parts, &entries, loaded.as_ref(), &mut notes)?,
            };
            Some(DatabaseMaterial { status, entries, approvals: Vec::new(), rows })
        }
        (Some(_) | None, _) => None,
    };
    let who = world.who(None);
    let name = loaded.as_ref().and_then(|it| it.model.as_ref()).map(|model| model.name.clone());
    Ok(Material {
        project: name.filter(|name| !name.is_empty()).unwrap_or_else(|| folder_name(&project)),
        made: Made { at: now(), by: who.actor, commit: who.commit, tool: who.tool },
        dialect,
        other_dialects: after.plans.keys().copied().filter(|it| *it != dialect).collect(),
        before: sides.0,
        after: sides.1,
        versions: parts,
        database: found,
        demands: Demands { wait_max_ms: args.max_wait, approvals: None },
        notes,
    })
}

fn folder_name(project: &Project) -> String {
    let root = project.root.canonicalize().unwrap_or_else(|_| project.root.clone());
    root.file_name()
        .map_or_else(|| "project".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// The version before, and those that lead from it to the end.
type Range<'a> = (Option<&'a Version>, &'a [Version]);

/// Reads a range. Without one: what is pending after the rows of a ledger, where there is one; else the last version.
fn range<'a>(
    text: Option<&str>,
    all: &'a [Version],
    entries: Option<&[Entry]>,
) -> Result<Range<'a>, CliError> {
    let Some(last) = all.len().checked_sub(1) else {
        return Err(CliError::new(
            Exit::Failure,
            "this project has no version yet, so there is nothing to report\nhelp: `migrate plan NAME` makes one",
        ));
    };
    let place = |name: &str| -> Result<usize, CliError> {
        let found = versions::find(all, name)?;
        Ok(all.iter().position(|it| it == found).expect("it was found there"))
    };
    let (start, end) = match text {
        None => (entries.map_or(last, |entries| pending_from(all, entries)).min(last), last),
        Some(text) => match text.split_once("..") {
            None => (place(text)?, place(text)?),
            Some((from, to)) => {
                let start = match from {
                    "" | "empty" => 0,
                    name => place(name)? + 1,
                };
                (start, if to.is_empty() { last } else { place(to)? })
            }
        },
    };
    if start > end {
        return Err(CliError::usage(format!(
            "`{}` holds no version\nhelp: write the older one first, `1..3`; one version alone is its number",
            text.unwrap_or_default()
        )));
    }
    Ok((start.checked_sub(1).map(|before| &all[before]), &all[start..=end]))
}

/// The place of the first version that is not in force.
fn pending_from(all: &[Version], entries: &[Entry]) -> usize {
    let in_force = applied(entries);
    let is_in_force =
        |version: &Version| in_force.iter().any(|it| it.version == version.manifest.id.as_str());
    all.iter().rposition(is_in_force).map_or(0, |place| place + 1)
}

fn dialect(world: &World, database: Option<&Database>, after: &Version) -> Dialect {
    let named = world.named_dialect().or_else(|| database.map(Database::dialect));
    let first = after.plans.keys().next().copied();
    named.or(first).unwrap_or(Dialect::Sqlite)
}

/// Reads the schemas of versions.
struct Reader<'a> {
    world: &'a World,
    project: &'a Project,
    dialect: Dialect,
    notes: &'a mut Vec<String>,
}

impl Reader<'_> {
    /// A schema that cannot be read here is left out, and said to be.
    fn load(&mut self, version: &Version) -> Option<Loaded> {
        match versions::load_version(self.world, self.project, version, self.dialect) {
            Ok(loaded) => Some(loaded),
            Err(error) => {
                let first = anstream::adapter::strip_str(&error.message).to_string();
                let first = first.lines().next().unwrap_or_default().to_owned();
                self.notes
                    .push(format!("the schema of {} is not shown: {first}", version.manifest.id));
                None
            }
        }
    }

    fn side(&mut self, version: &Version) -> Side {
        let loaded = self.load(version);
        self.picture_of(version, loaded.as_ref())
    }

    fn picture_of(&self, version: &Version, loaded: Option<&Loaded>) -> Side {
        let id = version.manifest.id.to_string();
        let folder = self.project.settings.migrations.trim_end_matches('/');
        let file = format!("{folder}/{id}/{}", version.snapshot.file_name());
        let picture = loaded.map(|loaded| match &loaded.model {
            Some(model) => self.with_hints(of_model::picture(model), version),
            None => of_catalog::picture(&loaded.catalog, &folder_name(self.project)),
        });
        Side { id, file, text: version.snapshot.text().to_owned(), picture }
    }

    /// A snapshot leaves out what the model says for its plan alone; the model itself says it as long as it is the same.
    fn with_hints(&self, mut picture: Picture, version: &Version) -> Picture {
        let Ok((model, _)) = read_model(&self.project.model_path()) else { return picture };
        if print(&model, Hints::Drop) == version.snapshot.text() {
            tell_hints(&mut picture, &of_model::picture(&model));
        }
        picture
    }
}

/// Evidence of this database from before its schema changed says nothing about what is pending.
fn outdated(
    database: &mut Database,
    parts: &mut [VersionMaterial],
    notes: &mut Vec<String>,
) -> Result<(), CliError> {
    let Some(first) = parts.first_mut().filter(|it| it.state == Some(VersionState::Pending)) else {
        return Ok(());
    };
    let source = database.describe();
    let is_of_it = |evidence: &&Evidence| evidence.source == source;
    let Some(evidence) = first.evidence.as_ref().filter(is_of_it) else { return Ok(()) };
    if evidence.before() != database.inspect()?.fingerprint() {
        notes.push(format!(
            "{} was rehearsed at {}, and the schema of the database has changed since then: rehearse again",
            evidence.version, evidence.at
        ));
        first.evidence = None;
    }
    Ok(())
}

/// What the rows say: to what the first pending version demands, or to all rules of the last version in force.
fn rows(
    world: &World,
    database: &mut Database,
    parts: &[VersionMaterial],
    entries: &[Entry],
    loaded: Option<&Loaded>,
    notes: &mut Vec<String>,
) -> Result<Option<Rows>, CliError> {
    let in_force = applied(entries);
    let last = in_force.last().map(|entry| entry.version.as_str());
    let first_pending = parts.iter().find(|it| it.state == Some(VersionState::Pending));
    let mut spinner = world.spinner();
    let mut hear = |rule: &str| crate::apply::Progress::phase(&mut spinner, rule);
    let (asked, verdict) = match (first_pending, parts.last(), loaded) {
        (Some(part), _, _) => {
            let id = part.manifest.id.to_string();
            let is_next = last.is_none_or(|last| {
                parts.iter().all(|it| it.manifest.id.as_str() != last) || last < id.as_str()
            });
            if !is_next {
                notes.push(format!("the rows were not asked: {id} does not come next"));
                return Ok(None);
            }
            let checks = masked(&part.bundle.plan.up.checks, loaded);
            (Asked::Pending(id), verify(database, &checks, &mut hear)?)
        }
        (None, Some(part), Some(loaded)) if last == Some(part.manifest.id.as_str()) => {
            (Asked::All, all_rules(database, loaded, &mut hear)?)
        }
        (None, _, _) => {
            notes.push("the rows were not asked: versions after these are in force".to_owned());
            return Ok(None);
        }
    };
    Ok(Some(Rows { asked, at: now(), verdict }))
}

/// Checks of a plan that show no personal data: that is not written down with a plan, so the model says it.
fn masked(checks: &[Check], loaded: Option<&Loaded>) -> Vec<Check> {
    let mask = |check: &Check| {
        let names = check.keys.iter().chain(&check.values).cloned();
        let personal = match loaded {
            // Where nobody can say what is personal, everything may be.
            None => check.values.iter().cloned().collect(),
            Some(loaded) => {
                let columns: BTreeSet<&str> =
                    loaded.personal.values().flatten().map(|column| column.as_str()).collect();
                names.filter(|name| speaks_of(name, &columns)).collect()
            }
        };
        Check { personal, ..check.clone() }
    };
    checks.iter().map(mask).collect()
}

/// Whether a name or expression has one of these names in it, whatever its table and its letters' case: rather too much is
/// masked than too little.
fn speaks_of(text: &str, columns: &BTreeSet<&str>) -> bool {
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    let mut words = words.filter(|word| !word.is_empty()).chain([text]);
    words.any(|word| columns.iter().any(|column| column.eq_ignore_ascii_case(word)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::plan::version::{Manifest, VersionId, VersionKind};
    use crate::source::project::Snapshot;

    fn version(number: u32) -> Version {
        let manifest = Manifest {
            id: VersionId::new(number, "x"),
            parent: None,
            hash: String::new(),
            kind: VersionKind::Planned,
            author: String::new(),
            created: String::new(),
            reason: None,
            tool: String::new(),
        };
        let snapshot = Snapshot::Model(String::new());
        Version { manifest, snapshot, sql: BTreeMap::new(), plans: BTreeMap::new() }
    }

    fn told(text: Option<&str>, count: u32) -> Result<String, String> {
        let all: Vec<Version> = (1..=count).map(version).collect();
        let (before, chosen) = range(text, &all, None).map_err(|error| error.message)?;
        let number = |it: &Version| it.manifest.id.number().to_string();
        let chosen: Vec<String> = chosen.iter().map(number).collect();
        Ok(format!("{} < {}", before.map_or("-".to_owned(), number), chosen.join(" ")))
    }

    #[test]
    fn a_range_is_what_leads_from_one_version_to_another() {
        let cases = [
            (None, "2 < 3"),
            (Some("2"), "1 < 2"),
            (Some("0001_x"), "- < 1"),
            (Some("1..3"), "1 < 2 3"),
            (Some("empty..2"), "- < 1 2"),
            (Some("1.."), "1 < 2 3"),
            (Some(".."), "- < 1 2 3"),
        ];
        for (text, expected) in cases {
            assert_eq!(told(text, 3).as_deref(), Ok(expected), "{text:?}");
        }
        assert!(told(Some("3..1"), 3).expect_err("backwards").contains("holds no version"));
        assert!(told(Some("9"), 3).expect_err("unknown").contains("no version `9`"));
        assert!(told(None, 0).expect_err("nothing").contains("no version yet"));
    }
}
