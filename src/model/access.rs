//! What follows from the parts of a model: names of tables and columns, keys, implied fields.

use super::{
    Carried, ChangeNote, DefaultValue, Entity, Facets, Field, FieldKind, Format, Model, NamedType,
    Override, Place, parse, tree,
};
use crate::expr::ValueType;
use crate::text::Dialect;

impl Format {
    pub const ALL: [Format; 6] = [
        Format::Email,
        Format::Url,
        Format::Slug,
        Format::Currency,
        Format::Country,
        Format::Phone,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Format::Email => "email",
            Format::Url => "url",
            Format::Slug => "slug",
            Format::Currency => "currency",
            Format::Country => "country",
            Format::Phone => "phone",
        }
    }
}

impl Model {
    pub fn entity(&self, name: &str) -> Option<&Entity> {
        self.entities.iter().find(|entity| entity.name == name)
    }

    /// The note of a field that an entity loses, and that expressions over its rows before that may name.
    pub fn dropped_field<'m>(&'m self, entity: &'m Entity, name: &str) -> Option<&'m ChangeNote> {
        self.dropped_fields(entity).find_map(|(note, field)| (field == name).then_some(note))
    }

    /// The fields that an entity loses, under its name or an earlier one.
    pub fn dropped_fields<'m>(
        &'m self,
        entity: &'m Entity,
    ) -> impl Iterator<Item = (&'m ChangeNote, &'m str)> {
        self.changes.iter().filter_map(|note| match note.target() {
            (name, Some(field)) if entity.name == name || entity.was.iter().any(|w| w == name) => {
                Some((note, field))
            }
            _ => None,
        })
    }

    pub fn named_type(&self, name: &str) -> Option<&NamedType> {
        self.types.iter().find(|named| named.name == name)
    }

    /// The kind of personal data that a field holds, by itself or by its type.
    pub fn personal<'m>(&'m self, field: &'m Field) -> Option<&'m str> {
        let marked = |carried: &'m [Carried]| {
            carried.iter().find(|carried| carried.key == "pii")?.value.as_text()
        };
        marked(&field.carried).or_else(|| match &field.kind {
            super::FieldKind::Value { text, .. } => marked(&self.named_type(text)?.carried),
            super::FieldKind::Enum { .. }
            | super::FieldKind::States { .. }
            | super::FieldKind::Ref { .. }
            | super::FieldKind::Many { .. } => None,
        })
    }

    /// The values of `roles:`.
    pub fn roles(&self) -> Vec<String> {
        let roles = self.carried.iter().find(|carried| carried.key == "roles");
        match roles.map(|carried| &carried.value.value) {
            Some(tree::Value::List(items)) => {
                items.iter().filter_map(|item| item.as_text().map(str::to_owned)).collect()
            }
            Some(tree::Value::Scalar { .. } | tree::Value::Map(_)) | None => Vec::new(),
        }
    }
}

impl Entity {
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Whether `audit:` asks for `created_at` and `updated_at`.
    pub fn has_timestamps(&self) -> bool {
        self.audits("timestamps")
    }

    /// Whether `audit:` says a word.
    pub fn audits(&self, word: &str) -> bool {
        let audit = self.carried.iter().find(|carried| carried.key == "audit");
        audit.is_some_and(|carried| match &carried.value.value {
            tree::Value::Scalar { text, .. } => text == word,
            tree::Value::List(items) => items.iter().any(|i| i.as_text() == Some(word)),
            tree::Value::Map(_) => false,
        })
    }

    /// The written fields, and those that `audit: timestamps` and `audit: actor` add.
    pub fn all_fields(&self) -> Vec<Field> {
        let mut fields = self.fields.clone();
        if self.has_timestamps() {
            for name in ["created_at", "updated_at"] {
                if self.field(name).is_none() {
                    fields.push(Field::timestamp(name, self.place));
                }
            }
        }
        if self.audits("actor") {
            for name in ["created_by", "updated_by"] {
                if self.field(name).is_none() {
                    fields.push(self.stamp(name));
                }
            }
        }
        fields
    }

