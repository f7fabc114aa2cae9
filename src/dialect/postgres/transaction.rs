//! In which transaction each action runs.

use super::action::Action;
use crate::dialect::Transaction;

/// The transaction of an action.
pub fn of(action: Action) -> Transaction {
    match action {
        // A value cannot be used in the transaction that adds it. Source: manual, ALTER TYPE.
        Action::AddEnumValue
        // Each with a lock that the others must not hold meanwhile.
        | Action::AddCheckNotValid
        | Action::AddForeignKeyNotValid
        | Action::AddUniqueUsingIndex
        | Action::SetNotNullByCheck
        | Action::Analyze => Transaction::Own,
        Action::CreateIndexConcurrently | Action::DropIndexConcurrently => Transaction::Outside,
        Action::Rename
        | Action::RenameIndex
        | Action::CreateSchema
        | Action::DropSchema
        | Action::CreateEnum
        | Action::DropEnum
        | Action::RebuildEnum
        | Action::CreateTable
        | Action::MoveTable
        | Action::DropTable
        | Action::FillTable
        | Action::SetLogged
        | Action::AddColumn
        | Action::AddColumnRewriting
        | Action::DropColumn
        | Action::KeepAndDropColumn
        | Action::ChangeType(_)
        | Action::SetDefault
        | Action::SetNotNull
        | Action::DropNotNull
        | Action::DropExpression
        | Action::AddIdentity
        | Action::AlterIdentity
        | Action::DropIdentity
        | Action::UpdateRows
        | Action::UpdateRowsQuietly
        | Action::AlterSequence
        | Action::AddCheck
        | Action::AddUnique
        | Action::AddExclusion
        | Action::AddForeignKey
        | Action::DropConstraint
        | Action::DropForeignKey
        | Action::AlterConstraint
        | Action::EnforceConstraint
        | Action::ValidateConstraint
        | Action::AlterIndex
        | Action::SetExpression(_)
        | Action::CreateIndex
        | Action::DropIndex
        | Action::PrepareToKeep
        | Action::DropKept
        | Action::Comment
        | Action::CreateObject
        | Action::DropObject
        | Action::ReplaceObject
        | Action::CreateView
        | Action::CreateMaterializedView
        | Action::CreateTrigger
        | Action::DropTrigger
        | Action::CreatePolicy
        | Action::DropPolicy
        | Action::Grant
        | Action::ChangeOwner
        | Action::ChangeRowSecurity
        | Action::AlterDomain
        | Action::JoinParent
        | Action::LeaveParent
        | Action::ChangeSettings => Transaction::Shared,
    }
}
