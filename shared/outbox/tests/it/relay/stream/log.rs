//! The log of the function behind the stream.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use outbox::{handlers::StreamHandler, ports::EntryError};
use outbox_testing::Operation;
use serde_json::{Value, json};
use tracing::instrument::WithSubscriber;

use super::invoke::relay_with;
use crate::memory::{Rows, denied_call, in_memory, record, refuse, row_with_detail};

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
