//! Rows that may have been published before are looked up, part by part.

use std::time::Duration;

use outbox::{
    Candidate, RowKey,
    relay::{Failure, Halt, Settled},
};
use outbox_testing::{InMemoryAws, Operation};
use tokio::time::Instant;

use super::publish::{failures, in_a_minute, insert, publish, settled_as};
use crate::memory::{Rows, denied_call, in_memory, transient_call};

#[tokio::test(start_paused = true)]
async fn records_that_may_be_published_are_looked_up_first() {
    let aws = in_memory();
    let candidates = insert(&aws, &[("gone", 1), ("parked", 1), ("pending", 1)]);
    aws.remove_row(&candidates[0].key);
    aws.park_row(&candidates[1].key);
    aws.fail_with(Operation::BatchGetItem, [transient_call()]);
    let relay = aws.relay();
    tokio::time::advance(Duration::from_secs(2)).await;
    let outcome = relay.publish(candidates, in_a_minute()).await;
    assert_eq!(settled_as(&outcome, &Settled::Absent), 1);
    assert_eq!(settled_as(&outcome, &Settled::AlreadyParked), 1);
    assert_eq!(aws.published_rows(), ["pending/1"]);
}

/// Rows of fifty aggregates that may have been seen.
fn insert_aged(aws: &InMemoryAws, count: u64) -> Vec<Candidate> {
    let insert = |index| aws.insert(&format!("a{:02}", index % 50), index / 50 + 1);
    let mut candidates: Vec<Candidate> = (0..count).map(insert).collect();
    for candidate in &mut candidates {
        candidate.written_at = None;
    }
    candidates
}

#[tokio::test(start_paused = true)]
async fn whole_aggregates_are_looked_up_in_as_few_requests_as_possible() {
    let aws = in_memory();
    let outcome = publish(&aws, insert_aged(&aws, 250)).await;
    assert_eq!(settled_as(&outcome, &Settled::Published), 250);
    let sizes: Vec<usize> = {
        let look_ups = aws.calls(Operation::BatchGetItem);
        look_ups.iter().map(|call| call.rows.len()).collect()
    };
    assert_eq!(sizes, [100, 100, 50]);
    let published: Vec<RowKey> = aws.with(|services| {
        let accepted = services.bus.accepted.iter();
        accepted.map(|event| event.row.key.clone()).collect()
    });
    for aggregate in published.iter().map(|key| &key.aggregate_id) {
        let of_it = published
            .iter()
            .filter(|key| key.aggregate_id == *aggregate);
        assert!(of_it.is_sorted(), "{aggregate}");
    }
}

#[tokio::test(start_paused = true)]
async fn new_records_do_not_wait_for_look_ups_of_others() {
    let aws = in_memory();
    let mut candidates = insert(&aws, &[("old", 1), ("old", 2), ("young", 1)]);
    candidates[0].written_at = None;
    let takes = Duration::from_millis(500);
    aws.set_latency(Operation::BatchGetItem, takes);
    let begun = Instant::now();
    let outcome = publish(&aws, candidates).await;
    assert_eq!(settled_as(&outcome, &Settled::Published), 3);
    let requests = aws.calls(Operation::PutEvents);
    let [young, old] = &requests[..] else {
        panic!("{requests:?}");
    };
    assert_eq!((young.rows.len(), old.rows.len()), (1, 2));
    assert!(young.began - begun < takes && old.began - begun >= takes);
}

#[tokio::test(start_paused = true)]
async fn without_a_bus_every_unsettled_row_fails() {
    let aws = in_memory();
    let candidates = insert_aged(&aws, 250);
    aws.delete_bus();
    aws.remove_row(&candidates[0].key);
    aws.remove_row(&candidates[249].key);
    let outcome = publish(&aws, candidates).await;
    assert_eq!(settled_as(&outcome, &Settled::Absent), 2);
    assert_eq!(failures(&outcome).len(), 248);
    assert!(outcome.halted.is_some());
    assert!(aws.published_rows().is_empty());
}

#[tokio::test(start_paused = true)]
async fn rows_looked_up_after_the_bus_denied_access_fail() {
    let aws = in_memory();
    let mut candidates = insert(&aws, &[("old", 1), ("young", 1)]);
    candidates[0].written_at = None;
    aws.set_latency(Operation::BatchGetItem, Duration::from_millis(500));
    aws.always_fail_with(Operation::PutEvents, denied_call());
    let outcome = publish(&aws, candidates).await;
    let denied = Failure::Halted(Halt::Put(denied_call()));
    let expected = ["old/1", "young/1"].map(|name| (name.to_owned(), denied.clone()));
    assert_eq!(failures(&outcome), expected);
    assert_eq!(aws.calls(Operation::PutEvents).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn rows_that_cannot_be_looked_up_fail_unpublished() {
    let aws = in_memory();
    let mut candidates = insert(&aws, &[("old", 1), ("young", 1)]);
    candidates[0].written_at = None;
    aws.fail_with(Operation::BatchGetItem, [denied_call()]);
    let outcome = publish(&aws, candidates).await;
    assert!(matches!(&failures(&outcome)[..], [(name, Failure::LookUp(_))] if name == "old/1"));
    assert_eq!(aws.published_rows(), ["young/1"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_overtakes_an_event_that_failed_before_it_was_sent() {
    let aws = in_memory();
    let mut candidates = insert(&aws, &[("a", 1), ("a", 2), ("b", 1)]);
    candidates[0].written_at = None;
    aws.always_fail_with(Operation::BatchGetItem, transient_call());
    let first = candidates[0].key.clone();
    let outcome = publish(&aws, candidates).await;
    let failures = failures(&outcome);
    assert_eq!(failures.len(), 2);
    assert!(failures.contains(&("a/2".into(), Failure::HeldBack(first))));
    assert_eq!(aws.published_rows(), ["b/1"]);
}
