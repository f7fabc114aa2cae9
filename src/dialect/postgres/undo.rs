//! What the way back restores after each action, and why.

use super::action::Action;
use crate::dialect::Undo;

/// The reversibility of an action; steps that lose or keep values say so themselves.
pub fn of(action: Action) -> Undo {
    match action {
        Action::MoveTable | Action::KeepAndDropColumn => Undo::Kept,
        Action::DropTable | Action::DropColumn => Undo::Lossy,
        Action::Rename
        | Action::RenameIndex
        | Action::CreateSchema
        | Action::DropSchema
        | Action::CreateEnum
        | Action::DropEnum
        | Action::AddEnumValue
        | Action::RebuildEnum
        | Action::CreateTable
        | Action::FillTable
        | Action::SetLogged
        | Action::AddColumn
        | Action::AddColumnRewriting
        | Action::ChangeType(_)
        | Action::SetDefault
        | Action::SetNotNull
        | Action::SetNotNullByCheck
        | Action::DropNotNull
        | Action::DropExpression
        | Action::AddIdentity
        | Action::AlterIdentity
        | Action::DropIdentity
        | Action::UpdateRows
        | Action::UpdateRowsQuietly
        | Action::AlterSequence
        | Action::AddCheck
        | Action::AddCheckNotValid
        | Action::AddUnique
        | Action::AddUniqueUsingIndex
        | Action::AddExclusion
        | Action::AddForeignKey
        | Action::AddForeignKeyNotValid
        | Action::DropConstraint
        | Action::DropForeignKey
        | Action::AlterConstraint
        | Action::EnforceConstraint
        | Action::ValidateConstraint
        | Action::AlterIndex
        | Action::SetExpression(_)
        | Action::CreateIndex
        | Action::CreateIndexConcurrently
        | Action::DropIndex
        | Action::DropIndexConcurrently
        | Action::PrepareToKeep
        | Action::DropKept
        | Action::Analyze
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
        | Action::JoinParent
        | Action::LeaveParent
        | Action::ChangeSettings
        | Action::AlterDomain => Undo::Exact,
    }
}

/// Why the undo class of an action is what it is.
pub fn reason(action: Action) -> &'static str {
    match action {
        Action::MoveTable => "the table is moved aside whole",
        Action::KeepAndDropColumn => "the values are copied with their row keys",
        Action::DropTable | Action::DropColumn => "the values are thrown away, as asked",
        Action::ChangeType(_) | Action::RebuildEnum => "the way back converts every value",
        Action::FillTable | Action::UpdateRows | Action::UpdateRowsQuietly => {
            "the values belong to objects of this change"
        }
        Action::CreateTable | Action::AddColumn | Action::AddColumnRewriting => {
            "the way back sets its rows aside"
        }
        Action::Rename
        | Action::RenameIndex
        | Action::CreateSchema
        | Action::DropSchema
        | Action::CreateEnum
        | Action::DropEnum
        | Action::AddEnumValue
        | Action::SetLogged
        | Action::SetDefault
        | Action::SetNotNull
        | Action::SetNotNullByCheck
        | Action::DropNotNull
        | Action::DropExpression
        | Action::AddIdentity
        | Action::AlterIdentity
        | Action::DropIdentity
        | Action::AlterSequence
        | Action::AddCheck
        | Action::AddCheckNotValid
        | Action::AddUnique
        | Action::AddUniqueUsingIndex
        | Action::AddExclusion
        | Action::AddForeignKey
        | Action::AddForeignKeyNotValid
        | Action::DropConstraint
        | Action::DropForeignKey
        | Action::AlterConstraint
        | Action::EnforceConstraint
        | Action::ValidateConstraint
        | Action::AlterIndex
        | Action::SetExpression(_)
        | Action::CreateIndex
        | Action::CreateIndexConcurrently
        | Action::DropIndex
        | Action::DropIndexConcurrently
        | Action::PrepareToKeep
        | Action::DropKept
        | Action::Analyze
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
        | Action::JoinParent
        | Action::LeaveParent
        | Action::ChangeSettings
        | Action::AlterDomain => "no row values are involved",
    }
}
