//! Claimed facts against measured ones: `facts/*.tsv` hold what eight major versions of PostgreSQL did. Skipped
//! where the files are not beside the project.

use std::path::PathBuf;

use super::action::{Action, TypeWork};
use super::{lock, work};
use crate::catalog::GeneratedStorage;
use crate::dialect::{Lock, Work};

fn facts(name: &str) -> Option<String> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let places = [root.join("../shared/facts"), root.join("../../shared/facts")];
    let text = places.iter().find_map(|place| std::fs::read_to_string(place.join(name)).ok());
    if text.is_none() {
        println!("skipped: facts/{name} is not there");
    }
    text
}

/// Measured operation → the action that stands for it.
const OPERATIONS: [(&str, Action); 52] = [
    ("add_column_nullable", Action::AddColumn),
    ("add_column_default_const", Action::AddColumn),
    ("add_column_default_now(stable)", Action::AddColumn),
    ("add_column_default_random(volatile)", Action::AddColumnRewriting),
    ("add_column_default_gen_random_uuid", Action::AddColumnRewriting),
    ("add_column_generated_stored", Action::AddColumnRewriting),
    ("add_column_generated_virtual", Action::AddColumn),
    ("drop_column", Action::DropColumn),
    ("rename_column", Action::Rename),
    ("rename_table", Action::Rename),
    ("rename_constraint", Action::Rename),
    ("rename_index(ALTER INDEX)", Action::RenameIndex),
    ("set_schema", Action::MoveTable),
    ("set_default", Action::SetDefault),
    ("drop_default", Action::SetDefault),
    ("set_not_null", Action::SetNotNull),
    ("drop_not_null", Action::DropNotNull),
    ("add_identity_existing", Action::AddIdentity),
    ("set_generated_identity", Action::AlterIdentity),
    ("drop_identity", Action::DropIdentity),
    ("drop_expression", Action::DropExpression),
    ("add_check_valid", Action::AddCheck),
    ("drop_check", Action::DropConstraint),
    ("add_fk_valid", Action::AddForeignKey),
    ("drop_fk", Action::DropForeignKey),
    ("validate_check", Action::ValidateConstraint),
    ("validate_fk", Action::ValidateConstraint),
    ("alter_fk_enforced", Action::EnforceConstraint),
    ("alter_fk_deferrable", Action::AlterConstraint),
    ("alter_index_set_fillfactor", Action::AlterIndex),
    ("set_expression_stored", Action::SetExpression(GeneratedStorage::Stored)),
    ("set_expression_virtual", Action::SetExpression(GeneratedStorage::Virtual)),
    ("add_unique", Action::AddUnique),
    ("drop_unique", Action::DropConstraint),
    ("add_exclude", Action::AddExclusion),
    ("create_index", Action::CreateIndex),
    ("drop_index", Action::DropIndex),
    ("drop_table", Action::DropTable),
    ("set_unlogged", Action::SetLogged),
    ("comment_on_table", Action::Comment),
    ("comment_on_column", Action::Comment),
    ("create_view", Action::CreateView),
    ("create_matview", Action::CreateMaterializedView),
    ("create_trigger", Action::CreateTrigger),
    ("drop_trigger", Action::DropTrigger),
    ("add_check_not_valid", Action::AddCheckNotValid),
    ("add_fk_not_valid", Action::AddForeignKeyNotValid),
    ("add_unique_using_index", Action::AddUniqueUsingIndex),
    ("add_pk_using_index_notnull", Action::AddUniqueUsingIndex),
    ("set_not_null_after_valid_check", Action::SetNotNullByCheck),
    ("create_index_concurrently", Action::CreateIndexConcurrently),
    ("drop_index_concurrently", Action::DropIndexConcurrently),
];

