//! Items, and the order of their keys.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use outbox::KeySchema;

use crate::number::Number;

/// An item, or a key, by attribute names.
pub type Item = HashMap<String, AttributeValue>;

/// A key as text: equal keys have the same text.
pub(crate) type KeyText = Vec<String>;

/// Returns the text of an item's key, or the name of the key attribute that it lacks.
pub(crate) fn key_text(key_schema: &KeySchema, item: &Item) -> Result<KeyText, String> {
    let part = |name: &str| {
        let value = item.get(name).and_then(attribute_text);
        value.ok_or_else(|| name.to_owned())
    };
    key_schema.attribute_names().map(part).collect()
}

/// Returns the text of a key attribute's value, if it is of a type that keys have.
fn attribute_text(value: &AttributeValue) -> Option<String> {
    match value {
        AttributeValue::S(text) => Some(format!("S{text}")),
        // The numbers 1 and 1.0 are one key.
        AttributeValue::N(number) => Some(format!("N{}", number.parse::<Number>().ok()?)),
        AttributeValue::B(bytes) => Some(format!("B{:02x?}", bytes.as_ref())),
        _ => None,
    }
}
