//! `migrate check`: the gate. History, plan, rehearsal and rows, all findings in one run.

pub(crate) mod released;
mod widened;

use std::collections::BTreeMap;

use crate::apply::rehearse::Rehearsal;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::format::{Copied, Format};
use crate::cli::shadow::ShadowArgs;
use crate::cli::world::World;
use crate::db::{Access, Database};
use crate::dialect::Undo;
use crate::journal::applied;
use crate::lint;
use crate::lint::file::Way;
use crate::lint::rule::Severity;
use crate::plan::version::VersionKind;
use crate::report::check as report;
use crate::report::check::{Check, Gate as Shown, Outcome};
use crate::report::drift::summary;
use crate::report::formats::Style;
use crate::report::lint as lint_report;
use crate::report::problem::{Problem, sort};
use crate::report::style::count;
use crate::report::verify::Place;
use crate::report::{rehearsal, status::SchemaStatus};
use crate::source::project::{CHAIN, Project, SETTINGS, Version, write_atomically};
use crate::text::Dialect;
use crate::text::diagnostic::Colour;

use super::apply::{evidence_folder, pending};
use super::busy::Ways;
use super::decisions::Pen;
use super::drift::drift;
use super::lint::{FailOn, fails, lint_settings};
use super::plan::draft;
use super::planning::Answers;
use super::proof::Proving;
use super::rehearse::rehearse_pending;
use super::{status, versions};
use released::{Released, Teller, base_of, of_base};

/// The gate for pull requests and deployments.
///
/// Without a database: the history is whole, the model is planned, the SQL of new versions is linted. With one (--url, DATABASE_URL or the
/// environment): no drift, pending versions rehearsed on a copy with all rows, every new rule checked on every row.
#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// The branch that this one is merged into: versions that it has must not have changed since, and those that it lacks are
    /// new (default: the one that the pipeline names, else origin/HEAD; without any, what the database lacks is new)
    #[arg(long, value_name = "REF")]
    base: Option<String>,
    /// The severity from which findings of the linter fail (usually `error`)
    #[arg(long, value_name = "SEVERITY")]
    fail_on: Option<FailOn>,
    /// How the result is printed
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Write the result to a file too, in another format; may be given several times
    #[arg(long, value_name = "FORMAT=FILE")]
    write: Vec<Copied>,
    /// Fail (7) if a version that the base does not have cannot be taken back at least like this
    #[arg(long, value_name = "CLASS")]
    require: Option<Require>,
    #[command(flatten)]
    shadow: ShadowArgs,
}

/// How versions must be able to go back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Require {
    /// Nothing has to be kept for it: every value stays or can be computed.
    Exact,
    /// Exactly, with the help of kept data.
    Kept,
}

impl Require {
    fn undo(self) -> Undo {
        match self {
            Require::Exact => Undo::Exact,
            Require::Kept => Undo::Kept,
        }
    }
}

/// What was found so far.
struct Gate {
    checks: Vec<Check>,
    problems: Vec<Problem>,
    /// What the linter says of the versions, for machines.
    lint: Vec<lint::Finding>,
    exit: Exit,
}

impl Gate {
    fn pass(&mut self, what: &'static str, message: impl Into<String>) {
        self.checks.push(Check { what, outcome: Outcome::Passed, message: message.into() });
    }

    fn skip(&mut self, what: &'static str, message: impl Into<String>) {
        self.checks.push(Check { what, outcome: Outcome::Skipped, message: message.into() });
    }

    /// Fails for a reason that is one problem, about a file.
    fn fail(&mut self, what: &'static str, file: &str, error: CliError) {
        let plain = anstream::adapter::strip_str(&error.message).to_string();
        let (help, message): (Vec<&str>, Vec<&str>) =
            plain.lines().partition(|line| line.starts_with("help:"));
        let help: Vec<&str> =
            help.iter().map(|line| line.trim_start_matches("help:").trim()).collect();
        self.problems.push(Problem {
            code: what.to_owned(),
            name: None,
            rule: None,
            severity: Severity::Error,
            message: message.join("\n"),
            file: Some(file.replace('\\', "/")),
            at: Some((1, 1)),
            why: None,
            instead: (!help.is_empty()).then(|| help.join("\n")),
        });
        self.fail_for(what, error, Vec::new());
    }

