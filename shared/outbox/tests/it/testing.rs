//! The seams for tests of services: another database, and chosen event ids.

use outbox::{
    AggregateWrite, KeySchema,
    inbox::{ConsumerWrites, Handled},
};
use outbox_testing::InMemoryAws;
use serde_json::json;
use uuid::Uuid;

use crate::{append::renamed, inbox::event};

fn key() -> KeySchema {
    KeySchema::partition_key("pk")
}

#[tokio::test(start_paused = true)]
async fn an_outbox_writes_events_with_chosen_ids_into_another_database() {
    let aws = InMemoryAws::new();
    aws.create_table("things", key());
    let outbox = aws.outbox("things").unwrap();
    let outbox = outbox.with_event_ids(|_| Uuid::from_u128(7));
    let thing = AggregateWrite::create("a", "things", key(), &json!({"pk": "a"}));
    let transaction = outbox.transaction(thing).event(&renamed());
    let committed = transaction.commit().await.unwrap();
    let id = Uuid::from_u128(7).to_string();
    assert_eq!(committed.events[0].event_id(), Some(id.as_str()));
    assert_eq!(aws.pending(), committed.events);
}

#[tokio::test(start_paused = true)]
async fn an_inbox_keeps_its_records_in_another_database() {
    let aws = InMemoryAws::new();
    let inbox = aws.inbox("handled", key(), "consumer").unwrap();
    let mut event = event("orders", "1");
    event.time = outbox::Clock::now(&aws.clock());
    for expected in [Handled::Now, Handled::Before] {
        let handled = inbox.once(&event, ConsumerWrites::new()).await;
        assert_eq!(handled.unwrap(), expected);
    }
}
