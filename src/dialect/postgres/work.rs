//! What each action's duration depends on, and what a change of type has to do. Source: measured on PostgreSQL 11
//! to 18 (`pg_relation_filenode`, `seq_scan`, DEBUG1 lines).

use super::action::{Action, TypeWork};
use super::types::{Family, PgType, parse};
use crate::catalog::GeneratedStorage;
use crate::dialect::Work;

/// The work of an action.
pub fn of(action: Action) -> Work {
    match action {
        Action::Rename
        | Action::RenameIndex
        | Action::CreateSchema
        | Action::DropSchema
        | Action::CreateEnum
        | Action::DropEnum
        | Action::AddEnumValue
        | Action::CreateTable
        | Action::MoveTable
        | Action::DropTable
        | Action::AddColumn
        | Action::DropColumn
        | Action::SetDefault
        | Action::DropNotNull
        | Action::SetNotNullByCheck
        | Action::AddCheckNotValid
        | Action::AddForeignKeyNotValid
        | Action::AddUniqueUsingIndex
        | Action::DropExpression
        | Action::AlterIdentity
        | Action::DropIdentity
        | Action::AlterSequence
        | Action::DropConstraint
        | Action::DropForeignKey
        | Action::AlterConstraint
        | Action::AlterIndex
        | Action::SetExpression(GeneratedStorage::Virtual)
        | Action::DropIndex
        | Action::DropIndexConcurrently
        | Action::PrepareToKeep
        | Action::DropKept
        | Action::Comment
        | Action::CreateObject
        | Action::DropObject
        | Action::ReplaceObject
        | Action::CreateView
        | Action::CreateTrigger
        | Action::DropTrigger
        | Action::CreatePolicy
        | Action::DropPolicy
        | Action::Grant
        | Action::ChangeOwner
        | Action::ChangeRowSecurity
        | Action::LeaveParent
        | Action::ChangeSettings
        | Action::ChangeType(TypeWork::Catalog) => Work::Catalog,
        Action::SetNotNull
        | Action::AddCheck
        | Action::AddForeignKey
        | Action::EnforceConstraint
        | Action::ValidateConstraint
        | Action::Analyze
        | Action::JoinParent
        | Action::AlterDomain => Work::Scan,
        Action::FillTable
        | Action::KeepAndDropColumn
        | Action::UpdateRows
        | Action::UpdateRowsQuietly
        | Action::AddIdentity
        | Action::AddUnique
        | Action::AddExclusion
        | Action::CreateIndex
        | Action::CreateIndexConcurrently
        | Action::CreateMaterializedView
        | Action::ChangeType(TypeWork::Indexes) => Work::Write,
        Action::SetLogged
        | Action::AddColumnRewriting
        | Action::RebuildEnum
        | Action::SetExpression(GeneratedStorage::Stored)
        | Action::ChangeType(TypeWork::Rewrite) => Work::Rewrite,
    }
}

/// What changing a column from one printed type to another has to do, at worst over session settings.
pub fn of_type_change(before: &str, after: &str) -> TypeWork {
    let (old, new) = (parse(before), parse(after));
    if old.array != new.array || old.array && before != after {
        return TypeWork::Rewrite;
    }
    if before == after {
        // Only the collation differs.
        return TypeWork::Indexes;
    }
    match (old.base.as_str(), new.base.as_str()) {
        ("integer", "oid") | ("oid", "integer") | ("text", "public.citext") => TypeWork::Indexes,
        ("cidr", "inet") | ("xml", "text") => TypeWork::Catalog,
        ("text" | "character varying", "text") => TypeWork::Catalog,
        ("text", "character varying") if new.modifier.is_empty() => TypeWork::Catalog,
        (old_base, new_base) if old_base == new_base && widens(&old, &new) => TypeWork::Catalog,
        (_, _) => TypeWork::Rewrite,
    }
}

/// Whether every stored value of `before` is one of `after` without being touched.
fn widens(before: &PgType, after: &PgType) -> bool {
    let numbers = |kind: &PgType| -> Vec<i64> {
        kind.modifier.split(',').filter_map(|part| part.trim().parse().ok()).collect()
    };
    let (old, new) = (numbers(before), numbers(after));
    match (before.family(), before.base.as_str()) {
        (_, "character" | "bit") => false,
        (Family::Number, "numeric") => match (old.as_slice(), new.as_slice()) {
            (_, []) => true,
            ([old_precision, old_rest @ ..], [new_precision, new_rest @ ..]) => {
                old_rest.first().unwrap_or(&0) == new_rest.first().unwrap_or(&0)
                    && new_precision >= old_precision
            }
            ([], _) => false,
        },
        (_, "character varying" | "bit varying") | (Family::Time, _) => {
            match (old.first(), new.first()) {
                (_, None) => true,
                (Some(old), Some(new)) => new >= old,
                (None, Some(_)) => false,
            }
        }
        (_, _) => false,
    }
}
