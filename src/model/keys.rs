//! Every key of the model file, once: the reader refuses what is not here, the JSON Schema is made from it, and the
//! reference page is tested against it.

/// A kind of map in the model file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Context {
    Model,
    ModelSqlite,
    NamedType,
    Entity,
    EntitySqlite,
    EntityPostgres,
    Field,
    FieldOverride,
    Length,
    Transition,
    Key,
    Unique,
    Index,
    IndexOverride,
    Rule,
    RawText,
    ForeignKey,
    SqlObject,
    SqlText,
    Change,
}

/// What may stand behind a key.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    Text,
    Number,
    Flag,
    /// Text, number or flag.
    Scalar,
    /// A portable SQL expression.
    Expression,
    /// SQL text of one engine.
    Sql,
    Word(&'static [&'static str]),
    /// A list of texts.
    List,
    /// Text, or a list of texts.
    OneOrMore,
    /// A map with free keys and such values.
    Named(&'static Shape),
    Object(Context),
    ListOf(&'static Shape),
    Either(&'static [Shape]),
    /// Texts by text.
    Pairs,
    /// Anything: carried as it is.
    Any,
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    pub name: &'static str,
    pub shape: Shape,
    pub doc: &'static str,
}

const fn key(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key { name, shape, doc }
}

pub const ALL: [Context; 20] = [
    Context::Model,
    Context::ModelSqlite,
    Context::NamedType,
    Context::Entity,
    Context::EntitySqlite,
    Context::EntityPostgres,
    Context::Field,
    Context::FieldOverride,
    Context::Length,
    Context::Transition,
    Context::Key,
    Context::Unique,
    Context::Index,
    Context::IndexOverride,
    Context::Rule,
    Context::RawText,
    Context::ForeignKey,
    Context::SqlObject,
    Context::SqlText,
    Context::Change,
];

impl Context {
    /// The keys, in canonical order.
    pub fn keys(self) -> &'static [Key] {
        match self {
            Context::Model => MODEL,
            Context::ModelSqlite => MODEL_SQLITE,
            Context::NamedType => NAMED_TYPE,
            Context::Entity => ENTITY,
            Context::EntitySqlite => ENTITY_SQLITE,
            Context::EntityPostgres => ENTITY_POSTGRES,
            Context::Field => FIELD,
            Context::FieldOverride => FIELD_OVERRIDE,
            Context::Length => LENGTH,
            Context::Transition => TRANSITION,
            Context::Key => KEY,
            Context::Unique => UNIQUE,
            Context::Index => INDEX,
            Context::IndexOverride => INDEX_OVERRIDE,
            Context::Rule => RULE,
            Context::RawText => RAW_TEXT,
            Context::ForeignKey => FOREIGN_KEY,
            Context::SqlObject => SQL_OBJECT,
            Context::SqlText => SQL_TEXT,
            Context::Change => CHANGE,
        }
    }

    /// How messages name it.
    pub fn name(self) -> &'static str {
        match self {
            Context::Model => "the model",
            Context::ModelSqlite => "the model's `sqlite`",
            Context::NamedType => "a type",
            Context::Entity => "an entity",
            Context::EntitySqlite => "an entity's `sqlite`",
            Context::EntityPostgres => "an entity's `postgres`",
            Context::Field => "a field",
            Context::FieldOverride => "a field's override",
            Context::Length => "`length`",
            Context::Transition => "a transition",
            Context::Key => "`key`",
            Context::Unique => "a unique",
            Context::Index => "an index",
            Context::IndexOverride => "an index override",
            Context::Rule => "a rule",
            Context::RawText => "a constraint",
            Context::ForeignKey => "a foreign key",
            Context::SqlObject => "an SQL object",
            Context::SqlText => "an SQL text",
            Context::Change => "a change",
        }
    }
}

pub const ACTIONS: &[&str] = &["no_action", "restrict", "cascade", "set_null", "set_default"];
pub const ENFORCE: &[&str] = &["database", "verify", "warn"];
pub const MACHINE_ENFORCE: &[&str] = &["database", "verify"];
pub const FORMATS: &[&str] = &["email", "url", "slug", "currency", "country", "phone"];
pub const SQL_KINDS: &[&str] = &crate::catalog::OpaqueKind::WORDS;

const OVERRIDE: Shape = Shape::Object(Context::FieldOverride);
const PART_LIST: Shape = Shape::List;

