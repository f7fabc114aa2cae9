//! Versions that let somebody do more than before, and do not say why.

use crate::change::access::{Reach, differences};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::lint::rule::Severity;
use crate::model::{Model, parse};
use crate::report::problem::Problem;
use crate::source::project::{Project, Snapshot, Version};

use super::released::Released;
use super::{CheckArgs, Gate};

const WHAT: &str = "permissions";

pub(super) fn widened(
    args: &CheckArgs,
    project: &Project,
    versions: &[Version],
    released: &Released,
    gate: &mut Gate,
) {
    let mut problems = Vec::new();
    let mut changes = 0;
    for pair in versions.windows(2).filter(|pair| !released.has(&pair[1])) {
        let (Some(before), Some(after)) = (model(&pair[0]), model(&pair[1])) else { continue };
        let manifest = &pair[1].manifest;
        let found = differences(&before, &after);
        changes += found.len();
        let wider = found.into_iter().filter(|it| it.reach != Reach::NotWider);
        problems.extend(wider.filter(|_| manifest.reason.is_none()).map(|it| {
            let said = it.line.trim_start_matches(['+', '-', '~', ' ']);
            let folder = project.settings.migrations.trim_end_matches('/');
            Problem {
                code: WHAT.to_owned(),
                name: None,
                rule: None,
                severity: Severity::Warning,
                message: format!("{}: {said}, and the version does not say why", manifest.id),
                file: Some(format!("{folder}/{}/model.yaml", manifest.id)),
                at: Some((1, 1)),
                why: None,
                instead: Some("`migrate plan --replace --reason TEXT`".to_owned()),
            }
        }));
    }
    if changes == 0 {
        return;
    }
    if problems.is_empty() {
        gate.pass(WHAT, "whatever lets somebody do more says why");
        return;
    }
    let lines: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
    let message = format!("{}\nhelp: `migrate plan --replace --reason TEXT`", lines.join("\n"));
    let fail_on = match args.fail_on {
        Some(given) => given.severity(),
        None => Some(project.settings.lint.fail_on.unwrap_or(Severity::Error)),
    };
    if fail_on.is_some_and(|at| Severity::Warning >= at) {
        gate.fail_for(WHAT, CliError::new(Exit::Findings, message), problems);
    } else {
        gate.problems.extend(problems);
        gate.pass(WHAT, message);
    }
}

fn model(version: &Version) -> Option<Model> {
    match &version.snapshot {
        Snapshot::Model(text) => parse(text).0,
        Snapshot::Sql(_) => None,
    }
}
