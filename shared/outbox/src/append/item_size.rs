//! The size of an item as DynamoDB counts it ("DynamoDB item sizes and formats" in its
//! developer guide), or slightly more.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

/// Returns the size of an item: names and values.
pub(super) fn item_bytes(item: &HashMap<String, AttributeValue>) -> usize {
    item.iter()
        .map(|(name, value)| name.len() + value_bytes(value))
        .sum()
}

/// Returns how many levels of lists and maps the item has; an item of plain values has none.
pub(super) fn item_depth(item: &HashMap<String, AttributeValue>) -> usize {
    item.values().map(value_depth).max().unwrap_or(0)
}

fn value_bytes(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(number) => number_bytes(number),
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        AttributeValue::Ss(texts) => texts.iter().map(String::len).sum(),
        AttributeValue::Ns(numbers) => numbers.iter().map(|n| number_bytes(n)).sum(),
        AttributeValue::Bs(blobs) => blobs.iter().map(|blob| blob.as_ref().len()).sum(),
        AttributeValue::L(values) => {
            3 + values.len() + values.iter().map(value_bytes).sum::<usize>()
        }
        AttributeValue::M(values) => 3 + values.len() + item_bytes(values),
        // Null and Bool take one byte. There are no other types yet.
        _ => 1,
    }
}

/// Returns the size of a number: a byte for two significant digits and one more, at most 21.
/// Leading and trailing zeros are counted as significant, so it may be too much.
fn number_bytes(number: &str) -> usize {
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    (digits.div_ceil(2) + 2).min(21)
}

fn value_depth(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::L(values) => 1 + values.iter().map(value_depth).max().unwrap_or(0),
        AttributeValue::M(values) => 1 + item_depth(values),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::primitives::Blob;

    use super::*;

    fn item(value: AttributeValue) -> HashMap<String, AttributeValue> {
        HashMap::from([("ab".to_owned(), value)])
    }

    #[test]
    fn sizes_follow_the_developer_guide() {
        let text = |text: &str| AttributeValue::S(text.into());
        let cases = [
            (text("xyz"), 5),
            (text("é"), 4),
            (AttributeValue::N("12".into()), 2 + 3),
            (AttributeValue::N("1".repeat(38)), 2 + 21),
            (AttributeValue::Bool(true), 3),
            (AttributeValue::L(vec![text("x"), text("yz")]), 2 + 3 + 5),
            (AttributeValue::M(item(text("x"))), 2 + 3 + 1 + 3),
            (AttributeValue::B(Blob::new("xyz")), 5),
            (AttributeValue::Ss(vec!["a".into(), "bc".into()]), 5),
            (
                AttributeValue::Ns(vec!["1".into(), "123".into()]),
                2 + 3 + 4,
            ),
            (
                AttributeValue::Bs(vec![Blob::new("a"), Blob::new("bcd")]),
                6,
            ),
        ];
        for (value, bytes) in cases {
            assert_eq!(item_bytes(&item(value.clone())), bytes, "{value:?}");
        }
    }

    #[test]
    fn depth_counts_lists_and_maps() {
        let leaf = AttributeValue::Bool(true);
        let list = AttributeValue::L(vec![leaf.clone()]);
        assert_eq!(item_depth(&item(leaf)), 0);
        assert_eq!(item_depth(&item(list.clone())), 1);
        assert_eq!(item_depth(&item(AttributeValue::M(item(list)))), 2);
    }
}
