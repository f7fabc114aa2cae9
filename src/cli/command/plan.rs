//! `migrate plan`: the way from the last version to the model, sealed as a new version; or between any two sources.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::apply::book;
use crate::change::access::Reach;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::world::{World, now};
use crate::db::Access;
use crate::journal::applied;
use crate::model::print::{Hints, print};
use crate::plan::version::{Manifest, VersionId, VersionKind};
use crate::plan::{Files, files};
use crate::report::plan as report;
use crate::report::style::{GOOD, paint};
use crate::source::project::{Project, Snapshot, Version};
use crate::source::{Source, load, read_model};
use crate::text::Dialect;

use super::busy::{self, Ways};
use super::decisions::Pen;
use super::pair::{load_pair, same_hand, with_access};
use super::plan_folder;
use super::planning::{Answers, make_plan};
use super::proof::{Proving, prove_plan};
use super::versions::load_version;

/// Plan the way from the last version to the model, as a new version.
///
/// With --from and --to no project is needed: the plan is written to --out, or shown.
#[derive(Debug, clap::Args)]
pub(crate) struct PlanArgs {
    /// A few words that name the version
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// The schema to start from (see `migrate diff --help` for what a source is)
    #[arg(long, value_name = "SOURCE", requires = "to")]
    from: Option<String>,
    /// The schema to reach
    #[arg(long, value_name = "SOURCE", requires = "from")]
    to: Option<String>,
    /// Write up.sql, down.sql and plan.json here
    #[arg(long, value_name = "DIR", requires = "from")]
    out: Option<PathBuf>,
    #[command(flatten)]
    answers: Answers,
    #[command(flatten)]
    ways: Ways,
    #[command(flatten)]
    proving: Proving,
    /// Why, for the version's manifest
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Plan the last version anew, which must not be applied anywhere yet
    #[arg(long, conflicts_with = "from")]
    replace: bool,
    /// Repair rows that break a rule instead, the schema stays as it is: `migrate verify` proposes what fits; may be
    /// given several times
    #[arg(long, value_name = "RULE=STRATEGY", conflicts_with_all = ["from", "replace"])]
    repair: Vec<String>,
    /// Put the repair before this version, which must be the last and not applied yet
    #[arg(long, value_name = "VERSION", requires = "repair")]
    before: Option<String>,
    /// Show the plan, write nothing
    #[arg(long)]
    dry_run: bool,
    /// Print the SQL of both ways too
    #[arg(long)]
    sql: bool,
    /// End with 3 if there is something to plan
    #[arg(long)]
    exit_code: bool,
}

pub(crate) fn run(args: &PlanArgs, world: &World) -> Result<Exit, CliError> {
    match (&args.from, &args.to) {
        (Some(from), Some(to)) => between(args, from, to, world),
        _ if !args.repair.is_empty() => super::repair::next_version(
            world,
            args.name.as_deref(),
            &args.repair,
            args.before.as_deref(),
            args.reason.clone(),
            args.dry_run,
        ),
        _ => next_version(args, world),
    }
}

/// A plan between two sources, into a folder.
fn between(args: &PlanArgs, from: &str, to: &str, world: &World) -> Result<Exit, CliError> {
    let project = world.project_if_any()?;
    let before = Source::parse_in(from, &world.env, &world.folder)?;
    let after = Source::parse_in(to, &world.env, &world.folder)?;
    let mut pair = load_pair(world, project.as_ref(), &before, &after)?;
    pair.notes.iter().for_each(|note| world.note(note));
    busy::find(world, project.as_ref(), args.ways, Some(&before), &mut pair)?;
    let Some(plan) = make_plan(world, &pair, &args.answers, &Pen::Plan)? else {
        return Err(CliError::new(
            Exit::Failure,
            "a plan between two sources has no model to write to",
        ));
    };
    let mut files = files(&plan, args.name.as_deref().unwrap_or("plan"));
    with_access(&mut files.plan.summary, &pair.access);
    let options = world.scratch_options(project.as_ref())?;
    prove_plan(world, args.proving, &options, &mut pair, &mut files)?;
    let out = args.out.as_ref().map(|out| world.folder.join(out));
    if let (Some(out), false) = (&out, args.dry_run) {
        plan_folder::write(out, &files)?;
    }
    show(world, args, &files);
    if let (Some(out), false, false) = (&out, args.dry_run, world.global.json) {
        world.note(&format!("{} {}", paint(GOOD, "written to"), out.display()));
    }
    Ok(exit(args, !files.plan.summary.is_empty()))
}

