//! The sweeper: which rows it publishes, and when it ends.

use std::{sync::Arc, time::Duration};

use fastrand::Rng;
use jiff::SignedDuration;
use outbox::{
    OutboxRow,
    handlers::{CutShort, SweepReport, Sweeper},
    ports::{CallError, EntryError},
    relay::{BusError, Halt, Relay},
};
use outbox_testing::{Fault, InMemoryAws, Operation};
use tokio::time::{Instant, sleep};

use super::{
    order::{Beside, edit},
    publish::in_a_minute,
};
use crate::memory::{
    Rows, in_memory, poison, refuse, reject, row, row_with_detail, start, transient,
};

const GRACE: SignedDuration = SignedDuration::from_mins(15);

/// Returns a row that was committed so long ago.
fn row_of_age(aggregate: &str, sequence: u64, age: SignedDuration) -> OutboxRow {
    let mut row = row(aggregate, sequence);
    row.committed_at = start() - age;
    row
}

fn old(aws: &InMemoryAws, aggregate: &str, sequence: u64) {
    aws.insert_row(row_of_age(aggregate, sequence, GRACE));
}

fn young(aws: &InMemoryAws, aggregate: &str, sequence: u64) {
    aws.insert_row(row_of_age(
        aggregate,
        sequence,
        SignedDuration::from_mins(1),
    ));
}

fn sweeper(aws: &InMemoryAws) -> Sweeper<InMemoryAws, InMemoryAws, InMemoryAws> {
    Sweeper::new(aws.relay(), GRACE)
}

async fn sweep(aws: &InMemoryAws) -> SweepReport {
    let deadline = Instant::now() + Duration::from_mins(5);
    sweeper(aws).sweep(deadline).await
}

#[tokio::test(start_paused = true)]
async fn rows_older_than_the_grace_period_are_published() {
    let aws = in_memory();
    old(&aws, "a", 1);
    young(&aws, "b", 1);
    let swept = sweep(&aws).await;
    assert_eq!(aws.published_rows(), ["a/1"]);
    assert_eq!(aws.pending_rows(), ["b/1"]);
    assert_eq!(
        swept,
        SweepReport {
            pending: 2,
            oldest_age: GRACE,
            published: 1,
            ..SweepReport::default()
        }
    );
}

#[tokio::test(start_paused = true)]
async fn an_empty_table_is_swept_without_a_call_to_the_bus() {
    let aws = in_memory();
    assert_eq!(sweep(&aws).await, SweepReport::default());
    assert_eq!(aws.calls(Operation::DescribeEventBus).len(), 0);
}

#[tokio::test(start_paused = true)]
async fn rows_before_an_old_one_are_published_and_later_ones_left() {
    let aws = in_memory();
    young(&aws, "a", 1);
    old(&aws, "a", 2);
    young(&aws, "a", 3);
    sweep(&aws).await;
    assert_eq!(aws.published_rows(), ["a/1", "a/2"]);
    assert_eq!(aws.pending_rows(), ["a/3"]);
}

#[tokio::test(start_paused = true)]
async fn an_aggregate_stays_in_sequence_across_pages() {
    let aws = in_memory();
    for sequence in 1..=7 {
        old(&aws, "a", sequence);
    }
    aws.with(|services| services.table.set_page_size(3));
    let swept = sweep(&aws).await;
    let expected: Vec<String> = (1..=7).map(|sequence| format!("a/{sequence}")).collect();
    assert_eq!(aws.published_rows(), expected);
    assert_eq!((swept.pending, swept.published), (7, 7));
}

/// So a large backlog is never in memory as a whole.
#[tokio::test(start_paused = true)]
async fn rows_are_published_while_the_table_is_read() {
    let aws = in_memory();
    for sequence in 1..=1_500 {
        old(&aws, "a", sequence);
    }
    aws.with(|services| services.table.set_page_size(25));
    sweep(&aws).await;
    let put = aws.calls(Operation::PutEvents)[0].began;
    let scans = aws.calls(Operation::Scan);
    let pages = scans.iter().take_while(|scan| scan.began <= put).count();
    // 20 with 500 rows, and those of segments without any.
    assert!(pages < 30, "{pages} of 60");
}

