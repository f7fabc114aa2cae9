//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::command;

/// Reversible schema migrations, rehearsed and verified on your real rows (PostgreSQL and SQLite).
#[derive(Debug, Parser)]
#[command(name = "migrate", version, max_term_width = 100, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub(crate) struct Global {
    /// Work in this folder
    #[arg(short = 'C', long = "dir", global = true, value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
    /// Use `[env.NAME]` of migrate.toml
    #[arg(short = 'e', long = "env", global = true, value_name = "NAME", env = "MIGRATE_ENV")]
    pub(crate) environment: Option<String>,
    /// The database: postgres://…, sqlite:path, or a path
    #[arg(
        short = 'u',
        long,
        global = true,
        value_name = "URL",
        env = "DATABASE_URL",
        hide_env_values = true
    )]
    pub(crate) url: Option<String>,
    /// A PostgreSQL server on which scratch databases may be made (default: a throwaway local one)
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "MIGRATE_SCRATCH_URL",
        hide_env_values = true
    )]
    pub(crate) scratch_url: Option<String>,
    /// The SQL dialect, where no database says it
    #[arg(long, global = true, value_name = "DIALECT")]
    pub(crate) dialect: Option<DialectName>,
    /// Print one JSON document
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: When,
    /// Print only results
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Answer yes to questions about going on
    #[arg(short, long, global = true, env = "MIGRATE_YES")]
    pub(crate) yes: bool,
    /// Ask nothing, even on a terminal
    #[arg(long, global = true)]
    pub(crate) no_input: bool,
    /// Who acts, for the ledger (default: from the variables of the CI, else the user of the system)
    #[arg(long, global = true, value_name = "NAME", env = "MIGRATE_ACTOR")]
    pub(crate) actor: Option<String>,
    /// Do not read `.env`
    #[arg(long, global = true)]
    pub(crate) no_dotenv: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DialectName {
    #[value(alias = "postgresql")]
    Postgres,
    Sqlite,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    Auto,
    Always,
    Never,
}

/// What can be let pass without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Allow {
    /// Data that is lost for good, and drops that the model does not write down
    Loss,
    /// Renames, values and maps that nobody decided
    Ambiguous,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start a project; with --from, adopt an existing database or SQL file
    Init(command::init::InitArgs),
    /// Lift a model from a database or SQL file
    Import(command::import::ImportArgs),
    /// Write the model in canonical form, comments kept
    Fmt(command::fmt::FmtArgs),
    /// Print a JSON Schema: of model.yaml for editors, or of what a command prints with --json
    Schema(command::schema::SchemaArgs),
    /// Say what differs between two sources
    Diff(command::diff::DiffArgs),
    /// Plan the way from the last version to the model, as a new version
    Plan(command::plan::PlanArgs),
    /// Make an empty version for SQL written by hand
    New(command::new::NewArgs),
    /// Prove an edited, unreleased version anew and seal it
    Rehash(command::rehash::RehashArgs),
    /// Put the versions of one branch behind those of the other, after a merge
    Rebase(command::rebase::RebaseArgs),
    /// Say what is unsafe in SQL migrations, of any tool
    Lint(command::lint::LintArgs),
    /// Print the page of a rule of `migrate lint`
    Explain(command::explain::ExplainArgs),
    /// The gate: history, plan, lint, rehearsal and rows, all findings in one run
    Check(command::check::CheckArgs),
    /// Run pending plans up, down and up again on a copy of the database
    #[command(visible_alias = "dry-run")]
    Rehearse(command::rehearse::RehearseArgs),
    /// Check every rule on every row
    Verify(command::verify::VerifyArgs),
    /// Run pending versions
    Apply(command::apply::ApplyArgs),
    /// Take the last versions back, with all their data
    Rollback(command::rollback::RollbackArgs),
    /// Decide about a run that stopped half-way
    Resolve(command::resolve::ResolveArgs),
    /// Throw kept data away for good
    Release(command::release::ReleaseArgs),
    /// Show where a database stands
    Status(command::status::StatusArgs),
    /// Show who did what and when
    Log(command::log::LogArgs),
    /// Print a version: its changes, steps or SQL
    Show(command::show::ShowArgs),
    /// Tell on one page what a release changes, who waits, what rows say, and the way back
    Report(command::report::ReportArgs),
    /// See it work: a small company's database, no server needed
    Demo(command::demo::DemoArgs),
    /// Print shell completions
    Completions(command::completions::CompletionsArgs),
}
