//! Rows made up for a rehearsal: values that a column may hold, and the statements that write, find and take away such
//! rows. Which values are valid together the engine says.

use super::Sql;
use super::aside::{Key, key_of, table_name};
use super::session::{quote_name, quote_text};
use crate::catalog::{Catalog, Column, ConstraintKind, ForeignKey, OpaqueKind, Table};
use crate::text::token::{Kind, tokenize};
use crate::text::{Dialect, Ident, QName};

/// A value as SQL text.
pub type Literal = String;

/// How many rows of a table are looked at for values.
pub const LOOKED_AT: usize = 20;

/// Whether the engine gives a column its value: nothing is written to it.
pub fn makes_its_own(column: &Column, table: &Table) -> bool {
    let is_rowid = table.options.of_postgres().is_none()
        && matches!(table.primary_key(), [only] if *only == column.name)
        && column.data_type.eq_ignore_ascii_case("integer");
    column.generated.is_some()
        || column.identity.is_some()
        || column.owned_sequence.is_some()
        || is_rowid
}

/// Values a column may well hold: extremes and plain ones of its type, and those that the table's checks speak of.
pub fn candidates(column: &Column, table: &Table, catalog: &Catalog) -> Vec<Literal> {
    let mut texts: Vec<String> = literals_of_checks(column, table, catalog.dialect);
    match catalog.dialect {
        Dialect::Postgres => texts.extend(postgres_values(&column.data_type, catalog)),
        Dialect::Sqlite => {
            return [sqlite_literals(&texts), sqlite_values(&column.data_type)].concat();
        }
    }
    texts.iter().map(|text| quote_text(text)).collect()
}

/// A value that is most likely nowhere yet.
pub fn fresh(column: &Column, number: u64, dialect: Dialect) -> Literal {
    let kind = column.data_type.to_ascii_lowercase();
    let base = kind.split('(').next().unwrap_or_default().trim();
    let number_type = ["int", "numeric", "decimal", "real", "double", "float", "money", "number"];
    if base.contains("uuid") {
        return quote_text(&format!(
            "{:08x}-0000-4000-8000-{:012x}",
            number & 0xffff_ffff,
            number & 0xffff_ffff_ffff
        ));
    }
    if number_type.iter().any(|word| base.contains(word)) && !base.contains("interval") {
        let most = match base {
            "smallint" => 32_000,
            _ => 2_000_000_000,
        };
        let digits = kind.split(['(', ',', ')']).nth(1).and_then(|text| text.trim().parse().ok());
        let scale: u32 = kind
            .split(['(', ',', ')'])
            .nth(2)
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(0);
        let room = digits.map_or(most, |digits: u32| {
            10_u64.saturating_pow(digits.saturating_sub(scale).min(9)).saturating_sub(1)
        });
        return (1_000 + number % most.saturating_sub(1_000)).min(room.max(1)).to_string();
    }
    if base.contains("date") || base.contains("time") {
        let (day, second) = (number % 28 + 1, number % 60);
        let text = match (base, dialect) {
            ("date", Dialect::Postgres) => format!("{}-03-{day:02}", 1990 + number % 200),
            _ => format!("{}-03-{day:02} 10:00:{second:02}", 1990 + number % 200),
        };
        return quote_text(&text);
    }
    let text = format!("w{number:x}");
    let room = kind.split(['(', ')']).nth(1).and_then(|text| text.trim().parse().ok());
    quote_text(&text.chars().take(room.unwrap_or(60)).collect::<String>())
}

