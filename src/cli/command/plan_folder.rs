//! A plan in a folder of its own, without a project: `up.sql`, `down.sql`, `plan.json`.

use std::path::Path;

use crate::apply::Bundle;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::plan::{Files, PlanFile};
use crate::source::project::write_atomically;

/// Writes the three files; `plan.json` last, so that a folder that has it is whole.
pub(crate) fn write(folder: &Path, files: &Files) -> Result<(), CliError> {
    std::fs::create_dir_all(folder).map_err(|error| {
        CliError::new(Exit::Failure, format!("cannot make `{}`: {error}", folder.display()))
    })?;
    let json = serde_json::to_string_pretty(&files.plan).expect("a plan is plain data");
    write_atomically(&folder.join("up.sql"), &files.up)?;
    write_atomically(&folder.join("down.sql"), &files.down)?;
    write_atomically(&folder.join("plan.json"), &(json + "\n"))?;
    Ok(())
}

/// Reads such a folder and checks that its files belong together.
pub(crate) fn read(folder: &Path) -> Result<Bundle, CliError> {
    let text = |name: &str| {
        let path = folder.join(name);
        std::fs::read_to_string(&path).map_err(|error| {
            CliError::new(
                Exit::Failure,
                format!(
                    "cannot read `{}`: {error}\nhelp: `migrate plan --from A --to B --out DIR` writes such a folder",
                    path.display()
                ),
            )
        })
    };
    let plan: PlanFile = serde_json::from_str(&text("plan.json")?).map_err(|error| {
        let path = folder.join("plan.json");
        CliError::new(Exit::Failure, format!("`{}`: {error}", path.display()))
    })?;
    let name = format!("plan {}", plan.tag);
    let prefix = format!("{}/", folder.display());
    Ok(Bundle::read(&name, &prefix, &text("up.sql")?, &text("down.sql")?, plan)?)
}