    /// Fails for problems that are told one by one. The first failure decides the exit code: checks go from the cause to
    /// what follows from it.
    fn fail_for(&mut self, what: &'static str, error: CliError, problems: Vec<Problem>) {
        if self.exit == Exit::Done {
            self.exit = error.exit;
        }
        self.problems.extend(problems);
        self.checks.push(Check { what, outcome: Outcome::Failed, message: error.message });
    }
}

pub(crate) fn run(args: &CheckArgs, world: &World) -> Result<Exit, CliError> {
    let project = world.project()?;
    let mut gate =
        Gate { checks: Vec::new(), problems: Vec::new(), lint: Vec::new(), exit: Exit::Done };
    match project.versions() {
        Ok(versions) => {
            let message =
                format!("{}, one line of descent", count(versions.len() as u64, "version"));
            gate.pass("history", message);
            let mut database = open(world, &project);
            let released = released(args, world, &project, &versions, &mut database, &mut gate);
            reversible(args, &project, &versions, &released, &mut gate);
            planned(world, &project, &versions, &mut gate);
            widened::widened(args, &project, &versions, &released, &mut gate);
            if let Err(error) = linted(args, &project, &versions, &released, &mut gate) {
                gate.fail("lint", SETTINGS, error);
            }
            let looked = database.and_then(|database| match database {
                Some(database) => {
                    on_database(world, &project, &versions, &args.shadow, database, &mut gate)
                }
                None => {
                    let message = match world.default_file_to_come(&project) {
                        Ok(Some(path)) => {
                            format!("`{}` is not there yet: {WITHOUT}", path.display())
                        }
                        Ok(None) | Err(_) => format!("none is named: {WITHOUT}"),
                    };
                    gate.skip("database", message);
                    Ok(())
                }
            });
            if let Err(error) = looked {
                gate.fail("database", SETTINGS, error);
            }
        }
        Err(error) => {
            // The finding says `history` itself.
            let error = CliError::from(error);
            let message = error.message.replace("history: ", "");
            gate.fail("history", &chain_path(&project), CliError::new(error.exit, message));
        }
    }
    sort(&mut gate.problems);
    print(args, world, &gate)?;
    Ok(gate.exit)
}

/// What is not done without a database.
const WITHOUT: &str = "no drift check, no rehearsal, no rows checked";

/// `chain.sum` as the user names it.
fn chain_path(project: &Project) -> String {
    format!("{}/{CHAIN}", project.settings.migrations.trim_end_matches('/'))
}

/// The database that is named, where it is there.
pub(crate) fn open(world: &World, project: &Project) -> Result<Option<Database>, CliError> {
    if world.default_file_to_come(project)?.is_some() {
        return Ok(None);
    }
    match world.url_if_any(Some(project))? {
        Some(_) => Ok(Some(world.open(Some(project), Access::ReadOnly)?)),
        None => Ok(None),
    }
}

