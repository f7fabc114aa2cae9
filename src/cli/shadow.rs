//! Options about the copy that a plan is rehearsed on.

use super::error::CliError;
use super::exit::Exit;
use super::world::World;
use crate::db::DatabaseUrl;
use crate::shadow::options::{Amount, Choice, Protection, SnapshotOptions};
use crate::source::project::{Environment, put_in_variables};

/// What the copy to rehearse on should be.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct ShadowArgs {
    /// Who provides the copy to rehearse on: auto, url:URL, local, server, template, transaction or file
    #[arg(long, value_name = "PROVIDER")]
    pub(crate) shadow: Option<String>,
    /// Copy all rows of all tables, whatever their size and whatever the plan touches
    #[arg(long, conflicts_with = "sample")]
    pub(crate) whole: bool,
    /// Copy about so many rows of each table, and those that belong to them
    #[arg(long, value_name = "ROWS")]
    pub(crate) sample: Option<u64>,
    /// Choose the rows of a sample by this number
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Replace the values of columns that the model marks as `pii:`
    #[arg(long)]
    pub(crate) mask: bool,
}

impl ShadowArgs {
    /// `scratch` is the server of `--scratch-url`, which provides shadows where nothing else is said.
    pub(crate) fn options(
        &self,
        world: &World,
        settings: &Environment,
        scratch: Option<DatabaseUrl>,
    ) -> Result<SnapshotOptions, CliError> {
        let said = self.shadow.as_ref().or(settings.shadow.as_ref());
        let provider = match (said.map(String::as_str), scratch) {
            (None | Some("auto"), Some(url)) => Choice::Url(Box::new(url)),
            (None, None) => Choice::Auto,
            (Some(text), _) => choice(world, text)?,
        };
        let amount = match (self.whole, self.sample) {
            (true, _) => Amount::Whole,
            (false, Some(rows)) => Amount::Sample(rows.max(1)),
            (false, None) => Amount::Fitting,
        };
        let usual = SnapshotOptions::default();
        let protection = if settings.protected { Protection::Protected } else { Protection::None };
        Ok(SnapshotOptions {
            env: world.env.clone(),
            provider,
            amount,
            seed: self.seed,
            size_limit: settings.shadow_limit_mb.map_or(usual.size_limit, |mb| mb << 20),
            protection,
            ..usual
        })
    }
}

fn choice(world: &World, text: &str) -> Result<Choice, CliError> {
    Ok(match text {
        "auto" => Choice::Auto,
        "local" => Choice::Local,
        "server" => Choice::Server,
        "template" => Choice::Template,
        "transaction" => Choice::Transaction,
        "file" => Choice::File,
        other => match other.strip_prefix("url:") {
            Some(url) => {
                let url = put_in_variables(url, &world.env)?;
                Choice::Url(Box::new(world.read_url(&url)?))
            }
            None => {
                return Err(CliError::new(
                    Exit::Usage,
                    format!(
                        "`{other}` provides no shadow\nhelp: `--shadow auto`, `url:postgres://…`, `local`, \
                         `server`, `template`, `transaction` or `file`"
                    ),
                ));
            }
        },
    })
}
