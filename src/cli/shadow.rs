//! Options about the copy that a plan is rehearsed on.

use std::collections::{BTreeMap, BTreeSet};

use super::error::CliError;
use super::exit::Exit;
use super::world::World;
use crate::db::DatabaseUrl;
use crate::shadow::options::{Amount, Choice, Protection, SnapshotOptions};
use crate::source;
use crate::source::project::{Environment, Project, put_in_variables};
use crate::text::{Dialect, Ident, QName};

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
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) sample: Option<u64>,
    /// Choose the rows of a sample by this number
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Replace the values of columns that the model marks as personal (`pii:`)
    #[arg(long)]
    pub(crate) mask: bool,
}

impl ShadowArgs {
    /// `scratch` is the server of `--scratch-url`, which provides shadows where nothing else is said.
    pub(crate) fn options(
        &self,
        world: &World,
        project: Option<&Project>,
        settings: &Environment,
        scratch: Option<DatabaseUrl>,
    ) -> Result<SnapshotOptions, CliError> {
        let said = self.shadow.as_ref().or(settings.shadow.as_ref());
        let provider = said.map(|text| choice(world, text)).transpose()?.unwrap_or_default();
        let amount = match (self.whole, self.sample) {
            (true, _) => Amount::Whole,
            (false, Some(rows)) => Amount::Sample(rows),
            (false, None) => Amount::Fitting,
        };
        let usual = SnapshotOptions::default();
        let mask = if self.mask { personal(world, project)? } else { BTreeMap::new() };
        let protection = if settings.protected { Protection::Protected } else { Protection::None };
        Ok(SnapshotOptions {
            env: world.env.clone(),
            provider,
            scratch: scratch.map(Box::new),
            amount,
            mask,
            seed: self.seed,
            size_limit: settings.shadow_limit_mb.map_or(usual.size_limit, |mb| mb << 20),
            protection,
            ..usual
        })
    }
}

/// What the model marks as personal.
fn personal(
    world: &World,
    project: Option<&Project>,
) -> Result<BTreeMap<QName, BTreeSet<Ident>>, CliError> {
    let none = || {
        let message = "`--mask` needs a model that marks personal data\nhelp: with `pii:` at fields and types of \
                       model.yaml, with `-- migrate:pii KIND` above columns of schema.sql";
        CliError::new(Exit::Failure, message)
    };
    let project = project.ok_or_else(none)?;
    let path = project.root.join(&project.settings.model);
    let dialect = match world.url_if_any(Some(project))? {
        Some(DatabaseUrl::Sqlite(_)) => Dialect::Sqlite,
        Some(DatabaseUrl::Postgres(_)) | None => Dialect::Postgres,
    };
    let columns = source::personal(&path, dialect).map_err(CliError::from)?;
    if columns.is_empty() { Err(none()) } else { Ok(columns) }
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