/// Versions that the base has must be the same here. Without a base, those that the database has are released.
fn released(
    args: &CheckArgs,
    world: &World,
    project: &Project,
    versions: &[Version],
    database: &mut Result<Option<Database>, CliError>,
    gate: &mut Gate,
) -> Released {
    const WHAT: &str = "released versions";
    let Some(base) = base_of(args.base.as_deref(), world, project) else {
        gate.skip(WHAT, "no --base given, none found");
        return match database {
            Ok(Some(database)) => in_database(versions, database),
            Ok(None) | Err(_) => Released::default(),
        };
    };
    let released = match of_base(project, &base) {
        Ok(released) => released,
        Err(error) => {
            gate.fail(WHAT, &chain_path(project), error);
            return Released::default();
        }
    };
    let has = |id: &str, hash: Option<&String>| {
        versions.iter().any(|version| {
            version.manifest.id.as_str() == id && hash.is_none_or(|it| version.manifest.hash == *it)
        })
    };
    let gone = released.hashes.iter().filter(|(id, hash)| !has(id, Some(hash)));
    let others = released.ahead.iter().filter(|(id, hash)| has(id, None) && !has(id, Some(hash)));
    let changed: Vec<&str> = gone.chain(others).map(|(id, _)| id.as_str()).collect();
    let missed: Vec<&str> =
        released.ahead.keys().map(String::as_str).filter(|id| !has(id, None)).collect();
    let is_new = versions.iter().any(|version| !released.has(version));
    if !changed.is_empty() {
        let message = format!(
            "changed or gone since {base}: {}\nhelp: restore them; a released version is followed, not edited",
            changed.join(", ")
        );
        gate.fail(WHAT, &chain_path(project), CliError::new(Exit::History, message));
    } else if is_new && !missed.is_empty() {
        let message = format!(
            "{base} has versions that this branch lacks, beside those that are new here: {}\nhelp: merge {base}; `migrate rebase` puts the new versions behind its own",
            missed.join(", ")
        );
        gate.fail(WHAT, &chain_path(project), CliError::new(Exit::History, message));
    } else {
        gate.pass(WHAT, format!("{} unchanged since {base}", released.hashes.len()));
    }
    released
}

/// Versions that are applied to the database. That their files are the same is asked where pending ones are looked for.
fn in_database(versions: &[Version], database: &mut Database) -> Released {
    // A ledger that cannot be read is told when the database is looked at.
    let Ok(books) = crate::apply::book::read(database) else { return Released::default() };
    let in_force = applied(&books.entries);
    let hashes = versions
        .iter()
        .filter(|version| {
            in_force.iter().any(|entry| entry.version == version.manifest.id.as_str())
        })
        .map(|version| (version.manifest.id.to_string(), version.manifest.hash.clone()))
        .collect();
    Released { hashes, ahead: BTreeMap::new(), by: Teller::Database(database.describe()) }
}

/// Every step of the versions that are new since the base, or of all, must be of the class that is asked for.
fn reversible(
    args: &CheckArgs,
    project: &Project,
    versions: &[Version],
    released: &Released,
    gate: &mut Gate,
) {
    let Some(require) = args.require else { return };
    let new: Vec<&Version> =
        versions.iter().filter(|version| !released.is_merged(version)).collect();
    let wanted = require.undo();
    let mut worse = Vec::new();
    for version in &new {
        for dialect in version.plans.keys() {
            let bundle = match versions::bundle(version, *dialect) {
                Ok(bundle) => bundle,
                Err(error) => return gate.fail("reversible", &chain_path(project), error),
            };
            let steps = bundle.up.iter().zip(1..).filter(|(step, _)| step.facts.undo > wanted);
            worse.extend(steps.map(|(step, number)| {
                let (name, undo) = (&bundle.name, step.facts.undo.name());
                let why = match step.facts.reason.as_str() {
                    "" => String::new(),
                    reason => format!(": {reason}"),
                };
                format!("  {name} ({dialect}) step {number}: {} is {undo}{why}", step.title)
            }));
        }
    }
    if worse.is_empty() {
        let class = format!("{} or better", wanted.name());
        let class = if wanted == Undo::Exact { "exact".to_owned() } else { class };
        gate.pass("reversible", format!("{} {class}", count(new.len() as u64, "version")));
        return;
    }
    let message = format!(
        "steps that are less than {}\n{}\nhelp: change what the plan does, or ask for less: `--require kept` takes kept \
         data",
        wanted.name(),
        worse.join("\n")
    );
    gate.fail("reversible", &chain_path(project), CliError::new(Exit::Refused, message));
}

