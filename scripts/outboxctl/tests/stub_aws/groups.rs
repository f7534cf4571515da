//! Parked rows and dead letters are listed by reason, and a whole group is settled at once.

use std::{
    os::unix::process::CommandExt,
    process::{Child, Output, Stdio},
};

use outbox::{RowKey, ports::ParkedRows};
use serde_json::{Value, json};

use crate::stub::{Said, StubAws, detail, first, row};

const TOO_LARGE: &str = "TooLarge: the event has 300000 bytes, the bus takes 100000";

fn for_development() -> Said {
    Said {
        tag: Some("dev".to_owned()),
        accepts_events: true,
        ..Said::default()
    }
}

fn outboxctl(aws: &StubAws, arguments: &[&str]) -> Output {
    let mut command = aws.command(&[&["--stack", "mine"], arguments].concat());
    aws.run(command.arg0("outboxctl"))
}

fn text(aws: &StubAws, arguments: &[&str]) -> String {
    let output = outboxctl(aws, arguments);
    assert!(output.status.code() < Some(2), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn json(aws: &StubAws, arguments: &[&str]) -> Value {
    let output = outboxctl(aws, &[&["--output", "json"], arguments].concat());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

async fn put(aws: &StubAws, aggregate_id: &str, reason: &str) -> RowKey {
    put_at(aws, aggregate_id, reason, "1795510800500").await
}

async fn put_at(aws: &StubAws, aggregate_id: &str, reason: &str, at: &str) -> RowKey {
    let key = first(aggregate_id);
    let detail = detail(aggregate_id, "OrderCreated", &json!({}));
    let mut row = row(&key, "OrderCreated", &detail, Some(reason));
    row["parked"]["M"]["at"] = json!({"N": at});
    aws.put(row).await;
    key
}

async fn is_parked(aws: &StubAws, key: &RowKey) -> bool {
    aws.attribute(key, "parked").await.is_some()
}

/// Three rows that are too large, and one that is rejected.
async fn four_rows(said: Said) -> StubAws {
    let aws = StubAws::start(said).await;
    put_at(&aws, "order#1", TOO_LARGE, "1795510800000").await;
    put(&aws, "order#2", &TOO_LARGE.replace("300000", "300001")).await;
    put_at(&aws, "order#3", TOO_LARGE, "1795510801000").await;
    put(&aws, "order#4", "RequestRefused: no").await;
    aws
}

/// Returns the options of the command that a preview suggests.
fn suggested(preview: &Value) -> Vec<String> {
    let command = preview["command"].as_str().unwrap();
    let words = shell_words::split(command).unwrap();
    assert_eq!(words[..3], ["outboxctl", "--stack", "mine"], "{command}");
    words[3..].to_vec()
}

fn run_suggested(aws: &StubAws, preview: &Value) -> Value {
    let command = suggested(preview);
    json(aws, &command.iter().map(String::as_str).collect::<Vec<_>>())
}

#[tokio::test(flavor = "multi_thread")]
async fn parked_rows_are_listed_by_code_and_message() {
    let aws = four_rows(for_development()).await;
    let listed = json(&aws, &["parked"]);
    let groups = listed["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 2, "{listed}");
    let mut largest = groups[0].clone();
    largest.as_object_mut().unwrap().remove("edited");
    assert_eq!(
        largest,
        json!({
            "code": "TooLarge", "message": "the event has … bytes, the bus takes …",
            "count": 3, "rows": 3, "aggregates": 3, "example": "order#1/1",
            "firstSeen": "2026-11-24T09:00:00Z", "lastSeen": "2026-11-24T09:00:01Z",
        })
    );
    assert_eq!(listed["rows"].as_array().unwrap().len(), 4);

    let grouped = text(&aws, &["parked"]);
    assert!(grouped.starts_with(" CODE "), "{grouped}");
    assert!(grouped.contains("order#1/1") && !grouped.contains("order#2/1"));
    assert!(grouped.contains("\n  outboxctl --stack mine unpark 'order#1/1'\n"));
    assert!(grouped.contains("\n  outboxctl --stack mine unpark --group TooLarge\n"));
    let flat = text(&aws, &["parked", "--flat"]);
    assert!(flat.starts_with(" ROW "), "{flat}");
    assert!(flat.contains("order#2/1"), "{flat}");
    let one = json(&aws, &["parked", "--group", "RequestRefused"]);
    assert_eq!(one["rows"][0]["row"], "order#4/1");
    assert_eq!(one["rows"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_group_is_an_error_with_the_groups_there_are() {
    let mut said = for_development();
    said.letters = vec!["nonsense".to_owned()];
    let aws = four_rows(said).await;
    put(&aws, "order#5", "A, B: no").await;
    for (command, groups) in [
        (&["parked"][..], "'A, B', RequestRefused, TooLarge"),
        (&["unpark"], "'A, B', RequestRefused, TooLarge"),
        (
            &["discard", "--reason", "no"],
            "'A, B', RequestRefused, TooLarge",
        ),
        (&["dlq", "list"], "NotADeadLetter"),
        (&["dlq", "replay"], "NotADeadLetter"),
    ] {
        let output = outboxctl(&aws, &[command, &["--group", "Toolarge"]].concat());
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{command:?}: {said}");
        assert!(said.contains("there is no group Toolarge of "), "{said}");
        let help = format!("the groups there are: {groups}\n");
        assert!(said.contains(&help), "{command:?}: {said}");
    }
    let none = StubAws::start(for_development()).await;
    let output = outboxctl(&none, &["unpark", "--group", "TooLarge"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("there are no parked rows"), "{said}");
    let listed = text(&none, &["parked", "--group", "TooLarge"]);
    assert_eq!(listed, "no row is parked\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_shown_before_it_is_unparked_and_what_joined_it_since_is_left() {
    let aws = four_rows(for_development()).await;
    let keys = ["order#1", "order#2", "order#3", "order#4"].map(first);
    let unpark = ["unpark", "--group", "TooLarge"];
    let shown = text(&aws, &unpark);
    assert!(shown.starts_with("this would publish 3 rows:\n"), "{shown}");
    let preview = json(&aws, &unpark);
    assert_eq!(preview["dryRun"], true);
    assert_eq!(
        preview["rows"],
        json!(["order#1/1", "order#2/1", "order#3/1"])
    );
    for key in &keys {
        assert!(is_parked(&aws, key).await, "{key} was changed");
    }

    // Meanwhile another operator has settled one, and the relay has parked others.
    aws.delete(&keys[0]).await;
    let newer = put_at(&aws, "order#6", TOO_LARGE, "1795510801001").await;
    let changed = run_suggested(&aws, &preview);
    assert_eq!(
        (&changed["done"], &changed["newer"]),
        (&json!(2), &json!(1))
    );
    let published = |row: &str| json!({"row": row, "result": "published"});
    let expected = json!([published("order#2/1"), published("order#3/1")]);
    assert_eq!(changed["rows"], expected);
    assert!(aws.attribute(&keys[1], "detail").await.is_none());
    assert!(is_parked(&aws, &keys[3]).await && is_parked(&aws, &newer).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_asks_nothing_and_the_change_of_a_group_must_be_confirmed() {
    let mut said = for_development();
    said.tag = Some("prod".to_owned());
    let aws = four_rows(said).await;
    let preview = json(&aws, &["unpark", "--group", "TooLarge"]);
    assert_eq!(preview["dryRun"], true);
    let output = start(&aws, &preview).wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("must be confirmed"), "{said}");
    assert!(is_parked(&aws, &first("order#1")).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_stays_is_reported_with_the_reason() {
    let mut said = for_development();
    said.accepts_events = false;
    let aws = four_rows(said).await;
    let preview = json(&aws, &["unpark", "--group", "RequestRefused"]);
    let changed = run_suggested(&aws, &preview);
    assert_eq!(changed["done"], 0);
    let result = changed["rows"][0]["result"].as_str().unwrap();
    assert!(
        result.starts_with("unparked, and still there: "),
        "{result}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_discarded_with_one_reason_and_a_record_for_each_row() {
    let aws = four_rows(for_development()).await;
    let discard = ["discard", "--group", "TooLarge", "--reason", "sent by mail"];
    let preview = json(&aws, &discard);
    assert_eq!(preview["action"], "discard");
    let command = suggested(&preview);
    assert_eq!(command[..3], ["discard", "--group", "TooLarge"]);
    assert_eq!(command[5..], ["--reason", "sent by mail"]);
    assert_eq!(run_suggested(&aws, &preview)["done"], 3);
    for order in ["order#1/1", "order#2/1", "order#3/1"] {
        let history = json(&aws, &["history", order]);
        assert_eq!(history["decisions"][0]["reason"], "sent by mail");
    }
    assert!(is_parked(&aws, &first("order#4")).await);
    let empty = outboxctl(
        &aws,
        &["discard", "--group", "RequestRefused", "--reason", ""],
    );
    let said = String::from_utf8(empty.stderr).unwrap();
    assert!(said.contains("the reason to discard"), "{said}");
}

/// Starts the command that a preview suggests.
fn start(aws: &StubAws, preview: &Value) -> Child {
    let mut command = aws.command(&["--stack", "mine", "--output", "json"]);
    command.args(suggested(preview));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_who_act_on_a_group_at_once_settle_each_row_once() {
    let aws = StubAws::start(for_development()).await;
    for order in 0..12 {
        put(&aws, &format!("order#{order}"), TOO_LARGE).await;
    }
    let preview = json(&aws, &["discard", "--group", "TooLarge", "--reason", "no"]);
    let unpark = json(&aws, &["unpark", "--group", "TooLarge"]);
    let operators = [&preview, &unpark, &preview].map(|preview| start(&aws, preview));
    for operator in operators {
        let output = operator.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let is_settled_by_others = said.contains("there is no group TooLarge");
        assert!(
            output.status.code() < Some(2) || is_settled_by_others,
            "{output:?}"
        );
        let result: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        for row in result["rows"].as_array().into_iter().flatten() {
            let result = row["result"].as_str().unwrap();
            assert!(!result.starts_with("failed"), "{row}");
        }
    }
    // It depends on which was faster: a row is discarded with a record, or published; none is left.
    assert_eq!(json(&aws, &["parked"])["rows"], json!([]));
    assert_eq!(json(&aws, &["pending"])["total"], 0);
}

fn reference(aggregate_id: &str, code: &str, message: &str) -> String {
    json!({
        "table": "outbox", "aggregateId": aggregate_id, "position": first("").position,
        "eventId": "1", "code": code, "message": message, "bytes": 1, "sha256": "0",
        "at": "2026-11-24T09:00:00Z",
    })
    .to_string()
}

fn pointer() -> String {
    json!({
        "requestContext": {"condition": "RetryAttemptsExhausted"},
        "responseContext": {"functionError": "Unhandled"},
        "timestamp": "2026-11-24T09:00:00Z",
        "DDBStreamBatchInfo": {
            "shardId": "shard", "startSequenceNumber": "1", "endSequenceNumber": "2",
            "batchSize": 2, "streamArn": "arn",
        },
    })
    .to_string()
}

async fn four_letters() -> StubAws {
    let mut said = for_development();
    said.letters = vec![
        reference("order#1", "TooLarge", "300000 bytes"),
        reference("order#2", "TooLarge", "300001 bytes"),
        reference("order#1", "TooLarge", "300000 bytes"),
        pointer(),
    ];
    StubAws::start(said).await
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_listed_by_reason_with_what_was_done_before() {
    let aws = four_letters().await;
    let listed = json(&aws, &["dlq", "list"]);
    assert_eq!(
        listed["groups"],
        json!([
            {
                "code": "TooLarge", "message": "… bytes", "from": "relay", "count": 3,
                "rows": 2, "aggregates": 2, "example": "letter-0", "receivedBefore": 3,
                "firstSeen": "2026-11-24T09:00:00.5Z", "lastSeen": "2026-11-24T09:00:00.502Z",
                "edited": {"rows": 0},
            },
            {
                "code": "RetryAttemptsExhausted", "message": "Unhandled", "from": "Lambda",
                "count": 1, "example": "letter-3", "receivedBefore": 3,
                "firstSeen": "2026-11-24T09:00:00.503Z", "lastSeen": "2026-11-24T09:00:00.503Z",
            },
        ])
    );
    assert_eq!(listed["letters"].as_array().unwrap().len(), 4);
    assert_eq!(listed["letters"][0]["receivedBefore"], 3);
    let grouped = text(&aws, &["dlq", "list"]);
    assert!(grouped.contains("up to 3 times before"), "{grouped}");
    assert!(
        grouped.contains("SQS doesn't record when last"),
        "{grouped}"
    );
    assert!(!grouped.contains("letter-1"), "{grouped}");
    let flat = text(&aws, &["dlq", "list", "--flat"]);
    assert!(flat.contains("letter-1"), "{flat}");
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_of_a_row_are_counted_whether_it_or_its_letter_is_listed() {
    let aws = four_letters().await;
    let key = put(&aws, "order#1", TOO_LARGE).await;
    let table = outbox::aws::DynamoDbTable::new(aws.database.clone(), "outbox");
    for second in ["2026-11-24T10:00:00Z", "2026-11-24T11:00:00Z"] {
        let before = aws.attribute(&key, "detail").await.unwrap();
        let before = before.as_s().unwrap().clone();
        let edit = outbox::ports::Edit {
            by: "ada".to_owned(),
            at: second.parse().unwrap(),
            detail: before.replacen('{', "{ ", 1),
            seen: before,
        };
        assert!(table.replace_detail(&key, &edit).await.unwrap());
        aws.park(&key, TOO_LARGE).await;
    }
    let last = "2026-11-24T11:00:00Z";
    let listed = json(&aws, &["parked"]);
    assert_eq!(
        listed["rows"][0]["edited"],
        json!({"times": 2, "last": last})
    );
    let of_group = json!({"rows": 1, "last": last});
    assert_eq!(listed["groups"][0]["edited"], of_group);
    assert_eq!(
        json(&aws, &["dlq", "list"])["groups"][0]["edited"],
        of_group
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_of_letters_is_shown_before_it_is_replayed() {
    let aws = four_letters().await;
    let replay = ["dlq", "replay", "--group", "TooLarge"];
    let preview = json(&aws, &replay);
    assert_eq!(
        (&preview["dryRun"], &preview["settled"]),
        (&json!(true), &json!(3))
    );
    let results = preview["letters"].as_array().unwrap();
    let expected = "would be settled: 0 rows published, 1 settled before";
    assert!(
        results.iter().all(|letter| letter["result"] == expected),
        "{preview}"
    );
    let is_deleted = |called: &[String]| called.contains(&"DeleteMessageBatch".to_owned());
    assert!(!is_deleted(&aws.called().await));

    let replayed = run_suggested(&aws, &preview);
    assert_eq!(
        (&replayed["dryRun"], &replayed["settled"]),
        (&json!(false), &json!(3))
    );
    assert_eq!(replayed["letters"].as_array().unwrap().len(), 3);
    assert!(is_deleted(&aws.called().await));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_of_later_letters_alone_is_not_taken_for_all_letters() {
    let aws = four_letters().await;
    let until = ["--until", "2026-11-24T08:00:00Z"];
    let replay = [&["dlq", "replay", "--group", "TooLarge"], &until[..]].concat();
    let replayed = json(&aws, &replay);
    assert_eq!(replayed["settled"], 0);
    assert!(
        !aws.called()
            .await
            .contains(&"DeleteMessageBatch".to_owned())
    );
}
