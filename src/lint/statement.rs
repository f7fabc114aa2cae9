//! What a statement of a migration does, as far as rules ask: read from its tokens by `read`.

use crate::text::diagnostic::Span;

/// One statement of a file and what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// From its first token to its last; comments before it are not in it.
    pub span: Span,
    pub deed: Deed,
}

/// The name of an object; folded as the engine folds it, without the default schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    pub key: String,
    pub span: Span,
    /// Whether a schema was written.
    pub qualified: bool,
}

/// What a statement does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    CreateTable(NewTable),
    AlterTable {
        table: Name,
        actions: Vec<Action>,
    },
    CreateIndex {
        table: Name,
        name: Option<Name>,
        online: Online,
        keys: Vec<IndexKey>,
        is_unique: bool,
    },
    DropIndex {
        names: Vec<Name>,
        online: Online,
    },
    Reindex {
        online: Online,
    },
    Drop {
        what: Object,
        names: Vec<Name>,
    },
    Truncate {
        tables: Vec<Name>,
    },
    /// `UPDATE` or `DELETE`.
    Change {
        verb: Verb,
        table: Name,
        filter: Filter,
    },
    AddEnumValue {
        value: String,
        quoted: Span,
    },
    RenameEnumValue,
    RenameSchema {
        name: Name,
    },
    /// `ALTER EXTENSION … UPDATE`, and the version where it is named.
    UpdateExtension {
        name: Name,
        version: Option<String>,
    },
    /// `CREATE DOMAIN`; whether it has a rule of its own.
    CreateDomain {
        name: Name,
        checked: Checked,
    },
    AlterDomain {
        name: Name,
        scans: Scans,
    },
    Refresh {
        view: Name,
        online: Online,
    },
    CreateView {
        name: Name,
    },
    /// Writes every row of a table anew: `VACUUM FULL`, `CLUSTER`.
    RewriteTable {
        command: &'static str,
        table: Option<Name>,
    },
    Trigger {
        table: Name,
    },
    Set {
        name: String,
        value: String,
    },
    /// SQLite.
    Pragma {
        name: String,
        value: Option<String>,
    },
    Begin,
    Commit,
    Rollback,
    Grant {
        to_public: bool,
    },
    /// `DO`, `CALL`: what it does is in a language that is not read.
    Opaque {
        command: &'static str,
    },
    /// Known, and of no concern to any rule.
    Other,
    /// Not understood; the place where reading stopped.
    Unread {
        at: Span,
        expected: String,
    },
}

/// What an index is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexKey {
    Column(String),
    Expression,
}

/// Whether writes go on meanwhile (`CONCURRENTLY`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Online {
    Concurrently,
    Blocking,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Update,
    Delete,
}

/// Whether `WHERE` stands at the statement's own level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    Where,
    AllRows,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    Yes,
    No,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scans {
    Yes,
    No,
}

/// What `DROP` takes away, as far as rules tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    Table,
    Schema,
    Database,
    Sequence,
    Policy,
    View,
    Other,
}

/// `CREATE TABLE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTable {
    pub name: Name,
    pub columns: Vec<Column>,
    pub constraints: Vec<Constraint>,
    pub partition_of: Option<Name>,
    pub strict: bool,
}

/// A column as it is written in `CREATE TABLE` or `ADD COLUMN`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub span: Span,
    /// One spelling for each type: see `types`.
    pub ty: String,
    pub ty_span: Span,
    /// The words of the default and their place.
    pub default: Option<(String, Span)>,
    pub not_null: bool,
    pub generated: Generated,
    pub identity: bool,
    pub auto_increment: bool,
    pub constraints: Vec<Constraint>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generated {
    No,
    Stored,
    Virtual,
    /// Neither word stands there: stored before PostgreSQL 18, virtual since.
    Unsaid,
}

/// A constraint of a column or table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constraint {
    pub name: Option<String>,
    pub rule: ConstraintRule,
    /// `NOT VALID` or `NOT ENFORCED`: rows that are there are not looked at.
    pub skips_rows: bool,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConstraintRule {
    /// The expression in one layout.
    Check(String),
    NotNull(String),
    References(Name),
    Unique,
    PrimaryKey,
    /// `UNIQUE` that takes an index over.
    UsingIndex,
    /// `PRIMARY KEY` that takes the index over.
    PrimaryKeyUsingIndex(String),
    Exclude,
}

/// One action of `ALTER TABLE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    pub span: Span,
    pub act: Act,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    AddColumn(Column),
    DropColumn(String),
    RenameColumn {
        before: String,
        after: String,
    },
    RenameTable(String),
    RenameConstraint,
    SetSchema,
    SetType {
        column: String,
        ty: String,
        converts: bool,
    },
    SetNotNull(String),
    DropNotNull(String),
    /// `SET DEFAULT` or `DROP DEFAULT` of a column.
    SetDefault(String),
    AddConstraint(Constraint),
    Validate(String),
    DropConstraint,
    Attach(Name),
    Detach {
        online: Online,
    },
    /// `SET LOGGED`, `SET UNLOGGED`, `SET ACCESS METHOD`.
    Rewrite(&'static str),
    RowSecurityOff,
    ReplicaIdentity,
    /// `ALTER COLUMN` in a form that SQLite does not know.
    OtherColumn,
    /// Storage parameters, statistics targets and the like: a weak lock.
    Setting,
    Other,
}
