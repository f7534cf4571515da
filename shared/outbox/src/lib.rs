//! A transactional outbox on DynamoDB for services on AWS Lambda.
//!
//! A service that saves its state and then publishes an event loses the event
//! when the second call fails. Here both are one DynamoDB transaction:
//! [`Outbox`] writes the aggregate and a row for each event; a relay, invoked
//! by the outbox table's stream, puts the events on an EventBridge bus and
//! deletes each row once the bus has its event. The table is the backlog: what
//! is in it is not published yet.
//!
//! Three complete programs show all of it: one appends events, one relays them, and
//! one, at the other end, handles each event once.
//!
//! # Append
//!
//! An aggregate is anything with a history of its own: an order, an account. Its item
//! is written under a condition that this library always adds, so that of two writers
//! who read the same state only one succeeds, and events get their `sequence` without
//! gaps.
//!
//! ```no_run
#![doc = include_str!("../examples/append.rs")]
//! ```
//!
//! [`Transaction`] also takes the other writes of the change, and its cause. Whatever
//! DynamoDB or EventBridge would reject is reported before anything is sent, all of it
//! at once: [`limits`] lists what is checked and what only DynamoDB can know,
//! [`Problem`] what is reported. A commit that is throttled or gets no response is
//! retried; [`CommitError`] says for each failure which action it was about, why, and
//! whether a retry can help.
//!
//! # Relay
//!
//! The function behind the table's stream is [five lines](handlers/index.html)
//! around `handlers::StreamHandler`; a second one, on a schedule, publishes what the
//! stream has left behind (`handlers::Sweeper`). Both are ready to deploy in the
//! repository of this crate, along with a CDK construct for table, stream, functions
//! and queue, and the command `outboxctl` for the operator.
//!
//! An event leaves the table only once the bus has accepted it. It arrives **at least
//! once**, and in sequence within its aggregate; the README of
//! the repository says what exactly is promised.
//!
//! # Consume
//!
//! [`inbox::Inbox::once`](inbox/struct.Inbox.html#method.once) commits the consumer's
//! writes together with a "handled" record, so that a redelivered event has no effect.
//! [`CloudEvent`] reads the events, of this library or of other producers.
//!
//! An event carries more than its data if its producer sets
//! [extensions](Transaction::extension), such as a tenant: rules match them, and consumers read them
//! by [`CloudEvent::extension`]. Data that is too large for an event goes into S3 with the feature
//! `claim-check`.
//!
//! # Tables
//!
//! | table | keys, all text | else |
//! |---|---|---|
//! | of rows | partition key `aggregateId`, sort key `position` | a stream of new images; no replicas; TTL on `expiresAt`, which only the records of discarded and edited rows have |
//! | of aggregates | yours, named by [`KeySchema`] | the attributes `version`, `lastSequence`, `aggregateId` and `claimedFor` belong to this library; where the key is not the aggregate id, so does a claim for each aggregate ([`AggregateWrite`]) |
//! | of an inbox | yours | TTL on `expiresAt`; keys that begin with `inbox#` belong to this library |
//!
//! All three may be shared by several kinds of aggregates, and the last two may be
//! one. The role of a service that appends needs `dynamodb:PutItem` on the first two,
//! and the permissions for the transaction's other writes.
//!
//! # Features
//!
//! | feature | what it adds | what that pulls in |
//! |---|---|---|
//! | none | [`DomainEvent`], [`Aggregate`], [`CloudEvent`], [`Traceparent`], for crates that hold a domain and no AWS | `serde`, `serde_json`, `serde_path_to_error`, `thiserror`, `jiff` |
//! | `append` (default) | [`Outbox`]: write an aggregate and its events | the SDK for DynamoDB, no other service's; `backon` for retries |
//! | `inbox` | `inbox`: handle each event once | nothing beyond `append` |
//! | `relay` | `relay`: publish, park, dead-letter; the functions behind the stream and the schedule | the SDKs for DynamoDB, EventBridge and SQS, `tokio` |
//! | `replay` | `replay`: replay dead letters and settle parked rows | `relay`, and the SDK for DynamoDB Streams |
//! | `at-once` | `at_once`: publish right after the commit, with the stream as the safety net | `append` and `relay` |
//! | `claim-check` | `claim_check`: data that is too large for an event, in S3 | `append`, and the SDK for S3 |
//! | `opentelemetry` | `telemetry`: spans of commands, relay and consumers, exported by OTLP if the environment says so | the SDK of OpenTelemetry, `lambda_runtime`, and the AWS SDK's HTTP client; no service of AWS |
//! | `testing` | `testing`: another database and chosen event ids, for tests; `outbox-testing` turns it on | nothing beyond `inbox` |
//!
//! # Rust and versions
//!
//! The minimum Rust version is `rust-version` in the manifest, which follows the AWS
//! SDK's; raising it is a minor version. Until 1.0 a minor version may change the API.
//! The format of a row is compatible across versions: a relay reads every row that an
//! older version has written, and leaves newer ones in the table, so functions can be
//! deployed in any order.

#[cfg(feature = "append")]
mod append;
#[cfg(feature = "at-once")]
pub mod at_once;
#[cfg(feature = "relay")]
pub mod aws;
#[cfg(any(feature = "append", feature = "relay"))]
mod causes;
#[cfg(feature = "claim-check")]
pub mod claim_check;
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
mod serde_failure;
pub mod settings;
#[cfg(feature = "opentelemetry")]
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;

#[cfg(feature = "at-once")]
pub use append::HandOver;
#[cfg(feature = "append")]
pub use append::{
    AggregateTable, AggregateWrite, CommitError, Committed, ConditionFailure, ControlCharacter,
    ExtensionFault, FailedCondition, FindError, InvalidSource, InvalidTransaction, KeySchema,
    Outbox, Participant, Problem, RejectedAction, Rejection, Revision, Transaction,
    UnreadableAggregate, Versioned,
};
pub use clock::{Clock, SystemClock};
pub use event::{
    Aggregate, CloudEvent, DomainEvent, EventData, ExtensionValue, InvalidData, Traceparent,
    json_problem,
};
#[cfg(feature = "relay")]
pub use row::{Candidate, Unreadable};
#[cfg(any(feature = "append", feature = "relay"))]
pub use row::{OutboxRow, Parked, RowKey};
