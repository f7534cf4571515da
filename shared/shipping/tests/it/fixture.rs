//! A shipments table, and events of orders as the orders service publishes them.

use std::time::Duration;

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use aws_sdk_dynamodb::Client;
use dynamodb_in_process::{create_table, items};
use jiff::Timestamp;
use orders::{Order, OrderId, PlaceOrder, PlaceOrderItem};
use outbox::{AggregateWrite, KeySchema, Outbox, OutboxRow, inbox::Handled};
use serde_json::{Value, json};
use shipping::{ShipmentStore, Shipping, ShippingError};
use tokio::time::Instant;
use uuid::Uuid;

use crate::dead_letter_queue::{DeadLetterQueue, unused_dead_letters};

/// The account whose events shipping handles.
pub(crate) const ACCOUNT: &str = "000000000000";

pub(crate) struct Fixture {
    pub(crate) client: Client,
    pub(crate) shipping: Shipping,
    pub(crate) dead_letters: DeadLetterQueue,
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        let client = dynamodb_in_process::start().await;
        create_table(&client, "shipments", "pk", None).await;
        create_table(&client, "orders", "pk", None).await;
        create_table(&client, "outbox", "aggregateId", Some("position")).await;
        let dead_letters = DeadLetterQueue::start(200).await;
        let shipping = Shipping::new(store(&client), ACCOUNT, dead_letters.client());
        Self {
            client,
            shipping,
            dead_letters,
        }
    }

    /// Places and cancels an order, and returns its events as they are in the outbox.
    pub(crate) async fn placed_and_cancelled(&self, quantity: i64) -> [Value; 2] {
        let outbox = Outbox::new(self.client.clone(), "outbox", "orders").unwrap();
        let id = OrderId::new(Uuid::now_v7());
        let aggregate_id = format!("order#{id}");
        let key = KeySchema::partition_key("pk");
        let item = json!({"pk": aggregate_id});

        let placed = Order::place(place(quantity), id, Timestamp::now()).unwrap();
        let write = AggregateWrite::create(&aggregate_id, "orders", key.clone(), &item);
        let placing = outbox.transaction(write).events(&placed.events);
        let base = placing.commit().await.unwrap().revision;
        let cancelled = placed.order.cancel(Timestamp::now());
        let write = AggregateWrite::replace(&aggregate_id, "orders", key, &item, base);
        let cancelling = outbox.transaction(write).events(&cancelled.events);
        cancelling.commit().await.unwrap();

        let rows = self.client.query().table_name("outbox");
        let rows = rows
            .key_condition_expression("aggregateId = :id")
            .expression_attribute_values(
                ":id",
                aws_sdk_dynamodb::types::AttributeValue::S(aggregate_id),
            )
            .send()
            .await
            .unwrap();
        let rows: Vec<OutboxRow> = serde_dynamo::from_items(rows.items.unwrap()).unwrap();
        let details = rows.iter().map(|row| serde_json::from_str(&row.detail));
        let details: Result<Vec<Value>, _> = details.collect();
        details.unwrap().try_into().unwrap()
    }

    /// Returns the items with a key prefix, by key, without their versions.
    pub(crate) async fn items(&self, prefix: &str) -> Vec<Value> {
        let items: Vec<Value> = items(&self.client, "shipments").await;
        let of_kind = |item: &Value| item["pk"].as_str().unwrap().starts_with(prefix);
        let mut items: Vec<Value> = items.into_iter().filter(of_kind).collect();
        for item in &mut items {
            item.as_object_mut().unwrap().remove("version");
        }
        items.sort_by_key(|item| item["pk"].to_string());
        items
    }
}

pub(crate) fn shipping(client: &Client) -> Shipping {
    Shipping::new(store(client), ACCOUNT, unused_dead_letters())
}

pub(crate) fn store(client: &Client) -> ShipmentStore {
    ShipmentStore::new(client.clone(), "shipments").unwrap()
}

fn place(quantity: i64) -> PlaceOrder {
    PlaceOrder {
        customer_id: "customer-7".into(),
        currency: "EUR".into(),
        items: vec![PlaceOrderItem {
            product_id: "teapot".into(),
            quantity,
            unit_price: 1950,
        }],
    }
}

/// Handles one event.
pub(crate) async fn handle(shipping: &Shipping, detail: &Value) -> Result<Handled, ShippingError> {
    shipping.handle_event(&shipping.read(&body(detail))?).await
}

/// Returns a message as an EventBridge rule sends it.
pub(crate) fn message(id: &str, detail: &Value) -> SqsMessage {
    text_message(id, &body(detail))
}

/// Returns the body of that message.
pub(crate) fn body(detail: &Value) -> String {
    let body = json!({
        "version": "0",
        // EventBridge's own id, which differs between deliveries.
        "id": Uuid::now_v7(),
        "detail-type": detail["type"],
        "source": detail["source"],
        "account": ACCOUNT,
        "time": detail["time"],
        "region": "eu-central-1",
        "resources": [],
        "detail": detail,
    });
    body.to_string()
}

pub(crate) fn text_message(id: &str, body: &str) -> SqsMessage {
    let mut message = SqsMessage::default();
    message.message_id = Some(id.to_owned());
    message.body = Some(body.to_owned());
    message
}

pub(crate) fn batch(messages: Vec<SqsMessage>) -> SqsEvent {
    let mut batch = SqsEvent::default();
    batch.records = messages;
    batch
}

/// Returns a deadline that no test reaches.
pub(crate) fn in_time() -> Instant {
    Instant::now() + Duration::from_mins(1)
}
