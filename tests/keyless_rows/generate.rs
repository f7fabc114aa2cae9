//! Random tables without a key in several shapes, with rows of which some are equal.

use migrate::change::{ColumnIntent, Intent, Rename, Target};
use migrate::text::{Ident, QName};

use crate::random::Random;

/// Some shapes of one schema, what is said about the way from each to the next, and rows.
pub struct Journey {
    pub scripts: Vec<String>,
    pub intents: Vec<Intent>,
    pub rows: String,
    /// Statements for the last shape.
    pub edits: String,
    /// How many rows the edits write or change.
    pub written: usize,
}

impl Journey {
    pub fn show(&self) -> String {
        format!("{}\n{}\n{}", self.scripts.join("\n-- becomes\n"), self.rows, self.edits)
    }
}

/// One column in one shape.
#[derive(Clone, Debug)]
struct Column {
    name: String,
    kind: Kind,
    required: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Int,
    Bigint,
    Numeric(u8),
    Double,
    Real,
    Bool,
    Text,
    Bits(u8),
    Stamp,
    Date,
    Mood,
    Label,
}

impl Kind {
    const FIRST: [Kind; 9] = [
        Kind::Int,
        Kind::Numeric(2),
        Kind::Double,
        Kind::Text,
        Kind::Bits(3),
        Kind::Stamp,
        Kind::Mood,
        Kind::Bigint,
        Kind::Label,
    ];

    fn printed(self) -> String {
        match self {
            Kind::Int => "integer".into(),
            Kind::Bigint => "bigint".into(),
            Kind::Numeric(scale) => format!("numeric(8,{scale})"),
            Kind::Double => "double precision".into(),
            Kind::Real => "real".into(),
            Kind::Bool => "boolean".into(),
            Kind::Text => "text".into(),
            Kind::Bits(length) => format!("bit({length})"),
            Kind::Stamp => "timestamp".into(),
            Kind::Date => "date".into(),
            Kind::Mood => "mood".into(),
            Kind::Label => "label".into(),
        }
    }

    /// Types into which every value of this one goes, most of them with a loss.
    fn next(self) -> &'static [Kind] {
        match self {
            Kind::Int => &[Kind::Bool, Kind::Text, Kind::Bigint],
            Kind::Bigint => &[Kind::Text],
            Kind::Numeric(_) => &[Kind::Numeric(0), Kind::Numeric(1), Kind::Int, Kind::Real],
            Kind::Double => &[Kind::Real, Kind::Int, Kind::Numeric(1)],
            Kind::Real => &[Kind::Int, Kind::Numeric(1)],
            Kind::Bits(_) => &[Kind::Bits(1), Kind::Bits(2), Kind::Text],
            Kind::Stamp => &[Kind::Date, Kind::Text],
            Kind::Date => &[Kind::Text],
            Kind::Bool | Kind::Text | Kind::Mood | Kind::Label => &[],
        }
    }

    fn value(self, random: &mut Random) -> String {
        match self {
            Kind::Int | Kind::Bigint => random.pick(&["0", "1", "2", "7"]),
            Kind::Numeric(0) => random.pick(&["1", "2"]),
            Kind::Numeric(_) => random.pick(&["1.2", "1.4", "2.5", "1"]),
            Kind::Double | Kind::Real => random.pick(&["0.1", "0.3333333333333333", "1.5", "2"]),
            Kind::Bool => random.pick(&["true", "false"]),
            Kind::Text => random.pick(&["'x'", "'y'", "'long text'", "''"]),
            Kind::Bits(1) => random.pick(&["B'1'", "B'0'"]),
            Kind::Bits(2) => random.pick(&["B'11'", "B'01'"]),
            Kind::Bits(_) => random.pick(&["B'101'", "B'100'", "B'011'"]),
            Kind::Stamp => random.pick(&[
                "timestamp '2020-01-01 10:00'",
                "timestamp '2020-01-01 11:00'",
                "timestamp '2020-01-02'",
            ]),
            Kind::Date => random.pick(&["date '2020-01-01'", "date '2020-01-03'"]),
            Kind::Mood => random.pick(&["'low'", "'high'"]),
            Kind::Label => random.pick(&["'new'", "'done'"]),
        }
        .to_owned()
    }
}

/// How the rows are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    Plain,
    Partitioned,
    Heir,
    /// As an heir, and the parent has a key that the heir has not.
    KeyedHeir,
}

/// The schema in one shape.
#[derive(Clone, Debug)]
struct Shape {
    table: String,
    holder: Holder,
    columns: Vec<Column>,
    moods: Vec<String>,
    labels: Vec<String>,
    heir_column: bool,
    trigger: bool,
}

