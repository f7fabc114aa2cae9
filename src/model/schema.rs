//! The JSON Schema (draft-07) of the model file, made from the table of keys: editors complete and explain by it.

use serde_json::{Map, Value, json};

use super::keys::{ALL, Context, Shape};

/// The schema of `model.yaml`.
pub fn schema() -> Value {
    let mut definitions = Map::new();
    for context in ALL {
        definitions.insert(definition_name(context), object(context));
    }
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "migrate model",
        "description": "A domain model: entities, fields, relationships and rules.",
        "$ref": format!("#/definitions/{}", definition_name(Context::Model)),
        "definitions": definitions,
    })
}

fn definition_name(context: Context) -> String {
    format!("{context:?}")
}

fn object(context: Context) -> Value {
    let mut properties = Map::new();
    for key in context.keys() {
        let mut value = shape(key.shape);
        if let Value::Object(map) = &mut value {
            // Draft-07 ignores what stands beside `$ref`, so that goes into an `allOf`.
            if let Some(reference) = map.remove("$ref") {
                map.insert("allOf".to_owned(), json!([{ "$ref": reference }]));
            }
            map.insert("description".to_owned(), json!(key.doc));
        }
        properties.insert(key.name.to_owned(), value);
    }
    let mut object = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    let required: &[&str] = match context {
        Context::Entity => &["fields"],
        Context::NamedType => &["base"],
        Context::Transition => &["from", "to"],
        Context::Rule => &["check"],
        Context::SqlObject => &["kind"],
        Context::Key | Context::Unique => &["fields"],
        Context::ForeignKey => &["fields", "ref"],
        Context::SqlText => &["up"],
        Context::Model
        | Context::ModelSqlite
        | Context::EntitySqlite
        | Context::EntityPostgres
        | Context::Field
        | Context::FieldOverride
        | Context::Length
        | Context::Index
        | Context::IndexOverride
        | Context::RawText
        | Context::Change => &[],
    };
    if context == Context::Change {
        object["oneOf"] = json!([{ "required": ["drop"] }, { "required": ["move", "to"] }]);
    }
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    object
}

fn shape(of: Shape) -> Value {
    match of {
        Shape::Text | Shape::Expression | Shape::Sql => {
            json!({ "type": ["string", "number", "boolean"] })
        }
        Shape::Number => json!({ "type": "integer", "minimum": 0 }),
        Shape::Flag => json!({ "type": "boolean" }),
        Shape::Scalar => json!({ "type": ["string", "number", "boolean", "null"] }),
        Shape::Word(words) => json!({ "enum": words }),
        Shape::List => json!({ "type": "array", "items": { "type": ["string", "number"] } }),
        Shape::OneOrMore => json!({
            "anyOf": [
                { "type": "string" },
                { "type": "array", "items": { "type": "string" } },
            ],
        }),
        Shape::Pairs => {
            json!({ "type": "object", "additionalProperties": { "type": ["string", "number", "boolean"] } })
        }
        Shape::Named(inner) => json!({ "type": "object", "additionalProperties": shape(*inner) }),
        Shape::ListOf(inner) => json!({ "type": "array", "items": shape(*inner) }),
        Shape::Object(context) => {
            json!({ "$ref": format!("#/definitions/{}", definition_name(context)) })
        }
        Shape::Either(shapes) => {
            json!({ "anyOf": shapes.iter().map(|inner| shape(*inner)).collect::<Vec<_>>() })
        }
        Shape::Any => json!({}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_in_the_schema_and_the_reverse() {
        let schema = schema();
        let definitions = schema["definitions"].as_object().expect("definitions");
        assert_eq!(definitions.len(), ALL.len());
        for context in ALL {
            let object = &definitions[&definition_name(context)];
            assert_eq!(object["additionalProperties"], json!(false));
            let properties = object["properties"].as_object().expect("properties");
            let known: Vec<&str> = context.keys().iter().map(|key| key.name).collect();
            let said: Vec<&str> = properties.keys().map(String::as_str).collect();
            assert_eq!(known, said, "{context:?}");
            for key in context.keys() {
                assert!(
                    properties[key.name]["description"].is_string(),
                    "{context:?}.{}",
                    key.name
                );
            }
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let text = schema().to_string();
        for part in text.split("#/definitions/").skip(1) {
            let name = part.split('"').next().expect("a name");
            assert!(ALL.iter().any(|context| definition_name(*context) == name), "{name}");
        }
    }
}
