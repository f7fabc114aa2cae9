//! `migrate init`: starts a project, or adopts a database that exists.

use std::collections::BTreeMap;
use std::path::Path;

use crate::apply::book;
use crate::catalog::{Catalog, Printed};
use crate::change::Intent;
use crate::change::describe::describe;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::world::{World, now};
use crate::db::{Access, Database, DatabaseUrl, Mode};
use crate::dialect::lift::lift;
use crate::diff::diff;
use crate::journal::{Action, Entry};
use crate::model::{Hints, print};
use crate::plan::version::{VersionId, VersionKind};
use crate::plan::{files, plan};
use crate::report::style::{CAREFUL, GOOD, count, paint};
use crate::source::project::{
    Environment, Project, SETTINGS, Settings, Snapshot, Version, write_atomically,
};
use crate::source::{Loaded, Source, load, load_model_text};
use crate::text::Dialect;

use super::import::{folder_name, model_text};
use super::pair::{by_engine, dialect_of, same_hand};
use super::plan::{Drafts, version};
use super::versions;

/// Start a project; with --from, adopt an existing database or SQL file.
///
/// Adopting reads the schema, lifts model.yaml from it, proves that the model gives back exactly that schema, seals it
/// as version 0001 and notes in the database that it is at that version. Tables and rows are not touched.
#[derive(Debug, clap::Args)]
pub(crate) struct InitArgs {
    /// The database or SQL file to adopt
    #[arg(long, value_name = "SOURCE")]
    from: Option<String>,
    /// What the model is called
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

const STARTER: &str = "\
# yaml-language-server: $schema=./.migrate/model.schema.json
model: 1
name: NAME
targets: [sqlite >= 3.38, postgres >= 13]

entities:
  Customer:
    fields:
      id: int
      name: { type: text, min: 1, max: 200 }
      email: { type: text, format: email }
    unique:
      email: [email]
";

pub(crate) fn run(args: &InitArgs, world: &World) -> Result<Exit, CliError> {
    let settings = world.folder.join(SETTINGS);
    if settings.exists() {
        return Err(CliError::new(
            Exit::Failure,
            format!("`{}` exists: this folder is a project already", settings.display()),
        ));
    }
    let name = args.name.clone().unwrap_or_else(|| folder_name(world));
    match &args.from {
        None => start(world, &name),
        Some(source) => adopt(world, &name, source),
    }
}

fn start(world: &World, name: &str) -> Result<Exit, CliError> {
    let model = world.folder.join("model.yaml");
    if model.exists() {
        world.note(&format!("kept {}", model.display()));
    } else {
        write_atomically(&model, &STARTER.replace("NAME", name))?;
    }
    let url = "sqlite:dev.db".to_owned();
    write_project(world, Some(url))?;
    world.print(&format!("{} project `{name}`\n", paint(GOOD, "started")));
    world.note("edit model.yaml, then: migrate plan initial && migrate apply");
    Ok(Exit::Done)
}

/// `migrate.toml` and what belongs beside it.
fn write_project(world: &World, url: Option<String>) -> Result<Project, CliError> {
    let environment = Environment { url, ..Environment::default() };
    let settings = Settings {
        default_env: Some("local".to_owned()),
        env: [("local".to_owned(), environment)].into_iter().collect(),
        ..Settings::default()
    };
    let text = toml::to_string(&settings).expect("settings are plain data");
    write_atomically(&world.folder.join(SETTINGS), &text)?;
    let schema = world.folder.join(".migrate").join("model.schema.json");
    make_folder(&world.folder.join(".migrate"))?;
    let json = serde_json::to_string_pretty(&crate::model::schema()).expect("plain data");
    write_atomically(&schema, &(json + "\n"))?;
    add_line(&world.folder.join(".gitignore"), ".migrate/evidence/")?;
    // Line ends must not change with the checkout: they are part of what a version is.
    add_line(&world.folder.join(".gitattributes"), "migrations/** text eol=lf")?;
    add_line(&world.folder.join(".gitattributes"), "migrations/*/model.yaml linguist-generated")?;
    Ok(Project { root: world.folder.clone(), settings })
}

fn make_folder(path: &Path) -> Result<(), CliError> {
    std::fs::create_dir_all(path)
        .map_err(|error| CliError::new(Exit::Failure, format!("`{}`: {error}", path.display())))
}

fn add_line(path: &Path, line: &str) -> Result<(), CliError> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    if text.lines().any(|other| other == line) {
        return Ok(());
    }
    let separator = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    Ok(write_atomically(path, &format!("{text}{separator}{line}\n"))?)
}

