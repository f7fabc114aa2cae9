//! An expression over the rows of a table, told in the names that renames give: of its own columns, of the tables that it
//! reads and of their columns.

use crate::change::Rename;
use crate::text::token::{Kind, Token, names, tokenize};
use crate::text::{Dialect, Ident, QName};

/// The name that the rows of the table itself go by.
const OWN_ALIAS: &str = "t";

/// Tells `text`, an expression over the rows of `own` (its name after the renames).
pub(super) fn retold(text: &str, own: &QName, renames: &[Rename], dialect: Dialect) -> String {
    let tokens = tokenize(text, dialect);
    let reads = reads(&tokens, renames, dialect);
    let mut told = String::with_capacity(text.len());
    for (at, token) in tokens.iter().enumerate() {
        let of_table = reads.iter().find_map(|read| read.replaced(at));
        match of_table.or_else(|| column(&tokens, at, own, &reads, renames, dialect)) {
            Some(name) => told.push_str(&quoted(name)),
            None => told.push_str(token.text),
        }
    }
    told
}

/// A table that the text reads: `FROM schema.name AS alias`.
struct Read<'a> {
    schema_at: Option<usize>,
    name_at: usize,
    alias: String,
    /// As it is called after the renames.
    table: QName,
    renamed: Option<&'a QName>,
}

impl Read<'_> {
    fn replaced(&self, at: usize) -> Option<&Ident> {
        let renamed = self.renamed?;
        if self.name_at == at {
            return Some(&renamed.name);
        }
        (self.schema_at == Some(at)).then_some(&renamed.schema)
    }
}

fn reads<'a>(tokens: &[Token<'_>], renames: &'a [Rename], dialect: Dialect) -> Vec<Read<'a>> {
    let code: Vec<usize> = (0..tokens.len()).filter(|at| tokens[*at].is_code()).collect();
    let token = |at: usize| code.get(at).map(|index| &tokens[*index]);
    let name_of = |at: usize| token(at).and_then(|it| Some(folded(it, dialect, it.name()?)));
    let mut found = Vec::new();
    for at in 0..code.len() {
        if !token(at).is_some_and(|it| it.is_word("from") || it.is_word("join")) {
            continue;
        }
        let is_qualified = token(at + 2).is_some_and(|it| it.is_mark("."));
        let name_at = if is_qualified { at + 3 } else { at + 1 };
        let Some(name) = name_of(name_at) else { continue };
        let schema = match is_qualified {
            true => name_of(at + 1).unwrap_or_default(),
            false => dialect.default_schema().to_owned(),
        };
        let renamed = renames.iter().find_map(|rename| match rename {
            Rename::Table { before, after }
                if names(&tokens[code[name_at]], before.name.as_str(), dialect)
                    && (!is_qualified || before.schema.as_str() == schema) =>
            {
                Some(after)
            }
            _ => None,
        });
        let alias = match token(name_at + 1) {
            Some(next) if next.is_word("as") => name_of(name_at + 2),
            Some(next) if next.kind == Kind::Quoted => name_of(name_at + 1),
            Some(_) | None => None,
        };
        found.push(Read {
            schema_at: is_qualified.then(|| code[at + 1]),
            name_at: code[name_at],
            alias: alias.unwrap_or_else(|| name.clone()),
            table: renamed.cloned().unwrap_or_else(|| QName::new(schema, name)),
            renamed,
        });
    }
    found
}

/// The new name of the column that a token stands for, where it is renamed.
fn column<'a>(
    tokens: &[Token<'_>],
    at: usize,
    own: &QName,
    reads: &[Read<'_>],
    renames: &'a [Rename],
    dialect: Dialect,
) -> Option<&'a Ident> {
    let token = &tokens[at];
    if !matches!(token.kind, Kind::Word | Kind::Quoted) {
        return None;
    }
    let follows = |mark: &str| {
        tokens[at + 1..].iter().find(|it| it.is_code()).is_some_and(|it| it.is_mark(mark))
    };
    if follows(".") || token.kind == Kind::Word && follows("(") {
        return None;
    }
    let mut before = tokens[..at].iter().rev().filter(|it| it.is_code());
    let qualifier = before.next().filter(|it| it.is_mark(".")).and_then(|_| before.next());
    let table = match qualifier {
        None => own,
        Some(name) if names(name, OWN_ALIAS, dialect) => own,
        Some(name) => match reads.iter().find(|read| names(name, &read.alias, dialect)) {
            Some(read) => &read.table,
            None => own,
        },
    };
    renames.iter().find_map(|rename| match rename {
        Rename::Column { table: of, before, after }
            if of == table && names(token, before.as_str(), dialect) =>
        {
            Some(after)
        }
        _ => None,
    })
}

fn folded(token: &Token<'_>, dialect: Dialect, name: String) -> String {
    match (token.kind, dialect) {
        (Kind::Word, Dialect::Postgres) => name.to_lowercase(),
        _ => name,
    }
}

fn quoted(name: &Ident) -> String {
    format!("\"{}\"", name.as_str().replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_and_their_columns_get_their_new_names() {
        let table = |name: &str| QName::new("public", name);
        let renames = [
            Rename::Table { before: table("customer"), after: table("client") },
            Rename::Table { before: table("purchase"), after: table("order") },
            Rename::Column {
                table: table("order"),
                before: "customer_id".into(),
                after: "client_id".into(),
            },
            Rename::Column { table: table("client"), before: "no".into(), after: "id".into() },
        ];
        let told = |text: &str, own: &str| retold(text, &table(own), &renames, Dialect::Postgres);
        assert_eq!(
            told(
                "(SELECT \"m\".\"mail\" FROM \"public\".\"customer\" AS \"m\" WHERE \"m\".\"no\" = \"t\".\"customer_id\")",
                "order"
            ),
            "(SELECT \"m\".\"mail\" FROM \"public\".\"client\" AS \"m\" WHERE \"m\".\"id\" = \"t\".\"client_id\")"
        );
        assert_eq!(
            told("(SELECT max(p.no) FROM purchase AS p WHERE p.customer_id = \"t\".no)", "client"),
            "(SELECT max(p.no) FROM \"order\" AS p WHERE p.\"client_id\" = \"t\".\"id\")"
        );
        // A word that only looks like the table is none.
        assert_eq!(told("lower(customer) || no", "client"), "lower(customer) || \"id\"");
    }
}
