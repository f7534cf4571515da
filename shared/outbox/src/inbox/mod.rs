//! Handling each event once, however often and in whatever order it arrives.
//!
//! Events arrive at least once. [`Inbox::once`] writes what a consumer makes of
//! an event together with a record that it has handled it, in one DynamoDB
//! transaction. The same event again finds the record, and nothing is written.
//!
//! ```no_run
//! use aws_sdk_dynamodb::types::{AttributeValue, Put};
//! use outbox::{
//!     CloudEvent, KeySchema,
//!     inbox::{ConsumerWrites, Handled, Inbox},
//! };
//!
//! # async fn start(client: aws_sdk_dynamodb::Client, message: &str) -> Result<(), Box<dyn std::error::Error>> {
//! // The records lie in a table of the consumer's own.
//! let key = KeySchema::partition_key("pk");
//! let inbox = Inbox::new(client, "shipments", key.clone(), "shipping")?;
//!
//! let event: CloudEvent = serde_json::from_str(message)?;
//! let shipment = Put::builder()
//!     .table_name("shipments")
//!     .item("pk", AttributeValue::S("shipment#42".into()))
//!     .build()?;
//! match inbox.once(&event, ConsumerWrites::new().put(shipment, key)).await? {
//!     Handled::Now => println!("shipping"),
//!     Handled::Before => println!("nothing to do"),
//! }
//! # Ok(())
//! # }
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
