//! The size of an item as DynamoDB counts it ("DynamoDB item sizes and formats" in
//! its developer guide).

use serde_json::Value;

/// Returns the size in bytes of an item in DynamoDB's JSON.
pub(crate) fn item_bytes(item: &Value) -> usize {
    let attributes = item.as_object().into_iter().flatten();
    attributes
        .map(|(name, value)| name.len() + value_bytes(value))
        .sum()
}

fn value_bytes(value: &Value) -> usize {
    let Some((kind, value)) = value.as_object().and_then(|value| value.iter().next()) else {
        return 0;
    };
    match (kind.as_str(), value) {
        // A byte for two digits, and one more. No number here is negative.
        ("N", Value::String(number)) => number.len().div_ceil(2) + 1,
        ("S", Value::String(text)) => text.len(),
        ("L", Value::Array(values)) => {
            3 + values
                .iter()
                .map(|value| 1 + value_bytes(value))
                .sum::<usize>()
        }
        ("M", Value::Object(values)) => {
            let values = values.iter();
            3 + values
                .map(|(name, value)| 1 + name.len() + value_bytes(value))
                .sum::<usize>()
        }
        ("BOOL" | "NULL", _) => 1,
        // Any other result would be a wrong size.
        _ => panic!("the size of attributes of type {kind} is not implemented"),
    }
}
