//! Lambda's documented rules, one by one, and what must hold whatever a
//! function does.

#![allow(clippy::unwrap_used)]

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};
use stream_mapping::{Action, Filter, Invocation, Outcome, Record, Settings, Shard};

const WRITTEN_AT: i64 = 1_795_510_800;

fn record(number: u64, event_name: &str) -> Record {
    Record::from_json(json!({
        "eventName": event_name,
        "dynamodb": {
            "SequenceNumber": number.to_string(),
            "ApproximateCreationDateTime": WRITTEN_AT,
        },
    }))
    .unwrap()
}

fn records(numbers: std::ops::RangeInclusive<u64>) -> Vec<Record> {
    numbers.map(|number| record(number, "INSERT")).collect()
}

fn settings() -> Settings {
    Settings {
        maximum_retry_attempts: Some(2),
        bisect_batch_on_function_error: true,
        report_batch_item_failures: true,
        has_on_failure_destination: true,
        ..Settings::default()
    }
}

fn shard(settings: Settings) -> Shard {
    Shard::new(
        "shardId-1",
        "arn:aws:dynamodb:table/outbox/stream/1",
        settings,
    )
    .unwrap()
}

fn invocation() -> Invocation {
    Invocation {
        request_id: "request-1".into(),
        function_arn: "arn:aws:lambda:function:relay:live".into(),
        executed_version: "7".into(),
        function_error: None,
    }
}

fn success() -> Outcome {
    Outcome::Answered {
        payload: "{}".into(),
    }
}

fn failure_from(number: u64) -> Outcome {
    let failures = json!({"batchItemFailures": [{"itemIdentifier": number.to_string()}]});
    Outcome::Answered {
        payload: failures.to_string(),
    }
}

/// Drives a shard by a function, waiting whenever told to. Answers the batches
/// the function got, and the messages sent.
struct Drive {
    shard: Shard,
    now: Timestamp,
    batches: Vec<Vec<u64>>,
    messages: Vec<Value>,
}

impl Drive {
    fn new(settings: Settings, records: Vec<Record>) -> Self {
        let mut shard = shard(settings);
        shard.push(records);
        Self {
            shard,
            now: Timestamp::from_second(WRITTEN_AT).unwrap(),
            batches: Vec::new(),
            messages: Vec::new(),
        }
    }

    fn run(&mut self, mut function: impl FnMut(&[u64]) -> Outcome) {
        for _ in 0..10_000 {
            match self.shard.next(self.now) {
                Action::Idle => return,
                Action::WaitUntil(time) => self.now = time,
                Action::SendOnFailure(failure) => {
                    self.messages.push(failure.message().clone());
                    self.shard.on_failure_sent();
                }
                Action::Invoke(batch) => {
                    let batch = numbers(batch);
                    let outcome = function(&batch);
                    self.batches.push(batch);
                    self.shard.completed(&outcome, &invocation(), self.now);
                }
            }
        }
        panic!("the shard does not come to rest");
    }

    fn given_up(&self) -> Vec<(String, String)> {
        let info = |message: &Value, name: &str| {
            message["DDBStreamBatchInfo"][name]
                .as_str()
                .unwrap()
                .to_owned()
        };
        let range = |message| {
            (
                info(message, "startSequenceNumber"),
                info(message, "endSequenceNumber"),
            )
        };
        self.messages.iter().map(range).collect()
    }
}

fn numbers(batch: &[Record]) -> Vec<u64> {
    batch
        .iter()
        .map(|record| record.sequence_number().as_str().parse().unwrap())
        .collect()
}

fn range(first: u64, last: u64) -> (String, String) {
    (first.to_string(), last.to_string())
}

#[test]
fn batches_hold_at_most_batch_size_records() {
    let settings = Settings {
        batch_size: 4,
        ..settings()
    };
    let mut drive = Drive::new(settings, records(1..=10));
    drive.run(|_| success());
    assert_eq!(
        drive.batches,
        [vec![1, 2, 3, 4], vec![5, 6, 7, 8], vec![9, 10]]
    );
    assert_eq!(drive.shard.checkpoint().unwrap().as_str(), "10");
}

#[test]
fn a_batch_stays_below_the_payload_limit() {
    let large = |number: u64| {
        Record::from_json(json!({
            "eventName": "INSERT",
            "dynamodb": {
                "SequenceNumber": number.to_string(),
                "ApproximateCreationDateTime": WRITTEN_AT,
                "NewImage": {"text": {"S": "x".repeat(2_000_000)}},
            },
        }))
        .unwrap()
    };
    let mut drive = Drive::new(settings(), (1..=4).map(large).collect());
    drive.run(|_| success());
    assert_eq!(drive.batches, [vec![1, 2, 3], vec![4]]);
}

