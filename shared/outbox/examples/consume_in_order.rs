//! Handles a batch of events in sequence, each once. What arrives too early is left for its
//! next delivery.
//!
//! `COUNTERS_TABLE` has the partition key `pk`, text, and the TTL attribute `expiresAt`. The
//! events are read from standard input, as CloudEvents JSON.

use aws_config::BehaviorVersion;
use outbox::{
    CloudEvent, KeySchema,
    inbox::{ConsumerWrites, Handled, Inbox, OnceError},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let client = aws_sdk_dynamodb::Client::new(&config);
    let table = std::env::var("COUNTERS_TABLE")?;
    let inbox = Inbox::new(client, &table, KeySchema::partition_key("pk"), "counter")?.in_order();

    let events = serde_json::Deserializer::from_reader(std::io::stdin()).into_iter();
    let mut events: Vec<CloudEvent> = events.collect::<Result<_, _>>()?;
    // The events of an aggregate one after the other: at once, only the first would be handled,
    // and the others wait for their next delivery.
    events.sort_by(|a, b| (&a.subject, a.sequence).cmp(&(&b.subject, b.sequence)));
    for event in events {
        // With the writes of the consumer.
        match inbox.once(&event, ConsumerWrites::new()).await {
            Ok(Handled::Now) => println!("event {} handled", event.id),
            Ok(Handled::Before) => println!("event {} handled before", event.id),
            // The message stays in its queue. If an operator has to decide, it ends up in the
            // dead-letter queue.
            Err(error @ OnceError::Gap { .. }) => println!("{error}"),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