const MODEL: &[Key] = &[
    key("model", Shape::Number, "Format version of this file: 1."),
    key("name", Shape::Text, "Name of the model."),
    key("targets", Shape::List, "Engines the model must work on: `postgres >= 13`, `sqlite`."),
    key("sqlite", Shape::Object(Context::ModelSqlite), "What holds for all tables on SQLite."),
    key("roles", Shape::List, "Roles of those who act, for permissions and transitions."),
    key(
        "actor",
        Shape::Any,
        "What `actor` means in conditions: the entity, and its field of the role.",
    ),
    key("types", Shape::Named(&Shape::Object(Context::NamedType)), "Reusable value types."),
    key("entities", Shape::Named(&Shape::Object(Context::Entity)), "The things the model knows."),
    key(
        "sql",
        Shape::Named(&Shape::Object(Context::SqlObject)),
        "Views, functions, triggers and other objects as SQL text.",
    ),
    key(
        "changes",
        Shape::ListOf(&Shape::Object(Context::Change)),
        "What is taken away, or moves, on purpose; reviewed, ignored once done.",
    ),
];

const MODEL_SQLITE: &[Key] = &[key(
    "constraint_names",
    Shape::Flag,
    "`false`: constraints without `name` have none on SQLite.",
)];

const NAMED_TYPE: &[Key] = &[
    key("base", Shape::Text, "The portable type it stands on."),
    key("min", Shape::Scalar, "Smallest value, or shortest length of a text."),
    key("max", Shape::Scalar, "Largest value, or longest length of a text."),
    key("length", LENGTH_SHAPE, "Length of a text: exact, or `{ min, max }`."),
    key("match", Shape::Text, "Portable regular expression that a text must match."),
    key("format", Shape::Word(FORMATS), "Named pattern that a text must match."),
    key("pii", Shape::Text, "Kind of personal data; carried, not enforced yet."),
    key("postgres", OVERRIDE, "What PostgreSQL does differently."),
    key("sqlite", OVERRIDE, "What SQLite does differently."),
];

const LENGTH_SHAPE: Shape = Shape::Either(&[Shape::Number, Shape::Object(Context::Length)]);

const LENGTH: &[Key] =
    &[key("min", Shape::Number, "Shortest length."), key("max", Shape::Number, "Longest length.")];

const ENTITY: &[Key] = &[
    key(
        "was",
        Shape::OneOrMore,
        "Earlier name: the table is renamed, never dropped and made anew.",
    ),
    key("table", Shape::Text, "Table name; without it the entity's name in snake case."),
    key("comment", Shape::Text, "What it is, for people."),
    key("tenant", Shape::Text, "Ownership boundary; carried, not enforced yet."),
    key("key", KEY_SHAPE, "Fields of the primary key; without it `id`."),
    key("fields", Shape::Named(&FIELD_SHAPE), "Its properties and relationships."),
    key("unique", Shape::Named(&UNIQUE_SHAPE), "Fields that no two rows share."),
    key("indexes", Shape::Named(&INDEX_SHAPE), "Indexes."),
    key("foreign_keys", Shape::Named(&Shape::Object(Context::ForeignKey)), "Composite references."),
    key("rules", Shape::Named(&RULE_SHAPE), "Conditions that every row satisfies."),
    key(
        "checks",
        Shape::Named(&Shape::Object(Context::RawText)),
        "CHECK conditions as SQL text of one engine.",
    ),
    key(
        "constraints",
        Shape::Named(&Shape::Object(Context::RawText)),
        "Other constraints as SQL text: what follows `CONSTRAINT name`.",
    ),
    key(
        "permissions",
        Shape::Any,
        "Who may read, create, update, delete; compared and checked, not enforced.",
    ),
    key(
        "audit",
        Shape::OneOrMore,
        "`timestamps` adds created_at and updated_at, `actor` created_by and updated_by, `history` a table of all changes.",
    ),
    key("postgres", Shape::Object(Context::EntityPostgres), "What PostgreSQL does differently."),
    key("sqlite", Shape::Object(Context::EntitySqlite), "What SQLite does differently."),
];

const KEY_SHAPE: Shape = Shape::Either(&[Shape::List, Shape::Object(Context::Key)]);
const FIELD_SHAPE: Shape = Shape::Either(&[Shape::Text, Shape::Object(Context::Field)]);
const UNIQUE_SHAPE: Shape = Shape::Either(&[PART_LIST, Shape::Object(Context::Unique)]);
const INDEX_SHAPE: Shape = Shape::Either(&[PART_LIST, Shape::Object(Context::Index)]);
const RULE_SHAPE: Shape = Shape::Either(&[Shape::Expression, Shape::Object(Context::Rule)]);

const ENTITY_SQLITE: &[Key] = &[
    key("strict", Shape::Flag, "STRICT table."),
    key("without_rowid", Shape::Flag, "WITHOUT ROWID table."),
    key("autoincrement", Shape::Flag, "AUTOINCREMENT on the integer key."),
];

const ENTITY_POSTGRES: &[Key] = &[
    key("schema", Shape::Text, "Schema of the table; without it `public`."),
    key("unlogged", Shape::Flag, "UNLOGGED table."),
];

