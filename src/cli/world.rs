//! The surroundings of a command: environment, folder, project, clock, terminal. Nothing else reads them.

use std::io::{BufRead, IsTerminal, Write};
use std::path::{Component, Path, PathBuf};
use std::process::Command as Program;
use std::time::Duration;

use super::args::{Allow, DialectName, Global, When};
use super::error::CliError;
use super::exit::Exit;
use super::format::Format;
use super::progress::{Spinner, Verbosity};
use super::shadow::ShadowArgs;
use super::telemetry::{Severity, Telemetry};
use crate::apply::Who;
use crate::db::{Access, Database, DatabaseUrl, Env, OpenOptions};
use crate::shadow::options::SnapshotOptions;
use crate::shadow::scratch::ScratchOptions;
use crate::source::LoadOptions;
use crate::source::project::{Environment, Project, ProjectError, put_in_variables};
use crate::text::Dialect;
use crate::text::diagnostic::Colour;

/// Everything around a command.
pub(crate) struct World {
    pub(crate) env: Env,
    pub(crate) folder: PathBuf,
    pub(crate) global: Global,
    pub(crate) output: Output,
    telemetry: Telemetry,
}

/// Variables that name who acts: of CI systems, then of the operating system. A build's own name for a person comes
/// before the user that the build runs as.
const ACTOR: [&str; 11] = [
    "MIGRATE_ACTOR",
    "GITHUB_ACTOR",
    "GITLAB_USER_LOGIN",
    "BUILDKITE_BUILD_AUTHOR_EMAIL",
    "CIRCLE_USERNAME",
    "BUILD_REQUESTEDFOREMAIL",
    "BUILD_USER_ID",
    "DRONE_COMMIT_AUTHOR",
    "USER",
    "LOGNAME",
    "USERNAME",
];

/// Variables that name the commit, where the project is no git work tree (an image that holds only the files).
const COMMIT: [&str; 6] = [
    "GITHUB_SHA",
    "CI_COMMIT_SHA",
    "BUILDKITE_COMMIT",
    "CIRCLE_SHA1",
    "BUILD_SOURCEVERSION",
    "GIT_COMMIT",
];

/// Whether results are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    Shown,
    /// A command that another one runs, of whose words it shows nothing.
    Hidden,
}

impl World {
    pub(crate) fn new(global: &Global, telemetry: Telemetry) -> Result<World, CliError> {
        let folder = match &global.folder {
            Some(folder) => folder.clone(),
            None => std::env::current_dir().map_err(|error| {
                CliError::new(Exit::Failure, format!("no current folder: {error}"))
            })?,
        };
        if !folder.is_dir() {
            let message = format!("`{}` is not a folder", folder.display());
            return Err(CliError::new(Exit::Failure, message));
        }
        match global.color {
            When::Auto => {}
            When::Always => anstream::ColorChoice::Always.write_global(),
            When::Never => anstream::ColorChoice::Never.write_global(),
        }
        let mut variables = if global.no_dotenv { Vec::new() } else { dotenv(&folder) };
        variables.extend(std::env::vars());
        let output = Output::Shown;
        // A pipeline passes on a secret that is not there as an empty variable.
        let some = |value: &Option<String>| value.clone().filter(|text| !text.is_empty());
        let global = Global {
            environment: some(&global.environment),
            url: some(&global.url),
            scratch_url: some(&global.scratch_url),
            actor: some(&global.actor),
            ..global.clone()
        };
        Ok(World { env: Env::new(variables), folder, global, output, telemetry })
    }

    /// The surroundings of commands in another folder, whatever database or environment the user has set for this one.
    pub(crate) fn apart(&self, folder: PathBuf) -> World {
        let names = ["DATABASE_URL", "MIGRATE_ENV", "MIGRATE_SCRATCH_URL", "MIGRATE_YES"];
        let global = Global {
            folder: Some(folder.clone()),
            environment: None,
            url: None,
            scratch_url: None,
            dialect: None,
            ..self.global.clone()
        };
        let (output, telemetry) = (self.output, self.telemetry.clone());
        World { env: self.env.without(&names), folder, global, output, telemetry }
    }

    /// The project this folder belongs to.
    pub(crate) fn project(&self) -> Result<Project, CliError> {
        Ok(Project::find(&self.folder)?)
    }

