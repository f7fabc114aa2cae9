//! `migrate verify`: every rule on every row.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::apply::Progress;
use crate::catalog::rule::{OwnRule, Rule, own_rules};
use crate::catalog::{Catalog, Printed};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::format::Format;
use crate::cli::world::World;
use crate::db::{Access, Database};
use crate::dialect::check::sample::{Sample, can_be_sampled, rows_of};
use crate::dialect::check::standing::{Doubts, Extent, Standing, Unaskable, Wanted, standing};
use crate::dialect::check::{Check, SAMPLE};
use crate::dialect::realize::fields::field_places;
use crate::dialect::session;
use crate::report::formats::Style;
use crate::report::style::count;
use crate::report::verify::{Place, report};
use crate::report::violation::shell;
use crate::report::{explain, violation};
use crate::source::project::Project;

use crate::source::{Loaded, Source, load};
use crate::text::{Dialect, Ident, QName};
use crate::verify::{
    Baseline, BaselineWriter, Both, Choice, How, Keys, RowFormat, Saver, Sizes, Unasked, Verdict,
    Wish, measure, size_up, survey,
};

use super::contract::{self, Contracts};
use super::repair::{self, Ground};

/// Check every rule on every row.
///
/// Rules are those of the model (`--model`, or the project's) and the constraints of the database itself, as far as the
/// database does not hold every row to them. Exit 5 if rows break a rule, 1 if a rule could not be asked.
#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArgs {
    /// The model whose rules are checked
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Ask also what this contract says: quality rules of the Open Data Contract Standard (version 3), or tests of a
    /// property file of dbt; may be given several times
    #[arg(long, value_name = "FILE")]
    contract: Vec<PathBuf>,
    /// Only rules whose name contains this; may be given several times
    #[arg(long, value_name = "TEXT")]
    rule: Vec<String>,
    /// Only rules of this table; may be given several times
    #[arg(long, value_name = "NAME", visible_alias = "entity")]
    table: Vec<String>,
    /// Ask also what the database holds every row to
    #[arg(long)]
    all: bool,
    /// How many violating rows are shown for a rule (usually 5, and 10 in JSON)
    #[arg(long, value_name = "N", visible_alias = "keys")]
    sample: Option<usize>,
    /// Who answers rules that look at rows one by one (PostgreSQL)
    #[arg(long, value_name = "ENGINE", default_value = "auto")]
    engine: Engine,
    /// How many connections read at once (PostgreSQL)
    #[arg(long, value_name = "N", default_value = "1")]
    jobs: usize,
    /// Read about N rows of a table within one view of the data, and the next N in another: no view is held for long, and
    /// rows that are written meanwhile may be missed or counted twice (PostgreSQL 14)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..),
        conflicts_with_all = ["jobs", "save", "baseline", "save_baseline", "max_rows"])]
    chunk: Option<u64>,
    /// Look at about N rows of each table that has more, chosen at random, and say what that means; keys and exclusions
    /// are asked of all rows
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..),
        conflicts_with_all = ["save_baseline", "repair"])]
    max_rows: Option<u64>,
    /// Read from this copy of the database instead of the database itself
    #[arg(long, value_name = "URL")]
    replica: Option<String>,
    /// Show what a repair would do to the rows that break a rule; may be given several times. Strategies: default,
    /// default:VALUE, null, trim, lower, upper, clamp, map:OLD=NEW, cast, cast:VALUE, dedupe:newest, dedupe:oldest,
    /// quarantine; a column is named as in null@COLUMN
    #[arg(long, value_name = "RULE=STRATEGY")]
    repair: Vec<String>,
    /// Write the repairs as a plan into this folder, for `migrate apply --plan`
    #[arg(long, value_name = "DIR", requires = "repair")]
    out: Option<PathBuf>,
    /// Say what would be asked and how, and ask nothing
    #[arg(long)]
    explain: bool,
    /// How the result is printed
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Write the keys of all violating rows to files in this folder
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
    /// How they are written
    #[arg(long, value_name = "FORMAT", default_value = "csv", requires = "save")]
    save_format: SaveFormat,
    /// Violations that are known: only others fail
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Write all violations to a baseline; what is in it is known from then on
    #[arg(long, value_name = "FILE", conflicts_with = "baseline")]
    save_baseline: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Engine {
    /// The database counts
    Sql,
    /// Rows are streamed, and what is known exactly outside the database is answered here
    Stream,
    /// Whichever is expected to take less time
    Auto,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SaveFormat {
    Csv,
    Ndjson,
}

pub(crate) fn run(args: &VerifyArgs, world: &World) -> Result<Exit, CliError> {
    let project = world.project_if_any()?;
    let mut database = open(args, world, project.as_ref())?;
    let catalog = database.inspect()?;
    let path = match (&args.model, &project) {
        (Some(path), _) => Some(world.folder.join(path)),
        (None, Some(project)) => Some(project.model_path()),
        (None, None) => None,
    };
    let model = match &path {
        Some(path) => Some(read_model(path, world, project.as_ref(), &database)?),
        None => None,
    };
    let mut contracts = contract::read(&args.contract, world, &catalog)?;
    let none = BTreeMap::new();
    let mut found = to_ask(args, &mut database, &catalog, (model.as_ref(), &contracts), &none)?;
    let samples = samples(args, world, &mut database, &catalog, &found)?;
    if !samples.is_empty() {
        found = to_ask(args, &mut database, &catalog, (model.as_ref(), &contracts), &samples)?;
    }
    select(args, &mut found, &mut contracts)?;
    if args.explain {
        let sizes = size_up(&mut database, &found.checks)?;
        world.print(&explain::explain(&found, how(args).engine, &sizes));
        world.print(&explain::numbers(&contracts.measured));
        return Ok(Exit::Done);
    }
    let wanted = model.as_ref().map(|loaded| &loaded.catalog);
    let ground = Ground { catalog: &catalog, wanted, found: &found };
    if !args.repair.is_empty() {
        let next = next_of_repair(args, project.as_ref());
        let out = args.out.as_deref();
        return repair::show(world, &args.repair, out, &ground, &mut database, &next);
    }
    let mut verdict = ask(args, world, &mut database, &found.checks)?;
    let mut spinner = world.spinner();
    verdict.extend(measure(&mut database, &contracts.measured, &mut |rule| spinner.phase(rule))?);
    drop(spinner);
    let is_asked = |table: &str| found.checks.iter().any(|check| check.table == table);
    let named = samples.iter().map(|(table, sample)| (table.to_string(), *sample));
    verdict.estimate(&named.filter(|(table, _)| is_asked(table)).collect::<Vec<_>>());
    repair::propose(&mut verdict, &ground, &mut database);
    verdict.trusted = found.trusted.iter().map(|trusted| trusted.rule.clone()).collect();
    let unasked = |it: &Unaskable| Unasked {
        rule: it.rule.clone(),
        table: it.table.clone(),
        origin: it.origin,
        file: None,
        reason: it.reason.clone(),
    };
    let lacking = found.unaskable.iter().map(unasked);
    // A project's model may be ahead of its database: what is pending is asked by `check` and `apply`.
    let (wrong, pending): (Vec<Unasked>, Vec<Unasked>) =
        lacking.partition(|it| args.model.is_some() || contracts.states(&it.rule));
    verdict.unasked.splice(0..0, wrong);
    verdict.notes.splice(0..0, pending.into_iter().chain(found.untold.iter().map(unasked)));
    verdict.unasked.append(&mut contracts.unasked);
    verdict.notes.append(&mut contracts.notes);
    if let Some(model) = &model {
        name_files(&mut verdict, &model.files);
    }
    contracts.name_files(&mut verdict);
    let exit = exit_of(args, &verdict);
    let file = match (&model, &args.model) {
        (Some(Loaded { text: Some((path, _)), .. }), None) => Some(path.clone()),
        (Some(_), Some(path)) if path.is_file() || world.folder.join(path).is_file() => {
            Some(path.display().to_string())
        }
        (Some(_), Some(_)) | (Some(_) | None, _) => None,
    };
    print(args, world, &verdict, file.as_deref());
    Ok(exit)
}

fn how(args: &VerifyArgs) -> How {
    let engine = match args.engine {
        Engine::Sql => Choice::Sql,
        Engine::Stream => Choice::Stream,
        Engine::Auto => Choice::Auto,
    };
    How { engine, jobs: args.jobs.max(1), chunk: args.chunk }
}

/// How to go on after a repair was shown.
fn next_of_repair(args: &VerifyArgs, project: Option<&Project>) -> String {
    match (&args.model, project) {
        (None, Some(_)) => "`migrate plan NAME --repair …` makes a version of it".to_owned(),
        (_, _) => "`--out DIR` makes a plan of it, for `migrate apply --plan DIR`".to_owned(),
    }
}

/// The words of this command, without what is asked.
fn command_of(args: &VerifyArgs, world: &World) -> String {
    let mut words = vec!["migrate verify".to_owned()];
    if let Some(name) = &world.global.environment {
        words.push(format!("-e {}", shell(name)));
    }
    if let Some(model) = &args.model {
        words.push(format!("--model {}", shell(&model.display().to_string())));
    }
    words.join(" ")
}

/// Says of each rule in which of several files it stands.
fn name_files(verdict: &mut Verdict, files: &BTreeMap<QName, String>) {
    let of = |table: &str| {
        files.iter().find(|(name, _)| name.to_string() == table).map(|(_, file)| file.clone())
    };
    for violation in verdict.violations.iter_mut().filter(|it| it.origin.is_some()) {
        violation.file = of(&violation.table);
    }
    let unasked = verdict.unasked.iter_mut().chain(&mut verdict.notes);
    for unasked in unasked.filter(|it| it.file.is_none()) {
        unasked.file = of(&unasked.table);
    }
}

fn exit_of(args: &VerifyArgs, verdict: &Verdict) -> Exit {
    if !verdict.unasked.is_empty() {
        Exit::Failure
    } else if verdict.fails() && args.save_baseline.is_none() {
        Exit::Violations
    } else {
        Exit::Done
    }
}

fn open(args: &VerifyArgs, world: &World, project: Option<&Project>) -> Result<Database, CliError> {
    match &args.replica {
        Some(url) => Ok(Database::open(&world.read_url(url)?, Access::ReadOnly)?),
        None => world.open(project, Access::ReadOnly),
    }
}

fn read_model(
    path: &Path,
    world: &World,
    project: Option<&Project>,
    database: &Database,
) -> Result<Loaded, CliError> {
    let source = Source::parse(&path.display().to_string(), &world.env)?;
    let options = world.load_options(project, database.dialect())?;
    let mut loaded = load(&source, &options)?;
    // A schema in SQL states its rules as constraints.
    if loaded.printed == Printed::ByEngine {
        let own = loaded.catalog.tables.values().flat_map(own_rules);
        let own: Vec<Rule> = own.map(|own| OwnRule::rule(&own)).collect();
        loaded.rules.splice(0..0, own);
    }
    Ok(loaded)
}

/// What the rows say to all rules of a model that the database does not hold them to itself.
pub(crate) fn all_rules(
    database: &mut Database,
    model: &Loaded,
    hear: &mut dyn FnMut(&str),
) -> Result<Verdict, CliError> {
    let catalog = database.inspect()?;
    let places = model.model.as_ref();
    let wanted = Wanted {
        rules: &model.rules,
        catalog: Some(&model.catalog),
        personal: model.personal.clone(),
        samples: BTreeMap::new(),
        places: places.map(|it| field_places(it, database.dialect())).unwrap_or_default(),
    };
    let doubts = doubts(database)?;
    let found = standing(&catalog, &wanted, &doubts, Extent::Unproven);
    let how = How { engine: Choice::Auto, jobs: 1, chunk: None };
    let wish = Wish { shown: SAMPLE, baseline: None };
    let mut verdict = survey(database, &found.checks, &wish, how, None, hear)?;
    verdict.trusted = found.trusted.iter().map(|trusted| trusted.rule.clone()).collect();
    verdict.unasked.extend(found.unaskable.iter().map(|it| Unasked {
        rule: it.rule.clone(),
        table: it.table.clone(),
        origin: it.origin,
        file: None,
        reason: it.reason.clone(),
    }));
    Ok(verdict)
}

/// What there is to ask of this database.
fn to_ask(
    args: &VerifyArgs,
    database: &mut Database,
    catalog: &Catalog,
    (model, contracts): (Option<&Loaded>, &Contracts),
    samples: &BTreeMap<QName, Sample>,
) -> Result<Standing, CliError> {
    let personal = model.map(|loaded| loaded.personal.clone()).unwrap_or_default();
    let rules: Vec<Rule> = model
        .map(|loaded| loaded.rules.as_slice())
        .unwrap_or_default()
        .iter()
        .chain(&contracts.rules)
        .cloned()
        .collect();
    let catalog_of_model = model.map(|loaded| &loaded.catalog);
    let samples = samples.clone();
    let places = model.and_then(|loaded| loaded.model.as_ref());
    let places = places.map(|it| field_places(it, database.dialect())).unwrap_or_default();
    let wanted = Wanted { rules: &rules, catalog: catalog_of_model, personal, samples, places };
    let extent = if args.all { Extent::All } else { Extent::Unproven };
    let doubts = doubts(database)?;
    Ok(standing(catalog, &wanted, &doubts, extent))
}

/// Tables with more rows than are looked at.
fn samples(
    args: &VerifyArgs,
    world: &World,
    database: &mut Database,
    catalog: &Catalog,
    found: &Standing,
) -> Result<BTreeMap<QName, Sample>, CliError> {
    let mut samples = BTreeMap::new();
    let Some(rows) = args.max_rows else { return Ok(samples) };
    let sizes = match database.dialect() {
        Dialect::Postgres => size_up(database, &found.checks)?,
        Dialect::Sqlite => Sizes::default(),
    };
    for table in catalog.tables.values() {
        let name = table.name.to_string();
        if !found.checks.iter().any(|check| check.table == name) {
            continue;
        }
        let of = match database.dialect() {
            Dialect::Postgres => sizes.rows(&name).unwrap_or(0),
            Dialect::Sqlite => {
                let counted = database.value(&rows_of(table))?;
                counted.and_then(|text| text.parse().ok()).unwrap_or(0)
            }
        };
        if of > rows && can_be_sampled(table) {
            samples.insert(table.name.clone(), Sample { rows, of });
        } else if of > rows {
            world.note(&format!("all rows of `{name}` are looked at: its rows have no number"));
        }
    }
    Ok(samples)
}

fn doubts(database: &mut Database) -> Result<Doubts, CliError> {
    if database.dialect() == Dialect::Sqlite {
        return Ok(Doubts::new());
    }
    let rows = database.rows(&session::doubts())?;
    let each = rows.into_iter().filter_map(|row| match row.as_slice() {
        [Some(schema), Some(table), Some(name), Some(why)] => {
            let key = (QName::new(schema.as_str(), table.as_str()), Ident::new(name.as_str()));
            Some((key, why.clone()))
        }
        _ => None,
    });
    Ok(each.collect())
}

/// Leaves out what the user did not ask for.
fn select(
    args: &VerifyArgs,
    found: &mut Standing,
    contracts: &mut Contracts,
) -> Result<(), CliError> {
    let names = |table: &str, wanted: &str| {
        table.eq_ignore_ascii_case(wanted)
            || table.rsplit_once('.').is_some_and(|(_, name)| name.eq_ignore_ascii_case(wanted))
    };
    let entity = |rule: &str, wanted: &str| {
        rule.split_once('.').is_some_and(|(entity, _)| entity.eq_ignore_ascii_case(wanted))
    };
    let wanted = |rule: &str, table: &str| {
        let is_table = |name: &String| names(table, name) || entity(rule, name);
        (args.rule.is_empty() || args.rule.iter().any(|text| rule.contains(text.as_str())))
            && (args.table.is_empty() || args.table.iter().any(is_table))
    };
    found.checks.retain(|check| wanted(&check.rule, &check.table));
    found.unaskable.retain(|it| wanted(&it.rule, &it.table));
    found.untold.retain(|it| wanted(&it.rule, &it.table));
    found.trusted.retain(|it| wanted(&it.rule, &it.table));
    contracts.retain(&wanted);
    let is_narrowed = !args.rule.is_empty() || !args.table.is_empty();
    if is_narrowed
        && found.checks.is_empty()
        && found.unaskable.is_empty()
        && found.trusted.is_empty()
        && contracts.is_empty()
    {
        let mut words = args.rule.clone();
        words.extend(args.table.iter().cloned());
        return Err(CliError::usage(format!(
            "no rule is called `{}`\nhelp: `migrate verify --explain` lists all rules",
            words.join("`, `")
        )));
    }
    Ok(())
}

fn ask(
    args: &VerifyArgs,
    world: &World,
    database: &mut Database,
    checks: &[Check],
) -> Result<Verdict, CliError> {
    let baseline = match &args.baseline {
        Some(path) => Some(
            Baseline::read(&world.folder.join(path))
                .map_err(|error| CliError::new(Exit::Failure, error.to_string()))?,
        ),
        None => None,
    };
    let format = match args.save_format {
        SaveFormat::Csv => RowFormat::Csv,
        SaveFormat::Ndjson => RowFormat::Ndjson,
    };
    let cannot = |what: &Path, error: std::io::Error| {
        CliError::new(Exit::Failure, format!("cannot write `{}`: {error}", what.display()))
    };
    let mut saver = match &args.save {
        Some(folder) => Some(
            Saver::create(&world.folder.join(folder), format)
                .map_err(|error| cannot(folder, error))?,
        ),
        None => None,
    };
    let mut writer = match &args.save_baseline {
        Some(path) => Some(
            BaselineWriter::create(&world.folder.join(path))
                .map_err(|error| cannot(path, error))?,
        ),
        None => None,
    };
    let mut listeners: Vec<&mut dyn Keys> = Vec::new();
    listeners.extend(saver.as_mut().map(|saver| saver as &mut dyn Keys));
    listeners.extend(writer.as_mut().map(|writer| writer as &mut dyn Keys));
    let mut both = Both(listeners);
    let keys = if both.0.is_empty() { None } else { Some(&mut both as &mut dyn Keys) };
    let wish = Wish { shown: args.sample.unwrap_or(SAMPLE), baseline: baseline.as_ref() };
    let mut spinner = world.spinner();
    let verdict = survey(database, checks, &wish, how(args), keys, &mut |rule| spinner.phase(rule));
    drop(spinner);
    let verdict = verdict?;
    if let (Some(saver), Some(folder)) = (&saver, &args.save) {
        let files = count(saver.files() as u64, "broken rule");
        world.note(&format!("`{}` has the keys of {files}", folder.display()));
    }
    if let (Some(writer), Some(path)) = (writer, &args.save_baseline) {
        let rows = writer.finish().map_err(|error| cannot(path, error))?;
        let rows = count(rows, "violation");
        world.note(&format!("`{}` knows {rows}", path.display()));
    }
    Ok(verdict)
}

fn print(args: &VerifyArgs, world: &World, verdict: &Verdict, file: Option<&str>) {
    let placed = file.map(|file| match args.format.is_of_repository() {
        true => World::path_in_repository(&world.folder, file),
        false => file.to_owned(),
    });
    let place = Place { file: placed.as_deref() };
    if args.format == Format::Json || (args.format == Format::Text && world.global.json) {
        return world.print_json(verdict);
    }
    let Some(style) = args.format.style() else {
        let command = command_of(args, world);
        return world.print(&violation::proposing(verdict, args.sample, &command));
    };
    world.print(&report(verdict, place, style));
    world.step_summary(args.format, || report(verdict, place, Style::Markdown));
}
