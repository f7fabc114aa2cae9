//! Holds JSON to a JSON Schema: the words of draft 7 that the schemas here use; another word is a panic, not a pass.

use serde_json::Value;

/// Where `value` is not as `schema` says, with the path to each place.
pub fn faults(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, schema, value, "$", &mut found);
    found
}

fn check(root: &Value, schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    let Some(words) = schema.as_object() else {
        if schema == &Value::Bool(false) {
            found.push(format!("{path}: nothing may stand here"));
        }
        return;
    };
    for (word, rule) in words {
        match word.as_str() {
            "$schema" | "$id" | "id" | "title" | "description" | "default" | "definitions"
            | "format" | "$comment" | "examples" => {}
            "$ref" => {
                let pointer =
                    rule.as_str().and_then(|it| it.strip_prefix('#')).expect("a local $ref");
                let target = root.pointer(pointer).unwrap_or_else(|| panic!("no {pointer}"));
                check(root, target, value, path, found);
            }
            "type" => {
                let is = |name: &Value| is_of(value, name.as_str().expect("a name of a type"));
                let fits = rule.as_array().map_or_else(|| is(rule), |all| all.iter().any(is));
                if !fits {
                    found.push(format!("{path}: {value} is not of type {rule}"));
                }
            }
            "enum" => {
                if !rule.as_array().expect("a list").contains(value) {
                    found.push(format!("{path}: {value} is none of {rule}"));
                }
            }
            "const" => {
                if rule != value {
                    found.push(format!("{path}: {value} is not {rule}"));
                }
            }
            "required" => {
                let Some(object) = value.as_object() else { continue };
                for name in rule.as_array().expect("a list") {
                    let name = name.as_str().expect("a name");
                    if !object.contains_key(name) {
                        found.push(format!("{path}: `{name}` is missing"));
                    }
                }
            }
            "properties" => {
                for (name, rule) in rule.as_object().expect("an object") {
                    if let Some(inner) = value.get(name) {
                        check(root, rule, inner, &format!("{path}.{name}"), found);
                    }
                }
            }
            "additionalProperties" => {
                let Some(object) = value.as_object() else { continue };
                let named = words.get("properties").and_then(Value::as_object);
                for (name, inner) in object {
                    if !named.is_some_and(|named| named.contains_key(name)) {
                        check(root, rule, inner, &format!("{path}.{name}"), found);
                    }
                }
            }
            "items" => {
                for (index, inner) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, rule, inner, &format!("{path}[{index}]"), found);
                }
            }
            "uniqueItems" => {
                let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
                if (1..items.len()).any(|at| items[..at].contains(&items[at])) {
                    found.push(format!("{path}: two items are equal"));
                }
            }
            "minItems" | "maxItems" => {
                let Some(items) = value.as_array() else { continue };
                let bound = rule.as_u64().expect("a number") as usize;
                let fits =
                    if word == "minItems" { items.len() >= bound } else { items.len() <= bound };
                if !fits {
                    found.push(format!("{path}: {word} is {bound}"));
                }
            }
            "minimum" | "maximum" => {
                let (Some(number), Some(bound)) = (value.as_f64(), rule.as_f64()) else { continue };
                let fits = if word == "minimum" { number >= bound } else { number <= bound };
                if !fits {
                    found.push(format!("{path}: {word} is {bound}"));
                }
            }
            "pattern" => {
                let pattern =
                    regex::Regex::new(rule.as_str().expect("a pattern")).expect("it is read");
                if value.as_str().is_some_and(|text| !pattern.is_match(text)) {
                    found.push(format!("{path}: {value} does not match {rule}"));
                }
            }
            "allOf" => {
                for rule in rule.as_array().expect("a list") {
                    check(root, rule, value, path, found);
                }
            }
            "anyOf" | "oneOf" => {
                let holds = |rule: &&Value| {
                    let mut inner = Vec::new();
                    check(root, rule, value, path, &mut inner);
                    inner.is_empty()
                };
                let number = rule.as_array().expect("a list").iter().filter(holds).count();
                if number == 0 || (word == "oneOf" && number > 1) {
                    found.push(format!("{path}: {number} of {word} hold"));
                }
            }
            "not" => {
                let mut inner = Vec::new();
                check(root, rule, value, path, &mut inner);
                if inner.is_empty() {
                    found.push(format!("{path}: `not` holds"));
                }
            }
            other => panic!("{path}: the word `{other}` of the schema is not known here"),
        }
    }
}

fn is_of(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        other => panic!("`{other}` is no type"),
    }
}
