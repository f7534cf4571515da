//! Handling each event once, however often and in whatever order it arrives.
//!
//! Events arrive at least once. [`Inbox::once`] writes what a consumer makes of
//! an event together with a record that it has handled it, in one DynamoDB
//! transaction. The same event again finds the record, and nothing is written.
//!
//! ```no_run
#![doc = include_str!("../../examples/consume_once.rs")]
//! ```
//!
//! A consumer that tells of events itself hands over the
//! [`Transaction`](crate::Transaction) of its outbox, which knows by
//! [`caused_by`](crate::Transaction::caused_by) why.
//!
//! # The table
//!
//! A record lies beside the consumer's own items, under the key
//! `inbox#<consumer>#<source>#<id>` in each of the table's key attributes, which
//! are text. DynamoDB deletes it by TTL once the table's TTL attribute is
//! `expiresAt`. The role of the consumer needs `dynamodb:PutItem` on the table.

mod continuity;
mod once;
mod record;
mod writes;

pub use continuity::Continuity;
pub use once::{Handled, Inbox, InvalidInbox, OnceError};
pub use writes::ConsumerWrites;
