//! Publishing at once: what a writer publishes itself, and what it leaves to the stream.

mod after_response;

use std::{sync::Arc, time::Duration};

use jiff::SignedDuration;
use outbox::{
    AggregateWrite, Candidate, Clock, HandOver, KeySchema, OutboxRow, Revision,
    at_once::{AtOnce, AtOnceReport},
    ports::OutboxTable,
    relay::{Failure, LookUp, Order, Settled},
};
use outbox_testing::{Fault, InMemoryAws, Operation};
use serde_json::json;
use tokio::time::Instant;

use crate::{
    append::renamed,
    memory::{Rows, denied_call, in_memory, poison, refuse, transient, transient_call},
    relay::publish::{in_a_minute, settled_as},
};

/// A process that writes events and publishes them itself.
struct Writer {
    aws: InMemoryAws,
    at_once: AtOnce<InMemoryAws, InMemoryAws>,
}

impl Writer {
    fn start(aws: &InMemoryAws) -> Self {
        Self {
            at_once: aws.at_once(),
            aws: aws.clone(),
        }
    }

    /// Commits an aggregate with this many events.
    async fn commit(&self, id: &str, base: Option<Revision>, events: usize) -> Revision {
        commit(&self.aws, Some(self.at_once.hand_over()), id, base, events).await
    }

    async fn publish(&self) -> AtOnceReport {
        let report = self.at_once.publish(in_two_seconds()).await;
        self.aws.assert_promises_kept();
        report
    }
}

fn in_two_seconds() -> Instant {
    Instant::now() + Duration::from_secs(2)
}

fn services() -> InMemoryAws {
    let aws = in_memory();
    aws.create_table("aggregates", KeySchema::partition_key("pk"));
    aws
}

async fn commit(
    aws: &InMemoryAws,
    hand_over: Option<HandOver>,
    id: &str,
    base: Option<Revision>,
    events: usize,
) -> Revision {
    let mut outbox = aws.outbox("things").unwrap();
    if let Some(hand_over) = hand_over {
        outbox = outbox.with_hand_over(hand_over);
    }
    let key = KeySchema::partition_key("pk");
    let item = json!({"pk": id});
    let write = match base {
        None => AggregateWrite::create(id, "aggregates", key, &item),
        Some(base) => AggregateWrite::replace(id, "aggregates", key, &item, base),
    };
    let renamed = renamed();
    let transaction = outbox.transaction(write).events(vec![&renamed; events]);
    transaction.commit().await.unwrap().revision
}

/// Returns the rows of an aggregate as their records show them, which arrive right after the
/// commit.
async fn records(aws: &InMemoryAws, id: &str) -> Vec<Candidate> {
    let page = aws.query(id, None, None).await.unwrap();
    let record = |row: OutboxRow| Candidate {
        key: row.key.clone(),
        row: Ok(Arc::new(row)),
        written_at: Some(aws.clock().now()),
    };
    let rows = page.rows.into_iter().map(|row| row.candidate.row.unwrap());
    rows.map(|row| record(Arc::unwrap_or_clone(row))).collect()
}

#[tokio::test(start_paused = true)]
async fn what_a_process_commits_it_publishes_and_the_relay_publishes_nothing_again() {
    let aws = services();
    let writer = Writer::start(&aws);
    let base = writer.commit("a", None, 2).await;
    let records = records(&aws, "a").await;
    let queries = aws.calls(Operation::Query).len();
    let report = writer.publish().await;
    assert_eq!((report.published, report.left), (2, 0));
    assert!(report.commit_to_publish[0] < SignedDuration::from_millis(100));

    writer.commit("a", Some(base), 1).await;
    assert_eq!(writer.publish().await.published, 1);
    assert_eq!(aws.published_rows(), ["a/1", "a/2", "a/3"]);
    assert!(aws.pending_rows().is_empty());
    // The first event has no predecessor, and this process has published those of the third.
    assert_eq!(aws.calls(Operation::Query).len(), queries);
    assert!(aws.calls(Operation::BatchGetItem).is_empty());

    let relay = aws.relay().with_look_up(LookUp::Always);
    let outcome = relay.publish(records, in_a_minute()).await;
    assert_eq!(settled_as(&outcome, &Settled::Absent), 2);
    assert_eq!(aws.published_rows().len(), 3);
    assert_eq!(writer.publish().await, AtOnceReport::default());
}

#[tokio::test(start_paused = true)]
async fn an_event_waits_for_those_before_it_and_takes_them_along() {
    let aws = services();
    let base = commit(&aws, None, "a", None, 2).await;
    let writer = Writer::start(&aws);
    writer.commit("a", Some(base), 1).await;
    let report = writer.publish().await;
    assert_eq!((report.published, report.left), (3, 0));
    assert_eq!(aws.published_rows(), ["a/1", "a/2", "a/3"]);
}

