//! Lambda's event source mapping for DynamoDB streams, as AWS documents it, as
//! a state machine without I/O.
//!
//! A [`Shard`] is told what was read from the stream and how invocations ended,
//! and says what to do next. Reading, invoking, sending and waiting are the
//! caller's, and so is the clock: a test can run through a day of retries in a
//! millisecond.
//!
//! Covered: batches, filters on `eventName`, partial batch responses, bisecting,
//! retries, record age, and the message for the on-failure destination.
//! Settings that are not covered yet are refused rather than ignored.
//!
//! ```
//! use stream_mapping::{Action, Invocation, Outcome, Record, Settings, Shard};
//!
//! let mut shard = Shard::new("shardId-1", "arn:stream", Settings::default())?;
//! shard.push(vec![Record::from_json(serde_json::json!({
//!     "eventName": "INSERT",
//!     "dynamodb": {"SequenceNumber": "100", "ApproximateCreationDateTime": 1_795_510_800},
//! }))?]);
//!
//! let now = "2026-11-24T09:00:00Z".parse()?;
//! let Action::Invoke(batch) = shard.next(now) else { panic!("nothing to do") };
//! assert_eq!(batch.len(), 1);
//!
//! let outcome = Outcome::Answered { payload: "{\"batchItemFailures\": []}".into() };
//! shard.completed(&outcome, &Invocation::default(), now);
//! assert_eq!(shard.checkpoint().unwrap().as_str(), "100");
//! assert!(matches!(shard.next(now), Action::Idle));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod batch;
mod filter;
mod on_failure;
mod record;
mod response;
mod sequence_number;
mod settings;
mod shard;

pub use filter::{Filter, UnsupportedFilter};
pub use on_failure::{Condition, Invocation, OnFailure};
pub use record::{InvalidRecord, Record};
pub use sequence_number::{InvalidSequenceNumber, SequenceNumber};
pub use settings::{InvalidSettings, Settings};
pub use shard::{Action, Outcome, Shard};
