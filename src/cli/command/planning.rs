//! From a pair of schemas to a plan, with the questions that only the user can answer.

use crate::change::{Diff, Intent, Question, QuestionKind};
use crate::cli::args::Allow;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::world::{World, allows};
use crate::dialect::Undo;
use crate::plan::{Plan, plan_hiding};
use crate::report::question::questions;

use super::answers::add_answers;
use super::decisions::{Outcome, Pen, ask};
use super::pair::Pair;

/// Answers to questions, from the command line.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Answers {
    /// Say that a table or column was renamed: `old=new` or `table.old=table.new`
    #[arg(long = "rename", value_name = "OLD=NEW")]
    pub(crate) renames: Vec<String>,
    /// Say that a table or column is to be dropped (its data is kept)
    #[arg(long = "drop", value_name = "TABLE[.COLUMN]")]
    pub(crate) drops: Vec<String>,
    /// Say what becomes of a value that leaves a value set: `table.column:old=new`
    #[arg(long = "map", value_name = "COLUMN:OLD=NEW")]
    pub(crate) maps: Vec<String>,
    /// Go on without an answer to questions of this kind
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub(crate) allow: Vec<Allow>,
}

/// Makes the plan; open questions are asked on a terminal, else refused with the line that answers each (exit 7). `None`
/// where an answer was written into the model, which has to be read again.
pub(crate) fn make_plan(
    world: &World,
    pair: &Pair,
    answers: &Answers,
    pen: &Pen,
) -> Result<Option<Plan>, CliError> {
    let mut intent = pair.intent.clone();
    add_answers(&mut intent, pair, &answers.renames, &answers.drops, &answers.maps)?;
    let (mut difference, mut open) = compare(pair, &intent, answers)?;
    while let Some(question) = open.first() {
        if *pen == Pen::Closed || !world.can_ask() {
            break;
        }
        match ask(world, question, &mut intent, pair, pen)? {
            Outcome::Written => return Ok(None),
            Outcome::Known => (difference, open) = compare(pair, &intent, answers)?,
            Outcome::Open => break,
        }
    }
    if !open.is_empty() {
        return Err(refused(world, &open));
    }
    let made = plan_hiding(&difference, &pair.rules, pair.printed, &pair.online, &pair.hiding)?;
    refuse_loss(&made, answers)?;
    Ok(Some(made))
}

/// What differs, and the questions about it that are open.
fn compare(
    pair: &Pair,
    intent: &Intent,
    answers: &Answers,
) -> Result<(Diff, Vec<Question>), CliError> {
    let (difference, questions) = pair.diff(intent)?;
    let open: Vec<Question> = questions
        .into_iter()
        .filter(|question| !allows(&answers.allow, question.kind.allow()))
        .collect();
    // Whoever says that a column was not renamed says that it is dropped: one question for both.
    let asked: Vec<String> = open
        .iter()
        .filter(|question| question.kind == QuestionKind::Rename)
        .filter_map(|question| question.id.strip_prefix("rename:")?.split_once('='))
        .map(|(old, _)| format!("drop:{old}"))
        .collect();
    let open = open.into_iter().filter(|question| !asked.contains(&question.id)).collect();
    Ok((difference, open))
}

fn refused(world: &World, open: &[Question]) -> CliError {
    if world.global.json {
        world.print_json(&serde_json::json!({ "plan": null, "questions": open }));
    }
    let count = open.len();
    let noun = if count == 1 { "question is" } else { "questions are" };
    CliError::new(
        Exit::Refused,
        format!("{count} {noun} open, so nothing was planned\n{}", questions(open).trim_end()),
    )
}

fn refuse_loss(plan: &Plan, answers: &Answers) -> Result<(), CliError> {
    if allows(&answers.allow, "loss") {
        return Ok(());
    }
    let lossy: Vec<String> = plan
        .up
        .iter()
        .filter(|step| step.facts.undo == Undo::Lossy)
        .map(|step| format!("  {}: {}", step.title, step.facts.reason))
        .collect();
    if lossy.is_empty() {
        return Ok(());
    }
    Err(CliError::new(
        Exit::Refused,
        format!(
            "data would be lost for good, so nothing was planned\n{}\nhelp: pass `--allow loss` if that is meant",
            lossy.join("\n")
        ),
    ))
}