impl Shape {
    fn script(&self) -> String {
        let list = |values: &[String]| {
            values.iter().map(|it| format!("'{it}'")).collect::<Vec<_>>().join(", ")
        };
        let mut text = format!(
            "CREATE TYPE mood AS ENUM ({});\nCREATE TYPE label AS ENUM ({});\n",
            list(&self.moods),
            list(&self.labels)
        );
        let mut columns = vec!["place integer".to_owned()];
        columns.extend(self.columns.iter().map(|it| {
            let required = if it.required { " NOT NULL" } else { "" };
            format!("{} {}{required}", it.name, it.kind.printed())
        }));
        if self.holder == Holder::KeyedHeir {
            columns.push("id integer PRIMARY KEY".to_owned());
        }
        let table = &self.table;
        let suffix = match self.holder {
            Holder::Partitioned => " PARTITION BY LIST (place)",
            Holder::Plain | Holder::Heir | Holder::KeyedHeir => "",
        };
        text.push_str(&format!("CREATE TABLE {table} ({}){suffix};\n", columns.join(", ")));
        match self.holder {
            Holder::Plain => {}
            Holder::Partitioned => text.push_str(&format!(
                "CREATE TABLE part PARTITION OF {table} FOR VALUES IN (1);\n\
                 CREATE TABLE other PARTITION OF {table} DEFAULT;\n"
            )),
            Holder::Heir | Holder::KeyedHeir => {
                let own = if self.heir_column { "own text" } else { "" };
                text.push_str(&format!("CREATE TABLE heir ({own}) INHERITS ({table});\n"));
            }
        }
        if self.trigger {
            text.push_str(&format!(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;\n\
                 CREATE TRIGGER guard BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse();\n"
            ));
        }
        text
    }

    fn insert(&self, table: &str, random: &mut Random, times: usize) -> String {
        let mut names = vec!["place".to_owned()];
        let mut values = vec![random.pick(&["1", "2"]).to_owned()];
        for column in &self.columns {
            names.push(column.name.clone());
            values.push(match !column.required && random.percent(15) {
                true => "NULL".to_owned(),
                false => column.kind.value(random),
            });
        }
        if table == "heir" && self.heir_column {
            names.push("own".to_owned());
            values.push(random.pick(&["'o'", "'p'"]).to_owned());
        }
        let mut text = String::new();
        for _ in 0..times {
            let (mut names, mut values) = (names.clone(), values.clone());
            if self.holder == Holder::KeyedHeir {
                names.push("id".to_owned());
                values.push(match table == "heir" {
                    true => random.pick(&["1", "2", "3"]).to_owned(),
                    false => {
                        "(SELECT count(*) + 1 FROM ONLY TABLE_NAME)".replace("TABLE_NAME", table)
                    }
                });
            }
            text.push_str(&format!(
                "INSERT INTO {table} ({}) VALUES ({});\n",
                names.join(", "),
                values.join(", ")
            ));
        }
        text
    }

    fn holders(&self) -> Vec<String> {
        match self.holder {
            Holder::Plain | Holder::Partitioned => vec![self.table.clone()],
            Holder::Heir | Holder::KeyedHeir => vec![self.table.clone(), "heir".to_owned()],
        }
    }
}

fn target(table: &str, column: &str) -> Target {
    Target::column(&QName::new("public", table), &Ident::from(column))
}

