//! `migrate rebase`: versions of two branches that follow the same one are put behind each other.

mod fork;

use std::collections::BTreeMap;

use crate::catalog::Printed;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::world::World;
use crate::model::print::{Hints, print};
use crate::plan::Proof;
use crate::plan::version::{VersionId, VersionKind};
use crate::report::side_by_side::side_by_side;
use crate::report::style::{GOOD, count, paint};
use crate::source::project::{Project, Snapshot, Version, hash_of};
use crate::text::Dialect;
use crate::text::merge::three_way;

use super::busy::Ways;
use super::check::released::{base_of, of_base};
use super::decisions::Pen;
use super::plan::{self, draft, refuse_applied};
use super::planning::Answers;
use super::proof::Proving;
use super::rehash::prove;
use super::versions::{load_version, target};
use fork::{Line, untangle};

/// Put the versions of one branch behind those of the other, after a merge.
///
/// Two versions that follow the same one are a fork, also where git merged without a conflict. Versions that the base has
/// (or a database) stay; the others follow them. Where their SQL still leads from the one schema to the other, proved up and
/// down on an empty scratch database, it stays untouched, and `chain.sum` is written anew. Where it does not, both changes
/// are shown side by side (exit 6); `--replan` makes one new version of what the model has beyond the versions that stay.
#[derive(Debug, clap::Args)]
pub(crate) struct RebaseArgs {
    /// The branch whose versions stay (default: the one that the pipeline names, else origin/HEAD)
    #[arg(long, value_name = "REF")]
    base: Option<String>,
    /// Of the versions that follow the same one, the one that stays
    #[arg(long, value_name = "VERSION", conflicts_with = "base")]
    first: Option<String>,
    /// Plan the changes of the versions that would move anew, as one version
    #[arg(long)]
    replan: bool,
    /// Do not prove that the SQL of moved versions still holds
    #[arg(long, conflicts_with = "replan")]
    no_proof: bool,
    /// Show what would be done, write nothing
    #[arg(long)]
    dry_run: bool,
}

/// A version in its new place.
struct Moved {
    before: VersionId,
    version: Version,
}

pub(crate) fn run(args: &RebaseArgs, world: &World) -> Result<Exit, CliError> {
    let project = world.project()?;
    let versions = project.folders()?;
    let released = match (&args.first, base_of(args.base.as_deref(), world, &project)) {
        (Some(_), _) | (None, None) => Vec::new(),
        (None, Some(base)) => {
            let found = of_base(&project, &base)?;
            found.hashes.into_keys().chain(found.ahead.into_keys()).collect()
        }
    };
    let line = untangle(&versions, &released, args.first.as_deref())?;
    if line.moved.is_empty() {
        return in_order(args, world, &project, &line);
    }
    for version in &line.moved {
        refuse_applied(world, &project, version)?;
    }
    if args.replan {
        return replan(args, world, &project, &line);
    }
    let moved = reparent(args, world, &project, &line)?;
    if !args.dry_run {
        let old: Vec<VersionId> = line.moved.iter().map(|it| it.manifest.id.clone()).collect();
        project.restring(&line.kept, moved.iter().map(|it| it.version.clone()).collect(), &old)?;
    }
    say(args, world, &line, &moved);
    Ok(Exit::Done)
}

/// Nothing forks: `chain.sum` is what may be wrong.
fn in_order(
    args: &RebaseArgs,
    world: &World,
    project: &Project,
    line: &Line,
) -> Result<Exit, CliError> {
    let was_sound = project.versions().is_ok();
    if !was_sound && !args.dry_run {
        project.restring(&line.kept, Vec::new(), &[])?;
    }
    let versions = count(line.kept.len() as u64, "version");
    if world.global.json {
        let kept: Vec<&VersionId> = line.kept.iter().map(|it| &it.manifest.id).collect();
        world.print_json(&serde_json::json!({ "rebase": 1, "stay": kept, "moved": [] }));
    } else if was_sound {
        world.print(&format!("nothing to rebase: {versions}, one line of descent\n"));
    } else {
        world.print(&format!(
            "{} chain.sum anew: {versions}, one line of descent\n",
            paint(GOOD, "wrote")
        ));
    }
    Ok(Exit::Done)
}

