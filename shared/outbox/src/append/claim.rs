//! The claim of an aggregate id: an item that says which item the aggregate is kept in,
//! so that no second item can count the same aggregate's events.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    primitives::Blob,
    types::{AttributeValue, Put, ReturnValuesOnConditionCheckFailure},
};

use crate::append::key::{KeySchema, key_text};

/// Attribute of a claim: the key of the aggregate's item, as a map of its attributes.
pub(super) const CLAIMED_FOR: &str = "claimedFor";

/// The prefix of a claim's partition key in a table with a sort key, where a claim must not
/// be among the items of the aggregate's own partition.
const PREFIX: &str = "aggregate#";

/// The sort key of a claim, if it is text.
const SORT_KEY: &str = "outbox#claim";

/// Returns whether the key itself is the aggregate id, so that there can be only one item of
/// the aggregate.
pub(super) fn is_named_by_key(
    key_schema: &KeySchema,
    item: &HashMap<String, AttributeValue>,
    aggregate_id: &str,
) -> bool {
    key_schema.sort_key_name().is_none()
        && match item.get(key_schema.partition_key_name()) {
            Some(AttributeValue::S(key)) => key == aggregate_id,
            Some(AttributeValue::B(key)) => key.as_ref() == aggregate_id.as_bytes(),
            _ => false,
        }
}

/// Returns the put of a claim. Its condition holds if the aggregate is not claimed yet, or
/// claimed for the same item.
pub(super) fn put(
    table: &str,
    key_schema: &KeySchema,
    item: &HashMap<String, AttributeValue>,
    aggregate_id: &str,
) -> Result<Put, String> {
    let missing = |name| format!("the item lacks the key attribute {name:?}");
    let key = key_schema.key_of(item).map_err(missing)?;
    let mut claim = claim_key(key_schema, &key, aggregate_id)?;
    // DynamoDB compares the map as it compares keys: the numbers 1 and 1.0 are one.
    let claimed_for = AttributeValue::M(key);
    claim.insert(CLAIMED_FOR.to_owned(), claimed_for.clone());
    Put::builder()
        .table_name(table)
        .set_item(Some(claim))
        .condition_expression("attribute_not_exists(#key) OR #claimedFor = :claimedFor")
        .expression_attribute_names("#key", key_schema.partition_key_name())
        .expression_attribute_names("#claimedFor", CLAIMED_FOR)
        .expression_attribute_values(":claimedFor", claimed_for)
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build()
        .map_err(|error| error.to_string())
}

/// Returns the key of the item that an aggregate is kept in, if this is its claim.
pub(super) fn claimed_for(item: &HashMap<String, AttributeValue>) -> Option<String> {
    Some(key_text(item.get(CLAIMED_FOR)?.as_m().ok()?))
}

fn claim_key(
    key_schema: &KeySchema,
    key: &HashMap<String, AttributeValue>,
    aggregate_id: &str,
) -> Result<HashMap<String, AttributeValue>, String> {
    let partition_key = key_schema.partition_key_name();
    let text = match key_schema.sort_key_name() {
        None => aggregate_id.to_owned(),
        Some(_) => format!("{PREFIX}{aggregate_id}"),
    };
    let value = match key.get(partition_key) {
        Some(AttributeValue::B(_)) => AttributeValue::B(Blob::new(text)),
        Some(AttributeValue::N(_)) => {
            return Err(format!(
                "the partition key {partition_key:?} is a number, which cannot hold the aggregate \
                 id: use text"
            ));
        }
        _ => AttributeValue::S(text),
    };
    let mut claim = HashMap::from([(partition_key.to_owned(), value)]);
    if let Some(name) = key_schema.sort_key_name() {
        let value = match key.get(name) {
            Some(AttributeValue::B(_)) => AttributeValue::B(Blob::new(SORT_KEY)),
            Some(AttributeValue::N(_)) => AttributeValue::N("0".to_owned()),
            _ => AttributeValue::S(SORT_KEY.to_owned()),
        };
        claim.insert(name.to_owned(), value);
    }
    Ok(claim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> AttributeValue {
        AttributeValue::S(value.to_owned())
    }

    fn binary(value: &str) -> AttributeValue {
        AttributeValue::B(Blob::new(value))
    }

    fn number(value: &str) -> AttributeValue {
        AttributeValue::N(value.to_owned())
    }

    fn item<const N: usize>(
        attributes: [(&str, AttributeValue); N],
    ) -> HashMap<String, AttributeValue> {
        let named = |(name, value): (&str, AttributeValue)| (name.to_owned(), value);
        attributes.map(named).into()
    }

    #[test]
    fn an_aggregate_is_named_by_a_key_of_text_or_bytes_alone() {
        let plain = KeySchema::partition_key("pk");
        let sorted = KeySchema::partition_key("pk").sort_key("sk");
        for (schema, key, is_named) in [
            (&plain, text("1"), true),
            (&plain, text("2"), false),
            (&plain, binary("1"), true),
            (&plain, binary("2"), false),
            (&plain, number("1"), false),
            (&sorted, text("1"), false),
            (&sorted, binary("1"), false),
        ] {
            let item = item([("pk", key.clone()), ("sk", text("1"))]);
            assert_eq!(is_named_by_key(schema, &item, "1"), is_named, "{key:?}");
        }
    }

    #[test]
    fn a_claim_has_a_key_of_the_types_that_the_items_key_has() {
        let sorted = KeySchema::partition_key("pk").sort_key("sk");
        for (key, claim) in [
            (
                (text("x"), text("y")),
                (text("aggregate#1"), text("outbox#claim")),
            ),
            (
                (binary("x"), binary("y")),
                (binary("aggregate#1"), binary("outbox#claim")),
            ),
            ((text("x"), number("7")), (text("aggregate#1"), number("0"))),
        ] {
            let key = item([("pk", key.0), ("sk", key.1)]);
            let expected = item([("pk", claim.0), ("sk", claim.1)]);
            assert_eq!(claim_key(&sorted, &key, "1"), Ok(expected));
        }
        let plain = KeySchema::partition_key("pk");
        let key = item([("pk", binary("x"))]);
        let expected = item([("pk", binary("1"))]);
        assert_eq!(claim_key(&plain, &key, "1"), Ok(expected));
        assert!(claim_key(&plain, &item([("pk", number("1"))]), "1").is_err());
    }
}