    /// The project, if there is one.
    pub(crate) fn project_if_any(&self) -> Result<Option<Project>, CliError> {
        match Project::find(&self.folder) {
            Ok(project) => Ok(Some(project)),
            Err(ProjectError::NoProject) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The settings of the environment at hand.
    pub(crate) fn environment(&self, project: Option<&Project>) -> Result<Environment, CliError> {
        match project {
            Some(project) => Ok(project.environment(self.global.environment.as_deref())?),
            None => Ok(Environment::default()),
        }
    }

    /// The address given by `--url`, `DATABASE_URL` or the environment of the project, if any. A name given with
    /// `-e` comes before `DATABASE_URL`.
    pub(crate) fn url_if_any(
        &self,
        project: Option<&Project>,
    ) -> Result<Option<DatabaseUrl>, CliError> {
        let from_settings = |this: &World| this.environment(project).map(|found| found.url);
        let given =
            self.global.url.clone().or_else(|| self.env.get("DATABASE_URL").map(str::to_owned));
        let text = match (given, &self.global.environment) {
            (_, Some(_)) if self.url_is_from_variable() => from_settings(self)?,
            (Some(url), _) => Some(url),
            (None, _) => from_settings(self)?,
        };
        // A variable that is not set names no database: `check` then skips what needs one, `url` says why.
        text.and_then(|text| put_in_variables(&text, &self.env).ok())
            .map(|text| self.read_url(&text))
            .transpose()
    }

    /// The file of a database that only the default environment names and that is not there: nobody made it yet.
    pub(crate) fn default_file_to_come(
        &self,
        project: &Project,
    ) -> Result<Option<PathBuf>, CliError> {
        let is_named = self.global.url.is_some()
            || self.global.environment.is_some()
            || self.env.get("DATABASE_URL").is_some();
        let url = if is_named { None } else { self.url_if_any(Some(project))? };
        Ok(url
            .as_ref()
            .and_then(DatabaseUrl::file)
            .filter(|path| !path.exists())
            .map(PathBuf::from))
    }

    fn url_is_from_variable(&self) -> bool {
        self.global.url.is_none() || self.global.url.as_deref() == self.env.get("DATABASE_URL")
    }

    /// The address of the database.
    pub(crate) fn url(&self, project: Option<&Project>) -> Result<DatabaseUrl, CliError> {
        if let Some(url) = self.url_if_any(project)? {
            return Ok(url);
        }
        if let Some(text) = self.environment(project)?.url {
            put_in_variables(&text, &self.env)?;
        }
        Err({
            CliError::new(
                Exit::Failure,
                "no database is named\nhelp: pass `--url URL`, set DATABASE_URL, or give `[env.NAME]` a `url` in \
                 migrate.toml",
            )
        })
    }

    /// Reads an address; relative paths are relative to the working folder.
    pub(crate) fn read_url(&self, text: &str) -> Result<DatabaseUrl, CliError> {
        let url = DatabaseUrl::parse(text, &self.env)
            .map_err(|error| CliError::new(Exit::Failure, error.to_string()))?;
        Ok(url.within(&self.folder))
    }

    /// Opens the database of this command.
    pub(crate) fn open(
        &self,
        project: Option<&Project>,
        access: Access,
    ) -> Result<Database, CliError> {
        let url = self.url(project)?;
        let environment = self.environment(project)?;
        let mut options = OpenOptions::default();
        if let Some(ms) = environment.lock_timeout_ms {
            options.lock_timeout = Duration::from_millis(ms);
        }
        if let Some(ms) = environment.statement_timeout_ms {
            options.statement_timeout = Duration::from_millis(ms);
        }
        options.role = environment.role;
        Ok(Database::open_with(&url, access, &options)?)
    }

    /// The dialect that the user named.
    pub(crate) fn named_dialect(&self) -> Option<Dialect> {
        self.global.dialect.map(|name| match name {
            DialectName::Postgres => Dialect::Postgres,
            DialectName::Sqlite => Dialect::Sqlite,
        })
    }

    /// How sources are read.
    pub(crate) fn load_options(
        &self,
        project: Option<&Project>,
        dialect: Dialect,
    ) -> Result<LoadOptions, CliError> {
        let root = project.map_or(&self.folder, |project| &project.root);
        let mut options = LoadOptions::new(dialect, self.env.clone(), root.clone());
        if let Some(project) = project {
            options.model_path.clone_from(&project.settings.model);
            options.migrations = PathBuf::from(&project.settings.migrations);
            options.application = project.settings.sqlite.names();
        }
        options.scratch = self.scratch_options(project)?;
        Ok(options)
    }

    /// Where scratch databases come from.
    pub(crate) fn scratch_options(
        &self,
        project: Option<&Project>,
    ) -> Result<ScratchOptions, CliError> {
        let text = match &self.global.scratch_url {
            Some(url) => Some(url.clone()),
            None => self
                .environment(project)?
                .scratch_url
                .map(|text| put_in_variables(&text, &self.env))
                .transpose()?,
        };
        let url = text.map(|text| self.read_url(&text)).transpose()?;
        Ok(ScratchOptions { env: self.env.clone(), url, major: None })
    }

    /// What copies to rehearse on should be: the command line first, then the environment of the project.
    pub(crate) fn snapshot_options(
        &self,
        project: Option<&Project>,
        args: &ShadowArgs,
    ) -> Result<SnapshotOptions, CliError> {
        let settings = self.environment(project)?;
        let scratch = self.scratch_options(project)?.url;
        args.options(self, project, &settings, scratch)
    }

    /// Who acts, for the ledger.
    pub(crate) fn who(&self, reason: Option<&str>) -> Who {
        let variable =
            |names: &[&str]| names.iter().find_map(|name| self.env.get(name)).map(str::to_owned);
        let given = || self.global.actor.clone().filter(|actor| !actor.is_empty());
        let actor = given().or_else(|| variable(&ACTOR));
        Who {
            actor: actor
                .or_else(|| output_of("id", &["-un"]))
                .unwrap_or_else(|| "unknown".to_owned()),
            host: variable(&["HOSTNAME", "COMPUTERNAME"])
                .or_else(|| {
                    std::fs::read_to_string("/etc/hostname").ok().map(|text| text.trim().to_owned())
                })
                .filter(|host| !host.is_empty())
                .unwrap_or_else(|| "unknown".to_owned()),
            commit: self.commit(),
            tool: format!("migrate {}", env!("CARGO_PKG_VERSION")),
            reason: reason.map(str::to_owned),
        }
    }

    fn commit(&self) -> Option<String> {
        let folder = self.folder.display().to_string();
        output_of("git", &["-C", &folder, "rev-parse", "HEAD"])
            .or_else(|| COMMIT.iter().find_map(|name| self.env.get(name)).map(str::to_owned))
    }

    pub(crate) fn colour(&self) -> Colour {
        match anstream::AutoStream::choice(&std::io::stderr()) {
            anstream::ColorChoice::Never => Colour::Plain,
            anstream::ColorChoice::Auto
            | anstream::ColorChoice::AlwaysAnsi
            | anstream::ColorChoice::Always => Colour::Ansi,
        }
    }

    pub(crate) fn spinner(&self) -> Spinner {
        let quiet = self.global.quiet || self.global.json;
        let verbosity = if quiet { Verbosity::Quiet } else { Verbosity::Usual };
        Spinner::new(verbosity, self.telemetry.clone())
    }

    /// As [`World::spinner`], for what runs a plan: where JSON is asked for and nobody looks at a terminal, each thing that
    /// is done is a line of JSON.
    pub(crate) fn course(&self) -> Spinner {
        let is_read = self.global.json && !std::io::stderr().is_terminal();
        match is_read && !self.global.quiet {
            true => Spinner::new(Verbosity::Lines, self.telemetry.clone()),
            false => self.spinner(),
        }
    }

    /// Prints a result.
    pub(crate) fn print(&self, text: &str) {
        match self.output {
            Output::Shown => write_out(text),
            Output::Hidden => {}
        }
    }

    /// Prints something on the way, not a result.
    pub(crate) fn note(&self, text: &str) {
        if self.telemetry.is_json() {
            self.telemetry.say(Severity::Info, text);
        } else if !self.global.quiet && self.output == Output::Shown {
            anstream::eprintln!("{text}");
        }
    }

    /// Prints a value as one JSON document.
    pub(crate) fn print_json(&self, value: &impl serde::Serialize) {
        let text = serde_json::to_string_pretty(value).expect("a report is plain data");
        write_out(&format!("{text}\n"));
    }

    /// A file below `folder` as it is named from the top of the git repository: there other programs look for it.
    pub(crate) fn path_in_repository(folder: &Path, file: &str) -> String {
        let top = folder.ancestors().find(|ancestor| ancestor.join(".git").exists());
        let below = top.and_then(|top| folder.join(file).strip_prefix(top).map(PathBuf::from).ok());
        let Some(below) = below else { return file.to_owned() };
        let mut parts: Vec<String> = Vec::new();
        for part in below.components() {
            match part {
                Component::CurDir => {}
                Component::ParentDir if !parts.is_empty() => drop(parts.pop()),
                // It is not in the repository.
                Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                    return file.to_owned();
                }
                Component::Normal(name) => parts.push(name.to_string_lossy().into_owned()),
            }
        }
        parts.join("/")
    }

    /// Adds Markdown to the summary of the step, where GitHub Actions names a file for it and its format is asked for.
    /// A summary that cannot be written is told, and changes nothing else.
    pub(crate) fn step_summary(&self, format: Format, markdown: impl FnOnce() -> String) {
        let Some(path) = self.env.get("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) else {
            return;
        };
        if format != Format::Github {
            return;
        }
        let mut text = markdown();
        if text.len() > STEP_SUMMARY_MAX {
            let cut = text.bytes().take(STEP_SUMMARY_MAX).rposition(|byte| byte == b'\n');
            text.truncate(cut.unwrap_or(0));
            text.push_str("\n\n… cut off: GitHub shows 1 MiB\n");
        }
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        if let Err(error) = file.and_then(|mut file| file.write_all(format!("{text}\n").as_bytes()))
        {
            self.note(&format!("the summary of the step cannot be written to `{path}`: {error}"));
        }
    }

    /// The file in which GitHub Actions keeps the outputs of a step, where it names one.
    pub(crate) fn pipeline_outputs(&self) -> Option<PathBuf> {
        self.env.get("GITHUB_OUTPUT").filter(|path| !path.is_empty()).map(PathBuf::from)
    }

    /// Whether somebody can answer.
    pub(crate) fn can_ask(&self) -> bool {
        !self.global.no_input
            && !self.global.json
            && self.env.get("CI").is_none()
            && std::io::stdin().is_terminal()
            && std::io::stderr().is_terminal()
    }

    /// Asks a question on the terminal; the answer is a line.
    pub(crate) fn ask(&self, question: &str) -> Option<String> {
        anstream::eprint!("{question} ");
        std::io::stderr().flush().ok()?;
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).ok()?;
        Some(line.trim().to_owned())
    }

