//! All formats that are kept can still be read.

use jiff::SignedDuration;
use outbox::{
    CloudEvent, KeySchema,
    aws::DynamoDbTable,
    handlers::CutShort,
    inbox::{ConsumerWrites, Handled, Inbox, OnceError},
    ports::ParkedRows,
    replay::Letter,
};
use serde_json::{Value, json};

use super::{
    kept::{Kept, Then, database_with, stored},
    publishing::{Publishing, entry},
};
use crate::{
    memory::{Rows, in_memory, row, start},
    replay::dead_letters::{dead_letter, dead_letters, inserted, run, settled},
};

/// Returns whether a row is parked or discarded.
fn is_left_alone(row: &Value) -> bool {
    let aggregate = row["aggregateId"]["S"].as_str().unwrap();
    row.get("parked").is_some() || aggregate.starts_with("discarded#")
}

#[tokio::test]
async fn every_kept_row_is_published_or_left_alone_by_stream_and_sweep() {
    for kept in Kept::all() {
        for (file, row) in kept.read_all("rows") {
            for swept in [false, true] {
                let client = database_with("outbox", &[&row]).await;
                let publishing = Publishing::of(&client).await;
                if swept {
                    let swept = publishing.sweep().await;
                    assert_eq!(
                        (swept.failed, swept.cut_short),
                        (0, None::<CutShort>),
                        "{file}"
                    );
                } else {
                    let age = SignedDuration::from_mins(1);
                    assert_eq!(publishing.stream(&[&row], age).await, None, "{file}");
                }
                let published = publishing.published().await;
                let rest = stored(&client, "outbox").await;
                if is_left_alone(&row) {
                    assert!(published.is_empty(), "{file}: {published:?}");
                    assert_eq!(rest, std::slice::from_ref(&row), "{file}");
                } else {
                    assert_eq!(published, [entry(&row)], "{file}");
                    assert!(rest.is_empty(), "{file}: {rest:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn every_kept_record_of_a_decision_is_read() {
    for kept in Kept::all() {
        for (file, item) in kept.read_all("rows") {
            let client = database_with("outbox", &[&item]).await;
            let table = DynamoDbTable::new(client, "outbox");
            let decisions = table.decisions("thing#a").await.unwrap();
            let text = |name: &str| item[name]["S"].as_str().unwrap();
            if !text("aggregateId").starts_with("discarded#") {
                assert!(decisions.is_empty(), "{file}");
                continue;
            }
            let [decision] = decisions.as_slice() else {
                panic!("{file}: {decisions:?}");
            };
            assert!(
                text("position").starts_with(&decision.row.position),
                "{file}"
            );
            assert_eq!(decision.row.event_id(), Some(text("eventId")), "{file}");
            assert_eq!(decision.by, "arn:aws:iam::1:user/ada", "{file}");
            assert_eq!(decision.at, Some(start()), "{file}");
            assert_eq!(decision.detail.as_deref(), Some(text("detail")), "{file}");
            assert!(decision.parked.is_some(), "{file}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_kept_dead_letter_is_settled_by_a_replay() {
    for kept in Kept::all() {
        for (file, letter) in kept.read_all("dead-letters") {
            let aws = in_memory();
            let pending = aws.insert_row(row("thing#a", 1));
            match Letter::parse(&letter.to_string()) {
                Ok(Letter::Reference(letter)) => assert_eq!(letter.key, pending.key, "{file}"),
                Ok(Letter::Pointer(pointer)) => {
                    inserted(&aws, &pointer.shard_id, &pointer.start, &pending);
                    let condition = pointer.condition.as_str();
                    let conditions = ["RetryAttemptsExhausted", "RecordAgeExceeded"];
                    assert!(conditions.contains(&condition), "{file}: {condition}");
                }
                Err(error) => panic!("{file}: {error}"),
            }
            dead_letter(&aws, letter.to_string());
            let (_, outcomes) = run(&aws).await;
            assert_eq!(outcomes[0].1, settled(1, 0), "{file}");
            assert_eq!(aws.published_rows(), ["thing#a/1"], "{file}");
            assert!(dead_letters(&aws).is_empty(), "{file}");
        }
    }
}

#[test]
fn every_kept_event_is_read_completely() {
    for kept in Kept::all() {
        for (file, event) in kept.read_all("events") {
            let read: CloudEvent = serde_json::from_value(event.clone()).unwrap();
            assert_eq!(serde_json::to_value(read).unwrap(), event, "{file}");
        }
    }
}

#[tokio::test]
async fn every_kept_inbox_record_is_remembered() {
    for kept in Kept::all() {
        let record = kept.read("inbox-record.json");
        let client = database_with("things", &[&record]).await;
        let key = KeySchema::partition_key("pk");
        let inbox = Inbox::new(client.clone(), "things", key, "consumer").unwrap();
        let inbox = inbox.with_clock(Then);
        let event = kept.read("events/plain.json");
        let mut other = event.clone();
        other["type"] = json!("Removed");
        let [event, other]: [CloudEvent; 2] =
            [event, other].map(|event| serde_json::from_value(event).unwrap());

        let handled = inbox.once(&event, ConsumerWrites::new()).await;
        assert_eq!(handled.unwrap(), Handled::Before);
        let refused = inbox.once(&other, ConsumerWrites::new()).await;
        assert!(matches!(refused, Err(OnceError::SameName { .. })));
        assert_eq!(stored(&client, "things").await, [record]);
    }
}

#[tokio::test]
async fn every_kept_inbox_progress_is_continued() {
    for kept in Kept::all() {
        let progress = kept.read("inbox-progress.json");
        let client = database_with("things", &[&progress]).await;
        let key = KeySchema::partition_key("pk");
        let inbox = Inbox::new(client, "things", key, "consumer").unwrap();
        let inbox = inbox.with_clock(Then).in_order();
        let event: CloudEvent = serde_json::from_value(kept.read("events/plain.json")).unwrap();
        for (sequence, is_next) in [(3, false), (2, true)] {
            let mut event = event.clone();
            event.sequence = Some(sequence);
            let handled = inbox.once(&event, ConsumerWrites::new()).await;
            assert_eq!(handled.is_ok(), is_next, "{handled:?}");
        }
    }
}
