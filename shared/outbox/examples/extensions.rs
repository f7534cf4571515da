//! Opens a ticket for a tenant. The tenant is an attribute of the event, so that a rule can match
//! it without knowing the data.
//!
//! `ITEMS_TABLE` has the partition key `pk`; `OUTBOX_TABLE` has the partition key
//! `aggregateId` and the sort key `position`, all text. The events that a consumer receives are read
//! from standard input, as CloudEvents JSON.

use aws_config::BehaviorVersion;
use outbox::{AggregateWrite, CloudEvent, DomainEvent, ExtensionValue, KeySchema, Outbox};
use serde::Serialize;

#[derive(Serialize)]
struct TicketOpened {
    subject: String,
    urgent: bool,
}

impl DomainEvent for TicketOpened {
    fn event_type(&self) -> &str {
        "TicketOpened"
    }

    // Of this event alone.
    fn extensions(&self) -> Vec<(&str, ExtensionValue)> {
        vec![("urgent", self.urgent.into())]
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let client = aws_sdk_dynamodb::Client::new(&config);
    let items = std::env::var("ITEMS_TABLE")?;
    let outbox = Outbox::new(client, std::env::var("OUTBOX_TABLE")?, "help-desk")?;

    let ticket = serde_json::json!({"pk": "ticket#1", "open": true});
    let key = KeySchema::partition_key("pk");
    let write = AggregateWrite::create("ticket#1", &items, key, &ticket);
    let opened = TicketOpened {
        subject: "no light".into(),
        urgent: true,
    };
    // Of all events of the transaction.
    let transaction = outbox.transaction(write).event(&opened);
    let committed = transaction.extension("tenantid", "t-17").commit().await?;
    println!("committed {}", committed.events[0]);

    // At the other end, with the `detail` of the EventBridge event.
    for line in std::io::stdin().lines() {
        let event: CloudEvent = serde_json::from_str(&line?)?;
        let tenant = event.extension("tenantid").and_then(ExtensionValue::as_str);
        println!("received {} of {tenant:?}", event.event_type);
    }
    Ok(())
}