/// The model must be as the last version has it.
fn planned(world: &World, project: &Project, versions: &[Version], gate: &mut Gate) {
    // Only whether there is anything to plan is asked.
    let proving = Proving { no_proof: true };
    let ways = Ways { offline: true, ..Ways::default() };
    match draft(world, project, versions, &Answers::default(), (ways, proving), &Pen::Closed) {
        Err(error) => gate.fail("model", &project.settings.model, error),
        Ok(drafts) => {
            let mut open: Vec<String> = Vec::new();
            for line in drafts.files.values().flat_map(|files| &files.plan.summary) {
                let line = format!("  {line}");
                // Most lines are the same for both engines.
                if !open.contains(&line) {
                    open.push(line);
                }
            }
            if open.is_empty() {
                gate.pass("model", "as the last version has it");
            } else {
                let message = format!(
                    "the model has changes that no version plans\n{}\nhelp: run `migrate plan NAME` and commit the version",
                    open.join("\n")
                );
                gate.fail(
                    "model",
                    &project.settings.model,
                    CliError::new(Exit::Differences, message),
                );
            }
        }
    }
}

/// The SQL of versions that are new.
fn linted(
    args: &CheckArgs,
    project: &Project,
    versions: &[Version],
    released: &Released,
    gate: &mut Gate,
) -> Result<(), CliError> {
    // What a baseline stands for is there already.
    let is_new = |version: &Version| {
        version.manifest.kind != VersionKind::Baseline && !released.has(version)
    };
    let folder = |version: &Version| {
        let migrations = project.settings.migrations.trim_end_matches('/');
        format!("{migrations}/{}/", version.manifest.id)
    };
    let new: Vec<String> = versions.iter().filter(|it| is_new(it)).map(folder).collect();
    let mut files = Vec::new();
    for dialect in [Dialect::Postgres, Dialect::Sqlite] {
        let mut group = Vec::new();
        for version in versions {
            for (end, way) in [("up", Way::Up), ("down", Way::Down)] {
                let name = format!("{dialect}.{end}.sql");
                let Some(text) = version.sql.get(&name) else { continue };
                let path = format!("{}{name}", folder(version));
                group.push(lint::File { path, text: text.clone(), way });
            }
        }
        // All versions are read, so that it is known what columns were before.
        let settings = lint_settings(&project.settings.lint, dialect, None)?;
        let found = lint::lint(&group, &settings);
        let is_of_new = |path: &str| new.iter().any(|folder| path.starts_with(folder));
        gate.lint.extend(found.into_iter().filter(|one| is_of_new(&one.path)));
        files.extend(group.into_iter().filter(|file| is_of_new(&file.path)));
    }
    gate.lint.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let verdict = match (&released.by, files.len()) {
        (Teller::Base(teller) | Teller::Database(teller), 0) => {
            format!("no version is new, {teller} has them all")
        }
        (_, number) => lint_report::verdict(&gate.lint, number),
    };
    let shown = lint_report::text(&gate.lint, &files, Colour::Ansi);
    let message = format!("{verdict}\n{shown}").trim_end().to_owned();
    let fail_on = match args.fail_on {
        Some(given) => given.severity(),
        None => Some(project.settings.lint.fail_on.unwrap_or(Severity::Error)),
    };
    let problems = lint_report::problems(&gate.lint);
    if fails(&gate.lint, fail_on) {
        gate.fail_for("lint", CliError::new(Exit::Findings, message), problems);
    } else {
        gate.problems.extend(problems);
        gate.pass("lint", message);
    }
    Ok(())
}