    /// Whether the environment says that its database is protected.
    pub(crate) fn is_protected(&self, project: Option<&Project>) -> Result<bool, CliError> {
        Ok(self.environment(project)?.protected)
    }

    /// Before a write to a protected environment: asks, or demands `--yes`.
    pub(crate) fn confirm(
        &self,
        project: Option<&Project>,
        what: &str,
        database: &Database,
    ) -> Result<(), CliError> {
        if !self.environment(project)?.protected || self.global.yes {
            return Ok(());
        }
        let name = database.describe();
        let agreed = self.can_ask()
            && self
                .ask(&format!("{what} on {name}, which is protected? [y/N]"))
                .is_some_and(|answer| matches!(answer.to_lowercase().as_str(), "y" | "yes"));
        if agreed {
            return Ok(());
        }
        Err(CliError::new(
            Exit::Refused,
            format!("{name} is protected and nobody said yes\nhelp: pass `--yes`"),
        ))
    }
}

/// Source: docs.github.com, "Workflow commands for GitHub Actions", "Step isolation and limits": 1 MiB a step.
const STEP_SUMMARY_MAX: usize = 1_000_000;

/// Writes to standard output. A reader that has gone away (`| head`) ends nothing: what is being done is done.
fn write_out(text: &str) {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
        Err(error) => anstream::eprintln!("cannot write to standard output: {error}"),
    }
}