#[tokio::test(start_paused = true)]
async fn rows_behind_a_failure_wait_and_other_aggregates_do_not() {
    let aws = in_memory();
    for sequence in 1..=600 {
        old(&aws, "a", sequence);
    }
    // In the same segment, after all rows of the first aggregate.
    old(&aws, "i", 1);
    aws.set_fault_plan(refuse("a/1", transient()));
    let swept = sweep(&aws).await;
    let published = aws.published_rows();
    // The first ten were in one request, and the bus returns a result for each.
    let expected: Vec<String> = (2..=10).map(|sequence| format!("a/{sequence}")).collect();
    assert_eq!(published[..9], expected);
    assert_eq!(published[9..], ["i/1"]);
    assert_eq!(swept.pending, 601);
    assert_eq!(swept.cut_short, None);
}

/// However many calls of the relay later they are.
#[tokio::test(start_paused = true)]
async fn rows_behind_one_that_is_parked_now_are_counted() {
    let aws = in_memory();
    let mut damaged = row_with_detail("a", 1, "x");
    damaged.committed_at = start() - GRACE;
    aws.insert_row(damaged);
    for sequence in 2..=1_100 {
        old(&aws, "a", sequence);
    }
    // Published together with the last of them.
    old(&aws, "i", 1);
    let first = sweep(&aws).await;
    assert_eq!((first.newly_parked, first.failed), (1, 0));
    assert_eq!((first.held, first.pending), (1_099, 2));
}

