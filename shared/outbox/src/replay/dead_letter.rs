//! Dead letters: parses Lambda's pointers into the stream, and the relay's references to
//! rows.

use std::{cmp::Ordering, collections::HashMap, fmt};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    RowKey, json_problem,
    ports::{DeadLetter, sequence_number},
};

/// A message of the dead-letter queue.
///
/// ```
/// use outbox::replay::Letter;
///
/// let letter = Letter::parse(
///     r#"{"table": "outbox", "aggregateId": "order#42",
///         "position": "00000000000000000007#019ad0c5-0a4c-7000-8000-000000000001",
///         "eventId": "019ad0c5-0a4c-7000-8000-000000000001", "code": "MalformedDetail",
///         "message": "detail is no JSON object", "bytes": 2, "sha256": "4f53",
///         "at": "2026-11-24T09:00:00Z"}"#,
/// )?;
/// assert!(matches!(letter, Letter::Reference(_)));
/// assert_eq!(letter.to_string(), "order#42/7: MalformedDetail");
/// # Ok::<(), outbox::replay::NotADeadLetter>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Letter {
    /// Lambda gave up on a part of the stream.
    Pointer(Pointer),
    /// The relay parked a row.
    Reference(DeadLetter),
}

/// A message that is not a dead letter of an outbox; [`Letter::parse`] returns it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotADeadLetter(String);

/// The range of the stream that Lambda gave up on. It never contains the records. See [`Letter`]
/// for an example of parsing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    /// Why Lambda gave up: `RetryAttemptsExhausted` or `RecordAgeExceeded`.
    pub condition: String,
    /// How often Lambda invoked the function with the records.
    pub invoke_count: Option<u64>,
    /// The function's error, if there was one: `Unhandled`.
    pub function_error: Option<String>,
    /// The ARN of the stream.
    pub stream_arn: String,
    /// The shard.
    pub shard_id: String,
    /// The sequence number of the first record.
    pub start: String,
    /// The sequence number of the last record. The range may contain records that Lambda did
    /// not give up on.
    pub end: String,
    /// How many records Lambda gave up on.
    pub batch_size: u64,
    /// When the first of them was written to the stream, in whole seconds.
    pub first_arrival: Option<Timestamp>,
    /// When the last of them was written to the stream, in whole seconds.
    pub last_arrival: Timestamp,
    /// When Lambda gave up.
    pub at: Option<Timestamp>,
}

impl Letter {
    /// Parses the body of a message. See [`Letter`] for an example.
    ///
    /// # Errors
    ///
    /// If it is neither a pointer of Lambda nor a reference of the relay.
    pub fn parse(body: &str) -> Result<Self, NotADeadLetter> {
        // Any message may be in the queue, so nothing of it is quoted.
        let wrong = |error: serde_json::Error| NotADeadLetter(json_problem(&error));
        if serde_json::from_str::<&RawValue>(body).is_err() {
            return Err(NotADeadLetter("it is not JSON".to_owned()));
        }
        let attributes: HashMap<String, &RawValue> = serde_json::from_str(body).unwrap_or_default();
        if attributes.contains_key("DDBStreamBatchInfo") {
            let written: WrittenPointer = serde_json::from_str(body).map_err(wrong)?;
            written.try_into().map(Self::Pointer)
        } else if attributes.contains_key("aggregateId") {
            let written: WrittenReference = serde_json::from_str(body).map_err(wrong)?;
            let letter = DeadLetter::from(written);
            if !letter.key.is_possible() {
                let problem = "it names no row: a key is empty or too long";
                return Err(NotADeadLetter(problem.to_owned()));
            }
            Ok(Self::Reference(letter))
        } else {
            Err(NotADeadLetter(
                "it has neither DDBStreamBatchInfo nor aggregateId".to_owned(),
            ))
        }
    }
}

impl fmt::Display for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pointer(pointer) => write!(
                f,
                "{} of {} records in {}",
                pointer.condition, pointer.batch_size, pointer.shard_id
            ),
            Self::Reference(letter) => write!(f, "{}: {}", letter.key, letter.code),
        }
    }
}

