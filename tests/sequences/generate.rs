//! Random sequences of versions, with rows and with writes between them. Everything is a list of raw choices that mean something
//! wherever they stand: a sequence that fails is made smaller by leaving some of them out.

use migrate::change::{ColumnIntent, Intent, KeepAs, Rename, Target};
use migrate::text::{Dialect, Ident, QName};

use crate::random::Random;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Word,
    /// Words of at most four letters.
    Cut,
    /// Texts that are numbers.
    Digits,
    Long,
    Short,
    Fine,
    Coarse,
    Three,
    Two,
}

impl Kind {
    fn sql(self, column: &str) -> String {
        let word = |values: &str| format!("text CHECK ({column} IN ({values}))");
        match self {
            Kind::Word | Kind::Digits => "text".to_owned(),
            Kind::Cut => "varchar(4)".to_owned(),
            Kind::Long => "bigint".to_owned(),
            Kind::Short => "integer".to_owned(),
            Kind::Fine => "numeric(10,4)".to_owned(),
            Kind::Coarse => "numeric(10,2)".to_owned(),
            Kind::Three => word("'a', 'b', 'c'"),
            Kind::Two => word("'a', 'b'"),
        }
    }

    /// A value, and what is said of it for the default and for rows that exist.
    pub fn value(self, n: usize) -> String {
        let pick = |list: &[&str]| list[n % list.len()].to_owned();
        match self {
            Kind::Word => pick(&["'one'", "' two words '", "''", "'ümläut'", "'a''b'", "'seven'"]),
            Kind::Cut => pick(&["'four'", "''", "' x'", "'y'"]),
            Kind::Digits => pick(&["'007'", "'42'", "'-5'", "'0'", "'12'", "'0012'"]),
            Kind::Long => pick(&["1", "-7", "5000000000", "2147483647", "0", "9000000001"]),
            Kind::Short => pick(&["1", "-7", "2147483647", "0", "33"]),
            Kind::Fine => pick(&["1.2345", "0.5", "-3.1000", "7", "2.0050"]),
            Kind::Coarse => pick(&["1.25", "0.5", "-3.10", "7"]),
            Kind::Three => pick(&["'a'", "'b'", "'c'"]),
            Kind::Two => pick(&["'a'", "'b'"]),
        }
    }

    /// Another kind, and what the version says of the values.
    fn becomes(self, n: usize, column: &str, said: &mut ColumnIntent) -> Kind {
        let row = format!("\"t\".{column}");
        match (self, n % 2) {
            (Kind::Word, _) => {
                said.using = Some(format!("substr({row}, 1, 4)"));
                Kind::Cut
            }
            (Kind::Cut, _) => Kind::Word,
            (Kind::Digits, _) => Kind::Long,
            (Kind::Long, 0) => {
                said.using =
                    Some(format!("CASE WHEN {row} > 2147483647 THEN 2147483647 ELSE {row} END"));
                Kind::Short
            }
            (Kind::Long, _) | (Kind::Short, 0) => Kind::Digits,
            (Kind::Short, _) => Kind::Long,
            (Kind::Fine, _) => Kind::Coarse,
            (Kind::Coarse, _) => Kind::Fine,
            (Kind::Three, _) => {
                said.values = vec![("c".to_owned(), "a".to_owned())];
                Kind::Two
            }
            (Kind::Two, _) => Kind::Three,
        }
    }
}

const KINDS: [Kind; 9] = [
    Kind::Word,
    Kind::Cut,
    Kind::Digits,
    Kind::Long,
    Kind::Short,
    Kind::Fine,
    Kind::Coarse,
    Kind::Three,
    Kind::Two,
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub id: usize,
    pub name: String,
    pub kind: Kind,
    pub required: bool,
    /// As SQL.
    pub default: Option<String>,
}

/// A table with a key `id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub id: usize,
    pub name: String,
    pub columns: Vec<Column>,
}

pub type Schema = Vec<Table>;

pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

pub fn ddl(schema: &Schema) -> String {
    let column = |column: &Column| {
        let name = quoted(&column.name);
        let required = if column.required { " NOT NULL" } else { "" };
        let default = column.default.as_ref().map(|value| format!(" DEFAULT {value}"));
        format!(", {name} {}{required}{}", column.kind.sql(&name), default.unwrap_or_default())
    };
    let table = |table: &Table| {
        let columns: String = table.columns.iter().map(column).collect();
        format!("CREATE TABLE {} (id integer PRIMARY KEY{columns});\n", quoted(&table.name))
    };
    schema.iter().map(table).collect()
}

