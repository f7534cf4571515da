//! Publishes an event in its old and its new version, while consumers change over.
//!
//! `ITEMS_TABLE` has the partition key `pk`; `OUTBOX_TABLE` has the partition key
//! `aggregateId` and the sort key `position`, all text.

use aws_config::BehaviorVersion;
use outbox::{AggregateWrite, DomainEvent, KeySchema, Outbox};
use serde::Serialize;

/// What happened, in the versions that consumers read.
#[derive(Serialize)]
#[serde(untagged)]
enum OrderCreated {
    /// The total in euros, which can't say more than that.
    V1 { total: f64 },
    /// The total in cents, and its currency.
    V2 { cents: u64, currency: &'static str },
}

impl DomainEvent for OrderCreated {
    fn event_type(&self) -> &str {
        match self {
            Self::V1 { .. } => "OrderCreated",
            Self::V2 { .. } => "OrderCreated.v2",
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let client = aws_sdk_dynamodb::Client::new(&config);
    let items = std::env::var("ITEMS_TABLE")?;
    let outbox = Outbox::new(client, std::env::var("OUTBOX_TABLE")?, "orders")?;

    let order = serde_json::json!({"pk": "order#1", "cents": 3900});
    let key = KeySchema::partition_key("pk");
    let write = AggregateWrite::create("order#1", &items, key, &order);
    // Both or neither, in this order. A consumer reads one of the two types.
    let both = [
        OrderCreated::V1 { total: 39.0 },
        OrderCreated::V2 {
            cents: 3900,
            currency: "EUR",
        },
    ];
    let committed = outbox.transaction(write).events(&both).commit().await?;
    for event in committed.events {
        println!("committed {event}");
    }
    Ok(())
}
