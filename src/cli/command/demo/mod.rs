//! `migrate demo`: a small company's database from start to proof, without a server.
//!
//! Every stage runs the command that it prints, through the same parser as the shell's words.

mod company;
mod proof;
mod story;

use std::path::{Path, PathBuf};

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::world::World;
use crate::report::style::{FAINT, GOOD, STRONG, count, duration, paint};

use proof::Mark;
use story::Story;

/// See it work: a small company's database, no server needed.
///
/// Makes a project with a SQLite database of 100,000 invoices, changes its model, finds the rows that stand in the way,
/// repairs them, applies, goes on working, rolls back, and proves that every value is back. The folder stays.
#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// Make it in this folder, which must be absent or empty (default: a new temporary folder)
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
    /// How many invoices there are
    #[arg(
        long,
        value_name = "N",
        default_value_t = 100_000,
        hide = true,
        value_parser = clap::value_parser!(u64).range(2_000..=10_000_000)
    )]
    invoices: u64,
}

pub(crate) fn run(args: &DemoArgs, world: &World) -> Result<Exit, CliError> {
    if world.global.json {
        return Err(CliError::usage("the demo is for reading; it has no JSON form"));
    }
    let folder = folder(args.into.as_deref(), world)?;
    let mut story = Story::new(world.apart(folder.clone()));
    story.say(&format!(
        "A billing system in use, changed and changed back, in {}\n",
        folder.display()
    ));
    let before = in_use(&mut story, args.invoices)?;
    new_model(&mut story)?;
    violations(&mut story)?;
    repair(&mut story)?;
    applied(&mut story)?;
    rolled_back(&mut story)?;
    proved(&mut story, &before)?;
    closing(&story, &folder);
    Ok(Exit::Done)
}

/// A folder of its own: the user's files are never written to.
fn folder(into: Option<&Path>, world: &World) -> Result<PathBuf, CliError> {
    let failed = |path: &Path, error: std::io::Error| {
        CliError::new(Exit::Failure, format!("`{}`: {error}", path.display()))
    };
    let Some(into) = into else {
        let parent = world.env.temporary_folder();
        return tempfile::Builder::new()
            .prefix("migrate-demo-")
            .tempdir_in(&parent)
            .map(tempfile::TempDir::keep)
            .map_err(|error| failed(&parent, error));
    };
    let path = world.folder.join(into);
    std::fs::create_dir_all(&path).map_err(|error| failed(&path, error))?;
    if std::fs::read_dir(&path).map_err(|error| failed(&path, error))?.next().is_some() {
        return Err(CliError::new(
            Exit::Failure,
            format!("`{}` is not empty\nhelp: give a new folder, or none", path.display()),
        ));
    }
    Ok(path)
}

fn in_use(story: &mut Story, invoices: u64) -> Result<Mark, CliError> {
    story
        .stage("A database in use", "model.yaml describes it; its first version makes the tables.");
    story.write("model.yaml", company::BEFORE)?;
    story.short(&["init", "--name", "billing"])?;
    story.short(&["plan", "initial"])?;
    story.command(&["apply"], Exit::Done)?;
    story.with_database(|database| company::fill(database, invoices))?;
    let mark = story.with_database(proof::mark)?;
    story.say(&format!("\nthe application writes, over the years:\n  {}\n", mark.counts()));
    story.end();
    Ok(mark)
}

fn new_model(story: &mut Story) -> Result<(), CliError> {
    story.stage(
        "The model changes",
        "Nothing is guessed: what becomes of old rows is written down.",
    );
    story.write("model.yaml", company::AFTER)?;
    story.say(&company::changed_lines());
    story.end();
    story.stage("The plan", "Both ways are worked out, sealed as SQL files, ready for review.");
    story.command(&["plan", "reshape"], Exit::Done)?;
    story.end();
    Ok(())
}

fn violations(story: &mut Story) -> Result<(), CliError> {
    story.stage("The gate", "The new rules are asked of every row before anything is touched.");
    story.command(&["check"], Exit::Violations)?;
    story.end();
    Ok(())
}

fn repair(story: &mut Story) -> Result<(), CliError> {
    story
        .stage("The repair", "A version written by hand, before the other, with its own way back.");
    story.command(&["new", "repair_rows", "--before", "0002"], Exit::Done)?;
    story.write("migrations/0002_repair_rows/sqlite.up.sql", company::REPAIR_UP)?;
    story.write("migrations/0002_repair_rows/sqlite.down.sql", company::REPAIR_DOWN)?;
    story.say(&paint(FAINT, company::REPAIR_UP));
    story.command(&["rehash"], Exit::Done)?;
    story.end();
    Ok(())
}

fn applied(story: &mut Story) -> Result<(), CliError> {
    story.stage("Apply", "Rehearsed first: up, down and up again on a copy, every value compared.");
    story.command(&["apply"], Exit::Done)?;
    story.end();
    story.stage("Work goes on", "Rows are written in the new shape.");
    story.command(&["status"], Exit::Done)?;
    story.with_database(company::write_new_rows)?;
    story.say(&format!("\nthe application writes:\n{}", paint(FAINT, company::NEW_ROWS)));
    story.end();
    Ok(())
}

fn rolled_back(story: &mut Story) -> Result<(), CliError> {
    story.stage("Rollback", "Old values return to their rows; rows written since stay.");
    story.command(&["rollback", "--steps", "2"], Exit::Done)?;
    story.command(&["status"], Exit::Done)?;
    story.end();
    Ok(())
}

fn proved(story: &mut Story, before: &Mark) -> Result<(), CliError> {
    story.stage("The proof", "One number for all rows of a table: before the repair, and now. Rows written since are apart.");
    let proof = story.with_database(|database| proof::compare(database, before))?;
    story.say(&proof.table);
    if let Some(problem) = proof.problem {
        return Err(CliError::new(
            Exit::Failure,
            format!("the proof does not hold: {problem}\nhelp: this is a bug; please report it"),
        ));
    }
    story.say(&format!(
        "{} {} are as they were, the bad ones too; {} written in between are there\n",
        paint(GOOD, "proved"),
        count(before.values(), "value"),
        count(proof.written, "row"),
    ));
    story.end();
    Ok(())
}

fn closing(story: &Story, folder: &Path) {
    story.say(&format!(
        "{} in {}. Look around:\n  cd {}\n  migrate log\n  migrate show 0003 --sql down\n  migrate apply\n",
        paint(STRONG, "Done"),
        duration(story.elapsed_ms()),
        folder.display()
    ));
}
