use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, Put, ReturnValuesOnConditionCheckFailure};
use serde::{Deserialize, Serialize};

use super::key::KeySchema;

/// Attribute that counts the aggregate's changes.
const VERSION: &str = "version";

/// Attribute that counts the aggregate's events.
const LAST_SEQUENCE: &str = "lastSequence";

/// The state of an aggregate a change is based on. Read it from the item that
/// was read: attributes `version` and `lastSequence`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Revision {
    /// How often the aggregate was changed.
    pub version: u64,
    /// The sequence of its latest event.
    pub last_sequence: u64,
}

/// The write of the aggregate that the events are about.
///
/// It always carries a condition, so that two writers based on the same
/// revision cannot both succeed, and no two events get the same sequence. It
/// sets the attributes `version` and `lastSequence` of the item.
///
/// There is no delete: an aggregate created again under the same id would start
/// its sequence again. Mark it deleted instead.
#[derive(Debug, Clone)]
pub struct AggregateWrite {
    pub(super) aggregate_id: String,
    table: String,
    key_schema: KeySchema,
    item: Result<HashMap<String, AttributeValue>, String>,
    base: Option<Revision>,
}

impl AggregateWrite {
    /// A new aggregate. The commit fails if the table already holds an item
    /// with its key.
    ///
    /// `aggregate_id` names it among the events, `order#42`: it is the outbox's
    /// partition key and the CloudEvents subject. `item` must hold the
    /// table's key attributes.
    pub fn create(
        aggregate_id: impl Into<String>,
        table: impl Into<String>,
        key_schema: KeySchema,
        item: &impl Serialize,
    ) -> Self {
        Self::new(aggregate_id.into(), table.into(), key_schema, item, None)
    }

    /// An aggregate changed since it was read at `base`. The commit fails if
    /// somebody else has changed it in the meantime.
    pub fn replace(
        aggregate_id: impl Into<String>,
        table: impl Into<String>,
        key_schema: KeySchema,
        item: &impl Serialize,
        base: Revision,
    ) -> Self {
        let base = Some(base);
        Self::new(aggregate_id.into(), table.into(), key_schema, item, base)
    }

    fn new(
        aggregate_id: String,
        table: String,
        key_schema: KeySchema,
        item: &impl Serialize,
        base: Option<Revision>,
    ) -> Self {
        Self {
            aggregate_id,
            table,
            key_schema,
            item: serde_dynamo::to_item(item).map_err(|error| error.to_string()),
            base,
        }
    }

    /// The aggregate's revision once the transaction with this many events is
    /// committed.
    pub(super) fn revision_after(&self, events: usize) -> Revision {
        let base = self.base.unwrap_or_default();
        Revision {
            version: base.version + 1,
            last_sequence: base.last_sequence + events as u64,
        }
    }

    /// The sequence of the first event.
    pub(super) fn next_sequence(&self) -> u64 {
        self.revision_after(1).last_sequence
    }

    pub(super) fn key_schema(&self) -> &KeySchema {
        &self.key_schema
    }

    /// The put, or why the aggregate cannot be an item.
    pub(super) fn to_put(&self, events: usize) -> Result<Put, String> {
        let number = |value: u64| AttributeValue::N(value.to_string());
        let after = self.revision_after(events);
        let mut item = self.item.clone()?;
        item.insert(VERSION.to_owned(), number(after.version));
        item.insert(LAST_SEQUENCE.to_owned(), number(after.last_sequence));

        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(item))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let put = match self.base {
            None => put
                .condition_expression("attribute_not_exists(#key)")
                .expression_attribute_names("#key", self.key_schema.partition_key_name()),
            Some(base) => put
                .condition_expression("#version = :version AND #lastSequence = :lastSequence")
                .expression_attribute_names("#version", VERSION)
                .expression_attribute_names("#lastSequence", LAST_SEQUENCE)
                .expression_attribute_values(":version", number(base.version))
                .expression_attribute_values(":lastSequence", number(base.last_sequence)),
        };
        put.build().map_err(|error| error.to_string())
    }
}