fn adopt(world: &World, name: &str, text_given: &str) -> Result<Exit, CliError> {
    let source = Source::parse_in(text_given, &world.env, &world.folder)?;
    let dialect = dialect_of(world, None, &[&source])?;
    let options = world.load_options(None, dialect)?;
    let loaded = load(&source, &options)?;
    loaded.notes.iter().for_each(|note| world.note(note));
    let lifted = lift(&loaded.catalog, name);
    let text = model_text(&lifted.model);
    let model = load_model_text("model.yaml", &text, &options)?;
    prove(&loaded.catalog, &model, &lifted.notes, world, dialect)?;
    let snapshot = print(&lifted.model, Hints::Drop);

    // Everything is known to fit: now write.
    let database = match &source {
        Source::Database(url) => Some(url),
        Source::Model(_)
        | Source::Sql(_)
        | Source::Git { .. }
        | Source::Version(_)
        | Source::Empty => None,
    };
    let mut opened = match database {
        Some(url) => Some(Database::open(url, Access::ReadWrite)?),
        None => None,
    };
    write_atomically(&world.folder.join("model.yaml"), &text)?;
    let project = write_project(world, database.map(|url| setting_of(url, text_given, world)))?;
    let baseline = seal_baseline(world, &project, snapshot, model, dialect)?;
    if let Some(database) = &mut opened {
        let schema = loaded.catalog.fingerprint();
        record_baseline(world, database, &baseline, &schema)?;
    }
    let tables = count(loaded.catalog.tables.len() as u64, "table");
    world.print(&format!("{} {tables} as {}\n", paint(GOOD, "adopted"), baseline.manifest.id));
    world.note("model.yaml gives back exactly this schema; change it, then: migrate plan NAME");
    Ok(Exit::Done)
}

/// How the settings name a database: as it was given, or by variable where it holds a password.
fn setting_of(url: &DatabaseUrl, given: &str, world: &World) -> String {
    match url {
        DatabaseUrl::Sqlite(_) => {
            let shown = url.to_string();
            let folder = format!("sqlite:{}/", world.folder.display());
            shown.strip_prefix(&folder).map_or(shown.clone(), |rest| format!("sqlite:{rest}"))
        }
        DatabaseUrl::Postgres(_) => {
            let authority = given.split("//").nth(1).and_then(|rest| rest.split('/').next());
            let user = authority.and_then(|text| text.rsplit_once('@')).map(|(user, _)| user);
            let secret = user.is_some_and(|user| user.contains(':')) || given.contains("password=");
            if secret { "${DATABASE_URL}".to_owned() } else { given.to_owned() }
        }
    }
}

/// The model, made in a scratch engine, must be the schema that was read.
fn prove(
    found: &Catalog,
    model: &Loaded,
    notes: &[String],
    world: &World,
    dialect: Dialect,
) -> Result<(), CliError> {
    let options = world.scratch_options(None)?;
    let made = by_engine(model.catalog.clone(), Printed::ByModel, &options)?;
    let (difference, _) = diff(&made, found, &Intent::default());
    for note in notes {
        world.note(&format!("{} {note}", paint(CAREFUL, "note:")));
    }
    if difference.changes.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> =
        difference.changes.iter().map(|change| format!("  {}", describe(change))).collect();
    Err(CliError::new(
        Exit::Failure,
        format!(
            "this {dialect} schema cannot be said as a model yet, so nothing was adopted; what a model would miss:\n{}\n\
             help: keep it as SQL: `{}`, `model = \"schema.sql\"` in migrate.toml, `migrate plan baseline --url URL`, then \
             `migrate apply --baseline 0001_baseline --url URL`",
            lines.join("\n"),
            match dialect {
                Dialect::Postgres => "pg_dump --schema-only -f schema.sql URL",
                Dialect::Sqlite => "sqlite3 FILE .schema > schema.sql",
            }
        ),
    ))
}

fn seal_baseline(
    world: &World,
    project: &Project,
    snapshot: String,
    model: Loaded,
    dialect: Dialect,
) -> Result<Version, CliError> {
    let options = world.load_options(Some(project), dialect)?;
    let pair = same_hand(load(&Source::Empty, &options)?, model, &options.scratch)?;
    let (all, _) = diff(&pair.before, &pair.after, &Intent::default());
    let made = plan(&all, &pair.rules, pair.printed)?;
    let drafts = Drafts {
        snapshot: Snapshot::Model(snapshot),
        files: BTreeMap::from([(dialect, files(&made, "baseline"))]),
        wider: 0,
    };
    let id = VersionId::new(1, "baseline");
    let reason = Some("adopted as it was".to_owned());
    Ok(project.seal(version(id, VersionKind::Baseline, reason, drafts, world))?)
}

/// Notes in the database that it is at a version whose SQL never ran on it.
pub(crate) fn record_baseline(
    world: &World,
    database: &mut Database,
    baseline: &Version,
    schema: &str,
) -> Result<(), CliError> {
    let bundle = versions::bundle(baseline, database.dialect())?;
    let books = book::read(database)?;
    if let Some(last) = books.entries.last() {
        return Err(CliError::new(
            Exit::History,
            format!(
                "{} was migrated before (last: {} {})\nhelp: `migrate log` shows what was done to it",
                database.describe(),
                last.action.name(),
                last.version
            ),
        ));
    }
    let entry = Entry {
        version: baseline.manifest.id.to_string(),
        plan: bundle.hash,
        ..world.who(None).entry(now(), Action::Baseline, schema.to_owned())
    }
    .sealed(None);
    book::prepare(database)?;
    database.within(Mode::Write, |database| book::write_entry(database, &entry))?;
    Ok(())
}
