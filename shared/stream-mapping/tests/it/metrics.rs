//! The counts of a shard.

use jiff::SignedDuration;
use stream_mapping::{Action, Filter, Metrics, Outcome, Settings};

use super::drive::{Drive, failure_from, records, settings, shard, start, success};

#[test]
fn records_are_counted_by_their_result() {
    let settings = Settings {
        bisect_batch_on_function_error: false,
        maximum_retry_attempts: Some(1),
        filter: Filter::from_patterns([
            r#"{"dynamodb": {"SequenceNumber": [{"anything-but": "5"}]}}"#,
        ])
        .unwrap(),
        ..settings()
    };
    let mut drive = Drive::new(settings, records(1..=5));
    drive.run(|call, _| match call {
        0 => Outcome::NotReached,
        _ => failure_from(3),
    });
    assert_eq!(
        drive.batches,
        [vec![1, 2, 3, 4], vec![1, 2, 3, 4], vec![3, 4], vec![3, 4]]
    );
    assert_eq!(
        *drive.shard.metrics(),
        Metrics {
            polled_event_count: 5,
            filtered_out_event_count: 1,
            invoked_event_count: 4 + 2 + 2,
            failed_invoke_event_count: 4 + 2 + 2 + 2,
            dropped_event_count: 0,
            on_failure_destination_delivered_event_count: 2,
            iterator_age: Some(drive.now.duration_since(start())),
        }
    );
}

#[test]
fn without_a_destination_records_are_dropped() {
    let settings = Settings {
        has_on_failure_destination: false,
        ..settings()
    };
    let mut drive = Drive::new(settings, records(1..=2));
    drive.run(|_, _| Outcome::FunctionError);
    assert!(drive.messages.is_empty());
    assert_eq!(drive.checkpoint(), 2);
    assert_eq!(drive.shard.metrics().dropped_event_count, 2);
}

#[test]
fn records_whose_message_is_lost_are_dropped() {
    let settings = Settings {
        maximum_retry_attempts: Some(0),
        batch_size: 1,
        ..settings()
    };
    let mut shard = shard(settings);
    shard.push(records(1..=2), start());
    let Action::Invoke(lane, _) = shard.next(start()) else {
        panic!("nothing to do")
    };
    shard.completed(
        lane,
        &Outcome::FunctionError,
        &super::drive::invocation(),
        start(),
    );
    let Action::SendOnFailure(lane, _) = shard.next(start()) else {
        panic!("nothing given up")
    };
    shard.on_failure_lost(lane);
    assert_eq!(shard.metrics().dropped_event_count, 1);
    let Action::Invoke(_, batch) = shard.next(start()) else {
        panic!("the shard does not go on")
    };
    assert_eq!(super::drive::numbers(batch), [2]);
}

#[test]
fn iterator_age_is_that_of_the_last_record_sent() {
    let mut drive = Drive::new(settings(), records(1..=2));
    drive.now = start() + SignedDuration::from_secs(7);
    drive.run(|_, _| success());
    let age = drive.shard.metrics().iterator_age;
    assert_eq!(age, Some(SignedDuration::from_secs(7)));
}
