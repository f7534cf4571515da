//! Rows that may have been published before are looked up, part by part.

use std::time::Duration;

use outbox::{
    Candidate,
    ports::{CallError, RowState},
    relay::{Failure, Settled},
};
use tokio::time::Instant;

use super::publish::{failures, in_a_minute, insert, publish, settled_as, transient_call};
use crate::fakes::World;

#[tokio::test(start_paused = true)]
async fn records_that_may_be_published_are_looked_up_first() {
    let world = World::default();
    let candidates = insert(&world, &[("gone", 1), ("parked", 1), ("pending", 1)]);
    world.with(|state| {
        state.rows.remove(&candidates[0].key);
        state
            .rows
            .insert(candidates[1].key.clone(), RowState::Parked);
        state.look_up_errors.push_back(transient_call());
    });
    let relay = world.relay();
    tokio::time::advance(Duration::from_secs(2)).await;
    let outcome = relay.publish(candidates, in_a_minute()).await;
    assert_eq!(settled_as(&outcome, &Settled::Absent), 1);
    assert_eq!(settled_as(&outcome, &Settled::AlreadyParked), 1);
    assert_eq!(world.published(), ["pending/1"]);
}

/// Rows of fifty aggregates that may have been seen.
fn insert_aged(world: &World, count: u64) -> Vec<Candidate> {
    let insert = |index| world.insert(&format!("a{:02}", index % 50), index / 50 + 1);
    let mut candidates: Vec<Candidate> = (0..count).map(insert).collect();
    for candidate in &mut candidates {
        candidate.written_at = None;
    }
    candidates
}

#[tokio::test(start_paused = true)]
async fn whole_aggregates_are_looked_up_in_as_few_requests_as_possible() {
    let world = World::default();
    let outcome = publish(&world, insert_aged(&world, 250)).await;
    assert_eq!(settled_as(&outcome, &Settled::Published), 250);
    let sizes: Vec<usize> = world.with(|state| state.look_ups.iter().map(Vec::len).collect());
    assert_eq!(sizes, [100, 100, 50]);
    let published = world.with(|state| state.published.clone());
    for aggregate in published.iter().map(|key| &key.aggregate_id) {
        let of_it = published
            .iter()
            .filter(|key| key.aggregate_id == *aggregate);
        assert!(of_it.is_sorted(), "{aggregate}");
    }
}

#[tokio::test(start_paused = true)]
async fn new_records_do_not_wait_for_look_ups_of_others() {
    let world = World::default();
    let mut candidates = insert(&world, &[("old", 1), ("old", 2), ("young", 1)]);
    candidates[0].written_at = None;
    let takes = Duration::from_millis(500);
    world.with(|state| state.look_up_latency = takes);
    let begun = Instant::now();
    let outcome = publish(&world, candidates).await;
    assert_eq!(settled_as(&outcome, &Settled::Published), 3);
    let requests = world.with(|state| state.requests.clone());
    let [(young_at, young), (old_at, old)] = &requests[..] else {
        panic!("{requests:?}");
    };
    assert_eq!((young.len(), old.len()), (1, 2));
    assert!(*young_at - begun < takes && *old_at - begun >= takes);
}

#[tokio::test(start_paused = true)]
async fn without_a_bus_every_unsettled_row_fails() {
    let world = World::default();
    let candidates = insert_aged(&world, 250);
    world.with(|state| {
        state.bus_exists = Ok(false);
        state.rows.remove(&candidates[0].key);
        state.rows.remove(&candidates[249].key);
    });
    let outcome = publish(&world, candidates).await;
    assert_eq!(settled_as(&outcome, &Settled::Absent), 2);
    assert_eq!(failures(&outcome).len(), 248);
    assert!(outcome.halted.is_some());
    assert!(world.published().is_empty());
}

#[tokio::test(start_paused = true)]
async fn rows_looked_up_after_the_bus_denied_access_fail() {
    let world = World::default();
    let mut candidates = insert(&world, &[("old", 1), ("young", 1)]);
    candidates[0].written_at = None;
    world.with(|state| state.look_up_latency = Duration::from_millis(500));
    world.answer(|_| Some(Err(CallError::Configuration("AccessDenied".into()))));
    let outcome = publish(&world, candidates).await;
    let denied = Failure::Configuration("AccessDenied".into());
    let expected = ["old/1", "young/1"].map(|name| (name.to_owned(), denied.clone()));
    assert_eq!(failures(&outcome), expected);
    assert_eq!(world.with(|state| state.requests.len()), 1);
}

#[tokio::test(start_paused = true)]
async fn rows_that_cannot_be_looked_up_fail_unpublished() {
    let world = World::default();
    let mut candidates = insert(&world, &[("old", 1), ("young", 1)]);
    candidates[0].written_at = None;
    world.with(|state| {
        state
            .look_up_errors
            .push_back(CallError::Configuration("AccessDenied".into()));
    });
    let outcome = publish(&world, candidates).await;
    assert!(matches!(&failures(&outcome)[..], [(name, Failure::LookUp(_))] if name == "old/1"));
    assert_eq!(world.published(), ["young/1"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_overtakes_an_event_that_failed_before_it_was_sent() {
    let world = World::default();
    let mut candidates = insert(&world, &[("a", 1), ("a", 2), ("b", 1)]);
    candidates[0].written_at = None;
    world.with(|state| {
        state.look_up_errors.extend(vec![transient_call(); 10_000]);
    });
    let first = candidates[0].key.clone();
    let outcome = publish(&world, candidates).await;
    let failures = failures(&outcome);
    assert_eq!(failures.len(), 2);
    assert!(failures.contains(&("a/2".into(), Failure::HeldBack(first))));
    assert_eq!(world.published(), ["b/1"]);
}