fn literals_of_checks(column: &Column, table: &Table, dialect: Dialect) -> Vec<String> {
    let mut texts = Vec::new();
    for constraint in &table.constraints {
        let ConstraintKind::Check { expression } = &constraint.kind else { continue };
        let tokens = tokenize(expression, dialect);
        let speaks = tokens.iter().any(|token| {
            token.name().is_some_and(|name| name.eq_ignore_ascii_case(column.name.as_str()))
        });
        for token in tokens.iter().filter(|_| speaks) {
            match token.kind {
                Kind::Text => {
                    let inner = token.text.trim_start_matches(['E', 'e']);
                    let inner = inner.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
                    texts.extend(inner.map(|text| text.replace("''", "'")));
                }
                Kind::Number => {
                    texts.push(token.text.to_owned());
                    if let Ok(number) = token.text.parse::<i64>() {
                        texts.extend([number.saturating_add(1), number - 1].map(|n| n.to_string()));
                    }
                }
                Kind::Word
                | Kind::Quoted
                | Kind::Parameter
                | Kind::Mark
                | Kind::Comment
                | Kind::Space => {}
            }
        }
    }
    texts
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// Texts that PostgreSQL reads as values of a type, as `format_type` prints it.
fn postgres_values(data_type: &str, catalog: &Catalog) -> Vec<String> {
    if let Some(element) = data_type.strip_suffix("[]") {
        let inner = postgres_values(element, catalog);
        let quoted = inner
            .first()
            .map(|text| format!("{{\"{}\"}}", text.replace('\\', "\\\\").replace('"', "\\\"")));
        return std::iter::once("{}".to_owned()).chain(quoted).collect();
    }
    let (base, modifier) = split_type(data_type);
    let room = modifier.first().copied().unwrap_or(40);
    match base.as_str() {
        "smallint" => strings(&["1", "0", "42", "-7", "32767"]),
        "integer" => strings(&["1", "0", "42", "-7", "2147483647"]),
        "bigint" => strings(&["1", "0", "42", "-7", "9007199254740993"]),
        "numeric" => {
            let scale = modifier.get(1).copied().unwrap_or(if modifier.is_empty() { 2 } else { 0 });
            let fraction =
                if scale > 0 { format!("1.{}", "5".repeat(scale.min(6))) } else { "3".to_owned() };
            vec!["1".to_owned(), "0".to_owned(), fraction, "-2".to_owned()]
        }
        "real" | "double precision" => strings(&["1", "0", "0.1", "-2.5"]),
        "money" => strings(&["1.00", "0"]),
        "boolean" => strings(&["true", "false"]),
        "text" | "character varying" | "character" | "name" | "\"char\"" | "bpchar" => {
            ["a", "Zoë 7", "it's", "", "w@example.com", "ABC", "long enough to be cut off"]
                .iter()
                .map(|text| text.chars().take(room).collect())
                .collect()
        }
        "date" => strings(&["2024-02-29", "1999-12-31"]),
        _ if base.starts_with("timestamp") => {
            strings(&["2024-02-29 12:34:56", "1999-12-31 23:59:59"])
        }
        _ if base.starts_with("time") => strings(&["12:34:56", "00:00:00"]),
        _ if base.starts_with("interval") => strings(&["1 day", "00:00:01"]),
        "uuid" => strings(&["00000000-0000-4000-8000-000000000001"]),
        "json" | "jsonb" => strings(&["{\"a\": 1}", "[]", "{}"]),
        "bytea" => strings(&["\\x00ff", "\\x"]),
        "inet" | "cidr" => strings(&["10.0.0.0/8", "192.0.2.1"]),
        "macaddr" => strings(&["08:00:2b:01:02:03"]),
        "bit" => vec!["1".repeat(modifier.first().copied().unwrap_or(1))],
        "bit varying" => strings(&["1", "0"]),
        "xml" => strings(&["<a/>"]),
        "point" => strings(&["(1,2)"]),
        "tsvector" => strings(&["word"]),
        "int4range" | "int8range" | "numrange" => strings(&["[1,5)"]),
        "daterange" => strings(&["[2024-01-01,2024-02-01)"]),
        "tstzrange" | "tsrange" => strings(&["[2024-01-01 00:00,2024-02-01 00:00)"]),
        _ => values_of_own(data_type, catalog),
    }
}

/// Values of an enum, or of the type under a domain.
fn values_of_own(data_type: &str, catalog: &Catalog) -> Vec<String> {
    let plain = data_type.replace('"', "");
    let (schema, name) = plain.split_once('.').unwrap_or(("public", &plain));
    let name = QName::new(schema, name);
    if let Some(found) = catalog.enums.get(&name) {
        return found.values.clone();
    }
    let domain =
        catalog.opaques.values().find(|it| it.id.kind == OpaqueKind::Domain && it.id.name == name);
    let text = domain.and_then(|domain| domain.create.first());
    let base = text.and_then(|text| {
        let after = text.split_once(" AS ")?.1;
        let end = [" NOT NULL", " CHECK", " DEFAULT", " CONSTRAINT", " COLLATE"]
            .iter()
            .filter_map(|word| after.find(word))
            .min()
            .unwrap_or(after.len());
        Some(after[..end].trim().trim_end_matches(';').to_owned())
    });
    match base {
        Some(base) if base != data_type => postgres_values(&base, catalog),
        Some(_) | None => Vec::new(),
    }
}

fn split_type(data_type: &str) -> (String, Vec<usize>) {
    match data_type.split_once('(') {
        None => (data_type.to_owned(), Vec::new()),
        Some((base, rest)) => {
            let (numbers, tail) = rest.split_once(')').unwrap_or((rest, ""));
            let numbers = numbers.split(',').filter_map(|text| text.trim().parse().ok()).collect();
            (format!("{}{tail}", base.trim()), numbers)
        }
    }
}

fn sqlite_literals(texts: &[String]) -> Vec<Literal> {
    let literal = |text: &String| {
        if text.parse::<f64>().is_ok() { text.clone() } else { quote_text(text) }
    };
    texts.iter().map(literal).collect()
}

/// Values by affinity. Source: sqlite.org/datatype3.html section 3.1.
fn sqlite_values(data_type: &str) -> Vec<Literal> {
    let kind = data_type.to_ascii_uppercase();
    let has = |words: &[&str]| words.iter().any(|word| kind.contains(word));
    if has(&["INT"]) {
        return strings(&["1", "0", "42", "-7", "9007199254740993"]);
    }
    if has(&["DATE", "TIME"]) {
        return strings(&["'2024-02-29 12:34:56'", "'1999-12-31'"]);
    }
    if has(&["BOOL"]) {
        return strings(&["1", "0"]);
    }
    if has(&["CHAR", "CLOB", "TEXT"]) {
        return strings(&["'a'", "'Zoë 7'", "'it''s'", "''", "'w@example.com'", "'ABC'"]);
    }
    if has(&["BLOB"]) || kind.is_empty() {
        return strings(&["x'00ff'", "x''"]);
    }
    if has(&["REAL", "FLOA", "DOUB"]) {
        return strings(&["1.5", "0.0", "-2.25"]);
    }
    strings(&["1", "0", "1.5", "-2"])
}

/// Some rows as literals, to take values from.
pub fn look(table: &Table, columns: &[Ident], dialect: Dialect) -> Sql {
    let values: Vec<String> = columns.iter().map(|name| literal_of(name, dialect)).collect();
    let is_parted = table.options.of_postgres().is_some_and(|it| it.partition_by.is_some());
    // Rows of heirs are other tables' rows; those of partitions are the table's own.
    let only = if dialect == Dialect::Postgres && !is_parted { "ONLY " } else { "" };
    Sql::new(format!(
        "SELECT {} FROM {only}{} LIMIT {LOOKED_AT}",
        values.join(", "),
        table_name(&table.name)
    ))
}

fn literal_of(name: &Ident, dialect: Dialect) -> String {
    let name = quote_name(name.as_str());
    match dialect {
        Dialect::Postgres => format!("quote_nullable({name}::text)"),
        Dialect::Sqlite => format!("quote({name})"),
    }
}

/// What rows are known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// The values of a key.
    Key,
    /// All their values, as texts: not every type can be compared.
    Values,
}

