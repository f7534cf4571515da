//! The stream and the sweeper on one backlog: how many events both publish.

use std::{collections::HashMap, time::Duration};

use jiff::{SignedDuration, Timestamp};
use outbox::{
    OutboxRow,
    handlers::{DEFAULT_GRACE, StreamEvent, Sweeper},
};
use outbox_testing::{Call, CallPlan, FaultPlan, InMemoryAws, Operation};
use serde_json::json;
use tokio::time::Instant;

use crate::memory::{Rows, record, row};

/// A bus that accepts events after up to 2 s, and responds up to 2 s later.
struct SlowBus(fastrand::Rng);

const SLOWEST: Duration = Duration::from_secs(4);

impl FaultPlan for SlowBus {
    fn plan(&mut self, call: &Call<'_>) -> CallPlan {
        if call.operation != Operation::PutEvents {
            return CallPlan::default();
        }
        let half = SLOWEST / 2;
        let request_takes = half.mul_f64(self.0.f64());
        CallPlan {
            request_takes,
            response_takes: half.mul_f64(self.0.f64()),
            fault: None,
        }
    }
}

/// Returns the rows of so many aggregates with five rows each, which were committed long ago,
/// in a random order that the stream has them in.
fn backlog(aws: &InMemoryAws, aggregates: usize) -> Vec<OutboxRow> {
    let mut order: Vec<usize> = (0..aggregates).collect();
    fastrand::Rng::with_seed(1).shuffle(&mut order);
    let ids = order
        .iter()
        .map(|aggregate| format!("order#{aggregate:06}"));
    let rows: Vec<OutboxRow> = ids
        .flat_map(|id| (1..=5).map(move |sequence| row(&id, sequence)))
        .collect();
    for row in &rows {
        aws.insert_row(row.clone());
    }
    aws.clock().advance(SignedDuration::from_hours(1));
    aws.set_latency(Operation::BatchGetItem, Duration::from_millis(5));
    aws.set_latency(Operation::BatchWriteItem, Duration::from_millis(10));
    aws.set_latency(Operation::Scan, Duration::from_millis(40));
    aws.set_fault_plan(SlowBus(fastrand::Rng::with_seed(3)));
    rows
}

/// Passes the rows of a shard to a relay, a hundred at a time.
async fn relay_shard(aws: &InMemoryAws, rows: &[OutboxRow]) {
    let handler = aws.stream_handler();
    for batch in rows.chunks(100) {
        let candidates = batch.iter().map(|row| outbox::Candidate {
            key: row.key.clone(),
            row: Ok(row.clone().into()),
            written_at: Some(row.committed_at),
        });
        let records: Vec<_> = (1..)
            .zip(candidates)
            .map(|(number, candidate)| record(&number.to_string(), &candidate))
            .collect();
        let event = serde_json::from_value::<StreamEvent>(json!({"Records": records}));
        let deadline = Instant::now() + Duration::from_mins(1);
        let report = handler.handle(event.unwrap(), deadline).await;
        assert_eq!(report.counts.failed, 0);
    }
}

/// Has relays of so many shards and the sweeper publish a backlog at once.
/// Returns how far apart the bus accepted each event that it accepted twice.
async fn publish_by_both(aggregates: usize, shards: usize) -> Vec<SignedDuration> {
    let aws = InMemoryAws::new();
    let rows = backlog(&aws, aggregates);
    // An aggregate's rows are in one shard.
    let shards = rows.chunks(rows.len() / shards);
    let stream = futures::future::join_all(shards.map(|rows| relay_shard(&aws, rows)));
    let sweeper = Sweeper::new(aws.relay(), DEFAULT_GRACE);
    let sweeps = async {
        while sweeper
            .sweep(Instant::now() + Duration::from_mins(4))
            .await
            .pending
            > 0
        {
            tokio::time::sleep(Duration::from_mins(1)).await;
        }
    };
    tokio::join!(stream, sweeps);
    assert!(aws.pending_rows().is_empty());
    aws.assert_promises_kept();

    let mut first: HashMap<String, Timestamp> = HashMap::new();
    let mut twice = Vec::new();
    for accepted in aws.with(|services| services.bus.accepted.clone()) {
        if let Some(before) = first.insert(accepted.row.key.to_string(), accepted.at) {
            twice.push(accepted.at.duration_since(before));
        }
    }
    assert_eq!(first.len(), rows.len());
    twice
}

/// Both look rows up right before they send them, and delete them right after. So an event is
/// published twice only if both have its row in flight at once. Then the bus accepts the second
/// within twice the time that it takes to respond.
#[tokio::test(start_paused = true)]
async fn stream_and_sweeper_publish_twice_only_what_both_have_in_flight() {
    for (aggregates, shards, most_per_thousand) in [(1_000, 4, 150), (4_000, 16, 100)] {
        let twice = publish_by_both(aggregates, shards).await;
        let rows = aggregates * 5;
        let per_thousand = twice.len() * 1_000 / rows;
        println!("{rows} rows, {shards} shards: {per_thousand} of a thousand twice");
        assert!(per_thousand < most_per_thousand);
        for apart in twice {
            assert!(apart.unsigned_abs() <= 2 * SLOWEST, "{apart:?} apart");
        }
    }
}
