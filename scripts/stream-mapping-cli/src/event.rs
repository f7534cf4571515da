use std::{fmt, time::Duration};

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

/// Something that happened while a stream was driven.
#[derive(Debug, Clone, Serialize)]
#[serde(
    tag = "event",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
#[non_exhaustive]
pub enum Event {
    /// The mapping was created: the stream is there, and reading begins.
    Created {
        /// The mapping's UUID, new each time.
        uuid: Uuid,
        /// The stream.
        stream: String,
        /// The function's ARN.
        function: String,
        /// Where the stream is read.
        endpoint: String,
    },
    /// A shard is read from now on.
    ShardBegun {
        /// Which.
        shard: String,
    },
    /// A shard was read to its end, and all of its records are done.
    ShardDone {
        /// Which.
        shard: String,
    },
    /// The function was invoked.
    Invoked {
        /// Whose records.
        shard: String,
        /// How many.
        records: usize,
        /// Sequence number of the first.
        first: String,
        /// Sequence number of the last.
        last: String,
        /// What the function made of them.
        outcome: String,
        /// How long it took.
        #[serde(rename = "milliseconds", serialize_with = "milliseconds")]
        took: Duration,
        /// Records that are done.
        done: usize,
        /// Records to be tried again, by batches.
        again: Vec<usize>,
        /// Not before this.
        not_before: Option<Timestamp>,
        /// Records that are given up.
        given_up: usize,
    },
    /// Records were given up, and the destination was told.
    SentOnFailure {
        /// Whose records.
        shard: String,
        /// What the destination was told.
        message: serde_json::Value,
    },
    /// Records were given up, and the destination could not be told.
    LostOnFailure {
        /// Whose records.
        shard: String,
        /// What the destination should have been told.
        message: serde_json::Value,
        /// Why it was not.
        reason: String,
    },
    /// Something did not work and will be tried again.
    Trouble {
        /// What.
        what: String,
        /// Why.
        reason: String,
    },
}

/// Who is told of events.
pub type Observer = std::sync::Arc<dyn Fn(&Event) + Send + Sync>;

fn milliseconds<S: serde::Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u128(duration.as_millis())
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
                write!(f, "{}, the destination is told", given_up(message))
            }
            Self::LostOnFailure {
                message, reason, ..
            } => write!(f, "{} and LOST: {reason}", given_up(message)),
            Self::Trouble { what, reason } => write!(f, "{what}, trying again: {reason}"),
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

/// The digits that tell one sequence number of a shard from the next.
fn short(sequence_number: &str) -> &str {
    let digits = sequence_number.trim_start_matches('0');
    let hidden = digits.len().saturating_sub(8);
    &digits[hidden..]
}

/// Returns an error and its causes in one line.
pub fn reason(error: &(dyn std::error::Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    let mut texts: Vec<String> = chain.map(ToString::to_string).collect();
    // The SDK's errors repeat those that they wrap.
    texts.dedup();
    texts.join(": ")
}