const FIELD: &[Key] = &[
    key("type", Shape::Text, "Portable type, or the name of one in `types`."),
    key(
        "enum",
        Shape::Either(&[Shape::List, Shape::Word(&["roles"])]),
        "Allowed values of a text.",
    ),
    key("states", Shape::List, "States of a life cycle."),
    key(
        "initial",
        Shape::Text,
        "State of a new row: the default, and with `transitions` the only one.",
    ),
    key(
        "transitions",
        Shape::Named(&Shape::Object(Context::Transition)),
        "Steps between states: no other change of state is possible.",
    ),
    key(
        "enforce",
        Shape::Word(MACHINE_ENFORCE),
        "Of transitions: by triggers (default), or told by `migrate verify` alone.",
    ),
    key("ref", Shape::Text, "Entity this refers to; the column is `<field>_id`."),
    key("on_delete", Shape::Word(ACTIONS), "What happens when the referred row is deleted."),
    key("on_update", Shape::Word(ACTIONS), "What happens when the referred key changes."),
    key("many", Shape::Text, "Entity of the many side; no column here."),
    key("inverse", Shape::Text, "Field of the other entity that refers back."),
    key("through", Shape::Text, "Join table of an n-n relationship."),
    key("optional", Shape::Flag, "The column may be NULL."),
    key("default", Shape::Scalar, "Value of new rows: a literal, `now()`, `today()` or `uuid()`."),
    key("min", Shape::Scalar, "Smallest value, or shortest length of a text."),
    key("max", Shape::Scalar, "Largest value, or longest length of a text."),
    key("length", LENGTH_SHAPE, "Length of a text: exact, or `{ min, max }`."),
    key("match", Shape::Text, "Portable regular expression that a text must match."),
    key("format", Shape::Word(FORMATS), "Named pattern that a text must match."),
    key("generated", Shape::Expression, "Expression that computes the column."),
    key("stored", Shape::Flag, "The generated value is stored (default true)."),
    key(
        "was",
        Shape::Either(&[Shape::OneOrMore, Shape::Pairs]),
        "Earlier name; or, for enum and states, old value: new value.",
    ),
    key("backfill", Shape::Expression, "Value for rows that exist already."),
    key("down", Shape::Expression, "Value the old column gets on rollback."),
    key(
        "using",
        Shape::Expression,
        "Where the type or a limit changes: the new value, over the old; `down` is its inverse.",
    ),
    key("from", Shape::Text, "Type the field had, where `using` reads it and it is not text."),
    key("column", Shape::Text, "Column name, where it is not the field's."),
    key(
        "name",
        Shape::Text,
        "Name of the reference's or value list's constraint; `none` for none.",
    ),
    key("comment", Shape::Text, "What it is, for people."),
    key("pii", Shape::Text, "Kind of personal data; carried, not enforced yet."),
    key("postgres", OVERRIDE, "What PostgreSQL does differently."),
    key("sqlite", OVERRIDE, "What SQLite does differently."),
];

const FIELD_OVERRIDE: &[Key] = &[
    key("type", Shape::Sql, "The engine's own type; the checks of the portable type are left out."),
    key("default", Shape::Sql, "SQL text of the default; `none` for no default."),
    key("not_null", Shape::Flag, "NOT NULL on this engine, whatever `optional` says."),
    key("collate", Shape::Text, "Collation."),
    key("identity", Shape::Word(&["always", "by_default"]), "Identity column (PostgreSQL)."),
    key("serial", Shape::Text, "Sequence owned by the column (PostgreSQL)."),
    key(
        "sequence",
        Shape::Pairs,
        "Options of that sequence: name, type, start, increment, min, max, cache, cycle.",
    ),
    key("generated", Shape::Sql, "SQL text of a generated column."),
    key("enum", Shape::List, "Values of the engine's own enum type named in `type` (PostgreSQL)."),
    key("scale", Shape::Number, "Decimal kept as whole units of 10^-scale (SQLite)."),
];

const TRANSITION: &[Key] = &[
    key("from", Shape::OneOrMore, "State or states it starts from."),
    key("to", Shape::Text, "State it leads to."),
    key("by", Shape::OneOrMore, "Roles that may take it."),
    key("when", Shape::Expression, "What the row must satisfy once it has been taken."),
];

const KEY: &[Key] = &[
    key("fields", Shape::List, "Fields of the key, in order."),
    key("name", Shape::Text, "Constraint name; `none` for none (SQLite)."),
    key("postgres", Shape::Sql, "The constraint as SQL text."),
    key("sqlite", Shape::Sql, "The constraint as SQL text."),
];

