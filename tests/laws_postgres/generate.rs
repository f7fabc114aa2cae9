//! Random pairs: what both sides have, what one side has, what differs.

use super::pair::{Both, Item, Name, Pair, Said, Side};
use super::random::Random;
use super::types::{Sort, Type, builtin, next_of_kin, value};

/// A column as it is on each side, if it is there.
#[derive(Clone, Debug)]
pub struct Column {
    pub key: String,
    pub kind: Both<Option<Type>>,
    /// Whether a row may say its value.
    pub writable: Both<bool>,
}

impl Column {
    pub fn sort(&self) -> Option<&Sort> {
        let kind = self.kind.after.as_ref().or(self.kind.before.as_ref());
        kind.map(|kind| &kind.sort)
    }
}

#[derive(Clone, Debug)]
pub struct Table {
    pub key: String,
    pub columns: Vec<Column>,
}

/// The pair in the making.
pub struct Maker {
    pub random: Random,
    pub pair: Pair,
    pub types: Vec<Type>,
    pub tables: Vec<Table>,
    pub sequences: Vec<String>,
    pub views: Vec<String>,
    /// How many of a hundred things differ between the sides.
    pub unrest: usize,
}

const SCHEMAS: [&str; 3] = ["public", "s1", "Odd Schema"];

/// A random pair.
pub fn generate(seed: u64) -> Pair {
    let mut random = Random::new(seed);
    let unrest = random.pick(&[12, 25, 45]);
    let mut maker = Maker {
        random,
        pair: Pair::default(),
        types: Vec::new(),
        tables: Vec::new(),
        sequences: Vec::new(),
        views: Vec::new(),
        unrest,
    };
    maker.schemas();
    maker.named_types();
    maker.functions();
    maker.sequences();
    for at in 0..maker.random.below(4) + 1 {
        maker.table(at);
    }
    maker.families();
    maker.late_functions();
    maker.keys();
    maker.indexes();
    maker.views();
    maker.triggers();
    maker.comments();
    maker.policies();
    maker.rights();
    maker.rows();
    maker.pair
}

impl Maker {
    pub fn push(&mut self, before: Option<String>, after: Option<String>) {
        self.pair.items.push(Item { before, after });
    }

    /// A statement on the sides where it is; where it differs, `text` is asked twice.
    pub fn item(&mut self, mut text: impl FnMut(&mut Self) -> String) {
        let first = text(self);
        let unrest = self.unrest;
        if !self.random.percent(unrest) {
            return self.push(Some(first.clone()), Some(first));
        }
        match self.random.below(4) {
            0 => self.push(Some(first), None),
            1 => self.push(None, Some(first)),
            _ => {
                let second = text(self);
                self.push(Some(first), Some(second));
            }
        }
    }

    /// A name, which may differ between the sides.
    pub fn name(&mut self, key: &str, plain: &str) {
        let odd = match self.random.below(12) {
            0 => format!("Odd {plain}"),
            1 => format!("{plain}\"q"),
            2 => format!("{plain}é"),
            3 => plain.to_uppercase(),
            _ => plain.to_owned(),
        };
        let is_column = key.contains('.');
        let mut schema = Both::same(if is_column {
            String::new()
        } else {
            self.random.pick(&SCHEMAS[..2]).to_owned()
        });
        if !is_column && self.random.percent(5) {
            schema = Both::same(SCHEMAS[2].to_owned());
        }
        let mut name = Both::same(odd);
        let mut said = Said::Nothing;
        if self.random.percent(self.unrest / 4) {
            name.after = format!("{plain}_new");
            said = self.random.pick(&[Said::Renamed, Said::Renamed, Said::Nothing]);
        }
        if !is_column && self.random.percent(self.unrest / 6) {
            schema.after = self.random.pick(&SCHEMAS).to_owned();
            said = self.random.pick(&[Said::Renamed, Said::Nothing]);
        }
        self.pair.names.push(Name { key: key.to_owned(), schema, name, said });
    }

    fn schemas(&mut self) {
        for schema in &SCHEMAS[1..] {
            self.item(|_| format!("CREATE SCHEMA \"{schema}\""));
        }
    }

    fn sequences(&mut self) {
        for at in 0..self.random.below(3) {
            let key = format!("q{at}");
            self.name(&key, &key);
            self.item(|maker| {
                let options = maker.random.pick(&[
                    "",
                    " AS smallint",
                    " INCREMENT BY 5 START WITH 100",
                    " INCREMENT BY -1",
                    " MINVALUE 3 MAXVALUE 900 CYCLE CACHE 7",
                ]);
                format!("CREATE SEQUENCE {{{key}}}{options}")
            });
            self.sequences.push(key);
        }
    }

