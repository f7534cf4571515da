//! An outbox in memory, for tests: table, stream, bus and dead-letter queue that behave like
//! AWS, with faults on demand and a clock that a test controls.
//!
//! The code under test is your own and the crate `outbox`, unchanged; only the AWS services
//! are replaced. They pass the checks that the adapters to AWS pass.
//!
//! # Test business code
//!
//! Run a command against [`InMemoryAws`], then look at the item that it wrote and the events
//! that it appended. Conditions are evaluated: the library's own, and those of your own puts,
//! updates, deletes and condition checks. An expression that can't be evaluated panics; it is
//! never ignored.
//!
//! ```
//! use outbox::{AggregateWrite, CommitError, DomainEvent, KeySchema, Outbox, Versioned};
//! use outbox_testing::{Fault, InMemoryAws, Operation};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Debug, PartialEq, Serialize, Deserialize)]
//! struct Order {
//!     pk: String,
//!     total: u64,
//! }
//!
//! #[derive(Serialize, Deserialize)]
//! struct OrderCreated {
//!     total: u64,
//! }
//!
//! impl DomainEvent for OrderCreated {
//!     fn event_type(&self) -> &str {
//!         "OrderCreated"
//!     }
//! }
//!
//! // The code under test.
//! async fn create_order(outbox: &Outbox, id: &str, total: u64) -> Result<(), CommitError> {
//!     let order = Order { pk: id.into(), total };
//!     let key = KeySchema::partition_key("pk");
//!     let order = AggregateWrite::create(id, "orders", key, &order);
//!     outbox.transaction(order).event(&OrderCreated { total }).commit().await?;
//!     Ok(())
//! }
//!
//! # async fn test() -> Result<(), Box<dyn std::error::Error>> {
//! let aws = InMemoryAws::new();
//! aws.create_table("orders", KeySchema::partition_key("pk"));
//! let outbox = aws.outbox("orders-service")?;
//! create_order(&outbox, "order#42", 3900).await?;
//!
//! let item = aws.item("orders", &["order#42"]).expect("the order");
//! let order = Versioned::<Order>::from_item(item)?;
//! assert_eq!(order.state.total, 3900);
//! assert_eq!(order.revision.last_sequence, 1);
//!
//! let events = aws.appended();
//! assert_eq!(events[0].event_type, "OrderCreated");
//! assert_eq!(events[0].subject.as_deref(), Some("order#42"));
//! assert_eq!(events[0].data.parse::<OrderCreated>()?.total, 3900);
//!
//! // The same order again fails, and so does a commit whose permissions are missing.
//! let again = create_order(&outbox, "order#42", 100).await;
//! assert!(matches!(again, Err(CommitError::ConditionFailed(_))));
//! aws.fail_next(Operation::TransactWriteItems, Fault::denied());
//! let denied = create_order(&outbox, "order#43", 100).await;
//! assert!(matches!(denied, Err(CommitError::Refused { .. })));
//! assert_eq!(aws.appended().len(), 1);
//!
//! // A relay publishes what was appended, as the function behind the stream does.
//! aws.with_relay(aws.wait_until_published()).await;
//! assert_eq!(aws.published().len(), 1);
//! # Ok(())
//! # }
//! # tokio::runtime::Builder::new_current_thread()
//! #     .enable_time().start_paused(true).build().unwrap().block_on(test()).unwrap();
//! ```
//!
//! # Test a consumer
//!
//! Events arrive at least once, and through a queue in any order. Whatever the order, the
//! consumer must come to the same result:
//!
//! ```
//! use aws_sdk_dynamodb::types::{AttributeValue, Update};
//! use outbox::{
//!     AggregateWrite, CloudEvent, DomainEvent, KeySchema,
//!     inbox::{ConsumerWrites, Inbox, OnceError},
//! };
//! use outbox_testing::InMemoryAws;
//! use serde::Serialize;
//!
//! // The code under test: adds up what was paid.
//! async fn add_payment(inbox: &Inbox, event: &CloudEvent) -> Result<(), OnceError> {
//!     let add = Update::builder()
//!         .table_name("totals")
//!         .key("pk", AttributeValue::S("all".into()))
//!         .update_expression("ADD payments :one")
//!         .expression_attribute_values(":one", AttributeValue::N("1".into()))
//!         .build()
//!         .expect("table, key and expression are set");
//!     let _ = inbox.once(event, ConsumerWrites::new().update(add)).await?;
//!     Ok(())
//! }
//!
//! # #[derive(Serialize)]
//! # struct Account { pk: &'static str }
//! # #[derive(Serialize)]
//! # struct Paid { cents: u64 }
//! # impl DomainEvent for Paid {
//! #     fn event_type(&self) -> &str { "Paid" }
//! # }
//! # async fn test() -> Result<(), Box<dyn std::error::Error>> {
//! let key = KeySchema::partition_key("pk");
//! let aws = InMemoryAws::new();
//! aws.create_table("accounts", key.clone());
//! let account = AggregateWrite::create("account#1", "accounts", key.clone(), &Account { pk: "account#1" });
//! let payments = [Paid { cents: 100 }, Paid { cents: 250 }, Paid { cents: 50 }];
//! aws.outbox("accounts")?.transaction(account).events(&payments).commit().await?;
//! aws.with_relay(aws.wait_until_published()).await;
//!
//! for seed in 0..20 {
//!     let consumer = InMemoryAws::new();
//!     consumer.create_table("totals", key.clone());
//!     let inbox = consumer.inbox("handled", key.clone(), "totals")?;
//!     for event in aws.deliveries().twice_each().shuffled(seed) {
//!         add_payment(&inbox, &event).await?;
//!     }
//!     let total = consumer.item("totals", &["all"]).expect("a total");
//!     assert_eq!(total["payments"], AttributeValue::N("3".into()));
//! }
//! # Ok(())
//! # }
//! # tokio::runtime::Builder::new_current_thread()
//! #     .enable_time().start_paused(true).build().unwrap().block_on(test()).unwrap();
//! ```
//!
//! # Faults
//!
//! | to have | call |
//! |---|---|
//! | the next call of an operation fail | [`InMemoryAws::fail_next`] |
//! | all of them fail, until it is over | [`InMemoryAws::fail_always`], [`InMemoryAws::end_faults`] |
//! | each call decided about | [`InMemoryAws::set_fault_plan`] with a closure or a [`FaultPlan`] |
//! | calls take time | [`InMemoryAws::set_latency`] |
//! | the bus deleted | [`InMemoryAws::delete_bus`] |
//!
//! [`Fault`] lists what can go wrong: an error, a response that gets lost, entries that are
//! rejected or left unprocessed, a transaction that is carried out late.
//!
//! # Time
//!
//! [`TestClock`] follows tokio's time. With `#[tokio::test(start_paused = true)]` (feature
//! `test-util` of tokio) waiting takes no time, and `tokio::time::advance` moves the clock.
//!
//! # Step by step
//!
//! [`StreamDriver`] invokes the relay with one batch of stream records after the other, retries
//! from the record that a response names, and redelivers a batch. [`InMemoryAws::sweep`] runs
//! the sweeper, [`InMemoryAws::replay`] the replay of dead letters. [`InMemoryAws::with`] gives
//! access to everything that the services store, and [`InMemoryAws::assert_promises_kept`]
//! checks what an outbox promises.
//!
//! # Differences from AWS
//!
//! - Nothing expires: no item by its TTL.
//! - The outbox table is named `outbox`; other tables have to be created before
//!   transactions name them, and have keys, but no types of keys, indexes or streams.
//! - Limits of items and transactions are checked by `outbox` before it commits, not here.
//! - Expressions may use DynamoDB's reserved words (`name`, `status`) without a `#` placeholder.
//! - Records are in the stream at once, and those of one transaction in its order.

mod aws;
mod bus;
mod change;
mod clock;
mod deliveries;
mod events;
mod expression;
mod fault;
mod fault_plan;
mod item;
mod items;
mod journal;
mod library;
mod number;
mod operation;
mod ports;
mod queue;
mod script;
pub mod sdk_error;
mod services;
mod stream;
mod stream_driver;
mod table;
mod transaction;

pub use aws::InMemoryAws;
pub use bus::{Accepted, Bus};
pub use change::{Change, ChangeKind};
pub use clock::TestClock;
pub use deliveries::Deliveries;
pub use fault::{CallFailure, Fault};
pub use fault_plan::{Call, CallPlan, FaultPlan};
pub use item::{InvalidItem, Item};
pub use items::Items;
pub use journal::{Happened, MadeCall};
pub use library::{InMemoryRelay, unreachable_client};
pub use operation::Operation;
pub use queue::{DeletedMessages, Queue, QueuedMessage};
pub use services::{OUTBOX_TABLE, Services};
pub use stream::{FIRST_SHARD, Record, STREAM_ARN, Shard, Stream, TABLE_ARN};
pub use stream_driver::StreamDriver;
pub use table::{DiscardedRow, Row, Table};
pub use transaction::TransactionRejected;

/// Runs the README's example as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
