//! A transactional outbox on DynamoDB for services on AWS Lambda.
//!
//! A service that saves its state and then publishes an event loses the event
//! when the second call fails. Here both are one DynamoDB transaction:
//! [`Outbox`] writes the aggregate and a row for each event; a relay, invoked
//! by the outbox table's stream, puts the events on an EventBridge bus and
//! deletes each row once the bus has its event. The table is the backlog: what
//! is in it is not published yet.
//!
//! | feature | what it adds |
//! |---|---|
//! | none | [`DomainEvent`] alone, for crates that hold a domain and no AWS |
//! | `append` (default) | [`Outbox`]: write an aggregate and its events |
//! | `relay` | `relay`: publish, park, dead-letter; the functions behind the stream and the schedule |
//! | `replay` | `replay`: settle dead letters and rows that are set aside |
//!
//! Events arrive at least once. Consumers recognise a repeated event by its
//! CloudEvents `source` and `id`.

#[cfg(feature = "append")]
mod append;
mod clock;
mod envelope;
mod event;
#[cfg(feature = "inbox")]
pub mod inbox;
pub mod limits;
#[cfg(feature = "relay")]
pub mod relay;
#[cfg(feature = "replay")]
pub mod replay;
#[cfg(any(feature = "append", feature = "relay"))]
mod row;
mod trace;

#[cfg(feature = "append")]
pub use append::{
    AggregateWrite, CommitError, Committed, FailedCondition, InvalidSource, InvalidTransaction,
    KeySchema, Outbox, Participant, Problem, Revision, Transaction,
};
pub use clock::{Clock, SystemClock};
pub use envelope::CloudEvent;
pub use event::DomainEvent;
#[cfg(any(feature = "append", feature = "relay"))]
pub use row::{OutboxRow, Parked, RowKey};
pub use trace::Traceparent;
