//! Publishing: requests, order, deletes and deadlines.

use std::{sync::Arc, time::Duration};

use outbox::{
    Candidate, Unreadable,
    ports::{CallError, PutResult, RowState},
    relay::{Failure, Outcome, RowOutcome, Settled},
};
use proptest::prelude::*;
use tokio::time::Instant;

use crate::fakes::{World, poison, refuse, transient};

pub(super) async fn publish(world: &World, candidates: Vec<Candidate>) -> Outcome {
    world.relay().publish(candidates, in_a_minute()).await
}

pub(super) fn in_a_minute() -> Instant {
    Instant::now() + Duration::from_mins(1)
}

pub(super) fn insert(world: &World, names: &[(&str, u64)]) -> Vec<Candidate> {
    names
        .iter()
        .map(|(aggregate, sequence)| world.insert(aggregate, *sequence))
        .collect()
}

pub(super) fn settled_as(outcome: &Outcome, settled: &Settled) -> usize {
    outcome.count(|row_outcome| *row_outcome == RowOutcome::Settled(settled.clone()))
}

pub(super) fn failures(outcome: &Outcome) -> Vec<(String, Failure)> {
    let mut failures: Vec<(String, Failure)> = outcome
        .rows()
        .filter_map(|(key, row_outcome)| match row_outcome {
            RowOutcome::Failed(failure) => Some((key.to_string(), failure.clone())),
            RowOutcome::Settled(_) => None,
        })
        .collect();
    failures.sort_by(|a, b| a.0.cmp(&b.0));
    failures
}

pub(super) fn transient_call() -> CallError {
    CallError::Transient("busy".into())
}

#[tokio::test(start_paused = true)]
async fn published_rows_are_deleted() {
    let world = World::default();
    let candidates = insert(&world, &[("a", 1), ("b", 1), ("a", 2)]);
    let outcome = publish(&world, candidates).await;

    assert_eq!(settled_as(&outcome, &Settled::Published), 3);
    assert!(world.pending().is_empty());
    assert!(outcome.undeleted.is_empty());
    assert_eq!(
        world.with(|state| state.look_ups.len()),
        0,
        "all were young"
    );
}

#[tokio::test(start_paused = true)]
async fn an_aggregate_s_events_share_a_request_in_sequence() {
    let world = World::default();
    let candidates = insert(
        &world,
        &[
            ("a", 2),
            ("b", 3),
            ("a", 1),
            ("b", 1),
            ("c", 1),
            ("b", 2),
            ("a", 4),
            ("a", 3),
            ("b", 4),
            ("b", 5),
            ("b", 6),
        ],
    );
    publish(&world, candidates).await;
    let requests: Vec<String> = world.with(|state| {
        let names = |(_, keys): &(Instant, Vec<outbox::RowKey>)| {
            keys.iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" ")
        };
        state.requests.iter().map(names).collect()
    });
    assert_eq!(requests, ["a/1 a/2 a/3 a/4 b/1 b/2 b/3 b/4 b/5 b/6", "c/1"]);
}

#[tokio::test(start_paused = true)]
async fn a_long_history_is_sent_one_request_at_a_time() {
    let world = World::default();
    let candidates = (1..=35)
        .map(|sequence| world.insert("a", sequence))
        .collect();
    publish(&world, candidates).await;
    let expected: Vec<String> = (1..=35).map(|sequence| format!("a/{sequence}")).collect();
    assert_eq!(world.published(), expected);
    let times: Vec<Instant> =
        world.with(|state| state.requests.iter().map(|(at, _)| *at).collect());
    assert_eq!(times.len(), 4);
    assert!(
        times
            .windows(2)
            .all(|pair| pair[1] - pair[0] >= Duration::from_millis(20))
    );
}