#[tokio::test(start_paused = true)]
async fn parked_rows_are_counted_and_left_alone() {
    let aws = in_memory();
    old(&aws, "a", 1);
    old(&aws, "b", 1);
    let parked = row("a", 1).key;
    aws.park_row(&parked);
    let swept = sweep(&aws).await;
    assert_eq!(aws.published_rows(), ["b/1"]);
    assert_eq!((swept.pending, swept.parked), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn poison_is_parked_once() {
    let aws = in_memory();
    old(&aws, "a", 1);
    old(&aws, "b", 1);
    aws.set_fault_plan(refuse("a/1", poison()));
    assert_eq!(sweep(&aws).await.newly_parked, 1);
    let again = sweep(&aws).await;
    assert_eq!((again.newly_parked, again.parked), (0, 1));
    assert_eq!(aws.letters_sent(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_row_that_cannot_be_read_is_parked() {
    let aws = in_memory();
    old(&aws, "a", 1);
    aws.change_row(&row("a", 1).key, |item| {
        item.remove("v");
    });
    assert_eq!(sweep(&aws).await.newly_parked, 1);
    let letter = aws.letters().remove(0);
    assert_eq!(letter.code, "Undecodable");
}

#[tokio::test(start_paused = true)]
async fn a_configuration_fault_ends_the_sweep_and_deletes_nothing() {
    let denied = || CallError::Configuration("AccessDeniedException".into());
    for (exists, answer, halt) in [
        (false, None, Halt::Bus(BusError::Missing)),
        (true, Some(denied()), Halt::Put(denied())),
    ] {
        let aws = in_memory();
        for aggregate in ["a", "b", "c", "d", "e", "f", "g", "h"] {
            old(&aws, aggregate, 1);
        }
        if !exists {
            aws.delete_bus();
        }
        if let Some(error) = answer {
            aws.always_fail_with(Operation::PutEvents, error);
        }
        let swept = sweep(&aws).await;
        assert_eq!(swept.cut_short, Some(CutShort::Halted(halt)));
        assert!(aws.calls(Operation::PutEvents).len() <= 1);
        assert_eq!(aws.pending_rows().len(), 8);
    }
}

/// A bus that rejects everything for its content is at fault, not the rows.
#[tokio::test(start_paused = true)]
async fn while_nothing_is_accepted_one_row_an_hour_is_parked() {
    let aws = in_memory();
    aws.set_fault_plan(reject(|_| Some(poison())));
    for aggregate in 0..40 {
        let age = SignedDuration::from_secs(-aggregate);
        aws.insert_row(row_of_age(&format!("{aggregate:02}"), 1, age));
    }
    let sweeper = Sweeper::new(aws.relay(), GRACE);
    for (minutes, letters) in [(59, 0), (2, 1), (5, 1), (54, 1), (1, 2), (60, 3), (600, 4)] {
        aws.clock().advance(SignedDuration::from_mins(minutes));
        let swept = sweeper.sweep(Instant::now() + Duration::from_mins(4)).await;
        assert_eq!(swept.cut_short, None);
        assert_eq!(aws.letters_sent(), letters, "after {minutes} minutes more");
    }
    let keys: Vec<String> = aws
        .letters()
        .iter()
        .map(|letter| letter.key.to_string())
        .collect();
    assert_eq!(keys, ["00/1", "01/1", "02/1", "03/1"], "the oldest first");

    // A bus that accepts others works, so all that it still rejects are parked.
    aws.set_fault_plan(refuse("09/1", poison()));
    let swept = sweeper.sweep(Instant::now() + Duration::from_mins(4)).await;
    assert_eq!((swept.published, swept.newly_parked), (35, 1));
}

#[tokio::test(start_paused = true)]
async fn one_event_without_permission_does_not_end_the_sweep() {
    let aws = in_memory();
    for aggregate in ["a", "b", "c"] {
        old(&aws, aggregate, 1);
    }
    let refused = EntryError::Configuration("NotAuthorizedForSourceException".into());
    aws.set_fault_plan(refuse("b/1", refused));
    let swept = sweep(&aws).await;
    assert_eq!((swept.published, swept.failed), (2, 1));
    assert_eq!(swept.cut_short, None);
}

#[tokio::test(start_paused = true)]
async fn a_table_that_cannot_be_read_is_retried_then_reported() {
    let aws = in_memory();
    old(&aws, "a", 1);
    let throttled = || CallError::Transient("throttled".into());
    aws.fail_with(Operation::Scan, [throttled()]);
    assert_eq!(sweep(&aws).await.published, 1);

    let denied = CallError::Configuration("AccessDeniedException".into());
    aws.fail_with(Operation::Scan, [denied]);
    let denied = CallError::Configuration("AccessDeniedException".into());
    let cut_short = CutShort::Scan(denied);
    assert_eq!(sweep(&aws).await.cut_short, Some(cut_short));
}

#[tokio::test(start_paused = true)]
async fn publishing_ends_in_time() {
    let aws = in_memory();
    for sequence in 1..=100 {
        old(&aws, "a", sequence);
    }
    aws.set_latency(Operation::PutEvents, Duration::from_secs(3));
    let deadline = Instant::now() + Duration::from_secs(20);
    let swept = sweeper(&aws).sweep(deadline).await;
    assert!(Instant::now() < deadline);
    assert!(swept.published > 0, "{swept:?}");
    assert_eq!(swept.published + swept.failed, 100);
    assert_eq!(swept.cut_short, None, "the table was read to its end");
}

#[tokio::test(start_paused = true)]
async fn reading_ends_in_time_and_the_rows_found_are_published() {
    let aws = in_memory();
    for sequence in 1..=400 {
        old(&aws, "a", sequence);
    }
    aws.with(|services| services.table.set_page_size(10));
    aws.set_latency(Operation::Scan, Duration::from_secs(1));
    let deadline = Instant::now() + Duration::from_secs(20);
    let swept = sweeper(&aws).sweep(deadline).await;
    assert!(Instant::now() < deadline);
    assert_eq!(swept.cut_short, Some(CutShort::OutOfTime));
    assert!(swept.published > 0 && swept.published < 400, "{swept:?}");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_in_the_past_is_treated_as_unknown() {
    let aws = in_memory();
    old(&aws, "a", 1);
    let swept = sweeper(&aws).sweep(Instant::now()).await;
    assert_eq!(swept.published, 1);
}

#[tokio::test(start_paused = true)]
async fn services_that_hang_end_a_sweep_in_time() {
    let aws = in_memory();
    old(&aws, "a", 1);
    for operation in Operation::ALL {
        aws.fail_always(operation, Fault::Hang);
    }
    let deadline = Instant::now() + Duration::from_mins(1);
    let swept = sweeper(&aws).sweep(deadline).await;
    assert!(Instant::now() < deadline);
    assert!(swept.cut_short.is_some());
    assert_eq!(aws.pending_rows(), ["a/1"]);
}

#[tokio::test(start_paused = true)]
async fn sweeps_that_are_cut_short_reach_every_row_in_the_end() {
    let aws = in_memory();
    for aggregate in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        old(&aws, aggregate, 1);
    }
    aws.set_latency(Operation::Scan, Duration::from_secs(4));
    let sweeper = sweeper(&aws);
    for _ in 0..100 {
        // Time for a segment or two.
        sweeper
            .sweep(Instant::now() + Duration::from_secs(10))
            .await;
        sleep(Duration::from_mins(5)).await;
    }
    assert!(aws.pending_rows().is_empty());
}

/// A new process doesn't know how far the last one came, so it begins anywhere.
#[tokio::test(start_paused = true)]
async fn sweeps_of_new_processes_reach_every_row_in_the_end() {
    let aws = in_memory();
    for aggregate in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        old(&aws, aggregate, 1);
    }
    aws.set_latency(Operation::Scan, Duration::from_secs(4));
    for process in 0..100 {
        let random = Rng::with_seed(process);
        let relay = aws
            .relay()
            .with_time_and_chance(Arc::new(aws.clock()), random);
        // Time for a segment or two.
        Sweeper::new(relay, GRACE)
            .sweep(Instant::now() + Duration::from_secs(10))
            .await;
    }
    assert!(aws.pending_rows().is_empty());
}

#[tokio::test(start_paused = true)]
async fn stream_and_sweeper_may_publish_a_row_at_once() {
    let aws = in_memory();
    let candidates: Vec<_> = (1..=20)
        .map(|sequence| aws.insert_row(row_of_age("a", sequence, GRACE)))
        .collect();
    let relay = aws.relay();
    let deadline = Instant::now() + Duration::from_mins(1);
    let (outcome, swept) = tokio::join!(relay.publish(candidates, deadline), sweep(&aws));
    assert!(aws.pending_rows().is_empty());
    assert_eq!(swept.failed + outcome.undeleted.len(), 0);
    let mut published = aws.published_rows();
    published.sort();
    published.dedup();
    assert_eq!(published.len(), 20, "each at least once");
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_row_counts_for_the_oldest_age() {
    let aws = in_memory();
    let key = aws.insert("a", 1).key;
    aws.change_row(&key, |item| {
        item.remove("v");
    });
    let swept = sweep(&aws).await;
    let made = key.event_time().unwrap();
    assert_eq!(swept.oldest_age, start().duration_since(made));
}

#[tokio::test(start_paused = true)]
async fn a_young_unreadable_row_and_those_before_it_are_not_swept() {
    let aws = in_memory();
    aws.insert("a", 1);
    let time = start().as_millisecond();
    let (high, low) = (time >> 16, time & 0xffff);
    let unreadable = outbox::RowKey {
        aggregate_id: "a".into(),
        position: format!("{:020}#{high:08x}-{low:04x}-7000-8000-000000000002", 2),
    };
    let item = serde_dynamo::to_item(&unreadable).unwrap();
    aws.with(|services| services.table.write(item));
    let sweeper = Sweeper::new(aws.relay(), outbox::handlers::DEFAULT_GRACE);
    for (minutes, published) in [(14, 0), (2, 1)] {
        tokio::time::advance(Duration::from_mins(minutes)).await;
        let swept = sweeper.sweep(Instant::now() + Duration::from_mins(4)).await;
        assert_eq!(
            (swept.published, swept.newly_parked),
            (published, published)
        );
    }
}

/// The bus accepts nothing, so that the row is parked without proof. The row as edited is pending.
#[tokio::test(start_paused = true)]
async fn a_row_that_is_edited_before_it_is_parked_has_failed() {
    let aws = in_memory();
    aws.insert_row(row_of_age("a", 1, SignedDuration::from_hours(2)));
    aws.set_fault_plan(refuse("a/1", poison()));
    let relay = Relay::new(aws.clone(), aws.clone(), Beside(aws.clone(), edit));
    let swept = Sweeper::new(relay, GRACE).sweep(in_a_minute()).await;
    assert_eq!((swept.failed, swept.newly_parked), (1, 0));
    assert_eq!(aws.pending_rows(), ["a/1"]);
}
