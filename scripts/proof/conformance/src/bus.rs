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
pub trait Fixture {
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

suite!(Fixture:
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
async fn committed(fixture: &impl Fixture, count: u64) -> Vec<Arc<OutboxRow>> {
    let mut rows = Vec::new();
    for sequence in 1..=count {
        let row = row("a", sequence);
        fixture.commit(&row).await;
        rows.push(Arc::new(row));
    }
    rows
}

/// Commits an event of exactly so many bytes.
async fn committed_of_bytes(fixture: &impl Fixture, sequence: u64, bytes: usize) -> Arc<OutboxRow> {
    let with_text = |length: usize| {
        let text = "x".repeat(length);
        row_with_detail("a", sequence, &format!("{{\"text\":\"{text}\"}}"))
    };
    let row = with_text(bytes - entry_bytes(&with_text(0)));
    assert_eq!(entry_bytes(&row), bytes);
    fixture.commit(&row).await;
    Arc::new(row)
}

async fn assert_received(fixture: &impl Fixture, rows: &[Arc<OutboxRow>]) {
    let mut received = fixture.received().await;
    let mut expected: Vec<String> = rows.iter().map(|row| row.detail.clone()).collect();
    received.sort_unstable();
    expected.sort_unstable();
    assert_eq!(received, expected);
}

async fn an_existing_bus_is_confirmed(fixture: &impl Fixture) {
    assert_eq!(fixture.bus().exists().await, Ok(true));
}

/// "The index of the response element is the same as the index in the request array":
/// `PutEvents` in the API reference.
async fn every_event_has_a_result_and_arrives_unchanged(fixture: &impl Fixture) {
    let rows = committed(fixture, fixture.bus().limits().entries as u64).await;
    let results = fixture.bus().put(&rows).await;
    assert_eq!(results, Ok(vec![PutResult::Accepted; rows.len()]));
    assert_received(fixture, &rows).await;
}

/// `PutEvents` succeeds even if entries fail, and returns the errors at their indexes.
async fn an_event_refused_for_its_content_harms_no_other(fixture: &impl Fixture) {
    let mut rows = committed(fixture, 3).await;
    let spoiled = fixture.commit_spoiled(row("a", 4)).await;
    rows.insert(1, Arc::new(spoiled));
    let results = fixture.bus().put(&rows).await.expect("results");
    assert_eq!(results.len(), 4);
    let PutResult::Rejected(EntryError::Content(poison)) = &results[1] else {
        panic!("not refused for its content: {:?}", results[1])
    };
    assert!(!poison.code.is_empty());
    rows.remove(1);
    for (index, result) in results.iter().enumerate() {
        assert_eq!(*result == PutResult::Accepted, index != 1);
    }
    assert_received(fixture, &rows).await;
}

/// `PutEvents` to a bus that doesn't exist returns event ids and no error (observed,
/// aws/aws-cli#9186). `DescribeEventBus` returns an error.
async fn a_missing_bus_accepts_and_drops_events(fixture: &impl Fixture) {
    let rows = committed(fixture, 2).await;
    fixture.delete_bus().await;
    assert_eq!(fixture.bus().exists().await, Ok(false));
    let results = fixture.bus().put(&rows).await;
    assert_eq!(results, Ok(vec![PutResult::Accepted; 2]));
    assert_received(fixture, &[]).await;
}

/// A bus doesn't deduplicate.
async fn an_event_put_twice_arrives_twice(fixture: &impl Fixture) {
    let rows = committed(fixture, 1).await;
    let twice = [Arc::clone(&rows[0]), Arc::clone(&rows[0])];
    let results = fixture.bus().put(&twice).await;
    assert_eq!(results, Ok(vec![PutResult::Accepted; 2]));
    assert_received(fixture, &twice).await;
}

/// `Entries`: "Maximum number of 10 items", else a `ValidationException`.
async fn a_request_of_too_many_events_is_refused_whole(fixture: &impl Fixture) {
    let rows = committed(fixture, fixture.bus().limits().entries as u64 + 1).await;
    let refused = fixture.bus().put(&rows).await;
    assert!(matches!(refused, Err(CallError::Content(_))), "{refused:?}");
    assert_received(fixture, &[]).await;
}

/// The size of an event is the one of "Calculating event entry size" in the user guide.
async fn a_request_may_have_as_many_bytes_as_the_limit(fixture: &impl Fixture) {
    let bytes = fixture.bus().limits().bytes;
    let alone = [committed_of_bytes(fixture, 1, bytes).await];
    let halves = [
        committed_of_bytes(fixture, 2, bytes / 2).await,
        committed_of_bytes(fixture, 3, bytes - bytes / 2).await,
    ];
    for rows in [&alone[..], &halves] {
        let results = fixture.bus().put(rows).await;
        assert_eq!(results, Ok(vec![PutResult::Accepted; rows.len()]));
    }
    assert_received(fixture, &[&alone[..], &halves].concat()).await;
}

/// In that case entries have no results of their own.
async fn a_request_of_too_many_bytes_is_refused_whole(fixture: &impl Fixture) {
    let bytes = fixture.bus().limits().bytes;
    let alone = [committed_of_bytes(fixture, 1, bytes + 1).await];
    let halves = [
        committed_of_bytes(fixture, 2, bytes / 2).await,
        committed_of_bytes(fixture, 3, bytes - bytes / 2 + 1).await,
    ];
    for rows in [&alone[..], &halves] {
        let refused = fixture.bus().put(rows).await;
        assert!(matches!(refused, Err(CallError::Content(_))), "{refused:?}");
    }
    assert_received(fixture, &[]).await;
}