/// A reference as the relay writes it. Without serde's `flatten`, which would also read the
/// numbers of unknown members.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenReference {
    table: String,
    aggregate_id: String,
    position: String,
    event_id: Option<String>,
    code: String,
    message: String,
    bytes: usize,
    sha256: String,
    at: Timestamp,
}

impl From<WrittenReference> for DeadLetter {
    fn from(written: WrittenReference) -> Self {
        Self {
            table: written.table,
            key: RowKey {
                aggregate_id: written.aggregate_id,
                position: written.position,
            },
            event_id: written.event_id,
            code: written.code,
            message: written.message,
            bytes: written.bytes,
            sha256: written.sha256,
            at: written.at,
        }
    }
}

/// A pointer as Lambda writes it ("Retaining discarded batches" in its developer guide). With
/// the condition `RecordAgeExceeded` it has no `responseContext`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenPointer {
    request_context: RequestContext,
    response_context: Option<ResponseContext>,
    /// When Lambda gave up.
    timestamp: Option<Timestamp>,
    #[serde(rename = "DDBStreamBatchInfo")]
    batch: BatchInfo,
}

/// Why Lambda gave up.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    condition: String,
    approximate_invoke_count: Option<u64>,
}

/// How the last invocation ended.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResponseContext {
    function_error: Option<String>,
}

/// The range of the stream. [`Pointer`] says what each member means.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchInfo {
    shard_id: String,
    start_sequence_number: String,
    end_sequence_number: String,
    approximate_arrival_of_first_record: Option<Timestamp>,
    approximate_arrival_of_last_record: Option<Timestamp>,
    batch_size: u64,
    stream_arn: String,
}

impl TryFrom<WrittenPointer> for Pointer {
    type Error = NotADeadLetter;

    fn try_from(written: WrittenPointer) -> Result<Self, NotADeadLetter> {
        let batch = written.batch;
        for number in [&batch.start_sequence_number, &batch.end_sequence_number] {
            if !is_sequence_number(number) {
                let problem = "a sequence number is not one";
                return Err(NotADeadLetter(problem.to_owned()));
            }
        }
        let (start, end) = (&batch.start_sequence_number, &batch.end_sequence_number);
        if sequence_number::compare(start, end) == Ordering::Greater {
            // Both consist of digits.
            let problem = format!("its range ends before it begins: {start} to {end}");
            return Err(NotADeadLetter(problem));
        }
        // The message is written after its records, so its time is an upper bound for theirs.
        let last_arrival = batch
            .approximate_arrival_of_last_record
            .or(written.timestamp)
            .ok_or_else(|| NotADeadLetter("it has no timestamp".to_owned()))?;
        Ok(Self {
            condition: match written.request_context.condition.as_str() {
                // The spelling of an emulator.
                "MaxRecordAgeExceeded" => "RecordAgeExceeded".to_owned(),
                condition => condition.to_owned(),
            },
            invoke_count: written.request_context.approximate_invoke_count,
            function_error: written
                .response_context
                .and_then(|response| response.function_error),
            stream_arn: batch.stream_arn,
            shard_id: batch.shard_id,
            start: batch.start_sequence_number,
            end: batch.end_sequence_number,
            batch_size: batch.batch_size,
            first_arrival: batch.approximate_arrival_of_first_record,
            last_arrival,
            at: written.timestamp,
        })
    }
}

