//! `migrate schema`: the JSON Schema of model.yaml, and of what commands print.

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::world::World;

/// Print a JSON Schema: of model.yaml for editors, or of what a command prints with --json.
#[derive(Debug, clap::Args)]
pub(crate) struct SchemaArgs {
    /// Of what
    #[arg(value_name = "WHAT", default_value = "model")]
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum What {
    /// model.yaml
    Model,
    /// `migrate check --json`
    Check,
    /// `migrate lint --json`
    Lint,
}

pub(crate) fn run(args: &SchemaArgs, world: &World) -> Result<Exit, CliError> {
    match args.what {
        What::Model => world.print_json(&crate::model::schema()),
        What::Check => world.print(crate::report::check::SCHEMA),
        What::Lint => world.print(crate::report::lint::SCHEMA),
    }
    Ok(Exit::Done)
}
