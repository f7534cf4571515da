//! What a fault costs at most: how many duplicates, and how many calls.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::SignedDuration;
use outbox::{
    Candidate, RowKey,
    handlers::{DEFAULT_GRACE, Sweeper},
    ports::CallError,
    relay::{Failure, Halt, Settled},
};
use outbox_testing::{Call, Fault, InMemoryAws, MadeCall, Operation};
use tokio::time::Instant;

use super::publish::{failures, in_a_minute, settled_as, warm_relay};
use crate::memory::{Rows, in_memory, reject, transient, transient_call};

fn insert_many(aws: &InMemoryAws, prefix: &str, rows: usize) -> Vec<Candidate> {
    (0..rows)
        .map(|index| aws.insert(&format!("{prefix}{index}"), 1))
        .collect()
}

fn puts(aws: &InMemoryAws) -> usize {
    aws.calls(Operation::PutEvents).len()
}

fn denied() -> CallError {
    CallError::Configuration("AccessDeniedException: dynamodb:BatchWriteItem".into())
}

#[tokio::test(start_paused = true)]
async fn without_permission_to_delete_a_process_publishes_one_request() {
    let aws = in_memory();
    aws.always_fail_with(Operation::BatchWriteItem, denied());
    let candidates = insert_many(&aws, "a", 1_000);
    for process in 1..=2 {
        let relay = aws.relay();
        let outcome = relay.publish(candidates.clone(), in_a_minute()).await;
        assert_eq!(puts(&aws), process);
        assert_eq!(outcome.undeleted.len(), 10);
        assert_eq!(outcome.halted, Some(Halt::Delete(denied())));
        let failures = failures(&outcome);
        assert_eq!(failures.len(), 990);
        assert!(
            failures
                .iter()
                .all(|(_, failure)| matches!(failure, Failure::Halted(Halt::Delete(_))))
        );

        // A process that knows it publishes nothing.
        let outcome = relay.publish(candidates.clone(), in_a_minute()).await;
        assert_eq!(puts(&aws), process);
        assert_eq!(outcome.halted, Some(Halt::Delete(denied())));
    }
    assert_eq!(aws.pending_rows().len(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn publishing_stops_when_a_delete_is_denied() {
    let aws = in_memory();
    let relay = aws.relay();
    relay
        .publish(insert_many(&aws, "a", 20), in_a_minute())
        .await;
    let before = puts(&aws);

    aws.always_fail_with(Operation::BatchWriteItem, denied());
    let candidates = insert_many(&aws, "b", 5_000);
    let outcome = relay.publish(candidates, in_a_minute()).await;
    assert_eq!(outcome.halted, Some(Halt::Delete(denied())));
    assert!(puts(&aws) - before <= 2 * 128, "{} requests", puts(&aws));
}

#[tokio::test(start_paused = true)]
async fn publishing_goes_on_once_deletes_are_allowed_again() {
    let aws = in_memory();
    let relay = aws.relay();
    aws.fail_with(Operation::BatchWriteItem, [denied()]);
    let candidates = insert_many(&aws, "a", 100);
    let outcome = relay.publish(candidates.clone(), in_a_minute()).await;
    assert!(outcome.halted.is_some());
    let outcome = relay.publish(candidates, in_a_minute()).await;
    assert_eq!(settled_as(&outcome, &Settled::Published), 100);
    assert_eq!(puts(&aws), 10, "nothing twice");
    assert_eq!(aws.pending_rows(), [""; 0]);
}

/// A process that has deleted nothing yet waits for its first delete, but not for what can't
/// follow: a first request of which the bus accepts nothing.
#[tokio::test(start_paused = true)]
async fn a_new_process_goes_on_after_a_first_request_without_effect() {
    let aws = in_memory();
    aws.fail_with(Operation::PutEvents, [transient_call(), transient_call()]);
    aws.fail_with(Operation::BatchWriteItem, [transient_call()]);
    let candidates = insert_many(&aws, "a", 100);
    let outcome = aws.relay().publish(candidates, in_a_minute()).await;
    assert_eq!(failures(&outcome), []);
    assert_eq!(aws.pending_rows(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn at_most_64_deletes_are_in_flight() {
    let aws = in_memory();
    let relay = warm_relay(&aws).await;
    let before = aws.calls(Operation::BatchWriteItem).len();
    aws.set_latency(Operation::BatchWriteItem, Duration::from_secs(4));
    let rows = insert_many(&aws, "a", 100 * 25);
    relay.publish(rows, in_a_minute()).await;
    let deletes = &aws.calls(Operation::BatchWriteItem)[before..];
    let is_first = |call: &&MadeCall| call.began - deletes[0].began < Duration::from_secs(4);
    assert_eq!(deletes.iter().filter(is_first).count(), 64);
    assert_eq!(aws.pending_rows(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_bus_gets_an_event_once() {
    for seconds in [1, 5, 6, 14] {
        let aws = in_memory();
        let relay = warm_relay(&aws).await;
        let before = puts(&aws);
        aws.set_latency(Operation::PutEvents, Duration::from_secs(seconds));
        let candidates = insert_many(&aws, "a", 10);
        let outcome = relay.publish(candidates, in_a_minute()).await;
        assert_eq!(settled_as(&outcome, &Settled::Published), 10, "{seconds} s");
        assert_eq!(puts(&aws) - before, 1, "{seconds} s");
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_without_answer_is_sent_twice_at_most() {
    for (seconds, published) in [(20, 10), (29, 10), (40, 0), (600, 0)] {
        let aws = in_memory();
        let relay = warm_relay(&aws).await;
        let before = puts(&aws);
        aws.set_latency(Operation::PutEvents, Duration::from_secs(seconds));
        let candidates = insert_many(&aws, "a", 10);
        let outcome = relay.publish(candidates, in_a_minute()).await;
        assert_eq!(
            settled_as(&outcome, &Settled::Published),
            published,
            "{seconds} s"
        );
        assert_eq!(puts(&aws) - before, 2, "{seconds} s");
        let unanswered = failures(&outcome);
        assert!(
            unanswered
                .iter()
                .all(|(_, failure)| *failure == Failure::Unanswered),
            "{unanswered:?}"
        );
    }
}

/// A connection that breaks, or a response that is too short, leaves as much open as none.
#[tokio::test(start_paused = true)]
async fn an_event_that_the_bus_may_have_accepted_is_sent_twice_at_most() {
    for (fault, pause) in [
        (Fault::ResponseLost, Duration::from_secs(1)),
        (Fault::ShortResults(0), Duration::ZERO),
    ] {
        let aws = in_memory();
        let relay = warm_relay(&aws).await;
        let before = puts(&aws);
        aws.set_fault_plan(move |call: &Call<'_>| {
            (call.operation == Operation::PutEvents).then(|| fault.clone())
        });
        let candidates = insert_many(&aws, "a", 1);
        let outcome = relay.publish(candidates, in_a_minute()).await;
        let puts = &aws.calls(Operation::PutEvents)[before..];
        let [first, second] = puts else {
            panic!("{puts:?}");
        };
        assert!(second.began - first.began >= pause);
        assert_eq!(outcome.unanswered, 2);
        let failures = failures(&outcome);
        assert!(
            matches!(failures[..], [(_, Failure::Unanswered)]),
            "{failures:?}"
        );
    }
}

/// The sweep publishes another event, so it retries in the end what has failed: but not what the
/// bus may have accepted.
#[tokio::test(start_paused = true)]
async fn a_sweep_sends_an_event_without_answer_twice_at_most() {
    let aws = in_memory();
    let relay = warm_relay(&aws).await;
    insert_many(&aws, "a", 10);
    let answered = aws.insert("b", 1).key;
    aws.clock().advance(SignedDuration::from_hours(1));
    aws.set_fault_plan(move |call: &Call<'_>| {
        let hangs = call.operation == Operation::PutEvents && !call.rows.contains(&answered);
        hangs.then(|| Fault::Slow(Duration::from_mins(10)))
    });
    let before = puts(&aws);
    let sweeper = Sweeper::new(relay, DEFAULT_GRACE);
    let report = sweeper.sweep(Instant::now() + Duration::from_mins(4)).await;
    assert_eq!((report.published, report.failed), (1, 10), "{report:?}");
    let sent = puts(&aws) - before - 1;
    assert!(sent <= 2, "{sent} requests without an answer");
}

/// So many of them have a common cause, and they would be kept in memory.
#[tokio::test(start_paused = true)]
async fn a_sweep_retries_500_rows_at_most() {
    let aws = in_memory();
    let relay = warm_relay(&aws).await;
    insert_many(&aws, "fails", 1_200);
    insert_many(&aws, "a", 1_200);
    aws.set_fault_plan(reject(|key| {
        key.aggregate_id.starts_with("fails").then(transient)
    }));
    aws.clock().advance(SignedDuration::from_hours(1));
    let sweeper = Sweeper::new(relay, DEFAULT_GRACE);
    let report = sweeper.sweep(Instant::now() + Duration::from_mins(4)).await;
    assert_eq!((report.published, report.failed), (1_200, 1_200));

    let mut sent: BTreeMap<String, usize> = BTreeMap::new();
    for call in aws.calls(Operation::PutEvents) {
        for key in call.rows {
            *sent.entry(key.aggregate_id).or_default() += 1;
        }
    }
    let retried = sent.values().filter(|times| **times > 1);
    assert_eq!(retried.count(), 500);
}

/// Sweeps a table of old rows, of which some fail for now. Returns how long it takes until the
/// last of the others is sent, and the whole.
async fn sweep(rows: usize, failing: usize) -> (Duration, Duration) {
    let aws = in_memory();
    let relay = warm_relay(&aws).await;
    insert_many(&aws, "a", rows);
    // Spread over the table, so that they are in different calls of the relay.
    let failing: BTreeSet<String> = (0..failing)
        .map(|index| format!("a{}/1", index * rows / failing))
        .collect();
    let is_failing = failing.clone();
    aws.set_fault_plan(reject(move |key| {
        is_failing.contains(&key.to_string()).then(transient)
    }));
    aws.clock().advance(SignedDuration::from_hours(1));
    let begun = Instant::now();
    let sweeper = Sweeper::new(relay, DEFAULT_GRACE);
    let report = sweeper.sweep(begun + Duration::from_mins(4)).await;
    assert_eq!(report.cut_short, None);
    let published = rows - failing.len();
    assert_eq!(
        (report.published, report.failed),
        (published, failing.len())
    );

    let others = aws.calls(Operation::PutEvents).into_iter().filter(|call| {
        let is_other = |key: &RowKey| !failing.contains(&key.to_string());
        call.rows.iter().any(is_other)
    });
    let last = others.map(|call| call.began).max().unwrap();
    (last - begun, begun.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_few_failing_rows_do_not_hold_up_a_sweep() {
    let (undisturbed, _) = sweep(5_000, 0).await;
    for failing in [1, 8] {
        let (others, whole) = sweep(5_000, failing).await;
        assert!(others < undisturbed * 2, "{others:?}, else {undisturbed:?}");
        // Then the failing ones are retried for a while.
        assert!(
            whole < undisturbed * 2 + Duration::from_secs(30),
            "{whole:?}"
        );
    }
}
