//! Bringing rows of the outbox to a bus.
//!
//! [`Relay::publish`] answers for each row what became of it; a row counts as
//! done only if its event is on a bus known to exist, was settled before, or
//! lies parked with a dead letter sent. Everything else comes again.
//!
//! [`StreamHandler`] is the function behind the outbox table's stream;
//! [`Sweeper`] publishes, by a schedule, what the stream has left behind. The
//! relay itself knows three services by the traits [`EventBus`],
//! [`OutboxTable`] and [`DeadLetters`]; [`EventBridgeBus`], [`DynamoDbTable`]
//! and [`SqsQueue`] are AWS's.
//!
//! The smallest function behind the stream:
//!
//! ```no_run
#![doc = include_str!("../../examples/relay.rs")]
//! ```
//!
//! [`Metrics`] writes what it has done to the log, for CloudWatch to count.

mod arrival;
mod aws_error;
mod backlog;
mod budget;
mod bus_check;
mod call_error;
mod dead_letters;
mod decode;
mod deletes;
mod dynamodb;
mod event_bus;
mod eventbridge;
mod fate;
mod look_up;
mod metrics;
mod outbox_table;
mod own_task;
mod park;
mod part;
mod publish;
mod put_events;
mod report;
mod retry;
mod schedule;
mod sequence_number;
mod sqs;
mod stream;
mod sweep;

pub use arrival::{Arrival, Unreadable};
pub use call_error::CallError;
pub use dead_letters::{DeadLetter, DeadLetters};
pub use dynamodb::DynamoDbTable;
pub use event_bus::{BusLimits, EntryError, EventBus, Poison, PutResult};
pub use eventbridge::EventBridgeBus;
pub use fate::{Failure, Fate, Outcome, Settled};
pub use metrics::{Metrics, NAMESPACE};
pub use outbox_table::{
    DELETE_KEYS, LOOK_UP_KEYS, OutboxTable, Page, RowState, Segment, StoredRow,
};
pub use publish::Relay;
pub use sqs::SqsQueue;
pub use stream::{Counts, Relayed, StreamEvent, StreamHandler};
pub use sweep::{CutShort, DEFAULT_GRACE, Sweeper, Swept};
#[cfg(feature = "replay")]
pub(crate) use {
    aws_error::call_error,
    backlog::Backlog,
    budget::Budget,
    dynamodb::{PARKED, SdkItem, attributes, stored_row, without_retries},
    look_up::look_up,
    retry::{Pauses, retry, within},
    sequence_number::compare as compare_sequence_numbers,
    sweep::sweep,
};