/// Returns whether the text is a sequence number: up to 40 decimal digits. A stream rejects
/// anything else.
fn is_sequence_number(text: &str) -> bool {
    (1..=40).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// The example of Lambda's developer guide.
    fn pointer() -> Value {
        json!({
            "requestContext": {
                "requestId": "316aa6d0-8154-xmpl-9af7-85d5f4a6bc81",
                "functionArn": "arn:aws:lambda:us-east-2:123456789012:function:myfunction:live",
                "condition": "RetryAttemptsExhausted",
                "approximateInvokeCount": 1,
            },
            "responseContext": {
                "statusCode": 200,
                "executedVersion": "$LATEST",
                "functionError": "Unhandled",
            },
            "version": "1.0",
            "timestamp": "2019-11-14T00:13:49.717Z",
            "DDBStreamBatchInfo": {
                "shardId": "shardId-00000001573689847184-864758bb",
                "startSequenceNumber": "800000000003126276362",
                "endSequenceNumber": "800000000003126276363",
                "approximateArrivalOfFirstRecord": "2019-11-14T00:13:19Z",
                "approximateArrivalOfLastRecord": "2019-11-14T00:13:20Z",
                "batchSize": 2,
                "streamArn": "arn:aws:dynamodb:us-east-2:123456789012:table/mytable/stream/2019-11-14T00:04:06.388",
            },
        })
    }

    fn parsed(pointer: &Value) -> Pointer {
        match Letter::parse(&pointer.to_string()) {
            Ok(Letter::Pointer(pointer)) => pointer,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_pointer_of_lambda_is_parsed() {
        let expected = Pointer {
            condition: "RetryAttemptsExhausted".into(),
            invoke_count: Some(1),
            function_error: Some("Unhandled".into()),
            stream_arn: "arn:aws:dynamodb:us-east-2:123456789012:table/mytable/stream/2019-11-14T00:04:06.388".into(),
            shard_id: "shardId-00000001573689847184-864758bb".into(),
            start: "800000000003126276362".into(),
            end: "800000000003126276363".into(),
            batch_size: 2,
            first_arrival: Some("2019-11-14T00:13:19Z".parse().unwrap()),
            last_arrival: "2019-11-14T00:13:20Z".parse().unwrap(),
            at: Some("2019-11-14T00:13:49.717Z".parse().unwrap()),
        };
        assert_eq!(parsed(&pointer()), expected);
    }

    #[test]
    fn every_variation_of_a_pointer_is_parsed() {
        let mut partial = pointer();
        partial["responseContext"]["functionError"] = Value::Null;
        assert_eq!(parsed(&partial).function_error, None);

        for condition in ["RecordAgeExceeded", "MaxRecordAgeExceeded"] {
            let mut age = pointer();
            age.as_object_mut().unwrap().remove("responseContext");
            age["requestContext"]["condition"] = json!(condition);
            assert_eq!(parsed(&age).condition, "RecordAgeExceeded");
            assert_eq!(parsed(&age).function_error, None);
        }

        let mut without_arrival = pointer();
        let batch = without_arrival["DDBStreamBatchInfo"].as_object_mut();
        batch.unwrap().remove("approximateArrivalOfLastRecord");
        assert_eq!(
            parsed(&without_arrival).last_arrival,
            "2019-11-14T00:13:49.717Z".parse().unwrap()
        );

        let mut newer = pointer();
        newer["version"] = json!("1.1");
        newer["requestContext"]["extra"] = json!({"a": 1});
        assert_eq!(parsed(&newer), parsed(&pointer()));
    }

    #[test]
    fn a_reference_of_the_relay_is_parsed() {
        let letter = DeadLetter {
            table: "outbox".into(),
            key: crate::RowKey {
                aggregate_id: "order#1".into(),
                position: "00000000000000000001#019ad0c5-0a4c-7000-8000-000000000001".into(),
            },
            event_id: Some("019ad0c5-0a4c-7000-8000-000000000001".into()),
            code: "TooLarge".into(),
            message: "too large".into(),
            bytes: 300_000,
            sha256: "00".into(),
            at: "2026-11-24T09:00:00Z".parse().unwrap(),
        };
        let body = serde_json::to_string(&letter).unwrap();
        assert_eq!(Letter::parse(&body), Ok(Letter::Reference(letter)));
    }

    #[test]
    fn unknown_members_with_numbers_of_any_size_are_ignored() {
        let reference = json!({
            "table": "outbox", "aggregateId": "a", "position": "1", "eventId": null,
            "code": "TooLarge", "message": "too large", "bytes": 1, "sha256": "00",
            "at": "2026-11-24T09:00:00Z",
        });
        for body in [pointer(), reference].map(|letter| letter.to_string()) {
            let expected = Letter::parse(&body).unwrap();
            let more = r#"{"more": [1e400, 123456789012345678901234567890],"#;
            assert_eq!(Letter::parse(&body.replacen('{', more, 1)), Ok(expected));
        }
    }

    #[test]
    fn a_letter_is_shown_in_one_line() {
        let shown = Letter::parse(&pointer().to_string()).unwrap().to_string();
        let expected =
            "RetryAttemptsExhausted of 2 records in shardId-00000001573689847184-864758bb";
        assert_eq!(shown, expected);
    }

    #[test]
    fn any_other_message_is_an_error_with_the_reason() {
        let mut no_shard = pointer();
        let batch = no_shard["DDBStreamBatchInfo"].as_object_mut();
        batch.unwrap().remove("shardId");
        let mut odd_number = pointer();
        odd_number["DDBStreamBatchInfo"]["endSequenceNumber"] = json!("12e5");
        let mut long_number = pointer();
        long_number["DDBStreamBatchInfo"]["endSequenceNumber"] = json!("1".repeat(41));
        let mut backwards = pointer();
        backwards["DDBStreamBatchInfo"]["startSequenceNumber"] = json!("800000000003126276364");
        let reference = |aggregate_id: &str, position: &str| {
            json!({
                "table": "outbox", "aggregateId": aggregate_id, "position": position,
                "eventId": null, "code": "TooLarge", "message": "too large", "bytes": 1,
                "sha256": "00", "at": "2026-11-24T09:00:00Z",
            })
            .to_string()
        };
        let no_row = "it names no row: a key is empty or too long";
        let mut timeless = pointer();
        timeless.as_object_mut().unwrap().remove("timestamp");
        let batch = timeless["DDBStreamBatchInfo"].as_object_mut();
        batch.unwrap().remove("approximateArrivalOfLastRecord");
        for (body, problem) in [
            ("hello".to_owned(), "it is not JSON"),
            (
                json!({"orderId": 1}).to_string(),
                "it has neither DDBStreamBatchInfo nor aggregateId",
            ),
            (no_shard.to_string(), "missing field `shardId`"),
            (odd_number.to_string(), "a sequence number is not one"),
            (long_number.to_string(), "a sequence number is not one"),
            (
                backwards.to_string(),
                "its range ends before it begins: 800000000003126276364 to 800000000003126276363",
            ),
            (timeless.to_string(), "it has no timestamp"),
            (reference("", "1"), no_row),
            (reference("a", ""), no_row),
            (reference(&"a".repeat(2049), "1"), no_row),
            (reference("a", &"1".repeat(1025)), no_row),
            (
                json!({"aggregateId": "a", "table": 5105_1051_u64}).to_string(),
                "invalid type, expected a string",
            ),
            (
                json!({"aggregateId": "a"}).to_string(),
                "missing field `table`",
            ),
        ] {
            let error = Letter::parse(&body).unwrap_err();
            // For a missing field, serde_json appends the line.
            assert!(error.to_string().starts_with(problem), "{body}: {error}");
        }
    }

    #[test]
    fn an_error_quotes_nothing_of_the_message() {
        let mut condition = pointer();
        condition["requestContext"]["condition"] = json!({"SECRET": "SECRET"});
        let mut batch = pointer();
        batch["DDBStreamBatchInfo"] = json!("SECRET");
        let reference = json!({"aggregateId": ["SECRET"], "position": "SECRET"});
        for body in [
            condition,
            batch,
            reference,
            json!("SECRET"),
            json!({"SECRET": 1}),
        ] {
            let error = Letter::parse(&body.to_string()).unwrap_err().to_string();
            assert!(!error.contains("SECRET"), "{error}");
        }
    }
}
