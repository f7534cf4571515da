//! Rows that an operator's command publishes, with those before and behind them.

use std::time::Duration;

use outbox::{
    RowKey,
    relay::{Failure, RowOutcome, Settled},
};
use outbox_testing::Operation;

use crate::memory::{Rows, in_memory, refuse, reject, row, transient};

#[tokio::test(start_paused = true)]
async fn a_command_publishes_what_follows_rows_that_hold_nothing() {
    let aws = in_memory();
    let mut broken = row("a", 1);
    broken.key.position = "!first".to_owned();
    let broken = aws.insert_row(broken).key;
    let wanted = aws.insert("a", 3).key;
    aws.insert("a", 4);
    let mut twin = row("a", 3);
    twin.event_id = "019ad0c5-0a4c-7000-8000-000000000000".parse().unwrap();
    twin.key.position = format!("{:020}#{}", 3, twin.event_id);
    let twin = aws.insert_row(twin).key;
    aws.park_row(&broken);
    aws.park_row(&twin);
    let outcome = aws.relay().publish_rows(&[wanted.clone()].into()).await;
    // What follows the twin waits for it; the row with its sequence doesn't.
    assert_eq!(
        outcome.row_outcomes[&wanted],
        RowOutcome::Settled(Settled::Published)
    );
    assert_eq!(aws.published_rows(), ["a/3"]);
    assert_eq!(aws.pending_rows(), ["a/4"]);
}

/// It sorts behind the held rows, so that it is there only for who reads past them.
#[tokio::test(start_paused = true)]
async fn a_row_without_a_readable_sequence_is_found_behind_held_ones() {
    let aws = in_memory();
    let [parked, held] = [1, 2].map(|sequence| aws.insert("a", sequence).key);
    aws.park_row(&parked);
    let mut broken = row("a", 1);
    broken.key.position = "first".to_owned();
    let broken = aws.insert_row(broken).key;
    for wanted in [vec![broken.clone()], vec![held.clone(), broken.clone()]] {
        let wanted = wanted.into_iter().collect();
        let outcome = aws.relay().publish_rows(&wanted).await;
        let row_outcome = &outcome.row_outcomes[&broken];
        assert!(
            matches!(
                row_outcome,
                RowOutcome::Settled(Settled::Parked(_) | Settled::AlreadyParked)
            ),
            "{row_outcome:?}"
        );
    }
    assert_eq!(aws.letters_sent(), 1);
    assert_eq!(aws.pending_rows(), ["a/2"]);
}

#[tokio::test(start_paused = true)]
async fn a_command_publishes_what_a_retried_row_held_back() {
    let aws = in_memory();
    let keys: Vec<RowKey> = (1..=20)
        .map(|sequence| aws.insert("a", sequence).key)
        .collect();
    aws.insert("b", 1);
    let mut attempts = 0;
    aws.set_fault_plan(reject(move |key| {
        attempts += u32::from(key.to_string() == "a/1");
        (key.to_string() == "a/1" && attempts == 1).then(transient)
    }));
    let wanted = [keys[0].clone(), row("b", 1).key].into();
    let outcome = aws.relay().publish_rows(&wanted).await;
    assert_eq!((outcome.published, outcome.failed), (21, 0));
    assert!(aws.pending_rows().is_empty());
}

/// They are not read, because the parked one holds them. But one may be gone by now.
#[tokio::test(start_paused = true)]
async fn a_wanted_row_behind_a_parked_one_is_looked_up() {
    let aws = in_memory();
    let [parked, gone, held] = [1, 2, 3].map(|sequence| aws.insert("a", sequence).key);
    aws.park_row(&parked);
    aws.remove_row(&gone);
    aws.set_latency(Operation::BatchGetItem, Duration::from_secs(1));
    let wanted = [gone.clone(), held.clone()].into();
    let outcome = aws.relay().publish_rows(&wanted).await;
    let settled = RowOutcome::Settled;
    assert_eq!(outcome.row_outcomes[&gone], settled(Settled::Absent));
    assert_eq!(outcome.row_outcomes[&held], settled(Settled::Held(parked)));
}

/// Its aggregate was read before it was written, so that it was not among the rows.
#[tokio::test(start_paused = true)]
async fn a_row_that_is_written_after_its_aggregate_was_read_has_failed() {
    let aws = in_memory();
    let wanted = row("a", 1).key;
    aws.set_latency(Operation::BatchGetItem, Duration::from_secs(1));
    let relay = aws.relay();
    let keys = [wanted.clone()].into();
    let written = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        aws.insert("a", 1);
    };
    let (outcome, ()) = tokio::join!(relay.publish_rows(&keys), written);
    assert_eq!(
        outcome.row_outcomes[&wanted],
        RowOutcome::Failed(Failure::OutOfTime)
    );
    assert_eq!(aws.pending_rows(), ["a/1"]);
}

/// The parked one is read first, and is behind the one that fails.
#[tokio::test(start_paused = true)]
async fn a_row_that_fails_before_a_parked_one_holds_those_between() {
    let aws = in_memory();
    aws.with(|services| {
        services.table.set_page_size(1_000);
        services.bus.limits.several_of_aggregate = false;
    });
    let rows: Vec<RowKey> = (1..=700)
        .map(|sequence| aws.insert("a", sequence).key)
        .collect();
    aws.park_row(&rows[699]);
    aws.set_fault_plan(refuse("a/1", transient()));
    let wanted = [rows[698].clone()].into();
    let outcome = aws.relay().publish_rows(&wanted).await;
    assert_eq!(aws.published_rows(), [""; 0]);
    let held_back = RowOutcome::Failed(Failure::HeldBack(rows[0].clone()));
    assert_eq!(outcome.row_outcomes[&rows[698]], held_back);
}
