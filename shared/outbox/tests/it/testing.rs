//! The seams for tests of services: another database, and chosen event ids.

use std::time::Duration;

use outbox::{
    Aggregate, AggregateWrite, KeySchema,
    inbox::{ConsumerWrites, Handled},
};
use outbox_testing::{InMemoryAws, Operation};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    append::renamed,
    inbox::event,
    memory::{Rows, in_memory, transient_call},
    relay::publish::in_a_minute,
};

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

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Thing {
    name: String,
}

impl Aggregate for Thing {
    fn aggregate_id(&self) -> String {
        "a".to_owned()
    }
}

#[tokio::test(start_paused = true)]
async fn aggregates_are_read_from_another_database() {
    let aws = InMemoryAws::new();
    let things = aws.aggregate_table("things", "pk");
    let thing = Thing {
        name: "new".to_owned(),
    };
    let outbox = aws.outbox("things").unwrap();
    let transaction = outbox.transaction(things.create(&thing));
    transaction.event(&renamed()).commit().await.unwrap();
    let found = things.find("a").await.unwrap();
    assert_eq!(found.map(|found| found.state), Some(thing));
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

/// So that a failing test fails again.
#[tokio::test(start_paused = true)]
async fn a_relay_pauses_as_long_in_every_run() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let aws = in_memory();
        let candidate = aws.insert("a", 1);
        aws.fail_with(Operation::PutEvents, [(); 4].map(|()| transient_call()));
        let begun = Instant::now();
        aws.relay().publish(vec![candidate], in_a_minute()).await;
        let puts = aws.calls(Operation::PutEvents).into_iter();
        let times: Vec<Duration> = puts.map(|call| call.began - begun).collect();
        assert_eq!(times.len(), 5);
        runs.push(times);
    }
    assert_eq!(runs[0], runs[1]);
}
