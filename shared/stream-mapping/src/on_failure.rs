use jiff::Timestamp;
use serde_json::{Value, json};

use crate::batch::Batch;

/// What is known of the invocation after which records were given up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Invocation {
    /// Lambda's id of the request.
    pub request_id: String,
    /// The version that ran: `$LATEST`, or a number.
    pub executed_version: String,
    /// `Unhandled`, or none if the function answered.
    pub function_error: Option<String>,
}

/// What a message says of where records come from and where they went.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) shard_id: String,
    pub(crate) stream_arn: String,
    pub(crate) function_arn: String,
}

/// Why records were given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// `MaximumRetryAttempts` are used up.
    RetryAttemptsExhausted,
    /// `MaximumRecordAgeInSeconds` has passed.
    RecordAgeExceeded,
}

/// Records that were given up. Nothing after them is tried until the
/// destination has the message.
#[derive(Debug)]
pub struct OnFailure {
    pub(crate) batch: Batch,
    condition: Condition,
    message: Value,
}

impl OnFailure {
    pub(crate) fn new(batch: Batch, condition: Condition, place: &Place, now: Timestamp) -> Self {
        let message = message(&batch, condition, place, now);
        Self {
            batch,
            condition,
            message,
        }
    }

    /// Why.
    pub fn condition(&self) -> Condition {
        self.condition
    }

    /// The message for the destination: where the records lie in the stream,
    /// never what they hold.
    pub fn message(&self) -> &Value {
        &self.message
    }
}

fn message(batch: &Batch, condition: Condition, place: &Place, now: Timestamp) -> Value {
    // Records may be too old before they were tried at all.
    let invocation = batch.last_invocation.clone().unwrap_or_default();
    let first = batch.records.first();
    let last = batch.records.last();
    let mut message = json!({
        "requestContext": {
            "requestId": invocation.request_id,
            "functionArn": place.function_arn,
            "condition": match condition {
                Condition::RetryAttemptsExhausted => "RetryAttemptsExhausted",
                Condition::RecordAgeExceeded => "RecordAgeExceeded",
            },
            "approximateInvokeCount": batch.invocations,
        },
        "version": "1.0",
        "timestamp": format!("{now:.3}"),
        "DDBStreamBatchInfo": {
            "shardId": place.shard_id,
            "startSequenceNumber": first.map(|record| record.sequence_number.as_str()),
            "endSequenceNumber": last.map(|record| record.sequence_number.as_str()),
            "approximateArrivalOfFirstRecord": first.map(|record| record.created_at.to_string()),
            "approximateArrivalOfLastRecord": last.map(|record| record.created_at.to_string()),
            "batchSize": batch.records.len(),
            "streamArn": place.stream_arn,
        },
    });
    if condition == Condition::RetryAttemptsExhausted {
        message["responseContext"] = json!({
            "statusCode": 200,
            "executedVersion": invocation.executed_version,
            "functionError": invocation.function_error,
        });
    }
    message
}
