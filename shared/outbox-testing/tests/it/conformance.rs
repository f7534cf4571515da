//! The conformance suites against the services in memory: every check, without a difference.

use std::time::Duration;

use outbox::{OutboxRow, RowKey};
use outbox_conformance::{bus, dead_letters, queue, stream, table};
use outbox_testing::{FIRST_SHARD, InMemoryAws, Item, STREAM_ARN};
use tokio::time::sleep;

/// A newtype: neither the trait nor the services are of this crate.
struct Memory(InMemoryAws);

async fn begin() -> Memory {
    Memory(InMemoryAws::new())
}

impl Memory {
    fn put(&self, row: &OutboxRow, change: impl FnOnce(&mut Item)) {
        let mut item = serde_dynamo::to_item(row).unwrap();
        change(&mut item);
        self.0.with(|services| services.put_item(item));
    }
}

impl table::Fixture for Memory {
    type Table = InMemoryAws;

    fn table(&self) -> &InMemoryAws {
        &self.0
    }

    async fn put(&self, row: &OutboxRow) {
        self.put(row, |_| {});
    }

    async fn put_newer(&self, row: &OutboxRow) {
        self.put(row, |item| {
            let newer = serde_dynamo::to_attribute_value(2).unwrap();
            item.insert("v".to_owned(), newer);
        });
    }

    async fn put_malformed(&self, row: &OutboxRow) {
        self.put(row, |item| {
            item.remove("source");
        });
    }
}

impl bus::Fixture for Memory {
    type Bus = InMemoryAws;

    fn bus(&self) -> &InMemoryAws {
        &self.0
    }

    async fn commit_spoiled(&self, mut row: OutboxRow) -> OutboxRow {
        "{".clone_into(&mut row.detail);
        row
    }

    async fn delete_bus(&self) {
        self.0.delete_bus();
    }

    async fn received(&self) -> Vec<String> {
        self.0.with(|services| {
            let accepted = services.bus.accepted.iter();
            accepted
                .map(|accepted| accepted.row.detail.clone())
                .collect()
        })
    }
}

impl dead_letters::Fixture for Memory {
    type DeadLetters = InMemoryAws;

    fn dead_letters(&self) -> &InMemoryAws {
        &self.0
    }

    async fn bodies(&self) -> Vec<String> {
        self.0.with(|services| {
            let messages = services.queue.messages().iter();
            messages.map(|queued| queued.message.body.clone()).collect()
        })
    }
}

impl queue::Fixture for Memory {
    type Queue = InMemoryAws;

    fn queue(&self) -> &InMemoryAws {
        &self.0
    }

    async fn send(&self, body: &str) {
        self.0.with(|services| {
            let now = services.now();
            services.queue.send(body, now)
        });
    }

    async fn pass(&self, time: Duration) {
        sleep(time).await;
    }
}

impl stream::Fixture for Memory {
    type Reader = InMemoryAws;

    fn reader(&self) -> &InMemoryAws {
        &self.0
    }

    fn stream_arn(&self) -> String {
        STREAM_ARN.to_owned()
    }

    async fn shard_id(&self) -> String {
        FIRST_SHARD.to_owned()
    }

    async fn first_number(&self) -> String {
        self.0.with(|services| {
            let first = services.stream.trim_index(FIRST_SHARD, services.now());
            let shard = &services.stream.shards()[FIRST_SHARD];
            shard.records[first].number.clone()
        })
    }

    async fn put(&self, row: &OutboxRow) {
        self.put(row, |_| {});
    }

    async fn park(&self, key: &RowKey) {
        table::Fixture::park(self, key).await;
    }

    async fn delete(&self, key: &RowKey) {
        table::Fixture::delete(self, key).await;
    }

    async fn edit(&self, key: &RowKey) {
        table::Fixture::edit(self, key).await;
    }

    async fn discard(&self, key: &RowKey) {
        table::Fixture::discard(self, key).await;
    }

    async fn end(&self) {
        self.0.with(|services| services.stream.split());
    }

    async fn pass(&self, time: Duration) {
        sleep(time).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_table_conforms() {
    table::conforms(begin, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn the_bus_conforms() {
    bus::conforms(begin, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn letters_conform() {
    dead_letters::conforms(begin, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn the_queue_conforms() {
    queue::conforms(begin, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn the_stream_conforms() {
    stream::conforms(begin, &[]).await;
}