/// A change of the schema.
#[derive(Clone, Debug)]
pub struct Op {
    what: usize,
    table: usize,
    column: usize,
    n: usize,
}

/// A write, in whatever shape the tables have by then.
#[derive(Clone, Debug)]
pub struct Write {
    what: usize,
    table: usize,
    row: usize,
    column: usize,
    n: usize,
}

#[derive(Clone, Debug)]
pub struct Version {
    pub ops: Vec<Op>,
    /// Once it is applied.
    pub writes: Vec<Write>,
    /// Once it is taken back.
    pub late: Vec<Write>,
}

#[derive(Clone, Debug)]
pub struct Sequence {
    pub tables: Vec<Op>,
    pub rows: Vec<Write>,
    pub versions: Vec<Version>,
}

fn op(random: &mut Random) -> Op {
    Op {
        what: random.below(100),
        table: random.below(100),
        column: random.below(100),
        n: random.below(1000),
    }
}

fn write(random: &mut Random) -> Write {
    Write {
        what: random.below(100),
        table: random.below(100),
        row: random.below(40),
        column: random.below(100),
        n: random.below(1000),
    }
}

fn some<T>(random: &mut Random, most: usize, make: fn(&mut Random) -> T) -> Vec<T> {
    let count = random.below(most + 1);
    (0..count).map(|_| make(random)).collect()
}

pub fn sequence(seed: u64) -> Sequence {
    let random = &mut Random::new(seed);
    let mut tables = some(random, 2, op);
    tables.push(op(random));
    let rows = some(random, 14, write);
    let count = random.below(3) + 1;
    let versions = (0..count).map(|_| {
        let mut ops = some(random, 3, op);
        ops.push(op(random));
        Version { ops, writes: some(random, 8, write), late: some(random, 2, write) }
    });
    let versions = versions.collect();
    Sequence { tables, rows, versions }
}

fn is_gone(column: &Column, after: &Table) -> bool {
    !after.columns.iter().any(|it| it.id == column.id)
}

/// Whether a column that goes is to be hidden: a third of all.
pub fn hides(column: &Column) -> bool {
    column.id.is_multiple_of(3)
}

/// The rows that a write may delete: the number of the table, and the key.
pub fn deleted(write: &Write, schema: &Schema) -> Option<(usize, String)> {
    if write.what < 80 || schema.is_empty() {
        return None;
    }
    Some((schema[write.table % schema.len()].id, write.row.to_string()))
}

/// Numbers of tables and columns, so that each is told from all others under whatever name.
#[derive(Default)]
pub struct Maker {
    next: usize,
}

const WORDS: [&str; 6] = ["order", "Größe", "a \"b\" c", "plain", "k", "t"];

impl Maker {
    fn id(&mut self) -> usize {
        self.next += 1;
        self.next
    }

    fn column(&mut self, n: usize) -> Column {
        let id = self.id();
        let kind = KINDS[n % KINDS.len()];
        let default = n.is_multiple_of(3).then(|| kind.value(n / 3));
        let required = default.is_some() && n.is_multiple_of(2);
        Column { id, name: format!("{}{id}", WORDS[n % WORDS.len()]), kind, required, default }
    }

    pub fn table(&mut self, op: &Op) -> Table {
        let id = self.id();
        let count = op.column % 4 + 1;
        let columns = (0..count).map(|at| self.column(op.n + at * 7)).collect();
        Table { id, name: format!("{}{id}", WORDS[op.n % WORDS.len()]), columns }
    }

