//! The record that a consumer has handled an event.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, Put, ReturnValuesOnConditionCheckFailure};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{CloudEvent, CommitError, KeySchema, Participant};

/// The record to write.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Record<'a> {
    consumer: &'a str,
    source: &'a str,
    event_id: &'a str,
    event_type: &'a str,
    /// The event's own time. With the type it shows whether a producer has used an id twice.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    event_time: Timestamp,
    /// For operators; nothing depends on it.
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
        // The producer's clock may be ahead of ours. The event is accepted until it is too old
        // by its own time, so the record must last until then.
        let kept_from = handled_at.max(event.time);
        Self {
            consumer,
            source: &event.source,
            event_id: &event.id,
            event_type: &event.event_type,
            event_time: event.time,
            handled_at,
            expires_at: kept_from
                .saturating_add(retention)
                .unwrap_or(Timestamp::MAX),
        }
    }

    /// Returns the put of the record, on condition that there is none. An expired record that
    /// is not deleted yet counts, too.
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
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(|error| error.to_string())
    }

    /// Returns the record's key.
    pub(super) fn name(&self) -> String {
        // Unique for each event: only the id, which comes last, can contain the separator.
        let source = self.source.replace('%', "%25").replace('#', "%23");
        format!("inbox#{}#{source}#{}", self.consumer, self.event_id)
    }
}

/// A record that was found.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Found {
    /// `None` if the record lacks it; it then counts as matching.
    event_type: Option<String>,
    event_time: Option<i64>,
}

impl Found {
    /// Returns the record, if it is a reason why a transaction was not committed.
    pub(super) fn that_was_there(error: &CommitError) -> Option<Self> {
        let CommitError::ConditionFailed(failed) = error else {
            return None;
        };
        let record = failed
            .iter()
            .find(|failed| failed.participant == Participant::InboxRecord)?;
        let item = record.item.clone().unwrap_or_default();
        Some(serde_dynamo::from_item(item).unwrap_or(Self {
            event_type: None,
            event_time: None,
        }))
    }

    /// Returns whether the record is of this event. An attribute that it lacks is taken to
    /// match.
    pub(super) fn is_of(&self, event: &CloudEvent) -> bool {
        let time = event.time.as_millisecond();
        self.event_type
            .as_ref()
            .is_none_or(|of| *of == event.event_type)
            && self.event_time.is_none_or(|at| at == time)
    }
}
