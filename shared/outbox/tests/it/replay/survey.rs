//! Reading the whole table.

use std::time::Duration;

use outbox::ports::{CallError, RowState};
use tokio::time::Instant;

use crate::fakes::World;

async fn survey(world: &World, until: Option<Instant>) -> (Result<bool, CallError>, Vec<String>) {
    let mut seen = Vec::new();
    let complete = world
        .relay()
        .survey(until, |row| seen.push(row.candidate.key.to_string()))
        .await;
    (complete, seen)
}

#[tokio::test(start_paused = true)]
async fn every_row_is_passed_on_once_and_aggregates_in_sequence() {
    let world = World::default();
    world.with(|state| state.page = 3);
    for sequence in 1..=10 {
        world.insert("a", sequence);
        world.insert("b", sequence);
    }
    let parked = crate::fakes::row("a", 1).key;
    world.with(|state| {
        state.rows.insert(parked, RowState::Parked);
        let busy = CallError::Transient("busy".into());
        state.scan_errors.extend([busy.clone(), busy]);
    });
    let (complete, seen) = survey(&world, None).await;
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
    let world = World::default();
    world.with(|state| {
        state.page = 1;
        state.scan_latency = Duration::from_millis(400);
    });
    for sequence in 1..=10 {
        world.insert("a", sequence);
    }
    let begun = Instant::now();
    let (complete, seen) = survey(&world, Some(begun + Duration::from_secs(1))).await;
    assert_eq!(complete, Ok(false));
    assert_eq!(seen, ["a/1", "a/2"]);
    assert_eq!(begun.elapsed(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_table_without_permission_to_read_is_an_error() {
    let world = World::default();
    let denied = CallError::Configuration("AccessDenied".into());
    world.with(|state| state.scan_errors.push_back(denied.clone()));
    assert_eq!(survey(&world, None).await.0, Err(denied));
}
