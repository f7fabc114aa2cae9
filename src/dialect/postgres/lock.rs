//! The strongest lock each action takes on a table that existed before. Source: measured on PostgreSQL 11 to 18 by
//! reading `pg_locks` inside the transaction; manual 13.3.1 "Table-Level Locks".

use super::action::Action;
use crate::dialect::Lock;

/// The lock of an action on an existing table.
pub fn of(action: Action) -> Lock {
    match action {
        Action::CreateSchema
        | Action::DropSchema
        | Action::CreateEnum
        | Action::DropEnum
        | Action::AddEnumValue
        | Action::CreateTable
        | Action::CreateObject
        | Action::DropObject
        | Action::ReplaceObject
        | Action::AlterSequence
        | Action::DropKept
        | Action::Grant => Lock::None,
        Action::PrepareToKeep | Action::CreateView | Action::CreateMaterializedView => {
            Lock::AccessShare
        }
        Action::FillTable | Action::UpdateRows => Lock::RowExclusive,
        Action::Comment
        | Action::RenameIndex
        | Action::ValidateConstraint
        | Action::AlterIndex
        | Action::CreateIndexConcurrently
        | Action::DropIndexConcurrently
        | Action::Analyze => Lock::ShareUpdateExclusive,
        Action::CreateIndex | Action::AlterDomain => Lock::Share,
        Action::AddForeignKey
        | Action::AddForeignKeyNotValid
        | Action::CreateTrigger
        | Action::UpdateRowsQuietly => Lock::ShareRowExclusive,
        Action::Rename
        | Action::RebuildEnum
        | Action::MoveTable
        | Action::DropTable
        | Action::SetLogged
        | Action::AddColumn
        | Action::AddColumnRewriting
        | Action::DropColumn
        | Action::KeepAndDropColumn
        | Action::ChangeType(_)
        | Action::SetDefault
        | Action::SetNotNull
        | Action::SetNotNullByCheck
        | Action::DropNotNull
        | Action::DropExpression
        | Action::AddIdentity
        | Action::AlterIdentity
        | Action::DropIdentity
        | Action::AddCheck
        | Action::AddCheckNotValid
        | Action::AddUnique
        | Action::AddUniqueUsingIndex
        | Action::AddExclusion
        | Action::DropConstraint
        | Action::DropForeignKey
        | Action::AlterConstraint
        | Action::EnforceConstraint
        | Action::SetExpression(_)
        | Action::DropIndex
        | Action::JoinParent
        | Action::LeaveParent
        | Action::ChangeSettings
        | Action::DropTrigger
        | Action::CreatePolicy
        | Action::DropPolicy
        | Action::ChangeOwner
        | Action::ChangeRowSecurity => Lock::AccessExclusive,
    }
}
