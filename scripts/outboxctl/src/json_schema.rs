//! JSON Schemas of what is printed for programs, made from the very types that are serialized.

use schemars::{
    JsonSchema, Schema,
    generate::SchemaSettings,
    transform::{RecursiveTransform, Transform},
};
use serde_json::{Map, Value};

/// The members of a schema.
pub(crate) type Members = Map<String, Value>;

/// Returns the schema of a value as it is serialized, without a name and a dialect.
pub(crate) fn of<T: JsonSchema>() -> Members {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let settings = settings.with(|settings| {
        settings.inline_subschemas = true;
        // Set by the document that the schema is a part of.
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    RecursiveTransform(absent_instead_of_null).transform(&mut schema);
    RecursiveTransform(without_line_breaks).transform(&mut schema);
    schema.remove("title");
    let schema = schema.to_value();
    schema.as_object().cloned().unwrap_or_default()
}

/// Returns a document with the schema of what is in one of these forms.
pub(crate) fn document(title: &str, mut forms: Vec<Members>) -> Value {
    let mut document = Map::new();
    let dialect = "https://json-schema.org/draft/2020-12/schema";
    document.insert("$schema".to_owned(), dialect.into());
    document.insert("title".to_owned(), title.into());
    if forms.len() == 1 {
        document.extend(forms.remove(0));
    } else {
        document.insert("anyOf".to_owned(), forms.into());
    }
    Value::Object(document)
}

/// Removes null from the types of members that are left out instead.
fn absent_instead_of_null(schema: &mut Schema) {
    let required = schema.get("required").and_then(Value::as_array).cloned();
    let is_required = |name: &str| required.iter().flatten().any(|required| required == name);
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    for (name, property) in properties.into_iter().flatten() {
        if let Some(property) = property.as_object_mut()
            && !is_required(name)
        {
            remove_null(property);
        }
    }
}

fn remove_null(schema: &mut Members) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|of| of != "null");
        if types.len() == 1 {
            let only = types.remove(0);
            schema.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(forms)) = schema.get_mut("anyOf") {
        forms.retain(|form| form.get("type") != Some(&"null".into()));
        if forms.len() == 1
            && let Value::Object(only) = forms.remove(0)
        {
            schema.remove("anyOf");
            let described = schema.remove("description");
            schema.extend(only);
            schema.extend(described.map(|text| ("description".to_owned(), text)));
        }
    }
}

/// Joins the lines of descriptions: where they end is a matter of the code.
fn without_line_breaks(schema: &mut Schema) {
    if let Some(Value::String(description)) = schema.get_mut("description") {
        *description = description.replace('\n', " ");
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde_json::json;

    use super::*;

    #[derive(Serialize, JsonSchema)]
    #[serde(rename_all = "camelCase")]
    struct Example {
        /// Left out
        /// if there is none.
        #[serde(skip_serializing_if = "Option::is_none")]
        row_name: Option<String>,
        /// Either of two.
        #[serde(skip_serializing_if = "Option::is_none")]
        either: Option<Either>,
        /// Null if there is none.
        held: Option<bool>,
    }

    #[derive(Serialize, JsonSchema)]
    #[serde(untagged)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    enum Either {
        One(bool),
        Other(String),
    }

    #[test]
    fn what_is_left_out_is_never_null() {
        let example = Value::Object(of::<Example>());
        assert_eq!(example["required"], json!(["held"]));
        let property = |name: &str| &example["properties"][name];
        let row_name = json!({"description": "Left out if there is none.", "type": "string"});
        assert_eq!(*property("rowName"), row_name);
        let either = json!({
            "description": "Either of two.", "anyOf": [{"type": "boolean"}, {"type": "string"}],
        });
        assert_eq!(*property("either"), either);
        assert_eq!(property("held")["type"], json!(["boolean", "null"]));
    }

    #[test]
    fn a_document_has_all_forms() {
        let of_one = document("one", vec![of::<bool>()]);
        assert_eq!(
            (&of_one["title"], &of_one["type"]),
            (&json!("one"), &json!("boolean"))
        );
        let of_two = document("two", vec![of::<bool>(), of::<String>()]);
        assert_eq!(
            of_two["anyOf"],
            json!([{"type": "boolean"}, {"type": "string"}])
        );
    }
}