/// The columns that rows of a table are known by; `None` for a table without columns.
pub fn known_by(table: &Table) -> Option<(Known, Vec<Ident>)> {
    match key_of(table) {
        Key::Columns(columns) => Some((Known::Key, columns)),
        Key::Rowid => Some((Known::Key, vec![Ident::new("rowid")])),
        Key::Nothing if table.columns.is_empty() => None,
        Key::Nothing => {
            Some((Known::Values, table.columns.iter().map(|column| column.name.clone()).collect()))
        }
    }
}

/// A column of a table without a key whose values can all be others, so that a made-up row is not one that was there.
pub fn telling_column(table: &Table) -> Option<&Ident> {
    let tells = |column: &&Column| {
        let kind = column.data_type.to_ascii_lowercase();
        ["text", "character varying", "integer", "bigint", "numeric", "uuid"]
            .iter()
            .any(|word| kind.starts_with(word))
            && !kind.ends_with("[]")
            && !makes_its_own(column, table)
    };
    table.columns.iter().find(tells).map(|column| &column.name)
}

/// Writes one row; answers its key as literals.
pub fn insert(table: &QName, values: &[(Ident, Literal)], key: &[Ident], dialect: Dialect) -> Sql {
    let returned: Vec<String> = key.iter().map(|name| literal_of(name, dialect)).collect();
    let returned = returned.join(", ");
    let table = table_name(table);
    if values.is_empty() {
        return Sql::new(format!("INSERT INTO {table} DEFAULT VALUES RETURNING {returned}"));
    }
    let names: Vec<String> = values.iter().map(|(name, _)| quote_name(name.as_str())).collect();
    let values: Vec<&str> = values.iter().map(|(_, value)| value.as_str()).collect();
    Sql::new(format!(
        "INSERT INTO {table} ({}) VALUES ({}) RETURNING {returned}",
        names.join(", "),
        values.join(", ")
    ))
}

