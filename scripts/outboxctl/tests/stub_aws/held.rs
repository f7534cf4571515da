//! Rows behind a parked one: they are shown as held, and published once that one is settled.

use std::process::Output;

use outbox::RowKey;
use serde_json::{Value, json};

use crate::stub::{Said, StubAws, detail, row};

fn key(aggregate_id: &str, sequence: u64) -> RowKey {
    RowKey {
        aggregate_id: aggregate_id.to_owned(),
        position: format!("{sequence:020}#01943e3e-1c00-7000-8000-{sequence:012}"),
    }
}

/// Two rows behind a parked one of the same order, and one of another order.
async fn held_rows() -> StubAws {
    let aws = StubAws::start(Said {
        tag: Some("dev".to_owned()),
        accepts_events: true,
        ..Said::default()
    })
    .await;
    for (aggregate, sequence) in [
        ("order#1", 1),
        ("order#1", 2),
        ("order#1", 3),
        ("order#2", 1),
    ] {
        let key = key(aggregate, sequence);
        let mut row = row(
            &key,
            "OrderCreated",
            &detail(aggregate, "OrderCreated", &json!({})),
            None,
        );
        row["sequence"] = json!({"N": sequence.to_string()});
        row["eventId"] = json!({"S": key.event_id()});
        aws.put(row).await;
    }
    aws.park(&key("order#1", 1), "TooLarge: no").await;
    aws
}

fn outboxctl(aws: &StubAws, arguments: &[&str]) -> Output {
    aws.run(&mut aws.command(&[&["--stack", "mine"], arguments].concat()))
}

fn json(aws: &StubAws, arguments: &[&str]) -> Value {
    let output = outboxctl(aws, &[&["--output", "json"], arguments].concat());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

async fn is_there(aws: &StubAws, key: &RowKey) -> bool {
    aws.attribute(key, "aggregateId").await.is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn held_rows_are_counted_apart_from_pending_ones() {
    let aws = held_rows().await;
    let status = json(&aws, &["status"]);
    assert_eq!(
        (&status["pending"], &status["held"]),
        (&json!(1), &json!(2))
    );
    let behind = json!([{"row": "order#1/1", "code": "TooLarge", "held": 2}]);
    assert_eq!(status["heldBehind"], behind);
    let text = String::from_utf8(outboxctl(&aws, &["status"]).stdout).unwrap();
    assert!(text.contains("2: 2 behind order#1/1, TooLarge"), "{text}");

    let pending = json(&aws, &["pending"]);
    let held: Vec<&Value> = pending["rows"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["heldBehind"] == "order#1/1")
        .collect();
    assert_eq!(held.len(), 2, "{pending}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_row_is_not_published_and_the_reason_is_said() {
    let aws = held_rows().await;
    let published = json(&aws, &["publish", "order#1/3"]);
    assert_eq!(published["published"], 0);
    let why = published["left"][0]["why"].as_str().unwrap();
    assert!(why.starts_with("it is held behind order#1/1"), "{why}");
    assert!(is_there(&aws, &key("order#1", 3)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_parked_row_held_is_published_with_the_command_that_settles_it() {
    for command in [
        &["discard", "order#1/1", "--reason", "no"][..],
        &["unpark", "order#1/1"],
        &["unpark", "--all"],
    ] {
        let aws = held_rows().await;
        let report = json(&aws, command);
        let published = if command[0] == "discard" { 2 } else { 3 };
        assert_eq!(report["published"], published, "{command:?}: {report}");
        for sequence in 1..=3 {
            assert!(
                !is_there(&aws, &key("order#1", sequence)).await,
                "{command:?}"
            );
        }
        assert!(is_there(&aws, &key("order#2", 1)).await, "not asked for");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_parked_row_still_holds_what_is_behind_it() {
    let aws = held_rows().await;
    aws.park(&key("order#1", 2), "MalformedDetail: no").await;
    let report = json(&aws, &["discard", "order#1/1", "--reason", "no"]);
    assert_eq!(report["published"], 0, "{report}");
    assert!(is_there(&aws, &key("order#1", 3)).await);
}
