//! Reads `CREATE TABLE`.

use super::reader::Reader;
use super::{
    Clause, ClauseKind, ColumnText, CreateTable, DdlError, ForeignKeyText, KeyOrder, Numbering,
    Storage,
};
use crate::catalog::Action;
use crate::text::token::{Kind, Token};

/// Parses the text of one `CREATE TABLE`.
///
/// # Errors
/// `DdlError` where the text is not one that SQLite stores for a table.
pub fn parse_table(text: &str) -> Result<CreateTable, DdlError> {
    let mut reader = Reader::new(text);
    reader.expect("CREATE")?;
    let _ = reader.eat(&["TEMP"]) || reader.eat(&["TEMPORARY"]);
    reader.expect("TABLE")?;
    reader.eat(&["IF", "NOT", "EXISTS"]);
    let mut name_start = reader.start();
    let mut name = reader.name()?;
    if reader.eat_mark(".") {
        name_start = reader.start();
        name = reader.name()?;
    }
    let name_span = reader.since(name_start);
    reader.expect_mark("(")?;
    let body_start = reader.end();
    let columns = columns(&mut reader)?;
    let constraints = table_constraints(&mut reader)?;
    let body = crate::text::diagnostic::Span { start: body_start, end: reader.start() };
    reader.expect_mark(")")?;
    let mut table = CreateTable {
        name,
        name_span,
        body,
        columns,
        constraints,
        strict: false,
        without_rowid: false,
    };
    options(&mut reader, &mut table)?;
    Ok(table)
}

fn options(reader: &mut Reader<'_>, table: &mut CreateTable) -> Result<(), DdlError> {
    loop {
        if reader.eat(&["STRICT"]) {
            table.strict = true;
        } else if reader.eat(&["WITHOUT", "ROWID"]) {
            table.without_rowid = true;
        } else if reader.peek().is_some() && !reader.is_mark(";") {
            return Err(reader.fault("`STRICT` or `WITHOUT ROWID`"));
        }
        if !reader.eat_mark(",") {
            return Ok(());
        }
    }
}

fn columns(reader: &mut Reader<'_>) -> Result<Vec<ColumnText>, DdlError> {
    let mut columns = vec![column(reader)?];
    while reader.is_mark(",") && !reader.peek_after().is_some_and(opens_constraint) {
        reader.next();
        columns.push(column(reader)?);
    }
    Ok(columns)
}

/// SQLite takes table constraints with or without commas between them.
fn table_constraints(reader: &mut Reader<'_>) -> Result<Vec<Clause>, DdlError> {
    let mut constraints = Vec::new();
    loop {
        reader.eat_mark(",");
        if reader.is_mark(")") {
            return Ok(constraints);
        }
        constraints.extend(table_constraint(reader)?);
    }
}

fn opens_constraint(token: &Token<'_>) -> bool {
    ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"].iter().any(|word| token.is_word(word))
}

fn column(reader: &mut Reader<'_>) -> Result<ColumnText, DdlError> {
    let start = reader.start();
    let name = reader.name()?;
    let data_type = data_type(reader)?;
    let mut clauses = Vec::new();
    while !reader.is_mark(",") && !reader.is_mark(")") {
        // A table constraint may follow the last column without a comma only if it cannot be a column constraint.
        if reader.is_word("FOREIGN") {
            break;
        }
        clauses.extend(column_clause(reader, &name)?);
    }
    Ok(ColumnText { name, span: reader.since(start), data_type, clauses })
}

/// The words up to the first constraint, and `(n)` or `(n,m)`.
fn data_type(reader: &mut Reader<'_>) -> Result<String, DdlError> {
    let mut words: Vec<String> = Vec::new();
    while let Some(token) = reader.peek() {
        let word = matches!(token.kind, Kind::Word | Kind::Quoted | Kind::Text);
        if !word || opens_clause(reader) {
            break;
        }
        words.push(reader.name()?);
    }
    let mut data_type = words.join(" ");
    if !words.is_empty() && reader.is_mark("(") {
        let inside = reader.balanced()?;
        let size: String =
            reader.text[inside.start..inside.end].split_whitespace().collect::<Vec<_>>().concat();
        data_type.push_str(&format!("({size})"));
    }
    Ok(data_type)
}

fn opens_clause(reader: &Reader<'_>) -> bool {
    const WORDS: [&str; 11] = [
        "CONSTRAINT",
        "PRIMARY",
        "NOT",
        "NULL",
        "UNIQUE",
        "CHECK",
        "DEFAULT",
        "COLLATE",
        "REFERENCES",
        "AS",
        "FOREIGN",
    ];
    WORDS.iter().any(|word| reader.is_word(word))
        || (reader.is_word("GENERATED") && reader.peek_after().is_some_and(|t| t.is_word("ALWAYS")))
}

/// `None` for `CONSTRAINT name` with nothing after it, which SQLite accepts and ignores.
fn column_clause(reader: &mut Reader<'_>, column: &str) -> Result<Option<Clause>, DdlError> {
    let name = constraint_name(reader)?;
    let start = reader.start();
    let own = || vec![column.to_owned()];
    let kind = if reader.eat(&["PRIMARY", "KEY"]) {
        primary_key(reader, own())?
    } else if reader.eat(&["NOT", "NULL"]) {
        conflict(reader)?;
        ClauseKind::NotNull
    } else if reader.eat(&["NULL"]) {
        conflict(reader)?;
        ClauseKind::Null
    } else if reader.eat(&["UNIQUE"]) {
        conflict(reader)?;
        ClauseKind::Unique { columns: own() }
    } else if reader.eat(&["CHECK"]) {
        let inside = reader.balanced()?;
        conflict(reader)?;
        ClauseKind::Check(inside)
    } else if reader.eat(&["DEFAULT"]) {
        default(reader)?
    } else if reader.eat(&["COLLATE"]) {
        ClauseKind::Collate(reader.name()?)
    } else if reader.is_word("REFERENCES") {
        ClauseKind::ForeignKey(references(reader, own())?)
    } else if reader.eat(&["GENERATED", "ALWAYS", "AS"]) || reader.eat(&["AS"]) {
        generated(reader)?
    } else if name.is_some() {
        return Ok(None);
    } else {
        return Err(reader.fault("a column constraint"));
    };
    Ok(Some(Clause { name, kind, span: reader.since(start) }))
}

