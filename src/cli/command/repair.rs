//! `--repair RULE=STRATEGY`: what rows would become, as a plan folder or a version that does it.

use std::collections::BTreeMap;
use std::path::Path;

use crate::catalog::rule::{OwnRule, own_rules};
use crate::catalog::{Catalog, Printed};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::world::World;
use crate::db::{Database, Mode};
use crate::dialect::check::Check;
use crate::dialect::check::standing::{Doubts, Extent, Standing, Wanted, standing};
use crate::dialect::repair::{Chosen, Mended, Naming, Subject, fitting, mend, trial};
use crate::plan::repair::{plan, tag};
use crate::plan::version::{VersionId, VersionKind};
use crate::plan::{Files, Proof, files};
use crate::report::repair::previews;
use crate::report::style::{GOOD, paint};
use crate::source::{Loaded, Source, load};
use crate::text::suggest::did_you_mean;
use crate::verify::{Proposed, Verdict, preview};

use super::new::{insert, movable};
use super::plan::{Drafts, version};
use super::{plan_folder, versions};

/// What repairs work on: a database, or a version's schema.
pub(crate) struct Ground<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) wanted: Option<&'a Catalog>,
    pub(crate) found: &'a Standing,
}

/// The rules and strategies that were typed.
fn chosen<'f>(texts: &[String], found: &'f Standing) -> Result<Vec<(&'f Check, Chosen)>, CliError> {
    texts.iter().map(|text| one_chosen(text, found)).collect()
}

fn one_chosen<'f>(text: &str, found: &'f Standing) -> Result<(&'f Check, Chosen), CliError> {
    // Names of constraints may hold `=`.
    let rest = |rule: &str| text.strip_prefix(rule).and_then(|rest| rest.strip_prefix('='));
    let mut fits: Vec<(&Check, &str)> =
        found.checks.iter().filter_map(|check| Some((check, rest(&check.rule)?))).collect();
    fits.sort_by_key(|(check, _)| std::cmp::Reverse(check.rule.len()));
    if let Some((check, strategy)) = fits.first() {
        let chosen = Chosen::parse(strategy)
            .map_err(|reason| CliError::usage(format!("`--repair {text}`: {reason}")))?;
        return Ok((check, chosen));
    }
    if let Some(lacking) = found.unaskable.iter().find(|it| rest(&it.rule).is_some()) {
        return Err(CliError::new(
            Exit::Failure,
            format!("`{}` cannot be repaired: {}", lacking.rule, lacking.reason),
        ));
    }
    if let Some(trusted) = found.trusted.iter().find(|it| rest(&it.rule).is_some()) {
        return Err(CliError::usage(format!(
            "no row breaks `{}`: the database holds every row to it",
            trusted.rule
        )));
    }
    let rule = text.split_once('=').map_or(text, |(rule, _)| rule);
    let known = found.checks.iter().map(|check| check.rule.as_str());
    Err(CliError::usage(format!(
        "`--repair {text}` names no rule{}\nhelp: write `--repair RULE=STRATEGY`; `migrate verify --explain` lists all rules",
        did_you_mean(rule, known)
    )))
}

/// Makes the repairs that were typed.
fn mended(
    texts: &[String],
    ground: &Ground<'_>,
    since: &str,
) -> Result<(String, Vec<Mended>), CliError> {
    let tag = tag(ground.catalog, texts, since);
    let each = chosen(texts, ground.found)?.into_iter().enumerate().map(|(at, (check, chosen))| {
        let subject = Subject { check, catalog: ground.catalog, wanted: ground.wanted };
        mend(subject, &chosen, Naming { tag: &tag, number: at + 1 })
            .map_err(|error| CliError::new(Exit::Refused, error.to_string()))
    });
    let mended = each.collect::<Result<Vec<_>, _>>()?;
    Ok((tag, mended))
}

/// `migrate verify --repair`: shows what would change, and writes a plan folder where one is named.
pub(crate) fn show(
    world: &World,
    texts: &[String],
    out: Option<&Path>,
    ground: &Ground<'_>,
    database: &mut Database,
    next: &str,
) -> Result<Exit, CliError> {
    let books = crate::apply::book::read(database)?;
    let since = books.entries.last().map(|entry| entry.hash.clone()).unwrap_or_default();
    let (tag, mended) = mended(texts, ground, &since)?;
    let found = preview(database, &mended)?;
    let left = found.iter().any(|it| it.left.is_some_and(|left| left > 0));
    if world.global.json {
        world.print_json(&serde_json::json!({ "repairs": found }));
    } else {
        world.print(&previews(&found));
    }
    match out {
        Some(folder) => {
            let plan = plan(ground.catalog, Printed::ByEngine, &tag, &mended);
            let files = unproved(files(&plan, "repair"));
            plan_folder::write(&world.folder.join(folder), &files)?;
            let folder = folder.display();
            world.note(&format!("{} {folder}", paint(GOOD, "written to")));
            world.note(&format!("`migrate apply --plan {folder}` repairs the rows"));
        }
        None => world.note(&format!("nothing is written; {next}")),
    }
    // A later repair of the same rule may take what an earlier one leaves.
    let several =
        found.iter().any(|it| found.iter().filter(|other| other.rule == it.rule).count() > 1);
    Ok(if left && !several { Exit::Violations } else { Exit::Done })
}

