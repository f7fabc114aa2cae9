//! What earlier statements of a file, and earlier files of a run, tell about the schema.

use std::collections::{BTreeMap, BTreeSet};

use super::statement::{
    Act, Checked, Column, Constraint, ConstraintRule, Deed, Generated, IndexKey, Object,
};

/// What is known of the schema at a statement.
#[derive(Clone, Debug, Default)]
pub struct Known {
    tables: BTreeMap<String, BTreeMap<String, KnownColumn>>,
    /// Made earlier in this file: nobody uses them yet.
    new_tables: BTreeSet<String>,
    new_indexes: BTreeSet<String>,
    /// Indexes of which the statement was seen: their table and keys.
    indexes: BTreeMap<String, (String, Vec<IndexKey>)>,
    /// Domains and whether they have rules.
    domains: BTreeMap<String, Checked>,
    /// Constraints that rows were not checked against: table, name → what it says.
    unchecked: BTreeMap<(String, String), ConstraintRule>,
    /// Constraints that every row was checked against.
    checked: Vec<(String, ConstraintRule)>,
}

/// A column as an earlier statement left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownColumn {
    pub ty: String,
    pub auto_increment: bool,
    pub not_null: bool,
}

impl Known {
    /// Before the next file: what was made so far may be in use.
    pub fn next_file(&mut self) {
        self.new_tables.clear();
        self.new_indexes.clear();
    }

    /// Whether the table was made earlier in this file.
    pub fn is_new(&self, table: &str) -> bool {
        self.new_tables.contains(table)
    }

    pub fn is_new_index(&self, index: &str) -> bool {
        self.new_indexes.contains(index)
    }

    /// The table and the keys of an index, where its statement was seen.
    pub fn index(&self, index: &str) -> Option<(&str, &[IndexKey])> {
        let (table, keys) = self.indexes.get(index)?;
        Some((table, keys))
    }

    pub fn column(&self, table: &str, column: &str) -> Option<&KnownColumn> {
        self.tables.get(table)?.get(column)
    }

    /// Whether a column of the table numbers its rows by `AUTOINCREMENT`.
    pub fn auto_increments(&self, table: &str) -> bool {
        self.tables.get(table).is_some_and(|columns| columns.values().any(|c| c.auto_increment))
    }

    pub fn domain(&self, name: &str) -> Option<Checked> {
        self.domains.get(name).copied()
    }

    /// Whether the column is NOT NULL already, or rows were checked against a rule by which it holds no NULL.
    /// Source: PostgreSQL manual, ALTER TABLE, "SET/DROP NOT NULL": the scan is skipped where a valid CHECK proves it.
    pub fn proves_not_null(&self, table: &str, column: &str) -> bool {
        self.column(table, column).is_some_and(|column| column.not_null)
            || self.checked.iter().any(|(of, rule)| of == table && says_not_null(rule, column))
    }

    /// Takes in what a statement does.
    pub fn learn(&mut self, deed: &Deed) {
        match deed {
            Deed::CreateTable(table) => {
                let columns = table.columns.iter().map(|c| (c.name.clone(), known(c))).collect();
                self.tables.insert(table.name.key.clone(), columns);
                self.new_tables.insert(table.name.key.clone());
            }
            Deed::CreateView { name } => {
                self.new_tables.insert(name.key.clone());
            }
            Deed::CreateDomain { name, checked } => {
                self.domains.insert(name.key.clone(), *checked);
            }
            Deed::CreateIndex { table, name: Some(name), keys, .. } => {
                if self.is_new(&table.key) {
                    self.new_indexes.insert(name.key.clone());
                }
                self.indexes.insert(name.key.clone(), (table.key.clone(), keys.clone()));
            }
            Deed::Drop { what: Object::Table, names } => {
                for name in names {
                    self.tables.remove(&name.key);
                    self.new_tables.remove(&name.key);
                }
            }
            Deed::AlterTable { table, actions } => {
                for action in actions {
                    self.learn_action(&table.key, &action.act);
                }
            }
            _ => {}
        }
    }

    fn set_null(&mut self, table: &str, column: &str, nulls: Nulls) {
        let column = self.tables.get_mut(table).and_then(|columns| columns.get_mut(column));
        if let Some(column) = column {
            column.not_null = nulls == Nulls::Refused;
        }
    }

