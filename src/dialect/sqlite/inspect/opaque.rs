//! Views, triggers and virtual tables: carried as text, with the tables they mention.

use std::collections::{BTreeMap, BTreeSet};

use super::{Object, text_of};
use crate::catalog::{Catalog, Dependency, ObjectId, Opaque, OpaqueKind};
use crate::dialect::InspectError;
use crate::text::token::{Kind, Token, tokens};
use crate::text::{Dialect, Ident, QName};

/// Whether the text creates a virtual table.
pub(super) fn is_virtual(text: &str) -> bool {
    let mut words = tokens(text, Dialect::Sqlite).filter(Token::is_code);
    words.nth(1).is_some_and(|token| token.is_word("VIRTUAL"))
}

pub(super) fn add(catalog: &mut Catalog, objects: &[&Object<'_>]) -> Result<(), InspectError> {
    let mut found = Vec::new();
    for object in objects {
        if let Some(id) = id(object, objects)? {
            found.push((id, text_of(object)?));
        }
    }
    let ids: Vec<ObjectId> = found.iter().map(|(id, _)| id.clone()).collect();
    let names = Names::of(catalog, &ids);
    let depends_on: Vec<_> =
        found.iter().map(|(id, text)| dependencies(id, text, catalog, &names)).collect();
    for ((id, text), depends_on) in found.into_iter().zip(depends_on) {
        let opaque = Opaque {
            id: id.clone(),
            create: vec![text.to_owned()],
            columns: Vec::new(),
            depends_on,
        };
        catalog.opaques.insert(id, opaque);
    }
    Ok(())
}

fn id(object: &Object<'_>, objects: &[&Object<'_>]) -> Result<Option<ObjectId>, InspectError> {
    // `sqlite_schema` has the table of a trigger as the trigger spells it.
    let spelled = |name: &str| {
        let found = objects.iter().find(|other| {
            matches!(other.kind, "table" | "view") && other.name.eq_ignore_ascii_case(name)
        });
        found.map_or(name, |found| found.name).to_owned()
    };
    let (kind, table) = match object.kind {
        "view" => (OpaqueKind::View, None),
        "trigger" => {
            (OpaqueKind::Trigger, Some(QName::local(Dialect::Sqlite, spelled(object.table))))
        }
        "table" if is_virtual(text_of(object)?) => (OpaqueKind::VirtualTable, None),
        _ => return Ok(None),
    };
    let name = QName::local(Dialect::Sqlite, object.name);
    Ok(Some(ObjectId { kind, name, signature: String::new(), table }))
}

/// What can be mentioned, by its name in lower case.
struct Names<'a> {
    tables: BTreeMap<String, QName>,
    objects: BTreeMap<String, Vec<&'a ObjectId>>,
    virtual_tables: Vec<&'a ObjectId>,
}

impl<'a> Names<'a> {
    fn of(catalog: &Catalog, ids: &'a [ObjectId]) -> Self {
        let folded = |name: &Ident| name.as_str().to_lowercase();
        let mut objects: BTreeMap<String, Vec<&ObjectId>> = BTreeMap::new();
        // A trigger is found by its table, never called by name.
        for id in ids.iter().filter(|id| id.kind != OpaqueKind::Trigger) {
            objects.entry(folded(&id.name.name)).or_default().push(id);
        }
        Names {
            tables: catalog.tables.keys().map(|name| (folded(&name.name), name.clone())).collect(),
            objects,
            virtual_tables: ids.iter().filter(|id| id.kind == OpaqueKind::VirtualTable).collect(),
        }
    }
}

/// What the text mentions by name. A name that is mentioned and not meant only costs an order.
fn dependencies(
    id: &ObjectId,
    text: &str,
    catalog: &Catalog,
    names: &Names<'_>,
) -> BTreeSet<Dependency> {
    let words = mentioned(text);
    let mut found = BTreeSet::new();
    let tables = words.iter().filter_map(|word| catalog.tables.get(names.tables.get(word)?));
    for table in tables {
        found.insert(Dependency::Table(table.name.clone()));
        for column in table.columns.iter().filter(|column| has(&words, &column.name)) {
            found.insert(Dependency::Column(table.name.clone(), column.name.clone()));
        }
    }
    let shadows = names.virtual_tables.iter().filter(|other| {
        id.table.as_ref().is_some_and(|table| is_shadow_of(&table.name, &other.name.name))
    });
    let named = words.iter().filter_map(|word| names.objects.get(word)).flatten();
    for other in shadows.chain(named).filter(|other| **other != id) {
        found.insert(Dependency::Opaque((*other).clone()));
    }
    found
}

/// Shadow tables are named after their virtual table. Source: sqlite.org/vtab.html "The xShadowName Method".
pub(in crate::dialect::sqlite) fn is_shadow_of(table: &Ident, virtual_table: &Ident) -> bool {
    let prefix = format!("{}_", virtual_table.as_str().to_lowercase());
    table.as_str().to_lowercase().starts_with(&prefix)
}

fn has(words: &BTreeSet<String>, name: &Ident) -> bool {
    words.contains(&name.as_str().to_lowercase())
}

/// All names in the text, lower case. Strings count: `content='posts'` names a table.
fn mentioned(text: &str) -> BTreeSet<String> {
    tokens(text, Dialect::Sqlite)
        .filter_map(|token| match token.kind {
            Kind::Text => Some(token.text.trim_matches('\'').to_lowercase()),
            Kind::Word => {
                Some(token.text.to_lowercase()).filter(|word| !RESERVED.contains(&word.as_str()))
            }
            Kind::Quoted
            | Kind::Number
            | Kind::Parameter
            | Kind::Mark
            | Kind::Comment
            | Kind::Space => token.name().map(|name| name.to_lowercase()),
        })
        .collect()
}

/// Words that stand in many texts and name a thing only in quotes.
/// Source: sqlite.org/lang_keywords.html without the words that `%fallback ID` in `parse.y` lists.
const RESERVED: &[&str] = &[
    "as", "case", "create", "delete", "distinct", "else", "exists", "from", "group", "in", "index",
    "insert", "into", "is", "join", "not", "null", "on", "or", "order", "select", "set", "table",
    "then", "union", "update", "using", "values", "when", "where",
];
