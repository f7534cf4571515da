//! What the relay reads of a table to keep order, through the real SDK: DynamoDB in process.

use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::{
    Client,
    config::{
        ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeTransmitInterceptorContextRef,
    },
    error::BoxError,
};
use jiff::Timestamp;
use outbox::{
    Candidate, OutboxRow,
    aws::DynamoDbTable,
    relay::{Order, Relay},
};
use serde_json::{Value, json};

use super::{on_aws::table_with_rows, publish::in_a_minute};
use crate::aws::stubs::{accept_all, bus, event_bridge, published_ids, queue};

/// Keeps every request of a client: the operation and the body.
#[derive(Debug, Clone, Default)]
struct Requests(Arc<Mutex<Vec<(String, Value)>>>);

impl Intercept for Requests {
    fn name(&self) -> &'static str {
        "requests"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request();
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let body = serde_json::from_slice(request.body().bytes().unwrap_or_default())?;
        self.0.lock().unwrap().push((operation, body));
        Ok(())
    }
}

impl Requests {
    /// Returns the client with its requests kept.
    fn of(client: &Client) -> (Self, Client) {
        let requests = Self::default();
        let config = client.config().to_builder().interceptor(requests.clone());
        (requests, Client::from_conf(config.build()))
    }

    /// Takes the bodies of an operation's requests.
    fn take(&self, operation: &str) -> Vec<Value> {
        let requests = std::mem::take(&mut *self.0.lock().unwrap());
        let of_it = requests.into_iter().filter(|(name, _)| name == operation);
        of_it.map(|(_, body)| body).collect()
    }
}

/// Returns the rows of a table in sequence, as the stream shows them right after their commit.
async fn candidates(client: &Client) -> Vec<Candidate> {
    let rows: Vec<OutboxRow> = dynamodb_in_process::items(client, "outbox").await;
    let candidate = |row: OutboxRow| Candidate {
        key: row.key.clone(),
        row: Ok(Arc::new(row)),
        written_at: Some(Timestamp::now()),
    };
    let mut candidates: Vec<Candidate> = rows.into_iter().map(candidate).collect();
    candidates.sort_by(|a, b| a.key.cmp(&b.key));
    candidates
}

#[tokio::test]
async fn earlier_events_are_read_consistently_and_only_if_they_are_not_known() {
    let (client, keys) = table_with_rows(9).await;
    let stub = event_bridge(accept_all).await;
    let rows = candidates(&client).await;
    let (requests, client) = Requests::of(&client);
    let table = || DynamoDbTable::new(client.clone(), "outbox");
    let relay = Relay::new(bus(&stub), table(), queue(&stub));

    // The first event needs no read, and neither does one behind an event of the same process.
    for row in &rows[..3] {
        relay.publish(vec![row.clone()], in_a_minute()).await;
    }
    assert_eq!(requests.take("Query"), [] as [Value; 0]);

    // The next two are missing in the batch.
    relay.publish(rows[5..7].to_vec(), in_a_minute()).await;
    let [read] = &requests.take("Query")[..] else {
        panic!("one read");
    };
    assert_eq!(read["ConsistentRead"], json!(true));
    let values = &read["ExpressionAttributeValues"];
    assert_eq!(values[":aggregateId"]["S"], json!("thing#1"));
    let through = values[":through"]["S"].as_str().unwrap();
    assert!(through > rows[4].key.position.as_str() && through < rows[5].key.position.as_str());

    // Another process reads once, however many events follow in the batch.
    let other = Relay::new(bus(&stub), table(), queue(&stub));
    other.publish(rows[7..].to_vec(), in_a_minute()).await;
    assert_eq!(requests.take("Query").len(), 1);
    let ids: Vec<&str> = keys.iter().filter_map(|key| key.event_id()).collect();
    assert_eq!(published_ids(&stub).await, ids, "in sequence");
}

#[tokio::test]
async fn without_order_nothing_is_read_before_an_event() {
    let (client, _) = table_with_rows(3).await;
    let stub = event_bridge(accept_all).await;
    let rows = candidates(&client).await;
    let (requests, client) = Requests::of(&client);
    let table = DynamoDbTable::new(client, "outbox");
    let relay = Relay::new(bus(&stub), table, queue(&stub)).with_order(Order::BestEffort);
    relay.publish(rows[2..].to_vec(), in_a_minute()).await;
    assert_eq!(requests.take("Query"), [] as [Value; 0]);
    assert_eq!(published_ids(&stub).await.len(), 1);
}