/// The strongest measured lock; relations are written `name:MODE`.
fn strongest(locks: &str) -> Lock {
    let modes = locks.split(';').filter_map(|lock| lock.split_once(':'));
    modes
        .map(|(_, mode)| match mode {
            "AS" => Lock::AccessShare,
            "RS" => Lock::RowShare,
            "RE" => Lock::RowExclusive,
            "SUE" => Lock::ShareUpdateExclusive,
            "S" => Lock::Share,
            "SRE" => Lock::ShareRowExclusive,
            "E" => Lock::Exclusive,
            _ => Lock::AccessExclusive,
        })
        .max()
        .unwrap_or(Lock::None)
}

#[test]
fn observed_locks_and_work_are_within_the_claimed() {
    let Some(text) = facts("postgres-locks.tsv") else { return };
    let mut seen = 0;
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let (Some(name), Some(locks)) = (fields.first(), fields.get(4)) else { continue };
        // PostgreSQL 11 is older than what is supported.
        let versions = fields.get(1).copied().unwrap_or_default();
        let Some((_, action)) = OPERATIONS.iter().find(|(operation, _)| operation == name) else {
            continue;
        };
        if versions == "11" {
            continue;
        }
        seen += 1;
        // An index that goes concurrently is taken by nobody any more when it is locked, so the lock of its table counts.
        let locks = match action {
            Action::DropIndexConcurrently => locks.split(';').next().unwrap_or(locks),
            _ => locks,
        };
        assert!(strongest(locks) <= lock::of(*action), "{name}: {locks} above {action:?}");
        let rewrites = fields.get(5).is_some_and(|rewritten| rewritten.contains("r:t"));
        let scans = fields.get(6).is_some_and(|scanned| !scanned.is_empty());
        let claimed = work::of(*action);
        assert!(!rewrites || claimed == Work::Rewrite, "{name} rewrites");
        assert!(!scans || claimed >= Work::Scan, "{name} scans");
    }
    assert!(seen >= OPERATIONS.len(), "every operation is measured: {seen}");
}

/// A type as the measurements write it, as the catalog prints it.
fn printed(measured: &str) -> String {
    let (base, suffix) = match measured.strip_suffix("[]") {
        Some(base) => (base, "[]"),
        None => (measured, ""),
    };
    let (name, modifier) = match base.split_once('(') {
        Some((name, modifier)) => (name, format!("({modifier}")),
        None => (base, String::new()),
    };
    let name = match name {
        "int" => "integer",
        "varchar" => "character varying",
        "char" => "character",
        "varbit" => "bit varying",
        "timestamp" => return format!("timestamp{modifier} without time zone{suffix}"),
        "timestamptz" => return format!("timestamp{modifier} with time zone{suffix}"),
        "time" => return format!("time{modifier} without time zone{suffix}"),
        "timetz" => return format!("time{modifier} with time zone{suffix}"),
        "citext" => "public.citext",
        "mood" | "mood2" | "posint" | "freedom" | "txtdom" | "txtdomchk" => {
            return format!("public.{name}");
        }
        other => other,
    };
    format!("{name}{modifier}{suffix}")
}

#[test]
fn observed_type_changes_are_within_the_claimed() {
    let Some(text) = facts("postgres-type-changes.tsv") else { return };
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [before, after, _, _, measured, ..] = fields.as_slice() else { continue };
        // What depends on the time zone of the session is claimed at its worst; COLLATE is not part of a type.
        if after.contains("COLLATE") || after.contains("[UTC]") || measured.starts_with("ERR") {
            continue;
        }
        let after = after.split(" [").next().unwrap_or(after);
        let claimed = work::of_type_change(&printed(before), &printed(after));
        let observed = match *measured {
            "meta" => TypeWork::Catalog,
            "meta+IDX" => TypeWork::Indexes,
            _ => TypeWork::Rewrite,
        };
        assert!(observed <= claimed, "{before} to {after}: {measured}, claimed {claimed:?}");
        // Domains look alike whether they have a CHECK or not, so their worst is claimed.
        let is_domain = [*before, after].iter().any(|name| printed(name).starts_with("public."));
        assert!(observed == claimed || is_domain, "{before} to {after}: claimed {claimed:?}");
    }
}
