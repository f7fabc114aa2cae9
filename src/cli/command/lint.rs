//! `migrate lint`: what is unsafe in SQL migrations of any tool.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::format::Format;
use crate::cli::world::World;
use crate::lint::file::{Way, guess, way_of};
use crate::lint::rule::{ServerVersion, Severity};
use crate::lint::{File, Finding, Settings, lint, unknown_rules};
use crate::report::formats::Style;
use crate::report::lint as report;
use crate::source::project::{LintSettings, Project};
use crate::text::Dialect;
use crate::text::diagnostic::Colour;

/// Say what is unsafe in SQL migrations, of any tool.
///
/// FILE is a migration or a folder of them (Flyway, sqitch, golang-migrate, dbmate, goose, plain SQL); without any, the
/// project's own versions. Files are read in the order of their names, and what earlier ones made is known in later ones. No
/// database is asked. Exit 4 if there is a finding of severity `--fail-on` or above.
#[derive(Debug, clap::Args)]
pub(crate) struct LintArgs {
    /// Migrations, or folders of them
    files: Vec<PathBuf>,
    /// The server they run on: 15, 14.3, or 3.38 for SQLite; rules that do not hold there are silent
    #[arg(long, value_name = "VERSION")]
    server_version: Option<ServerVersion>,
    /// The severity from which findings fail (usually `error`)
    #[arg(long, value_name = "SEVERITY")]
    fail_on: Option<FailOn>,
    /// How the result is printed
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    Note,
    Warning,
    Error,
    Never,
}

impl FailOn {
    /// The severity; `None` where nothing fails.
    pub(super) fn severity(self) -> Option<Severity> {
        match self {
            FailOn::Note => Some(Severity::Note),
            FailOn::Warning => Some(Severity::Warning),
            FailOn::Error => Some(Severity::Error),
            FailOn::Never => None,
        }
    }
}

pub(crate) fn run(args: &LintArgs, world: &World) -> Result<Exit, CliError> {
    let project = world.project_if_any()?;
    let settings = project.as_ref().map(|it| it.settings.lint.clone()).unwrap_or_default();
    let mut findings = Vec::new();
    let mut files = Vec::new();
    for (dialect, group) in groups(args, world, project.as_ref())? {
        let settings = lint_settings(&settings, dialect, args.server_version)?;
        findings.extend(lint(&group, &settings));
        files.extend(group);
    }
    print(args, world, &findings, &files);
    let fail_on = match args.fail_on {
        Some(given) => given.severity(),
        None => Some(settings.fail_on.unwrap_or(Severity::Error)),
    };
    Ok(match fails(&findings, fail_on) {
        true => Exit::Findings,
        false => Exit::Done,
    })
}

/// Whether a finding is as severe as that.
pub(super) fn fails(findings: &[Finding], fail_on: Option<Severity>) -> bool {
    fail_on.is_some_and(|from| findings.iter().any(|finding| finding.severity >= from))
}

/// The linter's settings for a dialect, from the project's.
pub(super) fn lint_settings(
    settings: &LintSettings,
    dialect: Dialect,
    server: Option<ServerVersion>,
) -> Result<Settings, CliError> {
    let unknown = unknown_rules(&settings.rules);
    if !unknown.is_empty() {
        let message = format!("migrate.toml: [lint.rules]: {}", unknown.join("; "));
        return Err(CliError::new(Exit::Failure, message));
    }
    let stated = settings.server_version.as_deref().map(str::parse::<ServerVersion>).transpose();
    let stated = stated.map_err(|problem| {
        CliError::new(Exit::Failure, format!("migrate.toml: [lint]: server_version: {problem}"))
    })?;
    Ok(Settings { dialect, server: server.or(stated), levels: settings.rules.clone() })
}

/// The files to look at, by dialect.
fn groups(
    args: &LintArgs,
    world: &World,
    project: Option<&Project>,
) -> Result<Vec<(Dialect, Vec<File>)>, CliError> {
    let named = world.named_dialect();
    if args.files.is_empty() {
        let Some(project) = project else {
            return Err(CliError::usage(
                "no files are named, and this is no project\nhelp: `migrate lint FILE…`, or a folder of migrations",
            ));
        };
        let files = collect(&project.migrations(), &project.settings.migrations)?;
        return by_file_name(files, named);
    }
    let mut files = Vec::new();
    for path in &args.files {
        files.extend(collect(&world.folder.join(path), &path.display().to_string())?);
    }
    by_file_name(files, named)
}