/// Whether a kind of question may stay open.
pub(crate) fn allows(allowed: &[Allow], word: &str) -> bool {
    allowed.iter().any(|allow| match allow {
        Allow::Loss => word == "loss",
        Allow::Ambiguous => word == "ambiguous",
    })
}

/// `NAME=value` lines of `.env`; a missing file is an empty one.
fn dotenv(folder: &std::path::Path) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(folder.join(".env")).unwrap_or_default();
    text.lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.trim_start_matches("export ").split_once('='))
        .map(|(name, value)| {
            let value = value.trim();
            let quoted = value.len() >= 2
                && (value.starts_with('"') && value.ends_with('"')
                    || value.starts_with('\'') && value.ends_with('\''));
            let value = if quoted { &value[1..value.len() - 1] } else { value };
            (name.trim().to_owned(), value.to_owned())
        })
        .collect()
}

/// The first line a program prints; `None` where it is absent or fails.
fn output_of(program: &str, arguments: &[&str]) -> Option<String> {
    let output =
        Program::new(program).args(arguments).stderr(std::process::Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let line = text.lines().next()?.trim().to_owned();
    (output.status.success() && !line.is_empty()).then_some(line)
}

/// The time, RFC 3339 in UTC, to the second.
pub(crate) fn now() -> String {
    let now = jiff::Timestamp::now();
    now.round(jiff::Unit::Second).unwrap_or(now).to_string()
}
