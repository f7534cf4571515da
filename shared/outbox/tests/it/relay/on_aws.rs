//! From a commit to the bus through the real SDK: DynamoDB in process, EventBridge and SQS
//! as stubs.

use std::{sync::Arc, time::Duration};

use dynamodb_in_process::{create_table, items};
use jiff::SignedDuration;
use outbox::{
    AggregateWrite, DomainEvent, KeySchema, Outbox, OutboxRow, RowKey,
    aws::DynamoDbTable,
    handlers::{StreamEvent, StreamHandler, Sweeper},
    relay::Relay,
};
use serde_json::{Value, json};
use tokio::time::Instant;
use wiremock::{MockServer, ResponseTemplate};

use crate::{
    aws::stubs::{accept_all, bus, event_bridge, published_ids, queue},
    memory::record,
};

struct Renamed;

impl serde::Serialize for Renamed {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        json!({"name": "new"}).serialize(serializer)
    }
}

impl DomainEvent for Renamed {
    fn event_type(&self) -> &str {
        "Renamed"
    }
}

/// A table with rows that the append side wrote.
pub(super) async fn table_with_rows(count: usize) -> (aws_sdk_dynamodb::Client, Vec<RowKey>) {
    let client = dynamodb_in_process::start().await;
    create_table(&client, "things", "pk", None).await;
    create_table(&client, "outbox", "aggregateId", Some("position")).await;
    let outbox = Outbox::new(client.clone(), "outbox", "things").unwrap();
    let write = AggregateWrite::create(
        "thing#1",
        "things",
        KeySchema::partition_key("pk"),
        &json!({"pk": "1"}),
    );
    let events = std::iter::repeat_n(&Renamed, count);
    let committed = outbox
        .transaction(write)
        .events(events)
        .commit()
        .await
        .unwrap();
    (client, committed.events)
}

/// An invocation with every row of the table.
pub(crate) async fn everything(client: &aws_sdk_dynamodb::Client) -> Value {
    let rows: Vec<OutboxRow> = items(client, "outbox").await;
    let records: Vec<Value> = rows
        .into_iter()
        .enumerate()
        .map(|(index, row)| {
            let candidate = outbox::Candidate {
                key: row.key.clone(),
                row: Ok(Arc::new(row)),
                written_at: None,
            };
            record(&format!("{}", 100 + index), &candidate)
        })
        .collect();
    json!({"Records": records})
}

/// Passes every row of the table to a relay between the real adapters.
async fn relay_everything(
    client: &aws_sdk_dynamodb::Client,
    stub: &MockServer,
    time: Duration,
) -> Value {
    let table = DynamoDbTable::new(client.clone(), "outbox");
    let handler = StreamHandler::new(Relay::new(bus(stub), table, queue(stub)));
    let event: StreamEvent = serde_json::from_value(everything(client).await).unwrap();
    let relayed = handler.handle(event, Instant::now() + time).await;
    serde_json::to_value(relayed.response).unwrap()
}

fn ids(keys: &[RowKey]) -> Vec<&str> {
    keys.iter()
        .map(|key| key.position.split_once('#').unwrap().1)
        .collect()
}

#[tokio::test]
async fn appended_events_reach_the_bus_and_leave_the_table() {
    let (client, keys) = table_with_rows(30).await;
    let stub = event_bridge(accept_all).await;
    let response = relay_everything(&client, &stub, Duration::from_secs(30)).await;
    assert_eq!(response, json!({"batchItemFailures": []}));
    assert_eq!(items::<OutboxRow>(&client, "outbox").await.len(), 0);

    let published = published_ids(&stub).await;
    assert_eq!(published, ids(&keys), "every event once, in sequence");
}

#[tokio::test]
async fn a_sweep_publishes_the_rows_of_the_table() {
    let (client, keys) = table_with_rows(30).await;
    let stub = event_bridge(accept_all).await;
    let table = DynamoDbTable::new(client.clone(), "outbox");
    let relay = Relay::new(bus(&stub), table, queue(&stub));
    let sweeper = Sweeper::new(relay, SignedDuration::ZERO);
    let swept = sweeper
        .sweep(Instant::now() + Duration::from_secs(30))
        .await;
    assert_eq!((swept.pending, swept.published), (30, 30));
    assert!(items::<OutboxRow>(&client, "outbox").await.is_empty());
    assert_eq!(published_ids(&stub).await, ids(&keys), "in sequence");
}

#[tokio::test]
async fn a_bus_that_hangs_is_reported_in_time_and_nothing_is_deleted() {
    let (client, _) = table_with_rows(2).await;
    let hang = ResponseTemplate::new(200).set_delay(Duration::from_mins(1));
    let stub = event_bridge(hang).await;
    let begun = Instant::now();
    let response = relay_everything(&client, &stub, Duration::from_secs(2)).await;
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert_eq!(
        response,
        json!({"batchItemFailures": [{"itemIdentifier": "100"}]})
    );
    assert_eq!(items::<OutboxRow>(&client, "outbox").await.len(), 2);
}