    fn table(&mut self, at: usize) {
        let key = format!("t{at}");
        self.name(&key, &key);
        let unlogged = if self.random.percent(5) { "UNLOGGED " } else { "" };
        self.item(|_| format!("CREATE {unlogged}TABLE {{{key}}} ()"));
        self.tables.push(Table { key: key.clone(), columns: Vec::new() });
        for number in 0..self.random.below(6) + 1 {
            self.column(&key, number);
        }
    }

    pub fn column(&mut self, table: &str, number: usize) {
        let key = format!("{table}.c{number}");
        self.name(&key, &format!("c{number}"));
        let mut shape = Shape::random(self, number);
        let (before, writable_before) = (shape.clause(self, table, &key), shape.is_writable());
        let mut kind = Both::same(Some(shape.kind.clone()));
        let mut texts = Both::same(Some(before));
        let mut writable = Both::same(writable_before);
        if self.random.percent(self.unrest) {
            match self.random.below(4) {
                0 => (kind.before, texts.before) = (None, None),
                1 => (kind.after, texts.after) = (None, None),
                _ => {
                    shape.change(self);
                    kind.after = Some(shape.kind.clone());
                    texts.after = Some(shape.clause(self, table, &key));
                    writable.after = shape.is_writable();
                }
            }
        }
        let clause = |text: Option<String>| {
            text.map(|text| format!("ALTER TABLE {{{table}}} ADD COLUMN {{{key}}} {text}"))
        };
        self.push(clause(texts.before), clause(texts.after));
        if let Some(table) = self.tables.last_mut() {
            table.columns.push(Column { key: key.clone(), kind, writable });
        }
        if self.random.percent(6) && !self.sequences.is_empty() {
            let sequence = self.random.pick(&self.sequences);
            self.item(|_| format!("ALTER SEQUENCE {{{sequence}}} OWNED BY {{{table}}}.{{{key}}}"));
        }
    }

    fn rows(&mut self) {
        for table in self.tables.clone() {
            for _ in 0..self.random.below(6) {
                let row = self.row(&table, Side::Before);
                self.pair.rows.push(row);
            }
            for _ in 0..2 {
                let row = self.row(&table, Side::After);
                self.pair.later.push(row);
            }
        }
    }

    fn row(&mut self, table: &Table, side: Side) -> String {
        let (mut names, mut values) = (Vec::new(), Vec::new());
        for column in table.columns.iter().filter(|column| *column.writable.on(side)) {
            let Some(kind) = column.kind.on(side) else { continue };
            if self.random.percent(80) {
                names.push(format!("{{{}}}", column.key));
                values.push(value(&kind.sort, &mut self.random));
            }
        }
        if names.is_empty() {
            return format!("INSERT INTO {{{}}} DEFAULT VALUES", table.key);
        }
        format!(
            "INSERT INTO {{{}}} ({}) VALUES ({})",
            table.key,
            names.join(", "),
            values.join(", ")
        )
    }
}

/// What stands behind the name of a column.
#[derive(Clone, Debug)]
struct Shape {
    kind: Type,
    numbers: Option<&'static str>,
    generated: bool,
    required: bool,
    has_default: bool,
    collation: Option<&'static str>,
}

impl Shape {
    fn random(maker: &mut Maker, number: usize) -> Self {
        let mut kind = match maker.random.below(10) {
            0..=2 => maker.random.any(&maker.types).unwrap_or_else(|| builtin(&mut maker.random)),
            _ => builtin(&mut maker.random),
        };
        // Most tables begin with a number, as a key needs one.
        if number == 0 && maker.random.percent(70) {
            kind = Type::new("integer", Sort::Int);
        }
        let mut shape = Shape {
            kind,
            numbers: None,
            generated: maker.random.percent(8),
            required: maker.random.percent(30),
            has_default: maker.random.percent(40),
            collation: None,
        };
        shape.number(maker);
        shape.collate(maker);
        shape
    }

    fn number(&mut self, maker: &mut Maker) {
        self.numbers = None;
        if ["integer", "bigint", "smallint"].contains(&self.kind.sql.as_str())
            && maker.random.percent(20)
        {
            self.numbers = Some(maker.random.pick(&[
                "serial",
                "serial",
                "GENERATED ALWAYS AS IDENTITY",
                "GENERATED BY DEFAULT AS IDENTITY (INCREMENT BY 3 START WITH 50)",
                "GENERATED BY DEFAULT AS IDENTITY",
            ]));
        }
    }

