//! Events of an aggregate reach the bus in sequence, published from the stream.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::SignedDuration;
use outbox::{
    Candidate, RowKey, Unreadable,
    ports::{CallError, DeadLetter, DeadLetters},
    relay::{Failure, Order, Outcome, Relay, RowOutcome, Settled},
};
use outbox_testing::{Call, Fault, InMemoryAws, Operation};
use tokio::time::Instant;

use super::publish::{in_a_minute, insert};
use crate::memory::{
    Rows, denied_call, in_memory, poison, refuse, reject, row, row_with_detail, start, transient,
    transient_call,
};

type InMemoryRelay = Relay<InMemoryAws, InMemoryAws, InMemoryAws>;

/// Publishes rows of a batch of the stream, whose other rows are in the table.
async fn publish(relay: &InMemoryRelay, batch: Vec<Candidate>) -> Outcome {
    relay.publish(batch, in_a_minute()).await
}

fn queries(aws: &InMemoryAws) -> usize {
    aws.calls(Operation::Query).len()
}

fn held_by<'o>(outcome: &'o Outcome, key: &RowKey) -> &'o RowKey {
    match outcome.of(key) {
        Some(RowOutcome::Settled(Settled::Held(by))) => by,
        other => panic!("{key}: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn an_earlier_event_in_the_table_is_published_first() {
    let aws = in_memory();
    let mut batch = insert(&aws, &[("a", 1), ("a", 2), ("a", 3), ("b", 1)]);
    batch.retain(|row| ["a/3", "b/1"].contains(&row.key.to_string().as_str()));
    let outcome = publish(&aws.relay(), batch).await;
    let published = aws.published_rows();
    let of_a: Vec<&String> = published
        .iter()
        .filter(|name| name.starts_with('a'))
        .collect();
    assert_eq!(of_a, ["a/1", "a/2", "a/3"]);
    assert_eq!(outcome.rows().count(), 4);
    assert_eq!(queries(&aws), 1);
    assert!(aws.pending_rows().is_empty());
}

/// An old one was probably rejected before. In one request with it, the bus could accept the event
/// behind it and reject it again.
#[tokio::test(start_paused = true)]
async fn an_earlier_event_in_the_table_goes_alone_once_it_is_old() {
    for (seconds, requests) in [(9, &["a/1 a/2"][..]), (10, &["a/1", "a/2"])] {
        let aws = in_memory();
        let batch = insert(&aws, &[("a", 1), ("a", 2)]);
        aws.clock().advance(SignedDuration::from_secs(seconds));
        publish(&aws.relay(), batch[1..].to_vec()).await;
        assert_eq!(aws.requests(), requests, "after {seconds} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_gap_in_a_batch_is_filled_from_the_table() {
    let aws = in_memory();
    let mut batch = insert(&aws, &[("a", 1), ("a", 2), ("a", 3), ("a", 4)]);
    batch.remove(2);
    publish(&aws.relay(), batch).await;
    assert_eq!(aws.published_rows(), ["a/1", "a/2", "a/3", "a/4"]);
}

#[tokio::test(start_paused = true)]
async fn an_event_of_the_batch_between_two_gaps_is_published_once() {
    let aws = in_memory();
    let names = [("a", 1), ("a", 2), ("a", 3), ("a", 4), ("a", 5)];
    let batch = insert(&aws, &names).into_iter().step_by(2).collect();
    publish(&aws.relay(), batch).await;
    assert_eq!(aws.published_rows(), ["a/1", "a/2", "a/3", "a/4", "a/5"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_read_before_a_first_event_or_behind_one_that_was_just_published() {
    let aws = in_memory();
    let relay = aws.relay();
    publish(&relay, insert(&aws, &[("a", 1), ("b", 1), ("b", 2)])).await;
    for sequence in 2..10 {
        publish(&relay, insert(&aws, &[("a", sequence)])).await;
    }
    publish(&relay, insert(&aws, &[("b", 3)])).await;
    assert_eq!(queries(&aws), 0);
    // Another process knows nothing.
    publish(&aws.relay(), insert(&aws, &[("a", 10)])).await;
    assert_eq!(queries(&aws), 1);
}

#[tokio::test(start_paused = true)]
async fn an_event_behind_a_parked_one_is_held_and_done() {
    let aws = in_memory();
    let batch = insert(&aws, &[("a", 1), ("a", 2), ("a", 3), ("b", 1)]);
    let parked = batch[0].key.clone();
    aws.park_row(&parked);
    let outcome = publish(&aws.relay(), batch[1..].to_vec()).await;
    assert_eq!(aws.published_rows(), ["b/1"]);
    assert_eq!(aws.pending_rows(), ["a/2", "a/3"]);
    for held in &batch[1..3] {
        assert_eq!(held_by(&outcome, &held.key), &parked);
    }
}

#[tokio::test(start_paused = true)]
async fn events_behind_one_that_is_parked_now_are_held() {
    let damaged = || row_with_detail("a", 2, "x");
    for fault in ["damaged", "rejected"] {
        let aws = in_memory();
        let mut batch = insert(&aws, &[("a", 1), ("a", 3), ("b", 1)]);
        batch.push(if fault == "damaged" {
            aws.insert_row(damaged())
        } else {
            // Alone in its request: in one with it, the bus would accept the next event.
            aws.with(|services| services.bus.limits.several_of_aggregate = false);
            aws.set_fault_plan(refuse("a/2", poison()));
            aws.insert("a", 2)
        });
        let outcome = publish(&aws.relay(), batch).await;
        let mut published = aws.published_rows();
        published.sort();
        assert_eq!(published, ["a/1", "b/1"], "{fault}");
        assert_eq!(
            held_by(&outcome, &row("a", 3).key),
            &damaged().key,
            "{fault}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_of_several_that_fail_holds_those_behind_it() {
    let newer = |row: Candidate| Candidate {
        row: Err(Unreadable::NewerFormat(2)),
        ..row
    };
    let aws = in_memory();
    let damaged = aws.insert_row(row_with_detail("a", 1, "x"));
    let batch = vec![damaged, aws.insert("a", 2), newer(aws.insert("a", 3))];
    publish(&aws.relay(), batch).await;
    assert_eq!(aws.published_rows(), [""; 0]);

    let aws = in_memory();
    let first = newer(aws.insert("a", 1));
    let batch = vec![first, aws.insert("a", 2), newer(aws.insert("a", 3))];
    publish(&aws.relay(), batch).await;
    assert_eq!(aws.published_rows(), [""; 0]);
}

/// A queue beside which another process settles the row that is about to be parked.
pub(super) struct Beside(pub(super) InMemoryAws, pub(super) fn(&InMemoryAws, &RowKey));

impl DeadLetters for Beside {
    async fn send(&self, letter: &DeadLetter) -> Result<(), CallError> {
        (self.1)(&self.0, &letter.key);
        Ok(())
    }
}

pub(super) fn edit(aws: &InMemoryAws, key: &RowKey) {
    aws.change_row(key, |item| {
        item.insert("edits".to_owned(), AttributeValue::N("1".to_owned()));
    });
}

#[tokio::test(start_paused = true)]
async fn a_row_that_is_settled_before_it_is_parked_holds_nothing() {
    for (settle, expected) in [
        (
            (|aws, key| aws.remove_row(key)) as fn(&InMemoryAws, &RowKey),
            Settled::Absent,
        ),
        (edit, Settled::Edited),
    ] {
        let aws = in_memory();
        let first = aws.insert_row(row_with_detail("a", 1, "x"));
        let second = aws.insert("a", 2);
        let keys = [first.key.clone(), second.key.clone()];
        let relay = Relay::new(aws.clone(), aws.clone(), Beside(aws.clone(), settle));
        let outcome = relay.publish(vec![first, second], in_a_minute()).await;
        assert_eq!(outcome.of(&keys[0]), Some(&RowOutcome::Settled(expected)));
        assert!(
            !matches!(
                outcome.of(&keys[1]),
                Some(RowOutcome::Settled(Settled::Held(_)))
            ),
            "{outcome:?}"
        );
        assert!(aws.published_rows().is_empty());
    }
}

/// A park whose response was lost has parked the row.
#[tokio::test(start_paused = true)]
async fn a_row_is_parked_although_the_response_was_lost() {
    let aws = in_memory();
    let first = aws.insert_row(row_with_detail("a", 1, "x"));
    let second = aws.insert("a", 2);
    let (parked, held) = (first.key.clone(), second.key.clone());
    aws.fail_next(Operation::UpdateItem, Fault::ResponseLost);
    let outcome = publish(&aws.relay(), vec![first, second]).await;
    assert!(matches!(
        outcome.of(&parked),
        Some(RowOutcome::Settled(Settled::Parked(_)))
    ));
    assert_eq!(held_by(&outcome, &held), &parked);
}

#[tokio::test(start_paused = true)]
async fn what_is_held_does_not_block_other_aggregates_or_cost_calls() {
    let aws = in_memory();
    let batch = insert(&aws, &[("a", 1), ("a", 2)]);
    aws.park_row(&batch[0].key);
    let begun = Instant::now();
    publish(&aws.relay(), batch[1..].to_vec()).await;
    assert!(begun.elapsed() < Duration::from_millis(100));
    assert!(aws.calls(Operation::PutEvents).is_empty());
}

#[tokio::test(start_paused = true)]
async fn without_order_a_parked_event_is_overtaken() {
    let aws = in_memory();
    let batch = insert(&aws, &[("a", 1), ("a", 2)]);
    aws.park_row(&batch[0].key);
    let relay = aws.relay().with_order(Order::BestEffort);
    publish(&relay, batch[1..].to_vec()).await;
    assert_eq!(aws.published_rows(), ["a/2"]);
    assert_eq!(queries(&aws), 0);
}

#[tokio::test(start_paused = true)]
async fn without_order_an_event_that_is_parked_now_is_overtaken() {
    let aws = in_memory();
    let batch = vec![
        aws.insert_row(row_with_detail("a", 1, "x")),
        aws.insert("a", 2),
    ];
    let relay = aws.relay().with_order(Order::BestEffort);
    publish(&relay, batch).await;
    assert_eq!(aws.published_rows(), ["a/2"]);
}

#[tokio::test(start_paused = true)]
async fn a_predecessor_that_cannot_be_read_fails_its_aggregate_alone() {
    let aws = in_memory();
    let batch = insert(&aws, &[("a", 2), ("b", 1)]);
    aws.fail_always(Operation::Query, Fault::Error(denied_call()));
    let outcome = publish(&aws.relay(), batch.clone()).await;
    assert_eq!(aws.published_rows(), ["b/1"]);
    let failed = outcome.of(&batch[0].key);
    let failure = Failure::Predecessors(denied_call());
    assert_eq!(failed, Some(&RowOutcome::Failed(failure)));
}

#[tokio::test(start_paused = true)]
async fn a_published_row_that_could_not_be_deleted_is_not_published_again() {
    let aws = in_memory();
    let relay = aws.relay();
    let batch = insert(&aws, &[("a", 1), ("a", 2), ("a", 3)]);
    aws.set_fault_plan(|call: &Call<'_>| {
        let is_delete = call.operation == Operation::BatchWriteItem;
        is_delete.then(|| Fault::Error(transient_call()))
    });
    let outcome = publish(&relay, batch[..1].to_vec()).await;
    assert_eq!(outcome.undeleted.len(), 1);
    aws.set_fault_plan(|_: &Call<'_>| None);
    publish(&relay, batch[2..].to_vec()).await;
    assert_eq!(queries(&aws), 1, "before the third");
    assert_eq!(aws.published_rows(), ["a/1", "a/2", "a/3"]);
}

#[tokio::test(start_paused = true)]
async fn rows_with_one_sequence_do_not_hold_each_other() {
    let aws = in_memory();
    let first = aws.insert("a", 2);
    aws.park_row(&first.key);
    let mut other = row("a", 2);
    other.event_id = "019ad0c5-0a4c-7000-8000-00000000ffff".parse().unwrap();
    other.key.position = format!("{:020}#{}", 2, other.event_id);
    let other = aws.insert_row(other);
    publish(&aws.relay(), vec![other]).await;
    assert_eq!(aws.published_rows(), ["a/2"]);
}

#[tokio::test(start_paused = true)]
async fn a_row_without_a_readable_sequence_is_parked_and_holds_nothing() {
    let aws = in_memory();
    let mut broken = row("a", 1);
    broken.key.position = "!first".to_owned();
    let broken = Candidate {
        row: Err(Unreadable::Malformed("position".to_owned())),
        ..aws.insert_row(broken)
    };
    let batch = vec![
        broken,
        aws.insert("a", 1),
        aws.insert("a", 2),
        aws.insert("b", 1),
    ];
    publish(&aws.relay(), batch).await;
    let mut published = aws.published_rows();
    published.sort();
    assert_eq!(published, ["a/1", "a/2", "b/1"]);
    assert_eq!(aws.letters_sent(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_has_one_event_of_an_aggregate_if_the_bus_or_the_order_demands_it() {
    for (several_of_aggregate, order) in [(false, Order::InSequence), (true, Order::Strict)] {
        let aws = in_memory();
        aws.with(|services| services.bus.limits.several_of_aggregate = several_of_aggregate);
        let names: Vec<(String, u64)> = (0..20)
            .flat_map(|aggregate| (1..=5).map(move |sequence| (format!("a{aggregate}"), sequence)))
            .collect();
        let batch = names
            .iter()
            .map(|(aggregate, sequence)| aws.insert(aggregate, *sequence));
        let batch = batch.collect();
        // The bus rejects an event for now, now and then.
        let mut calls = 0;
        aws.set_fault_plan(reject(move |_| {
            calls += 1;
            (calls % 7 == 0).then(transient)
        }));
        publish(&aws.relay().with_order(order), batch).await;
        let published = aws.published_rows();
        assert_eq!(published.len(), 100);
        for aggregate in 0..20 {
            let of_it = published
                .iter()
                .filter(|name| name.starts_with(&format!("a{aggregate}/")));
            assert!(of_it.is_sorted(), "{order:?}: {published:?}");
        }
    }
}

/// Rows that were committed a minute ago.
fn insert_old(aws: &InMemoryAws, aggregate: &str, sequences: std::ops::RangeInclusive<u64>) {
    for sequence in sequences {
        let mut old = row(aggregate, sequence);
        old.committed_at = start() - SignedDuration::from_mins(1);
        aws.insert_row(old);
    }
}

#[tokio::test(start_paused = true)]
async fn rows_that_wait_in_the_table_share_requests_and_survive_a_throttle() {
    let aws = in_memory();
    insert_old(&aws, "a", 1..=60);
    let mut is_throttled = false;
    aws.set_fault_plan(reject(move |key| {
        let is_first = key.to_string() == "a/25" && !std::mem::replace(&mut is_throttled, true);
        is_first.then(transient)
    }));
    let batch = insert(&aws, &[("a", 61), ("b", 1)]);
    publish(&aws.relay(), batch).await;
    assert!(aws.pending_rows().is_empty());
    let requests = aws.calls(Operation::PutEvents).len();
    assert!(requests < 15, "{requests} requests");
}

#[tokio::test(start_paused = true)]
async fn behind_more_rows_than_are_read_an_event_is_left() {
    let aws = in_memory();
    insert_old(&aws, "a", 1..=150);
    let batch = insert(&aws, &[("a", 151), ("b", 1)]);
    let outcome = publish(&aws.relay(), batch.clone()).await;
    assert_eq!(
        aws.published_rows(),
        ["b/1"],
        "nothing waits for rows of no use"
    );
    let left = outcome.of(&batch[0].key);
    assert!(
        matches!(left, Some(RowOutcome::Settled(Settled::LeftToSweeper(_)))),
        "{left:?}"
    );
    assert_eq!(queries(&aws), 4);
}

#[tokio::test(start_paused = true)]
async fn no_event_is_left_that_is_among_those_read_or_of_another_aggregate() {
    let aws = in_memory();
    insert_old(&aws, "a", 1..=99);
    let last_read = aws.insert("a", 100);
    insert_old(&aws, "a", 101..=150);
    insert_old(&aws, "b", 1..=1);
    let batch = vec![last_read, aws.insert("a", 151), aws.insert("b", 2)];
    publish(&aws.relay(), batch).await;
    let published = aws.published_rows();
    assert_eq!(published.len(), 102);
    for last in ["a/100", "b/2"] {
        assert!(published.contains(&last.to_owned()), "{last}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_row_is_read_behind_a_parked_one_however_many_are_held() {
    let aws = in_memory();
    insert_old(&aws, "a", 1..=1_000);
    aws.park_row(&row("a", 1).key);
    let batch = insert(&aws, &[("a", 1_001)]);
    let outcome = publish(&aws.relay(), batch.clone()).await;
    assert_eq!(held_by(&outcome, &batch[0].key), &row("a", 1).key);
    assert_eq!(queries(&aws), 1);
}

#[tokio::test(start_paused = true)]
async fn a_young_row_of_the_batch_that_is_parked_holds_those_behind_it() {
    let aws = in_memory();
    let rows = insert(&aws, &[("a", 5), ("a", 6), ("a", 7), ("a", 8)]);
    aws.park_row(&rows[0].key);
    // Young records are not looked up, and the two in between are not in the batch.
    let batch = vec![rows[0].clone(), rows[3].clone()];
    let outcome = publish(&aws.relay(), batch).await;
    assert_eq!(aws.published_rows(), [""; 0]);
    assert_eq!(held_by(&outcome, &rows[3].key), &rows[0].key);
    assert_eq!(aws.parked().len(), 1);
}

/// Young records are not looked up, and a duplicate follows if the relay has forgotten the row.
#[tokio::test(start_paused = true)]
async fn a_row_that_was_published_ahead_of_its_record_is_not_published_again() {
    let aws = in_memory();
    let relay = aws.relay();
    let rows = insert(&aws, &[("a", 1), ("a", 2), ("a", 3)]);
    publish(&relay, rows[2..].to_vec()).await;
    let outcome = publish(&relay, rows[..2].to_vec()).await;
    assert_eq!(aws.published_rows(), ["a/1", "a/2", "a/3"]);
    for row in &rows[..2] {
        let expected = RowOutcome::Settled(Settled::Absent);
        assert_eq!(outcome.of(&row.key), Some(&expected));
    }
}

/// The relay parks a row that it finds, an operator settles it, and only then its record arrives.
#[tokio::test(start_paused = true)]
async fn a_row_that_was_parked_ahead_of_its_record_holds_nothing_once_it_is_settled() {
    for is_settled in [false, true] {
        let aws = in_memory();
        let relay = aws.relay();
        let damaged = aws.insert_row(row_with_detail("a", 1, "x"));
        publish(&relay, insert(&aws, &[("a", 2), ("b", 1)])).await;
        assert_eq!(aws.parked().len(), 1);
        if is_settled {
            aws.remove_row(&damaged.key);
        }
        let later = aws.insert("a", 3);
        let outcome = publish(&relay, vec![damaged.clone(), later.clone()]).await;
        if is_settled {
            assert_eq!(aws.published_rows(), ["b/1", "a/2", "a/3"]);
        } else {
            assert_eq!(held_by(&outcome, &later.key), &damaged.key);
            assert_eq!(aws.published_rows(), ["b/1"]);
            assert_eq!(aws.letters_sent(), 1);
        }
    }
}
