//! A transactional outbox on DynamoDB for services on AWS Lambda.
//!
//! A service that saves its state and then publishes an event loses the event
//! when the second call fails. Here both are one DynamoDB transaction:
//! [`Outbox`] writes the aggregate and a row for each event; a relay, invoked
//! by the outbox table's stream, puts the events on an EventBridge bus and
//! deletes each row once the bus has its event. The table is the backlog: what
//! is in it is not published yet.
//!
//! Three programs show all of it, each complete: to append, to relay, and, at the
//! other end, to handle each event once.
//!
//! # Append
//!
//! An aggregate is whatever has a history of its own: an order, an account. Its
//! item is written under a condition that this library adds and nobody can leave
//! out, so that of two writers who read the same state only one succeeds, and
//! events get their `sequence` without gaps.
//!
//! ```no_run
#![doc = include_str!("../examples/append.rs")]
//! ```
//!
//! [`Transaction`] also takes the writes that belong to the change, and what is
//! known of its cause. What DynamoDB or EventBridge would reject is refused before
//! anything is sent, all of it at once: [`limits`] lists what is checked and what
//! only DynamoDB can know, [`Problem`] what is reported. A commit that is throttled or
//! not answered is retried; [`CommitError`] says of each failure which action it was
//! about, why, and whether committing once more can help.
//!
//! # Relay
//!
//! The function behind the table's stream is [five lines](handlers/index.html)
//! around `handlers::StreamHandler`; a second one, on a schedule, publishes what the
//! stream has left behind (`handlers::Sweeper`). Both are ready to deploy in the
//! repository this crate lies in, along with a CDK construct for table, stream,
//! functions and queue, and `outboxctl` for whoever is on call.
//!
//! An event leaves the table only once the bus has it. It arrives **at least
//! once**, and in order within its aggregate as long as nothing goes wrong: what
//! exactly is promised is said in the repository's README.
//!
//! # Consume
//!
//! [`inbox::Inbox::once`](inbox/struct.Inbox.html#method.once) writes what a
//! consumer makes of an event, and that it has handled it, in one transaction.
//! [`CloudEvent`] reads what arrives, from this library or from others.
//!
//! # Tables
//!
//! | table | keys, all text | else |
//! |---|---|---|
//! | of rows | partition key `aggregateId`, sort key `position` | a stream of new images; no replicas; TTL on `expiresAt`, which only discarded rows have |
//! | of aggregates | yours, named by [`KeySchema`] | the attributes `version`, `lastSequence`, `aggregateId` and `claimedFor` belong to this library; where the key is not the aggregate id, so does a claim for each aggregate ([`AggregateWrite`]) |
//! | of an inbox | yours | TTL on `expiresAt`; keys that begin with `inbox#` belong to this library |
//!
//! All three may be shared by several kinds of aggregates, and the last two may be
//! one. Whoever appends needs `dynamodb:PutItem` on the first two, and whatever
//! else the transaction does.
//!
//! # Features
//!
//! | feature | what it adds | what that pulls in |
//! |---|---|---|
//! | none | [`DomainEvent`], [`CloudEvent`], [`Traceparent`], for crates that hold a domain and no AWS | `serde`, `serde_json`, `serde_path_to_error`, `thiserror`, `jiff` |
//! | `append` (default) | [`Outbox`]: write an aggregate and its events | the SDK for DynamoDB, no other service's; `backon` for retries |
//! | `inbox` | `inbox`: handle each event once | nothing but what `append` does |
//! | `relay` | `relay`: publish, park, dead-letter; the functions behind the stream and the schedule | the SDKs for DynamoDB, EventBridge and SQS, `tokio` |
//! | `replay` | `replay`: settle dead letters and rows that are set aside | `relay`, and the SDK for DynamoDB Streams |
//!
//! # Rust and versions
//!
//! It needs the Rust that `rust-version` in its manifest names, at the moment the
//! AWS SDK's own or newer; a newer one is a minor version. Until 1.0 a minor
//! version may change the API. The format of a row does not change with it: a
//! relay reads every row an older version has written, and leaves alone one that
//! is newer than itself, so functions can be deployed in any order.

#[cfg(feature = "append")]
mod append;
#[cfg(feature = "relay")]
pub mod aws;
#[cfg(any(feature = "append", feature = "relay"))]
mod causes;
mod clock;
mod event;
#[cfg(feature = "relay")]
pub mod handlers;
#[cfg(feature = "inbox")]
pub mod inbox;
#[cfg(any(feature = "append", feature = "replay"))]
mod json_text;
pub mod limits;
#[cfg(feature = "relay")]
pub mod ports;
#[cfg(feature = "relay")]
pub mod relay;
#[cfg(feature = "replay")]
pub mod replay;
#[cfg(any(feature = "append", feature = "relay"))]
mod row;
#[cfg(feature = "simulation")]
#[doc(hidden)]
pub mod simulation;

#[cfg(feature = "append")]
pub use append::{
    AggregateWrite, CommitError, Committed, ConditionFailure, FailedCondition, InvalidSource,
    InvalidTransaction, KeySchema, Outbox, Participant, Problem, RejectedAction, Rejection,
    Revision, Transaction, UnreadableAggregate, Versioned,
};
pub use clock::{Clock, SystemClock};
pub use event::{CloudEvent, DomainEvent, EventData, InvalidData, Traceparent};
#[cfg(any(feature = "append", feature = "relay"))]
pub use row::{OutboxRow, Parked, RowKey};
