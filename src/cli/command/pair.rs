//! Two sources, printed by the same hand, ready to be compared.

use std::sync::Arc;

use crate::catalog::rule::Rule;
use crate::catalog::{Catalog, Printed};
use crate::change::access::{self, AccessChange};
use crate::change::{Diff, Intent, Question, Target};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::world::World;
use crate::db::Database;
use crate::dialect::hide::Hiding;
use crate::dialect::moving;
use crate::dialect::online::Online;
use crate::diff::{diff, forget_conversions, forget_not_null_names, under_new_names};
use crate::model::Model;
use crate::plan::create_script;
use crate::shadow::scratch::{Scratch, ScratchOptions, scratch};
use crate::source::project::Project;
use crate::source::{Loaded, Source, load, load_both};
use crate::text::{Dialect, Ident, QName};

/// Both sides of a comparison and what the user said of the way.
pub(crate) struct Pair {
    pub(crate) before: Arc<Catalog>,
    pub(crate) after: Arc<Catalog>,
    pub(crate) printed: Printed,
    pub(crate) intent: Intent,
    pub(crate) rules: Vec<Rule>,
    pub(crate) notes: Vec<String>,
    /// The scratch database that holds the schema before, where its source was replayed in one.
    pub(crate) start: Option<Scratch>,
    /// The major version of the live PostgreSQL database among the sources.
    pub(crate) major: Option<u32>,
    /// Tables that the plan changes while they are used.
    pub(crate) online: Online,
    /// What decides which columns are hidden.
    pub(crate) hiding: Hiding,
    /// Who may do more or less, where both sides are models.
    pub(crate) access: Vec<AccessChange>,
}

impl Pair {
    /// All that differs under an intent, and what is left open.
    pub(crate) fn diff(&self, intent: &Intent) -> Result<(Diff, Vec<Question>), CliError> {
        let renamed = under_new_names(&self.before, &self.after, intent);
        let mut settled = intent.clone();
        moving::settle(&mut settled, &renamed, &self.after).map_err(|unmovable| {
            let text = format!("{}\nhelp: {}", unmovable.message, unmovable.help);
            CliError::new(Exit::Refused, text)
        })?;
        Ok(diff(&self.before, &self.after, &settled))
    }
}

/// The lines about access, behind those about the schema.
pub(crate) fn with_access(lines: &mut Vec<String>, access: &[AccessChange]) {
    for change in access {
        if !lines.contains(&change.line) {
            lines.push(change.line.clone());
        }
    }
}

/// Reads two sources.
pub(crate) fn load_pair(
    world: &World,
    project: Option<&Project>,
    before: &Source,
    after: &Source,
) -> Result<Pair, CliError> {
    let dialect = dialect_of(world, project, &[before, after])?;
    let mut options = world.load_options(project, dialect)?;
    // A live database says which version of the server the other side is to be made on.
    let (before, after) = match (before, after) {
        (Source::Database(_), Source::Database(_)) => load_both(before, after, &options)?,
        (Source::Database(_), _) => {
            let before = load(before, &options)?;
            options.scratch.major = before.major;
            (before, load(after, &options)?)
        }
        (_, Source::Database(_)) => {
            let after = load(after, &options)?;
            options.scratch.major = after.major;
            (load(before, &options)?, after)
        }
        _ => (load(before, &options)?, load(after, &options)?),
    };
    same_hand(before, after, &options.scratch)
}

