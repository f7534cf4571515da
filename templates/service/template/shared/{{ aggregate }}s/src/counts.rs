//! How often each event has happened.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::{Client, error::BoxError, types::AttributeValue};
use outbox::KeySchema;

/// The number of events by their types.
pub type Counts = BTreeMap<String, u64>;

/// The partition key of the table.
pub(crate) const KEY: &str = "pk";

/// The key of the item with the counts.
pub const COUNTS: &str = "counts";

/// Returns the key schema of the table. Its TTL attribute is `expiresAt`.
pub fn counts_key() -> KeySchema {
    KeySchema::partition_key(KEY)
}

/// Returns the counts in the table with this name.
///
/// # Errors
///
/// If they can't be read.
pub async fn read_counts(client: &Client, table: &str) -> Result<Counts, BoxError> {
    let read = client
        .get_item()
        .table_name(table)
        .key(KEY, AttributeValue::S(COUNTS.to_owned()))
        .consistent_read(true)
        .send()
        .await?;
    let mut item = read.item.unwrap_or_default();
    item.remove(KEY);
    Ok(serde_dynamo::from_item(item)?)
}
