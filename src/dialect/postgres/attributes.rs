//! What PostgreSQL lets one alter of a type that columns hold, and what it does not.
//! Source: measured on PostgreSQL 13 to 18: `ADD ATTRIBUTE` and `DROP ATTRIBUTE` pass while tables use the type, `ALTER
//! ATTRIBUTE TYPE` does not; a check or NOT NULL cannot be added to a domain inside of an array, composite or range.

use super::hierarchy::options;
use super::mention::Mention;
use super::parts::texts_and_indexes;
use super::quote::{quote_ident, quote_name};
use super::shapes::Shapes;
use crate::catalog::facets::Subject;
use crate::catalog::{Catalog, Opaque, OpaqueKind, ShapeColumn};
use crate::text::token::tokenize;
use crate::text::{Dialect, Ident};

/// Whether only attributes at the end of a composite type come, or only such go that nothing names.
pub(super) fn change_in_place(before: &Opaque, after: &Opaque, catalog: &Catalog) -> bool {
    if after.id.kind != OpaqueKind::Type || before.create.len() > 1 || after.create.len() > 1 {
        return false;
    }
    let mention = Mention::of(&after.id);
    let is_typed = catalog.tables.values().any(|table| {
        options(table).of_type.as_deref().is_some_and(|of_type| mention.is_in(of_type))
    });
    if is_typed {
        return false;
    }
    let (old, new) = (&before.columns, &after.columns);
    let is_domain = |column: &ShapeColumn| {
        let domains = catalog.opaques.keys().filter(|id| id.kind == OpaqueKind::Domain);
        domains.into_iter().any(|id| Mention::of(id).is_in(&column.data_type))
    };
    if new.len() > old.len() {
        return new.starts_with(old) && !old.is_empty() && !new[old.len()..].iter().any(is_domain);
    }
    let own = catalog.facets_of(&Subject::Opaque(before.id.clone()));
    let is_described = own.is_some_and(|facets| {
        facets.lines.iter().any(|line| line.set.starts_with("COMMENT ON COLUMN"))
    });
    old.len() > new.len()
        && !is_described
        && old.starts_with(new)
        && !new.is_empty()
        && !old[new.len()..]
            .iter()
            .any(|column| is_domain(column) || is_named(&column.name, before, catalog))
}

/// Whether any text but that of a type names an attribute.
fn is_named(attribute: &Ident, own: &Opaque, catalog: &Catalog) -> bool {
    let names = |text: &str| {
        text.contains(attribute.as_str())
            && tokenize(text, Dialect::Postgres)
                .iter()
                .filter_map(|token| token.name())
                .any(|name| name == attribute.as_str())
    };
    let opaques =
        catalog.opaques.values().filter(|it| it.id != own.id && it.id.kind != OpaqueKind::Type);
    opaques.flat_map(|opaque| &opaque.create).any(|text| names(text))
        || catalog.tables.values().flat_map(texts_and_indexes).any(names)
}

/// `ALTER TYPE` for the attributes that come or go.
pub(super) fn statements(before: &Opaque, after: &Opaque) -> Vec<String> {
    let name = quote_name(&after.id.name);
    let (old, new) = (&before.columns, &after.columns);
    let gone = old.iter().skip(new.len()).rev();
    let gone = gone
        .map(|column| format!("ALTER TYPE {name} DROP ATTRIBUTE {}", quote_ident(&column.name)));
    let come = new.iter().skip(old.len());
    let come = come.map(|column| {
        format!(
            "ALTER TYPE {name} ADD ATTRIBUTE {} {}",
            quote_ident(&column.name),
            column.data_type
        )
    });
    gone.chain(come).collect()
}

/// Whether a domain gets a rule and stored values hold it inside of others, where PostgreSQL cannot check it.
pub(super) fn is_held_inside(before: &Opaque, after: &Opaque, catalog: &Catalog) -> bool {
    let adds_rule = after
        .create
        .iter()
        .skip(1)
        .filter(|text| !before.create.contains(text))
        .any(|text| text.contains(" ADD CONSTRAINT ") || text.ends_with(" SET NOT NULL"));
    if after.id.kind != OpaqueKind::Domain || !adds_rule {
        return false;
    }
    let shapes = Shapes::of(catalog);
    let columns = catalog.tables.values().flat_map(|table| &table.columns);
    columns.filter(|column| column.data_type.contains('.')).any(|column| {
        shapes.parts(&column.data_type).contains(&after.id)
            && !is_made_of_domains_only(&column.data_type, &shapes)
    })
}

/// Whether a type is the domain itself, or a domain over it.
fn is_made_of_domains_only(data_type: &str, shapes: &Shapes<'_>) -> bool {
    if data_type.ends_with("[]") {
        return false;
    }
    let parts = shapes.parts(data_type);
    parts.iter().all(|id| id.kind == OpaqueKind::Domain)
        && !shapes.under_domains(data_type).ends_with("[]")
}