fn table_constraint(reader: &mut Reader<'_>) -> Result<Option<Clause>, DdlError> {
    let name = constraint_name(reader)?;
    let start = reader.start();
    let kind = if reader.eat(&["PRIMARY", "KEY"]) {
        // `AUTOINCREMENT` may stand inside the parentheses of a table constraint.
        let inside = reader.start();
        let columns = reader.names()?;
        let listed = reader.text[inside..reader.end()].to_ascii_uppercase();
        match primary_key(reader, columns)? {
            ClauseKind::PrimaryKey { columns, .. } if listed.contains("AUTOINCREMENT") => {
                ClauseKind::PrimaryKey {
                    columns,
                    order: KeyOrder::Ascending,
                    numbering: Numbering::Autoincrement,
                }
            }
            key => key,
        }
    } else if reader.eat(&["UNIQUE"]) {
        let columns = reader.names()?;
        conflict(reader)?;
        ClauseKind::Unique { columns }
    } else if reader.eat(&["CHECK"]) {
        let inside = reader.balanced()?;
        conflict(reader)?;
        ClauseKind::Check(inside)
    } else if reader.eat(&["FOREIGN", "KEY"]) {
        let columns = reader.names()?;
        ClauseKind::ForeignKey(references(reader, columns)?)
    } else if name.is_some() && (reader.is_mark(",") || reader.is_mark(")")) {
        return Ok(None);
    } else {
        return Err(reader.fault("a table constraint"));
    };
    Ok(Some(Clause { name, kind, span: reader.since(start) }))
}

fn constraint_name(reader: &mut Reader<'_>) -> Result<Option<String>, DdlError> {
    let mut name = None;
    while reader.eat(&["CONSTRAINT"]) {
        name = Some(reader.name()?);
    }
    Ok(name)
}

fn primary_key(reader: &mut Reader<'_>, columns: Vec<String>) -> Result<ClauseKind, DdlError> {
    let order = match reader.eat(&["DESC"]) {
        true => KeyOrder::Descending,
        false => KeyOrder::Ascending,
    };
    reader.eat(&["ASC"]);
    conflict(reader)?;
    let numbering = match reader.eat(&["AUTOINCREMENT"]) {
        true => Numbering::Autoincrement,
        false => Numbering::Free,
    };
    Ok(ClauseKind::PrimaryKey { columns, order, numbering })
}

fn conflict(reader: &mut Reader<'_>) -> Result<(), DdlError> {
    if reader.eat(&["ON", "CONFLICT"]) {
        reader.name()?;
    }
    Ok(())
}

fn default(reader: &mut Reader<'_>) -> Result<ClauseKind, DdlError> {
    let start = reader.start();
    if reader.is_mark("(") {
        reader.balanced()?;
    } else {
        let _ = reader.eat_mark("-") || reader.eat_mark("+");
        if reader.next().is_none() {
            return Err(reader.fault("a default value"));
        }
    }
    Ok(ClauseKind::Default(reader.since(start)))
}

fn generated(reader: &mut Reader<'_>) -> Result<ClauseKind, DdlError> {
    let expression = reader.balanced()?;
    let storage = match reader.eat(&["STORED"]) {
        true => Storage::Stored,
        false => Storage::Virtual,
    };
    reader.eat(&["VIRTUAL"]);
    Ok(ClauseKind::Generated { expression, storage })
}

fn references(reader: &mut Reader<'_>, columns: Vec<String>) -> Result<ForeignKeyText, DdlError> {
    reader.expect("REFERENCES")?;
    let table = reader.name()?;
    let referenced_columns = if reader.is_mark("(") { reader.names()? } else { Vec::new() };
    let mut key = ForeignKeyText {
        columns,
        table,
        referenced_columns,
        on_delete: Action::NoAction,
        on_update: Action::NoAction,
    };
    loop {
        if reader.eat(&["ON", "DELETE"]) {
            key.on_delete = action(reader)?;
        } else if reader.eat(&["ON", "UPDATE"]) {
            key.on_update = action(reader)?;
        } else if reader.eat(&["ON", "INSERT"]) {
            action(reader)?;
        } else if reader.eat(&["MATCH"]) {
            reader.name()?;
        } else if reader.eat(&["NOT", "DEFERRABLE"]) || reader.eat(&["DEFERRABLE"]) {
            let _ =
                reader.eat(&["INITIALLY", "DEFERRED"]) || reader.eat(&["INITIALLY", "IMMEDIATE"]);
        } else {
            return Ok(key);
        }
    }
}

fn action(reader: &mut Reader<'_>) -> Result<Action, DdlError> {
    const ACTIONS: [(&[&str], Action); 5] = [
        (&["NO", "ACTION"], Action::NoAction),
        (&["RESTRICT"], Action::Restrict),
        (&["CASCADE"], Action::Cascade),
        (&["SET", "NULL"], Action::SetNull),
        (&["SET", "DEFAULT"], Action::SetDefault),
    ];
    ACTIONS
        .iter()
        .find(|(words, _)| reader.eat(words))
        .map(|(_, action)| *action)
        .ok_or_else(|| reader.fault("a referential action"))
}
