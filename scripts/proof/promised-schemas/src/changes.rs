//! What a change of a schema means for those who read by it.

use std::collections::BTreeMap;

use json_schema_diff::ChangeKind;
use serde_json::{Map, Value};

/// One change of a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What changes, and where.
    pub what: String,
    /// Whether a reader by the promised schema can't read all that is sent.
    pub is_breaking: bool,
}

/// Returns what differs between the schema that was promised and that of what is sent.
pub fn changes(promised: &Value, sent: &Value) -> Vec<Change> {
    let (promised, mut sent) = (parts(promised), parts(sent));
    let mut changes = Vec::new();
    for (path, promised) in &promised {
        match sent.remove(path) {
            Some(sent) => changes.extend(changes_of_part(path, promised, &sent)),
            None => changes.push(unjudged(path)),
        }
    }
    changes.extend(sent.keys().map(|path| unjudged(path)));
    changes
}

/// Compares two schemas without alternatives.
///
/// The arguments of the comparison are swapped: a reader breaks if what is sent today does not
/// match the schema that it was written for.
fn changes_of_part(path: &str, promised: &Value, sent: &Value) -> Vec<Change> {
    let Ok(found) = json_schema_diff::diff(sent.clone(), promised.clone()) else {
        return vec![unjudged(path)];
    };
    let judged = found.into_iter().map(|found| Change {
        what: format!("{}: {}", place(path, &found.path), describe(&found.change)),
        is_breaking: found.change.is_breaking(),
    });
    let unjudged = (not_compared(promised) != not_compared(sent)).then(|| unjudged(path));
    judged.chain(unjudged).collect()
}

fn unjudged(path: &str) -> Change {
    let what = "something differs that this test cannot judge: compare the schemas";
    Change {
        what: format!("{}: {what}", place(path, "")),
        is_breaking: true,
    }
}

fn place(part: &str, path: &str) -> String {
    match format!("{part}{path}").trim_start_matches('.') {
        "" => "the whole".to_owned(),
        place => place.to_owned(),
    }
}

/// Returns a schema and those in it that the comparison does not support where they are, by their
/// paths: alternatives, and the values of a map.
fn parts(schema: &Value) -> BTreeMap<String, Value> {
    let mut parts = BTreeMap::new();
    let mut whole = schema.clone();
    take_parts(&mut whole, "", &mut parts);
    parts.insert(String::new(), whole);
    parts
}

fn take_parts(schema: &mut Value, path: &str, parts: &mut BTreeMap<String, Value>) {
    let Some(schema) = schema.as_object_mut() else {
        return;
    };
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        for (name, property) in properties {
            take_parts(property, &format!("{path}.{name}"), parts);
        }
    }
    if let Some(items) = schema.get_mut("items") {
        take_parts(items, &format!("{path}[]"), parts);
    }
    for (name, mut part) in alternatives(schema).chain(values(schema)) {
        let path = format!("{path}{name}");
        take_parts(&mut part, &path, parts);
        parts.insert(path, part);
    }
}

fn alternatives(schema: &mut Map<String, Value>) -> impl Iterator<Item = (String, Value)> + use<> {
    let alternatives = match schema.remove("anyOf") {
        Some(Value::Array(alternatives)) => alternatives,
        _ => Vec::new(),
    };
    let numbered = alternatives.into_iter().enumerate();
    numbered.map(|(index, schema)| (format!("<{index}>"), schema))
}

fn values(schema: &mut Map<String, Value>) -> Option<(String, Value)> {
    // `false` says which members there are, and is compared as it is.
    schema.get("additionalProperties")?.as_object()?;
    let values = schema.remove("additionalProperties")?;
    Some((".*".to_owned(), values))
}

/// Keywords that the comparison supports, or that are only descriptions.
const COMPARED: [&str; 14] = [
    "type",
    "required",
    "enum",
    "const",
    "format",
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "title",
    "description",
];

/// Returns the keywords that the comparison does not support, with their paths.
fn not_compared(schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let within = |name: &str, schema: &Value| -> Vec<String> {
        let inner = not_compared(schema).into_iter();
        inner.map(|inner| format!("{name}.{inner}")).collect()
    };
    for (keyword, value) in schema.as_object().into_iter().flatten() {
        match keyword.as_str() {
            "properties" => {
                let properties = value.as_object().into_iter().flatten();
                found.extend(properties.flat_map(|(name, schema)| within(name, schema)));
            }
            "items" => found.extend(within("items", value)),
            known if COMPARED.contains(&known) => {}
            _ => found.push(format!("{keyword}={value}")),
        }
    }
    found
}

