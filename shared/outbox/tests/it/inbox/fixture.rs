//! A consumer that counts events.

use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, Put},
};
use dynamodb_in_process::{Address, create_table, items};
use jiff::Timestamp;
use outbox::{
    Clock, CloudEvent, KeySchema,
    inbox::{ConsumerWrites, Inbox},
};
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) const NOW: &str = "2026-11-24T09:00:00Z";

pub(super) fn now() -> Timestamp {
    NOW.parse().unwrap()
}

pub(super) struct At(pub(super) Timestamp);

impl Clock for At {
    fn now(&self) -> Timestamp {
        self.0
    }
}

pub(super) struct Fixture {
    pub(super) client: Client,
    pub(super) inbox: Inbox,
}

impl Fixture {
    pub(super) async fn start() -> Self {
        Self::at(dynamodb_in_process::listen().await).await
    }

    pub(super) async fn at(address: Address) -> Self {
        let client = dynamodb_in_process::client(address);
        create_table(&client, "table", "pk", None).await;
        let inbox = inbox(&client, "consumer");
        Self { client, inbox }
    }

    pub(super) async fn items(&self) -> Vec<Value> {
        items(&self.client, "table").await
    }

    /// Keys, sorted.
    pub(super) async fn keys(&self) -> Vec<String> {
        let items = self.items().await;
        let keys = items.iter().map(|item| item["pk"].as_str().unwrap());
        let mut keys: Vec<String> = keys.map(str::to_owned).collect();
        keys.sort();
        keys
    }
}

pub(super) fn inbox(client: &Client, consumer: &str) -> Inbox {
    Inbox::new(client.clone(), "table", key(), consumer)
        .unwrap()
        .with_clock(At(now()))
}

pub(super) fn key() -> KeySchema {
    KeySchema::partition_key("pk")
}

pub(crate) fn event(source: &str, id: &str) -> CloudEvent {
    event_of(source, id, now())
}

pub(super) fn event_of(source: &str, id: &str, time: Timestamp) -> CloudEvent {
    CloudEvent::deserialize(json!({
        "specversion": "1.0",
        "id": id,
        "source": source,
        "type": "Happened",
        "subject": "thing#1",
        "time": time,
        "sequence": "00000000000000000001",
        "traceparent": "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01",
        "data": {},
    }))
    .unwrap()
}

/// Returns an event of an aggregate, committed now.
pub(super) fn nth(subject: &str, sequence: u64) -> CloudEvent {
    let mut event = event("orders", &format!("{subject}/{sequence}"));
    event.subject = Some(subject.to_owned());
    event.sequence = Some(sequence);
    event
}

pub(super) fn put(pk: &str) -> ConsumerWrites {
    ConsumerWrites::new().put(new_item(pk).build().unwrap(), key())
}

pub(super) fn put_new(pk: &str) -> ConsumerWrites {
    ConsumerWrites::new().put(new_put(pk), key())
}

/// A put on condition that there is no such item.
pub(super) fn new_put(pk: &str) -> Put {
    let put = new_item(pk).condition_expression("attribute_not_exists(pk)");
    put.build().unwrap()
}

fn new_item(pk: &str) -> aws_sdk_dynamodb::types::builders::PutBuilder {
    Put::builder()
        .table_name("table")
        .item("pk", AttributeValue::S(pk.into()))
}