#[tokio::test(start_paused = true)]
async fn different_aggregates_are_sent_in_parallel() {
    let world = World::default();
    let candidates = (0..80)
        .map(|index| world.insert(&format!("a{index}"), 1))
        .collect();
    let begun = Instant::now();
    publish(&world, candidates).await;
    assert!(
        begun.elapsed() < Duration::from_millis(40),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(world.with(|state| state.requests.len()), 8);
}

#[tokio::test(start_paused = true)]
async fn only_failed_entries_are_retried_and_later_ones_wait() {
    let world = World::default();
    let mut left = 3;
    world.answer(move |keys| {
        if left == 0 {
            return None;
        }
        left -= 1;
        refuse("a/1", transient())(keys)
    });
    let mut candidates = insert(&world, &[("a", 1), ("b", 1)]);
    candidates.extend((2..=12).map(|sequence| world.insert("a", sequence)));
    let outcome = publish(&world, candidates).await;

    assert_eq!(settled_as(&outcome, &Settled::Published), 13);
    let published = world.published();
    assert_eq!(published.len(), 13, "nothing twice: {published:?}");
    let position = |name: &str| published.iter().position(|other| other == name);
    assert!(
        position("a/1") < position("a/11"),
        "a/11 was not in the first request"
    );
}

#[tokio::test(start_paused = true)]
async fn an_event_that_keeps_failing_is_reported_in_time() {
    let world = World::default();
    world.answer(|keys| refuse("a/1", transient())(keys));
    let mut candidates: Vec<Candidate> = (1..=11)
        .map(|sequence| world.insert("a", sequence))
        .collect();
    candidates.push(world.insert("b", 1));
    let begun = Instant::now();
    let outcome = publish(&world, candidates).await;

    assert!(begun.elapsed() < Duration::from_secs(54));
    assert_eq!(
        failures(&outcome),
        [
            (
                "a/1".to_owned(),
                Failure::NotAccepted("InternalFailure".into())
            ),
            (
                "a/11".to_owned(),
                Failure::HeldBack(
                    outcome
                        .rows()
                        .find(|(key, _)| key.to_string() == "a/1")
                        .unwrap()
                        .0
                        .clone()
                )
            ),
        ]
    );
    assert_eq!(world.pending(), ["a/1", "a/11"]);
}

#[tokio::test(start_paused = true)]
async fn a_row_without_a_result_is_not_accepted() {
    let world = World::default();
    let mut first = true;
    world.answer(move |_| std::mem::take(&mut first).then(|| Ok(vec![PutResult::Accepted])));
    let outcome = publish(&world, insert(&world, &[("a", 1), ("b", 1)])).await;
    assert_eq!(settled_as(&outcome, &Settled::Published), 2);
    assert_eq!(world.published(), ["a/1", "b/1"]);
    assert_eq!(world.with(|state| state.requests.len()), 2);
}

#[tokio::test(start_paused = true)]
async fn the_bus_is_confirmed_once_a_minute() {
    let world = World::default();
    let relay = world.relay();
    for (wait, asked) in [(0, 1), (59, 1), (2, 2)] {
        tokio::time::advance(Duration::from_secs(wait)).await;
        relay
            .publish(insert(&world, &[("a", wait)]), in_a_minute())
            .await;
        assert_eq!(world.with(|state| state.exists_calls), asked);
    }
}

/// A stream record shows a row as it was committed, before all edits.
#[tokio::test(start_paused = true)]
async fn an_edited_row_is_published_only_as_read_from_the_table() {
    let world = World::default();
    let mut candidates = insert(&world, &[("a", 1), ("b", 1), ("c", 1), ("d", 1)]);
    let edit = |candidate: &mut Candidate, edits| {
        let mut row = (**candidate.row.as_ref().unwrap()).clone();
        row.edits = edits;
        candidate.row = Ok(Arc::new(row));
        candidate.written_at = None;
    };
    world.with(|state| {
        for candidate in &candidates {
            state
                .rows
                .insert(candidate.key.clone(), RowState::Edited(2));
        }
    });
    // a/1 is as the stream shows it, b/1 as the table showed it before the last edit, c/1 as
    // the table shows it now.
    edit(&mut candidates[1], 1);
    edit(&mut candidates[2], 2);
    // An image that can't be read proves nothing about the edited row, which is not parked.
    candidates[3].row = Err(Unreadable::Malformed("\"source\" is missing".into()));
    let relay = world.relay();
    tokio::time::advance(Duration::from_secs(2)).await;
    let outcome = relay.publish(candidates, in_a_minute()).await;
    assert_eq!(settled_as(&outcome, &Settled::Edited), 3);
    assert_eq!(world.published(), ["c/1"]);
    assert!(world.with(|state| state.letters.is_empty()));
}

#[tokio::test(start_paused = true)]
async fn an_edited_row_that_cannot_be_read_is_parked_again() {
    let world = World::default();
    let mut candidates = insert(&world, &[("a", 1)]);
    candidates[0].row = Err(Unreadable::Malformed("\"source\" is missing".into()));
    candidates[0].written_at = None;
    let key = candidates[0].key.clone();
    world.with(|state| state.rows.insert(key.clone(), RowState::Edited(1)));
    world.relay().publish(candidates, in_a_minute()).await;
    assert_eq!(world.with(|state| state.rows[&key]), RowState::Parked);
}

#[tokio::test(start_paused = true)]
async fn an_undeleted_row_is_remembered_and_not_published_twice() {
    let world = World::default();
    let relay = world.relay();
    world.with(|state| {
        state
            .delete_errors
            .push_back(CallError::Configuration("AccessDenied".into()));
    });
    let candidates = insert(&world, &[("a", 1)]);
    let outcome = relay.publish(candidates.clone(), in_a_minute()).await;
    assert_eq!(outcome.undeleted.len(), 1);
    assert_eq!(settled_as(&outcome, &Settled::Published), 1);

    let again = relay.publish(candidates, in_a_minute()).await;
    assert_eq!(settled_as(&again, &Settled::Published), 1);
    assert!(again.undeleted.is_empty());
    assert!(world.pending().is_empty());
    assert_eq!(world.published(), ["a/1"], "once");
}

#[tokio::test(start_paused = true)]
async fn undeleted_rows_are_reported_while_the_bus_is_gone() {
    let world = World::default();
    let relay = world.relay();
    let candidates = insert(&world, &[("a", 1), ("b", 1)]);
    world.with(|state| {
        let denied = CallError::Configuration("AccessDenied".into());
        state.delete_errors.push_back(denied);
    });
    let first = candidates[..1].to_vec();
    let outcome = relay.publish(first, in_a_minute()).await;
    assert_eq!(outcome.undeleted, [candidates[0].key.clone()]);

    tokio::time::sleep(Duration::from_mins(2)).await;
    world.with(|state| state.bus_exists = Ok(false));
    let outcome = relay.publish(candidates.clone(), in_a_minute()).await;
    assert_eq!(outcome.undeleted, [candidates[0].key.clone()]);
}

#[tokio::test(start_paused = true)]
async fn deletes_that_fail_together_pause_as_one() {
    let world = World::default();
    world.with(|state| {
        let refused = std::iter::repeat_with(transient_call);
        state.delete_errors.extend(refused.take(8));
    });
    let candidates = (0..200)
        .map(|index| world.insert(&format!("a{index}"), 1))
        .collect();
    let begun = Instant::now();
    let outcome = publish(&world, candidates).await;
    assert!(outcome.undeleted.is_empty());
    assert!(world.pending().is_empty());
    // The longest pause after one failure has 100 ms, that after eight 5 s.
    let took = begun.elapsed();
    assert!(took < Duration::from_millis(400), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn delete_requests_are_full_while_more_rows_arrive() {
    let world = World::default();
    let candidates = (0..100)
        .map(|index| world.insert(&format!("a{index}"), 1))
        .collect();
    publish(&world, candidates).await;
    assert!(world.pending().is_empty());
    assert_eq!(world.with(|state| state.deletes), 4);
}

#[tokio::test(start_paused = true)]
async fn a_failed_delete_is_retried() {
    let world = World::default();
    world.with(|state| {
        state
            .delete_errors
            .extend([transient_call(), transient_call()]);
    });
    let outcome = publish(&world, insert(&world, &[("a", 1)])).await;
    assert!(outcome.undeleted.is_empty());
    assert!(world.pending().is_empty());
}

#[tokio::test(start_paused = true)]
async fn services_that_hang_are_reported_in_time() {
    let world = World::default();
    world.with(|state| state.hang = true);
    let mut candidates = insert(&world, &[("a", 1), ("b", 1)]);
    candidates[0].written_at = None;
    let begun = Instant::now();
    let outcome = publish(&world, candidates).await;
    assert!(begun.elapsed() < Duration::from_secs(57));
    assert_eq!(failures(&outcome).len(), 2);
    assert_eq!(world.pending().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_record_twice_in_a_batch_is_published_once() {
    let world = World::default();
    let candidate = world.insert("a", 1);
    publish(&world, vec![candidate.clone(), candidate]).await;
    assert_eq!(world.published(), ["a/1"]);
}

/// Responds with anything that a bus may return, by a seed.
fn erratic(
    seed: u64,
) -> impl FnMut(&[outbox::RowKey]) -> Option<Result<Vec<PutResult>, CallError>> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut troubles = 60;
    move |keys| {
        if troubles == 0 {
            return None;
        }
        troubles -= 1;
        match random.u8(0..10) {
            0 => Some(Err(CallError::Transient("busy".into()))),
            1 => Some(Err(CallError::Content("refused".into()))),
            2 => Some(Ok(vec![PutResult::Accepted; random.usize(0..=keys.len())])),
            _ => {
                let mut result = || match random.u8(0..10) {
                    0 => PutResult::Rejected(transient()),
                    1 => PutResult::Rejected(poison()),
                    _ => PutResult::Accepted,
                };
                Some(Ok(keys.iter().map(|_| result()).collect()))
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever the bus does, a row counts as done only if it is published or parked, every
    /// other row is still pending, the outcome contains every row, and no event is
    /// published twice.
    #[test]
    fn no_row_is_lost_and_none_is_done_without_a_reason(
        seed in any::<u64>(),
        names in prop::collection::btree_map((0_u8..20, 1_u64..20), any::<bool>(), 1..300),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let world = World::default();
            world.answer(erratic(seed));
            let candidates: Vec<Candidate> = names
                .iter()
                .map(|((aggregate, sequence), is_young)| {
                    let candidate = world.insert(&format!("a{aggregate}"), *sequence);
                    Candidate { written_at: candidate.written_at.filter(|_| *is_young), ..candidate }
                })
                .collect();
            let outcome = publish(&world, candidates.clone()).await;
            for Candidate { key, .. } in &candidates {
                let state = world.with(|state| state.rows.get(key).copied());
                let published = world.with(|state| state.published.iter().filter(|other| *other == key).count());
                match outcome.of(key) {
                    Some(RowOutcome::Settled(Settled::Published)) => {
                        prop_assert_eq!((published, state), (1, None));
                    }
                    Some(RowOutcome::Settled(Settled::Parked(_))) => {
                        prop_assert_eq!((published, state), (0, Some(RowState::Parked)));
                    }
                    Some(RowOutcome::Failed(_)) => {
                        prop_assert_eq!((published, state), (0, Some(RowState::Pending)));
                    }
                    other => prop_assert!(false, "{key}: {other:?}"),
                }
            }
            Ok(())
        })?;
    }
}
