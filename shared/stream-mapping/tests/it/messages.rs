use jiff::SignedDuration;
use serde_json::json;
use stream_mapping::{Outcome, Settings};

use super::drive::{Drive, records, settings};

#[test]
fn the_message_says_where_the_records_lie() {
    let mut drive = Drive::new(settings(), records(7..=7));
    drive.run(|_, _| Outcome::FunctionError);
    assert_eq!(
        drive.messages,
        [json!({
            "requestContext": {
                "requestId": "request-1",
                "functionArn": "arn:aws:lambda:function:relay:live",
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
                "streamArn": "arn:aws:dynamodb:table/outbox/stream/1",
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
    // With the other record at 0 s, then alone at 0.5, 1.5, 3.5, .. 31.5 s.
    assert_eq!(message["requestContext"]["approximateInvokeCount"], 7);
    assert!(message.get("responseContext").is_none());
}

#[test]
fn what_was_never_tried_names_no_invocation() {
    let settings = Settings {
        maximum_record_age: Some(SignedDuration::from_mins(1)),
        ..settings()
    };
    let mut drive = Drive::new(settings, records(1..=2));
    drive.now += SignedDuration::from_hours(1);
    drive.run(|_, _| Outcome::FunctionError);
    let context = &drive.messages[0]["requestContext"];
    assert_eq!(context["requestId"], "");
    assert_eq!(context["approximateInvokeCount"], 0);
    let function = "arn:aws:lambda:function:relay:live";
    assert_eq!(context["functionArn"], function);
}

#[test]
fn what_did_not_reach_the_function_is_no_invocation() {
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
        [1] => super::drive::success(),
        _ => Outcome::FunctionError,
    });
    let count = &drive.messages[0]["requestContext"]["approximateInvokeCount"];
    assert_eq!(*count, 4, "once with the other record, three times alone");
}
