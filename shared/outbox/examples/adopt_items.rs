//! Adopts an order that an existing service keeps in a single table, and publishes its next change.
//!
//! `SINGLE_TABLE` has the partition key `pk` and the sort key `sk`; `OUTBOX_TABLE` has the
//! partition key `aggregateId` and the sort key `position`, all text. The order has the key
//! `customer#7` and `order#1`.

use std::collections::HashMap;

use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::{Client, types::AttributeValue};
use outbox::{AggregateWrite, DomainEvent, KeySchema, Outbox, Versioned};
use serde::{Deserialize, Serialize};

/// An order as the service has always written it.
#[derive(Serialize, Deserialize)]
struct Order {
    pk: String,
    sk: String,
    status: String,
}

#[derive(Serialize)]
struct OrderShipped {
    order: String,
}

impl DomainEvent for OrderShipped {
    fn event_type(&self) -> &str {
        "OrderShipped"
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let client = Client::new(&config);
    let table = std::env::var("SINGLE_TABLE")?;
    let outbox = Outbox::new(client.clone(), std::env::var("OUTBOX_TABLE")?, "orders")?;
    let key = KeySchema::partition_key("pk").sort_key("sk");
    let item_key = HashMap::from([
        ("pk".to_owned(), AttributeValue::S("customer#7".into())),
        ("sk".to_owned(), AttributeValue::S("order#1".into())),
    ]);

    add_revision(&client, &table, &item_key).await?;
    let get = client.get_item().table_name(&table);
    let read = get.set_key(Some(item_key)).consistent_read(true);
    let item = read.send().await?.item.ok_or("no such order")?;
    let found = Versioned::<Order>::from_item(item)?;

    let order = Order {
        status: "shipped".into(),
        ..found.state
    };
    let shipped = OrderShipped {
        order: order.sk.clone(),
    };
    let write = AggregateWrite::replace(&order.sk, &table, key, &order, found.revision).adopt();
    let committed = outbox.transaction(write).event(&shipped).commit().await?;
    println!("committed {}", committed.events[0]);
    Ok(())
}

/// Gives an item its revision, once. A script runs this for all orders before the new code does.
async fn add_revision(
    client: &Client,
    table: &str,
    key: &HashMap<String, AttributeValue>,
) -> Result<(), Box<dyn std::error::Error>> {
    let added = client
        .update_item()
        .table_name(table)
        .set_key(Some(key.clone()))
        .update_expression("SET version = if_not_exists(version, :zero), lastSequence = :zero")
        .condition_expression("attribute_exists(pk) AND attribute_not_exists(lastSequence)")
        .expression_attribute_values(":zero", AttributeValue::N("0".into()))
        .send()
        .await;
    match added.map_err(aws_sdk_dynamodb::Error::from) {
        Ok(_) => println!("revision added"),
        Err(aws_sdk_dynamodb::Error::ConditionalCheckFailedException(_)) => {
            println!("it has a revision, or doesn't exist");
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
