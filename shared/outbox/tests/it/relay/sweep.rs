//! The sweeper: which rows it publishes, and when it ends.

use std::time::Duration;

use jiff::SignedDuration;
use outbox::{
    OutboxRow,
    handlers::{CutShort, SweepReport, Sweeper},
    ports::{CallError, EntryError, RowState},
};
use tokio::time::{Instant, sleep};

use crate::fakes::{World, poison, refuse, row, start, transient};

const GRACE: SignedDuration = SignedDuration::from_mins(15);

/// Returns a row that was committed so long ago.
fn row_of_age(aggregate: &str, sequence: u64, age: SignedDuration) -> OutboxRow {
    let mut row = row(aggregate, sequence);
    row.committed_at = start() - age;
    row
}

fn old(world: &World, aggregate: &str, sequence: u64) {
    world.insert_row(row_of_age(aggregate, sequence, GRACE));
}

fn young(world: &World, aggregate: &str, sequence: u64) {
    world.insert_row(row_of_age(
        aggregate,
        sequence,
        SignedDuration::from_mins(1),
    ));
}

fn sweeper(world: &World) -> Sweeper<World, World, World> {
    Sweeper::new(world.relay(), GRACE)
}

async fn sweep(world: &World) -> SweepReport {
    let deadline = Instant::now() + Duration::from_mins(5);
    sweeper(world).sweep(deadline).await
}

#[tokio::test(start_paused = true)]
async fn rows_older_than_the_grace_period_are_published() {
    let world = World::default();
    old(&world, "a", 1);
    young(&world, "b", 1);
    let swept = sweep(&world).await;
    assert_eq!(world.published(), ["a/1"]);
    assert_eq!(world.pending(), ["b/1"]);
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
    let world = World::default();
    assert_eq!(sweep(&world).await, SweepReport::default());
    assert_eq!(world.with(|state| state.exists_calls), 0);
}

#[tokio::test(start_paused = true)]
async fn rows_before_an_old_one_are_published_and_later_ones_left() {
    let world = World::default();
    young(&world, "a", 1);
    old(&world, "a", 2);
    young(&world, "a", 3);
    sweep(&world).await;
    assert_eq!(world.published(), ["a/1", "a/2"]);
    assert_eq!(world.pending(), ["a/3"]);
}

#[tokio::test(start_paused = true)]
async fn an_aggregate_stays_in_sequence_across_pages() {
    let world = World::default();
    for sequence in 1..=7 {
        old(&world, "a", sequence);
    }
    world.with(|state| state.page = 3);
    let swept = sweep(&world).await;
    let expected: Vec<String> = (1..=7).map(|sequence| format!("a/{sequence}")).collect();
    assert_eq!(world.published(), expected);
    assert_eq!((swept.pending, swept.published), (7, 7));
}

#[tokio::test(start_paused = true)]
async fn rows_behind_a_failure_wait_and_other_aggregates_do_not() {
    let world = World::default();
    for sequence in 1..=600 {
        old(&world, "a", sequence);
    }
    // In the same segment, after all rows of the first aggregate.
    old(&world, "i", 1);
    world.answer(refuse("a/1", transient()));
    let swept = sweep(&world).await;
    let published = world.published();
    // The first ten were in one request, and the bus returns a result for each.
    let expected: Vec<String> = (2..=10).map(|sequence| format!("a/{sequence}")).collect();
    assert_eq!(published[..9], expected);
    assert_eq!(published[9..], ["i/1"]);
    assert_eq!(swept.pending, 601);
    assert_eq!(swept.cut_short, None);
}

