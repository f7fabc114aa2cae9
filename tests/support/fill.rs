//! A few rows for every table of a PostgreSQL database, made from its catalog alone. A table that refuses them stays
//! empty.

use std::collections::{BTreeMap, BTreeSet};

use postgres::Client;

/// How many rows a table gets.
const ROWS: usize = 3;

struct Column {
    name: String,
    data_type: String,
    /// The type under a domain, without modifiers.
    base: String,
    /// The type of an array's elements.
    element: Option<String>,
    labels: Vec<String>,
    required: bool,
    /// Literals of the checks that speak of it.
    literals: Vec<String>,
}

struct Key {
    columns: Vec<String>,
    table: String,
    referenced: Vec<String>,
}

#[derive(Default)]
struct Table {
    columns: Vec<Column>,
    keys: Vec<Key>,
}

/// Fills the tables; how many hold rows then.
pub fn fill(client: &mut Client) -> Result<usize, String> {
    let tables = tables(client).map_err(|error| error.to_string())?;
    let mut body = String::new();
    let mut made = BTreeSet::new();
    for name in tables.keys() {
        write_table(name, &tables, &mut made, &mut body);
    }
    if body.is_empty() {
        return Ok(0);
    }
    let block = format!("DO $fill$ BEGIN {body} END $fill$");
    // A database whose procedural language is gone stays empty.
    if client.batch_execute(&block).is_err() {
        return Ok(0);
    }
    let counts: Vec<String> =
        tables.keys().map(|name| format!("(EXISTS (SELECT FROM {name}))::int")).collect();
    let sum = format!("SELECT {}", counts.join(" + "));
    let row = client.query_one(&sum, &[]).map_err(|error| error.to_string())?;
    Ok(usize::try_from(row.get::<_, i32>(0)).unwrap_or(0))
}

/// Tables that a foreign key points at come first.
fn write_table(
    name: &String,
    tables: &BTreeMap<String, Table>,
    made: &mut BTreeSet<String>,
    body: &mut String,
) {
    if !made.insert(name.clone()) {
        return;
    }
    let table = &tables[name];
    for key in table.keys.iter().filter(|key| tables.contains_key(&key.table)) {
        write_table(&key.table, tables, made, body);
    }
    for n in 1..=ROWS {
        let tries = [(true, true), (true, false), (false, true), (false, false)];
        let mut block = "NULL;".to_owned();
        for (all, literals) in tries.into_iter().rev() {
            let insert = insert(name, table, n, all, literals);
            block = format!("BEGIN {insert}; EXCEPTION WHEN OTHERS THEN {block} END;");
        }
        body.push_str(&block);
    }
}

fn insert(name: &str, table: &Table, n: usize, all: bool, literals: bool) -> String {
    let mut values: BTreeMap<&str, String> = BTreeMap::new();
    for column in table.columns.iter().filter(|column| all || column.required) {
        let literal = column.literals.get((n - 1) % column.literals.len().max(1));
        let value = match literal {
            Some(literal) if literals => Some(format!("'{literal}'")),
            Some(_) | None => value(column, n),
        };
        let value = value.map(|value| format!("({value})::{}", column.data_type));
        values.extend(value.map(|value| (column.name.as_str(), value)));
    }
    for key in &table.keys {
        let order = key.referenced.join(", ");
        for (column, referenced) in key.columns.iter().zip(&key.referenced) {
            let from = format!(
                "(SELECT {referenced} FROM {0} ORDER BY {order} OFFSET least({1}, \
                 (SELECT greatest(count(*), 1) - 1 FROM {0})) LIMIT 1)",
                key.table,
                n - 1
            );
            if all || values.contains_key(column.as_str()) {
                values.insert(column, from);
            }
        }
    }
    if values.is_empty() {
        return format!("INSERT INTO {name} DEFAULT VALUES");
    }
    let (names, values): (Vec<&str>, Vec<String>) = values.into_iter().unzip();
    format!("INSERT INTO {name} ({}) VALUES ({})", names.join(", "), values.join(", "))
}

fn value(column: &Column, n: usize) -> Option<String> {
    if let Some(element) = &column.element {
        let labels = &column.labels;
        return plain(element, labels, n).map(|value| format!("ARRAY[({value})::{element}]"));
    }
    plain(&column.base, &column.labels, n)
}

