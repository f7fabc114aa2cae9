//! Which objects SQL speaks of, found by its words alone: a name too many costs the copying of a table, a name too few
//! would let a plan be rehearsed without the rows it meets.

use std::collections::BTreeSet;

use super::Sql;
use crate::catalog::{Catalog, Dependency, ObjectId, OpaqueKind, Table};
use crate::text::token::{Kind, Token, tokenize};
use crate::text::{Ident, QName};

/// The tables that statements speak of: by name, or by way of a view, function or trigger. Partitions and heirs go with
/// their parents.
pub fn tables_spoken_of<'a>(
    statements: impl IntoIterator<Item = &'a Sql>,
    catalog: &Catalog,
) -> BTreeSet<QName> {
    let mut search = Search { catalog, tables: BTreeSet::new(), opaques: BTreeSet::new() };
    for statement in statements {
        search.statement(statement.as_str());
    }
    search.tables
}

/// Whether a statement takes rows of a table away, or changes columns that others refer to.
pub fn touches_key(statement: &Sql, table: &QName, key: &[Ident], catalog: &Catalog) -> bool {
    let tokens = tokenize(statement.as_str(), catalog.dialect);
    let code: Vec<&Token<'_>> = tokens.iter().filter(|token| token.is_code()).collect();
    let names: BTreeSet<String> = code.iter().filter_map(|token| spelled(token)).collect();
    if !names.contains(table.name.as_str()) {
        return false;
    }
    let Some(first) = code.first() else { return false };
    if first.is_word("update") {
        let set = assigned(&code);
        return key.iter().any(|column| set.contains(column.as_str()));
    }
    ["delete", "truncate", "merge"].iter().any(|word| first.is_word(word))
        || first.is_word("alter") && key.iter().any(|column| names.contains(column.as_str()))
}