/// Puts each version behind the one before it; none is written yet.
fn reparent(
    args: &RebaseArgs,
    world: &World,
    project: &Project,
    line: &Line,
) -> Result<Vec<Moved>, CliError> {
    let mut last = line.kept.last().cloned();
    let mut moved: Vec<Moved> = Vec::new();
    for version in &line.moved {
        let base = line.parent_of(version);
        let mut next = version.clone();
        let number = last.as_ref().map_or(1, |last| last.manifest.id.number() + 1);
        let words = version.manifest.id.as_str().split_once('_').map_or("change", |(_, it)| it);
        next.manifest.id = VersionId::new(number, words);
        next.snapshot = merged(base, last.as_ref(), version)
            .ok_or_else(|| overlap(line, version, "both changed the same lines of the model"))?;
        for dialect in version.plans.keys().copied() {
            settle(world, project, last.as_ref(), &mut next, dialect)?;
            let proved = match args.no_proof {
                true => Proof::Not("it was rebased with --no-proof".to_owned()),
                false => match prove(world, project, last.as_ref(), &next, dialect) {
                    Ok(engine) => Proof::On(engine),
                    Err(error) if error.exit == Exit::History => {
                        return Err(overlap(line, version, error.message.trim_end()));
                    }
                    Err(error) => return Err(error),
                },
            };
            if let Some(plan) = next.plans.get_mut(&dialect) {
                plan.proved = proved;
            }
        }
        last = Some(next.clone());
        moved.push(Moved { before: version.manifest.id.clone(), version: next });
    }
    Ok(moved)
}

/// The model with what both sides changed. `base` is what the moved version followed, `last` what it follows now.
fn merged(base: Option<&Version>, last: Option<&Version>, moved: &Version) -> Option<Snapshot> {
    let text = |version: Option<&Version>| version.map_or("", |it| it.snapshot.text()).to_owned();
    // A version of rows alone leaves the model as it is, whatever it follows.
    let is_of_rows = matches!(moved.manifest.kind, VersionKind::Written | VersionKind::Repair);
    let (text, last_text) = match is_of_rows {
        true => (text(last), text(last)),
        false => (three_way(&text(base), &text(last), moved.snapshot.text())?, text(last)),
    };
    match moved.snapshot {
        Snapshot::Sql(_) => Some(Snapshot::Sql(text)),
        Snapshot::Model(_) if text == last_text => Some(Snapshot::Model(text)),
        Snapshot::Model(_) => {
            let (model, diagnostics) = crate::model::parse(&text);
            let is_error = |it: &crate::text::diagnostic::Diagnostic| {
                it.severity == crate::text::diagnostic::Severity::Error
            };
            let model = model.filter(|_| !diagnostics.iter().any(is_error))?;
            Some(Snapshot::Model(print(&model, Hints::Drop)))
        }
    }
}

/// The schemas that a moved version goes between now, as its plan states them.
fn settle(
    world: &World,
    project: &Project,
    last: Option<&Version>,
    next: &mut Version,
    dialect: Dialect,
) -> Result<(), CliError> {
    let is_of_rows = matches!(next.manifest.kind, VersionKind::Written | VersionKind::Repair);
    let followed = last.and_then(|last| last.plans.get(&dialect)).map(|plan| plan.after.clone());
    let printed = next.plans.get(&dialect).map(|plan| plan.printed);
    let after = match (printed, &followed) {
        (None, _) => return Ok(()),
        (Some(_), Some(followed)) if is_of_rows => followed.clone(),
        (Some(Printed::ByModel), _) => {
            load_version(world, project, next, dialect)?.catalog.fingerprint()
        }
        (Some(Printed::ByEngine), _) => target(world, project, next, dialect)?.fingerprint(),
    };
    if let Some(plan) = next.plans.get_mut(&dialect) {
        plan.after = after;
        if let Some(followed) = followed {
            plan.before = followed;
        }
    }
    Ok(())
}

/// What both sides do, beside each other, and why one cannot follow the other.
fn overlap(line: &Line, moved: &Version, why: &str) -> CliError {
    let summary = |versions: &[&Version]| -> Vec<String> {
        let lines = versions.iter().flat_map(|version| {
            let plan = version.plans.values().next();
            let summary = plan.map(|plan| plan.summary.clone()).unwrap_or_default();
            std::iter::once(version.manifest.id.to_string())
                .chain(summary.into_iter().map(|line| format!("  {line}")))
        });
        lines.collect()
    };
    let others = line.beside(moved);
    let table = side_by_side(&summary(&others), &summary(&[moved]));
    let id = &moved.manifest.id;
    CliError::new(
        Exit::History,
        format!(
            "`{id}` overlaps what it would follow, so nothing was written\n{table}{why}\n\
             help: bring the model to what both sides mean, then `migrate rebase --replan` plans the rest anew as one version"
        ),
    )
}

