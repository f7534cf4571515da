//! Lambda's event source mapping for DynamoDB streams, as AWS documents it, as
//! a state machine without I/O.
//!
//! A [`Shard`] is told what was read from the stream and how invocations ended,
//! and says what to do next. Reading, invoking, sending and waiting are the
//! caller's, and so is the clock: a test can run through a day of retries in a
//! millisecond.
//!
//! [`Shard`] lists the rules it follows, with AWS's pages; [`undocumented`] lists
//! what these leave open, with the choice made for each. [`Settings`] are a mapping's settings by AWS's
//! names, [`Filter`] its filter criteria; [`Lineage`] says which shards of a stream
//! may be read. The command `stream-mapping` drives any function with this crate.
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
pub use lineage::{KnownShard, Lineage};
pub use metrics::Metrics;
pub use on_failure::{Condition, Invocation, Object, OnFailure};
pub use pattern::InvalidPattern;
pub use record::{InvalidRecord, Record};
pub use sequence_number::{InvalidSequenceNumber, SequenceNumber};
pub use settings::{InvalidSettings, Settings, StartingPosition};
pub use shard::{Action, Consequence, Lane, Outcome, Shard};
pub use stream_arn::{InvalidStreamArn, StreamArn};
