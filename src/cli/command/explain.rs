//! `migrate explain`: the page of a rule.

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::world::World;
use crate::lint::page::page;
use crate::lint::rules::{ALL, find};
use crate::text::suggest::nearest;

/// Print the page of a rule of `migrate lint`, by code or name.
#[derive(Debug, clap::Args)]
pub(crate) struct ExplainArgs {
    /// A code or a name, as MG114 or index-blocking; without one, all rules are listed
    code: Option<String>,
}

pub(crate) fn run(args: &ExplainArgs, world: &World) -> Result<Exit, CliError> {
    let Some(word) = &args.code else {
        for rule in ALL {
            world.print(&format!("{}  {:7}  {}\n", rule.code, rule.severity.name(), rule.name));
        }
        return Ok(Exit::Done);
    };
    match find(word) {
        Some(rule) => {
            world.print(&page(rule));
            Ok(Exit::Done)
        }
        None => {
            let near = nearest(word, ALL.iter().flat_map(|rule| [rule.code, rule.name]));
            let help = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => "`migrate explain` lists all rules".to_owned(),
            };
            Err(CliError::usage(format!("there is no rule `{word}`\nhelp: {help}")))
        }
    }
}
