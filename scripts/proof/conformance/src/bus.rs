//! Checks of a bus: Amazon EventBridge, or a replacement.

use std::sync::Arc;

use outbox::{
    OutboxRow,
    limits::entry_bytes,
    ports::{CallError, EntryError, EventBus, PutResult},
};

use crate::{
    check::suite,
    rows::{row, row_with_detail},
};

/// A bus without events, and what happens to it besides the relay's requests.
pub trait World {
    /// The bus, as the relay sees it.
    type Bus: EventBus;

    /// Returns the bus.
    fn bus(&self) -> &Self::Bus;

    /// Commits an event. A simulated bus may reject events that were not committed.
    fn commit(&self, _row: &OutboxRow) -> impl Future<Output = ()> {
        async {}
    }

    /// Commits the event changed so that the bus rejects it for its content.
    fn commit_spoiled(&self, row: OutboxRow) -> impl Future<Output = OutboxRow>;

    /// Deletes the bus.
    fn delete_bus(&self) -> impl Future<Output = ()>;

    /// Returns the `detail` of every event that the bus accepted, in any order: a bus promises
    /// no order.
    fn received(&self) -> impl Future<Output = Vec<String>>;
}

suite!(World:
    an_existing_bus_is_confirmed,
    every_event_has_a_result_and_arrives_unchanged,
    an_event_refused_for_its_content_harms_no_other,
    a_missing_bus_accepts_and_drops_events,
    an_event_put_twice_arrives_twice,
    a_request_of_too_many_events_is_refused_whole,
    a_request_may_have_as_many_bytes_as_the_limit,
    a_request_of_too_many_bytes_is_refused_whole,
);

/// Commits events of an aggregate.
async fn committed(world: &impl World, count: u64) -> Vec<Arc<OutboxRow>> {
    let mut rows = Vec::new();
    for sequence in 1..=count {
        let row = row("a", sequence);
        world.commit(&row).await;
        rows.push(Arc::new(row));
    }
    rows
}

/// Commits an event of exactly so many bytes.
async fn committed_of_bytes(world: &impl World, sequence: u64, bytes: usize) -> Arc<OutboxRow> {
    let with_text = |length: usize| {
        let text = "x".repeat(length);
        row_with_detail("a", sequence, &format!("{{\"text\":\"{text}\"}}"))
    };
    let row = with_text(bytes - entry_bytes(&with_text(0)));
    assert_eq!(entry_bytes(&row), bytes);
    world.commit(&row).await;
    Arc::new(row)
}

async fn assert_received(world: &impl World, rows: &[Arc<OutboxRow>]) {
    let mut received = world.received().await;
    let mut expected: Vec<String> = rows.iter().map(|row| row.detail.clone()).collect();
    received.sort_unstable();
    expected.sort_unstable();
    assert_eq!(received, expected);
}

async fn an_existing_bus_is_confirmed(world: &impl World) {
    assert_eq!(world.bus().exists().await, Ok(true));
}

/// "The index of the response element is the same as the index in the request array":
/// `PutEvents` in the API reference.
async fn every_event_has_a_result_and_arrives_unchanged(world: &impl World) {
    let rows = committed(world, world.bus().limits().entries as u64).await;
    let results = world.bus().put(&rows).await;
    assert_eq!(results, Ok(vec![PutResult::Accepted; rows.len()]));
    assert_received(world, &rows).await;
}

/// `PutEvents` succeeds even if entries fail, and returns the errors at their indexes.
async fn an_event_refused_for_its_content_harms_no_other(world: &impl World) {
    let mut rows = committed(world, 3).await;
    let spoiled = world.commit_spoiled(row("a", 4)).await;
    rows.insert(1, Arc::new(spoiled));
    let results = world.bus().put(&rows).await.expect("results");
    assert_eq!(results.len(), 4);
    let PutResult::Rejected(EntryError::Content(poison)) = &results[1] else {
        panic!("not refused for its content: {:?}", results[1])
    };
    assert!(!poison.code.is_empty());
    rows.remove(1);
    for (index, result) in results.iter().enumerate() {
        assert_eq!(*result == PutResult::Accepted, index != 1);
    }
    assert_received(world, &rows).await;
}

/// `PutEvents` to a bus that doesn't exist returns event ids and no error (observed,
/// aws/aws-cli#9186). `DescribeEventBus` returns an error.
async fn a_missing_bus_accepts_and_drops_events(world: &impl World) {
    let rows = committed(world, 2).await;
    world.delete_bus().await;
    assert_eq!(world.bus().exists().await, Ok(false));
    let results = world.bus().put(&rows).await;
    assert_eq!(results, Ok(vec![PutResult::Accepted; 2]));
    assert_received(world, &[]).await;
}

/// A bus doesn't deduplicate.
async fn an_event_put_twice_arrives_twice(world: &impl World) {
    let rows = committed(world, 1).await;
    let twice = [Arc::clone(&rows[0]), Arc::clone(&rows[0])];
    let results = world.bus().put(&twice).await;
    assert_eq!(results, Ok(vec![PutResult::Accepted; 2]));
    assert_received(world, &twice).await;
}

/// `Entries`: "Maximum number of 10 items", else a `ValidationException`.
async fn a_request_of_too_many_events_is_refused_whole(world: &impl World) {
    let rows = committed(world, world.bus().limits().entries as u64 + 1).await;
    let refused = world.bus().put(&rows).await;
    assert!(matches!(refused, Err(CallError::Content(_))), "{refused:?}");
    assert_received(world, &[]).await;
}

/// The size of an event is the one of "Calculating event entry size" in the user guide.
async fn a_request_may_have_as_many_bytes_as_the_limit(world: &impl World) {
    let bytes = world.bus().limits().bytes;
    let alone = [committed_of_bytes(world, 1, bytes).await];
    let halves = [
        committed_of_bytes(world, 2, bytes / 2).await,
        committed_of_bytes(world, 3, bytes - bytes / 2).await,
    ];
    for rows in [&alone[..], &halves] {
        let results = world.bus().put(rows).await;
        assert_eq!(results, Ok(vec![PutResult::Accepted; rows.len()]));
    }
    assert_received(world, &[&alone[..], &halves].concat()).await;
}

/// In that case entries have no results of their own.
async fn a_request_of_too_many_bytes_is_refused_whole(world: &impl World) {
    let bytes = world.bus().limits().bytes;
    let alone = [committed_of_bytes(world, 1, bytes + 1).await];
    let halves = [
        committed_of_bytes(world, 2, bytes / 2).await,
        committed_of_bytes(world, 3, bytes - bytes / 2 + 1).await,
    ];
    for rows in [&alone[..], &halves] {
        let refused = world.bus().put(rows).await;
        assert!(matches!(refused, Err(CallError::Content(_))), "{refused:?}");
    }
    assert_received(world, &[]).await;
}
