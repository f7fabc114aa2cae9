//! `migrate report`: what a release changes, who waits, what rows say, and the way back, on one page.

mod material;

use std::path::{Path, PathBuf};

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::world::World;
use crate::report::checklist::checklist;
use crate::report::document::Report;
use crate::report::document::html::html;
use crate::report::document::make::report;
use crate::report::document::markdown::{self, markdown};
use crate::report::style::{GOOD, paint};
use crate::source::project::write_atomically;

/// Tell on one page what a release changes, who waits, what rows say, and the way back.
///
/// Without a range: what is pending in the database that is named; else the last version. Evidence comes from rehearsals on
/// file. With a database (--url, DATABASE_URL or the environment) its rows are asked, and drift, kept data and ledger are told.
#[derive(Debug, clap::Args)]
pub(crate) struct ReportArgs {
    /// A version by number or id, or a range: what leads from A to B (`1..3`, `empty..2`, `2..`)
    #[arg(value_name = "RANGE")]
    range: Option<String>,
    /// How it is printed (usually by the ending of --out, else as HTML)
    #[arg(long, value_name = "FORMAT")]
    format: Option<ReportFormat>,
    /// Write it to this file
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Only the release checklist: each line passed, failed or not applicable, with its proof; as text if no format is given
    #[arg(long)]
    checklist: bool,
    /// Milliseconds that a step may let others wait, by what the rehearsal lets one expect
    #[arg(long, value_name = "MS", default_value_t = 5000)]
    max_wait: u64,
    /// Do not ask the rows of the database
    #[arg(long)]
    no_rows: bool,
    /// End with 4 if a line of the checklist failed
    #[arg(long)]
    exit_code: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ReportFormat {
    /// One page that loads nothing
    Html,
    /// With diagrams that GitHub and GitLab draw
    Markdown,
    Json,
}

pub(crate) fn run(args: &ReportArgs, world: &World) -> Result<Exit, CliError> {
    let made = report(material::gather(args, world)?);
    let text = printed(args, world, &made)?;
    match &args.out {
        Some(out) => {
            write_atomically(&world.folder.join(out), &text)?;
            world.note(&format!("{} {}", paint(GOOD, "written to"), out.display()));
        }
        None => world.print(&text),
    }
    Ok(if args.exit_code && !made.verdict.ready { Exit::Findings } else { Exit::Done })
}

fn printed(args: &ReportArgs, world: &World, made: &Report) -> Result<String, CliError> {
    let of_file = args.out.as_deref().map(by_ending).transpose()?.flatten();
    let format = match (args.format, world.global.json) {
        (Some(format), _) => Some(format),
        (None, true) => Some(ReportFormat::Json),
        (None, false) => of_file,
    };
    Ok(match (format, args.checklist) {
        (None, true) => checklist(made),
        (None | Some(ReportFormat::Html), false) | (Some(ReportFormat::Html), true) => html(made),
        (Some(ReportFormat::Markdown), true) => markdown::checklist(made),
        (Some(ReportFormat::Markdown), false) => markdown(made),
        (Some(ReportFormat::Json), true) => json(&serde_json::json!({
            "checklist": 1, "title": made.title, "verdict": made.verdict, "lines": made.checklist,
        })),
        (Some(ReportFormat::Json), false) => json(made),
    })
}

fn json(value: &impl serde::Serialize) -> String {
    format!("{}\n", serde_json::to_string_pretty(value).expect("a report is plain data"))
}

/// The format that the name of a file means; `None` for a text.
fn by_ending(file: &Path) -> Result<Option<ReportFormat>, CliError> {
    let ending = file.extension().map(|it| it.to_string_lossy().to_lowercase());
    match ending.as_deref() {
        Some("html" | "htm") => Ok(Some(ReportFormat::Html)),
        Some("md" | "markdown") => Ok(Some(ReportFormat::Markdown)),
        Some("json") => Ok(Some(ReportFormat::Json)),
        Some("txt") | None => Ok(None),
        Some(other) => Err(CliError::usage(format!(
            "no format is known by the ending `.{other}`\nhelp: pass `--format html`, `markdown` or `json`"
        ))),
    }
}