/// The next shape of a schema, and what is said about the way there.
fn step(shape: &mut Shape, at: usize, random: &mut Random) -> Intent {
    let mut intent = Intent::default();
    let before = shape.clone();
    if random.percent(20) {
        let name = format!("t{at}");
        intent.renames.push(Rename::Table {
            before: QName::new("public", shape.table.as_str()),
            after: QName::new("public", name.as_str()),
        });
        shape.table = name;
    }
    let table = shape.table.clone();
    let changes = 2 + random.below(3);
    let mut order: Vec<usize> = (0..shape.columns.len()).collect();
    random.shuffle(&mut order);
    let mut dropped = Vec::new();
    for index in order.into_iter().take(changes) {
        let column = &mut shape.columns[index];
        if random.percent(20) {
            let new = format!("{}_{at}", column.name);
            intent.renames.push(Rename::Column {
                table: QName::new("public", table.as_str()),
                before: Ident::from(column.name.as_str()),
                after: Ident::from(new.as_str()),
            });
            column.name = new;
        }
        let mut said = ColumnIntent::default();
        match random.below(5) {
            0 => dropped.push(column.name.clone()),
            1 if !column.required => {
                column.required = true;
                let fill = match column.kind {
                    Kind::Text => "md5(\"t\".\"place\"::text)".to_owned(),
                    Kind::Int | Kind::Bigint => "\"t\".\"place\" + 40".to_owned(),
                    kind => kind.value(random),
                };
                said.backfill = Some(fill);
            }
            2 if column.kind == Kind::Text => {
                said.values = vec![("x".into(), "y".into()), ("long text".into(), "z".into())];
            }
            _ => {
                if let Some(kind) = random.any(column.kind.next()) {
                    column.kind = kind;
                }
            }
        }
        if said.backfill.is_some() || !said.values.is_empty() {
            intent.columns.insert(target(&table, &column.name), said);
        }
    }
    shape.columns.retain(|column| !dropped.contains(&column.name));
    if random.percent(40) {
        let kind = random.pick(&Kind::FIRST);
        let name = format!("new_{at}");
        let mut column = Column { name: name.clone(), kind, required: false };
        if random.percent(60) {
            column.required = true;
            let said =
                ColumnIntent { backfill: Some(kind.value(random)), ..ColumnIntent::default() };
            intent.columns.insert(target(&table, &name), said);
        }
        shape.columns.push(column);
    }
    if shape.heir_column && random.percent(30) {
        shape.heir_column = false;
    }
    moods(shape, &before, random, &mut intent);
    if random.percent(20) {
        let new = format!("label {at}");
        intent.renames.push(Rename::EnumValue {
            name: QName::new("public", "label"),
            before: shape.labels[2].clone(),
            after: new.clone(),
        });
        shape.labels[2] = new;
    }
    intent
}

/// A value of the enum goes, and its rows get another one.
fn moods(shape: &mut Shape, before: &Shape, random: &mut Random, intent: &mut Intent) {
    if !random.percent(40) || !shape.moods.iter().any(|it| it == "middle") {
        return;
    }
    shape.moods.retain(|it| it != "middle");
    for column in shape.columns.iter().filter(|it| it.kind == Kind::Mood) {
        let old = before.columns.iter().any(|it| it.kind == Kind::Mood);
        if old {
            let said = intent.columns.entry(target(&shape.table, &column.name)).or_default();
            said.values = vec![("middle".into(), "low".into())];
        }
    }
}

pub fn journey(seed: u64) -> Journey {
    let mut random = Random::new(seed);
    let count = 2 + random.below(4);
    let columns = (0..count).map(|index| Column {
        name: format!("c{index}"),
        kind: random.pick(&Kind::FIRST),
        required: random.percent(20),
    });
    let columns = columns.collect();
    let words = |list: &[&str]| list.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    let mut shape = Shape {
        table: "t".into(),
        holder: random.pick(&[
            Holder::Plain,
            Holder::Plain,
            Holder::Plain,
            Holder::Partitioned,
            Holder::Heir,
            Holder::KeyedHeir,
        ]),
        columns,
        moods: words(&["low", "middle", "high"]),
        labels: words(&["new", "done", "gone"]),
        heir_column: random.percent(50),
        trigger: random.percent(20),
    };
    let mut rows = String::new();
    for _ in 0..3 + random.below(6) {
        let table = random.pick(&shape.holders());
        let times = if random.percent(30) { 2 } else { 1 };
        rows.push_str(&shape.insert(&table, &mut random, times));
    }
    for column in shape.columns.clone() {
        // Values that go in some plans.
        let value = match column.kind {
            Kind::Mood => "middle",
            Kind::Label => "gone",
            _ => continue,
        };
        let name = &column.name;
        if !shape.trigger {
            rows.push_str(&format!("UPDATE t SET {name} = '{value}' WHERE place = 2;\n"));
        }
    }
    let (mut scripts, mut intents) = (vec![shape.script()], Vec::new());
    for at in 1..=1 + random.below(3) {
        intents.push(step(&mut shape, at, &mut random));
        scripts.push(shape.script());
    }
    let mut edits = String::new();
    let mut written = 0;
    if !shape.trigger && random.percent(60) {
        let at = "(SELECT tableoid, ctid FROM TABLE_NAME ORDER BY random() LIMIT 1)"
            .replace("TABLE_NAME", &shape.table);
        let by_place = format!("(tableoid, ctid) = {at}");
        match random.below(3) {
            0 => edits.push_str(&format!("DELETE FROM {} WHERE {by_place};\n", shape.table)),
            1 => {
                edits.push_str(&shape.insert(&shape.table, &mut random, 1));
                written = 1;
            }
            _ => {
                let column = random.any(&shape.columns);
                let set = column.map_or("place = place".to_owned(), |column| {
                    format!("{} = {}", column.name, column.kind.value(&mut random))
                });
                edits.push_str(&format!("UPDATE {} SET {set} WHERE {by_place};\n", shape.table));
                written = 1;
            }
        }
    }
    Journey { scripts, intents, rows, edits, written }
}