/// One new version of what the model has beyond the versions that stay.
fn replan(
    args: &RebaseArgs,
    world: &World,
    project: &Project,
    line: &Line,
) -> Result<Exit, CliError> {
    if let Some(written) = line.moved.iter().find(|it| it.manifest.kind != VersionKind::Planned) {
        return Err(CliError::new(
            Exit::Refused,
            format!(
                "`{}` has SQL that nobody can plan: it was written by hand\n\
                 help: rebase without `--replan`, or take its folder away and write it anew with `migrate new`",
                written.manifest.id
            ),
        ));
    }
    let answers = Answers::default();
    let drafts = draft(
        world,
        project,
        &line.kept,
        &answers,
        (Ways::default(), Proving::default()),
        &Pen::Closed,
    )?;
    let is_empty = drafts.files.values().all(|files| files.plan.summary.is_empty());
    let last = line.kept.last().map_or(0, |last| last.manifest.id.number());
    let words: Vec<&str> = line
        .moved
        .iter()
        .filter_map(|it| it.manifest.id.as_str().split_once('_'))
        .map(|(_, words)| words)
        .collect();
    let id = VersionId::new(last + 1, &words.join("_"));
    let reason = line.moved.iter().find_map(|it| it.manifest.reason.clone());
    let version = plan::version(id, VersionKind::Planned, reason, drafts, world);
    let planned: Vec<Version> = if is_empty { Vec::new() } else { vec![version] };
    let summary: BTreeMap<Dialect, Vec<String>> = planned
        .iter()
        .flat_map(|it| it.plans.iter().map(|(dialect, plan)| (*dialect, plan.summary.clone())))
        .collect();
    let old: Vec<VersionId> = line.moved.iter().map(|it| it.manifest.id.clone()).collect();
    if !args.dry_run {
        project.restring(&line.kept, planned.clone(), &old)?;
    }
    let names: Vec<&str> = planned.iter().map(|it| it.manifest.id.as_str()).collect();
    if world.global.json {
        let kept: Vec<&VersionId> = line.kept.iter().map(|it| &it.manifest.id).collect();
        world.print_json(&serde_json::json!({
            "rebase": 1, "stay": kept, "moved": [], "replanned": names, "gone": old, "summary": summary,
        }));
        return Ok(Exit::Done);
    }
    let old: Vec<String> = old.iter().map(ToString::to_string).collect();
    match names[..] {
        [] => world
            .print(&format!("{} gone: the model has nothing beyond the others\n", old.join(", "))),
        [..] => {
            world.print(&format!(
                "{} {} instead of {}\n",
                paint(GOOD, "planned"),
                names.join(", "),
                old.join(", ")
            ));
            for line in summary.values().next().into_iter().flatten() {
                world.print(&format!("  {line}\n"));
            }
        }
    }
    Ok(Exit::Done)
}

fn say(args: &RebaseArgs, world: &World, line: &Line, moved: &[Moved]) {
    if world.global.json {
        let kept: Vec<&VersionId> = line.kept.iter().map(|it| &it.manifest.id).collect();
        let moved: Vec<_> = moved
            .iter()
            .map(|it| serde_json::json!({ "before": it.before, "after": it.version.manifest.id }))
            .collect();
        return world.print_json(&serde_json::json!({ "rebase": 1, "stay": kept, "moved": moved }));
    }
    let proved = if args.no_proof { "not proved" } else { "proved up and down" };
    for it in moved {
        world.print(&format!(
            "{} {} (was {}): its SQL is untouched, {proved}\n",
            paint(GOOD, if args.dry_run { "would move" } else { "moved" }),
            it.version.manifest.id,
            it.before
        ));
    }
    let number = count((line.kept.len() + moved.len()) as u64, "version");
    world.print(&format!("{number}, one line of descent\n"));
}

/// Whether a version's files have the hash that its manifest states.
fn is_whole(version: &Version) -> bool {
    hash_of(version, version.manifest.parent.as_deref()) == version.manifest.hash
}