/// The row with a key: some columns as literals.
pub fn find(
    table: &QName,
    columns: &[Ident],
    (known, key): (Known, &[(Ident, Literal)]),
    dialect: Dialect,
) -> Sql {
    let values: Vec<String> = columns.iter().map(|name| literal_of(name, dialect)).collect();
    let list = if values.is_empty() { "1".to_owned() } else { values.join(", ") };
    Sql::new(format!("SELECT {list} FROM {} WHERE {}", table_name(table), is(known, key, dialect)))
}

/// Takes the row with a key away; one of those with the same values where there is none.
pub fn delete(table: &QName, (known, key): (Known, &[(Ident, Literal)]), dialect: Dialect) -> Sql {
    let (name, which) = (table_name(table), is(known, key, dialect));
    Sql::new(match known {
        Known::Key => format!("DELETE FROM {name} WHERE {which}"),
        Known::Values => format!(
            "DELETE FROM {name} WHERE (tableoid, ctid) = (SELECT tableoid, ctid FROM {name} WHERE {which} LIMIT 1)"
        ),
    })
}

/// The table that a row is in: a partition, where the table it was written to has such.
pub fn lives_in(table: &QName, (known, key): (Known, &[(Ident, Literal)])) -> Sql {
    Sql::new(format!(
        "SELECT n.nspname, c.relname FROM {} AS r JOIN pg_catalog.pg_class c ON c.oid = r.tableoid \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE {}",
        table_name(table),
        is_in("r.", known, key, Dialect::Postgres)
    ))
}

fn is(known: Known, key: &[(Ident, Literal)], dialect: Dialect) -> String {
    is_in("", known, key, dialect)
}

fn is_in(row: &str, known: Known, key: &[(Ident, Literal)], dialect: Dialect) -> String {
    let parts = key.iter().map(|(name, value)| {
        let name = format!("{row}{}", quote_name(name.as_str()));
        match (dialect, value.as_str(), known) {
            (_, "NULL", _) => format!("{name} IS NULL"),
            (Dialect::Postgres, value, Known::Key) => format!("{name} = {value}"),
            (Dialect::Postgres, value, Known::Values) => format!("{name}::text = {value}"),
            (Dialect::Sqlite, value, _) => format!("{name} IS {value}"),
        }
    });
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() { "true".to_owned() } else { parts.join(" AND ") }
}

/// The columns of the other table that a key points at.
pub fn referenced(key: &ForeignKey, catalog: &Catalog) -> Vec<Ident> {
    if !key.referenced_columns.is_empty() {
        return key.referenced_columns.clone();
    }
    catalog
        .tables
        .get(&key.references)
        .map(|table| table.primary_key().to_vec())
        .unwrap_or_default()
}