    fn collate(&mut self, maker: &mut Maker) {
        self.collation = None;
        if self.kind.sort == Sort::Text && maker.random.percent(20) {
            self.collation = Some(maker.random.pick(&["\"C\"", "\"POSIX\""]));
        }
    }

    /// Another shape whose values can come from this one.
    fn change(&mut self, maker: &mut Maker) {
        match maker.random.below(10) {
            0..=3 => {
                self.kind = next_of_kin(&self.kind, &mut maker.random);
                self.number(maker);
                self.collate(maker);
            }
            4 => {
                let own = maker.types.clone();
                self.kind = maker.random.any(&own).unwrap_or_else(|| self.kind.clone());
                self.number(maker);
                self.collate(maker);
            }
            5 => self.required = !self.required,
            6 => self.has_default = !self.has_default,
            7 => self.generated = !self.generated,
            8 => self.number(maker),
            // The default may come out another one.
            _ => self.collate(maker),
        }
    }

    fn is_writable(&self) -> bool {
        !self.generated && !self.numbers.is_some_and(|numbers| numbers.contains("ALWAYS"))
    }

    fn clause(&self, maker: &mut Maker, table: &str, key: &str) -> String {
        let mut text = match self.numbers {
            Some("serial") => match self.kind.sql.as_str() {
                "bigint" => "bigserial".to_owned(),
                "smallint" => "smallserial".to_owned(),
                _ => "serial".to_owned(),
            },
            _ => self.kind.sql.clone(),
        };
        if let Some(collation) = self.collation {
            text += &format!(" COLLATE {collation}");
        }
        match self.numbers {
            Some("serial") => {}
            Some(identity) => text += &format!(" {identity}"),
            None if self.generated => {
                if let Some(expression) = computed(maker, &self.kind.sort, table, key) {
                    text += &format!(" GENERATED ALWAYS AS ({expression}) STORED");
                }
            }
            None if self.has_default => {
                text += &format!(" DEFAULT {}", default(maker, &self.kind));
            }
            None => {}
        }
        if self.required {
            text += " NOT NULL";
        }
        text
    }
}

/// An expression over the earlier columns of the table.
fn computed(maker: &mut Maker, sort: &Sort, table: &str, key: &str) -> Option<String> {
    let columns = maker.tables.iter().find(|other| other.key == table)?.columns.clone();
    let columns: Vec<Column> = columns.into_iter().filter(|column| column.key != key).collect();
    let column = maker.random.any(&columns)?;
    let own = format!("{{{}}}", column.key);
    Some(match (sort, column.sort()?) {
        (Sort::Int, Sort::Int) => {
            maker.random.pick(&["{x} + 1", "{x} * 2", "coalesce({x}, 0)", "{f0}({x}::int)"])
        }
        (Sort::Int, _) => maker.random.pick(&["length({x}::text)", "num_nulls({x})"]),
        (Sort::Number, Sort::Int | Sort::Number) => "{x}",
        (Sort::Bool, _) => "{x} IS NULL",
        (Sort::Text, Sort::Text) => maker.random.pick(&["lower({x})", "{f1}({x}::text)", "{x}"]),
        (Sort::Text, Sort::Int) => "{x}::text",
        (_, _) => return None,
    })
    .map(|text| text.replace("{x}", &own))
}

fn default(maker: &mut Maker, kind: &Type) -> String {
    let special = maker.random.percent(35);
    let sequence = maker.random.any(&maker.sequences);
    match (&kind.sort, sequence) {
        (Sort::Int | Sort::Number, Some(sequence)) if special => {
            return format!("nextval('{{{sequence}}}')");
        }
        (Sort::Int | Sort::Number, None) if special => {
            return maker.random.pick(&["{f2}()", "(1 + 2)", "{f0}(4)"]).to_owned();
        }
        (Sort::Text, _) if special => {
            return maker.random.pick(&["CURRENT_USER", "{f1}('A')", "('a' || 'b')"]).to_owned();
        }
        (Sort::Stamp, _) if special => return "now()".to_owned(),
        (Sort::Uuid, _) if special => return "gen_random_uuid()".to_owned(),
        (Sort::Array(_), _) if special => return "'{}'".to_owned(),
        (_, _) => {}
    }
    let literal = value(&kind.sort, &mut maker.random);
    if maker.random.percent(50) { format!("{literal}::{}", kind.sql) } else { literal }
}
