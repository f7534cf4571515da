//! Events that keep failing while others are accepted: the stream leaves them to the sweeper.

use std::time::Duration;

use jiff::SignedDuration;
use outbox::{
    handlers::StreamHandler,
    ports::{CallError, EntryError},
};
use outbox_testing::Operation;
use tokio::time::{Instant, sleep};

use super::invoke::{relay_with, reported};
use crate::memory::{
    Rows, in_memory, record, refuse, reject, row, row_with_detail, start, transient,
};

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

/// The row of `b/2` is found although the call has published `b/1`, and `c/1`, which was left
/// before and fails again, isn't counted once more.
#[tokio::test(start_paused = true)]
async fn others_of_a_published_aggregate_are_tried_and_count_for_nothing_else() {
    let aws = in_memory();
    let denied = EntryError::Configuration("NotAuthorized".into());
    aws.set_fault_plan(reject(move |key| {
        let error = match key.to_string().as_str() {
            "a/1" => transient(),
            "c/1" => denied.clone(),
            _ => return None,
        };
        Some(error)
    }));
    let records = vec![
        record("1", &aws.insert("a", 1)),
        record("2", &aws.insert("b", 1)),
    ];
    for (aggregate, sequence) in [("b", 2), ("c", 1)] {
        aws.insert(aggregate, sequence);
    }
    let handler = StreamHandler::new(aws.relay());
    let relayed = relay_with(&handler, records).await;
    assert_eq!(reported(&relayed), None);
    assert_eq!(aws.published_rows(), ["b/1", "b/2"]);
    assert_eq!(relayed.counts.left_to_sweeper, 1);
    assert_eq!(aws.pending_rows(), ["a/1", "c/1"]);
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
async fn an_old_predecessor_that_fails_again_is_left_at_once() {
    let aws = in_memory();
    let mut first = row("a", 1);
    first.committed_at = start() - SignedDuration::from_mins(1);
    aws.insert_row(first);
    aws.set_fault_plan(refuse("a/1", transient()));
    let batch = [aws.insert("a", 2), aws.insert("b", 1)];
    let records = vec![record("1", &batch[0]), record("2", &batch[1])];
    let begun = Instant::now();
    let relayed = relay_with(&StreamHandler::new(aws.relay()), records).await;
    assert_eq!(reported(&relayed), None);
    assert_eq!(relayed.counts.left_to_sweeper, 1);
    assert!(begun.elapsed() < Duration::from_secs(1));
    assert_eq!(aws.published_rows(), ["b/1"]);
    assert_eq!(aws.pending_rows(), ["a/1", "a/2"]);
}

#[tokio::test(start_paused = true)]
async fn a_damaged_row_alone_is_parked_at_once() {
    let aws = in_memory();
    let batch = record("1", &aws.insert_row(row_with_detail("a", 1, "x")));
    let begun = Instant::now();
    let relayed = relay_with(&StreamHandler::new(aws.relay()), vec![batch]).await;
    assert_eq!((reported(&relayed), relayed.counts.parked), (None, 1));
    assert!(begun.elapsed() < Duration::from_millis(100));
    assert!(aws.calls(Operation::Scan).is_empty(), "no need of others");
}

#[tokio::test(start_paused = true)]
async fn an_event_whose_predecessors_cannot_be_read_for_now_is_left() {
    let aws = in_memory();
    let error = CallError::Transient("throttled".into());
    aws.always_fail_with(Operation::Query, error);
    let batch = [aws.insert("a", 2), aws.insert("b", 2), aws.insert("c", 1)];
    let records = batch
        .iter()
        .zip(["1", "2", "3"])
        .map(|(row, number)| record(number, row));
    let begun = Instant::now();
    let relayed = relay_with(&StreamHandler::new(aws.relay()), records.collect()).await;
    assert_eq!(reported(&relayed), None);
    assert_eq!(relayed.counts.left_to_sweeper, 2);
    assert_eq!(aws.published_rows(), ["c/1"]);
    assert!(begun.elapsed() < Duration::from_secs(6));
}

#[tokio::test(start_paused = true)]
async fn rows_that_the_sweeper_tries_in_vain_are_not_tried_before_younger_ones() {
    let aws = in_memory();
    for number in 0..50 {
        let mut bad = row(&format!("bad{number}"), 1);
        bad.committed_at = start() - SignedDuration::from_hours(1);
        aws.insert_row(bad);
    }
    let mut waiting = row("good", 1);
    waiting.committed_at = start() - SignedDuration::from_secs(30);
    aws.insert_row(waiting);
    aws.set_fault_plan(reject(|key| (key.aggregate_id != "good").then(transient)));
    let stuck = record("1", &aws.insert("a", 1));
    let begun = Instant::now();
    let handler = StreamHandler::new(aws.relay());
    let relayed = relay_with(&handler, vec![stuck]).await;
    assert_eq!(
        (reported(&relayed), relayed.counts.left_to_sweeper),
        (None, 1)
    );
    assert_eq!(aws.published_rows(), ["good/1"]);
    assert!(
        begun.elapsed() < Duration::from_secs(16),
        "{:?}",
        begun.elapsed()
    );
}
