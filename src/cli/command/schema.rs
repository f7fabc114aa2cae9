//! `migrate schema`: the JSON Schema of model.yaml.

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::world::World;

pub(crate) fn run(world: &World) -> Result<Exit, CliError> {
    world.print_json(&crate::model::schema());
    Ok(Exit::Done)
}