fn describe(change: &ChangeKind) -> String {
    match change {
        ChangeKind::RequiredAdd { property } => format!("may now lack {property}"),
        ChangeKind::RequiredRemove { property } => format!("now always has {property}"),
        ChangeKind::PropertyAdd { added, .. } => format!("no longer contains {added}"),
        ChangeKind::PropertyRemove { removed, .. } => format!("now contains {removed}"),
        ChangeKind::TypeRemove { removed } => format!("may now be of type {removed:?}"),
        ChangeKind::TypeAdd { added } => format!("is no longer of type {added:?}"),
        ChangeKind::EnumRemove { removed, .. } => format!("may now be {removed}"),
        ChangeKind::EnumAdd { added, .. } => format!("is no longer {added}"),
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn promised() -> Value {
        json!({
            "type": "object",
            "properties": {
                "id": {"type": "string"},
                "total": {"type": "integer", "minimum": 0},
                "note": {"type": "string"},
                "status": {"type": "string", "enum": ["placed"]},
                "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
                "rows": {"type": "array", "items": {"anyOf": [
                    {"type": "object", "properties": {"row": {"type": "string"}}, "required": ["row"]},
                    {"type": "null"},
                ]}},
            },
            "required": ["id", "total"],
        })
    }

    /// Returns the changes in words, after this value was put there, or removed if it is null.
    fn changed(pointer: &str, value: Value) -> String {
        let mut sent = promised();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        match (sent.pointer_mut(parent).unwrap(), value) {
            (Value::Object(parent), Value::Null) => drop(parent.remove(name)),
            (Value::Object(parent), value) => drop(parent.insert(name.to_owned(), value)),
            (Value::Array(parent), value) => parent.push(value),
            (parent, _) => panic!("{parent}"),
        }
        let changes = changes(&promised(), &sent).into_iter();
        let words = changes.map(|Change { what, is_breaking }| {
            let kind = if is_breaking { "breaks" } else { "harmless" };
            format!("{kind}: {what}")
        });
        words.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_change_says_whether_it_breaks_readers() {
        const ROWS: &str = "/properties/rows/items/anyOf";
        let row = |name: &str| format!("{ROWS}/0/{name}");
        for (pointer, value, says) in [
            (
                "/required",
                json!(["id"]),
                "breaks: the whole: may now lack total",
            ),
            (
                "/required",
                json!(["id", "total", "note"]),
                "harmless: the whole: now always has note",
            ),
            (
                "/properties/note",
                json!(null),
                "breaks: the whole: no longer contains note",
            ),
            (
                "/properties/more",
                json!({"type": "string"}),
                "harmless: the whole: now contains more",
            ),
            (
                "/properties/id/type",
                json!("integer"),
                "breaks: id: may now be of type Integer",
            ),
            (
                "/properties/total/type",
                json!(["integer", "null"]),
                "breaks: total: may now be of type Null",
            ),
            ("/properties/total/minimum", json!(-1), "breaks: total"),
            ("/properties/total/minimum", json!(1), "harmless: total"),
            (
                "/minProperties",
                json!(2),
                "breaks: the whole: something differs that this test cannot judge",
            ),
            (
                "/properties/id/oneOf",
                json!([]),
                "breaks: the whole: something differs that this test cannot judge",
            ),
            ("/description", json!("described better"), ""),
            (
                "/properties/status/enum",
                json!(["placed", "lost"]),
                "breaks: status: may now be \"lost\"",
            ),
            (
                "/properties/counts/additionalProperties",
                json!({"type": "string"}),
                "breaks: counts.*: may now be of type String",
            ),
            (
                &row("required"),
                json!([]),
                "breaks: rows[]<0>: may now lack row",
            ),
            (
                &row("properties/row"),
                json!(null),
                "breaks: rows[]<0>: no longer contains row",
            ),
            (
                &row("properties/more"),
                json!({"type": "string"}),
                "harmless: rows[]<0>: now contains more",
            ),
            (&row("description"), json!("described better"), ""),
            (
                &format!("{ROWS}/-"),
                json!({"type": "string"}),
                "breaks: rows[]<2>: something differs that this test cannot judge",
            ),
        ] {
            let said = changed(pointer, value);
            assert!(said.contains(says), "{pointer}: {said}");
            assert_eq!(said.is_empty(), says.is_empty(), "{pointer}: {said}");
        }
        assert_eq!(changes(&promised(), &promised()), []);
    }
}
