//! `migrate check`: the gate. History, plan, rehearsal and rows, all findings in one run.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::shadow::ShadowArgs;
use crate::cli::world::World;
use crate::db::Access;
use crate::dialect::Undo;
use crate::lint;
use crate::lint::file::Way;
use crate::lint::rule::Severity;
use crate::plan::version::VersionKind;
use crate::report::lint as lint_report;
use crate::report::style::count;
use crate::report::style::{BAD, CAREFUL, GOOD, paint};
use crate::report::{rehearsal, status::SchemaStatus};
use crate::source::project::{Project, Version};
use crate::text::Dialect;
use crate::text::diagnostic::Colour;

use super::apply::{evidence_folder, pending};
use super::lint::{fails, lint_settings};
use super::plan::draft;
use super::planning::Answers;
use super::proof::Proving;
use super::rehearse::rehearse_pending;
use super::{status, versions};

/// The gate for pull requests and deployments.
///
/// Without a database: the history is whole, the model is planned, the SQL of new versions is linted. With one (--url, DATABASE_URL or the
/// environment): no drift, pending versions rehearsed on a copy with all rows, every new rule checked on every row.
#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// A git revision; versions that it has must not have changed since
    #[arg(long, value_name = "REF")]
    base: Option<String>,
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

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    outcome: Outcome,
    message: String,
}

impl Finding {
    /// Without colour codes, for machines.
    fn plain(&self) -> Finding {
        let message = anstream::adapter::strip_str(&self.message).to_string();
        Finding { what: self.what, outcome: self.outcome, message }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Passed,
    Skipped,
    Failed,
}

struct Gate {
    findings: Vec<Finding>,
    /// What the linter says of the versions, for machines.
    lint: Vec<lint::Finding>,
    exit: Exit,
}

impl Gate {
    fn pass(&mut self, what: &'static str, message: impl Into<String>) {
        self.findings.push(Finding { what, outcome: Outcome::Passed, message: message.into() });
    }

    fn skip(&mut self, what: &'static str, message: impl Into<String>) {
        self.findings.push(Finding { what, outcome: Outcome::Skipped, message: message.into() });
    }

