//! Batches of the stream mapping, with everything that followed each.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A batch that the mapping formed, and what became of its records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Batch {
    /// Counts the stack's batches, from 1. Parts of a batch have its number.
    pub number: u64,
    /// The id of the shard.
    pub shard: String,
    /// When its first invocation began.
    pub at: Timestamp,
    /// The state of all of its parts: the first in this order that any of them has: in flight,
    /// to retry, given up, stopped, done.
    pub state: PartState,
    /// The whole batch, with the parts that followed it.
    pub whole: Part,
}

/// Records that the function receives together: a batch, or what is left of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// How it came about.
    pub origin: Origin,
    /// The pause before its first attempt, in milliseconds; `None` for a whole batch.
    pub pause_milliseconds: Option<u64>,
    /// What it is now.
    pub state: PartState,
    /// Its records, in the order of the shard.
    pub records: Vec<BatchRecord>,
    /// The invocations with exactly these records, the oldest first. If there were many, some
    /// between the first and the last are omitted.
    pub attempts: Vec<Attempt>,
    /// How many attempts are omitted.
    pub omitted_attempts: u64,
    /// The earliest time of the next attempt, while the part is to be retried.
    pub retry_at: Option<Timestamp>,
    /// Records of this part that were given up: all of them, or those at its front that had
    /// become too old.
    pub given_up: Vec<GivenUp>,
    /// What followed the last attempt: nothing, the rest, or two halves.
    pub children: Vec<Part>,
}

/// How a part of a batch came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Origin {
    /// It is a whole batch.
    Batch,
    /// A batch failed as a whole, and this is its first half.
    FirstHalf,
    /// A batch failed as a whole, and this is its second half.
    SecondHalf,
    /// The records before it are done: it is the rest, from the first record that failed.
    Rest,
}

/// What a part of a batch is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PartState {
    /// The function is processing it.
    InFlight,
    /// It waits for its first or next attempt.
    ToRetry,
    /// Records of it were given up.
    GivenUp,
    /// The mapping was stopped. The records are read again.
    Stopped,
    /// All records are done, or continue in its children.
    Done,
}

/// A record of the stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchRecord {
    /// Its position in the shard.
    pub sequence_number: String,
    /// The row that was written, as `outboxctl` names it: `aggregate/sequence`. `None` if the
    /// record isn't of a row of the outbox.
    pub row: Option<String>,
    /// The event's id.
    pub event_id: Option<String>,
    /// The event's type.
    pub event_type: Option<String>,
    /// The function that had published the event at once; `None` if it was not published so: the
    /// relay publishes it.
    pub published_at_once_by: Option<String>,
}

/// An invocation of the function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// Counts the attempts of the part, from 1.
    pub number: u64,
    /// When it began.
    pub at: Timestamp,
    /// The pause before it, in milliseconds; `None` for the first attempt of a part.
    pub pause_milliseconds: Option<u64>,
    /// How long it took; `None` while the function is processing it.
    pub milliseconds: Option<u64>,
    /// How it ended; `None` while the function is processing it, or if the mapping was stopped
    /// then.
    pub outcome: Option<Outcome>,
    /// How it ended, as one line: the response of the function, or the error.
    pub text: String,
    /// How many of the records are done after it.
    pub done: usize,
    /// The first record that failed, by its index in the part's records; only for a partial
    /// failure.
    pub first_failed: Option<usize>,
}

/// How an invocation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// All records are done.
    Success,
    /// The function has reported the record that failed first. Those before it are done.
    PartialFailure,
    /// The function has failed, or its response is no valid one: no record is done.
    FunctionError,
    /// The function could not be invoked. This uses up no retry.
    NotReached,
}

/// Records that were given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GivenUp {
    /// When.
    pub at: Timestamp,
    /// How many records, from the front of the part.
    pub records: usize,
    /// Why: `RetryAttemptsExhausted` or `RecordAgeExceeded`.
    pub condition: String,
    /// The message for the on-failure destination.
    pub message: Value,
    /// Why the message could not be sent; `None` if it was.
    pub lost: Option<String>,
}
