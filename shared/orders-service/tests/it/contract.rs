//! The API's document, `openapi.json`, and responses checked against it.

use std::{fs, path::Path, sync::LazyLock};

use serde_json::{Map, Value, json};

use crate::fixture::Answer;

/// The document.
pub(crate) static DOCUMENT: LazyLock<Value> = LazyLock::new(|| document("openapi.json"));

/// The document's components, with objects that have no other fields than those in it.
static CLOSED_COMPONENTS: LazyLock<Value> = LazyLock::new(|| {
    let mut components = DOCUMENT["components"].clone();
    close(&mut components["schemas"]);
    components
});

/// Reads a document of this crate or, from there, of another.
pub(crate) fn document(path: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Returns all operations, each with the parameters that it shares with others of its path.
pub(crate) fn operations() -> impl Iterator<Item = (&'static Value, &'static Value)> {
    let paths = DOCUMENT["paths"].as_object().unwrap().values();
    paths.flat_map(|path| {
        let operations = path.as_object().unwrap().iter();
        let operations = operations.filter(|(method, _)| *method != "parameters");
        operations.map(move |(_, operation)| (operation, &path["parameters"]))
    })
}

/// Returns an operation, and the parameters that it shares with others of its path.
pub(crate) fn operation(id: &str) -> (&'static Value, &'static Value) {
    operations()
        .find(|(operation, _)| operation["operationId"] == id)
        .unwrap_or_else(|| panic!("openapi.json has no operation {id}"))
}

/// Follows a reference within the document.
pub(crate) fn resolve(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(reference) => {
            let pointer = reference.strip_prefix('#').unwrap();
            DOCUMENT
                .pointer(pointer)
                .unwrap_or_else(|| panic!("openapi.json has no {reference}"))
        }
        None => value,
    }
}

/// Returns the headers of a documented response.
pub(crate) fn headers(
    response: &'static Value,
) -> impl Iterator<Item = (&'static String, &'static Value)> {
    let headers = response["headers"].as_object().into_iter().flatten();
    headers.map(|(name, header)| (name, resolve(header)))
}

/// Adds to every schema of an object that it has no other fields. Readers ignore other fields,
/// but the service must not return them undocumented.
pub(crate) fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.get("properties").is_some_and(Value::is_object) {
                fields.entry("additionalProperties").or_insert(json!(false));
            }
            fields.values_mut().for_each(close);
        }
        Value::Array(values) => values.iter_mut().for_each(close),
        _ => {}
    }
}

/// Panics if a value doesn't match a schema that refers to these components.
pub(crate) fn assert_matches(value: &Value, schema: &Value, components: &Value) {
    let mut schema: Map<String, Value> = schema.as_object().unwrap().clone();
    schema.insert("components".to_owned(), components.clone());
    let validator = jsonschema::draft202012::options()
        .should_validate_formats(true)
        .build(&Value::Object(schema))
        .unwrap();
    if let Err(error) = validator.validate(value) {
        panic!("{error} in {value}");
    }
}

/// Panics if an operation's response is not in the document: its status, a header, its content
/// type or a field of its body.
pub(crate) fn assert_documented(id: &str, answer: &Answer) {
    let (operation, _) = operation(id);
    let response = &operation["responses"][answer.status.to_string()];
    assert!(response.is_object(), "{id} has undocumented {answer:?}");
    let response = resolve(response);
    for (name, header) in headers(response) {
        let Some(value) = answer.headers.get(name) else {
            assert_ne!(header["required"], true, "{id} has no {name}: {answer:?}");
            continue;
        };
        let value = Value::from(value.to_str().unwrap());
        let value = match header["schema"]["type"].as_str() {
            Some("integer") => value.as_str().unwrap().parse::<u64>().unwrap().into(),
            _ => value,
        };
        assert_matches(&value, &header["schema"], &Value::Null);
    }
    for name in answer.headers.keys().filter(|name| *name != "content-type") {
        let is_known = headers(response).any(|(known, _)| *name == *known.to_lowercase());
        assert!(is_known, "{id} has undocumented {name}: {answer:?}");
    }
    let Some(content_type) = answer.headers.get("content-type") else {
        assert!(
            response["content"].is_null(),
            "{id} has no body: {answer:?}"
        );
        return;
    };
    let schema = &response["content"][content_type.to_str().unwrap()]["schema"];
    assert!(schema.is_object(), "{id} has undocumented {answer:?}");
    assert_matches(&answer.body, schema, &CLOSED_COMPONENTS);
}
