//! The partial batch response: from which record on Lambda has to retry a batch.
//!
//! Of all the failures in a response, Lambda uses the lowest sequence number: it retries that
//! record and all that follow it. So one is enough.

use std::cmp::Ordering;

use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};

use super::stream_record::{Content, Record};
use crate::{
    ports::sequence_number::compare,
    relay::{Outcome, RowOutcome},
};

/// Returns whether a record is done. A row that the outcome doesn't contain is not.
pub(super) fn is_done(record: &Record, outcome: &Outcome) -> bool {
    match &record.content {
        Content::NotAnInsert | Content::Discarded => true,
        Content::Unreadable(_) => false,
        Content::Candidate(candidate) => {
            matches!(outcome.of(&candidate.key), Some(RowOutcome::Settled(_)))
        }
    }
}

/// Returns the lowest sequence number that has to be retried; empty text if the whole
/// batch has to.
pub(super) fn checkpoint(records: &[Record], outcome: &Outcome) -> Option<String> {
    records
        .iter()
        .filter(|record| !is_done(record, outcome))
        // An empty identifier makes Lambda retry the whole batch, and is the lowest here.
        .map(|record| record.sequence_number.clone().unwrap_or_default())
        .min_by(|a, b| compare(a, b))
}

/// Returns whether a record is before the checkpoint, so that it is not retried.
pub(super) fn comes_before(record: &Record, checkpoint: &str) -> bool {
    let number = record.sequence_number.as_deref().unwrap_or_default();
    compare(number, checkpoint) == Ordering::Less
}

/// Returns the response that makes Lambda retry from the checkpoint on, or nothing.
pub(super) fn response(checkpoint: Option<String>) -> DynamoDbEventResponse {
    let mut response = DynamoDbEventResponse::default();
    if let Some(checkpoint) = checkpoint {
        let mut failure = DynamoDbBatchItemFailure::default();
        failure.item_identifier = Some(checkpoint);
        response.batch_item_failures.push(failure);
    }
    response
}
