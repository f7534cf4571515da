//! What becomes of a batch: the checkpoint, the counts, the deadline.

use std::time::Duration;

use jiff::SignedDuration;
use outbox::{
    handlers::{Counts, StreamEvent, StreamHandler},
    ports::{CallError, EntryError},
};
use outbox_testing::{InMemoryAws, Operation};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::invoke::{handle, handle_with, relay_with};
use crate::memory::{
    Rows, denied_call, in_memory, record, refuse, start, transient, transient_call,
};

#[tokio::test(start_paused = true)]
async fn the_sample_payload_is_published() {
    let aws = in_memory();
    let sample = include_str!("../../../../../../samples/publish-events.json");
    let mut event: Value = serde_json::from_str(sample).unwrap();
    let record = &mut event["Records"][0];
    // As if it were written now: a record of some age would be looked up.
    record["dynamodb"]["ApproximateCreationDateTime"] = json!(start().as_second());
    assert_eq!(handle(&aws, vec![record.clone()]).await, None);
    let published = aws.published_rows();
    assert_eq!(published, ["order#019d4f5e-6a00-7000-8000-000000000042/1"]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_done_reports_no_failures() {
    let aws = in_memory();
    let records = vec![
        record("100", &aws.insert("a", 1)),
        record("101", &aws.insert("b", 1)),
    ];
    assert_eq!(handle(&aws, records).await, None);
    assert_eq!(aws.published_rows(), ["a/1", "b/1"]);
    assert!(aws.pending_rows().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_lowest_failing_sequence_number_is_reported_by_its_value() {
    let aws = in_memory();
    aws.always_fail_with(
        Operation::PutEvents,
        CallError::Configuration("AccessDenied".into()),
    );
    let records = vec![
        record(
            "99999999999999999999999999999999999999",
            &aws.insert("a", 1),
        ),
        record(
            "100000000000000000000000000000000000000",
            &aws.insert("b", 1),
        ),
        record(
            "99999999999999999999999999999999999998",
            &aws.insert("c", 1),
        ),
    ];
    assert_eq!(
        handle(&aws, records).await.as_deref(),
        Some("99999999999999999999999999999999999998")
    );
}

/// Returns the record of a row whose look-up fails.
fn not_looked_up(aws: &InMemoryAws, sequence_number: &str, aggregate: &str) -> Value {
    aws.always_fail_with(Operation::BatchGetItem, denied_call());
    let mut record = record(sequence_number, &aws.insert(aggregate, 1));
    record["dynamodb"]["ApproximateCreationDateTime"] = Value::Null;
    record
}

#[tokio::test(start_paused = true)]
async fn published_records_behind_a_failure_are_looked_up_when_retried() {
    let aws = in_memory();
    let handler = StreamHandler::new(aws.relay());
    let records = vec![
        not_looked_up(&aws, "100", "a"),
        record("101", &aws.insert("b", 1)),
    ];
    let begun = Instant::now();
    assert_eq!(
        handle_with(&handler, records.clone()).await.as_deref(),
        Some("100")
    );
    assert!(
        begun.elapsed() >= Duration::from_secs(2),
        "returned while b/1 was young"
    );

    aws.end_faults();
    assert_eq!(handle_with(&handler, records).await, None);
    assert_eq!(aws.published_rows(), ["b/1", "a/1"], "b/1 once");
}

#[tokio::test(start_paused = true)]
async fn a_failure_with_nothing_published_behind_it_is_not_delayed() {
    let aws = in_memory();
    let records = vec![
        record("100", &aws.insert("a", 1)),
        not_looked_up(&aws, "101", "b"),
    ];
    let begun = Instant::now();
    assert_eq!(handle(&aws, records).await.as_deref(), Some("101"));
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_counted() {
    let aws = in_memory();
    aws.set_fault_plan(refuse(
        "c/1",
        EntryError::Configuration("NotAuthorized".into()),
    ));
    let settled = aws.insert("b", 1);
    aws.remove_row(&settled.key);
    let mut settled = record("2", &settled);
    settled["dynamodb"]["ApproximateCreationDateTime"] = Value::Null;
    let records = vec![
        record("1", &aws.insert("a", 1)),
        settled,
        record("3", &aws.insert("c", 1)),
        record("4", &aws.insert("c", 2)),
    ];
    let relayed = relay_with(&StreamHandler::new(aws.relay()), records).await;
    let published = SignedDuration::from_millis(20);
    assert_eq!(
        relayed.counts,
        Counts {
            published: 2,
            skipped: 1,
            left_to_sweeper: 1,
            commit_to_publish: vec![published; 2],
            ..Counts::default()
        },
        "c/2 was sent in the request of c/1"
    );
}

#[tokio::test(start_paused = true)]
async fn a_deadline_in_the_past_is_treated_as_unknown() {
    let aws = in_memory();
    let handler = StreamHandler::new(aws.relay());
    let event = json!({"Records": [record("1", &aws.insert("a", 1))]});
    let event: StreamEvent = serde_json::from_value(event).unwrap();
    handler.handle(event, Instant::now()).await;
    assert_eq!(aws.published_rows(), ["a/1"]);
}

#[tokio::test(start_paused = true)]
async fn the_response_comes_before_the_deadline_whatever_fails() {
    let aws = in_memory();
    aws.set_fault_plan(refuse("a/1", transient()));
    aws.always_fail_with(Operation::BatchWriteItem, transient_call());
    let records = vec![
        record("1", &aws.insert("a", 1)),
        record("2", &aws.insert("b", 1)),
    ];
    let begun = Instant::now();
    assert_eq!(handle(&aws, records).await.as_deref(), Some("1"));
    assert!(
        begun.elapsed() < Duration::from_secs(58),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn a_payload_without_records_is_an_error() {
    assert!(serde_json::from_value::<StreamEvent>(json!({"Hello": 1})).is_err());
}
