//! Events of a mapping, for logs and progress displays.

use std::{fmt, sync::Arc, time::Duration};

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::invocation_outcome::InvocationOutcome;

/// An event of a mapping.
#[derive(Debug, Clone, Serialize)]
#[serde(
    tag = "event",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
#[non_exhaustive]
pub enum Event {
    /// The mapping was created: the stream exists, and reading begins.
    Created {
        /// The mapping's UUID, a new one for each run.
        uuid: Uuid,
        /// The stream.
        stream: String,
        /// The function's ARN.
        function: String,
        /// The endpoint of DynamoDB Streams.
        endpoint: String,
    },
    /// Reading a shard begins.
    ShardBegun {
        /// The shard's id.
        shard: String,
    },
    /// A shard was read to its end, and all of its records are done.
    ShardDone {
        /// The shard's id.
        shard: String,
    },
    /// The function is being invoked. [`Invoked`](Self::Invoked) follows, with the same shard and
    /// the same last record; no other invocation has that record meanwhile.
    Invoking {
        /// The shard's id.
        shard: String,
        /// The records, as the function receives them; their number in JSON.
        #[serde(serialize_with = "number")]
        records: Arc<[serde_json::Value]>,
    },
    /// The function was invoked.
    Invoked {
        /// The shard's id.
        shard: String,
        /// The number of records.
        records: usize,
        /// Sequence number of the first.
        first: String,
        /// Sequence number of the last.
        last: String,
        /// The outcome; as text in JSON.
        outcome: InvocationOutcome,
        /// The duration.
        #[serde(rename = "milliseconds", serialize_with = "milliseconds")]
        took: Duration,
        /// The number of records that are done.
        done: usize,
        /// The sizes of the batches to retry.
        again: Vec<usize>,
        /// The earliest time of the retry.
        not_before: Option<Timestamp>,
        /// The number of records that are given up.
        given_up: usize,
    },
    /// Records were given up, and the message was sent to the destination.
    SentOnFailure {
        /// The shard's id.
        shard: String,
        /// The message.
        message: serde_json::Value,
    },
    /// Records were given up, and the message could not be sent.
    LostOnFailure {
        /// The shard's id.
        shard: String,
        /// The message.
        message: serde_json::Value,
        /// Why it could not be sent.
        reason: String,
    },
    /// A step failed and is retried.
    Trouble {
        /// The step that failed.
        what: String,
        /// Why.
        reason: String,
    },
}

/// Receives the events.
pub type Observer = Arc<dyn Fn(&Event) + Send + Sync>;

fn milliseconds<S: serde::Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u128(duration.as_millis())
}

fn number<S: serde::Serializer>(
    records: &Arc<[serde_json::Value]>,
    to: S,
) -> Result<S::Ok, S::Error> {
    records.len().serialize(to)
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Created {
                stream,
                function,
                endpoint,
                ..
            } => write!(f, "{stream} at {endpoint} -> {function}"),
            Self::ShardBegun { shard } => write!(f, "reading {shard}"),
            Self::ShardDone { shard } => write!(f, "{shard} is done"),
            Self::Invoking { records, .. } => write!(f, "{}", plural(records.len(), "record")),
            Self::Invoked {
                records,
                first,
                last,
                outcome,
                took,
                done,
                again,
                given_up,
                ..
            } => {
                write!(f, "{} ", plural(*records, "record"))?;
                if first == last {
                    write!(f, "[{}]", short(first))?;
                } else {
                    write!(f, "[{} .. {}]", short(first), short(last))?;
                }
                write!(f, " -> {outcome} in {} ms", took.as_millis())?;
                if !again.is_empty() || *given_up > 0 {
                    write!(f, ": {done} done")?;
                }
                if !again.is_empty() {
                    let sizes: Vec<String> = again.iter().map(ToString::to_string).collect();
                    write!(f, ", {} again", sizes.join(" and "))?;
                }
                if *given_up > 0 {
                    write!(f, ", {given_up} given up")?;
                }
                Ok(())
            }
            Self::SentOnFailure { message, .. } => {
                write!(f, "{}, sent to the destination", given_up(message))
            }
            Self::LostOnFailure {
                message, reason, ..
            } => write!(f, "{} and LOST: {reason}", given_up(message)),
            Self::Trouble { what, reason } => write!(f, "{what}, retrying: {reason}"),
        }
    }
}

fn given_up(message: &serde_json::Value) -> String {
    let batch = &message["DDBStreamBatchInfo"];
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let count = batch["batchSize"].as_u64().unwrap_or_default();
    format!(
        "{} from {} given up ({})",
        plural(usize::try_from(count).unwrap_or_default(), "record"),
        short(&text(&batch["startSequenceNumber"])),
        text(&message["requestContext"]["condition"]),
    )
}

fn plural(count: usize, thing: &str) -> String {
    if count == 1 {
        format!("{count} {thing}")
    } else {
        format!("{count} {thing}s")
    }
}

/// Returns the last digits, which differ between the sequence numbers of a shard.
fn short(sequence_number: &str) -> &str {
    let digits = sequence_number.trim_start_matches('0');
    let hidden = digits.len().saturating_sub(8);
    &digits[hidden..]
}

/// Returns an error and its causes in one line.
pub fn reason(error: &(dyn std::error::Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    let mut texts: Vec<String> = chain.map(ToString::to_string).collect();
    // The SDK's errors repeat the text of the errors that they wrap.
    texts.dedup();
    texts.join(": ")
}