    /// Who made a row, or changed it last: a row of the actor's entity, and a text where the model names none.
    fn stamp(&self, name: &str) -> Field {
        let mut field = Field::of_type(name, ValueType::Text, "text");
        if let Some(entity) = &self.stamped_by {
            field.kind = super::FieldKind::Ref {
                entity: entity.clone(),
                place: self.place,
                on_delete: Some(crate::catalog::Action::SetNull),
                on_update: None,
                constraint: super::ConstraintName::Derived,
            };
            field.column = Some(name.to_owned());
        }
        field.optional = true;
        field.place = self.place;
        field
    }

    /// Fields of the primary key: `key:`, else `id`.
    pub fn key_fields(&self) -> Vec<String> {
        match &self.key {
            Some(key) => key.fields.clone(),
            None => self.field("id").map(|_| vec!["id".to_owned()]).unwrap_or_default(),
        }
    }

    /// The table's name: `table:`, else the entity's name in snake case.
    pub fn table_name(&self) -> String {
        self.table.clone().unwrap_or_else(|| snake_case(&self.name))
    }
}

impl Field {
    /// A required field of a type, with nothing else to it.
    pub fn of_type(name: &str, value_type: ValueType, text: &str) -> Field {
        Field {
            name: name.to_owned(),
            was: Vec::new(),
            kind: FieldKind::Value { value_type, text: text.to_owned() },
            optional: false,
            default: None,
            facets: Facets::default(),
            backfill: None,
            down: None,
            using: None,
            from: None,
            values: Vec::new(),
            column: None,
            generated: None,
            stored: None,
            comment: None,
            postgres: Override::default(),
            sqlite: Override::default(),
            carried: Vec::new(),
            place: Place::default(),
        }
    }

    fn timestamp(name: &str, place: Place) -> Field {
        let mut field = Field::of_type(name, ValueType::Timestamp, "timestamp");
        field.default = Some(DefaultValue::Now);
        field.place = place;
        field
    }

    pub fn is_reference(&self) -> bool {
        matches!(self.kind, FieldKind::Ref { .. })
    }

    /// The column's name; `None` for the far side of a relationship.
    pub fn column_name(&self) -> Option<String> {
        match (&self.kind, &self.column) {
            (FieldKind::Many { .. }, _) => None,
            (_, Some(column)) => Some(column.clone()),
            (FieldKind::Ref { .. }, None) => Some(format!("{}_id", self.name)),
            (FieldKind::Value { .. } | FieldKind::Enum { .. } | FieldKind::States { .. }, None) => {
                Some(self.name.clone())
            }
        }
    }

    pub fn override_for(&self, dialect: Dialect) -> &Override {
        match dialect {
            Dialect::Postgres => &self.postgres,
            Dialect::Sqlite => &self.sqlite,
        }
    }
}

/// The field an expression means: SQL folds case, so `total` also finds `Total` where that is the only one.
pub fn field_named<'f>(fields: &'f [Field], name: &str) -> Option<&'f Field> {
    fields.iter().find(|field| field.name == name).or_else(|| {
        let mut like = fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
        like.next().filter(|_| like.next().is_none())
    })
}

/// `InvoiceLine` becomes `invoice_line`, `HTTPServer` `http_server`.
pub fn snake_case(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut text = String::with_capacity(name.len() + 4);
    for (index, letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).map(|before| letters[before]);
        let starts_word = letter.is_uppercase()
            && before.is_some_and(|before| {
                before.is_lowercase()
                    || before.is_ascii_digit()
                    || (before.is_uppercase()
                        && letters.get(index + 1).is_some_and(|next| next.is_lowercase()))
            });
        if starts_word {
            text.push('_');
        }
        text.extend(letter.to_lowercase());
    }
    text
}

/// Whether a text is a number as YAML and both engines write it.
pub fn is_number(text: &str) -> bool {
    parse::field::is_number(text)
}