/// Only the rows that were handed over are counted as left, and those before them don't make up for
/// one that is.
#[tokio::test(start_paused = true)]
async fn an_event_that_fails_is_left_although_those_before_it_are_published() {
    let aws = services();
    aws.with(|services| services.bus.limits.several_of_aggregate = false);
    let base = commit(&aws, None, "a", None, 2).await;
    let writer = Writer::start(&aws);
    aws.set_fault_plan(refuse("a/3", transient()));
    writer.commit("a", Some(base), 1).await;
    let report = writer.publish().await;
    assert_eq!((report.published, report.left), (2, 1));
    assert!(
        matches!(report.why_left, Some(Failure::NotAccepted(_))),
        "{report:?}"
    );
    assert_eq!(aws.pending_rows(), ["a/3"]);
}

#[tokio::test(start_paused = true)]
async fn an_event_behind_a_parked_one_is_left_to_the_stream() {
    let aws = services();
    let base = commit(&aws, None, "a", None, 1).await;
    aws.park_row(&aws.pending()[0]);
    let writer = Writer::start(&aws);
    writer.commit("a", Some(base), 1).await;
    writer.commit("b", None, 1).await;
    let report = writer.publish().await;
    assert_eq!((report.published, report.left), (1, 1));
    assert_eq!(aws.published_rows(), ["b/1"]);
    assert_eq!(aws.pending_rows(), ["a/2"]);
}

#[tokio::test(start_paused = true)]
async fn poison_is_neither_parked_nor_reported() {
    let aws = services();
    aws.with(|services| services.bus.limits.several_of_aggregate = false);
    let writer = Writer::start(&aws);
    aws.set_fault_plan(refuse("a/1", poison()));
    writer.commit("a", None, 2).await;
    writer.commit("b", None, 1).await;
    let report = writer.publish().await;
    assert_eq!((report.published, report.left), (1, 2));
    assert_eq!(aws.letters_sent(), 0);
    assert_eq!(aws.pending_rows(), ["a/1", "a/2"]);
}

#[tokio::test(start_paused = true)]
async fn what_fails_for_now_is_put_once_and_holds_what_follows() {
    for fault in [Fault::Error(transient_call()), Fault::ResponseLost] {
        let aws = services();
        let writer = Writer::start(&aws);
        aws.fail_next(Operation::PutEvents, fault);
        writer.commit("a", None, 2).await;
        let report = writer.publish().await;
        assert_eq!((report.published, report.left), (0, 2));
        assert!(report.why_left.is_some(), "{report:?}");
        assert_eq!(aws.calls(Operation::PutEvents).len(), 1);
        assert_eq!(aws.pending_rows(), ["a/1", "a/2"]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_chosen_order_decides_which_events_share_a_request() {
    for (order, requests) in [(Order::InSequence, 1), (Order::Strict, 2)] {
        let aws = services();
        let mut writer = Writer::start(&aws);
        writer.at_once = writer.at_once.with_order(order);
        writer.commit("a", None, 2).await;
        assert_eq!(writer.publish().await.published, 2);
        assert_eq!(aws.calls(Operation::PutEvents).len(), requests, "{order:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn while_something_does_not_keep_up_all_is_left_to_the_stream() {
    for (operation, error) in [
        (Operation::PutEvents, transient_call()),
        (Operation::PutEvents, denied_call()),
        (Operation::DescribeEventBus, transient_call()),
        (Operation::BatchWriteItem, denied_call()),
    ] {
        let aws = services();
        let writer = Writer::start(&aws);
        aws.always_fail_with(operation, error);
        writer.commit("a", None, 1).await;
        writer.publish().await;
        aws.end_faults();

        let puts = aws.calls(Operation::PutEvents).len();
        writer.commit("b", None, 1).await;
        let report = writer.publish().await;
        assert_eq!((report.published, report.left), (0, 1), "{operation:?}");
        assert_eq!(aws.calls(Operation::PutEvents).len(), puts);

        tokio::time::advance(Duration::from_secs(10)).await;
        writer.commit("c", None, 1).await;
        assert_eq!(writer.publish().await.published, 1, "{operation:?}");
    }
}

/// Lambda froze the process before it could publish, and the relay has done it meanwhile.
#[tokio::test(start_paused = true)]
async fn rows_that_were_handed_over_long_ago_are_looked_up() {
    let aws = services();
    let writer = Writer::start(&aws);
    writer.commit("a", None, 1).await;
    let records = records(&aws, "a").await;
    let relay = aws.relay().with_look_up(LookUp::Always);
    relay.publish(records, in_a_minute()).await;
    aws.clock().advance(SignedDuration::from_hours(3));
    let report = writer.publish().await;
    assert_eq!((report.published, report.left), (0, 0));
    assert_eq!(aws.published_rows(), ["a/1"]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_bus_takes_no_longer_than_the_deadline() {
    let aws = services();
    let writer = Writer::start(&aws);
    aws.set_latency(Operation::PutEvents, Duration::from_mins(1));
    writer.commit("a", None, 1).await;
    let deadline = in_two_seconds();
    let report = writer.publish().await;
    assert!(Instant::now() <= deadline);
    assert_eq!((report.published, report.left), (0, 1));
    assert_eq!(aws.pending_rows(), ["a/1"]);
}
