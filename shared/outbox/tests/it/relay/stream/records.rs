//! How each kind of record is read, from inserts of whole rows to records that prove nothing.

use std::time::Duration;

use outbox::handlers::{StreamEvent, StreamHandler};
use outbox_testing::Operation;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::invoke::handle;
use crate::memory::{Rows, in_memory, record, start};

/// Damages a record or its image.
type Spoil = fn(&mut Value);

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
async fn an_attribute_of_a_newer_type_is_ignored() {
    let aws = in_memory();
    let mut record = record("1", &aws.insert("a", 1));
    record["dynamodb"]["NewImage"]["more"] = json!({"VECTOR": [1, 2]});
    assert_eq!(handle(&aws, vec![record]).await, None);
    assert_eq!(aws.published_rows(), ["a/1"]);
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
