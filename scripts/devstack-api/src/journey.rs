//! What happened to one event, in order of time.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::batch::Outcome;

/// What the local stack knows about one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Journey {
    /// The event's id.
    pub event_id: String,
    /// Its row in the outbox, as `outboxctl` names it; `None` if only the bus has shown it.
    pub row: Option<String>,
    /// Its type.
    pub event_type: Option<String>,
    /// The order that it is about, if it is one of the orders service.
    pub order_id: Option<String>,
    /// The id of its trace, 32 hexadecimal digits.
    pub trace_id: Option<String>,
    /// What happened to it, the oldest first. If much happened, some steps between the first and
    /// the last are omitted.
    pub steps: Vec<Step>,
    /// How many steps are omitted.
    pub omitted_steps: u64,
}

impl Journey {
    /// Returns the function that published the event at once; `None` if the bus has accepted it
    /// from another publisher first, or not at all.
    pub fn published_at_once_by(&self) -> Option<&str> {
        let publisher = self.steps.iter().find_map(|step| match &step.what {
            What::Put {
                by,
                result: PutResult::Accepted,
                ..
            } => Some(by),
            _ => None,
        });
        match publisher? {
            Publisher::Function(name) => Some(name),
            _ => None,
        }
    }
}

/// Something that happened to an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// When.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened to an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "what",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum What {
    /// It was committed together with its order.
    Committed {
        /// The function.
        by: String,
        /// Whether an injected fault has damaged it.
        is_damaged: bool,
    },
    /// The stream mapping has passed it to the relay. The step is added when the invocation
    /// begins, and completed when it ends.
    Read {
        /// The number of the batch.
        batch: u64,
        /// Counts how often the relay received it, from 1.
        time: u64,
        /// What followed for this record; `None` while the relay is processing it.
        result: Option<ReadResult>,
    },
    /// It was an entry of a `PutEvents` request.
    Put {
        /// Counts the stack's requests, from 1.
        request: u64,
        /// Who sent the request.
        by: Publisher,
        /// The result for this entry.
        result: PutResult,
    },
    /// The bus has delivered it to a subscriber of all events.
    Delivered {
        /// Counts its deliveries, from 1.
        time: u64,
        /// Why it was delivered again, if that is known, as a sentence without a full stop.
        cause: Option<String>,
    },
    /// It was deleted from the outbox, because the bus has accepted it.
    Deleted {
        /// Who deleted it.
        by: Publisher,
    },
    /// It was parked.
    Parked {
        /// Who parked it.
        by: Publisher,
        /// The code of the reason.
        code: Option<String>,
    },
    /// Its record ran out of retries, or became too old: the mapping has given it up.
    GivenUp {
        /// The number of the batch.
        batch: u64,
        /// Why: `RetryAttemptsExhausted` or `RecordAgeExceeded`.
        condition: String,
    },
    /// Shipping has handled it.
    Handled {
        /// The shipment, which has the id of its order.
        shipment: String,
        /// The shipment's status after it: `started` or `stopped`.
        status: Option<String>,
    },
    /// Shipping has left it unhandled for good.
    Ignored {
        /// Why.
        why: Ignored,
    },
    /// Shipping could not handle it this time. It is redelivered.
    NotHandled {
        /// The code of the error, or `no answer`.
        code: String,
    },
}

/// What followed for a record after an invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ReadResult {
    /// The record is done: the event is published, now or before, or parked, or left to the
    /// sweeper.
    Done,
    /// The record is retried, after an invocation that ended so.
    Retried(Outcome),
    /// The record is given up, after an invocation that ended so.
    GivenUp(Outcome),
}

/// Who puts events on the bus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Publisher {
    /// The function of the stream mapping.
    Relay,
    /// The function that publishes what the stream left.
    Sweeper,
    /// Another function, by its name: one that publishes its own events at once.
    Function(String),
    /// A program that isn't a function of the stack.
    Unknown,
}

/// The result for an entry of a `PutEvents` request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PutResult {
    /// The bus has accepted it.
    Accepted,
    /// It was rejected, with this code of the entry or of the request.
    Rejected(String),
    /// The connection ended without an answer: it may be on the bus.
    NoAnswer,
}

/// Why shipping ignores an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Ignored {
    /// It was handled before: the inbox has its record.
    HandledBefore,
}
