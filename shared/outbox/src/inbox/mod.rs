//! Handles each event once, however often and in whatever order it arrives.
//!
//! Events arrive at least once. [`Inbox::once`] commits the consumer's writes together with
//! a "handled" record, in one DynamoDB transaction. A redelivered event finds the record,
//! and nothing is written.
//!
//! ```no_run
#![doc = include_str!("../../examples/consume_once.rs")]
//! ```
//!
//! Any principal that may put events on the bus can forge one. [`Subscription::read`] returns the
//! event in a message, and rejects one that the consumer doesn't expect.
//!
//! A consumer that publishes events itself passes the [`Transaction`](crate::Transaction) of
//! its outbox, with the handled event as the cause:
//! [`caused_by`](crate::Transaction::caused_by).
//!
//! # Order
//!
//! An inbox handles events in whatever order they arrive, unless it is told to handle those of an
//! aggregate in sequence: [`Inbox::in_order`]. An event that arrives before an earlier one is then
//! rejected with [`OnceError::Gap`], and its message is retried until the earlier one was
//! handled. The consumer must receive all events of its aggregates, and its queue must retry a
//! message for longer than the earlier one may take.
//!
//! # The table
//!
//! Records are in the same table as the consumer's own items. Each has the key
//! `inbox#<consumer>#<source>#<id>` in all of the table's key attributes, which must be
//! text. DynamoDB deletes expired records if the table's TTL attribute is `expiresAt`. An inbox
//! that requires order also has one item for each aggregate, with the key
//! `inbox-progress#<consumer>#<source>#<subject>`, which doesn't expire.
//! The role of the consumer needs `dynamodb:PutItem` on the table.

mod continuity;
mod error;
mod once;
mod order;
mod progress;
#[cfg(feature = "claim-check")]
mod read_large;
mod record;
mod subscription;
mod writes;

pub use continuity::Continuity;
pub use error::{InvalidInbox, OnceError};
pub use once::{Handled, Inbox};
#[cfg(feature = "claim-check")]
pub use read_large::LargeMessageError;
pub use subscription::{Received, RejectedMessage, Subscription, UnexpectedEvent};
pub use writes::ConsumerWrites;
