//! Today's relay between the real adapters, with rows of any format.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use jiff::{SignedDuration, Timestamp};
use outbox::{
    aws::{DynamoDbTable, EventBridgeBus, SqsQueue},
    handlers::{StreamEvent, StreamHandler, SweepReport, Sweeper},
    relay::Relay,
};
use serde_json::{Value, json};
use tokio::time::Instant;
use wiremock::MockServer;

use crate::aws::stubs::{accept_all, bus, event_bridge, queue};

/// A relay of a table, with a bus that accepts everything. Its dead-letter queue is a stub
/// that rejects all letters, so that a row that would be parked counts as failed.
pub(super) struct Publishing {
    client: Client,
    stub: MockServer,
}

impl Publishing {
    pub(super) async fn of(client: &Client) -> Self {
        Self {
            client: client.clone(),
            stub: event_bridge(accept_all).await,
        }
    }

    pub(super) fn relay(&self) -> Relay<EventBridgeBus, DynamoDbTable, SqsQueue> {
        let table = DynamoDbTable::new(self.client.clone(), "outbox");
        Relay::new(bus(&self.stub), table, queue(&self.stub))
    }

    /// Handles rows as records of the stream that were written so long ago. Returns the
    /// sequence number from which on they have to be retried.
    pub(super) async fn stream(&self, rows: &[&Value], age: SignedDuration) -> Option<usize> {
        let written_at = Timestamp::now() - age;
        let record = |(index, row): (usize, &&Value)| {
            json!({
                "eventName": "INSERT",
                "dynamodb": {
                    "ApproximateCreationDateTime": written_at.as_second(),
                    "Keys": {"aggregateId": row["aggregateId"], "position": row["position"]},
                    "NewImage": row,
                    "SequenceNumber": (100 + index).to_string(),
                },
            })
        };
        let records: Vec<Value> = rows.iter().enumerate().map(record).collect();
        let event: StreamEvent = serde_json::from_value(json!({"Records": records})).unwrap();
        let relayed = StreamHandler::new(self.relay())
            .handle(event, deadline())
            .await;
        let failures = relayed.response.batch_item_failures;
        let number = failures.first()?.item_identifier.clone().unwrap();
        Some(number.parse::<usize>().unwrap() - 100)
    }

    pub(super) async fn sweep(&self) -> SweepReport {
        let sweeper = Sweeper::new(self.relay(), SignedDuration::ZERO);
        sweeper.sweep(deadline()).await
    }

    /// Returns the entries that were sent to the bus. Nothing was sent to any other service.
    pub(super) async fn published(&self) -> Vec<Value> {
        let mut entries = Vec::new();
        for request in self.stub.received_requests().await.unwrap() {
            let target = request.headers["x-amz-target"].to_str().unwrap();
            assert!(target.starts_with("AWSEvents."), "{target}");
            let mut body: Value = request.body_json().unwrap();
            if let Some(more) = body["Entries"].as_array_mut() {
                entries.append(more);
            }
        }
        entries
    }
}

fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

/// The entry that a row is published as.
pub(super) fn entry(row: &Value) -> Value {
    let committed_at: Timestamp =
        Timestamp::from_millisecond(row["committedAt"]["N"].as_str().unwrap().parse().unwrap())
            .unwrap();
    let mut entry = json!({
        "Time": committed_at.as_duration().as_secs_f64(),
        "Source": row["source"]["S"],
        "DetailType": row["detailType"]["S"],
        "Detail": row["detail"]["S"],
        "EventBusName": "orders",
    });
    if let Some(header) = row.get("traceHeader") {
        entry["TraceHeader"] = header["S"].clone();
    }
    entry
}
