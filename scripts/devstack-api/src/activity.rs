//! Counts of what the local stack has done, by the part of the pipeline that did it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::past_hour::PastHour;

/// What the local stack has done since it started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Activity {
    /// When the stack started. All counts begin here.
    pub since: Timestamp,
    /// Grows with everything that is recorded: while it is the same, no batch and journey has
    /// changed, and no count but those of the past hour.
    pub revision: u64,
    /// The parts of the pipeline, in the order in which an event passes them.
    pub pipeline: Pipeline,
}

/// The parts of the pipeline. Each has its `trouble`: why it doesn't work now, in one sentence
/// without a full stop.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pipeline {
    /// The functions that change orders.
    pub commands: Commands,
    /// The outbox table.
    pub outbox: Outbox,
    /// The stream mapping.
    pub mapping: Mapping,
    /// Everything that puts events on the bus: the relay, the sweeper, and functions that publish
    /// their own events at once.
    pub relay: Relay,
    /// The bus.
    pub bus: Bus,
    /// The consumer.
    pub shipping: Shipping,
}

/// The functions that change orders.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Commands {
    /// Orders that were placed, each once.
    pub placed: u64,
    /// Orders that were cancelled, each once.
    pub cancelled: u64,
    /// Transactions that were not committed, by the error's code, or `no answer`. A function
    /// retries some of them.
    pub failed: BTreeMap<String, u64>,
    /// Why the part doesn't work now.
    pub trouble: Option<String>,
}

/// The outbox table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outbox {
    /// Events that functions have committed.
    pub committed: u64,
    /// Events that functions have deleted after the bus accepted them.
    pub deleted: u64,
    /// Events that functions have parked.
    pub parked: u64,
    /// Why the part doesn't work now.
    pub trouble: Option<String>,
}

/// The stream mapping.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mapping {
    /// What it does now.
    pub state: MappingState,
    /// Records of its batches, each counted once.
    pub records: u64,
    /// Batches that the function is processing now.
    pub batches_in_flight: u64,
    /// Batches that are retried, and wait for their next attempt.
    pub batches_to_retry: u64,
    /// Invocations of the function that have ended.
    pub invocations: u64,
    /// Those after which at least one record was not done.
    pub failed_invocations: u64,
    /// Records that were given up.
    pub given_up: u64,
    /// Why the part doesn't work now.
    pub trouble: Option<String>,
}

/// What the stream mapping does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MappingState {
    /// It isn't driven: the stack starts or ends.
    #[default]
    Stopped,
    /// It reads the stream, and nothing is retried.
    Reading,
    /// A batch is retried. Batches of its shard wait behind it.
    Retrying,
}

/// Everything that puts events on the bus.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Relay {
    /// `PutEvents` requests.
    pub requests: u64,
    /// Events that the bus has accepted. One that was put twice counts twice, and so on.
    pub accepted: u64,
    /// Those of them that a function has published at once.
    pub accepted_at_once: u64,
    /// Events that were rejected, by the code of the entry or of the request.
    pub rejected: BTreeMap<String, u64>,
    /// Events in requests without an answer: they may be on the bus.
    pub unanswered: u64,
    /// What was published in the past hour, by each way.
    pub past_hour: PastHour,
    /// Why the part doesn't work now.
    pub trouble: Option<String>,
}

/// The bus.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bus {
    /// Deliveries to a subscriber of all events, without the duplicates.
    pub delivered: u64,
    /// Deliveries of events that had been delivered before.
    pub duplicates: u64,
    /// Why the part doesn't work now.
    pub trouble: Option<String>,
}

/// The consumer of the events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shipping {
    /// Events by which a shipment was started.
    pub started: u64,
    /// Events by which a shipment was stopped.
    pub stopped: u64,
    /// Events that were ignored, for example because they had been handled before.
    pub ignored: u64,
    /// Transactions that were not committed, by the error's code, or `no answer`. The event is
    /// redelivered.
    pub failed: BTreeMap<String, u64>,
    /// Why the part doesn't work now.
    pub trouble: Option<String>,
}
