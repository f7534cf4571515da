//! `show`: one row, whole.

use std::process::Output;

use outbox::RowKey;
use serde_json::{Value, json};

use crate::stub::{Said, StubAws, detail, first, row};

/// A parked row, one that it holds, a pending one, and one whose event is no JSON.
async fn rows() -> StubAws {
    let aws = StubAws::start(Said::default()).await;
    let content = |aggregate| detail(aggregate, "OrderCreated", &json!({"ratio": "RATIO"}));
    // A number that a parser would change.
    let content = |aggregate| content(aggregate).replace("\"RATIO\"", "1.50");
    let mut parked = row(
        &first("order#1"),
        "OrderCreated",
        &content("order#1"),
        Some("RequestRefused: no"),
    );
    parked["edits"] = json!({"N": "2"});
    aws.put(parked).await;
    let held = second("order#1");
    let mut held_row = row(&held, "OrderCancelled", &content("order#1"), None);
    held_row["sequence"] = json!({"N": "2"});
    held_row["eventId"] = json!({"S": held.event_id()});
    aws.put(held_row).await;
    let pending = row(&first("order#2"), "OrderCreated", &content("order#2"), None);
    aws.put(pending).await;
    let broken = row(
        &first("order#3"),
        "OrderCreated",
        "{\"a\":\nFORGED",
        Some("MalformedDetail: no"),
    );
    aws.put(broken).await;
    aws
}

fn second(aggregate_id: &str) -> RowKey {
    RowKey {
        aggregate_id: aggregate_id.to_owned(),
        position: "00000000000000000002#019ad0c5-0a4c-7000-8000-000000000002".to_owned(),
    }
}

fn outboxctl(aws: &StubAws, arguments: &[&str]) -> Output {
    aws.run(&mut aws.command(&[&["--stack", "mine"], arguments].concat()))
}

/// Returns what is shown of a row, and the exit status.
fn text(aws: &StubAws, name: &str) -> (String, Option<i32>) {
    let output = outboxctl(aws, &["show", name]);
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(output.stderr.is_empty(), "{output:?}");
    (text, output.status.code())
}

fn json(aws: &StubAws, name: &str) -> (Value, String) {
    let output = outboxctl(aws, &["--output", "json", "show", name]);
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let json = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{output:?}"));
    (json, text)
}

/// Returns the lines without the spaces that align them.
fn lines(text: &str) -> Vec<String> {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    text.lines().map(words).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parked_row_is_shown_whole() {
    let aws = rows().await;
    let (text, status) = text(&aws, "order#1/1");
    assert_eq!(status, Some(1), "{text}");
    let lines = lines(&text);
    for expected in [
        "row order#1/1",
        "aggregate order#1",
        "sequence 1",
        "event OrderCreated",
        "source orders",
        "event id 019ad0c5-0a4c-7000-8000-000000000001",
        "reason RequestRefused: no",
        "edits 2",
        "content:",
        "| \"ratio\": 1.50",
    ] {
        assert!(
            lines.iter().any(|line| line == expected),
            "{expected}: {text}"
        );
    }
    let unpark = "outboxctl --stack mine unpark 'order#1/1'";
    assert!(lines.iter().any(|line| line.ends_with(unpark)), "{text}");
    for name in ["committed", "parked"] {
        let since = format!("{name} 2026-11-24T09:00:00Z, ");
        let line = lines.iter().find(|line| line.starts_with(&since));
        assert!(line.is_some_and(|line| line.ends_with(" ago")), "{text}");
    }

    let (json, text) = json(&aws, "order#1/1");
    assert_eq!(json["row"], "order#1/1");
    assert_eq!(json["aggregateId"], "order#1");
    assert_eq!(json["sequence"], 1);
    assert_eq!(json["event"], "OrderCreated");
    assert_eq!(json["reason"], "RequestRefused: no");
    assert_eq!(json["parkedAt"], "2026-11-24T09:00:00.5Z");
    assert_eq!(json["committedAt"], "2026-11-24T09:00:00.5Z");
    assert_eq!(json["edits"], 2);
    assert_eq!(json["content"]["subject"], "order#1");
    assert!(text.contains("\"ratio\":1.50"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pending_row_is_shown_with_what_holds_it() {
    let aws = rows().await;
    let (held, status) = text(&aws, "order#1/2");
    assert_eq!(status, Some(1), "{held}");
    assert!(
        lines(&held).contains(&"held behind order#1/1".to_owned()),
        "{held}"
    );
    let expected = "outboxctl --stack mine show 'order#1/1'\n";
    assert!(held.ends_with(expected), "{held}");
    assert_eq!(json(&aws, "order#1/2").0["heldBehind"], "order#1/1");

    let (pending, status) = text(&aws, "order#2/1");
    assert_eq!(status, Some(0), "{pending}");
    let expected = "outboxctl --stack mine publish 'order#2/1'\n";
    assert!(pending.ends_with(expected), "{pending}");
    let pending = json(&aws, "order#2/1").0;
    for absent in ["heldBehind", "reason", "parkedAt"] {
        assert_eq!(pending.get(absent), None, "{pending}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_no_json_is_shown_as_it_is() {
    let aws = rows().await;
    let (text, _) = text(&aws, "order#3/1");
    assert!(text.contains("\n  | {\"a\":\n  | FORGED\n"), "{text}");
    assert_eq!(json(&aws, "order#3/1").0["content"], "{\"a\":\nFORGED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_cannot_be_read_is_shown_without_its_event() {
    let aws = rows().await;
    let mut newer = row(&first("order#4"), "OrderCreated", "{}", None);
    newer["v"] = json!({"N": "99"});
    aws.put(newer).await;
    let (text, _) = text(&aws, "order#4/1");
    assert!(text.contains("row format 99 is newer"), "{text}");
    assert!(!text.contains("content:"), "{text}");
    let json = json(&aws, "order#4/1").0;
    assert!(json["unreadable"].is_string(), "{json}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_means_that_there_is_no_such_row_is_said() {
    let aws = rows().await;
    for name in ["order#1/3", "order#1/nonsense", "order#9/1"] {
        let output = outboxctl(&aws, &["show", name]);
        let error = String::from_utf8(output.stderr.clone()).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(output.stdout.is_empty(), "{output:?}");
        assert!(
            error.starts_with(&format!("error: there is no row {name}\n")),
            "{error}"
        );
        assert!(
            error.contains("it was published, discarded or never written"),
            "{error}"
        );
        let history = format!("outboxctl --stack mine history '{name}'\n");
        assert!(error.contains(&history), "{error}");
    }
}