    /// The first failure decides the exit code: checks go from the cause to what follows from it.
    fn fail(&mut self, what: &'static str, error: CliError) {
        if self.exit == Exit::Done {
            self.exit = error.exit;
        }
        let message = error.message;
        self.findings.push(Finding { what, outcome: Outcome::Failed, message });
    }
}

pub(crate) fn run(args: &CheckArgs, world: &World) -> Result<Exit, CliError> {
    let project = world.project()?;
    let mut gate = Gate { findings: Vec::new(), lint: Vec::new(), exit: Exit::Done };
    match project.versions() {
        Ok(versions) => {
            gate.pass(
                "history",
                format!("{}, one line of descent", count(versions.len() as u64, "version")),
            );
            released(args, &project, &versions, &mut gate);
            reversible(args, &project, &versions, &mut gate);
            planned(world, &project, &versions, &mut gate);
            if let Err(error) = linted(args, &project, &versions, &mut gate) {
                gate.fail("lint", error);
            }
            if let Err(error) = database(world, &project, &args.shadow, &mut gate) {
                gate.fail("database", error);
            }
        }
        Err(error) => {
            // The finding says `history` itself.
            let error = CliError::from(error);
            let message = error.message.replace("history: ", "");
            gate.fail("history", CliError::new(error.exit, message));
        }
    }
    print(world, &gate);
    Ok(gate.exit)
}

/// Versions that the base has must be the same here.
fn released(args: &CheckArgs, project: &Project, versions: &[Version], gate: &mut Gate) {
    let Some(base) = &args.base else {
        gate.skip("released versions", "no --base given");
        return;
    };
    match base_hashes(project, base) {
        Err(error) => gate.fail("released versions", error),
        Ok(hashes) => {
            let changed: Vec<&str> = hashes
                .iter()
                .filter(|(id, hash)| {
                    !versions.iter().any(|version| {
                        version.manifest.id.as_str() == id.as_str()
                            && version.manifest.hash == **hash
                    })
                })
                .map(|(id, _)| id.as_str())
                .collect();
            if changed.is_empty() {
                gate.pass("released versions", format!("{} unchanged since {base}", hashes.len()));
            } else {
                let message = format!(
                    "changed or gone since {base}: {}\nhelp: restore them; a released version is followed, not edited",
                    changed.join(", ")
                );
                gate.fail("released versions", CliError::new(Exit::History, message));
            }
        }
    }
}

/// Every step of the versions that are new since the base, or of all, must be of the class that is asked for.
fn reversible(args: &CheckArgs, project: &Project, versions: &[Version], gate: &mut Gate) {
    let Some(require) = args.require else { return };
    let released = args.base.as_ref().map(|base| base_hashes(project, base));
    let released = match released.transpose() {
        Ok(released) => released.unwrap_or_default(),
        Err(error) => return gate.fail("reversible", error),
    };
    let new: Vec<&Version> = versions
        .iter()
        .filter(|version| !released.contains_key(version.manifest.id.as_str()))
        .collect();
    let wanted = require.undo();
    let mut worse = Vec::new();
    for version in &new {
        for dialect in version.plans.keys() {
            let bundle = match versions::bundle(version, *dialect) {
                Ok(bundle) => bundle,
                Err(error) => return gate.fail("reversible", error),
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
    gate.fail("reversible", CliError::new(Exit::Refused, message));
}

/// Version ids and hashes in the base's `chain.sum`.
fn base_hashes(project: &Project, base: &str) -> Result<BTreeMap<String, String>, CliError> {
    let path = format!("{}/{}", project.settings.migrations, crate::source::project::CHAIN);
    let text = crate::source::read_at_revision(&project.root, base, &path)?;
    let chain = crate::plan::version::Chain::read(&text)
        .map_err(crate::source::project::ProjectError::History)?;
    Ok(chain.links.into_iter().map(|link| (link.id.to_string(), link.hash)).collect())
}

/// The model must be as the last version has it.
fn planned(world: &World, project: &Project, versions: &[Version], gate: &mut Gate) {
    // Only whether there is anything to plan is asked.
    let proving = Proving { no_proof: true };
    match draft(world, project, versions, &Answers::default(), proving) {
        Err(error) => gate.fail("model", error),
        Ok(drafts) => {
            let open: Vec<String> = drafts
                .files
                .values()
                .flat_map(|files| files.plan.summary.iter().map(|line| format!("  {line}")))
                .collect();
            if open.is_empty() {
                gate.pass("model", "as the last version has it");
            } else {
                let message = format!(
                    "the model has changes that no version plans\n{}\nhelp: run `migrate plan NAME` and commit the version",
                    open.join("\n")
                );
                gate.fail("model", CliError::new(Exit::Differences, message));
            }
        }
    }
}

/// The SQL of versions that are new: all of them, or those that the base lacks.
fn linted(
    args: &CheckArgs,
    project: &Project,
    versions: &[Version],
    gate: &mut Gate,
) -> Result<(), CliError> {
    let base = match &args.base {
        Some(base) => base_hashes(project, base).unwrap_or_default(),
        None => BTreeMap::new(),
    };
    // What a baseline stands for is there already.
    let is_new = |version: &Version| {
        let id = version.manifest.id.as_str();
        version.manifest.kind != VersionKind::Baseline && !base.contains_key(id)
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
    let verdict = lint_report::verdict(&gate.lint, files.len());
    let shown = lint_report::text(&gate.lint, &files, Colour::Ansi);
    let message = format!("{verdict}\n{shown}").trim_end().to_owned();
    if fails(&gate.lint, Some(project.settings.lint.fail_on.unwrap_or(Severity::Error))) {
        gate.fail("lint", CliError::new(Exit::Findings, message));
    } else {
        gate.pass("lint", message);
    }
    Ok(())
}

fn database(
    world: &World,
    project: &Project,
    shadow: &ShadowArgs,
    gate: &mut Gate,
) -> Result<(), CliError> {
    if world.url_if_any(Some(project))?.is_none() {
        gate.skip("database", "none is named: no drift check, no rehearsal, no rows checked");
        return Ok(());
    }
    let mut database = world.open(Some(project), Access::ReadOnly)?;
    let found = status::read(Some(project), &mut database)?;
    match found.schema {
        SchemaStatus::Drifted => {
            let message = format!(
                "{} is not as the last run left it\nhelp: `migrate diff version:N URL` shows what differs, with N the last version applied",
                found.database
            );
            gate.fail("drift", CliError::new(Exit::History, message));
            return Ok(());
        }
        SchemaStatus::AsRecorded => gate.pass("drift", "none"),
        SchemaStatus::Untracked => gate.skip("drift", "nothing was applied to this database yet"),
    }
    let pending = pending(world, project, &mut database, None)?;
    if pending.is_empty() {
        gate.pass("rehearsal", "nothing is pending");
        return Ok(());
    }
    let found = {
        let snapshot = world.snapshot_options(Some(project), shadow)?;
        let evidence = evidence_folder(world, Some(project), None);
        rehearse_pending(world, snapshot, evidence, &mut database, &pending)?
    };
    let text = rehearsal::rehearsal(&found).trim_end().to_owned();
    if found.blames_rows() {
        gate.fail("rows", CliError::new(Exit::Violations, text));
    } else if found.passed() {
        gate.pass("rehearsal", text);
    } else {
        gate.fail("rehearsal", CliError::new(Exit::Failure, text));
    }
    Ok(())
}

fn print(world: &World, gate: &Gate) {
    let failed = gate.findings.iter().filter(|finding| finding.outcome == Outcome::Failed).count();
    if world.global.json {
        let findings: Vec<Finding> = gate.findings.iter().map(Finding::plain).collect();
        world.print_json(&serde_json::json!({
            "check": 1, "passed": failed == 0, "findings": findings, "exit": gate.exit.code(),
            "lint": gate.lint.iter().map(lint_report::plain).collect::<Vec<_>>(),
        }));
        return;
    }
    for finding in &gate.findings {
        let (style, word) = match finding.outcome {
            Outcome::Passed => (GOOD, "passed "),
            Outcome::Skipped => (CAREFUL, "skipped"),
            Outcome::Failed => (BAD, "failed "),
        };
        world.print(&format!("{} {}: {}\n", paint(style, word), finding.what, finding.message));
    }
    let verdict = if failed == 0 {
        paint(GOOD, "gate passed")
    } else {
        paint(BAD, &format!("gate failed: {failed} finding(s), exit {}", gate.exit.code()))
    };
    world.print(&format!("{verdict}\n"));
}
