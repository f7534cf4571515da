//! The stream of the outbox table, as a replay sees it.

use std::future::Future;

use crate::{RowKey, ports::CallError};

/// Reads the stream of the outbox table. [`Replay`](crate::replay::Replay) calls it; see there
/// for an example.
pub trait StreamReader: Send + Sync {
    /// Returns an iterator that begins at a place.
    fn open(&self, place: &Place<'_>) -> impl Future<Output = Result<String, StreamError>> + Send;

    /// Reads the next page. It may be empty although more records follow.
    fn read(&self, iterator: &str) -> impl Future<Output = Result<StreamPage, StreamError>> + Send;
}

/// A place in a stream.
///
/// ```
/// use outbox::ports::{Place, ShardPosition};
///
/// let place = Place {
///     stream_arn: "arn:aws:dynamodb:eu-central-1:123456789012:table/outbox/stream/2026-11-24",
///     shard_id: "shardId-00000001573689847184-864758bb",
///     from: ShardPosition::At("800000000003126276362"),
/// };
/// # assert_eq!(place.from, ShardPosition::At("800000000003126276362"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'p> {
    /// The ARN of the stream.
    pub stream_arn: &'p str,
    /// The shard.
    pub shard_id: &'p str,
    /// The position in the shard.
    pub from: ShardPosition<'p>,
}

/// A position in a shard; see [`Place`] for an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShardPosition<'p> {
    /// At the record with this sequence number.
    At(&'p str),
    /// After the record with this sequence number.
    After(&'p str),
}

/// Some records of a shard.
#[derive(Debug, Clone, Default)]
pub struct StreamPage {
    /// The records.
    pub records: Vec<StreamRecord>,
    /// Where to read on; `None` if the shard has ended.
    pub next: Option<String>,
}

/// A record of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamRecord {
    /// Its position in the shard.
    pub sequence_number: String,
    /// The row, if the record is of an insert. Other changes are not replayed.
    pub inserted: Option<RowKey>,
}

/// Why a stream can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// The records are no longer there: a stream keeps them for 24 hours.
    #[error("{0}")]
    Gone(String),
    /// The iterator has expired; iterators are valid for 15 minutes.
    #[error("the iterator has expired")]
    Expired,
    /// The call failed.
    #[error(transparent)]
    Call(CallError),
}
