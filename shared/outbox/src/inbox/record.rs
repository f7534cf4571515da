use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, Put};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::{CloudEvent, KeySchema};

/// That a consumer has handled an event.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Record<'a> {
    consumer: &'a str,
    source: &'a str,
    event_id: &'a str,
    event_type: &'a str,
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    handled_at: Timestamp,
    /// Epoch seconds, as DynamoDB's TTL wants it.
    #[serde(with = "jiff::fmt::serde::timestamp::second::required")]
    expires_at: Timestamp,
}

impl<'a> Record<'a> {
    pub(super) fn new(
        consumer: &'a str,
        event: &'a CloudEvent,
        handled_at: Timestamp,
        retention: SignedDuration,
    ) -> Self {
        // An event of a clock that is ahead of ours can come again later than we
        // would think.
        let kept_from = handled_at.max(event.time);
        Self {
            consumer,
            source: &event.source,
            event_id: &event.id,
            event_type: &event.event_type,
            handled_at,
            expires_at: kept_from
                .saturating_add(retention)
                .unwrap_or(Timestamp::MAX),
        }
    }

    /// Puts the record unless it is there. One that has expired and is not yet
    /// deleted is as good as any.
    pub(super) fn put(&self, table: &str, key_schema: &KeySchema) -> Result<Put, String> {
        let item: Result<HashMap<_, _>, serde_dynamo::Error> = serde_dynamo::to_item(self);
        let mut item = item.map_err(|error| error.to_string())?;
        for attribute in key_schema.attributes() {
            item.insert(attribute.clone(), AttributeValue::S(self.name()));
        }
        Put::builder()
            .table_name(table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(#key)")
            .expression_attribute_names("#key", key_schema.partition_key_name())
            .build()
            .map_err(|error| error.to_string())
    }

    /// No two events of a consumer have the same: only the id, which comes last,
    /// may hold the separator.
    fn name(&self) -> String {
        let source = self.source.replace('%', "%25").replace('#', "%23");
        format!("inbox#{}#{source}#{}", self.consumer, self.event_id)
    }
}
