//! `migrate schema`: the JSON Schema of model.yaml.

use crate::cli::error::CliError;
use crate::cli::exit::Exit;

pub(crate) fn run() -> Result<Exit, CliError> {
    let text =
        serde_json::to_string_pretty(&crate::model::schema()).expect("a JSON value is plain data");
    println!("{text}");
    Ok(Exit::Done)
}
