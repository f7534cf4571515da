//! Reading the whole table.

use std::time::Duration;

use outbox::ports::CallError;
use outbox_testing::{InMemoryAws, Operation};
use tokio::time::Instant;

use crate::memory::{Rows, in_memory, row, transient_call};

async fn survey(
    aws: &InMemoryAws,
    until: Option<Instant>,
) -> (Result<bool, CallError>, Vec<String>) {
    let mut seen = Vec::new();
    let complete = aws
        .relay()
        .survey(until, |row| seen.push(row.candidate.key.to_string()))
        .await;
    (complete, seen)
}

#[tokio::test(start_paused = true)]
async fn every_row_is_passed_on_once_and_aggregates_in_sequence() {
    let aws = in_memory();
    aws.with(|services| services.table.set_page_size(3));
    for sequence in 1..=10 {
        aws.insert("a", sequence);
        aws.insert("b", sequence);
    }
    let parked = row("a", 1).key;
    aws.park_row(&parked);
    aws.fail_with(Operation::Scan, vec![transient_call(); 2]);
    let (complete, seen) = survey(&aws, None).await;
    assert_eq!(complete, Ok(true));
    for aggregate in ["a", "b"] {
        let prefix = format!("{aggregate}/");
        let of_it: Vec<&String> = seen.iter().filter(|row| row.starts_with(&prefix)).collect();
        let expected: Vec<String> = (1..=10).map(|number| format!("{prefix}{number}")).collect();
        assert_eq!(of_it, expected.iter().collect::<Vec<_>>());
    }
}

#[tokio::test(start_paused = true)]
async fn a_survey_that_takes_too_long_ends_and_says_so() {
    let aws = in_memory();
    aws.with(|services| services.table.set_page_size(1));
    aws.set_latency(Operation::Scan, Duration::from_millis(400));
    for sequence in 1..=10 {
        aws.insert("a", sequence);
    }
    let begun = Instant::now();
    let (complete, seen) = survey(&aws, Some(begun + Duration::from_secs(1))).await;
    assert_eq!(complete, Ok(false));
    assert_eq!(seen, ["a/1", "a/2"]);
    assert_eq!(begun.elapsed(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_table_without_permission_to_read_is_an_error() {
    let aws = in_memory();
    let denied = CallError::Configuration("AccessDenied".into());
    aws.fail_with(Operation::Scan, [denied.clone()]);
    assert_eq!(survey(&aws, None).await.0, Err(denied));
}
