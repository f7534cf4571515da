//! The local AWS behaves as the relay assumes, except for the differences listed here. Tests
//! on it prove nothing about those.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use aws_sdk_eventbridge::types::Target;
use aws_sdk_sqs::types::QueueAttributeName;
use devstack::{Clients, Emulator, LocalEndpoint, Paths};
use outbox::{OutboxRow, aws::EventBridgeBus};
use outbox_conformance::{
    Difference,
    aws::{DynamoDbFixture, DynamoDbStreamFixture, SqsFixture},
    bus, dead_letters, queue, stream, table,
};
use serde_json::{Value, json};
use tokio::time::sleep;

const OF_THE_BUS: [Difference; 2] = [
    (
        "an_event_refused_for_its_content_harms_no_other",
        "every detail is accepted, be it JSON or not",
    ),
    (
        "a_request_of_too_many_bytes_is_refused_whole",
        "entries are of any size",
    ),
];

const OF_THE_QUEUE: [Difference; 2] = [
    (
        "what_was_deleted_may_be_deleted_again",
        "the entry fails with ReceiptHandleIsInvalid",
    ),
    (
        "an_old_receipt_deletes_without_an_error",
        "the entry fails with ReceiptHandleIsInvalid",
    ),
];

/// The emulator trims records, and its iterators expire, but a test can't wait that long.
const OF_THE_STREAM: [Difference; 3] = [
    ("what_was_trimmed_is_gone", "takes a day"),
    ("what_is_trimmed_under_an_iterator_is_gone", "takes a day"),
    (
        "an_iterator_lives_for_fifteen_minutes",
        "takes half an hour",
    ),
];

/// Returns a name that is not used yet.
fn new_name() -> String {
    static LAST: AtomicU32 = AtomicU32::new(0);
    format!("conformance-{}", LAST.fetch_add(1, Ordering::Relaxed))
}

#[tokio::test]
#[ignore = "needs the local AWS: make test-end-to-end"]
async fn the_local_aws_conforms() {
    let paths = Paths::of_this_project().unwrap();
    // No function runs, so this address is never called.
    let nowhere = LocalEndpoint::new(([127, 0, 0, 1], 9).into()).unwrap();
    let emulator = Emulator::start(&paths, ([127, 0, 0, 1], 0).into(), nowhere)
        .await
        .unwrap();
    let clients = Clients::new(emulator.endpoint());

    let table = async || DynamoDbFixture::create(clients.dynamodb.clone(), &new_name()).await;
    table::conforms(table, &[]).await;
    let stream = async || DynamoDbStreamFixture::new(table().await, clients.streams.clone());
    stream::conforms(stream, &OF_THE_STREAM).await;
    bus::conforms(async || Subscribed::create(&clients).await, &OF_THE_BUS).await;
    // Real time passes here.
    let queue = async || SqsFixture::new(clients.sqs.clone(), &queue(&clients).await, sleep);
    dead_letters::conforms(queue, &[]).await;
    queue::conforms(queue, &OF_THE_QUEUE).await;
    emulator.stop().await.unwrap();
}

/// Creates a queue, and returns its URL.
async fn queue(clients: &Clients) -> String {
    let created = clients.sqs.create_queue().queue_name(new_name()).send();
    created.await.unwrap().queue_url.unwrap()
}

/// A bus, and a queue that receives all its events.
struct Subscribed {
    clients: Clients,
    name: String,
    bus: EventBridgeBus,
    arrived: SqsFixture<fn(Duration) -> tokio::time::Sleep>,
}

impl Subscribed {
    async fn create(clients: &Clients) -> Self {
        let name = new_name();
        let events = &clients.eventbridge;
        events.create_event_bus().name(&name).send().await.unwrap();
        let url = queue(clients).await;
        let attributes = clients
            .sqs
            .get_queue_attributes()
            .queue_url(&url)
            .attribute_names(QueueAttributeName::QueueArn)
            .send()
            .await
            .unwrap();
        let arn = &attributes.attributes.unwrap()[&QueueAttributeName::QueueArn];
        let rule = events.put_rule().name(&name).event_bus_name(&name);
        let pattern = json!({"source": ["things"]}).to_string();
        rule.event_pattern(pattern).send().await.unwrap();
        let target = Target::builder().id("queue").arn(arn).build().unwrap();
        let targets = events.put_targets().rule(&name).event_bus_name(&name);
        targets.targets(target).send().await.unwrap();
        Self {
            bus: EventBridgeBus::new(events.clone(), &name),
            arrived: SqsFixture::new(clients.sqs.clone(), &url, sleep),
            clients: clients.clone(),
            name,
        }
    }
}

impl bus::Fixture for Subscribed {
    type Bus = EventBridgeBus;

    fn bus(&self) -> &EventBridgeBus {
        &self.bus
    }

    async fn commit_spoiled(&self, mut row: OutboxRow) -> OutboxRow {
        row.detail.truncate(5);
        row
    }

    async fn delete_bus(&self) {
        let (events, name) = (&self.clients.eventbridge, &self.name);
        let targets = events.remove_targets().rule(name).event_bus_name(name);
        targets.ids("queue").send().await.unwrap();
        let rule = events.delete_rule().name(name).event_bus_name(name);
        rule.send().await.unwrap();
        let bus = events.delete_event_bus().name(name);
        bus.send().await.unwrap();
    }

    async fn received(&self) -> Vec<String> {
        let bodies = dead_letters::Fixture::bodies(&self.arrived).await;
        let detail = |body: String| -> Value {
            let event: Value = serde_json::from_str(&body).unwrap();
            event["detail"].clone()
        };
        bodies
            .into_iter()
            .map(|body| detail(body).to_string())
            .collect()
    }
}