#[tokio::test(start_paused = true)]
async fn parked_rows_are_counted_and_left_alone() {
    let world = World::default();
    old(&world, "a", 1);
    old(&world, "a", 2);
    let parked = row("a", 1).key;
    world.with(|state| state.rows.insert(parked, RowState::Parked));
    let swept = sweep(&world).await;
    assert_eq!(world.published(), ["a/2"]);
    assert_eq!((swept.pending, swept.parked), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn poison_is_parked_once() {
    let world = World::default();
    old(&world, "a", 1);
    old(&world, "b", 1);
    world.answer(refuse("a/1", poison()));
    assert_eq!(sweep(&world).await.newly_parked, 1);
    let again = sweep(&world).await;
    assert_eq!((again.newly_parked, again.parked), (0, 1));
    assert_eq!(world.with(|state| state.letters.len()), 1);
}

#[tokio::test(start_paused = true)]
async fn a_row_that_cannot_be_read_is_parked() {
    let world = World::default();
    old(&world, "a", 1);
    world.with(|state| state.written.clear());
    assert_eq!(sweep(&world).await.newly_parked, 1);
    let letter = world.with(|state| state.letters[0].clone());
    assert_eq!(letter.code, "Undecodable");
}

#[tokio::test(start_paused = true)]
async fn a_configuration_fault_ends_the_sweep_and_deletes_nothing() {
    for (exists, answer, reason) in [
        (Ok(false), None, "there is no such bus"),
        (
            Ok(true),
            Some(CallError::Configuration("AccessDeniedException".into())),
            "AccessDeniedException",
        ),
    ] {
        let world = World::default();
        for aggregate in ["a", "b", "c", "d", "e", "f", "g", "h"] {
            old(&world, aggregate, 1);
        }
        world.with(|state| state.bus_exists = exists);
        if let Some(error) = answer {
            world.answer(move |_| Some(Err(error.clone())));
        }
        let swept = sweep(&world).await;
        assert_eq!(
            swept.cut_short,
            Some(CutShort::Configuration(reason.into()))
        );
        assert!(world.with(|state| state.requests.len()) <= 1);
        assert_eq!(world.pending().len(), 8);
    }
}

#[tokio::test(start_paused = true)]
async fn one_event_without_permission_does_not_end_the_sweep() {
    let world = World::default();
    for aggregate in ["a", "b", "c"] {
        old(&world, aggregate, 1);
    }
    let refused = EntryError::Configuration("NotAuthorizedForSourceException".into());
    world.answer(refuse("b/1", refused));
    let swept = sweep(&world).await;
    assert_eq!((swept.published, swept.failed), (2, 1));
    assert_eq!(swept.cut_short, None);
}

#[tokio::test(start_paused = true)]
async fn a_table_that_cannot_be_read_is_retried_then_reported() {
    let world = World::default();
    old(&world, "a", 1);
    let throttled = || CallError::Transient("throttled".into());
    world.with(|state| state.scan_errors.push_back(throttled()));
    assert_eq!(sweep(&world).await.published, 1);

    let denied = CallError::Configuration("AccessDeniedException".into());
    world.with(|state| state.scan_errors.push_back(denied));
    let denied = CallError::Configuration("AccessDeniedException".into());
    let cut_short = CutShort::Scan(denied);
    assert_eq!(sweep(&world).await.cut_short, Some(cut_short));
}

#[tokio::test(start_paused = true)]
async fn publishing_ends_in_time() {
    let world = World::default();
    for sequence in 1..=100 {
        old(&world, "a", sequence);
    }
    world.with(|state| state.put_latency = Duration::from_secs(3));
    let deadline = Instant::now() + Duration::from_secs(20);
    let swept = sweeper(&world).sweep(deadline).await;
    assert!(Instant::now() < deadline);
    assert!(swept.published > 0, "{swept:?}");
    assert_eq!(swept.published + swept.failed, 100);
    assert_eq!(swept.cut_short, None, "the table was read to its end");
}

#[tokio::test(start_paused = true)]
async fn reading_ends_in_time_and_the_rows_found_are_published() {
    let world = World::default();
    for sequence in 1..=400 {
        old(&world, "a", sequence);
    }
    world.with(|state| {
        state.page = 10;
        state.scan_latency = Duration::from_secs(1);
    });
    let deadline = Instant::now() + Duration::from_secs(20);
    let swept = sweeper(&world).sweep(deadline).await;
    assert!(Instant::now() < deadline);
    assert_eq!(swept.cut_short, Some(CutShort::OutOfTime));
    assert!(swept.published > 0 && swept.published < 400, "{swept:?}");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_in_the_past_is_treated_as_unknown() {
    let world = World::default();
    old(&world, "a", 1);
    let swept = sweeper(&world).sweep(Instant::now()).await;
    assert_eq!(swept.published, 1);
}

#[tokio::test(start_paused = true)]
async fn services_that_hang_end_a_sweep_in_time() {
    let world = World::default();
    old(&world, "a", 1);
    world.with(|state| state.hang = true);
    let deadline = Instant::now() + Duration::from_mins(1);
    let swept = sweeper(&world).sweep(deadline).await;
    assert!(Instant::now() < deadline);
    assert!(swept.cut_short.is_some());
    assert_eq!(world.pending(), ["a/1"]);
}

#[tokio::test(start_paused = true)]
async fn sweeps_that_are_cut_short_reach_every_row_in_the_end() {
    let world = World::default();
    for aggregate in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        old(&world, aggregate, 1);
    }
    world.with(|state| state.scan_latency = Duration::from_secs(4));
    let sweeper = sweeper(&world);
    for _ in 0..100 {
        // Time for a segment or two.
        sweeper
            .sweep(Instant::now() + Duration::from_secs(10))
            .await;
        sleep(Duration::from_mins(5)).await;
    }
    assert!(world.pending().is_empty());
}

#[tokio::test(start_paused = true)]
async fn stream_and_sweeper_may_publish_a_row_at_once() {
    let world = World::default();
    let candidates: Vec<_> = (1..=20)
        .map(|sequence| world.insert_row(row_of_age("a", sequence, GRACE)))
        .collect();
    let relay = world.relay();
    let deadline = Instant::now() + Duration::from_mins(1);
    let (outcome, swept) = tokio::join!(relay.publish(candidates, deadline), sweep(&world));
    assert!(world.pending().is_empty());
    assert_eq!(swept.failed + outcome.undeleted.len(), 0);
    let mut published = world.published();
    published.sort();
    published.dedup();
    assert_eq!(published.len(), 20, "each at least once");
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_row_counts_for_the_oldest_age() {
    let world = World::default();
    let key = world.insert("a", 1).key;
    world.with(|state| state.written.remove(&key));
    let swept = sweep(&world).await;
    let made = key.event_time().unwrap();
    assert_eq!(swept.oldest_age, start().duration_since(made));
}

#[tokio::test(start_paused = true)]
async fn a_young_unreadable_row_and_those_before_it_are_not_swept() {
    let world = World::default();
    world.insert("a", 1);
    let time = start().as_millisecond();
    let (high, low) = (time >> 16, time & 0xffff);
    let unreadable = outbox::RowKey {
        aggregate_id: "a".into(),
        position: format!("{:020}#{high:08x}-{low:04x}-7000-8000-000000000002", 2),
    };
    world.with(|state| state.rows.insert(unreadable.clone(), RowState::Pending));
    let sweeper = Sweeper::new(world.relay(), outbox::handlers::DEFAULT_GRACE);
    for (minutes, published) in [(14, 0), (2, 1)] {
        tokio::time::advance(Duration::from_mins(minutes)).await;
        let swept = sweeper.sweep(Instant::now() + Duration::from_mins(4)).await;
        assert_eq!(
            (swept.published, swept.newly_parked),
            (published, published)
        );
    }
}
