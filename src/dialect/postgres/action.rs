//! What a step does to the database, as one closed list: lock, work and undo follow from it.

use std::collections::BTreeSet;

use super::{lock, transaction, undo, work};
use crate::catalog::GeneratedStorage;
use crate::dialect::{Facts, KeptUse, Order, Phase, Resource, Sql, Step, Undo, Work};

/// One kind of step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    Rename,
    RenameIndex,
    CreateSchema,
    DropSchema,
    CreateEnum,
    DropEnum,
    AddEnumValue,
    RebuildEnum,
    CreateTable,
    MoveTable,
    DropTable,
    FillTable,
    SetLogged,
    AddColumn,
    /// A volatile default or a stored generated column: every row is written.
    AddColumnRewriting,
    DropColumn,
    /// The values are copied first.
    KeepAndDropColumn,
    ChangeType(TypeWork),
    SetDefault,
    SetNotNull,
    /// With a valid check that says the same: no row is read.
    SetNotNullByCheck,
    DropNotNull,
    DropExpression,
    AddIdentity,
    AlterIdentity,
    DropIdentity,
    UpdateRows,
    /// With the table's triggers off meanwhile.
    UpdateRowsQuietly,
    AlterSequence,
    AddCheck,
    /// New rows are looked at, those that are there are not.
    AddCheckNotValid,
    AddUnique,
    /// From an index that is there: the columns are required already.
    AddUniqueUsingIndex,
    AddExclusion,
    AddForeignKey,
    AddForeignKeyNotValid,
    DropConstraint,
    DropForeignKey,
    /// Of a foreign key: deferral.
    AlterConstraint,
    /// Of a foreign key: enforced again, so every row is looked at.
    EnforceConstraint,
    ValidateConstraint,
    /// Storage parameters of an index.
    AlterIndex,
    /// Of a generated column; a stored one is computed anew.
    SetExpression(GeneratedStorage),
    CreateIndex,
    /// Outside any transaction; writes go on.
    CreateIndexConcurrently,
    DropIndex,
    DropIndexConcurrently,
    /// A kept table without rows, for steps that fill it while they change others.
    PrepareToKeep,
    /// A kept table whose rows are back.
    DropKept,
    /// Statistics of columns, for the planner of queries.
    Analyze,
    Comment,
    CreateObject,
    DropObject,
    ReplaceObject,
    CreateView,
    CreateMaterializedView,
    CreateTrigger,
    DropTrigger,
    CreatePolicy,
    DropPolicy,
    /// GRANT and REVOKE, and comments that come with them.
    Grant,
    ChangeOwner,
    ChangeRowSecurity,
    AlterDomain,
    /// Attach a partition, inherit.
    JoinParent,
    LeaveParent,
    ChangeSettings,
}

/// What `ALTER COLUMN … TYPE` has to do. Source: measured on PostgreSQL 11 to 18.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TypeWork {
    /// The stored bytes and the indexes stay.
    Catalog,
    /// The rows stay, indexes on the column are built anew.
    Indexes,
    Rewrite,
}

/// A step whose facts follow from its action; what differs is said by the methods.
pub(super) fn step(action: Action, title: impl Into<String>, statements: Vec<String>) -> Step {
    Step {
        title: title.into(),
        statements: statements
            .iter()
            .map(|text| Sql::new(super::reparse::exact(text).into_owned()))
            .collect(),
        facts: Facts {
            lock: lock::of(action),
            work: work::of(action),
            transaction: transaction::of(action),
            over: None,
            undo: undo::of(action),
            reason: undo::reason(action).to_owned(),
        },
        reads_kept: None,
        order: Order::default(),
    }
}

impl Step {
    pub(super) fn needs(mut self, resources: impl IntoIterator<Item = Resource>) -> Self {
        self.order.needs.extend(resources);
        self
    }

    pub(super) fn makes(mut self, resources: impl IntoIterator<Item = Resource>) -> Self {
        self.order.makes.extend(resources);
        self
    }

    pub(super) fn frees(mut self, resources: impl IntoIterator<Item = Resource>) -> Self {
        self.order.frees.extend(resources);
        self
    }

    pub(super) fn takes(mut self, resources: impl IntoIterator<Item = Resource>) -> Self {
        self.order.takes.extend(resources);
        self
    }

    pub(super) fn lock(mut self, lock: crate::dialect::Lock) -> Self {
        self.facts.lock = lock;
        self
    }

    pub(super) fn work(mut self, work: Work) -> Self {
        self.facts.work = work;
        self
    }

    pub(super) fn undo(mut self, undo: Undo, reason: &str) -> Self {
        self.facts.undo = undo;
        self.facts.reason = reason.to_owned();
        self
    }

    /// In a transaction of its own.
    pub(super) fn own(mut self) -> Self {
        self.facts.transaction = crate::dialect::Transaction::Own;
        self
    }

    /// Not before the steps that may share a transaction.
    pub(super) fn apart(mut self) -> Self {
        self.order.phase = Phase::Apart;
        self
    }

    pub(super) fn reads(mut self, kept: KeptUse) -> Self {
        self.reads_kept = Some(kept);
        self
    }
}

/// All resources of a set, for the `Order` methods.
pub(super) fn all(sets: impl IntoIterator<Item = BTreeSet<Resource>>) -> BTreeSet<Resource> {
    sets.into_iter().flatten().collect()
}
