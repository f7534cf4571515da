//! Publishing: requests, order, deletes and deadlines.

use std::{sync::Arc, time::Duration};

use outbox::{
    Candidate, RowKey, Unreadable,
    ports::{CallError, RowState},
    relay::{Failure, Outcome, RowOutcome, Settled},
};
use outbox_testing::{Call, Fault, InMemoryAws, InMemoryRelay, Operation};
use proptest::prelude::*;
use tokio::time::Instant;

use crate::memory::{
    Rows, denied_call, in_memory, poison, refuse, reject, transient, transient_call,
};

pub(super) async fn publish(aws: &InMemoryAws, candidates: Vec<Candidate>) -> Outcome {
    let outcome = aws.relay().publish(candidates, in_a_minute()).await;
    aws.assert_promises_kept();
    outcome
}

/// Returns a relay of a process that has published and deleted before: a new one begins with
/// one request.
pub(super) async fn warm_relay(aws: &InMemoryAws) -> InMemoryRelay {
    let relay = aws.relay();
    let candidates = insert(aws, &[("warm", 1)]);
    relay.publish(candidates, in_a_minute()).await;
    relay
}

pub(crate) fn in_a_minute() -> Instant {
    Instant::now() + Duration::from_mins(1)
}

pub(super) fn insert(aws: &InMemoryAws, names: &[(&str, u64)]) -> Vec<Candidate> {
    names
        .iter()
        .map(|(aggregate, sequence)| aws.insert(aggregate, *sequence))
        .collect()
}

