//! Items, and the order of their keys.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use outbox::KeySchema;

use crate::number::Number;

/// An item, or a key, by attribute names.
pub type Item = HashMap<String, AttributeValue>;

/// A key as text: equal keys have the same text.
pub(crate) type KeyText = Vec<String>;

/// Why an item, or a key, can't be one of a table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidItem {
    /// There is no table with this name.
    #[error("there is no table {0:?}")]
    MissingTable(String),
    /// This attribute of the key is missing, or of a type that keys don't have.
    #[error("the key attribute {0:?} is missing, or of a type that keys don't have")]
    InvalidKey(String),
    /// The item is for the outbox table, and lacks the key of a row.
    #[error("the item has no key of a row: aggregateId and position, both text")]
    NotARow,
}

/// Returns the text of an item's key.
///
/// # Errors
///
/// If a key attribute is missing or invalid.
pub(crate) fn key_text(key_schema: &KeySchema, item: &Item) -> Result<KeyText, InvalidItem> {
    let part = |name: &str| {
        let value = item.get(name).and_then(attribute_text);
        value.ok_or_else(|| InvalidItem::InvalidKey(name.to_owned()))
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
