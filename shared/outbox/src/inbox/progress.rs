//! How far a consumer has got with an aggregate, if it handles events in sequence.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{
    AttributeValue, Put, ReturnValuesOnConditionCheckFailure, builders::PutBuilder,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{CloudEvent, CommitError, KeySchema, Participant, inbox::error::OnceError};

/// The attribute with the highest handled sequence.
const LAST_HANDLED: &str = "lastHandled";

/// The item to write, one for each aggregate and consumer. It never expires: without it, the
/// next event would seem to leave a gap from the first one on.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Progress<'a> {
    consumer: &'a str,
    source: &'a str,
    subject: &'a str,
    /// The highest sequence that was handled, or skipped by an operator.
    last_handled: u64,
    /// For operators; nothing depends on it.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    updated_at: Timestamp,
}

impl<'a> Progress<'a> {
    /// Returns the progress of a consumer after this event.
    ///
    /// # Errors
    ///
    /// If the event doesn't say where it belongs.
    pub(super) fn after(
        consumer: &'a str,
        event: &'a CloudEvent,
        now: Timestamp,
    ) -> Result<Self, OnceError> {
        let missing = |attribute| OnceError::Unordered { attribute };
        let subject = event.subject.as_deref().filter(|text| !text.is_empty());
        let sequence = event.sequence.filter(|sequence| *sequence > 0);
        Ok(Self {
            consumer,
            source: &event.source,
            subject: subject.ok_or_else(|| missing("subject"))?,
            last_handled: sequence.ok_or_else(|| missing("sequence"))?,
            updated_at: now,
        })
    }

    /// Returns the progress of a consumer that skips events.
    pub(super) fn skipped(
        consumer: &'a str,
        source: &'a str,
        subject: &'a str,
        through: u64,
        now: Timestamp,
    ) -> Self {
        Self {
            consumer,
            source,
            subject,
            last_handled: through,
            updated_at: now,
        }
    }

    /// Returns the put on condition that the event before was the last one handled.
    pub(super) fn put_next(&self, table: &str, key_schema: &KeySchema) -> Result<Put, String> {
        let put = self.put(table, key_schema)?;
        let put = match self.last_handled - 1 {
            0 => put.condition_expression("attribute_not_exists(#last)"),
            before => put
                .condition_expression("#last = :before")
                .expression_attribute_values(":before", AttributeValue::N(before.to_string())),
        };
        put.build().map_err(|error| error.to_string())
    }

    /// Returns the put on condition that a lower sequence was the last one handled.
    pub(super) fn put_higher(&self, table: &str, key_schema: &KeySchema) -> Result<Put, String> {
        let through = AttributeValue::N(self.last_handled.to_string());
        self.put(table, key_schema)?
            .condition_expression("attribute_not_exists(#last) OR #last < :through")
            .expression_attribute_values(":through", through)
            .build()
            .map_err(|error| error.to_string())
    }

    fn put(&self, table: &str, key_schema: &KeySchema) -> Result<PutBuilder, String> {
        let item: Result<HashMap<_, _>, serde_dynamo::Error> = serde_dynamo::to_item(self);
        let mut item = item.map_err(|error| error.to_string())?;
        for attribute in key_schema.attributes() {
            item.insert(attribute.clone(), AttributeValue::S(self.name()));
        }
        Ok(Put::builder()
            .table_name(table)
            .set_item(Some(item))
            .expression_attribute_names("#last", LAST_HANDLED)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld))
    }

    /// Returns the item's key. No record of an event has it: their names begin with `inbox#`.
    pub(super) fn name(&self) -> String {
        // Unique for each aggregate: only the subject, which comes last, can contain the
        // separator.
        let source = self.source.replace('%', "%25").replace('#', "%23");
        format!("inbox-progress#{}#{source}#{}", self.consumer, self.subject)
    }
}

/// Progress that was found.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    last_handled: u64,
}

/// Returns the highest handled sequence, 0 if there is none, if it is a reason why a transaction
/// was not committed. `None` if it isn't one, or can't be read.
pub(super) fn last_handled(error: &CommitError) -> Option<u64> {
    let CommitError::ConditionFailed(failed) = error else {
        return None;
    };
    let progress = failed
        .iter()
        .find(|failed| failed.participant == Participant::InboxProgress)?;
    match progress.item.clone() {
        None => Some(0),
        Some(item) if item.is_empty() => Some(0),
        Some(item) => {
            let found: Result<Found, _> = serde_dynamo::from_item(item);
            found.ok().map(|found| found.last_handled)
        }
    }
}