    /// The schema after a version, and what the version says.
    pub fn version(
        &mut self,
        schema: &Schema,
        version: &Version,
        dialect: Dialect,
    ) -> (Schema, Intent) {
        let mut after = schema.clone();
        let mut names: Vec<(usize, usize)> = Vec::new();
        let mut said: Vec<(usize, usize, ColumnIntent)> = Vec::new();
        for op in &version.ops {
            self.change(&mut after, op, &mut names, &mut said);
        }
        let schema_name = dialect.default_schema();
        let mut intent = Intent::default();
        let old = |table: usize| schema.iter().find(|it| it.id == table);
        for table in &after {
            let Some(before) = old(table.id) else { continue };
            let name = QName::new(schema_name, table.name.as_str());
            if before.name != table.name {
                let before = QName::new(schema_name, before.name.as_str());
                intent.renames.push(Rename::Table { before, after: name.clone() });
            }
            for gone in before.columns.iter().filter(|it| is_gone(it, table)) {
                let target = Target::column(&name, &Ident::new(gone.name.as_str()));
                if hides(gone) {
                    intent.keep_as.insert(target, KeepAs::Hide);
                }
            }
            for column in &table.columns {
                let Some(before) = before.columns.iter().find(|it| it.id == column.id) else {
                    continue;
                };
                if before.name != column.name {
                    let (before, after) =
                        (Ident::new(before.name.as_str()), Ident::new(column.name.as_str()));
                    intent.renames.push(Rename::Column { table: name.clone(), before, after });
                }
            }
        }
        for (table, column, words) in said {
            let found = after.iter().find(|it| it.id == table);
            let found =
                found.and_then(|it| Some((it, it.columns.iter().find(|it| it.id == column)?)));
            if let Some((table, column)) = found {
                let name = QName::new(schema_name, table.name.as_str());
                intent
                    .columns
                    .insert(Target::column(&name, &Ident::new(column.name.as_str())), words);
            }
        }
        (after, intent)
    }

    /// One change; a column is changed in one way by a version.
    fn change(
        &mut self,
        schema: &mut Schema,
        op: &Op,
        taken: &mut Vec<(usize, usize)>,
        said: &mut Vec<(usize, usize, ColumnIntent)>,
    ) {
        if op.what >= 94 || schema.is_empty() {
            schema.push(self.table(op));
            return;
        }
        let at = op.table % schema.len();
        let own = schema[at].id;
        if op.what >= 88 {
            if !taken.iter().any(|(table, _)| *table == own) {
                schema.remove(at);
            }
            return;
        }
        if op.what >= 80 {
            let id = schema[at].id;
            schema[at].name = format!("{}n{}x{id}", WORDS[op.n % WORDS.len()], op.n);
            return;
        }
        let is_taken = |column: &Column| taken.contains(&(own, column.id));
        let column = op.column % schema[at].columns.len().max(1);
        let found = schema[at].columns.get(column).filter(|it| !is_taken(it)).cloned();
        let Some(mut found) = found.filter(|_| op.what >= 15) else {
            let new = self.column(op.n);
            taken.push((own, new.id));
            schema[at].columns.push(new);
            return;
        };
        taken.push((own, found.id));
        match op.what {
            15..40 => {
                schema[at].columns.remove(column);
                return;
            }
            40..50 => found.name = format!("{}r{}x{}", WORDS[op.n % WORDS.len()], op.n, found.id),
            50..72 => {
                let mut words = ColumnIntent::default();
                found.kind = found.kind.becomes(op.n, &quoted(&found.name), &mut words);
                // What the old kind had as a default may be no value of the new one.
                found.default = found.default.map(|_| found.kind.value(op.n));
                said.push((own, found.id, words));
            }
            _ if found.required => found.required = false,
            _ => {
                found.required = true;
                let backfill = Some(found.kind.value(op.n));
                said.push((own, found.id, ColumnIntent { backfill, ..ColumnIntent::default() }));
            }
        }
        schema[at].columns[column] = found;
    }
}

/// A write as statements.
pub fn statements(write: &Write, schema: &Schema) -> Vec<String> {
    if schema.is_empty() {
        return Vec::new();
    }
    let table = &schema[write.table % schema.len()];
    let name = quoted(&table.name);
    let delete = format!("DELETE FROM {name} WHERE id = {}", write.row);
    let values: Vec<(String, String)> = table
        .columns
        .iter()
        .enumerate()
        .filter(|(at, column)| {
            column.required && column.default.is_none() || !(write.n + at).is_multiple_of(4)
        })
        .map(|(at, column)| (quoted(&column.name), column.kind.value(write.n + at)))
        .collect();
    let names: String = values.iter().map(|(name, _)| format!(", {name}")).collect();
    let list: String = values.iter().map(|(_, value)| format!(", {value}")).collect();
    let insert = format!("INSERT INTO {name} (id{names}) VALUES ({}{list})", write.row);
    let update = table.columns.get(write.column % table.columns.len().max(1)).map(|column| {
        let value = match write.n.is_multiple_of(5) && !column.required {
            true => "NULL".to_owned(),
            false => column.kind.value(write.n),
        };
        format!("UPDATE {name} SET {} = {value} WHERE id = {}", quoted(&column.name), write.row)
    });
    match write.what {
        0..50 => vec![insert],
        50..80 => update.into_iter().collect(),
        80..92 => vec![delete],
        _ => vec![delete, insert],
    }
}