/// Files whose name says the dialect, and all others together.
fn by_file_name(
    files: Vec<File>,
    named: Option<Dialect>,
) -> Result<Vec<(Dialect, Vec<File>)>, CliError> {
    let says = |file: &File, dialect: Dialect| {
        let name = file.path.replace('\\', "/").to_lowercase();
        name.contains(&format!("{dialect}.")) || name.contains(&format!("/{dialect}/"))
    };
    let mut groups: Vec<(Dialect, Vec<File>)> = Vec::new();
    let mut rest = Vec::new();
    let (mut postgres, mut sqlite) = (Vec::new(), Vec::new());
    for file in files {
        match named {
            Some(_) => rest.push(file),
            None if says(&file, Dialect::Postgres) => postgres.push(file),
            None if says(&file, Dialect::Sqlite) => sqlite.push(file),
            None => rest.push(file),
        }
    }
    if !rest.is_empty() {
        let guessed = named.or_else(|| guess(rest.iter().map(|file| file.text.as_str())));
        let Some(dialect) = guessed else {
            return Err(CliError::usage(
                "which dialect these files are in is not clear\nhelp: pass `--dialect postgres` or `--dialect sqlite`",
            ));
        };
        groups.push((dialect, rest));
    }
    groups.push((Dialect::Postgres, postgres));
    groups.push((Dialect::Sqlite, sqlite));
    groups.retain(|(_, files)| !files.is_empty());
    Ok(groups)
}

/// The file, or the SQL files below the folder, in the order of their names. `shown` is how the user names it.
fn collect(path: &Path, shown: &str) -> Result<Vec<File>, CliError> {
    let failed = |error: std::io::Error| {
        CliError::new(Exit::Failure, format!("cannot read `{shown}`: {error}"))
    };
    if !path.is_dir() {
        let bytes = std::fs::read(path).map_err(failed)?;
        // Not every tool's files are UTF-8; what is unreadable stands in texts and comments.
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
        return Ok(vec![File { path: shown.to_owned(), way: way_of(shown), text }]);
    }
    let mut names: Vec<String> = std::fs::read_dir(path)
        .map_err(failed)?
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort_by_key(|name| order(name));
    let mut files = Vec::new();
    for name in names {
        let inner = path.join(&name);
        let is_sql = name.to_lowercase().ends_with(".sql");
        // Not migrations: what sqitch asks afterwards, and the schema a version stands for.
        let skipped = name == "verify" || name == "schema.sql";
        if !skipped && (is_sql || inner.is_dir()) {
            let shown = format!("{}/{name}", shown.trim_end_matches(['/', '\\']));
            files.extend(collect(&inner, &shown)?);
        }
    }
    Ok(files)
}

/// Numbers count as numbers: `V2__x` comes before `V10__x`. The way there comes before the way back.
fn order(name: &str) -> (String, u128, u8, String) {
    let head: String = name.chars().take_while(|c| !c.is_ascii_digit()).collect();
    let digits: String =
        name[head.len()..].chars().take_while(char::is_ascii_digit).take(38).collect();
    let way = match way_of(name) {
        Way::Up => 0,
        Way::Down => 1,
    };
    (head, digits.parse().unwrap_or(0), way, name.to_owned())
}

fn print(args: &LintArgs, world: &World, findings: &[Finding], files: &[File]) {
    let number = files.len();
    if args.format == Format::Json || (args.format == Format::Text && world.global.json) {
        return world.print_json(&report::json(findings, number));
    }
    let Some(style) = args.format.style() else {
        // Codes are stripped where they are not wanted.
        let shown = report::text(findings, files, Colour::Ansi);
        return world.print(&format!("{shown}{}\n", report::verdict(findings, number)));
    };
    let mut placed = findings.to_vec();
    if args.format.is_of_repository() {
        for finding in &mut placed {
            finding.path = World::path_in_repository(&world.folder, &finding.path);
        }
    }
    world.print(&report::report(&placed, number, style));
    world.step_summary(args.format, || report::report(findings, number, Style::Markdown));
}