    fn learn_action(&mut self, table: &str, act: &Act) {
        match act {
            Act::AddColumn(column) => {
                let columns = self.tables.entry(table.to_owned()).or_default();
                columns.insert(column.name.clone(), known(column));
            }
            Act::DropColumn(column) => {
                if let Some(columns) = self.tables.get_mut(table) {
                    columns.remove(column);
                }
            }
            Act::RenameColumn { before, after } => {
                if let Some(columns) = self.tables.get_mut(table)
                    && let Some(column) = columns.remove(before)
                {
                    columns.insert(after.clone(), column);
                }
            }
            Act::RenameTable(after) => {
                let after = match table.rsplit_once('.') {
                    Some((schema, _)) => format!("{schema}.{after}"),
                    None => after.clone(),
                };
                if let Some(columns) = self.tables.remove(table) {
                    self.tables.insert(after.clone(), columns);
                }
                if self.new_tables.remove(table) {
                    self.new_tables.insert(after);
                }
            }
            Act::SetType { column, ty, .. } => {
                let column = self.tables.entry(table.to_owned()).or_default().entry(column.clone());
                column
                    .or_insert_with(|| KnownColumn {
                        ty: String::new(),
                        auto_increment: false,
                        not_null: false,
                    })
                    .ty = ty.clone();
            }
            Act::SetNotNull(column) => self.set_null(table, column, Nulls::Refused),
            Act::DropNotNull(column) => {
                self.set_null(table, column, Nulls::Allowed);
                self.checked.retain(|(of, rule)| {
                    of != table || *rule != ConstraintRule::NotNull(column.clone())
                });
            }
            Act::AddConstraint(Constraint { name, rule, skips_rows, .. }) => {
                match (skips_rows, name) {
                    (true, Some(name)) => {
                        self.unchecked.insert((table.to_owned(), name.clone()), rule.clone());
                    }
                    (true, None) => {}
                    (false, _) => self.checked.push((table.to_owned(), rule.clone())),
                }
            }
            Act::Validate(name) => {
                if let Some(rule) = self.unchecked.remove(&(table.to_owned(), name.clone())) {
                    self.checked.push((table.to_owned(), rule));
                }
            }
            _ => {}
        }
    }
}

/// Whether a column takes NULL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nulls {
    Allowed,
    Refused,
}

fn known(column: &Column) -> KnownColumn {
    let ty = match column.ty.as_str() {
        "serial" => "int",
        "bigserial" => "bigint",
        "smallserial" => "smallint",
        other => other,
    };
    KnownColumn {
        ty: ty.to_owned(),
        auto_increment: column.auto_increment,
        not_null: column.not_null,
    }
}

/// `c IS NOT NULL`, alone or joined by AND with others.
fn says_not_null(rule: &ConstraintRule, column: &str) -> bool {
    match rule {
        ConstraintRule::NotNull(of) => of == column,
        ConstraintRule::Check(words) => {
            let bare = words.replace(['"', '(', ')'], " ");
            let has_or = bare.split_whitespace().any(|word| word == "or");
            !has_or
                && bare.split(" and ").any(|part| {
                    let part: Vec<&str> = part.split_whitespace().collect();
                    part == [column, "is", "not", "null"]
                })
        }
        ConstraintRule::References(_)
        | ConstraintRule::Unique
        | ConstraintRule::PrimaryKey
        | ConstraintRule::UsingIndex
        | ConstraintRule::PrimaryKeyUsingIndex(_)
        | ConstraintRule::Exclude => false,
    }
}

/// Whether a default is computed anew for each row, as far as its functions are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Volatility {
    Constant,
    Volatile,
    /// A function that is not the server's own.
    Unknown,
}

/// Source: PostgreSQL's `pg_proc.provolatile`.
pub fn volatility(default: &str) -> Volatility {
    const VOLATILE: [&str; 13] = [
        "random",
        "gen_random_uuid",
        "uuid_generate_v1",
        "uuid_generate_v1mc",
        "uuid_generate_v4",
        "clock_timestamp",
        "timeofday",
        "nextval",
        "uuidv4",
        "uuidv7",
        "gen_random_bytes",
        "random_normal",
        "gen_salt",
    ];
    const STABLE: [&str; 34] = [
        "now",
        "transaction_timestamp",
        "statement_timestamp",
        "current_setting",
        "coalesce",
        "nullif",
        "lower",
        "upper",
        "date_trunc",
        "to_char",
        "to_date",
        "to_timestamp",
        "concat",
        "md5",
        "jsonb_build_object",
        "json_build_object",
        "jsonb_build_array",
        "to_jsonb",
        "array",
        "timezone",
        "make_interval",
        "make_date",
        "abs",
        "round",
        "greatest",
        "least",
        "length",
        "trim",
        "btrim",
        "replace",
        "decode",
        "encode",
        "row",
        "current_schema",
    ];
    const TYPES: [&str; 8] =
        ["varchar", "numeric", "char", "character", "timestamp", "time", "interval", "bit"];
    let words: Vec<&str> = default.split(' ').collect();
    let mut worst = Volatility::Constant;
    for two in words.windows(2).filter(|two| two[1] == "(") {
        let name = two[0];
        if VOLATILE.contains(&name) {
            return Volatility::Volatile;
        }
        let is_name = name.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '"');
        if is_name && !STABLE.contains(&name) && !TYPES.contains(&name) {
            worst = Volatility::Unknown;
        }
    }
    worst
}

/// Whether adding the column writes every row: `GENERATED … STORED`.
pub fn is_stored(generated: Generated, major: u32) -> bool {
    match generated {
        Generated::Stored => true,
        Generated::Unsaid => major < 18,
        Generated::No | Generated::Virtual => false,
    }
}
