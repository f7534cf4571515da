//! Lambda's event source mapping for DynamoDB streams, as AWS documents it, as
//! a state machine without I/O.
//!
//! The caller passes a [`Shard`] the records of the stream and the results of
//! invocations, and gets the next action. The caller also reads, invokes, sends and
//! waits, and passes in the time: a test can run through a day of retries in a
//! millisecond.
//!
//! [`Shard`] lists its rules with AWS's pages; [`undocumented`] lists what the pages
//! leave open, with the choice made for each. [`Settings`] has AWS's names,
//! [`Filter`] is the filter criteria, and [`Lineage`] says which shards of a stream
//! may be read. The command `stream-mapping`, package `stream-mapping-cli`, drives
//! any function with this crate.
//!
//! ```
//! use stream_mapping::{
//!     Action, Invocation, Outcome, Record, Settings, Shard, StartingPosition,
//! };
//!
//! let settings = Settings {
//!     batch_size: 10,
//!     report_batch_item_failures: true,
//!     ..Settings::new(StartingPosition::TrimHorizon)
//! };
//! let now = "2026-11-24T09:00:00Z".parse()?;
//! let mut shard = Shard::new("shardId-1", "arn:stream", "arn:function", settings)?;
//! let record = serde_json::json!({
//!     "eventName": "INSERT",
//!     "dynamodb": {"SequenceNumber": "100", "ApproximateCreationDateTime": 1.7955108e9},
//! });
//! shard.push(vec![Record::from_json(record)?], now);
//!
//! let Action::Invoke(lane, batch) = shard.next(now) else { panic!("nothing to do") };
//! assert_eq!(batch.len(), 1);
//!
//! let outcome = Outcome::Answered { payload: "{\"batchItemFailures\": []}".into() };
//! shard.completed(lane, &outcome, &Invocation::default(), now);
//! assert_eq!(shard.checkpoint().unwrap().as_str(), "100");
//! assert!(matches!(shard.next(now), Action::Idle));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod batch;
mod filter;
mod function_arn;
mod invalid_pattern;
mod invocation;
mod lane;
mod leaves;
mod lineage;
mod metrics;
mod on_failure;
mod pattern;
mod progress;
mod record;
mod response;
mod rule;
mod sequence_number;
mod settings;
mod shard;
mod stream_arn;
pub mod undocumented;

pub use filter::{Filter, InvalidFilter};
pub use function_arn::function_arn;
pub use invalid_pattern::InvalidPattern;
pub use invocation::Invocation;
pub use lineage::{KnownShard, Lineage};
pub use metrics::Metrics;
pub use on_failure::{Condition, Object, OnFailure};
pub use record::{InvalidRecord, Record};
pub use sequence_number::{InvalidSequenceNumber, SequenceNumber};
pub use settings::{InvalidSettings, Settings, StartingPosition};
pub use shard::{Action, Consequence, Lane, Outcome, Shard};
pub use stream_arn::{InvalidStreamArn, StreamArn};

/// Runs the README's example as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
