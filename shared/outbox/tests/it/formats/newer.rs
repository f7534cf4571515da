//! An older relay beside a newer writer: it leaves what it can't read to a newer relay, and
//! ignores what it doesn't need.

use jiff::SignedDuration;
use outbox::replay::{LetterOutcome, Replay, Selection};
use serde_json::{Value, json};

use super::{
    kept::{Kept, database_with, stored},
    publishing::{Publishing, entry},
};
use crate::{
    memory::{TABLE_ARN, in_memory},
    replay::dead_letters::{dead_letter, dead_letters},
};

/// A row that only a newer relay can read.
fn newer() -> Value {
    let mut row = Kept::newest().read("rows/plain.json");
    let v: u64 = row["v"]["N"].as_str().unwrap().parse().unwrap();
    row["v"] = json!({"N": (v + 1).to_string()});
    // Any other content.
    let detail = row.as_object_mut().unwrap().remove("detail").unwrap();
    row["payload"] = json!({"M": {"json": detail}});
    row
}

/// A row with more attributes than today's relay knows.
fn with_more() -> Value {
    let mut row = Kept::newest().read("rows/plain.json");
    row["aggregateId"] = json!({"S": "thing#b"});
    row["priority"] = json!({"N": "3"});
    row["audience"] = json!({"L": [{"S": "billing"}, {"M": {"region": {"S": "eu"}}}]});
    row
}

#[tokio::test]
async fn a_newer_row_is_left_and_one_with_more_attributes_is_published() {
    let (newer, with_more) = (newer(), with_more());
    let client = database_with("outbox", &[&newer, &with_more]).await;
    let publishing = Publishing::of(&client).await;
    let age = SignedDuration::from_mins(1);
    let failed = publishing.stream(&[&newer, &with_more], age).await;
    assert_eq!(failed, None, "it is left to the sweeper");
    assert_eq!(publishing.published().await, [entry(&with_more)]);
    assert_eq!(stored(&client, "outbox").await, [newer]);
}

#[tokio::test]
async fn a_sweep_leaves_a_newer_row_to_a_newer_sweeper() {
    let (newer, with_more) = (newer(), with_more());
    let client = database_with("outbox", &[&newer, &with_more]).await;
    let publishing = Publishing::of(&client).await;
    let swept = publishing.sweep().await;
    assert_eq!((swept.pending, swept.published, swept.failed), (2, 1, 1));
    assert_eq!(publishing.published().await, [entry(&with_more)]);
    assert_eq!(stored(&client, "outbox").await, [newer]);
}

#[tokio::test]
async fn a_replay_keeps_the_letter_of_a_newer_row() {
    let (newer, with_more) = (newer(), with_more());
    let client = database_with("outbox", &[&newer, &with_more]).await;
    let publishing = Publishing::of(&client).await;
    let queue = in_memory();
    for row in [&newer, &with_more] {
        let mut letter = Kept::newest().read("dead-letters/reference.json");
        letter["aggregateId"] = row["aggregateId"]["S"].clone();
        letter["severity"] = json!({"level": 3});
        dead_letter(&queue, letter.to_string());
    }
    let replay = Replay::new(publishing.relay(), queue.clone(), queue.clone(), TABLE_ARN);
    let mut outcomes = Vec::new();
    let tell = |_: &_, outcome: &LetterOutcome| outcomes.push(outcome.clone());
    let summary = replay.run(&Selection::default(), || false, tell).await;
    let summary = summary.unwrap();

    assert_eq!((summary.settled, summary.left), (1, 1));
    let LetterOutcome::Pending { parked, failed } = &outcomes[0] else {
        panic!("{outcomes:?}");
    };
    assert_eq!((parked.len(), failed.len()), (0, 1));
    assert_eq!(dead_letters(&queue), ["message-0"]);
    assert_eq!(publishing.published().await, [entry(&with_more)]);
    assert_eq!(stored(&client, "outbox").await, [newer]);
}
