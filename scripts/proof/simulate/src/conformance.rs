//! Runs the conformance suites against the simulated services: what a simulation shows is
//! only worth something if its services behave as AWS's do. No faults are planned here.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use outbox::{OutboxRow, RowKey};
use outbox_conformance::{bus, dead_letters, queue, stream, table};
use outbox_testing::{FIRST_SHARD, Item, STREAM_ARN};
use tokio::time::sleep;

use crate::{
    caller::{Caller, Role},
    commits::NewRow,
    design::Design,
    simulation::Simulation,
    state::{Setting, State},
};

/// Returns a process of ours in a new history.
async fn begin() -> Caller {
    let simulation = Simulation::new(&Setting {
        seed: 1,
        design: Design::ThisOne,
        order: outbox::relay::Order::InSequence,
        several_of_aggregate: true,
        mutant: None,
        is_varied: false,
        publishes_at_once: false,
        has_small_pages: false,
        is_fault_free: true,
        has_bad_events: false,
        keeps_history: false,
    });
    let caller = Caller::new(&simulation, Role::Service);
    caller.begin();
    caller
}

impl Caller {
    fn write(&self, row: &OutboxRow, change: impl FnOnce(&mut Item)) {
        let mut item = serde_dynamo::to_item(row).unwrap();
        change(&mut item);
        self.simulation.with(|state| {
            state.services.put_item(item);
            state.record_commit(NewRow::intact(row));
        });
    }
}

impl table::Fixture for Caller {
    type Table = Self;

    fn table(&self) -> &Self {
        self
    }

    async fn put(&self, row: &OutboxRow) {
        self.write(row, |_| {});
    }

    async fn put_newer(&self, row: &OutboxRow) {
        self.write(row, |item| {
            item.insert("v".to_owned(), AttributeValue::N("2".to_owned()));
        });
    }

    async fn put_malformed(&self, row: &OutboxRow) {
        self.write(row, |item| {
            item.remove("source");
        });
    }
}

impl bus::Fixture for Caller {
    type Bus = Self;

    fn bus(&self) -> &Self {
        self
    }

    async fn commit(&self, row: &OutboxRow) {
        self.write(row, |_| {});
    }

    async fn commit_spoiled(&self, row: OutboxRow) -> OutboxRow {
        self.write(&row, |_| {});
        self.simulation
            .with(|state| state.poisoned.insert((row.key.clone(), 0)));
        row
    }

    async fn delete_bus(&self) {
        self.simulation.with(State::delete_bus);
    }

    async fn received(&self) -> Vec<String> {
        self.simulation.with(|state| {
            let events = state.events.values();
            let received = events.flat_map(|event| {
                event
                    .accepted
                    .iter()
                    .map(|_| event.current().detail.clone())
            });
            received.collect()
        })
    }
}

impl dead_letters::Fixture for Caller {
    type DeadLetters = Self;

    fn dead_letters(&self) -> &Self {
        self
    }

    async fn bodies(&self) -> Vec<String> {
        self.simulation.with(|state| {
            let queue = state.services.queue.messages().iter();
            queue.map(|queued| queued.message.body.clone()).collect()
        })
    }
}

impl queue::Fixture for Caller {
    type Queue = Self;

    fn queue(&self) -> &Self {
        self
    }

    async fn send(&self, body: &str) {
        let now = self.simulation.now();
        self.simulation
            .with(|state| state.send_letter(body.to_owned(), now));
    }

    async fn pass(&self, time: Duration) {
        sleep(time).await;
    }
}

impl stream::Fixture for Caller {
    type Reader = Self;

    fn reader(&self) -> &Self {
        self
    }

    fn stream_arn(&self) -> String {
        STREAM_ARN.to_owned()
    }

    async fn shard_id(&self) -> String {
        FIRST_SHARD.to_owned()
    }

    async fn first_number(&self) -> String {
        let now = self.simulation.now();
        self.simulation.with(|state| {
            let stream = &state.services.stream;
            let first = stream.trim_index(FIRST_SHARD, now);
            stream.shards()[FIRST_SHARD].records[first].number.clone()
        })
    }

    async fn put(&self, row: &OutboxRow) {
        self.write(row, |_| {});
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
        self.simulation.with(|state| state.services.stream.split());
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