fn plain(base: &str, labels: &[String], n: usize) -> Option<String> {
    if !labels.is_empty() {
        return Some(format!("'{}'", labels[(n - 1) % labels.len()].replace('\'', "''")));
    }
    Some(match base {
        "smallint" | "integer" | "bigint" | "numeric" | "real" | "double precision" | "oid"
        | "money" => n.to_string(),
        "text" | "character varying" | "character" | "name" | "citext" | "\"char\""
        | "public.citext" => format!("'{n}v'"),
        "boolean" => (n % 2 == 0).to_string(),
        "date" => format!("'2020-01-0{n}'"),
        "timestamp without time zone" | "timestamp with time zone" => {
            format!("'2020-01-0{n} 01:02:03.456+00'")
        }
        "time without time zone" | "time with time zone" => format!("'0{n}:02:03+00'"),
        "interval" => format!("'{n} days 2 hours'"),
        "uuid" => format!("'00000000-0000-4000-8000-00000000000{n}'"),
        "json" | "jsonb" => format!("'{{\"a\": {n}}}'"),
        "bytea" => format!("'\\x0{n}ff'"),
        "inet" => format!("'10.0.0.{n}'"),
        "cidr" => format!("'10.0.{n}.0/24'"),
        "macaddr" => format!("'08:00:2b:01:02:0{n}'"),
        "bit" | "bit varying" => format!("B'1{:02b}'", n % 4),
        "xml" => format!("'<a>{n}</a>'"),
        "tsvector" | "tsquery" => format!("'w{n}'"),
        "point" => format!("'({n},2)'"),
        "box" | "lseg" => format!("'({n},2),(0,0)'"),
        "path" | "polygon" => format!("'((0,0),({n},2),(3,4))'"),
        "circle" => format!("'<(0,0),{n}>'"),
        "int4range" | "int8range" | "numrange" => format!("'[{n}0,{n}5)'"),
        "daterange" => format!("'[2020-01-0{n},2020-01-0{n}]'"),
        "tsrange" | "tstzrange" => format!("'[2020-01-0{n} 00:00,2020-01-0{n} 12:00)'"),
        "pg_lsn" => format!("'0/{n}'"),
        "hstore" | "public.hstore" => format!("'a=>{n}'"),
        "ltree" | "public.ltree" => format!("'a.b{n}'"),
        _ => return None,
    })
}

const COLUMNS: &str = "
SELECT format('%I.%I', n.nspname, c.relname), quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
  format_type(b.oid, NULL), CASE WHEN b.typcategory = 'A' THEN format_type(b.typelem, NULL) END,
  coalesce((SELECT array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_enum e
    WHERE e.enumtypid IN (b.oid, b.typelem)), '{}'),
  a.attnotnull AND NOT a.atthasdef AND a.attidentity = '',
  coalesce((SELECT string_agg(pg_get_constraintdef(k.oid), ' ') FROM pg_constraint k
    WHERE k.contype = 'c' AND (k.conrelid = c.oid AND a.attnum = ANY (k.conkey) OR k.contypid = a.atttypid)), '')
  || ' ' || coalesce(pg_get_partition_constraintdef(c.oid), '')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
JOIN pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'migrate', 'migrate_kept')
  AND a.attgenerated = '' AND a.attidentity <> 'a'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1, a.attnum";

const KEYS: &str = "
SELECT format('%I.%I', n.nspname, c.relname), format('%I.%I', m.nspname, r.relname),
  (SELECT array_agg(quote_ident(a.attname) ORDER BY u.o) FROM unnest(k.conkey) WITH ORDINALITY u(n, o)
    JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n),
  (SELECT array_agg(quote_ident(a.attname) ORDER BY u.o) FROM unnest(k.confkey) WITH ORDINALITY u(n, o)
    JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.n)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class r ON r.oid = k.confrelid JOIN pg_namespace m ON m.oid = r.relnamespace
WHERE k.contype = 'f' ORDER BY k.conname";

fn tables(client: &mut Client) -> Result<BTreeMap<String, Table>, postgres::Error> {
    let mut tables: BTreeMap<String, Table> = BTreeMap::new();
    for row in client.query(COLUMNS, &[])? {
        let name: String = row.get(1);
        let rules: String = row.get(7);
        let column = Column {
            literals: literals(&rules, &name),
            name,
            data_type: row.get(2),
            base: row.get(3),
            element: row.get(4),
            labels: row.get(5),
            required: row.get(6),
        };
        tables.entry(row.get(0)).or_default().columns.push(column);
    }
    for row in client.query(KEYS, &[])? {
        let key = Key { table: row.get(1), columns: row.get(2), referenced: row.get(3) };
        if let Some(table) = tables.get_mut(&row.get::<_, String>(0)) {
            table.keys.push(key);
        }
    }
    Ok(tables)
}

/// The literals of rules that speak of a column.
fn literals(rules: &str, column: &str) -> Vec<String> {
    if !rules.contains(column.trim_matches('"')) && !rules.contains("VALUE") {
        return Vec::new();
    }
    let quoted = rules.split('\'').skip(1).step_by(2).map(str::to_owned);
    let words = rules.split(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '-');
    let numbers = words.filter(|word| word.parse::<f64>().is_ok()).map(str::to_owned);
    quoted.chain(numbers).collect()
}
