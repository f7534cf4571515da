//! Finds the values of an item or an expression that DynamoDB would reject.

use std::collections::{HashMap, HashSet};

use aws_sdk_dynamodb::types::AttributeValue;

use crate::append::decimal::Decimal;

/// Bytes of a partition key's value (DynamoDB quotas).
pub(super) const MAX_PARTITION_KEY_BYTES: usize = 2048;

/// Bytes of a sort key's value (DynamoDB quotas).
pub(super) const MAX_SORT_KEY_BYTES: usize = 1024;

/// A value that DynamoDB rejects.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Where it is: `lines[3].price`.
    pub(super) path: String,
    /// Why DynamoDB rejects it.
    pub(super) reason: String,
}

/// Returns every value that DynamoDB would reject, wherever it is nested.
pub(super) fn faults(values: &HashMap<String, AttributeValue>) -> Vec<Fault> {
    let mut faults = Vec::new();
    in_map("", values, &mut faults);
    faults.sort_by(|one, other| one.path.cmp(&other.path));
    faults
}

/// Returns what is wrong with the value of a key attribute of at most so many bytes.
pub(super) fn key_fault(value: &AttributeValue, max_bytes: usize) -> Option<String> {
    let bytes = match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        // Numbers are checked where values are.
        AttributeValue::N(_) => return None,
        _ => return Some("a key is text, a number or binary".to_owned()),
    };
    match bytes {
        0 => Some("a key must not be empty".to_owned()),
        bytes if bytes > max_bytes => Some(format!(
            "a key here has at most {max_bytes} bytes, not {bytes}"
        )),
        _ => None,
    }
}

/// Returns whether two values are the same key: numbers compare by value.
pub(super) fn is_same_key(one: &AttributeValue, other: &AttributeValue) -> bool {
    match (one, other) {
        (AttributeValue::N(one), AttributeValue::N(other)) => {
            one == other
                || matches!((Decimal::parse(one), Decimal::parse(other)), (Ok(one), Ok(other)) if one == other)
        }
        _ => one == other,
    }
}

fn in_map(path: &str, values: &HashMap<String, AttributeValue>, faults: &mut Vec<Fault>) {
    for (name, value) in values {
        let path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        if name.is_empty() {
            faults.push(Fault {
                path: path.clone(),
                reason: "an attribute's name must not be empty".to_owned(),
            });
        }
        in_value(&path, value, faults);
    }
}

fn in_value(path: &str, value: &AttributeValue, faults: &mut Vec<Fault>) {
    let mut fault = |reason: String| {
        faults.push(Fault {
            path: path.to_owned(),
            reason,
        });
    };
    match value {
        AttributeValue::N(number) => {
            if let Err(reason) = Decimal::parse(number) {
                fault(reason);
            }
        }
        AttributeValue::Ss(texts) => {
            let distinct: HashSet<&String> = texts.iter().collect();
            if let Some(reason) = set_fault(texts.len(), distinct.len()) {
                fault(reason);
            }
        }
        AttributeValue::Bs(blobs) => {
            let distinct: HashSet<&[u8]> = blobs.iter().map(AsRef::as_ref).collect();
            if let Some(reason) = set_fault(blobs.len(), distinct.len()) {
                fault(reason);
            }
        }
        AttributeValue::Ns(numbers) => match distinct_numbers(numbers) {
            Ok(distinct) => {
                if let Some(reason) = set_fault(numbers.len(), distinct) {
                    fault(reason);
                }
            }
            Err(reason) => fault(reason),
        },
        AttributeValue::L(values) => {
            for (index, value) in values.iter().enumerate() {
                in_value(&format!("{path}[{index}]"), value, faults);
            }
        }
        AttributeValue::M(values) => in_map(path, values, faults),
        AttributeValue::Null(false) => fault("NULL must be true".to_owned()),
        _ => {}
    }
}

fn set_fault(count: usize, distinct: usize) -> Option<String> {
    match count {
        0 => Some("a set must not be empty".to_owned()),
        count if distinct < count => Some("a set must not hold a value twice".to_owned()),
        _ => None,
    }
}

fn distinct_numbers(numbers: &[String]) -> Result<usize, String> {
    let distinct: Result<HashSet<Decimal>, String> = numbers
        .iter()
        .map(|number| Decimal::parse(number))
        .collect();
    Ok(distinct?.len())
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::primitives::Blob;

    use super::*;

    fn reasons(value: AttributeValue) -> Vec<String> {
        let nested = AttributeValue::L(vec![AttributeValue::M(HashMap::from([(
            "b".to_owned(),
            value,
        )]))]);
        let faults = faults(&HashMap::from([("a".to_owned(), nested)]));
        assert!(faults.iter().all(|fault| fault.path == "a[0].b"));
        faults.into_iter().map(|fault| fault.reason).collect()
    }

    #[test]
    fn invalid_values_are_found_at_any_depth() {
        let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
        let blobs = |blobs: &[&str]| blobs.iter().map(|blob| Blob::new(*blob)).collect();
        for (value, reason) in [
            (AttributeValue::N("NaN".into()), "it is not a number"),
            (AttributeValue::Ss(vec![]), "a set must not be empty"),
            (AttributeValue::Ns(vec![]), "a set must not be empty"),
            (AttributeValue::Bs(vec![]), "a set must not be empty"),
            (
                AttributeValue::Ss(texts(&["x", "y", "x"])),
                "a set must not hold a value twice",
            ),
            (
                AttributeValue::Ns(texts(&["1", "1.0"])),
                "a set must not hold a value twice",
            ),
            (
                AttributeValue::Bs(blobs(&["x", "x"])),
                "a set must not hold a value twice",
            ),
            (
                AttributeValue::Ns(texts(&["1", "inf"])),
                "it is not a number",
            ),
            (AttributeValue::Null(false), "NULL must be true"),
        ] {
            assert_eq!(reasons(value.clone()), [reason], "{value:?}");
        }
        for value in [
            AttributeValue::S(String::new()),
            AttributeValue::B(Blob::new("")),
            AttributeValue::L(vec![]),
            AttributeValue::M(HashMap::new()),
            AttributeValue::Null(true),
            AttributeValue::Ns(texts(&["1", "2"])),
        ] {
            assert!(reasons(value.clone()).is_empty(), "{value:?}");
        }
    }

    #[test]
    fn keys_have_three_types_and_a_limited_length() {
        let text = |bytes: usize| AttributeValue::S("x".repeat(bytes));
        assert_eq!(key_fault(&text(1024), 1024), None);
        for (value, reason) in [
            (text(0), "a key must not be empty"),
            (text(1025), "a key here has at most 1024 bytes, not 1025"),
            (AttributeValue::B(Blob::new("")), "a key must not be empty"),
            (
                AttributeValue::Bool(true),
                "a key is text, a number or binary",
            ),
        ] {
            assert_eq!(key_fault(&value, 1024).as_deref(), Some(reason));
        }
    }

    #[test]
    fn numbers_of_one_value_are_the_same_key() {
        let number = |text: &str| AttributeValue::N(text.into());
        assert!(is_same_key(&number("1"), &number("1.0")));
        assert!(!is_same_key(&number("1"), &number("2")));
        assert!(!is_same_key(&number("1"), &AttributeValue::S("1".into())));
    }
}