const UNIQUE: &[Key] = &[
    key("fields", PART_LIST, "Fields or expressions."),
    key("where", Shape::Expression, "Only rows for which this is true."),
    key(
        "name",
        Shape::Text,
        "Constraint name; without it `<table>_<key>`; `none` for none (SQLite).",
    ),
    key("postgres", Shape::Sql, "The constraint as SQL text."),
    key("sqlite", Shape::Sql, "The constraint as SQL text."),
];

const INDEX: &[Key] = &[
    key("fields", PART_LIST, "Fields or expressions, each with `desc` where wanted."),
    key("where", Shape::Expression, "Only rows for which this is true."),
    key("unique", Shape::Flag, "No two rows are equal in all fields."),
    key("name", Shape::Text, "Index name; without it `<table>_<key>`."),
    key("postgres", INDEX_OVERRIDE_SHAPE, "`skip`, or how PostgreSQL differs."),
    key("sqlite", INDEX_OVERRIDE_SHAPE, "`skip`, or how SQLite differs."),
];

const INDEX_OVERRIDE_SHAPE: Shape =
    Shape::Either(&[Shape::Word(&["skip"]), Shape::Object(Context::IndexOverride)]);

const INDEX_OVERRIDE: &[Key] = &[
    key("using", Shape::Text, "Index method (PostgreSQL)."),
    key("create", Shape::Sql, "The whole CREATE INDEX statement."),
];

const RULE: &[Key] = &[
    key("check", Shape::Expression, "The condition; a row breaks it where it is false."),
    key("where", Shape::Expression, "Only rows for which this is true."),
    key("enforce", Shape::Word(ENFORCE), "Where: a constraint, or `migrate verify` only."),
    key("message", Shape::Text, "What to tell people."),
    key(
        "name",
        Shape::Text,
        "Constraint name; without it `<table>_<key>`; `none` for none (SQLite).",
    ),
];

const RAW_TEXT: &[Key] = &[
    key(
        "name",
        Shape::Text,
        "Constraint name; without it the key itself; `none` for none (SQLite).",
    ),
    key("postgres", Shape::Sql, "SQL text on PostgreSQL."),
    key("sqlite", Shape::Sql, "SQL text on SQLite."),
];

const FOREIGN_KEY: &[Key] = &[
    key("fields", Shape::List, "Fields of this entity, in order."),
    key("ref", Shape::Text, "The entity they refer to."),
    key("to", Shape::List, "Its fields; without it its key."),
    key("on_delete", Shape::Word(ACTIONS), "What happens when the referred row is deleted."),
    key("on_update", Shape::Word(ACTIONS), "What happens when the referred key changes."),
    key(
        "name",
        Shape::Text,
        "Constraint name; without it `<table>_<key>`; `none` for none (SQLite).",
    ),
    key("postgres", Shape::Sql, "The constraint as SQL text."),
    key("sqlite", Shape::Sql, "The constraint as SQL text."),
];

const SQL_OBJECT: &[Key] = &[
    key("kind", Shape::Word(SQL_KINDS), "What it is."),
    key("after", Shape::OneOrMore, "Entities and SQL objects it stands on."),
    key("table", Shape::Text, "Entity, or view, of a trigger."),
    key("signature", Shape::Text, "Argument types of a function."),
    key("schema", Shape::Text, "Schema, where it is not the default."),
    key("name", Shape::Text, "Name in the database, where it is not the key."),
    key("any", SQL_SHAPE, "The CREATE statement, or a view's SELECT, for both engines."),
    key("postgres", SQL_SHAPE, "The same for PostgreSQL."),
    key("sqlite", SQL_SHAPE, "The same for SQLite."),
];

const SQL_SHAPE: Shape = Shape::Either(&[Shape::Sql, Shape::Object(Context::SqlText)]);

const SQL_TEXT: &[Key] = &[
    key("up", Shape::OneOrMore, "Statement or statements that make it."),
    key("down", Shape::Sql, "Statement that takes it away; without it DROP."),
];

const CHANGE: &[Key] = &[
    key("drop", Shape::Text, "`Entity` or `Entity.field` that is taken away."),
    key("move", Shape::Text, "`Entity.field` whose values go to a field of a related entity."),
    key("to", Shape::Text, "`Entity.field` that receives what moves."),
    key(
        "by",
        Shape::Text,
        "`Entity.field` that is the reference between the two, where there are several.",
    ),
    key("pick", Shape::Text, "Which of several rows says the value; without it they must agree."),
    key("down", Shape::Expression, "Value that the dropped field gets on rollback."),
    key(
        "type",
        Shape::Text,
        "Type the dropped field had, where a `backfill` reads it and it is not text.",
    ),
    key("reason", Shape::Text, "Why."),
    key(
        "keep",
        Shape::Word(&["none", "copy", "hide"]),
        "`none`: its data need not be kept; of a field, `copy`: it is copied, `hide`: it stays in its table, out of sight.",
    ),
];
