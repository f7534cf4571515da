//! Events of an aggregate reach the bus in sequence when a sweep finds their rows.

use jiff::SignedDuration;
use outbox::{handlers::Sweeper, relay::Order};
use outbox_testing::Operation;

use super::publish::{in_a_minute, insert};
use crate::memory::{Rows, in_memory, poison, refuse, row, row_with_detail, start};

#[tokio::test(start_paused = true)]
async fn the_sweeper_publishes_nothing_behind_a_parked_row() {
    let aws = in_memory();
    for sequence in 1..=250 {
        let mut old = row("a", sequence);
        old.committed_at = start() - SignedDuration::from_hours(1);
        aws.insert_row(old);
    }
    aws.park_row(&row("a", 120).key);
    let sweeper = Sweeper::new(aws.relay(), SignedDuration::from_mins(15));
    let swept = sweeper.sweep(in_a_minute()).await;
    assert_eq!(aws.published_rows().len(), 119);
    assert_eq!((swept.pending, swept.parked, swept.held), (119, 1, 130));
    assert!(
        aws.calls(Operation::Query).is_empty(),
        "the sweep has read the table itself"
    );
}

#[tokio::test(start_paused = true)]
async fn a_sweep_counts_all_that_a_newly_parked_row_holds() {
    let aws = in_memory();
    for sequence in 1..=1_200 {
        let detail = if sequence == 1 { "x" } else { "{}" };
        let mut old = row_with_detail("a", sequence, detail);
        old.committed_at = start() - SignedDuration::from_hours(1);
        aws.insert_row(old);
    }
    let sweeper = Sweeper::new(aws.relay(), SignedDuration::from_mins(15));
    let swept = sweeper.sweep(in_a_minute()).await;
    assert_eq!((swept.newly_parked, swept.held), (1, 1_199));
    assert!(aws.published_rows().is_empty());
}

#[tokio::test(start_paused = true)]
async fn without_order_the_sweeper_publishes_behind_a_parked_row() {
    let aws = in_memory();
    let batch = insert(&aws, &[("a", 1), ("a", 2), ("a", 3)]);
    aws.park_row(&batch[0].key);
    aws.set_fault_plan(refuse("a/2", poison()));
    aws.clock().advance(SignedDuration::from_hours(1));
    let relay = aws.relay().with_order(Order::BestEffort);
    let sweeper = Sweeper::new(relay, SignedDuration::from_mins(15));
    let swept = sweeper.sweep(in_a_minute()).await;
    assert_eq!(aws.published_rows(), ["a/3"]);
    assert_eq!((swept.parked, swept.newly_parked, swept.held), (1, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_row_left_to_the_stream_holds_those_behind_it_on_the_next_page() {
    let aws = in_memory();
    // The clock of the second writer is behind.
    for sequence in 1..=101 {
        let mut row = row("a", sequence);
        let age = if sequence == 101 { 20 } else { 1 };
        row.committed_at = start() - SignedDuration::from_mins(age);
        aws.insert_row(row);
    }
    let sweeper = Sweeper::new(aws.relay(), SignedDuration::from_mins(15));
    sweeper.sweep(in_a_minute()).await;
    assert!(aws.published_rows().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_sweep_publishes_young_rows_behind_an_old_one() {
    let aws = in_memory();
    let mut old = row("a", 1);
    old.committed_at = start() - SignedDuration::from_hours(1);
    aws.insert_row(old);
    for sequence in 2..=150 {
        aws.insert("a", sequence);
    }
    aws.insert("b", 1);
    let sweeper = Sweeper::new(aws.relay(), SignedDuration::from_mins(15));
    sweeper.sweep(in_a_minute()).await;
    assert_eq!(aws.published_rows().len(), 150);
    assert_eq!(aws.pending_rows(), ["b/1"], "left to the stream");
}