fn exit(args: &PlanArgs, changes: bool) -> Exit {
    if args.exit_code && changes { Exit::Differences } else { Exit::Done }
}

fn show(world: &World, args: &PlanArgs, files: &Files) {
    if world.global.json {
        world.print_json(&files.plan);
    } else if files.plan.summary.is_empty() {
        world.print("nothing to plan: both sides are equal\n");
    } else {
        world.print(&report::plan(&files.plan));
    }
    if args.sql && !world.global.json {
        world.print(&format!("\n{}\n{}", files.up, files.down));
    }
}

/// The project's next version.
fn next_version(args: &PlanArgs, world: &World) -> Result<Exit, CliError> {
    let project = world.project()?;
    let mut versions = project.versions()?;
    let replaced = if args.replace { versions.pop() } else { None };
    if let Some(version) = &replaced {
        refuse_applied(world, &project, version)?;
    }
    let pen = if args.dry_run { Pen::Plan } else { Pen::of(&project) };
    let drafts = draft(world, &project, &versions, &args.answers, (args.ways, args.proving), &pen)?;
    let planned: BTreeMap<Dialect, &Files> = drafts
        .files
        .iter()
        .filter(|(_, files)| !files.plan.summary.is_empty())
        .map(|(dialect, files)| (*dialect, files))
        .collect();
    if planned.is_empty() {
        if let (Some(version), false) = (&replaced, args.dry_run) {
            project.withdraw(&version.manifest.id)?;
            world.note(&format!("took {} out again", version.manifest.id));
        }
        if world.global.json {
            world.print_json(&serde_json::json!({ "plan": null, "questions": [] }));
        } else {
            world.print("nothing to plan: the model is as the last version has it\n");
        }
        return Ok(Exit::Done);
    }
    let shown = planned.values().next().copied();
    if let Some(files) = shown {
        show(world, args, files);
    }
    if planned.len() > 1 && !world.global.json {
        let names: Vec<&str> = planned.keys().map(|dialect| dialect.name()).collect();
        world.note(&format!("shown for {}; planned for {}", names[0], names.join(" and ")));
    }
    if drafts.wider > 0 && args.reason.is_none() {
        world.note(
            "somebody may do more than before: say why with `--reason TEXT`, `migrate check` asks for it",
        );
    }
    if args.dry_run {
        return Ok(exit(args, true));
    }
    let number = versions.last().map_or(1, |version| version.manifest.id.number() + 1);
    let id = match (&args.name, &replaced) {
        (Some(words), _) => VersionId::new(number, words),
        (None, Some(version)) => version.manifest.id.clone(),
        (None, None) if number == 1 => VersionId::new(number, "initial"),
        (None, None) => VersionId::new(number, "change"),
    };
    if let Some(version) = &replaced {
        project.withdraw(&version.manifest.id)?;
    }
    let version = version(id, VersionKind::Planned, args.reason.clone(), drafts, world);
    let sealed = project.seal(version)?;
    world.note(&format!(
        "{} {}",
        paint(GOOD, "sealed"),
        project.migrations().join(sealed.manifest.id.as_str()).display()
    ));
    Ok(exit(args, true))
}

/// A version that a database has must not be planned anew. Only the database at hand can be asked.
pub(crate) fn refuse_applied(
    world: &World,
    project: &Project,
    version: &Version,
) -> Result<(), CliError> {
    let id = version.manifest.id.to_string();
    let url = world.url_if_any(Some(project))?;
    // A database file that does not exist yet has no version.
    let exists = url.is_some_and(|url| url.file().is_none_or(|path| path.exists()));
    if !exists {
        return Ok(());
    }
    let mut database = world.open(Some(project), Access::ReadOnly)?;
    let books = book::read(&mut database)?;
    if !applied(&books.entries).iter().any(|entry| entry.version == id) {
        return Ok(());
    }
    Err(CliError::new(
        Exit::History,
        format!(
            "version `{id}` is applied to {}, so it stays as it is\nhelp: roll it back first, or plan a new version",
            database.describe()
        ),
    ))
}

