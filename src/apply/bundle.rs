//! What can be run: the SQL of one plan both ways, with the facts that were sealed with it.

use crate::dialect::{Direction, Step};
use crate::plan::script::{self, ScriptError};
use crate::plan::{FORMAT, PlanFile};
use crate::text::{Dialect, hash};

/// One plan, read from its files and found whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// Version id, or `plan TAG`.
    pub name: String,
    pub dialect: Dialect,
    pub up: Vec<Step>,
    pub down: Vec<Step>,
    pub plan: PlanFile,
    /// SHA-256 over both SQL files.
    pub hash: String,
}

/// Why files are no plan that may run.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    #[error("{file}: {source}")]
    Script { file: String, source: ScriptError },
    #[error(
        "plan.json: {0}\nhelp: it was written by another version of this tool or by hand; plan again"
    )]
    Plan(String),
    #[error(
        "{file} was edited after it was planned: its SHA-256 is {found}, plan.json says {stated}\n\
         help: `migrate rehash` proves an edited version anew; an edited ad-hoc plan must be planned again"
    )]
    Edited { file: String, stated: String, found: String },
}

impl Bundle {
    /// Reads a plan from the texts of its files. `prefix` stands before the file names in messages.
    ///
    /// # Errors
    /// The files do not belong together, or cannot be read.
    pub fn read(
        name: &str,
        prefix: &str,
        up: &str,
        down: &str,
        plan: PlanFile,
    ) -> Result<Bundle, BundleError> {
        if plan.plan != FORMAT {
            return Err(BundleError::Plan(format!("format {} is not format {FORMAT}", plan.plan)));
        }
        let steps = |file: &str, text: &str, stated: &str| {
            let file = format!("{prefix}{file}");
            let found = hash::sha256_of_text(text);
            if found != stated {
                return Err(BundleError::Edited { file, stated: stated.to_owned(), found });
            }
            script::parse(text, plan.dialect).map_err(|source| BundleError::Script { file, source })
        };
        Ok(Bundle {
            name: name.to_owned(),
            dialect: plan.dialect,
            up: steps("up.sql", up, &plan.up.sha256)?,
            down: steps("down.sql", down, &plan.down.sha256)?,
            hash: plan_hash(&plan),
            plan,
        })
    }

    /// The steps of one way.
    pub fn steps(&self, way: Direction) -> &[Step] {
        match way {
            Direction::Up => &self.up,
            Direction::Down => &self.down,
        }
    }
}

/// One hash for both SQL files of a plan.
fn plan_hash(plan: &PlanFile) -> String {
    hash::sha256_parts([plan.up.sha256.as_bytes(), plan.down.sha256.as_bytes()])
}
