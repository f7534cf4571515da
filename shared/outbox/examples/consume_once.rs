//! Handles an event once: the second time, nothing is written.
//!
//! `COUNTERS_TABLE` has the partition key `pk`, text, and the TTL attribute
//! `expiresAt`. The event is read from standard input, as CloudEvents JSON.

use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::types::{AttributeValue, Update};
use outbox::{
    CloudEvent, KeySchema,
    inbox::{ConsumerWrites, Handled, Inbox},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let client = aws_sdk_dynamodb::Client::new(&config);
    let table = std::env::var("COUNTERS_TABLE")?;
    let inbox = Inbox::new(client, &table, KeySchema::partition_key("pk"), "counter")?;

    let event: CloudEvent = serde_json::from_reader(std::io::stdin())?;
    // A count would be wrong if a redelivered event were counted again.
    let count = Update::builder()
        .table_name(&table)
        .key("pk", AttributeValue::S(event.event_type.clone()))
        .update_expression("ADD happened :once")
        .expression_attribute_values(":once", AttributeValue::N("1".into()))
        .build()?;

    for _ in 0..2 {
        let writes = ConsumerWrites::new().update(count.clone());
        match inbox.once(&event, writes).await? {
            Handled::Now => println!("counted"),
            Handled::Before => println!("counted before"),
        }
    }
    Ok(())
}
