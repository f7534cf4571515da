//! Rows with a source that the relay doesn't publish.

use std::time::Duration;

use jiff::SignedDuration;
use outbox::{
    Candidate,
    handlers::{DEFAULT_GRACE, Sweeper},
};
use outbox_testing::InMemoryAws;
use tokio::time::Instant;

use crate::memory::{Rows, in_memory, row};

/// Commits an event under the name of another service.
fn insert_forged(aws: &InMemoryAws, aggregate: &str) -> Candidate {
    let mut row = row(aggregate, 1);
    "payments".clone_into(&mut row.source);
    aws.insert_row(row)
}

fn deadline() -> Instant {
    Instant::now() + Duration::from_mins(1)
}

#[tokio::test(start_paused = true)]
async fn a_row_of_another_source_is_parked_and_the_rest_is_published() {
    let aws = in_memory();
    let forged = insert_forged(&aws, "a");
    let own = aws.insert("b", 1);
    let relay = aws.relay().with_sources([row("b", 1).source]);
    relay.publish(vec![forged, own], deadline()).await;
    assert_eq!(aws.published_rows(), ["b/1"]);
    assert_eq!(aws.parked().len(), 1);
    let letters = aws.letters();
    assert_eq!(
        (letters.len(), letters[0].code.as_str()),
        (1, "ForeignSource")
    );
}

#[tokio::test(start_paused = true)]
async fn ten_rows_of_other_sources_are_parked_at_once_and_no_more() {
    let aws = in_memory();
    let mut batch: Vec<Candidate> = (0..15)
        .map(|index| insert_forged(&aws, &format!("a{index}")))
        .collect();
    batch.push(aws.insert("b", 1));
    let relay = aws.relay().with_sources([row("b", 1).source]);
    relay.publish(batch, deadline()).await;
    assert_eq!(aws.published_rows(), ["b/1"]);
    assert_eq!(aws.parked().len(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_list_of_sources_parks_one_row_an_hour() {
    let aws = in_memory();
    for aggregate in ["a", "b", "c"] {
        aws.insert(aggregate, 1);
    }
    aws.clock().advance(SignedDuration::from_hours(2));
    let sweeper = Sweeper::new(aws.relay().with_sources(["typo"]), DEFAULT_GRACE);
    for _ in 0..3 {
        sweeper.sweep(deadline()).await;
    }
    assert_eq!(aws.parked().len(), 1);
    assert!(aws.published_rows().is_empty());
    assert_eq!(aws.pending_rows().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn without_a_list_every_source_is_published() {
    let aws = in_memory();
    let forged = insert_forged(&aws, "a");
    aws.relay().publish(vec![forged], deadline()).await;
    assert_eq!(aws.published_rows(), ["a/1"]);
}
