use std::future::Future;

use crate::{RowKey, ports::CallError};

/// Reads the stream of the outbox table.
pub trait StreamReader: Send + Sync {
    /// Answers an iterator that begins at a place.
    fn open(&self, place: &Place<'_>) -> impl Future<Output = Result<String, StreamError>> + Send;

    /// Reads on: perhaps nothing, and still not the end.
    fn read(&self, iterator: &str) -> impl Future<Output = Result<StreamPage, StreamError>> + Send;
}

/// A place in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'p> {
    /// The stream.
    pub stream_arn: &'p str,
    /// The shard.
    pub shard_id: &'p str,
    /// Where in the shard.
    pub from: From<'p>,
}

/// Where in a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From<'p> {
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
    /// Its place in the shard.
    pub sequence_number: String,
    /// The row it tells of, if that was inserted: marks and deletes are nothing
    /// to replay.
    pub inserted: Option<RowKey>,
}

/// Why a stream cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// What was to be read is no longer there: the stream keeps 24 hours.
    #[error("{0}")]
    Gone(String),
    /// The iterator is too old; they live for 15 minutes.
    #[error("the iterator has expired")]
    Expired,
    /// The call failed.
    #[error(transparent)]
    Call(CallError),
}
