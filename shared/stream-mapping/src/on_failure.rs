use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{batch::Batch, record::Record};

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
    given_up_at: Timestamp,
    shard_id: String,
    message: Value,
}

/// What is put into a destination that is an S3 bucket.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// Its key.
    pub key: String,
    /// Its content: the message, and the invocation's event in `payload`, as
    /// JSON text in a JSON string.
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

    /// Returns why.
    pub fn condition(&self) -> Condition {
        self.condition
    }

    /// Returns the message for a queue or a topic: where the records lie in the
    /// stream, never what they hold.
    pub fn message(&self) -> &Value {
        &self.message
    }

    /// Returns the object for a bucket, which holds the records too. Its key is
    /// `aws/lambda/MAPPING/SHARD/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-OBJECT`, in UTC,
    /// with the UUID of the mapping and a random one of the object.
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
    // Records may be too old before they were tried at all.
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
                // Lambda counts the try that was not made because of the age.
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

/// Whole seconds, as in Lambda's messages.
fn arrival(record: &Record) -> String {
    format!("{:.0}", record.created_at)
}

/// A UUID for records that no invocation is known of. It is made from their
/// place: this crate draws nothing at random, so that a run can be repeated.
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