/// The columns that an UPDATE sets, and perhaps some that it only compares: names before `=`, alone or as a list, from
/// SET to FROM or WHERE.
fn assigned(code: &[&Token<'_>]) -> BTreeSet<String> {
    let start = code.iter().position(|token| token.is_word("set")).map_or(0, |at| at + 1);
    let (mut found, mut listed, mut depth) = (BTreeSet::new(), BTreeSet::new(), 0_u32);
    for (at, token) in code.iter().enumerate().skip(start) {
        let is_last = depth == 0 && (token.is_word("from") || token.is_word("where"));
        if is_last {
            break;
        }
        let before_equals = code.get(at + 1).is_some_and(|next| next.is_mark("="));
        match token.text {
            "(" => depth += 1,
            ")" => {
                depth = depth.saturating_sub(1);
                if depth == 0 && before_equals {
                    found.append(&mut listed);
                }
                listed.clear();
            }
            _ if depth > 0 => listed.extend(spelled(token)),
            _ if before_equals => found.extend(spelled(token)),
            _ => {}
        }
    }
    found
}

/// Whether an expression has a word that is the name of a column, in whatever case.
pub(in crate::dialect) fn names(expression: &str, column: &Ident) -> bool {
    tokenize(expression, crate::text::Dialect::Sqlite)
        .iter()
        .filter_map(Token::name)
        .any(|name| name.eq_ignore_ascii_case(column.as_str()))
}

/// Whether a statement touches what all databases of a server share.
/// Source: PostgreSQL manual, chapters 22 "Database Roles", 23 "Managing Databases".
pub fn reaches_server(statement: &Sql) -> bool {
    reaches_in(statement.as_str(), 0)
}

/// Bodies of functions and DO blocks are texts that hold statements; texts in those are looked into as well.
fn reaches_in(text: &str, depth: usize) -> bool {
    const SHARED: [&str; 7] =
        ["role", "user", "group", "tablespace", "database", "system", "subscription"];
    let tokens = tokenize(text, crate::text::Dialect::Postgres);
    let code: Vec<&Token<'_>> = tokens.iter().filter(|token| token.is_code()).collect();
    let word = |at: usize, texts: &[&str]| {
        code.get(at).is_some_and(|token| texts.iter().any(|text| token.is_word(text)))
    };
    let starts = |at: usize| at == 0 || code[at - 1].is_mark(";") || depth > 0;
    (0..code.len()).any(|at| {
        let object = starts(at)
            && word(at, &["create", "alter", "drop"])
            && word(at + 1, &SHARED)
            && !word(at + 2, &["mapping"]);
        let about = starts(at)
            && word(at, &["comment", "label"])
            && word(at + 1, &["on"])
            && word(at + 2, &SHARED);
        let owned = starts(at) && word(at, &["reassign", "drop"]) && word(at + 1, &["owned"]);
        let member = (at == 0 || code[at - 1].is_mark(";"))
            && word(at, &["grant", "revoke"])
            && is_membership(&code[at..]);
        let inner = code[at].kind == Kind::Text && depth < 3 && code[at].text.len() > 12;
        object || about || owned || member || (inner && reaches_in(body(code[at].text), depth + 1))
    })
}

/// `GRANT a TO b`, and not `GRANT right ON object TO b` except on a whole database or tablespace.
fn is_membership(code: &[&Token<'_>]) -> bool {
    let end = code.iter().position(|token| token.is_mark(";")).unwrap_or(code.len());
    match code[..end].iter().position(|token| token.is_word("on")) {
        None => true,
        Some(at) => code.get(at + 1).is_some_and(|token| {
            ["database", "tablespace", "parameter"].iter().any(|text| token.is_word(text))
        }),
    }
}

/// What stands between the quotes of a text.
fn body(text: &str) -> &str {
    let inner = text.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    let quotes = match inner.strip_prefix('$').and_then(|rest| rest.find('$')) {
        Some(end) => end + 2,
        None => 1,
    };
    inner.get(quotes..inner.len().saturating_sub(quotes)).unwrap_or_default()
}

struct Search<'a> {
    catalog: &'a Catalog,
    tables: BTreeSet<QName>,
    opaques: BTreeSet<ObjectId>,
}

impl Search<'_> {
    fn statement(&mut self, text: &str) {
        let tokens = tokenize(text, self.catalog.dialect);
        let code: Vec<&Token<'_>> = tokens.iter().filter(|token| token.is_code()).collect();
        for (at, token) in code.iter().enumerate() {
            match token.kind {
                Kind::Word | Kind::Quoted => self.name(&code, at),
                Kind::Text => self.words(body(token.text)),
                Kind::Number | Kind::Parameter | Kind::Mark | Kind::Comment | Kind::Space => {}
            }
        }
    }

    /// A name in code: `schema.name` means one object, a name alone any of that name where an object may stand.
    fn name(&mut self, code: &[&Token<'_>], at: usize) {
        let Some(name) = spelled(code[at]) else { return };
        if at > 0 && code[at - 1].is_mark(".") {
            let schema = at.checked_sub(2).and_then(|before| spelled(code[before]));
            let schema = schema.unwrap_or_default();
            self.objects(|object| object.schema.as_str() == schema && object.name.as_str() == name);
            return;
        }
        let qualifies = code.get(at + 1).is_some_and(|next| next.is_mark("."));
        let called = code.get(at + 1).is_some_and(|next| next.is_mark("("));
        let introduced = at > 0
            && (INTRODUCING.iter().any(|word| code[at - 1].is_word(word))
                || (code[at - 1].is_mark(",") && code[at].kind == Kind::Word));
        if qualifies || called || introduced {
            self.objects(|object| object.name.as_str() == name);
        }
    }

    /// Any word of a text that holds code.
    fn words(&mut self, text: &str) {
        let belongs = |c: char| c.is_alphanumeric() || c == '_';
        // A dollar may be part of a name, or the quote that ends beside it.
        let words: BTreeSet<String> = text
            .split(|c: char| !belongs(c))
            .chain(text.split(|c: char| !(belongs(c) || c == '$')))
            .filter(|word| !word.is_empty())
            .flat_map(|word| [word.to_owned(), word.to_lowercase()])
            .collect();
        self.objects(|object| words.contains(object.name.as_str()));
    }

    fn objects(&mut self, is_meant: impl Fn(&QName) -> bool) {
        let catalog = self.catalog;
        for table in catalog.tables.values().filter(|table| is_meant(&table.name)) {
            self.table(table);
        }
        for id in catalog.opaques.keys().filter(|id| is_meant(&id.name)) {
            self.opaque(id);
        }
    }

    fn table(&mut self, table: &Table) {
        if !self.tables.insert(table.name.clone()) {
            return;
        }
        let catalog = self.catalog;
        let is_heir = |other: &&Table| {
            other.options.of_postgres().is_some_and(|it| it.parents.contains(&table.name))
        };
        for heir in catalog.tables.values().filter(is_heir) {
            self.table(heir);
        }
        // What runs when its rows are written may look at other tables.
        let runs = |id: &&ObjectId| {
            id.table.as_ref() == Some(&table.name)
                && matches!(id.kind, OpaqueKind::Trigger | OpaqueKind::Rule | OpaqueKind::Policy)
        };
        for id in catalog.opaques.keys().filter(runs) {
            self.opaque(id);
        }
        let checks = table.constraints.iter().filter_map(|constraint| match &constraint.kind {
            crate::catalog::ConstraintKind::Check { expression } => Some(expression.as_str()),
            crate::catalog::ConstraintKind::PrimaryKey { .. }
            | crate::catalog::ConstraintKind::Unique { .. }
            | crate::catalog::ConstraintKind::ForeignKey(_)
            | crate::catalog::ConstraintKind::Exclusion => None,
        });
        let computed = table.columns.iter().flat_map(|column| {
            let generated = column.generated.as_ref().map(|it| it.expression.as_str());
            [column.default.as_deref(), generated]
        });
        for expression in checks.chain(computed.flatten()) {
            self.functions(expression);
        }
    }

    fn functions(&mut self, expression: &str) {
        let tokens = tokenize(expression, self.catalog.dialect);
        let names: BTreeSet<String> = tokens.iter().filter_map(|token| spelled(token)).collect();
        let catalog = self.catalog;
        let is_called = |id: &&ObjectId| {
            id.kind == OpaqueKind::Function && names.contains(id.name.name.as_str())
        };
        for id in catalog.opaques.keys().filter(is_called) {
            self.opaque(id);
        }
    }

    fn opaque(&mut self, id: &ObjectId) {
        let Some(opaque) = self.catalog.opaques.get(id) else { return };
        if !self.opaques.insert(id.clone()) {
            return;
        }
        for dependency in &opaque.depends_on {
            match dependency {
                Dependency::Table(name)
                | Dependency::Column(name, _)
                | Dependency::Constraint(name, _) => {
                    if let Some(table) = self.catalog.tables.get(name) {
                        self.table(table);
                    }
                }
                Dependency::Opaque(other) => self.opaque(other),
                Dependency::Enum(_) => {}
            }
        }
        let runs = matches!(
            id.kind,
            OpaqueKind::Function | OpaqueKind::Procedure | OpaqueKind::Rule | OpaqueKind::Policy
        );
        if runs {
            for text in &opaque.create {
                self.words(text);
            }
        }
    }
}

/// Words before a name of a table, view or function.
const INTRODUCING: [&str; 21] = [
    "from",
    "join",
    "table",
    "into",
    "update",
    "on",
    "references",
    "only",
    "using",
    "exists",
    "truncate",
    "view",
    "lock",
    "copy",
    "analyze",
    "vacuum",
    "cluster",
    "like",
    "inherit",
    "of",
    "function",
];

/// A name as the engine understands it: unquoted words in lower case.
pub(super) fn spelled(token: &Token<'_>) -> Option<String> {
    match token.kind {
        Kind::Word => Some(token.text.to_lowercase()),
        Kind::Quoted => token.name(),
        Kind::Text | Kind::Number | Kind::Parameter | Kind::Mark | Kind::Comment | Kind::Space => {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Dialect;

    fn touches(statement: &str) -> bool {
        let table = QName::new("public", "product");
        let catalog = Catalog::empty(Dialect::Postgres);
        touches_key(&Sql::new(statement), &table, &[Ident::from("sku")], &catalog)
    }

    #[test]
    fn an_update_touches_the_columns_that_it_sets() {
        for statement in [
            "UPDATE product SET sku = 'a'",
            "UPDATE product AS t SET (n, \"sku\") = (SELECT 1, k.v FROM k)",
            "UPDATE product SET n = (SELECT 1 FROM x WHERE a = 1), sku = k.v FROM k",
            "ALTER TABLE product ALTER COLUMN sku TYPE text",
            "DELETE FROM product",
        ] {
            assert!(touches(statement), "{statement}");
        }
        for statement in [
            "UPDATE product AS t SET n = k.v FROM k WHERE t.sku = k.key_1",
            "UPDATE product SET n = (SELECT v FROM k WHERE k.sku = product.sku)",
            "ALTER TABLE product ADD COLUMN n int",
            "UPDATE other SET n = 1",
        ] {
            assert!(!touches(statement), "{statement}");
        }
    }
}
