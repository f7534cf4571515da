//! The function behind the stream: records, checkpoints, the log.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::SignedDuration;
use outbox::{
    handlers::{BatchReport, Counts, StreamEvent, StreamHandler},
    ports::{CallError, EntryError},
};
use outbox_testing::{InMemoryAws, Operation};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tracing::instrument::WithSubscriber;

use crate::memory::{
    Rows, denied_call, in_memory, record, refuse, row_with_detail, start, transient, transient_call,
};

/// Damages a record or its image.
type Spoil = fn(&mut Value);

/// Handles a batch. Returns the reported identifier, if any.
async fn handle(aws: &InMemoryAws, records: Vec<Value>) -> Option<String> {
    let handler = StreamHandler::new(aws.relay());
    handle_with(&handler, records).await
}

async fn handle_with(
    handler: &StreamHandler<InMemoryAws, InMemoryAws, InMemoryAws>,
    records: Vec<Value>,
) -> Option<String> {
    reported(&relay_with(handler, records).await)
}

async fn relay_with(
    handler: &StreamHandler<InMemoryAws, InMemoryAws, InMemoryAws>,
    records: Vec<Value>,
) -> BatchReport {
    let event: StreamEvent = serde_json::from_value(json!({"Records": records})).unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    handler.handle(event, deadline).await
}

fn reported(relayed: &BatchReport) -> Option<String> {
    let response = serde_json::to_value(&relayed.response).unwrap();
    let failures = response["batchItemFailures"].as_array().unwrap().clone();
    assert!(failures.len() <= 1, "one checkpoint");
    let first = failures.first()?;
    Some(first["itemIdentifier"].as_str().unwrap().to_owned())
}