/// Brings two loaded sources into one printing: by our printer where both are models on PostgreSQL (no server is
/// needed), else by the engine.
pub(crate) fn same_hand(
    before: Loaded,
    after: Loaded,
    options: &ScratchOptions,
) -> Result<Pair, CliError> {
    let dialect = after.catalog.dialect;
    let both_models = before.printed == Printed::ByModel && after.printed == Printed::ByModel;
    let from_nothing = before.catalog == Catalog::empty(dialect);
    let by_model = dialect == Dialect::Postgres
        && after.printed == Printed::ByModel
        && (both_models || from_nothing);
    let notes = before.notes.iter().chain(&after.notes).cloned().collect();
    let access = match (&before.model, &after.model) {
        (Some(before), Some(after)) => access::differences(before, after),
        (Some(_) | None, _) => Vec::new(),
    };
    let names = [&before, &after].into_iter().filter_map(|side| side.model.as_ref());
    let names = names.flat_map(|model| model_names(model, dialect)).collect();
    let (mut intent, rules) = (Intent { names, ..after.intent }, after.rules);
    forget_conversions(&mut intent, &before.intent, dialect);
    let mut personal = before.personal;
    for (table, columns) in after.personal {
        personal.entry(table).or_default().extend(columns);
    }
    let hiding = Hiding { personal, ..Hiding::default() };
    let major = before.major.or(after.major);
    if by_model {
        return Ok(Pair {
            before: before.catalog.into(),
            after: after.catalog.into(),
            printed: Printed::ByModel,
            intent,
            rules,
            notes,
            start: None,
            major,
            online: Online::default(),
            hiding,
            access,
        });
    }
    // One after the other: there may be one scratch database only.
    let after = by_engine(after.catalog, after.printed, options)?;
    let (before, start) = match before.printed {
        Printed::ByEngine => (before.catalog, before.scratch),
        Printed::ByModel => {
            let mut made = scratch(dialect, options)?;
            (reprint(&before.catalog, made.database())?, made.lasting())
        }
    };
    let (before, after, printed) = (before.into(), after.into(), Printed::ByEngine);
    let online = Online::default();
    Ok(Pair { before, after, printed, intent, rules, notes, start, major, online, hiding, access })
}

/// What a model calls the tables and columns it makes.
fn model_names(model: &Model, dialect: Dialect) -> Vec<(Target, String)> {
    let mut names = Vec::new();
    for entity in &model.entities {
        let table = QName::local(dialect, entity.table_name());
        names.push((Target::table(&table), entity.name.clone()));
        for field in &entity.fields {
            if let Some(column) = field.column_name() {
                let target = Target::column(&table, &Ident::new(column));
                names.push((target, format!("{}.{}", entity.name, field.name)));
            }
        }
    }
    names
}

/// The catalog as the engine prints it.
pub(crate) fn by_engine(
    catalog: Catalog,
    printed: Printed,
    options: &ScratchOptions,
) -> Result<Catalog, CliError> {
    match printed {
        Printed::ByEngine => Ok(catalog),
        Printed::ByModel => {
            let mut scratch = scratch(catalog.dialect, options)?;
            Ok(forget_not_null_names(reprint(&catalog, scratch.database())?))
        }
    }
}

/// Makes the schema in an empty database and reads it back.
pub(crate) fn reprint(catalog: &Catalog, empty: &mut Database) -> Result<Catalog, CliError> {
    for statement in create_script(catalog)? {
        empty.execute(&statement).map_err(|error| {
            let mut error = CliError::from(error);
            error.message = format!("{}\nwhile running: {statement}", error.message);
            error
        })?;
    }
    Ok(empty.inspect()?)
}

/// The dialect of a comparison: named, or that of a database among the sources, or the project's only one.
pub(crate) fn dialect_of(
    world: &World,
    project: Option<&Project>,
    sources: &[&Source],
) -> Result<Dialect, CliError> {
    if let Some(dialect) = world.named_dialect() {
        return Ok(dialect);
    }
    let of_database = sources.iter().find_map(|source| match source {
        Source::Database(url) => Some(url.dialect()),
        Source::Model(_)
        | Source::Sql(_)
        | Source::Git { .. }
        | Source::Version(_)
        | Source::Empty => None,
    });
    if let Some(dialect) = of_database {
        return Ok(dialect);
    }
    if let Some(url) = world.url_if_any(project)? {
        return Ok(url.dialect());
    }
    Err(CliError::usage(
        "the SQL dialect is not known\nhelp: pass `--dialect postgres` or `--dialect sqlite`",
    ))
}