fn on_database(
    world: &World,
    project: &Project,
    versions: &[Version],
    shadow: &ShadowArgs,
    mut database: Database,
    gate: &mut Gate,
) -> Result<(), CliError> {
    let found = status::read(Some(project), &mut database)?;
    match found.schema {
        SchemaStatus::Drifted => {
            let differs = drift(world, project, versions, &mut database)?;
            let message = match &differs {
                Some(differs) => format!(
                    "{} is not as the last run left it\n{}help: `migrate status --drift` shows it as a diff, and as SQL both ways",
                    found.database,
                    summary(differs)
                ),
                None => format!(
                    "{} is not as the last run left it\nhelp: `migrate diff version:N URL` shows what differs, with N the last version applied",
                    found.database
                ),
            };
            gate.fail("drift", SETTINGS, CliError::new(Exit::History, message));
            return Ok(());
        }
        SchemaStatus::AsRecorded => gate.pass("drift", "none"),
        SchemaStatus::Unread => {
            gate.skip("drift", "the last run stopped before it read the schema")
        }
        SchemaStatus::Untracked => gate.skip("drift", "nothing was applied to this database yet"),
    }
    let pending = pending(world, project, &mut database, None)?;
    if pending.is_empty() {
        gate.pass("rehearsal", "nothing is pending");
        return Ok(());
    }
    let names: Vec<&str> = pending.iter().map(|next| next.bundle.name.as_str()).collect();
    let folder = project.settings.migrations.trim_end_matches('/');
    // Where a rule stands is told of the version's own model; of several versions it is not known of which.
    let file = match names[..] {
        [only] => Some(format!("{folder}/{only}/model.yaml")),
        _ => None,
    };
    let found = {
        let snapshot = world.snapshot_options(Some(project), shadow)?;
        let evidence = evidence_folder(world, Some(project), None);
        rehearse_pending(world, snapshot, evidence, &mut database, &pending)?
    };
    let text = rehearsal::rehearsal(&found).trim_end().to_owned();
    let sql = |plan: &str| format!("{folder}/{plan}/{}.up.sql", database.dialect());
    let problems = of_rehearsal(&found, file.as_deref(), sql);
    if found.blames_rows() {
        gate.fail_for("rows", CliError::new(Exit::Violations, text), problems);
    } else if found.passed() {
        gate.problems.extend(problems);
        gate.pass("rehearsal", text);
    } else {
        gate.fail_for("rehearsal", CliError::new(Exit::Failure, text), problems);
    }
    Ok(())
}

/// Broken rules, and what was not as a plan promised.
fn of_rehearsal(
    found: &Rehearsal,
    file: Option<&str>,
    sql: impl Fn(&str) -> String,
) -> Vec<Problem> {
    let mut problems = crate::report::verify::problems(&found.verdict, Place { file });
    problems.extend(found.findings.iter().map(|finding| Problem {
        code: "rehearsal".to_owned(),
        name: None,
        rule: None,
        severity: Severity::Error,
        message: finding.message.clone(),
        file: Some(sql(&finding.plan)),
        at: Some((1, 1)),
        why: None,
        instead: None,
    }));
    problems
}

fn print(args: &CheckArgs, world: &World, gate: &Gate) -> Result<(), CliError> {
    let shown = Shown {
        checks: gate.checks.clone(),
        problems: gate.problems.clone(),
        lint: gate.lint.iter().map(lint_report::plain).collect(),
        exit: gate.exit.code(),
    };
    let format = match args.format {
        Format::Text if world.global.json => Format::Json,
        other => other,
    };
    world.print(&told(world, &shown, format));
    world.step_summary(args.format, || report::report(&shown, Style::Markdown));
    for Copied { format, file } in &args.write {
        let text = anstream::adapter::strip_str(&told(world, &shown, *format)).to_string();
        write_atomically(&world.folder.join(file), &text)?;
    }
    Ok(())
}

/// The result in a format.
fn told(world: &World, shown: &Shown, format: Format) -> String {
    let Some(style) = format.style() else {
        let is_json = format == Format::Json;
        return if is_json { format!("{:#}\n", report::json(shown)) } else { report::text(shown) };
    };
    let mut shown = shown.clone();
    if let (true, Ok(project)) = (format.is_of_repository(), world.project()) {
        for problem in &mut shown.problems {
            problem.file =
                problem.file.take().map(|it| World::path_in_repository(&project.root, &it));
        }
    }
    report::report(&shown, style)
}