/// Plans for every target of the model, not yet a version.
pub(crate) struct Drafts {
    pub(crate) snapshot: Snapshot,
    pub(crate) files: BTreeMap<Dialect, Files>,
    /// How many lines let somebody do more than before, or may.
    pub(crate) wider: usize,
}

/// Plans the way from the last version to the model as it is now, for every target.
pub(crate) fn draft(
    world: &World,
    project: &Project,
    versions: &[Version],
    answers: &Answers,
    (ways, proving): (Ways, Proving),
    pen: &Pen,
) -> Result<Drafts, CliError> {
    let source = Source::parse(&project.model_path().display().to_string(), &world.env)?;
    let mut drafts = BTreeMap::new();
    let mut snapshot = None;
    let mut wider = 0;
    for dialect in targets(world, project, &source)? {
        let options = world.load_options(Some(project), dialect)?;
        let mut is_first = drafts.is_empty();
        let (mut pair, plan) = loop {
            let after = load(&source, &options)?;
            snapshot = Some(snapshot_of(&after));
            if std::mem::take(&mut is_first) {
                after.notes.iter().for_each(|note| world.note(note));
            }
            let before = match versions.last() {
                Some(version) => load_version(world, project, version, dialect)?,
                None => load(&Source::Empty, &options)?,
            };
            let mut pair = same_hand(before, after, &options.scratch)?;
            busy::find(world, Some(project), ways, None, &mut pair)?;
            // After an answer the model is read again.
            if let Some(plan) = make_plan(world, &pair, answers, pen)? {
                break (pair, plan);
            }
        };
        let mut planned = files(&plan, &project.settings.model);
        with_access(&mut planned.plan.summary, &pair.access);
        wider = pair.access.iter().filter(|it| it.reach != Reach::NotWider).count();
        prove_plan(world, proving, &options.scratch, &mut pair, &mut planned)?;
        drafts.insert(dialect, planned);
    }
    let snapshot = snapshot.ok_or_else(|| {
        CliError::new(
            Exit::Failure,
            "the model names no target\nhelp: add `targets: [sqlite]` or `[postgres]`",
        )
    })?;
    Ok(Drafts { snapshot, files: drafts, wider })
}

fn snapshot_of(loaded: &crate::source::Loaded) -> Snapshot {
    match &loaded.model {
        Some(model) => Snapshot::Model(print(model, Hints::Drop)),
        None => Snapshot::Sql(loaded.text.clone().map(|(_, text)| text).unwrap_or_default()),
    }
}

/// The dialects a project plans for: the model's targets; for SQL, the one that is named or of its database.
fn targets(world: &World, project: &Project, source: &Source) -> Result<Vec<Dialect>, CliError> {
    if let Source::Model(path) = source {
        let (model, _) = read_model(path)?;
        return Ok(model.targets.iter().map(|target| target.dialect).collect());
    }
    Ok(vec![super::pair::dialect_of(world, Some(project), &[source])?])
}

/// A version from drafts; its hash is computed when it is sealed.
pub(crate) fn version(
    id: VersionId,
    kind: VersionKind,
    reason: Option<String>,
    drafts: Drafts,
    world: &World,
) -> Version {
    let who = world.who(None);
    let mut sql = BTreeMap::new();
    let mut plans = BTreeMap::new();
    for (dialect, files) in drafts.files {
        sql.insert(format!("{dialect}.up.sql"), files.up);
        sql.insert(format!("{dialect}.down.sql"), files.down);
        plans.insert(dialect, files.plan);
    }
    let manifest = Manifest {
        id,
        parent: None,
        hash: String::new(),
        kind,
        author: who.actor,
        created: now(),
        reason,
        tool: who.tool,
    };
    Version { manifest, snapshot: drafts.snapshot, sql, plans }
}
