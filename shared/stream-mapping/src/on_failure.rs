//! Records that were given up, and the messages about them.

use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{batch::Batch, record::Record};

/// The source and the target of records, as messages contain them.
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

/// Records that were given up. The lane continues once the destination has the
/// message.
#[derive(Debug)]
pub struct OnFailure {
    pub(crate) batch: Batch,
    condition: Condition,
    given_up_at: Timestamp,
    shard_id: String,
    message: Value,
}

/// The object for a destination that is an S3 bucket.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// The key.
    pub key: String,
    /// The content: the message, and the invocation's event in `payload` as a JSON
    /// string that contains JSON text.
    pub body: Value,
}

impl OnFailure {
    pub(crate) fn new(batch: Batch, condition: Condition, place: &Place, now: Timestamp) -> Self {
        let message = message(&batch, condition, place, now);
        Self {
            batch,
            condition,
            given_up_at: now,
            shard_id: place.shard_id.clone(),
            message,
        }
    }

    /// Returns why the records were given up.
    pub fn condition(&self) -> Condition {
        self.condition
    }

    /// Returns the message for a queue or a topic. It contains the position of the
    /// records in the stream, not the records.
    pub fn message(&self) -> &Value {
        &self.message
    }

    /// Returns the object for a bucket, which also contains the records. Its key is
    /// `aws/lambda/MAPPING/SHARD/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-OBJECT`, in UTC,
    /// with the UUIDs of the mapping and of the object.
    pub fn object(&self, mapping: Uuid, object: Uuid) -> Object {
        let records: Vec<&Value> = self.batch.records.iter().map(Record::json).collect();
        let mut body = self.message.clone();
        body["payload"] = json!(json!({"Records": records}).to_string());
        Object {
            key: format!(
                "aws/lambda/{mapping}/{}/{}-{object}",
                self.shard_id,
                self.given_up_at.strftime("%Y/%m/%d/%Y-%m-%dT%H.%M.%S"),
            ),
            body,
        }
    }
}

fn message(batch: &Batch, condition: Condition, place: &Place, now: Timestamp) -> Value {
    // Without an invocation: records may be too old before the first attempt.
    let invocation = batch.last_invocation.clone().unwrap_or_default();
    let first = batch.records.first();
    let last = batch.records.last();
    let request_id = match invocation.request_id.as_str() {
        "" => request_id(first, place),
        known => known.to_owned(),
    };
    let mut message = json!({
        "requestContext": {
            "requestId": request_id,
            "functionArn": place.function_arn,
            "condition": match condition {
                Condition::RetryAttemptsExhausted => "RetryAttemptsExhausted",
                Condition::RecordAgeExceeded => "RecordAgeExceeded",
            },
            "approximateInvokeCount": match condition {
                Condition::RetryAttemptsExhausted => batch.invocations,
                // Lambda also counts the attempt that was not made because of the age.
                Condition::RecordAgeExceeded => batch.invocations + 1,
            },
        },
        "version": "1.0",
        "timestamp": format!("{now:.3}"),
        "DDBStreamBatchInfo": {
            "shardId": place.shard_id,
            "startSequenceNumber": first.map(|record| record.sequence_number.as_str()),
            "endSequenceNumber": last.map(|record| record.sequence_number.as_str()),
            "approximateArrivalOfFirstRecord": first.map(arrival),
            "approximateArrivalOfLastRecord": last.map(arrival),
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

/// Returns the creation time in whole seconds, as in Lambda's messages.
fn arrival(record: &Record) -> String {
    format!("{:.0}", record.created_at)
}

/// Returns a UUID for records without an invocation. It is derived from their position:
/// this crate uses no randomness, so that a run can be repeated.
fn request_id(first: Option<&Record>, place: &Place) -> String {
    let half = |which: u8| {
        let mut hasher = DefaultHasher::new();
        let number = first.map(|record| record.sequence_number.as_str());
        (which, &place.stream_arn, &place.shard_id, number).hash(&mut hasher);
        hasher.finish()
    };
    let bytes = (u128::from(half(0)) << 64 | u128::from(half(1))).to_be_bytes();
    uuid::Builder::from_random_bytes(bytes)
        .into_uuid()
        .to_string()
}