#[tokio::test(start_paused = true)]
async fn the_sample_payload_is_published() {
    let aws = in_memory();
    let sample = include_str!("../../../../../samples/publish-events.json");
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
async fn records_of_marks_and_deletes_are_done() {
    let aws = in_memory();
    let mut records = vec![
        record("1", &aws.insert("a", 1)),
        record("2", &aws.insert("b", 1)),
    ];
    records[0]["eventName"] = json!("MODIFY");
    records[1]["eventName"] = json!("REMOVE");
    assert_eq!(handle(&aws, records).await, None);
    assert!(aws.published_rows().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_discarded_event_is_never_published() {
    let aws = in_memory();
    let records = vec![record("1", &aws.insert("discarded#a", 1))];
    assert_eq!(handle(&aws, records).await, None);
    assert!(aws.published_rows().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_event_that_fails_while_others_are_accepted_is_left() {
    let aws = in_memory();
    aws.set_fault_plan(refuse("a/1", transient()));
    let handler = StreamHandler::new(aws.relay());
    let stuck = record("1", &aws.insert("a", 1));
    let alone = relay_with(&handler, vec![stuck.clone()]).await;
    assert_eq!(
        reported(&alone).as_deref(),
        Some("1"),
        "nothing else is accepted"
    );

    // Its record waits behind the failing one; the row is in the table.
    aws.insert("b", 1);
    sleep(Duration::from_secs(5)).await;
    let begun = Instant::now();
    let relayed = relay_with(&handler, vec![stuck]).await;
    assert_eq!(reported(&relayed), None);
    assert_eq!(relayed.counts.left_to_sweeper, 1);
    assert_eq!((relayed.counts.published, relayed.counts.failed), (1, 0));
    assert!(
        begun.elapsed() < Duration::from_secs(16),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(aws.pending_rows(), ["a/1"], "the sweeper finds it");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_left_to_the_sweeper_on_a_configuration_fault() {
    let aws = in_memory();
    let handler = StreamHandler::new(aws.relay());
    let stuck = record("1", &aws.insert("a", 1));
    relay_with(&handler, vec![record("2", &aws.insert("b", 1))]).await;
    aws.always_fail_with(
        Operation::PutEvents,
        CallError::Configuration("AccessDenied".into()),
    );
    let relayed = relay_with(&handler, vec![stuck]).await;
    assert_eq!(reported(&relayed).as_deref(), Some("1"));
    assert_eq!(relayed.counts.left_to_sweeper, 0);
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

/// Collects a log.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn the_log_names_events_and_never_shows_them() {
    let aws = in_memory();
    aws.set_fault_plan(refuse(
        "a/1",
        EntryError::Configuration("NotAuthorized".into()),
    ));
    aws.fail_with(Operation::BatchWriteItem, vec![denied_call(); 9]);
    let secret = |aggregate: &str| {
        let mut row = row_with_detail(aggregate, 1, &json!({"iban": "DE89"}).to_string());
        row.detail_type = "Paid".into();
        aws.insert_row(row)
    };
    let mut undecodable = record("3", &secret("c"));
    undecodable["dynamodb"]["NewImage"]["eventId"] = json!({"S": "DE89"});
    let mut unreadable = record("4", &secret("d"));
    unreadable["dynamodb"]["Keys"] = json!({"iban": {"S": "DE89"}});
    let records = vec![
        record("1", &secret("a")),
        record("2", &secret("b")),
        undecodable,
        unreadable,
    ];
    let log = Lines::default();
    let to = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || to.clone())
        .finish();
    let handler = StreamHandler::new(aws.relay());
    relay_with(&handler, records)
        .with_subscriber(subscriber)
        .await;

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(!log.contains("DE89"), "{log}");
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for (message, aggregate_id) in [
        ("left to the sweeper", "a"),
        ("published, but not deleted: may be published twice", "b"),
        ("parked, with a dead letter", "c"),
    ] {
        let line = lines.iter().find(|line| {
            line["fields"]["message"] == message && line["fields"]["aggregate_id"] == aggregate_id
        });
        let fields = &line.unwrap_or_else(|| panic!("no {message:?}: {log}"))["fields"];
        assert_eq!(fields["event_id"], "019ad0c5-0a4c-7000-8000-000000000001");
    }
}

#[tokio::test(start_paused = true)]
async fn an_attribute_of_a_newer_type_is_ignored() {
    let aws = in_memory();
    let mut record = record("1", &aws.insert("a", 1));
    record["dynamodb"]["NewImage"]["more"] = json!({"VECTOR": [1, 2]});
    assert_eq!(handle(&aws, vec![record]).await, None);
    assert_eq!(aws.published_rows(), ["a/1"]);
}

#[tokio::test(start_paused = true)]
async fn a_malformed_row_is_parked_and_the_rest_published() {
    let cases: [(&str, Spoil, &str); 9] = [
        (
            "detail",
            |image| drop(image.as_object_mut().unwrap().remove("detail")),
            "attribute \"detail\" is missing",
        ),
        (
            "detail",
            |image| image["detail"] = json!({"N": "1"}),
            "attribute \"detail\" is not text",
        ),
        (
            "source",
            |image| image["source"] = json!({"S": ""}),
            "attribute \"source\" is empty",
        ),
        (
            "v",
            |image| image["v"] = json!({"S": "1"}),
            "attribute \"v\" is not a number",
        ),
        (
            "sequence",
            |image| image["sequence"] = json!({"N": "2"}),
            "attribute \"position\" does not match sequence and eventId",
        ),
        (
            "sequence",
            |image| image["sequence"] = json!({"N": "-1"}),
            "attribute \"sequence\" is not an integer in range",
        ),
        (
            "eventId",
            |image| image["eventId"] = json!({"S": "secret"}),
            "attribute \"eventId\" is not a UUID",
        ),
        (
            "detail of a newer type",
            |image| image["detail"] = json!({"TEXT": "secret"}),
            "attribute \"detail\" is not text",
        ),
        (
            "image",
            |image| *image = json!("secret"),
            "attribute \"v\" is missing",
        ),
    ];
    for (what, spoil, message) in cases {
        let aws = in_memory();
        let mut records = vec![
            record("1", &aws.insert("a", 1)),
            record("2", &aws.insert("b", 1)),
        ];
        spoil(&mut records[0]["dynamodb"]["NewImage"]);
        assert_eq!(handle(&aws, records).await, None, "{what}");
        assert_eq!(aws.published_rows(), ["b/1"]);
        let letter = aws.letters().pop().unwrap();
        assert_eq!(
            (letter.code.as_str(), letter.message.as_str()),
            ("Undecodable", message)
        );
        assert!(aws.pending_rows().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_attributes_are_ignored() {
    let aws = in_memory();
    let mut records = vec![record("1", &aws.insert("a", 1))];
    records[0]["dynamodb"]["NewImage"]["tenant"] = json!({"S": "t"});
    assert_eq!(handle(&aws, records).await, None);
    assert_eq!(aws.published_rows(), ["a/1"]);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_proves_nothing_fails_alone_unparked() {
    let cases: [(&str, Spoil); 6] = [
        ("no image", |record| {
            record["dynamodb"]["NewImage"] = Value::Null;
        }),
        ("no key", |record| record["dynamodb"]["Keys"] = json!({})),
        ("another table's key", |record| {
            record["dynamodb"]["Keys"] = json!({"pk": {"S": "a"}});
        }),
        ("an empty key", |record| {
            record["dynamodb"]["Keys"]["aggregateId"] = json!({"S": ""});
        }),
        ("no event name", |record| record["eventName"] = Value::Null),
        ("unknown event name", |record| {
            record["eventName"] = json!("UPSERT");
        }),
    ];
    for (what, spoil) in cases {
        let aws = in_memory();
        let mut records = vec![
            record("1", &aws.insert("a", 1)),
            record("2", &aws.insert("b", 1)),
        ];
        spoil(&mut records[1]);
        assert_eq!(handle(&aws, records).await.as_deref(), Some("2"), "{what}");
        assert_eq!(aws.published_rows(), ["a/1"]);
        assert_eq!(aws.letters_sent(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_without_sequence_number_fails_the_whole_batch() {
    for broken in [json!("nonsense"), json!({}), json!(null)] {
        let aws = in_memory();
        let records = vec![record("1", &aws.insert("a", 1)), broken];
        assert_eq!(handle(&aws, records).await.as_deref(), Some(""));
        assert_eq!(aws.published_rows(), ["a/1"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_without_valid_creation_time_is_looked_up() {
    for time in [Value::Null, json!("yesterday"), json!(1), json!(1e300)] {
        let aws = in_memory();
        let mut records = vec![record("1", &aws.insert("a", 1))];
        records[0]["dynamodb"]["ApproximateCreationDateTime"] = time;
        assert_eq!(handle(&aws, records).await, None);
        assert_eq!(aws.calls(Operation::BatchGetItem).len(), 1);
    }
}

/// Lambda writes creation times with a point or an exponent. A record that is as
/// young as it says is published without looking it up.
#[tokio::test(start_paused = true)]
async fn creation_times_are_read_in_every_form_of_a_number() {
    let seconds = start().as_second();
    for time in [
        format!("{seconds}"),
        format!("{seconds}.0"),
        format!("{seconds}.000"),
        format!("{}E9", as_billions(seconds)),
        format!("{}e+9", as_billions(seconds)),
        format!("{seconds}0e-1"),
    ] {
        let aws = in_memory();
        let mut record = record("1", &aws.insert("a", 1));
        record["dynamodb"]["ApproximateCreationDateTime"] = json!("TIME");
        let text = json!({"Records": [record]}).to_string();
        let text = text.replace("\"TIME\"", &time);
        let event: StreamEvent = serde_json::from_str(&text).unwrap();
        let handler = StreamHandler::new(aws.relay());
        let deadline = Instant::now() + Duration::from_mins(1);
        let relayed = handler.handle(event, deadline).await;
        assert!(relayed.response.batch_item_failures.is_empty(), "{time}");
        assert_eq!(aws.published_rows(), ["a/1"], "{time}");
        assert_eq!(aws.calls(Operation::BatchGetItem).len(), 0, "{time}");
    }
}

/// `1.7955108` of 1795510800.
fn as_billions(seconds: i64) -> String {
    let digits = seconds.to_string();
    let (whole, rest) = digits.split_at(digits.len() - 9);
    format!("{whole}.{rest}")
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