/// Rows are what a repair is about, and a scratch database has none.
fn unproved(mut files: Files) -> Files {
    files.plan.proved =
        Proof::Not("it changes rows alone; a rehearsal proves it on them".to_owned());
    files
}

/// `migrate plan --repair`: a version that repairs rows and leaves the schema as it is.
pub(crate) fn next_version(
    world: &World,
    name: Option<&str>,
    texts: &[String],
    before: Option<&str>,
    reason: Option<String>,
    dry_run: bool,
) -> Result<Exit, CliError> {
    let project = world.project()?;
    let mut all = project.versions()?;
    let follower = match before {
        Some(name) => Some(movable(name, world, &project, &mut all)?),
        None => None,
    };
    let Some(last) = all.last() else {
        return Err(CliError::new(
            Exit::Failure,
            "there is no version to follow yet\nhelp: `migrate plan` makes the first one from the model",
        ));
    };
    let source = Source::parse(&project.model_path().display().to_string(), &world.env)?;
    let mut planned = BTreeMap::new();
    for (dialect, followed) in &last.plans {
        let options = world.load_options(Some(&project), *dialect)?;
        let model = load(&source, &options)?;
        let base = versions::load_version(world, &project, last, *dialect)?;
        let found = rules_on(&base.catalog, &model);
        let ground = Ground { catalog: &base.catalog, wanted: Some(&model.catalog), found: &found };
        let (tag, mended) = mended(texts, &ground, &last.manifest.hash)?;
        let mut plan = plan(&base.catalog, Printed::ByModel, &tag, &mended);
        plan.before.clone_from(&followed.after);
        plan.after.clone_from(&followed.after);
        planned.insert(*dialect, unproved(files(&plan, name.unwrap_or("repair"))));
    }
    if let Some(files) = planned.values().next() {
        if world.global.json {
            world.print_json(&files.plan);
        } else {
            world.print(&crate::report::plan::plan(&files.plan));
        }
    }
    if dry_run {
        return Ok(Exit::Done);
    }
    let id = VersionId::new(last.manifest.id.number() + 1, name.unwrap_or("repair"));
    let drafts = Drafts { snapshot: last.snapshot.clone(), files: planned, wider: 0 };
    let written = version(id, VersionKind::Repair, reason, drafts, world);
    insert(world, &project, written, follower, "sealed")?;
    world.note("`migrate rehearse` counts its rows on a copy, `migrate apply` runs it");
    Ok(Exit::Done)
}

/// The rules of a model, asked of the schema of a version.
fn rules_on(catalog: &Catalog, model: &Loaded) -> Standing {
    let mut rules = model.rules.clone();
    if model.printed == Printed::ByEngine {
        let own = model.catalog.tables.values().flat_map(own_rules);
        rules.splice(0..0, own.map(|own| OwnRule::rule(&own)));
    }
    let personal = model.personal.clone();
    let meant = Some(&model.catalog);
    let wanted = Wanted { rules: &rules, catalog: meant, personal, ..Wanted::default() };
    standing(catalog, &wanted, &Doubts::new(), Extent::All)
}

/// Adds to each violation the strategies that fit it.
pub(crate) fn propose(verdict: &mut Verdict, ground: &Ground<'_>, database: &mut Database) {
    for violation in &mut verdict.violations {
        let named = |check: &&Check| check.rule == violation.rule && check.table == violation.table;
        let Some(check) = ground.found.checks.iter().find(named) else { continue };
        let subject = Subject { check, catalog: ground.catalog, wanted: ground.wanted };
        let keys: Option<Vec<Vec<String>>> = violation
            .sample
            .iter()
            .map(|row| row.iter().take(check.keys.len()).cloned().collect())
            .collect();
        let is_told = !check.keys.iter().any(|key| check.personal.contains(key));
        let keys = keys.filter(|keys| is_told && !keys.is_empty());
        for proposal in fitting(subject) {
            let mends = match proposal.trial {
                crate::dialect::repair::Trial::Needless => true,
                crate::dialect::repair::Trial::Wanted => {
                    let query =
                        keys.as_ref().and_then(|keys| trial(subject, &proposal.chosen, keys));
                    // What cannot be tried is proposed: the user sees what it would do.
                    query.is_none_or(|sql| {
                        let rows = database.within(Mode::Snapshot, |database| database.rows(&sql));
                        let mended =
                            rows.ok().and_then(|rows| rows.first()?.get(1).cloned().flatten());
                        mended.is_some_and(|text| text != "0")
                    })
                }
            };
            if mends {
                let strategy = proposal.chosen.to_string();
                violation.repairs.push(Proposed { strategy, says: proposal.says });
            }
        }
    }
}