#[test]
fn filtered_records_never_reach_the_function_and_do_not_hold_up_the_checkpoint() {
    let settings = Settings {
        filter: Filter::from_patterns([r#"{"eventName": ["INSERT"]}"#]).unwrap(),
        ..settings()
    };
    let records = vec![
        record(1, "INSERT"),
        record(2, "REMOVE"),
        record(3, "MODIFY"),
    ];
    let mut drive = Drive::new(settings, records);
    drive.run(|_| success());
    assert_eq!(drive.batches, [vec![1]]);
    assert_eq!(drive.shard.checkpoint().unwrap().as_str(), "3");
}

#[test]
fn from_the_lowest_reported_failure_on_everything_comes_again() {
    let mut drive = Drive::new(settings(), records(1..=5));
    let mut first = true;
    drive.run(|_| {
        if std::mem::take(&mut first) {
            failure_from(3)
        } else {
            success()
        }
    });
    assert_eq!(drive.batches, [vec![1, 2, 3, 4, 5], vec![3, 4, 5]]);
}

#[test]
fn after_a_partial_failure_the_checkpoint_stands_before_it() {
    let mut shard = shard(settings());
    shard.push(records(1..=5));
    let now = Timestamp::from_second(WRITTEN_AT).unwrap();
    assert!(matches!(shard.next(now), Action::Invoke(_)));
    shard.completed(&failure_from(3), &invocation(), now);
    assert_eq!(shard.checkpoint().unwrap().as_str(), "2");
    assert_eq!(shard.backlog(), 3);
}

#[test]
fn without_report_batch_item_failures_every_answer_is_success() {
    let settings = Settings {
        report_batch_item_failures: false,
        ..settings()
    };
    let mut drive = Drive::new(settings, records(1..=3));
    drive.run(|_| failure_from(1));
    assert_eq!(drive.batches.len(), 1);
}

#[test]
fn a_function_error_halves_the_batch_until_the_culprit_stands_alone() {
    let mut drive = Drive::new(settings(), records(1..=4));
    drive.run(|batch| {
        if batch.contains(&3) {
            Outcome::FunctionError
        } else {
            success()
        }
    });
    assert_eq!(
        drive.batches,
        [
            vec![1, 2, 3, 4],
            vec![1, 2],
            vec![3, 4],
            vec![3],
            vec![3],
            vec![3],
            vec![4]
        ]
    );
    assert_eq!(drive.given_up(), [range(3, 3)]);
    assert_eq!(drive.shard.checkpoint().unwrap().as_str(), "4");
}

#[test]
fn without_bisect_a_failed_batch_is_retried_and_given_up_whole() {
    let settings = Settings {
        bisect_batch_on_function_error: false,
        ..settings()
    };
    let mut drive = Drive::new(settings, records(1..=3));
    drive.run(|_| Outcome::FunctionError);
    assert_eq!(
        drive.batches,
        vec![vec![1, 2, 3]; 3],
        "once and two retries"
    );
    assert_eq!(drive.given_up(), [range(1, 3)]);
}

#[test]
fn a_record_reported_again_and_again_is_given_up_and_the_rest_too_if_it_failed() {
    let mut drive = Drive::new(settings(), records(1..=2));
    drive.run(|batch| failure_from(batch[0]));
    assert_eq!(drive.batches, vec![vec![1, 2]; 3]);
    assert_eq!(drive.given_up(), [range(1, 2)]);
}

#[test]
fn batches_that_did_not_reach_the_function_use_up_no_retries() {
    let mut drive = Drive::new(settings(), records(1..=1));
    let mut throttles = 20;
    drive.run(|_| {
        throttles -= 1;
        if throttles > 0 {
            Outcome::NotReached
        } else {
            success()
        }
    });
    assert!(drive.messages.is_empty());
    assert_eq!(drive.batches.len(), 20);
}

#[test]
fn retries_wait_longer_each_time_up_to_a_minute() {
    let settings = Settings {
        maximum_retry_attempts: Some(12),
        ..settings()
    };
    let mut drive = Drive::new(settings, records(1..=1));
    let begun = drive.now;
    let mut shard_times = Vec::new();
    for _ in 0..11 {
        let now = drive.now;
        shard_times.push(now.duration_since(begun));
        assert!(matches!(drive.shard.next(now), Action::Invoke(_)));
        drive
            .shard
            .completed(&Outcome::FunctionError, &invocation(), now);
        let Action::WaitUntil(time) = drive.shard.next(now) else {
            panic!("no pause")
        };
        drive.now = time;
    }
    let pauses: Vec<_> = shard_times
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .collect();
    assert!(pauses.is_sorted());
    assert_eq!(*pauses.last().unwrap(), SignedDuration::from_mins(1));
}

#[test]
fn records_over_the_maximum_age_are_given_up_untried() {
    let settings = Settings {
        maximum_record_age: Some(SignedDuration::from_mins(1)),
        maximum_retry_attempts: None,
        ..settings()
    };
    let mut drive = Drive::new(settings, records(1..=2));
    drive.run(|_| Outcome::FunctionError);
    assert_eq!(drive.given_up(), [range(1, 1), range(2, 2)]);
    let message = &drive.messages[0];
    assert_eq!(message["requestContext"]["condition"], "RecordAgeExceeded");
    assert!(message.get("responseContext").is_none());
}

#[test]
fn without_a_destination_what_is_given_up_is_gone() {
    let settings = Settings {
        has_on_failure_destination: false,
        ..settings()
    };
    let mut drive = Drive::new(settings, records(1..=2));
    drive.run(|_| Outcome::FunctionError);
    assert!(drive.messages.is_empty());
    assert_eq!(drive.shard.checkpoint().unwrap().as_str(), "2");
}

#[test]
fn the_message_says_where_the_records_lie() {
    let mut drive = Drive::new(settings(), records(7..=7));
    drive.run(|_| Outcome::FunctionError);
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
fn asking_again_changes_nothing_until_the_invocation_has_ended() {
    let mut shard = shard(settings());
    shard.push(records(1..=2));
    let now = Timestamp::from_second(WRITTEN_AT).unwrap();
    assert!(matches!(shard.next(now), Action::Invoke(_)));
    assert!(matches!(shard.next(now), Action::Idle));
    shard.completed(&success(), &invocation(), now);
    shard.completed(&Outcome::FunctionError, &invocation(), now);
    assert_eq!(shard.backlog(), 0);
}

#[test]
fn settings_outside_of_aws_s_ranges_are_refused_by_name() {
    let minute = SignedDuration::from_mins(1);
    for (settings, message) in [
        (
            Settings {
                batch_size: 0,
                ..settings()
            },
            "BatchSize must be 1 to 10,000, not 0",
        ),
        (
            Settings {
                batch_size: 10_001,
                ..settings()
            },
            "BatchSize must be 1 to 10,000, not 10001",
        ),
        (
            Settings {
                maximum_retry_attempts: Some(10_001),
                ..settings()
            },
            "MaximumRetryAttempts must be -1 or 0 to 10,000, not 10001",
        ),
        (
            Settings {
                maximum_record_age: Some(minute - SignedDuration::from_secs(1)),
                ..settings()
            },
            "MaximumRecordAgeInSeconds must be -1 or 60 to 604,800, not 59",
        ),
    ] {
        let error = Shard::new("s", "arn", settings).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

proptest! {
    /// Whatever the function does: each record is tried at least once, ends
    /// done or in a message, never both skipped, and in order; and the
    /// checkpoint never passes a record that is neither.
    #[test]
    fn no_record_is_skipped(
        count in 1_u64..60, seed in any::<u64>(), batch_size in 1_usize..20,
        retries in 0_u32..4, bisect in any::<bool>(),
    ) {
        let settings = Settings {
            batch_size,
            maximum_retry_attempts: Some(retries),
            bisect_batch_on_function_error: bisect,
            ..settings()
        };
        let mut drive = Drive::new(settings, records(1..=count));
        let mut done = std::collections::BTreeSet::new();
        let mut state = seed;
        drive.run(|batch| {
            // A small linear congruential generator: reproducible by its seed.
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let place = usize::try_from(state >> 33).unwrap() % batch.len();
            match (state >> 20) % 4 {
                0 => Outcome::FunctionError,
                1 => { done.extend(&batch[..place]); failure_from(batch[place]) }
                2 if state.is_multiple_of(3) => Outcome::NotReached,
                _ => { done.extend(batch); success() }
            }
        });
        for (first, last) in drive.given_up() {
            done.extend(first.parse::<u64>().unwrap()..=last.parse().unwrap());
        }
        prop_assert_eq!(done.len() as u64, count);
        prop_assert_eq!(drive.shard.checkpoint().unwrap().as_str(), count.to_string());
        for pair in drive.batches.windows(2) {
            prop_assert!(pair[1][0] >= pair[0][0], "the shard never goes back");
        }
    }
}
