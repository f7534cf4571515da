//! Saves a thing with an event, in one transaction; then renames it.
//!
//! `ITEMS_TABLE` has the partition key `pk`; `OUTBOX_TABLE` has the partition key
//! `aggregateId` and the sort key `position`, all text.

use aws_config::BehaviorVersion;
use outbox::{AggregateWrite, DomainEvent, KeySchema, Outbox};
use serde::Serialize;

#[derive(Serialize)]
struct Thing {
    pk: String,
    name: String,
}

/// What can happen to a thing.
#[derive(Serialize)]
#[serde(untagged)]
enum ThingEvent {
    Made { name: String },
    Renamed { from: String, to: String },
}

impl DomainEvent for ThingEvent {
    fn event_type(&self) -> &str {
        match self {
            Self::Made { .. } => "ThingMade",
            Self::Renamed { .. } => "ThingRenamed",
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let client = aws_sdk_dynamodb::Client::new(&config);
    let items = std::env::var("ITEMS_TABLE")?;
    let outbox = Outbox::new(client, std::env::var("OUTBOX_TABLE")?, "things")?;
    let key = KeySchema::partition_key("pk");

    let mut thing = Thing {
        pk: "thing#1".into(),
        name: "pot".into(),
    };
    let made = ThingEvent::Made {
        name: thing.name.clone(),
    };
    let committed = outbox
        .transaction(AggregateWrite::create(
            &thing.pk,
            &items,
            key.clone(),
            &thing,
        ))
        .event(&made)
        .commit()
        .await?;
    println!("made, event {}", committed.events[0]);

    let renamed = ThingEvent::Renamed {
        from: std::mem::replace(&mut thing.name, "teapot".into()),
        to: "teapot".into(),
    };
    // Fails with `ConditionFailed` if another writer has changed the thing since.
    let base = committed.revision;
    let committed = outbox
        .transaction(AggregateWrite::replace(
            &thing.pk, &items, key, &thing, base,
        ))
        .event(&renamed)
        .commit()
        .await?;
    println!("renamed, event {}", committed.events[0]);
    Ok(())
}
