//! Questions of a plan, asked on a terminal; the answers go into the model, where they are reviewed with it.

use std::path::{Path, PathBuf};

use crate::catalog::Catalog;
use crate::change::{Intent, Question, QuestionKind};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::world::World;
use crate::model::edit::{Decision, decide, has_changes};
use crate::report::style::{GOOD, paint};
use crate::source::project::{Project, write_atomically};
use crate::text::diagnostic::Severity;

use super::answers::{add_answers, target_named};
use super::pair::Pair;

/// Where answers go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pen {
    /// Into the model: a file, or a folder of them.
    Model(PathBuf),
    /// Into this plan alone: there is no model to write to.
    Plan,
    /// Nothing is asked.
    Closed,
}

impl Pen {
    /// The pen for a project's next version.
    pub(crate) fn of(project: &Project) -> Pen {
        let path = project.model_path();
        let holds_yaml = path.extension().is_some_and(|it| it == "yaml" || it == "yml")
            || (path.is_dir() && !yaml_files(&path).is_empty());
        if holds_yaml { Pen::Model(path) } else { Pen::Plan }
    }
}

/// What came of a question.
pub(crate) enum Outcome {
    /// The model says it now: it has to be read again.
    Written,
    /// This plan knows it.
    Known,
    /// Nobody answered, or only the model can.
    Open,
}

/// What was said.
enum Said {
    Renamed,
    Dropped,
    Value(String),
    Backfill(String),
}

/// Asks one question.
///
/// # Errors
/// The model cannot be written.
pub(crate) fn ask(
    world: &World,
    question: &Question,
    intent: &mut Intent,
    pair: &Pair,
    pen: &Pen,
) -> Result<Outcome, CliError> {
    let Some(said) = listen(world, question, pen) else { return Ok(Outcome::Open) };
    let target = question.id.split_once(':').map(|(_, rest)| rest).unwrap_or_default();
    if let Pen::Model(path) = pen
        && let Some(decision) = decision(&said, target, pair)
    {
        if write(world, path, &decision)? {
            return Ok(Outcome::Written);
        }
        world
            .note("the answer cannot be put into the model as it is written; add the line by hand");
    }
    let (old, _) = target.split_once('=').unwrap_or((target, ""));
    match said {
        Said::Renamed => add_answers(intent, pair, &[target.to_owned()], &[], &[])?,
        Said::Dropped => add_answers(intent, pair, &[], &[old.to_owned()], &[])?,
        Said::Value(new) => add_answers(intent, pair, &[], &[], &[format!("{target}={new}")])?,
        Said::Backfill(_) => return Ok(Outcome::Open),
    }
    Ok(Outcome::Known)
}

fn listen(world: &World, question: &Question, pen: &Pen) -> Option<Said> {
    let ask = |words: &str| world.ask(&format!("{}{words}", question.message));
    match question.kind {
        QuestionKind::Rename => match ask(" [r]enamed, [d]ropped, [s]top:").as_deref() {
            Some("r") => Some(Said::Renamed),
            Some("d") => Some(Said::Dropped),
            _ => None,
        },
        QuestionKind::Drop => match ask("; its data is kept. drop it? [y/N]").as_deref() {
            Some("y" | "yes") => Some(Said::Dropped),
            _ => None,
        },
        QuestionKind::ValueMap => {
            ask(" new value, or nothing to stop:").filter(|it| !it.is_empty()).map(Said::Value)
        }
        QuestionKind::Value => match pen {
            Pen::Model(_) => ask(" an expression ('unknown', 0, upper(name)), or nothing to stop:")
                .filter(|it| !it.is_empty())
                .map(Said::Backfill),
            Pen::Plan | Pen::Closed => None,
        },
        QuestionKind::Loss => None,
    }
}

/// The answer in the words of the model. `None` for what the model does not name.
fn decision(said: &Said, target: &str, pair: &Pair) -> Option<Decision> {
    let name = |catalog: &Catalog, name: &str| {
        Some(pair.intent.name_of(&target_named(catalog, name, &pair.intent.renames)?))
    };
    let last = |name: String| name.rsplit('.').next().unwrap_or_default().to_owned();
    match said {
        Said::Renamed => {
            let (old, new) = target.split_once('=')?;
            let (old, at) = (name(&pair.before, old)?, name(&pair.after, new)?);
            Some(Decision::Was { at, old: last(old) })
        }
        Said::Dropped => {
            let old = target.split('=').next()?;
            Some(Decision::Drop { what: name(&pair.before, old)? })
        }
        Said::Value(new) => {
            let (at, old) = target.rsplit_once(':')?;
            let at = name(&pair.after, at)?;
            Some(Decision::Value { at, old: old.to_owned(), new: new.clone() })
        }
        Said::Backfill(expression) => {
            let at = name(&pair.after, target)?;
            Some(Decision::Backfill { at, expression: expression.clone() })
        }
    }
}

/// Puts a decision into the file that it belongs to; `false` where none takes it, or it would not be read then.
fn write(world: &World, path: &Path, decision: &Decision) -> Result<bool, CliError> {
    let mut files = Vec::new();
    for path in if path.is_dir() { yaml_files(path) } else { vec![path.to_owned()] } {
        let text = std::fs::read_to_string(&path).map_err(|error| {
            CliError::new(Exit::Failure, format!("cannot read `{}`: {error}", path.display()))
        })?;
        files.push((path, text));
    }
    // A list of changes that is there is the place for another one.
    let is_drop = matches!(decision, Decision::Drop { .. });
    let preferred = files.iter().position(|(_, text)| is_drop && has_changes(text));
    let order = preferred.into_iter().chain((0..files.len()).filter(|at| Some(*at) != preferred));
    for at in order {
        let Some(edited) = decide(&files[at].1, decision) else { continue };
        let before = std::mem::replace(&mut files[at].1, edited);
        let texts: Vec<(String, &str)> =
            files.iter().map(|(path, text)| (path.display().to_string(), text.as_str())).collect();
        let texts: Vec<(&str, &str)> =
            texts.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        let (model, found) = crate::model::parse_files(&texts);
        if model.is_none() || found.iter().any(|it| it.severity == Severity::Error) {
            files[at].1 = before;
            continue;
        }
        write_atomically(&files[at].0, &files[at].1)?;
        world.note(&format!("{} {}", paint(GOOD, "written into"), files[at].0.display()));
        return Ok(true);
    }
    Ok(false)
}

fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|it| it == "yaml" || it == "yml"))
        .collect();
    files.sort();
    files
}
