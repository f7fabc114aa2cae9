//! `migrate show`: a version's changes, steps or SQL.

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::world::World;
use crate::report::plan::{plan, steps};
use crate::report::style::{FAINT, STRONG, paint};
use crate::source::project::ProjectError;
use crate::text::Dialect;

use super::versions;

/// Print a version: its changes and steps, or its SQL.
#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {
    /// Number or id; the last version if absent
    version: Option<String>,
    /// Print the SQL of one way
    #[arg(long, value_name = "WAY")]
    sql: Option<WayName>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum WayName {
    Up,
    Down,
}

pub(crate) fn run(args: &ShowArgs, world: &World) -> Result<Exit, CliError> {
    let project = world.project()?;
    let all = project.versions()?;
    let version = match (&args.version, all.last()) {
        (Some(name), _) => versions::find(&all, name)?,
        (None, Some(last)) => last,
        (None, None) => {
            let known = "this project has no version yet".to_owned();
            return Err(ProjectError::NoVersion { name: "last".to_owned(), known }.into());
        }
    };
    let dialects: Vec<Dialect> = match world.named_dialect() {
        Some(dialect) => vec![dialect],
        None => version.plans.keys().copied().collect(),
    };
    if world.global.json {
        world.print_json(&version.plans);
        return Ok(Exit::Done);
    }
    for dialect in dialects {
        let bundle = versions::bundle(version, dialect)?;
        match args.sql {
            Some(way) => {
                let way = match way {
                    WayName::Up => "up",
                    WayName::Down => "down",
                };
                let text = version.sql.get(&format!("{dialect}.{way}.sql"));
                world.print(text.map_or("", String::as_str));
            }
            None => {
                let manifest = &version.manifest;
                let by = format!("{dialect}, {} by {}", manifest.created, manifest.author);
                world.print(&format!(
                    "{} {}\n",
                    paint(STRONG, manifest.id.as_str()),
                    paint(FAINT, &by)
                ));
                world.print(&plan(&bundle.plan));
                world.print(&format!("\n{}\n{}", paint(STRONG, "way back"), steps(&bundle.down)));
            }
        }
    }
    Ok(Exit::Done)
}
