//! `migrate diff`: what differs between two sources.

use crate::change::machines::described;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::world::World;
use crate::report::plan::changes;
use crate::report::question::questions;
use crate::source::Source;

use super::answers::add_answers;
use super::pair::{load_pair, with_access};

/// Say what differs between two sources.
///
/// A source is model.yaml or a folder of such files, schema.sql or a folder, postgres://…, sqlite:path or a
/// SQLite file, git:REF[:path], version:N, or empty. Without sources: the last version against the model.
#[derive(Debug, clap::Args)]
pub(crate) struct DiffArgs {
    /// The old side
    #[arg(value_name = "A", requires = "b")]
    a: Option<String>,
    /// The new side
    #[arg(value_name = "B")]
    b: Option<String>,
    /// The old side, as for `plan`
    #[arg(long, value_name = "SOURCE", conflicts_with = "a")]
    from: Option<String>,
    /// The new side, as for `plan`
    #[arg(long, value_name = "SOURCE", conflicts_with = "b")]
    to: Option<String>,
    /// Say that something was renamed: `old=new` or `table.old=table.new`
    #[arg(long = "rename", value_name = "OLD=NEW")]
    renames: Vec<String>,
    /// End with 3 if anything differs
    #[arg(long)]
    exit_code: bool,
}

pub(crate) fn run(args: &DiffArgs, world: &World) -> Result<Exit, CliError> {
    let project = world.project_if_any()?;
    let before = args.a.as_deref().or(args.from.as_deref());
    let after = args.b.as_deref().or(args.to.as_deref());
    let (before, after) = match (before, after, &project) {
        (Some(before), Some(after), _) => (
            Source::parse_in(before, &world.env, &world.folder)?,
            Source::parse_in(after, &world.env, &world.folder)?,
        ),
        (None, None, Some(project)) => {
            let head = project.versions()?;
            let before = head
                .last()
                .map_or(Source::Empty, |version| Source::Version(version.manifest.id.number()));
            (before, Source::Model(project.model_path()))
        }
        _ => {
            return Err(CliError::usage(
                "two sources are needed\nhelp: `migrate diff A B`, for example `migrate diff version:1 model.yaml`",
            ));
        }
    };
    let pair = load_pair(world, project.as_ref(), &before, &after)?;
    pair.notes.iter().for_each(|note| world.note(note));
    let mut intent = pair.intent.clone();
    add_answers(&mut intent, &pair, &args.renames, &[], &[])?;
    let (difference, open) = pair.diff(&intent)?;
    let mut lines: Vec<String> = described(&difference);
    with_access(&mut lines, &pair.access);
    if world.global.json {
        world.print_json(&serde_json::json!({
            "diff": 1,
            "dialect": pair.after.dialect,
            "equal": lines.is_empty(),
            "summary": lines,
            "changes": difference.changes,
            "questions": open,
        }));
    } else if lines.is_empty() {
        world.print("equal\n");
    } else {
        world.print(&changes(&lines));
        world.print(&questions(&open));
    }
    let differs = !lines.is_empty();
    Ok(if differs && args.exit_code { Exit::Differences } else { Exit::Done })
}
