//! Messages and objects for the on-failure destination.

use jiff::SignedDuration;
use serde_json::{Value, json};
use stream_mapping::{Outcome, Settings};
use uuid::Uuid;

use super::drive::{Drive, MAPPING, OBJECT, STREAM_ARN, failure_from, records, settings, success};

/// The ARN of the tests' function `relay:live`.
const FUNCTION_ARN: &str = "arn:aws:lambda:eu-central-1:123456789012:function:relay:live";

#[test]
fn the_message_contains_the_position_of_the_records() {
    let mut drive = Drive::new(settings(), records(7..=7));
    drive.run(|_, _| Outcome::FunctionError);
    assert_eq!(
        drive.messages,
        [json!({
            "requestContext": {
                "requestId": "request-1",
                "functionArn": FUNCTION_ARN,
                "condition": "RetryAttemptsExhausted",
                "approximateInvokeCount": 3,
            },
            "responseContext": {
                "statusCode": 200,
                "executedVersion": "7",
                "functionError": null,
            },
            "version": "1.0",
            "timestamp": "2026-11-24T09:00:01.500Z",
            "DDBStreamBatchInfo": {
                "shardId": "shardId-1",
                "startSequenceNumber": "7",
                "endSequenceNumber": "7",
                "approximateArrivalOfFirstRecord": "2026-11-24T09:00:00Z",
                "approximateArrivalOfLastRecord": "2026-11-24T09:00:00Z",
                "batchSize": 1,
                "streamArn": STREAM_ARN,
            },
        })]
    );
}

#[test]
fn records_over_the_maximum_age_are_given_up_without_a_response() {
    let settings = Settings {
        maximum_record_age: Some(SignedDuration::from_mins(1)),
        maximum_retry_attempts: None,
        ..settings()
    };
    let mut drive = Drive::new(settings, records(1..=2));
    drive.run(|_, _| Outcome::FunctionError);
    assert_eq!(drive.given_up(), [(1, 1), (2, 2)], "halved, then too old");
    let message = &drive.messages[0];
    assert_eq!(message["requestContext"]["condition"], "RecordAgeExceeded");
    // With the other record at 0 s, then alone at 0.5, 1.5, 3.5, .. 31.5 s, and the
    // attempt that was too late.
    assert_eq!(message["requestContext"]["approximateInvokeCount"], 8);
    assert_eq!(message["requestContext"]["requestId"], "request-1");
    assert!(message.get("responseContext").is_none());
}

#[test]
fn a_record_failing_for_a_minute_has_an_invoke_count_of_eight() {
    let settings = Settings {
        maximum_record_age: Some(SignedDuration::from_mins(1)),
        maximum_retry_attempts: None,
        bisect_batch_on_function_error: false,
        ..settings()
    };
    let mut drive = Drive::new(settings, records(1..=1));
    drive.run(|_, _| Outcome::FunctionError);
    assert_eq!(drive.batches.len(), 7);
    let count = &drive.messages[0]["requestContext"]["approximateInvokeCount"];
    assert_eq!(*count, 8);
}

#[test]
fn records_without_an_invocation_have_a_request_id() {
    let too_old = || {
        let settings = Settings {
            maximum_record_age: Some(SignedDuration::from_mins(1)),
            ..settings()
        };
        let mut drive = Drive::new(settings, records(1..=2));
        drive.now += SignedDuration::from_hours(1);
        drive.run(|_, _| Outcome::FunctionError);
        drive.messages.remove(0)
    };
    let message = too_old();
    let context = &message["requestContext"];
    let uuid: Uuid = context["requestId"].as_str().unwrap().parse().unwrap();
    assert_eq!(uuid.get_version_num(), 4);
    assert_eq!(context["approximateInvokeCount"], 1);
    assert_eq!(context["functionArn"], FUNCTION_ARN);
    assert!(message.get("responseContext").is_none());
    assert_eq!(too_old(), message, "a run can be repeated");
}

/// As recorded on AWS: a record that is always reported, after others that are done.
#[test]
fn a_partial_failure_resets_the_counts() {
    for bisect in [false, true] {
        let settings = Settings {
            batch_size: 3,
            maximum_retry_attempts: Some(3),
            bisect_batch_on_function_error: bisect,
            ..settings()
        };
        // Six items: the last is number 6.
        let mut drive = Drive::new(settings, records(1..=6));
        drive.run(|_, batch| {
            if batch.contains(&6) {
                failure_from(6)
            } else {
                success()
            }
        });
        let expected: [&[u64]; 6] = [&[1, 2, 3], &[4, 5, 6], &[6], &[6], &[6], &[6]];
        assert_eq!(drive.batches, expected, "bisect {bisect}");
        let context = &drive.messages[0]["requestContext"];
        assert_eq!(context["approximateInvokeCount"], 4, "bisect {bisect}");
        assert_eq!(context["condition"], "RetryAttemptsExhausted");
        // 0.5 s after the partial failure, then 1, 2 and 4 s.
        let timestamp = &drive.messages[0]["timestamp"];
        assert_eq!(*timestamp, "2026-11-24T09:00:07.500Z", "bisect {bisect}");
    }
}

#[test]
fn an_object_contains_the_message_and_the_records() {
    let mut drive = Drive::new(settings(), records(7..=7));
    drive.run(|_, _| Outcome::FunctionError);
    let [object] = &drive.objects[..] else {
        panic!("one object")
    };
    assert_eq!(
        object.key,
        format!("aws/lambda/{MAPPING}/shardId-1/2026/11/24/2026-11-24T09.00.01-{OBJECT}")
    );
    let mut body = object.body.clone();
    let payload = body.as_object_mut().unwrap().remove("payload").unwrap();
    assert_eq!(body, drive.messages[0], "the same fields as in a queue");
    let event: Value = serde_json::from_str(payload.as_str().unwrap()).unwrap();
    let expected: Vec<Value> = records(7..=7).iter().map(|r| r.json().clone()).collect();
    assert_eq!(event, json!({"Records": expected}));
}

#[test]
fn an_unreached_function_is_no_invocation() {
    let mut drive = Drive::new(settings(), records(1..=1));
    drive.run(|call, _| match call {
        0..4 => Outcome::NotReached,
        _ => Outcome::FunctionError,
    });
    let count = &drive.messages[0]["requestContext"]["approximateInvokeCount"];
    assert_eq!(*count, 3, "once and two retries");
}

#[test]
fn halves_count_the_invocations_of_the_whole() {
    let mut drive = Drive::new(settings(), records(1..=2));
    drive.run(|_, batch| match batch {
        [1] => success(),
        _ => Outcome::FunctionError,
    });
    let count = &drive.messages[0]["requestContext"]["approximateInvokeCount"];
    assert_eq!(*count, 4, "once with the other record, three times alone");
}
