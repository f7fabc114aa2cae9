//! Earlier names. The snapshot of a version states no `was:`; its plan says what each table and column was called before.

use std::collections::BTreeMap;

use super::picture::{Picture, entities};
use crate::plan::carries::Carries;

/// Tells a picture the names that its entities and fields had before some plans, oldest first.
pub fn tell_earlier_names(before: &Picture, after: &mut Picture, plans: &[&Carries]) {
    for entity in &mut after.entities {
        let mut table = entity.table.clone();
        let mut columns: BTreeMap<String, String> = BTreeMap::new();
        for field in &entity.fields {
            columns.extend(field.column.clone().map(|column| (column.clone(), column)));
        }
        for carries in plans.iter().rev() {
            let is_it = |name: &crate::text::QName| name.to_string() == table;
            let carried = carries.tables.iter().find(|it| it.after.as_ref().is_some_and(is_it));
            let Some(carried) = carried else { continue };
            table = carried.before.to_string();
            columns = columns
                .into_iter()
                .filter_map(|(now, then)| {
                    let old = carried.columns.iter().find(|(_, new)| new.as_str() == then);
                    old.map(|(old, _)| (now, old.to_string()))
                })
                .collect();
        }
        let Some(earlier) = before.entities.iter().find(|it| it.table == table) else { continue };
        if earlier.name != entity.name {
            entity.was.push(earlier.name.clone());
        }
        for field in &mut entity.fields {
            let then = field.column.as_ref().and_then(|column| columns.get(column));
            let old =
                earlier.fields.iter().find(|it| it.column.is_some() && it.column.as_ref() == then);
            if let Some(old) = old.filter(|old| old.name != field.name) {
                field.was.push(old.name.clone());
            }
        }
    }
}

/// Tells the earlier picture of the names that entities have later, where it refers to them: a reference to the same entity
/// under another name is the same.
pub fn follow_references(before: &mut Picture, after: &Picture) {
    let renamed: BTreeMap<String, String> = entities(before, after)
        .into_iter()
        .filter_map(|sides| Some((sides.before?.name.clone(), sides.after?.name.clone())))
        .filter(|(old, new)| old != new)
        .collect();
    for field in before.entities.iter_mut().flat_map(|entity| &mut entity.fields) {
        for (start, end) in [("→ ", ""), ("many ", ""), ("many ", ", both ways")] {
            let named = field.kind.strip_prefix(start).and_then(|rest| rest.strip_suffix(end));
            if let Some(new) = named.and_then(|name| renamed.get(name)) {
                field.kind = format!("{start}{new}{end}");
            }
        }
        if let Some(reference) = &mut field.refers_to
            && let Some(new) = renamed.get(&reference.entity)
        {
            reference.entity.clone_from(new);
        }
    }
}

/// Tells a picture of a version what the model says beside it: what rows get that are there already, and what becomes of
/// old values. `stated` is the model that the version was planned from.
pub fn tell_hints(after: &mut Picture, stated: &Picture) {
    for entity in &mut after.entities {
        let Some(same) = stated.entity(&entity.name) else { continue };
        for field in &mut entity.fields {
            if let Some(told) = same.field(&field.name) {
                field.backfill.clone_from(&told.backfill);
                field.values.clone_from(&told.values);
            }
        }
    }
    after.reasons.clone_from(&stated.reasons);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::carries::Carried;
    use crate::report::document::picture::{Entity, Field};
    use crate::text::{Ident, QName};

    fn picture(entity: &str, table: &str, fields: &[&str]) -> Picture {
        let field = |name: &&str| Field {
            name: (*name).into(),
            column: Some((*name).into()),
            ..Field::default()
        };
        let entity = Entity {
            name: entity.into(),
            table: table.into(),
            fields: fields.iter().map(field).collect(),
            ..Entity::default()
        };
        Picture { entities: vec![entity], ..Picture::default() }
    }

    fn carries(before: &str, after: &str, columns: &[(&str, &str)]) -> Carries {
        let columns = columns.iter().map(|(old, new)| (Ident::new(*old), Ident::new(*new)));
        let table = Carried {
            before: QName::new("main", before),
            after: Some(QName::new("main", after)),
            columns: columns.collect(),
            changed_back: Default::default(),
        };
        Carries { tables: vec![table], ..Carries::default() }
    }

    #[test]
    fn names_are_followed_through_several_plans() {
        let before = picture("A", "a", &["x", "gone"]);
        let mut after = picture("C", "c", &["z", "gone"]);
        let first = carries("a", "b", &[("x", "y")]);
        let second = carries("b", "c", &[("y", "z")]);
        tell_earlier_names(&before, &mut after, &[&first, &second]);
        let entity = &after.entities[0];
        assert_eq!(entity.was, ["A"]);
        assert_eq!(entity.fields[0].was, ["x"]);
        assert_eq!(entity.fields[1].was, [""; 0], "it was dropped, and one of its name is new");
    }
}
