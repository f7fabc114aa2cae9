//! `audit: history`: a table beside an entity's own, into which triggers write each row as it was and as it became. Rows are
//! kept as JSON, so that the table stays as it is whatever becomes of the entity's fields.

use std::collections::BTreeSet;

use super::{Work, names};
use crate::catalog::machine::one_line;
use crate::catalog::rule::{Enforce, Requirement};
use crate::catalog::{Dependency, ObjectId, Opaque, OpaqueKind};
use crate::dialect::history::{Kept, Logged};
use crate::dialect::session::quote_text;
use crate::dialect::{postgres, sqlite};
use crate::expr::ValueType;
use crate::model::{DefaultValue, Entity, Field, FieldKind, Model, snake_case};
use crate::text::{Dialect, Ident, QName};

/// The model with an entity for each history.
pub(super) fn with_histories(model: &Model) -> Model {
    let histories: Vec<Entity> =
        model.entities.iter().filter(|entity| entity.audits("history")).map(history_of).collect();
    let mut model = model.clone();
    model.entities.extend(histories);
    model
}

fn history_of(entity: &Entity) -> Entity {
    let field = |name: &str, value: ValueType, text: &str| Field {
        place: entity.place,
        ..Field::of_type(name, value, text)
    };
    let mut id = field("id", ValueType::Int, "int");
    id.postgres.identity = Some("always".to_owned());
    let mut at = field("changed_at", ValueType::Timestamp, "timestamp");
    at.default = Some(DefaultValue::Now);
    let mut operation = field("operation", ValueType::Text, "text");
    operation.kind = FieldKind::Enum {
        values: ["insert", "update", "delete"].map(str::to_owned).into(),
        from_roles: false,
        constraint: Default::default(),
    };
    let optional = |name: &str, value: ValueType, text: &str| Field {
        optional: true,
        ..field(name, value, text)
    };
    let fields = vec![
        id,
        at,
        operation,
        optional("changed_by", ValueType::Text, "text"),
        optional("row_before", ValueType::Json, "json"),
        optional("row_after", ValueType::Json, "json"),
    ];
    let earlier = entity.was.iter().flat_map(|name| [name.clone(), snake_case(name)]);
    Entity {
        name: format!("{}History", entity.name),
        was: earlier.map(|name| format!("{name}_history")).collect(),
        table: Some(format!("{}_history", entity.table_name())),
        comment: Some(format!("rows of {} as they were and became", entity.name)),
        fields,
        postgres: entity.postgres.clone(),
        place: entity.place,
        ..Entity::default()
    }
}

impl Work<'_> {
    pub(super) fn histories(&mut self) {
        for entity in self.model.entities.iter().filter(|entity| entity.audits("history")) {
            self.history(entity);
            for field in &entity.fields {
                self.recorded_transitions(entity, field);
            }
        }
    }

    fn history(&mut self, entity: &Entity) {
        let table = names::table(entity, self.dialect);
        let log = QName {
            schema: table.schema.clone(),
            name: Ident::new(format!("{}_history", table.name)),
        };
        let same = |other: &&Entity| names::table(other, self.dialect) == log;
        if self.model.entities.iter().filter(same).count() > 1 {
            let message = format!("`{}` is written twice: `audit: history` makes it too", log.name);
            self.error(entity.place.span, message, "give the other entity another `table:`");
            return;
        }
        let columns = self.logged(entity);
        let kept = Kept { table: &table, log: &log, columns: &columns };
        let made = match self.dialect {
            Dialect::Postgres => postgres::history::objects(&kept),
            Dialect::Sqlite => match sqlite::history::objects(&kept) {
                Ok(made) => made,
                Err(message) => {
                    self.error(entity.place.span, message, "leave `history` out for this entity");
                    return;
                }
            },
        };
        let mut reads =
            BTreeSet::from([Dependency::Table(table.clone()), Dependency::Table(log.clone())]);
        if self.dialect == Dialect::Sqlite {
            reads.extend(
                columns.iter().map(|column| {
                    Dependency::Column(table.clone(), Ident::new(column.name.as_str()))
                }),
            );
        }
        let function = |name: &str| ObjectId {
            kind: OpaqueKind::Function,
            name: QName {
                schema: table.schema.clone(),
                name: Ident::new(names::shortened(name.to_owned())),
            },
            signature: String::new(),
            table: None,
        };
        for (kind, name, create) in made {
            let id = match kind {
                OpaqueKind::Function => function(&name),
                kind => ObjectId { kind, table: Some(table.clone()), ..function(&name) },
            };
            let mut depends_on = match kind {
                OpaqueKind::Function => BTreeSet::new(),
                _ => reads.clone(),
            };
            if kind != OpaqueKind::Function && self.dialect == Dialect::Postgres {
                depends_on.insert(Dependency::Opaque(function(&name)));
            }
            if self.catalog.opaques.contains_key(&id) {
                let message = format!("{id} is written, and `audit: history` makes it too");
                self.error(entity.place.span, message, "give the one under `sql:` another name");
            }
            let opaque =
                Opaque { id: id.clone(), create: vec![create], columns: Vec::new(), depends_on };
            self.catalog.opaques.insert(id, opaque);
        }
    }

    fn logged(&self, entity: &Entity) -> Vec<Logged> {
        let fields = entity.all_fields();
        let columns = fields.iter().filter_map(|field| {
            let is_json =
                matches!(&field.kind, FieldKind::Value { value_type: ValueType::Json, .. })
                    && field.override_for(self.dialect).data_type.is_none();
            Some(Logged { name: field.column_name()?, is_json })
        });
        columns.collect()
    }

    /// Changes of state that the history holds and that no transition makes today are told by `migrate verify`.
    fn recorded_transitions(&mut self, entity: &Entity, field: &Field) {
        let FieldKind::States { transitions, .. } = &field.kind else { return };
        let Some(column) = field.column_name().filter(|_| !transitions.is_empty()) else { return };
        let state = |row: &str| format!("(\"{row}\" ->> {})", quote_text(&column));
        let (before, after) = (state("row_before"), state("row_after"));
        let pairs =
            transitions.iter().flat_map(|it| it.from.iter().map(move |from| (from, &it.to)));
        let known: Vec<String> = pairs
            .map(|(from, to)| {
                format!("({before} = {} AND {after} = {})", quote_text(from), quote_text(to))
            })
            .collect();
        let expression = format!(
            "\"operation\" <> 'update' OR {before} IS NULL OR {after} IS NULL OR {before} = {after} OR {}",
            known.join(" OR ")
        );
        let mut log = names::table(entity, self.dialect);
        log.name = Ident::new(format!("{}_history", log.name));
        let title = format!("{}.{} as recorded", entity.name, field.name);
        let requirement = Requirement::Holds { expression };
        self.rule(&log, title, requirement, Enforce::Warn, field.place);
        if let Some(made) = self.rules.last_mut() {
            let text = "a change of state that no transition makes any more";
            made.message = Some(one_line(text));
        }
    }
}