pub(crate) fn settled_as(outcome: &Outcome, settled: &Settled) -> usize {
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

#[tokio::test(start_paused = true)]
async fn published_rows_are_deleted() {
    let aws = in_memory();
    let candidates = insert(&aws, &[("a", 1), ("b", 1), ("a", 2)]);
    let outcome = publish(&aws, candidates).await;

    assert_eq!(settled_as(&outcome, &Settled::Published), 3);
    assert!(aws.pending_rows().is_empty());
    assert!(outcome.undeleted.is_empty());
    assert_eq!(
        aws.calls(Operation::BatchGetItem).len(),
        0,
        "all were young"
    );
}

#[tokio::test(start_paused = true)]
async fn an_aggregate_s_events_share_a_request_in_sequence() {
    let aws = in_memory();
    let candidates = insert(
        &aws,
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
    publish(&aws, candidates).await;
    assert_eq!(
        aws.requests(),
        ["a/1 a/2 a/3 a/4 b/1 b/2 b/3 b/4 b/5 b/6", "c/1"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_long_history_is_sent_one_request_at_a_time() {
    let aws = in_memory();
    let candidates = (1..=35).map(|sequence| aws.insert("a", sequence)).collect();
    publish(&aws, candidates).await;
    let expected: Vec<String> = (1..=35).map(|sequence| format!("a/{sequence}")).collect();
    assert_eq!(aws.published_rows(), expected);
    let requests = aws.calls(Operation::PutEvents);
    let times: Vec<Instant> = requests.iter().map(|call| call.began).collect();
    assert_eq!(times.len(), 4);
    assert!(
        times
            .windows(2)
            .all(|pair| pair[1] - pair[0] >= Duration::from_millis(20))
    );
}

#[tokio::test(start_paused = true)]
async fn different_aggregates_are_sent_in_parallel() {
    let aws = in_memory();
    let relay = warm_relay(&aws).await;
    let before = aws.calls(Operation::PutEvents).len();
    let candidates = (0..80)
        .map(|index| aws.insert(&format!("a{index}"), 1))
        .collect();
    let begun = Instant::now();
    relay.publish(candidates, in_a_minute()).await;
    assert!(
        begun.elapsed() < Duration::from_millis(40),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(aws.calls(Operation::PutEvents).len() - before, 8);
}

#[tokio::test(start_paused = true)]
async fn only_failed_entries_are_retried_and_later_ones_wait() {
    let aws = in_memory();
    let mut left = 3;
    let mut refuse = refuse("a/1", transient());
    aws.set_fault_plan(move |call: &Call<'_>| {
        if left == 0 {
            return None;
        }
        let fault = refuse(call);
        left -= usize::from(fault.is_some());
        fault
    });
    let mut candidates = insert(&aws, &[("a", 1), ("b", 1)]);
    candidates.extend((2..=12).map(|sequence| aws.insert("a", sequence)));
    let outcome = publish(&aws, candidates).await;

    assert_eq!(settled_as(&outcome, &Settled::Published), 13);
    let published = aws.published_rows();
    assert_eq!(published.len(), 13, "nothing twice: {published:?}");
    let position = |name: &str| published.iter().position(|other| other == name);
    assert!(
        position("a/1") < position("a/11"),
        "a/11 was not in the first request"
    );
}

#[tokio::test(start_paused = true)]
async fn an_event_that_keeps_failing_is_reported_in_time() {
    let aws = in_memory();
    aws.set_fault_plan(refuse("a/1", transient()));
    let mut candidates: Vec<Candidate> =
        (1..=11).map(|sequence| aws.insert("a", sequence)).collect();
    candidates.push(aws.insert("b", 1));
    let begun = Instant::now();
    let outcome = publish(&aws, candidates).await;

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
    assert_eq!(aws.pending_rows(), ["a/1", "a/11"]);
}

#[tokio::test(start_paused = true)]
async fn a_row_without_a_result_is_not_accepted() {
    let aws = in_memory();
    aws.fail_next(Operation::PutEvents, Fault::ShortResults(1));
    let outcome = publish(&aws, insert(&aws, &[("a", 1), ("b", 1)])).await;
    assert_eq!(settled_as(&outcome, &Settled::Published), 2);
    // The bus had b/1 already, which the relay can't know.
    assert_eq!(aws.published_rows(), ["a/1", "b/1", "b/1"]);
    assert_eq!(aws.calls(Operation::PutEvents).len(), 2);
}

/// Makes a row one that was edited so often.
fn set_edits(aws: &InMemoryAws, key: &RowKey, edits: u64) {
    let edits = serde_dynamo::to_attribute_value(edits).unwrap();
    aws.change_row(key, |item| {
        item.insert("edits".into(), edits);
    });
}

/// A stream record shows a row as it was committed, before all edits.
#[tokio::test(start_paused = true)]
async fn an_edited_row_is_published_only_as_read_from_the_table() {
    let aws = in_memory();
    let mut candidates = insert(&aws, &[("a", 1), ("b", 1), ("c", 1), ("d", 1)]);
    let edit = |candidate: &mut Candidate, edits| {
        let mut row = (**candidate.row.as_ref().unwrap()).clone();
        row.edits = edits;
        candidate.row = Ok(Arc::new(row));
        candidate.written_at = None;
    };
    for candidate in &candidates {
        set_edits(&aws, &candidate.key, 2);
    }
    // a/1 is as the stream shows it, b/1 as the table showed it before the last edit, c/1 as
    // the table shows it now.
    edit(&mut candidates[1], 1);
    edit(&mut candidates[2], 2);
    // An image that can't be read proves nothing about the edited row, which is not parked.
    candidates[3].row = Err(Unreadable::Malformed("\"source\" is missing".into()));
    let relay = aws.relay();
    tokio::time::advance(Duration::from_secs(2)).await;
    let outcome = relay.publish(candidates, in_a_minute()).await;
    assert_eq!(settled_as(&outcome, &Settled::Edited), 3);
    assert_eq!(aws.published_rows(), ["c/1"]);
    assert_eq!(aws.letters_sent(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_edited_row_that_cannot_be_read_is_parked_again() {
    let aws = in_memory();
    let mut candidates = insert(&aws, &[("a", 1)]);
    candidates[0].row = Err(Unreadable::Malformed("\"source\" is missing".into()));
    candidates[0].written_at = None;
    let key = candidates[0].key.clone();
    set_edits(&aws, &key, 1);
    aws.relay().publish(candidates, in_a_minute()).await;
    assert_eq!(aws.parked(), [key]);
}

#[tokio::test(start_paused = true)]
async fn an_undeleted_row_is_remembered_and_not_published_twice() {
    let aws = in_memory();
    let relay = aws.relay();
    aws.fail_with(Operation::BatchWriteItem, [denied_call()]);
    let candidates = insert(&aws, &[("a", 1)]);
    let outcome = relay.publish(candidates.clone(), in_a_minute()).await;
    assert_eq!(outcome.undeleted.len(), 1);
    assert_eq!(settled_as(&outcome, &Settled::Published), 1);

    let again = relay.publish(candidates, in_a_minute()).await;
    assert_eq!(settled_as(&again, &Settled::Published), 1);
    assert!(again.undeleted.is_empty());
    assert!(aws.pending_rows().is_empty());
    assert_eq!(aws.published_rows(), ["a/1"], "once");
}

#[tokio::test(start_paused = true)]
async fn undeleted_rows_are_reported_while_the_bus_is_gone() {
    let aws = in_memory();
    let relay = aws.relay();
    let candidates = insert(&aws, &[("a", 1), ("b", 1)]);
    aws.fail_with(Operation::BatchWriteItem, [denied_call()]);
    let first = candidates[..1].to_vec();
    let outcome = relay.publish(first, in_a_minute()).await;
    assert_eq!(outcome.undeleted, [candidates[0].key.clone()]);

    tokio::time::sleep(Duration::from_mins(2)).await;
    aws.delete_bus();
    let outcome = relay.publish(candidates.clone(), in_a_minute()).await;
    assert_eq!(outcome.undeleted, [candidates[0].key.clone()]);
}

#[tokio::test(start_paused = true)]
async fn deletes_that_fail_together_pause_as_one() {
    let aws = in_memory();
    let relay = warm_relay(&aws).await;
    aws.fail_with(Operation::BatchWriteItem, vec![transient_call(); 8]);
    let candidates = (0..200)
        .map(|index| aws.insert(&format!("a{index}"), 1))
        .collect();
    let begun = Instant::now();
    let outcome = relay.publish(candidates, in_a_minute()).await;
    assert!(outcome.undeleted.is_empty());
    assert!(aws.pending_rows().is_empty());
    // The longest pause after one failure has 100 ms, that after eight 5 s.
    let took = begun.elapsed();
    assert!(took < Duration::from_millis(400), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn delete_requests_are_full_while_more_rows_arrive() {
    let aws = in_memory();
    let relay = warm_relay(&aws).await;
    let before = aws.calls(Operation::BatchWriteItem).len();
    let candidates = (0..100)
        .map(|index| aws.insert(&format!("a{index}"), 1))
        .collect();
    relay.publish(candidates, in_a_minute()).await;
    assert!(aws.pending_rows().is_empty());
    assert_eq!(aws.calls(Operation::BatchWriteItem).len() - before, 4);
}

#[tokio::test(start_paused = true)]
async fn a_failed_delete_is_retried() {
    let aws = in_memory();
    aws.fail_with(Operation::BatchWriteItem, vec![transient_call(); 2]);
    let outcome = publish(&aws, insert(&aws, &[("a", 1)])).await;
    assert!(outcome.undeleted.is_empty());
    assert!(aws.pending_rows().is_empty());
}

#[tokio::test(start_paused = true)]
async fn services_that_hang_are_reported_in_time() {
    let aws = in_memory();
    for operation in Operation::ALL {
        aws.fail_always(operation, Fault::Hang);
    }
    let mut candidates = insert(&aws, &[("a", 1), ("b", 1)]);
    candidates[0].written_at = None;
    let begun = Instant::now();
    let outcome = publish(&aws, candidates).await;
    assert!(begun.elapsed() < Duration::from_secs(57));
    assert_eq!(failures(&outcome).len(), 2);
    assert_eq!(aws.pending_rows().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_record_twice_in_a_batch_is_published_once() {
    let aws = in_memory();
    let candidate = aws.insert("a", 1);
    publish(&aws, vec![candidate.clone(), candidate]).await;
    assert_eq!(aws.published_rows(), ["a/1"]);
}

/// Responds with anything that a bus may return, by a seed.
fn erratic(seed: u64) -> impl FnMut(&Call<'_>) -> Option<Fault> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut troubles = 60;
    move |call| {
        if troubles == 0 || call.operation != Operation::PutEvents {
            return None;
        }
        troubles -= 1;
        match random.u8(0..10) {
            0 => Some(Fault::Error(transient_call())),
            1 => Some(Fault::Error(CallError::Content("refused".into()))),
            _ => reject(|_| match random.u8(0..10) {
                0 => Some(transient()),
                1 => Some(poison()),
                _ => None,
            })(call),
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
            let aws = in_memory();
            aws.set_fault_plan(erratic(seed));
            let candidates: Vec<Candidate> = names
                .iter()
                .map(|((aggregate, sequence), is_young)| {
                    let candidate = aws.insert(&format!("a{aggregate}"), *sequence);
                    Candidate { written_at: candidate.written_at.filter(|_| *is_young), ..candidate }
                })
                .collect();
            let outcome = publish(&aws, candidates.clone()).await;
            for Candidate { key, .. } in &candidates {
                let state = match (aws.pending().contains(key), aws.parked().contains(key)) {
                    (true, _) => Some(RowState::Pending),
                    (_, true) => Some(RowState::Parked),
                    _ => None,
                };
                let published = aws.published_rows();
                let published = published.iter().filter(|other| **other == key.to_string()).count();
                match outcome.of(key) {
                    Some(RowOutcome::Settled(Settled::Published)) => {
                        prop_assert_eq!((published, state), (1, None));
                    }
                    Some(RowOutcome::Settled(Settled::Parked(_))) => {
                        prop_assert_eq!((published, state), (0, Some(RowState::Parked)));
                    }
                    Some(RowOutcome::Settled(Settled::Held(by))) => {
                        prop_assert_eq!((published, state), (0, Some(RowState::Pending)));
                        prop_assert!(aws.parked().contains(by) && by < key, "{key}: {by}");
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
