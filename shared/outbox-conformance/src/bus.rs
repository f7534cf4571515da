//! The bus: Amazon EventBridge, or what is taken for it.

use std::sync::Arc;

use outbox::{
    OutboxRow,
    ports::{CallError, EntryError, EventBus, PutResult},
};

use crate::{
    check::suite,
    rows::{row, row_with_detail},
};

/// A bus that nobody has put anything on, and what others than the relay do to it.
pub trait World {
    /// The bus, as the relay sees it.
    type Bus: EventBus;

    /// The bus.
    fn bus(&self) -> &Self::Bus;

    /// An event is committed. A bus that knows what was may insist on it.
    fn commit(&self, _row: &OutboxRow) -> impl Future<Output = ()> {
        async {}
    }

    /// Commits the event in a way that makes the bus refuse it for its content.
    fn commit_spoiled(&self, row: OutboxRow) -> impl Future<Output = OutboxRow>;

    /// Deletes the bus.
    fn delete_bus(&self) -> impl Future<Output = ()>;

    /// The `detail` of every event that the bus has, in any order: it promises none.
    fn received(&self) -> impl Future<Output = Vec<String>>;
}

suite!(World:
    a_bus_that_is_there_exists,
    every_event_has_a_result_and_arrives_as_it_is,
    an_event_refused_for_its_content_harms_no_other,
    a_bus_that_is_not_there_accepts_and_drops,
    what_is_put_twice_arrives_twice,
    a_request_of_too_many_events_is_refused_whole,
    a_request_may_have_as_many_bytes_as_the_bus_says,
    a_request_of_too_many_bytes_is_refused_whole,
);

/// Events of an aggregate that are committed.
async fn committed(world: &impl World, count: u64) -> Vec<Arc<OutboxRow>> {
    let mut rows = Vec::new();
    for sequence in 1..=count {
        let row = row("a", sequence);
        world.commit(&row).await;
        rows.push(Arc::new(row));
    }
    rows
}

/// A committed event of exactly so many bytes.
async fn committed_of_bytes(world: &impl World, sequence: u64, bytes: usize) -> Arc<OutboxRow> {
    let with_text = |length: usize| {
        let text = "x".repeat(length);
        row_with_detail("a", sequence, &format!("{{\"text\":\"{text}\"}}"))
    };
    let row = with_text(bytes - with_text(0).entry_bytes());
    assert_eq!(row.entry_bytes(), bytes);
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

async fn a_bus_that_is_there_exists(world: &impl World) {
    assert_eq!(world.bus().exists().await, Ok(true));
}

/// "The index of the response element is the same as the index in the request array":
/// `PutEvents` in the API reference.
async fn every_event_has_a_result_and_arrives_as_it_is(world: &impl World) {
    let rows = committed(world, world.bus().limits().entries as u64).await;
    let results = world.bus().put(&rows).await;
    assert_eq!(results, Ok(vec![PutResult::Accepted; rows.len()]));
    assert_received(world, &rows).await;
}

/// `PutEvents` answers with success though entries failed, and tells which by their
/// index.
async fn an_event_refused_for_its_content_harms_no_other(world: &impl World) {
    let mut rows = committed(world, 3).await;
    let spoiled = world.commit_spoiled(row("a", 4)).await;
    rows.insert(1, Arc::new(spoiled));
    let results = world.bus().put(&rows).await.expect("results");
    assert_eq!(results.len(), 4);
    let PutResult::Refused(EntryError::Content(poison)) = &results[1] else {
        panic!("not refused for its content: {:?}", results[1])
    };
    assert!(!poison.code.is_empty());
    rows.remove(1);
    for (index, result) in results.iter().enumerate() {
        assert_eq!(*result == PutResult::Accepted, index != 1);
    }
    assert_received(world, &rows).await;
}

/// `PutEvents` to a bus that does not exist answers with event ids and without an
/// error (seen, aws/aws-cli#9186); `DescribeEventBus` knows.
async fn a_bus_that_is_not_there_accepts_and_drops(world: &impl World) {
    let rows = committed(world, 2).await;
    world.delete_bus().await;
    assert_eq!(world.bus().exists().await, Ok(false));
    let results = world.bus().put(&rows).await;
    assert_eq!(results, Ok(vec![PutResult::Accepted; 2]));
    assert_received(world, &[]).await;
}

/// The classic bus knows no duplicates.
async fn what_is_put_twice_arrives_twice(world: &impl World) {
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

/// An event counts as "Calculating event entry size" in the user guide has it.
async fn a_request_may_have_as_many_bytes_as_the_bus_says(world: &impl World) {
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

/// Then no entry has a result of its own.
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
